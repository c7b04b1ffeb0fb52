/* validate.h - the result of `kvcap validate`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_VALIDATE_H
#define KVCAP_VALIDATE_H

#include <kvcap/predict.h>
#include <kvcap/report.h>
#include <kvcap/str.h>

struct kvc_validation_row {
  const struct kvc_point *point;
  bool done;
  bool counted;       /* in the summaries; every row has its prediction */
  const char *why;    /* no prediction could be made; NULL */
  const char *reason; /* for the width of the interval */
  const char *odds;   /* id of a row of the same deployment that it contradicts; NULL */
  struct kvc_prediction prediction;
};

struct kvc_validation {
  int schema; /* 1 */
  const char *where;
  struct kvc_validation_row *rows;
  size_t n, skipped;
  double wall_s;
};

/* Figures that summaries are of: mean TPOT, mean TTFT, output throughput. */
enum { KVC_VALIDATED = 3 };
size_t kvc_validated(size_t k); /* enum of kvc_point */

/* predicted / measured - 1; NaN when either is unknown. */
double kvc_validation_error(const struct kvc_validation_row *row, size_t figure);

/* Whether the model has no say over this row: no prediction, an extrapolation, a summed
 * figure measured outside its interval or off by more than a factor of two. */
bool kvc_validation_outside(const struct kvc_validation_row *row);

struct kvc_validation_summary {
  size_t n;                     /* rows that were predicted and measured */
  size_t within, twice, inside; /* of them: within 20 %, beyond 2x, in the interval */
  double median, p90;           /* of |error| */
  double bias;                  /* median error */
};

/* Of one figure over rows[0..n); 'work' has room for 2 n.  False when n is 0 in 'out'. */
bool kvc_validation_summarise(const struct kvc_validation_row *const *rows, size_t n,
                              size_t figure, double *work,
                              struct kvc_validation_summary *out);

/* Marks rows that contradict each other: the same deployment at loads within a factor of
 * 2.1, where one is 1.6 times as fast against the model as the other.  No model that
 * knows only what the table states can have both right.  O(n log n). */
kvc_code kvc_validation_odds(struct kvc_arena *arena, struct kvc_validation *validation,
                             struct kvc_err *err) KVC_MUST_USE;

/* Id, predicted, low, high and measured figures, one line a row, as CSV. */
void kvc_validation_csv(const struct kvc_validation *validation, struct kvc_buf *out);

kvc_code kvc_doc_validation(struct kvc_doc *doc, const struct kvc_validation *validation,
                            struct kvc_err *err) KVC_MUST_USE;

/* The JSON Schema of that document. */
kvc_code kvc_doc_validation_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

#endif
