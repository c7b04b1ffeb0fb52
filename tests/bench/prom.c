/* prom.c - how fast a page of metrics is read (target bench-prom).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: prom [FILE]   Without a file, a page of 64 engines is made.
 */
#include <kvcap/file.h>
#include <kvcap/prom.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ENGINES = 64, BUCKETS = 20, HISTOGRAMS = 12, ROUNDS = 20 };

static double now_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The shape of a server's page: a dozen histograms, each engine with all buckets. */
static void make_page(struct kvc_buf *out)
{
  static const char *const names[HISTOGRAMS] = {"time_to_first_token_seconds",
                                                "inter_token_latency_seconds",
                                                "e2e_request_latency_seconds",
                                                "request_queue_time_seconds",
                                                "request_prefill_time_seconds",
                                                "request_decode_time_seconds",
                                                "request_prompt_tokens",
                                                "request_generation_tokens",
                                                "request_inference_time_seconds",
                                                "iteration_tokens_total",
                                                "request_params_n",
                                                "request_params_max_tokens"};
  for (int h = 0; h < HISTOGRAMS; h++) {
    kvc_buf_printf(out, "# HELP vllm:%s Histogram.\n# TYPE vllm:%s histogram\n", names[h],
                   names[h]);
    for (int e = 0; e < ENGINES; e++) {
      for (int b = 0; b < BUCKETS; b++)
        kvc_buf_printf(out,
                       "vllm:%s_bucket{engine=\"%d\",le=\"%d.5\",model_name=\"o/m\"} "
                       "%d.0\n",
                       names[h], e, b, 17 * b + e);
      kvc_buf_printf(
          out,
          "vllm:%s_bucket{engine=\"%d\",le=\"+Inf\",model_name=\"o/m\"} 999.0\n"
          "vllm:%s_count{engine=\"%d\",model_name=\"o/m\"} 999.0\n"
          "vllm:%s_sum{engine=\"%d\",model_name=\"o/m\"} 1234.56789\n",
          names[h], e, names[h], e, names[h], e);
    }
  }
}

int main(int argc, char **argv)
{
  struct kvc_arena facts, arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  struct kvc_err err;
  struct kvc_buf made;
  kvc_arena_init(&facts, (size_t)256 << 20);
  kvc_buf_init(&made, (size_t)64 << 20);
  if (kvc_db_open(&facts, NULL, 0, &db, &err) != KVC_E_OK ||
      kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK ||
      kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK)
    return 1;
  char *text = NULL;
  size_t len = 0;
  if (argc > 1) {
    if (kvc_file_read_into(&facts, argv[1], KVC_PROM_MAX_BYTES, &text, &len, &err) !=
        KVC_E_OK) {
      (void)fprintf(stderr, "%s: %s\n", err.where, err.msg);
      return 1;
    }
  } else {
    make_page(&made);
    text = made.text;
    len = made.len;
  }
  const struct kvc_prom_source source = {text, len, "page", metrics, engine};
  double best_s = 1e9;
  size_t series = 0, used = 0;
  for (int i = 0; i < ROUNDS; i++) {
    struct kvc_page page;
    kvc_arena_init(&arena, (size_t)1 << 30);
    const double begin = now_s();
    if (kvc_prom_read(&arena, &source, &page, &err) != KVC_E_OK) {
      (void)fprintf(stderr, "%s: %s\n", err.where, err.msg);
      return 1;
    }
    const double took_s = now_s() - begin;
    if (took_s < best_s) best_s = took_s;
    series = page.n_series;
    used = arena.used_bytes;
    kvc_arena_clear(&arena);
  }
  (void)printf("%zu bytes, %zu series: %.3f ms, %.0f MB/s, %zu bytes of memory\n", len,
               series, best_s * 1e3, (double)len / best_s / 1e6, used);
  kvc_buf_clear(&made);
  kvc_arena_clear(&facts);
  return 0;
}
