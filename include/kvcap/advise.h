/* advise.h - one consistent set of flags for a model, a GPU, a release and a demand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the user sets by hand is kept; every other flag is chosen so that the whole set
 * agrees with the memory model, which is run again until nothing changes (max-num-seqs
 * changes the activation peak, the peak the pool, the pool max-num-seqs).  Flags that
 * the release lacks, or that would repeat its default, are never named.  What may cost
 * accuracy is offered, and applied only when it was allowed.
 *
 * Ownership: everything lives in the arena given to the run.
 */
#ifndef KVCAP_ADVISE_H
#define KVCAP_ADVISE_H

#include <kvcap/emit.h>
#include <kvcap/rules.h>
#include <kvcap/size.h>

enum { KVC_ALLOW_FP8_KV = 1 << 0, KVC_ALLOW_FP8_WEIGHTS = 1 << 1 };

enum { KVC_MAX_ADVISED = 48, KVC_ADVISE_MAX_ARGS = 192, KVC_ADVISE_MAX_ENV = 16 };

struct kvc_advise_request {
  struct kvc_size_request size; /* what is set by hand; its load is not looked at */
  struct kvc_demand demand;
  int gpus;       /* GPUs at hand, 0 = as many as it takes */
  unsigned allow; /* KVC_ALLOW_* */
  /* Flags without a row of kvcap's own, passed on as they are. */
  const struct kvc_emit_arg *extra;
  size_t n_extra;
  const struct kvc_emit_env *env;
  size_t n_env;
};

/* A flag of the set and why it has its value. */
struct kvc_advised {
  const char *key, *name;       /* canonical; the spelling of the release */
  const char *value, *fallback; /* fallback: the default of the release, NULL none */
  const char *reason;
  const char *evidence[KVC_MAX_EVIDENCE];
  size_t n_evidence;
  const char *source; /* citation key */
  const char *gain, *breaks;
  const char *since, *until; /* releases that have the flag; until NULL = still there */
  bool given;                /* set by hand, not advised */
};

struct kvc_advice {
  struct kvc_size size; /* the set as advised, sized in full */
  struct kvc_demand demand;
  const char *verdict;
  struct kvc_advised flags[KVC_MAX_ADVISED];
  size_t n_flags;
  struct kvc_recommendation recs[KVC_MAX_RECS]; /* offers and findings of the rules */
  size_t n_recs;
  struct kvc_finding findings[KVC_MAX_FINDINGS]; /* every rule over the advised set */
  size_t n_findings;
  struct kvc_emit_arg args[KVC_ADVISE_MAX_ARGS]; /* of the command, in order */
  size_t n_args;
  struct kvc_emit_env env[KVC_ADVISE_MAX_ENV];
  size_t n_env;
  struct kvc_deploy deploy; /* the set as a deployment */
  const char *model;        /* the name in the command */
  const char *command;
  int64_t replicas;  /* servers that the users need, 0 = unknown */
  int rounds;        /* of the fixed point */
  double needed_tok; /* context that the demand needs, 0 unknown */
};

/* KVC_E_OK also when nothing starts: then size.memory.fits is false and the verdict
 * says so. */
kvc_code kvc_advise_run(struct kvc_arena *arena, struct kvc_db *db,
                        const struct kvc_advise_request *req, struct kvc_advice *out,
                        struct kvc_err *err) KVC_MUST_USE;

/* Lognormal fit: mean and standard deviation / mean from two quantiles (0 < p < q < 1,
 * 0 < at_p <= at_q). */
void kvc_advise_lognormal(double p, double at_p, double q, double at_q, double *mean,
                          double *cv);

#endif
