/* cmd_advise.c - kvcap advise: one consistent set of flags, with reasons.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise.h"
#include "commands.h"

kvc_code cli_cmd_advise(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {advise_options, size_foreign_take, size_seen};
  struct advise_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct kvc_advice *advice = kvc_arena_alloc(&cli->arena, 1, sizeof *advice);
  if (args == NULL || advice == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(advise_read(cli, &parser, argc, argv, args, err));
  if (args->size.common.help) {
    cli_help_command(cli_command_find("advise"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(advise_run(args, advice, err));
  struct kvc_size_request req = args->size.req;
  req.deploy = advice->deploy;
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_advise(&doc, &req, advice, err));
  KVC_TRY(cli_emit(cli, &args->size.common, &doc, err));
  if (!advice->size.memory.fits) cli->status = kvc_err_status(KVC_E_INFEASIBLE);
  return KVC_E_OK;
}
