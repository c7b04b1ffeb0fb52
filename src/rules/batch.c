/* batch.c - rules about steps, lengths and requests at once.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

RULE_CHECK(batched_below_seqs)
{
  const int64_t batched = f->deploy->max_num_batched_tok, seqs = f->deploy->max_num_seqs;
  if (batched <= 0 || seqs <= 0)
    return rule_skip(out, "one of the two flags is not set: vLLM adapts it");
  if (batched >= seqs) return KVC_PASS;
  rule_evidence(arena, out, "%lld < %lld", (long long)batched, (long long)seqs);
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)seqs),
              "a running request takes at least one token of a step");
  return rule_fire(arena, out,
                   "--max-num-batched-tokens %lld is below --max-num-seqs %lld",
                   (long long)batched, (long long)seqs);
}

RULE_CHECK(batched_below_len)
{
  const int64_t batched = f->deploy->max_num_batched_tok;
  int64_t len = f->deploy->max_model_len_tok;
  if (f->deploy->chunked_prefill != 0)
    return rule_skip(out, "chunked prefill is not switched off");
  if (batched <= 0) return rule_skip(out, "--max-num-batched-tokens is not set");
  if (len <= 0) len = f->size->model.max_position_tok;
  if (batched >= len) return KVC_PASS;
  rule_evidence(arena, out, "%lld < %lld", (long long)batched, (long long)len);
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)len),
              "raise it, or leave chunked prefill on");
  return rule_fire(
      arena, out,
      "without chunked prefill a prompt of %lld tokens does not fit in a step "
      "of %lld",
      (long long)len, (long long)batched);
}

RULE_CHECK(seqs_above_pool)
{
  const struct kvc_concurrency *c = &f->size->concurrency;
  const double seqs = (double)f->size->setting.max_num_seqs;
  if (!c->have || f->size->memory.layout.n_specs == 0 || f->size->model.pooling)
    return rule_skip(out, "the model keeps no KV cache, or lengths are not known");
  const double holds = c->steady_state > 1 ? c->steady_state : 1;
  if (seqs <= holds) return KVC_PASS;
  rule_evidence(arena, out, "%.0f pool tokens / %.0f per running request = %.0f",
                f->size->memory.pool_tok, c->occupancy.mean_tok, floor(holds));
  const int64_t want = c->recommended_max_num_seqs > 0 ? c->recommended_max_num_seqs : 1;
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)want),
              "lower it to what the pool holds with a buffer");
  out->gain = "fewer preemptions under load";
  return rule_fire(arena, out,
                   "the pool holds %.0f of such requests, --max-num-seqs "
                   "admits %.0f",
                   floor(holds), seqs);
}

RULE_CHECK(seqs_below_demand)
{
  const struct kvc_setting *s = &f->size->setting;
  const double room = (double)s->max_num_seqs * s->dp, users = f->demand->users;
  if (f->size->memory.layout.n_specs == 0)
    return rule_skip(out, "the model keeps no KV cache");
  if (users <= room) return KVC_PASS;
  rule_evidence(arena, out, "%.0f users, %.0f seats", users, room);
  out->fix = rule_text(arena, "run %.0f such servers", ceil(users / room));
  return rule_fire(arena, out, "%.0f users for %.0f seats: the others wait", users, room);
}

RULE_CHECK(seqs_above_demand)
{
  const struct kvc_setting *s = &f->size->setting;
  const double room = (double)s->max_num_seqs * s->dp, users = f->demand->users;
  if (f->size->memory.activation.sampler_bytes <= 0)
    return rule_skip(out, "no sampler memory grows with it");
  if (room <= rule->limit * users || room <= 32) return KVC_PASS;
  const double want = ceil(users / s->dp / 8) * 8;
  rule_evidence(arena, out, "sampler buffers %.2f GiB for %lld requests",
                f->size->memory.activation.sampler_bytes / RULE_GIB,
                (long long)s->max_num_seqs);
  rule_remedy(out, rule, rule_text(arena, "%.0f", want), "lower it to the demand");
  return rule_fire(arena, out, "%.0f seats for %.0f users: each costs sampler memory",
                   room, users);
}

RULE_CHECK(len_beyond_model)
{
  const int64_t len = f->deploy->max_model_len_tok, own = f->size->model.max_position_tok;
  if (len <= 0) return rule_skip(out, "--max-model-len is not set");
  if (own <= 0) return rule_skip(out, "the model's own length is not known");
  if (len <= own) return KVC_PASS;
  rule_evidence(arena, out, "%lld > %lld", (long long)len, (long long)own);
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)own),
              "only rope scaling in the config makes it longer");
  return rule_fire(arena, out,
                   "--max-model-len %lld is beyond the model's %lld positions",
                   (long long)len, (long long)own);
}

RULE_CHECK(len_beyond_need)
{
  const struct kvc_demand *d = f->demand;
  const struct kvc_workload *w = &d->load;
  const double len = (double)f->size->setting.max_model_len_tok;
  if (f->size->memory.layout.n_specs == 0)
    return rule_skip(out, "the model keeps no KV cache");
  double need = d->context_tok > 0 ? (double)d->context_tok : 0;
  if (!(need > 0)) need = d->prompt_p99_tok + d->output_p99_tok;
  if (!(need > 0))
    need =
        w->prompt_tok * (1 + 3 * w->prompt_cv) + w->output_tok * (1 + 3 * w->output_cv);
  if (len <= rule->limit * need || len <= 8192) return KVC_PASS;
  rule_evidence(arena, out, "%.0f tokens allowed, about %.0f needed", len, need);
  rule_remedy(out, rule, rule_text(arena, "%.0f", ceil(need / 1024) * 1024),
              "lower it to what is needed");
  return rule_fire(arena, out, "--max-model-len is %.0f where about %.0f are needed", len,
                   need);
}

RULE_CHECK(budget_for_latency)
{
  const struct kvc_setting *s = &f->size->setting;
  if (f->demand->goal != KVC_GOAL_LATENCY) return rule_skip(out, "latency is not first");
  if (!s->chunked_prefill) return rule_skip(out, "prompts are not chunked");
  if ((double)s->max_num_batched_tok <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%lld tokens a step", (long long)s->max_num_batched_tok);
  rule_remedy(out, rule, "2048", "2048 is the documented value for short gaps");
  return rule_fire(arena, out, "steps of %lld tokens stall the decodes beside them",
                   (long long)s->max_num_batched_tok);
}

RULE_CHECK(budget_for_throughput)
{
  const struct kvc_setting *s = &f->size->setting;
  if (f->demand->goal != KVC_GOAL_THROUGHPUT)
    return rule_skip(out, "throughput is not first");
  if (!s->chunked_prefill) return rule_skip(out, "prompts are not chunked");
  if ((double)s->max_num_batched_tok >= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%lld tokens a step", (long long)s->max_num_batched_tok);
  rule_remedy(out, rule, "8192", "8192 and more are documented for throughput");
  return rule_fire(arena, out, "steps of %lld tokens use the GPU poorly",
                   (long long)s->max_num_batched_tok);
}

RULE_CHECK(chunking_off)
{
  if (f->size->setting.engine != KVC_ENGINE_V1)
    return rule_skip(out, "the V0 engine has it off by default");
  if (f->deploy->chunked_prefill != 0) return KVC_PASS;
  rule_evidence(arena, out, "--no-enable-chunked-prefill");
  rule_remedy(out, rule, NULL, "leave it on");
  return rule_fire(arena, out, "chunked prefill is switched off: V1 is built around it");
}

RULE_CHECK(eager)
{
  const enum kvc_vendor v = f->size->gpu.vendor;
  if (v != KVC_VENDOR_NVIDIA && v != KVC_VENDOR_AMD)
    return rule_skip(out, "this backend captures no CUDA graphs");
  if (f->deploy->enforce_eager != 1) return KVC_PASS;
  rule_evidence(arena, out, "no CUDA graphs: every kernel is launched by the CPU");
  rule_remedy(out, rule, NULL, "leave it out; it is for debugging");
  return rule_fire(arena, out, "--enforce-eager switches CUDA graphs off");
}

RULE_CHECK(capture_below_seqs)
{
  const struct kvc_setting *s = &f->size->setting;
  if (s->enforce_eager) return rule_skip(out, "no graphs are captured");
  const int64_t most = f->deploy->max_cudagraph_size;
  if (most <= 0) return rule_skip(out, "the release chooses the sizes");
  if (most >= s->max_num_seqs) return KVC_PASS;
  rule_evidence(arena, out, "graphs up to %lld, batches up to %lld", (long long)most,
                (long long)s->max_num_seqs);
  rule_remedy(out, rule, rule_text(arena, "%lld", (long long)s->max_num_seqs),
              "capture up to --max-num-seqs");
  return rule_fire(arena, out, "batches above %lld run without a graph", (long long)most);
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"BAT001", "step-below-requests", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_MODEL, batched_below_seqs, "max_num_batched_tokens",
   "A step holds fewer tokens than requests", "vLLM refuses to start", "vllm-src-config-scheduler", 0, NULL, 0, 0, NULL},
  {"BAT002", "step-below-length", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_MODEL, batched_below_len, "max_num_batched_tokens",
   "A whole prompt does not fit in a step", "vLLM refuses to start without chunked prefill", "vllm-src-config-scheduler", 0, NULL, 0, 0, NULL},
  {"BAT003", "more-requests-than-pool", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_LOAD, seqs_above_pool, "max_num_seqs",
   "More requests are admitted than the pool holds", "requests are preempted and computed again", "vllm-docs-optimization", 0, NULL, 0, 0, NULL},
  {"BAT004", "fewer-seats-than-users", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_RATE, seqs_below_demand, NULL,
   "There are more users than seats", "requests wait outside: time to first token grows", "vllm-docs-optimization", 0, NULL, 0, 0, NULL},
  {"BAT005", "more-seats-than-users", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_RATE, seqs_above_demand, "max_num_seqs",
   "There are many more seats than users", "the sampler's buffers take KV memory", "vllm-src-gpu-model-runner", 4, "x", 0, 0, NULL},
  {"BAT006", "length-beyond-model", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_MODEL, len_beyond_model, "max_model_len",
   "The length is beyond the model's", "vLLM refuses it, and the model was never trained on it", "vllm-src-arg-utils", 0, NULL, 0, 0, NULL},
  {"BAT007", "length-beyond-need", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_LOAD, len_beyond_need, "max_model_len",
   "The length is far beyond the need", "one request may take the whole pool, and less memory fails to start", "vllm-docs-conserving-memory", 4, "x", 0, 0, NULL},
  {"BAT008", "long-steps-for-latency", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_GOAL, budget_for_latency, "max_num_batched_tokens",
   "Steps are long where latency comes first", "tokens stall while a long prompt is read", "vllm-docs-optimization", 8192, "tokens", 0, 0, NULL},
  {"BAT009", "short-steps-for-throughput", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE | KVC_NEED_GOAL, budget_for_throughput, "max_num_batched_tokens",
   "Steps are short where throughput comes first", "prompts take more steps than the GPU needs", "vllm-docs-optimization", 4096, "tokens", 0, 0, NULL},
  {"BAT010", "chunking-off", KVC_SEV_WARNING, "0.8.0", NULL, KVC_NEED_SIZE, chunking_off, "enable_chunked_prefill",
   "Chunked prefill is off", "a long prompt stalls all others; V1 warns", "vllm-docs-optimization", 0, NULL, 0, 0, NULL},
  {"BAT011", "eager-in-production", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE, eager, "enforce_eager",
   "CUDA graphs are off", "decoding is slower, most of all for small models and batches", "vllm-docs-conserving-memory", 0, NULL, 0, 0, NULL},
  {"BAT012", "graphs-below-requests", KVC_SEV_HINT, "0.9.0", NULL, KVC_NEED_SIZE, capture_below_seqs, "max_cudagraph_capture_size",
   "Large batches have no graph", "they run eagerly, when the load is highest", "vllm-src-config-compilation", 0, NULL, 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_batch, rows);
