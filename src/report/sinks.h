/* sinks.h - the functions behind sinks.def.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_SINKS_H
#define KVC_REPORT_SINKS_H

#include <kvcap/report.h>

#define KVC_SINK(name, help)                                                             \
  void sink_##name(const struct kvc_doc *doc, const struct kvc_style *style,             \
                   struct kvc_buf *out);
#include "sinks.def"
#undef KVC_SINK

#endif
