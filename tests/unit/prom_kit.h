/* prom_kit.h - what the tests of src/prom/ share: read a text, find a series.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_PROM_KIT_H
#define KVC_TESTS_PROM_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/prom.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvc_arena kit_facts, kit_arena;
static struct kvc_engine *kit_engine;
static struct kvc_metrics *kit_metrics;
static struct kvc_page kit_page;
static struct kvc_err kit_err;

static inline int kit_begin(void **state)
{
  struct kvc_db *db;
  (void)state;
  kvc_arena_init(&kit_facts, (size_t)64 << 20);
  assert_int_equal(kvc_db_open(&kit_facts, NULL, 0, &db, &kit_err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(db, "vllm", &kit_engine, &kit_err), KVC_E_OK);
  assert_int_equal(kvc_db_metrics(db, "vllm", &kit_metrics, &kit_err), KVC_E_OK);
  return 0;
}

static inline int kit_end(void **state)
{
  (void)state;
  kvc_arena_clear(&kit_facts);
  return 0;
}

static inline int kit_fresh(void **state)
{
  (void)state;
  kvc_arena_init(&kit_arena, (size_t)512 << 20);
  return 0;
}

static inline int kit_clear(void **state)
{
  (void)state;
  kvc_arena_clear(&kit_arena);
  return 0;
}

#define KIT(test) cmocka_unit_test_setup_teardown(test, kit_fresh, kit_clear)

static inline kvc_code kit_try(const char *text, size_t len)
{
  const struct kvc_prom_source source = {text, len, "page", kit_metrics, kit_engine};
  memset(&kit_page, 0, sizeof kit_page);
  kit_err = (struct kvc_err){.code = KVC_E_OK};
  return kvc_prom_read(&kit_arena, &source, &kit_page, &kit_err);
}

static inline void kit_read_len(const char *text, size_t len)
{
  if (kit_try(text, len) != KVC_E_OK)
    fail_msg("%s:%d %s", kit_err.where, kit_err.line, kit_err.msg);
}

static inline void kit_read(const char *text)
{
  kit_read_len(text, strlen(text));
}

/* The i-th series of a family. */
static inline const struct kvc_series *kit_series(const char *family, size_t i)
{
  for (size_t s = 0; s < kit_page.n_series; s++)
    if (strcmp(kit_page.series[s].family, family) == 0 && i-- == 0)
      return &kit_page.series[s];
  fail_msg("no such series of %s", family);
  return NULL;
}

static inline bool kit_told(const char *words)
{
  for (size_t i = 0; i < kit_page.n_problems; i++)
    if (strstr(kit_page.problems[i].text, words) != NULL) return true;
  return false;
}

static inline int kit_told_line(const char *words)
{
  for (size_t i = 0; i < kit_page.n_problems; i++)
    if (strstr(kit_page.problems[i].text, words) != NULL)
      return kit_page.problems[i].line;
  fail_msg("nothing was told of \"%s\"", words);
  return 0;
}

static inline void kit_is(double got, double want)
{
  if (isnan(want) ? !isnan(got) : !(got >= want && got <= want))
    fail_msg("%.17g is not %.17g", got, want);
}

#endif
