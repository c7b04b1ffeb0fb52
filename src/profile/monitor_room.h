/* monitor_room.h - alerts and dashboard as their files read; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_MONITOR_ROOM_H
#define PROFILE_MONITOR_ROOM_H

#include "engine_room.h"
#include <kvcap/monitor_book.h>

/* Each fills its part of the book. */
kvc_code alerts_from_node(const struct reader *r, const struct node *root,
                          const struct kvc_engine *e,
                          struct kvc_monitor_book *out) KVC_MUST_USE;
kvc_code dashboard_from_node(const struct reader *r, const struct node *root,
                             struct kvc_monitor_book *out) KVC_MUST_USE;

#endif
