/* predict_room.h - shared inside src/predict/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PREDICT_ROOM_H
#define PREDICT_ROOM_H

#include <kvcap/predict.h>

/* The first arrivals start as many chains: each further request follows the end of one
 * before it.  A client with a rate and a limit, where the limit rules. */
kvc_code predict_chain(struct kvc_arena *arena, size_t clients,
                       struct kvc_traffic *traffic, struct kvc_err *err) KVC_MUST_USE;

/* Half the width that residuals of 'n' levels support (3 n: TPOT, TTFT, throughput); of
 * TTFT, or of TPOT. */
double predict_width(const double *residual, size_t n, bool ttft);

#endif
