/* observe.h - from metrics pages, logs, benchmarks and a sizing to figures of a server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each function adds what its source knows to a struct kvc_live; what is there already
 * stays, so the better source goes first: metrics, then log, then benchmark, then the
 * memory model.  Sentences about what could not be taken at its word go to the notes.
 *
 * Ownership: texts live in the arena.
 */
#ifndef KVCAP_OBSERVE_H
#define KVCAP_OBSERVE_H

#include <kvcap/arena.h>
#include <kvcap/bench.h>
#include <kvcap/live.h>
#include <kvcap/prom.h>
#include <kvcap/serverlog.h>
#include <kvcap/size.h>

enum { KVC_OBSERVE_MAX_NOTES = 16, KVC_OBSERVE_MAX_ENGINES = 64 };

struct kvc_observe_notes {
  const char *text[KVC_OBSERVE_MAX_NOTES];
  size_t n;
};

/* Adds a sentence; once the notes are full it is dropped. */
void kvc_observe_note(struct kvc_arena *arena, struct kvc_observe_notes *notes,
                      const char *fmt, ...) KVC_PRINTF(3, 4);

/* Pages of one server, oldest first. */
struct kvc_looks {
  const struct kvc_page *pages;
  size_t n;
  double interval_s; /* between first and last; NaN: from the pages' own times */
  const char *model; /* label model_name to look at; NULL: the one with most requests */
};

/* With two pages or more: rates and quantiles are those between the first and the last,
 * a counter that went back counts from 0 as Prometheus's increase() has it, gauges are
 * taken at every page.  With one page: everything since the server started, which a note
 * says; no rates unless its age is known. */
kvc_code kvc_observe_pages(struct kvc_arena *arena, const struct kvc_looks *looks,
                           struct kvc_live *live, struct kvc_observe_notes *notes,
                           struct kvc_err *err) KVC_MUST_USE;

/* Periodic lines, events and start-up lines of the last start. */
void kvc_observe_log(struct kvc_arena *arena, const struct kvc_serverlog *log,
                     struct kvc_live *live, struct kvc_observe_notes *notes);

/* The record with the highest load speaks for the server; all of them for the knee and
 * the spread between runs. */
void kvc_observe_bench(struct kvc_arena *arena, const struct kvc_bench *records, size_t n,
                       struct kvc_live *live, struct kvc_observe_notes *notes);

/* Settings, the pool as sized, and the roofline:
 *   decode floor = (weights read + KV read) / memory bandwidth, a step of 'running_mean'
 *   requests; of the experts those are read that some token chose,
 *   E (1 - (1 - k/E)^batch) of E in expectation;
 *   prefill floor = 2 x active parameters x prompt tokens / peak FLOP/s.
 * Both are lower bounds: peak figures of the data sheet, no communication. */
void kvc_observe_size(struct kvc_arena *arena, const struct kvc_size *size,
                      struct kvc_live *live);

/* The longest time a condition held without a break. */
struct kvc_stretch {
  double since_s, best_s;
  bool on;
};
void kvc_stretch_look(struct kvc_stretch *stretch, double time_s, bool holds);

#endif
