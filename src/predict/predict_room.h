/* predict_room.h - shared inside src/predict/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PREDICT_ROOM_H
#define PREDICT_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* Half the width that residuals of 'n' levels support (3 n: TPOT, TTFT, throughput); of
 * TTFT, or of TPOT. */
double predict_width(const double *residual, size_t n, bool ttft);

#endif
