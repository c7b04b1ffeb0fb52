/* flags.c - whether a release has a flag, and what became of it when it has not.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "lint_room.h"
#include <string.h>

enum { MAX_NAMES = 600 };

/* Long spellings that the release understands. */
static size_t names_of(const struct lint *l, const char **names)
{
  size_t n = 0;
  const struct kvc_engine *e = l->facts->engine;
  for (size_t i = 0; i < kvc_engine_flag_count(e) && n < MAX_NAMES; i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(e, i);
    const char *name = strcmp(flag->kind, "env") != 0
                           ? kvc_engine_flag_name(e, flag, &l->facts->release.version)
                           : NULL;
    if (name != NULL) names[n++] = name;
  }
  return n;
}

static bool begins(const char *name, const char *with)
{
  for (; *with != '\0'; name++, with++) {
    const char a = *name == '_' ? '-' : *name, b = *with == '_' ? '-' : *with;
    if (a != b) return false;
  }
  return true;
}

/* argparse takes "--tensor-par" when only one flag begins so. */
static const struct kvc_flag *abbreviated(struct lint *l, const char *name)
{
  const char *names[MAX_NAMES], *found = NULL;
  if (strncmp(name, "--", 2) != 0 || strlen(name) < 4) return NULL;
  const size_t n = names_of(l, names);
  for (size_t i = 0; i < n; i++) {
    if (!begins(names[i], name)) continue;
    if (found != NULL) return NULL;
    found = names[i];
  }
  return found != NULL
             ? kvc_engine_flag_meant(l->facts->engine, found, &l->facts->release.version)
             : NULL;
}

static void add_unknown(struct lint *l, const struct kvc_launch_arg *arg,
                        const char *name)
{
  const char *names[MAX_NAMES];
  size_t near[3];
  const size_t n = names_of(l, names);
  const size_t hits = kvc_did_you_mean(name, names, n, near, 3);
  struct kvc_lint_finding *f;
  if (hits == 0) {
    f = lint_add(l, "FLG001", "vllm-docs-engine-args",
                 "%.80s is no flag of any vLLM release that kvcap knows", arg->name);
    lint_fix(l, f, "drop it; `kvcap flags --vllm-version %s` lists what there is",
             l->version);
    lint_at(l, f, arg);
    return;
  }
  const char *best = names[near[0]];
  f = lint_add(l, "FLG002", "vllm-docs-engine-args", "%.80s is not known in vLLM %s",
               arg->name, l->version);
  lint_at(l, f, arg);
  const char *rest = hits > 1 ? lint_text(l, " (or %s?)", names[near[1]]) : "";
  lint_fix(l, f, "write %s%s", best, rest);
  if (f == NULL) return;
  const struct kvc_flag *flag =
      kvc_engine_flag_meant(l->facts->engine, best, &l->facts->release.version);
  if (flag != NULL) f->finding.flag = flag->key;
  const int far = kvc_edit_distance(name, best, 3);
  const int second = hits > 1 ? kvc_edit_distance(name, names[near[1]], 3) : 4;
  if (far <= 2 && far < second && arg->field == NULL && flag != NULL &&
      (strcmp(flag->type, "bool") == 0) == (arg->n_values == 0)) {
    f->action = KVC_LINT_RENAME;
    f->with = best;
  }
}

static const char *renamed_to(struct lint *l, const struct kvc_launch_arg *arg,
                              const char *now)
{
  return arg->negated && now[0] == '-' ? lint_text(l, "--no-%s", now + 2) : now;
}

static void add_renamed(struct lint *l, const struct kvc_launch_arg *arg,
                        const struct kvc_flag *flag, const char *now)
{
  struct kvc_lint_finding *f = lint_add(
      l, "FLG005", flag->cite, "%s is spelt %s in vLLM %s", arg->name, now, l->version);
  lint_at(l, f, arg);
  lint_fix(l, f, "write %s", now);
  if (f == NULL || arg->field != NULL) return;
  f->action = KVC_LINT_RENAME;
  f->with = renamed_to(l, arg, now);
}

static void add_missing(struct lint *l, const struct kvc_launch_arg *arg,
                        const struct kvc_flag *flag)
{
  struct kvc_version since, until;
  bool has_until;
  const struct kvc_version *v = &l->facts->release.version;
  if (!kvc_engine_flag_span(l->facts->engine, flag, &since, &until, &has_until)) return;
  struct kvc_lint_finding *f;
  if (kvc_version_cmp(v, &since) < 0) {
    f = lint_add(l, "FLG003", flag->cite, "%s is not in vLLM %s: it came with %s",
                 arg->name, l->version, lint_version(l, &since));
    lint_at(l, f, arg);
    lint_fix(l, f, "drop it, or use vLLM %s or later", lint_version(l, &since));
    return;
  }
  const struct kvc_version *gone = has_until ? &until : &flag->removed_at;
  f = lint_add(l, "FLG004", flag->cite, "%s is not in vLLM %s any more: it went with %s",
               arg->name, l->version, lint_version(l, gone));
  lint_at(l, f, arg);
  lint_remedy(l, f, arg, flag);
}

const struct kvc_flag *lint_flag(struct lint *l, const struct kvc_launch_arg *arg)
{
  const struct kvc_engine *e = l->facts->engine;
  const struct kvc_version *v = &l->facts->release.version;
  const char *name = lint_spelling(l, arg);
  const struct kvc_flag *meant = kvc_engine_flag_meant(e, name, v);
  if (meant != NULL && strcmp(meant->kind, "env") != 0) return meant;
  const struct kvc_flag *known = arg->flag;
  if (known != NULL) {
    const char *now = kvc_engine_flag_name(e, known, v);
    if (now != NULL)
      add_renamed(l, arg, known, now);
    else
      add_missing(l, arg, known);
    return NULL;
  }
  const struct kvc_flag *part = arg->name[0] == '-' ? abbreviated(l, name) : NULL;
  if (part == NULL) {
    add_unknown(l, arg, name);
    return NULL;
  }
  const char *whole = kvc_engine_flag_name(e, part, v);
  struct kvc_lint_finding *f =
      lint_add(l, "FLG015", part->cite, "%s stands for %s", arg->name, whole);
  lint_at(l, f, arg);
  lint_fix(l, f, "write %s", whole);
  if (f != NULL) {
    f->action = KVC_LINT_RENAME;
    f->with = renamed_to(l, arg, whole);
  }
  return NULL;
}
