/* plan_schema.c - the JSON Schema of a plan file, from the rows that read it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "plan.h"
#include <kvcap/plan_file.h>

static void types(struct kvc_doc *doc, struct kvc_node *at, const char *first,
                  const char *second)
{
  if (second == NULL) {
    kvc_node_text(doc, at, "type", first);
    return;
  }
  struct kvc_node *list = kvc_node_add(doc, at, "type", KVC_NODE_LIST);
  kvc_node_text(doc, list, NULL, first);
  kvc_node_text(doc, list, NULL, second);
}

static void items(struct kvc_doc *doc, struct kvc_node *at, const char *type)
{
  kvc_node_text(doc, kvc_node_add(doc, at, "items", KVC_NODE_MAP), "type", type);
}

static void object(struct kvc_doc *doc, struct kvc_node *at, enum kvc_plan_table table);

static void property(struct kvc_doc *doc, struct kvc_node *at,
                     const struct kvc_plan_key *key)
{
  switch (key->kind) {
  case KVC_PLAN_KEY_TEXT: types(doc, at, "string", "number"); break; /* 0.19 is both */
  case KVC_PLAN_KEY_WHOLE: types(doc, at, "integer", NULL); break;
  case KVC_PLAN_KEY_NUMBER: types(doc, at, "number", NULL); break;
  case KVC_PLAN_KEY_TRUTH: types(doc, at, "boolean", NULL); break;
  case KVC_PLAN_KEY_TEXTS:
    types(doc, at, "array", NULL);
    items(doc, at, "string");
    break;
  case KVC_PLAN_KEY_WHOLES:
    types(doc, at, "integer", "array");
    items(doc, at, "integer");
    break;
  case KVC_PLAN_KEY_LIMITS: types(doc, at, "string", "object"); break;
  case KVC_PLAN_KEY_FLAGS: types(doc, at, "object", NULL); break;
  case KVC_PLAN_KEY_HARDWARE:
  case KVC_PLAN_KEY_GROWTH:
    types(doc, at, "array", NULL);
    object(doc, kvc_node_add(doc, at, "items", KVC_NODE_MAP),
           key->kind == KVC_PLAN_KEY_HARDWARE ? KVC_PLAN_TABLE_HARDWARE
                                              : KVC_PLAN_TABLE_GROWTH);
    break;
  }
  kvc_node_text(doc, at, "description", key->help);
}

static void object(struct kvc_doc *doc, struct kvc_node *at, enum kvc_plan_table table)
{
  struct kvc_plan_key key;
  if (table != KVC_PLAN_TABLE_FILE) types(doc, at, "object", NULL);
  struct kvc_node *all = kvc_node_add(doc, at, "properties", KVC_NODE_MAP);
  for (size_t i = 0; kvc_plan_file_key(table, i, &key); i++)
    property(doc, kvc_node_add(doc, all, key.key, KVC_NODE_MAP), &key);
  struct kvc_node *required = NULL;
  for (size_t i = 0; kvc_plan_file_key(table, i, &key); i++) {
    if (!key.required) continue;
    if (required == NULL) required = kvc_node_add(doc, at, "required", KVC_NODE_LIST);
    kvc_node_text(doc, required, NULL, key.key);
  }
  kvc_node_bool(doc, at, "additionalProperties", false);
}

kvc_code plan_file_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  kvc_node_text(doc, doc->root, "$schema",
                "https://json-schema.org/draft/2020-12/schema");
  kvc_node_text(doc, doc->root, "title", "a plan file of kvcap plan");
  kvc_node_text(doc, doc->root, "type", "object");
  object(doc, doc->root, KVC_PLAN_TABLE_FILE);
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
