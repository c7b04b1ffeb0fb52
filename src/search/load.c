/* load.c - the load: lengths drawn once, so that every candidate serves the same
 * requests. SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Arrivals are drawn at one request a second and divided by the rate, lengths come from
 * streams of their own: candidates and rates share their random numbers, and what differs
 * between two of them is not the luck of the draw.
 */
#include "search_room.h"
#include <math.h>
#include <string.h>

static struct kvc_length length_of(double mean, double cv)
{
  if (cv > 0)
    return (struct kvc_length){.kind = KVC_LEN_LOGNORMAL, .mean = mean, .spread = cv};
  return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = fmax(1, round(mean))};
}

static struct kvc_traffic_spec spec_of(const struct kvc_search_request *req)
{
  const struct kvc_workload *w = &req->demand.load;
  double prefix = w->shared_prefix_tok, prompt = w->prompt_tok;
  if (!(prefix > 0) && w->shared_prefix_frac > 0 && req->n_pairs == 0)
    prefix = floor(w->shared_prefix_frac * prompt);
  if (req->n_pairs > 0) prefix = 0;
  prompt = fmax(prompt - prefix, 1);
  return (struct kvc_traffic_spec){.arrivals = KVC_ARRIVE_RATE,
                                   .rate_per_s = 1,
                                   .burstiness = req->burstiness,
                                   .requests = SEARCH_VERIFY,
                                   .prompt = length_of(prompt, w->prompt_cv),
                                   .output = length_of(w->output_tok, w->output_cv),
                                   .pairs = req->pairs,
                                   .n_pairs = req->n_pairs,
                                   .prefix_tok = (int32_t)prefix,
                                   .ends_by_stop = true};
}

static int32_t scaled(int32_t tok, double scale)
{
  const double v = round(tok * scale);
  return v < 1 ? 1 : v > KVC_TRAFFIC_MAX_TOK - 1 ? KVC_TRAFFIC_MAX_TOK - 1 : (int32_t)v;
}

static void sums_of(struct search_load *out)
{
  double prompt = 0, output = 0;
  out->prompt_min_tok = INFINITY;
  for (size_t i = 0; i < out->n; i++) {
    const struct kvc_request *r = &out->items[i];
    const double p = r->prompt_tok, o = r->output_tok;
    prompt += p;
    output += o;
    out->prompt_min_tok = fmin(out->prompt_min_tok, p);
    if (r->prompt_tok + (int64_t)r->output_tok > out->longest_tok)
      out->longest_tok = r->prompt_tok + (int64_t)r->output_tok;
  }
  out->prompt_mean_tok = prompt / (double)out->n;
  out->output_mean_tok = output / (double)out->n;
}

kvc_code search_load_draw(struct kvc_arena *arena, const struct kvc_search_request *req,
                          double prompt_scale, double output_scale,
                          struct search_load *out, struct kvc_err *err)
{
  struct kvc_traffic t;
  const struct kvc_traffic_spec spec = spec_of(req);
  KVC_TRY(kvc_traffic_make(arena, &spec, req->seed, &t, err));
  if (t.n == 0) return kvc_fail(err, KVC_E_RANGE, NULL, "the load has no requests");
  struct kvc_request *items = kvc_arena_alloc(arena, t.n, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the load", err);
  memcpy(items, t.items, t.n * sizeof *items);
  for (size_t i = 0; i < t.n; i++) {
    items[i].prompt_tok = scaled(items[i].prompt_tok, prompt_scale);
    items[i].output_tok = scaled(items[i].output_tok, output_scale);
    if (items[i].prefix_tok > items[i].prompt_tok)
      items[i].prefix_tok = items[i].prompt_tok;
  }
  *out = (struct search_load){.items = items, .n = t.n, .prefix_tok = spec.prefix_tok};
  sums_of(out);
  return KVC_E_OK;
}

kvc_code search_load_at(struct kvc_arena *arena, const struct search_load *load,
                        double rate_per_s, size_t n, struct kvc_traffic *out,
                        struct kvc_err *err)
{
  if (n > load->n) n = load->n;
  /* Nothing lasts longer than the clock of a run. */
  if (!((double)load->items[n - 1].arrival_ns / rate_per_s < 4e18))
    return kvc_fail(err, KVC_E_RANGE, "--rate",
                    "%g requests a second are too few to simulate", rate_per_s);
  struct kvc_request *items = kvc_arena_alloc(arena, n, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the load", err);
  memcpy(items, load->items, n * sizeof *items);
  for (size_t i = 0; i < n; i++)
    items[i].arrival_ns = (int64_t)floor((double)items[i].arrival_ns / rate_per_s + 0.5);
  *out =
      (struct kvc_traffic){.items = items, .n = n, .paced = true, .ends_by_stop = true};
  return KVC_E_OK;
}
