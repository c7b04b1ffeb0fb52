/* diagnose_options.c - the options of `kvcap diagnose`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "diagnose.h"
#include <kvcap/num.h>
#include <string.h>

static const char *const severities[] = {"hint", "warning", "error", NULL};
static const char *const goals[] = {"latency", "throughput", "none", NULL};
static const char *const forms[] = {"text", "json", "yaml", "github", "gitlab", NULL};

static kvc_code add_file(const char **files, size_t *n, const struct cli_option *option,
                         const char *value, struct kvc_err *err)
{
  if (*n == DIAGNOSE_MAX_FILES)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "is given more than %d times",
                    DIAGNOSE_MAX_FILES);
  if (value[0] == '\0')
    return kvc_fail(err, KVC_E_USAGE, option->name, "the value is empty");
  files[(*n)++] = value;
  return KVC_E_OK;
}

static kvc_code add_metrics(void *ptr, const struct cli_option *option, const char *value,
                            struct kvc_err *err)
{
  struct diagnose_args *a = ptr;
  return add_file(a->metrics, &a->n_metrics, option, value, err);
}

static kvc_code add_log(void *ptr, const struct cli_option *option, const char *value,
                        struct kvc_err *err)
{
  struct diagnose_args *a = ptr;
  return add_file(a->logs, &a->n_logs, option, value, err);
}

static kvc_code add_bench(void *ptr, const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  struct diagnose_args *a = ptr;
  return add_file(a->benches, &a->n_benches, option, value, err);
}

/* "500ms", "5s", "5m", "1h"; a bare number is seconds. */
static kvc_code duration(void *ptr, const struct cli_option *option, const char *value,
                         struct kvc_err *err)
{
  static const struct {
    const char *unit;
    double s;
  } units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
  char digits[40];
  double number, scale = 1;
  const size_t n = strspn(value, "0123456789.");
  bool known = value[n] == '\0';
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(value + n, units[i].unit) == 0) {
      scale = units[i].s;
      known = true;
    }
  (void)snprintf(digits, sizeof digits, "%.*s", (int)(n < 39 ? n : 39), value);
  if (!known || n == 0 || kvc_num_parse(digits, option->name, &number, NULL) != KVC_E_OK)
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.40s\" is no duration; write one such as 5s, 10m or 1h", value);
  number *= scale;
  if (!(number >= option->min && number <= option->max))
    return kvc_fail(err, KVC_E_RANGE, option->name, "%.40s is outside %g s to %g s; %s",
                    value, option->min, option->max, option->advice);
  memcpy((char *)ptr + option->offset, &number, sizeof number);
  return KVC_E_OK;
}

#define X(member) offsetof(struct diagnose_args, member)
/* clang-format off */
#define ROW_DURATION(opt, m, least, most, say, text) \
  {.name = opt, .arg = "TIME", .type = CLI_CALL, .call = duration, .offset = X(m), .min = least, .max = most, \
   .advice = say, .help = text}

const struct cli_option diagnose_options[] = {
  SIZE_GROUP("What to look at"),
  {.name = "--metrics", .arg = "FILE|URL", .type = CLI_CALL, .call = add_metrics, .complete = "file",
   .help = "a page of /metrics, saved or live; two or more show what happened between them"},
  {.name = "--log", .arg = "FILE", .type = CLI_CALL, .call = add_log, .complete = "file",
   .help = "the server's log; - is standard input"},
  {.name = "--bench", .arg = "FILE|FOLDER", .type = CLI_CALL, .call = add_bench, .complete = "file",
   .help = "a benchmark's result, or a folder of them; may be repeated"},
  ROW_DURATION("--every", every_s, 0.1, 86400, "write a time such as 5s", "fetch a live page this often; 5s when only --for is given"),
  ROW_DURATION("--for", for_s, 0.1, 604800, "write a time such as 5m", "and for this long; Ctrl-C ends it early and diagnoses what there is"),
  ROW_DURATION("--interval", interval_s, 0.1, 31536000, "write a time such as 5m", "time between the first and the last saved page, when the files do not tell"),
  {.name = "--model-name", .arg = "NAME", .type = CLI_TEXT, .offset = X(model_name),
   .help = "served model to look at on a page with several; the busiest when not given"},
  {.name = "--token-env", .arg = "NAME", .type = CLI_TEXT, .offset = X(token_env),
   .help = "environment variable with the bearer token for the address"},
  {.name = "--ca-file", .arg = "FILE", .type = CLI_TEXT, .offset = X(ca_file), .complete = "file",
   .help = "certificates to trust instead of the system's"},
  ROW_DURATION("--timeout", timeout_s, 0.1, 3600, "write a time such as 10s", "longest time that fetching a page may take; 10s when not given"),
  SIZE_GROUP("How to judge"),
  {.name = "--rules", .arg = "FILE", .type = CLI_TEXT, .offset = X(rules), .complete = "file",
   .help = "YAML with your thresholds: rules: {LAT001: {limit: 0.8}, QUE011: {severity: off}}"},
  {.name = "--goal", .arg = "GOAL", .type = CLI_CHOICE, .offset = X(goal), .choices = goals,
   .help = "what comes first: latency, throughput or none"},
  {.name = "--multi-turn", .type = CLI_TRUE, .offset = X(multi_turn),
   .help = "the load is conversations, so that prefixes should hit"},
  {.name = "--allow-quality", .type = CLI_TRUE, .offset = X(allow_quality),
   .help = "put changes that may cost accuracy (fp8 KV cache) into the command"},
  {.name = "--fail-on", .arg = "hint|warning|error", .type = CLI_CHOICE, .offset = X(fail_on), .choices = severities,
   .help = "least severity that makes the exit status 1; error when not given"},
  {.name = "--format", .arg = "text|json|yaml|github|gitlab", .type = CLI_CHOICE, .offset = X(form), .choices = forms,
   .help = "how the result is written; github and gitlab are annotations for a pipeline"},
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */

kvc_code diagnose_read(struct diagnose *d, int argc, char *const *argv,
                       struct kvc_err *err)
{
  static const struct cli_parser parser = {diagnose_options, size_foreign_take,
                                           size_seen};
  struct diagnose_args *a = kvc_arena_alloc(&d->cli->arena, 1, sizeof *a);
  if (a == NULL) return kvc_arena_full(&d->cli->arena, NULL, err);
  d->args = a;
  d->argv = argv;
  d->argc = argc;
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--") != 0) continue;
    d->argc = i;
    d->n_command = argc - i - 1;
    d->command = argv + i + 1;
    break;
  }
  a->interval_s = 0;
  KVC_TRY(size_parse(d->cli, &parser, d->argc, d->argv, &a->size, err));
  if (a->size.common.help) return KVC_E_OK;
  if (a->fail_on == NULL) a->fail_on = "error";
  if (a->for_s > 0 && !(a->every_s > 0)) a->every_s = 5;
  if (a->every_s > 0 && !(a->for_s > 0) && !d->watching)
    return kvc_fail(err, KVC_E_USAGE, "--every",
                    "goes with --for, such as --every 5s --for 5m; kvcap watch looks "
                    "without an end");
  if (!d->watching && a->for_s > 0 && a->for_s / a->every_s > DIAGNOSE_MAX_LOOKS)
    return kvc_fail(err, KVC_E_RANGE, "--every",
                    "makes more than %d looks; look less often, such as --every %.0fs",
                    DIAGNOSE_MAX_LOOKS, a->for_s / DIAGNOSE_MAX_LOOKS + 1);
  KVC_TRY(cli_token(a->token_env, &d->in.how.token, err));
  d->in.how.ca_file = a->ca_file;
  d->in.how.timeout_s = a->timeout_s;
  return KVC_E_OK;
}
