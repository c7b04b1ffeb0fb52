/* fuzz_tables.c - tables of points and of kernels, and calibrations, are read or refused.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first byte says what the rest is: k kernel times, c a calibration, else points.
 * A calibration that was read is written and reads back to the same text.
 */
#include <kvcap/calibrate.h>
#include <kvcap/fit.h>
#include <kvcap/predict.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void points(struct kvc_arena *arena, const char *text, size_t len)
{
  struct kvc_point *all;
  struct kvc_err err = {0};
  size_t n;
  if (kvc_points_read(arena, text, len, "fuzz", &all, &n, &err) != KVC_E_OK) {
    if (err.msg[0] == '\0') abort();
    return;
  }
  for (size_t i = 0; i < n; i++)
    if (all[i].id == NULL || all[i].gpu == NULL || all[i].model == NULL || all[i].tp < 0)
      abort();
}

static void kernels(struct kvc_arena *arena, const char *text, size_t len)
{
  const struct kvc_gpu gpu = {.name = "H100",
                              .architecture = "Hopper",
                              .memory_bps = {.value = 3.35e12},
                              .bf16_flops = {.value = 989e12},
                              .fp8_flops = {.value = 1979e12},
                              .int8_ops = {.value = 1979e12}};
  const struct kvc_kernel_table table = {"fuzz", text, len};
  struct kvc_kernels out;
  struct kvc_err err = {0};
  if (kvc_fit_kernels(arena, &gpu, &table, 1, &out, &err) != KVC_E_OK) {
    if (err.msg[0] == '\0') abort();
    return;
  }
  for (size_t i = 0; i < out.n_curves; i++)
    if (!(out.curves[i].memory_frac > 0 && out.curves[i].memory_frac <= 1)) abort();
}

static void calibration(struct kvc_arena *arena, const char *text, size_t len)
{
  struct kvc_calibration one, two;
  struct kvc_err err = {0};
  struct kvc_buf first, second;
  if (kvc_calibration_read(arena, text, len, "fuzz", &one, &err) != KVC_E_OK) return;
  kvc_buf_init(&first, 1 << 20);
  kvc_buf_init(&second, 1 << 20);
  kvc_calibration_write(&one, &first);
  if (kvc_calibration_read(arena, first.text, first.len, "again", &two, &err) != KVC_E_OK)
    abort();
  kvc_calibration_write(&two, &second);
  if (strcmp(first.text, second.text) != 0) abort();
  kvc_buf_clear(&first);
  kvc_buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  if (size == 0) return 0;
  const char *text = (const char *)data + 1;
  kvc_arena_init(&arena, 64 << 20);
  switch (data[0]) {
  case 'k': kernels(&arena, text, size - 1); break;
  case 'c': calibration(&arena, text, size - 1); break;
  default: points(&arena, text, size - 1); break;
  }
  kvc_arena_clear(&arena);
  return 0;
}
