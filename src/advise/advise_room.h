/* advise_room.h - the steps behind kvc_advise_run; private to src/advise/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef ADVISE_ROOM_H
#define ADVISE_ROOM_H

#include <kvcap/advise.h>

struct advising {
  struct kvc_arena *arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  const struct kvc_advise_request *req;
  struct kvc_advice *out;
  struct kvc_deploy d;    /* the set so far */
  struct kvc_size *now;   /* sized so far, in brief */
  struct kvc_size *other; /* a trial */
  struct kvc_size *plain; /* nothing set but what is given */
  double p99_tok;
};

const char *advise_text(struct advising *a, const char *fmt, ...) KVC_PRINTF(2, 3);
/* "1,234,567" */
const char *advise_count(struct advising *a, double n);

/* Sizes a deployment in brief. */
kvc_code advise_try(struct advising *a, const struct kvc_deploy *d, struct kvc_size *out,
                    struct kvc_err *err) KVC_MUST_USE;

/* Whether the release has a flag (and, for an enum, the value). */
bool advise_has(const struct advising *a, const char *key);
bool advise_has_value(const struct advising *a, const char *key, const char *value);

bool advise_has_state(const struct kvc_model *m);
/* As many GPUs as are tried. */
int advise_most_gpus(const struct advising *a);
bool advise_has_link(const struct kvc_gpu *gpu);
/* Compute capability as a number (8.9), 0 unknown. */
double advise_capability(const struct kvc_gpu *gpu);

/* choose.c */
kvc_code advise_choose(struct advising *a, struct kvc_err *err) KVC_MUST_USE;
/* shape.c: GPUs, and the utilisation that they need */
kvc_code advise_shape(struct advising *a, struct kvc_err *err) KVC_MUST_USE;
/* flags.c: the set as flags with reasons, and as arguments */
kvc_code advise_flags(struct advising *a, struct kvc_err *err) KVC_MUST_USE;
/* why.c: reason, evidence, gain of one flag */
void advise_why(struct advising *a, struct kvc_advised *f);
/* offers.c */
void advise_offers(struct advising *a);

#endif
