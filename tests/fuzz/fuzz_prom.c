/* fuzz_prom.c - can a hostile page hurt the reader of metrics?
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whatever is read has bounds that rise, labels that are texts, releases in order and
 * problems with a text.  Quantiles lie within the bounds.
 */
#include <stdint.h>
#include <kvcap/prom.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 18, CAP = 64 << 20 };

static struct kvc_arena facts_arena;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;

static void open_facts(void)
{
  struct kvc_db *db;
  if (metrics != NULL) return;
  kvc_arena_init(&facts_arena, CAP);
  if (kvc_db_open(&facts_arena, NULL, 0, &db, NULL) != KVC_E_OK ||
      kvc_db_engine(db, "vllm", &engine, NULL) != KVC_E_OK ||
      kvc_db_metrics(db, "vllm", &metrics, NULL) != KVC_E_OK)
    abort();
}

static void check_histogram(const struct kvc_series *s)
{
  for (size_t i = 1; i < s->n_buckets; i++)
    if (!(s->buckets[i].le > s->buckets[i - 1].le)) abort();
  const double q = kvc_hist_quantile(s->buckets, s->n_buckets, 0.95);
  if (isnan(q)) return;
  const double low = fmin(0, s->buckets[0].le), high = s->buckets[s->n_buckets - 2].le;
  if (q < low || (q > high && high >= 0)) abort();
}

static void check_page(const struct kvc_page *page)
{
  for (size_t i = 0; i < page->n_series; i++) {
    const struct kvc_series *s = &page->series[i];
    if (s->family == NULL || s->family[0] == '\0') abort();
    if ((s->metric == NULL) != (s->exported == NULL)) abort();
    for (size_t k = 0; k < s->n_labels; k++)
      if (s->labels[k].name == NULL || s->labels[k].value == NULL) abort();
    check_histogram(s);
    if (s->metric != NULL && kvc_page_series(page, s->metric->key, 0) == NULL) abort();
    if (i > 64) break; /* the question above walks the page */
  }
  for (size_t i = 1; i < page->n_unknown; i++)
    if (strcmp(page->unknown[i - 1], page->unknown[i]) >= 0) abort();
  for (size_t i = 1; i < page->n_names; i++)
    if (strcmp(page->names[i - 1], page->names[i]) >= 0) abort();
  if (page->has_era && kvc_version_cmp(&page->era.first, &page->era.last) > 0) abort();
  if (page->n_problems > KVC_PROM_MAX_PROBLEMS) abort();
  for (size_t i = 0; i < page->n_problems; i++)
    if (page->problems[i].text[0] == '\0') abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size > MAX_BYTES) return 0;
  open_facts();
  struct kvc_arena arena;
  struct kvc_page page;
  struct kvc_err err = {.code = KVC_E_OK};
  kvc_arena_init(&arena, CAP);
  /* A copy of its own size, so that one byte too far is seen. */
  char *text = malloc(size > 0 ? size : 1);
  if (text == NULL) abort();
  if (size > 0) memcpy(text, data, size);
  (void)kvc_prom_looks(text, size);
  const struct kvc_prom_source source = {text, size, "fuzz", metrics, engine};
  if (kvc_prom_read(&arena, &source, &page, &err) == KVC_E_OK) {
    free(text); /* the page owns nothing of it */
    check_page(&page);
  } else {
    free(text);
    if (err.msg[0] == '\0') abort();
  }
  kvc_arena_clear(&arena);
  return 0;
}
