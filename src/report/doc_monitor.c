/* doc_monitor.c - files, alerts and what was left out, as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/watched.h>
#include <string.h>

static void add_files(struct kvc_doc *doc, const char *dir)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "files", KVC_NODE_LIST);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      dir != NULL ? "Written" : "Files (--out DIR writes them)", NULL);
  for (int i = 0; i < KVC_MONITOR_FILES; i++) {
    const struct kvc_monitor_file_row *row = kvc_monitor_file((enum kvc_monitor_file)i);
    const char *slash =
        dir != NULL && dir[0] != '\0' && dir[strlen(dir) - 1] == '/' ? "" : "/";
    const char *path =
        dir != NULL ? TEXT(doc, "%s%s%s", dir, slash, row->name) : row->name;
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "word", row->word);
    kvc_node_text(doc, one, "name", row->name);
    kvc_node_text(doc, one, "path", dir != NULL ? path : NULL);
    kvc_node_text(doc, one, "meaning", row->text);
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, row->word, path, row->text);
  }
}

static size_t count_panels(const struct kvc_monitor *m)
{
  size_t n = 0;
  for (size_t i = 0; i < m->n_rows; i++) n += m->rows[i].n_panels;
  return n;
}

static void add_alerts(struct kvc_doc *doc, const struct kvc_monitor *m)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "alerts", KVC_NODE_LIST);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Alerts", NULL);
  for (size_t i = 0; i < m->n_alerts; i++) {
    const struct kvc_monitor_alert *a = &m->alerts[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "name", a->name);
    kvc_node_text(doc, one, "rule", a->rule);
    kvc_node_text(doc, one, "severity", a->severity);
    kvc_node_text(doc, one, "for", a->hold);
    kvc_node_text(doc, one, "expr", a->expr);
    kvc_node_bool(doc, one, "tested", a->fire.n > 0);
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, a->rule != NULL ? a->rule : "-",
                        TEXT(doc, "%s, %s, for %s", a->summary, a->severity, a->hold),
                        NULL);
  }
}

/* Alike reasons stand together: "HST002, HST003: it is said in the log only". */
static void add_left(struct kvc_doc *doc, const struct kvc_monitor *m)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "left_out", KVC_NODE_LIST);
  if (m->n_left > 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Left out", NULL);
  for (size_t i = 0; i < m->n_left; i++) {
    const struct kvc_monitor_left *l = &m->left[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "what", l->what);
    kvc_node_text(doc, one, "title", l->title);
    kvc_node_text(doc, one, "because", l->because);
    const char *names = "";
    bool first = true;
    for (size_t k = 0; k < i && first; k++)
      first = strcmp(m->left[k].because, l->because) != 0;
    for (size_t k = i; k < m->n_left && first; k++) {
      const struct kvc_monitor_left *other = &m->left[k];
      const bool panel = strcmp(other->what, "panel") == 0;
      if (strcmp(other->because, l->because) == 0)
        names = TEXT(doc, "%s%s%s%s%s", names, names[0] != '\0' ? ", " : "",
                     panel ? "panel \"" : "", panel ? other->title : other->what,
                     panel ? "\"" : "");
    }
    if (first)
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                          TEXT(doc, "%s: %s", names, l->because), NULL);
  }
}

kvc_code kvc_doc_monitor(struct kvc_doc *doc, const struct kvc_monitor *m,
                         const char *dir, struct kvc_err *err)
{
  kvc_node_num(doc, doc->root, "schema", 1, KVC_U_NONE);
  kvc_node_text(doc, doc->root, "vllm_version", m->version);
  kvc_node_text(doc, doc->root, "version_note", m->note);
  kvc_node_text(doc, doc->root, "engine", m->generation);
  kvc_node_text(doc, doc->root, "job", m->job);
  kvc_node_text(doc, doc->root, "scrape_interval", m->interval);
  struct kvc_node *targets = kvc_node_add(doc, doc->root, "targets", KVC_NODE_LIST);
  for (size_t i = 0; i < m->n_targets; i++)
    kvc_node_text(doc, targets, NULL, m->targets[i]);
  (void)kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL,
      TEXT(doc, "%s, vLLM %s (%s): %zu alerts, %zu recording rules, %zu panels", m->job,
           m->version, m->generation, m->n_alerts, m->n_records, count_panels(m)),
      NULL);
  if (m->note != NULL) (void)kvc_block_add(doc, KVC_BLOCK_PARA, "release", m->note, NULL);
  add_files(doc, dir);
  kvc_node_num(doc, doc->root, "records", (double)m->n_records, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "panels", (double)count_panels(m), KVC_U_NONE);
  add_alerts(doc, m);
  add_left(doc, m);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
