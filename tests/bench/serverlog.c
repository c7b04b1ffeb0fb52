/* serverlog.c - how fast a server's log is read, and the memory it takes
 * (bench_serverlog). SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: bench_serverlog [GIB]
 *
 * The text is made in memory: access-log lines, a line of statistics every fifty, some
 * long lines and progress bars; 64 MiB of it are fed until GIB (1) are read.  Texts made
 * to be slow follow, which must not be slower by more than a constant.
 */
#include <stdint.h>
#include <kvcap/serverlog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
  TEXT_BYTES = 64 << 20,
  PIECE_BYTES = 256 << 10,
  ARENA_CAP = 64 << 20,
  LONG_BYTES = 1000000
};

/* Of the processor: what else the machine does is not measured. */
static double now_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double peak_bytes(void)
{
  struct rusage used;
  (void)getrusage(RUSAGE_SELF, &used);
  return (double)used.ru_maxrss * 1024;
}

static unsigned next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* One line into text[0..room); 0 when it does not fit. */
static size_t line(char *text, size_t room, unsigned i, uint32_t *state)
{
  int n;
  const unsigned s = i / 50, a = next(state), b = next(state);
  if (i % 50 == 0)
    n = snprintf(
        text, room,
        "INFO 05-%02u %02u:%02u:%02u [loggers.py:271] Engine 000: Avg prompt "
        "throughput: %u.%u tokens/s, Avg generation throughput: %u.%u tokens/s, "
        "Running: %u reqs, Waiting: %u reqs, GPU KV cache usage: %u.%u%%, Prefix "
        "cache hit rate: %u.%u%%\n",
        1 + s / 86400 % 28, s / 3600 % 24, s / 60 % 60, s % 60, a % 9000, a % 10,
        b % 4000, b % 10, a % 256, b % 50, a % 100, b % 10, b % 100, a % 10);
  else if (i % 997 == 0)
    n = snprintf(
        text, room,
        "INFO 05-01 00:00:00 [logger.py:41] Received request cmpl-%08x: prompt: "
        "'%01500u', params: SamplingParams(n=1, temperature=0.7, max_tokens=%u)\n",
        a, b, a % 4096);
  else if (i % 211 == 0)
    n = snprintf(
        text, room,
        "(EngineCore pid=%u) DEBUG 05-01 00:00:00 [core.py:1108] EngineCore loop "
        "active.\n",
        a % 9999);
  else
    n = snprintf(text, room,
                 "INFO:     127.0.0.1:%u - \"POST /v1/completions HTTP/1.1\" 200 OK\n",
                 1024 + a % 60000);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

/* Feeds text until 'total' bytes are read; MB/s. */
static double run(const char *text, size_t len, double total, struct kvc_serverlog *out)
{
  struct kvc_arena arena;
  struct kvc_log_reader *r;
  struct kvc_err err;
  kvc_arena_init(&arena, ARENA_CAP);
  if (kvc_log_open(&arena, "bench", &r, &err) != KVC_E_OK) exit(1);
  const double begin = now_s();
  double fed = 0;
  while (fed < total) {
    for (size_t i = 0; i < len; i += PIECE_BYTES)
      kvc_log_feed(r, text + i, len - i < PIECE_BYTES ? len - i : PIECE_BYTES);
    fed += (double)len;
  }
  const kvc_code rc = kvc_log_finish(r, out, &err);
  const double s = now_s() - begin;
  if (rc != KVC_E_OK && rc != KVC_E_PARSE) {
    fprintf(stderr, "%s\n", err.msg);
    exit(1);
  }
  kvc_arena_clear(&arena);
  return fed / s / 1e6;
}

/* A text that repeats 'what', in lines as long as they are read. */
static double hostile(char *text, const char *what, struct kvc_serverlog *out)
{
  const size_t n = strlen(what);
  for (size_t i = 0; i + n <= TEXT_BYTES / 4; i += n) memcpy(text + i, what, n);
  for (size_t i = LONG_BYTES; i < TEXT_BYTES / 4; i += LONG_BYTES) text[i] = '\n';
  return run(text, TEXT_BYTES / 4 / n * n, 1, out);
}

int main(int argc, char **argv)
{
  static struct kvc_serverlog log;
  static const char *const worst[] = {
      "\n",
      "\r\n",
      "aaaa",
      "Avg prompt throughput: ",
      "Avg prompt throughput: 1.0 tokens/s, ",
      "Avg prompt throughput: 1.0 tokens/s\n",
      "GPU KV cache usage: ",
      "non-default args: {",
      "non-default args: {\n",
      "Initializing a V1 LLM engine (v0.9.0) with config: \n",
      "CUDA out of memory. Tried to allocate ",
      "Free memory on device (",
      "SpecDecoding metrics: ",
      "\x1b]\x1b[1;",
      "(EngineCore pid=1) died unexpectedly ",
      "API server version 0.9.0\n",
      "API server version 0.9.0\nnon-default args: {\nCUDA out of memory\n",
  };
  char *text = malloc(TEXT_BYTES);
  const double gib = argc > 1 ? (double)strtol(argv[1], NULL, 10) : 1;
  uint32_t state = 7;
  size_t len = 0;
  if (text == NULL) return 1;
  for (unsigned i = 0;; i++) {
    const size_t n = line(text + len, TEXT_BYTES - len, i, &state);
    if (n == 0) break;
    len += n;
  }
  const double before = peak_bytes();
  const double speed = run(text, len, gib * (double)(1 << 30), &log);
  printf("%.0f MB/s of processor time, %.1f MB beside the text\n", speed,
         (peak_bytes() - before) / 1e6);
  printf("%.2f GB, %llu lines, %llu requests, %llu lines of statistics in %zu samples\n",
         (double)log.bytes / 1e9, (unsigned long long)log.lines,
         (unsigned long long)log.requests, (unsigned long long)log.sample_lines,
         log.n_samples);
  for (size_t i = 0; i < sizeof worst / sizeof *worst; i++)
    printf("%6.0f MB/s of \"%.*s\"\n", hostile(text, worst[i], &log),
           (int)strcspn(worst[i], "\r\n"), worst[i]);
  free(text);
  return 0;
}
