/* lint.h - what a release of vLLM makes of the flags and variables of a launch.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Findings come from rows of the rule contract (rules.h) whose check is NULL: they are
 * looked for argument by argument against the catalogue's spans.  A finding says what
 * to do, and where that is safe also carries out: rename, delete or replace one
 * argument of the text.
 *
 * Ownership: rows are static; texts live in the arena given to the run.
 */
#ifndef KVCAP_LINT_H
#define KVCAP_LINT_H

#include <kvcap/launch.h>
#include <kvcap/rules.h>

enum { KVC_LINT_MAX_FINDINGS = 512, KVC_LINT_MAX_CHANGES = 256 };

/* All rows; by id or slug, any case, NULL if unknown. */
size_t kvc_lint_rule_count(void);
const struct kvc_rule *kvc_lint_rule_at(size_t i);
const struct kvc_rule *kvc_lint_rule_find(const char *name);

struct kvc_lint_facts {
  const struct kvc_engine *engine;
  const struct kvc_launch *launch;
  struct kvc_resolved release;
  const char *asked;               /* --vllm-version as given, NULL = from the launch */
  enum kvc_engine_kind generation; /* V0 or V1 */
  struct kvc_default_query query;  /* defaults of the GPU, when has_gpu */
  bool has_gpu;
};

enum kvc_lint_action {
  KVC_LINT_LEAVE,  /* nothing that is safe to do unseen */
  KVC_LINT_RENAME, /* the name becomes 'with' */
  KVC_LINT_DELETE,
  KVC_LINT_REPLACE /* name and value become 'with', one option word */
};

struct kvc_lint_finding {
  struct kvc_finding finding;
  const char *source; /* citation key of the fact it rests on */
  int arg, env;       /* index into the launch, -1 = none */
  enum kvc_lint_action action;
  const char *with; /* "--new-name", "--new-name=value" */
};

kvc_code kvc_lint_run(struct kvc_arena *arena, const struct kvc_lint_facts *facts,
                      struct kvc_lint_finding *out, size_t room, size_t *count,
                      struct kvc_err *err) KVC_MUST_USE;

/* The edit that carries a finding out in the text; false when it has none. */
bool kvc_lint_edit(struct kvc_arena *arena, const struct kvc_launch *launch,
                   const struct kvc_lint_finding *finding, struct kvc_edit *out);

/* What behaves differently in release 'to' than it did in 'from'. */
struct kvc_lint_change {
  const char *kind; /* engine, default, removed, renamed, new, behaviour */
  const char *flag; /* spelling, NULL */
  const char *at;   /* release that brought it */
  const char *text, *before, *after, *source;
  bool given; /* the launch sets this flag */
};
kvc_code kvc_lint_changes(struct kvc_arena *arena, const struct kvc_lint_facts *from,
                          const struct kvc_lint_facts *to, struct kvc_lint_change *out,
                          size_t room, size_t *count, struct kvc_err *err) KVC_MUST_USE;

#endif
