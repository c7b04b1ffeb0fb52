/* engine.c - questions about a release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "engine_room.h"
#include <string.h>

bool span_has(const struct span *span, const struct kvc_version *v)
{
  return kvc_version_in(v, &span->since, span->open ? NULL : &span->until);
}

size_t kvc_engine_release_count(const struct kvc_engine *engine)
{
  return engine->n_releases;
}

const struct kvc_release *kvc_engine_release(const struct kvc_engine *engine, size_t i)
{
  return i < engine->n_releases ? &engine->releases[i] : NULL;
}

const struct kvc_version *kvc_engine_newest(const struct kvc_engine *engine)
{
  return &engine->newest;
}

static const struct kvc_release *release_of(const struct kvc_engine *e,
                                            const struct kvc_version *v)
{
  const struct kvc_release *best = NULL;
  for (size_t i = 0; i < e->n_releases; i++)
    if (kvc_version_cmp(&e->releases[i].version, v) <= 0) best = &e->releases[i];
  return best;
}

kvc_code kvc_engine_resolve(const struct kvc_engine *engine, const struct kvc_version *v,
                            struct kvc_resolved *out, struct kvc_err *err)
{
  struct kvc_version base = *v;
  base.stage = 0;
  base.unreleased = false;
  const bool hidden = v->unreleased;
  const struct kvc_release *r = release_of(engine, hidden ? &engine->newest : &base);
  const struct kvc_release *last = &engine->releases[engine->n_releases - 1];
  if (r == NULL) {
    char oldest[KVC_VERSION_TEXT], asked[KVC_VERSION_TEXT];
    kvc_version_format(&engine->releases[0].version, oldest);
    kvc_version_format(&base, asked);
    return kvc_fail(err, KVC_E_UNKNOWN, "--vllm-version",
                    "%s is older than %s, the oldest release known", asked, oldest);
  }
  *out = (struct kvc_resolved){
      .version = r->version,
      .trust = r->trust,
      .carried = !hidden && r == last && kvc_version_cmp(&base, &last->version) > 0,
      .between = !hidden && kvc_version_cmp(&base, &r->version) != 0,
      .guessed = hidden,
  };
  return KVC_E_OK;
}

const char *kvc_engine_generation(const struct kvc_engine *engine,
                                  const struct kvc_version *v, enum kvc_engine_kind kind)
{
  for (size_t i = 0; i < engine->n_generations; i++)
    if (engine->generations[i].kind == kind && span_has(&engine->generations[i].span, v))
      return engine->generations[i].role;
  return NULL;
}

const struct kvc_fact *kvc_engine_fact(const struct kvc_engine *engine, const char *key,
                                       const struct kvc_version *v,
                                       enum kvc_engine_kind kind)
{
  for (size_t i = 0; i < engine->n_facts; i++) {
    const struct fact_row *f = &engine->facts[i];
    if (strcmp(f->fact.key, key) == 0 &&
        (f->kind == KVC_ENGINE_AUTO || f->kind == kind) && span_has(&f->span, v))
      return &f->fact;
  }
  return NULL;
}

/* ---- flags ---- */

static const struct flag *flag_of(const struct kvc_flag *shown)
{
  return (const struct flag *)(const void *)shown;
}

size_t kvc_engine_flag_count(const struct kvc_engine *engine)
{
  return engine->n_flags;
}

const struct kvc_flag *kvc_engine_flag_at(const struct kvc_engine *engine, size_t i)
{
  return i < engine->n_flags ? &engine->flags[i].shown : NULL;
}

const struct kvc_flag *kvc_engine_flag(const struct kvc_engine *engine, const char *key)
{
  for (size_t i = 0; i < engine->n_flags; i++)
    if (strcmp(engine->flags[i].shown.key, key) == 0) return &engine->flags[i].shown;
  return NULL;
}

/* "--max_num_seqs" is "--max-num-seqs": only after the leading dashes. */
static bool same_spelling(const char *a, const char *b)
{
  for (; *a != '\0' && *b != '\0'; a++, b++) {
    const char ca = *a == '_' ? '-' : *a, cb = *b == '_' ? '-' : *b;
    if (ca != cb) return false;
  }
  return *a == *b;
}

const struct kvc_flag *kvc_engine_flag_spelled(const struct kvc_engine *engine,
                                               const char *spelling)
{
  for (size_t i = 0; i < engine->n_flags; i++) {
    const struct flag *f = &engine->flags[i];
    for (size_t s = 0; s < f->n_spells; s++)
      for (size_t n = 0; n < f->spells[s].n; n++)
        if (same_spelling(f->spells[s].names[n], spelling)) return &f->shown;
  }
  return NULL;
}

const struct kvc_flag *kvc_engine_flag_meant(const struct kvc_engine *engine,
                                             const char *spelling,
                                             const struct kvc_version *v)
{
  for (size_t i = 0; i < engine->n_flags; i++) {
    const struct flag *f = &engine->flags[i];
    for (size_t s = 0; s < f->n_spells; s++)
      for (size_t n = 0; n < f->spells[s].n && span_has(&f->spells[s].span, v); n++)
        if (same_spelling(f->spells[s].names[n], spelling)) return &f->shown;
  }
  return NULL;
}

const char *kvc_engine_flag_name(const struct kvc_engine *engine,
                                 const struct kvc_flag *flag, const struct kvc_version *v)
{
  const struct flag *f = flag_of(flag);
  (void)engine;
  for (size_t s = 0; s < f->n_spells; s++)
    if (span_has(&f->spells[s].span, v) && f->spells[s].n > 0)
      return f->spells[s].names[0];
  return NULL;
}

bool kvc_engine_flag_span(const struct kvc_engine *engine, const struct kvc_flag *flag,
                          struct kvc_version *since, struct kvc_version *until,
                          bool *has_until)
{
  const struct flag *f = flag_of(flag);
  (void)engine;
  if (f->n_spells == 0) return false;
  const struct span *last = &f->spells[f->n_spells - 1].span;
  *since = f->spells[0].span.since;
  *has_until = !last->open;
  if (!last->open) *until = last->until;
  return true;
}

size_t kvc_engine_flag_choices(const struct kvc_engine *engine,
                               const struct kvc_flag *flag, const struct kvc_version *v,
                               const char *const **choices)
{
  const struct flag *f = flag_of(flag);
  (void)engine;
  for (size_t s = 0; s < f->n_choices; s++) {
    if (!span_has(&f->choices[s].span, v)) continue;
    *choices = f->choices[s].names;
    return f->choices[s].n;
  }
  return 0;
}

static bool name_has_any(const char *name, const char *const *parts, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (name != NULL && kvc_str_ifind(name, parts[i]) != NULL) return true;
  return false;
}

static bool when_holds(const struct when *w, const struct kvc_default_query *q)
{
  if (w->memory_min_bytes > 0 && q->gpu_memory_bytes < w->memory_min_bytes) return false;
  if (w->memory_max_bytes > 0 && q->gpu_memory_bytes >= w->memory_max_bytes) return false;
  if (w->n_has > 0 && !name_has_any(q->gpu_name, w->name_has, w->n_has)) return false;
  if (name_has_any(q->gpu_name, w->name_lacks, w->n_lacks)) return false;
  if (w->context >= 0 && w->context != (int)q->context) return false;
  if (w->vendor >= 0 && w->vendor != (int)q->vendor) return false;
  if (w->chunked >= 0 && (w->chunked == 1) != q->chunked) return false;
  return w->moe_dp < 0 || (w->moe_dp == 1) == q->moe_dp;
}

bool kvc_engine_default(const struct kvc_engine *engine, const struct kvc_flag *flag,
                        const struct kvc_version *v,
                        const struct kvc_default_query *query, struct kvc_default *out)
{
  const struct flag *f = flag_of(flag);
  (void)engine;
  for (size_t i = 0; i < f->n_defaults; i++) {
    const struct default_row *d = &f->defaults[i];
    if (!span_has(&d->span, v)) continue;
    if (d->kind != KVC_ENGINE_AUTO && d->kind != query->engine) continue;
    if (!when_holds(&d->when, query)) continue;
    *out = d->value;
    return true;
  }
  return false;
}

double kvc_default_tier_bytes(const struct kvc_gpu *gpu, double given_bytes)
{
  if (gpu->unified_memory && gpu->vendor == KVC_VENDOR_NVIDIA) return 0;
  return given_bytes > 0 ? given_bytes : gpu->memory_usable_bytes.value;
}
