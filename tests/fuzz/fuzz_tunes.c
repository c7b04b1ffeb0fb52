/* fuzz_tunes.c - the user's thresholds of rules.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <stdint.h>
#include <kvcap/tune.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct kvc_rule_tune *tunes;
  struct kvc_err err;
  size_t n = 0;
  kvc_arena_init(&arena, 4 << 20);
  if (kvc_tunes_read(&arena, (const char *)data, size, "fuzz", &tunes, &n, &err) ==
      KVC_E_OK)
    for (size_t i = 0; i < n; i++)
      if (tunes[i].id == NULL || (tunes[i].has_limit && !isfinite(tunes[i].limit)))
        abort();
  kvc_arena_clear(&arena);
  return 0;
}
