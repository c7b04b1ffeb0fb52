/* size_options.c - the options of `kvcap size`, vLLM's own spelling first.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "size.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

/* "auto" and -1 ask vLLM to fit the length itself. */
static kvc_code read_max_model_len(void *ptr, const struct cli_option *option,
                                   const char *value, struct kvc_err *err)
{
  struct size_args *args = ptr;
  int64_t len = -1;
  if (!kvc_str_ieq(value, "auto") && strcmp(value, "-1") != 0) {
    KVC_TRY(kvc_num_parse_tokens(value, option->name, &len, err));
    if (!((double)len >= option->min && (double)len <= option->max))
      return kvc_fail(err, KVC_E_RANGE, option->name,
                      "%.40s is outside 1 to 1000000000; %s", value, option->advice);
  }
  args->req.deploy.max_model_len_tok = len;
  return KVC_E_OK;
}

/* vLLM's 25.6G and 1k besides sizes with a unit; a bare number is bytes. */
static kvc_code read_kv_bytes(void *ptr, const struct cli_option *option,
                              const char *value, struct kvc_err *err)
{
  struct size_args *args = ptr;
  double bytes = 0;
  int64_t whole;
  if (kvc_num_parse_tokens(value, option->name, &whole, NULL) == KVC_E_OK)
    bytes = (double)whole;
  else
    KVC_TRY(kvc_num_parse_bytes(value, option->name, 1, &bytes, err));
  if (!(bytes >= option->min && bytes <= option->max))
    return kvc_fail(err, KVC_E_RANGE, option->name, "%.40s is outside 1MiB to 10TiB; %s",
                    value, option->advice);
  args->req.deploy.kv_cache_memory_bytes = (int64_t)floor(bytes);
  return KVC_E_OK;
}

static const char *const engines[] = {"V0", "V1", NULL};
static const char *const contexts[] = {"server", "llm", NULL};
static const char *const mamba_modes[] = {"none", "align", "all", NULL};

#define A(member) offsetof(struct size_args, member)
#define D(member) offsetof(struct size_args, req.deploy.member)
#define L(member) offsetof(struct size_args, req.load.member)
#define GROUP(text)                                                                      \
  {                                                                                      \
    .name = "", .type = CLI_GROUP, .help = text                                          \
  }

/* clang-format off */
const struct cli_option size_options[] = {
  GROUP("What to size"),
  {.name = "--model", .arg = "NAME", .type = CLI_TEXT, .offset = A(model), .complete = "models",
   .help = "Hugging Face name of the model; may also stand alone, as in vllm serve NAME"},
  {.name = "--model-config", .arg = "FILE", .type = CLI_TEXT, .offset = A(req.model_config_path), .complete = "file",
   .help = "Hugging Face config.json of a model that kvcap does not know; - reads standard input"},
  {.name = "--gpu", .arg = "NAME", .type = CLI_TEXT, .offset = A(gpu), .complete = "gpus",
   .help = "GPU, as people or nvidia-smi write it; custom describes one by --gpu-memory"},
  {.name = "--gpu-memory", .arg = "SIZE", .type = CLI_BYTES, .offset = A(req.gpu_memory_bytes), .min = 1e9, .max = 1e13,
   .advice = "write the usable memory of one GPU such as 79.25GiB",
   .help = "usable memory of one GPU instead of the profile's, as torch reports it"},
  {.name = "--vllm-version", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = A(version),
   .help = "release of vLLM to speak for; the newest verified one when not given"},
  {.name = "--engine", .arg = "V0|V1", .type = CLI_CHOICE, .offset = A(engine), .choices = engines,
   .help = "engine generation; the release's default when not given"},
  {.name = "--context", .arg = "server|llm", .type = CLI_CHOICE, .offset = A(context), .choices = contexts,
   .help = "vllm serve, or the LLM class of offline use: some defaults differ"},

  GROUP("Memory and KV cache"),
  {.name = "--gpu-memory-utilization", .arg = "FRAC", .type = CLI_NUM, .offset = D(gpu_memory_utilization), .min = 0.01, .max = 1,
   .advice = "write a fraction such as 0.9", .help = "share of each GPU that vLLM may use"},
  {.name = "--kv-cache-memory-bytes", .alias = "--kv-cache-memory", .arg = "SIZE", .type = CLI_CALL, .call = read_kv_bytes, .min = 1048576, .max = 10995116277760.0,
   .advice = "write a size such as 40GiB", .help = "exact KV cache per GPU; the utilization is ignored then"},
  {.name = "--max-model-len", .arg = "TOKENS", .type = CLI_CALL, .call = read_max_model_len, .min = 1, .max = 1e9,
   .advice = "write a length such as 8192, 128k, or auto", .help = "longest request, prompt and output; 8192, 128k (= 128000), 128K (= 131072), or auto"},
  {.name = "--block-size", .arg = "TOKENS", .type = CLI_INT64, .offset = D(block_size_tok), .min = 1, .max = 65536,
   .advice = "write a block size such as 16", .help = "tokens in one KV block"},
  {.name = "--num-gpu-blocks-override", .arg = "N", .type = CLI_INT64, .offset = D(num_gpu_blocks_override), .min = 1, .max = 1e8,
   .help = "this many KV blocks, whatever fits"},
  {.name = "--kv-cache-dtype", .arg = "TYPE", .type = CLI_TEXT, .offset = D(kv_cache_dtype),
   .help = "element type of the KV cache: auto, fp8, bfloat16 ..."},
  {.name = "--dtype", .arg = "TYPE", .type = CLI_TEXT, .offset = D(dtype),
   .help = "type of unquantised weights and activations: auto, bfloat16, float16, float32"},
  {.name = "--quantization", .alias = "-q", .arg = "METHOD", .type = CLI_TEXT, .offset = D(quantization),
   .help = "how the weights are quantised: fp8, awq, gptq, bitsandbytes ..."},
  {.name = "--enforce-eager", .type = CLI_TRISTATE, .offset = D(enforce_eager),
   .help = "no CUDA graphs"},
  {.name = "--compilation-config", .alias = "-O -cc --optimization-level", .arg = "JSON", .type = CLI_CALL, .call = size_compilation_config,
   .help = "level or JSON; kvcap reads the mode, cudagraph_mode and the capture sizes"},
  {.name = "--max-cudagraph-capture-size", .arg = "N", .type = CLI_INT64, .offset = D(max_cudagraph_size), .min = 1, .max = 65536,
   .help = "largest batch that gets a CUDA graph"},
  {.name = "--attention-backend", .arg = "NAME", .type = CLI_TEXT, .offset = D(attention_backend),
   .help = "attention kernels; some force a block size"},
  {.name = "--disable-hybrid-kv-cache-manager", .type = CLI_TRISTATE, .offset = D(disable_hybrid_manager),
   .help = "charge sliding-window layers like full attention"},
  {.name = "--mamba-cache-mode", .arg = "MODE", .type = CLI_CHOICE, .offset = D(mamba_cache_mode), .choices = mamba_modes,
   .help = "which recurrent states are kept: none, align, all"},
  {.name = "--mamba-ssm-cache-dtype", .arg = "TYPE", .type = CLI_TEXT, .offset = D(mamba_ssm_cache_dtype),
   .help = "type of the recurrent state: auto, float32 ..."},
  {.name = "--cpu-offload-gb", .arg = "GIB", .type = CLI_GIB, .offset = D(cpu_offload_gib), .min = 0, .max = 4096,
   .advice = "write GiB such as 10", .help = "weights moved to the CPU, per GPU"},
  {.name = "--swap-space", .arg = "GIB", .type = CLI_GIB, .offset = D(swap_space_gib), .min = 0, .max = 4096,
   .advice = "write GiB such as 4", .help = "CPU memory per GPU for swapped requests (V0)"},
  {.name = "--other-processes", .arg = "SIZE", .type = CLI_BYTES, .offset = D(other_processes_bytes), .min = 0, .max = 1e13,
   .advice = "write a size such as 2GiB", .help = "GPU memory that somebody else holds"},
  {.name = "--kv-pool-tokens", .arg = "TOKENS", .type = CLI_TOKENS, .offset = D(kv_pool_tok), .min = 1, .max = 1e12,
   .help = "take the KV pool as given, as vLLM's log printed it"},

  GROUP("Parallelism"),
  {.name = "--tensor-parallel-size", .alias = "-tp", .arg = "N", .type = CLI_INT, .offset = D(tp), .min = 1, .max = 1024,
   .help = "GPUs that share every layer"},
  {.name = "--pipeline-parallel-size", .alias = "-pp", .arg = "N", .type = CLI_INT, .offset = D(pp), .min = 1, .max = 1024,
   .help = "stages that share the layers out"},
  {.name = "--data-parallel-size", .alias = "-dp", .arg = "N", .type = CLI_INT, .offset = D(dp), .min = 1, .max = 4096,
   .help = "copies of the engine"},
  {.name = "--enable-expert-parallel", .alias = "-ep", .type = CLI_TRUE, .offset = D(expert_parallel),
   .help = "whole experts on each GPU"},
  {.name = "--decode-context-parallel-size", .alias = "-dcp", .arg = "N", .type = CLI_INT, .offset = D(dcp), .min = 1, .max = 1024,
   .help = "GPUs that share one request's KV while decoding"},
  {.name = "--prefill-context-parallel-size", .alias = "-pcp", .arg = "N", .type = CLI_INT, .offset = D(pcp), .min = 1, .max = 1024,
   .help = "GPUs that share one prefill"},

  GROUP("Scheduling"),
  {.name = "--max-num-seqs", .arg = "N", .type = CLI_INT64, .offset = D(max_num_seqs), .min = 1, .max = 1e6,
   .advice = "write a count such as 256", .help = "requests that run at once; each costs logits memory"},
  {.name = "--max-num-batched-tokens", .arg = "TOKENS", .type = CLI_TOKENS, .offset = D(max_num_batched_tok), .min = 1, .max = 1e8,
   .advice = "write a count such as 8192", .help = "tokens in one step"},
  {.name = "--enable-chunked-prefill", .type = CLI_TRISTATE, .offset = D(chunked_prefill),
   .help = "split long prompts over steps"},
  {.name = "--enable-prefix-caching", .type = CLI_TRISTATE, .offset = D(prefix_caching),
   .help = "reuse the KV of equal prefixes"},

  GROUP("Speculative decoding"),
  {.name = "--speculative-config", .alias = "-sc", .arg = "JSON", .type = CLI_CALL, .call = size_speculative_config,
   .help = "as for vLLM: {\"method\": \"eagle3\", \"model\": \"NAME\", \"num_speculative_tokens\": 3}"},
  {.name = "--spec-method", .arg = "METHOD", .type = CLI_TEXT, .offset = D(spec_method),
   .help = "ngram, eagle, eagle3, mtp, medusa, draft_model ..."},
  {.name = "--speculative-model", .alias = "--spec-model", .arg = "NAME", .type = CLI_CALL, .call = size_speculative_model, .complete = "models",
   .help = "draft model, or [ngram]"},
  {.name = "--num-speculative-tokens", .alias = "--spec-tokens", .arg = "N", .type = CLI_INT, .offset = D(spec_tokens), .min = 1, .max = 1024,
   .help = "tokens guessed in one step"},
  {.name = "--speculative-draft-tensor-parallel-size", .arg = "N", .type = CLI_INT, .offset = D(spec_draft_tp), .min = 1, .max = 1024,
   .help = "GPUs that share the draft model"},

  GROUP("LoRA"),
  {.name = "--enable-lora", .type = CLI_TRUE, .offset = D(enable_lora), .help = "reserve LoRA slots"},
  {.name = "--max-loras", .arg = "N", .type = CLI_INT, .offset = D(max_loras), .min = 1, .max = 4096,
   .help = "adapters on the GPU at once"},
  {.name = "--max-lora-rank", .arg = "N", .type = CLI_INT, .offset = D(max_lora_rank), .min = 1, .max = 4096,
   .help = "largest rank of an adapter"},
  {.name = "--lora-dtype", .arg = "TYPE", .type = CLI_TEXT, .offset = D(lora_dtype), .help = "type of the adapters: auto, bfloat16 ..."},

  GROUP("Multimodal"),
  {.name = "--limit-mm-per-prompt", .arg = "JSON", .type = CLI_CALL, .call = size_limit_mm,
   .help = "items per request: {\"image\": 2}; all 0 turns the encoder off"},
  {.name = "--skip-mm-profiling", .type = CLI_TRUE, .offset = D(skip_mm_profiling), .help = "do not profile the encoder"},
  {.name = "--language-model-only", .type = CLI_TRUE, .offset = A(language_model_only), .help = "text only, no encoder"},

  GROUP("Requests"),
  {.name = "--prompt-tokens", .arg = "N", .type = CLI_LENGTH, .offset = L(prompt_tok), .min = 1, .max = 1e9,
   .advice = "write a mean such as 500", .help = "mean prompt length"},
  {.name = "--output-tokens", .arg = "N", .type = CLI_LENGTH, .offset = L(output_tok), .min = 1, .max = 1e9,
   .advice = "write a mean such as 300", .help = "mean output length"},
  {.name = "--prompt-cv", .arg = "X", .type = CLI_NUM, .offset = L(prompt_cv), .min = 0, .max = 20,
   .advice = "write standard deviation / mean such as 0.5", .help = "spread of the prompt length: standard deviation / mean"},
  {.name = "--output-cv", .arg = "X", .type = CLI_NUM, .offset = L(output_cv), .min = 0, .max = 20,
   .advice = "write standard deviation / mean such as 1", .help = "spread of the output length"},
  {.name = "--shared-prefix-tokens", .arg = "N", .type = CLI_LENGTH, .offset = L(shared_prefix_tok), .min = 0, .max = 1e9,
   .help = "part of the prompt that all requests share (prefix caching)"},
  {.name = "--shared-prefix-fraction", .arg = "FRAC", .type = CLI_NUM, .offset = L(shared_prefix_frac), .min = 0, .max = 1,
   .advice = "write a fraction such as 0.4", .help = "the same as a fraction of the mean prompt"},
  {.name = "--buffer", .arg = "FRAC", .type = CLI_NUM, .offset = L(buffer_frac), .min = 0, .max = 0.99,
   .advice = "write a fraction such as 0.3", .help = "part of the pool kept free for bursts; default 0.3"},
  {.name = "--epsilon", .arg = "P", .type = CLI_NUM, .offset = L(exceed_prob), .min = 1e-9, .max = 0.5,
   .advice = "write a probability such as 0.01", .help = "accepted probability that the pool is exceeded; default 0.01"},
  {.name = "--round", .arg = "N", .type = CLI_INT64, .offset = L(round_to), .min = 1, .max = 1e6,
   .help = "round the recommended --max-num-seqs to a multiple of N; default 8"},

  GROUP("Report"),
  {.name = "--explain", .type = CLI_TRUE, .offset = A(req.explain), .help = "every setting with its origin, every formula with its numbers"},
  {.type = CLI_END}};
/* clang-format on */
