/* simulate_options.c - the options of kvcap simulate.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <kvcap/num.h>
#include <string.h>

static kvc_code read_rate(void *ptr, const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  struct simulate_args *args = ptr;
  size_t used;
  double v;
  if (!kvc_num_scan(value, strlen(value), &v, &used) || value[used] != '\0' || !(v > 0))
    return kvc_fail(err, KVC_E_RANGE, option->name,
                    "\"%.40s\" is no rate; write requests a second such as 4.5, or inf",
                    value);
  args->rate_per_s = v;
  return KVC_E_OK;
}

static const char *const shapes[] = {"poisson", "even", "ramp", "diurnal", NULL};
static const char *const dists[] = {"fixed", "uniform", "normal", "lognormal", NULL};
static const char *const routers[] = {"round-robin", "least-loaded", "prefix-aware",
                                      NULL};
static const char *const policies[] = {"fcfs", "priority", NULL};
static const char *const modes[] = {"recompute", "swap", NULL};

#define X(member) offsetof(struct simulate_args, member)
/* clang-format off */
const struct cli_option simulate_options[] = {
  SIZE_GROUP("Load"),
  {.name = "--input-len", .alias = "--random-input-len", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(input_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 512", .help = "mean prompt"},
  {.name = "--output-len", .alias = "--random-output-len", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(output_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 128", .help = "mean output"},
  {.name = "--random-range-ratio", .arg = "R", .type = CLI_NUM, .offset = X(range_ratio), .min = 0, .max = 1,
   .advice = "write a fraction such as 0.1", .help = "lengths lie evenly within mean x (1 +- R); fixed when not given"},
  {.name = "--length-dist", .arg = "KIND", .type = CLI_CHOICE, .offset = X(length_dist), .choices = dists,
   .help = "shape of the lengths; its width is --prompt-cv and --output-cv, or the range ratio"},
  {.name = "--lengths", .arg = "FILE", .type = CLI_TEXT, .offset = X(lengths), .complete = "file",
   .help = "draw pairs of lengths from a file: lines of prompt,output[,count], ServeGen's histograms, fleet-sim's cumulative shares, or any file --trace reads"},
  {.name = "--workload", .arg = "NAME", .type = CLI_TEXT, .offset = X(workload), .complete = "workloads",
   .help = "lengths, their spread and shared prefix of a named workload instead"},
  {.name = "--num-prompts", .arg = "N", .type = CLI_INT64, .offset = X(prompts), .min = 1, .max = 5e6,
   .advice = "write a count such as 1000", .help = "requests of a run; when not given all of a trace, what arrives in --duration, or 1000"},
  {.name = "--request-rate", .alias = "--rate", .arg = "R", .type = CLI_CALL, .call = read_rate,
   .help = "requests a second, Poisson; inf sends all at once (the default, as vllm bench serve has it)"},
  {.name = "--arrivals", .arg = "SHAPE", .type = CLI_CHOICE, .offset = X(arrivals), .choices = shapes,
   .help = "poisson; even gaps; ramp from --rate to --rate-end; diurnal about a mean of --rate"},
  {.name = "--rate-end", .arg = "R", .type = CLI_NUM, .offset = X(rate_end_per_s), .min = 1e-9, .max = 1e9,
   .advice = "write requests a second such as 20", .help = "where a ramp ends"},
  {.name = "--period", .arg = "SECONDS", .type = CLI_NUM, .offset = X(period_s), .min = 0.001, .max = 1e7,
   .advice = "write seconds such as 86400", .help = "of a diurnal curve; a day when not given"},
  {.name = "--peak-to-trough", .arg = "X", .type = CLI_NUM, .offset = X(peak_to_trough), .min = 1, .max = 1e6,
   .advice = "write a ratio such as 4", .help = "highest rate of a diurnal curve over its lowest; 3 when not given"},
  {.name = "--burstiness", .arg = "B", .type = CLI_NUM, .offset = X(burstiness), .min = 0.01, .max = 1e6,
   .advice = "write a number such as 1", .help = "shape of the gaps between arrivals: 1 is Poisson, less is burstier"},
  {.name = "--max-concurrency", .alias = "--concurrency", .arg = "N", .type = CLI_INT, .offset = X(concurrency), .min = 1, .max = 1e6,
   .advice = "write a count such as 64", .help = "clients that each send the next request when an answer ends; beside a rate: at most so many in flight"},
  {.name = "--duration", .arg = "SECONDS", .type = CLI_NUM, .offset = X(duration_s), .min = 0.001, .max = 1e7,
   .advice = "write seconds such as 600", .help = "no request arrives later"},
  {.name = "--prefix-len", .alias = "--random-prefix-len", .arg = "TOKENS", .type = CLI_LENGTH, .offset = X(prefix_tok), .min = 0, .max = 1e8,
   .advice = "write tokens such as 1024", .help = "tokens in front of every prompt that all share"},
  {.name = "--turns", .arg = "N", .type = CLI_INT, .offset = X(turns), .min = 1, .max = 1000,
   .advice = "write a count such as 4", .help = "requests of one conversation, each with all before it"},
  {.name = "--think", .arg = "SECONDS", .type = CLI_NUM, .offset = X(think_s), .min = 0, .max = 1e6,
   .advice = "write seconds such as 20", .help = "mean time between an answer and the next turn"},
  {.name = "--trace", .arg = "FILE", .type = CLI_TEXT, .offset = X(trace), .complete = "file",
   .help = "a recorded load: Azure, BurstGPT, Mooncake, ShareGPT, ServeGen's windows (lengths from the dataset.json beside them, or --lengths), a detailed benchmark result, or CSV with arrival_s,prompt_tok,output_tok; --rate rescales its times"},
  {.name = "--output-share", .arg = "FRAC", .type = CLI_NUM, .offset = X(output_share), .min = 0.001, .max = 0.999,
   .advice = "write a fraction such as 0.2", .help = "the answer's part of lengths that are told as totals; 0.2 when not given"},
  {.name = "--rate-scale", .arg = "X", .type = CLI_NUM, .offset = X(rate_scale), .min = 1e-6, .max = 1e6,
   .advice = "write a factor such as 2", .help = "arrivals of the trace come so much faster"},
  {.name = "--time-scale", .arg = "X", .type = CLI_NUM, .offset = X(time_scale), .min = 1e-6, .max = 1e6,
   .advice = "write a factor such as 0.5", .help = "times of the trace are multiplied by it: 0.5 is twice the rate"},
  {.name = "--seed", .arg = "N", .type = CLI_INT64, .offset = X(seed), .min = 0, .max = 9e15,
   .advice = "write a whole number", .help = "the same seed gives the same run"},
  SIZE_GROUP("Service"),
  {.name = "--replicas", .arg = "N", .type = CLI_INT, .offset = X(replicas), .min = 1, .max = 255,
   .advice = "write a count such as 4", .help = "servers behind a router, each as sized; --data-parallel-size counts beside it"},
  {.name = "--router", .arg = "NAME", .type = CLI_CHOICE, .offset = X(router), .choices = routers,
   .help = "who gets a request: round-robin, or least-loaded (data-parallel ranks' default), or by shared prefix"},
  {.name = "--prefill-replicas", .arg = "N", .type = CLI_INT, .offset = X(prefill_replicas), .min = 1, .max = 254,
   .advice = "write a count such as 2", .help = "servers that compute prompts only; --decode-replicas go on from there"},
  {.name = "--decode-replicas", .arg = "N", .type = CLI_INT, .offset = X(decode_replicas), .min = 1, .max = 254,
   .advice = "write a count such as 2", .help = "servers that decode what the prefill replicas hand on"},
  {.name = "--kv-transfer-gb-per-s", .arg = "X", .type = CLI_NUM, .offset = X(kv_transfer_gb_per_s), .min = 0.001, .max = 1e6,
   .advice = "write GB a second such as 50", .help = "speed at which the KV cache leaves a prefill server, all its GPUs together; prompts wait for one another there"},
  {.name = "--acceptance-rate", .arg = "FRAC", .type = CLI_NUM, .offset = X(acceptance_frac), .min = 0, .max = 1,
   .advice = "write a fraction such as 0.6", .help = "share of drafted tokens that are accepted, as the log prints it; 0.6 is presumed when a --speculative-config is given"},
  SIZE_GROUP("Scheduler"),
  {.name = "--scheduling-policy", .arg = "fcfs|priority", .type = CLI_CHOICE, .offset = X(policy), .choices = policies,
   .help = "order of waiting requests; priorities come from the trace's column"},
  {.name = "--async-scheduling", .type = CLI_TRISTATE, .offset = X(async_scheduling),
   .help = "plan a step while the one before runs; as the release does when not given"},
  {.name = "--long-prefill-token-threshold", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(long_prefill_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 2048", .help = "most of one prompt in one step"},
  {.name = "--watermark", .arg = "FRAC", .type = CLI_NUM, .offset = X(watermark_frac), .min = 0, .max = 0.99,
   .advice = "write a fraction such as 0.01", .help = "blocks kept free at admission"},
  {.name = "--preemption-mode", .arg = "recompute|swap", .type = CLI_CHOICE, .offset = X(preemption_mode), .choices = modes,
   .help = "V0: what becomes of a request that is thrown out; swap moves its KV to --swap-space over PCIe"},
  {.name = "--scheduler-delay-factor", .arg = "X", .type = CLI_NUM, .offset = X(delay_factor), .min = 0, .max = 1000,
   .advice = "write a factor such as 0.5", .help = "V0: prompts gather for so many times the length of the last prompt step"},
  {.name = "--num-scheduler-steps", .arg = "N", .type = CLI_INT, .offset = X(scheduler_steps), .min = 1, .max = 1024,
   .advice = "write a count such as 8", .help = "V0: decode steps of one plan; a new prompt waits for the last of them"},
  {.name = "--num-lookahead-slots", .arg = "N", .type = CLI_INT, .offset = X(lookahead), .min = 0, .max = 1024,
   .advice = "write a count such as 4", .help = "V0: KV slots kept ready ahead of every request; drafts and --num-scheduler-steps set theirs"},
  SIZE_GROUP("Question"),
  {.name = "--slo", .arg = "LIMITS", .type = CLI_TEXT, .offset = X(slo),
   .help = "limits such as ttft_p95=500ms,tpot_p95=30ms; goodput counts requests within them"},
  {.name = "--warmup", .arg = "FRAC", .type = CLI_NUM, .offset = X(warmup_frac), .min = 0, .max = 0.9,
   .advice = "write a fraction such as 0.1", .help = "share of the requests, the first to arrive, left out of the times"},
  {.name = "--sweep", .arg = "LOADS", .type = CLI_TEXT, .offset = X(sweep),
   .help = "one run a load: rate=1..40, rate=1,2,4,8 or concurrency=1,4,16,64"},
  {.name = "--jobs", .arg = "N", .type = CLI_INT, .offset = X(jobs), .min = 1, .max = 256,
   .advice = "write a count such as 4", .help = "processes that share a sweep; as many as there are processors when not given"},
  {.name = "--requests", .arg = "FILE", .type = CLI_TEXT, .offset = X(requests_csv), .complete = "file",
   .help = "write a line a request, as CSV"},
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */
