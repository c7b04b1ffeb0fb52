/* live_bench.c - rules about benchmarks: whether they say what they seem to.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

RULE_CHECK(too_short)
{
  const double n = rule_live(f, KVC_L_bench_completed), c = rule_live(f, rule->fact);
  if (isinf(c)) return rule_skip(out, "the client sets no limit");
  if (n >= rule->limit * c) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_bench_completed);
  rule_seen(arena, out, f, KVC_L_bench_concurrency);
  rule_remedy(out, rule, NULL,
              rule_text(arena, "at least %.0f prompts (--num-prompts)", rule->limit * c));
  return rule_fire(
      arena, out,
      "%s requests for %s at once: mostly ramp-up and drain, hardly a steady state",
      rule_figure(f, KVC_L_bench_completed, arena), rule_figure(f, rule->fact, arena));
}

RULE_CHECK(unloaded)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs), c = rule_live(f, rule->fact);
  if (isinf(c) || c >= rule->limit * seats) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_bench_concurrency);
  rule_seen(arena, out, f, KVC_L_max_num_seqs);
  rule_remedy(out, rule, NULL,
              "raise --max-concurrency up to --max-num-seqs to find the limit");
  return rule_fire(arena, out,
                   "the client keeps %s requests in flight, the server takes %s: its "
                   "limit was not reached",
                   rule_figure(f, rule->fact, arena),
                   rule_figure(f, KVC_L_max_num_seqs, arena));
}

RULE_CHECK(overload)
{
  const double offered = rule_live(f, rule->fact),
               got = rule_live(f, KVC_L_bench_done_per_s);
  if (isinf(offered)) return rule_skip(out, "all requests were offered at once");
  if (offered <= rule->limit * got) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_bench_rate_per_s);
  rule_seen(arena, out, f, KVC_L_bench_done_per_s);
  rule_seen(arena, out, f, KVC_L_ttft_mean_s);
  rule_remedy(out, rule, NULL,
              "offer less: latencies here are those of a queue that grows");
  return rule_fire(
      arena, out, "%s were offered and %s served: the rate is above capacity",
      rule_figure(f, rule->fact, arena), rule_figure(f, KVC_L_bench_done_per_s, arena));
}

RULE_CHECK(all_at_once)
{
  const double c = rule_live(f, KVC_L_bench_concurrency);
  if (!isinf(rule_live(f, rule->fact))) return KVC_PASS;
  if (!isnan(c) && !isinf(c)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_bench_rate_per_s);
  rule_seen(arena, out, f, KVC_L_ttft_mean_s);
  rule_remedy(out, rule, NULL, "set --request-rate or --max-concurrency to your load");
  return rule_fire(
      arena, out, "all requests were sent at once: TTFT is mostly the time in the queue");
}

RULE_CHECK(beyond_knee)
{
  const double knee = rule_live(f, rule->fact), c = rule_live(f, KVC_L_bench_concurrency);
  if (isinf(c) || c <= knee) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_bench_knee_concurrency);
  rule_seen(arena, out, f, KVC_L_bench_concurrency);
  rule_remedy(out, rule, NULL,
              "hold the load at the knee: beyond it only the wait grows");
  return rule_fire(
      arena, out, "beyond %s requests at once throughput hardly grows; %s were tried",
      rule_figure(f, rule->fact, arena), rule_figure(f, KVC_L_bench_concurrency, arena));
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"BEN001", "benchmark-failures", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_BENCH, rule_above, NULL,
   "Requests of the benchmark failed", "the figures are of the easier ones", "vllm-docs-bench", 0.01, "of requests", KVC_L_bench_failed_frac, 0,
   "find out why before reading anything else"},
  {"BEN002", "benchmark-too-short", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_BENCH, too_short, NULL,
   "The benchmark is too short", "ramp-up and drain lower its throughput", "vllm-docs-bench", 5, "x the concurrency", KVC_L_bench_concurrency, KVC_L_bench_completed, NULL},
  {"BEN003", "server-not-loaded", KVC_SEV_HINT, NULL, NULL, KVC_NEED_BENCH, unloaded, NULL,
   "The benchmark does not load the server", "it says nothing of capacity", "vllm-docs-bench", 0.5, "of max-num-seqs", KVC_L_bench_concurrency, KVC_L_max_num_seqs, NULL},
  {"BEN004", "rate-above-capacity", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_BENCH, overload, NULL,
   "More was offered than served", "the wait grows with the length of the benchmark", "littles-law", 1.05, "x", KVC_L_bench_rate_per_s, KVC_L_bench_done_per_s, NULL},
  {"BEN005", "all-at-once", KVC_SEV_HINT, NULL, NULL, KVC_NEED_BENCH, all_at_once, NULL,
   "All requests were sent at once", "its latencies are no user's", "vllm-docs-bench", 0, NULL, KVC_L_bench_rate_per_s, 0, NULL},
  {"BEN006", "mostly-first-token", KVC_SEV_HINT, NULL, NULL, KVC_NEED_BENCH, rule_above, NULL,
   "Most of the latency comes before the first token", "queue or prefill, not decoding, is what to mend", "vllm-docs-bench", 0.5, "of end to end", KVC_L_bench_ttft_share_frac, 0,
   "less load, larger steps, prefix caching"},
  {"BEN007", "goodput-low", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_BENCH, rule_below, NULL,
   "Requests miss their limits", "throughput that is too late counts for nothing", "distserve-goodput", 0.9, "of requests", KVC_L_bench_goodput_frac, 0,
   "less load a server, or the change that shortens what misses"},
  {"BEN008", "beyond-the-knee", KVC_SEV_HINT, NULL, NULL, KVC_NEED_BENCH, beyond_knee, NULL,
   "The load is beyond the knee", "requests wait longer and no more are served", "littles-law", 0, "requests", KVC_L_bench_knee_concurrency, KVC_L_bench_concurrency, NULL},
  {"BEN009", "runs-differ", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_BENCH, rule_above, NULL,
   "Repeated runs differ", "smaller differences between settings mean nothing", "vllm-docs-bench", 0.1, "of throughput", KVC_L_bench_spread_frac, 0,
   "warm up, run longer, and look for what else the host does"},
};
/* clang-format on */
RULE_FAMILY(rules_live_bench, rows);
