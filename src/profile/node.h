/* node.h - a YAML text as a tree with positions; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Only what a fact file needs passes: one document, mappings with text keys,
 * sequences and scalars.  Anchors, aliases, tags, directives, duplicate keys,
 * control characters and invalid UTF-8 are refused.  Scalars stay text: what they
 * mean is decided by the field that reads them (field.h).
 *
 * Ownership: nodes and their texts live in the arena given to the parser, or point
 * into the embedded bytes; nobody frees them.
 */
#ifndef PROFILE_NODE_H
#define PROFILE_NODE_H

#include <kvcap/arena.h>
#include <kvcap/str.h>
#include <stdint.h>

enum node_type { NODE_SCALAR, NODE_SEQ, NODE_MAP };

struct node {
  enum node_type type;
  bool plain;    /* a scalar without quotes */
  int line, col; /* 1-based */
  int key_line, key_col;
  const char *key;  /* inside a mapping; NULL elsewhere */
  const char *text; /* scalar: NUL-terminated, no control characters but \n \t */
  uint32_t count;   /* children */
  struct node *first, *next;
};

kvc_code profile_parse(struct kvc_arena *arena, const char *text, size_t len,
                       const char *file, struct node **root,
                       struct kvc_err *err) KVC_MUST_USE;

/* The value of a key, NULL when 'map' is no mapping or lacks it. */
const struct node *profile_node_get(const struct node *map, const char *key);

/* The compiled form: what the build stores so that a run needs no YAML parser. */
void profile_pack(const struct node *root, struct kvc_buf *out);

/* Rebuilds the tree from bytes that profile_pack wrote; texts are borrowed from
 * them.  Only for bytes that are part of this program. */
kvc_code profile_unpack(struct kvc_arena *arena, const unsigned char *bytes,
                        const char *file, struct node **root,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
