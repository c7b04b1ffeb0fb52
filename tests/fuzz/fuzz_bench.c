/* fuzz_bench.c - can a hostile benchmark result hurt us?
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What looks like a result is read, what is read has records that can be walked, and
 * the lists of requests are as long as they say.
 */
#include <stdint.h>
#include <kvcap/bench.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double walk(const struct kvc_bench *r)
{
  double sum = 0;
  const double *const lists[] = {r->detail_ttft_s, r->detail_e2e_s, r->detail_input_tok,
                                 r->detail_output_tok, r->detail_start_s};
  if (r->format == NULL || r->n_checks > KVC_BENCH_MAX_CHECKS) abort();
  for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
    for (size_t i = 0; lists[k] != NULL && i < r->n_detail; i++) sum += lists[k][i];
  for (size_t i = 0; i < r->n_extras; i++)
    sum += (double)strlen(r->extras[i].key) + (double)strlen(r->extras[i].value);
  for (size_t i = 0; i < r->n_unknown; i++) sum += (double)strlen(r->unknown[i]);
  for (size_t i = 0; i < r->n_checks; i++) sum += (double)strlen(r->checks[i].key);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct kvc_err err = {.msg = ""};
  struct kvc_bench_set set = {.n_records = 0};
  const struct kvc_bench_source source = {(const char *)data, size, "fuzz"};
  kvc_arena_init(&arena, 64u << 20);
  const kvc_code rc = kvc_bench_read(&arena, &source, &set, &err);
  const bool looks = kvc_bench_looks((const char *)data, size);
  if (rc == KVC_E_OK) {
    if (set.n_records == 0 || !looks) abort();
    for (size_t i = 0; i < set.n_records; i++)
      if (isinf(walk(&set.records[i]))) set.where = NULL;
    for (size_t i = 0; i < set.n_notes; i++)
      if (set.notes[i][0] == '\0') abort();
  } else if (err.msg[0] == '\0') {
    abort();
  }
  kvc_arena_clear(&arena);
  return 0;
}
