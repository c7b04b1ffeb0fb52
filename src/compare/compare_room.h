/* compare_room.h - between the rows, the settings and the causes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_COMPARE_ROOM_H
#define KVC_COMPARE_ROOM_H

#include <kvcap/compare.h>
#include <kvcap/num.h>
#include <math.h>

/* Logs print GiB with two digits. */
static const double compare_rounding_bytes = 0.0101 * KVC_GIB;

struct comparing {
  struct kvc_arena *arena;
  const struct kvc_compare_input *in;
  struct kvc_compare *out;
  bool full;
};

/* Text in the arena; "" once it is full. */
const char *compare_text(struct comparing *c, const char *fmt, ...) KVC_PRINTF(2, 3);

/* settings.c: the log's arguments against the plan. */
kvc_code compare_settings(struct comparing *c, struct kvc_err *err) KVC_MUST_USE;

/* rows.c: one row for each figure that both tell. */
void compare_rows(struct comparing *c);

/* causes.c: why a row differs; never NULL. */
const char *compare_cause(struct comparing *c, const struct kvc_compare_row *row);

#endif
