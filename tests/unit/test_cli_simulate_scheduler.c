/* test_cli_simulate_scheduler.c - kvcap simulate: what only some releases schedule.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "cli_kit.h"
#include "tests/support/close.h"

#define V0                                                                               \
  "simulate", "Qwen/Qwen3-8B", "--gpu", "A100-SXM4-80GB", "--vllm-version", "0.8.5",     \
      "--engine", "V0", "--max-model-len", "2048", "--format", "json"
#define LOAD "--input-len", "512", "--output-len", "300", "--num-prompts", "100"
#define ONE "--input-len", "512", "--output-len", "64", "--num-prompts", "8", "-q", "fp8"

static double figure_of(const char *const *words, const char *path)
{
  struct kit_run r = kit_run(words);
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const double v = kit_number(root, path);
  cJSON_Delete(root);
  kit_done(&r);
  return v;
}
#define FIGURE(path, ...) figure_of((const char *const[]){V0, __VA_ARGS__, NULL}, path)

/* 2,000 blocks hold 32,000 tokens, 100 requests ask for 81,200. */
#define TIGHT LOAD, "--num-gpu-blocks-override", "2000"

static void requests_are_recomputed_unless_told_to_swap(void **state)
{
  (void)state;
  assert_true(FIGURE("preemptions", TIGHT) > 0);
  assert_close(FIGURE("swaps", TIGHT), 0, 1e-12);
  const double swaps = FIGURE("swaps", TIGHT, "--preemption-mode", "swap");
  assert_true(swaps > 0);
  assert_close(FIGURE("preemptions", TIGHT, "--preemption-mode", "swap"), swaps, 1e-12);
  assert_close(FIGURE("swaps", TIGHT, "--preemption-mode", "recompute"), 0, 1e-12);
}

/* A block of this model is 16 x 36 x 2 x 8 x 128 x 2 bytes, 2.25 MiB: a tenth of a GiB
 * is 45 of them, and a request of 512 tokens holds 32 at least: one at a time goes. */
static void swap_space_bounds_what_is_swapped(void **state)
{
  (void)state;
  const double all = FIGURE("swaps", TIGHT, "--preemption-mode", "swap");
  const double few =
      FIGURE("swaps", TIGHT, "--preemption-mode", "swap", "--swap-space", "0.1");
  const double none =
      FIGURE("swaps", TIGHT, "--preemption-mode", "swap", "--swap-space", "0");
  assert_true(few > 0 && few < all);
  assert_close(none, 0, 1e-12);
}

/* The host's part of a step of one sequence is the same in every step, so of 8 steps one
 * pays for it and seven do not. */
static void several_steps_share_the_work_of_the_host(void **state)
{
  (void)state;
  const double host_s = FIGURE("decode_step.host_s", ONE, "--concurrency", "1");
  const double one = FIGURE("tpot.mean_s", ONE, "--concurrency", "1");
  const double eight =
      FIGURE("tpot.mean_s", ONE, "--concurrency", "1", "--num-scheduler-steps", "8");
  assert_true(host_s > 0);
  assert_close(one - eight, host_s * 7 / 8, 1e-3 * host_s);
}

static void a_prompt_waits_for_the_last_step_of_a_plan(void **state)
{
  (void)state;
  const double one = FIGURE("ttft.mean_s", LOAD, "--rate", "4");
  const double many =
      FIGURE("ttft.mean_s", LOAD, "--rate", "4", "--num-scheduler-steps", "16");
  assert_true(many > 1.3 * one);
}

static void a_delay_factor_gathers_prompts(void **state)
{
  (void)state;
  const double now = FIGURE("queue.mean_s", LOAD, "--rate", "6");
  const double late =
      FIGURE("queue.mean_s", LOAD, "--rate", "6", "--scheduler-delay-factor", "2");
  assert_true(late > now + 0.03);
}

/* Ten blocks of 16: a request of 100 + 28 tokens takes eight and touches one; 40 slots
 * ahead are three blocks more, so it can never be served. */
static void slots_ahead_take_blocks(void **state)
{
  (void)state;
#define TEN                                                                              \
  "--input-len", "100", "--output-len", "28", "--num-prompts", "3",                      \
      "--num-gpu-blocks-override", "10", "--max-model-len", "128",                       \
      "--max-num-batched-tokens", "2048"
  assert_close(FIGURE("simulated.requests", TEN), 3, 1e-12);
  struct kit_run r =
      kit_run((const char *const[]){V0, TEN, "--num-lookahead-slots", "40", NULL});
  assert_int_equal(r.status, 4);
  assert_non_null(strstr(r.err, "no request can be served"));
  kit_done(&r);
}

/* V0 with chunks mixes prompts and decodes: a decode is never shut out by a prompt. */
static void chunks_of_v0_shorten_the_longest_gap(void **state)
{
  (void)state;
#define MIX                                                                              \
  "--input-len", "1500", "--output-len", "100", "--num-prompts", "60", "--rate", "4"
  const double whole = FIGURE("itl.p99_s", MIX);
  const double chunked = FIGURE("itl.p99_s", MIX, "--enable-chunked-prefill",
                                "--max-num-batched-tokens", "512");
  assert_true(chunked < 0.8 * whole);
}

static void what_the_release_or_the_engine_lacks_is_refused(void **state)
{
  static const struct {
    const char *version, *engine, *words[3], *says;
  } cases[] = {
      {"0.5.0", "V0", {"--preemption-mode", "swap"}, "it came with 0.5.1"},
      {"0.5.3", "V0", {"--num-scheduler-steps", "4"}, "it came with 0.5.5"},
      {"0.19.0", "V1", {"--num-scheduler-steps", "4"}, "use --async-scheduling"},
      {"0.19.0", "V1", {"--scheduler-delay-factor", "1"}, "it went with 0.11.0"},
      {"0.19.0", "V1", {"--num-lookahead-slots", "4"}, "it went with 0.12.0"},
      {"0.9.0", "V1", {"--preemption-mode", "swap"}, "--engine V0 asks for the other"},
      {"0.9.0", "V1", {"--async-scheduling"}, "it came with 0.10.0"},
      {"0.7.3", "V0", {"--long-prefill-token-threshold", "99"}, "the V1 engine only"},
      {"0.6.3", "V0", {"--long-prefill-token-threshold", "99"}, "it came with 0.7.3"},
      {"0.8.5", "V0", {"--scheduling-policy", "priority"}, "the V1 engine only"},
      {"0.19.0", "V1", {"--watermark", "0.1"}, "it came with 0.24.0"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r =
        KIT_RUN("simulate", "Qwen/Qwen2.5-7B-Instruct", "--gpu", "A100-SXM4-80GB",
                "--vllm-version", cases[i].version, "--engine", cases[i].engine, LOAD,
                cases[i].words[0], cases[i].words[1]);
    if (r.status != 3 || strstr(r.err, cases[i].says) == NULL ||
        strstr(r.err, cases[i].words[0]) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    kit_done(&r);
  }
}

static void notes_say(const char *const *words, const char *what)
{
  struct kit_run r = kit_run(words);
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *one;
  bool found = false;
  cJSON_ArrayForEach(one, kit_at(root, "notes")) found =
      found || strstr(one->valuestring, what) != NULL;
  if (!found) fail_msg("no note of \"%s\": %s", what, r.out);
  cJSON_Delete(root);
  kit_done(&r);
}

static void what_is_not_simulated_is_said(void **state)
{
  (void)state;
  notes_say((const char *const[]){V0, LOAD, "--max-num-partial-prefills", "4", NULL},
            "--max-num-partial-prefills can change the schedule");
  notes_say((const char *const[]){V0, LOAD, "--swap-space", "8", NULL},
            "unless --preemption-mode swap");
  notes_say((const char *const[]){"simulate", "Qwen/Qwen3-8B", "--gpu", "H100",
                                  "--vllm-version", "0.11.0", "--format", "json", LOAD,
                                  "--swap-space", "8", NULL},
            "the V1 engine never swaps");
  notes_say((const char *const[]){V0, LOAD, "--enable-lora", NULL},
            "no request waits for one of the --max-loras slots");
}

static void several_steps_and_drafts_exclude_each_other(void **state)
{
  (void)state;
  struct kit_run r = kit_run((const char *const[]){
      V0, LOAD, "--num-scheduler-steps", "4", "--speculative-config",
      "{\"method\": \"ngram\", \"num_speculative_tokens\": 3}", NULL});
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "exclude each other"));
  kit_done(&r);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_recomputed_unless_told_to_swap),
      cmocka_unit_test(swap_space_bounds_what_is_swapped),
      cmocka_unit_test(several_steps_share_the_work_of_the_host),
      cmocka_unit_test(a_prompt_waits_for_the_last_step_of_a_plan),
      cmocka_unit_test(a_delay_factor_gathers_prompts),
      cmocka_unit_test(slots_ahead_take_blocks),
      cmocka_unit_test(chunks_of_v0_shorten_the_longest_gap),
      cmocka_unit_test(what_the_release_or_the_engine_lacks_is_refused),
      cmocka_unit_test(what_is_not_simulated_is_said),
      cmocka_unit_test(several_steps_and_drafts_exclude_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
