/* cmd_read.c - kvcap read: one file in one vocabulary.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "ingest.h"
#include <stdlib.h>

struct read_args {
  struct cli_common common;
  const char *token_env, *ca_file, *form;
  double timeout_s;
};

static const char *const forms[] = {"json", "yaml", NULL};

#define X(member) offsetof(struct read_args, member)
/* clang-format off */
const struct cli_option read_options[] = {
  {.name = "--format", .arg = "json|yaml", .type = CLI_CHOICE, .offset = X(form), .choices = forms,
   .help = "how the record is written; JSON when not given"},
  {.name = "--token-env", .arg = "NAME", .type = CLI_TEXT, .offset = X(token_env),
   .help = "environment variable with the bearer token for an address"},
  {.name = "--ca-file", .arg = "FILE", .type = CLI_TEXT, .offset = X(ca_file), .complete = "file",
   .help = "certificates to trust instead of the system's"},
  {.name = "--timeout", .arg = "SECONDS", .type = CLI_NUM, .offset = X(timeout_s), .min = 0.1, .max = 3600,
   .advice = "write seconds such as 10", .help = "longest time that fetching a page may take; 10 when not given"},
  {.type = CLI_END}};
/* clang-format on */

kvc_code cli_token(const char *variable, const char **out, struct kvc_err *err)
{
  *out = NULL;
  if (variable == NULL) return KVC_E_OK;
  *out = getenv(variable);
  if (*out == NULL || (*out)[0] == '\0')
    return kvc_fail(err, KVC_E_USAGE, "--token-env",
                    "the environment has no variable \"%.60s\"", variable);
  return KVC_E_OK;
}

kvc_code cli_cmd_read(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = read_options};
  struct read_args args = {0};
  struct ingest in = {0};
  struct kvc_record record;
  KVC_TRY(cli_parse(&parser, argc, argv, &args, err));
  if (args.common.help) {
    cli_help_command(cli_command_find("read"), &cli->out);
    return KVC_E_OK;
  }
  if (args.common.n_words != 1)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "read takes one file, folder, address or -; for example: kvcap read "
                    "server.log");
  KVC_TRY(cli_token(args.token_env, &in.how.token, err));
  in.how.ca_file = args.ca_file;
  in.how.timeout_s = args.timeout_s;
  KVC_TRY(ingest_open(cli, &args.common, &in, err));
  const kvc_code rc = ingest_read(&in, args.common.words[0], INGEST_ANY, &record, err);
  ingest_close(&in);
  KVC_TRY(rc);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_record(&doc, &record, err));
  args.common.format = args.form != NULL ? args.form : "json";
  return cli_emit(cli, &args.common, &doc, err);
}
