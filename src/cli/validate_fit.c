/* validate_fit.c - kvcap validate --fit: each series predicted by its own rows.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "validate.h"
#include <stdlib.h>
#include <string.h>

static int by_series(const void *a, const void *b)
{
  const struct kvc_point *const *x = a, *const *y = b;
  const int order = strcmp((*x)->series, (*y)->series);
  if (order != 0) return order;
  return (*x > *y) - (*x < *y); /* as they stand in the table */
}

/* The rows to fit of a series: *first of v->calibrate, which is sorted. */
static size_t of_series(const struct validate *v, const char *series, size_t *first)
{
  size_t low = 0, high = v->n_calibrate, n = 0;
  while (low < high) {
    const size_t mid = (low + high) / 2;
    if (strcmp(v->calibrate[mid]->series, series) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  *first = low;
  while (low + n < v->n_calibrate && strcmp(v->calibrate[low + n]->series, series) == 0)
    n++;
  return n;
}

kvc_code validate_series(struct validate *v, struct kvc_err *err)
{
  size_t kept = 0, first;
  qsort(v->calibrate, v->n_calibrate, sizeof *v->calibrate, by_series);
  for (size_t i = 0; i < v->n; i++) {
    const char *series = v->rows[i].point->series;
    if (series[0] == '\0' || of_series(v, series, &first) < KVC_LEVELS_MIN) continue;
    v->rows[kept] = v->rows[i];
    v->turn[kept++] = first;
  }
  v->n = kept;
  if (kept > 0) return KVC_E_OK;
  return kvc_fail(err, KVC_E_RANGE, v->file,
                  "no series_id has %d rows whose split is calibrate, and others beside "
                  "them to predict",
                  KVC_LEVELS_MIN);
}

kvc_code validate_tune(struct validate *v, size_t row, struct validate_fit *last,
                       struct kvc_err *err)
{
  const char *series = v->rows[row].point->series;
  if (last->series == NULL || strcmp(last->series, series) != 0) {
    struct kvc_arena arena;
    struct kvc_db *db;
    size_t first;
    const size_t n = of_series(v, series, &first);
    kvc_arena_init(&arena, (size_t)1 << 30);
    kvc_code rc = kvc_db_open(&arena, v->dirs, v->n_dirs, &db, &last->err);
    if (rc == KVC_E_OK)
      rc = kvc_points_fit(db, v->calibrate + first, n, &last->fit, &last->err);
    kvc_arena_clear(&arena);
    last->have = rc == KVC_E_OK;
    last->series = series;
  }
  if (last->have) return KVC_E_OK;
  if (err != NULL) *err = last->err;
  return last->err.code;
}
