/* arena.c - bump allocation in blocks, freed together.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/arena.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

struct kvc_arena_block {
  struct kvc_arena_block *next;
  size_t used, room;
};

/* Keeps the payload aligned whatever the header's size. */
enum { HEADER = (sizeof(struct kvc_arena_block) + ALIGN - 1) / ALIGN * ALIGN };

void kvc_arena_init(struct kvc_arena *arena, size_t cap_bytes)
{
  *arena = (struct kvc_arena){.cap_bytes = cap_bytes};
}

void kvc_arena_clear(struct kvc_arena *arena)
{
  struct kvc_arena_block *block = arena->head;
  while (block != NULL) {
    struct kvc_arena_block *next = block->next;
    free(block);
    block = next;
  }
  arena->head = NULL;
  arena->used_bytes = 0;
}

/* The machine itself has no memory left: nothing sensible can follow. */
static struct kvc_arena_block *block_new(size_t room)
{
  struct kvc_arena_block *block = malloc(HEADER + room);
  if (block == NULL) {
    (void)fputs("kvcap: the machine is out of memory\n", stderr);
    abort();
  }
  block->next = NULL;
  block->used = 0;
  block->room = room;
  return block;
}

void *kvc_arena_alloc(struct kvc_arena *arena, size_t count, size_t size)
{
  if (size != 0 && count > (SIZE_MAX / 2) / size) return NULL;
  const size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
  if (bytes > arena->cap_bytes || arena->used_bytes > arena->cap_bytes - bytes)
    return NULL;
  struct kvc_arena_block *block = arena->head;
  if (block == NULL || block->room - block->used < bytes) {
    block = block_new(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
    block->next = arena->head;
    arena->head = block;
  }
  void *out = (char *)block + HEADER + block->used;
  block->used += bytes;
  arena->used_bytes += bytes;
  memset(out, 0, bytes);
  return out;
}

char *kvc_arena_strndup(struct kvc_arena *arena, const char *text, size_t len)
{
  char *out = kvc_arena_alloc(arena, len + 1, 1);
  if (out == NULL) return NULL;
  memcpy(out, text, len);
  out[len] = '\0';
  return out;
}

char *kvc_arena_strdup(struct kvc_arena *arena, const char *text)
{
  return kvc_arena_strndup(arena, text, strlen(text));
}

char *kvc_arena_vprintf(struct kvc_arena *arena, const char *fmt, va_list args)
{
  va_list again;
  va_copy(again, args);
  const int len = vsnprintf(NULL, 0, fmt, args);
  char *out = len < 0 ? NULL : kvc_arena_alloc(arena, (size_t)len + 1, 1);
  if (out != NULL) (void)vsnprintf(out, (size_t)len + 1, fmt, again);
  va_end(again);
  return out;
}

char *kvc_arena_printf(struct kvc_arena *arena, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *out = kvc_arena_vprintf(arena, fmt, args);
  va_end(args);
  return out;
}

char *kvc_arena_count(struct kvc_arena *arena, double n)
{
  char digits[40], out[64];
  (void)snprintf(digits, sizeof digits, "%.0f", n);
  size_t o = 0;
  const size_t len = strlen(digits);
  for (size_t i = 0; i < len && o + 2 < sizeof out; i++) {
    if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') out[o++] = ',';
    out[o++] = digits[i];
  }
  out[o] = '\0';
  return kvc_arena_strdup(arena, out);
}

kvc_code kvc_arena_full(const struct kvc_arena *arena, const char *where,
                        struct kvc_err *err)
{
  return kvc_fail(err, KVC_E_LIMIT, where, "needs more than the %zu bytes allowed for it",
                  arena->cap_bytes);
}
