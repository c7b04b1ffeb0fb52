/* lint_room.h - one run over a launch; private to src/lint/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef LINT_ROOM_H
#define LINT_ROOM_H

#include <kvcap/lint.h>
#include <kvcap/str.h>

enum { TEXT_BYTES = 600 };

struct lint {
  struct kvc_arena *arena;
  const struct kvc_lint_facts *facts;
  struct kvc_lint_finding *out;
  size_t room, count;
  bool full;                            /* the arena is */
  const struct kvc_launch_arg *ignored; /* by this engine: its default matters not */
  char version[KVC_VERSION_TEXT];
};

/* Adds a finding of the row 'id'; NULL when there is no room or the row's span does not
 * hold the release. */
struct kvc_lint_finding *lint_add(struct lint *l, const char *id, const char *source,
                                  const char *fmt, ...) KVC_PRINTF(4, 5);
void lint_fix(struct lint *l, struct kvc_lint_finding *f, const char *fmt, ...)
    KVC_PRINTF(3, 4);
void lint_evidence(struct lint *l, struct kvc_lint_finding *f, const char *fmt, ...)
    KVC_PRINTF(3, 4);
const char *lint_text(struct lint *l, const char *fmt, ...) KVC_PRINTF(2, 3);
const char *lint_version(struct lint *l, const struct kvc_version *v);
/* Places the finding at an argument and gives it the argument's flag. */
void lint_at(struct lint *l, struct kvc_lint_finding *f,
             const struct kvc_launch_arg *arg);

/* The spelling of an argument with its dashes, without "no-". */
const char *lint_spelling(struct lint *l, const struct kvc_launch_arg *arg);

/* flags.c: is it there, under which name; returns the flag that the release means. */
const struct kvc_flag *lint_flag(struct lint *l, const struct kvc_launch_arg *arg);
/* values.c: may it be that. */
void lint_value(struct lint *l, const struct kvc_launch_arg *arg,
                const struct kvc_flag *flag);
bool lint_default_equals(const struct kvc_flag *flag, const char *value, const char *def);
/* remedy.c: what to do about a flag that is gone. */
void lint_remedy(struct lint *l, struct kvc_lint_finding *f,
                 const struct kvc_launch_arg *arg, const struct kvc_flag *flag);
/* env.c */
void lint_environment(struct lint *l);

#endif
