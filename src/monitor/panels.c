/* panels.c - rows and panels of the dashboard that a release can fill.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor_room.h"
#include <string.h>

/* ---- what a panel is like
 * ----------------------------------------------------------------- */

static kvc_code unit_of(const struct monitor_work *w, const char *word, const char **out)
{
  static const char *const units[][2] = {
      {"s", "s"},
      {"tokens", "suffix: tok"},
      {"tokens_per_s", "suffix: tok/s"},
      {"requests", "suffix: req"},
      {"requests_per_s", "reqps"},
      {"percent", "percentunit"},
      {"bytes", "bytes"},
      {"none", "short"},
  };
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(units[i][0], word) == 0) {
      *out = units[i][1];
      return KVC_E_OK;
    }
  return kvc_fail(w->err, KVC_E_UNKNOWN, "dashboard.yaml", "\"%.40s\" is no unit", word);
}

static kvc_code style_of(const struct monitor_work *w, const char *word,
                         enum kvc_monitor_style *out)
{
  static const char *const styles[] = {"lines", "stacked", "table"};
  for (size_t i = 0; word != NULL && i < sizeof styles / sizeof *styles; i++)
    if (strcmp(styles[i], word) == 0) {
      *out = (enum kvc_monitor_style)i;
      return KVC_E_OK;
    }
  *out = KVC_MONITOR_LINES;
  return word == NULL ? KVC_E_OK
                      : kvc_fail(w->err, KVC_E_UNKNOWN, "dashboard.yaml",
                                 "\"%.40s\" is no style of a panel", word);
}

/* Whether the alert of the rule fires below its limit. */
static bool fires_below(const struct monitor_work *w, const char *rule)
{
  const struct kvc_monitor_book *b = w->req->book;
  for (size_t i = 0; i < b->n_alerts; i++)
    if (b->alerts[i].rule != NULL && strcmp(b->alerts[i].rule, rule) == 0)
      return strstr(b->alerts[i].exprs.texts[0], "< <limit>") != NULL;
  return false;
}

static kvc_code threshold(const struct monitor_work *w, const char *name,
                          struct kvc_monitor_panel *out)
{
  if (name == NULL) return KVC_E_OK;
  const struct kvc_rule *rule = kvc_rule_find(name);
  if (rule == NULL)
    return kvc_fail(w->err, KVC_E_UNKNOWN, "dashboard.yaml",
                    "no rule is called \"%.40s\"", name);
  const struct monitor_rule tuned = monitor_rule(w, rule);
  out->has_limit = !tuned.off;
  out->limit = tuned.limit;
  out->below = fires_below(w, rule->id);
  return KVC_E_OK;
}

/* ---- targets
 * ------------------------------------------------------------------------------- */

static kvc_code take_targets(struct monitor_work *w, const struct kvc_book_panel *from,
                             struct kvc_monitor_panel *out)
{
  const struct monitor_text text = {MONITOR_DASHBOARD, 0, NULL};
  const char *because = NULL;
  struct kvc_monitor_target *targets =
      kvc_arena_alloc(w->arena, from->n_targets + 1, sizeof *targets);
  if (targets == NULL) return kvc_arena_full(w->arena, "the dashboard", w->err);
  for (size_t i = 0; i < from->n_targets; i++) {
    const struct kvc_book_target *t = &from->targets[i];
    const char *expr;
    KVC_TRY(monitor_expand(w, &t->exprs, &text, &expr, &because));
    if (expr == NULL) continue;
    targets[out->n_targets++] =
        (struct kvc_monitor_target){.expr = expr, .legend = t->legend, .bars = t->bars};
  }
  out->targets = targets;
  if (out->n_targets == 0) monitor_leave(w, "panel", from->title, because);
  return KVC_E_OK;
}

static kvc_code take_row(struct monitor_work *w, const struct kvc_book_row *from,
                         struct kvc_monitor_row *out)
{
  struct kvc_monitor_panel *panels =
      kvc_arena_alloc(w->arena, from->n_panels + 1, sizeof *panels);
  if (panels == NULL) return kvc_arena_full(w->arena, "the dashboard", w->err);
  *out = (struct kvc_monitor_row){from->title, from->folded, panels, 0};
  for (size_t i = 0; i < from->n_panels; i++) {
    const struct kvc_book_panel *p = &from->panels[i];
    struct kvc_monitor_panel made = {.title = p->title, .about = p->about};
    KVC_TRY(unit_of(w, p->unit, &made.unit));
    KVC_TRY(style_of(w, p->style, &made.style));
    KVC_TRY(threshold(w, p->rule, &made));
    KVC_TRY(take_targets(w, p, &made));
    if (made.n_targets > 0) panels[out->n_panels++] = made;
  }
  return KVC_E_OK;
}

kvc_code monitor_panels(struct monitor_work *w)
{
  const struct kvc_monitor_book *b = w->req->book;
  struct kvc_monitor_row *rows = kvc_arena_alloc(w->arena, b->n_rows + 1, sizeof *rows);
  if (rows == NULL) return kvc_arena_full(w->arena, "the dashboard", w->err);
  for (size_t i = 0; i < b->n_rows; i++) {
    KVC_TRY(take_row(w, &b->rows[i], &rows[w->out->n_rows]));
    if (rows[w->out->n_rows].n_panels > 0) w->out->n_rows++;
  }
  w->out->rows = rows;
  return KVC_E_OK;
}
