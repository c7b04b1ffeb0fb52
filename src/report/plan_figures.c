/* plan_figures.c - numbers and names in the report of a plan.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "doc_plan.h"
#include <kvcap/live.h>
#include <math.h>
#include <string.h>

const char *const plan_figure_names[KVC_SLO_FIGURES_] = {"TTFT", "TPOT", "ITL", "e2e",
                                                         "queue"};
const char *const plan_quantile_names[KVC_SLO_QUANTILES_] = {"mean", "p50", "p90", "p95",
                                                             "p99"};

static const char *live(struct kvc_doc *doc, double value, enum kvc_live_unit unit)
{
  char text[KVC_LIVE_TEXT];
  kvc_live_format(value, unit, text);
  return TEXT(doc, "%s", text);
}

const char *plan_usd(struct kvc_doc *doc, double usd)
{
  char text[KVC_UNIT_TEXT];
  kvc_unit_format(usd, KVC_U_USD, text);
  return TEXT(doc, "%s", text);
}

const char *plan_time(struct kvc_doc *doc, double s)
{
  return live(doc, s, KVC_LU_S);
}

const char *plan_rate(struct kvc_doc *doc, double per_s)
{
  return live(doc, per_s, KVC_LU_PER_S);
}

const char *plan_share(struct kvc_doc *doc, double frac)
{
  return live(doc, frac, KVC_LU_FRAC);
}

const char *plan_count(struct kvc_doc *doc, double count)
{
  return live(doc, count, KVC_LU_COUNT);
}

const struct kvc_quantiles *plan_figure(const struct kvc_search_point *point,
                                        enum kvc_slo_figure figure)
{
  switch (figure) {
  case KVC_SLO_TTFT: return &point->ttft_s;
  case KVC_SLO_TPOT: return &point->tpot_s;
  case KVC_SLO_ITL: return &point->itl_s;
  case KVC_SLO_QUEUE: return &point->queue_s;
  case KVC_SLO_E2E:
  case KVC_SLO_FIGURES_: break;
  }
  return &point->e2e_s;
}

const struct kvc_search_request *plan_question(const struct kvc_plan *plan)
{
  static const struct kvc_search_request nothing = {.rate_per_s = 0};
  return plan->request != NULL ? plan->request : &nothing;
}

const struct kvc_search_unit *plan_unit(const struct kvc_search_option *option)
{
  static const struct kvc_search_unit nothing = {.fate = KVC_FATE_FOUND};
  return option->unit != NULL ? option->unit : &nothing;
}

bool plan_same(const struct kvc_search_unit *one, const struct kvc_search_unit *other)
{
  if (one == NULL || other == NULL) return false;
  const struct kvc_search_shape *a = &one->shape, *b = &other->shape;
  return a->model == b->model && a->hardware == b->hardware && a->tp == b->tp &&
         a->pp == b->pp && a->dp == b->dp && a->expert_parallel == b->expert_parallel &&
         a->fp8_weights == b->fp8_weights && a->fp8_kv == b->fp8_kv &&
         a->speculation == b->speculation;
}

size_t plan_rank(const struct kvc_plan *plan, const struct kvc_search_unit *unit)
{
  for (size_t i = 0; i < plan->n_options; i++)
    if (plan_same(unit, plan->options[i].unit)) return i + 1;
  return 0;
}

const char *plan_gpu(const struct kvc_plan *plan, const struct kvc_search_unit *unit)
{
  const struct kvc_search_request *r = plan_question(plan);
  if (unit == NULL || unit->shape.hardware < 0) return NULL;
  for (size_t i = 0; i < plan->n_options; i++) {
    const struct kvc_search_option *o = &plan->options[i];
    if (plan_unit(o)->shape.hardware == unit->shape.hardware && o->gpu != NULL)
      return o->gpu;
  }
  const size_t at = (size_t)unit->shape.hardware;
  return at < r->n_hardware && at < KVC_SEARCH_HARDWARE ? r->hardware[at].gpu : NULL;
}

/* " TP2" where there is more than one. */
static const char *size_words(struct kvc_doc *doc, const char *name, int size)
{
  return size > 1 ? TEXT(doc, " %s%d", name, size) : "";
}

const char *plan_option_words(struct kvc_doc *doc, const struct kvc_plan *plan,
                              const struct kvc_search_option *option, bool alone)
{
  const struct kvc_search_unit *u = plan_unit(option);
  const struct kvc_search_shape *s = &u->shape;
  const long long gpus = (long long)(s->tp > 1 ? s->tp : 1) * (s->pp > 1 ? s->pp : 1) *
                         (s->dp > 1 ? s->dp : 1);
  const char *of = "";
  if (!alone && u->prefill_replicas > 0)
    of = TEXT(doc, "%d prefill + %lld decode of ", u->prefill_replicas,
              (long long)u->replicas - u->prefill_replicas);
  else if (!alone && u->replicas != 1)
    of = TEXT(doc, "%lld of ", (long long)u->replicas);
  const char *model =
      plan_question(plan)->n_models > 1 && option->model != NULL ? option->model : "";
  const char *slash = strrchr(model, '/');
  const struct kvc_search_request *r = plan_question(plan);
  const bool drafts = s->model >= 0 && s->model < KVC_SEARCH_MODELS &&
                      r->models[s->model].deploy.spec_method != NULL;
  return TEXT(doc, "%s%lldx %s%s%s%s%s%s%s%s%s%s", of, gpus,
              option->gpu != NULL ? option->gpu : "GPU", size_words(doc, "TP", s->tp),
              size_words(doc, "PP", s->pp), size_words(doc, "DP", s->dp),
              s->expert_parallel ? " EP" : "", s->fp8_weights ? ", fp8 weights" : "",
              s->fp8_kv ? ", fp8 KV" : "", drafts && !s->speculation ? ", no drafts" : "",
              model[0] != '\0' ? ", " : "", slash != NULL ? slash + 1 : model);
}

const char *plan_heights(struct kvc_doc *doc, const double *values, size_t n)
{
  static const char steps[][4] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                  "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                  "\xe2\x96\x87", "\xe2\x96\x88"};
  double most = 0;
  char *text = kvc_arena_alloc(doc->arena, n + 1, 3);
  if (text == NULL) return text_checked(doc, NULL);
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i]) && values[i] > most) most = values[i];
  for (size_t i = 0; i < n; i++) {
    const double share = most > 0 && values[i] > 0 ? fmin(values[i] / most, 1) : 0;
    (void)memcpy(text + 3 * i, steps[lround(7 * share)], 3);
  }
  return text;
}

const char *plan_padded(struct kvc_doc *doc, const char *text, int width)
{
  return width < 0 ? TEXT(doc, "%*s", -width, text) : TEXT(doc, "%-*s", width, text);
}
