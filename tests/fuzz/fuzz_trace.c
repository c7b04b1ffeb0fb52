/* fuzz_trace.c - recorded loads are served or refused, whatever the bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/traffic.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct kvc_err err = {0};
  struct kvc_traffic t;
  kvc_arena_init(&arena, 1 << 22);
  if (kvc_trace_read(&arena, (const char *)data, size, "fuzz", NULL, &t, &err) ==
      KVC_E_OK) {
    for (size_t i = 0; i < t.n; i++)
      if (t.items[i].prompt_tok < 1 || t.items[i].output_tok < 1 ||
          t.items[i].arrival_ns < (i > 0 ? t.items[i - 1].arrival_ns : 0))
        abort();
  }
  kvc_arena_clear(&arena);
  return 0;
}
