/* serving.h - a table of measured serving points, and kvcap's answer to each.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_SERVING_H
#define KVC_TESTS_SERVING_H

#include <kvcap/speed.h>

struct serving_row {
  char id[24], gpu[48], model[96], version[48], series[160], source2[8];
  char quant[40], kv_dtype[16], dataset[48], flags[256];
  int tp, pp, dp, ep;
  double input_tok, output_tok, rate, concurrency, prompts, seqs, batched;
  double tpot_s, ttft_s, tok_s; /* measured, NaN when not */
  bool check, steady;
};

struct serving_result {
  double tpot_s, ttft_s, output_tok_s;
  enum kvc_speed_source source;
  struct kvc_step_cost step; /* a plain decode step in the middle of the run */
};

/* Rows of grade A and a serving kind. */
kvc_code serving_read(struct kvc_arena *arena, const char *path, struct serving_row *rows,
                      size_t room, size_t *n, struct kvc_err *err) KVC_MUST_USE;
kvc_code serving_run(const struct serving_row *row, const struct kvc_speed_facts *facts,
                     const struct kvc_tune *tune, struct serving_result *out,
                     struct kvc_err *err) KVC_MUST_USE;
/* log(predicted / measured) of TPOT, TTFT or throughput; NaN when not measured. */
double serving_error(const struct serving_row *row, const struct serving_result *result,
                     size_t figure);
void serving_print(const struct serving_row *row, const struct serving_result *result);

/* ---- the little scheduler (serving_loop.c) */
struct serving_load {
  double input_tok, output_tok, jitter, rate, concurrency, seqs, budget, pool_tok;
  size_t prompts;
  size_t lag; /* steps between arrival and scheduling while the server is busy */
  bool steady;
};
bool serving_loop(const struct serving_load *load, struct kvc_latency *latency,
                  struct serving_result *out);

#endif
