/* expand.c - PromQL in terms of canonical metrics becomes that of one release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A placeholder is '<', a lower-case letter and what follows up to the next '>'.  In
 * PromQL as the data files have it a comparison has a blank after its '<', so the two
 * cannot be confused.
 */
#include "monitor_room.h"
#include <kvcap/live.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 160 };

struct expansion {
  const struct monitor_work *w;
  const struct monitor_text *text;
  struct kvc_buf out;
  const char *because; /* why this alternative is not for the release */
};

static const char *release_of(const struct monitor_work *w)
{
  return kvc_arena_printf(w->arena, "vLLM %s (%s)", w->out->version, w->out->generation);
}

/* ---- metrics -------------------------------------------------------------------------
 */

static void add_matchers(struct expansion *x, const struct kvc_metric *metric,
                         const char *more)
{
  static const char *const labels[] = {"model_name", "engine"};
  static const char *const variables[] = {"model", "engine"};
  const bool dashboard = x->text->place == MONITOR_DASHBOARD;
  if (dashboard)
    kvc_buf_puts(&x->out, "{job=~\"$job\"");
  else
    kvc_buf_printf(&x->out, "{job=\"%s\"", x->w->req->job);
  for (size_t i = 0; dashboard && metric != NULL && i < 2; i++)
    if (monitor_has_label(x->w, metric, labels[i]))
      kvc_buf_printf(&x->out, ",%s=~\"$%s\"", labels[i], variables[i]);
  if (more[0] != '\0') kvc_buf_printf(&x->out, ",%s", more);
  kvc_buf_puts(&x->out, "}");
}

static kvc_code add_metric(struct expansion *x, const char *word, const char *part,
                           const char *more)
{
  const struct monitor_work *w = x->w;
  const char *key =
      strcmp(word, "each") == 0 && x->text->each != NULL ? x->text->each : word;
  const struct kvc_metric *metric = kvc_metrics_find(w->req->metrics, key);
  const bool histogram = metric != NULL && metric->type == KVC_METRIC_HISTOGRAM;
  if (metric == NULL || strcmp(metric->key, key) != 0 || histogram != (part[0] != '\0'))
    return kvc_fail(w->err, KVC_E_PARSE, "alerts and dashboard",
                    "\"<%s%s%s>\" is no metric of the catalogue; a histogram wants "
                    ":bucket, :sum or :count",
                    word, part[0] != '\0' ? ":" : "", part);
  const char *family = monitor_family(w, metric);
  if (family == NULL) {
    x->because = kvc_arena_printf(w->arena, "%s exports no %s", release_of(w), key);
    return KVC_E_OK;
  }
  kvc_buf_puts(&x->out, family);
  if (part[0] != '\0') kvc_buf_printf(&x->out, "_%s", part);
  add_matchers(x, metric, more);
  return KVC_E_OK;
}

/* ---- the other words ------------------------------------------------------------------
 */

static kvc_code add_live(struct expansion *x, const char *name)
{
  const struct kvc_monitor_book *b = x->w->req->book;
  size_t i = 0;
  while (i < b->n_records && strcmp(b->records[i].live, name) != 0) i++;
  if (i == b->n_records || x->text->place != MONITOR_RULES || x->w->recorded == NULL)
    return kvc_fail(x->w->err, KVC_E_PARSE, "alerts and dashboard",
                    "\"<live %s>\" is not recorded, or stands where no record may", name);
  if (!x->w->recorded[i])
    x->because =
        kvc_arena_printf(x->w->arena, "%s does not tell the %s", release_of(x->w),
                         kvc_live_row(kvc_live_find(name))->text);
  kvc_buf_printf(&x->out, "vllm_server:%s{job=\"%s\"}", name, x->w->req->job);
  return KVC_E_OK;
}

static void add_number(struct expansion *x, double value)
{
  char text[KVC_NUM_TEXT];
  kvc_num_format(value, text);
  kvc_buf_puts(&x->out, text);
}

static void add_engine(struct expansion *x)
{
  if (!x->w->out->has_engine)
    x->because =
        kvc_arena_printf(x->w->arena, "%s does not label engines", release_of(x->w));
  kvc_buf_puts(&x->out, "engine");
}

/* A word of the rules and dashboards that is no metric; false when it is none. */
static bool add_word(struct expansion *x, const char *word)
{
  const double setting = monitor_setting(x->w, word);
  if (strcmp(word, "server") == 0) {
    kvc_buf_puts(&x->out, "job, instance, model_name");
  } else if (strcmp(word, "engine") == 0) {
    add_engine(x);
  } else if (strcmp(word, "window") == 0) {
    kvc_buf_printf(&x->out, "%dm", MONITOR_WINDOW_S / 60);
  } else if (strcmp(word, "window_s") == 0) {
    add_number(x, MONITOR_WINDOW_S);
  } else if (strcmp(word, "step") == 0) {
    kvc_buf_puts(&x->out, x->w->out->interval);
  } else if (strcmp(word, "limit") == 0) {
    add_number(x, x->text->limit);
  } else if (!isnan(setting)) {
    if (!(setting > 0))
      x->because =
          kvc_arena_printf(x->w->arena, "%s is not given", monitor_setting_option(word));
    add_number(x, setting);
  } else {
    return false;
  }
  return true;
}

/* text[0..len): what stands between '<' and '>'. */
static kvc_code add_placeholder(struct expansion *x, const char *text, size_t len)
{
  char word[MAX_WORD];
  if (len >= sizeof word)
    return kvc_fail(x->w->err, KVC_E_PARSE, "alerts and dashboard",
                    "\"<%.40s...\" is longer than a placeholder may be", text);
  memcpy(word, text, len);
  word[len] = '\0';
  if (strncmp(word, "live ", 5) == 0) return add_live(x, word + 5);
  if (strcmp(word, "up") == 0) {
    kvc_buf_puts(&x->out, "up");
    add_matchers(x, NULL, "");
    return KVC_E_OK;
  }
  if (add_word(x, word)) return KVC_E_OK;
  char *more = strchr(word, ' ');
  if (more != NULL) *more++ = '\0';
  char *part = strchr(word, ':');
  if (part != NULL) *part++ = '\0';
  return add_metric(x, word, part != NULL ? part : "", more != NULL ? more : "");
}

/* ---- texts ----------------------------------------------------------------------------
 */

static kvc_code expand_one(struct expansion *x, const char *text)
{
  for (const char *p = text; *p != '\0';) {
    const bool holder = p[0] == '<' && p[1] >= 'a' && p[1] <= 'z';
    const size_t plain = holder ? 0 : 1 + strcspn(p + 1, "<");
    kvc_buf_add(&x->out, p, plain);
    p += plain;
    if (!holder) continue;
    const char *end = strchr(p, '>');
    if (end == NULL)
      return kvc_fail(x->w->err, KVC_E_PARSE, "alerts and dashboard",
                      "a placeholder of \"%.60s\" does not end", text);
    KVC_TRY(add_placeholder(x, p + 1, (size_t)(end - p - 1)));
    p = end + 1;
  }
  return KVC_E_OK;
}

kvc_code monitor_expand(const struct monitor_work *w, const struct kvc_book_exprs *exprs,
                        const struct monitor_text *text, const char **out,
                        const char **because)
{
  *out = NULL;
  *because = NULL;
  for (size_t i = 0; i < exprs->n && *out == NULL; i++) {
    struct expansion x = {.w = w, .text = text};
    kvc_buf_init(&x.out, MONITOR_MAX_EXPR);
    kvc_code rc = expand_one(&x, exprs->texts[i]);
    if (rc == KVC_E_OK && x.out.full)
      rc = kvc_fail(w->err, KVC_E_LIMIT, "alerts and dashboard",
                    "an expression is longer than %d characters", MONITOR_MAX_EXPR);
    if (rc == KVC_E_OK && x.because == NULL)
      *out = kvc_arena_strdup(w->arena, x.out.text != NULL ? x.out.text : "");
    else
      *because = x.because;
    const bool lost = rc == KVC_E_OK && x.because == NULL && *out == NULL;
    kvc_buf_clear(&x.out);
    KVC_TRY(rc);
    if (lost) return kvc_arena_full(w->arena, "the rules", w->err);
  }
  return KVC_E_OK;
}
