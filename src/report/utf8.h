/* utf8.h - code points, for escapes and column counts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_UTF8_H
#define KVC_REPORT_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_INVALID = 0xFFFFFF };

/* The code point at 'text' (not at its end) and its length; a byte that starts no
 * valid sequence gives UTF8_INVALID and length 1. */
uint32_t utf8_next(const char *text, size_t *len);

/* Columns a terminal uses: 0 combining, 2 wide, else 1. */
int utf8_width(uint32_t cp);

#endif
