/* latency_accuracy.c - predicted against measured serving figures, point by point.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads a table of end-to-end points (columns by name, see the struct below) from the
 * path in KVCAP_DATA.  A small scheduler stands between steps and figures: chunked
 * prefill within the token budget, decodes first, closed or open loop.
 *
 * KVCAP_SPLIT=check|calibrate takes only those rows; KVCAP_POINTS=1 prints every point;
 * KVCAP_FIT=1 calibrates each series on its rows and prints the errors after that;
 * KVCAP_OVERLAY=DIR lays profiles of a folder over the built-in ones: one that hides the
 * kernels of a GPU shows what its prediction is worth without measurements;
 * KVCAP_SPEED="step seq hidden layer moe piece eager sample" (us) replaces the facts.
 */
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <kvcap/file.h>
#include <kvcap/fit.h>
#include <kvcap/num.h>
#include <kvcap/speed.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/serving.h"

enum { MAX_ROWS = 8192, MAX_CALIBRATE = 64 };

static struct serving_row rows[MAX_ROWS];
static struct serving_result results[MAX_ROWS];
static bool done[MAX_ROWS];
static size_t n_rows;

static void quantiles(const char *what, const char *name, double *e, size_t n, double bar)
{
  if (n == 0) return;
  gsl_sort(e, 1, n);
  size_t within = 0, twice = 0;
  for (size_t i = 0; i < n; i++) within += e[i] <= 0.2, twice += e[i] > 1;
  printf("%-42.42s %-10s n %4zu  median %5.1f %%  p90 %6.1f %%  within 20 %% %3.0f %%  "
         "over 2x %3.0f %%%s\n",
         name, what, n, 100 * gsl_stats_quantile_from_sorted_data(e, 1, n, 0.5),
         100 * gsl_stats_quantile_from_sorted_data(e, 1, n, 0.9),
         100.0 * (double)within / (double)n, 100.0 * (double)twice / (double)n,
         gsl_stats_quantile_from_sorted_data(e, 1, n, 0.5) <= bar ? ""
                                                                  : "  over the bar");
}

static const double bars[3] = {0.08, 0.20, 0.08};
static const char *const figures[3] = {"TPOT", "TTFT", "throughput"};

static void summary(const char *name,
                    bool (*in)(const struct serving_row *, const char *), const char *key)
{
  static double e[MAX_ROWS], sign[MAX_ROWS];
  for (size_t k = 0; k < 3; k++) {
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++) {
      const double r = done[i] ? serving_error(&rows[i], &results[i], k) : (double)NAN;
      if (isnan(r) || !in(&rows[i], key)) continue;
      sign[n] = r;
      e[n++] = fabs(expm1(r));
    }
    if (n == 0) continue;
    gsl_sort(sign, 1, n);
    quantiles(figures[k], name, e, n, bars[k]);
    printf("%66s bias %+.1f %%\n", "",
           100 * expm1(gsl_stats_median_from_sorted_data(sign, 1, n)));
  }
}

static bool any(const struct serving_row *r, const char *key)
{
  (void)r;
  (void)key;
  return true;
}
static bool by_gpu(const struct serving_row *r, const char *key)
{
  return strcmp(r->gpu, key) == 0;
}
static bool by_model(const struct serving_row *r, const char *key)
{
  return strcmp(r->model, key) == 0;
}
static bool by_source(const struct serving_row *r, const char *key)
{
  return strncmp(r->id, key, strlen(key)) == 0;
}
static bool by_version(const struct serving_row *r, const char *key)
{
  return strcmp(r->version, key) == 0;
}

static void tables(void)
{
  summary("all", any, NULL);
  const struct {
    const char *title;
    bool (*in)(const struct serving_row *, const char *);
    size_t offset;
  } by[] = {{"GPU", by_gpu, offsetof(struct serving_row, gpu)},
            {"model", by_model, offsetof(struct serving_row, model)},
            {"version", by_version, offsetof(struct serving_row, version)},
            {"source", by_source, offsetof(struct serving_row, source2)}};
  for (size_t b = 0; b < 4; b++) {
    printf("\nby %s\n", by[b].title);
    for (size_t i = 0; i < n_rows; i++) {
      const char *key = (const char *)&rows[i] + by[b].offset;
      size_t first = 0;
      while (first < i && !by[b].in(&rows[first], key)) first++;
      if (first == i) summary(key, by[b].in, key);
    }
  }
}

struct calibration {
  const struct kvc_speed_facts *facts;
  const size_t *at;
};

static bool predict(void *ctx, const double x[KVC_FIT_COUNT_], struct kvc_serving *out,
                    size_t n)
{
  const struct calibration *c = ctx;
  const struct kvc_tune tune = {x[KVC_FIT_MEMORY], x[KVC_FIT_FLOPS], x[KVC_FIT_COMM],
                                x[KVC_FIT_HOST],   x[KVC_FIT_SEQ],   x[KVC_FIT_STEP]};
  struct kvc_err err;
  for (size_t i = 0; i < n; i++) {
    struct serving_result r;
    if (serving_run(&rows[c->at[i]], c->facts, &tune, &r, &err) != KVC_E_OK) return false;
    out[i] = (struct kvc_serving){r.tpot_s, r.ttft_s, r.output_tok_s};
  }
  return true;
}

/* Fits on the 'calibrate' rows of the series, predicts its 'check' rows. */
static void calibrate(const struct kvc_speed_facts *facts)
{
  for (size_t i = 0; i < n_rows; i++) {
    size_t at[MAX_CALIBRATE], n = 0, first = 0;
    struct kvc_serving measured[MAX_CALIBRATE];
    while (strcmp(rows[first].series, rows[i].series) != 0) first++;
    if (first < i) continue;
    for (size_t k = i; k < n_rows && n < MAX_CALIBRATE; k++) {
      if (strcmp(rows[k].series, rows[i].series) != 0 || !done[k] || rows[k].check)
        continue;
      measured[n] = (struct kvc_serving){rows[k].tpot_s, rows[k].ttft_s, rows[k].tok_s};
      at[n++] = k;
    }
    struct calibration c = {facts, at};
    struct kvc_serving_fit fit;
    struct kvc_err err;
    const bool ok =
        n >= 2 && kvc_fit_serving(measured, n, predict, &c, &fit, NULL, &err) == KVC_E_OK;
    for (size_t k = i; k < n_rows; k++) {
      if (strcmp(rows[k].series, rows[i].series) != 0 || !done[k]) continue;
      const struct kvc_tune tune = {fit.x[0], fit.x[1], fit.x[2],
                                    fit.x[3], fit.x[4], fit.x[5]};
      if (!ok || !rows[k].check)
        done[k] = false;
      else if (serving_run(&rows[k], facts, &tune, &results[k], &err) != KVC_E_OK)
        done[k] = false;
    }
  }
}

static bool speed_given(struct kvc_speed_facts *out)
{
  const char *text = getenv("KVCAP_SPEED");
  double v[8] = {0};
  if (text == NULL) return false;
  char copy[256];
  snprintf(copy, sizeof copy, "%s", text);
  char *at = copy;
  for (size_t i = 0; i < 8 && at != NULL; i++) {
    char *end = strchr(at, ' ');
    struct kvc_err err;
    if (end != NULL) *end = '\0';
    if (kvc_num_parse(at, "KVCAP_SPEED", &v[i], &err) != KVC_E_OK) return false;
    at = end != NULL ? end + 1 : NULL;
  }
  *out = (struct kvc_speed_facts){v[0] * 1e-6, v[1] * 1e-6, v[2],
                                  v[3] * 1e-6, v[4] * 1e-6, v[5] * 1e-6,
                                  v[6] * 1e-6, v[7] * 1e-6, 1};
  return true;
}

int main(void)
{
  const char *path = getenv("KVCAP_DATA");
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_speed_facts facts;
  if (path == NULL) {
    printf("KVCAP_DATA names no table of measured points: nothing to compare\n");
    return 0;
  }
  gsl_set_error_handler_off();
  const struct kvc_speed_facts *given = speed_given(&facts) ? &facts : NULL;
  kvc_arena_init(&arena, (size_t)256 << 20);
  if (serving_read(&arena, path, rows, MAX_ROWS, &n_rows, &err) != KVC_E_OK) {
    fprintf(stderr, "%s: %s\n", err.where, err.msg);
    return 3;
  }
  const bool points = getenv("KVCAP_POINTS") != NULL;
  size_t refused = 0;
  for (size_t i = 0; i < n_rows; i++) {
    const char *split = getenv("KVCAP_SPLIT");
    if (split != NULL && (strcmp(split, "check") == 0) != rows[i].check) continue;
    if (serving_run(&rows[i], given, NULL, &results[i], &err) != KVC_E_OK) {
      if (points) printf("%-12s refused: %s: %s\n", rows[i].id, err.where, err.msg);
      refused++;
      continue;
    }
    done[i] = true;
  }
  if (getenv("KVCAP_FIT") != NULL) calibrate(given);
  for (size_t i = 0; points && i < n_rows; i++)
    if (done[i]) serving_print(&rows[i], &results[i]);
  tables();
  printf("\nrefused with a reason: %zu of %zu\n", refused, n_rows);
  kvc_arena_clear(&arena);
  return 0;
}
