/* leave_out.c - what the model errs on series that its host constants never saw
 * (target bench-leave-out).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: leave_out TABLE
 *
 * Six global factors (struct kvc_tune, the same for every row) are fitted to the rows
 * marked calibrate, robustly and linearised at the shipped constants; once with all
 * series and once without each, and that series is then simulated with the factors it had
 * no part in.  What a series gains by being among the data is the difference.
 */
#include <stddef.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <kvcap/file.h>
#include <kvcap/predict.h>
#include <kvcap/validate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 6, MAX_ROWS = 20000, MAX_BYTES = 1 << 30 };

static const char *const names[FACTORS] = {
    "memory", "arithmetic", "links", "host and launch", "us a sequence", "us a step"};
/* Steps of the derivatives; factors are logarithms, the last two seconds. */
static const double steps[FACTORS] = {0.05, 0.05, 0.1, 0.1, 3e-6, 1e-4};

struct row {
  const struct kvc_point *point;
  double value[KVC_VALIDATED];          /* as shipped; NaN not predicted */
  double slope[FACTORS][KVC_VALIDATED]; /* of their logarithms */
  double all[KVC_VALIDATED], left[KVC_VALIDATED];
};

static struct kvc_tune tune_of(const double *p)
{
  return (struct kvc_tune){exp(p[0]), exp(p[1]), exp(p[2]), exp(p[3]), p[4], p[5]};
}

static void predict(struct kvc_db *db, const struct kvc_point *point, const double *p,
                    double *out)
{
  struct kvc_arena arena;
  struct kvc_prediction got;
  struct kvc_err err;
  const struct kvc_tune tune = tune_of(p);
  kvc_arena_init(&arena, MAX_BYTES);
  const bool ok =
      kvc_point_predict_tuned(&arena, db, point, &tune, &got, &err) == KVC_E_OK;
  for (size_t k = 0; k < KVC_VALIDATED; k++)
    out[k] = ok ? got.value[kvc_validated(k)] : (double)NAN;
  kvc_arena_clear(&arena);
}

static void derive(struct kvc_db *db, struct row *r)
{
  double p[FACTORS] = {0}, there[KVC_VALIDATED];
  predict(db, r->point, p, r->value);
  for (size_t f = 0; f < FACTORS; f++) {
    p[f] = steps[f];
    predict(db, r->point, p, there);
    p[f] = 0;
    for (size_t k = 0; k < KVC_VALIDATED; k++)
      r->slope[f][k] = log(there[k] / r->value[k]) / steps[f];
  }
}

static double residual(const struct row *r, const double *value, size_t k)
{
  const double measured = r->point->measured[kvc_validated(k)];
  return measured > 0 && value[k] > 0 ? log(value[k] / measured) : (double)NAN;
}

static bool counts(const struct row *r, const char *without)
{
  return strcmp(r->point->split, "calibrate") == 0 &&
         (without == NULL || strcmp(r->point->series, without) != 0);
}

/* Factors that fit all calibrate rows but those of one series. */
static void fit(const struct row *rows, size_t n, const char *without, double *p)
{
  gsl_matrix *x = gsl_matrix_alloc(n * KVC_VALIDATED, FACTORS);
  gsl_vector *y = gsl_vector_alloc(n * KVC_VALIDATED), *c = gsl_vector_alloc(FACTORS);
  gsl_matrix *cov = gsl_matrix_alloc(FACTORS, FACTORS);
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < KVC_VALIDATED && counts(&rows[i], without); k++) {
      const double e = residual(&rows[i], rows[i].value, k);
      bool usable = isfinite(e);
      for (size_t f = 0; f < FACTORS; f++)
        usable = usable && isfinite(rows[i].slope[f][k]);
      if (!usable) continue;
      gsl_vector_set(y, m, -e);
      for (size_t f = 0; f < FACTORS; f++)
        gsl_matrix_set(x, m, f, rows[i].slope[f][k] * steps[f]);
      m++;
    }
  memset(p, 0, FACTORS * sizeof *p);
  if (m > 10 * FACTORS) {
    gsl_matrix_view part = gsl_matrix_submatrix(x, 0, 0, m, FACTORS);
    gsl_vector_view of = gsl_vector_subvector(y, 0, m);
    gsl_multifit_robust_workspace *w =
        gsl_multifit_robust_alloc(gsl_multifit_robust_bisquare, m, FACTORS);
    (void)gsl_multifit_robust(&part.matrix, &of.vector, c, cov, w);
    gsl_multifit_robust_free(w);
    for (size_t f = 0; f < FACTORS; f++) p[f] = gsl_vector_get(c, f) * steps[f];
  }
  gsl_matrix_free(x), gsl_matrix_free(cov), gsl_vector_free(y), gsl_vector_free(c);
}

static void told(const char *what, const struct row *rows, size_t n, size_t offset)
{
  static const char *const figure[KVC_VALIDATED] = {"TPOT", "TTFT", "throughput"};
  static double size[MAX_ROWS];
  printf("%-26s", what);
  for (size_t k = 0; k < KVC_VALIDATED; k++) {
    size_t m = 0, twice = 0;
    for (size_t i = 0; i < n; i++) {
      const double *value =
          (const double *)(const void *)((const char *)&rows[i] + offset);
      const double e = exp(residual(&rows[i], value, k)) - 1;
      if (isnan(e)) continue;
      size[m++] = fabs(e);
      twice += e > 1 || e < -0.5;
    }
    if (m == 0) continue;
    gsl_sort(size, 1, m);
    printf("  %s %4.1f %% (2x %4.1f %%, n %zu)", figure[k],
           100 * gsl_stats_median_from_sorted_data(size, 1, m),
           100 * (double)twice / (double)m, m);
  }
  printf("\n");
}

static void print_factors(const char *what, const double *p)
{
  printf("%-26s", what);
  for (size_t f = 0; f < FACTORS; f++)
    printf("  %s %.3g", names[f], f < 4 ? exp(p[f]) : 1e6 * p[f]);
  printf("\n");
}

/* Every series without itself; rows of a series need not be neighbours. */
static size_t leave_out(struct kvc_db *db, struct row *rows, size_t n)
{
  double least[FACTORS], most[FACTORS], p[FACTORS];
  size_t series = 0;
  for (size_t i = 0; i < n; i++) {
    bool first = true;
    for (size_t j = 0; j < i && first; j++)
      first = strcmp(rows[i].point->series, rows[j].point->series) != 0;
    if (!first) continue;
    fit(rows, n, rows[i].point->series, p);
    for (size_t f = 0; f < FACTORS; f++) {
      least[f] = series == 0 ? p[f] : fmin(least[f], p[f]);
      most[f] = series == 0 ? p[f] : fmax(most[f], p[f]);
    }
    series++;
    for (size_t j = i; j < n; j++)
      if (strcmp(rows[i].point->series, rows[j].point->series) == 0)
        predict(db, rows[j].point, p, rows[j].left);
  }
  print_factors("least over the series", least);
  print_factors("greatest", most);
  return series;
}

static size_t choose(struct kvc_db *db, const struct kvc_point *points, size_t n,
                     struct row *rows)
{
  size_t m = 0;
  for (size_t i = 0; i < n && m < MAX_ROWS; i++) {
    const struct kvc_point *p = &points[i];
    if (strcmp(p->quality, "A") != 0 || strncmp(p->kind, "serving", 7) != 0) continue;
    rows[m] = (struct row){.point = p};
    derive(db, &rows[m]);
    if (isfinite(rows[m].value[0])) m++;
  }
  return m;
}

int main(int argc, char **argv)
{
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_db *db;
  struct kvc_point *points;
  char *text;
  size_t len, n;
  static struct row rows[MAX_ROWS];
  if (argc != 2) {
    fprintf(stderr, "usage: leave_out TABLE\n");
    return 2;
  }
  kvc_arena_init(&arena, MAX_BYTES);
  if (kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK ||
      kvc_file_read_into(&arena, argv[1], 1 << 28, &text, &len, &err) != KVC_E_OK ||
      kvc_points_read(&arena, text, len, argv[1], &points, &n, &err) != KVC_E_OK) {
    fprintf(stderr, "%s: %s\n", err.where, err.msg);
    kvc_arena_clear(&arena);
    return 3;
  }
  n = choose(db, points, n, rows);
  double p[FACTORS];
  fit(rows, n, NULL, p);
  for (size_t i = 0; i < n; i++) predict(db, rows[i].point, p, rows[i].all);
  print_factors("fitted with every series", p);
  const size_t series = leave_out(db, rows, n);
  printf("%zu rows of %zu series\n", n, series);
  told("as shipped", rows, n, offsetof(struct row, value));
  told("fitted with every series", rows, n, offsetof(struct row, all));
  told("each series left out", rows, n, offsetof(struct row, left));
  kvc_arena_clear(&arena);
  return 0;
}
