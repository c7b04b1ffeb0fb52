/* pack.c - the tree of a YAML file as bytes inside the program, and back.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A node is: a byte of type and marks; in a mapping its key and the key's
 * position; its position; then a text, or a count and the children.  Numbers are
 * LEB128, texts a length, the bytes and a NUL, so that they can be borrowed.
 */
#include "node.h"
#include <string.h>

enum { MARK_TYPE = 3, MARK_PLAIN = 4, MARK_KEY = 8 };

static void put_num(struct kvc_buf *out, size_t v)
{
  do {
    const unsigned char byte = (unsigned char)((v & 0x7F) | (v > 0x7F ? 0x80 : 0));
    kvc_buf_add(out, (const char *)&byte, 1);
    v >>= 7;
  } while (v != 0);
}

static void put_text(struct kvc_buf *out, const char *text)
{
  const size_t len = strlen(text);
  put_num(out, len);
  kvc_buf_add(out, text, len + 1);
}

static void put_head(struct kvc_buf *out, const struct node *n)
{
  const char mark = (char)((int)n->type | (n->plain ? MARK_PLAIN : 0) |
                           (n->key != NULL ? MARK_KEY : 0));
  kvc_buf_add(out, &mark, 1);
  if (n->key != NULL) {
    put_text(out, n->key);
    put_num(out, (size_t)n->key_line);
    put_num(out, (size_t)n->key_col);
  }
  put_num(out, (size_t)n->line);
  put_num(out, (size_t)n->col);
  if (n->type != NODE_SCALAR) put_num(out, n->count);
}

void profile_pack(const struct node *root, struct kvc_buf *out)
{
  put_head(out, root);
  if (root->type == NODE_SCALAR) {
    put_text(out, root->text);
    return;
  }
  for (const struct node *n = root->first; n != NULL; n = n->next) profile_pack(n, out);
}

static size_t get_num(const unsigned char **p)
{
  size_t v = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    const unsigned char byte = *(*p)++;
    v |= (size_t)(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  return v;
}

static const char *get_text(const unsigned char **p)
{
  const size_t len = get_num(p);
  const char *text = (const char *)*p;
  *p += len + 1;
  return text;
}

static bool unpack(struct kvc_arena *arena, const unsigned char **p, struct node *n)
{
  const unsigned char mark = *(*p)++;
  n->type = (enum node_type)(mark & MARK_TYPE);
  n->plain = (mark & MARK_PLAIN) != 0;
  if ((mark & MARK_KEY) != 0) {
    n->key = get_text(p);
    n->key_line = (int)get_num(p);
    n->key_col = (int)get_num(p);
  }
  n->line = (int)get_num(p);
  n->col = (int)get_num(p);
  if (n->type == NODE_SCALAR) {
    n->text = get_text(p);
    return true;
  }
  n->count = (uint32_t)get_num(p);
  if (n->count == 0) return true;
  struct node *items = kvc_arena_alloc(arena, n->count, sizeof *items);
  if (items == NULL) return false;
  for (uint32_t i = 0; i < n->count; i++) {
    if (!unpack(arena, p, &items[i])) return false;
    items[i].next = i + 1 < n->count ? &items[i + 1] : NULL;
  }
  n->first = items;
  return true;
}

kvc_code profile_unpack(struct kvc_arena *arena, const unsigned char *bytes,
                        const char *file, struct node **root, struct kvc_err *err)
{
  struct node *n = kvc_arena_alloc(arena, 1, sizeof *n);
  const unsigned char *p = bytes;
  if (n == NULL || !unpack(arena, &p, n)) return kvc_arena_full(arena, file, err);
  *root = n;
  return KVC_E_OK;
}
