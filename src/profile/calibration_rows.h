/* calibration_rows.h - the keys of a calibration; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_CALIBRATION_ROWS_H
#define PROFILE_CALIBRATION_ROWS_H

#include "field.h"

extern const struct field calibration_rows[];

#endif
