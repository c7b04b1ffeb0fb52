/* fuzz_plan_file.c - a question to `kvcap plan` as YAML.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <stdint.h>
#include <kvcap/plan_file.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct kvc_plan_file f;
  struct kvc_err err = {0};
  kvc_arena_init(&arena, 4 << 20);
  const kvc_code rc =
      kvc_plan_file_read(&arena, (const char *)data, size, "fuzz", &f, &err);
  if (rc == KVC_E_OK) {
    if (f.n_models > KVC_PLAN_FILE_MODELS || f.n_hardware > KVC_PLAN_FILE_HARDWARE ||
        isinf(f.rate_per_s))
      abort();
    for (size_t i = 0; i < f.n_hardware; i++)
      if (f.hardware[i].gpu == NULL) abort();
    for (size_t i = 0; i < f.n_flags; i++)
      if (f.flags[i][0] != '-') abort();
  } else if (err.msg[0] == '\0') {
    abort();
  }
  kvc_arena_clear(&arena);
  return 0;
}
