/* offers.c - changes that may cost accuracy: offered with their yield, never assumed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise_room.h"
#include <kvcap/num.h>
#include <string.h>

static struct kvc_recommendation *offer(struct advising *a, const char *id,
                                        const char *key, const char *value)
{
  struct kvc_advice *out = a->out;
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, key);
  if (out->n_recs == KVC_MAX_RECS || flag == NULL) return NULL;
  struct kvc_recommendation *r = &out->recs[out->n_recs++];
  *r = (struct kvc_recommendation){
      .id = id,
      .severity = "offer",
      .flag = kvc_engine_flag_name(a->engine, flag, &out->size.version.version),
      .value = value};
  return r;
}

static const char *pool_words(struct advising *a)
{
  const struct kvc_memory *now = &a->out->size.memory, *then = &a->other->memory;
  return advise_text(a, "KV cache %s tokens instead of %s",
                     advise_count(a, then->tokens.value),
                     advise_count(a, now->tokens.value));
}

static void offer_kv(struct advising *a)
{
  const double cc = advise_capability(&a->out->size.gpu);
  const bool amd = a->out->size.gpu.vendor == KVC_VENDOR_AMD;
  struct kvc_deploy d = a->d;
  struct kvc_err ignored;
  if (d.kv_cache_dtype != NULL || a->out->size.memory.layout.n_specs == 0 ||
      strncmp(a->out->size.setting.kv_cache_dtype, "fp8", 3) == 0 ||
      !(amd || cc >= 8.9) || !advise_has_value(a, "kv_cache_dtype", "fp8"))
    return;
  d.kv_cache_dtype = "fp8";
  if (advise_try(a, &d, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  if (a->other->memory.pool_tok < 1.05 * a->out->size.memory.pool_tok) return;
  struct kvc_recommendation *r = offer(a, "OFFER001", "kv_cache_dtype", "fp8");
  if (r == NULL) return;
  r->reason =
      "halves a KV token; published evaluations lose little on short tasks and "
      "more on long contexts: test it on yours (--allow-quality fp8-kv applies it)";
  r->evidence[r->n_evidence++] = advise_text(a, "%.0f bytes per token instead of %.0f",
                                             a->other->memory.layout.bytes_per_token,
                                             a->out->size.memory.layout.bytes_per_token);
  r->gain = pool_words(a);
  r->source = "vllm-docs-quantized-kv";
}

static void offer_weights(struct advising *a)
{
  const double cc = advise_capability(&a->out->size.gpu);
  const bool amd = a->out->size.gpu.vendor == KVC_VENDOR_AMD;
  struct kvc_deploy d = a->d;
  struct kvc_err ignored;
  if (d.quantization != NULL || a->out->size.model.quant.kind != KVC_QUANT_NONE ||
      !(amd || cc >= 8) || a->out->size.model.pooling ||
      !advise_has_value(a, "quantization", "fp8"))
    return;
  d.quantization = "fp8";
  if (advise_try(a, &d, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  struct kvc_recommendation *r = offer(a, "OFFER002", "quantization", "fp8");
  if (r == NULL) return;
  r->reason = cc > 0 && cc < 8.9
                  ? "linear weights in 8 bits; this GPU computes in 16 bits and gains "
                    "memory, not arithmetic; accuracy may fall slightly "
                    "(--allow-quality fp8-weights applies it)"
                  : "linear weights in 8 bits; accuracy may fall slightly, so test it on "
                    "your task (--allow-quality fp8-weights applies it)";
  r->evidence[r->n_evidence++] =
      advise_text(a, "weights %.2f GiB per GPU instead of %.2f",
                  a->other->memory.weights_bytes / KVC_GIB,
                  a->out->size.memory.weights_bytes / KVC_GIB);
  r->gain = pool_words(a);
  r->source = "vllm-docs-quantization";
}

void advise_offers(struct advising *a)
{
  offer_kv(a);
  offer_weights(a);
}
