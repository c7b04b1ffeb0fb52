/* test_fit.c - coefficients come back from times that were made with them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <kvcap/fit.h>
#include <kvcap/str.h>
#include <math.h>
#include <string.h>

static struct kvc_arena arena;
static struct kvc_gpu gpu;

static int begin(void **state)
{
  (void)state;
  gsl_set_error_handler_off();
  kvc_arena_init(&arena, 64 << 20);
  gpu = (struct kvc_gpu){
      .name = "Toy", .memory_bps = {.value = 1e12}, .bf16_flops = {.value = 2e14}};
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

/* Matrices by the formula: 5 us, 80 % of 1 TB/s, 60 % of 200 TFLOP/s, half at 24. */
static void matrices(struct kvc_buf *csv, double outlier)
{
  const struct kvc_curve c = {
      .fixed_s = 5e-6, .memory_frac = 0.8, .flops_frac = 0.6, .half = 24, .sharpness = 4};
  const struct kvc_priced priced = kvc_curve_priced(&c, 1e12, 2e14);
  kvc_buf_puts(csv, "m,n,k,latency\n");
  for (int m = 1; m <= 8192; m *= 2)
    for (int n = 4096; n <= 16384; n += 4096)
      for (int k = 4096; k <= 8192; k += 4096) {
        const double bytes = 2.0 * n * k + 2.0 * m * (n + k), flops = 2.0 * m * n * k;
        const double t = kvc_priced_time(&priced, bytes, flops, m);
        const double off = (m == 64 && k == 4096) ? outlier : 1;
        kvc_buf_printf(csv, "%d,%d,%d,%.9g\n", m, n, k, 1000 * t * off);
      }
}

static struct kvc_kernels fitted(double outlier)
{
  struct kvc_buf csv;
  struct kvc_kernels out;
  struct kvc_err err;
  kvc_buf_init(&csv, 1 << 20);
  matrices(&csv, outlier);
  const struct kvc_kernel_table table = {"toy.csv", csv.text, csv.len};
  assert_int_equal(kvc_fit_kernels(&arena, &gpu, &table, 1, &out, &err), KVC_E_OK);
  kvc_buf_clear(&csv);
  return out;
}

static void assert_curve(const struct kvc_kernels *k, double rel)
{
  assert_int_equal(k->n_curves, 1);
  const struct kvc_curve *c = &k->curves[0];
  assert_int_equal(c->op, KVC_CURVE_GEMM);
  assert_true(fabs(c->memory_frac - 0.8) < 0.8 * rel);
  assert_true(fabs(c->flops_frac - 0.6) < 0.6 * rel);
  assert_true(fabs(c->half - 24) < 24 * 5 * rel);
}

static void coefficients_of_a_made_table_come_back(void **state)
{
  (void)state;
  const struct kvc_kernels k = fitted(1);
  assert_curve(&k, 0.03);
  assert_int_equal(k.curves[0].rows, 112);
  assert_true(k.curves[0].median_err < 0.01 && k.curves[0].left_out_err < 0.02);
}

static void a_few_wild_rows_do_not_move_the_fit(void **state)
{
  (void)state;
  const struct kvc_kernels k = fitted(5);
  assert_curve(&k, 0.06);
}

static void a_table_of_no_known_operation_is_refused(void **state)
{
  (void)state;
  const char text[] = "a,b,latency\n1,2,3\n";
  const struct kvc_kernel_table table = {"odd.csv", text, sizeof text - 1};
  struct kvc_kernels out;
  struct kvc_err err;
  assert_int_equal(kvc_fit_kernels(&arena, &gpu, &table, 1, &out, &err), KVC_E_PARSE);
  assert_string_equal(err.where, "odd.csv");
}

static void rows_that_are_not_numbers_are_no_crash(void **state)
{
  (void)state;
  const char text[] = "m,n,k,latency\n,,,\nx,y,z,1\n1,2\n\n-1,8192,8192,1e999\n";
  const struct kvc_kernel_table table = {"bad.csv", text, sizeof text - 1};
  struct kvc_kernels out;
  struct kvc_err err;
  assert_int_equal(kvc_fit_kernels(&arena, &gpu, &table, 1, &out, &err), KVC_E_PARSE);
}

/* A toy server: TPOT grows with the load by memory and by sequences. */
static bool toy(void *ctx, const double x[KVC_FIT_COUNT_], struct kvc_serving *out,
                size_t n)
{
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    const double load = pow(4, (double)i);
    out[i].tpot_s = 0.010 * x[KVC_FIT_MEMORY] + (10e-6 + x[KVC_FIT_SEQ]) * load;
    out[i].ttft_s = 0.050 * x[KVC_FIT_FLOPS] + out[i].tpot_s;
    out[i].output_tok_s = load / out[i].tpot_s;
  }
  return true;
}

static void a_server_is_explained_by_what_differs_in_it(void **state)
{
  (void)state;
  const double truth[KVC_FIT_COUNT_] = {1.1, 1.2, 1, 1, 30e-6, 0};
  struct kvc_serving points[5];
  struct kvc_serving_fit fit;
  double residuals[15];
  struct kvc_err err;
  assert_true(toy(NULL, truth, points, 5));
  points[2].ttft_s = (double)NAN;
  assert_int_equal(kvc_fit_serving(points, 5, toy, NULL, &fit, residuals, &err),
                   KVC_E_OK);
  assert_true(fabs(fit.x[KVC_FIT_MEMORY] - 1.1) < 0.02);
  assert_true(fabs(fit.x[KVC_FIT_SEQ] - 30e-6) < 3e-6);
  assert_true(fit.median_err[0] < 0.01 && fit.before_err[0] > 0.05);
  assert_true(isnan(residuals[7]) && fabs(residuals[6]) < 0.01);
  assert_true(fit.sd[KVC_FIT_MEMORY] > 0 && fit.sd[KVC_FIT_MEMORY] < 0.1);
  /* nothing speaks about communication: the prior stays */
  assert_true(fabs(fit.x[KVC_FIT_COMM] - 1) < 1e-6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {TEST(coefficients_of_a_made_table_come_back),
                                     TEST(a_few_wild_rows_do_not_move_the_fit),
                                     TEST(a_table_of_no_known_operation_is_refused),
                                     TEST(rows_that_are_not_numbers_are_no_crash),
                                     TEST(a_server_is_explained_by_what_differs_in_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
