/* alerts.c - recording rules and alerts of one release, and why others are not there.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The tests look this long after the start: once for the window of rates to fill, once
 * more for values that change on the way. */
enum { SETTLE_MIN = 2 * MONITOR_WINDOW_S / 60 };

struct monitor_rule monitor_rule(const struct monitor_work *w,
                                 const struct kvc_rule *rule)
{
  struct monitor_rule out = {
      .rule = rule, .severity = rule->severity, .limit = rule->limit};
  for (size_t i = w->req->n_tunes; i > 0; i--) { /* later ones win */
    const struct kvc_rule_tune *t = &w->req->tunes[i - 1];
    if (!kvc_str_ieq(t->id, rule->id) && !kvc_str_ieq(t->id, rule->slug)) continue;
    if (t->has_severity) out.severity = (enum kvc_severity)t->severity;
    if (t->has_limit) out.limit = t->limit;
    out.off = t->off;
    break;
  }
  return out;
}

/* ---- recording rules
 * -------------------------------------------------------------------- */

static kvc_code add_record(struct monitor_work *w, const struct kvc_book_record *from,
                           const char *each, bool *done)
{
  const struct monitor_text text = {MONITOR_RULES, 0, each};
  struct kvc_monitor_record *r = &w->records[w->out->n_records];
  const struct kvc_metric *metric =
      each != NULL ? kvc_metrics_find(w->req->metrics, each) : NULL;
  const char *because, *expr;
  if (each != NULL && metric == NULL)
    return kvc_fail_at(w->err, KVC_E_UNKNOWN, "alerts.yaml", from->line, 0,
                       "\"%.60s\" is no metric of the catalogue", each);
  KVC_TRY(monitor_expand(w, &from->exprs, &text, &expr, &because));
  if (expr == NULL) return KVC_E_OK;
  r->name = kvc_arena_printf(w->arena, "vllm_server:%s", from->live);
  r->expr = expr;
  r->text = kvc_live_row(kvc_live_find(from->live))->text;
  r->histogram = metric != NULL ? monitor_family(w, metric) : NULL;
  if (r->name == NULL) return kvc_arena_full(w->arena, "the rules", w->err);
  w->out->n_records++;
  *done = true;
  return KVC_E_OK;
}

kvc_code monitor_records(struct monitor_work *w)
{
  const struct kvc_monitor_book *b = w->req->book;
  size_t most = 1;
  for (size_t i = 0; i < b->n_records; i++)
    most += b->records[i].n_each > 0 ? b->records[i].n_each : 1;
  w->out->records = w->records = kvc_arena_alloc(w->arena, most, sizeof *w->records);
  w->recorded = kvc_arena_alloc(w->arena, b->n_records + 1, sizeof *w->recorded);
  if (w->records == NULL || w->recorded == NULL)
    return kvc_arena_full(w->arena, "the rules", w->err);
  for (size_t i = 0; i < b->n_records; i++) {
    const struct kvc_book_record *r = &b->records[i];
    if (kvc_live_find(r->live) == KVC_L_none)
      return kvc_fail_at(w->err, KVC_E_UNKNOWN, "alerts.yaml", r->line, 0,
                         "\"%.60s\" is no figure of a running server", r->live);
    if (!monitor_span_holds(w, &r->span)) continue;
    for (size_t k = 0; k < r->n_each; k++)
      KVC_TRY(add_record(w, r, r->each[k], &w->recorded[i]));
    if (r->n_each == 0) KVC_TRY(add_record(w, r, NULL, &w->recorded[i]));
  }
  return KVC_E_OK;
}

/* ---- texts of an alert
 * -------------------------------------------------------------------- */

/* "ttft-slow" -> "VllmTtftSlow". */
static const char *camel(struct kvc_arena *arena, const char *slug)
{
  char out[80] = "Vllm";
  size_t n = strlen(out);
  bool up = true;
  for (const char *p = slug; *p != '\0' && n + 1 < sizeof out; p++) {
    if (*p != '-') out[n++] = up && *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    up = *p == '-';
  }
  out[n] = '\0';
  return kvc_arena_strdup(arena, out);
}

/* The value and the limit in the unit of the rule: "{{ ... }} of the pool, limit 90 %".
 */
static const char *value_text(struct kvc_arena *arena, const struct monitor_rule *rule,
                              bool limit_is_time)
{
  const char *unit = rule->rule->unit;
  char limit[KVC_NUM_TEXT];
  kvc_num_format(rule->limit, limit);
  if (unit == NULL) return "";
  if (limit_is_time)
    return kvc_arena_printf(
        arena, " Now {{ printf \"%%.3g\" $value }}, for %s s and more.", limit);
  if (strncmp(unit, "of ", 3) == 0) {
    kvc_num_format(100 * rule->limit, limit);
    return kvc_arena_printf(
        arena, " Now {{ $value | humanizePercentage }} %s, the limit is %s%%.", unit,
        limit);
  }
  if (strcmp(unit, "s") == 0)
    return kvc_arena_printf(
        arena, " Now {{ $value | humanizeDuration }}, the limit is %s s.", limit);
  return kvc_arena_printf(
      arena, " Now {{ printf \"%%.3g\" $value }} %s, the limit is %s.", unit, limit);
}

static const char *describe(const struct monitor_work *w, const char *why,
                            const char *fix, const char *value, const char *id)
{
  return kvc_arena_printf(
      w->arena, "%s: %s.%s%s%s%s%s%s", "{{ $labels.instance }}", why, value,
      fix != NULL ? " Do: " : "", fix != NULL ? fix : "", fix != NULL ? "." : "",
      id != NULL ? " More: kvcap explain " : "", id != NULL ? id : "");
}

/* ---- alerts
 * -------------------------------------------------------------------------------- */

static const char *severity_of(const char *word)
{
  return word[0] == 'e' ? "critical" : word[0] == 'w' ? "warning" : "info";
}

/* "5m", "1h", "60s" or "limit", in seconds and as Prometheus writes it. */
static kvc_code hold(const struct monitor_work *w, const char *text, double limit,
                     double *seconds, const char **out)
{
  static const struct {
    char letter;
    double s;
  } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
  double number;
  size_t used;
  if (strcmp(text, "limit") == 0) {
    *seconds = ceil(limit > 0 && limit < 1e6 ? limit : 1);
    *out = kvc_arena_printf(w->arena, "%.0fs", *seconds);
    return *out != NULL ? KVC_E_OK : kvc_arena_full(w->arena, "the rules", w->err);
  }
  if (kvc_num_scan(text, strlen(text), &number, &used) && number >= 0 && number < 1e4)
    for (size_t i = 0; i < 3; i++)
      if (text[used] == units[i].letter && text[used + 1] == '\0') {
        *seconds = number * units[i].s;
        *out = text;
        return KVC_E_OK;
      }
  return kvc_fail(w->err, KVC_E_PARSE, "alerts.yaml",
                  "\"for: %.40s\" is no time such as 5m or 1h", text);
}

/* A test's values that do not follow the limit are of the book's own. */
static bool follows(const struct kvc_book_alert *from)
{
  for (size_t i = 0; i < from->fire.n; i++)
    if (from->fire.inputs[i].how == KVC_BOOK_RAW) return false;
  return true;
}

static kvc_code add_cases(const struct monitor_work *w, const struct kvc_book_alert *from,
                          double limit, struct kvc_monitor_alert *a)
{
  KVC_TRY(monitor_case(w, &from->fire, limit, a->check_min, &a->fire));
  return monitor_case(w, &from->quiet, limit, a->check_min, &a->quiet);
}

static kvc_code add_alert(struct monitor_work *w, const struct kvc_book_alert *from,
                          const struct monitor_rule *rule, const char *expr)
{
  static const char *const words[] = {"hint", "warning", "error"};
  const struct kvc_rule *r = rule->rule;
  struct kvc_monitor_alert *a = &w->alerts[w->out->n_alerts];
  const bool limit_is_time = strcmp(from->hold, "limit") == 0;
  double hold_s = 0;
  KVC_TRY(hold(w, from->hold, rule->limit, &hold_s, &a->hold));
  const char *value = r != NULL ? value_text(w->arena, rule, limit_is_time) : "";
  a->name = camel(w->arena, r != NULL ? r->slug : from->name);
  a->rule = r != NULL ? r->id : NULL;
  a->severity = severity_of(r != NULL ? words[rule->severity] : from->severity);
  a->expr = expr;
  a->summary = r != NULL ? r->title : from->title;
  a->hold_min = (int)ceil(hold_s / 60);
  a->check_min = SETTLE_MIN + a->hold_min;
  if (a->name == NULL || value == NULL)
    return kvc_arena_full(w->arena, "the rules", w->err);
  a->description = r != NULL ? describe(w, r->why, r->fix, value, r->id)
                             : describe(w, from->why, from->fix, value, NULL);
  if (a->description == NULL) return kvc_arena_full(w->arena, "the rules", w->err);
  if (r == NULL || rule->limit == r->limit || follows(from))
    KVC_TRY(add_cases(w, from, rule->limit, a));
  w->out->n_alerts++;
  return KVC_E_OK;
}

static bool rule_holds(const struct monitor_work *w, const struct kvc_rule *r)
{
  struct kvc_version since, until;
  struct kvc_err ignored;
  if (r->since != NULL && kvc_version_parse(r->since, r->id, &since, &ignored) != 0)
    return false;
  if (r->until != NULL && kvc_version_parse(r->until, r->id, &until, &ignored) != 0)
    return false;
  return kvc_version_in(&w->req->version, r->since != NULL ? &since : NULL,
                        r->until != NULL ? &until : NULL);
}

/* "max_num_seqs 33": of no interest below; NULL when it is. */
static kvc_code too_small(const struct monitor_work *w, const char *from,
                          const char **because)
{
  char name[40];
  double least = 0;
  *because = NULL;
  if (from == NULL) return KVC_E_OK;
  const size_t len = strcspn(from, " ");
  (void)snprintf(name, sizeof name, "%.*s", (int)(len < 39 ? len : 39), from);
  KVC_TRY(kvc_num_parse(from + len + strspn(from + len, " "), "alerts.yaml: from", &least,
                        w->err));
  const double is = monitor_setting(w, name);
  if (isnan(is))
    return kvc_fail(w->err, KVC_E_UNKNOWN, "alerts.yaml", "\"%.40s\" is no setting",
                    name);
  if (is > 0 && is < least)
    *because = kvc_arena_printf(w->arena, "it is of interest from %s %g on",
                                monitor_setting_option(name), least);
  return KVC_E_OK;
}

static kvc_code take_alert(struct monitor_work *w, const struct kvc_book_alert *from)
{
  struct monitor_rule rule = {0};
  const char *because = NULL, *expr = NULL;
  if (from->rule != NULL) {
    const struct kvc_rule *r = kvc_rule_find(from->rule);
    if (r == NULL)
      return kvc_fail_at(w->err, KVC_E_UNKNOWN, "alerts.yaml", from->line, 0,
                         "no rule is called \"%.40s\"", from->rule);
    rule = monitor_rule(w, r);
    if (rule.off)
      because = "switched off by the rules file";
    else if (!rule_holds(w, r) || !monitor_span_holds(w, &from->span))
      because = "the rule is about other releases";
    else if (from->multi_turn && !w->req->multi_turn)
      because = "the load is not known to be multi-turn (--multi-turn)";
  }
  if (because == NULL) KVC_TRY(too_small(w, from->from, &because));
  const struct monitor_text text = {MONITOR_RULES, rule.limit, NULL};
  if (because == NULL) KVC_TRY(monitor_expand(w, &from->exprs, &text, &expr, &because));
  if (expr != NULL) return add_alert(w, from, &rule, expr);
  monitor_leave(w, from->rule != NULL ? from->rule : from->name,
                rule.rule != NULL ? rule.rule->title : from->title, because);
  return KVC_E_OK;
}

kvc_code monitor_alerts(struct monitor_work *w)
{
  const struct kvc_monitor_book *b = w->req->book;
  w->alerts = kvc_arena_alloc(w->arena, b->n_alerts + 1, sizeof *w->alerts);
  w->out->alerts = w->alerts;
  if (w->alerts == NULL) return kvc_arena_full(w->arena, "the rules", w->err);
  for (size_t i = 0; i < b->n_alerts; i++) KVC_TRY(take_alert(w, &b->alerts[i]));
  for (size_t i = 0; i < b->n_reasons; i++) {
    const struct kvc_rule *r = kvc_rule_find(b->reasons[i].rule);
    if (r == NULL)
      return kvc_fail(w->err, KVC_E_UNKNOWN, "alerts.yaml", "no rule is called \"%.40s\"",
                      b->reasons[i].rule);
    monitor_leave(w, r->id, r->title, b->reasons[i].because);
  }
  return KVC_E_OK;
}
