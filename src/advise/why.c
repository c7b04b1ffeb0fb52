/* why.c - why a flag has its value, with the numbers in it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

typedef void why(struct advising *a, struct kvc_advised *f);

static void evidence(struct kvc_advised *f, const char *text)
{
  if (f->n_evidence < KVC_MAX_EVIDENCE) f->evidence[f->n_evidence++] = text;
}

/* The set without this flag: what it gives up. */
static bool without(struct advising *a, const struct kvc_deploy *d)
{
  struct kvc_err ignored;
  return advise_try(a, d, a->other, &ignored) == KVC_E_OK;
}

static void pool_gain(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_memory *then = &a->other->memory, *now = &a->out->size.memory;
  if (!now->fits || !then->fits) {
    f->gain = now->fits ? "starts; without it vLLM does not" : "does not help enough";
    return;
  }
  f->gain = advise_text(a, "KV cache %s tokens instead of %s",
                        advise_count(a, now->tokens.value),
                        advise_count(a, then->tokens.value));
}

static void why_tp(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_memory *m = &a->out->size.memory;
  struct kvc_deploy d = a->d;
  d.tp = 0;
  f->reason = "the fewest GPUs that hold the weights and the KV cache that the requests "
              "need; more requests are served by replicas";
  evidence(f, advise_text(a, "weights %.2f GiB per GPU, KV cache %.2f GiB per GPU",
                          m->weights_bytes / KVC_GIB,
                          m->available_kv_bytes.value / KVC_GIB));
  if (without(a, &d)) {
    evidence(f,
             advise_text(a, "one GPU would hold %.2f GiB of weights and %.2f GiB of KV",
                         a->other->memory.weights_bytes / KVC_GIB,
                         a->other->memory.available_kv_bytes.value / KVC_GIB));
    pool_gain(a, f);
  }
  f->breaks = "fewer GPUs do not hold it, more cost all-reduce time in every layer";
}

static void why_pp(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_size *s = &a->out->size;
  f->reason =
      advise_has_link(&s->gpu)
          ? "the GPUs of one link domain are not enough: stages cross to the next"
          : "these cards have no link: pipeline stages pass only activations over "
            "PCIe";
  evidence(f, advise_text(a, "link %s, %d GPUs in its domain",
                          s->gpu.link != NULL ? s->gpu.link : "unknown",
                          s->gpu.link_domain));
  struct kvc_deploy d = a->d;
  d.pp = 0;
  f->gain = "more memory for weights and KV cache";
  if (without(a, &d)) pool_gain(a, f);
  f->breaks = "one request passes all stages in turn: latency does not fall with stages";
}

static void why_ep(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_size *s = &a->out->size;
  f->reason = "whole experts on each GPU keep their matrices large";
  evidence(f, advise_text(a, "%d experts / %d GPUs = %d on each", s->model.moe.experts,
                          s->setting.tp * s->setting.dp,
                          s->model.moe.experts / (s->setting.tp * s->setting.dp)));
  f->breaks = "uneven use of the experts loads the GPUs unevenly";
}

static void why_length(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_demand *demand = &a->req->demand;
  struct kvc_deploy d = a->d;
  const double own = (double)a->plain->setting.max_model_len_tok;
  d.max_model_len_tok = 0;
  f->reason =
      demand->context_tok > 0
          ? "the context that is needed, rounded up to 1024"
          : "99 of 100 requests are shorter, rounded up to 1024; --need-context sets "
            "what must be served";
  evidence(f, demand->context_tok > 0
                  ? advise_text(a, "ceil(%s / 1024) x 1024 = %s",
                                advise_count(a, (double)demand->context_tok), f->value)
                  : advise_text(a, "p99 of prompt + output is %s tokens",
                                advise_count(a, a->p99_tok)));
  evidence(f, advise_text(a, "the model's own length is %s", advise_count(a, own)));
  if (without(a, &d)) pool_gain(a, f);
  if (f->gain != NULL && a->other->memory.fits)
    f->gain = advise_text(a, "no request takes more than %s of %s pool tokens",
                          advise_count(a, (double)a->out->size.setting.max_model_len_tok),
                          advise_count(a, a->out->size.memory.tokens.value));
  f->breaks = "longer requests are refused with HTTP 400";
}

static void why_seqs(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_size *s = &a->out->size;
  const struct kvc_concurrency *c = &s->concurrency;
  const double users = a->req->demand.users;
  struct kvc_deploy d = a->d;
  d.max_num_seqs = 0;
  const bool demand = users > 0 && users <= (double)s->setting.max_num_seqs;
  f->reason = demand ? "as many as run at once; each further one costs sampler memory"
                     : "what the pool holds with a buffer for bursts";
  evidence(f, advise_text(a, "%s pool tokens / %s per request, less %.0f %% = %s",
                          advise_count(a, s->memory.pool_tok),
                          advise_count(a, c->tokens_per_request),
                          a->req->demand.load.buffer_frac * 100,
                          advise_count(a, floor(c->buffered))));
  evidence(f,
           advise_text(a, "P(pool exceeded) <= %g up to %lld requests",
                       a->req->demand.load.exceed_prob, (long long)c->safe_max_num_seqs));
  if (users > 0)
    evidence(f, advise_text(a, "%s users%s", advise_count(a, users),
                            a->req->demand.rate_per_s > 0 && a->req->demand.latency_s > 0
                                ? " (rate x latency)"
                                : ""));
  if (without(a, &d)) {
    evidence(f, advise_text(a, "activation peak %.2f GiB, %.2f GiB at the default",
                            s->memory.activation_peak_bytes / KVC_GIB,
                            a->other->memory.activation_peak_bytes / KVC_GIB));
    pool_gain(a, f);
  }
  f->breaks = "higher: preemptions once the pool is full; lower: requests wait outside";
}

static void why_budget(struct advising *a, struct kvc_advised *f)
{
  const bool latency = a->req->demand.goal == KVC_GOAL_LATENCY;
  f->reason = latency ? "fewer prompt tokens in a step: decodes wait less for prefills"
                      : "larger steps use the GPU better while prompts are read";
  evidence(f, advise_text(a, "at least --max-num-seqs %lld",
                          (long long)a->out->size.setting.max_num_seqs));
  evidence(f, advise_text(a, "activation peak %.2f GiB",
                          a->out->size.memory.activation_peak_bytes / KVC_GIB));
  f->gain = latency ? "shorter gaps between tokens, at some cost in time to first token"
                    : "higher throughput, at some cost in gaps between tokens";
  f->breaks = latency ? "larger: tokens stall while a long prompt is read"
                      : "smaller: prompts take more steps";
}

static void why_chunked(struct advising *a, struct kvc_advised *f)
{
  f->reason = "long prompts would stall the decoding of everybody else";
  evidence(f, advise_text(a, "mean prompt %s tokens",
                          advise_count(a, a->req->demand.load.prompt_tok)));
  f->gain = "shorter gaps between tokens";
  f->breaks = "off: a step with a prompt decodes nothing";
}

static void why_caching(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_demand *d = &a->req->demand;
  f->reason = "requests begin alike: their KV is computed once";
  evidence(f, advise_text(a, "%.0f %% of the prompt shared, %g turns per conversation",
                          d->load.shared_prefix_frac * 100, d->turns));
  if (d->load.shared_prefix_frac > 0)
    f->gain =
        advise_text(a, "about %.0f %% less prefill", d->load.shared_prefix_frac * 100);
  f->breaks = "off: every turn reads its whole history again";
}

static void why_util(struct advising *a, struct kvc_advised *f)
{
  const struct kvc_memory *m = &a->out->size.memory;
  const double now = a->out->size.setting.gpu_memory_utilization;
  const bool raised = now > a->plain->setting.gpu_memory_utilization;
  f->reason = raised ? "the default share does not hold weights and one full request"
                     : "CUDA graphs lie outside the budget and need room there";
  evidence(f, advise_text(a, "%g x %.2f GiB = %.2f GiB", now, m->total_bytes / KVC_GIB,
                          m->requested_bytes / KVC_GIB));
  if (!raised)
    evidence(f, advise_text(a, "graphs %.2f GiB, outside the budget %.2f GiB",
                            m->cudagraph_bytes / KVC_GIB, m->outside_bytes / KVC_GIB));
  struct kvc_deploy d = a->d;
  d.gpu_memory_utilization = (double)NAN;
  f->gain = "graph capture finds its memory";
  if (raised && without(a, &d)) pool_gain(a, f);
  f->breaks = raised ? "lower: does not start" : "higher: out of memory at graph capture";
}

static void why_kv_dtype(struct advising *a, struct kvc_advised *f)
{
  struct kvc_deploy d = a->d;
  d.kv_cache_dtype = NULL;
  f->reason = "allowed: halves the bytes of a KV token";
  if (without(a, &d)) {
    evidence(f, advise_text(a, "%.0f bytes per token instead of %.0f",
                            a->out->size.memory.layout.bytes_per_token,
                            a->other->memory.layout.bytes_per_token));
    pool_gain(a, f);
  }
  f->breaks = "accuracy may fall, mostly on long contexts: test it on your task";
}

static void why_quant(struct advising *a, struct kvc_advised *f)
{
  struct kvc_deploy d = a->d;
  d.quantization = NULL;
  f->reason = "allowed: linear weights in 8 bits, converted while loading";
  if (without(a, &d)) {
    evidence(f, advise_text(a, "weights %.2f GiB per GPU instead of %.2f GiB",
                            a->out->size.memory.weights_bytes / KVC_GIB,
                            a->other->memory.weights_bytes / KVC_GIB));
    pool_gain(a, f);
  }
  f->breaks = "accuracy may fall slightly: test it on your task";
}

static void why_dtype(struct advising *a, struct kvc_advised *f)
{
  f->reason = "the GPU has no bfloat16; float16 has the same size";
  evidence(f, advise_text(a, "compute capability %s, bfloat16 needs 8.0",
                          a->out->size.gpu.compute_capability));
  f->gain = "starts";
  f->breaks = "bfloat16 is refused on this GPU";
}

static void why_async(struct advising *a, struct kvc_advised *f)
{
  (void)a;
  f->reason = "the next step is scheduled while the GPU runs the present one";
  evidence(f, "a step takes max(GPU, CPU) instead of their sum");
  f->gain = "hides the scheduler's time, most of all for small models";
  f->breaks = "on trial in this release: without it only time is lost";
}

void advise_why(struct advising *a, struct kvc_advised *f)
{
  static const struct {
    const char *key;
    why *say;
  } table[] = {{"tensor_parallel_size", why_tp},
               {"pipeline_parallel_size", why_pp},
               {"enable_expert_parallel", why_ep},
               {"max_model_len", why_length},
               {"max_num_seqs", why_seqs},
               {"max_num_batched_tokens", why_budget},
               {"enable_chunked_prefill", why_chunked},
               {"enable_prefix_caching", why_caching},
               {"gpu_memory_utilization", why_util},
               {"kv_cache_dtype", why_kv_dtype},
               {"quantization", why_quant},
               {"dtype", why_dtype},
               {"async_scheduling", why_async}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].key, f->key) == 0) table[i].say(a, f);
}
