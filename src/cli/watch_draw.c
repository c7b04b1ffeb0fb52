/* watch_draw.c - the screen of `kvcap watch`: four panels and the findings.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "watch.h"
#include <math.h>
#include <string.h>
#include <time.h>

static const struct {
  const char *panel, *name;
  enum kvc_live_key key;
} lines[WATCH_LINES_] = {
    {"latency", "TTFT p95", KVC_L_ttft_p95_s},
    {"", "TPOT p95", KVC_L_itl_p95_s},
    {"throughput", "generated", KVC_L_generation_tps},
    {"queue", "waiting", KVC_L_waiting_mean},
    {"", "running", KVC_L_running_mean},
    {"KV pressure", "in use", KVC_L_kv_usage_mean_frac},
    {"", "preemptions", KVC_L_preemption_per_s},
};

void watch_history_add(struct watch_history *h, const struct kvc_live *live)
{
  if (h->n == WATCH_HISTORY) {
    for (size_t i = 0; i < WATCH_LINES_; i++)
      memmove(h->v[i], h->v[i] + 1, (WATCH_HISTORY - 1) * sizeof h->v[i][0]);
    h->n--;
  }
  for (size_t i = 0; i < WATCH_LINES_; i++) {
    double value = live->v[lines[i].key];
    if (i == WATCH_TPOT && isnan(value)) value = live->v[KVC_L_tpot_p95_s];
    h->v[i][h->n] = value;
  }
  h->n++;
}

/* ---- pieces -------------------------------------------------------------------------
 */

/* Scaled to the largest value shown; what is not known stays blank. */
static void sparkline(const double *v, size_t n, size_t width, bool utf8,
                      struct kvc_buf *out)
{
  static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
  double most = 0;
  const size_t from = n > width ? n - width : 0;
  for (size_t i = from; i < n; i++)
    if (v[i] > most) most = v[i];
  for (size_t i = n - from; i < width; i++) kvc_buf_puts(out, " ");
  for (size_t i = from; i < n; i++) {
    if (!isfinite(v[i])) {
      kvc_buf_puts(out, " ");
      continue;
    }
    const int step = most > 0 ? (int)lround(7 * v[i] / most) : 0;
    const int level = step < 0 ? 0 : step > 7 ? 7 : step;
    kvc_buf_puts(out, utf8 ? blocks[level] : ascii[level]);
  }
}

static void colour(const struct watch_view *view, const char *code, struct kvc_buf *out)
{
  if (view->colour) kvc_buf_printf(out, "\033[%sm", code);
}

/* text[0..] cut to 'room' cells; only ASCII is counted exactly, so the rest is escaped.
 */
static void clipped(const struct watch_view *view, const char *text, int room,
                    struct kvc_buf *out)
{
  struct kvc_buf safe;
  kvc_buf_init(&safe, 4096);
  kvc_escape_terminal(&safe, text, false);
  const int len = (int)safe.len;
  const int shown = len > room ? (room > 3 ? room - 3 : 0) : len;
  if (safe.text != NULL && shown > 0) kvc_buf_add(out, safe.text, (size_t)shown);
  if (len > room && room > 3) kvc_buf_puts(out, "...");
  kvc_buf_clear(&safe);
  (void)view;
}

struct screen {
  const struct watch_view *view;
  struct kvc_buf *out;
  int left; /* lines that still fit */
};

static bool line(struct screen *s)
{
  if (s->left <= 0) return false;
  s->left--;
  return true;
}

static void head(struct screen *s)
{
  const struct watch_view *v = s->view;
  const struct kvc_diagnosis *d = v->diagnosis;
  const char *text = v->trouble;
  char counts[120] = "waiting for the second look";
  if (!line(s)) return;
  if (d != NULL && text == NULL)
    (void)snprintf(counts, sizeof counts, "%zu error%s, %zu warning%s, %zu hint%s",
                   d->errors, d->errors == 1 ? "" : "s", d->warnings,
                   d->warnings == 1 ? "" : "s", d->hints, d->hints == 1 ? "" : "s");
  colour(v, text != NULL || (d != NULL && d->errors > 0) ? "1;31" : "1", s->out);
  struct kvc_buf all;
  kvc_buf_init(&all, 2048);
  kvc_buf_printf(&all, "%s  every %.3g s  look %zu  %s", v->url, v->every_s, v->looks,
                 text != NULL ? text : counts);
  clipped(v, all.text != NULL ? all.text : "", v->columns, s->out);
  kvc_buf_clear(&all);
  colour(v, "0", s->out);
  kvc_buf_puts(s->out, "\n");
}

static void panels(struct screen *s)
{
  enum { BEFORE = 26, AFTER = 18 };
  const struct watch_view *v = s->view;
  const int width = v->columns - BEFORE - AFTER;
  for (size_t i = 0; i < WATCH_LINES_; i++) {
    char now[KVC_LIVE_TEXT];
    const size_t n = v->history->n;
    if (!line(s)) return;
    kvc_live_format(n > 0 ? v->history->v[i][n - 1] : (double)NAN,
                    kvc_live_row(lines[i].key)->unit, now);
    kvc_buf_printf(s->out, "%-12s %-12s ", lines[i].panel, lines[i].name);
    if (width > 4) sparkline(v->history->v[i], n, (size_t)width, v->utf8, s->out);
    kvc_buf_printf(s->out, " %.17s\n", strcmp(now, "unknown") == 0 ? "-" : now);
  }
}

static void findings(struct screen *s)
{
  const struct watch_view *v = s->view;
  const struct kvc_diagnosis *d = v->diagnosis;
  if (d == NULL || !line(s)) return;
  kvc_buf_puts(s->out, "\n");
  if (d->n_rows == 0 && line(s))
    kvc_buf_printf(s->out, "Nothing wrong: %zu rules looked.\n", d->n_passed);
  for (size_t i = 0; i < d->n_rows; i++) {
    const struct kvc_diagnosis_row *r = &d->rows[i];
    if (!line(s)) return;
    const bool error = r->severity[0] == 'e', warning = r->severity[0] == 'w';
    colour(v, error ? "31" : warning ? "33" : "0", s->out);
    kvc_buf_printf(s->out, "%-7.7s %s ", r->severity, r->id);
    colour(v, "0", s->out);
    clipped(v, r->text, v->columns - 15, s->out);
    kvc_buf_puts(s->out, "\n");
    const char *change = r->flag != NULL && r->value != NULL ? r->value : NULL;
    if ((change == NULL && r->fix == NULL) || !line(s)) continue;
    struct kvc_buf fix;
    kvc_buf_init(&fix, 2048);
    if (change != NULL) kvc_buf_printf(&fix, "%s %s  ", r->flag, change);
    if (r->gain != NULL)
      kvc_buf_puts(&fix, r->gain);
    else if (r->fix != NULL)
      kvc_buf_puts(&fix, r->fix);
    kvc_buf_puts(s->out, v->utf8 ? "        → " : "        > ");
    clipped(v, fix.text != NULL ? fix.text : "", v->columns - 10, s->out);
    kvc_buf_clear(&fix);
    kvc_buf_puts(s->out, "\n");
  }
}

void watch_draw(const struct watch_view *view, struct kvc_buf *out)
{
  struct screen s = {view, out, view->rows - 1};
  head(&s);
  panels(&s);
  findings(&s);
  if (line(&s)) {
    colour(view, "2", out);
    kvc_buf_puts(out, "Ctrl-C ends\n");
    colour(view, "0", out);
  }
}

void watch_plain(const struct watch_view *view, struct kvc_buf *out)
{
  const size_t n = view->history->n;
  char stamp[16] = "";
  const time_t now = time(NULL);
  struct tm tm;
  if (localtime_r(&now, &tm) != NULL)
    (void)strftime(stamp, sizeof stamp, "%H:%M:%S", &tm);
  kvc_buf_puts(out, stamp);
  if (view->trouble != NULL) {
    kvc_buf_puts(out, " ");
    kvc_escape_terminal(out, view->trouble, view->utf8);
    kvc_buf_puts(out, "\n");
    return;
  }
  if (n == 0) kvc_buf_puts(out, " first look: rates need a second one");
  for (size_t i = 0; n > 0 && i < WATCH_LINES_; i++) {
    char text[KVC_LIVE_TEXT];
    if (isnan(view->history->v[i][n - 1])) continue;
    kvc_live_format(view->history->v[i][n - 1], kvc_live_row(lines[i].key)->unit, text);
    kvc_buf_printf(out, "%s %s %s", i > 0 ? "," : "", lines[i].name, text);
  }
  const struct kvc_diagnosis *d = view->diagnosis;
  for (size_t i = 0; d != NULL && i < d->n_rows; i++)
    kvc_buf_printf(out, "%s %s", i == 0 ? ";" : "", d->rows[i].id);
  kvc_buf_puts(out, "\n");
}
