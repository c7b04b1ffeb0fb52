/* explain.h - what the documents of words share; private to src/report/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef REPORT_EXPLAIN_H
#define REPORT_EXPLAIN_H

#include <kvcap/explain.h>

/* A flag as the newest release that has it spells it. */
const char *explain_flag_name(const struct kvc_engine *engine,
                              const struct kvc_flag *flag);
/* Key and title of a source, in the tree and as the last block. */
void explain_source(struct kvc_doc *doc, struct kvc_db *db, const char *key);

#endif
