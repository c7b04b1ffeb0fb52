/* say.c - a candidate in words.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <kvcap/str.h>

const char *kvc_search_words(struct kvc_search *s, const struct kvc_search_unit *u)
{
  const struct kvc_search_shape *p = &u->shape;
  const struct search_card *c = &s->cards[p->hardware];
  char text[256];
  struct kvc_buf b;
  kvc_buf_init(&b, sizeof text);
  kvc_buf_printf(&b, "%dx %.60s", search_gpus(p), c->gpu.name);
  if (c->as.instance != NULL) kvc_buf_printf(&b, " (%.40s)", c->as.instance);
  if (p->tp > 1) kvc_buf_printf(&b, " TP%d", p->tp);
  if (p->pp > 1) kvc_buf_printf(&b, " PP%d", p->pp);
  if (p->dp > 1) kvc_buf_printf(&b, " DP%d", p->dp);
  if (p->expert_parallel) kvc_buf_puts(&b, " EP");
  if (p->fp8_weights) kvc_buf_puts(&b, ", fp8 weights");
  if (p->fp8_kv) kvc_buf_puts(&b, ", fp8 KV");
  if (p->speculation) kvc_buf_puts(&b, ", speculation");
  if (s->req.n_models > 1) kvc_buf_printf(&b, ", %.60s", s->models[p->model].name);
  const char *out = b.len > 0 ? kvc_arena_strndup(s->arena, b.text, b.len) : NULL;
  kvc_buf_clear(&b);
  return out != NULL ? out : "";
}
