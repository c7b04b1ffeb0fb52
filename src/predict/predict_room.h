/* predict_room.h - what the files of this room share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_PREDICT_ROOM_H
#define KVC_PREDICT_ROOM_H

#include <kvcap/traffic.h>

/* A client with a rate and a limit, where the limit rules: the first 'clients' arrivals
 * start as many chains at their own times, and each further request follows the end of
 * one before it.  (A closed loop would start them all at once and keep them in step.) */
kvc_code predict_chain(struct kvc_arena *arena, size_t clients,
                       struct kvc_traffic *traffic, struct kvc_err *err);

#endif
