/* rules.h - the rule book: what is looked at, what it means, what to change.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A rule is a row: id, span, needs, check, evidence, remedy, source.  Its check is
 * pure: facts in, a finding out.  Three verdicts: it fires, it passes, or it could not
 * look (SKIP, with the reason); what is absent never passes.
 *
 * Ownership: rules are static; texts of findings live in the arena given to the run.
 */
#ifndef KVCAP_RULES_H
#define KVCAP_RULES_H

#include <kvcap/arena.h>
#include <kvcap/live.h>
#include <kvcap/size.h>
#include <kvcap/tune.h>

enum kvc_severity { KVC_SEV_HINT, KVC_SEV_WARNING, KVC_SEV_ERROR };
enum kvc_verdict { KVC_SKIP, KVC_PASS, KVC_FIRE };

/* What a rule needs to look at; facts->have says what is there. */
enum {
  KVC_NEED_SIZE = 1 << 0,   /* model, GPU, release, setting and memory */
  KVC_NEED_LOAD = 1 << 1,   /* prompt and output lengths */
  KVC_NEED_RATE = 1 << 2,   /* requests per second or users at once */
  KVC_NEED_GOAL = 1 << 3,   /* latency or throughput first */
  KVC_NEED_LAUNCH = 1 << 4, /* an existing command, file or manifest */
  KVC_NEED_LINK = 1 << 5,   /* how the GPUs are joined */
  KVC_NEED_MODEL = 1 << 6,  /* model, GPU and release, whether or not it can be sized */
  KVC_NEED_LIVE = 1 << 7,   /* a running server was looked at: metrics, log, benchmark */
  KVC_NEED_METRICS = 1 << 8,
  KVC_NEED_LOG = 1 << 9,
  KVC_NEED_BENCH = 1 << 10
};

struct kvc_launch; /* launch.h */

struct kvc_rule_facts {
  unsigned have;                     /* KVC_NEED_* */
  const struct kvc_engine *engine;   /* the flag catalogue */
  const struct kvc_size *size;       /* KVC_NEED_SIZE, MODEL: as it is or as advised */
  const struct kvc_deploy *deploy;   /* what is set by hand */
  const struct kvc_demand *demand;   /* KVC_NEED_LOAD, RATE, GOAL */
  const struct kvc_launch *launch;   /* KVC_NEED_LAUNCH */
  const struct kvc_live *live;       /* KVC_NEED_LIVE, METRICS, LOG, BENCH */
  const struct kvc_rule_tune *tunes; /* thresholds and severities of the user */
  size_t n_tunes;
};

enum { KVC_MAX_EVIDENCE = 4, KVC_MAX_FINDINGS = 256 };

struct kvc_rule;

struct kvc_finding {
  const struct kvc_rule *rule;
  enum kvc_verdict verdict;
  enum kvc_severity severity; /* the rule's, unless retuned */
  const char *text;           /* one sentence: what is wrong, with the numbers */
  const char *flag, *value;   /* remedy: canonical key and value; NULL = none */
  const char *fix;            /* remedy in words */
  const char *evidence[KVC_MAX_EVIDENCE];
  size_t n_evidence;
  enum kvc_live_key seen[KVC_MAX_EVIDENCE]; /* figures that it rests on */
  size_t n_seen;
  const char *gain;    /* NULL when it cannot be known */
  const char *skipped; /* why it could not look */
  int line, col;       /* where in the launch text, 0 = not applicable */
};

typedef enum kvc_verdict kvc_rule_check(const struct kvc_rule_facts *facts,
                                        const struct kvc_rule *rule,
                                        struct kvc_arena *arena, struct kvc_finding *out);

struct kvc_rule {
  const char *id, *slug; /* "MEM003", "graphs-outside-budget" */
  enum kvc_severity severity;
  const char *since, *until; /* releases it applies to, NULL = open */
  unsigned needs;            /* KVC_NEED_* */
  kvc_rule_check *check;
  const char *flag;        /* canonical key of the flag it is about, NULL */
  const char *title, *why; /* one line; what happens otherwise */
  const char *cite;        /* key in citations/ */
  double limit;            /* threshold, when it has one */
  const char *unit;
  enum kvc_live_key fact; /* the figure that it looks at; absent: the rule skips */
  enum kvc_live_key with; /* a second one that it cannot do without */
  const char *fix;        /* what to do, of plain threshold rules; NULL */
};

/* All rules, in the order they are reported. */
size_t kvc_rule_count(void);
const struct kvc_rule *kvc_rule_at(size_t i);
/* By id or slug, any case; NULL if unknown. */
const struct kvc_rule *kvc_rule_find(const char *name);

/* Runs every rule whose span holds release 'v'; out[0..room). */
kvc_code kvc_rules_run(struct kvc_arena *arena, const struct kvc_rule_facts *facts,
                       const struct kvc_version *v, struct kvc_finding *out, size_t room,
                       size_t *count, struct kvc_err *err) KVC_MUST_USE;

#endif
