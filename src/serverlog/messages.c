/* messages.c - the fixed parts of the lines that matter, of all releases.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * None is the beginning of another.  All have ten characters or more: the scanner jumps
 * as far as the shortest is long.
 */
#include "serverlog_room.h"

/* A second form of the same kind of event. */
#define OTHER(kind) ((kind) | 1 << 8)

static const struct slog_message messages[] = {
    {"Avg prompt throughput: ", slog_stats, 0},
    {"GPU KV cache usage: ", slog_stats_tail, 0},
    {"Prefix cache hit rate: GPU: ", slog_stats_v0_hits, 0},
    {"SpecDecoding metrics: ", slog_spec_v1, 0},
    {"Speculative metrics: ", slog_spec_v0, 0},

    {" HTTP/1.1\" ", slog_access, 0},
    {" HTTP/1.0\" ", slog_access, 0},
    {" HTTP/1.1\\\" ", slog_access, 0}, /* inside JSON */
    {" HTTP/1.0\\\" ", slog_access, 0},
    {"Received request ", slog_mute, 0},
    {"Generated response ", slog_mute, 0},

    {"API server version ", slog_version, 0},
    {"LLM engine version ", slog_version, 1},
    {"  version ", slog_banner, 0},
    {"  model   ", slog_banner, 1},
    {"non-default args: {", slog_args, 0},
    {"args: Namespace(", slog_args, 0},
    {"Initializing a", slog_config, 0},
    {"Application startup complete", slog_ready, 0},
    {"Uvicorn running on ", slog_ready, 0},
    {"Starting vLLM API server", slog_ready, 0},
    {"Processed prompts: ", slog_ready, 0},

    {"Loading model weights took ", slog_memory, SLOG_WEIGHTS},
    {"Model loading took ", slog_memory, SLOG_WEIGHTS},
    {"Loading weights took ", slog_memory, SLOG_WEIGHTS_TIME},
    {"GPU blocks: ", slog_memory, SLOG_BLOCKS},
    {", # CPU blocks: ", slog_memory, SLOG_CPU_BLOCKS},
    {"num_gpu_blocks is: ", slog_memory, SLOG_V1_BLOCKS},
    {"Overriding num_gpu_blocks=", slog_memory, SLOG_OVERRIDE},
    {"GPU KV cache size: ", slog_memory, SLOG_TOKENS},
    {"Maximum concurrency for ", slog_memory, SLOG_CONCURRENCY},
    {"Available KV cache memory: ", slog_memory, SLOG_AVAILABLE},
    {"Memory profiling results: ", slog_memory, SLOG_PROFILE_064},
    {"Memory profiling takes ", slog_memory, SLOG_PROFILE},
    {"vLLM instance can use total_gpu_memory (", slog_memory, SLOG_INSTANCE},
    {"model weights take ", slog_memory, SLOG_V0_SPLIT},
    {"Initial free memory", slog_memory, SLOG_INITIAL},
    {"init memory snapshot: ", slog_memory, SLOG_SNAPSHOT},
    {"Free memory on device", slog_memory, SLOG_FREE},
    {"Free device memory: ", slog_memory, SLOG_HPU},
    {"Graph capturing finished in ", slog_memory, SLOG_GRAPH},
    {"Estimated CUDA graph memory: ", slog_memory, SLOG_GRAPH_GUESS},
    {"CUDA graph pool memory: ", slog_memory, SLOG_GRAPH_POOL},
    {"init engine (profile", slog_memory, SLOG_INIT},
    {"torch.compile t", slog_memory, SLOG_COMPILE},
    {"Using max model len ", slog_memory, SLOG_MAX_LEN},
    {"Chunked prefill is enabled with max_num_batched_tokens=", slog_memory,
     SLOG_CHUNKED},
    {"Auto-fit max_model_len: ", slog_memory, SLOG_AUTO_FIT},

    {" is preempted by ", slog_failure, KVC_LOG_PREEMPTION},
    {"out of memory", slog_failure, KVC_LOG_OOM},
    {"RESOURCE_EXHAUSTED", slog_failure, OTHER(KVC_LOG_OOM)},
    {"No available memory for the cache blocks", slog_failure, KVC_LOG_NO_KV},
    {"Cannot auto-fit max_model_len", slog_failure, KVC_LOG_NO_KV},
    {"To serve at least one request with the model", slog_failure, KVC_LOG_KV_TOO_SMALL},
    {"larger than the maximum number of tokens that can be stored", slog_failure,
     OTHER(KVC_LOG_KV_TOO_SMALL)},
    {"EngineDeadError", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"Engine core initialization failed", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"Engine process failed to start", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"EngineCore failed to start", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"EngineCore encountered a fatal error", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"EngineCore hit an exception", slog_failure, KVC_LOG_ENGINE_DEAD},
    {"Background loop has errored already", slog_failure, KVC_LOG_ENGINE_DEAD},
    {" died unexpectedly", slog_failure, OTHER(KVC_LOG_ENGINE_DEAD)},
    {" is too long and exceeds limit of ", slog_failure, KVC_LOG_IGNORED_PROMPT},
    {" is too long and exceeds the capacity of ", slog_failure, KVC_LOG_IGNORED_PROMPT},
    {"longer than the maximum model length", slog_failure, OTHER(KVC_LOG_IGNORED_PROMPT)},
    {"model's maximum context length is ", slog_failure, KVC_LOG_IGNORED_PROMPT},
    {"enforce-eager is enabled", slog_failure, KVC_LOG_EAGER},
    {"Enforce eager set", slog_failure, KVC_LOG_EAGER},
    {"is disabled under eager mode", slog_failure, KVC_LOG_EAGER},
    {"Skipping CUDA graph capture", slog_failure, KVC_LOG_EAGER},
    {"allback to the eager mode", slog_failure, KVC_LOG_EAGER},
    {"alling back to eager mode", slog_failure, KVC_LOG_EAGER},
    {"Custom allreduce is disabled", slog_failure, KVC_LOG_NO_CUSTOM_ALLREDUCE},
    {"isabling prefix caching", slog_failure, KVC_LOG_PREFIX_CACHE_OFF},
    {"refix caching is not supported", slog_failure, KVC_LOG_PREFIX_CACHE_OFF},
    {"isabling chunked prefill", slog_failure, KVC_LOG_CHUNKED_OFF},
    {"hunked prefill is not supported", slog_failure, KVC_LOG_CHUNKED_OFF},
    {"Using KV cache scaling factor 1.0", slog_failure, KVC_LOG_KV_SCALES},
    {"no scaling factors provided", slog_failure, KVC_LOG_KV_SCALES},
    {"Using a slow tokenizer", slog_failure, KVC_LOG_SLOW_TOKENIZER},
    {"Using default MoE config", slog_failure, KVC_LOG_DEFAULT_MOE},
};

const struct slog_message *slog_messages(size_t *count)
{
  _Static_assert(sizeof messages / sizeof *messages <= SLOG_MAX_MESSAGES, "too many");
  *count = sizeof messages / sizeof *messages;
  return messages;
}
