/* size_flags.c - flags of vLLM that have no row of their own, and what the chosen
 * release makes of those that were given.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "size.h"
#include <ctype.h>
#include <kvcap/num.h>
#include <stdarg.h>
#include <string.h>

/* Keys of the catalogue that change memory in ways kvcap does not model; all other
 * flags without a row leave it alone. */
static const char *const unmodelled[] = {
    "config",
    "hf_overrides",
    "rope_scaling",
    "enable_sleep_mode",
    "offload_backend",
    "offload_group_size",
    "offload_num_in_group",
    "cpu_offload_params",
    "offload_params",
    "attention_config",
    "enable_eplb",
    "num_redundant_experts",
    "enable_elastic_ep",
    "enable_dbo",
    "ubatch_size",
    "num_lookahead_slots",
    "num_scheduler_steps",
    "mm_encoder_only",
    "mm_processor_kwargs",
    "video_pruning_rate",
    "mm_ipc_gpu_memory_gb",
    "mm_encoder_tp_mode",
    "enable_prompt_adapter",
    "fully_sharded_loras",
    "lora_extra_vocab_size",
    "kv_cache_dtype_skip_layers",
    "disable_sliding_window",
    "mamba_block_size",
    "mamba_cache_dtype",
    "kv_transfer_config",
    "performance_mode",
    "disable_custom_all_reduce",
    "override_attention_dtype",
    "quantization_config",
    "device",
    "convert",
    "runner",
    "task",
    "additional_config",
    "max_seq_len_to_capture",
    "max_context_len_to_capture",
    "vllm_use_v2_model_runner",
    "vllm_memory_profiler_estimate_cudagraphs",
    "vllm_mla_disable",
    "vllm_allow_chunked_local_attn_with_hybrid_kv_cache",
    "vllm_flashinfer_workspace_buffer_size",
    "vllm_moe_dp_chunk_size",
    "vllm_deepep_buffer_size_mb",
    "vllm_pp_layer_partition",
    "vllm_fused_moe_chunk_size",
    "vllm_batch_invariant",
    "tokens_only"};

const char *size_unmodelled_at(size_t i)
{
  return i < sizeof unmodelled / sizeof unmodelled[0] ? unmodelled[i] : NULL;
}

void size_note(struct size_args *args, const char *level, const char *fmt, ...)
{
  if (args->n_notes == SIZE_MAX_NOTES) return;
  char text[600];
  va_list list;
  va_start(list, fmt);
  (void)vsnprintf(text, sizeof text, fmt, list);
  va_end(list);
  const char *copy = kvc_arena_strdup(&args->cli->arena, text);
  if (copy != NULL) args->notes[args->n_notes++] = (struct kvc_note){level, copy};
}

kvc_code size_catalogue(struct size_args *args, struct kvc_err *err)
{
  if (args->db == NULL) KVC_TRY(cli_open_db(args->cli, &args->overlays, &args->db, err));
  if (args->catalogue == NULL)
    KVC_TRY(kvc_db_engine(args->db, "vllm", &args->catalogue, err));
  return KVC_E_OK;
}

void size_seen(void *ptr, const struct cli_option *option, const char *spelling)
{
  struct size_args *args = ptr;
  (void)option;
  const size_t len = strcspn(spelling, "=");
  const char *copy = kvc_arena_strndup(&args->cli->arena, spelling, len);
  if (copy != NULL && args->n_seen < SIZE_MAX_SEEN) args->seen[args->n_seen++] = copy;
}

/* ---- taking words ------------------------------------------------------------------ */

static kvc_code no_such_flag(struct size_args *args, const char *name,
                             struct kvc_err *err)
{
  enum { MAX_NAMES = 600 };
  const char *names[MAX_NAMES];
  size_t n = 0;
  const struct cli_option *const tables[] = {
      cli_common_options, args->options != NULL ? args->options : size_options};
  for (size_t t = 0; t < 2; t++)
    for (const struct cli_option *o = tables[t]; o->type != CLI_END; o++)
      if (o->type != CLI_GROUP && n < MAX_NAMES) names[n++] = o->name;
  const struct kvc_version *newest = kvc_engine_newest(args->catalogue);
  for (size_t i = 0; i < kvc_engine_flag_count(args->catalogue) && n < MAX_NAMES; i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(args->catalogue, i);
    const char *spelled = kvc_engine_flag_name(args->catalogue, flag, newest);
    if (spelled != NULL) names[n++] = spelled;
  }
  char hint[200];
  cli_suggest(name, names, n, hint, sizeof hint);
  return kvc_fail(err, KVC_E_USAGE, name, "no such option of kvcap or vLLM%s", hint);
}

/* "-O3" and "-O.mode=3", "--speculative-config.method ngram". */
static kvc_code take_attached(struct size_args *args, int n, char *const *words,
                              int *used, struct kvc_err *err)
{
  const char *word = words[0];
  bool negated;
  if (word[0] == '-' && word[1] == 'O' && word[2] >= '0' && word[2] <= '3' &&
      word[3] == '\0') {
    const struct cli_option *row = cli_option_find(size_options, "-O", 2, &negated);
    size_seen(args, row, "-O");
    *used = 1;
    return cli_option_set(row, args, word + 2, err);
  }
  const size_t dot = strcspn(word, ".=");
  if (word[dot] != '.') return KVC_E_OK;
  const struct cli_option *row = cli_option_find(size_options, word, dot, &negated);
  if (row == NULL || row->type != CLI_CALL) return KVC_E_OK;
  const size_t end = strcspn(word, "=");
  const char *key = kvc_arena_strndup(&args->cli->arena, word + dot + 1, end - dot - 1);
  if (key == NULL) return kvc_arena_full(&args->cli->arena, row->name, err);
  const char *value = word[end] == '=' ? word + end + 1 : NULL;
  *used = 1;
  if (value == NULL) {
    if (n < 2) return kvc_fail(err, KVC_E_USAGE, word, "needs a value");
    value = words[1];
    *used = 2;
  }
  size_seen(args, row, row->name);
  return size_dotted(args, row->name, key, value, err);
}

static bool is_value(const char *word)
{
  return word[0] != '-' || word[1] == '\0' || isdigit((unsigned char)word[1]);
}

/* How many of words[1..n) belong to the flag; a list takes all up to the next
 * option, but leaves a word that could be the model when none has come yet. */
static int values_of(const struct kvc_flag *flag, int n, char *const *words)
{
  if (strchr(words[0], '=') != NULL || strcmp(flag->type, "bool") == 0) return 0;
  int count = 0;
  const int most = strcmp(flag->type, "list") == 0 ? n - 1 : 1;
  while (count < most && count + 1 < n && is_value(words[count + 1]) &&
         strcmp(words[count + 1], "--") != 0)
    count++;
  return count;
}

static bool is_capture_list(const struct kvc_flag *flag)
{
  return strcmp(flag->key, "cuda_graph_sizes") == 0 ||
         strcmp(flag->key, "cudagraph_capture_sizes") == 0;
}

/* Lists of capture sizes are modelled by their largest member. */
static void note_capture_sizes(struct size_args *args, const struct kvc_flag *flag, int n,
                               char *const *words)
{
  if (!is_capture_list(flag)) return;
  for (int i = 1; i <= n; i++) {
    int64_t size;
    if (kvc_num_parse_int(words[i], NULL, 1, 65536, &size, NULL) == KVC_E_OK &&
        size > args->req.deploy.max_cudagraph_size)
      args->req.deploy.max_cudagraph_size = size;
  }
}

static bool has_no_prefix(const char *word)
{
  return strncmp(word, "--no-", 5) == 0 || strncmp(word, "--no_", 5) == 0;
}

kvc_code size_foreign_take(void *ptr, int n_words, char *const *words, int *used,
                           struct kvc_err *err)
{
  struct size_args *args = ptr;
  if (strcmp(words[0], "-m") == 0 && n_words > 1) { /* python -m vllm.entrypoints... */
    *used = 2;
    return KVC_E_OK;
  }
  KVC_TRY(take_attached(args, n_words, words, used, err));
  if (*used > 0) return KVC_E_OK;
  KVC_TRY(size_catalogue(args, err));
  struct kvc_arena *arena = &args->cli->arena;
  const char *word = words[0];
  const char *name = kvc_arena_strndup(arena, word, strcspn(word, "=."));
  if (name == NULL) return kvc_arena_full(arena, "the command line", err);
  const struct kvc_flag *flag = kvc_engine_flag_spelled(args->catalogue, name);
  if (flag == NULL && has_no_prefix(name)) {
    const char *positive = kvc_arena_printf(arena, "--%s", name + 5);
    if (positive != NULL) flag = kvc_engine_flag_spelled(args->catalogue, positive);
  }
  if (flag == NULL) return no_such_flag(args, name, err);
  if (args->n_foreign == SIZE_MAX_FOREIGN)
    return kvc_fail(err, KVC_E_USAGE, name, "is one option too many");
  const int n = values_of(flag, n_words, words);
  const char *equals = strchr(word, '=');
  const char *value = equals != NULL ? equals + 1 : n > 0 ? words[1] : NULL;
  if (value == NULL && strcmp(flag->type, "bool") != 0)
    return kvc_fail(err, KVC_E_USAGE, name, "needs a value");
  note_capture_sizes(args, flag, n, words);
  args->foreign[args->n_foreign++] = (struct size_foreign){
      .spelling = name, .flag = flag, .words = words, .n_words = n + 1};
  *used = n + 1;
  return KVC_E_OK;
}

kvc_code size_environment(struct size_args *args, const char *word, bool *known,
                          struct kvc_err *err)
{
  const size_t len = strcspn(word, "=");
  *known = word[len] == '=' && len > 0 && !isdigit((unsigned char)word[0]) &&
           strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
  if (!*known) return KVC_E_OK;
  const char *value = word + len + 1;
  const char *name = kvc_arena_strndup(&args->cli->arena, word, len);
  if (name == NULL) return kvc_arena_full(&args->cli->arena, "the command line", err);
  if (strcmp(name, "VLLM_USE_V1") == 0) {
    if (args->engine == NULL) args->engine = strcmp(value, "0") == 0 ? "V0" : "V1";
    return KVC_E_OK;
  }
  if (strcmp(name, "VLLM_ATTENTION_BACKEND") == 0) {
    if (args->req.deploy.attention_backend == NULL)
      args->req.deploy.attention_backend = value;
    return KVC_E_OK;
  }
  KVC_TRY(size_catalogue(args, err));
  const struct kvc_flag *flag = kvc_engine_flag_spelled(args->catalogue, name);
  if (flag != NULL && args->n_foreign < SIZE_MAX_FOREIGN)
    args->foreign[args->n_foreign++] =
        (struct size_foreign){.spelling = name, .flag = flag, .variable = word};
  else if (strncmp(name, "VLLM_", 5) == 0)
    size_note(args, "warning",
              "%.60s is not a variable of vLLM that kvcap knows: ignored", name);
  return KVC_E_OK;
}

/* ---- what the release says -----------------------------------------------------------
 */

static kvc_code check_choice(struct size_args *args, const struct kvc_version *version,
                             const char *key, const char *value, struct kvc_err *err)
{
  const struct kvc_flag *flag = kvc_engine_flag(args->catalogue, key);
  if (value == NULL || flag == NULL) return KVC_E_OK;
  const char *const *choices = NULL;
  const size_t n = kvc_engine_flag_choices(args->catalogue, flag, version, &choices);
  if (n == 0) return KVC_E_OK;
  char list[300] = "", text[KVC_VERSION_TEXT];
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (strcmp(choices[i], value) == 0) return KVC_E_OK;
    const int more =
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", choices[i]);
    if (more > 0 && (size_t)more < sizeof list - used) used += (size_t)more;
  }
  kvc_version_format(version, text);
  const char *name = kvc_engine_flag_name(args->catalogue, flag, version);
  return kvc_fail(err, KVC_E_UNKNOWN, name != NULL ? name : key,
                  "\"%.40s\" is not a value that vLLM %s accepts; it takes %s", value,
                  text, list);
}

kvc_code size_check_choices(struct size_args *args, const struct kvc_resolved *release,
                            struct kvc_err *err)
{
  const struct kvc_deploy *d = &args->req.deploy;
  const struct kvc_version *v = &release->version;
  KVC_TRY(check_choice(args, v, "dtype", d->dtype, err));
  KVC_TRY(check_choice(args, v, "kv_cache_dtype", d->kv_cache_dtype, err));
  KVC_TRY(check_choice(args, v, "lora_dtype", d->lora_dtype, err));
  return check_choice(args, v, "mamba_ssm_cache_dtype", d->mamba_ssm_cache_dtype, err);
}

/* The end of a sentence that says what to do without the flag. */
static const char *instead_text(struct size_args *args, const char *instead)
{
  static const char nothing[] = "nothing: ";
  const char *text;
  if (instead == NULL) return "";
  if (strncmp(instead, nothing, sizeof nothing - 1) == 0)
    text = kvc_arena_printf(&args->cli->arena, "; nothing replaces it: %s",
                            instead + sizeof nothing - 1);
  else if (strchr(instead, ' ') == NULL && instead[0] != '-')
    text = kvc_arena_printf(&args->cli->arena, "; use --%s", instead);
  else
    text = kvc_arena_printf(&args->cli->arena, "; instead: %s", instead);
  return text != NULL ? text : "";
}

const char *size_flag_missing(struct size_args *args, const struct kvc_flag *flag,
                              const struct kvc_version *version)
{
  struct kvc_arena *arena = &args->cli->arena;
  char now[KVC_VERSION_TEXT], from[KVC_VERSION_TEXT], to[KVC_VERSION_TEXT];
  struct kvc_version since, until;
  bool has_until;
  if (kvc_engine_flag_name(args->catalogue, flag, version) != NULL) return NULL;
  if (!kvc_engine_flag_span(args->catalogue, flag, &since, &until, &has_until))
    return NULL;
  kvc_version_format(version, now);
  kvc_version_format(&since, from);
  kvc_version_format(has_until ? &until : &flag->removed_at, to);
  const char *text =
      kvc_version_cmp(version, &since) < 0
          ? kvc_arena_printf(arena, "does not exist in vLLM %s: it came with %s", now,
                             from)
          : kvc_arena_printf(arena,
                             "does not exist in vLLM %s any more: it went with %s%s", now,
                             to, instead_text(args, flag->removed_instead));
  return text != NULL ? text : "does not exist in this release";
}

static void note_missing(struct size_args *args, const char *spelling,
                         const struct kvc_flag *flag, const struct kvc_version *version)
{
  const char *missing = size_flag_missing(args, flag, version);
  if (missing != NULL) size_note(args, "warning", "%s %s", spelling, missing);
}

static bool is_unmodelled(const struct kvc_flag *flag)
{
  for (size_t i = 0; i < sizeof unmodelled / sizeof unmodelled[0]; i++)
    if (strcmp(flag->key, unmodelled[i]) == 0) return true;
  return false;
}

/* One sentence for all flags of a kind: "--host, --port: no effect on memory". */
static void note_foreign(struct size_args *args, const struct kvc_version *version,
                         bool matters)
{
  char list[400] = "";
  size_t used = 0, count = 0;
  for (size_t i = 0; i < args->n_foreign; i++) {
    const struct size_foreign *f = &args->foreign[i];
    if (is_unmodelled(f->flag) != matters || is_capture_list(f->flag)) continue;
    if (kvc_engine_flag_name(args->catalogue, f->flag, version) == NULL) continue;
    count++;
    const int more = snprintf(list + used, sizeof list - used, "%s%s",
                              used > 0 ? ", " : "", f->spelling);
    if (more > 0 && (size_t)more < sizeof list - used) used += (size_t)more;
  }
  if (count == 0) return;
  list[used] = '\0';
  if (matters)
    size_note(args, "warning",
              "%s can change memory in ways that are not modelled: the figures assume %s",
              list, count == 1 ? "its default" : "their defaults");
  else
    size_note(args, "note", "%s %s no effect on memory", list,
              count == 1 ? "has" : "have");
}

/* The launch command keeps what was given and the release still understands. */
static void extend_command(struct size_args *args, struct kvc_size *size)
{
  enum { MAX_COMMAND_BYTES = 1 << 16 };
  struct kvc_buf line;
  if (size->command == NULL || args->n_foreign == 0) return;
  kvc_buf_init(&line, MAX_COMMAND_BYTES);
  const struct kvc_version *version = &size->version.version;
  for (int pass = 0; pass < 2; pass++) {
    if (pass == 1) kvc_buf_puts(&line, size->command);
    for (size_t i = 0; i < args->n_foreign; i++) {
      const struct size_foreign *f = &args->foreign[i];
      if (kvc_engine_flag_name(args->catalogue, f->flag, version) == NULL) continue;
      if (pass == 0 &&
          f->variable != NULL) { /* the name is plain, the value may not be */
        const size_t name = strcspn(f->variable, "=") + 1;
        kvc_buf_add(&line, f->variable, name);
        kvc_escape_shell(&line, f->variable + name);
        kvc_buf_puts(&line, " ");
      }
      for (int w = 0; pass == 1 && w < f->n_words; w++) {
        kvc_buf_puts(&line, " ");
        kvc_escape_shell(&line, f->words[w]);
      }
    }
  }
  const char *copy = line.full ? NULL : kvc_arena_strdup(&args->cli->arena, line.text);
  if (copy != NULL) size->command = copy;
  kvc_buf_clear(&line);
}

void size_flag_notes(struct size_args *args, struct kvc_size *size)
{
  const struct kvc_version *version = &size->version.version;
  for (size_t i = 0; i < args->n_seen && args->catalogue != NULL; i++) {
    const struct kvc_flag *flag = kvc_engine_flag_spelled(args->catalogue, args->seen[i]);
    if (flag != NULL) note_missing(args, args->seen[i], flag, version);
  }
  for (size_t i = 0; i < args->n_foreign; i++)
    note_missing(args, args->foreign[i].spelling, args->foreign[i].flag, version);
  note_foreign(args, version, true);
  note_foreign(args, version, false);
  extend_command(args, size);
  for (size_t i = 0; i < args->n_notes && size->n_notes < KVC_MAX_NOTES; i++)
    size->notes[size->n_notes++] = args->notes[i];
}
