/* emit_room.h - what the forms share; private to src/emit/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef EMIT_ROOM_H
#define EMIT_ROOM_H

#include <kvcap/str.h>

/* A word of a POSIX shell: bare when every character is safe, else in single quotes. */
void emit_shell_word(struct kvc_buf *out, const char *text);
/* A YAML scalar in double quotes, so that no text is ever taken for a number, truth or
 * tag. */
void emit_quoted(struct kvc_buf *out, const char *text);

#endif
