/* plan_jobs.c - units of a search shared over processes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each child asks for the next unit when it has sent the last one's result, so that long
 * units balance.  A result is a function of the question and the unit, so the plan does
 * not depend on how many children there are.
 */
#include "plan.h"
#include "progress.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 256 };

struct answer {
  size_t place;
  kvc_code rc;
  struct kvc_err err;
  struct kvc_search_unit unit;
};

struct worker {
  pid_t pid;
  int to; /* places of units go there; -1 closed */
  bool busy;
};

struct pool {
  struct plan_question *q;
  const size_t *units;
  size_t n, next, done;
  struct kvc_search_unit *results;
  struct cli_progress bar;
  struct worker workers[MAX_JOBS];
  struct pollfd from[MAX_JOBS];
  size_t n_workers;
  int signal;  /* of a child that was ended, 0 */
  bool broken; /* a child ended before its answer */
  /* the first failure by place */
  size_t failed;
  kvc_code rc;
  struct kvc_err err;
};

static void take_answer(struct pool *p, const struct answer *a)
{
  p->done++;
  if (a->rc == KVC_E_OK) {
    p->results[a->place] = a->unit;
  } else if (p->rc == KVC_E_OK || a->place < p->failed) {
    p->rc = a->rc;
    p->failed = a->place;
    p->err = a->err;
  }
  cli_progress_show(&p->bar, (double)p->done / (double)p->n, p->done, p->n);
}

static void answer_one(const struct pool *p, size_t place, struct answer *a)
{
  memset(a, 0, sizeof *a); /* what is sent holds no stray byte */
  a->place = place;
  a->rc = kvc_search_unit(p->q->search, p->units[place], &a->unit, &a->err);
}

static void run_here(struct pool *p)
{
  struct answer a;
  for (size_t i = 0; i < p->n && p->rc == KVC_E_OK; i++) {
    answer_one(p, i, &a);
    take_answer(p, &a);
  }
}

/* ---- in a child ----------------------------------------------------------------------
 */

static void child(const struct pool *p, int in, int out)
{
  struct answer a;
  size_t place;
  while (cli_take(in, &place, sizeof place) && place < p->n) {
    answer_one(p, place, &a);
    if (!cli_send(out, &a, sizeof a)) _exit(1);
  }
  _exit(0);
}

/* ---- in the parent -------------------------------------------------------------------
 */

static void close_pair(const int ends[2])
{
  (void)close(ends[0]);
  (void)close(ends[1]);
}

static kvc_code start_one(struct pool *p, struct kvc_err *err)
{
  int down[2], up[2];
  if (pipe(down) != 0)
    return kvc_fail(err, KVC_E_IO, NULL, "no pipe can be made: %s", strerror(errno));
  if (pipe(up) != 0) {
    close_pair(down);
    return kvc_fail(err, KVC_E_IO, NULL, "no pipe can be made: %s", strerror(errno));
  }
  const pid_t pid = fork();
  if (pid < 0) {
    close_pair(down);
    close_pair(up);
    return kvc_fail(err, KVC_E_IO, NULL, "no process can be started: %s",
                    strerror(errno));
  }
  if (pid == 0) {
    (void)close(down[1]);
    (void)close(up[0]);
    for (size_t i = 0; i < p->n_workers; i++) { /* else they never see their end */
      (void)close(p->workers[i].to);
      (void)close(p->from[i].fd);
    }
    child(p, down[0], up[1]);
  }
  (void)close(down[0]);
  (void)close(up[1]);
  p->workers[p->n_workers] = (struct worker){.pid = pid, .to = down[1]};
  p->from[p->n_workers] = (struct pollfd){.fd = up[0], .events = POLLIN};
  p->n_workers++;
  return KVC_E_OK;
}

/* The next unit, or the end of the work. */
static void feed(struct pool *p, size_t w)
{
  struct worker *worker = &p->workers[w];
  worker->busy = false;
  if (p->next < p->n && p->rc == KVC_E_OK && !p->broken) {
    const size_t place = p->next;
    worker->busy = cli_send(worker->to, &place, sizeof place);
    if (worker->busy) p->next++;
    if (worker->busy) return;
    p->broken = true;
  }
  (void)close(worker->to);
  worker->to = -1;
}

static void hear(struct pool *p, size_t w)
{
  struct answer a;
  if (cli_take(p->from[w].fd, &a, sizeof a) && a.place < p->n) {
    take_answer(p, &a);
    feed(p, w);
    return;
  }
  if (p->workers[w].busy) p->broken = true;
  p->workers[w].busy = false;
  if (p->workers[w].to >= 0) (void)close(p->workers[w].to);
  p->workers[w].to = -1;
  (void)close(p->from[w].fd);
  p->from[w].fd = -1; /* poll passes over it */
}

static void serve(struct pool *p)
{
  size_t open = 0;
  for (size_t w = 0; w < p->n_workers; w++) feed(p, w);
  for (size_t w = 0; w < p->n_workers; w++) open += p->from[w].fd >= 0;
  while (open > 0 && !p->broken) {
    if (poll(p->from, (nfds_t)p->n_workers, -1) < 0) {
      if (errno == EINTR) continue;
      p->broken = true;
      return;
    }
    for (size_t w = 0; w < p->n_workers; w++) {
      if (p->from[w].fd < 0 || p->from[w].revents == 0) continue;
      hear(p, w);
      open -= p->from[w].fd < 0;
    }
  }
}

/* Whatever happened, no child is left behind. */
static void collect(struct pool *p)
{
  for (size_t w = 0; w < p->n_workers; w++) {
    int status = 0;
    if (p->workers[w].to >= 0) (void)close(p->workers[w].to);
    if (p->from[w].fd >= 0) (void)close(p->from[w].fd);
    /* A failure elsewhere: its long unit is of no use any more. */
    const bool stopped = p->broken && p->workers[w].busy;
    if (stopped) (void)kill(p->workers[w].pid, SIGKILL);
    while (waitpid(p->workers[w].pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFSIGNALED(status) && !stopped) p->signal = WTERMSIG(status);
  }
}

static kvc_code run_shared(struct pool *p, size_t jobs, struct kvc_err *err)
{
  kvc_code rc = KVC_E_OK;
  while (p->n_workers < jobs && rc == KVC_E_OK) rc = start_one(p, err);
  if (rc == KVC_E_OK) serve(p);
  collect(p);
  if (rc != KVC_E_OK || !p->broken) return rc;
  if (p->signal != 0)
    return kvc_fail(err, KVC_E_IO, NULL,
                    "a process of the search was ended by signal %d; run it again, with "
                    "a smaller --jobs when memory is short",
                    p->signal);
  return kvc_fail(err, KVC_E_INTERNAL, NULL, "a process of the search ended early");
}

static kvc_code search_all(struct pool *p, size_t jobs, struct kvc_err *err)
{
  kvc_code rc = KVC_E_OK;
  cli_progress_begin(&p->bar, p->q->cli, "shapes");
  if (jobs > 1)
    rc = run_shared(p, jobs, err);
  else
    run_here(p);
  cli_progress_end(&p->bar);
  KVC_TRY(rc);
  if (p->rc != KVC_E_OK) *err = p->err;
  return p->rc;
}

kvc_code plan_jobs(struct plan_question *q, const struct plan_part *part,
                   struct kvc_err *err)
{
  struct kvc_arena room; /* results are large, and the search keeps its own copy */
  if (part->n == 0) return KVC_E_OK;
  kvc_arena_init(&room, (size_t)512 << 20);
  struct pool *p = kvc_arena_alloc(&room, 1, sizeof *p);
  struct kvc_search_unit *results = kvc_arena_alloc(&room, part->n, sizeof *results);
  kvc_code rc = KVC_E_OK;
  if (p == NULL || results == NULL) {
    rc = kvc_arena_full(&room, "the search", err);
  } else {
    *p = (struct pool){.q = q, .units = part->units, .n = part->n, .results = results};
    rc = search_all(p, cli_jobs(q->args->jobs, part->n < MAX_JOBS ? part->n : MAX_JOBS),
                    err);
  }
  /* Handed back together: what a unit comes to may not depend on others of its stage. */
  for (size_t i = 0; rc == KVC_E_OK && i < part->n; i++)
    kvc_search_put(q->search, part->units[i], &results[i]);
  kvc_arena_clear(&room);
  return rc;
}

/* What is left to do changes as results come in, so the list is kept as it was. */
kvc_code plan_todo(struct plan_question *q, int stage, int k, int n,
                   struct plan_part *out, struct kvc_err *err)
{
  struct kvc_arena *arena = &q->cli->arena;
  const size_t *all;
  const size_t count = kvc_search_todo(q->search, stage, &all);
  size_t *units = kvc_arena_alloc(arena, count + 1, sizeof *units);
  if (units == NULL) return kvc_arena_full(arena, NULL, err);
  *out = (struct plan_part){.units = units};
  for (size_t i = (size_t)(k - 1); i < count; i += (size_t)n) units[out->n++] = all[i];
  return KVC_E_OK;
}
