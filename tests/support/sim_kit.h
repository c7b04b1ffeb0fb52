/* sim_kit.h - small clocks and engines for tests of the simulator.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef TESTS_SIM_KIT_H
#define TESTS_SIM_KIT_H

#include <stddef.h>
#include <kvcap/sim.h>

/* Seconds of a step = fixed + per_token * its tokens; the steps are noted as they go. */
struct sim_clock {
  double fixed_s, token_s;
  size_t n;
  struct {
    double prefill_tok, decodes, context_tok, longest_tok;
    size_t chunks;
  } seen[256];
};

static inline double sim_clock_time(void *ctx, const struct kvc_step *step)
{
  struct sim_clock *c = ctx;
  double tok = 0;
  for (size_t i = 0; i < step->n_prefills; i++) tok += step->prefills[i].new_tok;
  if (c->n < sizeof c->seen / sizeof *c->seen) {
    c->seen[c->n].prefill_tok = tok;
    c->seen[c->n].decodes = step->decodes;
    c->seen[c->n].context_tok = step->decode_context_tok;
    c->seen[c->n].longest_tok = step->decode_longest_tok;
    c->seen[c->n].chunks = step->n_prefills;
  }
  c->n++;
  return c->fixed_s + c->token_s * (tok + step->decodes);
}

/* A V1 engine with chunked prefill; tests change what they are about. */
static inline struct kvc_sim_config sim_config(struct sim_clock *clock)
{
  return (struct kvc_sim_config){.engine = {.blocks = 1000,
                                            .block_size_tok = 16,
                                            .max_batched_tok = 2048,
                                            .max_num_seqs = 256,
                                            .max_model_len_tok = 4096,
                                            .chunked_prefill = true},
                                 .step_time = sim_clock_time,
                                 .clock = clock,
                                 .keep_requests = true};
}

#endif
