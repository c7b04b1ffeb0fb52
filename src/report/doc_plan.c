/* doc_plan.c - a plan as a tree: one row a key, for the values and for the schema.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keys are a contract ("schema": 1): they are added, never renamed or removed.
 */
#include "doc_plan.h"
#include "fields.h"
#include <math.h>
#include <string.h>

#ifndef KVC_VERSION
#define KVC_VERSION "0.0.0"
#endif

/* What a row shows and no struct holds as it is. */
struct plan_facts {
  const char *kvcap_version, *version, *objective, *workload, *price_at;
  double rate, burstiness, peak_to_trough, growth, prompt, output, prefix, turns, goodput,
      budget, power, max_gpus, horizon, seed;
  bool fp8_weights, fp8_kv;
};

struct option_facts {
  double rank, gpus_per_replica, decode_replicas;
  const char *instance, *region, *binding, *source;
};

struct front_facts {
  const char *frontier, *gpu;
  double option, tp, pp, dp;
};

struct name_fact {
  const char *name;
};

enum { FIRST, UNIT, FACTS }; /* bases of an option; of the rest FIRST and FACTS */
#define PLAN(member) FIRST, offsetof(struct kvc_plan, member)
#define ASKED(member) FIRST, offsetof(struct kvc_search_request, member)
#define OF(member) FACTS, offsetof(struct plan_facts, member)
#define OPT(member) FIRST, offsetof(struct kvc_search_option, member)
#define ONE(member) UNIT, offsetof(struct kvc_search_unit, member)
#define MADE(member) FACTS, offsetof(struct option_facts, member)
#define Q(member) FIRST, offsetof(struct kvc_quantiles, member)
#define IN(type, member) FIRST, offsetof(struct type, member)
#define AT(member) FACTS, offsetof(struct front_facts, member)
#define NAMED FACTS, offsetof(struct name_fact, name)
#define END                                                                              \
  {                                                                                      \
    .type = FIELD_END                                                                    \
  }

/* clang-format off */
static const struct field top_rows[] = {
  {"schema", FIELD_INT, PLAN(schema), KVC_U_NONE, false, "version of this contract: 1"},
  {"kvcap_version", FIELD_TEXT, OF(kvcap_version), KVC_U_NONE, false, "the program that wrote it"},
  {"vllm_version", FIELD_TEXT, OF(version), KVC_U_NONE, true, "release that was planned for"},
  {"verdict", FIELD_TEXT, PLAN(verdict), KVC_U_NONE, false, "one sentence: what to run, or what came nearest"},
  END};
static const struct field question_rows[] = {
  {"rate_per_s", FIELD_NUM, OF(rate), KVC_U_NONE, true, "requests a second that must hold: the peak of the day"},
  {"burstiness", FIELD_NUM, OF(burstiness), KVC_U_NONE, false, "of arrivals; 1 is Poisson"},
  {"peak_to_trough", FIELD_NUM, OF(peak_to_trough), KVC_U_NONE, false, "of the day; 1 is flat"},
  {"growth_per_month_frac", FIELD_NUM, OF(growth), KVC_U_FRAC, true, "of the rate, compounding"},
  {"horizon_months", FIELD_WHOLE, OF(horizon), KVC_U_COUNT, true, "that the growth is followed for"},
  {"workload", FIELD_TEXT, OF(workload), KVC_U_NONE, true, "name of the workload profile"},
  {"prompt_tok", FIELD_NUM, OF(prompt), KVC_U_COUNT, true, "mean prompt"},
  {"prompt_cv", FIELD_NUM, ASKED(demand.load.prompt_cv), KVC_U_NONE, true, "standard deviation / mean"},
  {"output_tok", FIELD_NUM, OF(output), KVC_U_COUNT, true, "mean output"},
  {"output_cv", FIELD_NUM, ASKED(demand.load.output_cv), KVC_U_NONE, true, "standard deviation / mean"},
  {"shared_prefix_tok", FIELD_NUM, OF(prefix), KVC_U_COUNT, true, "of the prompt, shared by all requests"},
  {"turns", FIELD_NUM, OF(turns), KVC_U_COUNT, true, "requests of one conversation"},
  {"trace_pairs", FIELD_SIZE, ASKED(n_pairs), KVC_U_COUNT, false, "lengths that were read; 0: drawn from the means"},
  {"goodput_frac", FIELD_NUM, OF(goodput), KVC_U_FRAC, true, "share of requests that meets the limits of every request"},
  {"headroom_frac", FIELD_NUM, ASKED(headroom_frac), KVC_U_FRAC, true, "of each replica's largest rate, kept free"},
  {"objective", FIELD_TEXT, OF(objective), KVC_U_NONE, true, "what the options are ranked by: cost, cost-per-token, energy or latency"},
  {"budget_per_hour", FIELD_NUM, OF(budget), KVC_U_USD, true, "at most so many USD"},
  {"power_watts", FIELD_NUM, OF(power), KVC_U_COUNT, true, "at most"},
  {"max_gpus", FIELD_WHOLE, OF(max_gpus), KVC_U_COUNT, true, "at most, in all"},
  {"price_at", FIELD_TEXT, OF(price_at), KVC_U_NONE, true, "only prices of places with this word"},
  {"allow_fp8_weights", FIELD_BOOL, OF(fp8_weights), KVC_U_NONE, false, "FP8 weights may be made of others"},
  {"allow_fp8_kv", FIELD_BOOL, OF(fp8_kv), KVC_U_NONE, false, "the KV cache may be FP8"},
  {"seed", FIELD_WHOLE, OF(seed), KVC_U_NONE, false, "of arrivals and lengths"},
  END};
static const struct field bar_rows[] = {
  {"limit", FIELD_TEXT, NAMED, KVC_U_NONE, false, "figure and quantile, such as ttft_p95"},
  {"limit_s", FIELD_NUM, IN(kvc_slo_bar, limit_s), KVC_U_NONE, true, "at most"},
  {"every_request", FIELD_BOOL, IN(kvc_slo_bar, each), KVC_U_NONE, false, "no quantile was written"},
  END};
static const struct field step_rows[] = {
  {"month", FIELD_NUM, IN(kvc_growth_step, month), KVC_U_NONE, true, "from then on"},
  {"rate_per_s", FIELD_NUM, IN(kvc_growth_step, rate_per_s), KVC_U_NONE, true, "requests a second"},
  END};
static const struct field hardware_rows[] = {
  {"gpu", FIELD_TEXT, IN(kvc_hardware, gpu), KVC_U_NONE, true, "name in the profiles"},
  {"instance", FIELD_TEXT, IN(kvc_hardware, instance), KVC_U_NONE, true, "instance type"},
  {"region", FIELD_TEXT, IN(kvc_hardware, region), KVC_U_NONE, true, "where"},
  {"gpus_per_node", FIELD_INT, IN(kvc_hardware, gpus_per_node), KVC_U_COUNT, false, "joined by the links of one node; 0: as many as the GPU's links join"},
  {"whole_nodes", FIELD_BOOL, IN(kvc_hardware, whole_nodes), KVC_U_NONE, false, "paid for by the node"},
  {"price_per_gpu_hour", FIELD_NUM, IN(kvc_hardware, usd_per_gpu_hour), KVC_U_USD, true, "USD as stated; null: of the profile"},
  {"price_source", FIELD_TEXT, IN(kvc_hardware, price_from), KVC_U_NONE, true, "where that is from"},
  {"stock_gpus", FIELD_I64, IN(kvc_hardware, stock_gpus), KVC_U_COUNT, false, "that there are; 0: no limit"},
  END};

static const struct field option_rows[] = {
  {"rank", FIELD_WHOLE, MADE(rank), KVC_U_COUNT, false, "1 is the best"},
  {"model", FIELD_TEXT, OPT(model), KVC_U_NONE, true, "canonical name"},
  {"gpu", FIELD_TEXT, OPT(gpu), KVC_U_NONE, true, "canonical name"},
  {"instance", FIELD_TEXT, MADE(instance), KVC_U_NONE, true, "instance type"},
  {"region", FIELD_TEXT, MADE(region), KVC_U_NONE, true, "where"},
  {"gpus", FIELD_SIZE, OPT(gpus), KVC_U_COUNT, false, "in all"},
  {"gpus_per_replica", FIELD_WHOLE, MADE(gpus_per_replica), KVC_U_COUNT, false, "that one server runs on"},
  {"replicas", FIELD_I64, ONE(replicas), KVC_U_COUNT, false, "servers that the load needs"},
  {"prefill_replicas", FIELD_INT, ONE(prefill_replicas), KVC_U_COUNT, false, "of them for prompts alone; 0: each does both"},
  {"decode_replicas", FIELD_WHOLE, MADE(decode_replicas), KVC_U_COUNT, false, "of them for decoding alone"},
  {"tensor_parallel_size", FIELD_INT, ONE(shape.tp), KVC_U_COUNT, false, "of a replica"},
  {"pipeline_parallel_size", FIELD_INT, ONE(shape.pp), KVC_U_COUNT, false, "of a replica"},
  {"data_parallel_size", FIELD_INT, ONE(shape.dp), KVC_U_COUNT, false, "of a replica"},
  {"expert_parallel", FIELD_BOOL, ONE(shape.expert_parallel), KVC_U_NONE, false, "experts are spread over the GPUs"},
  {"speculation", FIELD_BOOL, ONE(shape.speculation), KVC_U_NONE, false, "drafts are made as the question has it"},
  {"quantization", FIELD_TEXT, OPT(quantization), KVC_U_NONE, true, "of the weights"},
  {"kv_cache_dtype", FIELD_TEXT, OPT(kv_cache_dtype), KVC_U_NONE, true, "of the KV cache"},
  {"may_cost_accuracy", FIELD_BOOL, OPT(quality), KVC_U_NONE, false, "it has something that does not leave answers as they are"},
  {"max_num_seqs", FIELD_I64, ONE(max_num_seqs), KVC_U_COUNT, false, "of a replica"},
  {"max_num_batched_tokens", FIELD_I64, ONE(max_num_batched_tok), KVC_U_COUNT, false, "of a replica"},
  {"max_model_len", FIELD_I64, ONE(max_model_len_tok), KVC_U_COUNT, false, "of a replica"},
  {"cost_per_hour", FIELD_NUM, OPT(usd_per_hour), KVC_U_USD, true, "USD, all replicas"},
  {"cost_per_year", FIELD_NUM, OPT(usd_per_year), KVC_U_USD, true, "USD"},
  {"cost_per_million_output_tokens", FIELD_NUM, OPT(usd_per_million_tok), KVC_U_USD, true, "USD"},
  {"cost_per_day_scaled", FIELD_NUM, OPT(usd_per_day_scaled), KVC_U_USD, true, "USD when replicas follow the day"},
  {"price_per_gpu_hour", FIELD_NUM, OPT(usd_per_gpu_hour), KVC_U_USD, true, "USD that all costs are made of"},
  {"price_source", FIELD_TEXT, OPT(price_from), KVC_U_NONE, true, "where that is from"},
  {"max_rate_per_replica", FIELD_NUM, ONE(max_rate_per_s), KVC_U_NONE, true, "requests a second of one replica that hold the limits"},
  {"rate_per_replica", FIELD_NUM, ONE(load_rate_per_s), KVC_U_NONE, true, "that each gets of the load"},
  {"headroom_frac", FIELD_NUM, OPT(headroom_frac), KVC_U_FRAC, true, "of the largest rate, not used by the load"},
  {"binding_constraint", FIELD_TEXT, MADE(binding), KVC_U_NONE, true, "what stops more: a limit such as tpot_p95, queue or goodput"},
  {"limits_hold_at_high_end", FIELD_BOOL, OPT(certain), KVC_U_NONE, false, "the limits hold at the high end of the intervals too"},
  {"watts", FIELD_NUM, OPT(watts), KVC_U_COUNT, true, "of all GPUs under the load, an estimate"},
  {"joules_per_output_token", FIELD_NUM, ONE(joules_per_output_token), KVC_U_NONE, true, "GPUs alone, an estimate"},
  {"speed_source", FIELD_TEXT, MADE(source), KVC_U_NONE, false, "what step times rest on: measured, architecture or sheet"},
  {"simulated_runs", FIELD_INT, ONE(simulated), KVC_U_COUNT, false, "that the search took for it"},
  {"command", FIELD_TEXT, OPT(command), KVC_U_NONE, true, "of one replica, a line for a POSIX shell"},
  END};
static const struct field predicted_rows[] = {
  {"reason", FIELD_TEXT, OPT(reason), KVC_U_NONE, true, "for the width of low to high"},
  END};
static const struct field quantile_rows[] = {
  {"mean_s", FIELD_NUM, Q(mean), KVC_U_NONE, true, "mean"},
  {"p50_s", FIELD_NUM, Q(p50), KVC_U_NONE, true, "median"},
  {"p90_s", FIELD_NUM, Q(p90), KVC_U_NONE, true, "90th percentile"},
  {"p95_s", FIELD_NUM, Q(p95), KVC_U_NONE, true, "95th percentile"},
  {"p99_s", FIELD_NUM, Q(p99), KVC_U_NONE, true, "99th percentile"},
  END};
static const struct field load_rows[] = {
  {"rate_per_s", FIELD_NUM, IN(kvc_search_point, rate_per_s), KVC_U_NONE, true, "requests"},
  {"output_tok_per_s", FIELD_NUM, IN(kvc_search_point, output_tok_per_s), KVC_U_NONE, true, "tokens generated"},
  {"goodput_frac", FIELD_NUM, IN(kvc_search_point, goodput_frac), KVC_U_FRAC, true, "of the requests, within the limits of every request"},
  {"kv_mean_usage_frac", FIELD_NUM, IN(kvc_search_point, kv_mean_frac), KVC_U_FRAC, true, "of the KV pool, over time"},
  {"kv_peak_usage_frac", FIELD_NUM, IN(kvc_search_point, kv_peak_frac), KVC_U_FRAC, true, "at most"},
  {"mean_running", FIELD_NUM, IN(kvc_search_point, running_mean), KVC_U_NONE, true, "requests, over time"},
  {"gpu_busy_frac", FIELD_NUM, IN(kvc_search_point, busy_frac), KVC_U_FRAC, true, "share of the time in which a step ran"},
  {"preemptions_per_request", FIELD_NUM, IN(kvc_search_point, preemptions_per_request), KVC_U_NONE, true, "thrown out to make room"},
  {"watts", FIELD_NUM, IN(kvc_search_point, watts), KVC_U_COUNT, true, "an estimate"},
  {"worst_ratio", FIELD_NUM, IN(kvc_search_point, ratio), KVC_U_NONE, true, "worst figure over its limit; up to 1 the limits hold"},
  END};
static const struct field tried_rows[] = {
  {"rate_per_s", FIELD_NUM, IN(kvc_search_point, rate_per_s), KVC_U_NONE, true, "requests"},
  {"ttft_p95_s", FIELD_NUM, IN(kvc_search_point, ttft_s.p95), KVC_U_NONE, true, "95th percentile"},
  {"tpot_p95_s", FIELD_NUM, IN(kvc_search_point, tpot_s.p95), KVC_U_NONE, true, "95th percentile"},
  {"e2e_p95_s", FIELD_NUM, IN(kvc_search_point, e2e_s.p95), KVC_U_NONE, true, "95th percentile"},
  {"output_tok_per_s", FIELD_NUM, IN(kvc_search_point, output_tok_per_s), KVC_U_NONE, true, "tokens generated"},
  {"worst_ratio", FIELD_NUM, IN(kvc_search_point, ratio), KVC_U_NONE, true, "worst figure over its limit; up to 1 the limits hold"},
  END};
static const struct field month_rows[] = {
  {"month", FIELD_NUM, IN(kvc_search_month, month), KVC_U_NONE, true, "from today"},
  {"rate_per_s", FIELD_NUM, IN(kvc_search_month, rate_per_s), KVC_U_NONE, true, "requests a second then"},
  {"replicas", FIELD_I64, IN(kvc_search_month, replicas), KVC_U_COUNT, false, "needed then"},
  {"cost_per_hour", FIELD_NUM, IN(kvc_search_month, usd_per_hour), KVC_U_USD, true, "USD"},
  END};
static const struct field sensitivity_rows[] = {
  {"what", FIELD_TEXT, IN(kvc_search_sensitivity, what), KVC_U_NONE, false, "what is different"},
  {"max_rate_per_replica", FIELD_NUM, IN(kvc_search_sensitivity, max_rate_per_s), KVC_U_NONE, true, "then"},
  {"replicas", FIELD_I64, IN(kvc_search_sensitivity, replicas), KVC_U_COUNT, false, "needed then; 0: no number of them does"},
  {"cost_per_hour", FIELD_NUM, IN(kvc_search_sensitivity, usd_per_hour), KVC_U_USD, true, "USD"},
  END};
static const struct field lost_rows[] = {
  {"limits_hold", FIELD_BOOL, OPT(survives), KVC_U_NONE, false, "the others still hold the limits"},
  {"text", FIELD_TEXT, OPT(survival), KVC_U_NONE, true, "in words"},
  END};
static const struct field flag_rows[] = {
  {"name", FIELD_TEXT, IN(kvc_advised, name), KVC_U_NONE, false, "spelling of the release"},
  {"value", FIELD_TEXT, IN(kvc_advised, value), KVC_U_NONE, true, "value; true for a switch"},
  {"reason", FIELD_TEXT, IN(kvc_advised, reason), KVC_U_NONE, false, "why"},
  END};

static const struct field front_rows[] = {
  {"frontier", FIELD_TEXT, AT(frontier), KVC_U_NONE, false, "cost_latency or throughput_speed: the two figures in which nothing beats it"},
  {"option", FIELD_WHOLE, AT(option), KVC_U_COUNT, true, "rank of the option that runs the same"},
  {"gpu", FIELD_TEXT, AT(gpu), KVC_U_NONE, true, "canonical where an option runs on it, else as the question names it"},
  {"tensor_parallel_size", FIELD_WHOLE, AT(tp), KVC_U_COUNT, true, "of a replica"},
  {"pipeline_parallel_size", FIELD_WHOLE, AT(pp), KVC_U_COUNT, true, "of a replica"},
  {"data_parallel_size", FIELD_WHOLE, AT(dp), KVC_U_COUNT, true, "of a replica"},
  {"what", FIELD_TEXT, IN(kvc_search_front, what), KVC_U_NONE, true, "in words"},
  {"replicas", FIELD_I64, IN(kvc_search_front, replicas), KVC_U_COUNT, false, "at this rate a replica"},
  {"rate_per_replica", FIELD_NUM, IN(kvc_search_front, rate_per_s), KVC_U_NONE, true, "requests a second"},
  {"cost_per_hour", FIELD_NUM, IN(kvc_search_front, usd_per_hour), KVC_U_USD, true, "USD"},
  {"e2e_p95_s", FIELD_NUM, IN(kvc_search_front, e2e_p95_s), KVC_U_NONE, true, "end to end"},
  {"tok_per_s_per_gpu", FIELD_NUM, IN(kvc_search_front, tok_per_s_per_gpu), KVC_U_NONE, true, "generated"},
  {"tok_per_s_per_user", FIELD_NUM, IN(kvc_search_front, tok_per_s_per_user), KVC_U_NONE, true, "1 / TPOT: how fast an answer is written"},
  END};
static const struct field rejected_rows[] = {
  {"what", FIELD_TEXT, IN(kvc_search_rejected, what), KVC_U_NONE, false, "in words"},
  {"why", FIELD_TEXT, IN(kvc_search_rejected, why), KVC_U_NONE, false, "a clause"},
  {"fate", FIELD_TEXT, NAMED, KVC_U_NONE, false, "unsupported, memory, bound, limit, dominated, slo; found: ranks lower"},
  END};
static const struct field why_not_rows[] = {
  {"asked", FIELD_TEXT, IN(kvc_search_why_not, asked), KVC_U_NONE, false, "as it was typed"},
  {"what", FIELD_TEXT, IN(kvc_search_why_not, what), KVC_U_NONE, true, "how it was understood"},
  {"why", FIELD_TEXT, IN(kvc_search_why_not, why), KVC_U_NONE, false, "the answer"},
  {"replicas", FIELD_I64, IN(kvc_search_why_not, replicas), KVC_U_COUNT, false, "it would need; 0 unknown"},
  {"max_rate_per_replica", FIELD_NUM, IN(kvc_search_why_not, max_rate_per_s), KVC_U_NONE, true, "requests a second"},
  {"cost_per_hour", FIELD_NUM, IN(kvc_search_why_not, usd_per_hour), KVC_U_USD, true, "USD"},
  END};
static const struct field searched_rows[] = {
  {"candidates", FIELD_SIZE, PLAN(candidates), KVC_U_COUNT, false, "units of the space"},
  {"pruned", FIELD_SIZE, PLAN(pruned), KVC_U_COUNT, false, "settled without a simulation"},
  {"simulated", FIELD_SIZE, PLAN(simulated_units), KVC_U_COUNT, false, "units that were simulated"},
  {"runs", FIELD_I64, PLAN(simulated), KVC_U_COUNT, false, "simulations that took"},
  {"wall_s", FIELD_NUM, PLAN(wall_s), KVC_U_NONE, true, "what the search took"},
  END};

#define TIMES(name, help)                                                        \
  {"options.predicted." name, SECTION_MAP, quantile_rows, help, false},          \
  {"options.predicted." name ".low", SECTION_MAP, quantile_rows, "low end of the interval", false}, \
  {"options.predicted." name ".high", SECTION_MAP, quantile_rows, "high end of the interval", false}

static const struct section sections[] = {
  {"", SECTION_TOP, top_rows, NULL, false},
  {"question", SECTION_MAP, question_rows, "what was asked", false},
  {"question.models", SECTION_TEXTS, NULL, "names or config files", false},
  {"question.slo", SECTION_LIST, bar_rows, "the limits", false},
  {"question.growth", SECTION_LIST, step_rows, "steps of the rate", false},
  {"question.hardware", SECTION_LIST, hardware_rows, "what may be used; empty: every GPU that has a price", false},
  {"question.why_not", SECTION_TEXTS, NULL, "configurations asked about", false},
  {"options", SECTION_LIST, option_rows, "what holds the limits, best first", false},
  {"options.predicted", SECTION_MAP, predicted_rows, "what users see under the load", false},
  TIMES("ttft", "time to first token"),
  TIMES("tpot", "(end to end - TTFT) / (output tokens - 1)"),
  TIMES("e2e", "end to end"),
  {"options.predicted.itl", SECTION_MAP, quantile_rows, "between tokens", false},
  {"options.predicted.queue", SECTION_MAP, quantile_rows, "arrival to first scheduled", false},
  {"options.load", SECTION_MAP, load_rows, "one replica under its part of the load", false},
  {"options.points", SECTION_LIST, tried_rows, "rates of one replica that were tried", false},
  {"options.replicas_by_hour", SECTION_COUNTS, NULL, "of the day, from midnight", false},
  {"options.growth", SECTION_LIST, month_rows, "the months to come", false},
  {"options.sensitivity", SECTION_LIST, sensitivity_rows, "were the load or the hardware different", false},
  {"options.replica_lost", SECTION_MAP, lost_rows, "with one replica less", false},
  {"options.flags", SECTION_LIST, flag_rows, "of the command, each with its reason", false},
  {"pareto", SECTION_LIST, front_rows, "what nothing beats in both figures", false},
  {"rejected", SECTION_LIST, rejected_rows, "the others", false},
  {"why_not", SECTION_LIST, why_not_rows, "answers to what was asked about", false},
  {"searched", SECTION_MAP, searched_rows, "the search itself", false},
  {"notes", SECTION_TEXTS, NULL, "what was presumed", false},
};
/* clang-format on */

/* ---- the question ---- */

static double known(double v)
{
  return v > 0 ? v : (double)NAN;
}

static void add_one(struct kvc_doc *doc, struct kvc_node *map, const struct field *rows,
                    const void *first, const void *facts)
{
  fields_add(doc, map, rows, (const void *const[FIELD_BASES]){first, first, facts});
}

/* Structs of one kind 'stride' bytes apart, whose rows need no facts. */
static void add_list(struct kvc_doc *doc, struct kvc_node *map, const char *key,
                     const struct field *rows, const void *array, size_t count,
                     size_t stride)
{
  struct kvc_node *list = kvc_node_add(doc, map, key, KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++) {
    const void *one = (const char *)array + i * stride;
    add_one(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), rows, one, one);
  }
}

static void add_texts(struct kvc_doc *doc, struct kvc_node *map, const char *key,
                      const char *const *texts, size_t count)
{
  struct kvc_node *list = kvc_node_add(doc, map, key, KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++)
    if (texts[i] != NULL) kvc_node_text(doc, list, NULL, texts[i]);
}

static struct plan_facts facts_of(const struct kvc_plan *plan)
{
  const struct kvc_search_request *r = plan_question(plan);
  const struct kvc_workload *load = &r->demand.load;
  const double prefix = load->shared_prefix_tok > 0
                            ? load->shared_prefix_tok
                            : load->shared_prefix_frac * load->prompt_tok;
  return (struct plan_facts){.kvcap_version = KVC_VERSION,
                             .version = plan->version[0] != '\0' ? plan->version : NULL,
                             .objective = kvc_objective_name(r->objective),
                             .workload = r->demand.name,
                             .price_at = r->price_at,
                             .rate = known(r->rate_per_s),
                             .burstiness = r->burstiness > 0 ? r->burstiness : 1,
                             .peak_to_trough =
                                 r->peak_to_trough > 1 ? r->peak_to_trough : 1,
                             .growth = r->growth_per_month,
                             .horizon = known(r->horizon_months),
                             .prompt = known(load->prompt_tok),
                             .output = known(load->output_tok),
                             .prefix = known(prefix),
                             .turns = known(r->demand.turns),
                             .goodput = known(r->slo.goodput_frac),
                             .budget = known(r->budget_usd_per_hour),
                             .power = known(r->power_watts),
                             .max_gpus = known((double)r->max_gpus),
                             .seed = (double)r->seed,
                             .fp8_weights = (r->allow & KVC_ALLOW_FP8_WEIGHTS) != 0,
                             .fp8_kv = (r->allow & KVC_ALLOW_FP8_KV) != 0};
}

static void add_question(struct kvc_doc *doc, const struct kvc_plan *plan,
                         const struct plan_facts *facts)
{
  const struct kvc_search_request *r = plan_question(plan);
  struct kvc_node *map = kvc_node_add(doc, doc->root, "question", KVC_NODE_MAP);
  add_one(doc, map, question_rows, r, facts);
  struct kvc_node *list = kvc_node_add(doc, map, "models", KVC_NODE_LIST);
  for (size_t i = 0; i < r->n_models; i++) {
    const struct kvc_size_request *m = &r->models[i];
    const char *name = m->model_name != NULL ? m->model_name : m->model_config_path;
    if (name != NULL) kvc_node_text(doc, list, NULL, name);
  }
  list = kvc_node_add(doc, map, "slo", KVC_NODE_LIST);
  for (size_t i = 0; i < r->slo.n; i++) {
    char name[KVC_SLO_NAME];
    kvc_slo_name(&r->slo.bars[i], name);
    const struct name_fact limit = {TEXT(doc, "%s", name)};
    add_one(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), bar_rows, &r->slo.bars[i],
            &limit);
  }
  add_list(doc, map, "growth", step_rows, r->growth, r->n_growth, sizeof *r->growth);
  add_list(doc, map, "hardware", hardware_rows, r->hardware, r->n_hardware,
           sizeof *r->hardware);
  add_texts(doc, map, "why_not", r->why_not, r->n_why_not);
}

/* ---- an option ---- */

static struct kvc_node *add_times(struct kvc_doc *doc, struct kvc_node *map,
                                  const char *key, const struct kvc_quantiles *q)
{
  struct kvc_node *one = kvc_node_add(doc, map, key, KVC_NODE_MAP);
  add_one(doc, one, quantile_rows, q, q);
  return one;
}

static void add_predicted(struct kvc_doc *doc, struct kvc_node *map,
                          const struct kvc_search_option *o)
{
  const struct kvc_search_point *load = &plan_unit(o)->load;
  const struct {
    const char *key;
    const struct kvc_quantiles *value;
    const struct kvc_search_interval *interval;
  } figures[] = {{"ttft", &load->ttft_s, &o->ttft_s},
                 {"tpot", &load->tpot_s, &o->tpot_s},
                 {"e2e", &load->e2e_s, &o->e2e_s}};
  struct kvc_node *all = kvc_node_add(doc, map, "predicted", KVC_NODE_MAP);
  add_one(doc, all, predicted_rows, o, o);
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    struct kvc_node *one = add_times(doc, all, figures[i].key, figures[i].value);
    (void)add_times(doc, one, "low", &figures[i].interval->low);
    (void)add_times(doc, one, "high", &figures[i].interval->high);
  }
  (void)add_times(doc, all, "itl", &load->itl_s);
  (void)add_times(doc, all, "queue", &load->queue_s);
}

static void add_option(struct kvc_doc *doc, struct kvc_node *list,
                       const struct kvc_search_option *o, size_t rank)
{
  static const char *const sources[] = {"measured", "architecture", "sheet"};
  const struct kvc_search_unit *u = plan_unit(o);
  const struct kvc_search_shape *s = &u->shape;
  const size_t source = (size_t)u->source < 3 ? (size_t)u->source : 2;
  const size_t n = u->n_points < 0                   ? 0
                   : u->n_points > KVC_SEARCH_POINTS ? KVC_SEARCH_POINTS
                                                     : (size_t)u->n_points;
  const struct option_facts facts = {
      .rank = (double)rank,
      .gpus_per_replica = fmax(1, s->tp) * fmax(1, s->pp) *
                          fmax(1, s->dp), /* of what runs, not paid for */
      .decode_replicas =
          u->prefill_replicas > 0 ? (double)(u->replicas - u->prefill_replicas) : 0,
      .instance = o->hardware != NULL ? o->hardware->instance : NULL,
      .region = o->hardware != NULL ? o->hardware->region : NULL,
      .binding = u->binding[0] != '\0' ? u->binding : NULL,
      .source = sources[source]};
  struct kvc_node *map = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
  fields_add(doc, map, option_rows, (const void *const[FIELD_BASES]){o, u, &facts});
  add_predicted(doc, map, o);
  add_one(doc, kvc_node_add(doc, map, "load", KVC_NODE_MAP), load_rows, &u->load,
          &u->load);
  add_list(doc, map, "points", tried_rows, u->points, n, sizeof *u->points);
  struct kvc_node *hours = kvc_node_add(doc, map, "replicas_by_hour", KVC_NODE_LIST);
  for (size_t i = 0; i < 24; i++)
    kvc_node_num(doc, hours, NULL, (double)o->day[i], KVC_U_COUNT);
  add_list(doc, map, "growth", month_rows, o->months, o->n_months, sizeof *o->months);
  add_list(doc, map, "sensitivity", sensitivity_rows, o->sensitivity, o->n_sensitivity,
           sizeof *o->sensitivity);
  add_one(doc, kvc_node_add(doc, map, "replica_lost", KVC_NODE_MAP), lost_rows, o, o);
  const struct kvc_advice *a = o->advice;
  add_list(doc, map, "flags", flag_rows, a != NULL ? a->flags : NULL,
           a != NULL ? a->n_flags : 0, sizeof(struct kvc_advised));
}

/* ---- the rest ---- */

static void add_front(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "pareto", KVC_NODE_LIST);
  for (size_t i = 0; i < plan->n_front; i++) {
    const struct kvc_search_front *f = &plan->front[i];
    const struct kvc_search_shape *s = f->unit != NULL ? &f->unit->shape : NULL;
    const struct front_facts facts = {.frontier = f->frontier == KVC_FRONTIER_COST_LATENCY
                                                      ? "cost_latency"
                                                      : "throughput_speed",
                                      .gpu = plan_gpu(plan, f->unit),
                                      .option = known((double)plan_rank(plan, f->unit)),
                                      .tp = s != NULL ? s->tp : (double)NAN,
                                      .pp = s != NULL ? s->pp : (double)NAN,
                                      .dp = s != NULL ? s->dp : (double)NAN};
    add_one(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), front_rows, f, &facts);
  }
}

static void add_rejected(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "rejected", KVC_NODE_LIST);
  for (size_t i = 0; i < plan->n_rejected; i++) {
    const struct kvc_search_rejected *r = &plan->rejected[i];
    const struct name_fact fate = {kvc_fate_name(r->fate)};
    add_one(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), rejected_rows, r, &fate);
  }
}

kvc_code kvc_doc_plan(struct kvc_doc *doc, const struct kvc_plan *plan,
                      struct kvc_err *err)
{
  const struct plan_facts facts = facts_of(plan);
  add_one(doc, doc->root, top_rows, plan, &facts);
  add_question(doc, plan, &facts);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "options", KVC_NODE_LIST);
  for (size_t i = 0; i < plan->n_options; i++)
    add_option(doc, list, &plan->options[i], i + 1);
  add_front(doc, plan);
  add_rejected(doc, plan);
  add_list(doc, doc->root, "why_not", why_not_rows, plan->why_not, plan->n_why_not,
           sizeof *plan->why_not);
  add_one(doc, kvc_node_add(doc, doc->root, "searched", KVC_NODE_MAP), searched_rows,
          plan, plan);
  add_texts(doc, doc->root, "notes", plan->notes, plan->n_notes);
  if (!doc->full) plan_view(doc, plan);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

kvc_code kvc_doc_plan_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, sections, sizeof sections / sizeof *sections,
                "kvcap plan --format json");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
