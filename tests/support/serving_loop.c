/* serving_loop.c - a plain scheduler between step times and what a client measures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decodes first, then prompts in order within the token budget; a request is admitted
 * when a sequence slot and KV tokens for its whole length are free.  Runs of decode
 * steps in which nothing changes are taken at once, priced in their middle.
 */
#include <math.h>
#include <stdlib.h>
#include "tests/support/serving.h"

struct request {
  size_t seen; /* step at whose start the server knows of it */
  double arrive, first, end, in, out, done, prefilled;
};

struct loop {
  const struct serving_load *load;
  struct kvc_latency *latency;
  struct request *all;
  size_t *running, n_running, sent, admitted, finished, n, steps;
  struct kvc_chunk *chunks;
  double now, held, decoded, blocked_at;
  double from, to, from_tok, to_tok; /* window of steady running */
};

static double chance(size_t i, unsigned salt)
{
  uint64_t h = (i + 1) * 0x9E3779B97F4A7C15u + salt * 0xBF58476D1CE4E5B9u;
  h ^= h >> 30;
  h *= 0xBF58476D1CE4E5B9u;
  h ^= h >> 27;
  h *= 0x94D049BB133111EBu;
  h ^= h >> 31;
  return ((double)(h >> 11) + 0.5) / 9007199254740992.0;
}

/* Uniform within +-jitter below 0.5, else lognormal-like with that spread. */
static double length(double mean, double jitter, size_t i, unsigned salt)
{
  const double u = chance(i, salt);
  if (jitter < 0.5) return fmax(1, round(mean * (1 + jitter * (2 * u - 1))));
  return fmax(1, round(mean * 2.6 * pow(u, 1.6)));
}

static void requests(struct loop *l)
{
  double at = 0;
  for (size_t i = 0; i < l->n; i++) {
    if (isfinite(l->load->rate)) at += -log(chance(i, 3)) / l->load->rate;
    l->all[i] =
        (struct request){.arrive = at,
                         .in = length(l->load->input_tok, l->load->jitter, i, 1),
                         .out = length(l->load->output_tok, l->load->jitter, i, 2)};
  }
}

/* Clients send what has arrived and their limit allows.  One that had to wait sends
 * when an answer comes back, and by then the next step is scheduled already. */
static void clients(struct loop *l)
{
  for (; l->sent < l->n && l->all[l->sent].arrive <= l->now; l->sent++) {
    struct request *r = &l->all[l->sent];
    if ((double)(l->sent - l->finished) >= l->load->concurrency) {
      l->blocked_at = l->now;
      return;
    }
    if ((double)l->sent >= l->load->concurrency &&
        (r->arrive <= l->blocked_at || !isfinite(l->load->rate)))
      r->arrive = l->now;
    r->seen = l->steps + (l->n_running > 0 ? l->load->lag : 0);
  }
}

static bool arrived(const struct loop *l)
{
  return l->admitted < l->sent && l->all[l->admitted].seen <= l->steps;
}

static bool room(const struct loop *l)
{
  const struct request *r = &l->all[l->admitted];
  return (double)l->n_running < l->load->seqs &&
         (l->n_running == 0 || l->held + r->in + r->out <= l->load->pool_tok);
}

static size_t compose(struct loop *l, struct kvc_step *s)
{
  size_t n = 0;
  double left = l->load->budget;
  *s = (struct kvc_step){.prefills = l->chunks};
  for (size_t i = 0; i < l->n_running; i++) {
    const struct request *r = &l->all[l->running[i]];
    if (r->prefilled < r->in) continue;
    s->decodes += 1;
    s->decode_context_tok += r->in + r->done;
    s->decode_longest_tok = fmax(s->decode_longest_tok, r->in + r->done);
  }
  left -= s->decodes;
  for (size_t i = 0;; i++) {
    if (i == l->n_running) {
      if (!(left > 0) || !arrived(l) || !room(l)) break;
      const struct request *r = &l->all[l->admitted];
      l->held += r->in + r->out;
      l->running[l->n_running++] = l->admitted++;
    }
    struct request *r = &l->all[l->running[i]];
    if (!(left > 0) || r->prefilled >= r->in) continue;
    const double take = fmin(left, r->in - r->prefilled);
    l->chunks[n++] = (struct kvc_chunk){take, r->prefilled, r->prefilled + take >= r->in};
    r->prefilled += take;
    left -= take;
  }
  s->n_prefills = n;
  s->decode_tok = s->decodes;
  s->running = (double)l->n_running;
  return n;
}

static void finish(struct loop *l, size_t i)
{
  struct request *r = &l->all[l->running[i]];
  r->end = l->now;
  l->held -= r->in + r->out;
  l->running[i] = l->running[--l->n_running];
  l->finished++;
  if (l->finished == l->n / 3) {
    l->from = l->now;
    l->from_tok = l->decoded;
  }
  if (l->finished == l->n * 3 / 4) {
    l->to = l->now;
    l->to_tok = l->decoded;
  }
}

/* Steps that nothing interrupts. */
static double quiet(const struct loop *l)
{
  double k = INFINITY;
  for (size_t i = 0; i < l->n_running; i++) {
    const struct request *r = &l->all[l->running[i]];
    k = fmin(k, r->out - r->done);
  }
  return fmax(k, 1);
}

static void step(struct loop *l)
{
  struct kvc_step s;
  clients(l);
  const bool chunks = compose(l, &s) > 0;
  double k = 1;
  l->steps++;
  if (!chunks && l->admitted == l->sent) {
    k = quiet(l);
    s.decode_context_tok += s.decodes * (k - 1) / 2;
  }
  double t = kvc_latency_step(l->latency, &s);
  if (k > 1 && l->admitted < l->n && isfinite(l->load->rate) &&
      l->all[l->admitted].arrive > l->now)
    k = fmin(k, fmax(1, ceil((l->all[l->admitted].arrive - l->now) / t)));
  l->now += t * k;
  for (size_t i = l->n_running; i-- > 0;) {
    struct request *r = &l->all[l->running[i]];
    if (r->prefilled < r->in) continue;
    if (!(r->first > 0)) {
      r->first = l->now;
      r->done = 1;
      l->decoded += 1;
    } else {
      /* a request whose prompt ended in this very step has its first token above */
      r->done += k;
      l->decoded += k;
    }
    if (r->done >= r->out) finish(l, i);
  }
}

static void figures(const struct loop *l, struct serving_result *out)
{
  double ttft = 0, tpot = 0, tokens = 0, n = 0;
  for (size_t i = 0; i < l->n; i++) {
    const struct request *r = &l->all[i];
    ttft += r->first - r->arrive;
    tokens += r->out;
    if (r->out < 2) continue;
    tpot += (r->end - r->first) / (r->out - 1);
    n += 1;
  }
  out->ttft_s = ttft / (double)l->n;
  out->tpot_s = n > 0 ? tpot / n : (double)NAN;
  out->output_tok_s = tokens / l->now;
  if (l->load->steady && l->to > l->from)
    out->output_tok_s = (l->to_tok - l->from_tok) / (l->to - l->from);
}

bool serving_loop(const struct serving_load *load, struct kvc_latency *latency,
                  struct serving_result *out)
{
  struct loop l = {
      .load = load, .latency = latency, .n = load->prompts, .blocked_at = -1};
  l.all = calloc(l.n, sizeof *l.all);
  l.running = calloc(l.n, sizeof *l.running);
  l.chunks = calloc(l.n, sizeof *l.chunks);
  const bool ok = l.all != NULL && l.running != NULL && l.chunks != NULL;
  if (ok) {
    requests(&l);
    while (l.finished < l.n) {
      if (l.n_running == 0 && l.all[l.admitted].arrive > l.now)
        l.now = l.all[l.admitted].arrive;
      step(&l);
    }
    figures(&l, out);
  }
  free(l.all);
  free(l.running);
  free(l.chunks);
  return ok;
}
