/* doc_simulate.c - a simulation as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/live.h>
#include <kvcap/simulate.h>
#include <math.h>
#include <string.h>

/* ---- the tree -------------------------------------------------------------------- */

static void add_dist(struct kvc_doc *doc, struct kvc_node *map, const char *key,
                     const struct kvc_sim_dist *d)
{
  struct kvc_node *one = kvc_node_add(doc, map, key, KVC_NODE_MAP);
  kvc_node_num(doc, one, "mean_s", d->mean, KVC_U_NONE);
  kvc_node_num(doc, one, "p50_s", d->p50, KVC_U_NONE);
  kvc_node_num(doc, one, "p90_s", d->p90, KVC_U_NONE);
  kvc_node_num(doc, one, "p95_s", d->p95, KVC_U_NONE);
  kvc_node_num(doc, one, "p99_s", d->p99, KVC_U_NONE);
  kvc_node_num(doc, one, "max_s", d->max, KVC_U_NONE);
  kvc_node_num(doc, one, "mean_ci95_s", d->ci95, KVC_U_NONE);
}

static void add_series(struct kvc_doc *doc, struct kvc_node *map,
                       const struct kvc_sim_result *r)
{
  struct kvc_node *list = kvc_node_add(doc, map, "series", KVC_NODE_LIST);
  for (size_t i = 0; i < r->n_series; i++) {
    const struct kvc_sim_point *p = &r->series[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_num(doc, one, "time_s", p->t_s, KVC_U_NONE);
    kvc_node_num(doc, one, "kv_usage_frac", p->kv_usage_frac, KVC_U_NONE);
    kvc_node_num(doc, one, "running", p->running, KVC_U_NONE);
    kvc_node_num(doc, one, "waiting", p->waiting, KVC_U_NONE);
  }
}

static void add_run(struct kvc_doc *doc, struct kvc_node *map,
                    const struct kvc_simulation_run *run)
{
  const struct kvc_sim_result *r = &run->result;
  if (isinf(run->rate_per_s))
    kvc_node_text(doc, map, "request_rate", "inf");
  else
    kvc_node_num(doc, map, "request_rate", run->rate_per_s, KVC_U_NONE);
  kvc_node_num(doc, map, "concurrency", run->concurrency, KVC_U_NONE);
  add_dist(doc, map, "ttft", &r->ttft_s);
  add_dist(doc, map, "tpot", &r->tpot_s);
  add_dist(doc, map, "itl", &r->itl_s);
  add_dist(doc, map, "e2e", &r->e2e_s);
  add_dist(doc, map, "queue", &r->queue_s);
  struct kvc_node *one = kvc_node_add(doc, map, "throughput", KVC_NODE_MAP);
  kvc_node_num(doc, one, "requests_per_s", r->requests_per_s, KVC_U_NONE);
  kvc_node_num(doc, one, "output_tok_per_s", r->output_tok_per_s, KVC_U_NONE);
  kvc_node_num(doc, one, "total_tok_per_s", r->total_tok_per_s, KVC_U_NONE);
  one = kvc_node_add(doc, map, "goodput", KVC_NODE_MAP);
  kvc_node_num(doc, one, "requests_per_s", r->goodput_per_s, KVC_U_NONE);
  kvc_node_bool(doc, one, "slo_met", run->met);
  one = kvc_node_add(doc, map, "kv", KVC_NODE_MAP);
  kvc_node_num(doc, one, "mean_usage_frac", r->kv_mean_frac, KVC_U_NONE);
  kvc_node_num(doc, one, "peak_usage_frac", r->kv_peak_frac, KVC_U_NONE);
  one = kvc_node_add(doc, map, "batch", KVC_NODE_MAP);
  kvc_node_num(doc, one, "mean_running", r->running_mean, KVC_U_NONE);
  kvc_node_num(doc, one, "peak_running", r->running_peak, KVC_U_NONE);
  kvc_node_num(doc, one, "mean_waiting", r->waiting_mean, KVC_U_NONE);
  kvc_node_num(doc, one, "peak_waiting", r->waiting_peak, KVC_U_NONE);
  kvc_node_num(doc, map, "preemptions", (double)r->preemptions, KVC_U_NONE);
  kvc_node_num(doc, map, "swaps", (double)r->swaps, KVC_U_NONE);
  kvc_node_num(doc, map, "prefix_hit_frac",
               r->prompt_tok > 0 ? (double)r->cached_tok / (double)r->prompt_tok : 0,
               KVC_U_NONE);
  kvc_node_num(doc, map, "gpu_busy_frac", r->gpu_busy_frac, KVC_U_NONE);
  const bool sides = r->link_sent_s > 0;
  kvc_node_num(doc, map, "link_busy_frac",
               sides ? r->link_busiest_s / r->duration_s : (double)NAN, KVC_U_NONE);
  kvc_node_num(doc, map, "link_wait_s", sides ? r->link_wait_s : (double)NAN, KVC_U_NONE);
  kvc_node_num(doc, map, "client_s", run->client_s, KVC_U_NONE);
  one = kvc_node_add(doc, map, "energy", KVC_NODE_MAP);
  kvc_node_num(doc, one, "mean_watts", run->energy.mean_watts, KVC_U_NONE);
  kvc_node_num(doc, one, "joules_per_output_token", run->energy.joules_per_output_token,
               KVC_U_NONE);
  kvc_node_num(doc, one, "board_watts", run->energy.board_watts, KVC_U_NONE);
  kvc_node_num(doc, one, "gpus", (double)run->energy.gpus, KVC_U_NONE);
  kvc_node_num(doc, one, "idle_frac", KVC_SIM_IDLE_FRAC, KVC_U_NONE);
  kvc_node_text(doc, one, "basis",
                "estimate: gpus x board_watts x (idle_frac + (1 - idle_frac) x "
                "gpu_busy_frac); idle_frac is presumed");
  kvc_node_bool(doc, map, "overloaded", run->overloaded);
  kvc_node_num(doc, map, "rejected", (double)r->balance.rejected, KVC_U_NONE);
  one = kvc_node_add(doc, map, "simulated", KVC_NODE_MAP);
  kvc_node_num(doc, one, "requests", (double)run->requests, KVC_U_NONE);
  kvc_node_num(doc, one, "steps", (double)r->steps, KVC_U_NONE);
  kvc_node_num(doc, one, "duration_s", r->duration_s, KVC_U_NONE);
  kvc_node_num(doc, one, "wall_s", run->wall_s, KVC_U_NONE);
  kvc_node_num(doc, one, "requests_per_wall_s",
               run->wall_s > 0 ? (double)run->requests / run->wall_s : (double)NAN,
               KVC_U_NONE);
  add_series(doc, map, r);
}

static const struct {
  const char *name;
  size_t figure; /* whose spread it has */
} spreads[] = {{"ttft", KVC_POINT_MEAN_TTFT},
               {"ttft_percentiles", KVC_POINT_P99_TTFT},
               {"tpot", KVC_POINT_MEAN_TPOT},
               {"tpot_percentiles", KVC_POINT_P99_TPOT},
               {"throughput", KVC_POINT_OUTPUT_TOK_S}};

/* Of a calibrated server means have the width that its fit left over. */
static void spread_of(const struct kvc_simulation *s, size_t figure, double *low,
                      double *high)
{
  const double e = figure == KVC_POINT_MEAN_TTFT ? s->ttft_error_frac
                   : figure == KVC_POINT_MEAN_TPOT || figure == KVC_POINT_OUTPUT_TOK_S
                       ? s->error_frac
                       : (double)NAN;
  kvc_predict_interval(s->source, s->extrapolated, figure, low, high);
  if (!(e >= 0)) return;
  *low = 1 / (1 + e);
  *high = 1 + e;
}

static void add_intervals(struct kvc_doc *doc, struct kvc_node *root,
                          const struct kvc_simulation *s)
{
  struct kvc_node *map = kvc_node_add(doc, root, "interval", KVC_NODE_MAP);
  for (size_t i = 0; i < sizeof spreads / sizeof *spreads; i++) {
    double low, high;
    struct kvc_node *one = kvc_node_add(doc, map, spreads[i].name, KVC_NODE_MAP);
    spread_of(s, spreads[i].figure, &low, &high);
    kvc_node_num(doc, one, "low_frac", low, KVC_U_NONE);
    kvc_node_num(doc, one, "high_frac", high, KVC_U_NONE);
  }
  kvc_node_text(doc, map, "reason", s->reason);
}

static const char *interval_words(struct kvc_doc *doc, const struct kvc_simulation *s)
{
  double low[3], high[3];
  spread_of(s, KVC_POINT_MEAN_TPOT, &low[0], &high[0]);
  spread_of(s, KVC_POINT_MEAN_TTFT, &low[1], &high[1]);
  spread_of(s, KVC_POINT_OUTPUT_TOK_S, &low[2], &high[2]);
  return TEXT(doc,
              "nine of ten measured %s had %.2g to %.3g times the mean TPOT said here, "
              "%.2g to %.2g times the TTFT, %.2g to %.3g times the throughput: %s",
              s->error_frac >= 0 ? "runs of this server" : "servers", low[0], high[0],
              low[1], high[1], low[2], high[2], s->reason);
}

static void add_tree(struct kvc_doc *doc, const struct kvc_simulation *s)
{
  struct kvc_node *root = doc->root;
  kvc_node_num(doc, root, "schema", s->schema, KVC_U_NONE);
  kvc_node_text(doc, root, "verdict", s->verdict);
  kvc_node_text(doc, root, "model", s->size->model.name);
  kvc_node_text(doc, root, "gpu", s->size->gpu.name);
  kvc_node_text(doc, root, "load", s->load);
  kvc_node_text(doc, root, "slo", s->slo);
  kvc_node_num(doc, root, "seed", (double)s->seed, KVC_U_NONE);
  add_intervals(doc, root, s);
  struct kvc_node *one = kvc_node_add(doc, root, "decode_step", KVC_NODE_MAP);
  kvc_node_num(doc, one, "total_s", s->step.total_s, KVC_U_NONE);
  kvc_node_num(doc, one, "bound_s", s->step.bound_s, KVC_U_NONE);
  kvc_node_num(doc, one, "gemm_s", s->step.gemm_s, KVC_U_NONE);
  kvc_node_num(doc, one, "attention_s", s->step.attention_s, KVC_U_NONE);
  kvc_node_num(doc, one, "moe_s", s->step.moe_s, KVC_U_NONE);
  kvc_node_num(doc, one, "communication_s", s->step.comm_s, KVC_U_NONE);
  kvc_node_num(doc, one, "logits_s", s->step.logits_s, KVC_U_NONE);
  kvc_node_num(doc, one, "launch_s", s->step.launch_s, KVC_U_NONE);
  kvc_node_num(doc, one, "host_s", s->step.host_s, KVC_U_NONE);
  if (s->n_runs > 0) add_run(doc, root, &s->runs[0]);
  kvc_node_num(doc, root, "best_rate", s->n_runs > 1 ? s->best_rate_per_s : (double)NAN,
               KVC_U_NONE);
  kvc_node_num(doc, root, "best_concurrency",
               s->n_runs > 1 ? s->best_clients : (double)NAN, KVC_U_NONE);
  if (s->n_runs > 1) {
    struct kvc_node *list = kvc_node_add(doc, root, "sweep", KVC_NODE_LIST);
    for (size_t i = 0; i < s->n_runs; i++)
      add_run(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), &s->runs[i]);
  }
  struct kvc_node *notes = kvc_node_add(doc, root, "notes", KVC_NODE_LIST);
  for (size_t i = 0; i < s->n_notes; i++) kvc_node_text(doc, notes, NULL, s->notes[i]);
}

/* ---- text ---------------------------------------------------------------------------
 */

static const char *figure(struct kvc_doc *doc, double value, enum kvc_live_unit unit)
{
  char text[KVC_LIVE_TEXT];
  kvc_live_format(value, unit, text);
  return TEXT(doc, "%s", text);
}

static void dist_row(struct kvc_doc *doc, const char *label, const struct kvc_sim_dist *d)
{
  if (d->n == 0) return;
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, label,
                      TEXT(doc, "mean %s, p50 %s, p95 %s, p99 %s",
                           figure(doc, d->mean, KVC_LU_S), figure(doc, d->p50, KVC_LU_S),
                           figure(doc, d->p95, KVC_LU_S), figure(doc, d->p99, KVC_LU_S)),
                      NULL);
}

static void add_one(struct kvc_doc *doc, const struct kvc_simulation_run *run)
{
  const struct kvc_sim_result *r = &run->result;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "What users see", NULL);
  dist_row(doc, "TTFT", &r->ttft_s);
  dist_row(doc, "TPOT", &r->tpot_s);
  dist_row(doc, "ITL", &r->itl_s);
  dist_row(doc, "queue", &r->queue_s);
  dist_row(doc, "end to end", &r->e2e_s);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "What the server does", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "throughput",
                      TEXT(doc, "%s requests, %s generated",
                           figure(doc, r->requests_per_s, KVC_LU_PER_S),
                           figure(doc, r->output_tok_per_s, KVC_LU_TOK_PER_S)),
                      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "requests",
                      TEXT(doc, "%s run on average, %s at most; %s wait, %s at most",
                           figure(doc, r->running_mean, KVC_LU_COUNT),
                           figure(doc, r->running_peak, KVC_LU_COUNT),
                           figure(doc, r->waiting_mean, KVC_LU_COUNT),
                           figure(doc, r->waiting_peak, KVC_LU_COUNT)),
                      NULL);
  (void)kvc_block_add(
      doc, KVC_BLOCK_ROW, "KV cache",
      TEXT(doc, "%s used on average, %s at most; %.0f preemptions%s",
           figure(doc, r->kv_mean_frac, KVC_LU_FRAC),
           figure(doc, r->kv_peak_frac, KVC_LU_FRAC), (double)r->preemptions,
           r->swaps > 0 ? TEXT(doc, ", %.0f of them to the CPU", (double)r->swaps) : ""),
      NULL);
  if (r->link_sent_s > 0)
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, "KV link",
                        TEXT(doc,
                             "the busiest sends %s of the time; a prompt waits %s for it",
                             figure(doc, r->link_busiest_s / r->duration_s, KVC_LU_FRAC),
                             figure(doc, r->link_wait_s, KVC_LU_S)),
                        NULL);
  (void)kvc_block_add(
      doc, KVC_BLOCK_ROW, "GPU",
      TEXT(doc, "busy %s of the time", figure(doc, r->gpu_busy_frac, KVC_LU_FRAC)), NULL);
  if (!isnan(run->energy.mean_watts))
    (void)kvc_block_add(
        doc, KVC_BLOCK_ROW, "energy",
        TEXT(
            doc,
            "about %.0f W, %.3g J a generated token (estimate: %zu x %.0f W x (%g + %g x "
            "busy), the share at rest presumed)",
            run->energy.mean_watts, run->energy.joules_per_output_token, run->energy.gpus,
            run->energy.board_watts, KVC_SIM_IDLE_FRAC, 1 - KVC_SIM_IDLE_FRAC),
        NULL);
}

/* A bar of '#' beside every load, scaled to the largest. */
static void add_sweep(struct kvc_doc *doc, const struct kvc_simulation *s)
{
  enum { BAR = 28 };
  double most = 0;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Load by load", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "", "TTFT p95, TPOT p95, tokens/s", "limits");
  for (size_t i = 0; i < s->n_runs; i++)
    most = fmax(most, log1p(1e3 * s->runs[i].result.ttft_s.p95));
  for (size_t i = 0; i < s->n_runs; i++) {
    const struct kvc_simulation_run *run = &s->runs[i];
    const struct kvc_sim_result *r = &run->result;
    struct kvc_block *block =
        kvc_block_add(doc, KVC_BLOCK_ROW,
                      isnan(run->concurrency)
                          ? TEXT(doc, "%s", figure(doc, run->rate_per_s, KVC_LU_PER_S))
                          : TEXT(doc, "%.0f clients", run->concurrency),
                      TEXT(doc, "%s, %s, %s", figure(doc, r->ttft_s.p95, KVC_LU_S),
                           figure(doc, r->tpot_s.p95, KVC_LU_S),
                           figure(doc, r->output_tok_per_s, KVC_LU_COUNT)),
                      s->slo == NULL ? ""
                      : run->met     ? "met"
                                     : run->missed);
    if (block != NULL && s->slo != NULL)
      block->tone = run->met ? KVC_TONE_GOOD : KVC_TONE_WARN;
  }
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "TTFT p95 against load (logarithmic)",
                      NULL);
  for (size_t i = 0; i < s->n_runs; i++) {
    static const char bar[] = "############################";
    const struct kvc_simulation_run *run = &s->runs[i];
    const double share = log1p(1e3 * run->result.ttft_s.p95) / (most > 0 ? most : 1);
    const int n = (int)lround(BAR * share);
    (void)kvc_block_add(doc, KVC_BLOCK_ROW,
                        isnan(run->concurrency)
                            ? figure(doc, run->rate_per_s, KVC_LU_PER_S)
                            : TEXT(doc, "%.0f clients", run->concurrency),
                        TEXT(doc, "%.*s", n < 1 ? 1 : n, bar),
                        figure(doc, run->result.ttft_s.p95, KVC_LU_S));
  }
}

kvc_code kvc_doc_simulation(struct kvc_doc *doc, const struct kvc_simulation *s,
                            struct kvc_err *err)
{
  add_tree(doc, s);
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, s->verdict, NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, "load:", s->load, NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, "trust:", interval_words(doc, s), NULL);
  if (s->n_runs == 1) add_one(doc, &s->runs[0]);
  if (s->n_runs > 1) add_sweep(doc, s);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "A decode step", NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "takes",
                      TEXT(doc, "%s, at least %s (%.0f %% of the bound)",
                           figure(doc, s->step.total_s, KVC_LU_S),
                           figure(doc, s->step.bound_s, KVC_LU_S),
                           100 * s->step.bound_s / s->step.total_s),
                      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "of it",
                      TEXT(doc,
                           "matrices %s, attention %s, experts %s, communication %s, "
                           "launches %s, host %s",
                           figure(doc, s->step.gemm_s, KVC_LU_S),
                           figure(doc, s->step.attention_s, KVC_LU_S),
                           figure(doc, s->step.moe_s, KVC_LU_S),
                           figure(doc, s->step.comm_s, KVC_LU_S),
                           figure(doc, s->step.launch_s, KVC_LU_S),
                           figure(doc, s->step.host_s, KVC_LU_S)),
                      NULL);
  if (s->n_notes > 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Notes", NULL);
  for (size_t i = 0; i < s->n_notes; i++)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "-", s->notes[i], NULL);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
