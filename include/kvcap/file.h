/* file.h - whole files in, whole files out.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_FILE_H
#define KVCAP_FILE_H

#include <kvcap/arena.h>
#include <stddef.h>

/* Reads a regular file or pipe ("-" = standard input) of at most 'max_bytes'
 * into the arena, NUL-terminated.  KVC_E_IO or KVC_E_LIMIT name the file. */
kvc_code kvc_file_read_into(struct kvc_arena *arena, const char *path, size_t max_bytes,
                            char **text, size_t *len, struct kvc_err *err) KVC_MUST_USE;

/* Writes through a temporary name in the same folder and renames, so that a full
 * disk or a crash leaves the old file or none, never half of one. */
kvc_code kvc_file_write(const char *path, const char *text, size_t len,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
