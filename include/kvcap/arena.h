/* arena.h - bulk memory with one lifetime.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: whoever calls kvc_arena_init calls kvc_arena_clear; everything
 * allocated in between is borrowed and dies together.  'cap_bytes' bounds the
 * total, so hostile input runs into KVC_E_LIMIT instead of the machine's memory.
 * Real exhaustion of the machine ends the process in one place (arena.c).
 */
#ifndef KVCAP_ARENA_H
#define KVCAP_ARENA_H

#include <kvcap/err.h>
#include <stdarg.h>
#include <stddef.h>

struct kvc_arena_block;

struct kvc_arena {
  struct kvc_arena_block *head;
  size_t used_bytes, cap_bytes;
};

void kvc_arena_init(struct kvc_arena *arena, size_t cap_bytes);
void kvc_arena_clear(struct kvc_arena *arena);

/* 'count' zeroed objects of 'size' bytes, aligned for any type; NULL once the
 * cap would be passed (or count*size overflows).  Never fails otherwise. */
void *kvc_arena_alloc(struct kvc_arena *arena, size_t count, size_t size);

/* A NUL-terminated copy of text[0..len); NULL when the cap would be passed. */
char *kvc_arena_strndup(struct kvc_arena *arena, const char *text, size_t len);
char *kvc_arena_strdup(struct kvc_arena *arena, const char *text);

/* printf into the arena; NULL when the cap would be passed. */
char *kvc_arena_printf(struct kvc_arena *arena, const char *fmt, ...) KVC_PRINTF(2, 3);
char *kvc_arena_vprintf(struct kvc_arena *arena, const char *fmt, va_list args)
    KVC_PRINTF(2, 0);
/* n rounded to a whole number, with a comma between thousands: "468,144". */
char *kvc_arena_count(struct kvc_arena *arena, double n);

/* The error to return when an allocation above gave NULL. */
kvc_code kvc_arena_full(const struct kvc_arena *arena, const char *where,
                        struct kvc_err *err);

#endif
