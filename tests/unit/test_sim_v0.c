/* test_sim_v0.c - schedules of the V0 engine, worked by hand; a step lasts 1 s.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* clang-format off: cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/support/sim_world.h"

#define S INT64_C(1000000000)

static struct world *open_world(struct world *w)
{
  struct kvc_sim_engine *engine = &open_sim_world(w)->config.engine;
  engine->policy.v0 = true;
  engine->policy.watermark_frac = 0.01;
  engine->chunked_prefill = false;
  engine->max_model_len_tok = engine->max_batched_tok = 1024;
  return w;
}

static void a_step_with_a_prompt_has_no_decodes(void **state)
{
  (void)state;
  struct world w;
  open_world(&w);
  const struct kvc_request q[] = {
      {.prompt_tok = 100, .output_tok = 3},
      {.arrival_ns = S / 2, .prompt_tok = 50, .output_tok = 2}};
  run(&w, q, 2);
  assert_step(&w, 0, 100, 0);
  assert_step(&w, 1, 50, 0);
  assert_step(&w, 2, 0, 2);
  assert_step(&w, 3, 0, 1);
  assert_int_equal(w.clock.n, 4);
  /* Tokens at 1, 3 and 4 s; and at 2 and 3 s. */
  assert_true(w.result.itl_s.n == 3 && w.result.itl_s.max == 2);
  assert_true(w.result.itl_s.min == 1);
  kvc_arena_clear(&w.arena);
}

static void the_watermark_is_kept_free_at_admission(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.blocks = 100;
  /* 50 + 50 of 100 would leave none; one is kept. */
  const struct kvc_request q[] = {{.prompt_tok = 800, .output_tok = 1},
                                  {.prompt_tok = 800, .output_tok = 1}};
  w.config.engine.max_batched_tok = 2000;
  run(&w, q, 2);
  assert_step(&w, 0, 800, 0);
  assert_step(&w, 1, 800, 0);
  kvc_arena_clear(&w.arena);
}

static void
a_decode_without_a_free_block_sends_the_last_back_to_be_recomputed(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.blocks = 5;
  /* 31 + 31 tokens in 2 + 2 blocks, one free.  Step 1 touches it; step 2: the elder
   * takes it, none is left to touch, the younger goes back with 33 known tokens. */
  const struct kvc_request q[] = {{.prompt_tok = 31, .output_tok = 4},
                                  {.prompt_tok = 31, .output_tok = 4}};
  run(&w, q, 2);
  assert_step(&w, 0, 62, 0);
  assert_step(&w, 1, 0, 2);
  assert_step(&w, 2, 0, 1);
  assert_step(&w, 3, 0, 1);
  assert_step(&w, 4, 33, 0);
  assert_step(&w, 5, 0, 1);
  assert_int_equal(w.clock.n, 6);
  assert_int_equal(w.result.requests[1].preemptions, 1);
  kvc_arena_clear(&w.arena);
}

static void a_swapped_sequence_comes_back_without_recomputing(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.blocks = 5;
  w.config.engine.preempt = KVC_PREEMPT_SWAP;
  w.config.engine.swap_blocks = 10;
  w.config.swap_bps = 1e6;
  w.config.block_bytes = 5e5; /* half a second a block */
  const struct kvc_request q[] = {{.prompt_tok = 31, .output_tok = 4},
                                  {.prompt_tok = 31, .output_tok = 4}};
  run(&w, q, 2);
  /* The elder ends at 3 + 1 (two blocks out) + 1 = 5 s; the younger comes back in a
   * step of 1 + 1 s and decodes in it. */
  assert_step(&w, 2, 0, 1);
  assert_int_equal(w.result.requests[0].finish_ns, 5 * S);
  assert_step(&w, 4, 0, 1);
  assert_int_equal(w.result.requests[1].finish_ns, 8 * S);
  assert_int_equal(w.result.swaps, 1);
  assert_int_equal(w.clock.n, 6);
  kvc_arena_clear(&w.arena);
}

static void a_chunked_step_gives_prompts_what_the_decodes_leave(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.chunked_prefill = true;
  w.config.engine.max_batched_tok = 100;
  const struct kvc_request q[] = {{.prompt_tok = 80, .output_tok = 3},
                                  {.prompt_tok = 100, .output_tok = 1}};
  run(&w, q, 2);
  assert_step(&w, 0, 100, 0);
  assert_step(&w, 1, 80, 1);
  assert_step(&w, 2, 0, 1);
  kvc_arena_clear(&w.arena);
}

static void a_delay_factor_lets_prompts_gather(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.scheduler_delay_factor = 2;
  /* The prompt step took 1 s: the second, there since 0.5 s, may start once it has
   * waited more than 2 s, at 3 s. */
  const struct kvc_request q[] = {
      {.prompt_tok = 10, .output_tok = 9},
      {.arrival_ns = S / 2, .prompt_tok = 10, .output_tok = 1}};
  run(&w, q, 2);
  assert_int_equal(w.result.requests[1].scheduled_ns, 3 * S);
  kvc_arena_clear(&w.arena);
}

static void a_new_prompt_waits_for_the_steps_of_a_multi_step_schedule(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.scheduler_steps = 4;
  const struct kvc_request q[] = {
      {.prompt_tok = 10, .output_tok = 9},
      {.arrival_ns = S + 1, .prompt_tok = 10, .output_tok = 1}};
  run(&w, q, 2);
  assert_int_equal(w.result.requests[1].scheduled_ns, 5 * S);
  kvc_arena_clear(&w.arena);
}

static void a_prompt_that_leaves_no_watermark_is_ignored(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->config.engine.blocks = 10;
  w.config.engine.policy.watermark_frac = 0.1;
  const struct kvc_request q[] = {{.prompt_tok = 160, .output_tok = 1},
                                  {.prompt_tok = 16, .output_tok = 1}};
  run(&w, q, 2);
  assert_int_equal(w.result.requests[0].state, KVC_SIM_REJECTED);
  assert_int_equal(w.result.requests[1].state, KVC_SIM_FINISHED);
  kvc_arena_clear(&w.arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_with_a_prompt_has_no_decodes),
      cmocka_unit_test(the_watermark_is_kept_free_at_admission),
      cmocka_unit_test(
          a_decode_without_a_free_block_sends_the_last_back_to_be_recomputed),
      cmocka_unit_test(a_swapped_sequence_comes_back_without_recomputing),
      cmocka_unit_test(a_chunked_step_gives_prompts_what_the_decodes_leave),
      cmocka_unit_test(a_delay_factor_lets_prompts_gather),
      cmocka_unit_test(a_new_prompt_waits_for_the_steps_of_a_multi_step_schedule),
      cmocka_unit_test(a_prompt_that_leaves_no_watermark_is_ignored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
