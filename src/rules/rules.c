/* rules.c - the rule book: running and finding rules.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <kvcap/str.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct rule_family *const families[] = {
    &rules_memory,     &rules_batch,        &rules_parallel,      &rules_kv,
    &rules_version,    &rules_extra,        &rules_live_host,     &rules_live_kv,
    &rules_live_queue, &rules_live_latency, &rules_live_features, &rules_live_bench};

size_t kvc_rule_count(void)
{
  size_t n = 0;
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) n += families[i]->n;
  return n;
}

const struct kvc_rule *kvc_rule_at(size_t i)
{
  for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
    if (i < families[k]->n) return &families[k]->rows[i];
    i -= families[k]->n;
  }
  return NULL;
}

const struct kvc_rule *kvc_rule_find(const char *name)
{
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    if (kvc_str_ieq(r->id, name) || kvc_str_ieq(r->slug, name)) return r;
  }
  return NULL;
}

/* ---- what the families share ---- */

enum { MAX_TEXT = 600 };

static const char *keep(struct kvc_arena *arena, const char *text)
{
  const char *copy = kvc_arena_strdup(arena, text);
  return copy != NULL ? copy : "";
}

const char *rule_text(struct kvc_arena *arena, const char *fmt, ...)
{
  char text[MAX_TEXT];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  return keep(arena, text);
}

enum kvc_verdict rule_skip(struct kvc_finding *out, const char *reason)
{
  out->skipped = reason;
  return KVC_SKIP;
}

enum kvc_verdict rule_fire(struct kvc_arena *arena, struct kvc_finding *out,
                           const char *fmt, ...)
{
  char text[MAX_TEXT];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  out->text = keep(arena, text);
  return KVC_FIRE;
}

void rule_evidence(struct kvc_arena *arena, struct kvc_finding *out, const char *fmt, ...)
{
  char text[MAX_TEXT];
  va_list args;
  if (out->n_evidence == KVC_MAX_EVIDENCE) return;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  out->evidence[out->n_evidence++] = keep(arena, text);
}

void rule_remedy(struct kvc_finding *out, const struct kvc_rule *rule, const char *value,
                 const char *fix)
{
  out->flag = rule->flag;
  out->value = value;
  out->fix = fix;
}

double rule_capability(const struct kvc_gpu *gpu)
{
  double out = 0;
  const char *cc = gpu->compute_capability;
  if (gpu->vendor != KVC_VENDOR_NVIDIA || cc == NULL) return 0;
  for (; *cc >= '0' && *cc <= '9'; cc++) out = out * 10 + (*cc - '0');
  if (*cc == '.' && cc[1] >= '0' && cc[1] <= '9') out += (cc[1] - '0') / 10.0;
  return out;
}

bool rule_has_link(const struct kvc_gpu *gpu)
{
  return gpu->link != NULL && strcmp(gpu->link, "none") != 0 && gpu->link_domain > 1;
}

bool rule_has_mixer(const struct kvc_model *m, enum kvc_mixer mixer)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].mixer == mixer) return true;
  return false;
}

bool rule_has_state(const struct kvc_model *m)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].mixer >= KVC_MIX_MAMBA1 || m->layers[i].parallel_mamba) return true;
  return false;
}

int rule_kv_heads(const struct kvc_model *m)
{
  int least = 0;
  for (size_t i = 0; i < m->n_layers; i++) {
    const struct kvc_layer *l = &m->layers[i];
    if (l->mixer != KVC_MIX_FULL && l->mixer != KVC_MIX_SLIDING) continue;
    if (l->kv_heads > 0 && (least == 0 || l->kv_heads < least)) least = l->kv_heads;
  }
  return least;
}

/* ---- running ---- */

static const char *missing(unsigned lacks)
{
  if ((lacks & KVC_NEED_METRICS) != 0) return "no metrics were given";
  if ((lacks & KVC_NEED_LOG) != 0) return "no log was given";
  if ((lacks & KVC_NEED_BENCH) != 0) return "no benchmark was given";
  if ((lacks & KVC_NEED_LIVE) != 0) return "nothing of a running server was given";
  if ((lacks & KVC_NEED_LAUNCH) != 0) return "there is no launch command to look at";
  if ((lacks & KVC_NEED_MODEL) != 0) return "model, GPU or release is not known";
  if ((lacks & KVC_NEED_SIZE) != 0) return "the setting could not be sized";
  if ((lacks & KVC_NEED_LOAD) != 0) return "the lengths of requests are not known";
  if ((lacks & KVC_NEED_RATE) != 0) return "the number of users is not known";
  if ((lacks & KVC_NEED_GOAL) != 0) return "neither latency nor throughput comes first";
  return "how the GPUs are joined is not known";
}

static kvc_code holds(const struct kvc_rule *r, const struct kvc_version *v, bool *out,
                      struct kvc_err *err)
{
  struct kvc_version since, until;
  if (r->since != NULL) KVC_TRY(kvc_version_parse(r->since, r->id, &since, err));
  if (r->until != NULL) KVC_TRY(kvc_version_parse(r->until, r->id, &until, err));
  *out = kvc_version_in(v, r->since != NULL ? &since : NULL,
                        r->until != NULL ? &until : NULL);
  return KVC_E_OK;
}

/* What the user says of a rule; NULL when nothing.  Later ones win. */
static const struct kvc_rule_tune *tune_of(const struct kvc_rule_facts *facts,
                                           const struct kvc_rule *r)
{
  for (size_t i = facts->n_tunes; i > 0; i--) {
    const struct kvc_rule_tune *t = &facts->tunes[i - 1];
    if (kvc_str_ieq(t->id, r->id) || kvc_str_ieq(t->id, r->slug)) return t;
  }
  return NULL;
}

/* The figure that a rule needs and nobody gave; KVC_L_none when all are there. */
static enum kvc_live_key absent(const struct kvc_rule_facts *facts,
                                const struct kvc_rule *r)
{
  const enum kvc_live_key needed[] = {r->fact, r->with};
  for (size_t i = 0; i < 2; i++)
    if (needed[i] != KVC_L_none &&
        (facts->live == NULL || isnan(facts->live->v[needed[i]])))
      return needed[i];
  return KVC_L_none;
}

static enum kvc_verdict look(struct kvc_arena *arena, const struct kvc_rule_facts *facts,
                             const struct kvc_rule *r, struct kvc_finding *f)
{
  const struct kvc_rule_tune *tune = tune_of(facts, r);
  const unsigned lacks = r->needs & ~facts->have;
  struct kvc_rule tuned = *r;
  if (tune != NULL && tune->off) return rule_skip(f, "switched off by the rules file");
  if (tune != NULL && tune->has_severity) f->severity = (enum kvc_severity)tune->severity;
  if (tune != NULL && tune->has_limit) tuned.limit = tune->limit;
  if (lacks != 0) return rule_skip(f, missing(lacks));
  const enum kvc_live_key none = absent(facts, r);
  if (none != KVC_L_none)
    return rule_skip(f, rule_text(arena, "not known: the %s", kvc_live_row(none)->text));
  return r->check(facts, &tuned, arena, f);
}

kvc_code kvc_rules_run(struct kvc_arena *arena, const struct kvc_rule_facts *facts,
                       const struct kvc_version *v, struct kvc_finding *out, size_t room,
                       size_t *count, struct kvc_err *err)
{
  size_t n = 0;
  for (size_t i = 0; i < kvc_rule_count() && n < room; i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    struct kvc_finding f = {.rule = r, .severity = r->severity};
    bool now = false;
    KVC_TRY(holds(r, v, &now, err));
    f.verdict = now ? look(arena, facts, r, &f)
                    : rule_skip(&f, "the rule is about other releases");
    out[n++] = f;
  }
  *count = n;
  return KVC_E_OK;
}
