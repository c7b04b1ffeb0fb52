/* launch.h - an existing launch read back: command, script, config file, manifest.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads `vllm serve ...` (and the older python -m vllm.entrypoints...) out of a quoted
 * command, a shell script, a vLLM --config YAML, a docker-compose file, a Kubernetes
 * manifest, or the argument lines of a server's log.  Every argument keeps the place it
 * came from, so that a fix can change it and nothing else.  Variables stay as they are
 * written and are marked, never guessed.
 *
 * Ownership: everything lives in the arena; 'text' is borrowed from the caller.
 */
#ifndef KVCAP_LAUNCH_H
#define KVCAP_LAUNCH_H

#include <kvcap/arena.h>
#include <kvcap/engine.h>

enum {
  KVC_LAUNCH_MAX_BYTES = 4 << 20,
  KVC_LAUNCH_MAX_YAML_BYTES = 1 << 20,
  KVC_LAUNCH_MAX_ARGS = 256,
  KVC_LAUNCH_MAX_ENV = 128,
  KVC_LAUNCH_MAX_STRAYS = 32,
  KVC_LAUNCH_MAX_COMMANDS = 32
};

enum kvc_launch_format {
  KVC_LAUNCH_AUTO,
  KVC_LAUNCH_COMMAND,    /* one command, as on a command line */
  KVC_LAUNCH_SCRIPT,     /* shell */
  KVC_LAUNCH_CONFIG,     /* vLLM's --config YAML */
  KVC_LAUNCH_COMPOSE,    /* docker-compose */
  KVC_LAUNCH_KUBERNETES, /* manifests, several documents */
  KVC_LAUNCH_LOG,        /* "non-default args: {...}" or "args: Namespace(...)" */
  KVC_LAUNCH_FORMATS_
};

/* "command", "script", "config", "compose", "kubernetes", "log"; NULL past the end. */
const char *kvc_launch_format_name(enum kvc_launch_format format);

/* Bytes [at, at + len) of the text; len 0 = there is no such place to edit. */
struct kvc_span {
  size_t at, len;
};

struct kvc_launch_arg {
  const char *name;  /* as written, without value: "--max-num-seqs", "max-num-seqs" */
  const char *value; /* NULL = a switch; words of a list joined by a space */
  const char *field; /* "method" of --speculative-config.method, NULL */
  const char *key;   /* canonical, NULL = not in the catalogue */
  const struct kvc_flag *flag;
  bool negated;    /* --no-x, or false in a log or config */
  bool unresolved; /* value or name holds a variable */
  bool bare_json;  /* the shell takes the quotes out of its braces */
  bool attached;   /* --name=value */
  size_t n_values;
  int line, col;
  struct kvc_span name_at, value_at, whole_at; /* whole: what to delete with it */
};

struct kvc_launch_env {
  const char *name, *value;
  const struct kvc_flag *flag; /* kind env in the catalogue, or NULL */
  bool unresolved;
  int line, col;
  struct kvc_span name_at, whole_at;
};

struct kvc_launch {
  enum kvc_launch_format format;
  const char *where; /* file name for messages */
  const char *text;
  size_t len;
  const char *program; /* "vllm serve", "python -m vllm.entrypoints.openai.api_server" */
  const char *model;   /* positional or --model */
  const char *positional_model;
  const char *version;      /* release that a container image or a log names, NULL */
  const char *version_from; /* "vllm/vllm-openai:v0.8.5" */
  bool all_args;            /* a dump with every argument, defaults too */
  bool more; /* arguments that cannot be seen: "$@", a variable with several */
  struct kvc_launch_arg args[KVC_LAUNCH_MAX_ARGS];
  size_t n_args;
  struct kvc_launch_arg strays[KVC_LAUNCH_MAX_STRAYS]; /* words that belong nowhere */
  size_t n_strays;
  struct kvc_launch_env env[KVC_LAUNCH_MAX_ENV];
  size_t n_env;
  size_t n_commands; /* launches in the text */
  int line, col;     /* where this one starts */
};

/* A text and which of the launches in it. */
struct kvc_launch_source {
  const char *text;
  size_t len;
  const char *where;
  enum kvc_launch_format format;
  size_t which;
};

/* KVC_E_PARSE says what is wrong with the text, KVC_E_UNKNOWN that no launch of vLLM is
 * in it, KVC_E_LIMIT which bound it passes. */
kvc_code kvc_launch_parse(struct kvc_arena *arena, const struct kvc_engine *engine,
                          const struct kvc_launch_source *source, struct kvc_launch *out,
                          struct kvc_err *err) KVC_MUST_USE;

/* The argument of a canonical key, the last one given; NULL when absent. */
const struct kvc_launch_arg *kvc_launch_arg(const struct kvc_launch *launch,
                                            const char *key);

/* One change to a text. */
struct kvc_edit {
  struct kvc_span at;
  const char *text; /* replacement; "" deletes */
};

struct kvc_launch_text {
  const char *text;
  size_t len;
};

/* The text with the edits made and nothing else changed; of edits that overlap the
 * wider one counts. */
kvc_code kvc_launch_edit(struct kvc_arena *arena, struct kvc_launch_text in,
                         const struct kvc_edit *edits, size_t n,
                         struct kvc_launch_text *out, struct kvc_err *err) KVC_MUST_USE;

#endif
