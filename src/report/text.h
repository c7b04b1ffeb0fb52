/* text.h - sentences of a report, in the arena of its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_TEXT_H
#define KVC_REPORT_TEXT_H

#include <kvcap/report.h>

/* The text, or "" and a full document when there was no room for it. */
const char *text_checked(struct kvc_doc *doc, const char *text);

#define TEXT(doc, ...) text_checked((doc), kvc_arena_printf((doc)->arena, __VA_ARGS__))

#endif
