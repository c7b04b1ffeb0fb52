/* resolve.c - every default filled in, as that release would, with its origin.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "facts.h"
#include "sizing.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

/* One resolution in progress. */
struct resolve {
  struct sizing *s;
  const struct kvc_deploy *d;
  const struct kvc_model *model;
  const struct kvc_gpu *gpu;
  const struct kvc_version *v;
  struct kvc_setting *set;
  struct kvc_default_query query;
  bool record;
};

static void origin(struct resolve *r, const char *key, const char *value,
                   const char *from, const char *cite, const char *note)
{
  struct kvc_size *out = r->s->out;
  if (!r->record || out->n_origins == KVC_MAX_ORIGINS) return;
  out->origins[out->n_origins++] = (struct kvc_origin){key, value, from, cite, note};
}

static void given(struct resolve *r, const char *key, const char *value)
{
  origin(r, key, value, "given", NULL, NULL);
}

static void note(struct resolve *r, const char *level, const char *text)
{
  if (r->record) sizing_note(r->s, level, text);
}

/* The default of a flag as text, NULL when the release lacks it or computes it. */
static const char *default_text(struct resolve *r, const char *key, const char **cite)
{
  const struct kvc_flag *flag = kvc_engine_flag(r->s->engine, key);
  struct kvc_default d;
  if (flag == NULL || !kvc_engine_default(r->s->engine, flag, r->v, &r->query, &d))
    return NULL;
  *cite = d.cite;
  return d.value == NULL || strcmp(d.value, "none") == 0 ? NULL : d.value;
}

static const char *default_from(struct resolve *r)
{
  char v[KVC_VERSION_TEXT];
  kvc_version_format(r->v, v);
  return sizing_text(r->s, "default of %s", v);
}

/* A numeric flag: the given value, else the default, else 'otherwise'. */
static double pick(struct resolve *r, const char *key, double asked, bool unset,
                   double otherwise)
{
  char text[KVC_NUM_TEXT];
  const char *cite = NULL;
  if (!unset) {
    kvc_num_format(asked, text);
    given(r, key, sizing_text(r->s, "%s", text));
    return asked;
  }
  double value = otherwise;
  const char *def = default_text(r, key, &cite);
  struct kvc_err ignored;
  if (def != NULL && kvc_num_parse(def, key, &value, &ignored) != KVC_E_OK)
    value = otherwise;
  kvc_num_format(value, text);
  origin(r, key, sizing_text(r->s, "%s", text), def != NULL ? default_from(r) : "derived",
         cite, NULL);
  return value;
}

static bool has_mixer(const struct kvc_model *m, enum kvc_mixer mixer)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].mixer == mixer) return true;
  return false;
}

static bool has_state(const struct kvc_model *m)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].mixer >= KVC_MIX_MAMBA1 || m->layers[i].parallel_mamba) return true;
  return false;
}

static bool has_sparse(const struct kvc_model *m)
{
  return m->mla.index_topk > 0;
}

/* ---- engine generation ---- */

static bool before_ampere(const struct kvc_gpu *gpu)
{
  const char *cc = gpu->compute_capability;
  return gpu->vendor == KVC_VENDOR_NVIDIA && cc != NULL && cc[1] == '.' && cc[0] < '8';
}

static kvc_code pick_engine(struct resolve *r, enum kvc_engine_kind *out,
                            struct kvc_err *err)
{
  const struct kvc_engine *e = r->s->engine;
  char v[KVC_VERSION_TEXT];
  kvc_version_format(r->v, v);
  const char *v0 = kvc_engine_generation(e, r->v, KVC_ENGINE_V0);
  const char *v1 = kvc_engine_generation(e, r->v, KVC_ENGINE_V1);
  if (r->d->engine != KVC_ENGINE_AUTO) {
    const bool is_v1 = r->d->engine == KVC_ENGINE_V1;
    if ((is_v1 ? v1 : v0) == NULL)
      return kvc_fail(err, KVC_E_CONFLICT, "--engine", "vLLM %s has no %s engine", v,
                      is_v1 ? "V1" : "V0");
    *out = r->d->engine;
    given(r, "engine", is_v1 ? "V1" : "V0");
    return KVC_E_OK;
  }
  *out = v1 != NULL && strcmp(v1, "default") == 0 ? KVC_ENGINE_V1 : KVC_ENGINE_V0;
  if (v0 == NULL) *out = KVC_ENGINE_V1;
  /* While both exist, V1 falls back where it cannot run the card or the model. */
  if (*out == KVC_ENGINE_V1 && v0 != NULL &&
      (before_ampere(r->gpu) || has_mixer(r->model, KVC_MIX_CROSS))) {
    *out = KVC_ENGINE_V0;
    note(
        r, "note",
        before_ampere(r->gpu)
            ? "this release falls back to the V0 engine on GPUs before Ampere"
            : "this release falls back to the V0 engine for models with cross-attention");
  }
  origin(r, "engine", *out == KVC_ENGINE_V1 ? "V1" : "V0", default_from(r), NULL, NULL);
  return KVC_E_OK;
}

/* ---- dtypes ---- */

static kvc_code pick_dtype(struct resolve *r, struct kvc_err *err)
{
  static const struct {
    const char *name, *means;
    double bytes;
  } dtypes[] = {
      {"auto", NULL, 0},         {"bfloat16", "bfloat16", 2}, {"half", "float16", 2},
      {"float16", "float16", 2}, {"float", "float32", 4},     {"float32", "float32", 4},
  };
  const char *asked = r->d->dtype != NULL ? r->d->dtype : "auto";
  size_t i = 0;
  while (i < sizeof dtypes / sizeof *dtypes && !kvc_str_ieq(dtypes[i].name, asked)) i++;
  if (i == sizeof dtypes / sizeof *dtypes)
    return kvc_fail(err, KVC_E_UNKNOWN, "--dtype",
                    "\"%.40s\" is not a dtype; use auto, bfloat16, float16 or float32",
                    asked);
  if (dtypes[i].means != NULL) {
    r->set->dtype = dtypes[i].means;
    r->set->weight_elem_bytes = dtypes[i].bytes;
    given(r, "dtype", r->set->dtype);
    return KVC_E_OK;
  }
  /* auto: the checkpoint's, float32 ones are served in 16 bits. */
  const char *own = r->model->dtype != NULL ? r->model->dtype : "bfloat16";
  r->set->dtype =
      strcmp(own, "float16") == 0 || strcmp(own, "float32") == 0 ? "float16" : "bfloat16";
  r->set->weight_elem_bytes = 2;
  origin(r, "dtype", r->set->dtype, "model config", r->model->cite, NULL);
  if (strcmp(r->set->dtype, "bfloat16") == 0 && isnan(r->gpu->bf16_flops.value) &&
      before_ampere(r->gpu))
    note(r, "warning",
         "the GPU has no bfloat16: vLLM needs --dtype half (the sizes are the same)");
  return KVC_E_OK;
}

static bool flag_has_choice(struct resolve *r, const char *key, const char *value)
{
  const struct kvc_flag *flag = kvc_engine_flag(r->s->engine, key);
  const char *const *choices = NULL;
  const size_t n =
      flag != NULL ? kvc_engine_flag_choices(r->s->engine, flag, r->v, &choices) : 0;
  for (size_t i = 0; i < n; i++)
    if (strcmp(choices[i], value) == 0) return true;
  return n == 0;
}

static bool fact_true(struct resolve *r, const char *key)
{
  const struct kvc_fact *f = kvc_engine_fact(r->s->engine, key, r->v, r->set->engine);
  return f != NULL && strcmp(f->value, "true") == 0;
}

static void pick_kv_dtype(struct resolve *r)
{
  const char *asked = r->d->kv_cache_dtype != NULL ? r->d->kv_cache_dtype : "auto";
  struct kvc_setting *set = r->set;
  const bool is_auto = strcmp(asked, "auto") == 0;
  if (!is_auto) {
    if (!flag_has_choice(r, "kv_cache_dtype", asked)) {
      char v[KVC_VERSION_TEXT];
      kvc_version_format(r->v, v);
      note(r, "warning",
           sizing_text(r->s, "--kv-cache-dtype %s is not a value vLLM %s accepts", asked,
                       v));
    }
    given(r, "kv_cache_dtype", asked);
  }
  if (has_sparse(r->model) && set->engine == KVC_ENGINE_V1 &&
      (is_auto || strncmp(asked, "fp8", 3) == 0)) {
    set->kv_cache_dtype = "fp8_ds_mla";
    if (is_auto)
      origin(r, "kv_cache_dtype", "fp8_ds_mla", "model config", NULL,
             "sparse attention stores 656 bytes per token and layer");
    return;
  }
  const char *recipe = r->model->quant.kv_cache_dtype;
  if (is_auto && recipe != NULL && fact_true(r, "kv_auto_from_checkpoint")) {
    set->kv_cache_dtype = recipe;
    origin(r, "kv_cache_dtype", recipe, "model config", r->model->cite,
           "the checkpoint carries a KV-cache scheme");
    note(r, "note",
         sizing_text(r->s,
                     "the checkpoint asks for a %s KV cache, so \"auto\" is %s; "
                     "--kv-cache-dtype bfloat16 would double its size",
                     recipe, recipe));
    return;
  }
  set->kv_cache_dtype = is_auto ? set->dtype : asked;
  if (is_auto) origin(r, "kv_cache_dtype", set->kv_cache_dtype, "derived", NULL, "auto");
}

/* ---- lengths and batch ---- */

static void pick_max_model_len(struct resolve *r)
{
  struct kvc_setting *set = r->set;
  const int64_t own = r->model->max_position_tok;
  set->max_model_len_auto = r->d->max_model_len_tok == -1;
  if (r->d->max_model_len_tok > 0) {
    set->max_model_len_tok = r->d->max_model_len_tok;
    given(r, "max_model_len",
          sizing_text(r->s, "%lld", (long long)set->max_model_len_tok));
    if (own > 0 && set->max_model_len_tok > own)
      note(r, "warning",
           sizing_text(r->s,
                       "--max-model-len %lld is longer than the %lld positions of the "
                       "model config; vLLM refuses it unless "
                       "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 is set",
                       (long long)set->max_model_len_tok, (long long)own));
    return;
  }
  set->max_model_len_tok = own > 0 ? own : 2048;
  origin(r, "max_model_len", sizing_text(r->s, "%lld", (long long)set->max_model_len_tok),
         set->max_model_len_auto ? "auto-fit" : "model config", r->model->cite, NULL);
}

static void pick_chunked(struct resolve *r)
{
  struct kvc_setting *set = r->set;
  const char *cite = NULL;
  if (r->d->chunked_prefill >= 0) {
    set->chunked_prefill = r->d->chunked_prefill == 1;
    given(r, "enable_chunked_prefill", set->chunked_prefill ? "true" : "false");
    return;
  }
  const char *def = default_text(r, "enable_chunked_prefill", &cite);
  set->chunked_prefill = def != NULL && strcmp(def, "true") == 0;
  const struct kvc_fact *above =
      kvc_engine_fact(r->s->engine, "chunked_auto_above_len_tok", r->v, set->engine);
  double limit = INFINITY;
  struct kvc_err ignored;
  if (def == NULL && above != NULL &&
      kvc_num_parse(above->value, "fact", &limit, &ignored) != KVC_E_OK)
    limit = INFINITY;
  if (def == NULL && (double)set->max_model_len_tok > limit &&
      !has_mixer(r->model, KVC_MIX_SLIDING) && r->model->n_towers == 0 &&
      r->d->spec_method == NULL && !r->d->enable_lora)
    set->chunked_prefill = true;
  origin(r, "enable_chunked_prefill", set->chunked_prefill ? "true" : "false",
         default_from(r), cite, NULL);
}

/* Token budget of a step where the release computes it: V0 without chunked prefill
 * takes whole prompts. */
static int64_t unchunked_budget(struct resolve *r)
{
  int64_t n = r->set->max_model_len_tok > 2048 ? r->set->max_model_len_tok : 2048;
  if (r->model->n_towers > 0 && n < 5120) n = 5120;
  if (r->model->pooling && n < 32768) n = 32768;
  return n;
}

static kvc_code pick_batch(struct resolve *r, struct kvc_err *err)
{
  struct kvc_setting *set = r->set;
  const struct kvc_deploy *d = r->d;
  set->max_num_seqs = (int64_t)pick(r, "max_num_seqs", (double)d->max_num_seqs,
                                    d->max_num_seqs == 0, 256);
  r->query.chunked = set->chunked_prefill;
  set->max_num_batched_tok =
      (int64_t)pick(r, "max_num_batched_tokens", (double)d->max_num_batched_tok,
                    d->max_num_batched_tok == 0, (double)unchunked_budget(r));
  if (d->max_num_batched_tok > 0) {
    if (d->max_num_seqs > d->max_num_batched_tok)
      return kvc_fail(err, KVC_E_CONFLICT, "--max-num-batched-tokens",
                      "%lld is below --max-num-seqs %lld; vLLM refuses to start",
                      (long long)d->max_num_batched_tok, (long long)d->max_num_seqs);
    if (set->max_num_seqs > set->max_num_batched_tok)
      set->max_num_seqs = set->max_num_batched_tok;
    if (!set->chunked_prefill && d->max_num_batched_tok < set->max_model_len_tok) {
      if (d->chunked_prefill == 0)
        return kvc_fail(err, KVC_E_CONFLICT, "--max-num-batched-tokens",
                        "%lld is below --max-model-len %lld, which needs chunked prefill",
                        (long long)d->max_num_batched_tok,
                        (long long)set->max_model_len_tok);
      set->chunked_prefill = true;
      note(r, "note",
           "--max-num-batched-tokens is below --max-model-len, which starts only with "
           "--enable-chunked-prefill: taken as on");
    }
    return KVC_E_OK;
  }
  if (set->engine == KVC_ENGINE_V1) {
    const double most = (double)set->max_num_seqs * (double)set->max_model_len_tok;
    if (!set->chunked_prefill && set->max_num_batched_tok < set->max_model_len_tok)
      set->max_num_batched_tok = set->max_model_len_tok;
    if ((double)set->max_num_batched_tok > most) set->max_num_batched_tok = (int64_t)most;
  }
  if (set->max_num_seqs > set->max_num_batched_tok)
    set->max_num_seqs = set->max_num_batched_tok;
  return KVC_E_OK;
}

static void pick_block_size(struct resolve *r)
{
  struct kvc_setting *set = r->set;
  if (r->d->block_size_tok == 0 && has_sparse(r->model)) {
    set->block_size_tok = 64;
    origin(r, "block_size", "64", "derived", NULL,
           "the sparse attention kernels need 64");
    return;
  }
  set->block_size_tok = (int64_t)pick(r, "block_size", (double)r->d->block_size_tok,
                                      r->d->block_size_tok == 0, 16);
}

static void pick_caching(struct resolve *r)
{
  struct kvc_setting *set = r->set;
  const char *cite = NULL;
  const bool hybrid = has_state(r->model);
  if (r->d->prefix_caching >= 0) {
    set->prefix_caching = r->d->prefix_caching == 1;
    given(r, "enable_prefix_caching", set->prefix_caching ? "true" : "false");
  } else {
    const char *def = default_text(r, "enable_prefix_caching", &cite);
    set->prefix_caching = def != NULL && strcmp(def, "true") == 0;
    if (hybrid && !fact_true(r, "mamba_default_prefix_caching"))
      set->prefix_caching = false;
    origin(r, "enable_prefix_caching", set->prefix_caching ? "true" : "false",
           default_from(r), cite, NULL);
  }
  set->mamba_cache_mode = r->d->mamba_cache_mode != NULL  ? r->d->mamba_cache_mode
                          : hybrid && set->prefix_caching ? "align"
                                                          : "none";
}

/* ---- memory ---- */

static kvc_code pick_memory(struct resolve *r, struct kvc_err *err)
{
  struct kvc_setting *set = r->set;
  const struct kvc_size_request *req = r->s->req;
  set->gpu_memory_utilization =
      pick(r, "gpu_memory_utilization", r->d->gpu_memory_utilization,
           isnan(r->d->gpu_memory_utilization), 0.9);
  set->kv_cache_memory_bytes = (double)r->d->kv_cache_memory_bytes;
  set->total_bytes = req->gpu_memory_bytes > 0 ? req->gpu_memory_bytes
                                               : r->gpu->memory_usable_bytes.value;
  if (!(set->total_bytes > 0))
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--gpu",
                    "the usable memory of %s is not known; give it with --gpu-memory, as "
                    "torch prints it (for example 79.2GiB)",
                    r->gpu->name);
  set->other_processes_bytes = r->d->other_processes_bytes;
  set->cpu_offload_bytes = r->d->cpu_offload_gib * KVC_GIB;
  set->swap_space_bytes =
      set->engine == KVC_ENGINE_V0
          ? pick(r, "swap_space", r->d->swap_space_gib, isnan(r->d->swap_space_gib), 4) *
                KVC_GIB
          : 0;
  return KVC_E_OK;
}

static void pick_rest(struct resolve *r)
{
  struct kvc_setting *set = r->set;
  const struct kvc_deploy *d = r->d;
  set->tp = d->tp > 0 ? d->tp : 1;
  set->pp = d->pp > 0 ? d->pp : 1;
  set->dp = d->dp > 0 ? d->dp : 1;
  set->dcp = d->dcp > 0 ? d->dcp : 1;
  set->pcp = d->pcp > 0 ? d->pcp : 1;
  set->expert_parallel = d->expert_parallel;
  set->enforce_eager = d->enforce_eager == 1;
  set->hybrid_manager_off = d->disable_hybrid_manager == 1;
  set->num_gpu_blocks_override = d->num_gpu_blocks_override;
  set->max_cudagraph_tok = d->max_cudagraph_size;
  set->mamba_state_fp32 = d->mamba_ssm_cache_dtype != NULL &&
                          strcmp(d->mamba_ssm_cache_dtype, "float32") == 0;
  set->lora = d->enable_lora;
  set->max_loras = d->max_loras > 0 ? d->max_loras : 1;
  set->max_lora_rank = d->max_lora_rank > 0 ? d->max_lora_rank : 16;
  set->spec_tokens = d->spec_method != NULL ? d->spec_tokens : 0;
  set->spec_mtp = d->spec_method != NULL && kvc_str_ifind(d->spec_method, "mtp") != NULL;
  set->draft = r->s->draft;
  set->mm_items = d->mm_items;
  set->mm_profile = r->model->n_towers > 0 && d->mm_items != 0 && !d->skip_mm_profiling;
  if (d->tp > 0)
    given(r, "tensor_parallel_size", sizing_text(r->s, "%d", set->tp));
  else
    origin(r, "tensor_parallel_size", "1", "default", NULL, NULL);
  if (set->pp > 1) given(r, "pipeline_parallel_size", sizing_text(r->s, "%d", set->pp));
  if (set->dp > 1) given(r, "data_parallel_size", sizing_text(r->s, "%d", set->dp));
  if (set->dcp > 1)
    given(r, "decode_context_parallel_size", sizing_text(r->s, "%d", set->dcp));
  if (set->enforce_eager) given(r, "enforce_eager", "true");
}

/* Model Runner V2 does not estimate its graphs in these releases, so nothing is
 * taken off for the models it serves. */
static bool graphs_not_estimated(struct resolve *r)
{
  const struct kvc_fact *f = kvc_engine_fact(
      r->s->engine, "mrv2_skips_cudagraph_estimate", r->v, r->set->engine);
  if (f == NULL || strcmp(f->value, "none") == 0) return false;
  const char *a = r->model->architecture != NULL ? r->model->architecture : "";
  if (r->model->quant.kind != KVC_QUANT_NONE && strstr(f->value, "non_moe") == NULL)
    return false;
  const bool moe = r->model->moe.experts > 0;
  const bool qwen3 = strcmp(a, "Qwen3ForCausalLM") == 0;
  const bool llama =
      strcmp(a, "LlamaForCausalLM") == 0 || strcmp(a, "MistralForCausalLM") == 0;
  if (strcmp(f->value, "qwen3_dense") == 0) return qwen3;
  if (strcmp(f->value, "llama_mistral_qwen3_dense") == 0) return qwen3 || llama;
  if (strcmp(f->value, "plus_deepseekv2_qwen2moe_granitemoe") == 0)
    return qwen3 || llama || strncmp(a, "DeepseekV2", 10) == 0 ||
           strncmp(a, "Qwen2Moe", 8) == 0 || strncmp(a, "GraniteMoeFor", 13) == 0;
  return !moe && !has_state(r->model) && !r->model->pooling;
}

kvc_code sizing_resolve(struct sizing *s, const struct kvc_deploy *deploy, bool record,
                        struct kvc_setting *set, struct kvc_mem_facts *facts,
                        struct kvc_err *err)
{
  struct kvc_setting out = {0};
  struct resolve r = {.s = s,
                      .d = deploy,
                      .model = &s->out->model,
                      .gpu = &s->out->gpu,
                      .v = &s->out->version.version,
                      .set = &out,
                      .record = record};
  out.version = *r.v;
  KVC_TRY(pick_engine(&r, &out.engine, err));
  r.query = (struct kvc_default_query){
      .engine = out.engine,
      .context = deploy->context,
      .gpu_memory_bytes = kvc_default_tier_bytes(r.gpu, s->req->gpu_memory_bytes),
      .gpu_name = r.gpu->name,
      .vendor = r.gpu->vendor,
  };
  pick_rest(&r);
  KVC_TRY(pick_dtype(&r, err));
  pick_kv_dtype(&r);
  pick_max_model_len(&r);
  pick_chunked(&r);
  KVC_TRY(pick_batch(&r, err));
  pick_block_size(&r);
  pick_caching(&r);
  KVC_TRY(pick_memory(&r, err));
  KVC_TRY(facts_resolve(s->engine, r.v, out.engine, r.gpu, facts, err));
  if (facts->cudagraph_subtracted && graphs_not_estimated(&r)) {
    facts->cudagraph_subtracted = false;
    note(&r, "note",
         "this release serves the model with Model Runner V2, which does not take CUDA "
         "graphs off the KV budget");
  }
  sizing_calibrate(s, record, &out, facts);
  *set = out;
  return KVC_E_OK;
}
