/* cite.c - citations.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "nouns.h"
#include <string.h>

struct cite_text {
  const char *title, *publisher, *date, *where, *url;
};

#define C(field) offsetof(struct cite_text, field)
static const struct field cite_rows[] = {
    {.key = "title", .type = FIELD_TEXT, .offset = C(title), .required = true},
    {.key = "publisher", .type = FIELD_TEXT, .offset = C(publisher), .required = true},
    {.key = "date", .type = FIELD_TEXT, .offset = C(date)},
    {.key = "where", .type = FIELD_TEXT, .offset = C(where)},
    {.key = "url", .type = FIELD_TEXT, .offset = C(url)},
    {.key = NULL},
};

kvc_code cite_from_node(const struct reader *r, const struct node *entry,
                        struct kvc_cite *out)
{
  struct cite_text t = {0};
  KVC_TRY(fields_read(r, entry, cite_rows, &t));
  *out = (struct kvc_cite){entry->key, t.title, t.publisher, t.date,
                           t.where != NULL ? t.where : t.url};
  return KVC_E_OK;
}

void cites_walk(const struct node *n, cite_seen *seen, void *ctx)
{
  if (n->key != NULL && n->type == NODE_SCALAR && strcmp(n->key, "cite") == 0)
    seen(ctx, n, n->text);
  if (n->type == NODE_SCALAR) return;
  for (const struct node *c = n->first; c != NULL; c = c->next) cites_walk(c, seen, ctx);
}
