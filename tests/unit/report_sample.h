/* report_sample.h - sized deployments made up for the tests of the report.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_REPORT_SAMPLE_H
#define KVC_TESTS_REPORT_SAMPLE_H

#include <kvcap/num.h>
#include <kvcap/report.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sample {
  struct kvc_size_request req;
  struct kvc_size size;
};

static inline void sample_gpu_and_model(struct kvc_size *s, const char *model)
{
  s->gpu.name = "A100-SXM4-80GB";
  s->gpu.memory_bytes.value = 80e9;
  s->gpu_match = (struct kvc_match){
      .asked = "A100-80G", .file = "profiles/gpus/a100-sxm4-80gb.yaml", .embedded = true};
  s->model.name = model;
  s->model.architecture = "LlamaForCausalLM";
  s->model.dtype = "bfloat16";
  s->model.n_layers = 32;
  s->model.hidden = 4096;
  s->model.vocab = 128256;
  s->model.max_position_tok = 8192;
  s->params.total = s->params.active = 8.03e9;
  s->checkpoint_bytes = 16.06e9;
  s->version.version.release[1] = 20;
  s->version.trust = "tag";
  s->gpus = 1;
  s->cost_per_hour_low = 1.29;
  s->cost_per_hour_high = 5.12;
}

static inline void sample_memory(struct kvc_size *s)
{
  struct kvc_memory *m = &s->memory;
  s->setting.engine = KVC_ENGINE_V1;
  s->setting.tp = s->setting.pp = s->setting.dp = s->setting.dcp = 1;
  s->setting.gpu_memory_utilization = 0.92;
  s->setting.max_model_len_tok = 8192;
  s->setting.max_num_seqs = 256;
  s->setting.kv_cache_dtype = "bfloat16";
  m->total_bytes = 79.25 * KVC_GIB;
  m->requested_bytes = 0.92 * m->total_bytes;
  m->weights_bytes = 14.96 * KVC_GIB;
  m->activation_peak_bytes = 1.23 * KVC_GIB;
  m->activation.dominant = "sampler";
  m->non_torch_bytes = 0.35 * KVC_GIB;
  m->cudagraph_bytes = 0.52 * KVC_GIB;
  m->cudagraph_in_budget = true;
  m->available_kv_bytes =
      (struct kvc_range){55.85 * KVC_GIB, 53.1 * KVC_GIB, 56.8 * KVC_GIB};
  m->outside_bytes = m->total_bytes - m->requested_bytes;
  m->layout.bytes_per_token = 131072;
  m->layout.block_size_tok = 16;
  m->layout.block_bytes = 131072 * 16;
  m->layout.n_specs = 1;
  m->layout.specs[0] =
      (struct kvc_kv_spec){KVC_SPEC_FULL, 32, 4096, 65536, 16, 0, "full attention"};
  m->num_gpu_blocks = 28595;
  m->tokens = (struct kvc_range){457520, 435000, 465000};
  m->max_concurrency = 55.85;
  m->pool_tok = 457520;
  m->need_bytes_one_request = KVC_GIB;
  m->max_model_len_fits_tok = 8192;
  m->fits = true;
}

/* The handbook's figures: 110,000 tokens, 500 + 300 a request. */
static inline void sample_words(struct kvc_size *s)
{
  s->concurrency = (struct kvc_concurrency){.have = true,
                                            .tokens_per_request = 800,
                                            .theoretical = 137.5,
                                            .buffered = 96.25,
                                            .recommended_max_num_seqs = 96,
                                            .occupancy = {800, 660, 92},
                                            .steady_state = 166.7,
                                            .safe_max_num_seqs = 150,
                                            .safe_exceed_prob = 0.0001,
                                            .use_p50_frac = 0.58,
                                            .use_p99_frac = 0.63};
  s->origins[0] = (struct kvc_origin){"max_model_len", "8192", "given", NULL, NULL};
  s->origins[1] =
      (struct kvc_origin){"enforce_eager", "false", "default 0.20.0", "vllm-src", NULL};
  s->n_origins = 2;
  s->notes[0] = (struct kvc_note){"note", "A100-80G is a family name"};
  s->notes[1] = (struct kvc_note){"warning", "--swap-space does not exist any more"};
  s->n_notes = 2;
  s->recs[0] = (struct kvc_recommendation){"KV001",
                                           "hint",
                                           "--max-num-seqs",
                                           "128",
                                           "each request costs logits memory",
                                           {"256", "128"},
                                           2,
                                           "vllm-src",
                                           "KV cache 470,000 tokens"};
  s->n_recs = 1;
  s->log_lines[0] = "Available KV cache memory: 55.85 GiB";
  s->log_lines[1] = "GPU KV cache size: 457,520 tokens";
  s->n_log_lines = 2;
  s->formulas[0] = (struct kvc_formula){"KV bytes per token",
                                        "2 x layers x kv_heads x head_dim x bytes",
                                        "2 x 32 x 8 x 128 x 2", "131,072 B", "vllm-src"};
  s->n_formulas = 1;
  s->verdict = "Starts. GPU KV cache size: 457,520 tokens";
  s->command = "vllm serve meta-llama/Meta-Llama-3-8B-Instruct --max-model-len 8192";
}

static inline struct sample *sample_new(struct kvc_arena *arena, const char *model)
{
  struct sample *out = kvc_arena_alloc(arena, 1, sizeof *out);
  if (out == NULL) abort();
  out->req.load = (struct kvc_workload){.prompt_tok = 500,
                                        .output_tok = 300,
                                        .buffer_frac = 0.30,
                                        .exceed_prob = 0.01,
                                        .round_to = 8};
  out->req.deploy.kv_pool_tok = 110000;
  sample_gpu_and_model(&out->size, model);
  sample_memory(&out->size);
  sample_words(&out->size);
  return out;
}

/* The rendered document; the caller clears 'out'. */
static inline void sample_render(struct kvc_arena *arena, const struct sample *sample,
                                 const char *sink, const struct kvc_style *style,
                                 struct kvc_buf *out)
{
  struct kvc_doc doc;
  struct kvc_err err = {0};
  kvc_doc_init(&doc, arena);
  if (kvc_doc_size(&doc, &sample->req, &sample->size, &err) != KVC_E_OK) abort();
  kvc_buf_init(out, 1 << 20);
  kvc_sink_find(sink)->write(&doc, style, out);
}

#endif
