/* kv.c - rules about the KV cache and about number formats.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <string.h>

RULE_CHECK(fp8_kv)
{
  const double cc = rule_capability(&f->size->gpu);
  const char *asked = f->deploy->kv_cache_dtype;
  if (asked == NULL || strncmp(asked, "fp8", 3) != 0)
    return rule_skip(out, "no fp8 KV cache is asked for");
  if (cc <= 0) return rule_skip(out, "the compute capability is not known");
  if (cc >= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "compute capability %.1f, native fp8 from %.1f", cc,
                rule->limit);
  rule_remedy(out, rule, "auto", "leave the cache in 16 bits");
  if (cc < 8) out->severity = KVC_SEV_ERROR;
  return rule_fire(arena, out,
                   cc < 8 ? "this GPU (capability %.1f) has no fp8 KV kernels"
                          : "this GPU (capability %.1f) converts fp8 in "
                            "software, and not every attention kernel can",
                   cc);
}

RULE_CHECK(bf16_old)
{
  const double cc = rule_capability(&f->size->gpu);
  if (cc <= 0) return rule_skip(out, "the compute capability is not known");
  if (strcmp(f->size->setting.dtype, "bfloat16") != 0 || cc >= rule->limit)
    return KVC_PASS;
  rule_evidence(arena, out, "compute capability %.1f, bfloat16 from %.1f", cc,
                rule->limit);
  rule_remedy(out, rule, "half", "serve in float16");
  return rule_fire(arena, out, "this GPU (capability %.1f) has no bfloat16", cc);
}

RULE_CHECK(fp8_weight_only)
{
  const double cc = rule_capability(&f->size->gpu);
  if (f->size->model.quant.kind != KVC_QUANT_FP8)
    return rule_skip(out, "the weights are not fp8");
  if (cc <= 0) return rule_skip(out, "the compute capability is not known");
  if (cc >= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "compute capability %.1f, fp8 arithmetic from %.1f", cc,
                rule->limit);
  out->fix = "int8 (w8a8) gains arithmetic too on this GPU";
  return rule_fire(arena, out,
                   "fp8 weights save memory here, but are computed in 16 bits");
}

RULE_CHECK(fp8_volta)
{
  const double cc = rule_capability(&f->size->gpu);
  if (f->size->model.quant.kind != KVC_QUANT_FP8)
    return rule_skip(out, "the weights are not fp8");
  if (cc <= 0) return rule_skip(out, "the compute capability is not known");
  if (cc >= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "compute capability %.1f, kernels from %.1f", cc,
                rule->limit);
  out->fix = "take a checkpoint in another format";
  return rule_fire(arena, out,
                   "this GPU (capability %.1f) has no kernels for fp8 weights", cc);
}

RULE_CHECK(caching_off)
{
  const struct kvc_demand *d = f->demand;
  const bool repeats = d->load.shared_prefix_frac > rule->limit || d->turns > 1 ||
                       d->load.shared_prefix_tok > 256;
  if (f->size->memory.layout.n_specs == 0)
    return rule_skip(out, "the model keeps no KV cache");
  if (!repeats || f->size->setting.prefix_caching) return KVC_PASS;
  rule_evidence(arena, out, "%.0f %% of the prompt shared, %g turns",
                d->load.shared_prefix_frac * 100, d->turns);
  rule_remedy(out, rule, "true", "switch it on where the model allows it");
  out->gain = "time to first token of later turns falls";
  return rule_fire(arena, out, "prefixes repeat, but prefix caching is off");
}

RULE_CHECK(padding)
{
  const struct kvc_kv_layout *l = &f->size->memory.layout;
  if (l->n_groups <= 1) return rule_skip(out, "all layers are of one kind");
  const double frac =
      (double)l->padding_layers / ((double)l->n_groups * (double)l->group_layers);
  if (frac <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%zu of %zu layers in groups are padding", l->padding_layers,
                l->n_groups * l->group_layers);
  out->fix = "nothing to set: the packing is the release's";
  return rule_fire(arena, out, "%.0f %% of the pool is padding between unlike layers",
                   frac * 100);
}

RULE_CHECK(alignment)
{
  const struct kvc_size *s = f->size;
  if (!rule_has_state(&s->model))
    return rule_skip(out, "the model has no recurrent layers");
  if ((double)s->memory.layout.block_size_tok <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "blocks of %lld tokens, padding %.1f %%",
                (long long)s->memory.layout.block_size_tok,
                s->memory.layout.mamba_padding_frac * 100);
  out->fix = "expect short requests to take a whole block";
  return rule_fire(arena, out,
                   "attention blocks grow to %lld tokens to match the state's "
                   "page: short requests waste the rest",
                   (long long)s->memory.layout.block_size_tok);
}

RULE_CHECK(state_blocks)
{
  const struct kvc_size *s = f->size;
  if (!rule_has_state(&s->model))
    return rule_skip(out, "the model has no recurrent layers");
  if (s->memory.num_gpu_blocks <= 0 || s->memory.layout.n_groups == 0)
    return rule_skip(out, "there is no pool");
  const int64_t most = s->memory.num_gpu_blocks / (int64_t)s->memory.layout.n_groups;
  if (s->setting.max_num_seqs <= most || most < 1) return KVC_PASS;
  rule_evidence(arena, out, "%lld blocks / %zu groups = %lld requests",
                (long long)s->memory.num_gpu_blocks, s->memory.layout.n_groups,
                (long long)most);
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)most),
              "lower it to the states that fit");
  return rule_fire(arena, out, "states of %lld requests fit, --max-num-seqs admits %lld",
                   (long long)most, (long long)s->setting.max_num_seqs);
}

RULE_CHECK(windows)
{
  const struct kvc_size *s = f->size;
  if (!rule_has_mixer(&s->model, KVC_MIX_SLIDING) &&
      !rule_has_mixer(&s->model, KVC_MIX_CHUNKED))
    return rule_skip(out, "the model has no window layers");
  if (!s->memory.layout.promoted) return KVC_PASS;
  rule_evidence(arena, out, "%.0f bytes per token", s->memory.layout.bytes_per_token);
  out->fix = "leave the hybrid manager on; a newer release may use the windows";
  return rule_fire(arena, out, "window layers are charged like full attention here");
}

RULE_CHECK(one_request)
{
  const struct kvc_size *s = f->size;
  if (s->memory.layout.n_specs == 0) return rule_skip(out, "the model keeps no KV cache");
  if (!s->memory.fits || s->memory.max_concurrency >= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "maximum concurrency %.2fx at %lld tokens",
                s->memory.max_concurrency, (long long)s->setting.max_model_len_tok);
  rule_remedy(out, rule, NULL, "lower it if such requests are rare, or add memory");
  return rule_fire(arena, out, "one request of full length fills the pool");
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"KVC001", "fp8-cache-unsupported", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_MODEL, fp8_kv, "kv_cache_dtype",
   "The GPU has no native fp8 for the KV cache", "no kernel, or a slow one", "vllm-docs-quantized-kv", 8.9, "capability", 0, 0, NULL},
  {"KVC002", "no-bfloat16", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_SIZE, bf16_old, "dtype",
   "The GPU has no bfloat16", "vLLM refuses it", "vllm-src-platforms", 8, "capability", 0, 0, NULL},
  {"KVC003", "fp8-weight-only", KVC_SEV_HINT, NULL, NULL, KVC_NEED_MODEL, fp8_weight_only, NULL,
   "fp8 weights are computed in 16 bits", "memory is saved, time is not", "vllm-docs-quantization", 8.9, "capability", 0, 0, NULL},
  {"KVC004", "fp8-weights-unsupported", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_MODEL, fp8_volta, NULL,
   "The GPU has no kernels for fp8 weights", "vLLM refuses the checkpoint", "vllm-docs-quantization", 7.5, "capability", 0, 0, NULL},
  {"KVC005", "prefix-caching-off", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_LOAD, caching_off, "enable_prefix_caching",
   "Prefixes repeat, but caching is off", "every turn reads its history again", "vllm-docs-optimization", 0.1, "share", 0, 0, NULL},
  {"KVC006", "padding-between-layers", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, padding, NULL,
   "Layers of unlike kinds are padded to even groups", "part of the pool holds nothing", "vllm-src-kv-cache-utils", 0.1, "share", 0, 0, NULL},
  {"KVC007", "blocks-inflated", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, alignment, NULL,
   "Attention blocks grow to the state's page", "short requests waste most of a block", "vllm-issue-54458", 256, "tokens", 0, 0, NULL},
  {"KVC008", "more-requests-than-states", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE, state_blocks, "max_num_seqs",
   "More requests than recurrent states fit", "graph capture or the scheduler fails", "kaito-issue-2319", 0, NULL, 0, 0, NULL},
  {"KVC009", "windows-unused", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, windows, NULL,
   "Window layers are charged like full attention", "the pool holds fewer tokens than the model needs", "vllm-src-kv-cache-utils", 0, NULL, 0, 0, NULL},
  {"KVC010", "one-request-fills-the-pool", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, one_request, "max_model_len",
   "One request of full length fills the pool", "everybody else is preempted", "vllm-docs-optimization", 1.5, "x", 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_kv, rows);
