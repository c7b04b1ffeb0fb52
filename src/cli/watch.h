/* watch.h - inside `kvcap watch`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_WATCH_H
#define KVC_CLI_WATCH_H

#include "diagnose.h"

/* Four panels, two lines each at most. */
enum watch_line {
  WATCH_TTFT,
  WATCH_TPOT,
  WATCH_TOKENS,
  WATCH_WAITING,
  WATCH_RUNNING,
  WATCH_KV,
  WATCH_PREEMPTIONS,
  WATCH_LINES_
};

enum { WATCH_HISTORY = 240, WATCH_MAX_COLUMNS = 200 };

/* The last values of every line, oldest first; NaN where a look told nothing. */
struct watch_history {
  double v[WATCH_LINES_][WATCH_HISTORY];
  size_t n;
};
void watch_history_add(struct watch_history *history, const struct kvc_live *live);

struct watch_view {
  const char *url;
  const struct kvc_diagnosis *diagnosis; /* NULL while there is none */
  const char *trouble;                   /* why the last look failed, NULL */
  const struct watch_history *history;
  double every_s;
  size_t looks;
  int columns, rows; /* of the terminal */
  bool utf8, colour;
};

/* The whole screen, never more than 'rows' lines of at most 'columns' cells. */
void watch_draw(const struct watch_view *view, struct kvc_buf *out);
/* One line for a log or a pipe. */
void watch_plain(const struct watch_view *view, struct kvc_buf *out);

#endif
