/* monitor_book.c - alerts.yaml and dashboard.yaml, read strictly.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor_room.h"
#include <assert.h>
#include <string.h>

enum { MAX_ROWS = 1000 };

/* ---- what the rows share --------------------------------------------------------- */

static kvc_code list_of(const struct reader *r, const struct node *map, const char *key,
                        const struct node **out)
{
  const struct node *n = profile_node_get(map, key);
  if (n == NULL || n->type != NODE_SEQ)
    return reader_fail(r, n != NULL ? n : map, KVC_E_PARSE, "\"%s\" must be a list", key);
  if (n->count > MAX_ROWS)
    return reader_fail(r, n, KVC_E_LIMIT, "\"%s\" has more than %d entries", key,
                       MAX_ROWS);
  *out = n;
  return KVC_E_OK;
}

/* Room for the entries of a list; never of none, so that NULL means a full arena. */
static void *room_for(const struct reader *r, const struct node *list, size_t size)
{
  assert(list != NULL); /* list_of found it */
  return kvc_arena_alloc(r->arena, list->count + 1, size);
}

/* since, until and engine; all may be left out. */
static kvc_code book_span_read(const struct reader *r, const struct node *row,
                               const struct kvc_engine *e, struct kvc_book_span *out)
{
  KVC_TRY(kind_read(r, row, &out->engine));
  if (profile_node_get(row, "since") == NULL) {
    const struct node *until = profile_node_get(row, "until");
    if (until != NULL)
      return reader_fail(r, until, KVC_E_PARSE, "\"until\" stands without \"since\"");
    return KVC_E_OK;
  }
  struct span span;
  KVC_TRY(span_read(r, row, e, &span));
  out->has_since = true;
  out->since = span.since;
  out->has_until = !span.open;
  if (out->has_until) out->until = span.until;
  return KVC_E_OK;
}

static kvc_code exprs_read(const struct reader *r, const struct node *row,
                           struct kvc_book_exprs *out)
{
  const struct node *n = profile_node_get(row, "expr");
  assert(n != NULL); /* a required row */
  KVC_TRY(list_read(r, n, &out->texts, &out->n));
  if (out->n == 0) return reader_fail(r, n, KVC_E_PARSE, "\"expr\" must not be empty");
  return KVC_E_OK;
}

/* ---- labels ------------------------------------------------------------------------ */

struct label_text {
  const char *name;
};
static const struct field label_rows[] = {
    {.key = "name",
     .type = FIELD_TEXT,
     .offset = offsetof(struct label_text, name),
     .required = true},
    {.key = "since", .type = FIELD_CUSTOM},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = NULL},
};
static const struct field lack_rows[] = {
    {.key = "metric",
     .type = FIELD_TEXT,
     .offset = offsetof(struct label_text, name),
     .required = true},
    {.key = "labels", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

static kvc_code labels_read(const struct reader *r, const struct node *root,
                            const struct kvc_engine *e, struct kvc_monitor_book *out)
{
  const struct node *list = NULL;
  KVC_TRY(list_of(r, root, "labels", &list));
  struct kvc_book_label *labels = room_for(r, list, sizeof *labels);
  if (labels == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct label_text t = {0};
    KVC_TRY(fields_read(r, n, label_rows, &t));
    labels[out->n_labels].name = t.name;
    KVC_TRY(book_span_read(r, n, e, &labels[out->n_labels++].span));
  }
  out->labels = labels;
  KVC_TRY(list_of(r, root, "lacks", &list));
  struct kvc_book_lack *lacks = room_for(r, list, sizeof *lacks);
  if (lacks == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct label_text t = {0};
    struct kvc_book_lack *lack = &lacks[out->n_lacks++];
    KVC_TRY(fields_read(r, n, lack_rows, &t));
    lack->metric = t.name;
    KVC_TRY(list_read(r, profile_node_get(n, "labels"), &lack->labels, &lack->n_labels));
  }
  out->lacks = lacks;
  return KVC_E_OK;
}

/* ---- records ----------------------------------------------------------------------- */

#define R(field) offsetof(struct kvc_book_record, field)
static const struct field record_rows[] = {
    {.key = "live", .type = FIELD_TEXT, .offset = R(live), .required = true},
    {.key = "expr", .type = FIELD_CUSTOM, .required = true},
    {.key = "each", .type = FIELD_CUSTOM},
    {.key = "since", .type = FIELD_CUSTOM},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = NULL},
};

static kvc_code records_read(const struct reader *r, const struct node *root,
                             const struct kvc_engine *e, struct kvc_monitor_book *out)
{
  const struct node *list = NULL;
  KVC_TRY(list_of(r, root, "records", &list));
  struct kvc_book_record *records = room_for(r, list, sizeof *records);
  if (records == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct kvc_book_record *record = &records[out->n_records++];
    const struct node *each = profile_node_get(n, "each");
    KVC_TRY(fields_read(r, n, record_rows, record));
    KVC_TRY(exprs_read(r, n, &record->exprs));
    KVC_TRY(book_span_read(r, n, e, &record->span));
    if (each != NULL) KVC_TRY(list_read(r, each, &record->each, &record->n_each));
    record->line = n->line;
  }
  out->records = records;
  return KVC_E_OK;
}

/* ---- alerts --------------------------------------------------------------------------
 */

#define I(field) offsetof(struct kvc_book_input, field)
static const struct field input_rows[] = {
    {.key = "metric", .type = FIELD_TEXT, .offset = I(metric), .required = true},
    {.key = "labels", .type = FIELD_TEXT, .offset = I(labels)},
    {.key = "engine", .type = FIELD_TEXT, .offset = I(engine)},
    {.key = "at", .type = FIELD_CUSTOM},
    {.key = "grow", .type = FIELD_CUSTOM},
    {.key = "seen", .type = FIELD_CUSTOM},
    {.key = "raw", .type = FIELD_CUSTOM},
    {.key = NULL},
};

static kvc_code input_read(const struct reader *r, const struct node *n,
                           struct kvc_book_input *out)
{
  static const char *const hows[] = {"at", "grow", "seen", "raw"};
  size_t said = 0;
  KVC_TRY(fields_read(r, n, input_rows, out));
  for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
    const struct node *value = profile_node_get(n, hows[i]);
    if (value == NULL) continue;
    if (value->type != NODE_SCALAR && i != KVC_BOOK_SEEN)
      return reader_fail(r, value, KVC_E_PARSE, "\"%s\" must be one value", hows[i]);
    KVC_TRY(list_read(r, value, &out->values, &out->n_values));
    out->how = (enum kvc_book_observe)i;
    said++;
  }
  if (said != 1 || out->n_values == 0)
    return reader_fail(r, n, KVC_E_PARSE, "one of at, grow, seen and raw is needed");
  return KVC_E_OK;
}

static kvc_code case_read(const struct reader *r, const struct node *alert,
                          const char *key, struct kvc_book_case *out)
{
  const struct node *list = NULL;
  KVC_TRY(list_of(r, alert, key, &list));
  assert(list != NULL);
  if (list->count == 0)
    return reader_fail(r, list, KVC_E_PARSE, "\"%s\" must not be empty", key);
  struct kvc_book_input *inputs = room_for(r, list, sizeof *inputs);
  if (inputs == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next)
    KVC_TRY(input_read(r, n, &inputs[out->n++]));
  out->inputs = inputs;
  return KVC_E_OK;
}

#define A(field) offsetof(struct kvc_book_alert, field)
static const struct field alert_rows[] = {
    {.key = "rule", .type = FIELD_TEXT, .offset = A(rule)},
    {.key = "name", .type = FIELD_TEXT, .offset = A(name)},
    {.key = "severity", .type = FIELD_TEXT, .offset = A(severity)},
    {.key = "title", .type = FIELD_TEXT, .offset = A(title)},
    {.key = "why", .type = FIELD_TEXT, .offset = A(why)},
    {.key = "fix", .type = FIELD_TEXT, .offset = A(fix)},
    {.key = "for", .type = FIELD_TEXT, .offset = A(hold), .required = true},
    {.key = "from", .type = FIELD_TEXT, .offset = A(from)},
    {.key = "multi_turn", .type = FIELD_BOOL, .offset = A(multi_turn)},
    {.key = "expr", .type = FIELD_CUSTOM, .required = true},
    {.key = "since", .type = FIELD_CUSTOM},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = "fire", .type = FIELD_CUSTOM, .required = true},
    {.key = "quiet", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

static kvc_code alert_read(const struct reader *r, const struct node *n,
                           const struct kvc_engine *e, struct kvc_book_alert *out)
{
  KVC_TRY(fields_read(r, n, alert_rows, out));
  const bool own = out->name != NULL && out->severity != NULL && out->title != NULL &&
                   out->why != NULL && out->fix != NULL;
  const bool any = out->name != NULL || out->severity != NULL || out->title != NULL ||
                   out->why != NULL || out->fix != NULL;
  if (out->rule != NULL ? any : !own)
    return reader_fail(r, n, KVC_E_PARSE,
                       "an alert is of a \"rule\", or has name, severity, title, why and "
                       "fix of its own");
  KVC_TRY(exprs_read(r, n, &out->exprs));
  KVC_TRY(book_span_read(r, n, e, &out->span));
  KVC_TRY(case_read(r, n, "fire", &out->fire));
  KVC_TRY(case_read(r, n, "quiet", &out->quiet));
  out->line = n->line;
  return KVC_E_OK;
}

#define B(field) offsetof(struct kvc_book_reason, field)
static const struct field reason_rows[] = {
    {.key = "rule", .type = FIELD_TEXT, .offset = B(rule), .required = true},
    {.key = "because", .type = FIELD_TEXT, .offset = B(because), .required = true},
    {.key = NULL},
};
static const struct field file_rows[] = {
    {.key = "labels", .type = FIELD_CUSTOM, .required = true},
    {.key = "lacks", .type = FIELD_CUSTOM, .required = true},
    {.key = "records", .type = FIELD_CUSTOM, .required = true},
    {.key = "alerts", .type = FIELD_CUSTOM, .required = true},
    {.key = "not_alerts", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

kvc_code alerts_from_node(const struct reader *r, const struct node *root,
                          const struct kvc_engine *e, struct kvc_monitor_book *out)
{
  const struct node *list = NULL;
  char none;
  KVC_TRY(fields_read(r, root, file_rows, &none));
  KVC_TRY(labels_read(r, root, e, out));
  KVC_TRY(records_read(r, root, e, out));
  KVC_TRY(list_of(r, root, "alerts", &list));
  struct kvc_book_alert *alerts = room_for(r, list, sizeof *alerts);
  if (alerts == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next)
    KVC_TRY(alert_read(r, n, e, &alerts[out->n_alerts++]));
  out->alerts = alerts;
  KVC_TRY(list_of(r, root, "not_alerts", &list));
  struct kvc_book_reason *reasons = room_for(r, list, sizeof *reasons);
  if (reasons == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next)
    KVC_TRY(fields_read(r, n, reason_rows, &reasons[out->n_reasons++]));
  out->reasons = reasons;
  return KVC_E_OK;
}

/* ---- the dashboard -------------------------------------------------------------------
 */

#define T(field) offsetof(struct kvc_book_target, field)
static const struct field target_rows[] = {
    {.key = "legend", .type = FIELD_TEXT, .offset = T(legend)},
    {.key = "expr", .type = FIELD_CUSTOM, .required = true},
    {.key = "bars", .type = FIELD_BOOL, .offset = T(bars)},
    {.key = NULL},
};
#define P(field) offsetof(struct kvc_book_panel, field)
static const struct field panel_rows[] = {
    {.key = "title", .type = FIELD_TEXT, .offset = P(title), .required = true},
    {.key = "about", .type = FIELD_TEXT, .offset = P(about)},
    {.key = "unit", .type = FIELD_TEXT, .offset = P(unit), .required = true},
    {.key = "style", .type = FIELD_TEXT, .offset = P(style)},
    {.key = "rule", .type = FIELD_TEXT, .offset = P(rule)},
    {.key = "targets", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};
#define W(field) offsetof(struct kvc_book_row, field)
static const struct field row_rows[] = {
    {.key = "title", .type = FIELD_TEXT, .offset = W(title), .required = true},
    {.key = "folded", .type = FIELD_BOOL, .offset = W(folded)},
    {.key = "panels", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};
static const struct field dashboard_rows[] = {
    {.key = "rows", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

static kvc_code panel_read(const struct reader *r, const struct node *n,
                           struct kvc_book_panel *out)
{
  const struct node *list = NULL;
  KVC_TRY(fields_read(r, n, panel_rows, out));
  KVC_TRY(list_of(r, n, "targets", &list));
  struct kvc_book_target *targets = room_for(r, list, sizeof *targets);
  if (targets == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *one = list->first; one != NULL; one = one->next) {
    struct kvc_book_target *target = &targets[out->n_targets++];
    KVC_TRY(fields_read(r, one, target_rows, target));
    KVC_TRY(exprs_read(r, one, &target->exprs));
  }
  out->targets = targets;
  return KVC_E_OK;
}

kvc_code dashboard_from_node(const struct reader *r, const struct node *root,
                             struct kvc_monitor_book *out)
{
  const struct node *list = NULL, *panels = NULL;
  char none;
  KVC_TRY(fields_read(r, root, dashboard_rows, &none));
  KVC_TRY(list_of(r, root, "rows", &list));
  struct kvc_book_row *rows = room_for(r, list, sizeof *rows);
  if (rows == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct kvc_book_row *row = &rows[out->n_rows++];
    KVC_TRY(fields_read(r, n, row_rows, row));
    KVC_TRY(list_of(r, n, "panels", &panels));
    struct kvc_book_panel *made = room_for(r, panels, sizeof *made);
    if (made == NULL) return kvc_arena_full(r->arena, r->file, r->err);
    for (const struct node *p = panels->first; p != NULL; p = p->next)
      KVC_TRY(panel_read(r, p, &made[row->n_panels++]));
    row->panels = made;
  }
  out->rows = rows;
  return KVC_E_OK;
}

kvc_code kvc_monitor_book_read(struct kvc_arena *arena, const struct kvc_engine *engine,
                               const char *alerts, const char *dashboard,
                               struct kvc_monitor_book *out, struct kvc_err *err)
{
  struct kvc_monitor_book book = {0};
  struct node *root;
  const struct reader a = {arena, "alerts.yaml", err}, d = {arena, "dashboard.yaml", err};
  KVC_TRY(profile_parse(arena, alerts, strlen(alerts), a.file, &root, err));
  KVC_TRY(alerts_from_node(&a, root, engine, &book));
  KVC_TRY(profile_parse(arena, dashboard, strlen(dashboard), d.file, &root, err));
  KVC_TRY(dashboard_from_node(&d, root, &book));
  *out = book;
  return KVC_E_OK;
}
