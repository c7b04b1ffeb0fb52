/* ingest.h - files and pages as records, their kind found out by their content.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_INGEST_H
#define KVC_CLI_INGEST_H

#include "cli.h"
#include <kvcap/fetch.h>
#include <kvcap/record.h>

enum ingest_kind { INGEST_ANY, INGEST_METRICS, INGEST_LOG, INGEST_BENCH };

/* What reading needs; filled once by ingest_open. */
struct ingest {
  struct cli *cli;
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  struct kvc_fetch *fetch; /* opened for the first address; ingest_close */
  struct kvc_fetch_options how;
};

kvc_code ingest_open(struct cli *cli, const struct cli_common *common, struct ingest *out,
                     struct kvc_err *err) KVC_MUST_USE;
void ingest_close(struct ingest *ingest);

/* A file, a folder of benchmark results, "-" or an address.  KVC_E_UNKNOWN when it is
 * none of what 'want' asks for. */
kvc_code ingest_read(struct ingest *ingest, const char *path, enum ingest_kind want,
                     struct kvc_record *out, struct kvc_err *err) KVC_MUST_USE;

/* One page that is in memory; 'where' is kept. */
kvc_code ingest_page(struct ingest *ingest, const char *text, size_t len,
                     const char *where, struct kvc_page *out,
                     struct kvc_err *err) KVC_MUST_USE;

#endif
