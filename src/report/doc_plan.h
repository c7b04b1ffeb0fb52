/* doc_plan.h - pieces of the report of a plan.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_DOC_PLAN_H
#define KVC_REPORT_DOC_PLAN_H

#include "text.h"
#include <kvcap/search.h>

/* What the question left open, and never NULL. */
const struct kvc_search_request *plan_question(const struct kvc_plan *plan);
const struct kvc_search_unit *plan_unit(const struct kvc_search_option *option);

/* Whether two units run the same; units that are not known do not. */
bool plan_same(const struct kvc_search_unit *a, const struct kvc_search_unit *b);
/* Canonical where an option runs on it, else as the question has it; NULL unknown. */
const char *plan_gpu(const struct kvc_plan *plan, const struct kvc_search_unit *unit);
/* 1 + index of the option that runs the same as this unit; 0: none. */
size_t plan_rank(const struct kvc_plan *plan, const struct kvc_search_unit *unit);

/* ---- figures: plan_figures.c ---- */

const char *plan_usd(struct kvc_doc *doc, double usd);    /* "11.80" */
const char *plan_time(struct kvc_doc *doc, double s);     /* "24.1 ms" */
const char *plan_rate(struct kvc_doc *doc, double per_s); /* "1.67/s" */
const char *plan_share(struct kvc_doc *doc, double frac); /* "18.2 %" */
const char *
plan_count(struct kvc_doc *doc,
           double count); /* Of a replica, by the figure that a limit is on. */
const struct kvc_quantiles *plan_figure(const struct kvc_search_point *point,
                                        enum kvc_slo_figure figure);
extern const char *const plan_figure_names[KVC_SLO_FIGURES_];     /* "TTFT" */
extern const char *const plan_quantile_names[KVC_SLO_QUANTILES_]; /* "p95" */

/* "3 of 2x H100-SXM5-80GB TP2, fp8 weights"; with 'alone', what one replica is. */
const char *plan_option_words(struct kvc_doc *doc, const struct kvc_plan *plan,
                              const struct kvc_search_option *option, bool alone);
/* Heights from 0 to the largest, a character each. */
const char *plan_heights(struct kvc_doc *doc, const double *values, size_t n);
/* Text filled up to so many characters; a negative width puts it at the right. */
const char *plan_padded(struct kvc_doc *doc, const char *text, int width);

/* ---- text ---- */

void plan_view(struct kvc_doc *doc, const struct kvc_plan *plan);  /* plan_view.c */
void plan_table(struct kvc_doc *doc, const struct kvc_plan *plan); /* plan_table.c */
/* Percentiles of one option with low, high and limits. */
void plan_times(struct kvc_doc *doc, const struct kvc_plan *plan,
                const struct kvc_search_option *option);
void plan_plots(struct kvc_doc *doc, const struct kvc_plan *plan);   /* plan_plot.c */
void plan_nearest(struct kvc_doc *doc, const struct kvc_plan *plan); /* plan_rest.c */
void plan_rest(struct kvc_doc *doc, const struct kvc_plan *plan);

#endif
