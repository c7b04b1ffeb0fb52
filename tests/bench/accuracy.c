/* accuracy.c - predicted against printed, record by record (target bench-accuracy).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: accuracy TABLE
 */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/measured.h"

static void print_row(const struct measured *row, const struct kvc_size *s, double error)
{
  const struct kvc_memory *m = &s->memory;
  printf("%-5s %s %-38.38s %-14.14s tp%d pp%d %-9.9s", row->col[COL_ID],
         row->col[COL_GRADE], row->col[COL_MODEL], s->gpu.name, s->setting.tp,
         s->setting.pp, row->col[COL_VERSION]);
  printf(" w %7.2f/%-7s act %5.2f/%-5s nt %4.2f/%-4s cg %4.2f/%-5s kv %7.2f/%-7s",
         m->weights_bytes / KVC_GIB, row->col[COL_WEIGHTS],
         m->activation_peak_bytes / KVC_GIB, row->col[COL_ACTIVATION],
         m->non_torch_bytes / KVC_GIB, row->col[COL_NON_TORCH],
         m->cudagraph_bytes / KVC_GIB, row->col[COL_GRAPHS],
         m->available_kv_bytes.value / KVC_GIB, row->col[COL_AVAILABLE]);
  printf(" tok %9.0f/%-9s x %8.2f/%-8s B/tok %8.0f", m->tokens.value,
         row->col[COL_TOKENS], m->max_concurrency, row->col[COL_CONCURRENCY],
         m->layout.bytes_per_token);
  if (!isnan(error)) printf("  err %6.2f %%", error * 100);
  printf("%s\n", m->fits ? "" : "  (does not start)");
}

static void summary(const char *what, double *errors, size_t n)
{
  if (n == 0) return;
  gsl_sort(errors, 1, n);
  printf("%s: %zu records, median %.2f %%, p90 %.2f %%, worst %.2f %%\n", what, n,
         100 * gsl_stats_quantile_from_sorted_data(errors, 1, n, 0.5),
         100 * gsl_stats_quantile_from_sorted_data(errors, 1, n, 0.9),
         100 * errors[n - 1]);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: accuracy TABLE\n");
    return 2;
  }
  struct kvc_arena table;
  struct kvc_err err;
  struct measured *rows;
  size_t count, n[3] = {0}, refused = 0, within = 0;
  static double errors[3][1000], per_token[1000];
  size_t n_per = 0;
  kvc_arena_init(&table, 64 << 20);
  if (measured_read(&table, argv[1], &rows, &count, &err) != KVC_E_OK) {
    fprintf(stderr, "%s: %s\n", err.where, err.msg);
    return 3;
  }
  for (size_t i = 0; i < count; i++) {
    struct kvc_arena arena;
    struct kvc_db *db;
    struct kvc_size *s;
    kvc_arena_init(&arena, 64 << 20);
    s = kvc_arena_alloc(&arena, 1, sizeof *s);
    if (kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK ||
        measured_run(&arena, db, &rows[i], s, &err) != KVC_E_OK) {
      printf("%-5s %s %-38.38s refused: %s: %s\n", rows[i].col[COL_ID],
             rows[i].col[COL_GRADE], rows[i].col[COL_MODEL], err.where, err.msg);
      refused++;
      kvc_arena_clear(&arena);
      continue;
    }
    const double e = measured_error(&rows[i], s);
    const size_t grade = (size_t)(rows[i].col[COL_GRADE][0] - 'A');
    print_row(&rows[i], s, grade == 0 ? e : (double)NAN);
    if (!isnan(e) && grade < 3) errors[grade][n[grade]++] = e;
    const double kv = measured_num(&rows[i], COL_AVAILABLE);
    const double tok = measured_num(&rows[i], COL_TOKENS);
    if (!isnan(kv) && !isnan(tok)) {
      const double want = kv * KVC_GIB / tok;
      per_token[n_per] = fabs(s->memory.layout.bytes_per_token - want) / want;
      if (grade == 1) {
        if (per_token[n_per] <= 0.005)
          within++;
        else
          printf("      bytes per token %.0f, printed figures give %.0f (%.2f %%)\n",
                 s->memory.layout.bytes_per_token, want, per_token[n_per] * 100);
      }
      n_per++;
    }
    kvc_arena_clear(&arena);
  }
  printf("\n");
  summary("grade A, KV tokens or hybrid concurrency", errors[0], n[0]);
  summary("grade B, the same (not a target: settings unknown)", errors[1], n[1]);
  summary("bytes per token, all with both figures", per_token, n_per);
  printf("grade B bytes per token within 0.5 %%: %zu of those with both figures\n",
         within);
  printf("refused with a reason: %zu of %zu\n", refused, count);
  kvc_arena_clear(&table);
  return 0;
}
