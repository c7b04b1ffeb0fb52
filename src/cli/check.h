/* check.h - inside `kvcap check`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_CHECK_H
#define KVC_CLI_CHECK_H

#include "cli.h"
#include <kvcap/check.h>

enum { CHECK_MAX_ROWS = 2048, CHECK_MAX_EDITS = 2048, CHECK_MAX_WORDS = 1200 };
enum { CHECK_MAX_SETS = 16 };

struct check_args {
  struct cli_common common; /* first: cli_parse counts on it */
  const char *gpu, *version, *from, *to, *fail_on, *as, *model_config;
  double gpu_memory_bytes;
  bool fix;
  char *const *command; /* the words after -- */
  int n_command;
};

/* The words of a launch as the release takes it; argv[0..n). */
struct check_words {
  const char *env[KVC_LAUNCH_MAX_ENV];
  size_t n_env;
  const char *argv[CHECK_MAX_WORDS];
  size_t n;
};
/* Values that the remedies of errors put in place of those of the launch. */
struct check_sets {
  const struct kvc_flag *flag[CHECK_MAX_SETS];
  const char *value[CHECK_MAX_SETS];
  size_t n;
};
/* The first remedy of a flag counts; one that the engine does not know is dropped. */
void check_set(struct check_sets *sets, const struct kvc_flag *flag, const char *value);

struct check_rewrite {
  const struct kvc_lint_facts *facts;
  const struct kvc_lint_finding *findings;
  size_t n;
  const struct check_sets *sets;
  bool for_size; /* only what the memory model can read */
};
kvc_code check_words(struct cli *cli, const struct kvc_launch *launch,
                     const struct check_rewrite *how, struct check_words *out,
                     struct kvc_err *err) KVC_MUST_USE;
/* One line of shell. */
kvc_code check_command_text(struct cli *cli, const struct kvc_launch *launch,
                            const struct check_words *words, const char **out,
                            struct kvc_err *err) KVC_MUST_USE;

/* Sizes the launch and adds what the memory model and the rules say. */
struct check_fit {
  const struct check_args *args;
  const struct kvc_launch *launch;
  const struct kvc_lint_facts *facts;
  const struct check_words *words;
  const char *version;
  struct kvc_check *check;
  struct check_sets *sets; /* what would mend the errors is added */
  bool quiet;              /* looks again: nothing is reported */
};
kvc_code check_fit(struct cli *cli, const struct check_fit *fit,
                   struct kvc_check_command *out, struct kvc_err *err) KVC_MUST_USE;

void check_add(struct kvc_check *check, const struct kvc_finding *finding,
               const char *source, bool fixable);

#endif
