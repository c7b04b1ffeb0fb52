/* live_features.c - rules about speculation, adapters and clients of a running server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

RULE_CHECK(late_guesses)
{
  if (rule_live(f, rule->fact) >= rule->limit) return KVC_PASS;
  const double n = rule_live(f, KVC_L_spec_draft_len_tok);
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_spec_draft_len_tok);
  rule_remedy(out, rule, NULL,
              n > 1 ? "guess fewer tokens a step" : "switch speculation off");
  return rule_fire(arena, out, "the last guessed token is right in %s of steps",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(busy_speculation)
{
  if (rule_live(f, KVC_L_running_mean) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_running_mean);
  rule_seen(arena, out, f, KVC_L_spec_accept_frac);
  rule_seen(arena, out, f, KVC_L_spec_accept_len_tok);
  rule_remedy(out, rule, NULL, "measure with and without it at this load");
  return rule_fire(arena, out,
                   "speculation with %s requests running: wrong guesses take time that "
                   "full batches lack",
                   rule_figure(f, KVC_L_running_mean, arena));
}

RULE_CHECK(adapters_wait)
{
  const double waiting = rule_live(f, rule->fact), max = rule_live(f, KVC_L_lora_max);
  if (waiting <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_lora_waiting);
  rule_seen(arena, out, f, KVC_L_lora_running);
  rule_seen(arena, out, f, KVC_L_lora_max);
  rule_remedy(out, rule, max > 0 ? rule_text(arena, "%.0f", max + waiting) : NULL,
              "a slot for each adapter in use at once");
  return rule_fire(arena, out, "%s adapters wait for a slot",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(slots_full)
{
  const double max = rule_live(f, KVC_L_lora_max);
  if (rule_live(f, rule->fact) < max) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_lora_running);
  rule_seen(arena, out, f, KVC_L_lora_max);
  rule_remedy(out, rule, rule_text(arena, "%.0f", max + 1),
              "the next adapter has to wait");
  return rule_fire(arena, out, "all %s adapter slots are taken",
                   rule_figure(f, KVC_L_lora_max, arena));
}

RULE_CHECK(huge_max_tokens)
{
  const double asked = rule_live(f, KVC_L_max_tokens_p50_tok);
  const double used = rule_live(f, KVC_L_output_p95_tok);
  if (asked <= rule->limit * used || asked < 512) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_max_tokens_p50_tok);
  rule_seen(arena, out, f, KVC_L_output_p95_tok);
  rule_remedy(out, rule, NULL,
              "clients should ask for what they need: a runaway answer fills the pool");
  return rule_fire(arena, out, "clients ask for up to %s and get fewer than %s",
                   rule_figure(f, KVC_L_max_tokens_p50_tok, arena),
                   rule_figure(f, KVC_L_output_p95_tok, arena));
}

RULE_CHECK(throughput_drops)
{
  const double seats = rule_live(f, KVC_L_max_num_seqs);
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  if (!isnan(seats) && rule_live(f, KVC_L_running_max) < 0.8 * seats) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_generation_drop_frac);
  rule_seen(arena, out, f, KVC_L_generation_tps_max);
  rule_seen(arena, out, f, KVC_L_running_max);
  rule_seen(arena, out, f, KVC_L_output_mean_tok);
  rule_remedy(out, rule, NULL,
              "check the clients' max_tokens: small requests fill the batch");
  return rule_fire(arena, out, "generation fell by %s while as many requests ran",
                   rule_figure(f, rule->fact, arena));
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"SPD001", "wasted-speculation", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, rule_below, NULL,
   "Most guesses are wrong", "each wrong guess is work for nothing", "vllm-docs-spec-decode", 0.5, "of guesses", KVC_L_spec_accept_frac, 0,
   "guess fewer tokens, use a better draft, or switch it off"},
  {"SPD002", "late-guesses", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, late_guesses, NULL,
   "The last guesses are rarely right", "they cost as much as the first", "vllm-docs-spec-decode", 0.2, "of steps", KVC_L_spec_last_position_frac, 0, NULL},
  {"SPD003", "speculation-in-full-batches", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, busy_speculation, NULL,
   "Speculation at a high load", "throughput may be higher without", "vllm-docs-spec-decode", 32, "requests", KVC_L_spec_accept_frac, KVC_L_running_mean, NULL},
  {"SPD004", "speculation-inefficient", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, rule_below, NULL,
   "Speculation gives less than half of what it could", "the draft costs more than it brings", "vllm-docs-spec-decode", 0.5, "of the most", KVC_L_spec_efficiency_frac, 0,
   "guess fewer tokens a step"},
  {"LRA001", "adapters-wait", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, adapters_wait, "max_loras",
   "Adapters wait for a slot", "their requests wait whatever the GPU could do", "vllm-docs-lora", 0, "adapters", KVC_L_lora_waiting, 0, NULL},
  {"LRA002", "adapter-slots-full", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, slots_full, "max_loras",
   "All adapter slots are taken", "another adapter makes requests wait", "vllm-docs-lora", 0, "adapters", KVC_L_lora_running, KVC_L_lora_max, NULL},
  {"TRF001", "kv-transfers-fail", KVC_SEV_ERROR, "0.11.1", NULL, KVC_NEED_LIVE, rule_counted, NULL,
   "KV transfers fail", "the prompt is computed again, or the request is lost", "vllm-src-metrics", 0, "transfers", KVC_L_transfer_failures, 0,
   "check the network between prefill and decode servers"},
  {"CLN001", "huge-max-tokens", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, huge_max_tokens, NULL,
   "Clients ask for far more tokens than they use", "nothing stops an answer that runs away", "kvcap-operating-ranges", 4, "x", KVC_L_max_tokens_p50_tok, KVC_L_output_p95_tok, NULL},
  {"CLN002", "answers-cut", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, rule_above, NULL,
   "Answers are cut off by their limit", "users get half an answer and ask again", "kvcap-operating-ranges", 0.3, "of requests", KVC_L_length_frac, 0,
   "raise the clients' max_tokens, or --max-model-len where that cuts"},
  {"CLN003", "throughput-drops", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, throughput_drops, NULL,
   "Throughput drops while the batch is full", "seats are taken by requests that give few tokens", "kvcap-operating-ranges", 0.3, "of the best", KVC_L_generation_drop_frac, 0, NULL},
  {"CLN004", "several-completions", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LIVE, rule_above, NULL,
   "Requests ask for several completions", "each takes a seat and KV cache of its own", "vllm-src-metrics", 1.2, "completions", KVC_L_n_mean, 0,
   "count completions, not requests, when sizing"},
};
/* clang-format on */
RULE_FAMILY(rules_live_features, rows);
