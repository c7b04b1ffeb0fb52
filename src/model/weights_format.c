/* weights_format.c - bytes of one tensor in the format its part is stored in.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *   bytes = payload bits / 8 * elements + scales + zero points + index and bias
 * Widths follow vLLM after loading; on disk they differ only where said.
 */
#include "weights_tensor.h"
#include <math.h>
#include <string.h>

/* What an unquantised checkpoint part is left in, or which format it has. */
enum kvc_quant_kind wt_kind(const struct kvc_model *model, const struct wt_tensor *t)
{
  const struct kvc_quant *q = &model->quant;
  if (q->kind == KVC_QUANT_NONE || t->part == KVC_PART_REST || t->runtime)
    return KVC_QUANT_NONE;
  if (t->layer != NULL && t->layer->part_quant[t->part] != 0)
    return (enum kvc_quant_kind)(t->layer->part_quant[t->part] - 1);
  if (q->experts_only && t->part != KVC_PART_EXPERTS)
    return t->layer == NULL ? KVC_QUANT_NONE : q->attention_kind;
  switch (t->part) {
  case KVC_PART_ATTN_IN:
  case KVC_PART_ATTN_OUT:
    if (q->attention_kind != KVC_QUANT_NONE) return q->attention_kind;
    return q->skip_attention ? KVC_QUANT_NONE : q->kind;
  case KVC_PART_DENSE: return q->skip_dense_ffn ? KVC_QUANT_NONE : q->kind;
  case KVC_PART_SHARED: return q->skip_shared_expert ? KVC_QUANT_NONE : q->kind;
  case KVC_PART_SSM: return q->skip_ssm ? KVC_QUANT_NONE : q->kind;
  case KVC_PART_LM_HEAD: return q->skip_lm_head ? KVC_QUANT_NONE : q->kind;
  case KVC_PART_EMBED: return q->skip_embed ? KVC_QUANT_NONE : q->kind;
  default: return q->kind;
  }
}

/* The parameters of a format that differs from the model's main one. */
static struct kvc_quant usual(enum kvc_quant_kind kind)
{
  struct kvc_quant q = {.kind = kind, .bits = 8, .group_size = -1, .scale_bytes = 4};
  if (kind == KVC_QUANT_NVFP4) {
    q.bits = 4;
    q.group_size = 16;
    q.scale_bytes = 1;
  } else if (kind == KVC_QUANT_MXFP4) {
    q.bits = 4;
    q.group_size = 32;
    q.scale_bytes = 1;
  } else if (kind == KVC_QUANT_INT) {
    q.bits = 4;
    q.group_size = 128;
    q.scale_bytes = 2;
  }
  return q;
}

/* Scales of an out x in matrix: per tensor (group 0), per row (-1), per group of
 * columns, or per block. */
static double scale_count(const struct kvc_quant *q, double out, double in)
{
  if (q->block_rows > 0 && q->block_cols > 0)
    return ceil(out / q->block_rows) * ceil(in / q->block_cols);
  if (q->group_size == 0) return 1;
  if (q->group_size < 0) return out;
  return out * ceil(in / q->group_size);
}

struct wt_size wt_bytes(const struct kvc_model *model, const struct wt_tensor *t,
                        double elem_bytes, bool on_disk)
{
  const double width = t->fixed_bytes > 0 ? t->fixed_bytes : elem_bytes;
  const enum kvc_quant_kind kind = wt_kind(model, t);
  struct wt_size size = {.bias = t->bias * width};
  if (kind == KVC_QUANT_NONE) {
    size.payload = t->n * t->out * t->in * width;
    return size;
  }
  struct kvc_quant q = kind == model->quant.kind ? model->quant : usual(kind);
  if (kind != model->quant.kind && kind == model->quant.attention_kind &&
      model->quant.attention_bits > 0)
    q.bits = model->quant.attention_bits;
  /* Symmetric GPTQ stores zero points and an index that vLLM drops on loading. */
  const bool gptq = q.method != NULL && strcmp(q.method, "gptq") == 0;
  const bool index = q.act_order || (gptq && on_disk);
  const double scales = t->n * scale_count(&q, t->out, t->in);
  size.payload = t->n * t->out * t->in * q.bits / 8;
  size.scales = scales * (on_disk && q.double_quant ? 1 + 4.0 / 256 : q.scale_bytes);
  if (!gptq || on_disk) size.zeros = scales * q.zero_bits / 8;
  if (index) size.bias += t->n * 4 * t->in;
  return size;
}
