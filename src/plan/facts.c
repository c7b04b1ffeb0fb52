/* facts.c - the spans of an engine profile become a struct kvc_mem_facts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tables below are the whole dictionary between the words in
 * profiles/engines/<name>/engine.yaml and the memory model's enums.
 */
#include "facts.h"
#include <kvcap/num.h>
#include <stddef.h>
#include <string.h>

struct word {
  const char *word;
  int value;
};

struct enum_fact {
  const char *key;
  size_t offset;
  int missing; /* value where no row covers the release */
  struct word words[8];
};

#define OFF(field) offsetof(struct kvc_mem_facts, field)

/* clang-format off */
static const struct enum_fact enum_facts[] = {
    {"kv_budget", OFF(budget), KVC_BUDGET_PROFILED_GROWTH,
     {{"v0_free_delta", KVC_BUDGET_V0_FREE_DELTA},
      {"v0_total_minus_peak_incl_others", KVC_BUDGET_V0_INCL_OTHERS},
      {"profiled_growth", KVC_BUDGET_PROFILED_GROWTH},
      {"total_minus_all_in_use", KVC_BUDGET_ALL_IN_USE},
      {"consumed_plus_headroom", KVC_BUDGET_CONSUMED_HEADROOM}}},
    {"hybrid_manager", OFF(hybrid), KVC_HYBRID_NONE,
     {{"none", KVC_HYBRID_NONE}, {"full_plus_one", KVC_HYBRID_FULL_PLUS_ONE},
      {"general", KVC_HYBRID_GENERAL}}},
    {"group_size_rule", OFF(group_rule), KVC_GROUP_MIN,
     {{"min", KVC_GROUP_MIN}, {"max_if_below_1_25_min", KVC_GROUP_MAX_1_25},
      {"max_if_below_1_5_min", KVC_GROUP_MAX_1_5}}},
    {"printed_tokens", OFF(printed), KVC_PRINT_TOKENS,
     {{"v0_blocks_only", KVC_PRINT_V0_BLOCKS}, {"v1_blocks_only", KVC_PRINT_V1_BLOCKS},
      {"blocks_times_block_size", KVC_PRINT_TOKENS},
      {"blocks_over_groups", KVC_PRINT_OVER_GROUPS},
      {"concurrency_times_max_model_len", KVC_PRINT_CONCURRENCY}}},
    {"concurrency_rule", OFF(concurrency), KVC_CONC_TOKENS_OVER_LEN,
     {{"tokens_over_len", KVC_CONC_TOKENS_OVER_LEN},
      {"page_weighted", KVC_CONC_PAGE_WEIGHTED},
      {"sum_of_group_blocks", KVC_CONC_GROUP_BLOCKS}}},
    {"kv_too_small_error", OFF(error_text), KVC_TEXT_V1_GB,
     {{"v0", KVC_TEXT_V0}, {"v1_gb", KVC_TEXT_V1_GB}, {"v1_gib", KVC_TEXT_V1_GIB},
      {"v1_gib_estimate", KVC_TEXT_V1_ESTIMATE},
      {"v1_gib_estimate_docs", KVC_TEXT_V1_DOCS}, {"v1_fixed_typo", KVC_TEXT_V1_FIXED}}},
    {"log_weights", OFF(weights_text), KVC_WTEXT_GIB,
     {{"loading_weights_gb", KVC_WTEXT_LOADING_GB}, {"model_loading_gb", KVC_WTEXT_MODEL_GB},
      {"model_loading_gib", KVC_WTEXT_GIB},
      {"model_loading_gib_memory", KVC_WTEXT_GIB_MEMORY},
      {"model_loading_gib_memory_short", KVC_WTEXT_GIB_MEMORY_SHORT}}},
    {"cudagraph_sizes", OFF(graph_sizes), KVC_GRAPH_NONE,
     {{"v0_list_256", KVC_GRAPH_V0_256}, {"v0_multiples_of_8", KVC_GRAPH_V0_STEP8},
      {"v1_512_step8", KVC_GRAPH_V1_512_STEP8},
      {"v1_twice_seqs_step8", KVC_GRAPH_TWICE_STEP8},
      {"v1_twice_seqs_step8_then16", KVC_GRAPH_TWICE_STEP16}}},
};

struct bool_fact {
  const char *key;
  size_t offset;
};
static const struct bool_fact bool_facts[] = {
    {"requested_ceil", OFF(requested_ceil)},
    {"startup_free_check", OFF(startup_free_check)},
    {"cudagraph_estimate_subtracted", OFF(cudagraph_subtracted)},
    {"null_block", OFF(null_block)},
    {"printed_one_line", OFF(printed_one_line)},
    {"mla", OFF(mla)},
    {"auto_fit_max_model_len", OFF(auto_fit)},
    {"moe_workspace_persistent", OFF(moe_workspace_persistent)},
    {"sampler_profiled", OFF(sampler_profiled)},
    {"encoder_held", OFF(encoder_held)},
};

struct const_fact {
  const char *key, *spread_key;
  size_t offset;
  double unit;
};
static const struct const_fact const_facts[] = {
    {"sampler_bytes_per_logit", "sampler_bytes_per_logit_spread",
     OFF(sampler_bytes_per_logit), 1},
    {"activation_base_gib", "activation_base_spread_gib", OFF(activation_base_bytes), KVC_GIB},
    {"non_torch_tp1_gib", "non_torch_tp1_spread_gib", OFF(non_torch_tp1_bytes), KVC_GIB},
    {"non_torch_pp_gib", "non_torch_tp1_spread_gib", OFF(non_torch_pp_bytes), KVC_GIB},
    {"graph_base_gib", NULL, OFF(graph_base_bytes), KVC_GIB},
    {"graph_per_capture_gib", NULL, OFF(graph_per_capture_bytes), KVC_GIB},
    {"graph_latent_gib", NULL, OFF(graph_latent_bytes), KVC_GIB},
    {"graph_sparse_gib", NULL, OFF(graph_sparse_bytes), KVC_GIB},
    {"allocator_slack_frac", NULL, OFF(allocator_slack_frac), 1},
};
/* clang-format on */

static const char *value_of(const struct kvc_engine *engine, const char *key,
                            const struct kvc_version *v, enum kvc_engine_kind kind)
{
  const struct kvc_fact *f = kvc_engine_fact(engine, key, v, kind);
  return f != NULL ? f->value : NULL;
}

static kvc_code read_enum(const struct enum_fact *row, const char *value, void *facts,
                          struct kvc_err *err)
{
  int n = row->missing;
  if (value != NULL) {
    size_t i = 0;
    while (i < sizeof row->words / sizeof *row->words && row->words[i].word != NULL &&
           strcmp(row->words[i].word, value) != 0)
      i++;
    if (i == sizeof row->words / sizeof *row->words || row->words[i].word == NULL)
      return kvc_fail(err, KVC_E_PARSE, row->key,
                      "\"%s\" is not a known value of this fact", value);
    n = row->words[i].value;
  }
  memcpy((char *)facts + row->offset, &n, sizeof n); /* enums here are int-sized */
  return KVC_E_OK;
}

static kvc_code number(const char *key, const char *value, double *out,
                       struct kvc_err *err)
{
  if (value == NULL)
    return kvc_fail(err, KVC_E_UNSUPPORTED, key,
                    "the engine profile has no value of this fact for the release");
  return kvc_num_parse(value, key, out, err);
}

static kvc_code read_const(const struct const_fact *row, const char *key,
                           const struct kvc_engine *engine, const struct kvc_version *v,
                           enum kvc_engine_kind kind, struct kvc_mem_facts *facts,
                           struct kvc_err *err)
{
  const struct kvc_fact *f = kvc_engine_fact(engine, key, v, kind);
  struct kvc_const c = {0};
  KVC_TRY(number(key, f != NULL ? f->value : NULL, &c.value, err));
  c.value *= row->unit;
  c.cite = f->cite;
  c.note = f->note;
  if (row->spread_key != NULL) {
    KVC_TRY(number(row->spread_key, value_of(engine, row->spread_key, v, kind), &c.spread,
                   err));
    c.spread *= row->unit;
  }
  memcpy((char *)facts + row->offset, &c, sizeof c);
  return KVC_E_OK;
}

/* NCCL maps multicast buffers where NVSwitch and the card support them. */
static bool has_multicast(const struct kvc_gpu *gpu)
{
  return gpu->vendor == KVC_VENDOR_NVIDIA && gpu->link_domain >= 8 &&
         gpu->compute_capability != NULL &&
         (gpu->compute_capability[1] != '.' || gpu->compute_capability[0] >= '9');
}

/* Blackwell data-centre cards (compute capability 10.x) capture larger batches. */
static bool is_sm100(const struct kvc_gpu *gpu)
{
  return gpu->compute_capability != NULL &&
         strncmp(gpu->compute_capability, "10.", 3) == 0;
}

/* Where CPU and GPU share memory, what the system caches while the weights load
 * counts as used by the server. */
static kvc_code unified_memory(const struct kvc_engine *engine,
                               const struct kvc_version *v, enum kvc_engine_kind kind,
                               const struct kvc_gpu *gpu, struct kvc_mem_facts *facts,
                               struct kvc_err *err)
{
  if (!gpu->unified_memory || gpu->vendor != KVC_VENDOR_NVIDIA) return KVC_E_OK;
  double more = 0;
  KVC_TRY(number("non_torch_unified_gib",
                 value_of(engine, "non_torch_unified_gib", v, kind), &more, err));
  struct kvc_const *const all[] = {&facts->non_torch_tp1_bytes,
                                   &facts->non_torch_tp_bytes,
                                   &facts->non_torch_pp_bytes};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    all[i]->value += more * KVC_GIB;
    all[i]->spread += more / 2 * KVC_GIB;
  }
  return KVC_E_OK;
}

kvc_code facts_resolve(const struct kvc_engine *engine, const struct kvc_version *v,
                       enum kvc_engine_kind kind, const struct kvc_gpu *gpu,
                       struct kvc_mem_facts *out, struct kvc_err *err)
{
  struct kvc_mem_facts facts = {.engine = kind};
  for (size_t i = 0; i < sizeof enum_facts / sizeof *enum_facts; i++)
    KVC_TRY(read_enum(&enum_facts[i], value_of(engine, enum_facts[i].key, v, kind),
                      &facts, err));
  for (size_t i = 0; i < sizeof bool_facts / sizeof *bool_facts; i++) {
    const char *value = value_of(engine, bool_facts[i].key, v, kind);
    const bool on = value != NULL && strcmp(value, "true") == 0;
    memcpy((char *)&facts + bool_facts[i].offset, &on, sizeof on);
  }
  for (size_t i = 0; i < sizeof const_facts / sizeof *const_facts; i++)
    KVC_TRY(
        read_const(&const_facts[i], const_facts[i].key, engine, v, kind, &facts, err));
  const struct const_fact tp = {"non_torch_tp_gib", "non_torch_tp_spread_gib",
                                OFF(non_torch_tp_bytes), KVC_GIB};
  KVC_TRY(read_const(&tp, has_multicast(gpu) ? tp.key : "non_torch_tp_plain_gib", engine,
                     v, kind, &facts, err));
  KVC_TRY(unified_memory(engine, v, kind, gpu, &facts, err));
  double cap = 0, inflight = 1;
  KVC_TRY(number("cudagraph_max_cap_tok",
                 value_of(engine,
                          is_sm100(gpu) && kind == KVC_ENGINE_V1
                              ? "cudagraph_max_cap_sm100_tok"
                              : "cudagraph_max_cap_tok",
                          v, kind),
                 &cap, err));
  KVC_TRY(number("swa_inflight_batches",
                 value_of(engine, "swa_inflight_batches", v, kind), &inflight, err));
  facts.graph_cap_tok = (int64_t)cap;
  facts.swa_inflight_batches = (int)inflight;
  const char *avail = value_of(engine, "log_available", v, kind);
  facts.available_line = avail != NULL;
  facts.available_2_decimals = avail != NULL && strcmp(avail, "2_decimals") == 0;
  facts.mixed_page_align = value_of(engine, "hybrid_block_align", v, kind) != NULL;
  *out = facts;
  return KVC_E_OK;
}
