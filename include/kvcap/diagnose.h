/* diagnose.h - the result of `kvcap diagnose`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_DIAGNOSE_H
#define KVCAP_DIAGNOSE_H

#include <kvcap/live.h>
#include <kvcap/report.h>
#include <kvcap/rules.h>

/* What users see under a load, by simulation; NaN unknown. */
struct kvc_diagnosis_times {
  double ttft_s, tpot_s, output_tok_per_s; /* means; of all ranks */
};

/* A finding as it is reported. */
struct kvc_diagnosis_row {
  const char *id, *slug, *severity; /* "error", "warning", "hint" */
  const char *title, *text, *why;
  const char *flag;           /* as the release spells it; NULL: no flag is changed */
  const char *key;            /* canonical key of that flag */
  const char *value, *before; /* new and present value as text; NULL */
  const char *fix;            /* in words */
  const char *gain;           /* what it buys; NULL when it cannot be computed */
  const char *gain_why;       /* why it cannot, NULL */
  const char *times;          /* TTFT, TPOT and throughput before and after; NULL */
  const char *times_why;      /* why they are not computed, NULL */
  struct kvc_diagnosis_times now, then;
  const char *set_aside; /* why the command does not have it; NULL: it does */
  const char *source;    /* citation key */
  const char *evidence[KVC_MAX_EVIDENCE];
  size_t n_evidence;
  enum kvc_live_key seen[KVC_MAX_EVIDENCE];
  size_t n_seen;
  bool applied; /* the corrected command has it */
};

struct kvc_diagnosis_skip {
  const char *id, *title, *reason;
};

/* Something that was looked at. */
struct kvc_diagnosis_input {
  const char *kind, *where, *what;
};

enum { KVC_DIAGNOSIS_MAX_INPUTS = 64, KVC_DIAGNOSIS_MAX_NEXT = 12 };

struct kvc_diagnosis {
  int schema; /* 1: version of the document */
  bool passed;
  const char *fail_on;
  const char *verdict;
  const char *version, *version_from, *generation; /* release; where from; V0 or V1 */
  const char *model, *gpu;                         /* NULL unknown */
  struct kvc_diagnosis_input inputs[KVC_DIAGNOSIS_MAX_INPUTS];
  size_t n_inputs;
  struct kvc_diagnosis_row *rows; /* errors first */
  size_t n_rows, errors, warnings, hints;
  struct kvc_diagnosis_skip *skips;
  size_t n_skips, n_passed;
  const struct kvc_live *live;
  const char *command;         /* corrected launch; NULL when there is none to correct */
  const char *command_verdict; /* what the memory model says of it; NULL */
  const char *command_times;   /* before and after all of its changes; NULL */
  const char *next[KVC_DIAGNOSIS_MAX_NEXT]; /* what to measure next */
  size_t n_next;
  const char *notes[64];
  size_t n_notes;
};

kvc_code kvc_doc_diagnosis(struct kvc_doc *doc, const struct kvc_diagnosis *diagnosis,
                           struct kvc_err *err) KVC_MUST_USE;
/* The JSON Schema of that document, made from the rows that fill it. */
kvc_code kvc_doc_diagnosis_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

#endif
