/* version.c - rules about releases.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>
#include <string.h>

RULE_CHECK(not_read)
{
  const struct kvc_resolved *v = &f->size->version;
  if (!f->deploy->version_given) return rule_skip(out, "no release is named");
  if (v->trust == NULL ||
      (strcmp(v->trust, "second-hand") != 0 && strcmp(v->trust, "presumed") != 0))
    return KVC_PASS;
  rule_evidence(arena, out, "facts of this release are %s", v->trust);
  out->fix = "compare with the server's own start-up lines";
  return rule_fire(arena, out, "this release was not read in source");
}

RULE_CHECK(carried)
{
  const struct kvc_resolved *v = &f->size->version;
  if (!f->deploy->version_given) return rule_skip(out, "no release is named");
  if (!v->carried) return KVC_PASS;
  rule_evidence(arena, out, "facts of %d.%d.%d are used", v->version.release[0],
                v->version.release[1], v->version.release[2]);
  out->fix = "compare with the server's own start-up lines";
  return rule_fire(arena, out, "the release is newer than any that is known");
}

RULE_CHECK(old_default)
{
  const double util = f->deploy->gpu_memory_utilization;
  if (isnan(util)) return rule_skip(out, "--gpu-memory-utilization is not set");
  if (fabs(util - rule->limit) > 1e-9) return KVC_PASS;
  rule_evidence(arena, out, "0.90 until 0.20, 0.92 since");
  rule_remedy(out, rule, "0.92", "leave it out");
  return rule_fire(arena, out, "0.9 was the default before 0.20; it is 0.92 now");
}

RULE_CHECK(old_engine)
{
  if (f->size->gpu.vendor != KVC_VENDOR_NVIDIA)
    return rule_skip(out, "other backends kept V0 longer");
  if (f->deploy->engine != KVC_ENGINE_V0) return KVC_PASS;
  rule_evidence(arena, out, "V1 is the default since 0.8, V0 went with 0.11");
  rule_remedy(out, rule, NULL, "leave VLLM_USE_V1 out where V1 serves the model");
  return rule_fire(arena, out, "the V0 engine is chosen by hand");
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"VER001", "release-not-read", KVC_SEV_HINT, NULL, NULL, KVC_NEED_MODEL, not_read, NULL,
   "The release was not read in source", "figures may differ from what it does", "vllm-release-notes", 0, NULL, 0, 0, NULL},
  {"VER002", "release-unknown", KVC_SEV_HINT, NULL, NULL, KVC_NEED_MODEL, carried, NULL,
   "The release is newer than any known", "flags may have gone or moved", "vllm-release-notes", 0, NULL, 0, 0, NULL},
  {"VER003", "default-moved", KVC_SEV_HINT, "0.20.0", NULL, KVC_NEED_SIZE, old_default, "gpu_memory_utilization",
   "A value repeats the default of an older release", "the newer default is lost", "vllm-src-config-cache", 0.9, "share", 0, 0, NULL},
  {"VER004", "old-engine", KVC_SEV_HINT, "0.8.0", "0.11.0", KVC_NEED_MODEL, old_engine, "vllm_use_v1",
   "The V0 engine is chosen by hand", "it is slower, and gone in 0.11", "vllm-src-envs", 0, NULL, 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_version, rows);
