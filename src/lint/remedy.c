/* remedy.c - what takes the place of a flag that is gone, and whether an edit can say it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The catalogue says it in words: "nothing: why", "name", "name value", "a or b",
 * "a and b", "name, field x".  Only what needs no judgement becomes an action.
 */
#include "lint_room.h"
#include <string.h>

static bool starts(const char *text, const char *with)
{
  return strncmp(text, with, strlen(with)) == 0;
}

/* A flag of the release out of text[0..len): "mm-processor-cache-gb". */
static const struct kvc_flag *flag_in(struct lint *l, const char *text, size_t len)
{
  if (len == 0 || len > 80) return NULL;
  const char *name = lint_text(l, "--%.*s", (int)len, text);
  return kvc_engine_flag_meant(l->facts->engine, name, &l->facts->release.version);
}

static bool accepts(const struct lint *l, const struct kvc_flag *flag, const char *value)
{
  const char *const *choices;
  const size_t n = kvc_engine_flag_choices(l->facts->engine, flag,
                                           &l->facts->release.version, &choices);
  for (size_t i = 0; i < n; i++)
    if (strcmp(choices[i], value) == 0) return true;
  return n == 0;
}

/* One candidate: the same value under another name, a switch, or a fixed value. */
static bool try_one(struct lint *l, struct kvc_lint_finding *f,
                    const struct kvc_launch_arg *arg, const struct kvc_flag *old,
                    const char *text, size_t len)
{
  const size_t word = strcspn(text, " ") < len ? strcspn(text, " ") : len;
  const struct kvc_flag *new = flag_in(l, text, word);
  if (new == NULL || arg->field != NULL || arg->negated) return false;
  const char *name =
      kvc_engine_flag_name(l->facts->engine, new, &l->facts->release.version);
  const bool is_switch = strcmp(new->type, "bool") == 0;
  const bool was_switch = strcmp(old->type, "bool") == 0;
  if (word < len) { /* "distributed-executor-backend ray" */
    const char *value = lint_text(l, "%.*s", (int)(len - word - 1), text + word + 1);
    if (strchr(value, ' ') != NULL || is_switch) return false;
    f->action = KVC_LINT_REPLACE;
    f->with = lint_text(l, "%s=%s", name, value);
  } else if (was_switch && is_switch) {
    f->action = KVC_LINT_RENAME;
    f->with = name;
  } else if (is_switch) {
    f->action = KVC_LINT_REPLACE;
    f->with = name;
  } else if (was_switch) { /* the new flag needs a value: it may be there already */
    if (kvc_launch_arg(l->facts->launch, new->key) == NULL) return false;
    f->action = KVC_LINT_DELETE;
  } else {
    const bool same = strcmp(old->type, new->type) == 0;
    if (!same || arg->value == NULL || !accepts(l, new, arg->value)) return false;
    f->action = KVC_LINT_RENAME;
    f->with = name;
  }
  if (f->with != NULL && kvc_launch_arg(l->facts->launch, new->key) != NULL) {
    f->action = KVC_LINT_DELETE; /* the new one is set already */
    f->with = NULL;
  }
  f->finding.flag = new->key;
  return true;
}

/* The parts of "a or b", "a and b". */
static bool try_all(struct lint *l, struct kvc_lint_finding *f,
                    const struct kvc_launch_arg *arg, const struct kvc_flag *old,
                    const char *instead)
{
  const char *last[4];
  size_t lens[4], n = 0;
  for (const char *p = instead; n < 4;) {
    const char *by_or = strstr(p, " or "), *by_and = strstr(p, " and ");
    const char *end = by_or;
    if (end == NULL || (by_and != NULL && by_and < end)) end = by_and;
    last[n] = p;
    lens[n] = end != NULL ? (size_t)(end - p) : strlen(p);
    n++;
    if (end == NULL) break;
    p = end + (end == by_or ? 4 : 5);
  }
  for (size_t i = n; i > 0; i--)
    if (try_one(l, f, arg, old, last[i - 1], lens[i - 1])) return true;
  return false;
}

/* "name, field x": words for what is left to do by hand. */
static bool words_of_field(struct lint *l, struct kvc_lint_finding *f,
                           const struct kvc_launch_arg *arg, const char *instead)
{
  static const char mark[] = ", field ";
  const char *field = strstr(instead, mark);
  if (field == NULL) return false;
  const char *value = arg->value != NULL ? arg->value : "true";
  const bool bare = value[strspn(value, "0123456789.")] == '\0' || arg->value == NULL;
  const char *quote = bare ? "" : "\"";
  lint_fix(l, f, "put it into --%.*s: '{\"%s\": %s%.100s%s, ...}'",
           (int)(field - instead), instead, field + sizeof mark - 1, quote, value, quote);
  return true;
}

void lint_remedy(struct lint *l, struct kvc_lint_finding *f,
                 const struct kvc_launch_arg *arg, const struct kvc_flag *flag)
{
  if (f == NULL) return;
  const char *instead = flag->removed_instead;
  if (instead == NULL) {
    lint_fix(l, f, "drop it; nothing that is known replaces it");
    return;
  }
  if (starts(instead, "nothing")) {
    const char *why = strpbrk(instead, ":;");
    lint_fix(l, f, "drop it%s%s", why != NULL ? ":" : "", why != NULL ? why + 1 : "");
    f->action = KVC_LINT_DELETE;
    return;
  }
  if (words_of_field(l, f, arg, instead)) return;
  if (try_all(l, f, arg, flag, instead)) {
    if (f->with != NULL)
      lint_fix(l, f, "write %s", f->with);
    else
      lint_fix(l, f, "drop it; %s is there already", instead);
    return;
  }
  lint_fix(l, f, "use %s%s",
           flag_in(l, instead, strcspn(instead, " ,")) != NULL ? "--" : "", instead);
}
