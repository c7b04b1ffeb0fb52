/* levels.h - one deployment measured at several loads, and constants fitted to that.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A level is one benchmark result: its load and what a client measured.  The fit goes
 * through the simulator: every level is simulated with the coefficients in question.
 * Ownership: results live in the arena given.
 */
#ifndef KVCAP_LEVELS_H
#define KVCAP_LEVELS_H

#include <kvcap/bench.h>
#include <kvcap/calibrate.h>
#include <kvcap/fit.h>
#include <kvcap/latency.h>
#include <kvcap/predict.h>

/* Fewer say nothing; with two the priors do most of the work. */
enum { KVC_LEVELS_MIN = 2, KVC_LEVELS_MAX = 256 };

struct kvc_level {
  const char *name;             /* file, with "result 2" behind it where it has several */
  const char *load;             /* in words */
  double input_tok, output_tok; /* means */
  double input_cv, output_cv;   /* 0: all of one length, or unknown */
  double rate_per_s, concurrency; /* INFINITY = no limit */
  double burstiness;              /* 0 = Poisson */
  double prompts;
  struct kvc_serving measured; /* NaN where it is not said */
};

/* KVC_E_RANGE names what the result lacks: lengths, load, or any figure to fit. */
kvc_code kvc_level_of(struct kvc_arena *arena, const struct kvc_bench *bench,
                      const char *name, struct kvc_level *out,
                      struct kvc_err *err) KVC_MUST_USE;

struct kvc_levels {
  const char *where; /* the files, in words */
  struct kvc_db *db;
  const struct kvc_engine *engine;
  const struct kvc_size *size; /* the deployment, sized */
  const char *note;            /* a doubt about the results, for the report; NULL */
  const struct kvc_level *levels;
  size_t n;
};

/* One level, with 'tune' (NULL: as the model has it).  *clients: mean requests in
 * service; may be NULL. */
kvc_code kvc_level_predict(const struct kvc_levels *series, const struct kvc_tune *tune,
                           size_t level, struct kvc_serving *out, double *clients,
                           struct kvc_err *err) KVC_MUST_USE;

/* Of every level: before and after the fit, and what the fit cannot explain. */
struct kvc_level_fit {
  struct kvc_serving before, after;
  double error[3]; /* TPOT, TTFT, throughput: predicted / measured - 1 after the fit */
  double clients;  /* mean requests in service */
  bool outside[3]; /* that error is far beyond the others' */
};

struct kvc_levels_fit {
  int schema; /* 1 */
  const struct kvc_levels *series;
  char version[KVC_VERSION_TEXT]; /* of the server */
  struct kvc_serving_fit fit;
  struct kvc_level_fit *levels;       /* series->n */
  double error_frac, ttft_error_frac; /* nine of ten are expected within, at such loads:
                                       * TPOT, TTFT; NaN unknown */
};

kvc_code kvc_levels_fit(struct kvc_arena *arena, const struct kvc_levels *series,
                        struct kvc_levels_fit *out, struct kvc_err *err) KVC_MUST_USE;

struct kvc_tune kvc_tune_of(const double x[KVC_FIT_COUNT_]);

/* Key, unit ("" or "s") and meaning of a coefficient; NULL past the end. */
const char *kvc_coefficient_key(size_t i);
const char *kvc_coefficient_unit(size_t i);
const char *kvc_coefficient_meaning(size_t i);

/* ---- rows of a table ---------------------------------------------------------- */

enum { KVC_POINTS_FIT_MAX = 12 };

struct kvc_points_fit {
  struct kvc_serving_fit fit;
  struct kvc_tune tune;
  double error_frac, ttft_error_frac; /* as of a kvc_levels_fit */
  size_t used; /* rows; of more than KVC_POINTS_FIT_MAX so many, evenly picked */
};

/* Fits the constants of one deployment to rows of a table (kvc_points_read). */
kvc_code kvc_points_fit(struct kvc_db *db, const struct kvc_point *const *points,
                        size_t n, struct kvc_points_fit *out,
                        struct kvc_err *err) KVC_MUST_USE;

/* ---- calibrations ------------------------------------------------------------ */

/* The fit as a calibration of that deployment (it borrows texts of the fit); 'base' (may
 * be NULL) gives overheads of memory where it is of the same. */
void kvc_levels_calibration(const struct kvc_levels_fit *fit,
                            const struct kvc_calibration *base,
                            struct kvc_calibration *out);

/* Speed of a calibration for this deployment: true and *out, or false and in 'why' a
 * clause that says what differs; "" when it has no speed to use. */
bool kvc_calibration_tune(const struct kvc_calibration *calibration,
                          const struct kvc_size *size, struct kvc_tune *out, char *why,
                          size_t room);

#endif
