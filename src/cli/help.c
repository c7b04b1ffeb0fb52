/* help.c - help texts from the tables, never wider than 80 columns.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include "fit.h"
#include <string.h>

enum { COLUMNS = 79, HELP_AT = 32 };

/* Words of 'text' from column 'col' on, continued at column 'hang'. */
static void fold(struct kvc_buf *out, const char *text, int col, int hang)
{
  bool first = true;
  while (*text != '\0') {
    const int len = (int)strcspn(text, " ");
    if (!first && col + 1 + len > COLUMNS) {
      kvc_buf_printf(out, "\n%*s", hang, "");
      col = hang;
    } else if (!first) {
      kvc_buf_puts(out, " ");
      col++;
    }
    kvc_buf_add(out, text, (size_t)len);
    col += len;
    first = false;
    text += len;
    while (*text == ' ') text++;
  }
  kvc_buf_puts(out, "\n");
}

static void two_columns(struct kvc_buf *out, const char *left, const char *help, int at)
{
  const int width = 2 + (int)strlen(left);
  kvc_buf_printf(out, "  %s", left);
  if (width > at - 2)
    kvc_buf_printf(out, "\n%*s", at, "");
  else
    kvc_buf_printf(out, "%*s", at - width, "");
  fold(out, help, at, at);
}

static void write_option(struct kvc_buf *out, const struct cli_option *option)
{
  if (option->type == CLI_GROUP) {
    kvc_buf_printf(out, "\n%s\n", option->help);
    return;
  }
  char left[200];
  const char *name = option->name;
  const bool tri = option->type == CLI_TRISTATE;
  (void)snprintf(
      left, sizeof left, "%s%s%s%s%s%s", name, option->alias != NULL ? ", " : "",
      option->alias != NULL ? option->alias : "", option->arg != NULL ? " " : "",
      option->arg != NULL ? option->arg : "", "");
  if (tri && strncmp(name, "--enable", 8) == 0)
    (void)snprintf(left, sizeof left, "--[no-]%s", name + 2);
  /* Several aliases are separated by spaces in the table. */
  char *p = option->alias != NULL ? strstr(left, ", ") : NULL;
  const size_t aliases = option->alias != NULL ? strlen(option->alias) : 0;
  for (size_t i = 0; p != NULL && i < aliases; i++)
    if (p[2 + i] == ' ') p[2 + i] = '|';
  two_columns(out, left, option->help, HELP_AT);
}

static void write_options(struct kvc_buf *out, const struct cli_option *options)
{
  for (; options != NULL && options->type != CLI_END; options++)
    write_option(out, options);
}

void cli_help_program(struct kvc_buf *out)
{
  kvc_buf_printf(out,
                 "kvcap %s - capacity planner for the vLLM inference server\n\n"
                 "usage: kvcap COMMAND [ARGUMENT]...\n\ncommands\n",
                 KVC_VERSION);
  const struct cli_command *command;
  for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
    two_columns(out, command->name, command->summary, 14);
  kvc_buf_puts(out,
               "\nfor example\n  kvcap size meta-llama/Meta-Llama-3-8B-Instruct "
               "--gpu A100-80G\n"
               "\n`kvcap COMMAND --help` shows a command's options, `kvcap help "
               "exit-codes` the\nexit statuses, `kvcap help json` the machine-readable "
               "report.\n");
}

void cli_help_command(const struct cli_command *command, struct kvc_buf *out)
{
  kvc_buf_printf(out, "usage: kvcap %s\n\n", command->usage);
  fold(out, command->summary, 0, 0);
  if (command->options != NULL && command->options[0].type != CLI_END) {
    if (command->options[0].type != CLI_GROUP) kvc_buf_puts(out, "\noptions\n");
    write_options(out, command->options);
  }
  kvc_buf_puts(out, "\nAny command\n");
  write_options(out, cli_common_options);
  if (strcmp(command->name, "size") == 0) {
    kvc_buf_puts(out, "\n");
    fold(out,
         "Options take vLLM's spelling, --opt value or --opt=value; every other flag of "
         "vllm serve is accepted, and a whole command line may be pasted after --.",
         0, 0);
  }
  if (strcmp(command->name, "fit") == 0) fit_help(out);
  if (command->examples != NULL) kvc_buf_puts(out, "\nfor example\n");
  for (const char *const *e = command->examples; e != NULL && *e != NULL; e++)
    kvc_buf_printf(out, "  %s\n", *e);
}

void cli_help_exit_codes(struct kvc_buf *out)
{
  kvc_buf_puts(out, "exit status\n");
  const struct cli_status *row;
  for (size_t i = 0; (row = cli_status_at(i)) != NULL; i++) {
    char number[8];
    (void)snprintf(number, sizeof number, "%d", row->status);
    two_columns(out, number, row->text, 7);
  }
}

void cli_help_json(struct kvc_buf *out)
{
  fold(out,
       "kvcap size --format json prints one JSON object (--format yaml the same tree). "
       "Its \"schema\" is 1: keys are added, never renamed or removed. Numbers carry "
       "their "
       "SI unit in the key (_bytes, _tok, _frac); what is unknown or does not apply is "
       "null.",
       0, 0);
  kvc_buf_puts(out, "\n");
  fold(
      out,
      "`kvcap schema size` prints the JSON Schema (draft 2020-12), which describes every "
      "key; it is also in profiles/schema/size.schema.json.",
      0, 0);
  kvc_buf_puts(out, "\n");
  fold(
      out,
      "`kvcap diagnose` has findings[] (id, severity, text, flag, before, value, gain, "
      "times, evidence[]), figures{} (value, unit, from), skipped[], command and next[]; "
      "`kvcap read` has kind, vllm_version, metrics{}, series[], memory{}, args{}, "
      "benchmark{} and unknown[].",
      0, 0);
  kvc_buf_puts(out, "\nthe most used keys of `kvcap size`\n");
  static const char *const keys[][2] = {
      {"fits", "true when vLLM starts; error holds its message otherwise"},
      {"verdict", "the first line of the text report"},
      {"kv_cache.tokens", "GPU KV cache size, as the release prints it"},
      {"kv_cache.max_concurrency", "requests of full length at once"},
      {"kv_cache.bytes_per_token", "KV bytes of one token on one GPU"},
      {"kv_cache.num_gpu_blocks", "blocks in the pool, of kv_cache.block_size_tok"},
      {"memory.total_bytes", "memory of one GPU, as torch reports it"},
      {"memory.requested_bytes", "vLLM's budget"},
      {"memory.weights_bytes", "weights on one GPU"},
      {"memory.activation_peak_bytes", "peak of the profile run"},
      {"memory.non_torch_bytes", "CUDA context, NCCL, workspaces"},
      {"memory.cudagraph_bytes", "captured CUDA graphs"},
      {"memory.available_kv_bytes", "what is left for the KV cache"},
      {"concurrency.theoretical", "pool tokens / tokens per request"},
      {"concurrency.buffered", "the same less the buffer"},
      {"concurrency.recommended_max_num_seqs", "rounded down"},
      {"log_lines[]", "the memory lines that the release prints"},
      {"recommendations[]", "id, flag, value, reason, evidence[], source, gain"}};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    two_columns(out, keys[i][0], keys[i][1], 41);
}
