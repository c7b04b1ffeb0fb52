/* flags.c - the set as flags of the release, and as arguments of a command.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A flag is named only when the release has it and its value is not what the release
 * would take anyway: for the values that depend on each other this is tried, by sizing
 * the set once more without that one.
 */
#include "advise_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

enum form { FORM_INT, FORM_I64, FORM_NUM, FORM_GIB, FORM_TRI, FORM_BOOL, FORM_TEXT };

struct row {
  const char *key;
  enum form form;
  size_t at;      /* in struct kvc_deploy */
  size_t setting; /* in struct kvc_setting when the default is computed; 0 = flags.yaml */
};

#define D(m) offsetof(struct kvc_deploy, m)
#define S(m) offsetof(struct kvc_setting, m)
/* clang-format off */
static const struct row rows[] = {
    {"tensor_parallel_size", FORM_INT, D(tp), 0},
    {"pipeline_parallel_size", FORM_INT, D(pp), 0},
    {"data_parallel_size", FORM_INT, D(dp), 0},
    {"decode_context_parallel_size", FORM_INT, D(dcp), 0},
    {"prefill_context_parallel_size", FORM_INT, D(pcp), 0},
    {"enable_expert_parallel", FORM_BOOL, D(expert_parallel), 0},
    {"max_model_len", FORM_I64, D(max_model_len_tok), S(max_model_len_tok)},
    {"max_num_seqs", FORM_I64, D(max_num_seqs), S(max_num_seqs)},
    {"max_num_batched_tokens", FORM_I64, D(max_num_batched_tok), S(max_num_batched_tok)},
    {"enable_chunked_prefill", FORM_TRI, D(chunked_prefill), S(chunked_prefill)},
    {"enable_prefix_caching", FORM_TRI, D(prefix_caching), S(prefix_caching)},
    {"gpu_memory_utilization", FORM_NUM, D(gpu_memory_utilization), S(gpu_memory_utilization)},
    {"kv_cache_memory_bytes", FORM_I64, D(kv_cache_memory_bytes), 0},
    {"kv_cache_dtype", FORM_TEXT, D(kv_cache_dtype), 0},
    {"dtype", FORM_TEXT, D(dtype), 0},
    {"quantization", FORM_TEXT, D(quantization), 0},
    {"block_size", FORM_I64, D(block_size_tok), S(block_size_tok)},
    {"num_gpu_blocks_override", FORM_I64, D(num_gpu_blocks_override), 0},
    {"enforce_eager", FORM_TRI, D(enforce_eager), 0},
    {"disable_hybrid_kv_cache_manager", FORM_TRI, D(disable_hybrid_manager), 0},
    {"max_cudagraph_capture_size", FORM_I64, D(max_cudagraph_size), 0},
    {"attention_backend", FORM_TEXT, D(attention_backend), 0},
    {"mamba_cache_mode", FORM_TEXT, D(mamba_cache_mode), 0},
    {"mamba_ssm_cache_dtype", FORM_TEXT, D(mamba_ssm_cache_dtype), 0},
    {"cpu_offload_gb", FORM_GIB, D(cpu_offload_gib), 0},
    {"swap_space", FORM_NUM, D(swap_space_gib), 0},
    {"enable_lora", FORM_BOOL, D(enable_lora), 0},
    {"max_loras", FORM_INT, D(max_loras), 0},
    {"max_lora_rank", FORM_INT, D(max_lora_rank), 0},
    {"lora_dtype", FORM_TEXT, D(lora_dtype), 0},
    {"skip_mm_profiling", FORM_BOOL, D(skip_mm_profiling), 0},
};
/* clang-format on */

/* Bytes of a field and what they are when it is unset. */
static size_t unset_of(enum form form, unsigned char out[sizeof(double)])
{
  const double nan = (double)NAN;
  memset(out, form == FORM_TRI ? 0xFF : 0, sizeof(double));
  if (form == FORM_NUM) memcpy(out, &nan, sizeof nan);
  if (form == FORM_BOOL) return sizeof(bool);
  if (form == FORM_TEXT) return sizeof(const char *);
  return form == FORM_INT || form == FORM_TRI ? sizeof(int) : sizeof(double);
}

static void reset(const struct row *row, struct kvc_deploy *d)
{
  unsigned char none[sizeof(double)];
  const size_t n = unset_of(row->form, none);
  memcpy((char *)d + row->at, none, n);
}

static const char *number_of(struct advising *a, const struct row *row, const char *at)
{
  char text[KVC_NUM_TEXT];
  double v;
  memcpy(&v, at, sizeof v);
  if (isnan(v) || (row->form == FORM_GIB && v <= 0)) return NULL;
  kvc_num_format(v, text);
  return advise_text(a, "%s", text);
}

/* The field as text, NULL when it is unset. */
static const char *value_of(struct advising *a, const struct row *row,
                            const struct kvc_deploy *d)
{
  const char *at = (const char *)d + row->at;
  int i = 0;
  int64_t l = 0;
  const char *words = NULL;
  bool b = false;
  switch (row->form) {
  case FORM_INT: memcpy(&i, at, sizeof i); return i > 0 ? advise_text(a, "%d", i) : NULL;
  case FORM_I64:
    memcpy(&l, at, sizeof l);
    if (l == 0) return NULL;
    return l < 0 ? "auto" : advise_text(a, "%lld", (long long)l);
  case FORM_TRI:
    memcpy(&i, at, sizeof i);
    return i < 0 ? NULL : i == 1 ? "true" : "false";
  case FORM_BOOL: memcpy(&b, at, sizeof b); return b ? "true" : NULL;
  case FORM_TEXT: memcpy(&words, at, sizeof words); return words;
  case FORM_NUM:
  case FORM_GIB: break;
  }
  return number_of(a, row, at);
}

static const char *setting_text(struct advising *a, const struct row *row,
                                const struct kvc_setting *set)
{
  const char *at = (const char *)set + row->setting;
  char text[KVC_NUM_TEXT];
  double v;
  int64_t l;
  bool b;
  if (row->form == FORM_TRI) {
    memcpy(&b, at, sizeof b);
    return b ? "true" : "false";
  }
  if (row->form == FORM_NUM) {
    memcpy(&v, at, sizeof v);
    kvc_num_format(v, text);
    return advise_text(a, "%s", text);
  }
  memcpy(&l, at, sizeof l);
  return advise_text(a, "%lld", (long long)l);
}

/* What the release takes when the flag is left out of this very set. */
static const char *fallback_of(struct advising *a, const struct row *row)
{
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, row->key);
  struct kvc_default def;
  struct kvc_err ignored;
  if (row->setting > 0) {
    struct kvc_deploy t = a->d;
    reset(row, &t);
    if (advise_try(a, &t, a->other, &ignored) == KVC_E_OK)
      return setting_text(a, row, &a->other->setting);
  }
  const struct kvc_default_query query = {.engine = a->out->size.setting.engine,
                                          .context = a->d.context,
                                          .vendor = a->out->size.gpu.vendor};
  if (!kvc_engine_default(a->engine, flag, &a->out->size.version.version, &query, &def))
    return NULL;
  return def.value == NULL || strcmp(def.value, "none") == 0 ? NULL : def.value;
}

static bool same(const char *x, const char *y)
{
  double a, b;
  if (x == NULL || y == NULL) return false;
  if (strcmp(x, y) == 0) return true;
  return kvc_num_parse(x, "", &a, NULL) == KVC_E_OK &&
         kvc_num_parse(y, "", &b, NULL) == KVC_E_OK && a == b;
}

static const char *version_text(struct advising *a, const struct kvc_version *v)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(v, text);
  return advise_text(a, "%s", text);
}

static void add_arg(struct advising *a, enum kvc_emit_kind kind, const char *key,
                    const char *name, const char *value)
{
  struct kvc_advice *out = a->out;
  if (out->n_args == KVC_ADVISE_MAX_ARGS) return;
  out->args[out->n_args++] =
      (struct kvc_emit_arg){.kind = kind, .key = key, .name = name, .value = value};
}

/* --no-x for what is switched off. */
static void add_switch(struct advising *a, const char *key, const char *name, bool on)
{
  if (on)
    add_arg(a, KVC_EMIT_SWITCH, key, name, NULL);
  else if (strncmp(name, "--", 2) == 0 && a->out->size.setting.engine == KVC_ENGINE_V1)
    add_arg(a, KVC_EMIT_SWITCH, key, advise_text(a, "--no-%s", name + 2), NULL);
  else
    add_arg(a, KVC_EMIT_PLAIN, key, name, "false");
}

static struct kvc_advised *add_flag(struct advising *a, const char *key,
                                    const char *value, const char *fallback, bool given)
{
  struct kvc_advice *out = a->out;
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, key);
  struct kvc_version since, until;
  bool has_until = false;
  if (out->n_flags == KVC_MAX_ADVISED || flag == NULL) return NULL;
  struct kvc_advised *f = &out->flags[out->n_flags++];
  *f = (struct kvc_advised){
      .key = key,
      .name = kvc_engine_flag_name(a->engine, flag, &out->size.version.version),
      .value = value,
      .fallback = fallback,
      .source = flag->cite,
      .reason = "set by hand, kept",
      .given = given};
  if (kvc_engine_flag_span(a->engine, flag, &since, &until, &has_until)) {
    f->since = version_text(a, &since);
    f->until = has_until ? version_text(a, &until) : NULL;
  }
  return f;
}

static void add_row(struct advising *a, const struct row *row)
{
  const char *value = value_of(a, row, &a->d);
  const bool given = value_of(a, row, &a->req->size.deploy) != NULL;
  if (value == NULL || !advise_has(a, row->key)) return;
  if (row->form == FORM_TEXT && strcmp(value, "none") == 0) return;
  const char *fallback = fallback_of(a, row);
  if (same(value, fallback)) return;
  if (row->form == FORM_INT && fallback == NULL && strcmp(value, "1") == 0) return;
  struct kvc_advised *f = add_flag(a, row->key, value, fallback, given);
  if (f == NULL) return;
  if (!given) advise_why(a, f);
  if (row->form == FORM_TRI || row->form == FORM_BOOL)
    add_switch(a, row->key, f->name, strcmp(value, "true") == 0);
  else
    add_arg(a, KVC_EMIT_PLAIN, row->key, f->name, value);
}

/* Asynchronous scheduling where it exists and nothing turns it on. */
static void add_async(struct advising *a)
{
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, "async_scheduling");
  const struct kvc_size *s = &a->out->size;
  struct kvc_default def;
  const struct kvc_default_query query = {.engine = s->setting.engine};
  if (flag == NULL || !advise_has(a, "async_scheduling") ||
      s->setting.engine != KVC_ENGINE_V1 || a->req->demand.goal != KVC_GOAL_THROUGHPUT ||
      s->setting.pp > 1 || a->d.spec_method != NULL || s->model.pooling ||
      !s->memory.fits)
    return;
  if (!kvc_engine_default(a->engine, flag, &s->version.version, &query, &def) ||
      strcmp(def.value, "false") != 0)
    return;
  for (size_t i = 0; i < a->req->n_extra; i++)
    if (strstr(a->req->extra[i].name, "async") != NULL) return;
  struct kvc_advised *f = add_flag(a, "async_scheduling", "true", "false", false);
  if (f == NULL) return;
  advise_why(a, f);
  add_switch(a, "async_scheduling", f->name, true);
}

static void json_text(struct kvc_buf *buf, const char *text)
{
  kvc_buf_puts(buf, "\"");
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\') kvc_buf_puts(buf, "\\");
    if ((unsigned char)*p < 0x20)
      kvc_buf_printf(buf, "\\u%04x", (unsigned)(unsigned char)*p);
    else
      kvc_buf_add(buf, p, 1);
  }
  kvc_buf_puts(buf, "\"");
}

static void add_named(struct advising *a, enum kvc_emit_kind kind, const char *key,
                      const char *value)
{
  if (!advise_has(a, key)) return;
  struct kvc_advised *f = add_flag(a, key, value, NULL, true);
  if (f != NULL) add_arg(a, kind, key, f->name, value);
}

static void add_speculation(struct advising *a)
{
  const struct kvc_deploy *d = &a->d;
  struct kvc_buf buf;
  if (d->spec_method == NULL) return;
  if (!advise_has(a, "speculative_config")) {
    add_named(a, KVC_EMIT_PLAIN, "speculative_model",
              d->spec_model != NULL ? d->spec_model : "[ngram]");
    add_named(a, KVC_EMIT_PLAIN, "num_speculative_tokens",
              advise_text(a, "%d", d->spec_tokens));
    return;
  }
  kvc_buf_init(&buf, 4096);
  kvc_buf_puts(&buf, "{\"method\": ");
  json_text(&buf, d->spec_method);
  if (d->spec_model != NULL) {
    kvc_buf_puts(&buf, ", \"model\": ");
    json_text(&buf, d->spec_model);
  }
  kvc_buf_printf(&buf, ", \"num_speculative_tokens\": %d}", d->spec_tokens);
  const char *json = buf.text != NULL ? kvc_arena_strdup(a->arena, buf.text) : NULL;
  kvc_buf_clear(&buf);
  if (json != NULL) add_named(a, KVC_EMIT_JSON, "speculative_config", json);
}

static void add_env(struct advising *a)
{
  struct kvc_advice *out = a->out;
  const enum kvc_engine_kind asked = a->d.engine;
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, "vllm_use_v1");
  const bool known = flag != NULL && advise_has(a, "vllm_use_v1");
  const struct kvc_version *v = &out->size.version.version;
  if (known && asked != KVC_ENGINE_AUTO &&
      kvc_engine_generation(a->engine, v, KVC_ENGINE_V0) != NULL)
    out->env[out->n_env++] =
        (struct kvc_emit_env){"VLLM_USE_V1", asked == KVC_ENGINE_V1 ? "1" : "0"};
  for (size_t i = 0; i < a->req->n_env && out->n_env < KVC_ADVISE_MAX_ENV; i++)
    out->env[out->n_env++] = a->req->env[i];
}

kvc_code advise_flags(struct advising *a, struct kvc_err *err)
{
  struct kvc_advice *out = a->out;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) add_row(a, &rows[i]);
  add_async(a);
  add_speculation(a);
  if (a->d.mm_items == 0) add_named(a, KVC_EMIT_SWITCH, "language_model_only", NULL);
  for (size_t i = 0; i < a->req->n_extra && out->n_args < KVC_ADVISE_MAX_ARGS; i++)
    out->args[out->n_args++] = a->req->extra[i];
  add_env(a);
  out->model =
      a->req->size.model_name != NULL ? a->req->size.model_name : out->size.model.name;
  const struct kvc_emit_command command = {.model = out->model,
                                           .args = out->args,
                                           .n_args = out->n_args,
                                           .env = out->env,
                                           .n_env = out->n_env};
  struct kvc_buf buf;
  kvc_buf_init(&buf, 1 << 16);
  kvc_emit_shell(&command, &buf);
  out->command =
      buf.text != NULL && !buf.full ? kvc_arena_strdup(a->arena, buf.text) : NULL;
  kvc_buf_clear(&buf);
  return out->command != NULL ? KVC_E_OK : kvc_arena_full(a->arena, "the command", err);
}
