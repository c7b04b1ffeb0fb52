/* tune.h - rules as the user wants them: thresholds and severities from a YAML file.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     rules:
 *       KVU001: {limit: 0.95}
 *       seats-unused: {severity: off}
 *       LAT001: {limit: 0.8, severity: error}
 */
#ifndef KVCAP_TUNE_H
#define KVCAP_TUNE_H

#include <kvcap/arena.h>
#include <stdbool.h>

enum { KVC_TUNE_MAX = 512 };

/* What is said of one rule.  Whether such a rule exists is the caller's to ask. */
struct kvc_rule_tune {
  const char *id; /* id or slug */
  bool off;       /* the rule is skipped, and says so */
  bool has_severity;
  int severity; /* enum kvc_severity: 0 hint, 1 warning, 2 error */
  bool has_limit;
  double limit; /* in the unit of the rule's own */
  int line;     /* in the file, for messages */
};

/* Reads such a file strictly: an unknown key, a severity that is none, a limit that is no
 * finite number end with file, line and column.  *out lives in the arena. */
kvc_code kvc_tunes_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_rule_tune **out, size_t *n,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
