/* launch.h - an existing launch read back: command, script, config file, manifest.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads `vllm serve ...` (and the older python -m vllm.entrypoints...) out of a quoted
 * command, a shell script, a vLLM --config YAML, a docker-compose file, a Kubernetes
 * manifest, or the argument lines of a server's log.  Every argument keeps the place it
 * came from, so that a fix can change it and nothing else.
 *
 * Ownership: everything lives in the arena; 'text' is borrowed from the caller.
 */
#ifndef KVCAP_LAUNCH_H
#define KVCAP_LAUNCH_H

#include <kvcap/arena.h>
#include <kvcap/engine.h>
#include <kvcap/str.h>

enum {
  KVC_LAUNCH_MAX_BYTES = 4 << 20,
  KVC_LAUNCH_MAX_ARGS = 512,
  KVC_LAUNCH_MAX_ENV = 256
};

enum kvc_launch_format {
  KVC_LAUNCH_AUTO,
  KVC_LAUNCH_COMMAND, /* one command, as on a command line */
  KVC_LAUNCH_SCRIPT,  /* shell: the first vLLM command in it */
  KVC_LAUNCH_CONFIG,  /* vLLM's --config YAML */
  KVC_LAUNCH_COMPOSE,
  KVC_LAUNCH_KUBERNETES,
  KVC_LAUNCH_LOG /* "non-default args: {...}" or "args: Namespace(...)" */
};

/* Bytes [at, at + len) of the text. */
struct kvc_span {
  size_t at, len;
};

struct kvc_launch_arg {
  const char *name;  /* as written: "--max-num-seqs", "max-num-seqs" (config) */
  const char *value; /* NULL = a switch */
  const char *key;   /* canonical, NULL = not in the catalogue */
  const struct kvc_flag *flag;
  bool negated; /* --no-x */
  int line, col;
  struct kvc_span name_at, value_at, whole_at; /* whole: name, separator and value */
};

struct kvc_launch_env {
  const char *name, *value;
  const struct kvc_flag *flag; /* kind env in the catalogue, or NULL */
  int line, col;
  struct kvc_span whole_at, value_at;
};

struct kvc_launch {
  enum kvc_launch_format format;
  const char *where; /* file name for messages */
  const char *text;
  size_t len;
  const char *program; /* "vllm serve", "python -m vllm.entrypoints.openai.api_server" */
  const char *model;   /* positional or --model */
  const char *image_tag; /* release that a container image names, NULL */
  struct kvc_launch_arg args[KVC_LAUNCH_MAX_ARGS];
  size_t n_args;
  struct kvc_launch_env env[KVC_LAUNCH_MAX_ENV];
  size_t n_env;
  size_t n_commands; /* vLLM commands in the text; this is the first */
  struct kvc_span command_at;
};

/* What is read: text[0..len), how it is called in messages, and what it is. */
struct kvc_launch_source {
  const char *text;
  size_t len;
  const char *where;
  enum kvc_launch_format format;
};

kvc_code kvc_launch_parse(struct kvc_arena *arena, const struct kvc_engine *engine,
                          const struct kvc_launch_source *source, struct kvc_launch *out,
                          struct kvc_err *err) KVC_MUST_USE;

/* The argument of a canonical key, the last one given; NULL when absent. */
const struct kvc_launch_arg *kvc_launch_arg(const struct kvc_launch *launch,
                                            const char *key);

/* One change to the text; fixes.c of the room applies them from the end. */
struct kvc_edit {
  struct kvc_span at;
  const char *text; /* replacement; "" deletes */
};

/* The text with the edits made and nothing else changed. */
kvc_code kvc_launch_edit(struct kvc_arena *arena, const struct kvc_launch *launch,
                         const struct kvc_edit *edits, size_t n, struct kvc_buf *out,
                         struct kvc_err *err) KVC_MUST_USE;

#endif
