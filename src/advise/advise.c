/* advise.c - the whole of an advice, step by step.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise_room.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *advise_text(struct advising *a, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  const char *out = kvc_arena_vprintf(a->arena, fmt, args);
  va_end(args);
  return out != NULL ? out : "";
}

const char *advise_count(struct advising *a, double n)
{
  const char *out = kvc_arena_count(a->arena, n);
  return out != NULL ? out : "";
}

void kvc_advise_lognormal(double p, double at_p, double q, double at_q, double *mean,
                          double *cv)
{
  /* Quantiles of the normal by bisection on erf: exact enough, and no table. */
  double z[2];
  const double want[2] = {p, q};
  for (int i = 0; i < 2; i++) {
    double lo = -8, hi = 8;
    for (int k = 0; k < 80; k++) {
      const double mid = (lo + hi) / 2;
      if (0.5 * erfc(-mid / sqrt(2.0)) < want[i])
        lo = mid;
      else
        hi = mid;
    }
    z[i] = (lo + hi) / 2;
  }
  const double sigma = (log(at_q) - log(at_p)) / (z[1] - z[0]);
  const double mu = log(at_p) - sigma * z[0];
  *mean = exp(mu + sigma * sigma / 2);
  *cv = sqrt(expm1(sigma * sigma));
}

kvc_code advise_try(struct advising *a, const struct kvc_deploy *d, struct kvc_size *out,
                    struct kvc_err *err)
{
  struct kvc_size_request req = a->req->size;
  req.deploy = *d;
  req.load = a->req->demand.load;
  req.brief = true;
  req.explain = false;
  return kvc_size_run(a->arena, a->db, &req, out, err);
}

bool advise_has(const struct advising *a, const char *key)
{
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, key);
  return flag != NULL &&
         kvc_engine_flag_name(a->engine, flag, &a->plain->version.version) != NULL;
}

bool advise_has_value(const struct advising *a, const char *key, const char *value)
{
  const struct kvc_flag *flag = kvc_engine_flag(a->engine, key);
  const char *const *choices = NULL;
  if (!advise_has(a, key)) return false;
  const size_t n =
      kvc_engine_flag_choices(a->engine, flag, &a->plain->version.version, &choices);
  for (size_t i = 0; i < n; i++)
    if (strcmp(choices[i], value) == 0) return true;
  return n == 0;
}

bool advise_has_state(const struct kvc_model *m)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].mixer >= KVC_MIX_MAMBA1 || m->layers[i].parallel_mamba) return true;
  return false;
}

bool advise_has_link(const struct kvc_gpu *gpu)
{
  return gpu->link != NULL && strcmp(gpu->link, "none") != 0 && gpu->link_domain > 1;
}

double advise_capability(const struct kvc_gpu *gpu)
{
  double out = 0;
  const char *cc = gpu->compute_capability;
  if (gpu->vendor != KVC_VENDOR_NVIDIA || cc == NULL) return 0;
  for (; *cc >= '0' && *cc <= '9'; cc++) out = out * 10 + (*cc - '0');
  if (*cc == '.' && cc[1] >= '0' && cc[1] <= '9') out += (cc[1] - '0') / 10.0;
  return out;
}

/* ---- rules ---- */

static const char *const severities[] = {
    [KVC_SEV_HINT] = "hint", [KVC_SEV_WARNING] = "warning", [KVC_SEV_ERROR] = "error"};

static void recommend(struct advising *a, const struct kvc_finding *f)
{
  struct kvc_advice *out = a->out;
  if (f->verdict != KVC_FIRE || out->n_recs == KVC_MAX_RECS) return;
  const struct kvc_flag *flag =
      f->flag != NULL ? kvc_engine_flag(a->engine, f->flag) : NULL;
  struct kvc_recommendation *r = &out->recs[out->n_recs++];
  *r = (struct kvc_recommendation){.id = f->rule->id,
                                   .severity = severities[f->severity],
                                   .value = f->value,
                                   .reason = f->text,
                                   .source = f->rule->cite,
                                   .gain = f->gain != NULL ? f->gain : f->fix};
  if (flag != NULL)
    r->flag = kvc_engine_flag_name(a->engine, flag, &out->size.version.version);
  for (size_t i = 0; i < f->n_evidence && i < KVC_MAX_EVIDENCE; i++)
    r->evidence[r->n_evidence++] = f->evidence[i];
}

static kvc_code rules(struct advising *a, struct kvc_err *err)
{
  struct kvc_advice *out = a->out;
  const struct kvc_demand *demand = &a->req->demand;
  struct kvc_rule_facts facts = {
      .have = KVC_NEED_MODEL | KVC_NEED_SIZE | KVC_NEED_LINK,
      .engine = a->engine,
      .size = &out->size,
      .deploy = &out->deploy,
      .demand = demand,
  };
  if (demand->load.prompt_tok > 0) facts.have |= KVC_NEED_LOAD;
  if (demand->users > 0) facts.have |= KVC_NEED_RATE;
  if (demand->goal != KVC_GOAL_NONE) facts.have |= KVC_NEED_GOAL;
  KVC_TRY(kvc_rules_run(a->arena, &facts, &out->size.version.version, out->findings,
                        KVC_MAX_FINDINGS, &out->n_findings, err));
  for (int severity = KVC_SEV_ERROR; severity >= KVC_SEV_HINT; severity--)
    for (size_t i = 0; i < out->n_findings; i++)
      if ((int)out->findings[i].severity == severity) recommend(a, &out->findings[i]);
  return KVC_E_OK;
}

/* ---- words ---- */

static const char *verdict(struct advising *a)
{
  const struct kvc_advice *out = a->out;
  const struct kvc_size *s = &out->size;
  if (!s->memory.fits)
    return advise_text(a, "No setting that was tried starts, up to %d GPUs: %s",
                       advise_most_gpus(a),
                       s->memory.error[0] != '\0' ? s->memory.error : s->verdict);
  const char *gpus = s->gpus == 1 ? "1 GPU" : advise_text(a, "%zu GPUs", s->gpus);
  if (s->memory.layout.n_specs == 0)
    return advise_text(a, "Starts on %s; the model keeps no KV cache.", gpus);
  const char *start = advise_text(
      a, "Starts on %s: GPU KV cache size %s tokens, up to %lld requests at once", gpus,
      advise_count(a, s->memory.tokens.value), (long long)s->setting.max_num_seqs);
  if (out->replicas > 1)
    return advise_text(a, "%s; %s users need %lld such servers.", start,
                       advise_count(a, a->req->demand.users), (long long)out->replicas);
  return advise_text(a, "%s.", start);
}

static void count_replicas(struct advising *a)
{
  const struct kvc_size *s = &a->out->size;
  const double users = a->req->demand.users;
  if (!(users > 0) || !s->memory.fits || s->setting.max_num_seqs < 1) return;
  double each = (double)s->setting.max_num_seqs * s->setting.dp;
  const int64_t safe = s->concurrency.safe_max_num_seqs;
  if (s->concurrency.have && safe > 0 && (double)safe < each) each = (double)safe;
  a->out->replicas = (int64_t)ceil(users / each - 1e-9);
}

static kvc_code begin(struct advising *a, struct kvc_err *err)
{
  a->now = kvc_arena_alloc(a->arena, 1, sizeof *a->now);
  a->other = kvc_arena_alloc(a->arena, 1, sizeof *a->other);
  a->plain = kvc_arena_alloc(a->arena, 1, sizeof *a->plain);
  if (a->now == NULL || a->other == NULL || a->plain == NULL)
    return kvc_arena_full(a->arena, "the advice", err);
  KVC_TRY(kvc_db_engine(a->db, "vllm", &a->engine, err));
  a->d = a->req->size.deploy;
  /* A refusal of the given setting itself is the answer, unless more GPUs mend it. */
  const kvc_code rc = advise_try(a, &a->d, a->plain, err);
  if (rc != KVC_E_OK && (rc != KVC_E_CONFLICT || a->plain->model.n_layers == 0 ||
                         a->d.tp > 0 || a->d.pp > 0))
    return rc;
  const double cc = advise_capability(&a->plain->gpu);
  if (a->plain->model.quant.kind == KVC_QUANT_FP8 && cc > 0 && cc < 7.5)
    return kvc_fail(
        err, KVC_E_INFEASIBLE, "--gpu",
        "%.60s (compute capability %.1f) has no kernels for fp8 weights: take "
        "a checkpoint in another format",
        a->plain->gpu.name, cc);
  *a->now = *a->plain;
  return KVC_E_OK;
}

/* The lead of two demands: users stated, or Little's law with a stated latency. */
static void settle_users(struct advising *a, struct kvc_advise_request *req)
{
  struct kvc_demand *d = &req->demand;
  if (!(d->users > 0) && d->rate_per_s > 0 && d->latency_s > 0)
    d->users = d->rate_per_s * d->latency_s;
  (void)a;
}

kvc_code kvc_advise_run(struct kvc_arena *arena, struct kvc_db *db,
                        const struct kvc_advise_request *req, struct kvc_advice *out,
                        struct kvc_err *err)
{
  *out = (struct kvc_advice){0};
  struct kvc_advise_request own = *req;
  struct advising a = {.arena = arena, .db = db, .req = &own, .out = out};
  settle_users(&a, &own);
  out->demand = own.demand;
  KVC_TRY(begin(&a, err));
  KVC_TRY(advise_choose(&a, err));
  struct kvc_size_request full = own.size;
  full.deploy = a.d;
  full.load = own.demand.load;
  KVC_TRY(kvc_size_run(arena, db, &full, &out->size, err));
  out->deploy = a.d;
  KVC_TRY(advise_flags(&a, err));
  count_replicas(&a);
  out->verdict = verdict(&a);
  if (out->size.memory.fits) advise_offers(&a);
  return rules(&a, err);
}
