/* emit.h - a launch command in the forms that people run.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every text is quoted for its form: a model called `$(id)` stays inert.
 */
#ifndef KVCAP_EMIT_H
#define KVCAP_EMIT_H

#include <kvcap/err.h>
#include <kvcap/str.h>

enum { KVC_EMIT_MAX_VALUES = 64 };

enum kvc_emit_kind {
  KVC_EMIT_SWITCH, /* --enable-x; in YAML "enable-x: true" */
  KVC_EMIT_PLAIN,  /* a number or a text */
  KVC_EMIT_JSON,   /* an object */
  KVC_EMIT_LIST    /* --x a b c */
};

/* One argument: the spelling of the release, with its dashes. */
struct kvc_emit_arg {
  enum kvc_emit_kind kind;
  const char *key;  /* canonical, NULL when the flag has no row of kvcap's own */
  const char *name; /* "--max-num-seqs" */
  const char *value;
  const char *values[KVC_EMIT_MAX_VALUES]; /* KVC_EMIT_LIST */
  size_t n_values;
};

struct kvc_emit_env {
  const char *name, *value;
};

struct kvc_emit_command {
  const char *model;
  const struct kvc_emit_arg *args;
  size_t n_args;
  const struct kvc_emit_env *env;
  size_t n_env;
};

/* One line for a POSIX shell: VAR=value vllm serve MODEL --flag value ... */
void kvc_emit_shell(const struct kvc_emit_command *command, struct kvc_buf *out);

/* The file that `vllm serve --config FILE` reads: long names without dashes; variables
 * stand in a comment, for no key of the file sets them. */
void kvc_emit_yaml(const struct kvc_emit_command *command, struct kvc_buf *out);

/* A search in parts, for a cluster that runs them: the arguments behind `kvcap plan`
 * without --shard, --output and --jobs; none may hold a control character. */
struct kvc_emit_sweep {
  const char *const *args;
  size_t n_args;
  int parts;
};

/* An array of batch jobs for sbatch, part K as task K. */
void kvc_emit_slurm(const struct kvc_emit_sweep *sweep, struct kvc_buf *out);
/* An indexed Job, part K as completion K - 1, and its script as a ConfigMap. */
void kvc_emit_kubernetes(const struct kvc_emit_sweep *sweep, struct kvc_buf *out);

#endif
