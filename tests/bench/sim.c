/* sim.c - how many requests and steps a second the simulator does, and the memory it
 * peaks at (target bench-sim).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: sim [REQUESTS]
 */
#include <kvcap/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/support/sim_plain.h"

static double now_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* About an 8-billion model on one H100. */
static double clock_8b(void *ctx, const struct kvc_step *step)
{
  (void)ctx;
  double tok = step->decodes;
  for (size_t i = 0; i < step->n_prefills; i++) tok += step->prefills[i].new_tok;
  return 0.0062 + 30e-6 * tok + 4e-8 * step->decode_context_tok;
}

struct load {
  const char *name;
  double rate_per_s; /* 0: closed loop; below 0: that share of what the server holds */
  int clients;
  int32_t prompt_tok, output_tok;
  bool caching, spread;
  int64_t blocks;
};

static const struct load loads[] = {
    {"3/s of 2048+256", 3, 0, 2048, 256, false, false, 28000},
    {"3/s of 2048+256, prefix cache", 3, 0, 2048, 256, true, false, 28000},
    {"closed loop of 256, 2048+256", 0, 256, 2048, 256, false, false, 40000},
    {"the same, blocks for 195", 0, 256, 2048, 256, false, false, 28000},
    {"24/s of 500+300, lognormal", 24, 0, 500, 300, false, true, 28000},
    {"80 % of most, 500+300", -0.8, 0, 500, 300, false, false, 28000},
    {"80 % of most, lognormal", -0.8, 0, 500, 300, false, true, 28000},
};

static kvc_code draw(struct kvc_arena *arena, const struct load *l, double rate_per_s,
                     int clients, size_t n, struct kvc_traffic *out, struct kvc_err *err)
{
  const enum kvc_length_kind kind = l->spread ? KVC_LEN_LOGNORMAL : KVC_LEN_FIXED;
  const struct kvc_traffic_spec spec = {
      .arrivals = clients > 0 ? KVC_ARRIVE_CLOSED : KVC_ARRIVE_RATE,
      .rate_per_s = rate_per_s,
      .clients = clients,
      .requests = n,
      .prompt = {.kind = kind, .mean = l->prompt_tok, .spread = 0.5, .max = 4000},
      .output = {.kind = kind, .mean = l->output_tok, .spread = 0.5, .max = 4000}};
  return kvc_traffic_make(arena, &spec, 1, out, err);
}

static struct kvc_sim_config server(const struct load *l)
{
  return (struct kvc_sim_config){.engine = {.policy = {.reserve_full_isl = true},
                                            .blocks = l->blocks,
                                            .block_size_tok = 16,
                                            .max_batched_tok = 8192,
                                            .max_num_seqs = 256,
                                            .max_model_len_tok = 8192,
                                            .chunked_prefill = true,
                                            .prefix_caching = l->caching,
                                            .async_scheduling = true},
                                 .step_time = clock_8b};
}

/* What the server holds: a closed loop with always somebody waiting. */
static kvc_code most(const struct load *l, double *rate_per_s, struct kvc_err *err)
{
  enum { N = 20000, CLIENTS = 512 };
  struct kvc_arena arena;
  struct kvc_traffic traffic;
  struct kvc_sim_result r;
  const struct kvc_sim_config config = server(l);
  kvc_arena_init(&arena, (size_t)1 << 30);
  kvc_code rc = draw(&arena, l, 0, CLIENTS, N, &traffic, err);
  if (rc == KVC_E_OK) rc = kvc_sim_run(&arena, &config, &traffic, &r, err);
  if (rc == KVC_E_OK) *rate_per_s = r.requests_per_s;
  kvc_arena_clear(&arena);
  return rc;
}

/* How much longer the plain scheduler takes. */
static kvc_code against_plain(const struct load *l, double rate_per_s,
                              struct kvc_err *err)
{
  enum { N = 50000 };
  struct kvc_arena arena;
  struct kvc_traffic traffic;
  struct kvc_sim_result r;
  struct kvc_sim_config config = server(l);
  config.keep_requests = true;
  kvc_arena_init(&arena, (size_t)1 << 30);
  kvc_code rc = draw(&arena, l, rate_per_s, 0, N, &traffic, err);
  double begin = now_s();
  if (rc == KVC_E_OK) rc = kvc_sim_run(&arena, &config, &traffic, &r, err);
  const double lazy_s = now_s() - begin;
  struct plain_seq *plain = calloc(N, sizeof *plain);
  if (rc == KVC_E_OK && plain != NULL) {
    begin = now_s();
    plain_run(&config, &traffic, plain);
    const double plain_s = now_s() - begin;
    size_t apart = 0;
    for (size_t i = 0; i < N; i++) apart += r.requests[i].finish_ns != plain[i].finish_ns;
    printf("%-30s %9d %7.3f %11.0f  the plain scheduler; the simulator does them in %.3f "
           "s, %.1f times as fast; %zu ends differ\n",
           "", N, plain_s, N / plain_s, lazy_s, plain_s / lazy_s, apart);
  }
  free(plain);
  kvc_arena_clear(&arena);
  return rc;
}

static kvc_code run(const struct load *l, size_t n, struct kvc_err *err)
{
  struct kvc_arena arena;
  struct kvc_traffic traffic;
  struct kvc_sim_result r;
  const struct kvc_sim_config config = server(l);
  double rate_per_s = l->rate_per_s;
  char name[64];
  (void)snprintf(name, sizeof name, "%s", l->name);
  if (rate_per_s < 0) {
    KVC_TRY(most(l, &rate_per_s, err));
    rate_per_s *= -l->rate_per_s;
    (void)snprintf(name, sizeof name, "%s: %.1f/s", l->name, rate_per_s);
  }
  kvc_arena_init(&arena, (size_t)4 << 30);
  const double begin = now_s();
  KVC_TRY(draw(&arena, l, rate_per_s, l->clients, n, &traffic, err));
  KVC_TRY(kvc_sim_run(&arena, &config, &traffic, &r, err));
  const double wall = now_s() - begin;
  struct rusage used;
  (void)getrusage(RUSAGE_SELF, &used);
  printf("%-30s %9zu %7.3f %11.0f %11.0f %7.1f %7.3f %8.2f %6lld\n", name, n, wall,
         (double)n / wall, (double)r.steps / wall, (double)used.ru_maxrss / 1024,
         r.ttft_s.mean, r.tpot_s.mean * 1e3, (long long)r.preemptions);
  kvc_arena_clear(&arena);
  return l->rate_per_s < 0 ? against_plain(l, rate_per_s, err) : KVC_E_OK;
}

int main(int argc, char **argv)
{
  const size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100000;
  printf("%-30s %9s %7s %11s %11s %7s %7s %8s %6s\n", "load", "requests", "wall s",
         "requests/s", "steps/s", "MiB", "TTFT s", "TPOT ms", "preempt");
  for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
    /* A process each, so that the peak memory is its own. */
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      struct kvc_err err = {0};
      if (run(&loads[i], n, &err) == KVC_E_OK) return 0;
      fprintf(stderr, "%s: %s\n", loads[i].name, err.msg);
      return 1;
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}
