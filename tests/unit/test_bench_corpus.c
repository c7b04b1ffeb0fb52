/* test_bench_corpus.c - real results, when KVCAP_CORPUS names the folder: every file is
 * read, its figures obey the laws that tie them together, and plain keys say the same
 * as a search of the text. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <kvcap/bench.h>
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What holds no figures, and why. */
static const struct {
  const char *name, *why;
} without[] = {
    {"SOURCES.tsv", "the list of where the files are from"},
    {"console_recipes_kimi_k2.5.yaml", "a recipe: it tells how to benchmark, no result"},
};

static size_t files, records, laws, compared;

static const char *why_without(const char *name)
{
  for (size_t i = 0; i < sizeof without / sizeof *without; i++)
    if (strcmp(name, without[i].name) == 0) return without[i].why;
  return NULL;
}

/* A law that holds for each record with the figures it speaks of. */
static void law(const char *name, const char *what, bool known, bool holds)
{
  if (!known) return;
  laws++;
  if (!holds) fail_msg("%s: %s", name, what);
}

static bool about(double a, double b, double share)
{
  return fabs(a - b) <= share * fmax(fabs(a), fabs(b)) + 0.011;
}

static void stat_laws(const char *name, const struct kvc_stat *s)
{
  law(name, "a percentile is below the median", !isnan(s->p99) && !isnan(s->median),
      s->p99 >= s->median * 0.999 - 0.011);
  law(name, "p95 is above p99", !isnan(s->p95) && !isnan(s->p99),
      s->p95 <= s->p99 * 1.001);
  law(name, "p90 is above p95", !isnan(s->p90) && !isnan(s->p95),
      s->p90 <= s->p95 * 1.001);
  law(name, "the mean is below the minimum", !isnan(s->min) && !isnan(s->mean),
      s->min <= s->mean * 1.001 + 0.011);
  law(name, "the mean is above the maximum", !isnan(s->max) && !isnan(s->mean),
      s->max >= s->mean * 0.999 - 0.011);
}

static void check_laws(const char *name, const struct kvc_bench *r)
{
  const struct kvc_stat *const stats[] = {&r->ttft_ms, &r->tpot_ms, &r->itl_ms,
                                          &r->e2el_ms};
  /* An example of a schema has made-up figures. */
  if (strstr(name, "example") != NULL || strstr(name, "sample_small") != NULL) return;
  for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) stat_laws(name, stats[i]);
  const double t = r->duration_s;
  /* AIPerf leaves warm-up and what hangs over the end out of one and not of the other;
   * GuideLLM's rates are means over the time in which something ran, not over all. */
  const bool means = strcmp(r->format, "guidellm") == 0;
  const double slack =
      strstr(r->format, "perf") != NULL || strstr(r->format, "agentic") != NULL ? 0.05
                                                                                : 0.02;
  law(name, "request rate times time is not the number of requests",
      t > 1 && r->request_throughput >= 0.5 && !means,
      isnan(r->completed) || about(r->request_throughput * t, r->completed, slack));
  law(name, "output rate times time is not the output",
      t > 1 && !isnan(r->output_throughput) && !isnan(r->total_output_tok) && !means,
      about(r->output_throughput * t, r->total_output_tok, slack));
  law(name, "input and output rate are not the total",
      !isnan(r->output_throughput) && !isnan(r->input_throughput) &&
          !isnan(r->total_throughput),
      about(r->output_throughput + r->input_throughput, r->total_throughput, 0.02));
  law(name, "the first token comes after the last",
      !isnan(r->ttft_ms.mean) && !isnan(r->e2el_ms.mean),
      r->e2el_ms.mean >= r->ttft_ms.mean * 0.999);
  law(name, "a request is not its parts",
      r->output_tok.mean > 1 && r->tpot_ms.mean > 0.5 && r->ttft_ms.mean > 0 &&
          strcmp(r->format, "guidellm") != 0 &&
          r->output_tok.std < r->output_tok.mean / 4,
      about(r->e2el_ms.mean, r->ttft_ms.mean + (r->output_tok.mean - 1) * r->tpot_ms.mean,
            0.3) ||
          isnan(r->e2el_ms.mean));
}

/* The number after "key": in the text, when it is there once. */
static bool plain(const char *text, const char *key, double *out)
{
  char sign[80];
  size_t used;
  (void)snprintf(sign, sizeof sign, "\"%s\":", key);
  const char *at = strstr(text, sign);
  if (at == NULL || strstr(at + 1, sign) != NULL) return false;
  at += strlen(sign);
  while (*at == ' ') at++;
  if (*at == '"') at++;
  return kvc_num_scan(at, strlen(at), out, &used);
}

static void same_as_text(const char *name, const char *text, const struct kvc_bench *r)
{
  const struct {
    const char *key;
    double got;
  } keys[] = {{"mean_ttft_ms", r->ttft_ms.mean},
              {"median_ttft_ms", r->ttft_ms.median},
              {"std_ttft_ms", r->ttft_ms.std},
              {"p99_ttft_ms", r->ttft_ms.p99},
              {"p90_ttft_ms", r->ttft_ms.p90},
              {"p99.9_ttft_ms", r->ttft_ms.p999},
              {"mean_tpot_ms", r->tpot_ms.mean},
              {"median_tpot_ms", r->tpot_ms.median},
              {"p99_tpot_ms", r->tpot_ms.p99},
              {"mean_itl_ms", r->itl_ms.mean},
              {"p95_itl_ms", r->itl_ms.p95},
              {"p99_itl_ms", r->itl_ms.p99},
              {"mean_e2el_ms", r->e2el_ms.mean},
              {"p99_e2el_ms", r->e2el_ms.p99},
              {"mean_e2e_latency_ms", r->e2el_ms.mean},
              {"completed", r->completed},
              {"duration", r->duration_s},
              {"num_prompts", r->num_prompts},
              {"request_rate", r->request_rate},
              {"burstiness", r->burstiness},
              {"max_concurrency", r->max_concurrency},
              {"request_throughput", r->request_throughput},
              {"output_throughput", r->output_throughput},
              {"total_token_throughput", r->total_throughput},
              {"total_input_tokens", r->total_input_tok},
              {"total_output_tokens", r->total_output_tok}};
  double want;
  if (strstr(r->format, "vllm-serve") == NULL && strcmp(r->format, "sglang") != 0 &&
      strcmp(r->format, "inferencemax") != 0 && strcmp(r->format, "lmdeploy") != 0)
    return;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (!plain(text, keys[i].key, &want)) continue;
    compared++;
    if (!(want == keys[i].got || (isnan(want) && isnan(keys[i].got))))
      fail_msg("%s: %s is %.17g in the text and %.17g in the record", name, keys[i].key,
               want, keys[i].got);
  }
}

static void print_record(const char *name, const struct kvc_bench *r, size_t n)
{
  print_message("%-46.46s %-16s %3zu %-24.24s %6.0f/%-6.0f %8.2fs c%-5.0f %8.3f r/s "
                "%9.1f t/s ttft %9.2f/%9.2f tpot %8.3f e2el %10.1f gpus %.0f",
                name, r->format, n, r->model != NULL ? r->model : "-", r->completed,
                r->num_prompts, r->duration_s, r->max_concurrency, r->request_throughput,
                r->output_throughput, r->ttft_ms.mean, r->ttft_ms.p99, r->tpot_ms.mean,
                r->e2el_ms.mean, r->gpus);
  if (r->n_detail > 0) print_message(" detail %zu", r->n_detail);
  for (size_t i = 0; i < r->n_checks; i++)
    print_message(" [%s %g <> %g]", r->checks[i].key, r->checks[i].stated,
                  r->checks[i].recomputed);
  for (size_t i = 0; i < r->n_unknown; i++) print_message(" ?%s", r->unknown[i]);
  print_message("\n");
}

static void check_file(const char *path, const char *name)
{
  struct kvc_arena arena;
  struct kvc_bench_set set = {.n_records = 0};
  struct kvc_err err = {.msg = ""};
  char *text;
  size_t len;
  kvc_arena_init(&arena, (size_t)1 << 30);
  assert_int_equal(
      kvc_file_read_into(&arena, path, KVC_BENCH_MAX_BYTES, &text, &len, &err), KVC_E_OK);
  const struct kvc_bench_source source = {text, len, name};
  const char *why = why_without(name);
  const kvc_code rc = kvc_bench_read(&arena, &source, &set, &err);
  assert_int_equal(kvc_bench_looks(text, len), rc == KVC_E_OK);
  files++;
  if (why != NULL) {
    print_message("%-46.46s no figures: %s\n", name, why);
    assert_int_equal(rc, KVC_E_UNKNOWN);
  } else if (rc != KVC_E_OK) {
    fail_msg("%s: %s", name, err.msg);
  } else {
    records += set.n_records;
    print_record(name, &set.records[0], set.n_records);
    for (size_t i = 0; i < set.n_notes; i++) print_message("    %s\n", set.notes[i]);
    for (size_t i = 0; i < set.n_records; i++) check_laws(name, &set.records[i]);
    if (set.n_records == 1) same_as_text(name, text, &set.records[0]);
  }
  kvc_arena_clear(&arena);
}

static int order(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(const char *folder, void (*check)(const char *path, const char *name))
{
  struct dirent **names;
  const int n = scandir(folder, &names, NULL, order);
  if (n < 0) skip();
  for (int i = 0; i < n; i++) {
    char path[4400];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) check(path, names[i]->d_name);
    free(names[i]);
  }
  free(names);
}

static void every_result_is_read_and_obeys_the_laws(void **state)
{
  (void)state;
  const char *corpus = getenv("KVCAP_CORPUS");
  char path[4096];
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real result was read\n");
    skip();
    return;
  }
  (void)snprintf(path, sizeof path, "%s/bench", corpus);
  walk(path, check_file);
  print_message("%zu files: %zu records, %zu laws held, %zu figures as in the text\n",
                files, records, laws, compared);
  assert_true(records >= files - 2);
}

static void check_refused(const char *path, const char *name)
{
  struct kvc_arena arena;
  char *text;
  size_t len;
  /* Some logs of servers hold the client's output too. */
  kvc_arena_init(&arena, (size_t)1 << 28);
  if (kvc_file_read_into(&arena, path, KVC_BENCH_MAX_BYTES, &text, &len, NULL) ==
          KVC_E_OK &&
      kvc_bench_looks(text, len)) {
    bool block = false;
    for (size_t i = 0; !block && i + 16 < len; i++)
      block = memcmp(text + i, "Benchmark Result", 16) == 0 ||
              memcmp(text + i, " requests/s, ", 13) == 0;
    if (!block) fail_msg("%s is taken for a result", name);
    print_message("%s holds the client's output\n", name);
  }
  kvc_arena_clear(&arena);
}

static void what_is_no_result_does_not_look_like_one(void **state)
{
  static const char *const folders[] = {"metrics",    "logs",      "configs",
                                        "dashboards", "workloads", "traces"};
  (void)state;
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    skip();
    return;
  }
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", corpus, folders[i]);
    walk(path, check_refused);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_result_is_read_and_obeys_the_laws),
      cmocka_unit_test(what_is_no_result_does_not_look_like_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
