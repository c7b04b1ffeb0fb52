/* parallel.c - rules about several GPUs.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"

RULE_CHECK(heads)
{
  const int tp = f->deploy->tp;
  const struct kvc_model *m = &f->size->model;
  if (tp <= 1) return rule_skip(out, "there is no tensor parallelism");
  for (size_t i = 0; i < m->n_layers; i++) {
    const int n = m->layers[i].heads;
    if (n <= 0 || n % tp == 0) continue;
    rule_evidence(arena, out, "%d heads / %d = %.2f", n, tp, (double)n / tp);
    int fits = tp;
    while (fits > 1 && n % fits != 0) fits--;
    rule_remedy(out, rule, rule_text(arena, "%d", fits), "take a divisor of the heads");
    return rule_fire(arena, out, "%d attention heads cannot be shared by %d GPUs", n, tp);
  }
  return KVC_PASS;
}

RULE_CHECK(over_pcie)
{
  const struct kvc_size *s = f->size;
  const struct kvc_memory *m = &s->memory;
  const int tp = s->setting.tp;
  if (tp <= 1) return rule_skip(out, "there is no tensor parallelism");
  if (rule_has_link(&s->gpu)) return rule_skip(out, "the GPUs have a link");
  const double left = m->requested_bytes - m->weights_bytes * tp -
                      m->activation_peak_bytes * tp - m->non_torch_bytes;
  const double need = m->need_bytes_one_request * tp * rule->limit;
  if (left < need || !m->fits) return KVC_PASS;
  rule_evidence(arena, out, "one GPU: %.2f GiB left for KV, %g full requests need %.2f",
                left / RULE_GIB, rule->limit, need / RULE_GIB);
  rule_remedy(out, rule, "1", "run one server on each GPU");
  return rule_fire(arena, out, "%d GPUs without a link share a model that fits on one",
                   tp);
}

RULE_CHECK(beyond_domain)
{
  const struct kvc_gpu *g = &f->size->gpu;
  const int tp = f->deploy->tp;
  if (tp <= 1) return rule_skip(out, "there is no tensor parallelism");
  if (!rule_has_link(g)) return rule_skip(out, "the GPUs have no link at all");
  if (tp <= g->link_domain) return KVC_PASS;
  rule_evidence(arena, out, "%s joins %d GPUs", g->link, g->link_domain);
  rule_remedy(out, rule, rule_text(arena, "%d", g->link_domain),
              "pipeline stages or replicas across domains");
  return rule_fire(arena, out,
                   "tensor parallelism over %d GPUs leaves the %d of one %s "
                   "domain",
                   tp, g->link_domain, g->link);
}

RULE_CHECK(kv_replicated)
{
  const int tp = f->size->setting.tp, n = rule_kv_heads(&f->size->model);
  if (tp <= 1) return rule_skip(out, "there is no tensor parallelism");
  if (n == 0) return rule_skip(out, "the model has no grouped KV heads");
  if (tp / f->size->setting.dcp <= n) return KVC_PASS;
  rule_evidence(arena, out, "%d KV heads on %d GPUs: each is held %d times", n, tp,
                tp / n);
  rule_remedy(out, rule, NULL, "data parallelism, or decode context parallelism");
  return rule_fire(arena, out, "%d GPUs hold copies of %d KV heads", tp, n);
}

RULE_CHECK(stages)
{
  const int pp = f->size->setting.pp;
  if (pp <= 1) return rule_skip(out, "there are no pipeline stages");
  if (f->demand->goal != KVC_GOAL_LATENCY) return KVC_PASS;
  rule_evidence(arena, out, "%d stages, one after the other", pp);
  rule_remedy(out, rule, NULL, "tensor parallelism where the GPUs have a link");
  return rule_fire(arena, out, "each token passes %d stages in turn", pp);
}

RULE_CHECK(mla_tp)
{
  const struct kvc_setting *s = &f->size->setting;
  if (!rule_has_mixer(&f->size->model, KVC_MIX_MLA))
    return rule_skip(out, "the model has no latent attention");
  if (s->tp <= 1 || s->dcp > 1) return KVC_PASS;
  rule_evidence(arena, out, "%.0f bytes per token on each of %d GPUs",
                f->size->memory.layout.bytes_per_token, s->tp);
  rule_remedy(out, rule, NULL, "data-parallel attention with expert parallelism");
  return rule_fire(arena, out, "the latent KV cache is held whole on each of %d GPUs",
                   s->tp);
}

RULE_CHECK(dcp_possible)
{
  const struct kvc_setting *s = &f->size->setting;
  if (!rule_has_mixer(&f->size->model, KVC_MIX_MLA))
    return rule_skip(out, "the model has no latent attention");
  if (s->tp <= 1 || s->dcp > 1) return KVC_PASS;
  rule_evidence(arena, out, "pool of %.0f tokens, up to %d times as many",
                f->size->memory.pool_tok, s->tp);
  rule_remedy(out, rule, rule_text(arena, "%d", s->tp), "share the KV of a request");
  return rule_fire(arena, out,
                   "decode context parallelism could hold up to %d times as "
                   "many tokens",
                   s->tp);
}

RULE_CHECK(experts)
{
  const struct kvc_setting *s = &f->size->setting;
  const int n = f->size->model.moe.experts;
  if (n <= 0) return rule_skip(out, "the model has no experts");
  if (s->expert_parallel || n < 64 || s->tp * s->dp < 8) return KVC_PASS;
  rule_evidence(arena, out, "%d experts cut into %d slices each", n, s->tp);
  rule_remedy(out, rule, "true", "whole experts on each GPU");
  return rule_fire(arena, out, "%d experts are sliced over %d GPUs", n, s->tp * s->dp);
}

RULE_CHECK(stages_beyond_layers)
{
  const int pp = f->deploy->pp;
  const size_t n = f->size->model.n_layers;
  if (pp <= 1) return rule_skip(out, "there are no pipeline stages");
  if ((size_t)pp <= n) return KVC_PASS;
  rule_evidence(arena, out, "%zu layers, %d stages", n, pp);
  rule_remedy(out, rule, "1", "fewer stages");
  return rule_fire(arena, out, "%zu layers cannot fill %d stages", n, pp);
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"PAR001", "heads-not-shared", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_MODEL, heads, "tensor_parallel_size",
   "The GPUs do not divide the heads", "vLLM refuses to start", "vllm-docs-parallelism", 0, NULL, 0, 0, NULL},
  {"PAR002", "split-without-link", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_LINK, over_pcie, "tensor_parallel_size",
   "GPUs without a link share a model that fits on one", "every layer waits for the bus; two servers serve more", "vllm-docs-parallelism", 4, "requests", 0, 0, NULL},
  {"PAR003", "beyond-the-link", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_MODEL | KVC_NEED_LINK, beyond_domain, "tensor_parallel_size",
   "Tensor parallelism leaves the link's domain", "every layer waits for the network", "vllm-docs-parallelism", 0, NULL, 0, 0, NULL},
  {"PAR004", "kv-heads-copied", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, kv_replicated, NULL,
   "KV heads are copied", "further GPUs no longer enlarge the pool per token", "vllm-docs-data-parallel", 0, NULL, 0, 0, NULL},
  {"PAR005", "stages-for-latency", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_GOAL, stages, NULL,
   "Pipeline stages where latency comes first", "stages add throughput, not speed", "vllm-docs-parallelism", 0, NULL, 0, 0, NULL},
  {"PAR006", "latent-cache-copied", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, mla_tp, NULL,
   "The latent KV cache is copied to every GPU", "tensor parallelism does not enlarge the pool", "vllm-docs-data-parallel", 0, NULL, 0, 0, NULL},
  {"PAR007", "context-parallel-possible", KVC_SEV_HINT, "0.10.2", NULL, KVC_NEED_SIZE, dcp_possible, "decode_context_parallel_size",
   "Decode context parallelism would share the cache", "the pool stays small", "vllm-docs-data-parallel", 0, NULL, 0, 0, NULL},
  {"PAR008", "experts-sliced", KVC_SEV_HINT, "0.8.0", NULL, KVC_NEED_SIZE, experts, "enable_expert_parallel",
   "Experts are sliced over many GPUs", "thin matrices use the GPU poorly", "vllm-docs-data-parallel", 0, NULL, 0, 0, NULL},
  {"PAR009", "stages-beyond-layers", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_MODEL, stages_beyond_layers, "pipeline_parallel_size",
   "There are more stages than layers", "vLLM refuses to start", "vllm-docs-parallelism", 0, NULL, 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_parallel, rows);
