/* check_words.c - a launch written again: for the report, and for the memory model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "check.h"
#include <string.h>

struct rewrite {
  struct cli *cli;
  const struct check_rewrite *how;
  const struct kvc_lint_finding *findings;
  size_t n;
  struct check_words *out;
  bool full;
};

static const char *text_of(struct rewrite *w, const char *text)
{
  if (text == NULL) w->full = true;
  return text != NULL ? text : "";
}
#define TEXT(w, ...) text_of((w), kvc_arena_printf(&(w)->cli->arena, __VA_ARGS__))

static void add(struct rewrite *w, const char *word)
{
  if (w->out->n < CHECK_MAX_WORDS)
    w->out->argv[w->out->n++] = word;
  else
    w->full = true;
}

/* Flags that the release refuses or ignores and nothing replaces are left out. */
static bool is_refused(const struct kvc_lint_finding *f)
{
  static const char *const ids[] = {"FLG001", "FLG002", "FLG003",
                                    "FLG004", "FLG012", "ENG001"};
  if (f->action != KVC_LINT_LEAVE) return false;
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
    if (strcmp(f->finding.rule->id, ids[i]) == 0) return true;
  return false;
}

/* What is said of argument i: the action to take, and whether its value is wrong. */
static const struct kvc_lint_finding *said(const struct rewrite *w, int i, bool *refused,
                                           bool *wrong)
{
  const struct kvc_lint_finding *action = NULL;
  *refused = *wrong = false;
  for (size_t k = 0; k < w->n; k++) {
    const struct kvc_lint_finding *f = &w->findings[k];
    if (f->arg != i) continue;
    if (is_refused(f)) *refused = true;
    if (f->action == KVC_LINT_DELETE)
      *refused = true;
    else if (f->action != KVC_LINT_LEAVE)
      action = f;
    else if (f->finding.severity == KVC_SEV_ERROR)
      *wrong = true;
  }
  return action;
}

static const char *dashed(struct rewrite *w, const struct kvc_launch_arg *arg)
{
  if (arg->name[0] == '-') {
    if (arg->negated && strncmp(arg->name, "--no", 4) != 0)
      return TEXT(w, "--no-%s", arg->name + 2);
    return arg->name;
  }
  return TEXT(w, "--%s%s", arg->negated ? "no-" : "", arg->name);
}

static void add_value(struct rewrite *w, const struct kvc_launch_arg *arg)
{
  if (arg->value == NULL) return;
  if (arg->n_values < 2) {
    add(w, arg->value);
    return;
  }
  const char *p = arg->value; /* the words of a list */
  while (*p != '\0') {
    const size_t n = strcspn(p, " ");
    if (n > 0) add(w, TEXT(w, "%.*s", (int)n, p));
    p += n;
    p += strspn(p, " ");
  }
}

void check_set(struct check_sets *sets, const struct kvc_flag *flag, const char *value)
{
  if (flag == NULL || value == NULL || sets->n == CHECK_MAX_SETS) return;
  for (size_t i = 0; i < sets->n; i++)
    if (sets->flag[i] == flag) return;
  sets->flag[sets->n] = flag;
  sets->value[sets->n++] = value;
}

/* One remedy: a switch is there or not, anything else has a value. */
static void add_set(struct rewrite *w, const char *name, size_t k)
{
  const struct check_sets *sets = w->how->sets;
  const bool is_switch = strcmp(sets->flag[k]->type, "bool") == 0;
  if (is_switch && strcmp(sets->value[k], "true") != 0) return;
  add(w, name);
  if (!is_switch) add(w, sets->value[k]);
}

/* The remedy that takes the place of an argument. */
static bool was_set(struct rewrite *w, const struct kvc_launch_arg *arg)
{
  const struct check_sets *sets = w->how->sets;
  for (size_t k = 0; arg->field == NULL && k < sets->n; k++)
    if (sets->flag[k] == arg->flag) {
      if (arg->negated)
        add_set(w, TEXT(w, "--%s", arg->name + (arg->name[0] == '-' ? 5 : 0)), k);
      else
        add_set(w, dashed(w, arg), k);
      return true;
    }
  return false;
}

/* The remedies whose flags the launch does not have. */
static void add_sets(struct rewrite *w, const struct kvc_launch *launch)
{
  const struct check_sets *sets = w->how->sets;
  const struct kvc_lint_facts *facts = w->how->facts;
  for (size_t k = 0; k < sets->n; k++) {
    const char *name =
        kvc_engine_flag_name(facts->engine, sets->flag[k], &facts->release.version);
    if (name != NULL && kvc_launch_arg(launch, sets->flag[k]->key) == NULL)
      add_set(w, name, k);
  }
}

static void add_arg(struct rewrite *w, const struct kvc_launch_arg *arg, int i,
                    bool for_size)
{
  bool refused, wrong;
  if (arg->flag != NULL && was_set(w, arg)) return;
  const struct kvc_lint_finding *action = said(w, i, &refused, &wrong);
  if (refused ||
      (for_size && (wrong || arg->unresolved || arg->flag == NULL) && action == NULL))
    return;
  if (for_size && arg->unresolved) return;
  if (arg->key != NULL && strcmp(arg->key, "model") == 0) return;
  if (for_size && arg->key != NULL && strcmp(arg->key, "config") == 0) return;
  if (action != NULL && action->action == KVC_LINT_REPLACE) {
    const char *equals = strchr(action->with, '=');
    if (equals == NULL) {
      add(w, action->with);
      return;
    }
    add(w, TEXT(w, "%.*s", (int)(equals - action->with), action->with));
    add(w, equals + 1);
    return;
  }
  const char *name = action != NULL ? action->with : dashed(w, arg);
  if (arg->field != NULL) name = TEXT(w, "%s.%s", name, arg->field);
  if (strcmp(name, "-O") == 0 && arg->attached && arg->field == NULL) {
    add(w, TEXT(w, "-O%s", arg->value));
    return;
  }
  add(w, name);
  add_value(w, arg);
}

/* "name, field x": the config that a removed flag went into; its length, 0 if none. */
static size_t folds_into(const struct kvc_lint_finding *f,
                         const struct kvc_launch *launch, const char **instead)
{
  *instead = "";
  if (f->arg < 0 || strcmp(f->finding.rule->id, "FLG004") != 0) return 0;
  const struct kvc_flag *flag = launch->args[f->arg].flag;
  if (flag != NULL && flag->removed_instead != NULL) *instead = flag->removed_instead;
  const char *mark = strstr(*instead, ", field ");
  return mark != NULL ? (size_t)(mark - *instead) : 0;
}

static void add_field(struct kvc_buf *json, const struct kvc_launch_arg *arg,
                      const char *field)
{
  const bool ngram = arg->value != NULL && strcmp(arg->value, "[ngram]") == 0;
  const char *value = arg->value != NULL ? arg->value : "true";
  kvc_buf_printf(json, "%s\"%s\": ", json->len > 0 ? ", " : "{",
                 ngram ? "method" : field);
  if (ngram)
    kvc_buf_puts(json, "\"ngram\"");
  else if (arg->value == NULL || value[strspn(value, "0123456789.")] == '\0')
    kvc_buf_puts(json, value);
  else
    kvc_escape_json(json, value);
}

/* Flags that became fields of one config (--speculative-config with 0.8.3), as that
 * JSON.  A config that the launch has already is left as it is. */
static void add_config(struct rewrite *w, const struct kvc_launch *launch, size_t first)
{
  enum { MAX_JSON = 4096 };
  const struct kvc_lint_facts *facts = w->how->facts;
  const char *config = "", *instead = "";
  struct kvc_buf json;
  const size_t len = folds_into(&w->findings[first], launch, &config);
  for (size_t k = 0; k < first; k++)
    if (folds_into(&w->findings[k], launch, &instead) == len &&
        strncmp(instead, config, len) == 0)
      return; /* written with that one */
  const struct kvc_flag *flag =
      kvc_engine_flag_spelled(facts->engine, TEXT(w, "--%.*s", (int)len, config));
  const char *name =
      flag != NULL ? kvc_engine_flag_name(facts->engine, flag, &facts->release.version)
                   : NULL;
  if (name == NULL || kvc_launch_arg(launch, flag->key) != NULL) return;
  kvc_buf_init(&json, MAX_JSON);
  for (size_t k = first; k < w->n; k++)
    if (folds_into(&w->findings[k], launch, &instead) == len &&
        strncmp(instead, config, len) == 0)
      add_field(&json, &launch->args[w->findings[k].arg],
                instead + len + sizeof ", field " - 1);
  add(w, name);
  add(w, TEXT(w, "%s}", json.text != NULL ? json.text : ""));
  w->full = w->full || json.full;
  kvc_buf_clear(&json);
}

static void add_configs(struct rewrite *w, const struct kvc_launch *launch)
{
  const char *instead;
  for (size_t k = 0; k < w->n; k++)
    if (folds_into(&w->findings[k], launch, &instead) > 0) add_config(w, launch, k);
}

/* A variable that is gone and whose flag takes the same value: that flag, NULL if none.
 */
static const char *flag_instead(struct rewrite *w, const struct kvc_launch *launch,
                                size_t i)
{
  const struct kvc_lint_facts *facts = w->how->facts;
  const struct kvc_launch_env *e = &launch->env[i];
  const char *const *choices;
  bool gone = false;
  for (size_t k = 0; k < w->n; k++)
    gone = gone || (w->findings[k].env == (int)i &&
                    strcmp(w->findings[k].finding.rule->id, "ENV002") == 0);
  if (!gone || e->flag == NULL || e->flag->removed_instead == NULL) return NULL;
  const struct kvc_flag *flag =
      kvc_engine_flag_spelled(facts->engine, TEXT(w, "--%s", e->flag->removed_instead));
  const struct kvc_version *v = &facts->release.version;
  if (flag == NULL || strcmp(flag->type, "bool") == 0 ||
      kvc_launch_arg(launch, flag->key) != NULL)
    return NULL;
  const size_t n = kvc_engine_flag_choices(facts->engine, flag, v, &choices);
  bool takes = n == 0;
  for (size_t k = 0; k < n; k++) takes = takes || kvc_str_ieq(choices[k], e->value);
  return takes ? kvc_engine_flag_name(facts->engine, flag, v) : NULL;
}

static void add_variables(struct rewrite *w, const struct kvc_launch *launch)
{
  for (size_t i = 0; i < launch->n_env; i++) {
    const struct kvc_launch_env *e = &launch->env[i];
    if (e->value == NULL || (w->how->for_size && e->unresolved)) continue;
    const char *name = flag_instead(w, launch, i);
    if (name == NULL) continue;
    add(w, name);
    add(w, e->value);
  }
}

kvc_code check_words(struct cli *cli, const struct kvc_launch *launch,
                     const struct check_rewrite *how, struct check_words *out,
                     struct kvc_err *err)
{
  const struct kvc_lint_finding *findings = how->findings;
  const size_t n = how->n;
  const bool for_size = how->for_size;
  struct rewrite w = {cli, how, findings, n, out, false};
  *out = (struct check_words){0};
  for (size_t i = 0; i < launch->n_env; i++) {
    bool gone = false;
    const struct kvc_launch_env *e = &launch->env[i];
    for (size_t k = 0; k < n; k++)
      gone = gone || (findings[k].env == (int)i && findings[k].action == KVC_LINT_DELETE);
    if (gone || e->value == NULL || flag_instead(&w, launch, i) != NULL ||
        (for_size && (e->flag == NULL || e->unresolved)) ||
        strncmp(e->name, "VLLM_", 5) != 0)
      continue;
    out->env[out->n_env++] = TEXT(&w, "%s=%s", e->name, e->value);
  }
  if (launch->model != NULL) add(&w, launch->model);
  for (size_t i = 0; i < launch->n_args; i++)
    add_arg(&w, &launch->args[i], (int)i, for_size);
  add_sets(&w, launch);
  add_variables(&w, launch);
  add_configs(&w, launch);
  if (w.full) return kvc_arena_full(&cli->arena, launch->where, err);
  return KVC_E_OK;
}

/* A value that is a variable stays one. */
static void put_word(struct kvc_buf *line, const char *word)
{
  const bool plain = strpbrk(word, " \t\n'\"`\\;&|<>(){}*?[]!#") == NULL;
  if (word[0] == '$' && plain) {
    kvc_buf_puts(line, "\"");
    kvc_buf_puts(line, word);
    kvc_buf_puts(line, "\"");
  } else {
    kvc_escape_shell(line, word);
  }
}

kvc_code check_command_text(struct cli *cli, const struct kvc_launch *launch,
                            const struct check_words *words, const char **out,
                            struct kvc_err *err)
{
  enum { MAX_COMMAND_BYTES = 1 << 18 };
  struct kvc_buf line;
  kvc_buf_init(&line, MAX_COMMAND_BYTES);
  for (size_t i = 0; i < words->n_env; i++) {
    const size_t name = strcspn(words->env[i], "=") + 1;
    kvc_buf_add(&line, words->env[i], name);
    put_word(&line, words->env[i] + name);
    kvc_buf_puts(&line, " ");
  }
  const bool serve = strncmp(launch->program, "vllm serve", 10) == 0;
  if (serve)
    kvc_buf_puts(&line, "vllm serve");
  else if (strncmp(launch->program, "python", 6) == 0)
    kvc_buf_puts(&line, launch->program);
  else
    kvc_buf_printf(&line, "python %s", launch->program);
  for (size_t i = 0; i < words->n; i++) {
    kvc_buf_puts(&line, " ");
    if (i == 0 && launch->model != NULL && !serve) kvc_buf_puts(&line, "--model ");
    put_word(&line, words->argv[i]);
  }
  *out = line.full ? NULL : kvc_arena_strdup(&cli->arena, line.text);
  kvc_buf_clear(&line);
  return *out != NULL ? KVC_E_OK : kvc_arena_full(&cli->arena, launch->where, err);
}
