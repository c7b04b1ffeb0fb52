/* cmd_help.c - help, version, schema, man, completion: texts made from the tables.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "plan.h"
#include <kvcap/advice.h>
#include <kvcap/check.h>
#include <kvcap/diagnose.h>
#include <kvcap/search.h>
#include <kvcap/simulate.h>
#include <kvcap/validate.h>
#include <string.h>

/* Options of a command without a table: only the common ones. */
static kvc_code plain_words(struct cli *cli, const char *name, int argc,
                            char *const *argv, size_t most, struct cli_common *common,
                            struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = NULL};
  KVC_TRY(cli_parse(&parser, argc, argv, common, err));
  if (common->help) {
    cli_help_command(cli_command_find(name), &cli->out);
    return KVC_E_OK;
  }
  if (common->n_words > most)
    return kvc_fail(err, KVC_E_USAGE, NULL, "\"%.60s\" is one argument too many",
                    common->words[most]);
  cli->output = common->output;
  return KVC_E_OK;
}

kvc_code cli_cmd_help(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  struct cli_common common = {0};
  KVC_TRY(plain_words(cli, "help", argc, argv, 1, &common, err));
  if (common.help) return KVC_E_OK;
  if (common.n_words == 0) {
    cli_help_program(&cli->out);
    return KVC_E_OK;
  }
  const char *topic = common.words[0];
  const struct cli_command *command = cli_command_find(topic);
  if (command != NULL)
    cli_help_command(command, &cli->out);
  else if (strcmp(topic, "exit-codes") == 0)
    cli_help_exit_codes(&cli->out);
  else if (strcmp(topic, "json") == 0)
    cli_help_json(&cli->out);
  else
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "there is no help on \"%.60s\"; `kvcap help` lists what there is",
                    topic);
  return KVC_E_OK;
}

kvc_code cli_cmd_version(struct cli *cli, int argc, char *const *argv,
                         struct kvc_err *err)
{
  struct cli_common common = {0};
  KVC_TRY(plain_words(cli, "version", argc, argv, 0, &common, err));
  if (!common.help) kvc_buf_printf(&cli->out, "kvcap %s\n", KVC_VERSION);
  return KVC_E_OK;
}

kvc_code cli_cmd_schema(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  struct cli_common common = {0};
  KVC_TRY(plain_words(cli, "schema", argc, argv, 1, &common, err));
  if (common.help) return KVC_E_OK;
  const char *name = common.n_words > 0 ? common.words[0] : "";
  static const struct {
    const char *name;
    kvc_code (*make)(struct kvc_doc *doc, struct kvc_err *err);
  } schemas[] = {
      {"size", kvc_doc_size_schema},           {"advise", kvc_doc_advise_schema},
      {"check", kvc_doc_check_schema},         {"diagnose", kvc_doc_diagnosis_schema},
      {"simulate", kvc_doc_simulation_schema}, {"validate", kvc_doc_validation_schema},
      {"plan", kvc_doc_plan_schema},           {"plan-file", plan_file_schema}};
  size_t i = 0;
  while (i < sizeof schemas / sizeof *schemas && strcmp(name, schemas[i].name) != 0) i++;
  if (i == sizeof schemas / sizeof *schemas)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "there are schemas of seven reports and of one input: kvcap schema "
                    "size, advise, check, diagnose, simulate, validate, plan or "
                    "plan-file");
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(schemas[i].make(&doc, err));
  if (common.format == NULL) common.format = "json";
  return cli_emit(cli, &common, &doc, err);
}

kvc_code cli_cmd_man(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  struct cli_common common = {0};
  KVC_TRY(plain_words(cli, "man", argc, argv, 0, &common, err));
  if (!common.help) cli_man(&cli->out);
  return KVC_E_OK;
}

kvc_code cli_cmd_completion(struct cli *cli, int argc, char *const *argv,
                            struct kvc_err *err)
{
  struct cli_common common = {0};
  KVC_TRY(plain_words(cli, "completion", argc, argv, 1, &common, err));
  if (common.help) return KVC_E_OK;
  if (common.n_words == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "for which shell? bash, zsh or fish; for example: source <(kvcap "
                    "completion bash)");
  return cli_completion(common.words[0], &cli->out, err);
}
