/* size.c - one deployment, end to end.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sizing.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *sizing_text(struct sizing *s, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  const char *out = kvc_arena_vprintf(s->arena, fmt, args);
  va_end(args);
  return out != NULL ? out : "";
}

const char *sizing_count(struct sizing *s, double n)
{
  const char *out = kvc_arena_count(s->arena, n);
  return out != NULL ? out : "";
}

void sizing_note(struct sizing *s, const char *level, const char *text)
{
  if (s->out->n_notes == KVC_MAX_NOTES) return;
  s->out->notes[s->out->n_notes++] = (struct kvc_note){level, text};
}

void kvc_size_request_init(struct kvc_size_request *req)
{
  *req = (struct kvc_size_request){0};
  req->deploy.gpu_memory_utilization = NAN;
  req->deploy.swap_space_gib = NAN;
  req->deploy.enforce_eager = -1;
  req->deploy.chunked_prefill = -1;
  req->deploy.prefix_caching = -1;
  req->deploy.disable_hybrid_manager = -1;
  req->deploy.mm_items = -1;
  req->load.buffer_frac = 0.30;
  req->load.exceed_prob = 0.01;
  req->load.round_to = 8;
}

/* Pool tokens that a request takes whatever its length: recurrent states, and the
 * window of sliding layers, in the unit of kvc_memory.pool_tok. */
static double fixed_tokens(const struct kvc_memory *m, double len)
{
  const struct kvc_kv_layout *l = &m->layout;
  double full = 0, fixed = 0;
  if (l->uniform || l->n_specs == 0) return 0;
  for (size_t i = 0; i < l->n_specs; i++) {
    const struct kvc_kv_spec *p = &l->specs[i];
    const double groups = (double)l->groups_of[i];
    if (p->kind == KVC_SPEC_FULL || p->kind == KVC_SPEC_MLA)
      full += groups;
    else if (p->kind == KVC_SPEC_STATE)
      fixed += groups;
    else
      fixed +=
          groups *
          (ceil(fmin((double)p->window_tok - 1, len) / (double)p->block_size_tok) + 1);
  }
  return full > 0 ? fixed * (double)l->block_size_tok / full : 0;
}

static kvc_code concurrency(struct sizing *s, struct kvc_err *err)
{
  struct kvc_size *out = s->out;
  struct kvc_workload load = s->req->load;
  if (load.prompt_tok <= 0 && load.output_tok <= 0) return KVC_E_OK;
  if (load.prompt_tok <= 0)
    return kvc_fail(err, KVC_E_USAGE, "--prompt-tokens",
                    "is needed beside --output-tokens: the mean prompt length");
  if (load.shared_prefix_frac > 0)
    load.shared_prefix_tok = load.shared_prefix_frac * load.prompt_tok;
  const double final = load.prompt_tok + load.output_tok;
  const bool stated = s->req->deploy.kv_pool_tok > 0;
  if (!stated && final > (double)out->setting.max_model_len_tok)
    sizing_note(s, "warning",
                sizing_text(s,
                            "the mean request of %.0f tokens is longer than "
                            "--max-model-len %lld: vLLM would refuse or cut it",
                            final, (long long)out->setting.max_model_len_tok));
  const double pool = stated ? (double)s->req->deploy.kv_pool_tok : out->memory.pool_tok;
  const double block = (double)out->memory.layout.block_size_tok * out->setting.dcp;
  const double fixed = stated ? 0 : fixed_tokens(&out->memory, final);
  KVC_TRY(kvc_concurrency_compute(pool, block > 0 ? block : 16, fixed, &load,
                                  &out->concurrency, err));
  out->concurrency.capped_by_seqs =
      out->setting.max_num_seqs < out->concurrency.recommended_max_num_seqs;
  return KVC_E_OK;
}

static void prices(struct kvc_size *out)
{
  double low = NAN, high = NAN;
  for (size_t i = 0; i < out->gpu.n_prices; i++) {
    const double p = out->gpu.prices[i].usd_per_hour;
    low = !(low <= p) ? p : low;
    high = !(high >= p) ? p : high;
  }
  out->cost_per_hour_low = low * (double)out->gpus;
  out->cost_per_hour_high = high * (double)out->gpus;
}

/* Where --max-model-len auto lands. */
static kvc_code auto_fit(struct sizing *s, struct kvc_err *err)
{
  struct kvc_size *out = s->out;
  if (!out->setting.max_model_len_auto) return KVC_E_OK;
  if (!out->facts.auto_fit)
    sizing_note(s, "warning",
                "--max-model-len auto does not exist in this release; the length found "
                "here can be given as a number");
  if (out->memory.max_model_len_fits_tok <= 0 ||
      out->memory.max_model_len_fits_tok >= out->setting.max_model_len_tok)
    return KVC_E_OK;
  sizing_note(s, "note",
              sizing_text(s,
                          "Auto-fit max_model_len: reduced from %lld to %lld to fit in "
                          "available GPU memory",
                          (long long)out->setting.max_model_len_tok,
                          (long long)out->memory.max_model_len_fits_tok));
  out->setting.max_model_len_tok = out->memory.max_model_len_fits_tok;
  return kvc_memory_model(&out->model, &out->setting, &out->facts, &out->memory, err);
}

/* Graphs outside the budget need the share that the utilisation leaves free. */
static void warn_graphs(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  if (m->cudagraph_in_budget || m->cudagraph_bytes <= 0 || !m->fits) return;
  if (m->cudagraph_bytes < m->outside_bytes) return;
  sizing_note(s, "warning",
              sizing_text(s,
                          "CUDA graphs take about %.2f GiB outside the budget, where "
                          "--gpu-memory-utilization %g leaves %.2f GiB: capture may run "
                          "out of memory",
                          m->cudagraph_bytes / (1024.0 * 1024 * 1024),
                          s->out->setting.gpu_memory_utilization,
                          m->outside_bytes / (1024.0 * 1024 * 1024)));
}

kvc_code kvc_size_run(struct kvc_arena *arena, struct kvc_db *db,
                      const struct kvc_size_request *req, struct kvc_size *out,
                      struct kvc_err *err)
{
  *out = (struct kvc_size){0};
  struct sizing s = {.arena = arena, .db = db, .req = req, .out = out};
  KVC_TRY(sizing_inputs(&s, err));
  KVC_TRY(sizing_resolve(&s, &req->deploy, true, &out->setting, &out->facts, err));
  KVC_TRY(kvc_memory_model(&out->model, &out->setting, &out->facts, &out->memory, err));
  KVC_TRY(auto_fit(&s, err));
  kvc_params_count(&out->model, &out->params);
  out->checkpoint_bytes = kvc_checkpoint_bytes(&out->model);
  out->gpus = (size_t)out->setting.tp * (size_t)out->setting.pp * (size_t)out->setting.dp;
  prices(out);
  if (out->memory.layout.approximate)
    sizing_note(
        &s, "warning",
        "how vLLM packs this model's compressed caches is not fully known: measured "
        "servers held up to 12 % fewer requests; the log line \"Maximum "
        "concurrency\" of a start tells");
  KVC_TRY(concurrency(&s, err));
  warn_graphs(&s);
  if (req->brief) return KVC_E_OK;
  KVC_TRY(sizing_recommend(&s, err));
  sizing_words(&s);
  if (req->explain) sizing_formulas(&s);
  return KVC_E_OK;
}
