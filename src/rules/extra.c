/* extra.c - rules about speculation, LoRA and images.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <string.h>

RULE_CHECK(busy_speculation)
{
  if (f->deploy->spec_method == NULL) return rule_skip(out, "there is no speculation");
  const int64_t seqs = f->size->setting.max_num_seqs;
  if ((double)seqs <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%lld requests x %d guesses in a step", (long long)seqs,
                f->size->setting.spec_tokens);
  out->fix = "measure at the real load; it helps most at small batches";
  return rule_fire(arena, out,
                   "speculation with up to %lld requests at once: wasted "
                   "guesses cost time that full batches lack",
                   (long long)seqs);
}

RULE_CHECK(many_guesses)
{
  if (f->deploy->spec_method == NULL) return rule_skip(out, "there is no speculation");
  const int n = f->size->setting.spec_tokens;
  if (n <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%d tokens guessed a step", n);
  out->fix = "3 to 5 are usual";
  return rule_fire(arena, out, "%d guesses a step: late ones are rarely accepted", n);
}

RULE_CHECK(lora_slots)
{
  const struct kvc_memory *m = &f->size->memory;
  if (!f->size->setting.lora) return rule_skip(out, "LoRA is off");
  const double kv = m->available_kv_bytes.value;
  if (m->lora_bytes <= rule->limit * (kv > 0 ? kv : 1)) return KVC_PASS;
  rule_evidence(arena, out, "%d slots of rank %d: %.2f GiB; KV cache %.2f GiB",
                f->size->setting.max_loras, f->size->setting.max_lora_rank,
                m->lora_bytes / RULE_GIB, kv / RULE_GIB);
  rule_remedy(out, rule, NULL, "as many slots as adapters are used at once");
  return rule_fire(arena, out, "LoRA slots take %.2f GiB", m->lora_bytes / RULE_GIB);
}

RULE_CHECK(lora_rank)
{
  if (!f->size->setting.lora) return rule_skip(out, "LoRA is off");
  const int rank = f->size->setting.max_lora_rank;
  if (rank <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "every slot is padded to rank %d", rank);
  rule_remedy(out, rule, NULL, "the largest rank that is really used");
  return rule_fire(arena, out, "slots of rank %d cost memory and time for all adapters",
                   rank);
}

RULE_CHECK(encoder)
{
  const struct kvc_activation *a = &f->size->memory.activation;
  if (f->size->model.n_towers == 0) return rule_skip(out, "the model has no encoder");
  if (a->encoder_bytes <= 0 || f->size->setting.mm_items == 0 ||
      a->encoder_bytes <= rule->limit * RULE_GIB)
    return KVC_PASS;
  rule_evidence(arena, out, "encoder %.2f GiB of a peak of %.2f GiB",
                a->encoder_bytes / RULE_GIB,
                f->size->memory.activation_peak_bytes / RULE_GIB);
  rule_remedy(out, rule, NULL, "limit items, or 0 where only text is served");
  return rule_fire(arena, out, "profiling the encoder takes %.2f GiB",
                   a->encoder_bytes / RULE_GIB);
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"SPC001", "speculation-under-load", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, busy_speculation, NULL,
   "Speculation at high concurrency", "throughput may fall", "vllm-docs-spec-decode", 64, "requests", 0, 0, NULL},
  {"SPC002", "many-guesses", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, many_guesses, NULL,
   "Many tokens are guessed in a step", "late guesses are mostly wasted", "vllm-docs-spec-decode", 7, "tokens", 0, 0, NULL},
  {"LOR001", "adapter-slots", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, lora_slots, "max_loras",
   "LoRA slots take memory", "the KV cache shrinks", "vllm-docs-lora", 0.05, "of the KV cache", 0, 0, NULL},
  {"LOR002", "adapter-rank", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, lora_rank, "max_lora_rank",
   "LoRA slots have a high rank", "each adapter pays for the largest", "vllm-docs-lora", 64, "rank", 0, 0, NULL},
  {"MMO001", "encoder-peak", KVC_SEV_HINT, "0.5.5", NULL, KVC_NEED_SIZE, encoder, "limit_mm_per_prompt",
   "The encoder's profile run is large", "the KV cache shrinks", "vllm-docs-conserving-memory", 1, "GiB", 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_extra, rows);
