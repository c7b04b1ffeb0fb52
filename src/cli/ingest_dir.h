/* ingest_dir.h - a folder of benchmark results.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_INGEST_DIR_H
#define KVC_CLI_INGEST_DIR_H

#include "ingest.h"

/* All results in the folder and those below it, in the order of their names, as one set;
 * summaries that only repeat the runs beside them are left out. */
kvc_code ingest_folder(struct ingest *ingest, const char *path, struct kvc_record *out,
                       struct kvc_err *err) KVC_MUST_USE;

#endif
