/* fields.c - values by row, and the JSON Schema of the rows.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fields.h"
#include <math.h>
#include <string.h>

static double number_at(const struct field *row, const char *at)
{
  switch (row->type) {
  case FIELD_NUM:
  case FIELD_WHOLE: {
    double v;
    memcpy(&v, at, sizeof v);
    return v;
  }
  case FIELD_INT: {
    int v;
    memcpy(&v, at, sizeof v);
    return v;
  }
  case FIELD_I64: {
    int64_t v;
    memcpy(&v, at, sizeof v);
    return (double)v;
  }
  case FIELD_SIZE: {
    size_t v;
    memcpy(&v, at, sizeof v);
    return (double)v;
  }
  case FIELD_END:
  case FIELD_TEXT:
  case FIELD_BOOL:
  case FIELD_ANY: break;
  }
  return (double)NAN;
}

void fields_add(struct kvc_doc *doc, struct kvc_node *map, const struct field *rows,
                const void *const bases[FIELD_BASES])
{
  for (const struct field *row = rows; row->type != FIELD_END; row++) {
    if (row->type == FIELD_ANY) continue;
    const char *at = (const char *)bases[row->base] + row->offset;
    if (row->type == FIELD_TEXT) {
      const char *text;
      memcpy(&text, at, sizeof text);
      if (text == NULL && !row->nullable) text = "";
      kvc_node_text(doc, map, row->key, text);
    } else if (row->type == FIELD_BOOL) {
      bool truth;
      memcpy(&truth, at, sizeof truth);
      kvc_node_bool(doc, map, row->key, truth);
    } else {
      kvc_node_num(doc, map, row->key, number_at(row, at), row->unit);
    }
  }
}

struct kvc_node *fields_list(struct kvc_doc *doc, const char *key,
                             const struct field *rows, const void *array, size_t count,
                             size_t stride)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, key, KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++) {
    const void *one = (const char *)array + i * stride;
    fields_add(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), rows,
               (const void *const[FIELD_BASES]){one, one, one});
  }
  return list;
}

/* ---- schema ------------------------------------------------------------------ */

static const char *type_name(enum field_type type)
{
  switch (type) {
  case FIELD_TEXT: return "string";
  case FIELD_BOOL: return "boolean";
  case FIELD_NUM: return "number";
  case FIELD_INT:
  case FIELD_I64:
  case FIELD_SIZE:
  case FIELD_WHOLE: return "integer";
  case FIELD_ANY:
  case FIELD_END: break;
  }
  return "null";
}

/* {"type": T} or {"type": [T, "null"]}, and the description. */
static void add_type(struct kvc_doc *doc, struct kvc_node *into, const char *type,
                     bool nullable, const char *help)
{
  if (nullable) {
    struct kvc_node *list = kvc_node_add(doc, into, "type", KVC_NODE_LIST);
    kvc_node_text(doc, list, NULL, type);
    kvc_node_text(doc, list, NULL, "null");
  } else {
    kvc_node_text(doc, into, "type", type);
  }
  if (help != NULL) kvc_node_text(doc, into, "description", help);
}

static struct kvc_node *find(const struct kvc_node *map, const char *key)
{
  struct kvc_node *n = map != NULL ? map->first : NULL;
  while (n != NULL && (n->key == NULL || strcmp(n->key, key) != 0)) n = n->next;
  return n;
}

/* A child by key, made when it is not there yet. */
static struct kvc_node *child_map(struct kvc_doc *doc, struct kvc_node *map,
                                  const char *key, enum kvc_node_kind kind)
{
  struct kvc_node *child = find(map, key);
  return child != NULL ? child : kvc_node_add(doc, map, key, kind);
}

static void require(struct kvc_doc *doc, struct kvc_node *object, const char *key)
{
  kvc_node_text(doc, child_map(doc, object, "required", KVC_NODE_LIST), NULL, key);
}

static void add_rows(struct kvc_doc *doc, struct kvc_node *object,
                     const struct field *rows)
{
  for (const struct field *row = rows; row->type != FIELD_END; row++) {
    struct kvc_node *props = child_map(doc, object, "properties", KVC_NODE_MAP);
    struct kvc_node *prop = kvc_node_add(doc, props, row->key, KVC_NODE_MAP);
    if (row->type == FIELD_ANY)
      kvc_node_text(doc, prop, "description", row->help);
    else
      add_type(doc, prop, type_name(row->type), row->nullable, row->help);
    require(doc, object, row->key);
  }
}

/* Splits "kv_cache.groups" into the parent's properties and the last word. */
static const char *parent_of(struct kvc_doc *doc, const char *key,
                             struct kvc_node **object)
{
  const char *dot;
  while ((dot = strchr(key, '.')) != NULL) {
    struct kvc_node *props = child_map(doc, *object, "properties", KVC_NODE_MAP);
    const char *word = kvc_arena_strndup(doc->arena, key, (size_t)(dot - key));
    if (word == NULL) {
      doc->full = true;
      return dot + 1;
    }
    *object = child_map(doc, props, word, KVC_NODE_MAP);
    struct kvc_node *items = find(*object, "items");
    if (items != NULL) *object = items;
    key = dot + 1;
  }
  return key;
}

static void add_section(struct kvc_doc *doc, const struct section *section)
{
  struct kvc_node *object = doc->root;
  if (section->shape == SECTION_TOP) {
    add_rows(doc, object, section->rows);
    return;
  }
  const char *key = parent_of(doc, section->key, &object);
  if (!section->optional) require(doc, object, key);
  struct kvc_node *props = child_map(doc, object, "properties", KVC_NODE_MAP);
  struct kvc_node *prop = kvc_node_add(doc, props, key, KVC_NODE_MAP);
  const bool map = section->shape == SECTION_MAP || section->shape == SECTION_DICT;
  add_type(doc, prop, map ? "object" : "array", false, section->help);
  if (section->shape == SECTION_MAP) {
    add_rows(doc, prop, section->rows);
    return;
  }
  struct kvc_node *items =
      kvc_node_add(doc, prop, map ? "additionalProperties" : "items", KVC_NODE_MAP);
  if (section->shape == SECTION_TEXTS || section->shape == SECTION_COUNTS) {
    add_type(doc, items, section->shape == SECTION_TEXTS ? "string" : "integer", false,
             NULL);
    return;
  }
  add_type(doc, items, "object", false, NULL);
  add_rows(doc, items, section->rows);
}

void fields_schema(struct kvc_doc *doc, const struct section *sections, size_t count,
                   const char *title)
{
  kvc_node_text(doc, doc->root, "$schema",
                "https://json-schema.org/draft/2020-12/schema");
  kvc_node_text(doc, doc->root, "title", title);
  kvc_node_text(doc, doc->root, "type", "object");
  for (size_t i = 0; i < count; i++) add_section(doc, &sections[i]);
}
