/* values.c - whether a flag of a release may have a value.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "lint_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

/* ---- JSON: well formed or not ---------------------------------------------------------
 */

enum { MAX_JSON_DEPTH = 32 };

static const char *json_value(const char *p, int depth);

static const char *skip(const char *p)
{
  return p + strspn(p, " \t\r\n");
}

static const char *json_string(const char *p)
{
  for (p++; *p != '"'; p++) {
    if (*p == '\\') p++;
    if (*p == '\0') return NULL;
  }
  return p + 1;
}

static const char *json_members(const char *p, char close, int depth)
{
  p = skip(p + 1);
  if (*p == close) return p + 1;
  for (;;) {
    if (close == '}') {
      if (*p != '"' || (p = json_string(p)) == NULL) return NULL;
      p = skip(p);
      if (*p != ':') return NULL;
      p = skip(p + 1);
    }
    p = json_value(p, depth + 1);
    if (p == NULL) return NULL;
    p = skip(p);
    if (*p == close) return p + 1;
    if (*p != ',') return NULL;
    p = skip(p + 1);
  }
}

static const char *json_value(const char *p, int depth)
{
  static const char *const words[] = {"true", "false", "null", "NaN", "Infinity"};
  if (depth > MAX_JSON_DEPTH) return NULL;
  if (*p == '{') return json_members(p, '}', depth);
  if (*p == '[') return json_members(p, ']', depth);
  if (*p == '"') return json_string(p);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
  const size_t n = strspn(p, "+-.0123456789eE");
  return n > 0 ? p + n : NULL;
}

static bool is_json(const char *text)
{
  const char *end = json_value(skip(text), 0);
  return end != NULL && *skip(end) == '\0';
}

/* ---- defaults
 * -------------------------------------------------------------------------- */

bool lint_default_equals(const struct kvc_flag *flag, const char *value, const char *def)
{
  double a, b;
  if (strcmp(flag->type, "json") == 0 || strcmp(flag->type, "list") == 0) return false;
  if (strcmp(value, def) == 0) return true;
  if (kvc_num_parse(def, NULL, &b, NULL) != KVC_E_OK) return false;
  int64_t tokens;
  if (kvc_num_parse(value, NULL, &a, NULL) == KVC_E_OK) return a == b;
  return strcmp(flag->type, "tokens") == 0 &&
         kvc_num_parse_tokens(value, NULL, &tokens, NULL) == KVC_E_OK &&
         (double)tokens == b;
}

/* The default, when it does not hang on a GPU that is not named. */
static bool default_of(const struct lint *l, const struct kvc_flag *flag,
                       struct kvc_default *out)
{
  const struct kvc_lint_facts *facts = l->facts;
  struct kvc_default_query query = facts->query;
  query.engine = facts->generation;
  const struct kvc_version *v = &facts->release.version;
  if (!kvc_engine_default(facts->engine, flag, v, &query, out)) return false;
  if (facts->has_gpu) return true;
  static const double sizes[] = {0, 16e9, 80e9, 200e9};
  static const char *const names[] = {"", "A100", "H100", "B200"};
  for (size_t i = 0; i < 4; i++) {
    struct kvc_default other;
    query.gpu_memory_bytes = sizes[i];
    query.gpu_name = names[i];
    if (!kvc_engine_default(facts->engine, flag, v, &query, &other) ||
        strcmp(other.value, out->value) != 0)
      return false;
  }
  return true;
}

static void check_default(struct lint *l, const struct kvc_launch_arg *arg,
                          const struct kvc_flag *flag)
{
  struct kvc_default def;
  if (l->facts->launch->all_args || arg->field != NULL || l->ignored == arg ||
      strcmp(flag->key, "model") == 0)
    return;
  const char *value = arg->value;
  if (strcmp(flag->type, "bool") == 0 && value == NULL)
    value = arg->negated ? "false" : "true";
  if (value == NULL || !default_of(l, flag, &def) ||
      !lint_default_equals(flag, value, def.value))
    return;
  struct kvc_lint_finding *f = lint_add(
      l, "FLG010", def.cite, "%s%s%.60s is the default of vLLM %s", arg->name,
      arg->value != NULL ? " " : "", arg->value != NULL ? arg->value : "", l->version);
  lint_at(l, f, arg);
  lint_evidence(l, f, "default %s since %s", def.value, lint_version(l, &def.since));
  lint_fix(l, f, "leave it out, unless it is there to outlast an upgrade");
}

/* ---- values
 * ---------------------------------------------------------------------------- */

static void malformed(struct lint *l, const struct kvc_launch_arg *arg,
                      const struct kvc_flag *flag, const char *want, const char *example)
{
  struct kvc_lint_finding *f =
      lint_add(l, "FLG008", flag->cite, "\"%.80s\" is not %s, which %s takes", arg->value,
               want, arg->name);
  lint_at(l, f, arg);
  lint_fix(l, f, "write %s such as %s", want, example);
}

static void check_range(struct lint *l, const struct kvc_launch_arg *arg,
                        const struct kvc_flag *flag, double value)
{
  if (!flag->has_range || (value >= flag->min && value <= flag->max)) return;
  char min[KVC_NUM_TEXT], max[KVC_NUM_TEXT];
  kvc_num_format(flag->min, min);
  kvc_num_format(flag->max, max);
  struct kvc_lint_finding *f =
      lint_add(l, "FLG007", flag->cite, "%s %.60s is outside %s to %s", arg->name,
               arg->value, min, max);
  lint_at(l, f, arg);
  lint_fix(l, f, "write a value from %s to %s", min, max);
}

/* "1k", "25.6G" and auto came to some flags with some release; what the catalogue does
 * not tell is let pass. */
static void check_number(struct lint *l, const struct kvc_launch_arg *arg,
                         const struct kvc_flag *flag)
{
  static const char *const whole[] = {"count", "tokens", "bytes"};
  const char *value = arg->value;
  double number;
  int64_t tokens;
  bool is_whole = false;
  for (size_t i = 0; i < 3; i++) is_whole = is_whole || strcmp(flag->type, whole[i]) == 0;
  if (kvc_str_ieq(value, "auto") || kvc_str_ieq(value, "none")) return;
  if (kvc_num_parse(value, NULL, &number, NULL) == KVC_E_OK) {
    if (is_whole && number != floor(number))
      malformed(l, arg, flag, "a whole number", "8");
    else if (!(is_whole && number == -1))
      check_range(l, arg, flag, number);
    return;
  }
  if (is_whole && strcmp(flag->type, "count") != 0 &&
      (kvc_num_parse_tokens(value, NULL, &tokens, NULL) == KVC_E_OK ||
       kvc_num_parse_bytes(value, NULL, 1, &number, NULL) == KVC_E_OK))
    return;
  if (is_whole)
    malformed(l, arg, flag, "a whole number",
              strcmp(flag->type, "tokens") == 0 ? "8192" : "8");
  else
    malformed(l, arg, flag, "a number", strcmp(flag->type, "frac") == 0 ? "0.9" : "4");
}

static void check_choice(struct lint *l, const struct kvc_launch_arg *arg,
                         const struct kvc_flag *flag)
{
  const char *const *choices;
  const struct kvc_version *v = &l->facts->release.version;
  const size_t n = kvc_engine_flag_choices(l->facts->engine, flag, v, &choices);
  if (n == 0 || strcmp(flag->type, "enum") != 0) return;
  struct kvc_buf list;
  kvc_buf_init(&list, 400);
  for (size_t i = 0; i < n; i++) {
    if (strcmp(choices[i], arg->value) == 0) {
      kvc_buf_clear(&list);
      return;
    }
    kvc_buf_printf(&list, "%s%s", i > 0 ? ", " : "", choices[i]);
  }
  struct kvc_lint_finding *f =
      lint_add(l, "FLG006", flag->cite, "\"%.80s\" is not a value of %s in vLLM %s",
               arg->value, arg->name, l->version);
  lint_at(l, f, arg);
  size_t near;
  const char *hint = "";
  if (kvc_did_you_mean(arg->value, choices, n, &near, 1) == 1)
    hint = lint_text(l, "%s? ", choices[near]);
  lint_fix(l, f, "%s%sit takes %s", hint[0] != '\0' ? "did you mean " : "", hint,
           list.text != NULL ? list.text : "");
  kvc_buf_clear(&list);
}

static void check_switch(struct lint *l, const struct kvc_launch_arg *arg,
                         const struct kvc_flag *flag)
{
  if (arg->value == NULL || !arg->attached) {
    check_default(l, arg, flag);
    return;
  }
  struct kvc_lint_finding *f =
      lint_add(l, "FLG014", flag->cite, "%s is a switch: \"=%.40s\" is refused",
               arg->name, arg->value);
  lint_at(l, f, arg);
  const bool off = kvc_str_ieq(arg->value, "false") || strcmp(arg->value, "0") == 0;
  const char *right = off && !arg->negated
                          ? lint_text(l, "--no-%s", lint_spelling(l, arg) + 2)
                          : arg->name;
  lint_fix(l, f, "write %s", right);
  if (f == NULL) return;
  f->action = KVC_LINT_REPLACE;
  f->with = right;
}

static bool is_json_flag(const struct kvc_launch_arg *arg, const struct kvc_flag *flag)
{
  return strcmp(flag->type, "json") == 0 && arg->field == NULL && arg->value != NULL &&
         arg->value[strspn(arg->value, " ")] == '{';
}

void lint_value(struct lint *l, const struct kvc_launch_arg *arg,
                const struct kvc_flag *flag)
{
  static const char *const numbers[] = {"count", "tokens", "bytes",  "gib",
                                        "frac",  "number", "seconds"};
  if (strcmp(flag->type, "bool") == 0) {
    check_switch(l, arg, flag);
    return;
  }
  if (arg->value == NULL || (arg->n_values == 0 && !arg->attached)) {
    if (arg->negated || l->facts->launch->more || strcmp(flag->type, "json") == 0) return;
    struct kvc_lint_finding *f =
        lint_add(l, "FLG013", flag->cite, "%s has no value", arg->name);
    lint_at(l, f, arg);
    lint_fix(l, f, "write a value after it: %s", flag->help);
    return;
  }
  if (arg->unresolved) return;
  if (arg->bare_json) {
    struct kvc_lint_finding *f = lint_add(
        l, "CMD001", flag->cite, "the JSON of %s is not quoted: vLLM receives %.100s",
        arg->name, arg->value);
    lint_at(l, f, arg);
    lint_fix(l, f, "put single quotes around the whole JSON");
    return;
  }
  if (arg->field != NULL) return;
  if (is_json_flag(arg, flag) && l->facts->launch->format != KVC_LAUNCH_LOG &&
      l->facts->launch->format != KVC_LAUNCH_CONFIG && !is_json(arg->value)) {
    malformed(l, arg, flag, "valid JSON", "'{\"key\": 1}'");
    return;
  }
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strcmp(flag->type, numbers[i]) == 0) check_number(l, arg, flag);
  check_choice(l, arg, flag);
  check_default(l, arg, flag);
}
