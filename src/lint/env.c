/* env.c - environment variables of a launch, and the edits that carry findings out.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "lint_room.h"
#include <string.h>

/* Variables of vLLM that the catalogue does not describe: nothing is said about them. */
static const char *const named[] = {"VLLM_CACHE_ROOT",
                                    "VLLM_CONFIG_ROOT",
                                    "VLLM_ASSETS_CACHE",
                                    "VLLM_HOST_IP",
                                    "VLLM_PORT",
                                    "VLLM_RPC_BASE_PATH",
                                    "VLLM_RPC_TIMEOUT",
                                    "VLLM_USE_MODELSCOPE",
                                    "VLLM_TARGET_DEVICE",
                                    "VLLM_NCCL_SO_PATH",
                                    "VLLM_USE_TRITON_FLASH_ATTN",
                                    "VLLM_USE_TRITON_AWQ",
                                    "VLLM_CONFIGURE_LOGGING",
                                    "VLLM_LOGGING_STREAM",
                                    "VLLM_LOGGING_COLOR",
                                    "VLLM_TRACE_FUNCTION",
                                    "VLLM_NO_USAGE_STATS",
                                    "VLLM_DO_NOT_TRACK",
                                    "VLLM_USAGE_SOURCE",
                                    "VLLM_USAGE_STATS_SERVER",
                                    "VLLM_ENGINE_ITERATION_TIMEOUT_S",
                                    "VLLM_ENGINE_READY_TIMEOUT_S",
                                    "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS",
                                    "VLLM_HTTP_TIMEOUT_KEEP_ALIVE",
                                    "VLLM_KEEP_ALIVE_ON_ENGINE_DEATH",
                                    "VLLM_PLUGINS",
                                    "VLLM_USE_RAY_SPMD_WORKER",
                                    "VLLM_USE_RAY_COMPILED_DAG",
                                    "VLLM_USE_RAY_COMPILED_DAG_CHANNEL_TYPE",
                                    "VLLM_RAY_PER_WORKER_GPUS",
                                    "VLLM_RAY_BUNDLE_INDICES",
                                    "VLLM_CPU_OMP_THREADS_BIND",
                                    "VLLM_CPU_NUM_OF_RESERVED_CPU",
                                    "VLLM_CPU_MOE_PREPACK",
                                    "VLLM_CPU_SGL_KERNEL",
                                    "VLLM_IMAGE_FETCH_TIMEOUT",
                                    "VLLM_VIDEO_FETCH_TIMEOUT",
                                    "VLLM_AUDIO_FETCH_TIMEOUT",
                                    "VLLM_VIDEO_LOADER_BACKEND",
                                    "VLLM_MAX_AUDIO_CLIP_FILESIZE_MB",
                                    "VLLM_USE_PRECOMPILED",
                                    "VLLM_SERVER_DEV_MODE",
                                    "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
                                    "VLLM_ALLOW_INSECURE_SERIALIZATION",
                                    "VLLM_USE_DEEP_GEMM",
                                    "VLLM_USE_DEEP_GEMM_E8M0",
                                    "VLLM_MOE_USE_DEEP_GEMM",
                                    "VLLM_DEEP_GEMM_WARMUP",
                                    "VLLM_USE_FLASHINFER_MOE_FP4",
                                    "VLLM_USE_FLASHINFER_MOE_FP8",
                                    "VLLM_USE_FLASHINFER_MOE_FP16",
                                    "VLLM_FLASHINFER_MOE_BACKEND",
                                    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8",
                                    "VLLM_USE_FLASHINFER_MOE_MXFP4_BF16",
                                    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8_CUTLASS",
                                    "VLLM_USE_TRTLLM_ATTENTION",
                                    "VLLM_USE_TRTLLM_FP4_GEMM",
                                    "VLLM_MXFP4_USE_MARLIN",
                                    "VLLM_TEST_FORCE_FP8_MARLIN",
                                    "VLLM_MARLIN_USE_ATOMIC_ADD",
                                    "VLLM_USE_CUDNN_PREFILL",
                                    "VLLM_SKIP_P2P_CHECK",
                                    "VLLM_DISABLED_KERNELS",
                                    "VLLM_DISABLE_COMPILE_CACHE",
                                    "VLLM_USE_AOT_COMPILE",
                                    "VLLM_USE_STANDALONE_COMPILE",
                                    "VLLM_USE_BYTECODE_HOOK",
                                    "VLLM_DP_RANK",
                                    "VLLM_DP_RANK_LOCAL",
                                    "VLLM_DP_SIZE",
                                    "VLLM_DP_MASTER_IP",
                                    "VLLM_DP_MASTER_PORT",
                                    "VLLM_RANDOMIZE_DP_DUMMY_INPUTS",
                                    "VLLM_NIXL_SIDE_CHANNEL_HOST",
                                    "VLLM_NIXL_SIDE_CHANNEL_PORT",
                                    "VLLM_NIXL_ABORT_REQUEST_TIMEOUT",
                                    "VLLM_MOONCAKE_BOOTSTRAP_PORT",
                                    "VLLM_MQ_MAX_CHUNK_BYTES_MB",
                                    "VLLM_ROCM_USE_AITER",
                                    "VLLM_ROCM_USE_AITER_MOE",
                                    "VLLM_ROCM_USE_AITER_MHA",
                                    "VLLM_ROCM_USE_AITER_MLA",
                                    "VLLM_ROCM_USE_AITER_LINEAR",
                                    "VLLM_ROCM_USE_AITER_RMSNORM",
                                    "VLLM_ROCM_USE_SKINNY_GEMM",
                                    "VLLM_ROCM_CUSTOM_PAGED_ATTN",
                                    "VLLM_ROCM_FP8_PADDING",
                                    "VLLM_ROCM_MOE_PADDING",
                                    "VLLM_ROCM_QUICK_REDUCE_QUANTIZATION",
                                    "VLLM_ROCM_SHUFFLE_KV_CACHE_LAYOUT",
                                    "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION",
                                    "VLLM_XLA_CACHE_PATH",
                                    "VLLM_XLA_USE_SPMD",
                                    "VLLM_TPU_BUCKET_PADDING_GAP",
                                    "VLLM_TPU_MOST_MODEL_LEN",
                                    "VLLM_V1_OUTPUT_PROC_CHUNK_SIZE",
                                    "VLLM_SLEEP_WHEN_IDLE",
                                    "VLLM_DEBUG_LOG_API_SERVER_RESPONSE",
                                    "VLLM_DEBUG_WORKSPACE",
                                    "VLLM_TORCH_PROFILER_WITH_STACK",
                                    "VLLM_TORCH_PROFILER_RECORD_SHAPES",
                                    "VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY",
                                    "VLLM_TUNED_CONFIG_FOLDER",
                                    "VLLM_XGRAMMAR_CACHE_MB",
                                    "VLLM_MSGPACK_ZERO_COPY_THRESHOLD",
                                    "VLLM_LORA_RESOLVER_CACHE_DIR",
                                    "VLLM_ENABLE_RESPONSES_API_STORE",
                                    "VLLM_GPT_OSS_USE_CONTAINER_TOOL",
                                    "VLLM_USE_EXPERIMENTAL_PARSER_CONTEXT",
                                    "VLLM_TOOL_PARSE_REGEX_TIMEOUT_SECONDS",
                                    "VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME",
                                    "VLLM_ENABLE_MOE_DP_CHUNK",
                                    "VLLM_ENABLE_CUDAGRAPH_GC",
                                    "VLLM_CUDART_SO_PATH",
                                    "VLLM_SSL_CERT",
                                    "VLLM_TAG",
                                    "VLLM_VERSION",
                                    "VLLM_IMAGE",
                                    "VLLM_MODEL",
                                    "VLLM_HOST",
                                    NULL};

static bool is_named(const char *name)
{
  for (const char *const *p = named; *p != NULL; p++)
    if (strcmp(*p, name) == 0) return true;
  return false;
}

static void at_env(struct lint *l, struct kvc_lint_finding *f,
                   const struct kvc_launch_env *env)
{
  if (f == NULL) return;
  f->finding.line = env->line;
  f->finding.col = env->col;
  if (env->flag != NULL) f->finding.flag = env->flag->key;
  f->env = (int)(env - l->facts->launch->env);
}

static void add_unknown(struct lint *l, const struct kvc_launch_env *env)
{
  enum { MAX_NAMES = 600 };
  const char *names[MAX_NAMES];
  size_t n = 0, near;
  const struct kvc_engine *e = l->facts->engine;
  if (strncmp(env->name, "VLLM_", 5) != 0 || is_named(env->name)) return;
  for (size_t i = 0; i < kvc_engine_flag_count(e) && n < 200; i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(e, i);
    const char *name = strcmp(flag->kind, "env") == 0
                           ? kvc_engine_flag_name(e, flag, &l->facts->release.version)
                           : NULL;
    if (name != NULL) names[n++] = name;
  }
  for (size_t i = 0; named[i] != NULL && n < MAX_NAMES; i++) names[n++] = named[i];
  struct kvc_lint_finding *f =
      lint_add(l, "ENV001", "vllm-src-envs",
               "%.80s is not a variable of vLLM that kvcap knows", env->name);
  at_env(l, f, env);
  if (kvc_did_you_mean(env->name, names, n, &near, 1) == 1)
    lint_fix(l, f, "did you mean %s?", names[near]);
  else
    lint_fix(l, f, "look it up in vllm/envs.py of that release");
}

static void add_removed(struct lint *l, const struct kvc_launch_env *env,
                        const struct kvc_version *gone)
{
  const struct kvc_flag *flag = env->flag;
  const char *instead = flag->removed_instead;
  struct kvc_lint_finding *f = lint_add(
      l, "ENV002", flag->cite, "%s is not read by vLLM %s any more: it went with %s",
      env->name, l->version, lint_version(l, gone));
  at_env(l, f, env);
  if (instead == NULL) {
    lint_fix(l, f, "drop it");
  } else if (strncmp(instead, "nothing", 7) == 0) {
    const char *why = strpbrk(instead, ":;");
    lint_fix(l, f, "drop it%s%s", why != NULL ? ":" : "", why != NULL ? why + 1 : "");
    if (f != NULL) f->action = KVC_LINT_DELETE;
  } else {
    lint_fix(l, f, "use --%s", instead);
  }
}

static void check_deprecated(struct lint *l, const struct kvc_launch_env *env)
{
  const struct kvc_flag *flag = env->flag;
  for (size_t i = 0; i < flag->n_changes; i++) {
    const struct kvc_flag_change *c = &flag->changes[i];
    if (kvc_str_ifind(c->text, "deprecat") == NULL ||
        !kvc_version_in(&l->facts->release.version, &c->at, NULL))
      continue;
    struct kvc_lint_finding *f =
        lint_add(l, "ENV004", c->cite != NULL ? c->cite : flag->cite,
                 "%s is deprecated since %s", env->name, lint_version(l, &c->at));
    at_env(l, f, env);
    lint_fix(l, f, "use --%s",
             flag->removed_instead != NULL ? flag->removed_instead : "");
    return;
  }
}

void lint_environment(struct lint *l)
{
  const struct kvc_launch *launch = l->facts->launch;
  const struct kvc_version *v = &l->facts->release.version;
  for (size_t i = 0; i < launch->n_env; i++) {
    const struct kvc_launch_env *env = &launch->env[i];
    struct kvc_version since, until;
    bool has_until;
    if (env->flag == NULL || strcmp(env->flag->kind, "env") != 0) {
      add_unknown(l, env);
      continue;
    }
    if (kvc_engine_flag_name(l->facts->engine, env->flag, v) != NULL) {
      check_deprecated(l, env);
      continue;
    }
    if (!kvc_engine_flag_span(l->facts->engine, env->flag, &since, &until, &has_until))
      continue;
    if (kvc_version_cmp(v, &since) < 0) {
      struct kvc_lint_finding *f = lint_add(
          l, "ENV003", env->flag->cite, "%s is not read by vLLM %s: it came with %s",
          env->name, l->version, lint_version(l, &since));
      at_env(l, f, env);
      lint_fix(l, f, "drop it, or use vLLM %s or later", lint_version(l, &since));
    } else {
      add_removed(l, env, has_until ? &until : &env->flag->removed_at);
    }
  }
}

/* ---- edits
 * ----------------------------------------------------------------------------- */

static bool delete_span(struct kvc_span span, struct kvc_edit *out)
{
  if (span.len == 0) return false;
  *out = (struct kvc_edit){span, ""};
  return true;
}

/* A quote that opens inside the span closes inside it too. */
static bool with_quotes(const struct kvc_launch *launch, const struct kvc_launch_arg *arg,
                        struct kvc_span *span)
{
  const size_t end = span->at + span->len;
  const char before = span->at > 0 ? launch->text[span->at - 1] : ' ';
  const char after = end < launch->len ? launch->text[end] : ' ';
  const char inside = launch->text[arg->value_at.at - 1];
  const bool quoted = before == '"' || before == '\'';
  if (after != '"' && after != '\'') return !quoted;
  if (quoted) return before == after;
  if (inside != after) return false;
  span->len++;
  return true;
}

bool kvc_lint_edit(struct kvc_arena *arena, const struct kvc_launch *launch,
                   const struct kvc_lint_finding *f, struct kvc_edit *out)
{
  if (f->action == KVC_LINT_LEAVE || launch->format == KVC_LAUNCH_LOG) return false;
  if (f->env >= 0) return delete_span(launch->env[f->env].whole_at, out);
  if (f->arg < 0) return false;
  const struct kvc_launch_arg *arg = &launch->args[f->arg];
  if (f->action == KVC_LINT_DELETE) return delete_span(arg->whole_at, out);
  if (f->with == NULL || arg->name_at.len == 0) return false;
  const bool config = launch->format == KVC_LAUNCH_CONFIG;
  const char *with = f->with + (config ? strspn(f->with, "-") : 0);
  if (f->action == KVC_LINT_RENAME) {
    *out = (struct kvc_edit){arg->name_at, with};
    return true;
  }
  /* Name and value together: they have to stand next to each other. */
  struct kvc_span span = arg->name_at;
  if (arg->value != NULL || (config && arg->value_at.len > 0)) {
    if (arg->value_at.len == 0 || arg->value_at.at < span.at) return false;
    span.len = arg->value_at.at + arg->value_at.len - span.at;
    if (!with_quotes(launch, arg, &span)) return false;
  }
  if (config) {
    const char *equals = strchr(with, '=');
    with = equals != NULL ? kvc_arena_printf(arena, "%.*s: %s", (int)(equals - with),
                                             with, equals + 1)
                          : kvc_arena_printf(arena, "%s: true", with);
    if (with == NULL) return false;
  }
  *out = (struct kvc_edit){span, with};
  return true;
}
