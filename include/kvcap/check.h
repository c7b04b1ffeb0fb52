/* check.h - the result of `kvcap check`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_CHECK_H
#define KVCAP_CHECK_H

#include <kvcap/lint.h>
#include <kvcap/report.h>

/* A finding as it is reported. */
struct kvc_check_row {
  const char *id, *slug, *severity; /* "error", "warning", "hint" */
  const char *flag, *text, *fix, *source;
  const char *evidence[KVC_MAX_EVIDENCE];
  size_t n_evidence;
  int line, col;
  size_t command; /* which launch of the text, from 1 */
  bool fixable;   /* --fix does it */
};

/* One launch of the text. */
struct kvc_check_command {
  const char *program, *model;
  const char *corrected;     /* the command as the release takes it */
  const char *fit, *fit_why; /* "starts", "does not start", "skipped"; one sentence */
  const char *mended, *mended_why; /* the same of the corrected command; NULL */
  int line, col;
  double kv_tokens; /* NaN unless it was sized */
};

struct kvc_check {
  int schema; /* 1: version of the document */
  const char *where, *format, *version, *version_from;
  const char *from, *gpu; /* --from, --gpu; NULL */
  const char *fail_on;
  bool passed;
  struct kvc_check_row *rows;
  size_t n_rows, errors, warnings, hints, fixable;
  struct kvc_check_command *commands;
  size_t n_commands;
  struct kvc_lint_change *changes;
  size_t n_changes;
};

kvc_code kvc_doc_check(struct kvc_doc *doc, const struct kvc_check *check,
                       struct kvc_err *err) KVC_MUST_USE;
/* The JSON Schema of that document, made from the rows that fill it. */
kvc_code kvc_doc_check_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

#endif
