/* changes.c - what a launch does differently under another release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "lint_room.h"
#include <string.h>

struct diff {
  struct lint l; /* for texts; of the newer release */
  const struct kvc_lint_facts *from, *to;
  struct kvc_lint_change *out;
  size_t room, count;
};

static struct kvc_lint_change *add(struct diff *d, const char *kind, const char *flag,
                                   const char *text, const char *source)
{
  if (d->count == d->room) return NULL;
  struct kvc_lint_change *c = &d->out[d->count++];
  *c = (struct kvc_lint_change){
      .kind = kind, .flag = flag, .text = text, .source = source};
  return c;
}

static bool is_given(const struct diff *d, const struct kvc_flag *flag)
{
  const struct kvc_launch *launch = d->to->launch;
  if (kvc_launch_arg(launch, flag->key) != NULL) return true;
  for (size_t i = 0; i < launch->n_env; i++)
    if (launch->env[i].flag == flag) return true;
  return false;
}

static const char *generation_name(enum kvc_engine_kind kind)
{
  return kind == KVC_ENGINE_V0 ? "V0" : "V1";
}

static void engine_switch(struct diff *d)
{
  const char *before = generation_name(d->from->generation);
  const char *after = generation_name(d->to->generation);
  if (strcmp(before, after) == 0) return;
  const char *v0 =
      kvc_engine_generation(d->to->engine, &d->to->release.version, KVC_ENGINE_V0);
  struct kvc_lint_change *c = add(
      d, "engine", NULL,
      v0 != NULL ? "the V1 engine runs by default; V0 is still there as a fallback"
                 : "the V1 engine runs; V0 is gone: prompts are always split over steps, "
                   "preempted requests are recomputed, prefixes are cached by default",
      "vllm-src-envs");
  if (c == NULL) return;
  c->before = before;
  c->after = after;
  c->given = true;
}

static bool default_at(const struct kvc_lint_facts *facts, const struct kvc_flag *flag,
                       struct kvc_default *out)
{
  struct kvc_default_query query = facts->query;
  query.engine = facts->generation;
  return kvc_engine_default(facts->engine, flag, &facts->release.version, &query, out);
}

/* A default that moved under a flag that is not given. */
static void moved_default(struct diff *d, const struct kvc_flag *flag, const char *name)
{
  struct kvc_default before, after;
  if (!default_at(d->from, flag, &before) || !default_at(d->to, flag, &after)) return;
  if (strcmp(before.value, after.value) == 0 || strcmp(flag->key, "model") == 0) return;
  struct kvc_lint_change *c =
      add(d, "default", name,
          lint_text(&d->l, "%s is not set: its default moves from %s to %s", name,
                    before.value, after.value),
          after.cite);
  if (c == NULL) return;
  c->before = before.value;
  c->after = after.value;
  c->at = lint_version(&d->l, &after.since);
}

static bool between(const struct diff *d, const struct kvc_version *at)
{
  const struct kvc_version *from = &d->from->release.version;
  return kvc_version_cmp(at, from) > 0 &&
         kvc_version_in(&d->to->release.version, at, NULL);
}

static void behaviour(struct diff *d, const struct kvc_flag *flag, const char *name)
{
  for (size_t i = 0; i < flag->n_changes; i++) {
    const struct kvc_flag_change *change = &flag->changes[i];
    if (!between(d, &change->at)) continue;
    struct kvc_lint_change *c = add(d, "behaviour", name, change->text,
                                    change->cite != NULL ? change->cite : flag->cite);
    if (c == NULL) return;
    c->at = lint_version(&d->l, &change->at);
    c->given = true;
  }
}

static void given_flag(struct diff *d, const struct kvc_flag *flag, const char *before,
                       const char *after)
{
  struct kvc_version since, until;
  bool has_until = false;
  struct kvc_lint_change *c = NULL;
  const bool span = kvc_engine_flag_span(d->to->engine, flag, &since, &until, &has_until);
  if (before != NULL && after == NULL) {
    const char *instead = flag->removed_instead;
    c = add(d, "removed", before,
            instead == NULL || strncmp(instead, "nothing", 7) == 0
                ? lint_text(&d->l, "%s is gone and nothing replaces it", before)
                : lint_text(&d->l, "%s is gone; instead: %s", before, instead),
            flag->cite);
    if (c != NULL && span && has_until) c->at = lint_version(&d->l, &until);
  } else if (before == NULL && after != NULL) {
    c = add(d, "new", after, lint_text(&d->l, "%s exists now", after), flag->cite);
    if (c != NULL && span) c->at = lint_version(&d->l, &since);
  } else if (before != NULL && after != NULL && strcmp(before, after) != 0) {
    c = add(d, "renamed", after, lint_text(&d->l, "%s is spelt %s now", before, after),
            flag->cite);
  }
  if (c != NULL) {
    c->before = before;
    c->after = after;
    c->given = true;
  }
  if (after != NULL) behaviour(d, flag, after);
}

kvc_code kvc_lint_changes(struct kvc_arena *arena, const struct kvc_lint_facts *from,
                          const struct kvc_lint_facts *to, struct kvc_lint_change *out,
                          size_t room, size_t *count, struct kvc_err *err)
{
  struct diff d = {.from = from, .to = to, .out = out, .room = room};
  d.l.arena = arena;
  d.l.facts = to;
  engine_switch(&d);
  for (int pass = 0; pass < 2; pass++) { /* what the launch sets comes first */
    for (size_t i = 0; i < kvc_engine_flag_count(to->engine); i++) {
      const struct kvc_flag *flag = kvc_engine_flag_at(to->engine, i);
      const char *before =
          kvc_engine_flag_name(from->engine, flag, &from->release.version);
      const char *after = kvc_engine_flag_name(to->engine, flag, &to->release.version);
      const bool given = is_given(&d, flag);
      if (pass == 0 && given) given_flag(&d, flag, before, after);
      if (pass == 1 && !given && before != NULL && after != NULL)
        moved_default(&d, flag, after);
    }
  }
  if (d.l.full) return kvc_arena_full(arena, "the changes", err);
  *count = d.count;
  return KVC_E_OK;
}
