/* bench_json.c - how fast benchmark results are read.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: bench_bench_json [FILE...]   without files: a made-up run with details
 */
#include <kvcap/bench.h>
#include <kvcap/file.h>
#include <kvcap/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REQUESTS = 5000, GAPS = 200 };

static double now_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double random_s(unsigned *state)
{
  *state = *state * 1664525u + 1013904223u;
  return (double)*state / 4294967296.0 / 7;
}

static void add_list(struct kvc_buf *buf, const char *name, int count, unsigned *state)
{
  kvc_buf_printf(buf, ", \"%s\": [", name);
  for (int i = 0; i < count; i++)
    kvc_buf_printf(buf, i > 0 ? ", %.17g" : "%.17g", random_s(state));
  kvc_buf_puts(buf, "]");
}

static void make(struct kvc_buf *buf)
{
  unsigned state = 1;
  kvc_buf_puts(buf, "{\"request_throughput\": 1.0, \"mean_ttft_ms\": 70.0");
  add_list(buf, "ttfts", REQUESTS, &state);
  kvc_buf_puts(buf, ", \"output_lens\": [201");
  for (int i = 1; i < REQUESTS; i++) kvc_buf_puts(buf, ", 201");
  kvc_buf_puts(buf, "], \"itls\": [[0.1]");
  for (int i = 1; i < REQUESTS; i++) {
    kvc_buf_puts(buf, ", [0.01");
    for (int k = 1; k < GAPS; k++) kvc_buf_printf(buf, ", %.17g", random_s(&state));
    kvc_buf_puts(buf, "]");
  }
  kvc_buf_puts(buf, "]}");
}

static void measure(const char *name, const char *text, size_t len)
{
  struct kvc_arena arena;
  struct kvc_bench_set set;
  struct kvc_err err;
  const struct kvc_bench_source source = {text, len, name};
  kvc_arena_init(&arena, (size_t)2 << 30);
  const double start = now_s();
  const kvc_code rc = kvc_bench_read(&arena, &source, &set, &err);
  const double read = now_s() - start;
  const bool looks = kvc_bench_looks(text, len);
  const double look = now_s() - start - read;
  printf("%-40s %9.3f MB: read %7.1f MB/s, look %7.1f MB/s, %s\n", name,
         (double)len / 1e6, (double)len / 1e6 / read, (double)len / 1e6 / look,
         rc != KVC_E_OK ? err.msg
         : looks        ? "a result"
                        : "no result?");
  kvc_arena_clear(&arena);
}

int main(int argc, char **argv)
{
  struct kvc_buf buf;
  kvc_buf_init(&buf, (size_t)256 << 20);
  if (argc < 2) {
    make(&buf);
    measure("(made up)", buf.text, buf.len);
  }
  for (int i = 1; i < argc; i++) {
    struct kvc_arena arena;
    struct kvc_err err;
    char *text;
    size_t len;
    kvc_arena_init(&arena, (size_t)1 << 30);
    if (kvc_file_read_into(&arena, argv[i], KVC_BENCH_MAX_BYTES, &text, &len, &err) ==
        KVC_E_OK)
      measure(argv[i], text, len);
    else
      (void)fprintf(stderr, "%s: %s\n", err.where, err.msg);
    kvc_arena_clear(&arena);
  }
  kvc_buf_clear(&buf);
  return 0;
}
