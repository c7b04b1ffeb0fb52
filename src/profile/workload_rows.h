/* workload_rows.h - the keys of a workload profile; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_WORKLOAD_ROWS_H
#define PROFILE_WORKLOAD_ROWS_H

#include "field.h"

extern const struct field workload_rows[];

#endif
