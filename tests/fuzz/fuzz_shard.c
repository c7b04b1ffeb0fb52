/* fuzz_shard.c - a part of a plan that somebody else made.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is read is written again and must read back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct written {
  struct kvc_buf text;
  size_t n;
};

static kvc_code keep(void *ctx, const struct shard_head *head,
                     const struct shard_unit *unit, struct kvc_err *err)
{
  struct written *w = ctx;
  (void)err;
  if (w->n == 0) shard_write_head(&w->text, head);
  shard_write_unit(&w->text, w->n++ == 0, unit);
  return KVC_E_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct shard_head head;
  struct kvc_err err = {0};
  struct written a = {.n = 0}, b = {.n = 0};
  const struct shard_text file = {"fuzz", (const char *)data, size};
  kvc_arena_init(&arena, 16 << 20);
  kvc_buf_init(&a.text, 16 << 20);
  kvc_buf_init(&b.text, 16 << 20);
  const kvc_code rc = shard_read(&arena, &file, &head, keep, &a, &err);
  if (rc != KVC_E_OK && err.msg[0] == '\0') abort();
  if (rc == KVC_E_OK && a.n > 0 && !a.text.full) {
    shard_write_tail(&a.text);
    const struct shard_text again = {"again", a.text.text, a.text.len};
    if (shard_read(&arena, &again, &head, keep, &b, &err) != KVC_E_OK) abort();
    shard_write_tail(&b.text);
    if (strcmp(a.text.text, b.text.text) != 0) abort();
  }
  kvc_buf_clear(&a.text);
  kvc_buf_clear(&b.text);
  kvc_arena_clear(&arena);
  return 0;
}
