/* words.c - the verdict, the lines vLLM will print, the launch command.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The wording is vLLM's own, because that is what people search for.  Sources: the
 * log calls named in profiles/engines/vllm/engine.yaml (keys log_* and printed_*).
 */
#include "sizing.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void line(struct sizing *s, const char *text)
{
  if (s->out->n_log_lines < KVC_MAX_LOG) s->out->log_lines[s->out->n_log_lines++] = text;
}

/* Python's repr of round(x, 2): at least one decimal, no trailing zero beyond it. */
static const char *gib_short(struct sizing *s, double bytes)
{
  char text[48];
  (void)snprintf(text, sizeof text, "%.2f", bytes / KVC_GIB);
  const size_t n = strlen(text);
  if (n > 1 && text[n - 1] == '0') text[n - 1] = '\0';
  return sizing_text(s, "%s", text);
}

static const char *length(struct sizing *s)
{
  const struct kvc_size *out = s->out;
  const bool commas =
      out->setting.engine == KVC_ENGINE_V1 && out->facts.printed != KVC_PRINT_V1_BLOCKS;
  return commas ? sizing_count(s, (double)out->setting.max_model_len_tok)
                : sizing_text(s, "%lld", (long long)out->setting.max_model_len_tok);
}

static const char *concurrency_words(struct sizing *s)
{
  return sizing_text(s, "Maximum concurrency for %s tokens per request: %.2fx", length(s),
                     s->out->memory.max_concurrency);
}

static const char *pool_words(struct sizing *s)
{
  const struct kvc_size *out = s->out;
  const long long blocks = (long long)out->memory.num_gpu_blocks;
  switch (out->facts.printed) {
  case KVC_PRINT_V0_BLOCKS:
    return sizing_text(s, "# GPU blocks: %lld, # CPU blocks: %lld", blocks,
                       (long long)out->memory.num_cpu_blocks);
  case KVC_PRINT_V1_BLOCKS: return sizing_text(s, "# GPU blocks: %lld", blocks);
  default:
    return sizing_text(s, "GPU KV cache size: %s tokens",
                       sizing_count(s, out->memory.tokens.value));
  }
}

static void weights_line(struct sizing *s)
{
  const struct kvc_size *out = s->out;
  const double gib = out->memory.weights_bytes / KVC_GIB;
  switch (out->facts.weights_text) {
  case KVC_WTEXT_LOADING_GB:
    line(s, sizing_text(s, "Loading model weights took %.4f GB", gib));
    return;
  case KVC_WTEXT_MODEL_GB:
    line(s, sizing_text(s, "Model loading took %.4f GB and ... seconds", gib));
    return;
  case KVC_WTEXT_GIB:
    line(s, sizing_text(s, "Model loading took %.4f GiB and ... seconds", gib));
    return;
  case KVC_WTEXT_GIB_MEMORY:
    line(s, sizing_text(s, "Model loading took %.4f GiB memory and ... seconds", gib));
    return;
  case KVC_WTEXT_GIB_MEMORY_SHORT:
    line(s, sizing_text(s, "Model loading took %s GiB memory and ... seconds",
                        gib_short(s, out->memory.weights_bytes)));
    return;
  }
}

static void v0_profile_lines(struct sizing *s)
{
  const struct kvc_memory *m = &s->out->memory;
  line(s, sizing_text(s,
                      "the current vLLM instance can use total_gpu_memory (%.2fGiB) x "
                      "gpu_memory_utilization (%.2f) = %.2fGiB",
                      m->total_bytes / KVC_GIB, s->out->setting.gpu_memory_utilization,
                      m->requested_bytes / KVC_GIB));
  line(s, sizing_text(
              s,
              "model weights take %.2fGiB; non_torch_memory takes %.2fGiB; PyTorch "
              "activation peak memory takes %.2fGiB; the rest of the memory "
              "reserved for KV Cache is %.2fGiB.",
              m->weights_bytes / KVC_GIB, m->non_torch_bytes / KVC_GIB,
              m->activation_peak_bytes / KVC_GIB, m->available_kv_bytes.value / KVC_GIB));
}

static void log_lines(struct sizing *s)
{
  const struct kvc_size *out = s->out;
  const struct kvc_memory *m = &out->memory;
  weights_line(s);
  if (out->setting.engine == KVC_ENGINE_V0 &&
      out->facts.budget == KVC_BUDGET_PROFILED_GROWTH)
    v0_profile_lines(s);
  if (out->facts.available_line)
    line(s, out->facts.available_2_decimals
                ? sizing_text(s, "Available KV cache memory: %.2f GiB",
                              m->available_kv_bytes.value / KVC_GIB)
                : sizing_text(s, "Available KV cache memory: %s GiB",
                              gib_short(s, m->available_kv_bytes.value)));
  if (!m->fits) {
    line(s, sizing_text(s, "%s", m->error));
    return;
  }
  if (m->layout.n_specs == 0) return;
  if (out->facts.printed_one_line) {
    line(s, sizing_text(s, "%s, %s", pool_words(s), concurrency_words(s)));
    return;
  }
  line(s, pool_words(s));
  line(s, concurrency_words(s));
}

static const char *verdict(struct sizing *s)
{
  const struct kvc_size *out = s->out;
  const struct kvc_memory *m = &out->memory;
  if (!m->fits) return sizing_text(s, "Does not start. %s", m->error);
  if (m->layout.n_specs == 0)
    return "Starts. The model keeps no KV cache: requests are bounded by "
           "--max-num-batched-tokens.";
  return sizing_text(s, "Starts. %s, %s", pool_words(s), concurrency_words(s));
}

/* POSIX shell: bare when every character is safe, else in single quotes. */
static const char *quoted(struct sizing *s, const char *text)
{
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-./:@%+=,";
  if (*text != '\0' && strspn(text, safe) == strlen(text)) return text;
  struct kvc_buf buf;
  kvc_buf_init(&buf, 4096);
  kvc_buf_puts(&buf, "'");
  for (const char *p = text; *p != '\0'; p++)
    if (*p == '\'')
      kvc_buf_puts(&buf, "'\\''");
    else
      kvc_buf_add(&buf, p, 1);
  kvc_buf_puts(&buf, "'");
  const char *out = buf.text != NULL ? kvc_arena_strdup(s->arena, buf.text) : NULL;
  kvc_buf_clear(&buf);
  return out != NULL ? out : "''";
}

/* Spelling of a flag in this release, or NULL when it lacks it. */
static const char *spelling(struct sizing *s, const char *key)
{
  const struct kvc_flag *flag = kvc_engine_flag(s->engine, key);
  return flag != NULL ? kvc_engine_flag_name(s->engine, flag, &s->out->version.version)
                      : NULL;
}

static void flag_add(struct sizing *s, struct kvc_buf *buf, const char *key,
                     const char *value)
{
  const char *name = spelling(s, key);
  if (name == NULL) return;
  kvc_buf_printf(buf, " %s", name);
  if (value != NULL) kvc_buf_printf(buf, " %s", quoted(s, value));
}

/* Settings that the user gave or that the plan advises, never a default. */
static void command(struct sizing *s)
{
  struct kvc_size *out = s->out;
  const struct kvc_deploy *d = &s->req->deploy;
  const struct kvc_setting *set = &out->setting;
  struct kvc_buf buf;
  kvc_buf_init(&buf, 16384);
  const char *model = s->req->model_name != NULL ? s->req->model_name : out->model.name;
  kvc_buf_printf(&buf, "vllm serve %s", quoted(s, model));
  if (d->max_model_len_tok != 0)
    flag_add(s, &buf, "max_model_len",
             sizing_text(s, "%lld", (long long)set->max_model_len_tok));
  if (set->tp > 1)
    flag_add(s, &buf, "tensor_parallel_size", sizing_text(s, "%d", set->tp));
  if (set->pp > 1)
    flag_add(s, &buf, "pipeline_parallel_size", sizing_text(s, "%d", set->pp));
  if (set->dp > 1) flag_add(s, &buf, "data_parallel_size", sizing_text(s, "%d", set->dp));
  if (set->dcp > 1)
    flag_add(s, &buf, "decode_context_parallel_size", sizing_text(s, "%d", set->dcp));
  if (set->expert_parallel) flag_add(s, &buf, "enable_expert_parallel", NULL);
  if (!isnan(d->gpu_memory_utilization))
    flag_add(s, &buf, "gpu_memory_utilization",
             sizing_text(s, "%g", set->gpu_memory_utilization));
  if (d->kv_cache_memory_bytes > 0)
    flag_add(s, &buf, "kv_cache_memory_bytes",
             sizing_text(s, "%lld", (long long)d->kv_cache_memory_bytes));
  const int64_t seqs = d->max_num_seqs > 0     ? d->max_num_seqs
                       : out->concurrency.have ? out->concurrency.recommended_max_num_seqs
                                               : 0;
  if (seqs > 0)
    flag_add(s, &buf, "max_num_seqs", sizing_text(s, "%lld", (long long)seqs));
  if (d->max_num_batched_tok > 0)
    flag_add(s, &buf, "max_num_batched_tokens",
             sizing_text(s, "%lld", (long long)d->max_num_batched_tok));
  if (d->block_size_tok > 0)
    flag_add(s, &buf, "block_size", sizing_text(s, "%lld", (long long)d->block_size_tok));
  if (d->kv_cache_dtype != NULL) flag_add(s, &buf, "kv_cache_dtype", d->kv_cache_dtype);
  if (d->dtype != NULL) flag_add(s, &buf, "dtype", d->dtype);
  if (d->quantization != NULL && !kvc_str_ieq(d->quantization, "none"))
    flag_add(s, &buf, "quantization", d->quantization);
  if (set->enforce_eager) flag_add(s, &buf, "enforce_eager", NULL);
  if (d->enable_lora) {
    flag_add(s, &buf, "enable_lora", NULL);
    flag_add(s, &buf, "max_loras", sizing_text(s, "%d", set->max_loras));
    flag_add(s, &buf, "max_lora_rank", sizing_text(s, "%d", set->max_lora_rank));
  }
  if (d->cpu_offload_gib > 0)
    flag_add(s, &buf, "cpu_offload_gb", sizing_text(s, "%g", d->cpu_offload_gib));
  out->command = buf.text != NULL ? kvc_arena_strdup(s->arena, buf.text) : NULL;
  kvc_buf_clear(&buf);
}

void sizing_words(struct sizing *s)
{
  log_lines(s);
  s->out->verdict = verdict(s);
  command(s);
}
