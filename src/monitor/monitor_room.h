/* monitor_room.h - what the files of this room share; private to src/monitor/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef MONITOR_ROOM_H
#define MONITOR_ROOM_H

#include <kvcap/monitor_plan.h>

enum { MONITOR_WINDOW_S = 300, MONITOR_MAX_EXPR = 4000 };

/* Whom a text is for: matchers and what may stand in it differ. */
enum monitor_place { MONITOR_RULES, MONITOR_DASHBOARD };

struct monitor_work {
  struct kvc_arena *arena;
  const struct kvc_monitor_request *req;
  struct kvc_monitor *out;
  struct kvc_monitor_record *records; /* out's, while they are made */
  struct kvc_monitor_alert *alerts;
  struct kvc_monitor_left *left;
  struct kvc_err *err;
  bool *recorded; /* beside book->records: whether the release has what it needs */
};

/* ---- names.c -------------------------------------------------------------------------
 */

bool monitor_span_holds(const struct monitor_work *w, const struct kvc_book_span *span);
/* Whether series of the metric carry the label in this release. */
bool monitor_has_label(const struct monitor_work *w, const struct kvc_metric *metric,
                       const char *label);
/* The family as a page of the release shows it, with _total; NULL when it has none. */
const char *monitor_family(const struct monitor_work *w, const struct kvc_metric *metric);
/* 'max_num_seqs' and the like; 0 when it was not given, NaN when there is no such. */
double monitor_setting(const struct monitor_work *w, const char *name);
/* The option that gives it. */
const char *monitor_setting_option(const char *name);

/* ---- expand.c ------------------------------------------------------------------------
 */

/* The first alternative that the release has, resolved; NULL with a reason when it has
 * none.  'each' stands for <each>, NULL in most texts. */
struct monitor_text {
  enum monitor_place place;
  double limit;
  const char *each;
};
kvc_code monitor_expand(const struct monitor_work *w, const struct kvc_book_exprs *exprs,
                        const struct monitor_text *text, const char **out,
                        const char **because) KVC_MUST_USE;

/* ---- cases.c -------------------------------------------------------------------------
 */

/* Input series of a test; metrics that the release lacks are left out. */
kvc_code monitor_case(const struct monitor_work *w, const struct kvc_book_case *from,
                      double limit, int minutes,
                      struct kvc_monitor_case *out) KVC_MUST_USE;
/* A sum of products such as "1.1 limit + 1". */
kvc_code monitor_value(const struct monitor_work *w, const char *text, double limit,
                       double *out) KVC_MUST_USE;

/* ---- alerts.c, panels.c --------------------------------------------------------------
 */

/* A rule as the user has it. */
struct monitor_rule {
  const struct kvc_rule *rule;
  enum kvc_severity severity;
  double limit;
  bool off;
};
struct monitor_rule monitor_rule(const struct monitor_work *w,
                                 const struct kvc_rule *rule);
kvc_code monitor_records(struct monitor_work *w) KVC_MUST_USE;
kvc_code monitor_alerts(struct monitor_work *w) KVC_MUST_USE;
kvc_code monitor_panels(struct monitor_work *w) KVC_MUST_USE;
/* Notes what is not there. */
void monitor_leave(struct monitor_work *w, const char *what, const char *title,
                   const char *because);

#endif
