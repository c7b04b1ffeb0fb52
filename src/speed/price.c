/* price.c - the time of one forward step.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The account, term by term.  T are the tokens of the step on one rank: new prompt
 * tokens plus those of decoding sequences.  A step that only decodes is padded to the
 * next captured batch size.  Every kernel term is the formula in <kvcap/kernels.h> and
 * so above its physical bound; every figure is of one rank, all ranks doing the same.
 *
 *   gemm       per matrix: bytes = weights + T (2 in + 2 out), flops = 2 T in out,
 *              x = T.  Norms, routers and the element-wise kernels between them:
 *              bytes / (0.75 peak).                       source: kernel tables
 *   moe        a token takes k of E experts.  Experts touched by n routed tokens:
 *              E (1 - (1 - k/E)^(r n)), r = ROUTED < 1 because tokens of a batch
 *              agree more than chance.  bytes = touched x weights, flops = 2 n k in
 *              out, x = tokens an expert.  Expert parallelism: the slowest rank holds
 *              SKEW times its share of tokens and reads the largest of as many draws of
 *              touched experts as there are ranks.  In releases before those of the
 *              tables FP8 experts, where the GPU computes in FP8, and on Blackwell all
 *              but MXFP4, take 'moe_scale' times as long: presumed from servers.
 *                                                         source: kernel tables
 *   attention  decode: bytes = KV of all contexts, cut at the window; flops = 2 heads
 *              (qk + v) context.  prefill: pairs = new (context + new / 2), flops =
 *              2 heads (qk + v) pairs, x = 2 pairs / new.  Latent attention decodes
 *              in the latent space; a sparse indexer keeps top-k tokens and costs its
 *              own dot products.  Recurrent layers read and write their state.
 *   comm       hidden-size rows once after attention and once after the feed-forward:
 *              the lesser of the server's kernel and the collective library.  Expert
 *              parallelism over data-parallel ranks gathers and scatters instead.
 *   logits     head over sampled rows, gather, then SAMPLER_PASSES over float32
 *              logits and a fixed part.                   source: facts 7.1
 *   launch     small kernels and gaps of a layer under graphs, more for pieces outside
 *              a full graph, all launches when eager: then the larger of this and the
 *              GPU's work.                                fitted on servers
 *   host       step + sequences; the part that overlaps with the GPU costs only where
 *              it is longer.                              fitted on servers, by release
 *
 * Known lies.  All contexts of a batch are as long as their mean (the longest decides
 * in part).  Kernels of one step never overlap.  Clocks drop on Ampere only, by one share
 * for all that is bound by arithmetic (prepare.c).  Tile effects of
 * GEMM sizes are not modelled.  LoRA costs a tenth of the layers' linear time.  With
 * pipeline stages the decodes are split evenly and a chunk passes whole, so a step is
 * the stages' sum over the split batch.  Verifying costs what the caller's tokens say,
 * drafting the bytes of the drafting weights a token; EAGLE heads are taken as free.
 * Disaggregation is not here.
 */
#include "prepared.h"
#include <math.h>

static const double SKEW = 1.25, SAMPLER_PASSES = 6;

/* What accumulates while the operations are walked. */
struct sum {
  double bytes, flops, bound;
};

static void account(struct sum *s, double count, double bytes, double flops,
                    double bandwidth, double peak)
{
  s->bytes += count * bytes;
  s->flops += count * flops;
  s->bound += count * fmax(bytes / bandwidth, peak > 0 ? flops / peak : 0);
}

double kvc_latency_padded(const struct kvc_latency *l, double tok)
{
  if (l->eager || tok > l->graph_cap_tok || tok <= 0) return tok;
  if (tok <= 2) return ceil(tok);
  if (tok <= 4) return 4;
  const double step = tok > 256 ? l->graph_step : 8;
  return fmin(ceil(tok / step) * step, l->graph_cap_tok);
}

static double linear(const struct kvc_latency *l, const struct speed_op *o, double m,
                     struct sum *s)
{
  const double bytes = o->op.weight_bytes + 2 * m * (o->op.in + o->op.out);
  const double flops = 2 * m * o->op.in * o->op.out;
  account(s, o->op.count, bytes, flops, l->bandwidth, o->peak_flops);
  return o->op.count * kvc_priced_time(&o->curve, bytes, flops, m);
}

/* How many standard deviations the largest of 'ranks' draws lies above their mean:
 * within 0.07 of the order statistics of the normal distribution up to 64. */
static double slowest(double ranks)
{
  return ranks > 1 ? 0.565 * pow(log2(ranks), 0.8) : 0;
}

/* The routed experts of a layer: gate, up and down. */
static double experts(const struct kvc_latency *l, const struct speed_op *o, double m,
                      struct sum *s)
{
  const struct kvc_op *op = &o->op;
  const double tokens = m * l->dp;
  const double ranks = l->whole_experts ? fmax(op->experts_all / op->experts, 1) : 1;
  const double skew = ranks > 1 ? 1 + (SKEW - 1) * (1 - exp(-ranks / 4)) : 1;
  const double pairs = tokens * op->per_tok / ranks * skew;
  double hit = kvc_experts_touched(op->experts, op->experts_all, op->per_tok, tokens);
  hit = fmin(hit + slowest(ranks) * sqrt(hit * (1 - hit / op->experts)), op->experts);
  const double bytes = hit * op->weight_bytes + 2 * pairs * (2 * op->in + 1.5 * op->out);
  const double flops = 2 * pairs * op->madds;
  account(s, op->count, bytes, flops, l->bandwidth, o->peak_flops);
  const double x = fmax(pairs / hit, 1e-3);
  const double scale = o->late && l->speed.moe_scale > 1 ? l->speed.moe_scale : 1;
  return op->count * scale * kvc_priced_time(&o->curve, bytes, flops, x);
}

static double seen(double context, double window)
{
  return window > 0 ? fmin(context, window) : context;
}

static double decode_attention(const struct kvc_latency *l, const struct speed_op *o,
                               const struct kvc_step *step, double seqs, struct sum *s)
{
  const struct kvc_op *op = &o->op;
  if (!(seqs > 0)) return 0;
  const double each = step->decode_context_tok / step->decodes;
  const double queries = step->decode_tok / step->decodes;
  double ctx = seen(each, op->window_tok);
  double flops = 0, bytes = 0;
  if (op->kind == KVC_OP_LATENT) {
    if (op->topk_tok > 0) {
      flops += seqs * queries * op->index_flops * each;
      ctx = fmin(ctx, op->topk_tok);
      bytes += seqs * each * 128;
    }
    flops += 4 * seqs * queries * op->heads * op->latent_dim * ctx;
  } else {
    flops = 2 * seqs * queries * op->heads * (op->qk_dim + op->v_dim) * ctx;
  }
  bytes += seqs * ctx * op->kv_bytes_tok;
  account(s, op->count, bytes, flops, l->bandwidth, o->peak_flops);
  return op->count * kvc_priced_time(&o->curve, bytes, flops, 1);
}

/* All prompts of a step in one launch. */
static double prefill_attention(const struct kvc_latency *l, const struct speed_op *o,
                                const struct kvc_step *step, struct sum *s)
{
  const struct kvc_op *op = &o->op;
  const double w = op->window_tok;
  double flops = 0, bytes = 0, pairs = 0, fresh = 0;
  for (size_t i = 0; i < step->n_prefills; i++) {
    const struct kvc_chunk *c = &step->prefills[i];
    const double all = c->new_tok * (c->context_tok + c->new_tok / 2);
    double seen_pairs = w > 0 ? fmin(all, c->new_tok * w) : all;
    if (op->topk_tok > 0) {
      flops += op->index_flops * all;
      seen_pairs = fmin(seen_pairs, c->new_tok * op->topk_tok);
    }
    flops += 2 * op->heads * (op->qk_dim + op->v_dim) * seen_pairs;
    bytes += (c->new_tok + seen(c->context_tok, w)) * op->kv_bytes_tok +
             2 * c->new_tok * op->heads * (op->qk_dim + op->v_dim);
    pairs += seen_pairs;
    fresh += c->new_tok;
  }
  if (!(fresh > 0)) return 0;
  account(s, op->count, bytes, flops, l->bandwidth, o->peak_flops);
  return op->count * kvc_priced_time(&o->chunk, bytes, flops, 2 * pairs / fresh);
}

static double state(const struct kvc_latency *l, const struct speed_op *o,
                    const struct kvc_step *step, double seqs, double new_tok,
                    struct sum *s)
{
  const double n = seqs + (double)step->n_prefills;
  const double bytes = 2 * n * o->op.state_bytes;
  const double flops = (new_tok + seqs) * o->op.state_flops_tok;
  account(s, o->op.count, bytes, flops, l->bandwidth, o->peak_flops);
  return o->op.count * kvc_priced_time(&o->curve, bytes, flops, 1);
}

/* All-reduces of a step: T rows of the hidden size. */
static double comm(const struct kvc_latency *l, double m, bool eager)
{
  double t = 0;
  const double rows = m * l->shape.hidden * 2;
  if (l->tp > 1) {
    const double bytes = rows * 2 * (l->tp - 1) / l->tp;
    double one = l->have_nccl ? kvc_priced_time(&l->nccl, bytes, 0, 1) : (double)INFINITY;
    if (l->have_reduce) one = fmin(one, kvc_priced_time(&l->reduce, bytes, 0, 1));
    if (eager) one += 15e-6;
    t += l->shape.reduces * one;
  }
  if (l->dp > 1 && l->shape.moe_layers > 0) {
    /* gather the tokens of all ranks, scatter their sums */
    const double bytes = 2 * rows * (l->dp - 1);
    t += l->shape.moe_layers * (2 * l->nccl.fixed_s + bytes * l->nccl.s_per_byte);
  }
  return t;
}

static double logits(const struct kvc_latency *l, double rows, struct sum *s)
{
  double t = 0;
  if (!(rows > 0)) return 0;
  for (size_t i = 0; i < l->n; i++)
    if (l->ops[i].op.kind == KVC_OP_HEAD) t += linear(l, &l->ops[i], rows, s);
  if (!(t > 0)) return 0;
  const double bytes = rows * l->shape.vocab * 4;
  if (l->tp > 1)
    t += l->nccl.fixed_s + bytes / 2 * (l->tp - 1) / l->tp * l->nccl.s_per_byte;
  return t + 15e-6 + SAMPLER_PASSES * bytes * l->elem_s_per_byte +
         rows * l->speed.sample_s;
}

struct tokens {
  double seqs, decode, fresh, padded, rows;
};

static struct tokens count(const struct kvc_latency *l, const struct kvc_step *step)
{
  struct tokens t = {.seqs = step->decodes / l->pp, .decode = step->decode_tok / l->pp};
  t.rows = t.decode;
  for (size_t i = 0; i < step->n_prefills; i++) {
    t.fresh += step->prefills[i].new_tok;
    t.rows += step->prefills[i].last ? 1 : 0;
  }
  t.padded = t.fresh > 0 ? kvc_latency_padded(l, t.fresh + t.decode)
                         : kvc_latency_padded(l, t.decode);
  return t;
}

static void operations(const struct kvc_latency *l, const struct kvc_step *step,
                       const struct tokens *t, struct kvc_step_cost *c, struct sum *s)
{
  const double m = t->fresh > 0 ? t->fresh + t->decode : t->padded;
  for (size_t i = 0; i < l->n; i++) {
    const struct speed_op *o = &l->ops[i];
    switch (o->op.kind) {
    case KVC_OP_LINEAR: c->gemm_s += linear(l, o, m, s); break;
    case KVC_OP_EXPERTS: c->moe_s += experts(l, o, m, s); break;
    case KVC_OP_HEAD: break;
    case KVC_OP_STATE: c->attention_s += state(l, o, step, t->seqs, t->fresh, s); break;
    default:
      c->attention_s += decode_attention(l, o, step, t->seqs, s);
      c->attention_s += prefill_attention(l, o, step, s);
    }
  }
  const double bytes = l->shape.plain_bytes + m * l->shape.row_bytes;
  account(s, 1, bytes, 0, l->bandwidth, 0);
  c->gemm_s += bytes * l->elem_s_per_byte + c->gemm_s * l->lora_frac;
  /* drafts are made one after the other, by small batches that read their weights */
  if (step->decode_tok > 0) c->gemm_s += l->spec_tok * l->draft_s;
  c->comm_s = comm(l, m, l->eager);
}

static void scale(const struct kvc_latency *l, struct kvc_step_cost *c, double m)
{
  /* Many tokens wait for arithmetic, few for memory: one share for each. */
  const double heavy = m / (m + 256);
  const double f = l->tune.memory_scale * (1 - heavy) + l->tune.flops_scale * heavy;
  c->gemm_s *= f;
  c->moe_s *= f;
  c->attention_s *= f;
  c->logits_s *= f;
  c->comm_s *= l->tune.comm_scale;
}

/* Where the coefficients come from; how far servers lie from such a step is counted in
 * src/predict/interval.c. */
static void basis(const struct kvc_latency *l, const struct tokens *t,
                  struct kvc_step_cost *c)
{
  static const char *const why[] = {
      "kernels of this GPU were measured; hosts differ",
      "no kernel was measured on this GPU: means of its architecture",
      "data sheet only: means over all measured GPUs"};
  c->reason = why[l->source];
  c->source = l->source;
  if (t->fresh + t->decode > 65536)
    c->reason = "more tokens in a step than any measurement: extrapolated";
}

void kvc_latency_price(const struct kvc_latency *l, const struct kvc_step *step,
                       struct kvc_step_cost *out)
{
  struct kvc_step_cost c = {0};
  struct sum s = {0};
  const struct tokens t = count(l, step);
  if (!(t.fresh + t.decode > 0)) {
    *out = c;
    return;
  }
  operations(l, step, &t, &c, &s);
  c.logits_s = logits(l, t.rows, &s);
  scale(l, &c, t.fresh + t.decode);
  const struct kvc_speed_facts *f = &l->speed;
  const double stage = c.gemm_s + c.moe_s + c.attention_s + c.logits_s + c.comm_s;
  double launch = l->shape.layers * f->layer_s + l->shape.moe_layers * f->moe_layer_s;
  if (t.fresh > 0) launch += l->shape.layers * f->piece_s;
  if (l->eager) launch = fmax(launch, l->shape.layers * f->eager_layer_s - stage);
  c.launch_s = launch * l->tune.host_scale;
  double gpu = stage + c.launch_s;
  if (l->pp > 1)
    gpu = l->pp * gpu +
          (l->pp - 1) * (l->hop_s + l->hop_s_per_byte * 2 * l->shape.hidden * t.padded);
  const double host = (f->step_s + l->tune.step_s +
                       (f->seq_s + l->tune.seq_s) * fmax(step->running, step->decodes)) *
                      l->tune.host_scale;
  const double beside = f->hidden_frac * host;
  c.host_s = host - beside + fmax(0, beside - gpu);
  const double pp = l->pp;
  c.gemm_s *= pp, c.moe_s *= pp, c.attention_s *= pp, c.comm_s *= pp, c.logits_s *= pp;
  c.launch_s *= pp;
  if (pp > 1) c.comm_s += gpu - pp * (stage + c.launch_s / pp);
  c.bytes = s.bytes * pp;
  c.flops = s.flops * pp;
  c.bound_s = s.bound * pp;
  c.memory_bound = s.bytes / l->bandwidth > 0.5 * s.bound;
  c.total_s = fmax(gpu + c.host_s, c.bound_s);
  basis(l, &t, &c);
  *out = c;
}

double kvc_latency_step(void *latency, const struct kvc_step *step)
{
  struct kvc_step_cost c;
  kvc_latency_price(latency, step, &c);
  return c.total_s;
}
