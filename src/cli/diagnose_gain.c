/* diagnose_gain.c - what a change buys, by the memory model; times are in
 * diagnose_time.c.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The deployment is sized again with the one flag changed; what differs is the gain.
 */
#include "diagnose.h"
#include <math.h>
#include <string.h>

struct gain {
  struct diagnose *d;
  const char *text; /* NULL while there is nothing to tell */
};

static const char *checked(const char *text)
{
  return text != NULL ? text : "";
}

static void add(struct gain *g, const char *part)
{
  const char *text = g->text == NULL
                         ? part
                         : kvc_arena_printf(&g->d->cli->arena, "%s; %s", g->text, part);
  if (text != NULL) g->text = text;
}

static const char *count(struct diagnose *d, double n)
{
  return checked(kvc_arena_count(&d->cli->arena, n));
}

/* Requests of the measured lengths that run at once. */
static double at_once(const struct kvc_size *size)
{
  if (!size->concurrency.have) return NAN;
  const double held = floor(size->concurrency.steady_state);
  const double seats = (double)size->setting.max_num_seqs;
  return held < seats ? held : seats;
}

static void pool(struct gain *g, const struct kvc_size *before,
                 const struct kvc_size *after)
{
  struct diagnose *d = g->d;
  const double a = before->memory.tokens.value, b = after->memory.tokens.value;
  if (!(fabs(b - a) > 0.005 * a)) return;
  add(g, checked(kvc_arena_printf(&d->cli->arena, "pool %s -> %s tokens", count(d, a),
                                  count(d, b))));
}

static void requests(struct gain *g, const struct kvc_size *before,
                     const struct kvc_size *after)
{
  struct diagnose *d = g->d;
  const double a = at_once(before), b = at_once(after);
  const struct kvc_workload *load = &d->sized_args->size.req.load;
  if (isnan(a) || isnan(b)) return;
  if (after->setting.max_num_seqs != before->setting.max_num_seqs)
    add(g, checked(kvc_arena_printf(&d->cli->arena, "%s -> %s requests may run at once",
                                    count(d, (double)before->setting.max_num_seqs),
                                    count(d, (double)after->setting.max_num_seqs))));
  /* Fewer seats are meant to be fewer: how they fill the pool is told instead. */
  const bool as_seats = a == (double)before->setting.max_num_seqs &&
                        b == (double)after->setting.max_num_seqs;
  if (a == b || as_seats || after->setting.max_num_seqs < before->setting.max_num_seqs)
    return;
  add(g, checked(kvc_arena_printf(
             &d->cli->arena, "%s -> %s requests of this mix (%s + %s tokens) run at once",
             count(d, a), count(d, b), count(d, load->prompt_tok),
             count(d, load->output_tok))));
}

/* Seats that the pool can fill: how full it is then. */
static void fill(struct gain *g, const struct kvc_size *before,
                 const struct kvc_size *after)
{
  struct diagnose *d = g->d;
  const double seats = (double)after->setting.max_num_seqs;
  if (!after->concurrency.have || !(after->concurrency.steady_state > 0) ||
      after->setting.max_num_seqs == before->setting.max_num_seqs)
    return;
  const double frac = seats / after->concurrency.steady_state;
  if (frac <= 1)
    add(g, checked(kvc_arena_printf(
               &d->cli->arena, "with requests of this mix they fill %.0f %% of the pool",
               100 * frac)));
}

static void steps(struct gain *g, const struct kvc_size *before,
                  const struct kvc_size *after)
{
  struct diagnose *d = g->d;
  const double *v = d->live.v;
  const double prompt =
      isnan(v[KVC_L_prompt_p95_tok]) ? v[KVC_L_prompt_mean_tok] : v[KVC_L_prompt_p95_tok];
  const double a = (double)before->setting.max_num_batched_tok;
  const double b = (double)after->setting.max_num_batched_tok;
  if (!(prompt > 0) || a == b) return;
  add(g, checked(kvc_arena_printf(
             &d->cli->arena, "a prompt of %s tokens (%s) takes %s -> %s steps",
             count(d, prompt),
             isnan(v[KVC_L_prompt_p95_tok]) ? "the mean" : "the 95th percentile",
             count(d, ceil(prompt / a)), count(d, ceil(prompt / b)))));
}

static void longest(struct gain *g, const struct kvc_size *before,
                    const struct kvc_size *after)
{
  struct diagnose *d = g->d;
  if (before->setting.max_model_len_tok == after->setting.max_model_len_tok) return;
  add(g, checked(kvc_arena_printf(
             &d->cli->arena, "%.2fx -> %.2fx requests of full length fit",
             before->memory.max_concurrency, after->memory.max_concurrency)));
}

static void start(struct gain *g, const struct kvc_size *before,
                  const struct kvc_size *after)
{
  if (!before->memory.fits && after->memory.fits)
    add(g, checked(kvc_arena_printf(&g->d->cli->arena,
                                    "the server starts, with a pool of %s tokens",
                                    count(g->d, after->memory.tokens.value))));
}

static const char *sentence(struct diagnose *d, const struct kvc_err *why)
{
  return checked(kvc_arena_printf(&d->cli->arena, "%s%s%s", why->where,
                                  why->where[0] != '\0' ? ": " : "", why->msg));
}

void diagnose_gain(struct diagnose *d, const struct diagnose_set *set,
                   struct kvc_diagnosis_row *row)
{
  struct diagnose_args *args;
  struct kvc_size *after;
  struct kvc_err why = {0};
  struct gain g = {.d = d};
  if (d->size == NULL) {
    row->gain_why = checked(kvc_arena_printf(
        &d->cli->arena, "%s, so the memory model cannot tell", d->unsized));
    return;
  }
  if (diagnose_size(d, set, 1, &args, &after, &why) != KVC_E_OK) {
    row->gain_why = sentence(d, &why);
    row->set_aside = "vLLM refuses it with this deployment";
    return;
  }
  if (!after->memory.fits) {
    row->gain_why = after->verdict;
    row->set_aside = "the server would not start with it";
    return;
  }
  start(&g, d->size, after);
  if (d->size->memory.fits) {
    pool(&g, d->size, after);
    requests(&g, d->size, after);
    fill(&g, d->size, after);
    steps(&g, d->size, after);
    longest(&g, d->size, after);
  }
  row->gain = g.text;
  if (g.text == NULL) row->gain_why = "it changes time, not memory";
  diagnose_time(d, set, after, row);
}
