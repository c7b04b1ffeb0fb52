/* start.c - how long `kvcap size` takes from exec to exit, and the memory it peaks at
 * (target bench-start).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: start KVCAP [ARGUMENT]...
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <fcntl.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 5, RUNS = 200 };

static double now_s(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One run with its output thrown away: seconds and peak resident bytes. */
static void run(char **argv, double *wall_s, double *peak_bytes)
{
  struct rusage used;
  int status;
  const double begin = now_s();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    (void)dup2(null, STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) {
    fprintf(stderr, "%s did not run well\n", argv[0]);
    exit(1);
  }
  *wall_s = now_s() - begin;
  *peak_bytes = (double)used.ru_maxrss * 1024;
}

int main(int argc, char **argv)
{
  char *usual[] = {NULL,
                   "size",
                   "--model",
                   "meta-llama/Meta-Llama-3-8B-Instruct",
                   "--gpu",
                   "A100-80G",
                   "--max-model-len",
                   "8192",
                   "--prompt-tokens",
                   "500",
                   "--output-tokens",
                   "300",
                   NULL};
  static double wall_s[RUNS], peak_bytes[RUNS];
  if (argc < 2) {
    fprintf(stderr, "usage: start KVCAP [ARGUMENT]...\n");
    return 2;
  }
  usual[0] = argv[1];
  char **command = argc > 2 ? argv + 1 : usual;
  for (int i = -WARM_UP; i < RUNS; i++)
    run(command, &wall_s[i < 0 ? 0 : i], &peak_bytes[i < 0 ? 0 : i]);
  gsl_sort(wall_s, 1, RUNS);
  gsl_sort(peak_bytes, 1, RUNS);
  printf("%d runs: min %.2f ms, median %.2f ms, max %.2f ms; peak memory %.1f MB\n", RUNS,
         wall_s[0] * 1e3, gsl_stats_median_from_sorted_data(wall_s, 1, RUNS) * 1e3,
         wall_s[RUNS - 1] * 1e3, peak_bytes[RUNS - 1] / 1e6);
  return 0;
}
