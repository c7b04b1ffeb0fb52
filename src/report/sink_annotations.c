/* sink_annotations.c - findings as annotations of GitHub Actions and GitLab CI.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GitHub reads workflow commands, "::warning file=F,line=N,title=T::message"; GitLab
 * reads a Code Quality report, a JSON list.  Both are made from the "findings" of a
 * document; one without findings gives a notice, an empty list.
 */
#include "sinks.h"
#include <string.h>

static const char *text_at(const struct kvc_node *map, const char *key)
{
  const struct kvc_node *node = kvc_node_at(map, key);
  return node != NULL && node->kind == KVC_NODE_TEXT ? node->text : NULL;
}

static double number_at(const struct kvc_node *map, const char *key)
{
  const struct kvc_node *node = kvc_node_at(map, key);
  return node != NULL && node->kind == KVC_NODE_NUM ? node->num : 0;
}

/* The file that a finding is shown at: that of `check`, else the first one read. */
static const char *file_of(const struct kvc_node *root)
{
  const char *where = text_at(root, "where");
  const struct kvc_node *inputs = kvc_node_at(root, "inputs");
  if (where == NULL && inputs != NULL && inputs->first != NULL)
    where = text_at(inputs->first, "where");
  return where != NULL ? where : "kvcap";
}

/* GitHub's own escapes; in a property the separators too. */
static void github_text(struct kvc_buf *out, const char *text, bool property)
{
  for (const char *p = text; *p != '\0'; p++) {
    const unsigned char c = (unsigned char)*p;
    const bool special = property && (c == ':' || c == ',');
    if (c == '%' || c == '\r' || c == '\n' || special)
      kvc_buf_printf(out, "%%%02X", c);
    else if (c < 0x20 || c == 0x7f)
      kvc_buf_puts(out, " ");
    else
      kvc_buf_add(out, p, 1);
  }
}

/* "text; fix" */
static void message(struct kvc_buf *out, const struct kvc_node *finding)
{
  const char *text = text_at(finding, "text"), *fix = text_at(finding, "fix");
  const char *flag = text_at(finding, "flag"), *value = text_at(finding, "value");
  kvc_buf_puts(out, text != NULL ? text : "");
  if (flag != NULL && value != NULL) kvc_buf_printf(out, "; set %s %s", flag, value);
  if (fix != NULL && fix[0] != '\0') kvc_buf_printf(out, "; %s", fix);
}

enum { MAX_MESSAGE = 4096 };

void sink_github(const struct kvc_doc *doc, const struct kvc_style *style,
                 struct kvc_buf *out)
{
  (void)style;
  if (doc->root == NULL) return;
  const struct kvc_node *findings = kvc_node_at(doc->root, "findings");
  const char *verdict = text_at(doc->root, "verdict");
  const struct kvc_node *one = findings != NULL ? findings->first : NULL;
  if (one == NULL) {
    kvc_buf_puts(out, "::notice title=kvcap::");
    github_text(out, verdict != NULL ? verdict : "no findings", false);
    kvc_buf_puts(out, "\n");
  }
  for (; one != NULL; one = one->next) {
    const char *severity = text_at(one, "severity"), *id = text_at(one, "id");
    struct kvc_buf text;
    kvc_buf_init(&text, MAX_MESSAGE);
    message(&text, one);
    const bool hint = severity == NULL || strcmp(severity, "hint") == 0;
    kvc_buf_printf(out, "::%s file=", hint ? "notice" : severity);
    github_text(out, file_of(doc->root), true);
    if (number_at(one, "line") > 0)
      kvc_buf_printf(out, ",line=%.0f", number_at(one, "line"));
    kvc_buf_puts(out, ",title=kvcap ");
    github_text(out, id != NULL ? id : "", true);
    kvc_buf_puts(out, "::");
    github_text(out, text.text != NULL ? text.text : "", false);
    kvc_buf_puts(out, "\n");
    kvc_buf_clear(&text);
  }
}

/* FNV-1a, so that a finding keeps its identity from run to run. */
static unsigned long long fingerprint(const char *id, const char *file, double line)
{
  unsigned long long h = 14695981039346656037ULL;
  for (const char *p = id; *p != '\0'; p++)
    h = (h ^ (unsigned char)*p) * 1099511628211ULL;
  for (const char *p = file; *p != '\0'; p++)
    h = (h ^ (unsigned char)*p) * 1099511628211ULL;
  return (h ^ (unsigned long long)line) * 1099511628211ULL;
}

void sink_gitlab(const struct kvc_doc *doc, const struct kvc_style *style,
                 struct kvc_buf *out)
{
  (void)style;
  if (doc->root == NULL) return;
  const struct kvc_node *findings = kvc_node_at(doc->root, "findings");
  const char *file = file_of(doc->root);
  kvc_buf_puts(out, "[");
  for (const struct kvc_node *one = findings != NULL ? findings->first : NULL;
       one != NULL; one = one->next) {
    const char *severity = text_at(one, "severity"), *id = text_at(one, "id");
    const double line = number_at(one, "line");
    struct kvc_buf text;
    kvc_buf_init(&text, MAX_MESSAGE);
    message(&text, one);
    const bool error = severity != NULL && strcmp(severity, "error") == 0;
    const bool warning = severity != NULL && strcmp(severity, "warning") == 0;
    kvc_buf_puts(out, "\n  {\"description\": ");
    kvc_escape_json(out, text.text != NULL ? text.text : "");
    kvc_buf_puts(out, ", \"check_name\": ");
    kvc_escape_json(out, id != NULL ? id : "");
    kvc_buf_printf(out, ", \"fingerprint\": \"%016llx\", \"severity\": \"%s\",",
                   fingerprint(id != NULL ? id : "", file, line),
                   error     ? "critical"
                   : warning ? "major"
                             : "info");
    kvc_buf_puts(out, "\n   \"location\": {\"path\": ");
    kvc_escape_json(out, file);
    kvc_buf_printf(out, ", \"lines\": {\"begin\": %.0f}}}%s", line > 0 ? line : 1,
                   one->next != NULL ? "," : "\n");
    kvc_buf_clear(&text);
  }
  kvc_buf_puts(out, "]\n");
}
