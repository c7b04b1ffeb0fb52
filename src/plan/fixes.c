/* fixes.c - what to change, with the number each change yields.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every recommendation was tried: the setting is changed, resolved again with that
 * release's defaults and run through the same memory model.
 */
#include "sizing.h"
#include <kvcap/hf.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One deployment that was tried. */
struct trial {
  struct kvc_deploy deploy;
  struct kvc_setting setting;
  struct kvc_memory memory;
  bool ok; /* it is a possible setting and it starts */
};

static void try_it(struct sizing *s, const struct kvc_model *model, struct trial *t)
{
  struct kvc_mem_facts facts;
  struct kvc_err ignored;
  t->ok =
      sizing_resolve(s, &t->deploy, false, &t->setting, &facts, &ignored) == KVC_E_OK &&
      kvc_memory_model(model, &t->setting, &facts, &t->memory, &ignored) == KVC_E_OK &&
      t->memory.fits;
}

static struct trial trial_of(const struct sizing *s)
{
  return (struct trial){.deploy = s->req->deploy};
}

static struct kvc_recommendation *rec_new(struct sizing *s, const char *id,
                                          const char *severity)
{
  struct kvc_size *out = s->out;
  static struct kvc_recommendation spill; /* past the limit: written, never shown */
  if (out->n_recs == KVC_MAX_RECS) return &spill;
  struct kvc_recommendation *r = &out->recs[out->n_recs++];
  *r = (struct kvc_recommendation){.id = id, .severity = severity};
  return r;
}

static void evidence(struct kvc_recommendation *r, const char *text)
{
  if (r->n_evidence < sizeof r->evidence / sizeof *r->evidence)
    r->evidence[r->n_evidence++] = text;
}

static const char *gain_of(struct sizing *s, const struct trial *t)
{
  if (t->memory.layout.n_specs == 0) return "starts";
  return sizing_text(
      s,
      "starts: GPU KV cache size %s tokens, maximum concurrency %.2fx at %s "
      "tokens",
      sizing_count(s, t->memory.tokens.value), t->memory.max_concurrency,
      sizing_count(s, (double)t->setting.max_model_len_tok));
}

/* ---- fixes, when it does not start ---- */

/* What never varies in a fix. */
struct fix_row {
  const char *id, *flag, *reason, *source;
};

static const char profile_run[] =
    "vLLM source, v1/worker/gpu_model_runner.py (profile run)";
static const char conserving[] = "vLLM docs, conserving memory";

enum {
  FIX_LEN,
  FIX_UTIL,
  FIX_SEQS,
  FIX_BATCHED,
  FIX_KV,
  FIX_TP,
  FIX_WEIGHTS,
  FIX_PAIR_TP,
  FIX_PAIR_LEN
};

/* clang-format off */
static const struct fix_row fix_rows[] = {
    [FIX_LEN] = {"SIZE001", "--max-model-len",
                 "the KV pool must hold one request of full length", conserving},
    [FIX_UTIL] = {"SIZE002", "--gpu-memory-utilization",
                  "the budget is this share of the GPU's memory", conserving},
    [FIX_SEQS] = {"SIZE003", "--max-num-seqs",
                  "the profile run keeps logits of this many rows over the vocabulary", profile_run},
    [FIX_BATCHED] = {"SIZE004", "--max-num-batched-tokens",
                     "the forward pass is profiled with this many tokens", profile_run},
    [FIX_KV] = {"SIZE005", "--kv-cache-dtype",
                "halves the bytes of a KV token; may cost accuracy, so test it on your task",
                "vLLM docs, quantized KV cache"},
    [FIX_TP] = {"SIZE006", "--tensor-parallel-size",
                "splits weights and KV heads over more GPUs", "vLLM docs, parallelism and scaling"},
    [FIX_WEIGHTS] = {"SIZE007", "--quantization",
                     "stores linear weights in 8 bits; may cost accuracy, so test it on your task",
                     "vLLM docs, quantization"},
    [FIX_PAIR_TP] = {"SIZE008", "--tensor-parallel-size",
                     "no single change is enough: more GPUs, and the length they hold", conserving},
    [FIX_PAIR_LEN] = {"SIZE008", "--max-model-len",
                      "together with the change above", conserving},
};
/* clang-format on */

/* A fix that was tried, with what it yields. */
static struct kvc_recommendation *fix_new(struct sizing *s, const struct trial *t,
                                          int row, const char *value)
{
  const struct fix_row *f = &fix_rows[row];
  struct kvc_recommendation *r = rec_new(s, f->id, "fix");
  const int gpus = t->setting.tp * t->setting.pp;
  r->flag = f->flag;
  r->value = value;
  r->reason = f->reason;
  r->source = f->source;
  r->gain = gpus > s->out->setting.tp * s->out->setting.pp
                ? sizing_text(s, "%s, on %d GPUs", gain_of(s, t), gpus)
                : gain_of(s, t);
  return r;
}

static void peak_evidence(struct sizing *s, const struct trial *t,
                          struct kvc_recommendation *r)
{
  evidence(r, sizing_text(s, "activation peak %.2f GiB instead of %.2f GiB",
                          t->memory.activation_peak_bytes / KVC_GIB,
                          s->out->memory.activation_peak_bytes / KVC_GIB));
}

static void weight_evidence(struct sizing *s, const struct trial *t,
                            struct kvc_recommendation *r)
{
  evidence(r, sizing_text(s, "weights %.2f GiB per GPU instead of %.2f GiB",
                          t->memory.weights_bytes / KVC_GIB,
                          s->out->memory.weights_bytes / KVC_GIB));
}

/* The longest length that starts, rounded down to something a person would type. */
static bool fix_length(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  int64_t len = m->max_model_len_fits_tok;
  if (len >= s->out->setting.max_model_len_tok || len < 256) return false;
  const int64_t step = len >= 4096 ? 1024 : 128;
  len -= len % step;
  struct trial t = trial_of(s);
  t.deploy.max_model_len_tok = len;
  try_it(s, &s->out->model, &t);
  if (!t.ok) return false;
  struct kvc_recommendation *r =
      fix_new(s, &t, FIX_LEN, sizing_text(s, "%lld", (long long)len));
  evidence(
      r, sizing_text(s, "one request of %s tokens needs %.2f GiB, the pool has %.2f GiB",
                     sizing_count(s, (double)s->out->setting.max_model_len_tok),
                     m->need_bytes_one_request / KVC_GIB,
                     m->available_kv_bytes.value / KVC_GIB));
  evidence(r, sizing_text(s, "the longest that fits is %s tokens",
                          sizing_count(s, (double)m->max_model_len_fits_tok)));
  return true;
}

static bool fix_utilisation(struct sizing *s)
{
  const double now = s->out->setting.gpu_memory_utilization;
  const double highest = 0.95; /* beyond it graph capture runs out of memory */
  for (int cent = (int)floor(now * 100 + 1e-9) + 1; cent <= (int)(highest * 100 + 0.5);
       cent++) {
    struct trial t = trial_of(s);
    t.deploy.gpu_memory_utilization = cent / 100.0;
    try_it(s, &s->out->model, &t);
    if (!t.ok) continue;
    struct kvc_recommendation *r =
        fix_new(s, &t, FIX_UTIL, sizing_text(s, "%.2f", cent / 100.0));
    evidence(r, sizing_text(s, "%.2f x %.2f GiB = %.2f GiB instead of %.2f GiB",
                            cent / 100.0, s->out->memory.total_bytes / KVC_GIB,
                            t.memory.requested_bytes / KVC_GIB,
                            s->out->memory.requested_bytes / KVC_GIB));
    return true;
  }
  return false;
}

static bool fix_seqs(struct sizing *s)
{
  for (int64_t n = 512; n >= 8; n /= 2) {
    if (n >= s->out->setting.max_num_seqs) continue;
    struct trial t = trial_of(s);
    t.deploy.max_num_seqs = n;
    try_it(s, &s->out->model, &t);
    if (!t.ok) continue;
    struct kvc_recommendation *r =
        fix_new(s, &t, FIX_SEQS, sizing_text(s, "%lld", (long long)n));
    peak_evidence(s, &t, r);
    return true;
  }
  return false;
}

static bool fix_batched(struct sizing *s)
{
  if (s->out->setting.max_num_batched_tok <= 2048 || !s->out->setting.chunked_prefill)
    return false;
  struct trial t = trial_of(s);
  t.deploy.max_num_batched_tok = 2048;
  if (t.deploy.max_num_seqs > 2048) return false;
  try_it(s, &s->out->model, &t);
  if (!t.ok) return false;
  struct kvc_recommendation *r = fix_new(s, &t, FIX_BATCHED, "2048");
  peak_evidence(s, &t, r);
  return true;
}

static bool fp8_kv_possible(const struct sizing *s)
{
  const char *cc = s->out->gpu.compute_capability;
  const bool nvidia = s->out->gpu.vendor == KVC_VENDOR_NVIDIA;
  if (strncmp(s->out->setting.kv_cache_dtype, "fp8", 3) == 0) return false;
  if (s->out->gpu.vendor == KVC_VENDOR_AMD) return true;
  return nvidia && (cc == NULL || cc[1] != '.' || cc[0] >= '8');
}

static bool fix_kv_dtype(struct sizing *s)
{
  if (!fp8_kv_possible(s)) return false;
  struct trial t = trial_of(s);
  t.deploy.kv_cache_dtype = "fp8";
  try_it(s, &s->out->model, &t);
  if (!t.ok) return false;
  struct kvc_recommendation *r = fix_new(s, &t, FIX_KV, "fp8");
  evidence(r, sizing_text(s, "%.0f bytes per token instead of %.0f",
                          t.memory.layout.bytes_per_token,
                          s->out->memory.layout.bytes_per_token));
  return true;
}

static bool fix_parallel(struct sizing *s)
{
  for (int tp = s->out->setting.tp * 2; tp <= 16; tp *= 2) {
    struct trial t = trial_of(s);
    t.deploy.tp = tp;
    try_it(s, &s->out->model, &t);
    if (!t.ok) continue;
    struct kvc_recommendation *r = fix_new(s, &t, FIX_TP, sizing_text(s, "%d", tp));
    weight_evidence(s, &t, r);
    return true;
  }
  return false;
}

/* On-the-fly 8-bit weights: only for an unquantised checkpoint. */
static bool fix_weights(struct sizing *s)
{
  struct kvc_err ignored;
  struct kvc_model copy = s->out->model;
  const char *cc = s->out->gpu.compute_capability;
  const bool old = cc != NULL && cc[1] == '.' && cc[0] < '8';
  if (copy.quant.kind != KVC_QUANT_NONE || old ||
      s->out->gpu.vendor != KVC_VENDOR_NVIDIA ||
      kvc_hf_quant_apply(s->arena, "fp8", &copy, &ignored) != KVC_E_OK)
    return false;
  struct trial t = trial_of(s);
  t.deploy.quantization = "fp8";
  try_it(s, &copy, &t);
  if (!t.ok) return false;
  struct kvc_recommendation *r = fix_new(s, &t, FIX_WEIGHTS, "fp8");
  weight_evidence(s, &t, r);
  return true;
}

/* No single change does: more GPUs and the length they hold. */
static void fix_pair(struct sizing *s)
{
  for (int tp = s->out->setting.tp * 2; tp <= 16; tp *= 2) {
    struct trial t = trial_of(s);
    t.deploy.tp = tp;
    try_it(s, &s->out->model, &t);
    if (t.memory.max_model_len_fits_tok < 256) continue;
    int64_t len = t.memory.max_model_len_fits_tok;
    if (len > s->out->setting.max_model_len_tok) len = s->out->setting.max_model_len_tok;
    t.deploy.max_model_len_tok = len - len % 128;
    try_it(s, &s->out->model, &t);
    if (!t.ok) continue;
    (void)fix_new(s, &t, FIX_PAIR_TP, sizing_text(s, "%d", tp));
    (void)fix_new(s, &t, FIX_PAIR_LEN,
                  sizing_text(s, "%lld", (long long)t.deploy.max_model_len_tok));
    return;
  }
  struct kvc_recommendation *r = rec_new(s, "SIZE009", "fix");
  r->flag = "--gpu";
  r->value = "a larger one";
  r->reason = "no change of one setting, nor up to 16 of these GPUs, makes it start";
  r->source = "the memory model";
  r->gain = "none found";
}

/* ---- hints, when it starts ---- */

/* max-num-seqs costs KV memory: what the setting asked for takes, and what the
 * workload's number would give back. */
static void hint_seqs(struct sizing *s)
{
  struct kvc_size *out = s->out;
  const struct kvc_concurrency *c = &out->concurrency;
  if (!c->have || c->recommended_max_num_seqs < 1 || out->memory.layout.n_specs == 0 ||
      s->req->deploy.kv_pool_tok > 0)
    return;
  const int64_t want = c->recommended_max_num_seqs;
  if (want == out->setting.max_num_seqs) return;
  struct trial t = trial_of(s);
  t.deploy.max_num_seqs = want;
  try_it(s, &out->model, &t);
  if (!t.ok) return;
  const double delta =
      (t.memory.available_kv_bytes.value - out->memory.available_kv_bytes.value) /
      KVC_GIB;
  const bool fewer = want < out->setting.max_num_seqs;
  struct kvc_recommendation *r = rec_new(s, fewer ? "SIZE010" : "SIZE011", "hint");
  r->flag = "--max-num-seqs";
  r->value = sizing_text(s, "%lld", (long long)want);
  r->reason = fewer
                  ? "max-num-seqs costs KV memory: the sampler's buffers are sized for it"
                  : "the present limit keeps requests waiting although the pool has room";
  evidence(r, sizing_text(s, "%s tokens / %s tokens per request, less %.0f %%",
                          sizing_count(s, out->memory.pool_tok),
                          sizing_count(s, c->tokens_per_request),
                          s->req->load.buffer_frac * 100));
  evidence(r, sizing_text(s,
                          "--max-num-seqs %lld takes %.2f GiB of activation peak, %lld "
                          "takes %.2f GiB",
                          (long long)out->setting.max_num_seqs,
                          out->memory.activation_peak_bytes / KVC_GIB, (long long)want,
                          t.memory.activation_peak_bytes / KVC_GIB));
  r->source = profile_run;
  r->gain =
      fewer ? sizing_text(s, "%.2f GiB more for the KV cache: %s tokens instead of %s",
                          delta, sizing_count(s, t.memory.tokens.value),
                          sizing_count(s, out->memory.tokens.value))
            : sizing_text(s,
                          "%lld requests run at once instead of %lld, for %.2f GiB "
                          "of KV cache",
                          (long long)want, (long long)out->setting.max_num_seqs, -delta);
}

/* Without a workload the price of the limit is shown all the same. */
static void hint_seqs_price(struct sizing *s)
{
  struct kvc_size *out = s->out;
  const int64_t now = out->setting.max_num_seqs, fewer = now / 4;
  if (out->concurrency.have || fewer < 16 || out->memory.layout.n_specs == 0 ||
      strcmp(out->memory.activation.dominant, "sampler") != 0)
    return;
  struct trial t = trial_of(s);
  t.deploy.max_num_seqs = fewer;
  try_it(s, &out->model, &t);
  const double delta =
      (t.memory.available_kv_bytes.value - out->memory.available_kv_bytes.value) /
      KVC_GIB;
  if (!t.ok || delta < 0.25) return;
  struct kvc_recommendation *r = rec_new(s, "SIZE012", "hint");
  r->flag = "--max-num-seqs";
  r->value = sizing_text(s, "%lld", (long long)fewer);
  r->reason = "max-num-seqs costs KV memory: lower it if no more requests run at once";
  evidence(r, sizing_text(s,
                          "--max-num-seqs %lld x vocabulary %s x %.0f B = %.2f GiB of "
                          "sampler buffers",
                          (long long)now, sizing_count(s, (double)out->model.vocab),
                          out->setting.weight_elem_bytes +
                              out->facts.sampler_bytes_per_logit.value,
                          out->memory.activation.sampler_bytes / KVC_GIB));
  r->source = profile_run;
  r->gain = sizing_text(s, "%.2f GiB more for the KV cache: %s tokens instead of %s",
                        delta, sizing_count(s, t.memory.tokens.value),
                        sizing_count(s, out->memory.tokens.value));
}

static void hint_hybrid(struct sizing *s)
{
  const struct kvc_kv_layout *l = &s->out->memory.layout;
  if (l->uniform || l->n_specs < 2 || l->padding_layers == 0) return;
  const double waste =
      (double)l->padding_layers / (double)(l->n_groups * l->group_layers) * 100;
  if (waste < 5) return;
  sizing_note(s, "note",
              sizing_text(s,
                          "the layers do not divide evenly into KV groups: %zu padding "
                          "layers take %.1f %% of the pool",
                          l->padding_layers, waste));
}

kvc_code sizing_recommend(struct sizing *s, struct kvc_err *err)
{
  (void)err;
  if (s->out->memory.fits) {
    hint_seqs(s);
    hint_seqs_price(s);
    hint_hybrid(s);
    return KVC_E_OK;
  }
  static bool (*const fixes[])(struct sizing *) = {
      fix_length,   fix_utilisation, fix_seqs,     fix_batched,
      fix_kv_dtype, fix_weights,     fix_parallel,
  };
  bool any = false;
  for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++) any = fixes[i](s) || any;
  if (!any) fix_pair(s);
  return KVC_E_OK;
}
