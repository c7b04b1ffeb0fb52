/* plan_table.c - the options side by side, and the times of one of them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Columns are as wide as what is in them; what a replica is gets the room that is left
 * of 78 columns, and a line of its own where that is not enough.
 */
#include "doc_plan.h"
#include <math.h>
#include <string.h>

enum { RANK, WHAT, USD, PER_TOKEN, TIME_A, TIME_B, FREE_, BINDS, COLUMNS };
enum { ROWS = KVC_SEARCH_OPTIONS + 2, PAGE = 78, LEAST_WHAT = 7 /* "at most" */ };

struct cells {
  const char *at[ROWS][COLUMNS];
  size_t n;
};

/* The two times shown: those that are limited, else TTFT and TPOT at the 95th. */
static void choose_times(const struct kvc_slo *slo, struct kvc_slo_bar out[2])
{
  static const struct kvc_slo_bar usual[] = {
      {.figure = KVC_SLO_TTFT, .quantile = KVC_SLO_P95},
      {.figure = KVC_SLO_TPOT, .quantile = KVC_SLO_P95}};
  size_t n = 0;
  for (size_t i = 0; i < slo->n && n < 2; i++)
    if (!kvc_slo_in_goodput(slo, &slo->bars[i])) out[n++] = slo->bars[i];
  /* What is left takes the usual ones that are not there yet. */
  for (size_t i = 0; i < 2 && n < 2; i++)
    if (n == 0 || out[0].figure != usual[i].figure) out[n++] = usual[i];
  if (out[0].figure > out[1].figure) {
    const struct kvc_slo_bar first = out[0];
    out[0] = out[1];
    out[1] = first;
  }
}

static const char *time_name(struct kvc_doc *doc, const struct kvc_slo_bar *bar)
{
  return TEXT(doc, "%s %s", plan_figure_names[bar->figure],
              plan_quantile_names[bar->quantile]);
}

static void fill(struct kvc_doc *doc, const struct kvc_plan *plan, struct cells *t)
{
  const struct kvc_slo *slo = &plan_question(plan)->slo;
  struct kvc_slo_bar times[2] = {{.limit_s = 0}, {.limit_s = 0}};
  choose_times(slo, times);
  const char *head[COLUMNS] = {"",
                               "",
                               "USD/h",
                               "USD/M",
                               time_name(doc, &times[0]),
                               time_name(doc, &times[1]),
                               "free",
                               "binds"};
  (void)memcpy(t->at[t->n++], head, sizeof head);
  if (times[0].limit_s > 0 || times[1].limit_s > 0) {
    const char *limits[COLUMNS] = {
        "",
        "at most",
        "",
        "",
        times[0].limit_s > 0 ? plan_time(doc, times[0].limit_s) : "",
        times[1].limit_s > 0 ? plan_time(doc, times[1].limit_s) : "",
        "",
        ""};
    (void)memcpy(t->at[t->n++], limits, sizeof limits);
  }
  for (size_t i = 0; i < plan->n_options && i < KVC_SEARCH_OPTIONS; i++) {
    const struct kvc_search_option *o = &plan->options[i];
    const struct kvc_search_unit *u = plan_unit(o);
    const char *row[COLUMNS] = {
        TEXT(doc, "%zu", i + 1),
        TEXT(doc, "%s%s", plan_option_words(doc, plan, o, false), o->quality ? " *" : ""),
        isfinite(o->usd_per_hour) ? plan_usd(doc, o->usd_per_hour) : "?",
        isfinite(o->usd_per_million_tok) ? plan_usd(doc, o->usd_per_million_tok) : "?",
        plan_time(
            doc, kvc_quantile(plan_figure(&u->load, times[0].figure), times[0].quantile)),
        plan_time(
            doc, kvc_quantile(plan_figure(&u->load, times[1].figure), times[1].quantile)),
        plan_share(doc, round(100 * o->headroom_frac) / 100),
        TEXT(doc, "%.*s", (int)sizeof u->binding, u->binding)};
    (void)memcpy(t->at[t->n++], row, sizeof row);
  }
}

/* Without the spaces of the columns that are empty at its end. */
static void cells_line(struct kvc_doc *doc, const char *text, enum kvc_tone tone)
{
  size_t len = strlen(text);
  while (len > 0 && text[len - 1] == ' ') len--;
  struct kvc_block *block =
      kvc_block_add(doc, KVC_BLOCK_CELLS, NULL, TEXT(doc, "%.*s", (int)len, text), NULL);
  if (block != NULL) block->tone = tone;
}

/* A name that is too long for its column has a line of its own. */
static void put_rows(struct kvc_doc *doc, const struct cells *t)
{
  int width[COLUMNS] = {0}, room = PAGE - 2 * (COLUMNS - 1);
  for (size_t c = 0; c < COLUMNS; c++) {
    if (c == WHAT) continue;
    for (size_t r = 0; r < t->n; r++) {
      const int len = (int)strnlen(t->at[r][c], 200);
      if (len > width[c]) width[c] = len;
    }
    room -= width[c];
  }
  width[WHAT] = LEAST_WHAT;
  for (size_t r = 0; r < t->n; r++) {
    const int len = (int)strnlen(t->at[r][WHAT], 200);
    if (len > width[WHAT] && len <= room) width[WHAT] = len;
  }
  for (size_t r = 0; r < t->n; r++) {
    const bool own = (int)strnlen(t->at[r][WHAT], 200) > width[WHAT];
    if (own)
      cells_line(doc,
                 TEXT(doc, "%s  %s", plan_padded(doc, t->at[r][RANK], -width[RANK]),
                      t->at[r][WHAT]),
                 KVC_TONE_PLAIN);
    const char *line =
        TEXT(doc, "%s  %s", plan_padded(doc, own ? "" : t->at[r][RANK], -width[RANK]),
             plan_padded(doc, own ? "" : t->at[r][WHAT], width[WHAT]));
    for (size_t c = USD; c < BINDS; c++)
      line = TEXT(doc, "%s  %s", line, plan_padded(doc, t->at[r][c], -width[c]));
    cells_line(doc, TEXT(doc, "%s  %s", line, t->at[r][BINDS]),
               t->at[r][RANK][0] == '\0' ? KVC_TONE_DIM : KVC_TONE_PLAIN);
  }
}

/* "1, 3 and 4" of the options that are sure. */
static const char *sure_ones(struct kvc_doc *doc, const struct kvc_plan *plan, size_t *n)
{
  const char *all = "";
  for (size_t i = *n = 0; i < plan->n_options; i++) {
    if (!plan->options[i].certain) continue;
    all = TEXT(doc, "%s%s%zu", all, *n > 0 ? ", " : "", i + 1);
    ++*n;
  }
  return all;
}

void plan_table(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  static const char *const best[] = {
      [KVC_OBJECTIVE_COST] = "Options, cheapest first",
      [KVC_OBJECTIVE_COST_PER_TOKEN] = "Options, cheapest token first",
      [KVC_OBJECTIVE_ENERGY] = "Options, least energy a token first",
      [KVC_OBJECTIVE_LATENCY] = "Options, fastest first"};
  struct cells table = {.n = 0};
  bool quality = false;
  size_t sure;
  if (plan->n_options == 0) return;
  const size_t objective = (size_t)plan_question(plan)->objective;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, best[objective < 4 ? objective : 0],
                      NULL);
  fill(doc, plan, &table);
  put_rows(doc, &table);
  for (size_t i = 0; i < plan->n_options; i++)
    quality = quality || plan->options[i].quality;
  if (quality)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "*",
                        "has something that may cost accuracy, as was allowed", NULL);
  if (plan_question(plan)->slo.n == 0) return; /* nothing to be sure of */
  const char *which = sure_ones(doc, plan, &sure);
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, "sure:",
      sure == 0 ? "no option holds the limits at the high end of what may be expected"
      : sure == plan->n_options
          ? "the limits hold at the high end of what may be expected too"
          : TEXT(doc,
                 "at the high end of what may be expected the limits hold with option%s "
                 "%s alone",
                 sure > 1 ? "s" : "", which),
      NULL);
}

/* ---- the times of one option ---- */

enum { LABEL = 12, CELL = 9 };

static void times_row(struct kvc_doc *doc, const char *label,
                      const struct kvc_quantiles *q, enum kvc_tone tone)
{
  const char *line = plan_padded(doc, label, LABEL);
  bool any = false;
  for (int i = 0; i < KVC_SLO_QUANTILES_; i++) {
    const double v = kvc_quantile(q, (enum kvc_slo_quantile)i);
    const char *text = isnan(v) ? "" : plan_time(doc, v);
    line = TEXT(doc, "%s%s", line, plan_padded(doc, text, -CELL));
    any = any || !isnan(v);
  }
  if (any) cells_line(doc, line, tone);
}

/* Limits on a figure; whether there is one. */
static bool limits_of(const struct kvc_slo *slo, enum kvc_slo_figure figure,
                      struct kvc_quantiles *out)
{
  bool any = false;
  double *const at[] = {&out->mean, &out->p50, &out->p90, &out->p95, &out->p99};
  for (size_t i = 0; i < KVC_SLO_QUANTILES_; i++) *at[i] = (double)NAN;
  for (size_t i = 0; i < slo->n; i++) {
    const struct kvc_slo_bar *bar = &slo->bars[i];
    if (bar->figure != figure || kvc_slo_in_goodput(slo, bar)) continue;
    *at[bar->quantile] = fmin(*at[bar->quantile], bar->limit_s);
    any = true;
  }
  return any;
}

void plan_times(struct kvc_doc *doc, const struct kvc_plan *plan,
                const struct kvc_search_option *option)
{
  const struct kvc_slo *slo = &plan_question(plan)->slo;
  const struct kvc_search_point *load = &plan_unit(option)->load;
  const struct {
    enum kvc_slo_figure figure;
    const struct kvc_search_interval *interval; /* NULL: shown where it is limited */
  } rows[] = {{KVC_SLO_TTFT, &option->ttft_s},
              {KVC_SLO_TPOT, &option->tpot_s},
              {KVC_SLO_ITL, NULL},
              {KVC_SLO_QUEUE, NULL},
              {KVC_SLO_E2E, &option->e2e_s}};
  const char *head = plan_padded(doc, "", LABEL);
  for (size_t i = 0; i < KVC_SLO_QUANTILES_; i++)
    head = TEXT(doc, "%s%s", head, plan_padded(doc, plan_quantile_names[i], -CELL));
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "What users see", NULL);
  cells_line(doc, head, KVC_TONE_DIM);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct kvc_quantiles limits;
    const bool limited = limits_of(slo, rows[i].figure, &limits);
    if (rows[i].interval == NULL && !limited) continue;
    times_row(doc, plan_figure_names[rows[i].figure], plan_figure(load, rows[i].figure),
              KVC_TONE_PLAIN);
    if (rows[i].interval != NULL) {
      times_row(doc, "  from", &rows[i].interval->low, KVC_TONE_DIM);
      times_row(doc, "  to", &rows[i].interval->high, KVC_TONE_DIM);
    }
    if (limited) times_row(doc, "  at most", &limits, KVC_TONE_PLAIN);
  }
}
