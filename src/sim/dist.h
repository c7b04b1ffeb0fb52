/* dist.h - exact percentiles and the interval of a mean.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef SIM_DIST_H
#define SIM_DIST_H

#include <kvcap/sim.h>

/* Reorders values[0..n), which must come in order of arrival. */
struct kvc_sim_dist sim_dist(double *values, size_t n);

#endif
