/* test_serverlog_feed.c - pieces of any size, damage, bounds, and following a log.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "serverlog_kit.h"

#define STATS                                                                            \
  "Avg prompt throughput: 5.0 tokens/s, Avg generation throughput: 6.5 tokens/s, "       \
  "Running: "                                                                            \
  "3 reqs, Waiting: 4 reqs, GPU KV cache usage: 7.5%, Prefix cache hit rate: 12.5%"
#define STATS_LINE(engine, time)                                                         \
  "INFO 04-03 10:" time " [loggers.py:87] Engine 00" engine ": " STATS "\n"

static const char mixed[] =
    "(APIServer pid=1) \x1b[36mINFO\x1b[0m 04-03 10:00:00 [a.py:1] vLLM API server "
    "version "
    "0.11.0\r\n"
    "INFO 04-03 10:00:00 [a.py:1] non-default args: {'model': 'org/m', 'max_num_seqs': "
    "3}\r\n"
    "\x1b]8;id=1;file:///x\x1b\\link\x1b]8;;\x1b\\ \xff\xfe\x80\n"
    "Loading: 10%|#   |\rLoading: 50%|##  |\rINFO 04-03 10:00:09 [w.py:1] Available KV "
    "cache "
    "memory: \x1b[1;36m3.5\x1b[0m GiB\rLoading: 100%|####|\n"
    "INFO 04-03 10:00:10 [k.py:1] GPU KV cache size: 1,0\0\0\0\0\0\0\0INFO 04-03 "
    "10:00:11 "
    "[k.py:1] GPU KV cache size: 2,000 tokens\n" STATS_LINE("0", "01:00") STATS_LINE(
        "1", "01:10") "INFO:     1.2.3.4:5 - \"POST /v1/completions HTTP/1.1\" 200 "
                      "OK\nINFO 04-03 10:01:20 [loggers.py:87] Engine 000: Avg "
                      "prompt throughput: 1.0 tokens/s, Running: 9 reqs, Wai";

static void the_size_of_the_pieces_does_not_matter(void **state)
{
  static const size_t pieces[] = {1, 7, 4096};
  (void)state;
  struct read *all = read_pieces(mixed, sizeof mixed - 1, SIZE_MAX / 2);
  assert_int_equal(all->rc, KVC_E_OK);
  assert_int_equal(all->log.n_samples, 3);
  assert_int_equal(all->log.requests, 1);
  assert_int_equal(all->log.bytes, sizeof mixed - 1);
  IS(all->log.starts[0].memory.available_kv_bytes, 3.5 * GIB);
  IS(all->log.starts[0].memory.kv_tokens, 2000);
  IS(all->log.samples[2].running, 9);
  SAYS_NOT(all->log.samples[2].waiting);
  for (size_t p = 0; p < 3; p++) {
    struct read *k = read_pieces(mixed, sizeof mixed - 1, pieces[p]);
    assert_int_equal(k->rc, KVC_E_OK);
    assert_int_equal(k->log.lines, all->log.lines);
    assert_int_equal(k->log.n_samples, all->log.n_samples);
    for (size_t i = 0; i < k->log.n_samples; i++)
      assert_memory_equal(&k->log.samples[i], &all->log.samples[i],
                          offsetof(struct kvc_log_sample, merged) + sizeof(int));
    assert_memory_equal(&k->log.starts[0].memory, &all->log.starts[0].memory,
                        offsetof(struct kvc_log_memory, ranks) + sizeof(int));
    assert_string_equal(k->log.starts[0].args_text, all->log.starts[0].args_text);
    assert_int_equal(k->log.n_events, all->log.n_events);
    read_free(k);
  }
  read_free(all);
}

static void utf_16_is_read_in_both_orders(void **state)
{
  static const char plain[] = STATS_LINE("0", "00:00") STATS_LINE("1", "00:10");
  enum { LEN = sizeof plain - 1 };
  static const size_t pieces[] = {SIZE_MAX / 2, 1, 7};
  (void)state;
  for (size_t p = 0; p < 3; p++) {
    for (int big = 0; big < 2; big++) {
      char wide[2 * LEN + 4];
      memcpy(wide, big ? "\xfe\xff" : "\xff\xfe", 2);
      for (size_t i = 0; i < LEN; i++) {
        wide[2 + 2 * i + (size_t)big] = plain[i];
        wide[2 + 2 * i + (size_t)!big] = '\0';
      }
      struct read *k = read_pieces(wide, 2 * LEN + 2, pieces[p]);
      assert_int_equal(k->rc, KVC_E_OK);
      assert_int_equal(k->log.n_samples, 2);
      assert_int_equal(k->log.samples[1].engine, 1);
      IS(k->log.samples[1].time_s, 10);
      assert_int_equal(k->log.lines, 2);
      assert_true(kvc_log_looks(wide, 2 * LEN + 2));
      read_free(k);
    }
  }
  struct read *k = read_log("\xff" STATS "\n"); /* only a bad byte */
  assert_int_equal(k->log.n_samples, 1);
  read_free(k);
}

static void a_line_that_never_ends_is_cut(void **state)
{
  (void)state;
  enum { LONG = KVC_LOG_MAX_LINE + 1000 };
  static const char tail[] = " GPU KV cache size: 77 tokens\n" STATS_LINE("0", "00:00");
  static const char head[] = "INFO 04-03 10:00:00 [k.py:1] GPU KV cache size: 99 tokens ";
  char *text = malloc(LONG + sizeof tail);
  assert_non_null(text);
  memset(text, 'x', LONG);
  memcpy(text, head, sizeof head - 1);
  memcpy(text + LONG, tail, sizeof tail);
  static const size_t pieces[] = {SIZE_MAX / 2, 4096};
  for (size_t p = 0; p < 2; p++) {
    struct read *k = read_pieces(text, LONG + sizeof tail - 1, pieces[p]);
    assert_int_equal(k->rc, KVC_E_OK);
    assert_int_equal(k->log.cut_lines, 1);
    assert_int_equal(k->log.lines, 2);
    IS(k->log.starts[0].memory.kv_tokens, 99);
    assert_int_equal(k->log.n_samples, 1);
    assert_int_equal(k->log.samples[0].line, 2);
    read_free(k);
  }
  free(text);
}

/* A value is what the whole text says, or is not there. */
static void same_or_none(double got, double whole, size_t cut)
{
  if (!isnan(got) && got != whole)
    fail_msg("cut after %zu bytes it is %.17g, not %.17g", cut, got, whole);
}

static void a_log_cut_anywhere_gives_no_number_that_is_not_in_it(void **state)
{
  static const char text[] =
      "INFO 05-07 05:30:00 [a.py:1] vLLM API server version 0.19.0\n"
      "INFO 05-07 05:30:01 [m.py:1] Using max model len 131072\n"
      "INFO 05-07 05:30:01 [s.py:1] Chunked prefill is enabled with "
      "max_num_batched_tokens=2048.\n"
      "INFO 05-07 05:30:30 [r.py:1] Model loading took 17.25 GiB memory and 110.5 "
      "seconds\n"
      "INFO 05-07 05:30:31 [w.py:1] Available KV cache memory: 10.25 GiB\n"
      "INFO 05-07 05:30:32 [k.py:1] GPU KV cache size: 1,567,978 tokens, Maximum "
      "concurrency for "
      "8,192 tokens per request: 191.40x\n"
      "INFO 05-07 05:30:33 [r.py:1] Graph capturing finished in 16 secs, took 0.22 GiB\n"
      "INFO 05-07 05:30:34 [core.py:1] init engine (profile, create kv cache, warmup "
      "model) took "
      "52.25 s (compilation: 27.5 s)\n"
      "INFO 05-07 05:30:34 [l.py:1] Engine 000: vllm cache_config_info with "
      "initialization after "
      "num_gpu_blocks is: 97997\n"
      "INFO 05-07 05:31:00 [loggers.py:87] Engine 012: Avg prompt throughput: 1234.5 "
      "tokens/s, "
      "Avg generation throughput: 67.5 tokens/s, Running: 123 reqs, Waiting: 45 reqs, "
      "Deferred: "
      "11 reqs, Preemptions: 12, GPU KV cache usage: 97.5%, Prefix cache hit rate: "
      "12.5%, "
      "External prefix cache hit rate: 33.0%, MM cache hit rate: 44.0%\n";
  (void)state;
  struct read *all = read_log(text);
  const struct kvc_log_sample *w = all->log.samples;
  assert_int_equal(all->log.n_samples, 1);
  IS(w->preemptions, 12);
  for (size_t cut = 0; cut < sizeof text - 1; cut++) {
    struct read *k = read_pieces(text, cut, SIZE_MAX / 2);
    if (k->rc == KVC_E_OK && k->log.n_starts > 0) {
      /* the doubles of a start's memory, one by one */
      const double *got = (const double *)(const void *)&k->log.starts[0].memory;
      const double *whole = (const double *)(const void *)&all->log.starts[0].memory;
      for (size_t i = 0; i < offsetof(struct kvc_log_memory, ranks) / sizeof *got; i++)
        same_or_none(got[i], whole[i], cut);
    }
    if (k->rc == KVC_E_OK && k->log.n_samples > 0) {
      const double *got = &k->log.samples[0].prompt_tps;
      const double *to = (const double *)(const void *)&k->log.samples[0].merged;
      for (size_t i = 0; got + i < to; i++)
        same_or_none(got[i], (&w->prompt_tps)[i], cut);
      assert_int_equal(k->log.samples[0].engine, 12);
    }
    read_free(k);
  }
  read_free(all);
}

static void a_server_that_starts_for_ever_takes_no_more_memory(void **state)
{
  (void)state;
  static const char again[] =
      "INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.9.0\n"
      "INFO 01-01 00:00:00 [a.py:1] non-default args: {'model': 'm'}\n"
      "ERROR 01-01 00:00:03 [core.py:1] ValueError: No available memory for the cache "
      "blocks.\n"
      "ERROR 01-01 00:00:03 [core.py:1] RuntimeError: Engine core initialization "
      "failed.\n";
  struct kvc_arena arena;
  struct kvc_log_reader *r;
  struct kvc_serverlog log;
  size_t used = 0;
  kvc_arena_init(&arena, READ_CAP);
  assert_int_equal(kvc_log_open(&arena, "x", &r, NULL), KVC_E_OK);
  for (int i = 0; i < 5000; i++) {
    if (i == 100) used = arena.used_bytes;
    kvc_log_feed(r, again, sizeof again - 1);
  }
  assert_int_equal(arena.used_bytes, used);
  assert_int_equal(kvc_log_finish(r, &log, NULL), KVC_E_OK);
  size_t failures = 0;
  for (size_t i = 0; i < log.n_events; i++) failures += log.events[i].count;
  assert_int_equal(failures, 10000);
  kvc_arena_clear(&arena);
}

static void beyond_the_bound_samples_are_merged_engine_by_engine(void **state)
{
  (void)state;
  enum { LINES = 2 * KVC_LOG_MAX_SAMPLES + 17 };
  struct kvc_arena arena;
  struct kvc_log_reader *r;
  struct kvc_serverlog log;
  kvc_arena_init(&arena, READ_CAP);
  assert_int_equal(kvc_log_open(&arena, "x", &r, NULL), KVC_E_OK);
  for (int i = 0; i < LINES; i++) {
    char line[512];
    const int n =
        snprintf(line, sizeof line,
                 "INFO 04-03 10:00:00 [l.py:1] Engine 00%d: Avg prompt throughput: %d.0 "
                 "tokens/s, Avg "
                 "generation throughput: 2.0 tokens/s, Running: %d reqs, Waiting: 0 "
                 "reqs, Preemptions: "
                 "1, GPU KV cache usage: %d.0%%\n",
                 i % 2, i % 2 == 0 ? 10 : 30, i == 1000 ? 500 : 3, i == 2001 ? 99 : 50);
    kvc_log_feed(r, line, (size_t)n);
  }
  assert_int_equal(kvc_log_finish(r, &log, NULL), KVC_E_OK);
  assert_int_equal(log.sample_lines, LINES);
  assert_true(log.n_samples < KVC_LOG_MAX_SAMPLES);
  assert_true(log.n_samples > KVC_LOG_MAX_SAMPLES / 4);
  double running = 0, usage = 0, preemptions = 0;
  uint64_t merged = 0;
  for (size_t i = 0; i < log.n_samples; i++) {
    const struct kvc_log_sample *s = &log.samples[i];
    IS(s->prompt_tps, s->engine == 0 ? 10 : 30);
    if (s->running > running) running = s->running;
    if (s->kv_usage_frac > usage) usage = s->kv_usage_frac;
    preemptions += s->preemptions;
    merged += (uint64_t)s->merged;
    assert_true(s->merged <= 4);
    if (i > 0) assert_true(s->line > log.samples[i - 1].line);
  }
  IS(running, 500);
  IS(usage, 0.99);
  IS(preemptions, LINES);
  assert_int_equal(merged, LINES);
  kvc_arena_clear(&arena);
}

static void a_log_can_be_looked_at_while_it_grows(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_log_reader *r;
  struct kvc_serverlog log;
  kvc_arena_init(&arena, READ_CAP);
  assert_int_equal(kvc_log_open(&arena, "x", &r, NULL), KVC_E_OK);
  assert_int_equal(kvc_log_peek(r)->n_samples, 0);
  static const char line[] = STATS_LINE("0", "00:00");
  static const char start[] =
      "INFO 04-03 10:00:00 [k.py:1] GPU KV cache size: 99 tokens\n";
  kvc_log_feed(r, line, sizeof line - 1);
  assert_int_equal(kvc_log_peek(r)->n_samples, 1);
  kvc_log_feed(r, line, 100);
  assert_int_equal(kvc_log_peek(r)->n_samples, 1);
  kvc_log_feed(r, line + 100, sizeof line - 1 - 100);
  const struct kvc_serverlog *seen = kvc_log_peek(r);
  assert_int_equal(seen->n_samples, 2);
  IS(seen->samples[1].running, 3);
  assert_int_equal(seen->n_starts, 0);
  kvc_log_feed(r, start, sizeof start - 1);
  IS(kvc_log_peek(r)->starts[0].memory.kv_tokens, 99);
  assert_int_equal(kvc_log_finish(r, &log, NULL), KVC_E_OK);
  assert_int_equal(log.n_samples, 2);
  assert_int_equal(log.sample_lines, 2);
  kvc_arena_clear(&arena);
}

static void other_texts_are_refused(void **state)
{
  static const char *const texts[] = {
      "",
      "\n\n\n",
      "hello\n",
      "INFO:     127.0.0.1:1 - \"POST /v1/completions HTTP/1.1\" 200 OK\n",
      "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine=\"0\"} "
      "3.0\n"
      "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"100\"} 1.0\n",
      "INFO 05-12 08:04:49 [__init__.py:248] Automatically detected platform cuda.\n"
      "Namespace(backend='vllm', model='m', max_concurrency=64)\n"
      "Maximum request concurrency: 64\n"
      "============ Serving Benchmark Result ============\n"
      "Successful requests:                     80\n",
      "Traceback\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 "
      "GiB.\n",
      "{\"model_id\": \"m\", \"completed\": 3}\n",
      "    log_fn(\n        \"Avg prompt throughput: %.1f tokens/s, \"\n    "
      "logger.info(\"GPU KV "
      "cache size: %s tokens\", n)\n",
      /* another server with some of the same warnings */
      "[2026-02-26 05:24:09 TP4] Using a slow tokenizer. This might cause\n[2026-02-26 "
      "05:24:09 "
      "TP4] Using default MoE config. Performance might be sub-optimal!\n[2026-02-26 "
      "05:24:09 "
      "TP4] Using FP8 KV cache but no scaling factors provided. Defaulting to 1.0\n"
      "[2026-02-26 05:24:09] INFO:     Uvicorn running on http://0.0.0.0:8000\n",
      "# Report\n\n## One\n\n| a | b |\n|---|---|\n\n## Two\n\n```\nINFO 01-01 00:00:00 "
      "[k.py:1] "
      "GPU KV cache size: 99 "
      "tokens\n```\n\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const size_t len = strlen(texts[i]);
    if (kvc_log_looks(texts[i], len)) fail_msg("looks like a log: %s", texts[i]);
    struct read *k = read_pieces(texts[i], len, SIZE_MAX / 2);
    assert_int_equal(k->rc, KVC_E_PARSE);
    assert_true(strlen(k->err.msg) > 20);
    read_free(k);
  }
}

static void fragments_are_told_as_logs(void **state)
{
  static const char *const texts[] = {
      STATS,
      "# GPU blocks: 378, # CPU blocks: 1638\n",
      "05-12 08:04:49 " STATS
      "\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n"
      "19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30\n31\n32\n33\n34\n35\n36\n37\n38\n39"
      "\n40\n41\n"
      "42\n43\n44\n45\n46\n47\n48\n49\n50\n51\n52\n",
      "vllm-1  | ValueError: No available memory for the cache blocks.\n",
      "  | [2025-03-10T15:07:20Z] INFO 03-10 08:07:20 [g.py:1067] Model loading took "
      "0.2389 GB "
      "and 0.977005 seconds\n",
      "(VllmWorkerProcess pid=1) ERROR torch.OutOfMemoryError: CUDA out of memory. Tried",
      "> (EngineCore_DP0 pid=1) To serve at least one request with the models's max seq "
      "len (9)",
      "INFO 05-12 08:04:49 [core.py:1] Initializing a V1 LLM engine (v0.8.5) with "
      "config: mod",
      "============ Serving Benchmark Result ============\n" STATS_LINE("0", "00:00"),
  };
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!kvc_log_looks(texts[i], strlen(texts[i])))
      fail_msg("does not look like a log: %s", texts[i]);
}

static void a_log_with_answers_in_markdown_is_a_log(void **state)
{
  (void)state;
  static char text[8192];
  size_t n = (size_t)snprintf(
      text, sizeof text, "INFO 01-01 00:00:00 [k.py:1] GPU KV cache size: 99 tokens\n");
  for (int i = 0; i < 60; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "## Step %d\n```\n|---|\n", i);
  assert_true(kvc_log_looks(text, n));
}

static void a_full_arena_is_an_error_and_no_crash(void **state)
{
  (void)state;
  for (size_t cap = 1024; cap < 4 << 20; cap *= 2) {
    struct kvc_arena arena;
    struct kvc_log_reader *r;
    struct kvc_serverlog log;
    struct kvc_err err = {0};
    kvc_arena_init(&arena, cap);
    kvc_code rc = kvc_log_open(&arena, "x", &r, &err);
    if (rc == KVC_E_OK) {
      for (int i = 0; i < 3000; i++) kvc_log_feed(r, mixed, sizeof mixed - 1);
      rc = kvc_log_finish(r, &log, &err);
    }
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    if (rc != KVC_E_OK) assert_true(err.msg[0] != '\0');
    kvc_arena_clear(&arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_size_of_the_pieces_does_not_matter),
      cmocka_unit_test(utf_16_is_read_in_both_orders),
      cmocka_unit_test(a_line_that_never_ends_is_cut),
      cmocka_unit_test(a_log_cut_anywhere_gives_no_number_that_is_not_in_it),
      cmocka_unit_test(a_server_that_starts_for_ever_takes_no_more_memory),
      cmocka_unit_test(beyond_the_bound_samples_are_merged_engine_by_engine),
      cmocka_unit_test(a_log_can_be_looked_at_while_it_grows),
      cmocka_unit_test(other_texts_are_refused),
      cmocka_unit_test(fragments_are_told_as_logs),
      cmocka_unit_test(a_log_with_answers_in_markdown_is_a_log),
      cmocka_unit_test(a_full_arena_is_an_error_and_no_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
