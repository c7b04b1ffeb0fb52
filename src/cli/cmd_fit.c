/* cmd_fit.c - kvcap fit: coefficients from measurements.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "fit.h"
#include <string.h>

#define X(member) offsetof(struct fit_args, member)
/* clang-format off */
const struct cli_option fit_options[] = {
  SIZE_GROUP("Results"),
  {.name = "--save-calibration", .arg = "FILE", .type = CLI_TEXT, .offset = SIZE_A(save_calibration), .complete = "file",
   .help = "bench: keep the coefficients, for simulate --calibration; overheads of a --calibration given beside it stay in"},
  {.name = "--cite", .arg = "KEY", .type = CLI_TEXT, .offset = X(cite),
   .help = "kernels: source of the measurements, a key in citations/; user when not given"},
  {.name = "--notes", .arg = "TEXT", .type = CLI_TEXT, .offset = X(notes),
   .help = "kernels: what was left out, what is odd; kept in the profile that --output writes"},
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */

void fit_help(struct kvc_buf *out)
{
  kvc_buf_puts(
      out,
      "\nfit bench takes two results or more of one deployment under different loads, "
      "in\n"
      "any format that kvcap reads: several files, or several results in one. The other\n"
      "options describe the server that ran.\n"
      "\nfit kernels takes tables of kernel times: comma-separated, a header, one\n"
      "measurement a line, milliseconds in the column latency. The other columns tell\n"
      "the operation (those in brackets may be absent):\n"
      "  m, n, k [gemm_dtype]                                      matrices\n"
      "  num_tokens, hidden_size, inter_size, topk, num_experts,\n"
      "    moe_tp_size, moe_ep_size [moe_dtype, distribution]      routed experts\n"
      "  batch_size, isl, num_heads, num_key_value_heads\n"
      "    [head_dim, kv_cache_dtype, window_size]                 prefill attention\n"
      "  the same with step (cached tokens)                        decode attention\n"
      "  num_gpus, message_size [backend]                          all-reduce\n"
      "  num_gpus, message_size, op_name, nccl_dtype               collective library\n"
      "  num_heads, batch_size, isl or step, tp_size               latent attention\n"
      "--output writes the profile; the report of the errors goes to standard output.\n");
}

kvc_code cli_cmd_fit(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {fit_options, size_foreign_take, size_seen};
  struct fit_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  if (args == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(size_parse(cli, &parser, argc, argv, &args->size, err));
  struct cli_common *common = &args->size.common;
  if (common->help) {
    cli_help_command(cli_command_find("fit"), &cli->out);
    return KVC_E_OK;
  }
  if (common->n_words == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "fit what? for example: kvcap fit bench c4.json c64.json --model "
                    "Qwen/Qwen3-8B --gpu H100, or kvcap fit kernels gemm.csv --gpu H100");
  const char *verb = common->words[0];
  /* The rest are files, and no model among them. */
  args->n_files = common->n_words - 1;
  memcpy(args->files, common->words + 1, args->n_files * sizeof *args->files);
  common->n_words = 0;
  if (strcmp(verb, "bench") == 0) return fit_bench(cli, args, err);
  if (strcmp(verb, "kernels") == 0) return fit_kernels(cli, args, err);
  return kvc_fail(err, KVC_E_USAGE, NULL, "\"%.40s\" is neither bench nor kernels", verb);
}
