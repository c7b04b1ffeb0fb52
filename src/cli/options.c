/* options.c - reading arguments by the rows of a table.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Both "--opt value" and "--opt=value"; '_' counts as '-'; a single "--" is
 * skipped, so that a pasted "vllm serve ..." may follow it.
 */
#include "cli.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

static bool same_spelling(const char *a, const char *b, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    const char x = a[i] == '_' ? '-' : a[i];
    const char y = b[i] == '_' ? '-' : b[i];
    if (x != y) return false;
  }
  return true;
}

/* Whether word[0..len) is one of the space-separated spellings. */
static bool among(const char *spellings, const char *word, size_t len)
{
  if (spellings == NULL) return false;
  while (*spellings != '\0') {
    const size_t n = strcspn(spellings, " ");
    if (n == len && same_spelling(spellings, word, len)) return true;
    spellings += n;
    while (*spellings == ' ') spellings++;
  }
  return false;
}

bool cli_option_is(const struct cli_option *option, const char *word, size_t len,
                   bool *negated)
{
  static const char no[] = "--no-";
  const size_t no_len = sizeof no - 1;
  *negated = false;
  if (option->type == CLI_GROUP) return false;
  if (among(option->name, word, len) || among(option->alias, word, len)) return true;
  if (option->type != CLI_TRISTATE || len <= no_len || !same_spelling(no, word, no_len))
    return false;
  if (strlen(option->name) != len - 3 ||
      !same_spelling(option->name + 2, word + no_len, len - no_len))
    return false;
  *negated = true;
  return true;
}

const struct cli_option *cli_option_find(const struct cli_option *options,
                                         const char *word, size_t len, bool *negated)
{
  const struct cli_option *const tables[] = {options, cli_common_options};
  for (size_t t = 0; t < 2; t++)
    for (const struct cli_option *o = tables[t]; o != NULL && o->type != CLI_END; o++)
      if (cli_option_is(o, word, len, negated)) return o;
  return NULL;
}

/* ---- values --------------------------------------------------------------------- */

static kvc_code out_of_range(const struct cli_option *option, const char *value,
                             struct kvc_err *err)
{
  char min[KVC_NUM_TEXT], max[KVC_NUM_TEXT];
  kvc_num_format(option->min, min);
  kvc_num_format(option->max, max);
  const char *advice = option->advice;
  return kvc_fail(err, KVC_E_RANGE, option->name, "%.60s is outside %s to %s%s%s", value,
                  min, max, advice != NULL ? "; " : "", advice != NULL ? advice : "");
}

/* The number behind 'value' in the row's unit, checked against its range. */
static kvc_code read_number(const struct cli_option *option, const char *value,
                            double *out, struct kvc_err *err)
{
  double v = 0;
  int64_t tokens = 0;
  switch (option->type) {
  case CLI_TOKENS:
    KVC_TRY(kvc_num_parse_tokens(value, option->name, &tokens, err));
    v = (double)tokens;
    break;
  case CLI_LENGTH:
    if (kvc_num_parse(value, option->name, &v, NULL) == KVC_E_OK) break;
    KVC_TRY(kvc_num_parse_tokens(value, option->name, &tokens, err));
    v = (double)tokens;
    break;
  case CLI_BYTES:
    if (value[0] == '-') return out_of_range(option, value, err);
    KVC_TRY(kvc_num_parse_bytes(value, option->name, 0, &v, err));
    break;
  case CLI_GIB:
    if (value[0] == '-') return out_of_range(option, value, err);
    KVC_TRY(kvc_num_parse_bytes(value, option->name, KVC_GIB, &v, err));
    v /= KVC_GIB;
    break;
  default:
    KVC_TRY(kvc_num_parse(value, option->name, &v, err));
    if (option->type != CLI_NUM && v != floor(v))
      return kvc_fail(err, KVC_E_PARSE, option->name, "\"%.60s\" is not a whole number",
                      value);
    break;
  }
  if (!(v >= option->min && v <= option->max)) return out_of_range(option, value, err);
  *out = v;
  return KVC_E_OK;
}

static kvc_code set_choice(const struct cli_option *option, void *args, const char *value,
                           struct kvc_err *err)
{
  char list[300] = "";
  size_t n = 0, used = 0;
  for (; option->choices[n] != NULL; n++) {
    if (kvc_str_ieq(option->choices[n], value)) {
      memcpy((char *)args + option->offset, &option->choices[n],
             sizeof option->choices[n]);
      return KVC_E_OK;
    }
    const int more = snprintf(list + used, sizeof list - used, "%s%s", n > 0 ? ", " : "",
                              option->choices[n]);
    if (more > 0 && (size_t)more < sizeof list - used) used += (size_t)more;
  }
  return kvc_fail(err, KVC_E_UNKNOWN, option->name, "\"%.60s\" is not one of %s", value,
                  list);
}

kvc_code cli_option_set(const struct cli_option *option, void *args, const char *value,
                        struct kvc_err *err)
{
  void *at = (char *)args + option->offset;
  double v = 0;
  switch (option->type) {
  case CLI_TRUE: *(bool *)at = true; return KVC_E_OK;
  case CLI_TEXT:
    if (value[0] == '\0')
      return kvc_fail(err, KVC_E_USAGE, option->name, "the value is empty");
    if (!kvc_utf8_valid(value, strlen(value)))
      return kvc_fail(err, KVC_E_PARSE, option->name, "the value is not valid UTF-8");
    memcpy(at, &value, sizeof value);
    return KVC_E_OK;
  case CLI_CHOICE: return set_choice(option, args, value, err);
  case CLI_CALL: return option->call(args, option, value, err);
  case CLI_INT:
    KVC_TRY(read_number(option, value, &v, err));
    *(int *)at = (int)v;
    return KVC_E_OK;
  case CLI_INT64:
  case CLI_TOKENS:
    KVC_TRY(read_number(option, value, &v, err));
    *(int64_t *)at = (int64_t)v;
    return KVC_E_OK;
  case CLI_NUM:
  case CLI_LENGTH:
  case CLI_BYTES:
  case CLI_GIB:
    KVC_TRY(read_number(option, value, &v, err));
    *(double *)at = v;
    return KVC_E_OK;
  case CLI_TRISTATE:
  case CLI_GROUP:
  case CLI_END: break;
  }
  return kvc_fail(err, KVC_E_INTERNAL, option->name, "has a row of no known type");
}

/* ---- arguments -------------------------------------------------------------------- */

static kvc_code set_switch(const struct cli_option *option, void *args, bool negated,
                           const char *value, struct kvc_err *err)
{
  bool on = true;
  if (value != NULL) {
    if (kvc_str_ieq(value, "false") || strcmp(value, "0") == 0)
      on = false;
    else if (!kvc_str_ieq(value, "true") && strcmp(value, "1") != 0)
      return kvc_fail(err, KVC_E_USAGE, option->name, "takes no value, not \"%.60s\"",
                      value);
  }
  void *at = (char *)args + option->offset;
  if (option->type == CLI_TRISTATE)
    *(int *)at = on != negated ? 1 : 0;
  else
    *(bool *)at = on;
  return KVC_E_OK;
}

/* Options of some other program's making that look like values: "-1", "-0.5". */
static bool is_negative_number(const char *word)
{
  return word[0] == '-' && word[1] != '\0' && strchr("0123456789.", word[1]) != NULL;
}

static kvc_code add_word(struct cli_common *common, const char *word, struct kvc_err *err)
{
  if (common->n_words == CLI_MAX_WORDS)
    return kvc_fail(err, KVC_E_USAGE, NULL, "more than %d arguments", CLI_MAX_WORDS);
  common->words[common->n_words++] = word;
  return KVC_E_OK;
}

/* The words of a command line and the one that is read. */
struct words {
  char *const *at;
  int n, i;
};

/* One known option at the present word; moves on to its last word. */
static kvc_code take_option(const struct cli_parser *parser,
                            const struct cli_option *option, bool negated, size_t len,
                            struct words *words, void *args, struct kvc_err *err)
{
  const char *word = words->at[words->i];
  const char *value = word[len] == '=' ? word + len + 1 : NULL;
  if (parser->seen != NULL) parser->seen(args, option, word);
  if (option->type == CLI_TRUE || option->type == CLI_TRISTATE)
    return set_switch(option, args, negated, value, err);
  if (value == NULL) {
    const char *next = words->i + 1 < words->n ? words->at[words->i + 1] : NULL;
    if (next == NULL || (next[0] == '-' && next[1] != '\0' && !is_negative_number(next)))
      return kvc_fail(err, KVC_E_USAGE, option->name, "needs a value: %s %s",
                      option->name, option->arg);
    words->i++;
    value = next;
  }
  return cli_option_set(option, args, value, err);
}

static kvc_code unknown(const struct cli_parser *parser, const char *word, size_t len,
                        struct kvc_err *err)
{
  enum { MAX_NAMES = 160 };
  const char *names[MAX_NAMES];
  size_t n = 0;
  const struct cli_option *const tables[] = {cli_common_options, parser->options};
  for (size_t t = 0; t < 2; t++)
    for (const struct cli_option *o = tables[t]; o != NULL && o->type != CLI_END; o++)
      if (o->type != CLI_GROUP && n < MAX_NAMES) names[n++] = o->name;
  char name[80], hint[200];
  (void)snprintf(name, sizeof name, "%.*s", (int)(len < 79 ? len : 79), word);
  cli_suggest(name, names, n, hint, sizeof hint);
  return kvc_fail(err, KVC_E_USAGE, name, "no such option%s", hint);
}

kvc_code cli_parse(const struct cli_parser *parser, int argc, char *const *argv,
                   void *args, struct kvc_err *err)
{
  struct cli_common *common = args;
  struct words words = {.at = argv, .n = argc};
  for (; words.i < argc; words.i++) {
    const char *word = argv[words.i];
    if (strcmp(word, "--") == 0) continue;
    if (word[0] != '-' || word[1] == '\0' || is_negative_number(word)) {
      KVC_TRY(add_word(common, word, err));
      continue;
    }
    const size_t len = strcspn(word, "=");
    bool negated;
    const struct cli_option *option =
        cli_option_find(parser->options, word, len, &negated);
    if (option != NULL) {
      KVC_TRY(take_option(parser, option, negated, len, &words, args, err));
      continue;
    }
    int used = 0;
    if (parser->foreign != NULL)
      KVC_TRY(parser->foreign(args, argc - words.i, argv + words.i, &used, err));
    if (used == 0) return unknown(parser, word, len, err);
    words.i += used - 1;
  }
  return KVC_E_OK;
}
