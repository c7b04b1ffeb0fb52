/* gpu_rows.h - the keys of a GPU profile; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_GPU_ROWS_H
#define PROFILE_GPU_ROWS_H

#include "field.h"

extern const struct field gpu_rows[];
extern const struct field price_rows[];

#endif
