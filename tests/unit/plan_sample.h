/* plan_sample.h - a plan made up for the tests of its report.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_PLAN_SAMPLE_H
#define KVC_TESTS_PLAN_SAMPLE_H

#include <kvcap/search.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_UNITS = 6, SAMPLE_FRONT = 9, SAMPLE_REJECTED = 40 };

struct plan_sample {
  struct kvc_search_request request;
  struct kvc_search_unit units[SAMPLE_UNITS];
  struct kvc_search_front front[SAMPLE_FRONT];
  struct kvc_search_rejected rejected[SAMPLE_REJECTED];
  struct kvc_search_month months[13];
  struct kvc_search_sensitivity sensitivity[3];
  struct kvc_advice advice;
  struct kvc_plan plan;
};

/* p times the median at each percentile. */
static inline struct kvc_quantiles sample_times(double p50_s)
{
  return (struct kvc_quantiles){1.1 * p50_s, p50_s, 1.6 * p50_s, 2 * p50_s, 3 * p50_s};
}

static inline struct kvc_search_interval sample_interval(double p50_s)
{
  return (struct kvc_search_interval){sample_times(0.6 * p50_s),
                                      sample_times(2.4 * p50_s)};
}

static inline void sample_question(struct kvc_search_request *r)
{
  kvc_search_request_init(r);
  r->models[0].model_name = "Qwen/Qwen3-8B";
  r->n_models = 1;
  r->hardware[0] = (struct kvc_hardware){.gpu = "H100",
                                         .instance = "p5.48xlarge",
                                         .region = "us-east-1",
                                         .gpus_per_node = 8,
                                         .whole_nodes = true,
                                         .usd_per_gpu_hour = 6.88,
                                         .price_from = "AWS on demand, 2026-09"};
  r->hardware[1] = (struct kvc_hardware){.gpu = "L40S", .usd_per_gpu_hour = (double)NAN};
  r->n_hardware = 2;
  r->demand.load.prompt_tok = 500;
  r->demand.load.output_tok = 300;
  r->demand.name = "chat";
  r->rate_per_s = 20;
  r->peak_to_trough = 4;
  r->growth_per_month = 0.1;
  r->horizon_months = 12;
  r->headroom_frac = 0.2;
  struct kvc_err err;
  if (kvc_slo_read("ttft_p95=500ms,tpot_p95=30ms", "--slo", &r->slo, &err) != KVC_E_OK)
    abort();
  r->why_not[0] = "h100:tp8";
  r->n_why_not = 1;
}

static inline void sample_unit(struct kvc_search_unit *u, int hardware, int tp,
                               int64_t replicas, double max_rate)
{
  *u = (struct kvc_search_unit){
      .shape = {.hardware = hardware, .tp = tp, .pp = 1, .dp = 1, .speculation = true},
      .max_num_seqs = 256,
      .max_num_batched_tok = 8192,
      .max_model_len_tok = 4096,
      .max_rate_per_s = max_rate,
      .load_rate_per_s = 20 / (double)replicas,
      .replicas = replicas,
      .binding = "tpot_p95",
      .joules_per_output_token = 0.51,
      .source = KVC_SPEED_MEASURED,
      .simulated = 9,
      .n_points = 2};
  u->load = (struct kvc_search_point){.rate_per_s = u->load_rate_per_s,
                                      .ttft_s = sample_times(0.1062 / tp),
                                      .tpot_s = sample_times(0.0121 / tp),
                                      .itl_s = sample_times(0.0119 / tp),
                                      .e2e_s = sample_times(3.7 / tp),
                                      .queue_s = sample_times(0.004),
                                      .output_tok_per_s = 300 * u->load_rate_per_s,
                                      .goodput_frac = 1,
                                      .kv_mean_frac = 0.183,
                                      .kv_peak_frac = 0.4,
                                      .running_mean = 24.4,
                                      .busy_frac = 0.97,
                                      .watts = 610,
                                      .joules_per_output_token = 0.51,
                                      .ratio = 0.81};
  u->points[0] = u->points[1] = u->load;
}

static inline void sample_option(struct plan_sample *s, size_t i, const char *gpu,
                                 double usd_per_gpu_hour)
{
  struct kvc_search_option *o = &s->plan.options[i];
  const struct kvc_search_unit *u = &s->units[i];
  o->unit = u;
  o->hardware = &s->request.hardware[u->shape.hardware];
  o->model = "Qwen/Qwen3-8B";
  o->gpu = gpu;
  o->quantization = "none";
  o->kv_cache_dtype = "bfloat16";
  o->gpus = (size_t)(u->shape.tp * u->replicas);
  o->ttft_s = sample_interval(u->load.ttft_s.p50);
  o->tpot_s = sample_interval(u->load.tpot_s.p50);
  o->e2e_s = sample_interval(u->load.e2e_s.p50);
  o->reason = "kernels of this GPU were measured; hosts differ";
  o->usd_per_gpu_hour = usd_per_gpu_hour;
  o->usd_per_hour = usd_per_gpu_hour * (double)o->gpus;
  o->usd_per_year = 8760 * o->usd_per_hour;
  o->usd_per_million_tok = o->usd_per_hour / (20 * 300 * 3600) * 1e6;
  o->usd_per_day_scaled = 17 * o->usd_per_hour;
  o->price_from = "AWS on demand, 2026-09";
  o->headroom_frac = 1 - u->load_rate_per_s / u->max_rate_per_s;
  o->watts = u->load.watts * (double)o->gpus;
  for (size_t h = 0; h < 24; h++)
    o->day[h] = h < 6 ? 1 : h < 9 || h > 20 ? (u->replicas + 1) / 2 : u->replicas;
  o->command = "vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2 --max-num-seqs 256 "
               "--max-model-len 4096 --gpu-memory-utilization 0.92";
  s->plan.n_options = i + 1;
}

static inline void sample_first(struct plan_sample *s)
{
  struct kvc_search_option *o = &s->plan.options[0];
  for (size_t i = 0; i < 13; i++) {
    const double rate = 20 * pow(1.1, (double)i);
    const int64_t replicas = (int64_t)ceil(rate / 8.4);
    s->months[i] =
        (struct kvc_search_month){(double)i, rate, 6.88 * (double)replicas, replicas};
  }
  o->months = s->months;
  o->n_months = 13;
  s->sensitivity[0] =
      (struct kvc_search_sensitivity){"+20 % output tokens", 7.1, 4, 27.52};
  s->sensitivity[1] =
      (struct kvc_search_sensitivity){"step times 1.65x as long", 3.9, 6, (double)NAN};
  s->sensitivity[2] =
      (struct kvc_search_sensitivity){"prompts twice as long", 0, 0, (double)NAN};
  o->sensitivity = s->sensitivity;
  o->n_sensitivity = 3;
  o->survival = "with 2 of 3 each gets 10/s, more than the 8.4/s that hold the limits";
  o->tpot_s.high = sample_times(1.2 * o->unit->load.tpot_s.p50); /* still below 30 ms */
  o->ttft_s.high = sample_times(1.9 * o->unit->load.ttft_s.p50);
  o->certain = true;
  s->advice.flags[0] = (struct kvc_advised){.name = "--max-num-seqs",
                                            .value = "256",
                                            .reason = "as many as the KV cache holds"};
  s->advice.n_flags = 1;
  o->advice = &s->advice;
}

static inline void sample_frontiers(struct plan_sample *s)
{
  static const double cost[][3] = {
      {20.64, 7.4, 3}, {27.52, 6.1, 4}, {41.28, 4.0, 6}, {55.04, 3.3, 8}, {88, 2.6, 16}};
  for (size_t i = 0; i < 5; i++)
    s->front[i] = (struct kvc_search_front){.frontier = KVC_FRONTIER_COST_LATENCY,
                                            .unit = &s->units[i % 2 == 0 ? 0 : 3],
                                            .what = "2 H100-SXM5-80GB: TP 2, fp8 weights",
                                            .replicas = (int64_t)cost[i][2],
                                            .rate_per_s = 20 / cost[i][2],
                                            .usd_per_hour = cost[i][0],
                                            .e2e_p95_s = cost[i][1],
                                            .tok_per_s_per_gpu = (double)NAN,
                                            .tok_per_s_per_user = (double)NAN};
  for (size_t i = 5; i < SAMPLE_FRONT; i++)
    s->front[i] = (struct kvc_search_front){.frontier = KVC_FRONTIER_THROUGHPUT_SPEED,
                                            .unit = &s->units[i - 5],
                                            .what = "1 L40S",
                                            .replicas = 1,
                                            .rate_per_s = 8,
                                            .usd_per_hour = (double)NAN,
                                            .e2e_p95_s = 4,
                                            .tok_per_s_per_gpu = 2400 / (double)(i - 4),
                                            .tok_per_s_per_user = 40 * (double)(i - 4)};
  s->plan.front = s->front;
  s->plan.n_front = SAMPLE_FRONT;
}

static inline void sample_left_out(struct plan_sample *s)
{
  static const enum kvc_fate fates[] = {KVC_FATE_MEMORY, KVC_FATE_DOMINATED,
                                        KVC_FATE_BOUND, KVC_FATE_SLO};
  for (size_t i = 0; i < SAMPLE_REJECTED; i++)
    s->rejected[i] = (struct kvc_search_rejected){
        "1x L4, fp8 weights", "TPOT p95 is 61.2 ms at the least load, over 30 ms",
        fates[i % 4]};
  s->plan.rejected = s->rejected;
  s->plan.n_rejected = SAMPLE_REJECTED;
  s->plan.why_not[0] = (struct kvc_search_why_not){
      .asked = "h100:tp8",
      .what = "8x H100-SXM5-80GB TP8",
      .why = "it holds the limits and costs 2.7 times as much as option 1",
      .usd_per_hour = 55.04,
      .max_rate_per_s = 38.2,
      .replicas = 1};
  s->plan.n_why_not = 1;
}

static inline struct plan_sample *plan_sample_new(struct kvc_arena *arena)
{
  struct plan_sample *s = kvc_arena_alloc(arena, 1, sizeof *s);
  if (s == NULL) abort();
  sample_question(&s->request);
  sample_unit(&s->units[0], 0, 1, 3, 8.4);
  sample_unit(&s->units[1], 0, 2, 2, 16.1);
  sample_unit(&s->units[2], 1, 4, 3, 7.05);
  sample_unit(&s->units[3], 1, 1, 9, 2.4);
  s->units[1].shape.fp8_weights = true;
  s->units[2].shape.pp = 2;
  s->plan.schema = 1;
  s->plan.request = &s->request;
  (void)snprintf(s->plan.version, sizeof s->plan.version, "0.19.0");
  s->plan.verdict = "3 H100-SXM5-80GB hold 20 requests a second for 20.64 USD/h";
  sample_option(s, 0, "H100-SXM5-80GB", 6.88);
  sample_option(s, 1, "H100-SXM5-80GB", 6.88);
  sample_option(s, 2, "L40S-48GB", (double)NAN);
  s->plan.options[1].quality = true;
  s->plan.options[2].gpus = 24;
  sample_first(s);
  sample_frontiers(s);
  sample_left_out(s);
  s->plan.notes[0] = "sized for vLLM 0.19.0";
  s->plan.n_notes = 1;
  s->plan.candidates = 184;
  s->plan.pruned = 162;
  s->plan.simulated_units = 22;
  s->plan.simulated = 231;
  s->plan.wall_s = 8.23;
  return s;
}

/* The rendered document; the caller clears 'out'. */
static inline void plan_sample_render(struct kvc_arena *arena,
                                      const struct kvc_plan *plan, const char *sink,
                                      const struct kvc_style *style, struct kvc_buf *out)
{
  struct kvc_doc doc;
  struct kvc_err err = {0};
  kvc_doc_init(&doc, arena);
  if (kvc_doc_plan(&doc, plan, &err) != KVC_E_OK) abort();
  kvc_buf_init(out, 1 << 20);
  kvc_sink_find(sink)->write(&doc, style, out);
}

#endif
