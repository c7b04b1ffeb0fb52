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
  double rate_per_s; /* 0: closed loop */
  int clients;
  int32_t prompt_tok, output_tok;
  bool caching, poisson_lengths;
  int64_t blocks;
};

static const struct load loads[] = {
    {"3/s of 2048+256", 3, 0, 2048, 256, false, false, 28000},
    {"3/s of 2048+256, prefix cache", 3, 0, 2048, 256, true, false, 28000},
    {"closed loop of 256, 2048+256", 0, 256, 2048, 256, false, false, 40000},
    {"the same, blocks for 195", 0, 256, 2048, 256, false, false, 28000},
    {"24/s of 500+300, lognormal", 24, 0, 500, 300, false, true, 28000},
};

static int run(const struct load *l, size_t n)
{
  struct kvc_arena arena;
  struct kvc_err err = {0};
  struct kvc_traffic traffic;
  struct kvc_sim_result r;
  kvc_arena_init(&arena, (size_t)4 << 30);
  const enum kvc_length_kind kind =
      l->poisson_lengths ? KVC_LEN_LOGNORMAL : KVC_LEN_FIXED;
  const struct kvc_traffic_spec spec = {
      .arrivals = l->clients > 0 ? KVC_ARRIVE_CLOSED : KVC_ARRIVE_RATE,
      .rate_per_s = l->rate_per_s,
      .clients = l->clients,
      .requests = n,
      .prompt = {.kind = kind, .mean = l->prompt_tok, .spread = 0.5, .max = 4000},
      .output = {.kind = kind, .mean = l->output_tok, .spread = 0.5, .max = 4000}};
  const struct kvc_sim_config config = {.engine = {.policy = {.reserve_full_isl = true},
                                                   .blocks = l->blocks,
                                                   .block_size_tok = 16,
                                                   .max_batched_tok = 8192,
                                                   .max_num_seqs = 256,
                                                   .max_model_len_tok = 8192,
                                                   .chunked_prefill = true,
                                                   .prefix_caching = l->caching,
                                                   .async_scheduling = true},
                                        .step_time = clock_8b};
  const double begin = now_s();
  if (kvc_traffic_make(&arena, &spec, 1, &traffic, &err) != KVC_E_OK ||
      kvc_sim_run(&arena, &config, &traffic, &r, &err) != KVC_E_OK) {
    fprintf(stderr, "%s: %s\n", l->name, err.msg);
    return 1;
  }
  const double wall = now_s() - begin;
  struct rusage used;
  (void)getrusage(RUSAGE_SELF, &used);
  printf("%-30s %9zu %7.3f %11.0f %11.0f %7.1f %7.3f %8.2f %6lld\n", l->name, n, wall,
         (double)n / wall, (double)r.steps / wall, (double)used.ru_maxrss / 1024,
         r.ttft_s.mean, r.tpot_s.mean * 1e3, (long long)r.preemptions);
  kvc_arena_clear(&arena);
  return 0;
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
    if (child == 0) return run(&loads[i], n);
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}
