/* kernels_rows.h - the keys of a kernels profile; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_KERNELS_ROWS_H
#define PROFILE_KERNELS_ROWS_H

#include "field.h"

extern const struct field kernels_rows[], curve_rows[];

#endif
