/* cmd_launch.c - kvcap launch: the advised set, ready to run.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise.h"
#include "commands.h"
#include <string.h>

static kvc_code put(struct cli *cli, const struct advise_args *args,
                    const struct kvc_advice *advice, bool yaml, struct kvc_err *err)
{
  const struct kvc_emit_command command = {.model = advice->model,
                                           .args = advice->args,
                                           .n_args = advice->n_args,
                                           .env = advice->env,
                                           .n_env = advice->n_env};
  const struct kvc_flag *config = kvc_engine_flag(args->size.catalogue, "config");
  const struct kvc_version *v = &advice->size.version.version;
  if (yaml &&
      (config == NULL || kvc_engine_flag_name(args->size.catalogue, config, v) == NULL))
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--format",
                    "this release reads no --config file: use --format shell");
  if (yaml)
    kvc_emit_yaml(&command, &cli->out);
  else {
    kvc_emit_shell(&command, &cli->out);
    kvc_buf_puts(&cli->out, "\n");
  }
  cli->output = args->size.common.output;
  return KVC_E_OK;
}

kvc_code cli_cmd_launch(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {launch_options, size_foreign_take, size_seen};
  struct advise_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct kvc_advice *advice = kvc_arena_alloc(&cli->arena, 1, sizeof *advice);
  if (args == NULL || advice == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(advise_read(cli, &parser, argc, argv, args, err));
  if (args->size.common.help) {
    cli_help_command(cli_command_find("launch"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(advise_run(args, advice, err));
  if (!advice->size.memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "%.400s", advice->verdict);
  return put(cli, args, advice, args->form != NULL && strcmp(args->form, "yaml") == 0,
             err);
}
