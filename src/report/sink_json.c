/* sink_json.c - a document's tree as JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sinks.h"
#include <kvcap/num.h>

static void newline(struct kvc_buf *out, int depth)
{
  kvc_buf_printf(out, "\n%*s", depth * 2, "");
}

static void write_node(const struct kvc_node *node, int depth, struct kvc_buf *out)
{
  char digits[KVC_NUM_TEXT];
  switch (node->kind) {
  case KVC_NODE_NULL: kvc_buf_puts(out, "null"); return;
  case KVC_NODE_BOOL: kvc_buf_puts(out, node->truth ? "true" : "false"); return;
  case KVC_NODE_TEXT: kvc_escape_json(out, node->text); return;
  case KVC_NODE_NUM:
    kvc_num_format(node->num, digits);
    kvc_buf_puts(out, digits);
    return;
  case KVC_NODE_LIST:
  case KVC_NODE_MAP: break;
  }
  const bool map = node->kind == KVC_NODE_MAP;
  kvc_buf_puts(out, map ? "{" : "[");
  for (const struct kvc_node *child = node->first; child != NULL; child = child->next) {
    newline(out, depth + 1);
    if (map) {
      kvc_escape_json(out, child->key);
      kvc_buf_puts(out, ": ");
    }
    write_node(child, depth + 1, out);
    if (child->next != NULL) kvc_buf_puts(out, ",");
  }
  if (node->first != NULL) newline(out, depth);
  kvc_buf_puts(out, map ? "}" : "]");
}

void sink_json(const struct kvc_doc *doc, const struct kvc_style *style,
               struct kvc_buf *out)
{
  (void)style;
  if (doc->root == NULL) return;
  write_node(doc->root, 0, out);
  kvc_buf_puts(out, "\n");
}
