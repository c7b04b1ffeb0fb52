/* test_serverlog_start.c - versions, arguments and memory, release by release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_kit.h"

#include "serverlog_kit.h"

static void the_memory_of_0_5_is_read(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 03-19 06:27:09 api_server.py:528] vLLM API server version 0.6.3.post1\n"
      "INFO 03-19 06:27:09 api_server.py:529] args: Namespace(host=None, port=8000, "
      "model='org/m', block_size=32, gpu_memory_utilization=0.85, max_model_len=None)\n"
      "INFO 03-19 06:27:15 llm_engine.py:237] Initializing an LLM engine (v0.6.3.post1) "
      "with "
      "config: model='org/m', tokenizer='org/m', max_seq_len=32768, enforce_eager=False, "
      "enable_prefix_caching=False)\n"
      "(VllmWorkerProcess pid=9) INFO 03-19 06:27:20 model_runner.py:1067] Loading model "
      "weights took 7.5000 GB\n"
      "INFO 03-19 06:27:21 model_runner.py:1067] Loading model weights took 7.7500 GB\n"
      "INFO 03-19 06:27:24 distributed_gpu_executor.py:57] # GPU blocks: 2987, # CPU "
      "blocks: "
      "4096\n"
      "INFO 03-19 06:27:28 model_runner.py:1402] Capturing the model for CUDA graphs. \n"
      "INFO 03-19 06:27:28 model_runner.py:1406] CUDA graphs can take additional 1~3 GiB "
      "memory per GPU. If you are running out of memory, consider decreasing "
      "`gpu_memory_utilization` or enforcing eager mode.\n"
      "INFO 03-19 06:27:56 model_runner.py:1530] Graph capturing finished in 28 secs.\n"
      "INFO:     Application startup complete.\n");
  assert_int_equal(k->log.n_starts, 1);
  const struct kvc_log_start *s = &k->log.starts[0];
  const struct kvc_log_memory *m = &s->memory;
  assert_string_equal(s->version, "0.6.3.post1");
  assert_string_equal(s->model, "org/m");
  assert_int_equal(s->generation, KVC_ENGINE_V0);
  assert_int_equal(s->line, 1);
  assert_true(s->ready);
  IS(m->weights_bytes, 7.75 * GIB);
  IS(m->gpu_blocks, 2987);
  IS(m->cpu_blocks, 4096);
  IS(m->kv_tokens, 2987.0 * 32);
  IS(m->graph_s, 28);
  IS(m->max_model_len_tok, 32768);
  IS(m->gpu_memory_utilization, 0.85);
  SAYS_NOT(m->available_kv_bytes);
  assert_int_equal(m->ranks, 1);
  assert_null(event_of(k, KVC_LOG_OOM));
  assert_null(event_of(k, KVC_LOG_EAGER));
  assert_non_null(event_of(k, KVC_LOG_PREFIX_CACHE_OFF));
  assert_non_null(strstr(s->config_text, "max_seq_len=32768"));
  read_free(k);
}

static void the_memory_of_0_6_4_is_read(void **state)
{
  (void)state;
  struct read *k = read_log(
      "Loading model weights took 14.5000 GB\n"
      "Memory profiling results: total_gpu_memory=23.50GiB initial_memory_usage=15.25GiB "
      "peak_torch_memory=17.75GiB memory_usage_post_profile=15.25Gib "
      "non_torch_memory=0.25GiB "
      "kv_cache_size=3.00GiB gpu_memory_utilization=0.90\n"
      "GPU blocks: 1952, # CPU blocks: 2048\n"
      "Maximum concurrency for 20000 tokens per request: 1.56x\n");
  const struct kvc_log_memory *m = &k->log.starts[0].memory;
  IS(m->gpu_total_bytes, 23.5 * GIB);
  IS(m->activation_peak_bytes, 3.25 * GIB);
  IS(m->non_torch_bytes, 0.25 * GIB);
  IS(m->available_kv_bytes, 3 * GIB);
  IS(m->gpu_memory_utilization, 0.9);
  IS(m->max_concurrency, 1.56);
  IS(m->concurrency_len_tok, 20000);
  IS(m->kv_tokens, 1952.0 * 16);
  read_free(k);
}

static void the_three_lines_of_late_v0_are_read(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 07-28 15:08:32 [llm_engine.py:230] Initializing a V0 LLM engine "
      "(v0.9.2.dev320+g22439aa1e.d20250728) with config: model='/m/L', "
      "max_seq_len=4096)\n"
      "INFO 07-28 15:09:00 [worker.py:294] Memory profiling takes 20.50 seconds\r\n"
      "INFO 07-28 15:09:00 [worker.py:294] the current vLLM instance can use "
      "total_gpu_memory (192.00GiB) x gpu_memory_utilization (0.50) = 96.00GiB\r\n"
      "INFO 07-28 15:09:00 [worker.py:294] model weights take 10.25GiB; non_torch_memory "
      "takes 0.50GiB; PyTorch activation peak memory takes 11.25GiB; the rest of the "
      "memory "
      "reserved for KV Cache is 74.00GiB.\n"
      "INFO 07-28 15:09:00 [executor_base.py:113] # rocm blocks: 1000, # CPU blocks: 10\n"
      "INFO 07-28 15:09:00 [executor_base.py:118] Maximum concurrency for 4000 tokens "
      "per "
      "request: 16.00x\n"
      "INFO 07-28 15:09:01 [llm_engine.py:428] init engine (profile, create kv cache, "
      "warmup "
      "model) took 21.50 seconds\n");
  const struct kvc_log_start *s = &k->log.starts[0];
  const struct kvc_log_memory *m = &s->memory;
  assert_int_equal(s->generation, KVC_ENGINE_V0);
  assert_string_equal(s->version, "0.9.2.dev320+g22439aa1e.d20250728");
  IS(m->profile_s, 20.5);
  IS(m->gpu_total_bytes, 192 * GIB);
  IS(m->gpu_memory_utilization, 0.5);
  IS(m->requested_bytes, 96 * GIB);
  IS(m->weights_bytes, 10.25 * GIB);
  IS(m->non_torch_bytes, 0.5 * GIB);
  IS(m->activation_peak_bytes, 11.25 * GIB);
  IS(m->available_kv_bytes, 74 * GIB);
  IS(m->init_s, 21.5);
  /* 16 requests of 4000 tokens in 1000 blocks: blocks of 64 */
  IS(m->kv_tokens, 64000);
  assert_true(s->ready); /* an engine without a server */
  read_free(k);
}

static void v1_of_0_7_prints_blocks_alone(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 01-30 03:17:00 core.py:45] Initializing an LLM engine (v0.7.0) with config: "
      "model='m', max_seq_len=2048)\n"
      "INFO 01-30 03:19:14 kv_cache_utils.py:395] # GPU blocks: 1381\n"
      "INFO 01-30 03:19:14 kv_cache_utils.py:398] Maximum concurrency for 2048 tokens "
      "per "
      "request: 10.79x\n");
  assert_int_equal(k->log.starts[0].generation, KVC_ENGINE_V1);
  IS(k->log.starts[0].memory.kv_tokens, 22096);
  SAYS_NOT(k->log.starts[0].memory.cpu_blocks);
  read_free(k);
  k = read_log("INFO 01-30 03:19:14 kv_cache_utils.py:395] # GPU blocks: 13");
  SAYS_NOT(k->log.starts[0].memory.gpu_blocks); /* 13 of 1381? */
  read_free(k);
  k = read_log("INFO 01-30 03:19:14 e.py:1] # GPU blocks: 0, # CPU blocks: 512\n"
               "INFO 01-30 03:19:14 e.py:1] (decoding) GPU blocks: 7 / 2916 used\n");
  IS(k->log.starts[0].memory.gpu_blocks, 0);
  IS(k->log.starts[0].memory.kv_tokens, 0);
  read_free(k);
}

static void ranks_print_each_and_the_tightest_counts(void **state)
{
  (void)state;
  struct read *k = read_log(
      "(APIServer pid=1) INFO 05-07 05:30:00 [utils.py:1]  \xe2\x96\x84\xe2\x96\x84 "
      "\xe2\x96\x88  version 0.19.0\n"
      "(APIServer pid=1) INFO 05-07 05:30:00 [utils.py:1]   \xe2\x96\x88\xe2\x96\x84  "
      "model   "
      "org/m\n"
      "(APIServer pid=1) INFO 05-07 05:30:00 [utils.py:233] non-default args: "
      "{'model_tag': "
      "'org/m', 'model': 'org/m', 'tensor_parallel_size': 2}\n"
      "(APIServer pid=1) INFO 05-07 05:30:01 [model.py:1] Using max model len 8192\n"
      "(APIServer pid=1) INFO 05-07 05:30:01 [s.py:1] Chunked prefill is enabled with "
      "max_num_batched_tokens=2048.\n"
      "(EngineCore pid=2) INFO 05-07 05:30:02 [core.py:103] Initializing a V1 LLM engine "
      "(v0.19.0) with config: model='org/m', max_seq_len=8192, enforce_eager=True, "
      "compilation_config={}\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:30 [r.py:1] Model loading took 7.5 GiB memory "
      "and "
      "10.5 seconds\n"
      "(Worker_TP1 pid=4) INFO 05-07 05:30:30 [r.py:1] Model loading took 7.25 GiB "
      "memory and "
      "12.5 seconds\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:30 [k.py:1] Overriding num_gpu_blocks=0 with "
      "num_gpu_blocks_override=512\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:30 [r.py:1] Estimated CUDA graph memory: 0.50 "
      "GiB "
      "total\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:31 [w.py:1] Available KV cache memory: 10.5 "
      "GiB\n"
      "(Worker_TP1 pid=4) INFO 05-07 05:30:31 [w.py:1] Available KV cache memory: 10.25 "
      "GiB\n"
      "(EngineCore pid=2) INFO 05-07 05:30:32 [k.py:1] GPU KV cache size: 1,567,978 "
      "tokens\n"
      "(EngineCore pid=2) INFO 05-07 05:30:32 [k.py:1] Maximum concurrency for 8,192 "
      "tokens "
      "per request: 191.40x\n"
      "(EngineCore pid=2) INFO 05-07 05:30:32 [k.py:1] GPU KV cache size: 1,567,962 "
      "tokens\n"
      "(EngineCore pid=2) INFO 05-07 05:30:32 [k.py:1] Maximum concurrency for 8,192 "
      "tokens "
      "per request: 191.39x\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:33 [r.py:1] Graph capturing finished in 6 "
      "secs, "
      "took 0.22 GiB\n"
      "(Worker_TP0 pid=3) INFO 05-07 05:30:33 [w.py:1] CUDA graph pool memory: 0.25 GiB "
      "(actual), 0.75 GiB (estimated), difference: 0.5 GiB (200.0%).\n"
      "(EngineCore pid=2) INFO 05-07 05:30:34 [core.py:1] init engine (profile, create "
      "kv "
      "cache, warmup model) took 52.25 s (compilation: 27.5 s)\n"
      "(APIServer pid=1) INFO 05-07 05:30:34 [l.py:1] Engine 000: vllm cache_config_info "
      "with "
      "initialization after num_gpu_blocks is: 97997\n");
  const struct kvc_log_start *s = &k->log.starts[0];
  const struct kvc_log_memory *m = &s->memory;
  assert_int_equal(k->log.n_starts, 1);
  assert_string_equal(s->version, "0.19.0");
  assert_string_equal(s->model, "org/m");
  assert_int_equal(s->generation, KVC_ENGINE_V1);
  assert_false(s->ready);
  IS(m->weights_bytes, 7.5 * GIB);
  IS(m->load_s, 12.5);
  IS(m->available_kv_bytes, 10.25 * GIB);
  IS(m->kv_tokens, 1567962);
  IS(m->max_concurrency, 191.39);
  IS(m->concurrency_len_tok, 8192);
  IS(m->gpu_blocks, 97997);
  IS(m->graph_bytes, 0.25 * GIB);
  IS(m->graph_estimate_bytes, 0.75 * GIB);
  IS(m->graph_s, 6);
  IS(m->init_s, 52.25);
  IS(m->compile_s, 27.5);
  IS(m->max_model_len_tok, 8192);
  IS(m->max_num_batched_tok, 2048);
  SAYS_NOT(m->override_blocks); /* of the graphs' own cache */
  assert_int_equal(m->ranks, 2);
  assert_non_null(event_of(k, KVC_LOG_EAGER));
  read_free(k);
}

static void the_long_line_gives_the_split(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 09-16 13:51:51 [gpu_worker.py:876] Free memory on device cuda:0 (46.50/47.25 "
      "GiB) "
      "on startup. Desired GPU memory utilization is (0.85, 40.25 GiB). Actual usage is "
      "14.5 "
      "GiB for weight, 1.25 GiB for peak activation, 0.75 GiB for non-torch memory, and "
      "0.5 "
      "GiB for CUDAGraph memory. Replace gpu_memory_utilization config with "
      "`--kv-cache-memory=39207879578` (36.52 GiB) to fit into requested memory, or "
      "`--kv-cache-memory=46423534080` (43.24 GiB) to fully utilize gpu memory. Current "
      "kv "
      "cache memory in use is 23.75 GiB.\n");
  const struct kvc_log_memory *m = &k->log.starts[0].memory;
  IS(m->gpu_free_bytes, 46.5 * GIB);
  IS(m->gpu_total_bytes, 47.25 * GIB);
  IS(m->gpu_memory_utilization, 0.85);
  IS(m->requested_bytes, 40.25 * GIB);
  IS(m->weights_bytes, 14.5 * GIB);
  IS(m->activation_peak_bytes, 1.25 * GIB);
  IS(m->non_torch_bytes, 0.75 * GIB);
  IS(m->graph_bytes, 0.5 * GIB);
  IS(m->suggested_kv_bytes[0], 39207879578.0);
  IS(m->suggested_kv_bytes[1], 46423534080.0);
  IS(m->available_kv_bytes, 23.75 * GIB);
  assert_null(event_of(k, KVC_LOG_FREE_MEMORY));
  read_free(k);
  /* since 0.27 weights and what is not torch's are one */
  k = read_log("(EngineCore pid=2) INFO 09-16 13:51:00 [m.py:1] Model loading took 2.5 "
               "GiB and 3.0 "
               "seconds\n"
               "(EngineCore pid=2) INFO 09-16 13:51:44 [k.py:1] GPU KV cache size: "
               "268,560 tokens, "
               "Maximum concurrency for 2,048 tokens per request: 131.13x\n"
               "(EngineCore pid=2) INFO 09-16 13:51:51 [w.py:876] Free memory on device "
               "(46.50/47.25 "
               "GiB) on startup. Desired GPU memory utilization is (0.85, 40.25 GiB). "
               "Actual usage is "
               "2.75 GiB for consumed memory (weights + non-torch), 0.50 GiB for peak "
               "activation, and "
               "0.25 GiB for CUDAGraph memory. Current kv cache memory in use is "
               "1073741824 bytes.\n");
  m = &k->log.starts[0].memory;
  IS(m->kv_tokens, 268560);
  IS(m->max_concurrency, 131.13);
  IS(m->concurrency_len_tok, 2048);
  IS(m->non_torch_bytes, 0.25 * GIB);
  IS(m->available_kv_bytes, GIB);
  read_free(k);
}

static void limits_and_overrides_are_read(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 01-01 00:00:00 [a.py:1] Initial free memory 70.50 GiB, reserved 8.25 GiB "
      "memory "
      "for KV Cache as specified by kv_cache_memory_bytes config and skipped memory "
      "profiling.\n"
      "INFO 01-01 00:00:00 [a.py:1] Using max model len 131072\n"
      "INFO 01-01 00:00:00 [a.py:1] Auto-fit max_model_len: reduced from 131072 to 34736 "
      "to "
      "fit in available GPU memory (3.18 GiB available for KV cache)\n"
      "INFO 01-01 00:00:00 [a.py:1] Overriding num_gpu_blocks=900 with "
      "num_gpu_blocks_override=100\n"
      "INFO 01-01 00:00:00 [a.py:1] torch.compile takes 18.50 s in total\n");
  const struct kvc_log_memory *m = &k->log.starts[0].memory;
  IS(m->gpu_free_bytes, 70.5 * GIB);
  IS(m->available_kv_bytes, 8.25 * GIB);
  IS(m->max_model_len_tok, 34736);
  IS(m->override_blocks, 100);
  IS(m->compile_s, 18.5);
  read_free(k);
  k = read_log(
      "DEBUG 01-01 00:00:00 [w.py:1] worker init memory snapshot: torch_peak=0.01GiB, "
      "free_memory=78.50GiB, total_memory=79.25GiB, cuda_memory=0.5GiB\n"
      "DEBUG 01-01 00:00:00 [w.py:1] Memory profiling takes 3.50 seconds. Total non KV "
      "cache memory: 17.00GiB; torch peak memory increase: 1.75GiB; non-torch forward "
      "increase memory: 0.25GiB; weights memory: 15.00GiB.\n"
      "DEBUG 01-01 00:00:00 [w.py:1] Initial free memory: 78.50 GiB; Requested memory: "
      "0.95 (util), 75.25 GiB\n"
      "INFO 01-01 00:00:00 [a.py:1] Auto-fit max_model_len: full model context length "
      "8192 fits in available GPU memory\n");
  m = &k->log.starts[0].memory;
  IS(m->gpu_total_bytes, 79.25 * GIB);
  IS(m->gpu_free_bytes, 78.5 * GIB);
  IS(m->activation_peak_bytes, 1.75 * GIB);
  IS(m->non_torch_bytes, 0.25 * GIB);
  IS(m->weights_bytes, 15 * GIB);
  IS(m->gpu_memory_utilization, 0.95);
  IS(m->requested_bytes, 75.25 * GIB);
  IS(m->max_model_len_tok, 8192);
  read_free(k);
}

static void the_launch_reader_takes_the_arguments(void **state)
{
  (void)state;
  static const struct {
    const char *log, *version, *model, *key, *value;
  } cases[] = {
      {"(APIServer pid=1) INFO 09-04 01:02:21 [api_server.py:1805] vLLM API server "
       "version "
       "0.10.1.1\n(APIServer pid=1) INFO 09-04 01:02:21 [utils.py:326] non-default args: "
       "{'model_tag': 'org/m', 'model': 'org/m', 'max_model_len': 16384}\n",
       "0.10.1.1", "org/m", "max_model_len", "16384"},
      /* broken by a terminal */
      {"INFO 09-04 01:02:21 [utils.py:326] non-default args: {'model_tag': 'org/m', "
       "'max_mo\n"
       "del_len': 16384, 'tensor_par\nallel_size': 2}\n"
       "INFO 09-04 01:02:22 [core.py:1] Initializing a V1 LLM engine (v0.11.0) with "
       "config: "
       "model='org/m'\n, max_seq_len=16384, compilation_config={}\n",
       "0.11.0", "org/m", "tensor_parallel_size", "2"},
      {"INFO 04-28 16:55:11 api_server.py:440] vLLM API server version 0.5.5\n"
       "INFO 04-28 16:55:11 api_server.py:441] args: Namespace(model_tag='org/m', "
       "host='0.0.0.0', block_size=16, max_num_seqs=256)\n",
       "0.5.5", "org/m", "max_num_seqs", "256"},
      /* cut in the middle */
      {"INFO 04-28 16:55:11 [a.py:440] vLLM API server version 0.9.0\n"
       "INFO 04-28 16:55:11 [a.py:441] non-default args: {'model': 'org/m', "
       "'max_num_seqs': "
       "64, 'max_model",
       "0.9.0", "org/m", "max_num_seqs", "64"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct read *k = read_log(cases[i].log);
    const struct kvc_log_start *s = &k->log.starts[0];
    assert_int_equal(k->log.n_starts, 1);
    assert_int_equal(strlen(s->args_text), s->args_len);
    struct kit *launch = kit_new();
    if (kit_parse(launch, s->args_text, s->args_len, KVC_LAUNCH_LOG, 0) != KVC_E_OK)
      fail_msg("%s in: %s", launch->err.msg, s->args_text);
    assert_string_equal(launch->launch.version, cases[i].version);
    assert_string_equal(launch->launch.model, cases[i].model);
    assert_string_equal(s->version, cases[i].version);
    assert_string_equal(s->model, cases[i].model);
    const struct kvc_launch_arg *arg = kvc_launch_arg(&launch->launch, cases[i].key);
    assert_non_null(arg);
    assert_string_equal(arg->value, cases[i].value);
    kit_free(launch);
    read_free(k);
  }
}

static void every_start_is_told_apart(void **state)
{
  (void)state;
  struct read *k =
      read_log("INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.9.0\n"
               "INFO 01-01 00:00:00 [a.py:1] non-default args: {'model': 'a'}\n"
               "INFO 01-01 00:00:01 [core.py:1] Initializing a V1 LLM engine (v0.9.0) "
               "with config: "
               "model='a', compilation_config={}\n"
               "INFO 01-01 00:00:02 [w.py:1] Available KV cache memory: 3.00 GiB\n"
               "ERROR 01-01 00:00:03 [core.py:1] torch.OutOfMemoryError: CUDA out of "
               "memory. Tried to "
               "allocate 1.50 GiB.\n"
               /* fails over its arguments at once */
               "INFO 01-01 00:01:00 [a.py:1] vLLM API server version 0.9.0\n"
               "INFO 01-01 00:01:00 [a.py:1] non-default args: {'model': 'b'}\n"
               "INFO 01-01 00:02:00 [a.py:1] vLLM API server version 0.9.1\n"
               "INFO 01-01 00:02:00 [a.py:1] non-default args: {'model': 'c'}\n"
               "INFO 01-01 00:02:01 [core.py:1] Initializing a V1 LLM engine (v0.9.1) "
               "with config: "
               "model='c', compilation_config={}\n"
               "INFO 01-01 00:02:02 [w.py:1] Available KV cache memory: 4.00 GiB\n"
               "INFO:     Uvicorn running on http://0.0.0.0:8000\n"
               "INFO 01-01 00:03:00 [a.py:1] vLLM API server version 0.9.2\n");
  static const char *const models[] = {"a", "b", "c"};
  static const char *const versions[] = {"0.9.0", "0.9.0", "0.9.1", "0.9.2"};
  assert_int_equal(k->log.n_starts, 4);
  for (size_t i = 0; i < 4; i++) {
    if (i < 3) assert_string_equal(k->log.starts[i].model, models[i]);
    assert_string_equal(k->log.starts[i].version, versions[i]);
    assert_int_equal(k->log.starts[i].ready, i == 2);
  }
  assert_null(k->log.starts[3].model);
  IS(k->log.starts[0].memory.available_kv_bytes, 3 * GIB);
  SAYS_NOT(k->log.starts[1].memory.available_kv_bytes);
  assert_int_equal(event_of(k, KVC_LOG_OOM)->start, 0);
  /* the last one that says something about memory */
  assert_ptr_equal(kvc_log_last(&k->log), &k->log.starts[2]);
  read_free(k);
}

static void what_a_failure_says_about_memory_is_kept(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 01-01 00:00:00 [core.py:1] Initializing a V1 LLM engine (v0.8.2) with "
      "config: "
      "model='m', max_seq_len=9, and the rest is cut off\n"
      "ERROR 04-05 01:12:55 [core.py:390] ValueError: To serve at least one request with "
      "the "
      "models's max seq len (1048576), (24.00 GB KV cache is needed, which is larger "
      "than the "
      "available KV cache memory (9.75 GB). Try increasing `gpu_memory_utilization`\n"
      "Loading model weights took 2.5 GB\n");
  IS(k->log.starts[0].memory.available_kv_bytes, 9.75 * GIB);
  IS(k->log.starts[0].memory.weights_bytes, 2.5 * GIB);
  IS(k->log.starts[0].memory.max_model_len_tok, 9);
  read_free(k);
  k = read_log(
      "Initializing an LLM engine (v0.6.0) with config: model='m', max_seq_len=9, ...\n"
      "Loading model weights took 2.5 GB\n");
  IS(k->log.starts[0].memory.weights_bytes, 2.5 * GIB);
  read_free(k);
}

static void a_head_that_is_said_twice_is_one(void **state)
{
  (void)state;
  struct read *k = read_log(
      "(APIServer pid=1) INFO 01-01 00:00:00 [u.py:1]  \xe2\x96\x84\xe2\x96\x84  version "
      "0.24.0\n"
      "(APIServer pid=1) INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.24.0\n"
      "(ApiServer_0 pid=2) INFO 01-01 00:00:00 [u.py:1] non-default args: {'model': "
      "'a'}\n"
      "(ApiServer_1 pid=3) INFO 01-01 00:00:00 [u.py:1] non-default args: {'model': "
      "'a'}\n");
  assert_int_equal(k->log.n_starts, 1);
  read_free(k);
}

static void engines_of_one_start_are_one_start(void **state)
{
  (void)state;
  struct read *k = read_log(
      "(APIServer pid=1) INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.11.0\n"
      "(APIServer pid=1) INFO 01-01 00:00:00 [a.py:1] non-default args: {'model': 'a'}\n"
      "(EngineCore_DP0 pid=2) INFO 01-01 00:00:01 [core.py:1] Initializing a V1 LLM "
      "engine "
      "(v0.11.0) with config: model='a', compilation_config={}\n"
      "(EngineCore_DP0 pid=2) INFO 01-01 00:00:02 [k.py:1] GPU KV cache size: 1,000 "
      "tokens\n"
      "(EngineCore_DP1 pid=3) INFO 01-01 00:00:03 [core.py:1] Initializing a V1 LLM "
      "engine "
      "(v0.11.0) with config: model='a', compilation_config={}\n"
      "(EngineCore_DP1 pid=3) INFO 01-01 00:00:04 [k.py:1] GPU KV cache size: 990 "
      "tokens\n");
  assert_int_equal(k->log.n_starts, 1);
  IS(k->log.starts[0].memory.kv_tokens, 990);
  assert_int_equal(k->log.starts[0].memory.ranks, 2);
  read_free(k);
}

static void offline_engines_begin_a_start_each(void **state)
{
  (void)state;
  struct read *k = read_log(
      "(EngineCore pid=2) INFO 01-01 00:00:01 [core.py:1] Initializing a V1 LLM engine "
      "(v0.15.0) with config: model='a', compilation_config={}\n"
      "(EngineCore pid=2) INFO 01-01 00:00:02 [k.py:1] GPU KV cache size: 1,000 tokens\n"
      "(EngineCore pid=5) INFO 01-01 00:01:03 [core.py:1] Initializing a V1 LLM engine "
      "(v0.15.0) with config: model='b', compilation_config={}\n"
      "(EngineCore pid=5) INFO 01-01 00:01:04 [k.py:1] GPU KV cache size: 990 tokens\n");
  assert_int_equal(k->log.n_starts, 2);
  assert_string_equal(k->log.starts[1].model, "b");
  IS(k->log.starts[0].memory.kv_tokens, 1000);
  read_free(k);
}

static void of_many_starts_the_first_and_the_last_are_kept(void **state)
{
  (void)state;
  enum { STARTS = 40, EACH = 400 };
  static char text[STARTS * EACH];
  size_t n = 0;
  for (int i = 0; i < STARTS; i++)
    n += (size_t)snprintf(
        text + n, sizeof text - n,
        "INFO 01-01 00:00:00 [a.py:1] vLLM API server version 0.9.0\n"
        "INFO 01-01 00:00:00 [a.py:1] non-default args: {'model': 'm%d'}\n"
        "INFO 01-01 00:00:02 [w.py:1] Available KV cache memory: %d GiB\n"
        "ERROR 01-01 00:00:03 [core.py:1] ValueError: No available memory "
        "for the cache blocks.\n",
        i, i);
  struct read *k = read_log(text);
  assert_int_equal(k->log.n_starts, KVC_LOG_MAX_STARTS);
  assert_int_equal(k->log.skipped_starts, STARTS - KVC_LOG_MAX_STARTS);
  for (int i = 0; i < KVC_LOG_MAX_STARTS; i++) {
    const int which = i < 8 ? i : i + STARTS - KVC_LOG_MAX_STARTS;
    char model[16];
    (void)snprintf(model, sizeof model, "m%d", which);
    assert_string_equal(k->log.starts[i].model, model);
    IS(k->log.starts[i].memory.available_kv_bytes, which * GIB);
  }
  size_t each = 0, skipped = 0;
  for (size_t i = 0; i < k->log.n_events; i++) {
    const struct kvc_log_event *e = &k->log.events[i];
    if (e->start == KVC_LOG_SKIPPED) skipped += e->count;
    if (e->start >= 0) {
      assert_int_equal(e->count, 1);
      assert_true(e->line > k->log.starts[e->start].line);
      assert_true(e->line < k->log.starts[e->start].line + 4);
      each++;
    }
  }
  assert_int_equal(each, KVC_LOG_MAX_STARTS);
  assert_int_equal(skipped, STARTS - KVC_LOG_MAX_STARTS);
  read_free(k);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_memory_of_0_5_is_read),
      cmocka_unit_test(the_memory_of_0_6_4_is_read),
      cmocka_unit_test(the_three_lines_of_late_v0_are_read),
      cmocka_unit_test(v1_of_0_7_prints_blocks_alone),
      cmocka_unit_test(ranks_print_each_and_the_tightest_counts),
      cmocka_unit_test(the_long_line_gives_the_split),
      cmocka_unit_test(limits_and_overrides_are_read),
      cmocka_unit_test(the_launch_reader_takes_the_arguments),
      cmocka_unit_test(every_start_is_told_apart),
      cmocka_unit_test(what_a_failure_says_about_memory_is_kept),
      cmocka_unit_test(a_head_that_is_said_twice_is_one),
      cmocka_unit_test(engines_of_one_start_are_one_start),
      cmocka_unit_test(offline_engines_begin_a_start_each),
      cmocka_unit_test(of_many_starts_the_first_and_the_last_are_kept),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
