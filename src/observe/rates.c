/* rates.c - counters of metrics pages, and what follows from them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <string.h>

static double per(double a, double b)
{
  return b > 0 ? a / b : (double)NAN;
}

/* Requests by how they ended. */
static void finishes(struct observe_window *w, struct kvc_live *live)
{
  static const char key[] = "request_success", label[] = "finished_reason";
  const double all = observe_increase(w, key, NULL, NULL);
  const char *from = observe_from(w, key);
  kvc_live_set(live, KVC_L_finished, all, from);
  kvc_live_set(live, KVC_L_request_per_s, per(all, w->elapsed_s), from);
  const double aborted = observe_increase(w, key, label, "abort");
  const double cut = observe_increase(w, key, label, "length");
  const double failed = observe_increase(w, key, label, "error");
  kvc_live_set(live, KVC_L_abort_frac, per(aborted, all), from);
  kvc_live_set(live, KVC_L_length_frac, per(cut, all), from);
  kvc_live_set(live, KVC_L_error_frac, per(failed, all), from);
}

static void tokens(struct observe_window *w, struct kvc_live *live)
{
  const double prompt = observe_increase(w, "prompt_tokens", NULL, NULL);
  const double made = observe_increase(w, "generation_tokens", NULL, NULL);
  const double cached = observe_increase(w, "prompt_tokens_cached", NULL, NULL);
  kvc_live_set(live, KVC_L_prompt_tps, per(prompt, w->elapsed_s),
               observe_from(w, "prompt_tokens"));
  kvc_live_set(live, KVC_L_generation_tps, per(made, w->elapsed_s),
               observe_from(w, "generation_tokens"));
  kvc_live_set(live, KVC_L_cached_prompt_frac, per(cached, prompt),
               observe_from(w, "prompt_tokens_cached"));
  const double finished = live->v[KVC_L_finished];
  kvc_live_set(live, KVC_L_prompt_mean_tok, per(prompt, finished),
               "metrics, per request");
  kvc_live_set(live, KVC_L_output_mean_tok, per(made, finished), "metrics, per request");
}

static void preemptions(struct observe_window *w, struct kvc_live *live)
{
  const double n = observe_increase(w, "num_preemptions", NULL, NULL);
  const char *from = observe_from(w, "num_preemptions");
  kvc_live_set(live, KVC_L_preemptions, n, from);
  kvc_live_set(live, KVC_L_preemption_per_s, per(n, w->elapsed_s), from);
  kvc_live_set(live, KVC_L_preemption_per_request, per(n, live->v[KVC_L_finished]), from);
}

/* Hits over queries in the window; a gauge in V0, where -1 is "not available". */
static void hit_rates(struct observe_window *w, struct kvc_live *live)
{
  static const struct {
    const char *queries, *hits;
    enum kvc_live_key key;
  } rows[] = {
      {"prefix_cache_queries", "prefix_cache_hits", KVC_L_prefix_hit_frac},
      {"external_prefix_cache_queries", "external_prefix_cache_hits",
       KVC_L_external_hit_frac},
      {"mm_cache_queries", "mm_cache_hits", KVC_L_mm_hit_frac},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const double asked = observe_increase(w, rows[i].queries, NULL, NULL);
    const double hit = observe_increase(w, rows[i].hits, NULL, NULL);
    kvc_live_set(live, rows[i].key, per(hit, asked), observe_from(w, rows[i].hits));
    if (i == 0)
      kvc_live_set(live, KVC_L_prefix_query_tok, asked, observe_from(w, rows[i].queries));
  }
  if (w->looks->n > 1) { /* before the window: the first page alone */
    struct kvc_looks first = {.pages = w->looks->pages, .n = 1};
    struct observe_window then = {w->arena, &first, w->model, w->time_s, NAN, 0};
    const double asked = observe_increase(&then, "prefix_cache_queries", NULL, NULL);
    const double hit = observe_increase(&then, "prefix_cache_hits", NULL, NULL);
    kvc_live_set(live, KVC_L_prefix_hit_before_frac, per(hit, asked),
                 observe_from(w, "prefix_cache_hits"));
  }
  const double gauge =
      kvc_page_sum(&w->looks->pages[w->looks->n - 1], "gpu_prefix_cache_hit_rate");
  if (gauge >= 0)
    kvc_live_set(live, KVC_L_prefix_hit_frac, gauge,
                 observe_from(w, "gpu_prefix_cache_hit_rate"));
}

static void http(struct observe_window *w, struct kvc_live *live)
{
  const double all = observe_increase(w, "http_requests", NULL, NULL);
  const double bad = observe_increase(w, "http_requests", "status", "5xx");
  kvc_live_set(live, KVC_L_http_5xx_frac, all > 0 && isnan(bad) ? 0 : per(bad, all),
               observe_from(w, "http_requests"));
  const double cpu = observe_increase(w, "process_cpu_seconds", NULL, NULL);
  kvc_live_set(live, KVC_L_api_cpu_cores, per(cpu, w->elapsed_s),
               observe_from(w, "process_cpu_seconds"));
  kvc_live_set(live, KVC_L_rejections,
               observe_increase(w, "admission_rejections", NULL, NULL),
               observe_from(w, "admission_rejections"));
  const double flops = observe_increase(w, "estimated_flops_per_gpu", NULL, NULL);
  if (flops > 0)
    kvc_live_set(live, KVC_L_mfu_flops, per(flops, w->elapsed_s),
                 observe_from(w, "estimated_flops_per_gpu"));
  kvc_live_set(live, KVC_L_transfer_failures,
               observe_increase(w, "nixl_num_failed_transfers", NULL, NULL),
               observe_from(w, "nixl_num_failed_transfers"));
}

void observe_rates(struct observe_window *w, struct kvc_live *live)
{
  finishes(w, live);
  tokens(w, live);
  preemptions(w, live);
  hit_rates(w, live);
  http(w, live);
}
