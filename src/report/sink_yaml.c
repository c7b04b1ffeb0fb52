/* sink_yaml.c - a document's tree as YAML, block style.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sinks.h"
#include <kvcap/num.h>
#include <string.h>

/* YAML 1.1 takes 1e+20 for text: a number with an exponent needs a point. */
static void write_number(double value, struct kvc_buf *out)
{
  char digits[KVC_NUM_TEXT];
  kvc_num_format(value, digits);
  const size_t mantissa = strcspn(digits, "e");
  if (digits[mantissa] == 'e' && memchr(digits, '.', mantissa) == NULL) {
    kvc_buf_add(out, digits, mantissa);
    kvc_buf_puts(out, ".0");
    kvc_buf_puts(out, digits + mantissa);
    return;
  }
  kvc_buf_puts(out, digits);
}

static void write_scalar(const struct kvc_node *node, struct kvc_buf *out)
{
  switch (node->kind) {
  case KVC_NODE_NULL: kvc_buf_puts(out, "null"); break;
  case KVC_NODE_BOOL: kvc_buf_puts(out, node->truth ? "true" : "false"); break;
  case KVC_NODE_TEXT: kvc_escape_yaml(out, node->text); break;
  case KVC_NODE_NUM: write_number(node->num, out); break;
  case KVC_NODE_LIST: kvc_buf_puts(out, "[]"); break;
  case KVC_NODE_MAP: kvc_buf_puts(out, "{}"); break;
  }
}

/* Children of a map or list, each on its own line; the first without indentation
 * when the cursor already stands where it belongs ("- key: value"). */
static void write_children(const struct kvc_node *node, int depth, bool placed,
                           struct kvc_buf *out)
{
  for (const struct kvc_node *child = node->first; child != NULL; child = child->next) {
    if (!placed) kvc_buf_printf(out, "%*s", depth * 2, "");
    placed = false;
    const bool deep = child->first != NULL;
    if (node->kind == KVC_NODE_LIST) {
      kvc_buf_puts(out, "- ");
      if (deep) {
        write_children(child, depth + 1, true, out);
        continue;
      }
    } else {
      kvc_escape_yaml(out, child->key);
      kvc_buf_puts(out, deep ? ":\n" : ": ");
      if (deep) {
        write_children(child, depth + 1, false, out);
        continue;
      }
    }
    write_scalar(child, out);
    kvc_buf_puts(out, "\n");
  }
}

void sink_yaml(const struct kvc_doc *doc, const struct kvc_style *style,
               struct kvc_buf *out)
{
  (void)style;
  if (doc->root == NULL) return;
  if (doc->root->first == NULL)
    kvc_buf_puts(out, "{}\n");
  else
    write_children(doc->root, 0, false, out);
}
