/* scheduler.c - the spans of an engine profile become a struct kvc_sim_policy.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/sim_facts.h>
#include <string.h>

static kvc_code read_number(const struct kvc_engine *engine, const char *key,
                            const struct kvc_version *v, enum kvc_engine_kind kind,
                            double *out, struct kvc_err *err)
{
  const struct kvc_fact *f = kvc_engine_fact(engine, key, v, kind);
  if (f == NULL)
    return kvc_fail(err, KVC_E_UNSUPPORTED, key,
                    "The engine profile has no value of this fact for the release.");
  return kvc_num_parse(f->value, key, out, err);
}

static kvc_code read_flag(const struct kvc_engine *engine, const char *key,
                          const struct kvc_version *v, enum kvc_engine_kind kind,
                          bool *out, struct kvc_err *err)
{
  const struct kvc_fact *f = kvc_engine_fact(engine, key, v, kind);
  if (f == NULL)
    return kvc_fail(err, KVC_E_UNSUPPORTED, key,
                    "The engine profile has no value of this fact for the release.");
  *out = strcmp(f->value, "true") == 0;
  if (!*out && strcmp(f->value, "false") != 0)
    return kvc_fail(err, KVC_E_PARSE, key, "\"%s\" is neither true nor false.", f->value);
  return KVC_E_OK;
}

kvc_code kvc_sim_policy_read(const struct kvc_engine *engine, const struct kvc_version *v,
                             enum kvc_engine_kind kind, struct kvc_sim_policy *out,
                             struct kvc_err *err)
{
  struct kvc_sim_policy p = {.v0 = kind == KVC_ENGINE_V0};
  double ahead = 0;
  KVC_TRY(
      read_number(engine, "admission_watermark_frac", v, kind, &p.watermark_frac, err));
  KVC_TRY(read_flag(engine, "watermark_if_busy", v, kind, &p.watermark_if_busy, err));
  KVC_TRY(read_flag(engine, "admit_full_prompt", v, kind, &p.reserve_full_isl, err));
  KVC_TRY(read_number(engine, "prealloc_tok", v, kind, &ahead, err));
  p.prealloc_tok = (int)ahead;
  *out = p;
  return KVC_E_OK;
}
