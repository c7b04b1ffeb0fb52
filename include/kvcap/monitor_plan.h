/* monitor_plan.h - from the book of alerts and panels to those of one release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: the result lives in the arena given; it borrows from the request.
 */
#ifndef KVCAP_MONITOR_PLAN_H
#define KVCAP_MONITOR_PLAN_H

#include <kvcap/engine.h>
#include <kvcap/metrics.h>
#include <kvcap/monitor.h>
#include <kvcap/monitor_book.h>
#include <kvcap/rules.h>

struct kvc_monitor_request {
  const struct kvc_monitor_book *book;
  const struct kvc_metrics *metrics;
  struct kvc_version version;
  enum kvc_engine_kind generation; /* V0 or V1 */
  const char *note;                /* how the release was understood; NULL */
  const char *job;                 /* letters, digits, '_', '-', '.' */
  const char *const *targets;      /* "host:port" */
  size_t n_targets;
  int interval_s;
  const struct kvc_rule_tune *tunes;
  size_t n_tunes;
  bool multi_turn;
  double max_num_seqs, max_num_batched_tok, max_model_len_tok; /* 0: not given */
};

kvc_code kvc_monitor_plan(struct kvc_arena *arena, const struct kvc_monitor_request *req,
                          struct kvc_monitor *out, struct kvc_err *err) KVC_MUST_USE;

#endif
