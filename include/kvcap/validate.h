/* validate.h - the result of `kvcap validate`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_VALIDATE_H
#define KVCAP_VALIDATE_H

#include <kvcap/predict.h>
#include <kvcap/report.h>

struct kvc_validation_row {
  const struct kvc_point *point;
  bool done;
  const char *why;    /* no prediction could be made; NULL */
  const char *reason; /* for the width of the interval */
  struct kvc_prediction prediction;
};

struct kvc_validation {
  int schema; /* 1 */
  const char *where;
  struct kvc_validation_row *rows;
  size_t n, skipped;
  double wall_s;
};

kvc_code kvc_doc_validation(struct kvc_doc *doc, const struct kvc_validation *validation,
                            struct kvc_err *err) KVC_MUST_USE;

#endif
