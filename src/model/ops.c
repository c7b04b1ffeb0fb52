/* ops.c - the operations of a step on one rank, from the walk over its tensors.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "kv_page.h"
#include "weights_tensor.h"
#include <kvcap/ops.h>
#include <math.h>

struct listing {
  const struct kvc_model *model;
  const struct kvc_setting *set;
  struct kvc_ops *out;
  struct kvc_op expert; /* gate and up seen, down to come */
  bool full;            /* more kinds of operation than there is room for */
};

static bool same(double a, double b)
{
  return fabs(a - b) < 0.5;
}

static bool alike(const struct kvc_op *a, const struct kvc_op *b)
{
  return a->kind == b->kind && a->fmt == b->fmt && same(a->out, b->out) &&
         same(a->in, b->in) && same(a->weight_bytes, b->weight_bytes) &&
         same(a->experts, b->experts) && same(a->heads, b->heads) &&
         same(a->qk_dim, b->qk_dim) && same(a->window_tok, b->window_tok) &&
         same(a->topk_tok, b->topk_tok) && same(a->kv_bytes_tok, b->kv_bytes_tok) &&
         same(a->state_bytes, b->state_bytes);
}

static struct kvc_op *put(struct listing *l, const struct kvc_op *op)
{
  for (size_t i = 0; i < l->out->n; i++)
    if (alike(&l->out->ops[i], op)) {
      l->out->ops[i].count += op->count;
      return &l->out->ops[i];
    }
  if (l->out->n == KVC_MAX_OPS) {
    l->full = true;
    return NULL;
  }
  l->out->ops[l->out->n] = *op;
  return &l->out->ops[l->out->n++];
}

static enum kvc_fmt fmt_of(const struct kvc_model *m, enum kvc_quant_kind kind)
{
  switch (kind) {
  case KVC_QUANT_FP8:
    return m->quant.kind == KVC_QUANT_FP8 && m->quant.block_rows > 0 ? KVC_FMT_FP8_BLOCK
                                                                     : KVC_FMT_FP8;
  case KVC_QUANT_INT8: return KVC_FMT_INT8;
  case KVC_QUANT_MXFP4: return KVC_FMT_MXFP4;
  case KVC_QUANT_NVFP4: return KVC_FMT_NVFP4;
  case KVC_QUANT_INT:
  case KVC_QUANT_BNB:
  case KVC_QUANT_GGUF: return KVC_FMT_INT4;
  default: return KVC_FMT_BF16;
  }
}

static double stored(const struct wt_size *s)
{
  return s->payload + s->scales + s->zeros + s->bias;
}

/* The walk hands out the experts' gate and up first, then down: one operation. */
static void experts(struct listing *l, const struct wt_tensor *t, double bytes,
                    enum kvc_fmt fmt)
{
  struct kvc_op *op = &l->expert;
  if (!(op->count > 0))
    *op = (struct kvc_op){.kind = KVC_OP_EXPERTS,
                          .fmt = fmt,
                          .out = t->out,
                          .in = t->in,
                          .experts = t->n,
                          .experts_all = l->model->moe.experts,
                          .per_tok = l->model->moe.experts_per_tok};
  op->count += 0.5;
  op->weight_bytes += t->n > 0 ? bytes / t->n : 0;
  op->madds += t->out * t->in;
  if (op->count < 1) return;
  put(l, op);
  *op = (struct kvc_op){0};
}

static void add(void *arg, const struct wt_tensor *t)
{
  struct listing *l = arg;
  const struct wt_size size = wt_bytes(l->model, t, l->set->weight_elem_bytes, false);
  const enum kvc_fmt fmt = fmt_of(l->model, wt_kind(l->model, t));
  if (t->runtime || t->bucket == WT_EMBED || t->bucket == WT_TOWER) return;
  if (t->bucket == WT_EXPERT) {
    experts(l, t, stored(&size), fmt);
    return;
  }
  if (t->out < 2 || t->part == KVC_PART_REST) {
    l->out->plain_bytes += stored(&size);
    return;
  }
  const struct kvc_op op = {.kind = t->bucket == WT_LM_HEAD ? KVC_OP_HEAD : KVC_OP_LINEAR,
                            .fmt = fmt,
                            .count = 1,
                            .weight_bytes = stored(&size),
                            .out = t->out,
                            .in = t->in};
  put(l, &op);
  l->out->row_bytes += 2 * (t->out + t->in);
}

/* A tied head is the embedding read as a matrix. */
static void tied_head(struct listing *l)
{
  const struct kvc_model *m = l->model;
  if (!m->tie_embeddings || m->pooling) return;
  const double rows = wt_split(ceil((double)m->vocab / 64) * 64, l->set->tp);
  const double width = (double)(m->embed_width > 0 ? m->embed_width : m->hidden);
  const struct kvc_op op = {.kind = KVC_OP_HEAD,
                            .count = 1,
                            .weight_bytes = rows * width * l->set->weight_elem_bytes,
                            .out = rows,
                            .in = width};
  put(l, &op);
}

static void latent(const struct kvc_model *m, const struct kvc_layer *layer, int tp,
                   struct kvc_op *op)
{
  const struct kvc_mla *x = &m->mla;
  op->kind = KVC_OP_LATENT;
  op->heads = wt_split(layer->heads, tp);
  op->qk_dim = (double)x->qk_nope_head_dim + x->qk_rope_head_dim;
  op->v_dim = x->v_head_dim;
  op->latent_dim = (double)x->kv_lora_rank + x->qk_rope_head_dim;
  if (x->shared_kv) {
    op->qk_dim = layer->head_dim;
    op->v_dim = layer->head_dim;
    op->latent_dim = layer->head_dim;
  }
}

static kvc_code tokens_op(struct listing *l, const struct kvc_layer *layer,
                          const struct kvc_mem_facts *facts, struct kvc_err *err)
{
  const struct kvc_model *m = l->model;
  const int tp = l->set->tp;
  struct kvc_op op = {.kind = KVC_OP_ATTENTION, .count = 1};
  if (layer->kv_shared || layer->mixer == KVC_MIX_ENCODER)
    op.kv_bytes_tok = 2.0 * kv_heads_on_rank(layer->kv_heads, tp) *
                      (layer->head_dim + layer->v_head_dim);
  else
    KVC_TRY(kv_token_bytes(m, layer, l->set, facts, &op.kv_bytes_tok, err));
  op.heads = wt_split(layer->heads, tp);
  op.qk_dim = layer->head_dim;
  op.v_dim = layer->v_head_dim > 0 ? layer->v_head_dim : layer->head_dim;
  op.window_tok = layer->window_tok;
  if (layer->mixer == KVC_MIX_MLA) latent(m, layer, tp, &op);
  if (layer->kv_compress > 1) op.kv_bytes_tok /= layer->kv_compress;
  if (layer->indexer && m->mla.index_topk > 0) {
    op.topk_tok = m->mla.index_topk;
    op.index_flops = 2.0 * m->mla.index_heads * m->mla.index_head_dim;
  }
  if (l->set->dcp > 1) op.kv_bytes_tok /= l->set->dcp;
  put(l, &op);
  return KVC_E_OK;
}

static void state_op(struct listing *l, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &l->model->ssm;
  const double tp = l->set->tp;
  struct kvc_op op = {.kind = KVC_OP_STATE, .count = 1};
  op.state_bytes = kv_state_bytes(l->model, layer, l->set);
  const double delta = (double)s->v_heads * s->k_dim * s->v_dim;
  const double mamba = (double)s->inner * s->state;
  /* Each state element takes about three multiply-adds a token, chunked. */
  op.state_flops_tok = 6 * fmax(delta, mamba) / tp;
  put(l, &op);
}

static kvc_code layer_ops(struct listing *l, const struct wt_walk *walk,
                          const struct kvc_layer *layer,
                          const struct kvc_mem_facts *facts, struct kvc_err *err)
{
  wt_walk_layer(walk, layer);
  if (kv_layer_has_tokens(layer) || layer->kv_shared || layer->mixer == KVC_MIX_ENCODER)
    KVC_TRY(tokens_op(l, layer, facts, err));
  if (kv_layer_has_state(layer)) state_op(l, layer);
  if (layer->mixer != KVC_MIX_NONE) l->out->reduces += 1;
  if (layer->ffn != KVC_FFN_NONE) l->out->reduces += 1;
  if (layer->ffn == KVC_FFN_MOE) l->out->moe_layers += 1;
  l->out->layers += 1;
  return KVC_E_OK;
}

kvc_code kvc_ops_list(const struct kvc_model *model, const struct kvc_setting *set,
                      const struct kvc_mem_facts *facts, int stage, struct kvc_ops *out,
                      struct kvc_err *err)
{
  *out = (struct kvc_ops){.hidden = (double)model->hidden, .vocab = (double)model->vocab};
  struct listing l = {.model = model, .set = set, .out = out};
  const struct wt_walk walk = {.model = model,
                               .tp = set->tp,
                               .expert_ranks = set->tp * set->dp,
                               .whole_experts = set->expert_parallel,
                               .rank = true,
                               .visit = add,
                               .arg = &l};
  size_t first, last;
  kvc_pp_layers(model->n_layers, set->pp, stage, &first, &last);
  for (size_t i = first; i < last; i++)
    KVC_TRY(layer_ops(&l, &walk, &model->layers[i], facts, err));
  /* The residual stream passes two norms and the rotary and activation kernels. */
  out->row_bytes += out->layers * 2.0 * 6 * out->hidden;
  if (stage + 1 >= set->pp) {
    const double before = out->row_bytes;
    wt_walk_head(&walk);
    tied_head(&l);
    out->row_bytes = before;
  }
  if (l.full)
    return kvc_fail(err, KVC_E_LIMIT, model->name,
                    "the model has more than %d different operations", KVC_MAX_OPS);
  return KVC_E_OK;
}
