/* test_sim_v1.c - schedules of the V1 engine, worked by hand, step by step.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A step lasts 1 s unless a test says otherwise, so a time is a number of steps.
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

static void one_request_takes_one_prefill_and_a_decode_for_each_later_token(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w);
  const struct kvc_request q[] = {
      {.arrival_ns = 5 * S, .prompt_tok = 100, .output_tok = 4}};
  run(&w, q, 1);
  assert_int_equal(w.clock.n, 4);
  assert_step(&w, 0, 100, 0);
  assert_step(&w, 1, 0, 1);
  assert_int_equal(w.clock.seen[1].context_tok, 100);
  assert_int_equal(w.clock.seen[3].context_tok, 102);
  assert_int_equal(w.clock.seen[3].longest_tok, 102);
  assert_int_equal(w.result.requests[0].scheduled_ns, 5 * S);
  assert_int_equal(w.result.requests[0].first_token_ns, 6 * S);
  assert_int_equal(w.result.requests[0].finish_ns, 9 * S);
  assert_true(w.result.tpot_s.mean == 1);
  assert_true(w.result.itl_s.n == 3 && w.result.itl_s.mean == 1);
  kvc_arena_clear(&w.arena);
}

static void a_prompt_is_cut_where_the_budget_ends(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.max_batched_tok = 100;
  /* Step 0: 80 + 20 of the second.  Step 1: a decode, then 99 of its other 130;
   * step 2: a decode and the last 31.  Step 3: both decode. */
  const struct kvc_request q[] = {{.prompt_tok = 80, .output_tok = 4},
                                  {.prompt_tok = 150, .output_tok = 2}};
  run(&w, q, 2);
  assert_step(&w, 0, 100, 0);
  assert_step(&w, 1, 99, 1);
  assert_step(&w, 2, 31, 1);
  assert_step(&w, 3, 0, 2);
  assert_int_equal(w.clock.n, 4);
  assert_int_equal(w.result.requests[1].first_token_ns, 3 * S);
  kvc_arena_clear(&w.arena);
}

static void without_chunking_a_prompt_waits_for_a_step_that_takes_it_whole(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.chunked_prefill = false;
  w.config.engine.max_batched_tok = w.config.engine.max_model_len_tok = 200;
  const struct kvc_request q[] = {{.prompt_tok = 80, .output_tok = 3},
                                  {.prompt_tok = 150, .output_tok = 1}};
  run(&w, q, 2);
  assert_step(&w, 0, 80, 0);
  assert_step(&w, 1, 150, 1);
  assert_step(&w, 2, 0, 1);
  kvc_arena_clear(&w.arena);
}

static void a_long_prompt_goes_in_pieces_of_the_threshold(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.long_prefill_threshold_tok = 64;
  const struct kvc_request q[] = {{.prompt_tok = 150, .output_tok = 1},
                                  {.prompt_tok = 30, .output_tok = 3}};
  run(&w, q, 2);
  assert_step(&w, 0, 94, 0);
  assert_step(&w, 1, 64, 1);
  assert_step(&w, 2, 22, 1);
  kvc_arena_clear(&w.arena);
}

static void a_head_that_does_not_fit_holds_back_those_behind_it(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 10;
  /* 96 tokens hold 6 blocks; the second wants 5 of the other 4, and the third, which
   * would fit, waits behind it until step 3. */
  const struct kvc_request q[] = {{.prompt_tok = 90, .output_tok = 3},
                                  {.prompt_tok = 70, .output_tok = 1},
                                  {.prompt_tok = 10, .output_tok = 1}};
  run(&w, q, 3);
  assert_step(&w, 0, 90, 0);
  assert_step(&w, 1, 0, 1);
  assert_step(&w, 3, 80, 0);
  assert_int_equal(w.result.requests[2].scheduled_ns, 3 * S);
  assert_true(w.result.kv_peak_frac == 0.6);
  kvc_arena_clear(&w.arena);
}

static void the_youngest_is_preempted_and_recomputed(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 4;
  /* Both hold 2 blocks of 16 after their prompts of 31.  Step 1 writes token 32 of
   * both; step 2 needs a third block each: the younger leaves with 33 known tokens.
   * The elder ends in step 4 (5 tokens); step 5 recomputes 33 and goes on. */
  const struct kvc_request q[] = {{.prompt_tok = 31, .output_tok = 5},
                                  {.prompt_tok = 31, .output_tok = 5}};
  run(&w, q, 2);
  assert_step(&w, 0, 62, 0);
  assert_step(&w, 1, 0, 2);
  assert_step(&w, 2, 0, 1);
  assert_step(&w, 3, 0, 1);
  assert_step(&w, 4, 0, 1);
  assert_step(&w, 5, 33, 0);
  assert_step(&w, 6, 0, 1);
  assert_step(&w, 7, 0, 1);
  assert_int_equal(w.clock.n, 8);
  assert_int_equal(w.result.preemptions, 1);
  assert_int_equal(w.result.requests[1].preemptions, 1);
  assert_int_equal(w.result.requests[1].finish_ns, 8 * S);
  assert_true(w.result.itl_s.max == 4); /* from the end of step 1 to that of step 5 */
  assert_int_equal(w.result.itl_s.n, 8);
  kvc_arena_clear(&w.arena);
}

static void a_preempted_request_finds_its_own_blocks_again(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 5;
  w.config.engine.prefix_caching = true;
  /* As above with a block more: step 2 gives it to the elder, the younger leaves its
   * two full blocks behind; 32 of its 33 tokens are found again in step 5. */
  const struct kvc_request q[] = {{.prompt_tok = 31, .output_tok = 5},
                                  {.prompt_tok = 31, .output_tok = 5}};
  run(&w, q, 2);
  assert_int_equal(w.result.preemptions, 1);
  assert_step(&w, 2, 0, 1);
  assert_step(&w, 4, 0, 1); /* it lacks one block as long as the elder holds three */
  assert_step(&w, 5, 1, 0);
  assert_step(&w, 6, 0, 1);
  kvc_arena_clear(&w.arena);
}

static void nobody_is_admitted_in_a_step_that_preempted(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 6;
  /* Two of 47 hold 3 + 3.  In step 2 both want a fourth: the younger goes and frees 3,
   * which the small third one may not have before step 3; and then it stands behind
   * the preempted head that needs 4. */
  const struct kvc_request q[] = {{.prompt_tok = 47, .output_tok = 4},
                                  {.prompt_tok = 47, .output_tok = 4},
                                  {.arrival_ns = S, .prompt_tok = 5, .output_tok = 1}};
  run(&w, q, 3);
  assert_step(&w, 2, 0, 1);
  assert_step(&w, 3, 0, 1);
  assert_step(&w, 4, 54, 0);
  kvc_arena_clear(&w.arena);
}

static void a_shared_prefix_is_computed_once_and_never_the_last_token(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.prefix_caching = true;
  const struct kvc_request q[] = {
      {.prompt_tok = 64, .output_tok = 1, .prefix_tok = 64, .prefix_id = 1},
      {.arrival_ns = S,
       .prompt_tok = 64,
       .output_tok = 1,
       .prefix_tok = 64,
       .prefix_id = 1},
      {.arrival_ns = 2 * S,
       .prompt_tok = 70,
       .output_tok = 1,
       .prefix_tok = 64,
       .prefix_id = 1},
      {.arrival_ns = 3 * S,
       .prompt_tok = 64,
       .output_tok = 1,
       .prefix_tok = 64,
       .prefix_id = 2}};
  run(&w, q, 4);
  assert_step(&w, 0, 64, 0);
  assert_step(&w, 1, 16, 0); /* 3 blocks: of 64 tokens at most 63 may be hits */
  assert_step(&w, 2, 6, 0);
  assert_step(&w, 3, 64, 0);
  assert_int_equal(w.result.cached_tok, 48 + 64);
  kvc_arena_clear(&w.arena);
}

static void a_turn_finds_the_answers_of_the_turns_before(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.prefix_caching = true;
  /* 32 + 33 tokens, the last of which is not in the cache: 64 are, 4 blocks. */
  const struct kvc_request q[] = {{.prompt_tok = 32, .output_tok = 33, .session = 1},
                                  {.arrival_ns = 2 * S,
                                   .prompt_tok = 100,
                                   .output_tok = 1,
                                   .session = 1,
                                   .after = 1}};
  run(&w, q, 2);
  assert_int_equal(w.result.requests[1].arrival_ns, 35 * S);
  assert_int_equal(w.result.requests[1].cached_tok, 64);
  kvc_arena_clear(&w.arena);
}

static void the_least_recently_used_blocks_are_forgotten_tail_first(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.prefix_caching = true;
  w.config.engine.blocks = 6;
  /* 4 blocks of prefix 1 are left cached; the second takes the 2 unused ones and then
   * the tail of them, so 3 blocks are found by the third. */
  const struct kvc_request q[] = {
      {.prompt_tok = 64, .output_tok = 1, .prefix_tok = 64, .prefix_id = 1},
      {.arrival_ns = S, .prompt_tok = 48, .output_tok = 1},
      {.arrival_ns = 2 * S,
       .prompt_tok = 80,
       .output_tok = 1,
       .prefix_tok = 64,
       .prefix_id = 1}};
  run(&w, q, 3);
  assert_int_equal(w.result.requests[2].cached_tok, 48);
  kvc_arena_clear(&w.arena);
}

static void
admission_by_the_whole_prompt_waits_where_its_first_chunk_would_fit(void **state)
{
  (void)state;
  const int64_t expected[] = {1 * S, 4 * S}; /* with the elder, or when it has ended */
  for (int full = 0; full < 2; full++) {
    struct world w;
    open_sim_world(&w)->config.engine.blocks = 10;
    w.config.engine.max_batched_tok = 65;
    w.config.engine.policy.reserve_full_isl = full;
    const struct kvc_request q[] = {
        {.prompt_tok = 60, .output_tok = 4},
        {.arrival_ns = S / 2, .prompt_tok = 120, .output_tok = 1}};
    run(&w, q, 2);
    assert_int_equal(w.result.requests[1].scheduled_ns, expected[full]);
    kvc_arena_clear(&w.arena);
  }
}

static void the_watermark_holds_only_while_something_runs(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 10;
  w.config.engine.policy.watermark_frac = 0.3;
  w.config.engine.policy.watermark_if_busy = true;
  const struct kvc_request q[] = {{.prompt_tok = 140, .output_tok = 2},
                                  {.prompt_tok = 10, .output_tok = 1}};
  run(&w, q, 2);
  assert_step(&w, 0, 140, 0); /* 9 of 10, above the mark of 3: it is alone */
  assert_step(&w, 1, 0, 1);
  assert_step(&w, 2, 10, 0);
  kvc_arena_clear(&w.arena);
}

/* Requests of one moment, blocks for less than all their prompts: were the first of the
 * equals the victim, each would lose what it had in turn, for ever. */
static void equals_under_the_priority_policy_do_not_turn_in_circles(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w);
  w.config.engine.priority = true;
  w.config.engine.policy.reserve_full_isl = false;
  w.config.engine.blocks = 8;
  w.config.engine.long_prefill_threshold_tok = 16;
  w.config.max_steps = 1000;
  struct kvc_request q[6];
  for (size_t i = 0; i < 6; i++)
    q[i] = (struct kvc_request){.prompt_tok = 100, .output_tok = 20};
  run(&w, q, 6);
  assert_int_equal(w.result.balance.finished, 6);
  assert_int_equal(w.result.requests[0].preemptions, 0);
  assert_true(w.result.preemptions > 0);
  kvc_arena_clear(&w.arena);
}

static void the_least_urgent_is_the_victim_under_the_priority_policy(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 4;
  w.config.engine.priority = true;
  const struct kvc_request q[] = {{.prompt_tok = 31, .output_tok = 5, .priority = 9},
                                  {.prompt_tok = 31, .output_tok = 5, .priority = 1}};
  run(&w, q, 2);
  assert_int_equal(w.result.requests[0].preemptions, 1);
  assert_int_equal(w.result.requests[1].preemptions, 0);
  assert_int_equal(w.result.requests[1].finish_ns, 5 * S);
  kvc_arena_clear(&w.arena);
}

static void no_more_run_than_max_num_seqs(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.max_num_seqs = 2;
  const struct kvc_request q[] = {{.prompt_tok = 8, .output_tok = 2},
                                  {.prompt_tok = 8, .output_tok = 3},
                                  {.prompt_tok = 8, .output_tok = 1}};
  run(&w, q, 3);
  assert_step(&w, 0, 16, 0);
  assert_step(&w, 1, 0, 2);
  assert_step(&w, 2, 8, 1);
  kvc_arena_clear(&w.arena);
}

static double host_time(void *ctx, const struct kvc_step *step)
{
  (void)ctx, (void)step;
  return 0.25;
}

static void async_scheduling_hides_the_host_and_wastes_a_slot_on_a_stop(void **state)
{
  (void)state;
  for (int async = 0; async < 2; async++) {
    struct world w;
    struct kvc_err err = {0};
    open_sim_world(&w)->config.host_time = host_time;
    w.config.engine.async_scheduling = async;
    const struct kvc_request q[] = {{.prompt_tok = 8, .output_tok = 2},
                                    {.prompt_tok = 8, .output_tok = 4}};
    const struct kvc_traffic t = {.items = q, .n = 2, .ends_by_stop = true};
    assert_int_equal(kvc_sim_run(&w.arena, &w.config, &t, &w.result, &err), KVC_E_OK);
    assert_int_equal(w.result.requests[1].finish_ns, async ? 4 * S : 5 * S);
    assert_step(&w, 2, 0, async ? 2 : 1);
    assert_step(&w, 3, 0, 1);
    assert_int_equal(w.result.wasted_slots, async ? 1 : 0);
    kvc_arena_clear(&w.arena);
  }
}

static void blocks_ahead_are_taken_with_the_first_that_is_needed(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.policy.prealloc_tok = 64;
  const struct kvc_request q[] = {{.prompt_tok = 16, .output_tok = 2}};
  run(&w, q, 1);
  assert_true(w.result.kv_peak_frac == 0.005); /* 1 + 4 of 1000, good for the decode */
  kvc_arena_clear(&w.arena);
}

static void a_prompt_that_no_cache_or_model_holds_is_rejected(void **state)
{
  (void)state;
  struct world w;
  open_sim_world(&w)->config.engine.blocks = 10;
  const struct kvc_request q[] = {{.prompt_tok = 161, .output_tok = 1},
                                  {.prompt_tok = 4096, .output_tok = 1},
                                  {.prompt_tok = 16, .output_tok = 1}};
  run(&w, q, 3);
  assert_int_equal(w.result.balance.rejected, 2);
  assert_int_equal(w.result.balance.finished, 1);
  kvc_arena_clear(&w.arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_request_takes_one_prefill_and_a_decode_for_each_later_token),
      cmocka_unit_test(a_prompt_is_cut_where_the_budget_ends),
      cmocka_unit_test(without_chunking_a_prompt_waits_for_a_step_that_takes_it_whole),
      cmocka_unit_test(a_long_prompt_goes_in_pieces_of_the_threshold),
      cmocka_unit_test(a_head_that_does_not_fit_holds_back_those_behind_it),
      cmocka_unit_test(the_youngest_is_preempted_and_recomputed),
      cmocka_unit_test(a_preempted_request_finds_its_own_blocks_again),
      cmocka_unit_test(nobody_is_admitted_in_a_step_that_preempted),
      cmocka_unit_test(a_shared_prefix_is_computed_once_and_never_the_last_token),
      cmocka_unit_test(a_turn_finds_the_answers_of_the_turns_before),
      cmocka_unit_test(the_least_recently_used_blocks_are_forgotten_tail_first),
      cmocka_unit_test(
          admission_by_the_whole_prompt_waits_where_its_first_chunk_would_fit),
      cmocka_unit_test(the_watermark_holds_only_while_something_runs),
      cmocka_unit_test(equals_under_the_priority_policy_do_not_turn_in_circles),
      cmocka_unit_test(the_least_urgent_is_the_victim_under_the_priority_policy),
      cmocka_unit_test(no_more_run_than_max_num_seqs),
      cmocka_unit_test(async_scheduling_hides_the_host_and_wastes_a_slot_on_a_stop),
      cmocka_unit_test(blocks_ahead_are_taken_with_the_first_that_is_needed),
      cmocka_unit_test(a_prompt_that_no_cache_or_model_holds_is_rejected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
