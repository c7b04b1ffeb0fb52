/* fuzz_hf.c - can a hostile config.json hurt us?
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whatever parses is also counted, quantised by name and laid out on ranks; the sums
 * must stay finite and not negative.
 */
#include <kvcap/hf.h>
#include <kvcap/weights.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(double x)
{
  if (!(isfinite(x) && x >= 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const names[] = {"fp8", "awq", "gptq", "nvfp4", "Q4_K_M", "none"};
  struct kvc_arena arena;
  struct kvc_model model;
  struct kvc_err err;
  kvc_arena_init(&arena, 64u << 20);
  if (kvc_hf_model_parse(&arena, (const char *)data, size, "fuzz", &model, &err) ==
      KVC_E_OK) {
    for (size_t i = 0; i <= sizeof names / sizeof *names; i++) {
      struct kvc_params params;
      struct kvc_weights weights;
      const struct kvc_deploy deploy = {
          .tp = 1 + (int)i, .pp = 2, .dp = 1, .mm_items = -1, .spec_method = "mtp"};
      kvc_params_count(&model, &params);
      check(params.total);
      check(kvc_checkpoint_bytes(&model));
      for (int stage = 0; stage < deploy.pp; stage++) {
        kvc_weights_rank(&model, &deploy, stage, 2, &weights);
        check(weights.total_bytes);
      }
      if (i == sizeof names / sizeof *names) break;
      if (kvc_hf_quant_apply(&arena, names[i], &model, &err) != KVC_E_OK) break;
    }
    if (kvc_hf_quant_parse(&arena, (const char *)data, size, "fuzz", &model, &err) ==
        KVC_E_OK)
      check(kvc_checkpoint_bytes(&model));
  }
  kvc_arena_clear(&arena);
  return 0;
}
