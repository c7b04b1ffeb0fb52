/* causes.c - why a printed figure is not the planned one: rules with evidence, the
 * first that speaks for a row is its cause.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "compare_room.h"
#include <string.h>

#define BIT(kind) (1u << (kind))
enum {
  POOL = BIT(KVC_CMP_AVAILABLE) | BIT(KVC_CMP_BLOCKS) | BIT(KVC_CMP_TOKENS) |
         BIT(KVC_CMP_CONCURRENCY),
  COUNTS = BIT(KVC_CMP_BLOCKS) | BIT(KVC_CMP_TOKENS) | BIT(KVC_CMP_CONCURRENCY),
  LAYOUT = BIT(KVC_CMP_PER_TOKEN) | COUNTS,
  RUN = BIT(KVC_CMP_ACTIVATION) | BIT(KVC_CMP_GRAPHS) | POOL,
  WEIGHTS = BIT(KVC_CMP_WEIGHTS) | POOL,
  FITTED = BIT(KVC_CMP_ACTIVATION) | BIT(KVC_CMP_NON_TORCH) | BIT(KVC_CMP_GRAPHS),
  ALL = BIT(KVC_CMP_KINDS_) - 1
};

typedef const char *rule_fn(struct comparing *c, const struct kvc_compare_row *row);

static bool near(double value, double want, double rtol)
{
  return fabs(value - want) <= rtol * want;
}

static double ratio(const struct kvc_compare_row *row)
{
  return row != NULL && row->planned > 0 ? row->printed / row->planned : (double)NAN;
}

static const char *gib(struct comparing *c, double bytes)
{
  return compare_text(c, "%.2f GiB", bytes / KVC_GIB);
}

/* ---- settings ------------------------------------------------------------------ */

/* Rows that a setting moves. */
static unsigned moved_by(const char *key)
{
  static const struct {
    const char *key;
    unsigned rows;
  } moves[] = {{"model", ALL & ~(BIT(KVC_CMP_UTILIZATION) | BIT(KVC_CMP_TOTAL) |
                                 BIT(KVC_CMP_FREE))},
               {"tensor_parallel_size", WEIGHTS | FITTED | BIT(KVC_CMP_PER_TOKEN)},
               {"pipeline_parallel_size", WEIGHTS | FITTED | BIT(KVC_CMP_PER_TOKEN)},
               {"data_parallel_size", WEIGHTS},
               {"enable_expert_parallel", WEIGHTS},
               {"decode_context_parallel_size", LAYOUT},
               {"prefill_context_parallel_size", LAYOUT},
               {"quantization", WEIGHTS},
               {"dtype", WEIGHTS | LAYOUT | BIT(KVC_CMP_ACTIVATION)},
               {"cpu_offload_gb", WEIGHTS},
               {"kv_cache_dtype", LAYOUT},
               {"gpu_memory_utilization", BIT(KVC_CMP_UTILIZATION) | POOL},
               {"kv_cache_memory_bytes", POOL},
               {"max_model_len", BIT(KVC_CMP_MAX_LEN) | BIT(KVC_CMP_CONCURRENCY)},
               {"max_num_seqs", RUN},
               {"max_num_batched_tokens", BIT(KVC_CMP_BATCHED) | RUN},
               {"num_gpu_blocks_override", COUNTS},
               {"block_size", BIT(KVC_CMP_BLOCKS)},
               {"enforce_eager", BIT(KVC_CMP_GRAPHS) | POOL},
               {"enable_lora", WEIGHTS | BIT(KVC_CMP_ACTIVATION)},
               {"max_loras", WEIGHTS},
               {"max_lora_rank", WEIGHTS},
               {"disable_hybrid_kv_cache_manager", LAYOUT}};
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
    if (strcmp(moves[i].key, key) == 0) return moves[i].rows;
  return 0;
}

static const char *by_setting(struct comparing *c, const struct kvc_compare_row *row)
{
  const char *list = "";
  for (size_t i = 0; i < c->out->n_settings; i++) {
    const struct kvc_compare_setting *s = &c->out->settings[i];
    if ((moved_by(s->key) & BIT(row->kind)) != 0)
      list = compare_text(c, "%s%s%s is %s in the plan and %s in the log", list,
                          list[0] != '\0' ? "; " : "", s->key, s->planned, s->printed);
  }
  return list[0] != '\0' ? list : NULL;
}

/* ---- what the log itself shows ---------------------------------------------------- */

static const char *by_override(struct comparing *c, const struct kvc_compare_row *row)
{
  const double blocks = c->in->start->memory.override_blocks;
  (void)row;
  if (!(blocks > 0) ||
      near(blocks, (double)c->in->plan->setting.num_gpu_blocks_override, 1e-9))
    return NULL;
  return compare_text(c,
                      "the server overrides the number of blocks with %.0f "
                      "(--num-gpu-blocks-override)",
                      blocks);
}

static const char *by_utilization(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *u = kvc_compare_row(c->out, KVC_CMP_UTILIZATION);
  (void)row;
  if (u == NULL || u->within) return NULL;
  return compare_text(c, "gpu_memory_utilization is %g in the plan and %g in the log",
                      u->planned, u->printed);
}

static const char *by_total(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *t = kvc_compare_row(c->out, KVC_CMP_TOTAL);
  if (t == NULL || t->within) return NULL;
  if (row->kind != KVC_CMP_TOTAL && fabs(t->difference) < 0.25 * fabs(row->difference) &&
      row->unit == KVC_CMP_BYTES)
    return NULL;
  return compare_text(c,
                      "the GPU has %s and the plan's %s: another card, a part of one "
                      "(MIG), or ECC; --gpu-memory takes what the log prints",
                      gib(c, t->printed), gib(c, t->planned));
}

static const char *by_others(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *free = kvc_compare_row(c->out, KVC_CMP_FREE);
  const enum kvc_budget budget = c->in->plan->facts.budget;
  if (free == NULL || free->within || free->difference > 0) return NULL;
  const bool counts =
      budget == KVC_BUDGET_ALL_IN_USE || budget == KVC_BUDGET_V0_INCL_OTHERS;
  if (row->kind != KVC_CMP_FREE && !counts) return NULL;
  return compare_text(
      c,
      "other processes held about %s of the GPU at the start%s; plan with "
      "--other-processes",
      gib(c, -free->difference),
      counts ? ", which this release takes off the budget" : "");
}

static const char *by_version(struct comparing *c, const struct kvc_compare_row *row)
{
  struct kvc_version v;
  const struct kvc_version *plan = &c->in->plan->version.version;
  char text[KVC_VERSION_TEXT];
  (void)row;
  if (c->out->version == NULL ||
      kvc_version_parse(c->out->version, "log", &v, NULL) != KVC_E_OK || v.unreleased)
    return NULL;
  if (v.release[0] == plan->release[0] && v.release[1] == plan->release[1]) return NULL;
  kvc_version_format(plan, text);
  return compare_text(c, "the log is of vLLM %s and the plan of %s: give --vllm-version",
                      c->out->version, text);
}

static const char *by_batch(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *b = kvc_compare_row(c->out, KVC_CMP_BATCHED);
  (void)row;
  if (b == NULL || b->within) return NULL;
  return compare_text(c,
                      "the profile run had max_num_batched_tokens %.0f and not the "
                      "planned %.0f",
                      b->printed, b->planned);
}

static const char *by_length(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *l = kvc_compare_row(c->out, KVC_CMP_MAX_LEN);
  const double len = c->in->start->memory.concurrency_len_tok;
  (void)row;
  if (l != NULL && !l->within)
    return compare_text(c, "max_model_len is %.0f in the plan and %.0f in the log",
                        l->planned, l->printed);
  if (len > 0 && !near(len, (double)c->in->plan->setting.max_model_len_tok, 1e-9))
    return compare_text(c, "the log counts requests of %.0f tokens, the plan of %lld",
                        len, (long long)c->in->plan->setting.max_model_len_tok);
  return NULL;
}

/* ---- what the ratio of two figures shows ------------------------------------------- */

static const char *by_gb(struct comparing *c, const struct kvc_compare_row *row)
{
  if (row->kind != KVC_CMP_WEIGHTS && row->kind != KVC_CMP_AVAILABLE) return NULL;
  if (!near(ratio(row), KVC_GIB / 1e9, 0.004)) return NULL;
  return compare_text(c, "the log's figure is in GB (10^9 bytes): in GiB it is the "
                         "planned one");
}

static const char *by_format(struct comparing *c, const struct kvc_compare_row *row)
{
  const double r = ratio(row);
  static const struct {
    double low, high;
    const char *text;
  } formats[] = {
      {0.46, 0.62,
       "the weights in the log are about half: an 8-bit format, or twice the "
       "tensor parallelism"},
      {0.22, 0.40,
       "the weights in the log are about a quarter to a third: a 4-bit "
       "format, or more tensor parallelism"},
      {1.7, 2.15,
       "the weights in the log are about twice: the plan is in 8 bits or shares "
       "them over more GPUs, the server is not"},
      {2.6, 4.3,
       "the weights in the log are about three to four times: the plan is in 4 "
       "bits or shares them over more GPUs, the server is not"}};
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    if (r >= formats[i].low && r <= formats[i].high) return formats[i].text;
  (void)c;
  return NULL;
}

static const char *by_parts(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_size *plan = c->in->plan;
  if (row->kind == KVC_CMP_WEIGHTS && plan->memory.lora_bytes > 0)
    return compare_text(c,
                        "the plan counts %s of LoRA slots with the weights; the log may "
                        "print the model alone",
                        gib(c, plan->memory.lora_bytes));
  if (row->kind == KVC_CMP_WEIGHTS && plan->memory.draft_bytes > 0)
    return compare_text(c, "the plan counts the draft model (%s) with the weights",
                        gib(c, plan->memory.draft_bytes));
  if (row->kind == KVC_CMP_ACTIVATION && plan->memory.activation.encoder_bytes > 0)
    return compare_text(c,
                        "the multimodal encoder's part of the peak (%s planned) is an "
                        "estimate that depends on the largest item; see "
                        "--limit-mm-per-prompt",
                        gib(c, plan->memory.activation.encoder_bytes));
  return NULL;
}

static const char *by_layout(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *t = kvc_compare_row(c->out, KVC_CMP_PER_TOKEN);
  const struct kvc_kv_layout *l = &c->in->plan->memory.layout;
  (void)row;
  if (t == NULL || t->within) return NULL;
  const double r = ratio(t);
  if (near(r, 0.5, 0.03))
    return "a token takes half the bytes that were planned: an 8-bit KV cache "
           "(--kv-cache-dtype fp8), or two ranks of context parallelism";
  if (near(r, 2, 0.03))
    return "a token takes twice the bytes that were planned: the server's KV cache is "
           "not "
           "in 8 bits, or the plan has more ranks";
  if (!l->uniform || l->promoted || l->approximate)
    return "the layers are of several kinds, and the server groups their caches in "
           "another way than planned (hybrid KV cache manager)";
  const double ranks = 1 / r;
  if (ranks > 1.5 && near(ranks, round(ranks), 0.03))
    return compare_text(c,
                        "a token takes 1/%.0f of what was planned: context parallelism "
                        "counts the tokens of all its ranks, or more tensor parallelism",
                        round(ranks));
  return NULL;
}

/* ---- what follows from other rows -------------------------------------------------- */

static const char *by_graph_estimate(struct comparing *c,
                                     const struct kvc_compare_row *row)
{
  const double estimate = c->in->start->memory.graph_estimate_bytes;
  const struct kvc_memory *m = &c->in->plan->memory;
  const bool shown = estimate > 0, counted = m->cudagraph_in_budget;
  if (shown == counted) return NULL;
  const double moved = shown ? -estimate : m->cudagraph_bytes;
  if (row->kind == KVC_CMP_AVAILABLE && moved * row->difference <= 0) return NULL;
  if (shown)
    return compare_text(c,
                        "the server takes an estimate of its CUDA graphs (%s) off the KV "
                        "budget, the plan does not",
                        gib(c, estimate));
  if (!(c->in->start->memory.graph_bytes > 0)) return NULL;
  return compare_text(
      c,
      "the plan takes CUDA graphs (%s) off the KV budget; this start shows "
      "no such estimate",
      gib(c, m->cudagraph_bytes));
}

/* Parts of the budget that the log tells sum up to what the pool lost or won. */
static const char *by_sum(struct comparing *c, const struct kvc_compare_row *row)
{
  static const enum kvc_compare_kind parts[] = {KVC_CMP_WEIGHTS, KVC_CMP_ACTIVATION,
                                                KVC_CMP_NON_TORCH};
  const char *list = "";
  double sum = 0;
  if (row->kind != KVC_CMP_AVAILABLE) return NULL;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    const struct kvc_compare_row *p = kvc_compare_row(c->out, parts[i]);
    if (p == NULL || fabs(p->difference) <= compare_rounding_bytes) continue;
    sum -= p->difference;
    list = compare_text(c, "%s%s%s %+.2f GiB", list, list[0] != '\0' ? ", " : "", p->what,
                        p->difference / KVC_GIB);
  }
  if (list[0] == '\0' || !near(sum / row->difference, 1, 0.35)) return NULL;
  return compare_text(c, "follows from %s", list);
}

static const char *by_pool(struct comparing *c, const struct kvc_compare_row *row)
{
  const struct kvc_compare_row *a = kvc_compare_row(c->out, KVC_CMP_AVAILABLE);
  const struct kvc_compare_row *t = kvc_compare_row(c->out, KVC_CMP_TOKENS);
  if (row->kind == KVC_CMP_CONCURRENCY && t != NULL && near(ratio(t), ratio(row), 0.02))
    return "follows from the number of tokens";
  if (a != NULL && near(ratio(a), ratio(row), 0.02))
    return "follows from the memory available to the KV cache";
  return NULL;
}

/* ---- the list ---------------------------------------------------------------------- */

static const struct {
  unsigned rows;
  rule_fn *says;
} rules[] = {
    {ALL, by_setting},
    {COUNTS, by_override},
    {BIT(KVC_CMP_UTILIZATION) | POOL, by_utilization},
    {BIT(KVC_CMP_CONCURRENCY), by_length},
    {ALL, by_gb},
    {BIT(KVC_CMP_WEIGHTS), by_format},
    {LAYOUT, by_layout},
    {BIT(KVC_CMP_FREE) | POOL, by_others},
    {BIT(KVC_CMP_TOTAL) | POOL, by_total},
    {BIT(KVC_CMP_ACTIVATION), by_batch},
    {FITTED | POOL, by_version},
    {BIT(KVC_CMP_AVAILABLE), by_graph_estimate},
    {BIT(KVC_CMP_AVAILABLE), by_sum},
    {COUNTS, by_pool},
    {POOL, by_batch},
    {ALL, by_parts},
};

const char *compare_cause(struct comparing *c, const struct kvc_compare_row *row)
{
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    if ((rules[i].rows & BIT(row->kind)) == 0) continue;
    const char *text = rules[i].says(c, row);
    if (text != NULL) return text;
  }
  if (!c->out->args_known)
    return "nothing in the log explains it; the line \"non-default args\" of the start, "
           "which is not in the log, would tell whether the settings are the same";
  if ((FITTED & BIT(row->kind)) != 0)
    return "nothing in the log explains it: the planned figure is a fitted constant, and "
           "--save-calibration keeps the measured one";
  return "nothing in the log explains it; the lines of the memory profile (weights, peak "
         "activation, non-torch) of a start with VLLM_LOGGING_LEVEL=DEBUG would tell";
}
