/* cases.c - what a server shows in the tests of an alert, as promtool reads series.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A histogram that sees the value v has the bounds 0.99 v and 1.01 v, so that every
 * quantile lies within a hundredth of v and the mean is v.
 */
#include "monitor_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEEN = 8, MAX_SERIES = 64, PER_MIN = 60 };
/* What lies beyond the last bound counts this much to the sum. */
static const double BEYOND = 10000;

/* ---- values
 * ---------------------------------------------------------------------------- */

static kvc_code factor(const struct monitor_work *w, const char *word, double limit,
                       double *product)
{
  double v = monitor_setting(w, word);
  if (strcmp(word, "limit") == 0)
    v = limit;
  else if (strcmp(word, "inf") == 0)
    v = INFINITY;
  else if (isnan(v))
    KVC_TRY(kvc_num_parse(word, "a value of alerts.yaml", &v, w->err));
  *product *= v;
  return KVC_E_OK;
}

kvc_code monitor_value(const struct monitor_work *w, const char *text, double limit,
                       double *out)
{
  double sum = 0, product = 1, sign = 1;
  char word[40];
  for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
    const size_t len = strcspn(p, " ");
    if (len >= sizeof word)
      return kvc_fail(w->err, KVC_E_PARSE, "a value of alerts.yaml",
                      "\"%.60s\" holds no sum of products", text);
    (void)snprintf(word, sizeof word, "%.*s", (int)len, p);
    p += len;
    if (strcmp(word, "+") == 0 || strcmp(word, "-") == 0) {
      sum += sign * product;
      product = 1;
      sign = word[0] == '-' ? -1 : 1;
    } else {
      KVC_TRY(factor(w, word, limit, &product));
    }
  }
  *out = sum + sign * product;
  return KVC_E_OK;
}

/* Without exponent, which promtool's notation of series need not know. */
static void plain(double v, char out[48])
{
  (void)snprintf(out, 48, "%.9f", v);
  size_t len = strlen(out);
  while (len > 0 && out[len - 1] == '0') len--;
  if (len > 0 && out[len - 1] == '.') len--;
  out[len] = '\0';
}

/* ---- series
 * ------------------------------------------------------------------------------ */

struct builder {
  const struct monitor_work *w;
  struct kvc_monitor_series *series;
  size_t n;
  int minutes;
  const char *family, *labels;
};

static kvc_code add(struct builder *b, const char *suffix, const char *le,
                    const char *values)
{
  if (b->n == MAX_SERIES)
    return kvc_fail(b->w->err, KVC_E_LIMIT, "a test of alerts.yaml",
                    "more than %d series", MAX_SERIES);
  struct kvc_monitor_series *s = &b->series[b->n++];
  s->series = kvc_arena_printf(b->w->arena, "%s%s{%s%s%s%s}", b->family, suffix,
                               b->labels, le != NULL ? ",le=\"" : "",
                               le != NULL ? le : "", le != NULL ? "\"" : "");
  s->values = kvc_arena_strdup(b->w->arena, values);
  if (s->series == NULL || s->values == NULL)
    return kvc_arena_full(b->w->arena, "the tests", b->w->err);
  return KVC_E_OK;
}

/* From 'start' on, 'step' more each minute. */
static kvc_code add_line(struct builder *b, const char *suffix, const char *le,
                         double start, double step)
{
  char from[48], by[48], values[128];
  plain(start, from);
  plain(fabs(step), by);
  (void)snprintf(values, sizeof values, "%s%c%sx%d", from, step < 0 ? '-' : '+', by,
                 b->minutes + 1);
  return add(b, suffix, le, values);
}

struct seen {
  double share, value;
};

static kvc_code read_seen(const struct monitor_work *w, const struct kvc_book_input *in,
                          double limit, struct seen *seen, size_t *n)
{
  static const char at[] = " at ";
  double total = 0;
  if (in->n_values > MAX_SEEN)
    return kvc_fail(w->err, KVC_E_LIMIT, "a test of alerts.yaml",
                    "more than %d values are seen", MAX_SEEN);
  for (size_t i = 0; i < in->n_values; i++) {
    const char *text = in->values[i], *cut = strstr(text, at);
    seen[i].share = 1;
    if (cut != NULL) {
      const char *share = kvc_arena_strndup(w->arena, text, (size_t)(cut - text));
      if (share == NULL) return kvc_arena_full(w->arena, "the tests", w->err);
      KVC_TRY(monitor_value(w, share, limit, &seen[i].share));
      text = cut + sizeof at - 1;
    }
    KVC_TRY(monitor_value(w, text, limit, &seen[i].value));
    total += seen[i].share;
  }
  for (size_t i = 0; i < in->n_values; i++) seen[i].share /= total;
  *n = in->n_values;
  return KVC_E_OK;
}

static int by_number(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static kvc_code add_histogram(struct builder *b, const struct kvc_book_input *in,
                              double limit)
{
  struct seen seen[MAX_SEEN];
  double bounds[2 * MAX_SEEN], sum = 0;
  size_t n = 0, n_bounds = 0;
  KVC_TRY(read_seen(b->w, in, limit, seen, &n));
  for (size_t i = 0; i < n; i++) {
    sum += seen[i].share * (isinf(seen[i].value) ? BEYOND : seen[i].value);
    if (isinf(seen[i].value)) continue;
    bounds[n_bounds++] = 0.99 * seen[i].value;
    bounds[n_bounds++] = 1.01 * seen[i].value;
  }
  qsort(bounds, n_bounds, sizeof *bounds, by_number);
  for (size_t k = 0; k < n_bounds; k++) {
    char le[48];
    double count = 0;
    if (k > 0 && bounds[k] == bounds[k - 1]) continue;
    for (size_t i = 0; i < n; i++)
      if (1.01 * seen[i].value <= bounds[k]) count += seen[i].share;
    plain(bounds[k], le);
    KVC_TRY(add_line(b, "_bucket", le, 0, PER_MIN * count));
  }
  KVC_TRY(add_line(b, "_bucket", "+Inf", 0, PER_MIN));
  KVC_TRY(add_line(b, "_sum", NULL, 0, PER_MIN * sum));
  return add_line(b, "_count", NULL, 0, PER_MIN);
}

static const char *labels_of(const struct monitor_work *w,
                             const struct kvc_metric *metric,
                             const struct kvc_book_input *in)
{
  const bool model = metric != NULL && monitor_has_label(w, metric, "model_name");
  const bool engine = metric != NULL && monitor_has_label(w, metric, "engine");
  return kvc_arena_printf(
      w->arena, "job=\"%s\",instance=\"server:8000\"%s%s%s%s%s%s", w->req->job,
      model ? ",model_name=\"model\"" : "", engine ? ",engine=\"" : "",
      engine ? (in->engine != NULL ? in->engine : "0") : "", engine ? "\"" : "",
      in->labels != NULL ? "," : "", in->labels != NULL ? in->labels : "");
}

static kvc_code add_input(struct builder *b, const struct kvc_book_input *in,
                          double limit)
{
  const struct monitor_work *w = b->w;
  const bool up = strcmp(in->metric, "up") == 0;
  const struct kvc_metric *metric = kvc_metrics_find(w->req->metrics, in->metric);
  double v = 0;
  if (!up && (metric == NULL || strcmp(metric->key, in->metric) != 0))
    return kvc_fail(w->err, KVC_E_UNKNOWN, "a test of alerts.yaml",
                    "\"%.60s\" is no metric of the catalogue", in->metric);
  b->family = up ? "up" : monitor_family(w, metric);
  if (b->family == NULL) return KVC_E_OK;
  b->labels = labels_of(w, up ? NULL : metric, in);
  if (b->labels == NULL) return kvc_arena_full(w->arena, "the tests", w->err);
  if (in->how == KVC_BOOK_SEEN) return add_histogram(b, in, limit);
  if (in->how == KVC_BOOK_RAW) return add(b, "", NULL, in->values[0]);
  KVC_TRY(monitor_value(w, in->values[0], limit, &v));
  return in->how == KVC_BOOK_AT ? add_line(b, "", NULL, v, 0)
                                : add_line(b, "", NULL, 0, PER_MIN * v);
}

kvc_code monitor_case(const struct monitor_work *w, const struct kvc_book_case *from,
                      double limit, int minutes, struct kvc_monitor_case *out)
{
  struct builder b = {.w = w, .minutes = minutes};
  b.series = kvc_arena_alloc(w->arena, MAX_SERIES, sizeof *b.series);
  if (b.series == NULL) return kvc_arena_full(w->arena, "the tests", w->err);
  for (size_t i = 0; i < from->n; i++) KVC_TRY(add_input(&b, &from->inputs[i], limit));
  out->series = b.series;
  out->n = b.n;
  return KVC_E_OK;
}
