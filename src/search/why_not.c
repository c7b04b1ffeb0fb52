/* why_not.c - a candidate somebody would rather have: its price, and what spoke against
 * it. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "tp4" */
static bool size_part(const char *text, size_t len, const char *word, int *out)
{
  const size_t n = strlen(word);
  double v;
  size_t used;
  if (len <= n || !kvc_str_istarts(text, word) ||
      !kvc_num_scan(text + n, len - n, &v, &used) || used != len - n || !(v >= 1) ||
      !(v <= 64) || v != floor(v))
    return false;
  *out = (int)v;
  return true;
}

static bool is_word(const char *text, size_t len, const char *word)
{
  return strlen(word) == len && kvc_str_istarts(text, word);
}

static bool read_part(const char *p, size_t len, struct kvc_search_shape *out)
{
  if (size_part(p, len, "tp", &out->tp) || size_part(p, len, "pp", &out->pp) ||
      size_part(p, len, "dp", &out->dp))
    return true;
  if (is_word(p, len, "ep"))
    out->expert_parallel = true;
  else if (is_word(p, len, "fp8"))
    out->fp8_weights = true;
  else if (is_word(p, len, "fp8-kv") || is_word(p, len, "fp8kv"))
    out->fp8_kv = true;
  else
    return false;
  return true;
}

static kvc_code find_card(struct kvc_search *s, const char *name, int *out,
                          struct kvc_err *err)
{
  struct kvc_gpu gpu;
  struct kvc_match match;
  KVC_TRY(kvc_db_gpu(s->db, name, &gpu, &match, err));
  for (size_t i = 0; i < s->n_cards; i++)
    if (strcmp(s->cards[i].gpu.name, gpu.name) == 0) {
      *out = (int)i;
      return KVC_E_OK;
    }
  *out = -1;
  return KVC_E_OK;
}

static kvc_code read_shape(struct kvc_search *s, const char *text,
                           struct kvc_search_shape *out, struct kvc_err *err)
{
  const size_t len = strcspn(text, ":");
  const char *name = kvc_arena_strndup(s->arena, text, len);
  *out = (struct kvc_search_shape){.tp = 1, .pp = 1, .dp = 1};
  if (name == NULL) return kvc_arena_full(s->arena, text, err);
  KVC_TRY(find_card(s, name, &out->hardware, err));
  for (const char *p = text + len; *p == ':';) {
    const size_t n = strcspn(++p, ":");
    if (!read_part(p, n, out))
      return kvc_fail(err, KVC_E_PARSE, "--why-not",
                      "\"%.*s\" of \"%.60s\" is no part of a candidate; write h100:tp4, "
                      "l40s:tp2:pp2 or h100:tp2:dp4:ep:fp8:fp8-kv",
                      (int)(n < 40 ? n : 40), p, text);
    p += n;
  }
  return KVC_E_OK;
}

static bool same(const struct kvc_search_shape *a, const struct kvc_search_shape *b)
{
  return a->model == b->model && a->hardware == b->hardware && a->tp == b->tp &&
         a->pp == b->pp && a->dp == b->dp && a->expert_parallel == b->expert_parallel &&
         a->fp8_weights == b->fp8_weights && a->fp8_kv == b->fp8_kv &&
         a->speculation == b->speculation;
}

/* Of the space, or made for the occasion: sized, bounded and, unless it does not start,
 * simulated whatever the bounds said. */
static kvc_code settle(struct kvc_search *s, const struct kvc_search_shape *shape,
                       struct kvc_search_unit *u, const struct kvc_search_unit **of_space,
                       struct kvc_err *err)
{
  *of_space = NULL;
  for (size_t i = 0; i < s->n_units && *of_space == NULL; i++)
    if (same(&s->units[i].shape, shape)) *of_space = &s->units[i];
  *u = *of_space != NULL ? **of_space
                         : (struct kvc_search_unit){
                               .shape = *shape,
                               .max_model_len_tok = search_length_for(s, shape->model)};
  if (*of_space == NULL) KVC_TRY(search_unit_screen(s, u, err));
  if (u->fate == KVC_FATE_MEMORY || u->fate == KVC_FATE_UNSUPPORTED || u->simulated > 0)
    return KVC_E_OK;
  u->max_num_seqs = u->max_num_batched_tok = 0;
  KVC_TRY(search_unit_run(s, u, err));
  s->runs += u->simulated;
  return KVC_E_OK;
}

static const char *reason(struct kvc_search *s, const struct kvc_plan *plan,
                          const struct kvc_search_unit *before,
                          const struct kvc_search_unit *u)
{
  const struct kvc_search_option *best = plan->n_options > 0 ? &plan->options[0] : NULL;
  for (size_t i = 0; i < plan->n_options; i++)
    if (same(&plan->options[i].unit->shape, &u->shape))
      return kvc_arena_printf(s->arena, "it is option %zu", i + 1);
  if (u->fate != KVC_FATE_FOUND) return u->why;
  const char *figures =
      kvc_arena_printf(s->arena, "%lld replicas, %.2f USD an hour, e2e p95 %.3g s",
                       (long long)u->replicas, u->usd_per_hour, u->load.e2e_s.p95);
  if (figures == NULL || best == NULL) return figures;
  const char *how = before == NULL                       ? "not among what was searched"
                    : before->fate == KVC_FATE_DOMINATED ? "left out by its bound"
                                                         : "ranked behind the options";
  return kvc_arena_printf(s->arena, "%s: %s; option 1 has %.2f and %.3g s", how, figures,
                          best->usd_per_hour, best->unit->load.e2e_s.p95);
}

static kvc_code answer(struct kvc_search *s, const char *asked, struct kvc_plan *out,
                       struct kvc_err *err)
{
  struct kvc_search_shape shape;
  const struct kvc_search_unit *before;
  struct kvc_search_why_not *w = &out->why_not[out->n_why_not];
  struct kvc_search_unit *u = kvc_arena_alloc(s->arena, 1, sizeof *u);
  if (u == NULL) return kvc_arena_full(s->arena, asked, err);
  KVC_TRY(read_shape(s, asked, &shape, err));
  *w = (struct kvc_search_why_not){
      .asked = asked, .usd_per_hour = NAN, .max_rate_per_s = NAN};
  out->n_why_not++;
  if (shape.hardware < 0) {
    w->what = asked;
    w->why = "this GPU is not among the hardware of the plan: name it with --gpu";
    return KVC_E_OK;
  }
  KVC_TRY(settle(s, &shape, u, &before, err));
  w->what = kvc_search_words(s, u);
  w->why = reason(s, out, before, u);
  if (u->replicas > 0) {
    w->usd_per_hour = u->usd_per_hour;
    w->max_rate_per_s = u->max_rate_per_s;
    w->replicas = u->replicas;
  }
  return w->why != NULL ? KVC_E_OK : kvc_arena_full(s->arena, asked, err);
}

kvc_code search_why_not(struct kvc_search *s, struct kvc_plan *out, struct kvc_err *err)
{
  for (size_t i = 0; i < s->req.n_why_not && i < 8; i++)
    KVC_TRY(answer(s, s->req.why_not[i], out, err));
  return KVC_E_OK;
}
