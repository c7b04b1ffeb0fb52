/* test_speed_price.c - the time of a step, against figures worked by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/latency.h>
#include <kvcap/ops.h>
#include <math.h>
#include "tests/support/toy.h"

static struct kvc_arena arena;
static struct kvc_layer layers[32];
static struct kvc_model model;
static struct kvc_setting set;
static struct kvc_mem_facts facts;
static struct kvc_gpu gpu;
static struct kvc_kernels kernels;
static struct kvc_speed_facts speed;

/* An A100: 2039 GB/s, 312 TFLOP/s; kernels at 79 % of one and 80 % of the other, and
 * nothing else costs time. */
static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 8 << 20);
  model = toy_llama(layers);
  set = toy_setting();
  facts = toy_facts();
  gpu = (struct kvc_gpu){.name = "Toy-A100",
                         .memory_bps = {.value = 2039e9},
                         .bf16_flops = {.value = 312e12},
                         .link = "NVLink3",
                         .link_bps = {.value = 600e9}};
  kernels = (struct kvc_kernels){.name = "Toy-A100", .n_curves = 3};
  const enum kvc_curve_op op[3] = {KVC_CURVE_GEMM, KVC_CURVE_PREFILL, KVC_CURVE_DECODE};
  for (size_t i = 0; i < 3; i++)
    kernels.curves[i] = (struct kvc_curve){
        .op = op[i], .memory_frac = 0.79, .flops_frac = 0.80, .sharpness = 64};
  speed = (struct kvc_speed_facts){0};
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_latency *prepared(void)
{
  struct kvc_latency *l;
  struct kvc_err err;
  const struct kvc_latency_input in = {.gpu = &gpu,
                                       .model = &model,
                                       .setting = &set,
                                       .facts = &facts,
                                       .kernels = &kernels,
                                       .speed = &speed};
  assert_int_equal(kvc_latency_prepare(&arena, &in, &l, &err), KVC_E_OK);
  return l;
}

static struct kvc_step decode(double seqs, double context)
{
  return (struct kvc_step){.decodes = seqs,
                           .decode_tok = seqs,
                           .decode_context_tok = seqs * context,
                           .decode_longest_tok = context,
                           .running = seqs};
}

static void assert_within(double got, double want, double rel)
{
  if (fabs(got - want) > rel * want)
    fail_msg("%g is not within %g of %g", got, rel, want);
}

/* Llama-3.1-8B: 7.50e9 parameters are read (8.03 less the embedding of 0.525), 15.0 GB;
 * 15.0 / (0.79 x 2039) = 9.3 ms. */
static void one_sequence_takes_the_time_to_read_the_weights(void **state)
{
  (void)state;
  const struct kvc_latency *l = prepared();
  const struct kvc_step step = decode(1, 100);
  struct kvc_step_cost c;
  kvc_latency_price(l, &step, &c);
  assert_within(c.gemm_s + c.logits_s, 15.01e9 / (0.79 * 2039e9), 0.01);
  assert_within(c.bound_s, 15.02e9 / 2039e9, 0.01);
  assert_true(c.memory_bound);
}

/* 64 sequences of 8192 tokens: 131072 bytes a token, 68.7 GB: 42.7 ms at 79 %. */
static void decode_attention_reads_the_cache_of_every_sequence(void **state)
{
  (void)state;
  const struct kvc_latency *l = prepared();
  const struct kvc_step step = decode(64, 8192);
  struct kvc_step_cost c;
  kvc_latency_price(l, &step, &c);
  assert_within(c.attention_s, 64 * 8192 * 131072.0 / (0.79 * 2039e9), 0.01);
}

/* 2048 tokens through 6.98e9 parameters of the layers: 28.6 TFLOP, 114.5 ms at 80 % of
 * 312; between them a token moves 188416 bytes a layer, 12.3 GB, 8.1 ms at 75 % of 2039;
 * attention 2048^2 / 2 pairs x 2 x 32 heads x 256 x 32 layers: 1.10 TFLOP. */
static void a_prompt_takes_its_arithmetic(void **state)
{
  (void)state;
  const struct kvc_latency *l = prepared();
  const struct kvc_chunk chunk = {2048, 0, true};
  const struct kvc_step step = {.prefills = &chunk, .n_prefills = 1, .running = 1};
  struct kvc_step_cost c;
  kvc_latency_price(l, &step, &c);
  const double between = 2048 * 32 * 188416.0 / (0.75 * 2039e9);
  assert_within(c.gemm_s, 2 * 2048 * 6.98e9 / (0.8 * 312e12) + between, 0.005);
  assert_within(c.attention_s, 1.0995e12 / (0.8 * 312e12), 0.01);
  assert_true(c.total_s >= c.bound_s && c.bound_s > 0.0917);
}

/* Two prompts of 8 tokens, on kernels that take 1 ms to start: 32 layers, 32 starts. */
static void prompts_of_a_step_are_attended_in_one_launch(void **state)
{
  (void)state;
  for (size_t i = 0; i < kernels.n_curves; i++)
    if (kernels.curves[i].op == KVC_CURVE_PREFILL) kernels.curves[i].fixed_s = 1e-3;
  const struct kvc_latency *l = prepared();
  const struct kvc_chunk chunks[2] = {{8, 0, true}, {8, 0, true}};
  const struct kvc_step step = {.prefills = chunks, .n_prefills = 2, .running = 2};
  struct kvc_step_cost c;
  kvc_latency_price(l, &step, &c);
  assert_within(c.attention_s, 0.032, 0.02);
}

/* Clocks fall under a long load: 114.5 ms of matrices at the table's speed are 143. */
static void ampere_keeps_four_fifths_of_its_arithmetic(void **state)
{
  (void)state;
  gpu.architecture = "Ampere";
  const struct kvc_latency *l = prepared();
  const struct kvc_chunk chunk = {2048, 0, true};
  const struct kvc_step step = {.prefills = &chunk, .n_prefills = 1, .running = 1};
  struct kvc_step_cost c;
  kvc_latency_price(l, &step, &c);
  const double between = 2048 * 32 * 188416.0 / (0.75 * 2039e9);
  assert_within(c.gemm_s, 2 * 2048 * 6.98e9 / (0.64 * 312e12) + between, 0.005);
}

static void a_decode_batch_is_padded_to_captured_sizes(void **state)
{
  (void)state;
  const struct kvc_latency *l = prepared();
  const double want[][2] = {{1, 1},   {2, 2},     {3, 4},     {5, 8},     {9, 16},
                            {17, 24}, {255, 256}, {257, 272}, {512, 512}, {513, 513}};
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
    assert_within(kvc_latency_padded(l, want[i][0]), want[i][1], 1e-12);
}

/* A host that needs 10 ms beside 9.4 ms of GPU costs the difference when it overlaps
 * and all of it when it does not. */
static void host_time_beside_the_gpu_costs_only_what_sticks_out(void **state)
{
  (void)state;
  const struct kvc_step step = decode(1, 100);
  struct kvc_step_cost before, beside, plain;
  kvc_latency_price(prepared(), &step, &plain);
  speed.step_s = 0.010;
  kvc_latency_price(prepared(), &step, &before);
  speed.hidden_frac = 1;
  kvc_latency_price(prepared(), &step, &beside);
  assert_within(before.total_s, plain.total_s + 0.010, 1e-9);
  assert_within(beside.total_s, 0.010, 1e-9);
}

/* NCCL without a curve: 16 us and 75 % of 300 GB/s; 2 a layer, 64 tokens of 8 KiB. */
static void tensor_parallelism_adds_two_reductions_a_layer(void **state)
{
  (void)state;
  set.tp = 2;
  const struct kvc_step step = decode(64, 100);
  struct kvc_step_cost c;
  kvc_latency_price(prepared(), &step, &c);
  assert_within(c.comm_s, 64 * (16e-6 + 64 * 8192.0 / (0.75 * 300e9)), 1e-6);
}

/* A draft of the model's own size, three tokens: 3 x 15.0 GB at 80 % of 2039 GB/s. */
static void drafting_reads_the_draft_for_every_token(void **state)
{
  (void)state;
  const struct kvc_step step = decode(1, 100);
  struct kvc_step_cost plain, drafted;
  kvc_latency_price(prepared(), &step, &plain);
  set.spec_tokens = 3;
  set.draft = &model;
  kvc_latency_price(prepared(), &step, &drafted);
  assert_within(drafted.total_s - plain.total_s, 3 * 15.01e9 / (0.8 * 2039e9), 0.01);
}

static void a_step_without_tokens_takes_no_time(void **state)
{
  (void)state;
  const struct kvc_step step = {0};
  assert_true(kvc_latency_step(prepared(), &step) == 0);
}

static void a_gpu_without_bandwidth_is_refused(void **state)
{
  (void)state;
  struct kvc_latency *l;
  struct kvc_err err;
  gpu.memory_bps.value = (double)NAN;
  const struct kvc_latency_input in = {
      .gpu = &gpu, .model = &model, .setting = &set, .facts = &facts, .speed = &speed};
  assert_int_equal(kvc_latency_prepare(&arena, &in, &l, &err), KVC_E_UNSUPPORTED);
  assert_string_equal(err.where, "Toy-A100");
}

/* Each of two tokens takes 1 of 4 experts: the chance that one of four is missed by
 * r x 2 tokens is (3/4)^(0.65 x 2). */
static void experts_touched_follow_the_chance_of_being_missed(void **state)
{
  (void)state;
  assert_within(kvc_experts_touched(4, 4, 1, 2), 4 * (1 - pow(0.75, 1.3)), 1e-9);
  assert_within(kvc_experts_touched(8, 8, 8, 1), 8, 1e-9);
  assert_within(kvc_experts_touched(8, 8, 2, 1e6), 8, 1e-9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(one_sequence_takes_the_time_to_read_the_weights),
      TEST(decode_attention_reads_the_cache_of_every_sequence),
      TEST(a_prompt_takes_its_arithmetic),
      TEST(prompts_of_a_step_are_attended_in_one_launch),
      TEST(ampere_keeps_four_fifths_of_its_arithmetic),
      TEST(a_decode_batch_is_padded_to_captured_sizes),
      TEST(host_time_beside_the_gpu_costs_only_what_sticks_out),
      TEST(tensor_parallelism_adds_two_reductions_a_layer),
      TEST(drafting_reads_the_draft_for_every_token),
      TEST(a_step_without_tokens_takes_no_time),
      TEST(a_gpu_without_bandwidth_is_refused),
      TEST(experts_touched_follow_the_chance_of_being_missed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
