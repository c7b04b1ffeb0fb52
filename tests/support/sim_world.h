/* sim_world.h - a simulator whose steps are kept, for schedules worked by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A step lasts 1 s unless a test says otherwise.  Include after cmocka.h.
 */
#ifndef KVC_TESTS_SIM_WORLD_H
#define KVC_TESTS_SIM_WORLD_H

#include "tests/support/sim_kit.h"

struct world {
  struct kvc_arena arena;
  struct sim_clock clock;
  struct kvc_sim_config config;
  struct kvc_sim_result result;
};

static inline struct world *open_sim_world(struct world *w)
{
  *w = (struct world){.clock = {.fixed_s = 1}};
  kvc_arena_init(&w->arena, 1 << 26);
  w->config = sim_config(&w->clock);
  return w;
}

static inline void run(struct world *w, const struct kvc_request *items, size_t n)
{
  struct kvc_err err = {0};
  const struct kvc_traffic t = {.items = items, .n = n};
  const kvc_code rc = kvc_sim_run(&w->arena, &w->config, &t, &w->result, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
}

static inline void assert_step(const struct world *w, size_t i, double prefill,
                               double decodes)
{
  assert_true(i < w->clock.n);
  assert_int_equal(w->clock.seen[i].prefill_tok, prefill);
  assert_int_equal(w->clock.seen[i].decodes, decodes);
}

#endif
