/* monitor_options.c - the options of `kvcap monitor`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "monitor.h"
#include <kvcap/num.h>
#include <string.h>

static const char *const engines[] = {"V0", "V1", NULL};
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char digits[] = "0123456789";

/* Whether text[0..len) has letters, digits and the marks alone, and something at all. */
static bool made_of(const char *text, size_t len, const char *marks)
{
  for (size_t i = 0; i < len; i++)
    if (strchr(letters, text[i]) == NULL && strchr(digits, text[i]) == NULL &&
        strchr(marks, text[i]) == NULL)
      return false;
  return len > 0;
}

/* The name stands in PromQL, in file names of Grafana and in its uid. */
static kvc_code read_job(void *ptr, const struct cli_option *option, const char *value,
                         struct kvc_err *err)
{
  enum { LONGEST = 34 };
  struct monitor_args *a = ptr;
  if (!made_of(value, strlen(value), "_-.") || strlen(value) > LONGEST)
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.60s\" is no name of a service: write up to %d letters, digits, "
                    "'_', '-' and '.'",
                    value, (int)LONGEST);
  a->job = value;
  return KVC_E_OK;
}

static kvc_code add_target(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  struct monitor_args *a = ptr;
  const char *port = strrchr(value, ':');
  if (a->n_targets == MONITOR_MAX_TARGETS)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "is given more than %d times",
                    MONITOR_MAX_TARGETS);
  if (port == NULL || !made_of(value, (size_t)(port - value), "_-.:[]") ||
      port[1] == '\0' || strspn(port + 1, digits) != strlen(port + 1) ||
      strlen(port + 1) > 5)
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.80s\" is no target: write host:port, such as gpu1:8000", value);
  a->targets[a->n_targets++] = value;
  return KVC_E_OK;
}

/* "5s", "1m"; a bare number is seconds.  Whole ones, as the files have them. */
static kvc_code read_interval(void *ptr, const struct cli_option *option,
                              const char *value, struct kvc_err *err)
{
  struct monitor_args *a = ptr;
  const size_t len = strlen(value);
  double number, scale = 0;
  size_t used;
  if (kvc_num_scan(value, len, &number, &used)) {
    if (value[used] == '\0' || strcmp(value + used, "s") == 0) scale = 1;
    if (strcmp(value + used, "m") == 0) scale = 60;
  }
  if (scale == 0 || !(number * scale >= option->min && number * scale <= option->max) ||
      number * scale != (double)(int)(number * scale))
    return kvc_fail(err, KVC_E_RANGE, option->name,
                    "\"%.40s\" is no interval of whole seconds from %g s to %g s; %s",
                    value, option->min, option->max, option->advice);
  a->interval_s = number * scale;
  return KVC_E_OK;
}

#define M(member) offsetof(struct monitor_args, member)
/* clang-format off */
const struct cli_option monitor_options[] = {
  {.type = CLI_GROUP, .help = "What is watched"},
  {.name = "--vllm-version", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = M(version),
   .help = "release of vLLM; the newest verified one when not given"},
  {.name = "--engine", .arg = "V0|V1", .type = CLI_CHOICE, .offset = M(engine), .choices = engines,
   .help = "engine generation; the release's default when not given"},
  {.name = "--job", .alias = "--service", .arg = "NAME", .type = CLI_CALL, .call = read_job,
   .help = "name of the service, in Prometheus the job; vllm when not given"},
  {.name = "--target", .arg = "HOST:PORT", .type = CLI_CALL, .call = add_target,
   .help = "a server to scrape; may be repeated; localhost:8000 when not given"},
  {.name = "--scrape-interval", .arg = "TIME", .type = CLI_CALL, .call = read_interval, .min = 1, .max = 60,
   .advice = "write a time such as 5s", .help = "how often; 5s when not given"},
  {.type = CLI_GROUP, .help = "Alerts"},
  {.name = "--rules", .alias = "--thresholds", .arg = "FILE", .type = CLI_TEXT, .offset = M(rules), .complete = "file",
   .help = "YAML with your thresholds: rules: {LAT001: {limit: 0.8}, QUE012: {severity: off}}"},
  {.name = "--multi-turn", .type = CLI_TRUE, .offset = M(multi_turn),
   .help = "the load is conversations, so that prefixes should hit"},
  {.name = "--max-num-seqs", .arg = "N", .type = CLI_INT64, .offset = M(max_num_seqs), .min = 1, .max = 1e6,
   .advice = "write what the server runs with", .help = "as the server has it: for the alerts about its seats"},
  {.name = "--max-num-batched-tokens", .arg = "TOKENS", .type = CLI_TOKENS, .offset = M(max_num_batched_tok), .min = 1, .max = 1e9,
   .advice = "write what the server runs with", .help = "as the server has it: for the alert about long prompts"},
  {.name = "--max-model-len", .arg = "TOKENS", .type = CLI_TOKENS, .offset = M(max_model_len_tok), .min = 1, .max = 1e9,
   .advice = "write what the server runs with", .help = "as the server has it: for the alert about unused length"},
  {.type = CLI_GROUP, .help = "Files"},
  {.name = "--out", .arg = "DIR", .type = CLI_TEXT, .offset = M(out), .complete = "dir",
   .help = "write all four files there, all or none"},
  {.name = "--force", .type = CLI_TRUE, .offset = M(force),
   .help = "overwrite files of these names that kvcap did not make"},
  {.type = CLI_END}};
/* clang-format on */
