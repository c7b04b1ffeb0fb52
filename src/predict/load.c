/* load.c - what a measured point was loaded with.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REQUESTS = 4096, MAX_STEADY = 16384 };

bool predict_is_steady(const struct kvc_point *p)
{
  return strcmp(p->kind, "serving-steady") == 0;
}

static bool is_sharegpt(const struct kvc_point *p)
{
  return strncmp(p->dataset, "sharegpt", 8) == 0 ||
         strncmp(p->dataset, "ShareGPT", 8) == 0;
}

/* Lengths of answers to tasks: 2.6 u^1.6 of their mean, which ends at 2.6 times of it as
 * the data sets do that are cut at a context. */
static double task_quantile(double u)
{
  return 2.6 * pow(u, 1.6);
}

/* Lengths of ShareGPT's first turns: exponential.  The longest of 200 is some six times
 * the mean; after 200 requests at once with a mean of 180 to 200 tokens servers of
 * Qwen2.5 on an A40 decode for another 1,200 to 1,700, those of other models on an H100
 * for 700. */
static double sharegpt_quantile(double u)
{
  return -log1p(-u);
}

/* One length from each of n equal parts of a distribution, in any order: what is drawn
 * has its mean, whatever the seed. */
static kvc_code natural(struct kvc_request *items, size_t n, bool output,
                        double (*quantile)(double), double mean)
{
  double *length = malloc((n + 1) * sizeof *length);
  double sum = 0;
  struct kvc_rng rng;
  if (length == NULL) return KVC_E_LIMIT;
  for (size_t i = 0; i < n; i++) {
    length[i] = quantile(((double)i + 0.5) / (double)n);
    sum += length[i];
  }
  kvc_rng_init(&rng, 1, output ? "natural outputs" : "natural prompts");
  for (size_t i = n; i-- > 0;) {
    const size_t k = (size_t)kvc_rng_below(&rng, i + 1);
    const int32_t tok = (int32_t)fmax(1, round(mean * length[k] * (double)n / sum));
    length[k] = length[i];
    if (output)
      items[i].output_tok = tok;
    else
      items[i].prompt_tok = tok;
  }
  free(length);
  return KVC_E_OK;
}

static struct kvc_length length_of(double mean, double ratio)
{
  if (ratio > 0)
    return (struct kvc_length){.kind = KVC_LEN_UNIFORM,
                               .mean = mean,
                               .min = (int32_t)fmax(1, floor(mean * (1 - ratio))),
                               .max = (int32_t)ceil(mean * (1 + ratio))};
  return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = fmax(1, round(mean))};
}

/* A mean of 0.9 of a power of two: the InferenceX recipe draws random lengths between 0.8
 * and 1 of such a nominal length. */
static bool is_recipe_mean(double mean)
{
  const double nominal = mean / 0.9;
  return nominal >= 64 && fabs(nominal / exp2(round(log2(nominal))) - 1) < 0.04;
}

static double spread_of(const struct kvc_point *p)
{
  const bool random = strncmp(p->dataset, "random", 6) == 0;
  return random && is_recipe_mean(p->input_tok) && is_recipe_mean(p->output_tok) ? 1.0 / 9
                                                                                 : 0;
}

/* Prompts of a data set whose lengths nobody stated: those of the shipped workloads
 * code-completion and chat, the latter a single turn. */
static double unstated_tok(const struct kvc_point *p)
{
  return strstr(p->dataset, "fim") != NULL || strstr(p->dataset, "code") != NULL ? 2048
                                                                                 : 300;
}

/* Clients and requests of one rank. */
static void counts(const struct kvc_point *p, const struct kvc_setting *set,
                   struct kvc_traffic_spec *spec)
{
  const double seats = (double)set->max_num_seqs;
  double clients = p->concurrency / set->dp;
  double n = p->prompts / set->dp;
  if (clients < 1) clients = 1;
  if (predict_is_steady(p)) {
    clients = fmin(clients, 2 * seats);
    n = fmin(4 * seats, MAX_STEADY);
  } else {
    if (isnan(n)) n = isfinite(clients) ? 6 * clients : 300;
    n = fmin(n, MAX_REQUESTS);
  }
  n = fmax(n, 1);
  spec->requests = (size_t)n;
  spec->arrivals = isfinite(p->rate_per_s) ? KVC_ARRIVE_RATE
                   : isfinite(clients)     ? KVC_ARRIVE_CLOSED
                                           : KVC_ARRIVE_AT_ONCE;
  if (isfinite(clients)) spec->clients = (int)fmin(clients, n);
}

static struct kvc_traffic_spec spec_of(const struct kvc_point *p,
                                       const struct kvc_size *size)
{
  const double prompt = isnan(p->input_tok) ? unstated_tok(p) : p->input_tok;
  const double output = isnan(p->output_tok) ? 128 : p->output_tok;
  const double ratio = spread_of(p), dp = size->setting.dp;
  struct kvc_traffic_spec spec = {.rate_per_s =
                                      isfinite(p->rate_per_s) ? p->rate_per_s / dp : 0,
                                  .prompt = length_of(prompt, ratio),
                                  .output = length_of(output, ratio),
                                  .ends_by_stop = true};
  counts(p, &size->setting, &spec);
  return spec;
}

/* As vLLM's client does since 0.9: gaps are stretched so that n requests take n / rate.
 */
kvc_code predict_traffic(struct kvc_arena *arena, struct kvc_traffic_spec spec,
                         struct kvc_traffic *out, struct kvc_err *err)
{
  KVC_TRY(kvc_traffic_make(arena, &spec, 1, out, err));
  if (spec.arrivals != KVC_ARRIVE_RATE || out->n < 2) return KVC_E_OK;
  const double last_s = 1e-9 * (double)out->items[out->n - 1].arrival_ns;
  if (!(last_s > 0)) return KVC_E_OK;
  spec.rate_per_s *= last_s * spec.rate_per_s / (double)out->n;
  return kvc_traffic_make(arena, &spec, 1, out, err);
}

kvc_code predict_load(struct kvc_arena *arena, const struct kvc_point *p,
                      const struct kvc_size *size, struct kvc_traffic_spec *spec,
                      struct kvc_traffic *out, struct kvc_err *err)
{
  *spec = spec_of(p, size);
  KVC_TRY(predict_traffic(arena, *spec, out, err));
  const bool shared = is_sharegpt(p);
  if (!shared && !predict_is_steady(p) && strncmp(p->dataset, "Open", 4) != 0)
    return KVC_E_OK;
  struct kvc_request *items = kvc_arena_alloc(arena, out->n, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the load", err);
  memcpy(items, out->items, out->n * sizeof *items);
  out->items = items;
  double (*quantile)(double) = shared ? sharegpt_quantile : task_quantile;
  if (natural(items, out->n, false, quantile, spec->prompt.mean) != KVC_E_OK ||
      natural(items, out->n, true, quantile, spec->output.mean) != KVC_E_OK)
    return kvc_arena_full(arena, "the load", err);
  return KVC_E_OK;
}
