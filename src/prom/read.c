/* read.c - a page of metrics, in whatever form it was saved.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"

static kvc_code nothing(const struct kvc_prom_source *source, struct kvc_err *err)
{
  return kvc_fail(err, KVC_E_PARSE, source->where,
                  "holds no metrics: expected what a server prints at /metrics, lines "
                  "such as vllm:num_requests_running{model_name=\"m\"} 3");
}

/* The source in UTF-8. */
static kvc_code decode(struct kvc_arena *arena, const struct kvc_prom_source *source,
                       struct kvc_prom_source *out, struct kvc_err *err)
{
  const struct slice text = {source->text, source->len};
  *out = *source;
  if (!prom_is_utf16(text)) return KVC_E_OK;
  char *decoded = kvc_arena_alloc(arena, text.len + text.len / 2 + 1, 1);
  if (decoded == NULL) return kvc_arena_full(arena, source->where, err);
  out->len = prom_from_utf16(text, decoded);
  out->text = decoded;
  return KVC_E_OK;
}

kvc_code kvc_prom_read(struct kvc_arena *arena, const struct kvc_prom_source *source,
                       struct kvc_page *out, struct kvc_err *err)
{
  if (source->len > KVC_PROM_MAX_BYTES)
    return kvc_fail(err, KVC_E_LIMIT, source->where,
                    "is %zu bytes long; a page of metrics of more than %d bytes is not "
                    "read",
                    source->len, KVC_PROM_MAX_BYTES);
  struct kvc_prom_source decoded;
  struct prom *p = kvc_arena_alloc(arena, 1, sizeof *p);
  if (p == NULL) return kvc_arena_full(arena, source->where, err);
  KVC_TRY(decode(arena, source, &decoded, err));
  p->arena = arena;
  p->source = &decoded;
  p->err = err;
  p->seed = (uint64_t)(uintptr_t)p * 0x9E3779B97F4A7C15u;
  const struct slice text = {decoded.text, decoded.len};
  if (decoded.len == 0) return nothing(source, err);
  if (prom_is_aiperf_csv(text))
    KVC_TRY(prom_aiperf_csv(p));
  else if (prom_is_aiperf_json(text))
    KVC_TRY(prom_aiperf_json(p));
  else
    KVC_TRY(prom_lines(p));
  if (p->n_samples == 0 && p->n_types == 0 && p->n_bare == 0) return nothing(source, err);
  return prom_finish(p, out);
}
