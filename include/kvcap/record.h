/* record.h - what one file says, in one vocabulary: the result of `kvcap read`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A file may hold more than one thing (a server's log with a benchmark's result at its
 * end): every part that was found is set, 'kind' names the one that it mainly is.
 */
#ifndef KVCAP_RECORD_H
#define KVCAP_RECORD_H

#include <kvcap/bench.h>
#include <kvcap/launch.h>
#include <kvcap/prom.h>
#include <kvcap/report.h>
#include <kvcap/serverlog.h>

struct kvc_record {
  const char *where, *kind; /* "metrics", "log", "benchmark" */
  const struct kvc_page *page;
  const struct kvc_serverlog *log;
  const struct kvc_launch *launch; /* arguments that the log prints, NULL */
  const struct kvc_bench_set *bench;
  const char *version;                      /* release, NULL unknown */
  const char *version_from;                 /* "printed", "metric names", NULL */
  const char *version_first, *version_last; /* releases that fit, when inferred */
  double file_s; /* UNIX time at which the file was last written; NaN */
};

/* Arrays of a document are cut at this many entries, which the document says. */
enum { KVC_RECORD_MAX_SERIES = 20000 };

kvc_code kvc_doc_record(struct kvc_doc *doc, const struct kvc_record *record,
                        struct kvc_err *err) KVC_MUST_USE;
/* The benchmark's part of it: "benchmark" is the first record, "benchmarks" all. */
void kvc_doc_record_bench(struct kvc_doc *doc, const struct kvc_bench_set *set);

#endif
