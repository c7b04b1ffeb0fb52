/* simulate_load.c - the load of a simulation out of its options.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_MAX_BYTES = 1 << 30, MOST_REQUESTS = 5000000, USUAL_REQUESTS = 1000 };
static const double DAY_S = 86400, USUAL_PEAK_TO_TROUGH = 3;

/* ---- what is asked for ------------------------------------------------------------ */

static bool arrives(const struct simulate_args *a, const char *shape)
{
  return a->arrivals != NULL && strcmp(a->arrivals, shape) == 0;
}

void simulate_trace_notes(struct simulate *s, const char *path,
                          const struct kvc_traffic *t)
{
  struct kvc_arena *arena = &s->cli->arena;
  if (t->passed_over > 0)
    simulate_note(s, kvc_arena_printf(
                         arena,
                         "%zu rows of %s have no prompt or no output tokens and are not "
                         "simulated",
                         t->passed_over, path));
  if (t->too_short > 0)
    simulate_note(
        s, kvc_arena_printf(arena,
                            "%zu conversations of %s are under four tokens in prompt or "
                            "answer and are left out, as vllm bench does",
                            t->too_short, path));
  if (t->how != NULL) simulate_note(s, kvc_arena_printf(arena, "%s: %s", path, t->how));
}

static kvc_code read_trace(struct simulate *s, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  struct kvc_arena *arena = &s->cli->arena;
  const double faster = a->rate_scale > 0 ? a->rate_scale : 1;
  const struct kvc_trace_options how = {
      .output_frac = a->output_share,
      .seed = (uint64_t)a->seed,
      .rate_scale = a->time_scale > 0 ? faster / a->time_scale : faster,
      .max_requests = (size_t)a->prompts,
      /* Times that are stretched are cut when they are. */
      .duration_s = isinf(a->rate_per_s) && a->sweep == NULL ? a->duration_s : 0};
  char *text;
  size_t len;
  struct kvc_arena file; /* the text is not needed any more once it is read */
  kvc_arena_init(&file, (size_t)3 << 30);
  kvc_code rc = kvc_file_read_into(&file, a->trace, TRACE_MAX_BYTES, &text, &len, err);
  if (rc == KVC_E_OK)
    rc = kvc_trace_read(&s->room, text, len, a->trace, &how, &s->trace, err);
  kvc_arena_clear(&file);
  KVC_TRY(rc);
  simulate_trace_notes(s, a->trace, &s->trace);
  if (!s->trace.untimed) return KVC_E_OK;
  simulate_note(s,
                kvc_arena_printf(arena,
                                 "%s has no times: its requests come in their order at "
                                 "the load asked for",
                                 a->trace));
  return simulate_lengths(s, err);
}

static void means_of(struct simulate *s, double *prompt, double *output)
{
  const size_t n = s->n_pairs > 0 ? s->n_pairs : s->trace.n;
  double sums[2] = {0, 0};
  for (size_t i = 0; i < n; i++) {
    sums[0] += s->n_pairs > 0 ? s->pairs[i][0] : s->trace.items[i].prompt_tok;
    sums[1] += s->n_pairs > 0 ? s->pairs[i][1] : s->trace.items[i].output_tok;
  }
  if (n == 0) return;
  *prompt = sums[0] / (double)n;
  *output = sums[1] / (double)n;
}

static kvc_code check_shape(const struct simulate_args *a, struct kvc_err *err)
{
  const bool ramp = arrives(a, "ramp");
  if (a->arrivals != NULL && a->concurrency > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--arrivals",
                    "says when requests come, but --concurrency sends one when an answer "
                    "ends: give one of them");
  if (a->arrivals != NULL && isinf(a->rate_per_s) && a->sweep == NULL)
    return kvc_fail(err, KVC_E_USAGE, "--arrivals", "needs a --rate that is finite");
  if (ramp != (a->rate_end_per_s > 0))
    return kvc_fail(err, KVC_E_USAGE, "--rate-end",
                    "belongs to --arrivals ramp: write both, as in --arrivals ramp "
                    "--rate 1 --rate-end 20 --duration 600");
  if (ramp && a->sweep != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--sweep",
                    "asks for one rate a run, and a ramp has many: give one of them");
  if ((a->period_s > 0 || a->peak_to_trough > 0) && !arrives(a, "diurnal"))
    return kvc_fail(err, KVC_E_USAGE, "--period",
                    "and --peak-to-trough belong to --arrivals diurnal");
  return KVC_E_OK;
}

/* ServeGen keeps the lengths of chunk-7-trace.csv in chunk-7-dataset.json beside it. */
static void look_beside(struct simulate *s)
{
  static const char end[] = "-trace.csv";
  struct simulate_args *a = s->args;
  const size_t len = a->trace != NULL ? strlen(a->trace) : 0, tail = sizeof end - 1;
  const bool given = a->lengths != NULL || a->workload != NULL || a->input_tok > 0 ||
                     a->output_tok > 0 || a->size.req.load.prompt_tok > 0;
  if (given || len <= tail || strcmp(a->trace + len - tail, end) != 0) return;
  const char *beside =
      kvc_arena_printf(&s->cli->arena, "%.*s-dataset.json", (int)(len - tail), a->trace);
  if (beside != NULL && access(beside, R_OK) == 0) a->lengths = beside;
}

static kvc_code read_files(struct simulate *s, struct kvc_err *err)
{
  struct simulate_args *a = s->args;
  if (a->workload != NULL) {
    KVC_TRY(size_catalogue(&a->size, err));
    KVC_TRY(kvc_db_workload(a->size.db, a->workload, &s->demand, err));
  }
  if (a->trace != NULL) KVC_TRY(read_trace(s, err));
  if (s->trace.unsized) look_beside(s);
  if (a->lengths != NULL && a->trace != NULL && !s->trace.unsized)
    return kvc_fail(err, KVC_E_CONFLICT, "--lengths",
                    "and --trace both say what the requests are: give one of them");
  if (a->lengths != NULL) KVC_TRY(simulate_lengths(s, err));
  if (!s->trace.unsized || s->n_pairs > 0)
    means_of(s, &s->demand.load.prompt_tok, &s->demand.load.output_tok);
  return KVC_E_OK;
}

/* A shape needs its width: the coefficient of variation of its kind. */
static kvc_code check_widths(const struct simulate *s, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const struct kvc_workload *w = &s->demand.load;
  if (a->length_dist == NULL || strcmp(a->length_dist, "fixed") == 0) return KVC_E_OK;
  if (s->n_pairs > 0 || (s->trace.n > 0 && !s->trace.unsized))
    return kvc_fail(err, KVC_E_CONFLICT, "--length-dist",
                    "shapes drawn lengths, and those of the file are taken as they are");
  if (w->prompt_cv > 0 || w->output_cv > 0 || a->range_ratio > 0) return KVC_E_OK;
  return kvc_fail(err, KVC_E_USAGE, "--length-dist",
                  "needs a width: --prompt-cv and --output-cv (deviation over mean, such "
                  "as 0.5), or --random-range-ratio for uniform");
}

static struct kvc_length length_of(const struct simulate_args *a, double mean, double cv)
{
  const double ratio = a->range_ratio;
  const char *dist = a->length_dist;
  if (dist == NULL) dist = cv > 0 ? "lognormal" : ratio > 0 ? "uniform" : "fixed";
  if (strcmp(dist, "lognormal") == 0)
    return (struct kvc_length){.kind = KVC_LEN_LOGNORMAL, .mean = mean, .spread = cv};
  if (strcmp(dist, "normal") == 0)
    return (struct kvc_length){.kind = KVC_LEN_NORMAL, .mean = mean, .spread = cv * mean};
  if (strcmp(dist, "uniform") == 0) {
    /* The deviation of an even spread is its half width over the root of 3. */
    const double half = mean * (ratio > 0 ? ratio : cv * sqrt(3));
    return (struct kvc_length){.kind = KVC_LEN_UNIFORM,
                               .mean = mean,
                               .min = (int32_t)fmax(1, floor(mean - half)),
                               .max = (int32_t)ceil(mean + half)};
  }
  return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = mean};
}

/* What the requests are, whenever they come. */
static struct kvc_traffic_spec lengths_of(const struct simulate *s)
{
  const struct simulate_args *a = s->args;
  const struct kvc_workload *w = &s->demand.load;
  double prefix = a->prefix_tok, prompt = w->prompt_tok;
  if (!(prefix > 0) && w->shared_prefix_frac > 0 && s->n_pairs == 0) {
    prefix = floor(w->shared_prefix_frac * prompt);
    prompt -= prefix;
  }
  return (struct kvc_traffic_spec){.prompt = length_of(a, prompt, w->prompt_cv),
                                   .output = length_of(a, w->output_tok, w->output_cv),
                                   .pairs = s->pairs,
                                   .n_pairs = s->n_pairs,
                                   .prefix_tok = (int32_t)prefix,
                                   .ends_by_stop = true};
}

/* Arrivals without lengths take those that are asked for. */
static kvc_code size_trace(struct simulate *s, struct kvc_err *err)
{
  struct kvc_traffic drawn;
  struct kvc_traffic_spec spec = lengths_of(s);
  spec.arrivals = KVC_ARRIVE_AT_ONCE;
  spec.requests = s->trace.n;
  KVC_TRY(kvc_traffic_make(&s->room, &spec, (uint64_t)s->args->seed, &drawn, err));
  struct kvc_request *items = kvc_arena_alloc(&s->room, drawn.n, sizeof *items);
  if (items == NULL) return kvc_arena_full(&s->room, "the trace", err);
  memcpy(items, drawn.items, drawn.n * sizeof *items);
  for (size_t i = 0; i < drawn.n; i++) items[i].arrival_ns = s->trace.items[i].arrival_ns;
  s->trace.items = items;
  s->n_pairs = 0;
  return KVC_E_OK;
}

kvc_code simulate_settle_load(struct simulate *s, struct kvc_err *err)
{
  struct simulate_args *a = s->args;
  const struct kvc_workload *given = &a->size.req.load;
  if (!(a->rate_per_s > 0)) a->rate_per_s = INFINITY;
  KVC_TRY(check_shape(a, err));
  KVC_TRY(read_files(s, err));
  struct kvc_workload *load = &s->demand.load;
  if (given->prompt_tok > 0) load->prompt_tok = given->prompt_tok;
  if (given->output_tok > 0) load->output_tok = given->output_tok;
  if (given->prompt_cv > 0) load->prompt_cv = given->prompt_cv;
  if (given->output_cv > 0) load->output_cv = given->output_cv;
  if (a->input_tok > 0) load->prompt_tok = (double)a->input_tok;
  if (a->output_tok > 0) load->output_tok = (double)a->output_tok;
  if (s->trace.unsized && (!(load->prompt_tok > 0) || !(load->output_tok > 0)))
    return kvc_fail(err, KVC_E_USAGE, a->trace,
                    "says when requests come and not how long they are: give --lengths, "
                    "--workload or --input-len and --output-len beside it");
  if (!(load->prompt_tok > 0) || !(load->output_tok > 0))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the load is missing: --input-len and --output-len, --workload, "
                    "--lengths or --trace; for example --input-len 512 --output-len 128 "
                    "--rate 4");
  KVC_TRY(check_widths(s, err));
  /* The sizing counts requests of this kind too. */
  a->size.req.load.prompt_tok = load->prompt_tok;
  a->size.req.load.output_tok = load->output_tok;
  if (s->trace.unsized) KVC_TRY(size_trace(s, err));
  return simulate_slo(a, err);
}

/* ---- when it comes ------------------------------------------------------------------
 */

static double swing_of(const struct simulate_args *a)
{
  const double x = a->peak_to_trough > 0 ? a->peak_to_trough : USUAL_PEAK_TO_TROUGH;
  return (x - 1) / (x + 1);
}

static void shape(const struct simulate_args *a, double rate, int clients,
                  struct kvc_traffic_spec *spec)
{
  spec->rate_per_s = isinf(rate) ? 0 : rate;
  spec->burstiness = arrives(a, "even") ? (double)INFINITY : a->burstiness;
  spec->clients = clients;
  spec->arrivals = !isinf(rate)  ? KVC_ARRIVE_RATE
                   : clients > 0 ? KVC_ARRIVE_CLOSED
                                 : KVC_ARRIVE_AT_ONCE;
  if (spec->arrivals != KVC_ARRIVE_RATE) return;
  if (arrives(a, "ramp")) {
    spec->arrivals = KVC_ARRIVE_RAMP;
    spec->rate_end_per_s = a->rate_end_per_s;
  }
  if (arrives(a, "diurnal")) {
    spec->arrivals = KVC_ARRIVE_DIURNAL;
    spec->period_s = a->period_s > 0 ? a->period_s : DAY_S;
    spec->swing_frac = swing_of(a);
  }
}

/* Room for what arrives in the duration, with six deviations of a Poisson count. */
static size_t requests_of(const struct simulate_args *a,
                          const struct kvc_traffic_spec *spec, size_t n_recorded)
{
  if (a->prompts > 0) return (size_t)a->prompts;
  if (a->trace != NULL && !(a->duration_s > 0)) return n_recorded;
  if (!(a->duration_s > 0) || !(spec->rate_per_s > 0)) return USUAL_REQUESTS;
  const double top =
      fmax(spec->rate_per_s, spec->rate_end_per_s) * (1 + spec->swing_frac);
  const double many = top * a->duration_s * (a->turns > 1 ? a->turns : 1);
  return (size_t)fmin(MOST_REQUESTS, ceil(many + 6 * sqrt(many) + 16));
}

/* Lengths of a recorded load without times: as they stand in the file, not drawn. */
static kvc_code in_order(struct simulate *s, struct kvc_arena *arena,
                         struct kvc_traffic *t, struct kvc_err *err)
{
  struct kvc_request *items = kvc_arena_alloc(arena, t->n + 1, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the trace", err);
  memcpy(items, t->items, t->n * sizeof *items);
  for (size_t i = 0; i < t->n; i++) {
    items[i].prompt_tok = s->pairs[i % s->n_pairs][0] + items[i].prefix_tok;
    items[i].output_tok = s->pairs[i % s->n_pairs][1];
  }
  t->items = items;
  return KVC_E_OK;
}

static kvc_code draw(struct simulate *s, struct kvc_arena *arena, double rate,
                     int clients, struct kvc_traffic *out, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  struct kvc_traffic_spec spec = lengths_of(s);
  spec.duration_s = a->duration_s;
  spec.turns = a->turns;
  spec.think_s = a->think_s;
  shape(a, rate, clients, &spec);
  spec.requests = requests_of(a, &spec, s->trace.n);
  KVC_TRY(kvc_traffic_make(arena, &spec, (uint64_t)a->seed, out, err));
  return a->trace != NULL && a->turns <= 1 ? in_order(s, arena, out, err) : KVC_E_OK;
}

/* ---- a load replayed --------------------------------------------------------------- */

/* A rate asked for beside a trace stretches its times to that mean. */
static kvc_code stretch(struct simulate *s, struct kvc_arena *arena, double rate,
                        struct kvc_traffic *t, struct kvc_err *err)
{
  const double most_ns = s->args->duration_s * 1e9;
  const int64_t last_ns = t->items[t->n - 1].arrival_ns;
  if (isinf(rate) || last_ns <= 0) return KVC_E_OK;
  const double factor = (double)(t->n - 1) / ((double)last_ns * 1e-9) / rate;
  if (!((double)last_ns * factor < 4e18))
    return kvc_fail(err, KVC_E_RANGE, s->args->trace,
                    "cannot be stretched to %g requests a second", rate);
  struct kvc_request *items = kvc_arena_alloc(arena, t->n, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the trace", err);
  memcpy(items, t->items, t->n * sizeof *items);
  for (size_t i = 0; i < t->n; i++)
    items[i].arrival_ns = (int64_t)floor((double)items[i].arrival_ns * factor + 0.5);
  t->items = items;
  while (most_ns > 0 && t->n > 1 && (double)items[t->n - 1].arrival_ns > most_ns) t->n--;
  return KVC_E_OK;
}

kvc_code simulate_traffic(struct simulate *s, struct kvc_arena *arena, double rate,
                          int clients, struct kvc_traffic *out, struct kvc_err *err)
{
  if (s->trace.n == 0 || s->n_pairs > 0) return draw(s, arena, rate, clients, out, err);
  *out = s->trace;
  out->clients = clients;
  out->paced = !isinf(rate);
  return clients > 0 && isinf(rate) ? KVC_E_OK : stretch(s, arena, rate, out, err);
}

const char *simulate_arrivals(const struct simulate *s)
{
  struct kvc_arena *arena = &s->cli->arena;
  const struct simulate_args *a = s->args;
  const char *text;
  if (a->sweep != NULL) return a->sweep;
  if (a->concurrency > 0 && !isinf(a->rate_per_s))
    text = kvc_arena_printf(arena, "%g a second, at most %d in flight", a->rate_per_s,
                            a->concurrency);
  else if (a->concurrency > 0)
    text = kvc_arena_printf(arena, "%d clients", a->concurrency);
  else if (s->trace.n > 0 && s->n_pairs == 0 && isinf(a->rate_per_s))
    text = "as recorded";
  else if (isinf(a->rate_per_s))
    text = "all at once";
  else if (arrives(a, "ramp"))
    text = kvc_arena_printf(arena, "%g to %g a second", a->rate_per_s, a->rate_end_per_s);
  else if (arrives(a, "diurnal"))
    text = kvc_arena_printf(
        arena,
        "%g a second in the mean of %g s, %g times as many at the peak as at the "
        "trough",
        a->rate_per_s, a->period_s > 0 ? a->period_s : DAY_S,
        (1 + swing_of(a)) / (1 - swing_of(a)));
  else
    text = kvc_arena_printf(arena, "%g a second", a->rate_per_s);
  return text != NULL ? text : "";
}
