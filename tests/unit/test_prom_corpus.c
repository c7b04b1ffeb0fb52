/* test_prom_corpus.c - real pages, when KVCAP_CORPUS names the folder: every one is read,
 * no name that vLLM is known to export is unknown, and the releases that fit hold the one
 * that its source states.  Prints what was understood.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <kvcap/file.h>
#include <kvcap/prom.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvc_arena facts;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;
static char *sources;
static size_t pages, dated;

/* The column of vllm_version in SOURCES.tsv; "" when the file or the version is not
 * there. */
static void stated(const char *file, char *out, size_t room)
{
  enum { VERSION_COLUMN = 7 };
  const size_t len = strlen(file);
  out[0] = '\0';
  for (const char *at = sources; at != NULL && *at != '\0';) {
    const char *end = strchr(at, '\n');
    const size_t n = end != NULL ? (size_t)(end - at) : strlen(at);
    if (n > len && strncmp(at, file, len) == 0 && at[len] == '\t') {
      const char *field = at;
      for (int i = 0; i < VERSION_COLUMN && field != NULL; i++) {
        field = memchr(field, '\t', (size_t)(at + n - field));
        if (field != NULL) field++;
      }
      const char *stop =
          field != NULL ? memchr(field, '\t', (size_t)(at + n - field)) : NULL;
      if (stop != NULL && (size_t)(stop - field) < room) {
        memcpy(out, field, (size_t)(stop - field));
        out[stop - field] = '\0';
      }
      return;
    }
    at = end != NULL ? end + 1 : NULL;
  }
}

/* "0.25.1" is itself; "0.8.x", "0.20-0.22 dev" and "~0.11" are spans of minor releases.
 */
static bool span_of(const char *text, struct kvc_version *low, struct kvc_version *high)
{
  int minor[2], n = 0;
  bool exact = false;
  *low = *high = (struct kvc_version){{0}, 0, false};
  for (const char *p = strstr(text, "0."); p != NULL && n < 2; p = strstr(p, "0.")) {
    if (p > text && p[-1] >= '0' && p[-1] <= '9') {
      p += 2;
      continue;
    }
    char *end;
    minor[n] = (int)strtol(p + 2, &end, 10);
    if (end == p + 2) return false;
    if (*end == '.' && end[1] >= '0' && end[1] <= '9') {
      exact = n == 0;
      low->release[2] = (int)strtol(end + 1, &end, 10);
    }
    n++;
    p = end;
  }
  if (n == 0) return false;
  low->release[1] = minor[0];
  high->release[1] = n > 1 ? minor[1] : minor[0];
  high->release[2] = exact && n == 1 ? low->release[2] : 999;
  if (!exact) low->release[2] = 0;
  return true;
}

/* Whether the line is one of the part: a name in it, or no comment. */
struct part {
  const char *word; /* in the line; NULL: any */
  bool comments;
  size_t upto; /* bytes of the page */
};

static size_t part_of(const char *text, size_t len, const struct part *part, char *out)
{
  size_t n = 0;
  if (len > part->upto) len = part->upto;
  for (size_t at = 0; at < len;) {
    const char *end = memchr(text + at, '\n', len - at);
    const size_t stop = end != NULL ? (size_t)(end - text) + 1 : len;
    char line[256];
    (void)snprintf(line, sizeof line, "%.*s", (int)(stop - at < 255 ? stop - at : 255),
                   text + at);
    if ((part->word == NULL || strstr(line, part->word) != NULL) &&
        (part->comments || text[at] != '#')) {
      memcpy(out + n, text + at, stop - at);
      n += stop - at;
    }
    at = stop;
  }
  return n;
}

/* A page older than all releases known is dated to the oldest one. */
static void date_fits(const char *file, const char *version, const struct kvc_page *page)
{
  struct kvc_version low, high;
  if (!page->has_era || !span_of(version, &low, &high)) return;
  const struct kvc_version *oldest = &kvc_engine_release(engine, 0)->version;
  if (kvc_version_cmp(&high, oldest) < 0) high = *oldest;
  dated++;
  if (kvc_version_cmp(&page->era.first, &high) > 0 ||
      kvc_version_cmp(&page->era.last, &low) < 0)
    fail_msg("%s: %s is outside %d.%d to %d.%d", file, version,
             page->era.first.release[1], page->era.first.release[2],
             page->era.last.release[1], page->era.last.release[2]);
}

static void print_page(const char *file, const char *version, const struct kvc_page *page)
{
  char first[KVC_VERSION_TEXT] = "-", last[KVC_VERSION_TEXT] = "-";
  static const char *const generations[] = {"V0 or V1", "V0", "V1"};
  if (page->has_era) {
    kvc_version_format(&page->era.first, first);
    kvc_version_format(&page->era.last, last);
  }
  print_message("%-52.52s %5zu series %3zu names %2zu unknown  %s..%s %s%s [%s]\n", file,
                page->n_series, page->n_names, page->n_unknown, first, last,
                page->has_era ? generations[page->era.generation] : "",
                page->cut ? " cut" : "", version);
  for (size_t i = 0; i < page->n_unknown; i++)
    print_message("    unknown %s\n", page->unknown[i]);
  for (size_t i = 0; i < page->n_problems; i++)
    print_message("    line %d: %s\n", page->problems[i].line, page->problems[i].text);
}

static bool told(const struct kvc_page *page, const char *what)
{
  for (size_t i = 0; i < page->n_problems; i++)
    if (strstr(page->problems[i].text, what) != NULL) return true;
  return false;
}

static void check_page(const char *file, const struct kvc_page *page)
{
  for (size_t i = 0; i < page->n_unknown; i++)
    if (kvc_metrics_exported(metrics, page->unknown[i], strlen(page->unknown[i])) != NULL)
      fail_msg("%s: %s is known after all", file, page->unknown[i]);
  for (size_t i = 0; i < page->n_series; i++) {
    const struct kvc_series *s = &page->series[i];
    for (size_t b = 1; b < s->n_buckets; b++)
      if (!(s->buckets[b].le > s->buckets[b - 1].le)) fail_msg("%s: %s", file, s->family);
    /* A histogram that is whole counts in its last bucket what its count says, or the
     * page is told to be wrong. */
    if (!told(page, "is not the count") && s->n_buckets > 0 &&
        isinf(s->buckets[s->n_buckets - 1].le) && !isnan(s->count) &&
        fabs(s->buckets[s->n_buckets - 1].count - s->count) > 0)
      fail_msg("%s: %s", file, s->family);
  }
}

/* Parts of a page, as grep and head leave them: rather many releases than a wrong one. */
static void check_parts(const char *file, const char *version, const char *text,
                        size_t len)
{
  static const char *const words[] = {NULL,      "vllm:",   "num_requests", "cache",
                                      "tokens",  "seconds", "_total",       "_bucket",
                                      "_count",  "request", "engine",       "hit",
                                      "latency", "config",  "preempt",      "success"};
  char *out = malloc(len + 1);
  assert_non_null(out);
  for (size_t w = 0; w < sizeof words / sizeof *words; w++)
    for (size_t cut = 1; cut <= 24; cut++) {
      struct kvc_arena arena;
      struct kvc_page page;
      const struct part part = {words[w], cut % 2 == 0, len * cut / 24};
      const size_t n = part_of(text, len, &part, out);
      const struct kvc_prom_source source = {out, n, file, metrics, engine};
      kvc_arena_init(&arena, (size_t)256 << 20);
      if (kvc_prom_read(&arena, &source, &page, NULL) == KVC_E_OK)
        date_fits(file, version, &page);
      kvc_arena_clear(&arena);
    }
  free(out);
}

static void check_file(const char *folder, const char *file)
{
  struct kvc_arena arena;
  struct kvc_page page;
  struct kvc_err err = {.code = KVC_E_OK};
  char path[4400], version[128];
  char *text;
  size_t len;
  (void)snprintf(path, sizeof path, "%s/%s", folder, file);
  kvc_arena_init(&arena, (size_t)256 << 20);
  assert_int_equal(
      kvc_file_read_into(&arena, path, KVC_PROM_MAX_BYTES, &text, &len, &err), KVC_E_OK);
  const struct kvc_prom_source source = {text, len, file, metrics, engine};
  if (!kvc_prom_looks(text, len)) fail_msg("%s does not look like metrics", file);
  if (kvc_prom_read(&arena, &source, &page, &err) != KVC_E_OK)
    fail_msg("%s: %s", file, err.msg);
  stated(file, version, sizeof version);
  print_page(file, version, &page);
  check_page(file, &page);
  date_fits(file, version, &page);
  pages++;
  if (version[0] != '\0' && page.has_era) check_parts(file, version, text, len);
  kvc_arena_clear(&arena);
}

static void every_page_is_understood(void **state)
{
  (void)state;
  char folder[4096], path[4200];
  size_t len;
  struct kvc_db *db;
  struct kvc_err err;
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real page was read\n");
    skip();
    return;
  }
  kvc_arena_init(&facts, (size_t)64 << 20);
  assert_int_equal(kvc_db_open(&facts, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(db, "vllm", &engine, &err), KVC_E_OK);
  assert_int_equal(kvc_db_metrics(db, "vllm", &metrics, &err), KVC_E_OK);
  (void)snprintf(folder, sizeof folder, "%s/metrics", corpus);
  (void)snprintf(path, sizeof path, "%s/SOURCES.tsv", folder);
  if (kvc_file_read_into(&facts, path, 1 << 20, &sources, &len, &err) != KVC_E_OK)
    sources = NULL;
  DIR *dir = opendir(folder);
  if (dir == NULL) {
    kvc_arena_clear(&facts);
    skip();
    return;
  }
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    if (e->d_name[0] != '.' && strstr(e->d_name, ".tsv") == NULL)
      check_file(folder, e->d_name);
  (void)closedir(dir);
  print_message("%zu pages, %zu with a version to compare\n", pages, dated);
  assert_true(pages > 0);
  kvc_arena_clear(&facts);
}

/* Logs, results, configurations and dashboards name the same metrics, yet are no pages.
 */
static void nothing_else_looks_like_a_page(void **state)
{
  (void)state;
  static const char *const folders[] = {"logs", "bench", "configs", "dashboards",
                                        "workloads"};
  enum { LOOKED_AT = 1 << 16 };
  static char text[LOOKED_AT];
  size_t files = 0, wrong = 0;
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    skip();
    return;
  }
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char folder[4096], path[4400];
    (void)snprintf(folder, sizeof folder, "%s/%s", corpus, folders[i]);
    DIR *dir = opendir(folder);
    if (dir == NULL) continue;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
      (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
      FILE *file = e->d_name[0] != '.' ? fopen(path, "rb") : NULL;
      if (file == NULL) continue;
      const size_t len = fread(text, 1, sizeof text, file);
      (void)fclose(file);
      files++;
      if (!kvc_prom_looks(text, len)) continue;
      print_message("%s looks like a page\n", path);
      wrong++;
    }
    (void)closedir(dir);
  }
  print_message("%zu files of other kinds\n", files);
  assert_int_equal(wrong, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_page_is_understood),
                                     cmocka_unit_test(nothing_else_looks_like_a_page)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
