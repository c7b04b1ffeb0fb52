/* plan_view.c - a plan for people: the question, the options, the best one in full.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "doc_plan.h"
#include <math.h>

static void row(struct kvc_doc *doc, const char *label, const char *text)
{
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, label, text, NULL);
}

/* ---- the question ---- */

static const char *limits_words(struct kvc_doc *doc, const struct kvc_slo *slo)
{
  const char *all = "";
  for (size_t i = 0; i < slo->n; i++) {
    const struct kvc_slo_bar *bar = &slo->bars[i];
    const bool each = kvc_slo_in_goodput(slo, bar);
    all = TEXT(doc, "%s%s%s%s%s up to %s", all, i > 0 ? ", " : "",
               plan_figure_names[bar->figure], each ? "" : " ",
               each ? "" : plan_quantile_names[bar->quantile],
               plan_time(doc, bar->limit_s));
  }
  if (slo->goodput_frac > 0)
    all = TEXT(doc, "%s for %s of the requests", all, plan_share(doc, slo->goodput_frac));
  return all;
}

static void question(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  const struct kvc_search_request *r = plan_question(plan);
  const struct kvc_workload *load = &r->demand.load;
  const char *text = plan_rate(doc, r->rate_per_s);
  if (r->peak_to_trough > 1)
    text =
        TEXT(doc, "%s at the peak of the day, %gx the trough", text, r->peak_to_trough);
  if (load->prompt_tok > 0 && load->output_tok > 0)
    text = TEXT(doc, "%s, requests of %s + %s tokens", text,
                plan_count(doc, load->prompt_tok), plan_count(doc, load->output_tok));
  if (r->demand.name != NULL) text = TEXT(doc, "%s (%s)", text, r->demand.name);
  if (r->headroom_frac > 0)
    text = TEXT(doc, "%s, %s kept free", text, plan_share(doc, r->headroom_frac));
  if (plan->version[0] != '\0') text = TEXT(doc, "%s, vLLM %s", text, plan->version);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, "for:", text, NULL);
  if (r->slo.n > 0)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "limits:", limits_words(doc, &r->slo), NULL);
}

/* ---- the best one ---- */

static void money(struct kvc_doc *doc, const struct kvc_search_option *o)
{
  if (!isfinite(o->usd_per_hour)) {
    row(doc, "cost", "unknown: there is no price for this GPU");
    return;
  }
  const char *text = TEXT(doc, "%s USD/h, %s USD a year", plan_usd(doc, o->usd_per_hour),
                          plan_count(doc, o->usd_per_year));
  if (isfinite(o->usd_per_million_tok))
    text = TEXT(doc, "%s, %s USD a million output tokens", text,
                plan_usd(doc, o->usd_per_million_tok));
  row(doc, "cost", text);
  const struct kvc_hardware *h = o->hardware;
  text = TEXT(doc, "%s USD for a GPU and hour", plan_usd(doc, o->usd_per_gpu_hour));
  if (o->price_from != NULL) text = TEXT(doc, "%s, %s", text, o->price_from);
  if (h != NULL && h->instance != NULL)
    text = TEXT(doc, "%s; %s%s%s", text, h->instance, h->region != NULL ? " in " : "",
                h->region != NULL ? h->region : "");
  row(doc, "price", text);
}

static void load_row(struct kvc_doc *doc, const struct kvc_plan *plan,
                     const struct kvc_search_option *o)
{
  const struct kvc_search_unit *u = plan_unit(o);
  const char *text =
      TEXT(doc, "%s of at most %s a replica, %s free", plan_rate(doc, u->load_rate_per_s),
           plan_rate(doc, u->max_rate_per_s), plan_share(doc, o->headroom_frac));
  if (u->binding[0] != '\0')
    text = TEXT(doc, "%s; %.*s stops more", text, (int)sizeof u->binding, u->binding);
  row(doc, "load", text);
  row(doc, "replica",
      TEXT(doc, "%s tokens/s, %s requests run, KV cache %s used on average",
           plan_count(doc, u->load.output_tok_per_s),
           plan_count(doc, u->load.running_mean), plan_share(doc, u->load.kv_mean_frac)));
  if (plan_question(plan)->slo.goodput_frac > 0)
    row(doc, "goodput",
        TEXT(doc, "%s of the requests are within the limits",
             plan_share(doc, u->load.goodput_frac)));
  if (u->prefill_replicas > 0)
    row(doc, "apart",
        TEXT(doc, "%d replicas compute prompts, %lld decode", u->prefill_replicas,
             (long long)u->replicas - u->prefill_replicas));
  if (isfinite(o->watts))
    row(doc, "power",
        TEXT(doc, "about %s W, %s J an output token (estimate)",
             plan_count(doc, o->watts), plan_count(doc, u->joules_per_output_token)));
}

static void day(struct kvc_doc *doc, const struct kvc_search_option *o)
{
  double replicas[24];
  int64_t least = o->day[0], most = o->day[0];
  for (size_t i = 0; i < 24; i++) {
    replicas[i] = (double)o->day[i];
    if (o->day[i] < least) least = o->day[i];
    if (o->day[i] > most) most = o->day[i];
  }
  if (most == least) return;
  const char *text =
      TEXT(doc, "%s 0 to 24 h: %lld to %lld replicas", plan_heights(doc, replicas, 24),
           (long long)least, (long long)most);
  if (isfinite(o->usd_per_day_scaled))
    text =
        TEXT(doc, "%s, %s USD a day when scaled, not %s", text,
             plan_usd(doc, o->usd_per_day_scaled), plan_usd(doc, 24 * o->usd_per_hour));
  row(doc, "day", text);
}

/* Up to four months in which replicas are added. */
static const char *changes(struct kvc_doc *doc, const struct kvc_search_option *o)
{
  const char *text = "";
  size_t told = 0;
  for (size_t i = 1; i < o->n_months; i++) {
    if (o->months[i].replicas == o->months[i - 1].replicas) continue;
    if (told++ == 4) return TEXT(doc, "%s, ...", text);
    text = TEXT(doc, "%s, %lld in month %g", text, (long long)o->months[i].replicas,
                o->months[i].month);
  }
  return text;
}

static void growth(struct kvc_doc *doc, const struct kvc_search_option *o)
{
  double replicas[KVC_SEARCH_MONTHS + 1];
  const size_t n = o->n_months < KVC_SEARCH_MONTHS ? o->n_months : KVC_SEARCH_MONTHS;
  if (n == 0) return;
  for (size_t i = 0; i < n; i++) replicas[i] = (double)o->months[i].replicas;
  const struct kvc_search_month *end = &o->months[o->n_months - 1];
  const char *text = TEXT(doc, "%s %lld replica%s%s", plan_heights(doc, replicas, n),
                          (long long)o->months[0].replicas,
                          o->months[0].replicas == 1 ? "" : "s", changes(doc, o));
  text = TEXT(doc, "%s; month %g: %s", text, end->month, plan_rate(doc, end->rate_per_s));
  if (isfinite(end->usd_per_hour))
    text = TEXT(doc, "%s, %s USD/h", text, plan_usd(doc, end->usd_per_hour));
  row(doc, "growth", text);
}

static void sensitivity(struct kvc_doc *doc, const struct kvc_search_option *o)
{
  for (size_t i = 0; i < o->n_sensitivity; i++) {
    const struct kvc_search_sensitivity *s = &o->sensitivity[i];
    const char *text = "no number of replicas holds the limits";
    if (i == 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "And if", NULL);
    if (s->replicas > 0)
      text = TEXT(doc, "%lld replica%s", (long long)s->replicas,
                  s->replicas == 1 ? "" : "s");
    if (s->replicas > 0 && isfinite(s->usd_per_hour))
      text = TEXT(doc, "%s, %s USD/h", text, plan_usd(doc, s->usd_per_hour));
    row(doc, s->what != NULL ? s->what : "", text);
  }
}

static void best(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  const struct kvc_search_option *o = &plan->options[0];
  plan_times(doc, plan, o);
  struct kvc_block *trust = kvc_block_add(
      doc, KVC_BLOCK_PARA, "trust:",
      TEXT(doc, "from and to is where nine of ten servers should lie%s%s; %s",
           o->reason != NULL ? ": " : "", o->reason != NULL ? o->reason : "",
           o->certain ? "the limits hold at the high end too"
                      : "at the high end a limit may be missed"),
      NULL);
  if (trust != NULL && !o->certain) trust->tone = KVC_TONE_WARN;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      TEXT(doc, "Option 1: %s", plan_option_words(doc, plan, o, false)),
                      NULL);
  money(doc, o);
  load_row(doc, plan, o);
  day(doc, o);
  growth(doc, o);
  if (o->survival != NULL) row(doc, "one lost", o->survival);
  sensitivity(doc, o);
  if (o->command == NULL) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      plan_unit(o)->replicas == 1 ? "Run" : "Run, each replica", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_COMMAND, NULL, o->command, NULL);
}

void plan_view(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  struct kvc_block *verdict = kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL, plan->verdict != NULL ? plan->verdict : "", NULL);
  if (verdict != NULL) verdict->tone = plan->n_options > 0 ? KVC_TONE_GOOD : KVC_TONE_BAD;
  question(doc, plan);
  plan_nearest(doc, plan);
  plan_table(doc, plan);
  if (plan->n_options > 0) best(doc, plan);
  plan_plots(doc, plan);
  plan_rest(doc, plan);
}
