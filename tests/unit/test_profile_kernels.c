/* test_profile_kernels.c - kernels profiles read strictly, and found for every GPU.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "profile_kit.h"

static struct kvc_arena arena;

static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&arena, (size_t)32 << 20);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

#define HEAD "name: Toy\narchitecture: Hopper\ncite: user\ncurves:\n"
#define CURVE                                                                            \
  "  - {op: gemm, fixed_s: 3e-6, memory_frac: 0.8, flops_frac: 0.7, half: 20}\n"

static kvc_code take(const char *text, struct kvc_kernels *k, struct kvc_err *err)
{
  return kvc_kernels_read(&arena, text, strlen(text), "toy.yaml", k, err);
}

static void a_curve_is_read_with_its_numbers(void **state)
{
  (void)state;
  struct kvc_kernels k;
  struct kvc_err err;
  assert_int_equal(take(HEAD CURVE, &k, &err), KVC_E_OK);
  const struct kvc_curve *c = kvc_kernels_curve(&k, KVC_CURVE_GEMM, KVC_FMT_BF16, 0);
  assert_non_null(c);
  assert_true(fabs(c->memory_frac - 0.8) < 1e-12 && fabs(c->half - 20) < 1e-12);
  assert_null(kvc_kernels_curve(&k, KVC_CURVE_GEMM, KVC_FMT_FP8, 0));
}

static void faults_are_named_with_their_line(void **state)
{
  (void)state;
  static const struct {
    const char *text, *says;
  } bad[] = {
      {HEAD "  - {op: gemm, memory_frac: 1.2, flops_frac: 0.7}\n", "memory_frac"},
      {HEAD "  - {op: gemm, memory_frac: 0.8}\n", "flops_frac"},
      {HEAD "  - {op: gem, memory_frac: 0.8, flops_frac: 0.7}\n", "gem"},
      {HEAD "  - {op: nccl, memory_frac: 0.8}\n", "ranks"},
      {HEAD "  - {op: gemm, ranks: 2, memory_frac: 0.8, flops_frac: 0.7}\n", "ranks"},
      {HEAD CURVE CURVE, "twice"},
      {HEAD "  - {op: gemm, memory_frac: 0.8, flops_frac: 0.7, halve: 2}\n", "halve"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct kvc_kernels k;
    struct kvc_err err = {0};
    assert_int_not_equal(take(bad[i].text, &k, &err), KVC_E_OK);
    if (strstr(err.msg, bad[i].says) == NULL) fail_msg("%zu: %s", i, err.msg);
    assert_true(err.line >= 1);
  }
}

static void what_is_written_reads_back(void **state)
{
  (void)state;
  struct kvc_kernels k, back;
  struct kvc_err err;
  struct kvc_buf out;
  assert_int_equal(
      take(HEAD CURVE "  - {op: nccl, ranks: 4, memory_frac: 0.5}\n", &k, &err),
      KVC_E_OK);
  kvc_buf_init(&out, 1 << 16);
  kvc_kernels_write(&k, &out);
  char *text = kvc_arena_strndup(&arena, out.text, out.len);
  assert_int_equal(take(text, &back, &err), KVC_E_OK);
  kvc_buf_clear(&out);
  assert_int_equal(back.n_curves, 2);
  assert_true(fabs(back.curves[0].fixed_s - 3e-6) < 1e-12);
  assert_int_equal(back.curves[1].ranks, 4);
}

static void a_gpu_without_measurements_gets_the_mean_of_its_architecture(void **state)
{
  (void)state;
  struct kvc_db *db;
  struct kvc_kernels own, family, mean;
  enum kvc_kernels_match how;
  struct kvc_err err;
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_kernels(db, "H100-SXM5-80GB", "Hopper", &own, &how, &err),
                   KVC_E_OK);
  assert_int_equal(how, KVC_KERNELS_MEASURED);
  assert_int_equal(kvc_db_kernels(db, "H100-PCIe", "Hopper", &family, &how, &err),
                   KVC_E_OK);
  assert_int_equal(how, KVC_KERNELS_ARCHITECTURE);
  assert_int_equal(kvc_db_kernels(db, "MI300X", "CDNA3", &mean, &how, &err), KVC_E_OK);
  assert_int_equal(how, KVC_KERNELS_MEAN);
  const struct kvc_curve *c = kvc_kernels_curve(&mean, KVC_CURVE_GEMM, KVC_FMT_BF16, 0);
  assert_true(c->memory_frac > 0.7 && c->memory_frac < 0.95);
  /* every format has a curve, measured or mean */
  assert_non_null(kvc_kernels_curve(&own, KVC_CURVE_GEMM, KVC_FMT_NVFP4, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_curve_is_read_with_its_numbers), TEST(faults_are_named_with_their_line),
      TEST(what_is_written_reads_back),
      TEST(a_gpu_without_measurements_gets_the_mean_of_its_architecture)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
