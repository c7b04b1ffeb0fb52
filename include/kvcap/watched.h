/* watched.h - what watches a service, as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_WATCHED_H
#define KVCAP_WATCHED_H

#include <kvcap/monitor.h>
#include <kvcap/report.h>

/* 'dir': where the files were written; NULL: they were not. */
kvc_code kvc_doc_monitor(struct kvc_doc *doc, const struct kvc_monitor *monitor,
                         const char *dir, struct kvc_err *err) KVC_MUST_USE;

#endif
