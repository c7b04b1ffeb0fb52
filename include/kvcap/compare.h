/* compare.h - what was planned beside what a server's log printed, and why they differ.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: everything lives in the arena; what is given is borrowed.
 */
#ifndef KVCAP_COMPARE_H
#define KVCAP_COMPARE_H

#include <kvcap/calibrate.h>
#include <kvcap/serverlog.h>
#include <kvcap/size.h>

enum kvc_compare_kind {
  KVC_CMP_UTILIZATION,
  KVC_CMP_TOTAL,
  KVC_CMP_FREE,
  KVC_CMP_MAX_LEN,
  KVC_CMP_BATCHED,
  KVC_CMP_WEIGHTS,
  KVC_CMP_ACTIVATION,
  KVC_CMP_NON_TORCH,
  KVC_CMP_GRAPHS,
  KVC_CMP_AVAILABLE,
  KVC_CMP_BLOCKS,
  KVC_CMP_PER_TOKEN,
  KVC_CMP_TOKENS,
  KVC_CMP_CONCURRENCY,
  KVC_CMP_KINDS_
};

enum kvc_compare_unit { KVC_CMP_BYTES, KVC_CMP_COUNT, KVC_CMP_FRACTION, KVC_CMP_RATIO };

struct kvc_compare_row {
  enum kvc_compare_kind kind;
  enum kvc_compare_unit unit;
  const char *what; /* "weights", "KV cache tokens" */
  double planned, printed;
  double difference, relative_frac; /* printed less planned; of planned, NaN when 0 */
  double low, high;                 /* the plan's stated range; equal when it has none */
  bool within;                      /* printed is in it, but for rounding */
  const char *cause;                /* why it differs; NULL while it is within */
};

/* A setting that the log's arguments and the plan do not share. */
struct kvc_compare_setting {
  const char *key, *planned, *printed;
};

enum { KVC_CMP_MAX_SETTINGS = 32 };

struct kvc_compare {
  const char *log, *version;   /* name of the log; release it names, NULL */
  const char *planned_version; /* release of the plan */
  struct kvc_compare_row rows[KVC_CMP_KINDS_];
  size_t n_rows;
  struct kvc_compare_setting settings[KVC_CMP_MAX_SETTINGS];
  size_t n_settings;
  bool args_known; /* the log shows the arguments of the server */
  const char *verdict;
};

struct kvc_compare_input {
  const struct kvc_size *plan;
  const struct kvc_log_start *start;
  const struct kvc_engine *engine; /* reads the log's arguments; NULL: they are not */
  const char *log;                 /* name of the log, for messages */
};

/* KVC_E_UNKNOWN when the start printed nothing that a plan says. */
kvc_code kvc_compare_run(struct kvc_arena *arena, const struct kvc_compare_input *in,
                         struct kvc_compare *out, struct kvc_err *err) KVC_MUST_USE;

/* The row of a kind; NULL when the log does not tell it. */
const struct kvc_compare_row *kvc_compare_row(const struct kvc_compare *compare,
                                              enum kvc_compare_kind kind);

/* The overheads that the log shows.  KVC_E_CONFLICT when the plan is of another
 * deployment, KVC_E_UNSUPPORTED when the log does not tell what is needed. */
kvc_code kvc_compare_calibrate(const struct kvc_compare_input *in,
                               const struct kvc_compare *compare,
                               struct kvc_calibration *out,
                               struct kvc_err *err) KVC_MUST_USE;

#endif
