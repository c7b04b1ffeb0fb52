/* speed.h - from a sized deployment to the time of its steps.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_SPEED_H
#define KVCAP_SPEED_H

#include <kvcap/latency.h>
#include <kvcap/size.h>

/* Host and launch costs of the release, from profiles/engines/; 'async' says whether
 * the scheduler runs beside the GPU: 1, 0, or -1 as the release does by default. */
kvc_code kvc_speed_facts(struct kvc_db *db, const struct kvc_setting *set, int async,
                         struct kvc_speed_facts *out, struct kvc_err *err) KVC_MUST_USE;

/* Coefficients of the GPU (its own or means) and facts of the release put together;
 * 'facts' and 'tune' may be NULL. */
kvc_code kvc_speed_open(struct kvc_arena *arena, struct kvc_db *db,
                        const struct kvc_size *size, const struct kvc_speed_facts *facts,
                        const struct kvc_tune *tune, struct kvc_latency **out,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
