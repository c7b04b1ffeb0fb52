/* lint.c - every argument, word and variable of a launch against one release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "lint_room.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *lint_text(struct lint *l, const char *fmt, ...)
{
  char text[TEXT_BYTES];
  va_list list;
  va_start(list, fmt);
  (void)vsnprintf(text, sizeof text, fmt, list);
  va_end(list);
  const char *copy = kvc_arena_strdup(l->arena, text);
  if (copy == NULL) l->full = true;
  return copy != NULL ? copy : "";
}

const char *lint_version(struct lint *l, const struct kvc_version *v)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(v, text);
  return lint_text(l, "%s", text);
}

static bool row_applies(const struct lint *l, const struct kvc_rule *row)
{
  struct kvc_version since;
  if (row->since == NULL) return true;
  return kvc_version_parse(row->since, row->id, &since, NULL) == KVC_E_OK &&
         kvc_version_in(&l->facts->release.version, &since, NULL);
}

struct kvc_lint_finding *lint_add(struct lint *l, const char *id, const char *source,
                                  const char *fmt, ...)
{
  const struct kvc_rule *row = kvc_lint_rule_find(id);
  if (row == NULL || l->count == l->room || !row_applies(l, row)) return NULL;
  char text[TEXT_BYTES];
  va_list list;
  va_start(list, fmt);
  (void)vsnprintf(text, sizeof text, fmt, list);
  va_end(list);
  struct kvc_lint_finding *f = &l->out[l->count++];
  *f = (struct kvc_lint_finding){.arg = -1, .env = -1};
  f->finding.rule = row;
  f->finding.verdict = KVC_FIRE;
  f->finding.severity = row->severity;
  f->finding.text = lint_text(l, "%s", text);
  f->finding.fix = "";
  f->source = source != NULL ? source : row->cite;
  return f;
}

void lint_fix(struct lint *l, struct kvc_lint_finding *f, const char *fmt, ...)
{
  if (f == NULL) return;
  char text[TEXT_BYTES];
  va_list list;
  va_start(list, fmt);
  (void)vsnprintf(text, sizeof text, fmt, list);
  va_end(list);
  f->finding.fix = lint_text(l, "%s", text);
}

void lint_evidence(struct lint *l, struct kvc_lint_finding *f, const char *fmt, ...)
{
  if (f == NULL || f->finding.n_evidence == KVC_MAX_EVIDENCE) return;
  char text[TEXT_BYTES];
  va_list list;
  va_start(list, fmt);
  (void)vsnprintf(text, sizeof text, fmt, list);
  va_end(list);
  f->finding.evidence[f->finding.n_evidence++] = lint_text(l, "%s", text);
}

void lint_at(struct lint *l, struct kvc_lint_finding *f, const struct kvc_launch_arg *arg)
{
  if (f == NULL) return;
  const struct kvc_launch *launch = l->facts->launch;
  f->finding.line = arg->line;
  f->finding.col = arg->col;
  if (f->finding.flag == NULL) f->finding.flag = arg->key;
  if (arg >= launch->args && arg < launch->args + launch->n_args)
    f->arg = (int)(arg - launch->args);
}

const char *lint_spelling(struct lint *l, const struct kvc_launch_arg *arg)
{
  const char *name = arg->name;
  if (name[0] != '-') return lint_text(l, "--%s", name);
  if (strncmp(name, "--no-", 5) == 0 || strncmp(name, "--no_", 5) == 0) {
    const char *positive = lint_text(l, "--%s", name + 5);
    if (arg->negated) return positive;
  }
  return name;
}

/* ---- one argument ------------------------------------------------------------------ */

static bool is_negation(const struct kvc_launch_arg *arg)
{
  return strncmp(arg->name, "--no-", 5) == 0 || strncmp(arg->name, "--no_", 5) == 0;
}

static void check_deprecated(struct lint *l, const struct kvc_launch_arg *arg,
                             const struct kvc_flag *flag)
{
  for (size_t i = 0; i < flag->n_changes; i++) {
    const struct kvc_flag_change *c = &flag->changes[i];
    if ((!kvc_str_istarts(c->text, "deprecated") &&
         kvc_str_ifind(c->text, "deprecation warning") == NULL) ||
        !kvc_version_in(&l->facts->release.version, &c->at, NULL))
      continue;
    const char *more = strchr(c->text, ':');
    struct kvc_lint_finding *f =
        lint_add(l, "FLG011", c->cite != NULL ? c->cite : flag->cite,
                 "%s is deprecated since %s%s", arg->name, lint_version(l, &c->at),
                 more != NULL ? more : "");
    lint_at(l, f, arg);
    const char *instead = flag->removed_instead;
    if (instead != NULL && flag->removed)
      lint_fix(l, f, "%s goes with %s; instead: %s", arg->name,
               lint_version(l, &flag->removed_at), instead);
    else
      lint_fix(l, f, "plan for a launch without %s", arg->name);
    return;
  }
}

/* Flags that V1 takes and does nothing with, though their help does not begin so. */
static bool is_v0_only(const struct kvc_flag *flag)
{
  return strncmp(flag->help, "V0: ", 4) == 0 || strcmp(flag->key, "swap_space") == 0;
}

static bool check_generation(struct lint *l, const struct kvc_launch_arg *arg,
                             const struct kvc_flag *flag)
{
  if (l->facts->generation != KVC_ENGINE_V1 || !is_v0_only(flag)) return false;
  const bool fallback =
      kvc_engine_generation(l->facts->engine, &l->facts->release.version,
                            KVC_ENGINE_V0) != NULL;
  struct kvc_lint_finding *f = lint_add(
      l, "ENG001", flag->cite,
      fallback ? "%s is for the V0 engine: vLLM %s falls back to V0, or ignores it"
               : "%s is for the V0 engine, which vLLM %s no longer has",
      arg->name, l->version);
  lint_at(l, f, arg);
  lint_fix(l, f, "leave %s out%s%s", arg->name, flag->removed_instead != NULL ? "; " : "",
           flag->removed_instead != NULL ? flag->removed_instead : "");
  return true;
}

/* An earlier argument that a later one overrides. */
static void check_twice(struct lint *l, size_t i, const struct kvc_flag *flag)
{
  const struct kvc_launch *launch = l->facts->launch;
  const struct kvc_launch_arg *arg = &launch->args[i];
  if (flag == NULL || arg->field != NULL || strcmp(flag->type, "list") == 0) return;
  for (size_t k = i + 1; k < launch->n_args; k++) {
    const struct kvc_launch_arg *later = &launch->args[k];
    if (later->key == NULL || strcmp(later->key, flag->key) != 0 || later->field != NULL)
      continue;
    struct kvc_lint_finding *f = lint_add(
        l, "FLG009", flag->cite, "%s is given again at %d:%d, and that one counts",
        arg->name, later->line, later->col);
    lint_at(l, f, arg);
    lint_fix(l, f, "keep one of the two; this one has no effect");
    if (f != NULL) f->action = KVC_LINT_DELETE;
    return;
  }
}

static void check_argument(struct lint *l, size_t i)
{
  const struct kvc_launch_arg *arg = &l->facts->launch->args[i];
  if (strchr(arg->name, '$') != NULL) return; /* the name itself is a variable */
  const struct kvc_flag *flag = lint_flag(l, arg);
  if (flag == NULL) return;
  if (is_negation(arg) && arg->negated && strcmp(flag->type, "bool") != 0) {
    struct kvc_lint_finding *f =
        lint_add(l, "FLG012", flag->cite, "%s takes a value, so that %s does not exist",
                 lint_spelling(l, arg), arg->name);
    lint_at(l, f, arg);
    lint_fix(l, f, "leave it out, or give %s a value", lint_spelling(l, arg));
    return;
  }
  check_deprecated(l, arg, flag);
  if (check_generation(l, arg, flag)) l->ignored = arg;
  check_twice(l, i, flag);
  lint_value(l, arg, flag);
}

/* ---- the launch as a whole ----------------------------------------------------------
 */

static void check_model(struct lint *l)
{
  const struct kvc_launch *launch = l->facts->launch;
  const struct kvc_launch_arg *model = kvc_launch_arg(launch, "model");
  const char *positional = launch->positional_model;
  if (positional != NULL && model != NULL && model->value != NULL) {
    if (launch->format == KVC_LAUNCH_LOG) return; /* a log prints both */
    const bool same = strcmp(positional, model->value) == 0;
    struct kvc_lint_finding *f =
        same ? lint_add(l, "CMD008", NULL, "%.120s is named twice, also by --model",
                        positional)
             : lint_add(l, "CMD002", NULL,
                        "the model is \"%.120s\" by position and \"%.120s\" by --model",
                        positional, model->value);
    lint_at(l, f, model);
    lint_fix(l, f, "drop --model; the positional name is what counts");
    if (f != NULL && same) f->action = KVC_LINT_DELETE;
    return;
  }
  if (launch->model != NULL || launch->more || launch->format == KVC_LAUNCH_CONFIG ||
      (launch->format == KVC_LAUNCH_LOG && !launch->all_args) ||
      kvc_launch_arg(launch, "config") != NULL)
    return;
  struct kvc_lint_finding *f =
      lint_add(l, "CMD005", NULL, "no model is named: vLLM starts its example model");
  if (f == NULL) return;
  f->finding.line = launch->line;
  f->finding.col = launch->col;
  lint_fix(l, f, "write the model after vllm serve");
}

static void check_strays(struct lint *l)
{
  const struct kvc_launch *launch = l->facts->launch;
  for (size_t i = 0; i < launch->n_strays; i++) {
    const struct kvc_launch_arg *w = &launch->strays[i];
    if (w->unresolved) continue;
    struct kvc_lint_finding *f =
        lint_add(l, "CMD007", NULL, "\"%.120s\" belongs to no flag", w->value);
    lint_at(l, f, w);
    const size_t n = strlen(w->value);
    if (n > 0 && (w->value[n - 1] == '}' || strchr(w->value, ':') != NULL))
      lint_fix(l, f,
               "when it is a part of JSON, put single quotes around the whole JSON");
    else
      lint_fix(l, f, "drop it, or quote it together with the value it belongs to");
  }
}

static bool same_release(const struct kvc_version *a, const struct kvc_version *b)
{
  return memcmp(a->release, b->release, sizeof a->release) == 0;
}

static void check_version(struct lint *l)
{
  const struct kvc_launch *launch = l->facts->launch;
  struct kvc_version there, asked;
  if (l->facts->asked == NULL || launch->version == NULL) return;
  if (kvc_version_parse(launch->version, "image", &there, NULL) != KVC_E_OK ||
      kvc_version_parse(l->facts->asked, "version", &asked, NULL) != KVC_E_OK ||
      there.unreleased || same_release(&there, &asked))
    return;
  struct kvc_lint_finding *f =
      lint_add(l, "CMD004", NULL, "%.100s says %s; it is checked for %s",
               launch->version_from, launch->version, l->facts->asked);
  if (f == NULL) return;
  f->finding.line = launch->line;
  f->finding.col = launch->col;
  lint_fix(l, f, "change the image with the upgrade, or drop --vllm-version");
}

static void check_variables(struct lint *l)
{
  const struct kvc_launch *launch = l->facts->launch;
  for (size_t i = 0; i < launch->n_args; i++) {
    const struct kvc_launch_arg *arg = &launch->args[i];
    if (!arg->unresolved) continue;
    struct kvc_lint_finding *f =
        lint_add(l, "CMD003", NULL, "the value of %.60s is %.100s", arg->name,
                 arg->value != NULL ? arg->value : "a variable");
    lint_at(l, f, arg);
    lint_fix(l, f, "put the value in its place to have it checked");
  }
  if (!launch->more) return;
  struct kvc_lint_finding *f =
      lint_add(l, "CMD003", NULL,
               launch->format == KVC_LAUNCH_LOG
                   ? "the dump of arguments is cut off"
                   : "further arguments are in a variable or expansion");
  if (f == NULL) return;
  f->finding.line = launch->line;
  f->finding.col = launch->col;
  lint_fix(l, f, "put the arguments in its place to have them checked");
}

static void check_program(struct lint *l)
{
  static const struct kvc_version deprecated = {.release = {0, 29, 0}};
  const struct kvc_launch *launch = l->facts->launch;
  if (strncmp(launch->program, "python", 6) != 0 ||
      !kvc_version_in(&l->facts->release.version, &deprecated, NULL))
    return;
  struct kvc_lint_finding *f =
      lint_add(l, "CMD006", "vllm-release-notes", "%.100s is deprecated since 0.29.0",
               launch->program);
  if (f == NULL) return;
  f->finding.line = launch->line;
  f->finding.col = launch->col;
  lint_fix(l, f, "start with vllm serve MODEL");
}

kvc_code kvc_lint_run(struct kvc_arena *arena, const struct kvc_lint_facts *facts,
                      struct kvc_lint_finding *out, size_t room, size_t *count,
                      struct kvc_err *err)
{
  struct lint l = {.arena = arena, .facts = facts, .out = out, .room = room};
  kvc_version_format(&facts->release.version, l.version);
  for (size_t i = 0; i < facts->launch->n_args; i++) check_argument(&l, i);
  check_strays(&l);
  lint_environment(&l);
  check_model(&l);
  check_version(&l);
  check_program(&l);
  check_variables(&l);
  if (l.full) return kvc_arena_full(arena, "the findings", err);
  *count = l.count;
  return KVC_E_OK;
}
