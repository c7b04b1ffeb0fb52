/* rows.c - the findings about flags, variables and commands: id, severity, why.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/lint.h>
#include <kvcap/str.h>

#define ROW(ID, SLUG, SEVERITY, TITLE, WHY)                                              \
  {                                                                                      \
    .id = ID, .slug = SLUG, .severity = KVC_SEV_##SEVERITY, .needs = KVC_NEED_LAUNCH,    \
    .title = TITLE, .why = WHY, .cite = "vllm-docs-serve-args"                           \
  }

/* clang-format off */
static const struct kvc_rule rows[] = {
  ROW("FLG001", "unknown-flag", ERROR, "The flag is in no release that kvcap knows",
      "vllm serve ends with \"unrecognized arguments\" before it loads anything"),
  ROW("FLG002", "misspelt-flag", ERROR, "The flag is not known, but one with nearly this name is",
      "vllm serve ends with \"unrecognized arguments\" before it loads anything"),
  ROW("FLG003", "flag-not-yet", ERROR, "The flag came with a later release",
      "this release ends with \"unrecognized arguments\""),
  ROW("FLG004", "flag-removed", ERROR, "The flag is gone from this release",
      "an upgrade turns a command that worked into one that does not start"),
  ROW("FLG005", "flag-renamed", ERROR, "The flag has another spelling in this release",
      "the old spelling ends with \"unrecognized arguments\""),
  ROW("FLG006", "value-not-a-choice", ERROR, "The release does not accept this value",
      "vllm serve ends with \"invalid choice\""),
  ROW("FLG007", "value-out-of-range", ERROR, "The value is outside what the flag can be",
      "the server refuses it, at once or after loading the model"),
  ROW("FLG008", "value-malformed", ERROR, "The value cannot be read as what the flag wants",
      "vllm serve ends with \"invalid value\""),
  ROW("FLG009", "flag-given-twice", WARNING, "The flag is given more than once",
      "only the last one counts; whoever edits the first one changes nothing"),
  ROW("FLG010", "already-the-default", HINT, "The flag says what the release does anyway",
      "it hides which settings were chosen, and pins an old default after an upgrade"),
  ROW("FLG011", "flag-deprecated", WARNING, "The flag still works but is about to go",
      "a later release will refuse it"),
  ROW("FLG012", "no-such-negation", ERROR, "The flag has no --no- form",
      "only switches have one; vllm serve ends with \"unrecognized arguments\""),
  ROW("FLG013", "value-missing", ERROR, "The flag needs a value and has none",
      "vllm serve ends with \"expected one argument\""),
  ROW("FLG014", "switch-with-value", ERROR, "A switch takes no value",
      "vllm serve ends with \"ignored explicit argument\""),
  ROW("FLG015", "flag-abbreviated", WARNING, "The flag is written in part",
      "it stops working as soon as a release brings another flag that begins like it"),
  ROW("ENV001", "unknown-variable", WARNING, "vLLM has no variable of this name that kvcap knows",
      "vLLM ignores it, or warns; what it was meant to do does not happen"),
  ROW("ENV002", "variable-removed", WARNING, "The release no longer reads this variable",
      "it is ignored without a word, so that the setting is silently lost"),
  ROW("ENV003", "variable-not-yet", WARNING, "The release does not read this variable yet",
      "it is ignored without a word"),
  ROW("ENV004", "variable-deprecated", WARNING, "The variable is about to go",
      "a later release ignores it without a word"),
  ROW("ENG001", "v0-only-flag", WARNING, "The flag acts on the V0 engine only",
      "V1 accepts it and does nothing, or refuses to start"),
  ROW("CMD001", "unquoted-json", ERROR, "The shell takes the quotes out of this JSON",
      "vLLM receives {key:value}, which is not JSON"),
  ROW("CMD002", "model-given-twice", ERROR, "The model is named twice, differently",
      "vllm serve takes the positional one and drops --model"),
  ROW("CMD003", "unresolved-variable", HINT, "A variable cannot be looked into",
      "what it holds is not checked and does not enter the memory estimate"),
  ROW("CMD004", "other-version-in-launch", WARNING, "The launch names another release than --vllm-version",
      "flags are checked for a release that will not run"),
  ROW("CMD005", "no-model", WARNING, "No model is named",
      "vLLM starts its built-in example model"),
  ROW("CMD006", "old-entry-point", HINT, "The module entry point is deprecated",
      "vllm serve is what later releases keep"),
  ROW("CMD007", "stray-word", ERROR, "A word belongs to no flag",
      "vllm serve ends with \"unrecognized arguments\""),
  ROW("CMD008", "model-repeated", HINT, "The model is named twice",
      "one of the two is forgotten at the next change"),
  ROW("FIT001", "launch-does-not-start", ERROR, "By the memory model the server does not start",
      "it loads the weights for minutes and then ends"),
  ROW("FIT002", "settings-exclude-each-other", ERROR, "Two settings, or a setting and the model, exclude each other",
      "vLLM checks them at the start and ends"),
};
/* clang-format on */

size_t kvc_lint_rule_count(void)
{
  return sizeof rows / sizeof rows[0];
}

const struct kvc_rule *kvc_lint_rule_at(size_t i)
{
  return i < kvc_lint_rule_count() ? &rows[i] : NULL;
}

const struct kvc_rule *kvc_lint_rule_find(const char *name)
{
  for (size_t i = 0; i < kvc_lint_rule_count(); i++)
    if (kvc_str_ieq(rows[i].id, name) || kvc_str_ieq(rows[i].slug, name)) return &rows[i];
  return NULL;
}
