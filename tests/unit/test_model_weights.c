/* test_model_weights.c - bytes of weights: hand-worked, measured, and some laws.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/num.h>
#include <kvcap/weights.h>
#include <string.h>
#include "tests/support/close.h"
#include "tests/support/hf_case.h"

static struct kvc_arena arena;
static struct hf_case *cases;
static size_t n_cases;

static int group_setup(void **state)
{
  struct kvc_err err;
  (void)state;
  kvc_arena_init(&arena, 64u << 20);
  return hf_cases_read(&arena, &cases, &n_cases, &err) == KVC_E_OK ? 0 : -1;
}

static int group_teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_model model(const char *name, const char *quant)
{
  const struct hf_case *c = hf_case_find(cases, n_cases, name);
  struct kvc_model m;
  struct kvc_err err;
  assert_non_null(c);
  if (kvc_hf_model_parse(&arena, c->config, strlen(c->config), name, &m, &err) !=
          KVC_E_OK ||
      (quant != NULL && kvc_hf_quant_apply(&arena, quant, &m, &err) != KVC_E_OK))
    fail_msg("%s: %s", name, err.msg);
  return m;
}

static double heaviest(const struct kvc_model *m, const struct kvc_deploy *deploy,
                       double elem)
{
  double most = 0;
  for (int stage = 0; stage < deploy->pp; stage++) {
    struct kvc_weights w;
    kvc_weights_rank(m, deploy, stage, elem, &w);
    if (w.total_bytes > most) most = w.total_bytes;
  }
  return most;
}

/* "Model loading took X GiB" of public vLLM logs; ids are those of the table of
 * measured servers, whose rows name log and repository. */
static const struct {
  const char *id, *model, *quant;
  int tp, pp;
  double elem_bytes, gib, rtol;
  int mm_items;
} measured[] = {
    {"kv024", "meta-llama/Llama-3.1-8B-Instruct", NULL, 1, 1, 2, 14.99, 1e-3, -1},
    {"kv214", "meta-llama/Llama-3.1-8B-Instruct", NULL, 1, 1, 2, 14.9889, 1e-4, -1},
    {"kv021", "meta-llama/Llama-3.1-8B-Instruct", NULL, 1, 1, 4, 29.98, 1e-3, -1},
    {"kv027", "meta-llama/Llama-3.1-8B-Instruct", NULL, 2, 1, 2, 7.51, 1e-3, -1},
    {"kv028", "meta-llama/Llama-3.1-8B-Instruct", NULL, 4, 1, 2, 3.77, 1e-3, -1},
    {"kv025", "meta-llama/Llama-3.1-8B-Instruct", NULL, 1, 2, 2, 7.51, 1e-3, -1},
    {"kv026", "meta-llama/Llama-3.1-8B-Instruct", NULL, 1, 4, 2, 4.26, 1e-3, -1},
    {"kv019", "meta-llama/Llama-3.1-8B-Instruct", "fp8", 1, 1, 2, 8.49, 1e-3, -1},
    {"kv059", "meta-llama/Llama-3.1-8B-Instruct", "w8a8", 1, 1, 2, 8.49, 1e-3, -1},
    {"kv046", "Qwen/Qwen2.5-7B-Instruct", NULL, 1, 1, 2, 14.25, 1e-3, -1},
    {"kv176", "Qwen/Qwen2.5-7B-Instruct", NULL, 1, 1, 2, 14.2487, 1e-4, -1},
    {"kv052", "Qwen/Qwen2.5-7B-Instruct", NULL, 4, 1, 2, 3.55, 2e-3, -1},
    {"kv005", "Qwen/Qwen2.5-7B-Instruct", "FP8-dynamic", 1, 1, 2, 8.14, 1e-3, -1},
    {"kv128", "Qwen/Qwen3-30B-A3B", NULL, 1, 1, 2, 56.9342, 2e-3, -1},
    {"kv137", "Qwen/Qwen3-30B-A3B", NULL, 2, 1, 2, 28.4571, 1e-4, -1},
    {"kv080", "Qwen/Qwen3-30B-A3B", "fp8", 1, 1, 2, 29.08, 2e-3, -1},
    {"kv043", "Qwen/Qwen1.5-MoE-A2.7B-Chat", NULL, 1, 1, 2, 26.67, 1e-3, -1},
    {"kv002", "deepseek-ai/DeepSeek-V2-Lite-Chat", NULL, 1, 1, 2, 29.43, 2e-3, -1},
    {"kv008", "google/gemma-2-9b-it", NULL, 1, 1, 2, 17.22, 1e-3, -1},
    {"kv012", "google/gemma-7b", NULL, 1, 1, 2, 15.91, 1e-3, -1},
    {"kv010", "google/gemma-3-27b-it", NULL, 1, 1, 2, 51.45, 2e-3, -1},
    {"kv169", "google/gemma-3-27b-it", NULL, 4, 1, 2, 13.1664, 5e-3, -1},
    {"kv179", "bigcode/starcoder2-15b", NULL, 2, 1, 2, 14.8672, 1e-4, -1},
    {"kv013", "ibm-granite/granite-3.1-2b-instruct", NULL, 1, 1, 2, 4.74, 2e-3, -1},
    {"kv040", "openai/gpt-oss-20b", "mxfp4", 1, 1, 2, 13.64, 6e-3, -1},
    {"kv041", "openai/gpt-oss-20b", "mxfp4", 2, 1, 2, 7.01, 1.5e-2, -1},
    {"kv099", "openai/gpt-oss-120b", "mxfp4", 4, 1, 2, 17.22, 2e-3, -1},
    {"kv089", "Qwen/Qwen3-VL-2B-Instruct", NULL, 1, 1, 2, 3.4554, 1e-4, 0},
    {"kv195", "Qwen/Qwen2-VL-7B-Instruct", NULL, 2, 1, 2, 7.7541, 5e-3, -1},
    {"kv063", "rednote-hilab/dots.ocr", NULL, 1, 1, 2, 5.7174, 5e-3, -1},
    {"kv251", "MiniMaxAI/MiniMax-M2", "fp8-block", 4, 1, 2, 53.75, 3e-3, -1},
    {"kv162", "MiniMaxAI/MiniMax-M2", "nvfp4", 1, 1, 2, 125.29, 3e-3, -1},
};

static void a_rank_weighs_what_vllm_printed(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
    const struct kvc_model m = model(measured[i].model, measured[i].quant);
    const struct kvc_deploy d = {.tp = measured[i].tp,
                                 .pp = measured[i].pp,
                                 .dp = 1,
                                 .mm_items = measured[i].mm_items};
    const double gib = heaviest(&m, &d, measured[i].elem_bytes) / KVC_GIB;
    if (!close_to(gib, measured[i].gib, measured[i].rtol))
      fail_msg("%s %s: got %.4f GiB, printed %.4f", measured[i].id, measured[i].model,
               gib, measured[i].gib);
  }
}

/* Bytes of the safetensors files, from their indexes ("total_size"). */
static void a_checkpoint_weighs_what_its_index_says(void **state)
{
  (void)state;
  struct kvc_model m = model("HuggingFaceTB/SmolLM3-3B", NULL);
  assert_close(kvc_checkpoint_bytes(&m), 6150197248, 1e-9);
  m = model("bigscience/bloom-560m", NULL);
  assert_close(kvc_checkpoint_bytes(&m), 2 * 559214592.0, 1e-9);
  m = model("meta-llama/Llama-3.1-8B-Instruct", "bnb-8bit");
  assert_close(kvc_checkpoint_bytes(&m), 9086705888, 1e-3);
}

static void group_scales_and_zero_points_by_hand(void **state)
{ /* one 1x16 attention-free layer would do, but a linear is enough: Llama-3.1-8B's
   * 7 linears a layer hold 218,103,808 weights; AWQ at 4 bits and groups of 128 takes
   * 109,051,904 B, scales 1,703,936 * 2 B, zero points 1,703,936 / 2 B.
   * 32 layers: 3,625,975,808 B; embedding and head 2 * 1,050,673,152 B; norms
   * 65 * 4096 * 2 = 532,480 B */
  (void)state;
  const struct kvc_model m = model("meta-llama/Llama-3.1-8B-Instruct", "awq");
  const double linears = 32.0 * (109051904 + 1703936 * 2.5);
  assert_close(kvc_checkpoint_bytes(&m), linears + 2 * 1050673152.0 + 532480, 1e-12);
}

static void pipeline_stages_share_layers_as_vllm_does(void **state)
{ /* remainders go to the stages before the last, from the back */
  (void)state;
  static const struct {
    size_t layers;
    int pp;
    size_t ends[4];
  } rows[] = {
      {32, 4, {8, 16, 24, 32}},  {33, 2, {17, 33}},         {61, 4, {15, 30, 46, 61}},
      {62, 4, {15, 31, 47, 62}}, {63, 4, {16, 32, 48, 63}}, {3, 4, {1, 2, 3, 3}},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    size_t at = 0;
    for (int stage = 0; stage < rows[r].pp; stage++) {
      size_t first, last;
      kvc_pp_layers(rows[r].layers, rows[r].pp, stage, &first, &last);
      assert_int_equal(first, at);
      at = last;
      if (last != rows[r].ends[stage])
        fail_msg("row %zu stage %d: ends at %zu", r, stage, last);
    }
  }
}

static void mtp_layers_load_only_when_they_draft(void **state)
{
  (void)state;
  const struct kvc_model m = model("XiaomiMiMo/MiMo-7B-Base", NULL);
  struct kvc_deploy d = {.tp = 1, .pp = 1, .dp = 1, .mm_items = -1};
  struct kvc_weights off, on;
  kvc_weights_rank(&m, &d, 0, 2, &off);
  assert_close(off.mtp_bytes, 0, 0);
  d.spec_method = "ngram";
  kvc_weights_rank(&m, &d, 0, 2, &on);
  assert_close(on.total_bytes, off.total_bytes, 0);
  d.spec_method = "mimo_mtp";
  kvc_weights_rank(&m, &d, 0, 2, &on);
  assert_true(on.mtp_bytes > 4e8);
  assert_close(on.total_bytes, off.total_bytes + on.mtp_bytes, 1e-12);
}

static void more_ranks_never_weigh_more_each(void **state)
{
  (void)state;
  static const char *const quants[] = {NULL, "fp8", "awq", "nvfp4", "gptq"};
  for (size_t i = 0; i < n_cases; i++) {
    for (size_t q = 0; q < sizeof quants / sizeof *quants; q++) {
      const struct kvc_model m = model(cases[i].name, quants[q]);
      double before = 1e300;
      for (int tp = 1; tp <= 8; tp *= 2) {
        const struct kvc_deploy d = {.tp = tp, .pp = 1, .dp = 1, .mm_items = -1};
        const double bytes = heaviest(&m, &d, 2);
        if (!(bytes <= before * (1 + 1e-9)) || !(bytes > 0))
          fail_msg("%s: %g bytes at tp %d", cases[i].name, bytes, tp);
        before = bytes;
      }
    }
  }
}

static void the_parts_of_a_rank_add_up(void **state)
{
  (void)state;
  for (size_t i = 0; i < n_cases; i++) {
    const struct kvc_model m = model(cases[i].name, NULL);
    const struct kvc_deploy d = {.tp = 2, .pp = 1, .dp = 1, .mm_items = -1};
    struct kvc_weights w;
    kvc_weights_rank(&m, &d, 0, 2, &w);
    assert_close(w.embed_bytes + w.lm_head_bytes + w.attention_bytes + w.dense_ffn_bytes +
                     w.expert_bytes + w.router_bytes + w.ssm_bytes + w.norm_bytes +
                     w.tower_bytes + w.mtp_bytes + w.other_bytes,
                 w.total_bytes, 1e-12);
  }
}

static void expert_parallelism_keeps_experts_whole(void **state)
{ /* 128 experts over 4 x 2 ranks: 16 each, the same bytes as dividing their width */
  (void)state;
  const struct kvc_model m = model("Qwen/Qwen3-30B-A3B", NULL);
  struct kvc_deploy d = {.tp = 4, .pp = 1, .dp = 2, .mm_items = -1};
  struct kvc_weights split, whole;
  kvc_weights_rank(&m, &d, 0, 2, &split);
  d.expert_parallel = true;
  kvc_weights_rank(&m, &d, 0, 2, &whole);
  assert_close(whole.expert_bytes, 48.0 * 16 * 3 * 2048 * 768 * 2, 1e-3);
  assert_close(split.expert_bytes, whole.expert_bytes, 1e-2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rank_weighs_what_vllm_printed),
      cmocka_unit_test(a_checkpoint_weighs_what_its_index_says),
      cmocka_unit_test(group_scales_and_zero_points_by_hand),
      cmocka_unit_test(pipeline_stages_share_layers_as_vllm_does),
      cmocka_unit_test(mtp_layers_load_only_when_they_draft),
      cmocka_unit_test(more_ranks_never_weigh_more_each),
      cmocka_unit_test(the_parts_of_a_rank_add_up),
      cmocka_unit_test(expert_parallelism_keeps_experts_whole),
  };
  return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
