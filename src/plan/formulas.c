/* formulas.c - every formula with its numbers filled in (--explain).
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sizing.h"
#include <kvcap/num.h>
#include <string.h>

static void formula(struct sizing *s, const char *name, const char *text,
                    const char *filled, const char *result, const char *source)
{
  struct kvc_size *out = s->out;
  if (out->n_formulas == KVC_MAX_FORMULAS) return;
  out->formulas[out->n_formulas++] =
      (struct kvc_formula){name, text, filled, result, source};
}

static const char *gib(struct sizing *s, double bytes)
{
  return sizing_text(s, "%.2f GiB", bytes / KVC_GIB);
}

static void budget(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  const struct kvc_setting *set = &s->out->setting;
  formula(s, "requested", "total x gpu-memory-utilization",
          sizing_text(s, "%.2f GiB x %g", m->total_bytes / KVC_GIB,
                      set->gpu_memory_utilization),
          gib(s, m->requested_bytes), "vLLM source, v1/worker/gpu_worker.py");
  formula(
      s, "weights", "every tensor, sharded by TP and PP, in the bytes of its format",
      sizing_text(s,
                  "embedding %.2f + attention %.2f + dense FFN %.2f + experts %.2f + "
                  "router %.2f + state mixers %.2f + lm_head %.2f + towers %.2f + rest "
                  "%.2f",
                  m->weights.embed_bytes / KVC_GIB, m->weights.attention_bytes / KVC_GIB,
                  m->weights.dense_ffn_bytes / KVC_GIB, m->weights.expert_bytes / KVC_GIB,
                  m->weights.router_bytes / KVC_GIB, m->weights.ssm_bytes / KVC_GIB,
                  m->weights.lm_head_bytes / KVC_GIB, m->weights.tower_bytes / KVC_GIB,
                  (m->weights.norm_bytes + m->weights.other_bytes + m->weights.mtp_bytes +
                   m->lora_bytes + m->draft_bytes - m->offload_bytes) /
                      KVC_GIB),
      gib(s, m->weights_bytes), "counted from the model's architecture");
}

static void forward(struct sizing *s)
{
  const struct kvc_setting *set = &s->out->setting;
  const double tokens = (double)set->max_num_batched_tok;
  const double per =
      s->out->memory.activation.forward_bytes / tokens / set->weight_elem_bytes;
  const double hidden = (double)s->out->model.hidden;
  formula(s, "forward pass",
          "max-num-batched-tokens x dtype bytes x (2 hidden + widest layer)",
          sizing_text(s, "%.0f x %g x (2 x %.0f + %.0f)", tokens, set->weight_elem_bytes,
                      hidden, per - 2 * hidden),
          gib(s, s->out->memory.activation.forward_bytes),
          "vLLM source, v1/worker/gpu_model_runner.py");
}

static void moe(struct sizing *s)
{
  const struct kvc_setting *set = &s->out->setting;
  const double tokens = (double)set->max_num_batched_tok;
  const double bytes = s->out->memory.activation.moe_bytes;
  const int topk = s->out->model.moe.experts_per_tok;
  if (bytes <= 0) return;
  formula(s, "MoE scratch",
          "batched tokens x experts per token x (max(2I, H) + max(I, H)) x bytes",
          sizing_text(s, "%.0f x %d x %.0f x %g", tokens, topk,
                      bytes / tokens / topk / set->weight_elem_bytes,
                      set->weight_elem_bytes),
          gib(s, bytes), "vLLM source, layers/fused_moe");
}

static void encoder(struct sizing *s)
{
  const struct kvc_model *m = &s->out->model;
  if (s->out->memory.activation.encoder_bytes <= 0 || m->n_towers == 0) return;
  const struct kvc_tower *t = &m->towers[0];
  formula(s, "encoder", "positions x dtype bytes x (3 h + (7 h + 2 ffn) / TP)",
          sizing_text(s, "%lld x %d positions an item, h %d, ffn %lld, TP %d",
                      (long long)t->max_item_tok, t->patch_merge > 0 ? t->patch_merge : 1,
                      t->hidden, (long long)t->ffn_width, s->out->setting.tp),
          gib(s, s->out->memory.activation.encoder_bytes), "fitted on measured servers");
}

/* What a log showed takes the place of a formula. */
static bool was_measured(struct sizing *s, const char *name, double bytes)
{
  if (!(bytes > 0)) return false;
  const struct kvc_calibration *c = s->req->calibration;
  formula(s, name, "as a server of this kind showed it", NULL, gib(s, bytes),
          c != NULL && c->file != NULL ? sizing_text(s, "calibration %s", c->file)
                                       : "calibration");
  return true;
}

static void graphs(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  const struct kvc_mem_facts *f = &s->out->facts;
  if (m->cudagraph_bytes <= 0) return;
  if (was_measured(s, "CUDA graphs", f->measured.graph_bytes)) return;
  formula(
      s, "CUDA graphs",
      m->cudagraph_in_budget
          ? "captured batch sizes x bytes each, taken off the KV budget"
          : "captured batch sizes x bytes each, outside the KV budget in this release",
      sizing_text(s, "%lld sizes x %.4f GiB%s + %.2f GiB", (long long)m->graph_captures,
                  f->graph_per_capture_bytes.value / KVC_GIB,
                  s->out->setting.tp > 1 ? " x 1.7 under TP" : "",
                  m->graph_fixed_bytes / KVC_GIB),
      gib(s, m->cudagraph_bytes), "fitted on measured servers");
}

static void non_torch(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  if (was_measured(s, "non-torch", s->out->facts.measured.non_torch_bytes)) return;
  const struct kvc_setting *set = &s->out->setting;
  const struct kvc_mem_facts *f = &s->out->facts;
  const struct kvc_const *c = set->tp > 1   ? &f->non_torch_tp_bytes
                              : set->pp > 1 ? &f->non_torch_pp_bytes
                                            : &f->non_torch_tp1_bytes;
  formula(s, "non-torch", "fitted by release, parallelism and link",
          sizing_text(s, "%.2f GiB, standard deviation %.2f, at TP %d and PP %d",
                      c->value / KVC_GIB, c->spread / KVC_GIB, set->tp, set->pp),
          gib(s, m->non_torch_bytes), "fitted on measured servers; vLLM has no formula");
}

static void activation(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  const struct kvc_setting *set = &s->out->setting;
  const struct kvc_mem_facts *f = &s->out->facts;
  const struct kvc_activation *a = &m->activation;
  if (f->sampler_profiled)
    formula(s, "sampler", "max-num-seqs x vocabulary x (dtype bytes + float32 copies)",
            sizing_text(s, "%lld x %lld x (%g + %g)", (long long)set->max_num_seqs,
                        (long long)s->out->model.vocab, set->weight_elem_bytes,
                        f->sampler_bytes_per_logit.value),
            gib(s, a->sampler_bytes), "fitted on measured servers, by release");
  else
    formula(s, "logits", "max-num-batched-tokens x vocabulary x dtype bytes",
            sizing_text(s, "%lld x %lld x %g", (long long)set->max_num_batched_tok,
                        (long long)s->out->model.vocab, set->weight_elem_bytes),
            gib(s, a->sampler_bytes), "vLLM source, v1/worker/gpu_model_runner.py");
  forward(s);
  moe(s);
  encoder(s);
  if (!was_measured(s, "activation peak", f->measured.activation_peak_bytes))
    formula(
        s, "activation peak",
        f->moe_workspace_persistent
            ? "base + MoE scratch + larger of (sampler + hidden states, forward pass)"
            : "base + larger of (sampler + hidden states, forward pass, MoE scratch)",
        sizing_text(s,
                    "base %.2f, MoE scratch %.2f, sampler %.2f, forward pass %.2f GiB; "
                    "the %s decides",
                    a->base_bytes / KVC_GIB, a->moe_bytes / KVC_GIB,
                    a->sampler_bytes / KVC_GIB, a->forward_bytes / KVC_GIB, a->dominant),
        gib(s, m->activation_peak_bytes), "the memory model");
  non_torch(s);
  graphs(s);
}

static void pool(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  const struct kvc_kv_layout *l = &m->layout;
  formula(s, "available KV", "requested - weights - activation - non-torch - graphs",
          sizing_text(s, "%.2f - %.2f - %.2f - %.2f - %.2f", m->requested_bytes / KVC_GIB,
                      m->weights_bytes / KVC_GIB, m->activation_peak_bytes / KVC_GIB,
                      m->non_torch_bytes / KVC_GIB,
                      m->cudagraph_in_budget ? m->cudagraph_bytes / KVC_GIB : 0.0),
          gib(s, m->available_kv_bytes.value), "vLLM source, v1/worker/gpu_worker.py");
  for (size_t i = 0; i < l->n_specs; i++) {
    const struct kvc_kv_spec *p = &l->specs[i];
    formula(s, sizing_text(s, "page of %s", p->what),
            p->kind == KVC_SPEC_STATE ? "state bytes, padded to the attention page"
                                      : "block size x bytes per token and layer",
            p->kind == KVC_SPEC_STATE ? sizing_text(s, "%zu layers", p->layers)
                                      : sizing_text(s, "%lld x %.0f B, %zu layers",
                                                    (long long)p->block_size_tok,
                                                    p->bytes_per_token, p->layers),
            sizing_text(s, "%.0f B", p->page_bytes),
            "vLLM source, v1/kv_cache_interface.py");
  }
  if (l->n_specs == 0) return;
  formula(s, "bytes per pool block", "layers per group x page",
          sizing_text(s, "%zu group(s) of %zu layers", l->n_groups, l->group_layers),
          sizing_text(s, "%.0f B", l->block_bytes),
          "vLLM source, v1/core/kv_cache_utils.py");
  formula(s, "blocks", "floor(available KV / bytes per block)",
          sizing_text(s, "%.0f / %.0f", m->available_kv_bytes.value, l->block_bytes),
          sizing_count(s, (double)m->num_gpu_blocks),
          "vLLM source, v1/core/kv_cache_utils.py");
}

static void requests(struct sizing *s)
{
  const struct kvc_concurrency *c = &s->out->concurrency;
  if (!c->have) return;
  formula(s, "theoretical concurrency", "floor(pool tokens / tokens per request)",
          sizing_text(s, "%s / %s",
                      sizing_count(s, s->req->deploy.kv_pool_tok > 0
                                          ? (double)s->req->deploy.kv_pool_tok
                                          : s->out->memory.pool_tok),
                      sizing_count(s, c->tokens_per_request)),
          sizing_text(s, "%.0f", c->theoretical), "the documented capacity rule");
  formula(s, "buffered", "theoretical x (1 - buffer)",
          sizing_text(s, "%.0f x (1 - %g)", c->theoretical, s->req->load.buffer_frac),
          sizing_text(s, "%.1f", c->buffered), "the documented capacity rule");
  formula(s, "mean occupancy", "prompt + E[O^2] / (2 E[O]) + block / 2",
          sizing_text(s, "mean %.0f, standard deviation %.0f tokens",
                      c->occupancy.mean_tok, c->occupancy.sd_tok),
          sizing_text(s, "%.0f tokens", c->occupancy.mean_tok),
          "src/model/concurrency.c");
  formula(s, "largest safe max-num-seqs", "largest n with P(sum of n > pool) <= epsilon",
          sizing_text(s, "epsilon %g, gamma of the same mean and variance",
                      s->req->load.exceed_prob),
          sizing_count(s, (double)c->safe_max_num_seqs), "src/model/concurrency.c");
}

void sizing_formulas(struct sizing *s)
{
  budget(s);
  activation(s);
  pool(s);
  requests(s);
}
