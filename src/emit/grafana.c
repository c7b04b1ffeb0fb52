/* grafana.c - the dashboard as Grafana imports it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cJSON says of every addition whether there was memory for it; one that fails is
 * remembered and the whole is refused.
 */
#include "monitor.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 24, COLUMNS = 2, PANEL_HEIGHT = 8, SCHEMA_VERSION = 39 };

struct grafana {
  const struct kvc_monitor *m;
  bool full; /* something could not be added */
  int id, y; /* the next panel's */
};

/* ---- JSON
 * -------------------------------------------------------------------------------- */

static void text(struct grafana *g, cJSON *map, const char *key, const char *value)
{
  g->full |= cJSON_AddStringToObject(map, key, value) == NULL;
}
static void number(struct grafana *g, cJSON *map, const char *key, double value)
{
  g->full |= cJSON_AddNumberToObject(map, key, value) == NULL;
}
static void truth(struct grafana *g, cJSON *map, const char *key, bool value)
{
  g->full |= cJSON_AddBoolToObject(map, key, value) == NULL;
}
static void null(struct grafana *g, cJSON *map, const char *key)
{
  g->full |= cJSON_AddNullToObject(map, key) == NULL;
}
static cJSON *map_in(struct grafana *g, cJSON *map, const char *key)
{
  cJSON *made = cJSON_AddObjectToObject(map, key);
  g->full |= made == NULL;
  return made;
}
static cJSON *list_in(struct grafana *g, cJSON *map, const char *key)
{
  cJSON *made = cJSON_AddArrayToObject(map, key);
  g->full |= made == NULL;
  return made;
}
static cJSON *entry(struct grafana *g, cJSON *list)
{
  cJSON *made = cJSON_CreateObject();
  if (made != NULL && cJSON_AddItemToArray(list, made)) return made;
  cJSON_Delete(made);
  g->full = true;
  return NULL;
}

static void data_source(struct grafana *g, cJSON *map)
{
  cJSON *source = map_in(g, map, "datasource");
  text(g, source, "type", "prometheus");
  text(g, source, "uid", "${datasource}");
}

static void grid(struct grafana *g, cJSON *panel, int x, int w, int h)
{
  cJSON *pos = map_in(g, panel, "gridPos");
  number(g, pos, "h", h);
  number(g, pos, "w", w);
  number(g, pos, "x", x);
  number(g, pos, "y", g->y);
}

/* ---- panels
 * ------------------------------------------------------------------------------ */

static void thresholds(struct grafana *g, cJSON *defaults,
                       const struct kvc_monitor_panel *p)
{
  cJSON *limits = map_in(g, defaults, "thresholds");
  text(g, limits, "mode", "absolute");
  cJSON *steps = list_in(g, limits, "steps");
  cJSON *base = entry(g, steps);
  text(g, base, "color", p->has_limit && p->below ? "red" : "green");
  null(g, base, "value");
  if (!p->has_limit) return;
  cJSON *step = entry(g, steps);
  text(g, step, "color", p->below ? "green" : "red");
  number(g, step, "value", p->limit);
}

static void curves(struct grafana *g, cJSON *defaults, const struct kvc_monitor_panel *p)
{
  const bool stacked = p->style == KVC_MONITOR_STACKED;
  cJSON *custom = map_in(g, defaults, "custom");
  text(g, custom, "drawStyle", "line");
  number(g, custom, "lineWidth", 1);
  number(g, custom, "fillOpacity", stacked ? 25 : 5);
  text(g, custom, "showPoints", "never");
  cJSON *stacking = map_in(g, custom, "stacking");
  text(g, stacking, "mode", stacked ? "normal" : "none");
  text(g, stacking, "group", "A");
  text(g, map_in(g, custom, "thresholdsStyle"), "mode", p->has_limit ? "dashed" : "off");
}

static void property(struct grafana *g, cJSON *list, const char *id, const char *value)
{
  cJSON *one = entry(g, list);
  text(g, one, "id", id);
  text(g, one, "value", value);
}

/* Bars on the right axis: another quantity than the lines are. */
static void bars(struct grafana *g, cJSON *overrides, const char *ref)
{
  cJSON *one = entry(g, overrides);
  cJSON *matcher = map_in(g, one, "matcher");
  text(g, matcher, "id", "byFrameRefID");
  text(g, matcher, "options", ref);
  cJSON *list = list_in(g, one, "properties");
  property(g, list, "custom.drawStyle", "bars");
  property(g, list, "custom.axisPlacement", "right");
  property(g, list, "unit", "short");
}

static void target(struct grafana *g, cJSON *list, const struct kvc_monitor_target *t,
                   const char *ref, bool table)
{
  cJSON *one = entry(g, list);
  text(g, one, "refId", ref);
  data_source(g, one);
  text(g, one, "expr", t->expr);
  if (t->legend != NULL) text(g, one, "legendFormat", t->legend);
  truth(g, one, "range", !table);
  truth(g, one, "instant", table);
  if (table) text(g, one, "format", "table");
}

static void legends(struct grafana *g, cJSON *panel)
{
  cJSON *options = map_in(g, panel, "options");
  cJSON *legend = map_in(g, options, "legend");
  text(g, legend, "displayMode", "list");
  text(g, legend, "placement", "bottom");
  truth(g, legend, "showLegend", true);
  cJSON *tooltip = map_in(g, options, "tooltip");
  text(g, tooltip, "mode", "multi");
  text(g, tooltip, "sort", "desc");
}

static void panel(struct grafana *g, cJSON *list, const struct kvc_monitor_panel *p,
                  int column)
{
  const bool table = p->style == KVC_MONITOR_TABLE;
  cJSON *one = entry(g, list);
  number(g, one, "id", g->id++);
  text(g, one, "type", table ? "table" : "timeseries");
  text(g, one, "title", p->title);
  if (p->about != NULL) text(g, one, "description", p->about);
  data_source(g, one);
  grid(g, one, column * (WIDTH / COLUMNS), WIDTH / COLUMNS, PANEL_HEIGHT);
  cJSON *config = map_in(g, one, "fieldConfig");
  cJSON *defaults = map_in(g, config, "defaults");
  text(g, defaults, "unit", p->unit);
  number(g, defaults, "min", 0);
  text(g, map_in(g, defaults, "color"), "mode", table ? "thresholds" : "palette-classic");
  thresholds(g, defaults, p);
  if (!table) curves(g, defaults, p);
  cJSON *overrides = list_in(g, config, "overrides");
  if (!table) legends(g, one);
  cJSON *targets = list_in(g, one, "targets");
  for (size_t i = 0; i < p->n_targets; i++) {
    const char ref[2] = {(char)('A' + i % 26), '\0'};
    target(g, targets, &p->targets[i], ref, table);
    if (p->targets[i].bars) bars(g, overrides, ref);
  }
}

/* A folded row holds its panels; those of an open one follow it. */
static void row(struct grafana *g, cJSON *panels, const struct kvc_monitor_row *r)
{
  cJSON *one = entry(g, panels);
  number(g, one, "id", g->id++);
  text(g, one, "type", "row");
  text(g, one, "title", r->title);
  truth(g, one, "collapsed", r->folded);
  grid(g, one, 0, WIDTH, 1);
  cJSON *own = list_in(g, one, "panels");
  g->y++;
  for (size_t i = 0; i < r->n_panels; i++) {
    panel(g, r->folded ? own : panels, &r->panels[i], (int)(i % COLUMNS));
    if (i % COLUMNS == COLUMNS - 1 || i + 1 == r->n_panels) g->y += PANEL_HEIGHT;
  }
}

/* ---- variables
 * ----------------------------------------------------------------------------- */

static void variable_source(struct grafana *g, cJSON *list)
{
  cJSON *one = entry(g, list);
  text(g, one, "name", "datasource");
  text(g, one, "type", "datasource");
  text(g, one, "label", "Data source");
  text(g, one, "query", "prometheus");
}

/* Values of a label; all of them unless picked, which is also true where it is absent. */
static void variable_label(struct grafana *g, cJSON *list, const char *name,
                           const char *label, const char *filter)
{
  char query[400];
  cJSON *one = entry(g, list);
  text(g, one, "name", name);
  text(g, one, "type", "query");
  text(g, one, "label", name);
  data_source(g, one);
  (void)snprintf(query, sizeof query, "label_values(%s%s, %s)", g->m->probe, filter,
                 label);
  text(g, one, "definition", query);
  cJSON *q = map_in(g, one, "query");
  text(g, q, "query", query);
  text(g, q, "refId", name);
  number(g, one, "refresh", 2);
  number(g, one, "sort", 1);
  truth(g, one, "multi", true);
  truth(g, one, "includeAll", true);
  text(g, one, "allValue", ".*");
  cJSON *current = map_in(g, one, "current");
  text(g, current, "text", "All");
  text(g, current, "value", "$__all");
}

static void variable_window(struct grafana *g, cJSON *list)
{
  static const char *const times[] = {"1m", "5m", "15m", "1h"};
  cJSON *one = entry(g, list);
  text(g, one, "name", "window");
  text(g, one, "type", "interval");
  text(g, one, "label", "Rates over");
  text(g, one, "query", "1m,5m,15m,1h");
  cJSON *options = list_in(g, one, "options");
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    cJSON *o = entry(g, options);
    text(g, o, "text", times[i]);
    text(g, o, "value", times[i]);
    truth(g, o, "selected", strcmp(times[i], "5m") == 0);
  }
  cJSON *current = map_in(g, one, "current");
  text(g, current, "text", "5m");
  text(g, current, "value", "5m");
}

/* ---- the whole
 * ------------------------------------------------------------------------------ */

/* Grafana takes an uid of at most 40 characters. */
static void heading(struct grafana *g, cJSON *root)
{
  char uid[41], title[200];
  (void)snprintf(uid, sizeof uid, "kvcap-%s", g->m->job);
  (void)snprintf(title, sizeof title, "vLLM %s (%s)", g->m->job, g->m->version);
  cJSON *tags = list_in(g, root, "tags");
  cJSON *ours = cJSON_CreateString(EMIT_MADE_BY), *vllm = cJSON_CreateString("vllm");
  if (ours == NULL || !cJSON_AddItemToArray(tags, ours)) g->full = true;
  if (vllm == NULL || !cJSON_AddItemToArray(tags, vllm)) g->full = true;
  null(g, root, "id");
  text(g, root, "uid", uid);
  text(g, root, "title", title);
  number(g, root, "schemaVersion", SCHEMA_VERSION);
  number(g, root, "version", 1);
  truth(g, root, "editable", true);
  number(g, root, "graphTooltip", 1);
  text(g, root, "refresh", "10s");
  text(g, root, "timezone", "");
  cJSON *time = map_in(g, root, "time");
  text(g, time, "from", "now-1h");
  text(g, time, "to", "now");
}

static void variables(struct grafana *g, cJSON *root)
{
  cJSON *list = list_in(g, map_in(g, root, "templating"), "list");
  variable_source(g, list);
  variable_label(g, list, "job", "job", "");
  variable_label(g, list, "model", "model_name", "{job=~\"$job\"}");
  if (g->m->has_engine)
    variable_label(g, list, "engine", "engine", "{job=~\"$job\",model_name=~\"$model\"}");
  variable_window(g, list);
}

kvc_code emit_grafana(const struct kvc_monitor *m, struct kvc_buf *out,
                      struct kvc_err *err)
{
  struct grafana g = {.m = m, .id = 1};
  cJSON *root = cJSON_CreateObject();
  heading(&g, root);
  variables(&g, root);
  cJSON *panels = list_in(&g, root, "panels");
  for (size_t i = 0; i < m->n_rows; i++) row(&g, panels, &m->rows[i]);
  char *printed = g.full ? NULL : cJSON_Print(root);
  cJSON_Delete(root);
  if (printed == NULL)
    return kvc_fail(err, KVC_E_LIMIT, "the dashboard", "there is no memory for it");
  kvc_buf_puts(out, printed);
  kvc_buf_puts(out, "\n");
  cJSON_free(printed);
  return KVC_E_OK;
}
