/* doc_metric.c - a metric of the catalogue as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "explain.h"
#include "text.h"
#include <string.h>

static const char *const types[] = {[KVC_METRIC_UNTYPED] = "untyped",
                                    [KVC_METRIC_COUNTER] = "counter",
                                    [KVC_METRIC_GAUGE] = "gauge",
                                    [KVC_METRIC_HISTOGRAM] = "histogram",
                                    [KVC_METRIC_INFO] = "info"};

static const char *version_text(struct kvc_doc *doc, const struct kvc_version *version)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(version, text);
  return TEXT(doc, "%s", text);
}

/* A unit as people say it. */
static const char *unit_text(const char *unit)
{
  return strcmp(unit, "1") == 0 ? "fraction, 0 to 1" : unit;
}

void explain_source(struct kvc_doc *doc, struct kvc_db *db, const char *key)
{
  const struct kvc_cite *cite = key != NULL ? kvc_db_cite(db, key) : NULL;
  const char *title = cite != NULL ? cite->title : NULL;
  kvc_node_text(doc, doc->root, "cite", key);
  kvc_node_text(doc, doc->root, "source", title);
  if (key == NULL) return;
  const bool more = cite != NULL && cite->where != NULL;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Source", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                      TEXT(doc, "%s: %s%s%s", key, title != NULL ? title : "",
                           more ? ", " : "", more ? cite->where : ""),
                      NULL);
}

/* ---- names by release ----------------------------------------------------------- */

/* The newest release before 'until'. */
static const struct kvc_version *last_before(const struct kvc_engine *engine,
                                             const struct kvc_version *until)
{
  const struct kvc_version *last = NULL;
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++) {
    const struct kvc_version *v = &kvc_engine_release(engine, i)->version;
    if (kvc_version_cmp(v, until) < 0) last = v;
  }
  return last;
}

static const char *generation(const struct kvc_metric_name *name)
{
  return name->engine == KVC_ENGINE_V0   ? "V0"
         : name->engine == KVC_ENGINE_V1 ? "V1"
                                         : "both";
}

static void add_name(struct kvc_doc *doc, struct kvc_node *list,
                     const struct kvc_engine *engine, const struct kvc_metric *metric,
                     const struct kvc_metric_name *name)
{
  const struct kvc_version *last =
      name->has_until ? last_before(engine, &name->until) : NULL;
  const char *since = version_text(doc, &name->since);
  const char *until = last != NULL ? version_text(doc, last) : NULL;
  const char *unit = name->unit != NULL ? name->unit : metric->unit;
  const char *type = types[name->type];
  struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
  kvc_node_text(doc, one, "name", name->name);
  kvc_node_text(doc, one, "engine", generation(name));
  kvc_node_text(doc, one, "since", since);
  kvc_node_text(doc, one, "last", until);
  kvc_node_text(doc, one, "type", type);
  kvc_node_text(doc, one, "unit", unit);
  kvc_node_text(doc, one, "note", name->note);
  kvc_node_text(doc, one, "cite", name->cite);
  const bool one_release = until != NULL && strcmp(since, until) == 0;
  if (kvc_version_cmp(&name->since, &kvc_engine_release(engine, 0)->version) == 0)
    since = TEXT(doc, "%s or earlier", since);
  const char *span = until == NULL ? TEXT(doc, "from %s", since)
                     : one_release ? since
                                   : TEXT(doc, "%s to %s", since, until);
  /* The note says the unit where it matters. */
  const bool other_unit = name->unit != NULL && strcmp(unit, metric->unit) != 0 &&
                          (name->note == NULL || strstr(name->note, unit) == NULL);
  const char *note =
      TEXT(doc, "%s%s%s%s%s%s%s", span, name->type != metric->type ? "; a " : "",
           name->type != metric->type ? type : "", other_unit ? "; in " : "",
           other_unit ? unit : "", name->note != NULL ? "; " : "",
           name->note != NULL ? name->note : "");
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, generation(name), name->name, note);
}

/* ---- reading it ------------------------------------------------------------------- */

/* The name to ask for: of the newest release that shows the metric unasked. */
static const struct kvc_metric_name *newest_name(const struct kvc_engine *engine,
                                                 const struct kvc_metric *metric)
{
  const struct kvc_metric_name *hidden = NULL;
  for (size_t i = kvc_engine_release_count(engine); i-- > 0;) {
    const struct kvc_version *v = &kvc_engine_release(engine, i)->version;
    const struct kvc_metric_name *name = kvc_metrics_name(metric, v, KVC_ENGINE_AUTO);
    if (name == NULL) continue;
    if (name->note == NULL || strstr(name->note, "hidden") == NULL) return name;
    if (hidden == NULL) hidden = name;
  }
  return hidden != NULL ? hidden : &metric->names[metric->n_names - 1];
}

/* Counters end in _total on the page, but for a few that the sample shows without. */
static const char *page_name(struct kvc_doc *doc, const struct kvc_metric *metric,
                             const struct kvc_metric_name *name)
{
  const bool total = name->type == KVC_METRIC_COUNTER && metric->sample != NULL &&
                     strstr(metric->sample, "_total") != NULL;
  return total ? TEXT(doc, "%s_total", name->name) : name->name;
}

static void add_queries(struct kvc_doc *doc, const struct kvc_metric *metric,
                        const struct kvc_metric_name *name)
{
  const char *base = page_name(doc, metric, name), *query = base, *mean = NULL;
  if (name->type == KVC_METRIC_HISTOGRAM) {
    query =
        TEXT(doc, "histogram_quantile(0.95, sum by (le) (rate(%s_bucket[5m])))", base);
    mean = TEXT(doc, "sum(rate(%s_sum[5m])) / sum(rate(%s_count[5m]))", base, base);
  } else if (name->type == KVC_METRIC_COUNTER) {
    query = TEXT(doc, "rate(%s[5m])", base);
  }
  kvc_node_text(doc, doc->root, "promql", query);
  kvc_node_text(doc, doc->root, "promql_mean", mean);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "PromQL", NULL);
  if (mean != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, TEXT(doc, "# 95th percentile"), NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, query, NULL);
  if (mean == NULL) return;
  (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, TEXT(doc, "# mean"), NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, mean, NULL);
}

/* The terms that speak of it. */
static void add_terms(struct kvc_doc *doc, const struct kvc_book *book,
                      const struct kvc_metric *metric)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "terms", KVC_NODE_LIST);
  const char *line = "";
  for (size_t i = 0; i < kvc_terms_count(book->terms); i++) {
    const struct kvc_term *term = kvc_terms_at(book->terms, i);
    bool speaks = false;
    for (size_t k = 0; k < term->n_see; k++)
      speaks = speaks || strcmp(term->see[k], metric->key) == 0;
    if (!speaks) continue;
    kvc_node_text(doc, list, NULL, term->name);
    line = TEXT(doc, "%s%s%s", line, line[0] != '\0' ? ", " : "", term->name);
  }
  if (line[0] == '\0') return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "See also", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "terms:", line, NULL);
}

kvc_code kvc_doc_metric(struct kvc_doc *doc, const struct kvc_book *book,
                        const struct kvc_metric *metric, struct kvc_err *err)
{
  const struct kvc_metric_name *newest = newest_name(book->engine, metric);
  const char *const fields[][2] = {
      {"key", metric->key},          {"name", page_name(doc, metric, newest)},
      {"type", types[metric->type]}, {"unit", metric->unit},
      {"group", metric->group},      {"help", metric->help},
      {"healthy", metric->healthy},  {"sample", metric->sample}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    kvc_node_text(doc, doc->root, fields[i][0], fields[i][1]);
  (void)kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL,
      TEXT(doc, "%s (%s): %s", metric->key, types[metric->type], metric->help), NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "unit", unit_text(metric->unit), NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "group", metric->group, NULL);
  if (metric->healthy != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, "watch", metric->healthy, NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Exported as", NULL);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "names", KVC_NODE_LIST);
  for (size_t i = 0; i < metric->n_names; i++)
    add_name(doc, list, book->engine, metric, &metric->names[i]);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "As a server prints it", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, metric->sample, NULL);
  add_queries(doc, metric, newest);
  add_terms(doc, book, metric);
  explain_source(doc, book->db, newest->cite);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
