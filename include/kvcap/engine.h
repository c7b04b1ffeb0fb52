/* engine.h - what a release of the inference server does: behaviour and flags.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Version differences are spans in profiles/engines/<name>/; code asks for a fact
 * or a default and never compares releases itself.  A release newer than the
 * newest known one resolves to the newest facts and says so ('carried'); a source
 * build that hides its release (0.1.devN) is taken as the newest verified one.
 *
 * Ownership: a struct kvc_engine and everything borrowed from it lives in the
 * arena of the database that opened it.
 */
#ifndef KVCAP_ENGINE_H
#define KVCAP_ENGINE_H

#include <kvcap/domain.h>

struct kvc_engine; /* opaque */

/* A release and what is known of it. */
struct kvc_release {
  struct kvc_version version;
  const char *date;  /* "2026-04-02", NULL unknown */
  const char *trust; /* tag, branch, main, second-hand, presumed */
};

/* How a version the user named maps to what is known. */
struct kvc_resolved {
  struct kvc_version version; /* the release whose facts are used */
  const char *trust;
  bool carried; /* newer than anything known: facts carried forward */
  bool between; /* not a listed release: the one before it is used */
  bool guessed; /* the text did not say its release */
};

/* Lists. */
size_t kvc_engine_release_count(const struct kvc_engine *engine);
const struct kvc_release *kvc_engine_release(const struct kvc_engine *engine, size_t i);
/* The newest release that was verified against source (the default version). */
const struct kvc_version *kvc_engine_newest(const struct kvc_engine *engine);

kvc_code kvc_engine_resolve(const struct kvc_engine *engine, const struct kvc_version *v,
                            struct kvc_resolved *out, struct kvc_err *err) KVC_MUST_USE;

/* Whether generation 'kind' exists in release v ("default", "opt-in",
 * "fallback"); NULL when it does not. */
const char *kvc_engine_generation(const struct kvc_engine *engine,
                                  const struct kvc_version *v, enum kvc_engine_kind kind);

/* A behaviour fact, e.g. ("kv_budget", v, V1) -> "profiled_growth"; NULL when no
 * row of that key covers the release. */
struct kvc_fact {
  const char *key, *value, *note, *cite, *trust;
};
const struct kvc_fact *kvc_engine_fact(const struct kvc_engine *engine, const char *key,
                                       const struct kvc_version *v,
                                       enum kvc_engine_kind kind);

/* ---- flags ---------------------------------------------------------------- */

struct kvc_flag_change {
  struct kvc_version at;
  const char *text, *cite;
};

struct kvc_flag {
  const char *key, *kind, *group, *type, *help, *cite, *trust;
  bool has_range;
  double min, max;
  bool removed;
  struct kvc_version removed_at;
  const char *removed_instead;
  size_t n_changes;
  const struct kvc_flag_change *changes;
};

size_t kvc_engine_flag_count(const struct kvc_engine *engine);
const struct kvc_flag *kvc_engine_flag_at(const struct kvc_engine *engine, size_t i);
/* By canonical key ("max_num_seqs"); NULL if unknown. */
const struct kvc_flag *kvc_engine_flag(const struct kvc_engine *engine, const char *key);
/* By any spelling of any release ("--max-num-seqs", "-tp", with '_' for '-'). */
const struct kvc_flag *kvc_engine_flag_spelled(const struct kvc_engine *engine,
                                               const char *spelling);
/* The flag that release v understands by this very spelling; NULL when it does not. */
const struct kvc_flag *kvc_engine_flag_meant(const struct kvc_engine *engine,
                                             const char *spelling,
                                             const struct kvc_version *v);
/* The spelling that release v understands, long form; NULL when it lacks the flag. */
const char *kvc_engine_flag_name(const struct kvc_engine *engine,
                                 const struct kvc_flag *flag,
                                 const struct kvc_version *v);
/* First release with the flag, and first without it again (has_until false: still there).
 */
bool kvc_engine_flag_span(const struct kvc_engine *engine, const struct kvc_flag *flag,
                          struct kvc_version *since, struct kvc_version *until,
                          bool *has_until);
/* Values an enum flag accepts in release v: count, and the i-th; 0 when not an enum. */
size_t kvc_engine_flag_choices(const struct kvc_engine *engine,
                               const struct kvc_flag *flag, const struct kvc_version *v,
                               const char *const **choices);

/* What a default depends on besides release and engine. */
struct kvc_default_query {
  enum kvc_engine_kind engine;
  enum kvc_context context;
  double gpu_memory_bytes; /* usable */
  const char *gpu_name;    /* as the driver prints it, any case */
  enum kvc_vendor vendor;
  bool chunked, moe_dp;
};
/* Memory by which a release picks the tier of a default: what NVML reports, which is
 * nothing on NVIDIA boards whose memory is the CPU's.  given_bytes > 0: --gpu-memory. */
double kvc_default_tier_bytes(const struct kvc_gpu *gpu, double given_bytes);
struct kvc_default {
  const char *value, *cite;
  struct kvc_version since;
};
/* The default of a flag; false when the flag has none in that release. */
bool kvc_engine_default(const struct kvc_engine *engine, const struct kvc_flag *flag,
                        const struct kvc_version *v,
                        const struct kvc_default_query *query, struct kvc_default *out);

#endif
