/* live_latency.c - rules about how long the users of a running server wait.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>
#include <string.h>

static double pick(const struct kvc_rule_facts *f, enum kvc_live_key a,
                   enum kvc_live_key b, enum kvc_live_key *used)
{
  *used = isnan(rule_live(f, a)) ? b : a;
  return rule_live(f, *used);
}

/* A good part of the time to the first token is spent in the queue. */
static bool queues(const struct kvc_rule_facts *f)
{
  return rule_live(f, KVC_L_queue_mean_s) > 0.3 * rule_live(f, KVC_L_ttft_mean_s) ||
         rule_live(f, KVC_L_waiting_mean) > 1;
}

static bool slow_start(const struct kvc_rule_facts *f)
{
  const double p95 = rule_live(f, KVC_L_ttft_p95_s);
  return isnan(p95) ? rule_live(f, KVC_L_ttft_mean_s) > 0.5 : p95 > 0.5;
}

RULE_CHECK(ttft_slow)
{
  const double p95 = rule_live(f, KVC_L_ttft_p95_s);
  if (p95 <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_ttft_p95_s);
  rule_seen(arena, out, f, KVC_L_queue_mean_s);
  rule_seen(arena, out, f, KVC_L_prefill_mean_s);
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_remedy(out, rule, NULL,
              queues(f) ? "it waits in the queue: see the findings on the queue"
                        : "prompts are read slowly: larger steps, prefix caching, more "
                          "GPUs, or a smaller --max-model-len");
  return rule_fire(arena, out, "TTFT: %s at the 95th percentile where chat wants %g s",
                   rule_figure(f, KVC_L_ttft_p95_s, arena), rule->limit);
}

RULE_CHECK(tpot_slow)
{
  enum kvc_live_key key;
  const double p50 = pick(f, KVC_L_tpot_p50_s, KVC_L_itl_p50_s, &key);
  if (isnan(p50)) return rule_skip(out, "the time per output token is not known");
  if (p50 <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, key);
  rule_seen(arena, out, f, KVC_L_running_mean);
  rule_seen(arena, out, f, KVC_L_kv_usage_mean_frac);
  rule_remedy(out, rule, NULL,
              "fewer requests at once (--max-num-seqs), fp8 KV cache, more GPUs");
  return rule_fire(arena, out,
                   "TPOT: %s in the median where a 70B model in bf16 takes %g ms",
                   rule_figure(f, key, arena), 1e3 * rule->limit);
}

RULE_CHECK(below_reading_speed)
{
  enum kvc_live_key key;
  const double p95 = pick(f, KVC_L_itl_p95_s, KVC_L_tpot_p95_s, &key);
  if (isnan(p95)) return rule_skip(out, "the time between tokens is not known");
  if (p95 <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, key);
  rule_seen(arena, out, f, KVC_L_running_mean);
  rule_remedy(out, rule, NULL, "fewer requests at once, or more GPUs for them");
  return rule_fire(arena, out, "tokens come %s apart at the 95th percentile",
                   rule_figure(f, key, arena));
}

/* Half the step, at the least what keeps the GPU busy. */
static const char *shorter_step(const struct kvc_rule_facts *f, struct kvc_arena *arena)
{
  const double now = rule_live(f, KVC_L_max_num_batched_tok);
  if (!(now > 1024)) return NULL;
  return rule_text(arena, "%.0f", now > 4096 ? 2048 : now / 2);
}

RULE_CHECK(decode_stalls)
{
  const double p50 = rule_live(f, KVC_L_itl_p50_s), p99 = rule_live(f, KVC_L_itl_p99_s);
  if (p99 <= rule->limit * p50 || p99 < 0.05) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_itl_p50_s);
  rule_seen(arena, out, f, KVC_L_itl_p99_s);
  rule_seen(arena, out, f, KVC_L_prompt_p95_tok);
  rule_seen(arena, out, f, KVC_L_max_num_batched_tok);
  if (f->size != NULL && !f->size->setting.chunked_prefill) {
    out->flag = "enable_chunked_prefill";
    out->value = "true";
    out->fix = "so that prompts are read in pieces beside the decoding";
  } else {
    rule_remedy(out, rule, shorter_step(f, arena),
                "fewer prompt tokens a step, so that others go on decoding");
  }
  return rule_fire(arena, out,
                   "long prompts stall the others: a token comes after %s, one in a "
                   "hundred after %s",
                   rule_figure(f, KVC_L_itl_p50_s, arena),
                   rule_figure(f, KVC_L_itl_p99_s, arena));
}

RULE_CHECK(queue_share)
{
  const double queue = rule_live(f, KVC_L_queue_mean_s);
  const double ttft = rule_live(f, KVC_L_ttft_mean_s);
  if (!(ttft > 0)) return rule_skip(out, "no request got a first token");
  if (queue <= rule->limit * ttft || queue < 0.05) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_queue_mean_s);
  rule_seen(arena, out, f, KVC_L_ttft_mean_s);
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_remedy(out, rule, NULL,
              "admit more at once or add servers; the GPU is not the wait");
  return rule_fire(arena, out, "%.0f %% of the time to the first token is spent waiting",
                   100 * fmin(1, queue / ttft));
}

static const char *longer_step(const struct kvc_rule_facts *f, struct kvc_arena *arena)
{
  const double now = rule_live(f, KVC_L_max_num_batched_tok);
  const double prompt = rule_live(f, KVC_L_prompt_p95_tok);
  double want = 2048;
  if (!(now > 0)) return NULL;
  while (want < 16384 && (want <= now || want < prompt)) want *= 2;
  return want > now ? rule_text(arena, "%.0f", want) : NULL;
}

RULE_CHECK(prefill_bound)
{
  const double prefill = rule_live(f, KVC_L_prefill_mean_s);
  const double ttft = rule_live(f, KVC_L_ttft_mean_s);
  if (!slow_start(f) || queues(f) || prefill <= rule->limit * ttft) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_prefill_mean_s);
  rule_seen(arena, out, f, KVC_L_ttft_mean_s);
  rule_seen(arena, out, f, KVC_L_prompt_mean_tok);
  rule_remedy(out, rule, longer_step(f, arena),
              "longer steps read prompts faster; then prefix caching, then more GPUs");
  return rule_fire(arena, out,
                   "reading the prompt takes %.0f %% of the time to the first "
                   "token",
                   100 * fmin(1, prefill / ttft));
}

RULE_CHECK(saturated)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, "trust the mean, or measure with a benchmark");
  return rule_fire(arena, out,
                   "%s of %s lie beyond its last bucket: its upper percentiles are lower "
                   "bounds",
                   rule_figure(f, rule->fact, arena),
                   f->live->saturated != NULL ? f->live->saturated : "a histogram");
}

RULE_CHECK(long_tail)
{
  const double tail = rule_live(f, KVC_L_e2e_p99_s) / rule_live(f, KVC_L_e2e_p50_s);
  const double length =
      rule_live(f, KVC_L_output_p99_tok) / rule_live(f, KVC_L_output_p50_tok);
  if (!(tail > rule->limit) || tail < 2 * length) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_e2e_p50_s);
  rule_seen(arena, out, f, KVC_L_e2e_p99_s);
  rule_seen(arena, out, f, KVC_L_output_p99_tok);
  rule_remedy(out, rule, NULL,
              "look for preemptions, bursts and a queue that comes and goes");
  return rule_fire(arena, out,
                   "one request in a hundred takes %.0f times the median, more than "
                   "lengths explain",
                   tail);
}

RULE_CHECK(decode_at_roofline)
{
  enum kvc_live_key key;
  const double tpot = pick(f, KVC_L_tpot_mean_s, KVC_L_itl_mean_s, &key);
  if (rule_live(f, rule->fact) >= rule->limit || !(tpot > 0.03)) return KVC_PASS;
  rule_seen(arena, out, f, key);
  rule_seen(arena, out, f, KVC_L_decode_floor_s);
  rule_seen(arena, out, f, KVC_L_decode_over_floor);
  const char *dtype = f->size != NULL ? f->size->setting.kv_cache_dtype : NULL;
  const bool fp8 = dtype != NULL && strncmp(dtype, "fp8", 3) == 0;
  rule_remedy(out, rule,
              fp8 || rule_live(f, KVC_L_kv_usage_mean_frac) < 0.3 ? NULL : "fp8",
              "fewer bytes a step: quantised weights, fp8 KV, more GPUs");
  return rule_fire(
      arena, out, "decoding runs at the memory bandwidth: %s a token, %s is the least",
      rule_figure(f, key, arena), rule_figure(f, KVC_L_decode_floor_s, arena));
}

RULE_CHECK(host_bound)
{
  if (rule_live(f, rule->fact) <= rule->limit || rule_live(f, KVC_L_running_mean) >= 16)
    return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_decode_over_floor);
  rule_seen(arena, out, f, KVC_L_decode_floor_s);
  rule_seen(arena, out, f, KVC_L_running_mean);
  if (f->deploy != NULL && f->deploy->enforce_eager == 1) {
    out->flag = "enforce_eager";
    out->value = "false";
    out->fix = "CUDA graphs take the launches off the CPU";
  } else {
    rule_remedy(out, rule, NULL,
                "a faster CPU, fewer Python per-step costs, asynchronous scheduling");
  }
  return rule_fire(arena, out,
                   "steps take %s what the memory needs, at %s requests: the CPU or the "
                   "launches set the pace",
                   rule_figure(f, rule->fact, arena),
                   rule_figure(f, KVC_L_running_mean, arena));
}

RULE_CHECK(prefill_at_roofline)
{
  if (rule_live(f, rule->fact) >= rule->limit || !slow_start(f)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_prefill_mean_s);
  rule_seen(arena, out, f, KVC_L_prefill_floor_s);
  rule_seen(arena, out, f, KVC_L_prefill_over_floor);
  rule_remedy(out, rule, NULL,
              "shorter prompts, prefix caching, or more GPUs: no flag helps");
  return rule_fire(arena, out,
                   "prompts are read at the compute limit: %s, %s is the least",
                   rule_figure(f, KVC_L_prefill_mean_s, arena),
                   rule_figure(f, KVC_L_prefill_floor_s, arena));
}

RULE_CHECK(prompt_beyond_step)
{
  const double prompt = rule_live(f, KVC_L_prompt_p95_tok);
  const double step = rule_live(f, KVC_L_max_num_batched_tok);
  if (prompt <= step || !slow_start(f)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_prompt_p95_tok);
  rule_seen(arena, out, f, KVC_L_max_num_batched_tok);
  rule_remedy(out, rule, longer_step(f, arena), "fewer steps for a long prompt");
  return rule_fire(arena, out, "one prompt in twenty has %s and takes %.0f steps of %s",
                   rule_figure(f, KVC_L_prompt_p95_tok, arena), ceil(prompt / step),
                   rule_figure(f, KVC_L_max_num_batched_tok, arena));
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"LAT001", "ttft-slow", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, ttft_slow, NULL,
   "Time to first token", "users see nothing happen", "kvcap-operating-ranges", 0.5, "s", KVC_L_ttft_p95_s, 0, NULL},
  {"LAT002", "tpot-slow", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, tpot_slow, NULL,
   "Time per output token", "answers come slowly", "kvcap-operating-ranges", 0.03, "s", 0, 0, NULL},
  {"LAT003", "below-reading-speed", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, below_reading_speed, NULL,
   "Time between tokens", "at a tenth of a second people read faster than text appears", "kvcap-operating-ranges", 0.1, "s", 0, 0, NULL},
  {"LAT004", "decode-stalls", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, decode_stalls, "max_num_batched_tokens",
   "Long prompts stall the decoding of others", "a step lasts as long as the prompt tokens in it", "vllm-docs-optimization", 5, "x", KVC_L_itl_p50_s, KVC_L_itl_p99_s, NULL},
  {"LAT005", "queue-share", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, queue_share, NULL,
   "The first token waits in the queue", "time in the queue is time without work done", "vllm-docs-optimization", 0.5, "of TTFT", KVC_L_queue_mean_s, KVC_L_ttft_mean_s, NULL},
  {"LAT006", "prefill-bound", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, prefill_bound, "max_num_batched_tokens",
   "The first token waits for the prompt to be read", "prompt tokens a step limit it", "vllm-docs-optimization", 0.5, "of TTFT", KVC_L_prefill_mean_s, KVC_L_ttft_mean_s, NULL},
  {"LAT007", "histogram-saturated", KVC_SEV_HINT, NULL, NULL, KVC_NEED_METRICS, saturated, NULL,
   "A histogram is full at its end", "its percentiles say less than they seem to", "prometheus-histogram-quantile", 0.01, "of observations", KVC_L_saturated_frac, 0, NULL},
  {"LAT008", "long-tail", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, long_tail, NULL,
   "Some requests take far longer than most", "users remember the slow ones", "kvcap-operating-ranges", 10, "x the median", KVC_L_e2e_p99_s, KVC_L_output_p99_tok, NULL},
  {"LAT009", "decode-at-bandwidth", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, decode_at_roofline, "kv_cache_dtype",
   "Decoding runs at the memory bandwidth", "no scheduling makes it faster", "kvcap-roofline", 1.5, "x the floor", KVC_L_decode_over_floor, 0, NULL},
  {"LAT010", "host-bound-steps", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, host_bound, NULL,
   "Steps wait for the CPU", "the GPU idles between kernels", "kvcap-roofline", 4, "x the floor", KVC_L_decode_over_floor, KVC_L_running_mean, NULL},
  {"LAT011", "prefill-at-compute", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, prefill_at_roofline, NULL,
   "Prompts are read at the compute limit", "only less work or more GPUs help", "kvcap-roofline", 1.7, "x the floor", KVC_L_prefill_over_floor, 0, NULL},
  {"LAT012", "mostly-prefill", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, rule_above, NULL,
   "The GPU mostly reads prompts", "decoding gets what is left, so tokens come late", "kvcap-roofline", 0.6, "of GPU time", KVC_L_prefill_share_frac, 0,
   "prefix caching, shorter prompts, or prefill on servers of its own"},
  {"LAT013", "prompt-beyond-step", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, prompt_beyond_step, "max_num_batched_tokens",
   "Long prompts take several steps", "each step of a chunk shares the GPU with decoding", "vllm-docs-optimization", 1, "steps", KVC_L_prompt_p95_tok, KVC_L_max_num_batched_tok, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_live_latency, rows);
