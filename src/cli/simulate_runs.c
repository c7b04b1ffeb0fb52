/* simulate_runs.c - one run a load, alone or shared over processes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Runs are independent: each child does every n-th and sends what came out through a
 * pipe.  A run is a function of its arguments, so the result does not depend on how many
 * children there are.
 */
#include "progress.h"
#include "simulate.h"
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = KVC_SIMULATION_MAX_RUNS, SERIES_POINTS = 200 };
static const double TELL_S = 0.1;

/* What a child sends: how far it is, or, with 'done', what came out; then its series. */
struct message {
  size_t index;
  bool done;
  double frac;
  kvc_code rc;
  struct kvc_err err;
  struct kvc_simulation_run run;
};

struct sweep {
  struct simulate *s;
  double loads[KVC_SIMULATION_MAX_RUNS];
  bool rates;
  size_t n;
  double frac[KVC_SIMULATION_MAX_RUNS];
  struct cli_progress bar;
  /* in a child */
  int fd;
  size_t index;
  double told_s;
  /* the first failure by index */
  size_t failed;
  kvc_code rc;
  struct kvc_err err;
};

/* ---- one run ----------------------------------------------------------------------- */

static kvc_code write_requests(struct simulate *s, const struct kvc_traffic *t,
                               const struct kvc_sim_result *r, struct kvc_err *err)
{
  struct kvc_buf csv;
  kvc_buf_init(&csv, 1u << 30);
  kvc_buf_puts(&csv, "request,arrival_s,prompt_tok,output_tok,queue_s,ttft_s,e2e_s,"
                     "cached_tok,preemptions\n");
  const size_t burst = kvc_client_burst_size(t);
  const double burst_s = kvc_client_burst_s(t, s->size->setting.dp);
  for (size_t i = 0; i < t->n && r->requests != NULL; i++) {
    const struct kvc_sim_request *q = &r->requests[i];
    if (q->state != KVC_SIM_FINISHED) continue;
    const double client_s =
        kvc_client_s(t->items[i].prompt_tok) + (i < burst ? burst_s : 0);
    kvc_buf_printf(&csv, "%zu,%.6f,%d,%d,%.6f,%.6f,%.6f,%d,%d\n", i,
                   (double)q->arrival_ns / 1e9, t->items[i].prompt_tok, q->output_tok,
                   (double)(q->scheduled_ns - q->arrival_ns) / 1e9,
                   client_s + (double)(q->first_token_ns - q->arrival_ns) / 1e9,
                   client_s + (double)(q->finish_ns - q->arrival_ns) / 1e9, q->cached_tok,
                   q->preemptions);
  }
  return cli_save(s->args->requests_csv, &csv, "is larger than 1 GiB", err);
}

static double mean_prompt(const struct kvc_traffic *t)
{
  double sum = 0;
  for (size_t i = 0; i < t->n; i++) sum += t->items[i].prompt_tok;
  return t->n > 0 ? sum / (double)t->n : 0;
}

/* Arrivals that end leave the queue as long as it got.  When emptying it takes more than
 * a tenth of the load's time and two services, and most waited as long, more came than
 * was served. */
static bool is_overloaded(const struct kvc_traffic *t, const struct kvc_sim_result *r)
{
  if (t->n == 0 || t->clients > 0) return false;
  const double last_s = (double)t->items[t->n - 1].arrival_ns / 1e9;
  const double service_s = r->e2e_s.p50 - r->queue_s.p50;
  return last_s > 0 && r->duration_s - last_s > fmax(2 * service_s, 0.1 * last_s) &&
         r->queue_s.p95 > 2 * service_s;
}

static kvc_code simulated(struct sweep *w, struct kvc_arena *arena,
                          struct kvc_sim_config *config, struct kvc_simulation_run *run,
                          struct kvc_err *err)
{
  struct simulate *s = w->s;
  struct kvc_traffic traffic;
  const double load = w->loads[w->index], begin = cli_now_s();
  const bool swept = s->args->sweep != NULL;
  const double rate = w->rates ? load : s->args->rate_per_s;
  const int clients = swept && !w->rates ? (int)load : s->args->concurrency;
  KVC_TRY(simulate_traffic(s, arena, rate, clients, &traffic, err));
  run->client_s = kvc_client_s(mean_prompt(&traffic));
  kvc_client_less(&config->slo, run->client_s);
  KVC_TRY(kvc_sim_run(arena, config, &traffic, &run->result, err));
  kvc_client_add(&run->result, run->client_s);
  kvc_client_burst(&run->result, &traffic, s->size->setting.dp);
  run->overloaded = is_overloaded(&traffic, &run->result);
  run->rate_per_s = s->trace.n > 0 && s->n_pairs == 0 && isinf(rate) && clients == 0
                        ? (double)NAN
                        : rate;
  run->concurrency = clients > 0 ? clients : (double)NAN;
  run->requests = traffic.n;
  run->wall_s = cli_now_s() - begin;
  if (s->args->requests_csv != NULL)
    KVC_TRY(write_requests(s, &traffic, &run->result, err));
  run->result.requests = NULL;
  return KVC_E_OK;
}

/* In an arena of its own: a sweep needs no more room than its largest run. */
static kvc_code run_one(struct sweep *w, kvc_sim_progress *progress,
                        struct kvc_simulation_run *run,
                        struct kvc_sim_point series[SERIES_POINTS], struct kvc_err *err)
{
  struct kvc_arena arena;
  struct kvc_sim_config config = w->s->config;
  config.progress = progress;
  config.progress_ctx = w;
  config.series_points = SERIES_POINTS;
  kvc_arena_init(&arena, (size_t)8 << 30);
  const kvc_code rc = simulated(w, &arena, &config, run, err);
  if (rc == KVC_E_OK && run->result.n_series > 0)
    memcpy(series, run->result.series, run->result.n_series * sizeof *series);
  run->result.series = NULL;
  kvc_arena_clear(&arena);
  return rc;
}

/* ---- what came out ----------------------------------------------------------------- */

static void show(struct sweep *w)
{
  double sum = 0;
  size_t done = 0;
  for (size_t i = 0; i < w->n; i++) {
    sum += w->frac[i];
    done += w->frac[i] >= 1;
  }
  cli_progress_show(&w->bar, sum / (double)w->n, done, w->n);
}

static kvc_code keep(struct sweep *w, size_t index, const struct kvc_simulation_run *run,
                     const struct kvc_sim_point *series, struct kvc_err *err)
{
  struct kvc_arena *arena = &w->s->cli->arena;
  struct kvc_simulation_run *to = &w->s->out->runs[index];
  struct kvc_sim_point *points =
      kvc_arena_alloc(arena, run->result.n_series + 1, sizeof *points);
  if (points == NULL) return kvc_arena_full(arena, NULL, err);
  memcpy(points, series, run->result.n_series * sizeof *points);
  *to = *run;
  to->result.series = points;
  const struct kvc_size *size = w->s->size;
  const size_t copies = (size_t)w->s->config.replicas /
                        (size_t)(size->setting.dp > 1 ? size->setting.dp : 1);
  to->energy =
      kvc_sim_energy_of(&to->result, size->gpu.tdp_watt.value, size->gpus * copies);
  to->met = simulate_meets(arena, w->s->args, &to->result, &to->missed);
  w->frac[index] = 1;
  show(w);
  return KVC_E_OK;
}

static void fail(struct sweep *w, size_t index, kvc_code rc, const struct kvc_err *err)
{
  if (w->rc != KVC_E_OK && w->failed <= index) return;
  w->rc = rc;
  w->failed = index;
  w->err = *err;
}

/* ---- here, one after another ---------------------------------------------------------
 */

static void tell_bar(void *ctx, double frac)
{
  struct sweep *w = ctx;
  w->frac[w->index] = fmin(frac, 0.999);
  show(w);
}

static void run_here(struct sweep *w)
{
  struct kvc_sim_point series[SERIES_POINTS];
  for (w->index = 0; w->index < w->n && w->rc == KVC_E_OK; w->index++) {
    struct kvc_simulation_run run = {0};
    struct kvc_err err = {0};
    kvc_code rc = run_one(w, tell_bar, &run, series, &err);
    if (rc == KVC_E_OK) rc = keep(w, w->index, &run, series, &err);
    if (rc != KVC_E_OK) fail(w, w->index, rc, &err);
  }
}

/* ---- in children ----------------------------------------------------------------------
 */

static void tell_parent(void *ctx, double frac)
{
  struct sweep *w = ctx;
  const double now_s = cli_now_s();
  if (now_s - w->told_s < TELL_S) return;
  w->told_s = now_s;
  const struct message m = {.index = w->index, .frac = fmin(frac, 0.999)};
  if (!cli_send(w->fd, &m, sizeof m)) _exit(1);
}

static void child(struct sweep *w, size_t first, size_t step)
{
  struct kvc_sim_point series[SERIES_POINTS];
  for (w->index = first; w->index < w->n; w->index += step) {
    struct message m = {.index = w->index, .done = true};
    m.rc = run_one(w, w->bar.on ? tell_parent : NULL, &m.run, series, &m.err);
    if (!cli_send(w->fd, &m, sizeof m) ||
        !cli_send(w->fd, series, m.run.result.n_series * sizeof *series))
      _exit(1);
  }
  _exit(0);
}

/* A message of a child; false at its end. */
static bool take(struct sweep *w, int fd)
{
  struct message m;
  struct kvc_sim_point series[SERIES_POINTS];
  if (!cli_take(fd, &m, sizeof m) || m.index >= w->n) return false;
  if (!m.done) {
    w->frac[m.index] = m.frac;
    show(w);
    return true;
  }
  const size_t n = m.run.result.n_series;
  if (n > SERIES_POINTS || !cli_take(fd, series, n * sizeof *series)) return false;
  if (m.rc == KVC_E_OK) m.rc = keep(w, m.index, &m.run, series, &m.err);
  if (m.rc != KVC_E_OK) fail(w, m.index, m.rc, &m.err);
  return true;
}

struct crew {
  struct pollfd ends[MAX_JOBS];
  pid_t pids[MAX_JOBS];
  size_t n;
};

static kvc_code start(struct sweep *w, size_t jobs, struct crew *c, struct kvc_err *err)
{
  for (c->n = 0; c->n < jobs; c->n++) {
    int ends[2];
    if (pipe(ends) != 0)
      return kvc_fail(err, KVC_E_IO, NULL, "no pipe can be made: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) {
      (void)close(ends[0]);
      (void)close(ends[1]);
      return kvc_fail(err, KVC_E_IO, NULL, "no process can be started: %s",
                      strerror(errno));
    }
    if (pid == 0) {
      (void)close(ends[0]);
      w->fd = ends[1];
      child(w, c->n, jobs);
    }
    (void)close(ends[1]);
    c->pids[c->n] = pid;
    c->ends[c->n] = (struct pollfd){.fd = ends[0], .events = POLLIN};
  }
  return KVC_E_OK;
}

static void listen_to(struct sweep *w, struct crew *c)
{
  size_t open = c->n;
  while (open > 0) {
    if (poll(c->ends, c->n, -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    for (size_t i = 0; i < c->n; i++) {
      if (c->ends[i].fd < 0 || c->ends[i].revents == 0 || take(w, c->ends[i].fd))
        continue;
      (void)close(c->ends[i].fd);
      c->ends[i].fd = -1; /* poll passes over it */
      open--;
    }
  }
}

static kvc_code run_shared(struct sweep *w, size_t jobs, struct kvc_err *err)
{
  struct crew c;
  kvc_code rc = start(w, jobs, &c, err);
  if (rc == KVC_E_OK) listen_to(w, &c);
  for (size_t i = 0; i < c.n; i++) {
    int status;
    if (c.ends[i].fd >= 0) (void)close(c.ends[i].fd);
    while (waitpid(c.pids[i], &status, 0) < 0 && errno == EINTR) continue;
    if (rc == KVC_E_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
      rc = kvc_fail(err, KVC_E_INTERNAL, NULL, "a process of the sweep ended early");
  }
  return rc;
}

/* ---- all of them ----------------------------------------------------------------------
 */

kvc_code simulate_runs(struct simulate *s, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  struct kvc_simulation *out = s->out;
  struct sweep w = {.s = s, .loads = {a->rate_per_s}, .rates = true, .n = 1};
  if (a->sweep != NULL)
    KVC_TRY(
        simulate_sweep(a->sweep, w.loads, KVC_SIMULATION_MAX_RUNS, &w.n, &w.rates, err));
  if (w.n > 1 && a->requests_csv != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--requests",
                    "holds the requests of one run, and --sweep asks for %zu", w.n);
  if (a->requests_csv != NULL && strcmp(a->requests_csv, "-") == 0)
    return kvc_fail(err, KVC_E_USAGE, "--requests",
                    "takes a file: the report is on standard output");
  out->best_rate_per_s = out->best_clients = NAN;
  out->runs = kvc_arena_alloc(&s->cli->arena, w.n, sizeof *out->runs);
  if (out->runs == NULL) return kvc_arena_full(&s->cli->arena, NULL, err);
  const size_t jobs = cli_jobs(a->jobs, w.n);
  cli_progress_begin(&w.bar, s->cli, w.n > 1 ? "runs" : "run");
  kvc_code rc = KVC_E_OK;
  if (jobs > 1)
    rc = run_shared(&w, jobs, err);
  else
    run_here(&w);
  cli_progress_end(&w.bar);
  if (rc == KVC_E_OK && w.rc != KVC_E_OK) *err = w.err;
  if (rc == KVC_E_OK) rc = w.rc;
  if (rc != KVC_E_OK) return rc;
  out->n_runs = w.n;
  double *best = w.rates ? &out->best_rate_per_s : &out->best_clients;
  for (size_t i = 0; i < w.n; i++)
    if (out->runs[i].met && !isinf(w.loads[i]) && !(w.loads[i] <= *best))
      *best = w.loads[i];
  return KVC_E_OK;
}
