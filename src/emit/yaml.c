/* yaml.c - the file that `vllm serve --config` reads.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "emit_room.h"
#include <kvcap/emit.h>
#include <kvcap/num.h>
#include <string.h>

void emit_quoted(struct kvc_buf *out, const char *text)
{
  kvc_buf_puts(out, "\"");
  for (const char *p = text; *p != '\0'; p++) {
    const unsigned char c = (unsigned char)*p;
    if (c == '"' || c == '\\')
      kvc_buf_printf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7F)
      kvc_buf_printf(out, "\\x%02X", c);
    else
      kvc_buf_add(out, p, 1);
  }
  kvc_buf_puts(out, "\"");
}

static void scalar(struct kvc_buf *out, const char *text)
{
  double number;
  char back[KVC_NUM_TEXT];
  if (kvc_num_parse(text, "", &number, NULL) == KVC_E_OK) {
    kvc_num_format(number, back);
    if (strcmp(back, text) == 0) { /* a number that YAML reads as the same one */
      kvc_buf_puts(out, text);
      return;
    }
  }
  emit_quoted(out, text);
}

void kvc_emit_yaml(const struct kvc_emit_command *command, struct kvc_buf *out)
{
  kvc_buf_puts(out, "# vllm serve --config FILE\n");
  for (size_t i = 0; i < command->n_env; i++) {
    kvc_buf_printf(out, "# in the environment: %s=", command->env[i].name);
    scalar(out, command->env[i].value);
    kvc_buf_puts(out, "\n");
  }
  kvc_buf_puts(out, "model: ");
  scalar(out, command->model);
  kvc_buf_puts(out, "\n");
  for (size_t i = 0; i < command->n_args; i++) {
    const struct kvc_emit_arg *arg = &command->args[i];
    kvc_buf_printf(out, "%s:", arg->name + strspn(arg->name, "-"));
    switch (arg->kind) {
    case KVC_EMIT_SWITCH: kvc_buf_puts(out, " true\n"); break;
    case KVC_EMIT_LIST:
      for (size_t k = 0; k < arg->n_values; k++) {
        kvc_buf_puts(out, "\n  - ");
        scalar(out, arg->values[k]);
      }
      kvc_buf_puts(out, "\n");
      break;
    case KVC_EMIT_JSON: /* JSON is YAML's flow style */
      kvc_buf_printf(out, " %s\n", arg->value);
      break;
    case KVC_EMIT_PLAIN:
      kvc_buf_puts(out, " ");
      scalar(out, arg->value != NULL ? arg->value : "");
      kvc_buf_puts(out, "\n");
      break;
    }
  }
}
