/* rules_file.c - the user's thresholds and severities of rules.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <kvcap/rules.h>

kvc_code cli_read_rules(struct cli *cli, const char *path, struct kvc_rule_tune **out,
                        size_t *n, struct kvc_err *err)
{
  enum { MAX_NAMES = 600 };
  char *text;
  size_t len;
  if (path == NULL) return KVC_E_OK;
  KVC_TRY(kvc_file_read_into(&cli->arena, path, KVC_PROFILE_MAX_BYTES, &text, &len, err));
  KVC_TRY(kvc_tunes_read(&cli->arena, text, len, path, out, n, err));
  for (size_t i = 0; i < *n; i++) {
    const char *names[MAX_NAMES];
    char hint[200];
    size_t known = 0;
    const struct kvc_rule_tune *tune = &(*out)[i];
    if (kvc_rule_find(tune->id) != NULL) continue;
    for (; known < kvc_rule_count() && known < MAX_NAMES; known++)
      names[known] = kvc_rule_at(known)->id;
    cli_suggest(tune->id, names, known, hint, sizeof hint);
    return kvc_fail_at(err, KVC_E_UNKNOWN, path, tune->line, 0,
                       "no rule is called \"%.40s\"%s", tune->id, hint);
  }
  return KVC_E_OK;
}
