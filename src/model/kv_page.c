/* kv_page.c - page formulas by layer kind and KV dtype.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Source: vLLM's v1/kv_cache_interface.py, v1/core/kv_cache_utils.py and
 * model_executor/layers/mamba/mamba_utils.py; worker/cache_engine.py for V0.
 */
#include "kv_page.h"
#include <kvcap/str.h>
#include <math.h>
#include <string.h>

/* e bytes per element, plus 'head_extra' bytes per head and token for each of K
 * and V together (per-token-head scales). */
struct kv_dtype {
  const char *name;
  double elem_bytes;
  double head_extra_bytes;
  /* TurboQuant packs each head's K and V by itself; 0 bits = not packed. */
  int key_bits, key_tail_bytes, value_bits;
};

/* clang-format off */
static const struct kv_dtype kv_dtypes[] = {
    {.name = "bfloat16", .elem_bytes = 2},
    {.name = "float16", .elem_bytes = 2},
    {.name = "half", .elem_bytes = 2},
    {.name = "float32", .elem_bytes = 4},
    {.name = "float", .elem_bytes = 4},
    {.name = "fp8", .elem_bytes = 1},
    {.name = "fp8_e4m3", .elem_bytes = 1},
    {.name = "fp8_e5m2", .elem_bytes = 1},
    {.name = "fp8_inc", .elem_bytes = 1},
    {.name = "fp8_ds_mla", .elem_bytes = 1},
    /* two float32 scales a head */
    {.name = "int8_per_token_head", .elem_bytes = 1, .head_extra_bytes = 8},
    {.name = "fp8_per_token_head", .elem_bytes = 1, .head_extra_bytes = 8},
    {.name = "int4_per_token_head", .elem_bytes = 0.5, .head_extra_bytes = 8},
    /* half a byte, and one fp8 scale per 16 elements */
    {.name = "nvfp4", .elem_bytes = 9.0 / 16.0},
    {.name = "nvfp4_4over6", .elem_bytes = 9.0 / 16.0},
    {.name = "turboquant_k8v4", .key_bits = 8, .value_bits = 4}, /* fp8 keys, no norm */
    {.name = "turboquant_4bit_nc", .key_bits = 4, .key_tail_bytes = 2, .value_bits = 4},
    {.name = "turboquant_k3v4_nc", .key_bits = 3, .key_tail_bytes = 2, .value_bits = 4},
    {.name = "turboquant_3bit_nc", .key_bits = 3, .key_tail_bytes = 2, .value_bits = 3},
};
/* clang-format on */

static const struct kv_dtype *dtype_find(const char *name)
{
  for (size_t i = 0; i < sizeof kv_dtypes / sizeof *kv_dtypes; i++)
    if (strcmp(kv_dtypes[i].name, name) == 0) return &kv_dtypes[i];
  return NULL;
}

static kvc_code dtype_get(const char *name, const struct kv_dtype **out,
                          struct kvc_err *err)
{
  const struct kv_dtype *d = dtype_find(name);
  if (d != NULL) {
    *out = d;
    return KVC_E_OK;
  }
  if (kvc_str_ifind(name, "_ds_mla") != NULL)
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--kv-cache-dtype",
                    "the page layout of \"%s\" is not verified, so its pool cannot be "
                    "sized; the server's log line \"GPU KV cache size\" would tell",
                    name);
  return kvc_fail(err, KVC_E_UNKNOWN, "--kv-cache-dtype",
                  "\"%.40s\" is not a KV cache dtype; use auto, bfloat16, float16, fp8, "
                  "fp8_e4m3, fp8_e5m2, nvfp4 or int8_per_token_head",
                  name);
}

bool kv_layer_has_tokens(const struct kvc_layer *layer)
{
  if (layer->kv_shared) return false;
  switch (layer->mixer) {
  case KVC_MIX_FULL:
  case KVC_MIX_SLIDING:
  case KVC_MIX_CHUNKED:
  case KVC_MIX_MLA:
  case KVC_MIX_CROSS: return true;
  default: return false;
  }
}

bool kv_layer_has_state(const struct kvc_layer *layer)
{
  switch (layer->mixer) {
  case KVC_MIX_MAMBA1:
  case KVC_MIX_MAMBA2:
  case KVC_MIX_GDN:
  case KVC_MIX_KDA:
  case KVC_MIX_SHORTCONV:
  case KVC_MIX_LINEAR: return true;
  default: return layer->parallel_mamba;
  }
}

int kv_heads_on_rank(int kv_heads, int tp)
{
  const int h = kv_heads / tp;
  return h > 1 ? h : 1;
}

/* Multi-head latent attention: one row of kv_lora_rank + rope per token,
 * replicated on every tensor-parallel rank.
 *   b = (kv_lora_rank + qk_rope_head_dim) * e;  fp8 sparse attention: 656
 * (512 fp8 + four float32 scales + 64 bfloat16 rope).  The sparse-attention
 * indexer adds index_head_dim bytes and one float32 scale per 128 of them. */
static double mla_token_bytes(const struct kvc_model *m, const struct kvc_layer *layer,
                              const struct kv_dtype *d)
{
  const bool sparse = layer->indexer || m->mla.index_topk > 0;
  double bytes = (m->mla.kv_lora_rank + m->mla.qk_rope_head_dim) * d->elem_bytes;
  if (strcmp(d->name, "fp8_ds_mla") == 0 || (sparse && d->elem_bytes == 1)) bytes = 656;
  if (layer->kv_compress > 1) bytes /= layer->kv_compress;
  if (layer->indexer) {
    const double dim = m->mla.index_head_dim > 0 ? m->mla.index_head_dim : 128;
    const double row = dim + dim / 128 * 4;
    bytes += layer->kv_compress > 1 ? row / layer->kv_compress : row;
  }
  return bytes;
}

/* Before vLLM cached the latent, MLA models were served as plain attention with
 * every head padded to 256. */
static double mla_expanded_bytes(const struct kvc_layer *layer, int tp,
                                 const struct kv_dtype *d)
{
  const double padded_head = 256;
  return kv_heads_on_rank(layer->heads, tp) * 2 * padded_head * d->elem_bytes;
}

/* One head of a token under TurboQuant, K and V together, rounded up to even:
 *   ceil(d * key bits / 8) + norm of K  +  ceil(d * value bits / 8) + scale and zero
 * (4 bytes).  Source: vLLM's layers/quantization/turboquant/config.py. */
static double packed_slot_bytes(double dk, double dv, const struct kv_dtype *d)
{
  const double key = ceil(dk * d->key_bits / 8) + d->key_tail_bytes;
  const double value = ceil(dv * d->value_bits / 8) + 4;
  return ceil((key + value) / 2) * 2;
}

/* b = h * (d_k + d_v) * e + h * scales */
static double attention_token_bytes(const struct kvc_layer *layer, int tp,
                                    const struct kv_dtype *d)
{
  const double h = kv_heads_on_rank(layer->kv_heads, tp);
  const double dv = layer->v_head_dim > 0 ? layer->v_head_dim : layer->head_dim;
  if (d->key_bits > 0) return h * packed_slot_bytes(layer->head_dim, dv, d);
  return h * ((layer->head_dim + dv) * d->elem_bytes + d->head_extra_bytes);
}

kvc_code kv_token_bytes(const struct kvc_model *model, const struct kvc_layer *layer,
                        const struct kvc_setting *set, const struct kvc_mem_facts *facts,
                        double *out, struct kvc_err *err)
{
  const struct kv_dtype *d = NULL;
  KVC_TRY(dtype_get(set->kv_cache_dtype, &d, err));
  if (layer->mixer == KVC_MIX_MLA && d->key_bits > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--kv-cache-dtype",
                    "%s is for plain attention; %s has latent attention", d->name,
                    model->name);
  if (layer->mixer == KVC_MIX_MLA)
    *out = facts->mla ? mla_token_bytes(model, layer, d)
                      : mla_expanded_bytes(layer, set->tp, d);
  else
    *out = attention_token_bytes(layer, set->tp, d);
  return KVC_E_OK;
}

/* Groups of a Mamba2 mixer on all ranks together: replicated up to tp when they do
 * not divide. */
static double mamba2_groups(int groups, int tp)
{
  return groups % tp == 0 ? groups : tp;
}

/* State shapes per layer, divided by tp: convolution window and recurrent state.
 * With speculative decoding the convolution keeps the drafted tokens too. */
double kv_state_bytes(const struct kvc_model *model, const struct kvc_layer *layer,
                      const struct kvc_setting *set)
{
  const struct kvc_ssm *s = &model->ssm;
  const double t = set->tp;
  const double conv_elem = set->weight_elem_bytes > 2 ? 4 : 2;
  const double state_elem = s->state_fp32 || set->mamba_state_fp32 ? 4 : conv_elem;
  const double taps = s->conv > 0 ? s->conv - 1 + set->spec_tokens : 0;
  double conv = 0, state = 0;
  switch (layer->parallel_mamba ? KVC_MIX_MAMBA2 : layer->mixer) {
  case KVC_MIX_MAMBA1:
    conv = (double)s->inner / t * (s->conv - 1);
    state = (double)s->inner / t * s->state;
    break;
  case KVC_MIX_MAMBA2:
    conv =
        ((double)s->inner + 2 * mamba2_groups(s->groups, set->tp) * s->state) / t * taps;
    state = s->heads / t * s->head_dim * s->state;
    break;
  case KVC_MIX_GDN:
    conv = (2.0 * s->k_dim * s->k_heads + (double)s->v_dim * s->v_heads) / t * taps;
    state = s->v_heads / t * s->v_dim * s->k_dim;
    break;
  case KVC_MIX_KDA:
    conv = ((double)s->v_dim * s->v_heads + 2.0 * s->k_dim * s->k_heads) / t * taps;
    state = s->v_heads / t * s->v_dim * s->k_dim;
    break;
  case KVC_MIX_SHORTCONV: conv = (double)s->inner / t * (s->conv - 1); break;
  case KVC_MIX_LINEAR: state = s->v_heads / t * s->v_dim * s->k_dim; break;
  default: break;
  }
  return conv * conv_elem + state * state_elem;
}
