/* settings.c - the arguments a log shows against the settings of the plan.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "compare_room.h"
#include <string.h>

/* A setting as text in the spelling of a log; NULL: not compared. */
static const char *whole(struct comparing *c, int64_t n)
{
  return compare_text(c, "%lld", (long long)n);
}

static const char *truth(bool yes)
{
  return yes ? "true" : "false";
}

static const char *number(struct comparing *c, double v)
{
  char text[KVC_NUM_TEXT];
  kvc_num_format(v, text);
  return compare_text(c, "%s", text);
}

static bool is_default_word(const char *text)
{
  return text == NULL || kvc_str_ieq(text, "auto") || kvc_str_ieq(text, "none");
}

/* 1 and 1.0, True and true and a bare switch. */
static bool equal(const char *a, const char *b)
{
  double x, y;
  if (kvc_num_parse(a, NULL, &x, NULL) == KVC_E_OK &&
      kvc_num_parse(b, NULL, &y, NULL) == KVC_E_OK)
    return fabs(x - y) < 1e-9;
  return kvc_str_ieq(a, b);
}

/* What the release does when nothing is said; NULL: not known. */
static const char *default_value(struct comparing *c, const char *key)
{
  const struct kvc_size *plan = c->in->plan;
  const struct kvc_flag *flag = kvc_engine_flag(c->in->engine, key);
  struct kvc_default d;
  const struct kvc_default_query query = {.engine = plan->setting.engine,
                                          .gpu_memory_bytes =
                                              kvc_default_tier_bytes(&plan->gpu, 0),
                                          .gpu_name = plan->gpu.name,
                                          .vendor = plan->gpu.vendor,
                                          .chunked = plan->setting.chunked_prefill};
  if (flag == NULL ||
      !kvc_engine_default(c->in->engine, flag, &plan->version.version, &query, &d) ||
      is_default_word(d.value))
    return NULL;
  return d.value;
}

static const char *printed_value(struct comparing *c, const struct kvc_launch *launch,
                                 const char *key)
{
  const struct kvc_launch_arg *arg = kvc_launch_arg(launch, key);
  if (arg == NULL) return default_value(c, key);
  if (arg->unresolved) return NULL;
  if (arg->value == NULL) return truth(!arg->negated);
  if (is_default_word(arg->value)) return NULL;
  return arg->value;
}

static void differ(struct comparing *c, const char *key, const char *planned,
                   const char *printed)
{
  struct kvc_compare *out = c->out;
  if (planned == NULL || printed == NULL || equal(planned, printed) ||
      printed[0] == '-' || out->n_settings == KVC_CMP_MAX_SETTINGS)
    return;
  out->settings[out->n_settings++] = (struct kvc_compare_setting){key, planned, printed};
}

/* "org/name" and a path's last part name the same model. */
static bool same_model(const char *printed, const struct kvc_size *plan)
{
  const char *const names[] = {plan->model.name, plan->model_match.asked};
  const char *tail = strrchr(printed, '/');
  for (size_t i = 0; i < 2; i++) {
    if (names[i] == NULL) continue;
    const char *own = strrchr(names[i], '/');
    if (kvc_name_equal(printed, names[i]) ||
        kvc_name_equal(tail != NULL ? tail + 1 : printed,
                       own != NULL ? own + 1 : names[i]))
      return true;
  }
  for (size_t i = 0; i < plan->model.n_aliases; i++)
    if (kvc_name_equal(printed, plan->model.aliases[i])) return true;
  return false;
}

static void compare_values(struct comparing *c, const struct kvc_launch *launch)
{
  const struct kvc_setting *s = &c->in->plan->setting;
  const struct {
    const char *key, *planned, *otherwise; /* where no default is known */
  } rows[] = {
      {"tensor_parallel_size", whole(c, s->tp), "1"},
      {"pipeline_parallel_size", whole(c, s->pp), "1"},
      {"data_parallel_size", whole(c, s->dp), "1"},
      {"decode_context_parallel_size", whole(c, s->dcp), "1"},
      {"prefill_context_parallel_size", whole(c, s->pcp), "1"},
      {"enable_expert_parallel", truth(s->expert_parallel), "false"},
      {"gpu_memory_utilization", number(c, s->gpu_memory_utilization), NULL},
      {"kv_cache_memory_bytes", number(c, s->kv_cache_memory_bytes), "0"},
      {"max_model_len", whole(c, s->max_model_len_tok), NULL},
      {"max_num_seqs", whole(c, s->max_num_seqs), NULL},
      {"max_num_batched_tokens", whole(c, s->max_num_batched_tok), NULL},
      {"num_gpu_blocks_override", whole(c, s->num_gpu_blocks_override), "0"},
      {"block_size", whole(c, s->block_size_tok), NULL},
      {"enforce_eager", truth(s->enforce_eager), "false"},
      {"enable_lora", truth(s->lora), "false"},
      {"cpu_offload_gb", number(c, s->cpu_offload_bytes / KVC_GIB), "0"},
      {"disable_hybrid_kv_cache_manager", truth(s->hybrid_manager_off), NULL},
      {"max_loras", s->lora ? whole(c, s->max_loras) : NULL, "1"},
      {"max_lora_rank", s->lora ? whole(c, s->max_lora_rank) : NULL, "16"},
      {"kv_cache_dtype", s->kv_cache_dtype, s->dtype},
      {"dtype", s->dtype, NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    /* What is derived from other settings is told by its own log line. */
    const struct kvc_launch_arg *arg = kvc_launch_arg(launch, rows[i].key);
    const bool derived = arg == NULL && (strcmp(rows[i].key, "max_num_seqs") == 0 ||
                                         strcmp(rows[i].key, "block_size") == 0);
    const char *printed = printed_value(c, launch, rows[i].key);
    if (strcmp(rows[i].key, "kv_cache_dtype") == 0 && printed == NULL) continue;
    if (printed == NULL) printed = rows[i].otherwise;
    bool given = !derived;
    for (size_t k = 0; derived && k < c->in->plan->n_origins; k++)
      if (strcmp(c->in->plan->origins[k].key, rows[i].key) == 0 &&
          strcmp(c->in->plan->origins[k].from, "given") == 0)
        given = true;
    if (arg == NULL && strcmp(rows[i].key, "max_num_batched_tokens") == 0) given = false;
    if (given) differ(c, rows[i].key, rows[i].planned, printed);
  }
}

kvc_code compare_settings(struct comparing *c, struct kvc_err *err)
{
  const struct kvc_log_start *start = c->in->start;
  const struct kvc_size *plan = c->in->plan;
  const char *model = start->model;
  struct kvc_launch *launch = NULL;
  if (start->args_text != NULL && c->in->engine != NULL) {
    launch = kvc_arena_alloc(c->arena, 1, sizeof *launch);
    if (launch == NULL) return kvc_arena_full(c->arena, c->in->log, err);
    const struct kvc_launch_source source = {.text = start->args_text,
                                             .len = start->args_len,
                                             .where = c->in->log,
                                             .format = KVC_LAUNCH_LOG};
    struct kvc_err ignored; /* lines that cannot be read tell nothing */
    if (kvc_launch_parse(c->arena, c->in->engine, &source, launch, &ignored) != KVC_E_OK)
      launch = NULL;
  }
  c->out->args_known = launch != NULL;
  if (launch != NULL && launch->model != NULL) model = launch->model;
  if (model != NULL && !same_model(model, plan))
    differ(c, "model", plan->model.name, model);
  if (launch == NULL) return KVC_E_OK;
  const struct kvc_launch_arg *quant = kvc_launch_arg(launch, "quantization");
  if (quant != NULL && !is_default_word(quant->value))
    differ(c, "quantization",
           plan->model.quant.method != NULL ? plan->model.quant.method : "none",
           quant->value);
  compare_values(c, launch);
  return KVC_E_OK;
}
