/* doc.c - building documents: nodes and blocks in an arena.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/report.h>
#include <math.h>
#include <string.h>

void kvc_doc_init(struct kvc_doc *doc, struct kvc_arena *arena)
{
  *doc = (struct kvc_doc){.arena = arena};
  doc->root = kvc_arena_alloc(arena, 1, sizeof *doc->root);
  if (doc->root == NULL) {
    doc->full = true;
    return;
  }
  doc->root->kind = KVC_NODE_MAP;
}

struct kvc_node *kvc_node_add(struct kvc_doc *doc, struct kvc_node *parent,
                              const char *key, enum kvc_node_kind kind)
{
  if (parent == NULL || doc->full) return NULL;
  struct kvc_node *node = kvc_arena_alloc(doc->arena, 1, sizeof *node);
  if (node == NULL) {
    doc->full = true;
    return NULL;
  }
  node->kind = kind;
  node->key = key;
  if (parent->last != NULL)
    parent->last->next = node;
  else
    parent->first = node;
  parent->last = node;
  return node;
}

void kvc_node_num(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                  double value, enum kvc_unit unit)
{
  const enum kvc_node_kind kind = isfinite(value) ? KVC_NODE_NUM : KVC_NODE_NULL;
  struct kvc_node *node = kvc_node_add(doc, parent, key, kind);
  if (node == NULL) return;
  node->num = value;
  node->unit = unit;
}

void kvc_node_text(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                   const char *text)
{
  struct kvc_node *node =
      kvc_node_add(doc, parent, key, text != NULL ? KVC_NODE_TEXT : KVC_NODE_NULL);
  if (node != NULL) node->text = text;
}

void kvc_node_bool(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                   bool truth)
{
  struct kvc_node *node = kvc_node_add(doc, parent, key, KVC_NODE_BOOL);
  if (node != NULL) node->truth = truth;
}

const struct kvc_node *kvc_node_at(const struct kvc_node *node, const char *path)
{
  while (node != NULL && *path != '\0') {
    const size_t len = strcspn(path, ".");
    const struct kvc_node *child = node->first;
    while (child != NULL && (child->key == NULL || strlen(child->key) != len ||
                             strncmp(child->key, path, len) != 0))
      child = child->next;
    node = child;
    path += len;
    if (*path == '.') path++;
  }
  return node;
}

struct kvc_block *kvc_block_add(struct kvc_doc *doc, enum kvc_block_kind kind,
                                const char *label, const char *text, const char *note)
{
  if (doc->full) return NULL;
  struct kvc_block *block = kvc_arena_alloc(doc->arena, 1, sizeof *block);
  if (block == NULL) {
    doc->full = true;
    return NULL;
  }
  block->kind = kind;
  block->label = label;
  block->text = text;
  block->note = note;
  if (doc->last != NULL)
    doc->last->next = block;
  else
    doc->first = block;
  doc->last = block;
  return block;
}

const char *text_checked(struct kvc_doc *doc, const char *text)
{
  if (text == NULL) doc->full = true;
  return text != NULL ? text : "";
}
