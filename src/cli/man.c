/* man.c - the manual page in roff, from the tables.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <string.h>

/* Text that roff prints as it stands. */
static void roff(struct kvc_buf *out, const char *text)
{
  if (*text == '.' || *text == '\'') kvc_buf_puts(out, "\\&");
  for (; *text != '\0'; text++) {
    if (*text == '\\')
      kvc_buf_puts(out, "\\e");
    else if (*text == '-')
      kvc_buf_puts(out, "\\-");
    else if (*text == '`')
      kvc_buf_puts(out, "\\(ga");
    else if (*text == '\'')
      kvc_buf_puts(out, "\\(aq");
    else
      kvc_buf_add(out, text, 1);
  }
}

/* Text in short input lines, as roff's sources are written. */
static void line(struct kvc_buf *out, const char *text)
{
  enum { SOURCE_COLUMNS = 66 };
  char part[SOURCE_COLUMNS + 1];
  while (strlen(text) > SOURCE_COLUMNS) {
    size_t len = SOURCE_COLUMNS;
    while (len > 0 && text[len] != ' ') len--;
    if (len == 0) break;
    memcpy(part, text, len);
    part[len] = '\0';
    roff(out, part);
    kvc_buf_puts(out, "\n");
    text += len;
    while (*text == ' ') text++;
  }
  roff(out, text);
  kvc_buf_puts(out, "\n");
}

/* ".TP", a bold tag with an optional argument, the text. */
static void item(struct kvc_buf *out, const char *tag, const char *arg, const char *text)
{
  kvc_buf_puts(out, ".TP\n\\fB");
  roff(out, tag);
  kvc_buf_puts(out, "\\fR");
  if (arg != NULL) {
    kvc_buf_puts(out, " \\fI");
    roff(out, arg);
    kvc_buf_puts(out, "\\fR");
  }
  kvc_buf_puts(out, "\n");
  line(out, text);
}

static void options(struct kvc_buf *out, const struct cli_option *rows)
{
  for (; rows != NULL && rows->type != CLI_END; rows++) {
    if (rows->type == CLI_GROUP) {
      kvc_buf_puts(out, ".SS ");
      line(out, rows->help);
      continue;
    }
    char tag[200];
    (void)snprintf(tag, sizeof tag, "%s%s%s", rows->name, rows->alias != NULL ? " " : "",
                   rows->alias != NULL ? rows->alias : "");
    item(out, tag, rows->arg, rows->help);
  }
}

static void example(struct kvc_buf *out, const char *text)
{
  kvc_buf_puts(out, ".nf\n.RS 4\n");
  roff(out, text);
  kvc_buf_puts(out, "\n.RE\n.fi\n");
}

static void commands(struct kvc_buf *out)
{
  const struct cli_command *c;
  kvc_buf_puts(out, ".SH COMMANDS\n");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    item(out, c->usage, NULL, c->summary);
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    if (c->options == NULL || c->options[0].type == CLI_END) continue;
    kvc_buf_puts(out, ".SH OPTIONS OF ");
    for (const char *p = c->name; *p != '\0'; p++)
      kvc_buf_printf(out, "%c", *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    kvc_buf_puts(out, "\n");
    options(out, c->options);
  }
  kvc_buf_puts(out, ".SH OPTIONS OF EVERY COMMAND\n");
  options(out, cli_common_options);
}

void cli_man(struct kvc_buf *out)
{
  kvc_buf_printf(out,
                 ".\\\" made by `kvcap man` from the program's tables\n"
                 ".TH KVCAP 1 2026-11-24 \"kvcap %s\" \"User Commands\"\n",
                 KVC_VERSION);
  kvc_buf_puts(out, ".SH NAME\n"
                    "kvcap \\- capacity planner for the vLLM inference server\n"
                    ".SH SYNOPSIS\n"
                    ".B kvcap\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
                    ".SH DESCRIPTION\n");
  line(out,
       "kvcap tells, without a GPU, whether a vLLM deployment starts, how many "
       "tokens its KV cache holds, how many requests run at once, and what to change "
       "when it does not fit, in the words of the vLLM release in question.");
  kvc_buf_puts(out, ".PP\n");
  line(out, "Options take vLLM's own spelling, as --opt value or --opt=value, with _ for "
            "- if you like. kvcap size accepts every other flag of vllm serve too, and a "
            "whole command line may be pasted after --. Sizes are written 40GiB or 80GB, "
            "token counts 8192, 128k (128000) or 128K (131072).");
  commands(out);
  kvc_buf_puts(out, ".SH EXIT STATUS\n");
  const struct cli_status *status;
  for (size_t i = 0; (status = cli_status_at(i)) != NULL; i++) {
    char number[8];
    (void)snprintf(number, sizeof number, "%d", status->status);
    item(out, number, NULL, status->text);
  }
  kvc_buf_puts(out, ".SH ENVIRONMENT\n");
  item(out, "NO_COLOR", NULL, "no colour when it is set, unless --color always");
  item(out, "TERM", NULL, "no colour when it is dumb or unset");
  item(out, "XDG_CONFIG_HOME", NULL,
       "where the folder kvcap is looked for; ~/.config "
       "when unset");
  kvc_buf_puts(out, ".SH FILES\n");
  item(out, "~/.config/kvcap/{gpus,models,engines,citations}/", NULL,
       "profiles that overlay the built-in ones; those of --profiles come after them");
  kvc_buf_puts(out, ".SH EXAMPLES\n");
  const struct cli_command *c;
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    for (const char *const *e = c->examples; e != NULL && *e != NULL; e++)
      example(out, *e);
}
