/* shell.c - a launch command for a POSIX shell.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "emit_room.h"
#include <kvcap/emit.h>
#include <string.h>

void emit_shell_word(struct kvc_buf *out, const char *text)
{
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-./:@%+=,";
  if (*text != '\0' && strspn(text, safe) == strlen(text)) {
    kvc_buf_puts(out, text);
    return;
  }
  kvc_buf_puts(out, "'");
  for (const char *p = text; *p != '\0'; p++)
    if (*p == '\'')
      kvc_buf_puts(out, "'\\''");
    else
      kvc_buf_add(out, p, 1);
  kvc_buf_puts(out, "'");
}

void kvc_emit_shell(const struct kvc_emit_command *command, struct kvc_buf *out)
{
  for (size_t i = 0; i < command->n_env; i++) {
    kvc_buf_printf(out, "%s=", command->env[i].name);
    emit_shell_word(out, command->env[i].value);
    kvc_buf_puts(out, " ");
  }
  kvc_buf_puts(out, "vllm serve ");
  emit_shell_word(out, command->model);
  for (size_t i = 0; i < command->n_args; i++) {
    const struct kvc_emit_arg *arg = &command->args[i];
    kvc_buf_puts(out, " ");
    emit_shell_word(out, arg->name);
    if (arg->kind == KVC_EMIT_SWITCH) continue;
    if (arg->kind == KVC_EMIT_LIST) {
      for (size_t k = 0; k < arg->n_values; k++) {
        kvc_buf_puts(out, " ");
        emit_shell_word(out, arg->values[k]);
      }
    } else {
      kvc_buf_puts(out, " ");
      emit_shell_word(out, arg->value != NULL ? arg->value : "");
    }
  }
}
