/* plan_rest.c - what was left out of a plan and why, answers, notes, the search.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "doc_plan.h"
#include <math.h>
#include <string.h>

enum { LINES = 8, LINE = 66, NEAREST = 5 };

/* Nearest to an option first. */
static const struct {
  enum kvc_fate fate;
  const char *words;
} fates[] = {{KVC_FATE_FOUND, "hold the limits and rank lower"},
             {KVC_FATE_SLO, "miss a limit in the simulation"},
             {KVC_FATE_LIMIT, "take more money, power or GPUs than there are"},
             {KVC_FATE_BOUND, "miss a limit even if every step ran at its bound"},
             {KVC_FATE_DOMINATED, "are worse at their bound than one simulated"},
             {KVC_FATE_MEMORY, "do not start, or hold no request"},
             {KVC_FATE_UNSUPPORTED, "are not supported"}};
enum { FATES = sizeof fates / sizeof *fates };

static size_t count_of(const struct kvc_plan *plan, enum kvc_fate fate)
{
  size_t n = 0;
  for (size_t i = 0; i < plan->n_rejected; i++) n += plan->rejected[i].fate == fate;
  return n;
}

static const char *shown(const char *text)
{
  return text != NULL ? text : "";
}

void plan_nearest(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  size_t told = 0;
  if (plan->n_options > 0 || plan->n_rejected == 0) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "What came nearest", NULL);
  for (size_t f = 0; f < FATES && told < NEAREST; f++)
    for (size_t i = 0; i < plan->n_rejected && told < NEAREST; i++) {
      const struct kvc_search_rejected *r = &plan->rejected[i];
      if (r->fate != fates[f].fate) continue;
      (void)kvc_block_add(doc, KVC_BLOCK_ITEM, shown(r->what), NULL, shown(r->why));
      told++;
    }
}

/* The first ones of a fate in at most so many bytes; the last is cut. */
static const char *examples(struct kvc_doc *doc, const struct kvc_plan *plan,
                            enum kvc_fate fate, size_t room)
{
  const char *all = "";
  size_t n = 0, count = count_of(plan, fate);
  for (size_t i = 0; i < plan->n_rejected && n < 3; i++) {
    const struct kvc_search_rejected *r = &plan->rejected[i];
    if (r->fate != fate) continue;
    const char *next =
        TEXT(doc, "%s%s%s (%s)", all, n > 0 ? "; " : "", shown(r->what), shown(r->why));
    if (strlen(next) > room && n > 0) break;
    all = next;
    n++;
  }
  size_t len = strlen(all);
  if (len > room) {
    len = room;
    while (len > 0 && ((unsigned char)all[len] & 0xC0) == 0x80) len--;
    return TEXT(doc, "%.*s...", (int)len, all);
  }
  return n < count ? TEXT(doc, "%s; ...", all) : all;
}

static void left_out(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  size_t groups = 0;
  for (size_t f = 0; f < FATES; f++) groups += count_of(plan, fates[f].fate) > 0;
  if (groups == 0) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      TEXT(doc, "Left out: %zu%s", plan->n_rejected,
                           plan->n_options > 0 ? " others" : ""),
                      NULL);
  for (size_t f = 0; f < FATES; f++) {
    const size_t n = count_of(plan, fates[f].fate);
    if (n == 0) continue;
    const char *head = TEXT(doc, "%zu %s", n, fates[f].words);
    const size_t lines = LINES / groups, room = lines * LINE, used = strlen(head) + 2;
    const bool fits = room >= used + 24;
    (void)kvc_block_add(
        doc, KVC_BLOCK_PARA, "-",
        fits ? TEXT(doc, "%s: %s", head, examples(doc, plan, fates[f].fate, room - used))
             : head,
        NULL);
  }
}

static void answers(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  for (size_t i = 0; i < plan->n_why_not; i++) {
    const struct kvc_search_why_not *w = &plan->why_not[i];
    const char *figures = "";
    if (i == 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Why not", NULL);
    if (w->max_rate_per_s > 0 && isfinite(w->max_rate_per_s))
      figures = TEXT(doc, "at most %s a replica", plan_rate(doc, w->max_rate_per_s));
    if (w->replicas > 0)
      figures = TEXT(doc, "%s%s%lld replica%s", figures, figures[0] != '\0' ? ", " : "",
                     (long long)w->replicas, w->replicas == 1 ? "" : "s");
    if (isfinite(w->usd_per_hour))
      figures = TEXT(doc, "%s%s%s USD/h", figures, figures[0] != '\0' ? ", " : "",
                     plan_usd(doc, w->usd_per_hour));
    const char *label = w->what != NULL && strcmp(w->what, shown(w->asked)) != 0
                            ? TEXT(doc, "%s (%s)", shown(w->asked), w->what)
                            : shown(w->asked);
    (void)kvc_block_add(doc, KVC_BLOCK_ITEM, label, figures, shown(w->why));
  }
}

void plan_rest(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  left_out(doc, plan);
  answers(doc, plan);
  if (plan->n_notes > 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Notes", NULL);
  for (size_t i = 0; i < plan->n_notes; i++)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "-", plan->notes[i], NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Searched", NULL);
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, NULL,
      TEXT(doc,
           "%s candidates: %s settled by sizes and bounds, %s simulated in %s runs%s%s",
           plan_count(doc, (double)plan->candidates),
           plan_count(doc, (double)plan->pruned),
           plan_count(doc, (double)plan->simulated_units),
           plan_count(doc, (double)plan->simulated),
           isfinite(plan->wall_s) ? ", in " : "",
           isfinite(plan->wall_s) ? plan_time(doc, plan->wall_s) : ""),
      NULL);
}
