/* diagnose.h - inside `kvcap diagnose` and `kvcap watch`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_DIAGNOSE_H
#define KVC_CLI_DIAGNOSE_H

#include "check.h"
#include "ingest.h"
#include "size.h"
#include <kvcap/diagnose.h>
#include <kvcap/observe.h>

enum { DIAGNOSE_MAX_FILES = 64, DIAGNOSE_MAX_LOOKS = 2000, DIAGNOSE_MAX_SETS = 16 };

struct diagnose_args {
  struct size_args size; /* first: cli_parse counts on it */
  const char *metrics[DIAGNOSE_MAX_FILES], *logs[DIAGNOSE_MAX_FILES],
      *benches[DIAGNOSE_MAX_FILES];
  size_t n_metrics, n_logs, n_benches;
  double every_s, for_s, interval_s, timeout_s;
  const char *model_name, *rules, *fail_on, *token_env, *ca_file, *goal, *form;
  bool multi_turn, allow_quality;
};

/* A run, from inputs to result. */
struct diagnose {
  struct cli *cli;
  struct diagnose_args *args;
  int argc; /* arguments in front of -- */
  char *const *argv;
  int n_command; /* and behind it */
  char *const *command;
  struct kvc_db *db;
  struct ingest in;
  struct kvc_page *pages;
  size_t n_pages, room_pages;
  double first_file_s, last_file_s; /* when saved pages were written; NaN */
  const struct kvc_serverlog *log;  /* the last one */
  struct kvc_bench *benches;
  size_t n_benches;
  const struct kvc_launch *launch; /* pasted, or from the log */
  const char *version, *version_from;
  struct kvc_lint_facts facts; /* release and generation that flags are spelled for */
  struct kvc_live live;
  struct kvc_observe_notes notes;
  struct diagnose_args *sized_args; /* as the present deployment was read */
  struct kvc_size *size;            /* NULL when it cannot be sized */
  const char *unsized;              /* why not */
  struct diagnose_clock *clock;     /* of the times; NULL until one is asked for */
  struct kvc_rule_tune *tunes;
  size_t n_tunes;
  struct kvc_diagnosis *out;
  bool watching; /* --every without --for has no end */
};

extern const struct cli_option diagnose_options[];

/* A change that is tried: canonical flag and value. */
struct diagnose_set {
  const struct kvc_flag *flag;
  const char *value;
};

/* diagnose_options.c: arguments; cuts argv at -- .  Sets *help when only help was asked.
 */
kvc_code diagnose_read(struct diagnose *d, int argc, char *const *argv,
                       struct kvc_err *err) KVC_MUST_USE;

/* diagnose_gather.c: opens and reads every input. */
kvc_code diagnose_gather(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;
/* Fetches pages until --for is over or 'stop' is set. */
kvc_code diagnose_follow(struct diagnose *d, const char *url,
                         struct kvc_err *err) KVC_MUST_USE;
kvc_code diagnose_add_page(struct diagnose *d, const struct kvc_page *page,
                           struct kvc_err *err) KVC_MUST_USE;

/* diagnose_deploy.c: release, launch, sizing. */
kvc_code diagnose_deploy(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;
/* The deployment with some flags changed, sized. */
kvc_code diagnose_size(struct diagnose *d, const struct diagnose_set *sets, size_t n,
                       struct diagnose_args **args, struct kvc_size **out,
                       struct kvc_err *err) KVC_MUST_USE;

/* diagnose_gain.c: what a change buys; fills gain or gain_why of the row. */
void diagnose_gain(struct diagnose *d, const struct diagnose_set *set,
                   struct kvc_diagnosis_row *row);

/* diagnose_time.c: what the change does to times under the present load; fills times or
 * times_why of the row ... */
void diagnose_time(struct diagnose *d, const struct diagnose_set *set,
                   const struct kvc_size *after, struct kvc_diagnosis_row *row);
/* ... and the same of all changes together, NULL when it cannot be told. */
const char *diagnose_times(struct diagnose *d, const struct diagnose_set *sets, size_t n,
                           const struct kvc_size *after);

/* cmd_diagnose.c: the databases and the user's thresholds; then everything after the
 * inputs are there. */
kvc_code diagnose_open(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;
kvc_code diagnose_judge(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;

/* diagnose_rows.c: rules to rows, conflicts, the corrected command, what is next. */
kvc_code diagnose_rules(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;
kvc_code diagnose_command(struct diagnose *d, struct kvc_err *err) KVC_MUST_USE;
void diagnose_next(struct diagnose *d);

#endif
