/* live_queue.c - rules about the queue of a running server, and what holds it up.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>
#include <string.h>

/* As many run as may run. */
static bool full(const struct kvc_rule_facts *f)
{
  return rule_live(f, KVC_L_running_max) >= 0.98 * rule_live(f, KVC_L_max_num_seqs);
}

RULE_CHECK(waiting_many)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_seen(arena, out, f, KVC_L_waiting_max);
  rule_seen(arena, out, f, KVC_L_running_mean);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_remedy(out, rule, NULL,
              "add capacity: seats where the KV cache has room, else servers");
  return rule_fire(arena, out, "%s requests wait, more than %g",
                   rule_figure(f, rule->fact, arena), rule->limit);
}

RULE_CHECK(waiting_long)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_waiting_max);
  rule_remedy(out, rule, NULL, "add capacity before the time to first token explodes");
  return rule_fire(arena, out, "more than 10 requests waited for %s without a break",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(seats_full)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs);
  if (rule_live(f, KVC_L_running_mean) < rule->limit * seats) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_running_mean);
  rule_seen(arena, out, f, KVC_L_max_num_seqs);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_remedy(out, rule, NULL,
              "the server is full: more seats if the KV cache has room, "
              "else more servers");
  return rule_fire(arena, out, "%s requests run of %s allowed, all the time",
                   rule_figure(f, KVC_L_running_mean, arena),
                   rule_figure(f, KVC_L_max_num_seqs, arena));
}

RULE_CHECK(free_kv_behind_full_seats)
{
  const double usage = rule_live(f, KVC_L_kv_usage_max_frac);
  const double running = rule_live(f, KVC_L_running_max);
  if (isnan(rule_live(f, KVC_L_max_num_seqs)))
    return rule_skip(out, "the requests that may run at once are not known");
  if (!(rule_live(f, KVC_L_waiting_mean) > 0.5) || !full(f) || usage >= rule->limit)
    return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_max_num_seqs);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  /* Less the documented buffer of 30 % for bursts; at most four times the present. */
  const double room = running * rule->limit / (usage > 0.01 ? usage : 0.01);
  const double want = 8 * floor(fmin(room, 4 * running) / 8);
  rule_remedy(out, rule, want > running ? rule_text(arena, "%.0f", want) : NULL,
              "let more run: the KV cache has room for them");
  return rule_fire(arena, out,
                   "requests wait while the KV cache is at most %s full: --max-num-seqs "
                   "%s is too small",
                   rule_figure(f, KVC_L_kv_usage_max_frac, arena),
                   rule_figure(f, KVC_L_max_num_seqs, arena));
}

RULE_CHECK(kv_bound)
{
  if (!(rule_live(f, KVC_L_waiting_mean) > 0.5) ||
      rule_live(f, KVC_L_kv_usage_max_frac) <= rule->limit || full(f))
    return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_pool_tok);
  const char *dtype = f->size != NULL ? f->size->setting.kv_cache_dtype : NULL;
  const bool fp8 = dtype != NULL && strncmp(dtype, "fp8", 3) == 0;
  rule_remedy(out, rule, fp8 ? NULL : "fp8",
              fp8 ? "more GPUs or servers: the cache is fp8 already"
                  : "twice the tokens in the same memory; else more GPUs");
  return rule_fire(arena, out, "requests wait because the KV cache is full: %s in use",
                   rule_figure(f, KVC_L_kv_usage_max_frac, arena));
}

RULE_CHECK(step_bound)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs);
  const double step = rule_live(f, KVC_L_max_num_batched_tok);
  if (isnan(seats))
    return rule_skip(out, "the requests that may run at once are not known");
  if (!(rule_live(f, KVC_L_waiting_mean) > 1) ||
      rule_live(f, KVC_L_running_max) >= 0.9 * seats ||
      rule_live(f, KVC_L_kv_usage_max_frac) >= rule->limit)
    return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_waiting_mean);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_seen(arena, out, f, KVC_L_max_num_batched_tok);
  rule_remedy(out, rule,
              step > 0 && step < 16384 ? rule_text(arena, "%.0f", fmax(2 * step, 4096))
                                       : NULL,
              "prompts are admitted as fast as steps read them");
  return rule_fire(arena, out,
                   "requests wait although seats and KV cache are free: the tokens of a "
                   "step are the limit");
}

RULE_CHECK(queue_grows)
{
  if (rule_live(f, rule->fact) <= rule->limit || !(rule_live(f, KVC_L_waiting_max) > 2))
    return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_waiting_max);
  rule_remedy(out, rule, NULL, "more servers, or refuse requests before they wait");
  return rule_fire(
      arena, out,
      "the queue grows by %.3g requests a minute: more arrive than are served",
      60 * rule_live(f, rule->fact));
}

RULE_CHECK(engine_overloaded)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_engines);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_running_min);
  rule_remedy(out, rule, NULL, "route by load, not in turns; check that clients spread");
  return rule_fire(arena, out, "engine %s runs %s requests, %s what the idlest does",
                   f->live->engine_busiest != NULL ? f->live->engine_busiest : "?",
                   rule_figure(f, KVC_L_running_max, arena),
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(seats_unused)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs);
  const double most = rule_live(f, KVC_L_running_max);
  if (most >= rule->limit * seats || seats <= 32 || rule_live(f, KVC_L_waiting_max) > 0)
    return KVC_PASS;
  const double want = fmax(32, 8 * ceil(2 * most / 8));
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_max_num_seqs);
  rule_remedy(out, rule, want < seats ? rule_text(arena, "%.0f", want) : NULL,
              "if this was the peak: seats cost sampler and graph memory");
  return rule_fire(arena, out, "at most %s of %s seats were taken",
                   rule_figure(f, KVC_L_running_max, arena),
                   rule_figure(f, KVC_L_max_num_seqs, arena));
}

RULE_CHECK(errors)
{
  const double ended = rule_live(f, KVC_L_error_frac),
               http = rule_live(f, KVC_L_http_5xx_frac);
  if (isnan(ended) && isnan(http))
    return rule_skip(out, "how requests ended is not known");
  if (!(ended > rule->limit) && !(http > rule->limit)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_error_frac);
  rule_seen(arena, out, f, KVC_L_http_5xx_frac);
  rule_remedy(out, rule, NULL, "the server's log says why: read it with --log");
  return rule_fire(arena, out, "%.1f %% of requests end in an error",
                   100 * (ended > http || isnan(http) ? ended : http));
}

RULE_CHECK(delay_factor)
{
  if (f->size->setting.engine != KVC_ENGINE_V0)
    return rule_skip(out, "only the V0 engine has it");
  if (f->demand->goal != KVC_GOAL_THROUGHPUT)
    return rule_skip(out, "throughput is not first");
  if (!(rule_live(f, rule->fact) > 0.5)) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, "0.5",
              "gathers prompts for half a step: throughput and TTFT rise");
  return rule_fire(arena, out,
                   "requests wait and throughput comes first: prompts can be gathered");
}

RULE_CHECK(old_engine)
{
  if (f->size->setting.engine != KVC_ENGINE_V0) return KVC_PASS;
  if (!(rule_live(f, rule->fact) >= 8)) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, "VLLM_USE_V1=1, or a release where V1 is the default");
  return rule_fire(arena, out,
                   "the V0 engine serves %s requests at once; this release has V1",
                   rule_figure(f, rule->fact, arena));
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"QUE001", "many-waiting", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, waiting_many, NULL,
   "Many requests wait", "each waits for those in front", "kvcap-operating-ranges", 10, "requests", KVC_L_waiting_mean, 0, NULL},
  {"QUE002", "waiting-long", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, waiting_long, NULL,
   "A queue stands for long", "the time to first token is about to explode", "kvcap-operating-ranges", 60, "s", KVC_L_waiting_long_s, 0, NULL},
  {"QUE003", "seats-full", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, seats_full, NULL,
   "The server is full", "the next request has to wait", "kvcap-operating-ranges", 0.98, "of max-num-seqs", KVC_L_running_mean, KVC_L_max_num_seqs, NULL},
  {"QUE004", "free-kv-behind-full-seats", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, free_kv_behind_full_seats, "max_num_seqs",
   "Requests wait while the KV cache has room", "the GPU could serve them now", "vllm-docs-optimization", 0.7, "of the pool", KVC_L_kv_usage_max_frac, KVC_L_waiting_mean, NULL},
  {"QUE005", "kv-bound-queue", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, kv_bound, "kv_cache_dtype",
   "Requests wait for KV cache", "the GPU could compute more than it can remember", "vllm-docs-quantized-kv", 0.9, "of the pool", KVC_L_kv_usage_max_frac, KVC_L_waiting_mean, NULL},
  {"QUE006", "step-bound-queue", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, step_bound, "max_num_batched_tokens",
   "Requests wait for room in a step", "prompts are read too slowly to fill the seats", "vllm-docs-optimization", 0.8, "of the pool", KVC_L_kv_usage_max_frac, KVC_L_waiting_mean, NULL},
  {"QUE007", "queue-grows", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, queue_grows, NULL,
   "The queue grows", "it has no end until fewer arrive", "littles-law", 0.02, "1/s", KVC_L_waiting_growth_per_s, KVC_L_waiting_max, NULL},
  {"QUE008", "deferred-requests", KVC_SEV_HINT, "0.20.0", NULL, KVC_NEED_LIVE, rule_above, NULL,
   "Requests are deferred", "they wait for a grammar, an adapter or a KV transfer, not for the GPU", "vllm-src-metrics", 0, "requests", KVC_L_deferred_max, 0,
   "look at structured output, adapters and the KV connector"},
  {"QUE009", "engine-overloaded", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, engine_overloaded, NULL,
   "One engine has more to do than another", "its users wait while others idle", "vllm-docs-data-parallel", 1.5, "x", KVC_L_engine_load_ratio, 0, NULL},
  {"QUE010", "engine-kv-uneven", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, rule_above, NULL,
   "KV caches of the engines fill unevenly", "the fullest one preempts first", "vllm-docs-data-parallel", 0.3, "of the pool", KVC_L_engine_kv_spread_frac, 0,
   "route by KV usage, or by prefix where sessions stick"},
  {"QUE011", "seats-unused", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, seats_unused, "max_num_seqs",
   "Most seats are never taken", "each costs memory that the KV cache could have", "vllm-docs-conserving-memory", 0.25, "of max-num-seqs", KVC_L_running_max, KVC_L_max_num_seqs, NULL},
  {"QUE012", "clients-give-up", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, rule_above, NULL,
   "Clients give up", "the work on their requests is lost", "vllm-src-metrics", 0.05, "of requests", KVC_L_abort_frac, 0,
   "shorten the wait, or raise the clients' timeouts"},
  {"QUE013", "requests-rejected", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LIVE, rule_counted, NULL,
   "Admission refuses requests", "users get an error instead of an answer", "vllm-src-metrics", 0, "requests", KVC_L_rejections, 0,
   "add servers, or raise the limit that refuses them"},
  {"QUE014", "requests-fail", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LIVE, errors, NULL,
   "Requests end in errors", "users get an error instead of an answer", "vllm-src-metrics", 0.01, "of requests", 0, 0, NULL},
  {"QUE015", "gather-prompts", KVC_SEV_HINT, NULL, "0.11.0", KVC_NEED_LIVE | KVC_NEED_SIZE | KVC_NEED_GOAL, delay_factor, "scheduler_delay_factor",
   "Prompts can be gathered for throughput", "each prompt alone interrupts decoding", "vllm-src-config-scheduler", 0.5, "requests", KVC_L_waiting_mean, 0, NULL},
  {"QUE016", "v0-under-load", KVC_SEV_HINT, "0.6.4", "0.11.0", KVC_NEED_LIVE | KVC_NEED_SIZE, old_engine, NULL,
   "The V0 engine is in use", "V1 schedules large batches faster", "vllm-docs-v1-guide", 8, "requests", KVC_L_running_mean, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_live_queue, rows);
