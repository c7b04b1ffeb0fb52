/* page.c - questions about a page.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/prom.h>
#include <math.h>
#include <string.h>

const char *kvc_series_label(const struct kvc_series *series, const char *name)
{
  for (size_t i = 0; i < series->n_labels; i++)
    if (strcmp(series->labels[i].name, name) == 0) return series->labels[i].value;
  return NULL;
}

/* A key may be asked for with its _total. */
static bool has_key(const struct kvc_series *s, const char *key)
{
  if (s->metric == NULL) return false;
  const size_t n = strlen(s->metric->key);
  return strncmp(key, s->metric->key, n) == 0 &&
         (key[n] == '\0' || strcmp(key + n, "_total") == 0);
}

/* Position of a series' name among the names of its metric: the later, the newer. */
static size_t rank(const struct kvc_series *s)
{
  size_t k = 0;
  while (k < s->metric->n_names &&
         strcmp(s->metric->names[k].name, s->exported->name) != 0)
    k++;
  return k;
}

/* A server prints a metric under its old and its new name for some releases: only the
 * newest name on the page counts, or everything would count twice. */
static size_t newest(const struct kvc_page *page, const char *key)
{
  size_t best = 0;
  for (size_t s = 0; s < page->n_series; s++)
    if (has_key(&page->series[s], key)) {
      const size_t here = rank(&page->series[s]);
      if (here > best) best = here;
    }
  return best;
}

const struct kvc_series *kvc_page_series(const struct kvc_page *page, const char *key,
                                         size_t i)
{
  const size_t best = newest(page, key);
  for (size_t s = 0; s < page->n_series; s++)
    if (has_key(&page->series[s], key) && rank(&page->series[s]) == best && i-- == 0)
      return &page->series[s];
  return NULL;
}

double kvc_page_sum(const struct kvc_page *page, const char *key)
{
  const size_t best = newest(page, key);
  double sum = NAN;
  for (size_t s = 0; s < page->n_series; s++) {
    const struct kvc_series *one = &page->series[s];
    if (!has_key(one, key) || isnan(one->value) || rank(one) != best) continue;
    sum = isnan(sum) ? one->value : sum + one->value;
  }
  return sum;
}
