/* live_kv.c - rules about the KV cache of a running server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <kvcap/num.h>
#include <math.h>

RULE_CHECK(kv_high)
{
  const double mean = rule_live(f, KVC_L_kv_usage_mean_frac);
  const double stretch_s = rule_live(f, KVC_L_kv_high_long_s);
  if (mean <= rule->limit && !(stretch_s > 60)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_kv_usage_mean_frac);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_seen(arena, out, f, KVC_L_kv_high_long_s);
  rule_remedy(out, rule, NULL,
              "scale out, or fp8 KV cache, before requests are preempted");
  if (mean <= rule->limit)
    return rule_fire(arena, out, "the KV cache stayed above 90 %% for %s",
                     rule_figure(f, KVC_L_kv_high_long_s, arena));
  return rule_fire(arena, out, "the KV cache is %s full on average",
                   rule_figure(f, KVC_L_kv_usage_mean_frac, arena));
}

/* Nine tenths of what runs now, in eights. */
static const char *fewer_seats(const struct kvc_rule_facts *f, struct kvc_arena *arena)
{
  const double running = rule_live(f, KVC_L_running_max);
  const double want = 8 * floor(0.85 * running / 8);
  return want >= 8 ? rule_text(arena, "%.0f", want) : NULL;
}

RULE_CHECK(preempting)
{
  const double share = rule_live(f, KVC_L_preemption_per_request);
  const double logged = rule_live(f, KVC_L_log_preemptions);
  const double counted = rule_live(f, KVC_L_preemptions);
  if (isnan(share) && isnan(logged) && isnan(counted))
    return rule_skip(out, "the number of preemptions is not known");
  const bool many = isnan(share) ? counted > 0 : share > rule->limit;
  if (!many && !(logged > 0)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_preemptions);
  rule_seen(arena, out, f, KVC_L_preemption_per_request);
  rule_seen(arena, out, f, KVC_L_log_preemptions);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  rule_remedy(out, rule, fewer_seats(f, arena),
              "fewer requests at once, or more KV cache: fp8, memory share, GPUs");
  return rule_fire(arena, out,
                   "%.0f preemptions: requests are thrown out and computed again",
                   counted > logged || isnan(logged) ? counted : logged);
}

RULE_CHECK(swap_full)
{
  if (f->size->setting.engine != KVC_ENGINE_V0) return rule_skip(out, "V1 does not swap");
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, "16",
              "absorbs peaks; constant swapping wants more GPU, not more swap");
  return rule_fire(arena, out, "the CPU swap space is %s full",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(few_hits)
{
  const bool turns = f->live->multi_turn || (f->demand != NULL && f->demand->turns > 1);
  if (!turns)
    return rule_skip(out, "the load is not known to be multi-turn (--multi-turn)");
  if (rule_live(f, rule->fact) >= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_prefix_hit_frac);
  rule_seen(arena, out, f, KVC_L_kv_usage_max_frac);
  if (rule_live(f, KVC_L_server_prefix_caching) == 0)
    rule_remedy(out, rule, "true", "later turns then reuse the earlier ones");
  else
    rule_remedy(out, rule, NULL,
                "send a session to one server; keep what changes at the end of "
                "the prompt");
  return rule_fire(arena, out,
                   "%s of prompt tokens hit the prefix cache; conversations give "
                   "%.0f %% and more",
                   rule_figure(f, rule->fact, arena), 100 * rule->limit);
}

RULE_CHECK(caching_off)
{
  if (rule_live(f, rule->fact) != 0) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, "true",
              "shared system prompts and earlier turns cost nothing then");
  return rule_fire(arena, out, "prefix caching is off: every prompt is read whole");
}

RULE_CHECK(warming_up)
{
  const double before = rule_live(f, KVC_L_prefix_hit_before_frac);
  const double now = rule_live(f, KVC_L_prefix_hit_frac);
  if (now - before <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_prefix_hit_before_frac);
  rule_seen(arena, out, f, KVC_L_prefix_hit_frac);
  rule_remedy(out, rule, NULL, "look again later: latencies fall while it warms");
  return rule_fire(arena, out,
                   "the prefix cache is still warming up: hits rose from %s to %s",
                   rule_figure(f, KVC_L_prefix_hit_before_frac, arena),
                   rule_figure(f, KVC_L_prefix_hit_frac, arena));
}

RULE_CHECK(pool_idle)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs);
  if (rule_live(f, rule->fact) >= rule->limit ||
      rule_live(f, KVC_L_running_max) < 0.98 * seats)
    return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_max_num_seqs);
  rule_remedy(out, rule, NULL, "more seats, or fewer and smaller GPUs for this load");
  return rule_fire(arena, out,
                   "at full seats the KV cache is %s full: the rest is never used",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(headroom)
{
  const double n = rule_live(f, KVC_L_preemptions);
  const double share = rule_live(f, KVC_L_server_utilization);
  if (!(n > 0) || share >= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_preemptions);
  rule_seen(arena, out, f, KVC_L_server_utilization);
  rule_remedy(out, rule, rule_text(arena, "%.2f", rule->limit),
              "the KV cache gets the memory that nothing uses");
  return rule_fire(arena, out,
                   "requests are preempted while vLLM may use only %s of the GPU",
                   rule_figure(f, KVC_L_server_utilization, arena));
}

RULE_CHECK(pool_off)
{
  const double is = rule_live(f, KVC_L_pool_tok),
               planned = rule_live(f, KVC_L_pool_planned_tok);
  if (!(planned > 0)) return rule_skip(out, "the pool could not be sized");
  const double off = is / planned - 1;
  if (fabs(off) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_pool_tok);
  rule_seen(arena, out, f, KVC_L_pool_planned_tok);
  rule_remedy(out, rule, NULL,
              off < 0
                  ? "other processes, or settings that were not given: kvcap size "
                    "--compare-log tells which"
                  : "settings that were not given: kvcap size --compare-log tells which");
  return rule_fire(arena, out, "the pool holds %s, %.0f %% %s than sized",
                   rule_figure(f, KVC_L_pool_tok, arena), 100 * fabs(off),
                   off < 0 ? "less" : "more");
}

RULE_CHECK(below_default_share)
{
  struct kvc_default d;
  double normal;
  const struct kvc_flag *flag = kvc_engine_flag(f->engine, rule->flag);
  const struct kvc_default_query q = {.engine = f->size->setting.engine,
                                      .gpu_name = f->size->gpu.name,
                                      .vendor = f->size->gpu.vendor,
                                      .gpu_memory_bytes =
                                          kvc_default_tier_bytes(&f->size->gpu, 0)};
  if (flag == NULL ||
      !kvc_engine_default(f->engine, flag, &f->size->version.version, &q, &d) ||
      kvc_num_parse(d.value, "", &normal, NULL) != KVC_E_OK)
    return rule_skip(out, "the release has no default that is known");
  const double share = rule_live(f, rule->fact);
  if (share >= normal - rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, d.value, "unless something else needs the GPU");
  return rule_fire(arena, out,
                   "vLLM may use %s of the GPU; the release's default is %.0f %%",
                   rule_figure(f, rule->fact, arena), 100 * normal);
}

RULE_CHECK(length_unused)
{
  const double len = rule_live(f, KVC_L_max_model_len_tok);
  const double used =
      rule_live(f, KVC_L_prompt_p99_tok) + rule_live(f, KVC_L_output_p99_tok);
  if (isnan(used)) return rule_skip(out, "the lengths of requests are not known");
  if (len <= rule->limit * used || len <= 8192) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_max_model_len_tok);
  rule_seen(arena, out, f, KVC_L_prompt_p99_tok);
  rule_seen(arena, out, f, KVC_L_output_p99_tok);
  rule_remedy(out, rule, rule_text(arena, "%.0f", 1024 * ceil(2 * used / 1024)),
              "one request then cannot take the whole pool");
  return rule_fire(arena, out, "%s are allowed; 99 of 100 requests have less than %.0f",
                   rule_figure(f, KVC_L_max_model_len_tok, arena), used);
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"KVU001", "kv-cache-high", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, kv_high, NULL,
   "The KV cache is nearly full for long", "the next burst preempts", "kvcap-operating-ranges", 0.9, "of the pool", KVC_L_kv_usage_mean_frac, 0, NULL},
  {"KVU002", "preempting", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, preempting, "max_num_seqs",
   "Requests are preempted", "their KV cache is thrown away and computed again", "vllm-docs-optimization", 0.01, "per request", 0, 0, NULL},
  {"KVU003", "swapped-long", KVC_SEV_WARNING, NULL, "0.11.0", KVC_NEED_LIVE, rule_above, NULL,
   "Requests stay swapped out", "the pool is too small for this load", "kvcap-operating-ranges", 299, "s", KVC_L_swapped_long_s, 0,
   "more GPU, or fewer requests at once"},
  {"KVU004", "cpu-cache-used", KVC_SEV_HINT, NULL, "0.11.0", KVC_NEED_LIVE, rule_above, NULL,
   "KV cache spills to the CPU", "every swap waits for PCIe", "kvcap-operating-ranges", 0, "of the swap space", KVC_L_cpu_kv_usage_max_frac, 0,
   "fewer requests at once, or more KV cache on the GPU"},
  {"KVU005", "swap-space-full", KVC_SEV_WARNING, NULL, "0.11.0", KVC_NEED_LIVE | KVC_NEED_SIZE, swap_full, "swap_space",
   "The swap space is full", "requests are computed again instead", "vllm-src-config-cache", 0.9, "of the swap space", KVC_L_cpu_kv_usage_max_frac, 0, NULL},
  {"KVU006", "few-prefix-hits", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, few_hits, "enable_prefix_caching",
   "Conversations rarely hit the prefix cache", "every turn reads the whole conversation again", "kvcap-operating-ranges", 0.4, "of tokens", KVC_L_prefix_hit_frac, 0, NULL},
  {"KVU007", "prefix-cache-off", KVC_SEV_HINT, "0.5.5", NULL, KVC_NEED_LIVE, caching_off, "enable_prefix_caching",
   "Prefix caching is off", "what prompts share is computed for each", "vllm-docs-prefix-caching", 0, NULL, KVC_L_server_prefix_caching, 0, NULL},
  {"KVU008", "cold-prefix-cache", KVC_SEV_HINT, NULL, NULL, KVC_NEED_METRICS, warming_up, NULL,
   "The prefix cache is cold", "what is measured now is slower than it will be", "vllm-docs-prefix-caching", 0.1, "of tokens", KVC_L_prefix_hit_before_frac, KVC_L_prefix_hit_frac, NULL},
  {"KVU009", "pool-idle", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, pool_idle, NULL,
   "Most of the KV cache is never used", "memory is paid for that does nothing", "kvcap-operating-ranges", 0.3, "of the pool", KVC_L_kv_usage_max_frac, KVC_L_max_num_seqs, NULL},
  {"KVU010", "preempting-with-headroom", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, headroom, "gpu_memory_utilization",
   "Requests are preempted while GPU memory is left unused", "each preemption computes a request again", "vllm-docs-optimization", 0.9, "of the GPU", KVC_L_preemptions, KVC_L_server_utilization, NULL},
  {"KVU011", "pool-not-as-sized", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, pool_off, NULL,
   "The pool is not as sized", "what was sized is another deployment than what runs", "kvcap-operating-ranges", 0.05, "of the pool", KVC_L_pool_tok, KVC_L_pool_planned_tok, NULL},
  {"KVU012", "blocks-evicted-young", KVC_SEV_HINT, "0.12.0", NULL, KVC_NEED_METRICS, rule_below, NULL,
   "Blocks are evicted before they can be reused", "the prefix cache forgets within a conversation", "vllm-docs-prefix-caching", 60, "s", KVC_L_block_evict_idle_s, 0,
   "more KV cache, KV offloading, or sessions that stick to a server"},
  {"KVU013", "external-cache-idle", KVC_SEV_HINT, "0.11.1", NULL, KVC_NEED_LIVE, rule_below, NULL,
   "The external KV cache is hardly hit", "every lookup costs time", "vllm-src-metrics", 0.1, "of tokens", KVC_L_external_hit_frac, 0,
   "switch the connector off, or share it between servers"},
  {"KVU014", "mm-cache-idle", KVC_SEV_HINT, "0.11.1", NULL, KVC_NEED_LIVE, rule_below, NULL,
   "The multimodal cache is hardly hit", "images are prepared again and again", "vllm-src-metrics", 0.1, "of items", KVC_L_mm_hit_frac, 0,
   "a larger cache (mm-processor-cache-gb), or none if images never repeat"},
  {"KVU015", "below-default-share", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_MODEL, below_default_share, "gpu_memory_utilization",
   "vLLM may use less memory than by default", "the KV cache is smaller than it could be", "vllm-docs-conserving-memory", 0.02, "of the GPU", KVC_L_server_utilization, 0, NULL},
  {"KVU016", "length-unused", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, length_unused, "max_model_len",
   "The length is far beyond what is used", "one request may take the pool from all others", "vllm-docs-conserving-memory", 4, "x", KVC_L_max_model_len_tok, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_live_kv, rows);
