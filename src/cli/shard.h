/* shard.h - a part of a search as a file, for `kvcap merge`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * JSON: which part of which question, with a digest of everything that was read, and the
 * results of its units; every number reads back equal.
 */
#ifndef KVC_CLI_SHARD_H
#define KVC_CLI_SHARD_H

#include "plan.h"

enum {
  SHARD_FORMAT = 1,
  SHARD_MAX_INPUTS = 24,
  SHARD_MAX_BYTES = CLI_MAX_OUT,
  SHARD_DIGEST = 40
};

struct shard_input {
  const char *name; /* path as typed, or what else was read */
  char digest[SHARD_DIGEST];
};

struct shard_head {
  const char *path; /* of the shard file, for messages; NULL when written */
  const char *kvcap;
  int part, parts;
  const char *const *args; /* behind `kvcap plan`, without what is aside */
  size_t n_args;
  struct shard_input inputs[SHARD_MAX_INPUTS];
  size_t n_inputs;
  char question[SHARD_DIGEST]; /* of every unit as it was opened */
};

struct shard_unit {
  size_t index;
  int stage;
  struct kvc_search_unit unit;
};

/* shard_file.c.  Writing: head, units, tail. */
void shard_write_head(struct kvc_buf *out, const struct shard_head *head);
void shard_write_unit(struct kvc_buf *out, bool first, const struct shard_unit *unit);
void shard_write_tail(struct kvc_buf *out);
/* The bytes of a unit, for digests. */
void shard_unit_text(struct kvc_buf *out, const struct kvc_search_unit *unit);

/* Reading: 'take' gets the units in turn, and may be NULL for the head alone.  Texts of
 * the head live in the arena. */
typedef kvc_code shard_take(void *ctx, const struct shard_head *head,
                            const struct shard_unit *unit, struct kvc_err *err);
struct shard_text {
  const char *path, *text;
  size_t len;
};
kvc_code shard_read(struct kvc_arena *arena, const struct shard_text *file,
                    struct shard_head *head, shard_take *take, void *ctx,
                    struct kvc_err *err) KVC_MUST_USE;

/* shard_inputs.c: digests of the files that the arguments name (before plan_ask) ... */
kvc_code shard_inputs(const struct plan_args *args, struct shard_head *head,
                      struct kvc_err *err) KVC_MUST_USE;
/* ... and of the opened question with the profiles of the user. */
kvc_code shard_question(const struct plan_question *q, struct shard_head *head,
                        struct kvc_err *err) KVC_MUST_USE;
/* The arguments without what is aside. */
kvc_code shard_args(struct kvc_arena *arena, int argc, char *const *argv,
                    struct shard_head *head, struct kvc_err *err) KVC_MUST_USE;
/* "kvcap plan --shard 3/4 ... " as a shell takes it. */
void shard_command(struct kvc_buf *out, const struct shard_head *head, int part);

#endif
