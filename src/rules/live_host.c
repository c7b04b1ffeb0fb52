/* live_host.c - rules about the host, the links between GPUs, and how a server started.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

RULE_CHECK(api_busy)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_request_per_s);
  rule_remedy(out, rule, "2", "a second process takes half of the requests");
  return rule_fire(arena, out,
                   "the API process uses %s cores: it may be what limits requests",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(graphs_off)
{
  const bool set = f->deploy != NULL && f->deploy->enforce_eager == 1;
  const double logged = rule_live(f, KVC_L_log_eager);
  if (f->deploy == NULL && isnan(logged))
    return rule_skip(out, "neither the launch nor a log says whether graphs are on");
  if (!set && !(logged > 0)) return KVC_PASS;
  if (set) rule_evidence(arena, out, "--enforce-eager is set");
  rule_seen(arena, out, f, KVC_L_log_eager);
  rule_remedy(out, rule, "false",
              "it is for debugging: graphs make decoding 5 to 10 % faster and more");
  return rule_fire(arena, out,
                   "CUDA graphs are off: every kernel is launched by the CPU");
}

RULE_CHECK(no_link)
{
  const double logged = rule_live(f, KVC_L_log_no_custom_allreduce);
  const bool sized = f->size != NULL;
  if (!sized && isnan(logged))
    return rule_skip(out, "how the GPUs are joined is not known");
  if (sized && f->size->setting.tp < 2) return KVC_PASS;
  const bool bare = sized && !rule_has_link(&f->size->gpu);
  if (!(logged > 0) && !bare) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_log_no_custom_allreduce);
  if (bare) rule_evidence(arena, out, "%s has no NVLink", f->size->gpu.name);
  rule_remedy(out, rule, NULL,
              "see nvidia-smi topo -m; pipeline stages or replicas instead of TP");
  return rule_fire(arena, out,
                   "tensor parallelism over PCIe: every layer waits for two all-reduces");
}

RULE_CHECK(more_gpus_no_faster)
{
  if (rule_live(f, KVC_L_gpus) < 2) return rule_skip(out, "there is one GPU");
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_gpus);
  rule_seen(arena, out, f, KVC_L_decode_over_floor);
  rule_seen(arena, out, f, KVC_L_decode_floor_s);
  rule_remedy(out, rule, NULL,
              "nvidia-smi topo -m; NCCL_IB_DISABLE=0 and NCCL_SOCKET_IFNAME set");
  return rule_fire(
      arena, out,
      "on %s GPUs a step takes %s what memory needs: communication may eat it",
      rule_figure(f, KVC_L_gpus, arena), rule_figure(f, rule->fact, arena));
}

RULE_CHECK(restarts)
{
  const double reset = rule_live(f, KVC_L_counter_reset);
  const double starts = rule_live(f, KVC_L_log_starts);
  if (isnan(reset) && isnan(starts))
    return rule_skip(out, "neither two pages nor a log were given");
  if (!(reset > 0) && !(starts > 1)) return KVC_PASS;
  rule_seen(arena, out, f, KVC_L_counter_reset);
  rule_seen(arena, out, f, KVC_L_log_starts);
  rule_remedy(out, rule, NULL,
              "find out why: the end of the log before each start says it");
  return rule_fire(arena, out, "the server started more than once");
}

/* ---- starts --------------------------------------------------------------------------
 */

RULE_CHECK(kv_too_small)
{
  const double fits = rule_live(f, KVC_L_log_fit_len_tok);
  if (!(rule_live(f, rule->fact) > 0)) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_log_fit_len_tok);
  rule_seen(arena, out, f, KVC_L_max_model_len_tok);
  rule_remedy(out, rule, fits >= 1 ? rule_text(arena, "%.0f", fits) : NULL,
              "or more memory: a larger share, fp8 KV cache, more GPUs");
  return rule_fire(
      arena, out,
      "the server did not start: the KV cache holds no request of full length");
}

RULE_CHECK(unused_memory)
{
  const double bytes = rule_live(f, rule->fact),
               share = rule_live(f, KVC_L_server_utilization);
  if (bytes <= rule->limit * RULE_GIB) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_seen(arena, out, f, KVC_L_server_utilization);
  rule_remedy(out, rule, share > 0 && share < 0.9 ? "0.92" : NULL,
              "the KV cache gets what nothing uses");
  return rule_fire(arena, out,
                   "%s of GPU memory was free at the start and vLLM may not use it",
                   rule_figure(f, rule->fact, arena));
}

RULE_CHECK(others_hold)
{
  if (rule_live(f, rule->fact) <= rule->limit * RULE_GIB) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, "see nvidia-smi: stop what else runs on the GPU");
  return rule_fire(arena, out, "others held %s of the GPU when the server started",
                   rule_figure(f, rule->fact, arena));
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"HST001", "api-process-busy", KVC_SEV_WARNING, "0.8.0", NULL, KVC_NEED_METRICS, api_busy, "api_server_count",
   "The API process is busy", "tokenizing and streaming wait for one core", "vllm-docs-optimization", 0.9, "cores", KVC_L_api_cpu_cores, 0, NULL},
  {"HST002", "graphs-off", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, graphs_off, "enforce_eager",
   "CUDA graphs are off", "decoding waits for the CPU", "vllm-docs-conserving-memory", 0, NULL, 0, 0, NULL},
  {"HST003", "tp-over-pcie", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, no_link, NULL,
   "Tensor parallelism without NVLink", "PCIe carries two all-reduces a layer", "vllm-docs-parallelism", 0, NULL, 0, 0, NULL},
  {"HST004", "gpus-no-faster", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE | KVC_NEED_SIZE, more_gpus_no_faster, NULL,
   "More GPUs are no faster", "they wait for each other", "vllm-docs-parallelism", 4, "x the floor", KVC_L_decode_over_floor, KVC_L_gpus, NULL},
  {"HST005", "moe-kernel-untuned", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The MoE kernel is not tuned for this GPU", "experts run slower than they could", "vllm-docs-optimization", 0, "notices", KVC_L_log_untuned_moe, 0,
   "tune it (benchmark_moe.py), or a release that has the configuration"},
  {"HST006", "slow-tokenizer", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The slow tokenizer is in use", "the API process spends its time on it", "vllm-docs-optimization", 0, "notices", KVC_L_log_slow_tokenizer, 0,
   "use the model's fast tokenizer"},
  {"HST007", "kv-scales-missing", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The fp8 KV cache has no calibrated scales", "answers may lose accuracy", "vllm-docs-quantized-kv", 0, "notices", KVC_L_log_kv_scales, 0,
   "a checkpoint with KV scales, and a test on your task"},
  {"HST008", "restarts", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LIVE, restarts, NULL,
   "The server restarted", "requests in flight were lost", "kvcap-operating-ranges", 0, NULL, 0, 0, NULL},
  {"HST009", "engine-died", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The engine died", "all requests in flight were lost", "vllm-src-gpu-worker", 0, "times", KVC_L_log_engine_dead, 0,
   "the first error in the log above its death says why"},
  {"STA001", "out-of-memory", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The GPU ran out of memory", "the server fails or does not start", "vllm-docs-conserving-memory", 0, "errors", KVC_L_log_oom, 0,
   "quantise (AWQ), then fp8 KV cache; fewer requests, shorter length, more GPUs"},
  {"STA002", "no-kv-memory", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The server did not start: nothing is left for the KV cache", "weights and activations take the whole share", "vllm-docs-conserving-memory", 0, "starts", KVC_L_log_no_kv, 0,
   "a larger --gpu-memory-utilization, quantised weights, or more GPUs"},
  {"STA003", "kv-too-small", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LOG, kv_too_small, "max_model_len",
   "The KV cache is too small for the length", "vLLM refuses to start", "vllm-docs-conserving-memory", 0, "starts", KVC_L_log_kv_too_small, 0, NULL},
  {"STA004", "memory-in-use", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "The server did not start: others hold GPU memory", "vLLM wants its share free", "vllm-src-gpu-worker", 0, "starts", KVC_L_log_memory_in_use, 0,
   "stop what else runs on the GPU, or a smaller --gpu-memory-utilization"},
  {"STA005", "prompts-refused", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_LOG, rule_counted, NULL,
   "Prompts are refused as too long", "users get an error instead of an answer", "vllm-src-arg-utils", 0, "prompts", KVC_L_log_prompt_refused, 0,
   "a larger --max-model-len, or shorter prompts"},
  {"STA006", "memory-unused", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LOG, unused_memory, "gpu_memory_utilization",
   "GPU memory is left unused", "the KV cache could have it", "vllm-docs-conserving-memory", 8, "GiB", KVC_L_log_unused_bytes, 0, NULL},
  {"STA007", "gpu-shared", KVC_SEV_HINT, NULL, NULL, KVC_NEED_LOG, others_hold, NULL,
   "Others hold GPU memory", "the KV cache is smaller for it", "vllm-src-gpu-worker", 1.5, "GiB", KVC_L_log_others_bytes, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_live_host, rows);
