/* validation.c - errors of predictions, rows that contradict each other, CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <kvcap/validate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t kvc_validated(size_t k)
{
  static const size_t figures[KVC_VALIDATED] = {KVC_POINT_MEAN_TPOT, KVC_POINT_MEAN_TTFT,
                                                KVC_POINT_OUTPUT_TOK_S};
  return figures[k];
}

double kvc_validation_error(const struct kvc_validation_row *row, size_t figure)
{
  const double measured = row->point->measured[figure];
  if (row->why != NULL || !row->done || !(measured > 0)) return (double)NAN;
  return row->prediction.value[figure] / measured - 1;
}

bool kvc_validation_outside(const struct kvc_validation_row *row)
{
  if (row->why != NULL || !row->done || row->prediction.extrapolated) return true;
  for (size_t k = 0; k < KVC_VALIDATED; k++) {
    const size_t f = kvc_validated(k);
    const double e = kvc_validation_error(row, f), m = row->point->measured[f];
    if (isnan(e)) continue;
    if (m < row->prediction.low[f] || m > row->prediction.high[f]) return true;
    if (e > 1 || e < -0.5) return true;
  }
  return false;
}

bool kvc_validation_summarise(const struct kvc_validation_row *const *rows, size_t n,
                              size_t figure, double *work,
                              struct kvc_validation_summary *out)
{
  double *errors = work, *sizes = work + n;
  *out = (struct kvc_validation_summary){0};
  for (size_t i = 0; i < n; i++) {
    const double e = kvc_validation_error(rows[i], figure);
    const double m = rows[i]->point->measured[figure];
    if (isnan(e)) continue;
    errors[out->n] = e;
    sizes[out->n++] = fabs(e);
    out->within += fabs(e) <= 0.2;
    out->twice += e > 1 || e < -0.5;
    out->inside +=
        m >= rows[i]->prediction.low[figure] && m <= rows[i]->prediction.high[figure];
  }
  if (out->n == 0) return false;
  gsl_sort(errors, 1, out->n);
  gsl_sort(sizes, 1, out->n);
  out->median = gsl_stats_median_from_sorted_data(sizes, 1, out->n);
  out->p90 = gsl_stats_quantile_from_sorted_data(sizes, 1, out->n, 0.9);
  out->bias = gsl_stats_median_from_sorted_data(errors, 1, out->n);
  return true;
}

/* ---- contradictions -----------------------------------------------------------------
 */

static int deployment_order(const struct kvc_point *a, const struct kvc_point *b)
{
  int c = strcmp(a->gpu, b->gpu);
  if (c == 0) c = strcmp(a->model, b->model);
  if (c == 0) c = strcmp(a->version, b->version);
  if (c == 0) c = strcmp(a->quantization, b->quantization);
  if (c == 0) c = strcmp(a->kv_dtype, b->kv_dtype);
  if (c == 0) c = a->tp != b->tp ? a->tp - b->tp : a->pp - b->pp;
  return c != 0 ? c : a->dp - b->dp;
}

/* Requests at once, as far as the row says; NaN. */
static double load_of(const struct kvc_point *p)
{
  const double c = p->concurrency, seats = p->max_num_seqs;
  if (isfinite(c) && c > 0) return seats > 0 ? fmin(c, seats) : c;
  return seats > 0 && !isfinite(p->rate_per_s) ? seats : (double)NAN;
}

static int by_deployment_and_load(const void *a, const void *b)
{
  const struct kvc_validation_row *x = *(struct kvc_validation_row *const *)a;
  const struct kvc_validation_row *y = *(struct kvc_validation_row *const *)b;
  const int c = deployment_order(x->point, y->point);
  if (c != 0) return c;
  const double p = load_of(x->point), q = load_of(y->point);
  if (p != q) return p < q ? -1 : 1;
  return strcmp(x->point->id, y->point->id);
}

/* How fast the row is against the model: by TPOT, else by throughput; NaN. */
static double speed_of(const struct kvc_validation_row *row)
{
  const double e = kvc_validation_error(row, KVC_POINT_MEAN_TPOT);
  if (!isnan(e)) return 1 + e;
  return 1 / (1 + kvc_validation_error(row, KVC_POINT_OUTPUT_TOK_S));
}

kvc_code kvc_validation_odds(struct kvc_arena *arena, struct kvc_validation *v,
                             struct kvc_err *err)
{
  static const double LOADS = 2.1, APART = 1.6;
  struct kvc_validation_row **rows = kvc_arena_alloc(arena, v->n + 1, sizeof(*rows));
  size_t n = 0;
  if (rows == NULL) return kvc_arena_full(arena, v->where, err);
  for (size_t i = 0; i < v->n; i++)
    if (!isnan(load_of(v->rows[i].point)) && !isnan(speed_of(&v->rows[i])))
      rows[n++] = &v->rows[i];
  qsort(rows, n, sizeof(*rows), by_deployment_and_load);
  for (size_t i = 1; i < n; i++) {
    struct kvc_validation_row *a = rows[i - 1], *b = rows[i];
    if (deployment_order(a->point, b->point) != 0) continue;
    if (load_of(b->point) > LOADS * load_of(a->point)) continue;
    if (fabs(log(speed_of(a) / speed_of(b))) < log(APART)) continue;
    if (a->odds == NULL) a->odds = b->point->id;
    b->odds = a->point->id;
  }
  return KVC_E_OK;
}

/* ---- CSV ----------------------------------------------------------------------------
 */

static void cell(struct kvc_buf *out, double value)
{
  if (isfinite(value))
    kvc_buf_printf(out, ",%.6g", value);
  else
    kvc_buf_puts(out, ",");
}

/* Quoted when it has to be. */
static void words(struct kvc_buf *out, const char *text)
{
  if (text == NULL) return;
  const bool quote = strpbrk(text, ",\"\r\n") != NULL;
  if (quote) kvc_buf_puts(out, "\"");
  for (const char *c = text; *c != '\0'; c++)
    kvc_buf_printf(out, *c == '"' ? "\"%c" : "%c", *c);
  if (quote) kvc_buf_puts(out, "\"");
}

void kvc_validation_csv(const struct kvc_validation *v, struct kvc_buf *out)
{
  static const char *const parts[] = {"predicted", "low", "high", "measured"};
  kvc_buf_puts(out, "id,gpu,model,vllm_version,outside,contradicts,reason");
  for (size_t f = 0; f < KVC_POINT_FIGURES_; f++)
    for (size_t k = 0; k < 4; k++)
      kvc_buf_printf(out, ",%s_%s", parts[k], kvc_point_figure(f));
  kvc_buf_puts(out, "\n");
  for (size_t i = 0; i < v->n; i++) {
    const struct kvc_validation_row *r = &v->rows[i];
    const bool known = r->why == NULL && r->done;
    words(out, r->point->id);
    kvc_buf_puts(out, ",");
    words(out, r->point->gpu);
    kvc_buf_puts(out, ",");
    words(out, r->point->model);
    kvc_buf_puts(out, ",");
    words(out, r->point->version);
    kvc_buf_puts(out, kvc_validation_outside(r) ? ",true," : ",false,");
    words(out, r->odds);
    kvc_buf_puts(out, ",");
    words(out, known ? r->reason : r->why);
    for (size_t f = 0; f < KVC_POINT_FIGURES_; f++) {
      cell(out, known ? r->prediction.value[f] : (double)NAN);
      cell(out, known ? r->prediction.low[f] : (double)NAN);
      cell(out, known ? r->prediction.high[f] : (double)NAN);
      cell(out, r->point->measured[f]);
    }
    kvc_buf_puts(out, "\n");
  }
}
