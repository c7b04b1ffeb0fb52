/* diagnose_gather.c - reads everything that `kvcap diagnose` is given.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "diagnose.h"
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t interrupted;
static volatile int stop_fetch;

static void on_interrupt(int number)
{
  (void)number;
  interrupted = 1;
  stop_fetch = 1;
}

static void say(struct diagnose *d, const char *kind, const char *where, const char *what)
{
  struct kvc_diagnosis *out = d->out;
  if (out->n_inputs == KVC_DIAGNOSIS_MAX_INPUTS || what == NULL) return;
  out->inputs[out->n_inputs++] = (struct kvc_diagnosis_input){kind, where, what};
}

kvc_code diagnose_add_page(struct diagnose *d, const struct kvc_page *page,
                           struct kvc_err *err)
{
  if (d->n_pages == d->room_pages) {
    const size_t room = d->room_pages > 0 ? d->room_pages * 2 : 8;
    struct kvc_page *pages = kvc_arena_alloc(&d->cli->arena, room, sizeof *pages);
    if (pages == NULL) return kvc_arena_full(&d->cli->arena, page->where, err);
    if (d->n_pages > 0) memcpy(pages, d->pages, d->n_pages * sizeof *pages);
    d->pages = pages;
    d->room_pages = room;
  }
  d->pages[d->n_pages++] = *page;
  return KVC_E_OK;
}

static kvc_code add_page(struct diagnose *d, const struct kvc_record *r,
                         struct kvc_err *err)
{
  struct kvc_arena *arena = &d->cli->arena;
  const struct kvc_page *p = r->page;
  KVC_TRY(diagnose_add_page(d, p, err));
  if (d->n_pages == 1) d->first_file_s = r->file_s;
  d->last_file_s = r->file_s;
  say(d, "metrics", r->where,
      r->version_first == NULL
          ? kvc_arena_printf(arena, "%zu series", p->n_series)
          : kvc_arena_printf(
                arena, "%zu series, names of vLLM %s%s%s", p->n_series, r->version_first,
                strcmp(r->version_first, r->version_last) != 0 ? " to " : "",
                strcmp(r->version_first, r->version_last) != 0 ? r->version_last : ""));
  for (size_t i = 0; i < p->n_problems && i < 3; i++) {
    const char *note = kvc_arena_printf(arena, "%s:%d: %s", r->where, p->problems[i].line,
                                        p->problems[i].text);
    if (note != NULL && d->notes.n < KVC_OBSERVE_MAX_NOTES)
      d->notes.text[d->notes.n++] = note;
  }
  if (d->version == NULL && r->version != NULL && r->version_first != NULL) {
    d->version = r->version;
    d->version_from = strcmp(r->version_first, r->version_last) == 0
                          ? "the names of the metrics"
                          : "the names of the metrics, the newest that fits";
  }
  return KVC_E_OK;
}

static void add_log(struct diagnose *d, const struct kvc_record *r)
{
  const struct kvc_log_start *start = kvc_log_last(r->log);
  const size_t starts = r->log->n_starts + r->log->skipped_starts;
  d->log = r->log;
  say(d, "log", r->where,
      kvc_arena_printf(&d->cli->arena, "%llu lines, %llu of statistics, %zu start%s%s%s",
                       (unsigned long long)r->log->lines,
                       (unsigned long long)r->log->sample_lines, starts,
                       starts == 1 ? "" : "s", r->version != NULL ? ", vLLM " : "",
                       r->version != NULL ? r->version : ""));
  if (r->launch != NULL) d->launch = r->launch;
  if (start != NULL && start->version != NULL) {
    d->version = start->version;
    d->version_from = "the log";
  }
}

static kvc_code add_bench(struct diagnose *d, const struct kvc_record *r,
                          struct kvc_err *err)
{
  const struct kvc_bench_set *set = r->bench;
  const size_t n = d->n_benches + set->n_records;
  struct kvc_bench *all = kvc_arena_alloc(&d->cli->arena, n + 1, sizeof *all);
  if (all == NULL) return kvc_arena_full(&d->cli->arena, r->where, err);
  if (d->n_benches > 0) memcpy(all, d->benches, d->n_benches * sizeof *all);
  memcpy(all + d->n_benches, set->records, set->n_records * sizeof *all);
  d->benches = all;
  d->n_benches = n;
  say(d, "benchmark", r->where,
      kvc_arena_printf(&d->cli->arena, "%zu run%s, %s", set->n_records,
                       set->n_records == 1 ? "" : "s", set->records[0].format));
  for (size_t i = 0; i < set->n_notes && d->notes.n < KVC_OBSERVE_MAX_NOTES; i++)
    d->notes.text[d->notes.n++] = set->notes[i];
  return KVC_E_OK;
}

static kvc_code add(struct diagnose *d, const char *path, enum ingest_kind kind,
                    struct kvc_err *err)
{
  struct kvc_record r;
  KVC_TRY(ingest_read(&d->in, path, kind, &r, err));
  if (r.page != NULL) KVC_TRY(add_page(d, &r, err));
  if (r.log != NULL) add_log(d, &r);
  if (r.bench != NULL) KVC_TRY(add_bench(d, &r, err));
  return KVC_E_OK;
}

/* ---- a live page, again and again ----------------------------------------------------
 */

static void pause_until(double time_s)
{
  double left = time_s - cli_now_s();
  while (left > 0 && !interrupted) {
    const double part = left < 0.25 ? left : 0.25;
    struct timespec ts = {.tv_sec = (time_t)part,
                          .tv_nsec = (long)((part - floor(part)) * 1e9)};
    (void)nanosleep(&ts, NULL);
    left = time_s - cli_now_s();
  }
}

static void progress(const struct diagnose *d, double done_s)
{
  if (!d->cli->world.out_is_tty) return;
  (void)fprintf(d->cli->world.err, "\rkvcap: %zu looks, %.0f of %.0f s ", d->n_pages,
                done_s, d->args->for_s);
  (void)fflush(d->cli->world.err);
}

kvc_code diagnose_follow(struct diagnose *d, const char *url, struct kvc_err *err)
{
  struct sigaction act = {.sa_handler = on_interrupt}, before;
  const double begin = cli_now_s();
  size_t missed = 0;
  interrupted = 0;
  stop_fetch = 0;
  d->in.how.stop = &stop_fetch;
  (void)sigemptyset(&act.sa_mask);
  (void)sigaction(SIGINT, &act, &before);
  kvc_code rc = add(d, url, INGEST_METRICS, err);
  for (size_t look = 1; rc == KVC_E_OK && !interrupted; look++) {
    const double due = begin + (double)look * d->args->every_s;
    struct kvc_record r;
    struct kvc_err why;
    if (due > begin + d->args->for_s + d->args->every_s / 2) break;
    pause_until(due);
    if (interrupted) break;
    rc = ingest_read(&d->in, url, INGEST_METRICS, &r, &why);
    if (rc == KVC_E_OK)
      rc = diagnose_add_page(d, r.page, err);
    else if (rc == KVC_E_IO && !interrupted) { /* a look that failed is not the end */
      missed++;
      rc = KVC_E_OK;
    } else if (!interrupted) {
      *err = why;
    }
    progress(d, cli_now_s() - begin);
  }
  if (d->cli->world.out_is_tty) (void)fprintf(d->cli->world.err, "\r\033[K");
  (void)sigaction(SIGINT, &before, NULL);
  if (interrupted && d->n_pages > 0) rc = KVC_E_OK;
  if (missed > 0)
    kvc_observe_note(&d->cli->arena, &d->notes, "%zu looks at %s failed", missed, url);
  return rc;
}

/* Saved pages rarely say when they were taken; their files do, unless they were copied.
 */
static void time_files(struct diagnose *d)
{
  const double apart = fabs(d->last_file_s - d->first_file_s);
  if (d->n_pages < 2 || d->args->interval_s > 0 || !(apart >= 2)) return;
  for (size_t i = 0; i < d->n_pages; i++)
    if (isfinite(d->pages[i].scraped_s)) return;
  d->args->interval_s = apart;
  kvc_observe_note(&d->cli->arena, &d->notes,
                   "the pages are taken to be %.0f s apart, as their files were written; "
                   "--interval says otherwise",
                   apart);
}

static bool is_live(const struct diagnose *d, size_t i)
{
  return d->args->for_s > 0 && kvc_fetch_is_url(d->args->metrics[i]);
}

kvc_code diagnose_gather(struct diagnose *d, struct kvc_err *err)
{
  const struct diagnose_args *a = d->args;
  size_t live = 0;
  for (size_t i = 0; i < a->n_metrics; i++) live += is_live(d, i);
  if (a->for_s > 0 && live != 1)
    return kvc_fail(err, KVC_E_USAGE, "--for",
                    "follows one address: give --metrics http://HOST:8000/metrics once");
  for (size_t i = 0; i < a->n_metrics; i++)
    KVC_TRY(is_live(d, i) ? diagnose_follow(d, a->metrics[i], err)
                          : add(d, a->metrics[i], INGEST_METRICS, err));
  for (size_t i = 0; i < a->n_logs; i++) KVC_TRY(add(d, a->logs[i], INGEST_LOG, err));
  for (size_t i = 0; i < a->n_benches; i++)
    KVC_TRY(add(d, a->benches[i], INGEST_BENCH, err));
  for (size_t i = 0; i < a->size.common.n_words; i++)
    KVC_TRY(add(d, a->size.common.words[i], INGEST_ANY, err));
  time_files(d);
  return KVC_E_OK;
}
