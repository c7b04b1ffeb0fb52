/* predict_room.h - shared inside src/predict/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PREDICT_ROOM_H
#define PREDICT_ROOM_H

#include <kvcap/predict.h>
#include <kvcap/sim.h>
#include <kvcap/size.h>
#include <stdbool.h>
#include <stddef.h>

/* Half the width that residuals of 'n' levels support (3 n: TPOT, TTFT, throughput); of
 * TTFT, or of TPOT. */
double predict_width(const double *residual, size_t n, bool ttft);

/* What a measured point was loaded with, on one data-parallel rank. */
kvc_code predict_load(struct kvc_arena *arena, const struct kvc_point *point,
                      const struct kvc_size *size, struct kvc_traffic_spec *spec,
                      struct kvc_traffic *out, struct kvc_err *err) KVC_MUST_USE;

/* Draws a load; an open one ends after n / rate. */
kvc_code predict_traffic(struct kvc_arena *arena, struct kvc_traffic_spec spec,
                         struct kvc_traffic *out, struct kvc_err *err) KVC_MUST_USE;

/* Its figures leave out ramp and drain. */
bool predict_is_steady(const struct kvc_point *point);

/* Rates between the first turnover of all seats and the last admission of 'n' requests,
 * whose records 'result' has. */
kvc_code predict_steady(const struct kvc_sim_result *result, size_t n, double dp,
                        struct kvc_prediction *out, struct kvc_err *err) KVC_MUST_USE;

#endif
