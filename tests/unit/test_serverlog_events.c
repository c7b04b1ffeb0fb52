/* test_serverlog_events.c - failures and warnings, and what only looks like one.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "serverlog_kit.h"

static const double MIB = 1024.0 * 1024.0;

static const struct {
  enum kvc_log_kind kind;
  const char *line;
  double value, value2;
} cases[] = {
    {KVC_LOG_PREEMPTION,
     "WARNING 07-23 03:54:01 [scheduler.py:1] Sequence group cmpl-1 is preempted by "
     "PreemptionMode.RECOMPUTE mode because there is not enough KV cache space. "
     "Increase "
     "gpu_memory_utilization. total_num_cumulative_preemption=51",
     51, (double)NAN},
    {KVC_LOG_PREEMPTION,
     "WARNING 07-23 03:54:01 scheduler.py:1] Sequence group 9 is preempted by "
     "PreemptionMode.SWAP mode because x. total_cumulative_preemption_cnt=1",
     1, (double)NAN},
    {KVC_LOG_OOM,
     "(VllmWorkerProcess pid=1) ERROR 03-02 19:49:43 [m.py:242] "
     "torch.OutOfMemoryError: CUDA "
     "out of memory. Tried to allocate 20.00 MiB. GPU 2 has a total capacity of 14.62 "
     "GiB",
     20 * 1048576.0, (double)NAN},
    {KVC_LOG_OOM, "(EngineCore pid=3) torch.AcceleratorError: CUDA error: out of memory",
     (double)NAN, (double)NAN},
    {KVC_LOG_OOM,
     "(EngineCore pid=3) torch.OutOfMemoryError: HIP out of memory. Tried to allocate "
     "1.50 "
     "GiB. GPU 0 has",
     1.5 * 1073741824.0, (double)NAN},
    {KVC_LOG_OOM,
     "(EngineCore pid=3) RuntimeError: CUDA out of memory occurred when warming up "
     "sampler "
     "with 1024 dummy requests.",
     (double)NAN, (double)NAN},
    {KVC_LOG_OOM,
     "(EngineCore pid=3) jax.errors: RESOURCE_EXHAUSTED: Error allocating device "
     "buffer",
     (double)NAN, (double)NAN},
    {KVC_LOG_NO_KV,
     "ERROR 11-18 18:07:28 engine.py:366] ValueError: No available memory for the "
     "cache "
     "blocks. Try increasing `gpu_memory_utilization`",
     (double)NAN, (double)NAN},
    {KVC_LOG_NO_KV,
     "(EngineCore pid=3) ValueError: Cannot auto-fit max_model_len: not enough GPU "
     "memory",
     (double)NAN, (double)NAN},
    {KVC_LOG_KV_TOO_SMALL,
     "vllm-1  | ValueError: The model's max seq len (32768) is larger than the maximum "
     "number "
     "of tokens that can be stored in KV cache (16832). Try increasing",
     16832, 32768},
    {KVC_LOG_KV_TOO_SMALL,
     "> ERROR 04-05 01:12:55 [core.py:390] ValueError: To serve at least one request "
     "with the "
     "models's max seq len (1048576), (24.00 GB KV cache is needed, which is larger "
     "than the "
     "available KV cache memory (9.97 GB). Try increasing",
     (double)NAN, 1048576},
    {KVC_LOG_KV_TOO_SMALL,
     "(EngineCore pid=3) ValueError: To serve at least one request with the model's "
     "max seq len "
     "(262144), (24.0 GiB KV cache is needed, which is larger than the available KV "
     "cache "
     "memory (3.18 GiB). Based on the available memory, the estimated maximum model "
     "length is "
     "34736. Try increasing",
     34736, 262144},
    {KVC_LOG_FREE_MEMORY,
     "(EngineCore pid=3) ValueError: Free memory on device cuda:0 (10.50/79.25 GiB) on "
     "startup "
     "is less than desired GPU memory utilization (0.9, 71.25 GiB). Decrease GPU "
     "memory",
     10.5 * 1073741824.0, 71.25 * 1073741824.0},
    {KVC_LOG_ENGINE_DEAD,
     "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root "
     "cause above.",
     (double)NAN, (double)NAN},
    {KVC_LOG_ENGINE_DEAD,
     "vllm.engine.async_llm_engine.AsyncEngineDeadError: Task finished", (double)NAN,
     (double)NAN},
    {KVC_LOG_ENGINE_DEAD,
     "(EngineCore pid=3) ERROR 10-29 08:32:36 [m.py:154] Worker proc VllmWorker-0 died "
     "unexpectedly, shutting down executor.",
     (double)NAN, (double)NAN},
    {KVC_LOG_IGNORED_PROMPT,
     "WARNING 02-20 17:08:38 scheduler.py:949] Input prompt (100005 tokens) is too "
     "long and "
     "exceeds limit of 2048",
     100005, 2048},
    {KVC_LOG_IGNORED_PROMPT,
     "ERROR 02-20 17:08:38 [s.py:9] ValueError: The decoder prompt (length 8357) is "
     "longer than "
     "the maximum model length of 8192. Make sure",
     8357, 8192},
    {KVC_LOG_EAGER,
     "WARNING 05-19 02:38:06 config.py:9] To see benefits of async output processing, "
     "enable "
     "CUDA graph. Since, enforce-eager is enabled, async output processor cannot be "
     "used",
     (double)NAN, (double)NAN},
    {KVC_LOG_EAGER,
     "(EngineCore pid=3) INFO 05-19 02:38:06 [vllm.py:1081] Cudagraph is disabled "
     "under eager "
     "mode",
     (double)NAN, (double)NAN},
    {KVC_LOG_NO_CUSTOM_ALLREDUCE,
     "WARNING 10-06 15:56:46 [custom_all_reduce.py:144] Custom allreduce is disabled "
     "because "
     "it's not supported on more than two PCIe-only GPUs.",
     (double)NAN, (double)NAN},
    {KVC_LOG_PREFIX_CACHE_OFF,
     "INFO 10-06 15:56:46 [config.py:1] Hybrid or mamba-based model detected: "
     "disabling prefix "
     "caching since it is not yet supported.",
     (double)NAN, (double)NAN},
    {KVC_LOG_CHUNKED_OFF,
     "INFO 10-06 15:56:46 [a.py:1376] Chunked prefill is not supported for ARM and "
     "POWER CPUs; "
     "disabling it for V1 backend.",
     (double)NAN, (double)NAN},
    {KVC_LOG_KV_SCALES,
     "(Worker_TP1 pid=307) WARNING 02-12 19:47:46 [kv_cache.py:104] Using KV cache "
     "scaling "
     "factor 1.0 for fp8_e4m3. If this is unintended, verify",
     (double)NAN, (double)NAN},
    {KVC_LOG_SLOW_TOKENIZER,
     "WARNING 02-12 19:47:46 [registry.py:1] Using a slow tokenizer. This might cause",
     (double)NAN, (double)NAN},
    {KVC_LOG_DEFAULT_MOE,
     "WARNING 02-12 19:47:46 [fused_moe.py:1] Using default MoE config. Performance "
     "might be",
     (double)NAN, (double)NAN},
};

static void every_kind_is_known_by_its_text(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024];
    (void)snprintf(text, sizeof text, "%s\nUsing max model len 8\n", cases[i].line);
    struct read *k = read_log(text);
    const struct kvc_log_event *e = event_of(k, cases[i].kind);
    if (e == NULL || k->log.n_events != 1)
      fail_msg("%zu events in: %s", k->log.n_events, cases[i].line);
    assert_int_equal(e->count, 1);
    assert_int_equal(e->line, 1);
    is_about(e->value, cases[i].value, cases[i].line, __LINE__);
    is_about(e->value2, cases[i].value2, cases[i].line, __LINE__);
    read_free(k);
  }
}

static void hints_and_prompts_are_no_failures(void **state)
{
  static const char *const lines[] = {
      "INFO 03-19 06:27:28 model_runner.py:1406] CUDA graphs can take additional 1~3 GiB "
      "memory "
      "per GPU. If you are running out of memory, consider decreasing "
      "`gpu_memory_utilization` or enforcing eager mode.",
      "INFO 03-19 06:27:28 model_runner.py:1] If out-of-memory error occurs during "
      "cudagraph "
      "capture, consider decreasing `gpu_memory_utilization`",
      "WARNING 07-28 15:08:32 [platform.py:1] * (Out of Memory) errors or inference "
      "hangs.",
      "INFO 03-19 06:27:28 async_llm_engine.py:1] Received request 1: prompt: 'what is "
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. and No "
      "available memory for the cache blocks', Avg prompt throughput: 9.0 tokens/s",
      "INFO 03-19 06:27:28 [config.py:1] Using fp8 data type to store kv cache. "
      "Meanwhile, it "
      "may cause accuracy drop without a proper scaling factor",
      "DEBUG 03-19 06:27:28 [config.py:1] Chunked prefill is not supported with "
      "token_embed and "
      "token_classify tasks",
      "INFO 03-19 06:27:28 [config.py:1] Disabled the custom all-reduce kernel because "
      "it is not "
      "supported on current platform.",
      "    raise ValueError(f\"prompt is longer than the maximum model length of "
      "{limit}\")",
      "(EngineCore pid=1) INFO 1] grpc: RESOURCE_EXHAUSTED: message too large",
      "(APIServer pid=1) resource_tracker: process died unexpectedly, relaunching.",
  };
  (void)state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "%s\nINFO 03-19 06:27:28 [a.py:1] Using max model len 8\n", lines[i]);
    struct read *k = read_log(text);
    if (k->log.n_events != 0)
      fail_msg("%s in: %s", kvc_log_kind_name(k->log.events[0].kind), lines[i]);
    assert_int_equal(k->log.n_samples, 0);
    read_free(k);
  }
}

static void lines_of_a_kind_are_counted_and_the_first_is_shown(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.9.0\n"
      "(Worker_TP0 pid=1) ERROR 01-01 00:00:03 [core.py:1] "
      "\x1b[31mtorch.OutOfMemoryError: CUDA "
      "out of memory.\x1b[0m Tried to allocate 1.50 GiB. \xff\x01 \xc3\xa9\n"
      "(Worker_TP1 pid=2) ERROR 01-01 00:00:03 [core.py:1] torch.OutOfMemoryError: CUDA "
      "out of "
      "memory. Tried to allocate 2.50 GiB. torch.OutOfMemoryError: CUDA out of memory.\n"
      "WARNING 01-01 00:01:00 [s.py:1] Sequence group 1 is preempted by X mode. "
      "total_num_cumulative_preemption=1\n"
      "WARNING 01-01 00:02:00 [s.py:1] Sequence group 2 is preempted by X mode. "
      "total_num_cumulative_preemption=51\n");
  assert_int_equal(k->log.n_events, 2);
  const struct kvc_log_event *e = event_of(k, KVC_LOG_OOM);
  assert_int_equal(e->count, 2);
  assert_int_equal(e->line, 2);
  assert_int_equal(e->start, 0);
  IS(e->value, 1536 * MIB);
  assert_string_equal(e->text,
                      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate "
                      "1.50 GiB. ?  \xc3\xa9");
  e = event_of(k, KVC_LOG_PREEMPTION);
  assert_int_equal(e->count, 2);
  IS(e->value, 51);
  read_free(k);
}

static void the_message_is_shown_and_not_the_program(void **state)
{
  (void)state;
  struct read *k = read_log(
      "ERROR 11-18 18:07:28 engine.py:366]     raise ValueError(\"No available memory "
      "for the "
      "cache blocks. \"\n"
      "ERROR 11-18 18:07:28 engine.py:366] ValueError: No available memory for the cache "
      "blocks. Try increasing\n"
      "ERROR 11-18 18:07:28 engine.py:366] ValueError: No available memory for the cache "
      "blocks. Once more\n");
  const struct kvc_log_event *e = event_of(k, KVC_LOG_NO_KV);
  assert_int_equal(e->count, 3);
  assert_int_equal(e->line, 1);
  assert_string_equal(e->text,
                      "ValueError: No available memory for the cache blocks. Try "
                      "increasing");
  read_free(k);
}

static void the_text_of_an_event_ends_in_whole_characters(void **state)
{
  (void)state;
  static const char head[] = "(EngineCore pid=1) CUDA error: out of memory";
  static char text[2048];
  for (size_t shift = 0; shift < 4; shift++) {
    size_t n = (size_t)snprintf(text, sizeof text, "%s%.*s", head, (int)shift, "aaaa");
    while (n + 4 < 1000) {
      memcpy(text + n, "\xe2\x82\xac", 3);
      n += 3;
    }
    text[n] = '\0';
    struct read *k = read_log(text);
    const char *shown = k->log.events[0].text;
    assert_true(strlen(shown) <= 400 && strlen(shown) > 396);
    assert_memory_equal(shown + strlen(shown) - 3, "\xe2\x82\xac", 3);
    read_free(k);
  }
}

static void the_configuration_says_what_is_off(void **state)
{
  (void)state;
  struct read *k = read_log("INFO 01-01 00:00:00 [core.py:1] Initializing a V1 LLM "
                            "engine (v0.11.0) with config: "
                            "model='m', enforce_eager=True, enable_prefix_caching=False, "
                            "chunked_prefill_enabled=False, compilation_config={}\n");
  assert_int_equal(k->log.n_events, 3);
  assert_string_equal(event_of(k, KVC_LOG_EAGER)->text, "enforce_eager=True");
  assert_string_equal(event_of(k, KVC_LOG_PREFIX_CACHE_OFF)->text,
                      "enable_prefix_caching=False");
  assert_int_equal(event_of(k, KVC_LOG_CHUNKED_OFF)->start, 0);
  read_free(k);
}

static void kinds_have_names(void **state)
{
  (void)state;
  for (int k = 0; k < KVC_LOG_KINDS_; k++)
    assert_non_null(kvc_log_kind_name((enum kvc_log_kind)k));
  assert_null(kvc_log_kind_name(KVC_LOG_KINDS_));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_is_known_by_its_text),
      cmocka_unit_test(hints_and_prompts_are_no_failures),
      cmocka_unit_test(lines_of_a_kind_are_counted_and_the_first_is_shown),
      cmocka_unit_test(the_message_is_shown_and_not_the_program),
      cmocka_unit_test(the_text_of_an_event_ends_in_whole_characters),
      cmocka_unit_test(the_configuration_says_what_is_off),
      cmocka_unit_test(kinds_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
