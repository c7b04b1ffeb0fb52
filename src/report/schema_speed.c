/* schema_speed.c - JSON Schemas of a simulation and of a validation.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * These documents are built key by key, so the rows here only describe; a test holds
 * documents against them.
 */
#include "fields.h"
#include <kvcap/simulate.h>
#include <kvcap/validate.h>

/* clang-format off */
#define NUMBER(key, help) {key, FIELD_NUM, 0, 0, KVC_U_NONE, true, help}
#define TRUTH(key, help) {key, FIELD_BOOL, 0, 0, KVC_U_NONE, false, help}
#define TEXT_(key, help) {key, FIELD_TEXT, 0, 0, KVC_U_NONE, true, help}
#define EITHER(key, help) {key, FIELD_ANY, 0, 0, KVC_U_NONE, true, help}
#define END {.type = FIELD_END}

static const struct field top_rows[] = {
  NUMBER("schema", "version of this document, 1"), TEXT_("verdict", "one sentence"),
  TEXT_("model", "canonical name"), TEXT_("gpu", "canonical name"),
  TEXT_("load", "the load in words"), TEXT_("slo", "limits as given"),
  NUMBER("best_rate", "of a sweep: the largest request rate that holds the limits"),
  NUMBER("best_concurrency", "of a sweep over clients: the most that hold them"),
  NUMBER("seed", "of arrivals and lengths"), END};
static const struct field spread_rows[] = {
  NUMBER("low_frac", "nine of ten measured servers had at least this times what is said here"),
  NUMBER("high_frac", "and at most this times"), END};
static const struct field reason_rows[] = {TEXT_("reason", "for the width of the intervals"), END};
static const struct field step_rows[] = {
  NUMBER("total_s", "a decode step of the mean batch"),
  NUMBER("bound_s", "what memory bandwidth and peak rate allow at best"),
  NUMBER("gemm_s", "matrices"), NUMBER("attention_s", "attention and recurrent states"),
  NUMBER("moe_s", "routed experts"), NUMBER("communication_s", "between GPUs"),
  NUMBER("logits_s", "head and sampler"), NUMBER("launch_s", "gaps between kernels"),
  NUMBER("host_s", "scheduler and runner beside the GPU"), END};
static const struct field run_rows[] = {
  EITHER("request_rate", "requests a second that were offered; \"inf\" at once or in a closed loop"),
  NUMBER("concurrency", "clients of a closed loop"),
  NUMBER("preemptions", "times that a request was thrown out to make room"),
  NUMBER("swaps", "preemptions that moved the request's KV to the CPU (V0)"),
  NUMBER("prefix_hit_frac", "share of prompt tokens found in the prefix cache"),
  NUMBER("gpu_busy_frac", "share of the time in which a step ran"),
  NUMBER("link_busy_frac", "share of the time in which the busiest way of the KV between servers sends; null on one side"),
  NUMBER("link_wait_s", "mean wait of a prompt's KV for those before it"),
  NUMBER("client_s", "HTTP, tokenizer and client, contained in TTFT and end to end"),
  TRUTH("overloaded", "more arrived than was served: times grow with the length of the load"),
  NUMBER("rejected", "requests longer than the server takes"), END};
static const struct field dist_rows[] = {
  NUMBER("mean_s", "mean"), NUMBER("p50_s", "median"), NUMBER("p90_s", "90th percentile"),
  NUMBER("p95_s", "95th percentile"), NUMBER("p99_s", "99th percentile"), NUMBER("max_s", "largest"),
  NUMBER("mean_ci95_s", "half the 95 % confidence interval of the mean, from batch means"), END};
static const struct field throughput_rows[] = {
  NUMBER("requests_per_s", "answers that ended"), NUMBER("output_tok_per_s", "tokens generated"),
  NUMBER("total_tok_per_s", "prompt and output"), END};
static const struct field goodput_rows[] = {
  NUMBER("requests_per_s", "answers within all limits"), TRUTH("slo_met", "the run holds its limits"), END};
static const struct field kv_rows[] = {
  NUMBER("mean_usage_frac", "of the pool, over time"), NUMBER("peak_usage_frac", "at most"), END};
static const struct field batch_rows[] = {
  NUMBER("mean_running", "requests, over time"), NUMBER("peak_running", "at most"),
  NUMBER("mean_waiting", "requests, over time"), NUMBER("peak_waiting", "at most"), END};
static const struct field energy_rows[] = {
  NUMBER("mean_watts", "of all GPUs"), NUMBER("joules_per_output_token", "GPUs alone"),
  NUMBER("board_watts", "of one GPU, as its profile says"), NUMBER("gpus", "that run"),
  NUMBER("idle_frac", "share of that power when idle, presumed"),
  TEXT_("basis", "how the figures are made"), END};
static const struct field simulated_rows[] = {
  NUMBER("requests", "in the load"), NUMBER("steps", "of the engine"),
  NUMBER("duration_s", "simulated time"), NUMBER("wall_s", "what the simulation took"),
  NUMBER("requests_per_wall_s", "its speed"), END};
static const struct field series_rows[] = {
  NUMBER("time_s", "since the first arrival"), NUMBER("kv_usage_frac", "mean over the interval"),
  NUMBER("running", "mean"), NUMBER("waiting", "mean"), END};

#define RUN(prefix)                                                                              \
  {prefix "ttft", SECTION_MAP, dist_rows, "time to first token", false},                         \
  {prefix "tpot", SECTION_MAP, dist_rows, "(end to end - TTFT) / (output tokens - 1)", false},   \
  {prefix "itl", SECTION_MAP, dist_rows, "between tokens", false},                               \
  {prefix "e2e", SECTION_MAP, dist_rows, "end to end", false},                                   \
  {prefix "queue", SECTION_MAP, dist_rows, "arrival to first scheduled", false},                 \
  {prefix "throughput", SECTION_MAP, throughput_rows, "per second of simulated time", false},    \
  {prefix "goodput", SECTION_MAP, goodput_rows, "within the limits of --slo", false},            \
  {prefix "kv", SECTION_MAP, kv_rows, "use of the KV pool", false},                              \
  {prefix "batch", SECTION_MAP, batch_rows, "requests in the engine", false},                    \
  {prefix "energy", SECTION_MAP, energy_rows, "an estimate", false},                             \
  {prefix "simulated", SECTION_MAP, simulated_rows, "the simulation itself", false},             \
  {prefix "series", SECTION_LIST, series_rows, "over time", false}

static const struct section simulation[] = {
  {"", SECTION_TOP, top_rows, NULL, false},
  {"", SECTION_TOP, run_rows, NULL, false},
  {"interval", SECTION_MAP, reason_rows, "how far measured servers lie apart", false},
  {"interval.ttft", SECTION_MAP, spread_rows, "of mean TTFT", false},
  {"interval.ttft_percentiles", SECTION_MAP, spread_rows, "of its percentiles", false},
  {"interval.tpot", SECTION_MAP, spread_rows, "of mean TPOT and ITL", false},
  {"interval.tpot_percentiles", SECTION_MAP, spread_rows, "of their percentiles", false},
  {"interval.throughput", SECTION_MAP, spread_rows, "of throughput", false},
  {"decode_step", SECTION_MAP, step_rows, "where the time of a step goes", false},
  RUN(""),
  {"sweep", SECTION_LIST, run_rows, "a run a load; the first stands at the top too", true},
  RUN("sweep."),
  {"notes", SECTION_TEXTS, NULL, "what was presumed", false}};

static const struct field validation_rows[] = {
  NUMBER("schema", "version of this document, 1"), TEXT_("where", "the table"),
  NUMBER("rows", "that were wanted"), NUMBER("rows_counted", "in the summaries: grade A of serving, or what was asked for"),
  NUMBER("rows_left_out", "of another kind or grade"),
  NUMBER("rows_without_prediction", "for want of a model, a GPU or memory"),
  NUMBER("rows_outside", "that the model has no say over"),
  NUMBER("rows_that_contradict", "another row of the same deployment and load"),
  NUMBER("wall_s", "what the prediction took"), END};
#define SUMMARY \
  NUMBER("points", "predicted and measured"), \
  NUMBER("median_abs_error_frac", "median of |predicted / measured - 1|"), \
  NUMBER("p90_abs_error_frac", "90th percentile of it"), \
  NUMBER("median_error_frac", "bias: median of predicted / measured - 1"), \
  NUMBER("within_20_percent_frac", "share of points"), \
  NUMBER("worse_than_twice_frac", "share of points off by more than a factor of two"), \
  NUMBER("interval_coverage_frac", "share of measured figures within low and high")
static const struct field summary_rows[] = {SUMMARY, END};
static const struct field group_rows[] = {
  TEXT_("group", "what the rows have in common"), TEXT_("figure", "mean_tpot_ms, mean_ttft_ms or output_tok_s"), SUMMARY, END};
static const struct field point_rows[] = {
  TEXT_("id", "of the row"), TEXT_("why_not", "there is no prediction"),
  TEXT_("reason", "for the width of the interval"),
  NUMBER("bound_frac", "lower bound of a decode step over its predicted time"),
  TRUTH("outside", "not predicted, extrapolated, beyond the interval or off by two"),
  TEXT_("contradicts", "id of a row of the same deployment and load that cannot be right too"), END};
static const struct field figure_rows[] = {
  NUMBER("mean_ttft_ms", "ms"), NUMBER("median_ttft_ms", "ms"), NUMBER("p99_ttft_ms", "ms"),
  NUMBER("mean_tpot_ms", "ms"), NUMBER("median_tpot_ms", "ms"), NUMBER("p99_tpot_ms", "ms"),
  NUMBER("mean_itl_ms", "ms"), NUMBER("output_tok_s", "tokens per second"),
  NUMBER("req_per_s", "requests per second"), END};

static const struct section validation[] = {
  {"", SECTION_TOP, validation_rows, NULL, false},
  {"all", SECTION_DICT, summary_rows, "errors by figure", false},
  {"by_gpu", SECTION_LIST, group_rows, "the same by GPU", false},
  {"by_model_class", SECTION_LIST, group_rows, "by kind of model", false},
  {"by_kind", SECTION_LIST, group_rows, "by kind of run", false},
  {"by_concurrency", SECTION_LIST, group_rows, "by clients", false},
  {"by_version", SECTION_LIST, group_rows, "by release", false},
  {"by_model", SECTION_LIST, group_rows, "by model", false},
  {"points", SECTION_LIST, point_rows, "a row each, in the order of the table", false},
  {"points.predicted", SECTION_MAP, figure_rows, "what kvcap says", false},
  {"points.measured", SECTION_MAP, figure_rows, "what the table says", false},
  {"points.low", SECTION_MAP, figure_rows, "5th percentile of servers", false},
  {"points.high", SECTION_MAP, figure_rows, "95th percentile of servers", false}};
/* clang-format on */

kvc_code kvc_doc_simulation_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, simulation, sizeof simulation / sizeof *simulation,
                "kvcap simulate --format json");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}

kvc_code kvc_doc_validation_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, validation, sizeof validation / sizeof *validation,
                "kvcap validate --format json");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
