/* client.c - what of a request no step contains: client, HTTP, tokenizer.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/predict.h>
#include <math.h>

/* Fitted on the calibrate rows of 1,062 measured points, whose hosts and clients differ:
 * a presumption, not a fact. */
static const double CLIENT_S = 0.012, CLIENT_TOK_S = 8e-6;

/* The event loop of the API server reads requests that wait before it sends tokens, so
 * all of a burst see the first token when the last is read.  Between 1 and 17 ms each on
 * measured servers, by host and release; fitted on bursts of 200 to 1,000. */
static const double BURST_S = 0.003;

double kvc_client_s(double prompt_tok)
{
  return CLIENT_S + CLIENT_TOK_S * fmax(prompt_tok, 0);
}

static void shift(struct kvc_sim_dist *d, double by_s)
{
  if (d->n == 0) return;
  d->mean += by_s;
  d->p50 += by_s;
  d->p90 += by_s;
  d->p95 += by_s;
  d->p99 += by_s;
  d->max += by_s;
}

void kvc_client_add(struct kvc_sim_result *result, double client_s)
{
  shift(&result->ttft_s, client_s);
  shift(&result->e2e_s, client_s);
}

void kvc_client_less(struct kvc_sim_slo *slo, double client_s)
{
  if (slo->ttft_s > 0) slo->ttft_s = fmax(slo->ttft_s - client_s, 1e-9);
  if (slo->e2e_s > 0) slo->e2e_s = fmax(slo->e2e_s - client_s, 1e-9);
}

size_t kvc_client_burst_size(const struct kvc_traffic *t)
{
  size_t n = 0;
  if (t->clients > 0 && !t->paced)
    return (size_t)t->clients < t->n ? (size_t)t->clients : t->n;
  while (n < t->n && t->items[n].arrival_ns == t->items[0].arrival_ns) n++;
  return t->clients > 0 && (size_t)t->clients < n ? (size_t)t->clients : n;
}

double kvc_client_burst_s(const struct kvc_traffic *t, double ranks)
{
  const size_t n = kvc_client_burst_size(t);
  return n > 1 ? BURST_S * ((double)n * ranks - 1) : 0;
}

/* The first 'share' of the requests, which wait longest, later by so much. */
static void delay(struct kvc_sim_dist *d, double by_s, double share)
{
  if (d->n == 0) return;
  d->mean += share * by_s;
  if (share > 0.50) d->p50 += by_s;
  if (share > 0.10) d->p90 += by_s;
  if (share > 0.05) d->p95 += by_s;
  if (share > 0.01) d->p99 += by_s;
  d->max += by_s;
}

void kvc_client_burst(struct kvc_sim_result *r, const struct kvc_traffic *t, double ranks)
{
  const double by_s = kvc_client_burst_s(t, ranks);
  if (!(by_s > 0) || !(r->duration_s > 0)) return;
  const double share = (double)kvc_client_burst_size(t) / (double)t->n;
  delay(&r->ttft_s, by_s, share);
  delay(&r->e2e_s, by_s, share);
  const double slower = r->duration_s / (r->duration_s + by_s);
  r->requests_per_s *= slower;
  r->output_tok_per_s *= slower;
  r->total_tok_per_s *= slower;
  r->goodput_per_s *= slower;
  r->duration_s += by_s;
}
