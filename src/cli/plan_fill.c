/* plan_fill.c - a plan file's values become arguments of `kvcap plan`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "plan.h"
#include <kvcap/plan_file.h>
#include <math.h>
#include <string.h>

/* A path in the file is meant from the file's own folder. */
static const char *beside(struct plan_args *args, const char *plan, const char *path)
{
  const char *slash = strrchr(plan, '/');
  if (path == NULL || path[0] == '/' || slash == NULL) return path;
  return kvc_arena_printf(&args->advise.size.cli->arena, "%.*s%s",
                          (int)(slash - plan + 1), plan, path);
}

static void fill_load(struct plan_args *args, const char *plan,
                      const struct kvc_plan_file *f)
{
  struct kvc_workload *load = &args->advise.size.req.load;
  const bool file = f->workload != NULL && plan_is_yaml(f->workload);
  args->advise.workload = file ? beside(args, plan, f->workload) : f->workload;
  args->advise.lengths = beside(args, plan, f->lengths);
  args->trace = beside(args, plan, f->trace);
  load->prompt_tok = f->input_tok;
  load->output_tok = f->output_tok;
  load->prompt_cv = f->prompt_cv;
  load->output_cv = f->output_cv;
  load->shared_prefix_tok = f->shared_prefix_tok;
  args->advise.demand = (struct kvc_demand){.prompt_p50_tok = f->prompt_p50_tok,
                                            .prompt_p95_tok = f->prompt_p95_tok,
                                            .prompt_p99_tok = f->prompt_p99_tok,
                                            .output_p50_tok = f->output_p50_tok,
                                            .output_p95_tok = f->output_p95_tok,
                                            .output_p99_tok = f->output_p99_tok};
}

static void fill_hardware(struct plan_args *args, const char *plan,
                          const struct kvc_plan_file *f)
{
  struct kvc_search_request *req = &args->req;
  for (size_t i = 0; i < f->n_hardware && i < KVC_SEARCH_HARDWARE; i++) {
    const struct kvc_plan_hardware *h = &f->hardware[i];
    const bool own = !isnan(h->usd_per_gpu_hour);
    req->hardware[i] = (struct kvc_hardware){
        .gpu = h->gpu,
        .instance = h->instance,
        .region = h->region,
        .gpus_per_node = h->gpus_per_node,
        .whole_nodes = h->whole_nodes,
        .usd_per_gpu_hour = h->usd_per_gpu_hour,
        .price_from = h->price_from == NULL && own ? plan : h->price_from,
        .stock_gpus = h->stock_gpus};
  }
  req->n_hardware = f->n_hardware;
  args->filed.hardware = f->n_hardware > 0;
}

static kvc_code fill_choices(struct plan_args *args, const char *plan,
                             const struct kvc_plan_file *f, struct kvc_err *err)
{
  const struct cli_option here = {.name = plan};
  struct kvc_search_request *req = &args->req;
  for (size_t i = 0; i < f->n_allow_quality; i++)
    KVC_TRY(advise_allow(args, &here, f->allow_quality[i], err));
  const size_t most = sizeof req->why_not / sizeof *req->why_not;
  if (f->n_why_not > most)
    return kvc_fail(err, KVC_E_LIMIT, plan, "\"why_not\" has more than %zu entries",
                    most);
  for (size_t i = 0; i < f->n_why_not; i++) req->why_not[i] = f->why_not[i];
  req->n_why_not = f->n_why_not;
  args->filed.why_not = f->n_why_not > 0;
  for (int i = 0; f->objective != NULL; i++) {
    const char *name = kvc_objective_name((enum kvc_objective)i);
    if (name == NULL)
      return kvc_fail(err, KVC_E_UNKNOWN, plan,
                      "\"objective\" cannot be \"%.40s\"; it is cost, cost-per-token, "
                      "energy or latency",
                      f->objective);
    if (strcmp(name, f->objective) != 0) continue;
    args->objective = name;
    break;
  }
  return KVC_E_OK;
}

static void fill_search(struct plan_args *args, const struct kvc_plan_file *f)
{
  struct kvc_search_request *req = &args->req;
  req->rate_per_s = f->rate_per_s;
  req->peak_to_trough = f->peak_to_trough;
  args->growth_percent = f->growth_percent_per_month;
  req->horizon_months = f->horizon_months;
  for (size_t i = 0; i < f->n_growth; i++)
    req->growth[i] =
        (struct kvc_growth_step){f->growth[i].month, f->growth[i].rate_per_s};
  req->n_growth = f->n_growth;
  args->filed.growth = f->n_growth > 0;
  args->filed.percent = !isnan(f->growth_percent_per_month);
  if (!isnan(f->headroom_frac)) req->headroom_frac = f->headroom_frac;
  req->price_at = f->price_at;
  req->budget_usd_per_hour = f->budget_usd_per_hour;
  req->power_watts = f->power_watts;
  req->max_gpus = f->max_gpus;
  memcpy(req->tps, f->tp, sizeof req->tps);
  memcpy(req->pps, f->pp, sizeof req->pps);
  memcpy(req->dps, f->dp, sizeof req->dps);
  if (!isnan(f->acceptance_rate)) req->acceptance_frac = f->acceptance_rate;
  args->kv_transfer_gb_per_s = f->kv_transfer_gb_per_s;
  args->seed = f->seed;
  args->advise.demand.turns = f->turns;
  if (f->burstiness > 0) req->burstiness = f->burstiness;
}

kvc_code plan_fill(struct plan_args *args, const struct plan_args *typed,
                   const struct kvc_plan_file *file, struct kvc_err *err)
{
  const char *plan = typed->file;
  const bool load = typed->advise.workload != NULL || typed->advise.lengths != NULL ||
                    typed->trace != NULL;
  for (size_t i = 0; i < file->n_models; i++) args->models[i] = file->models[i];
  args->n_models = file->n_models;
  args->filed.models = file->n_models > 0;
  args->advise.size.version = file->vllm_version;
  args->advise.size.req.model_config_path = beside(args, plan, file->model_config);
  if (!load) fill_load(args, plan, file);
  fill_hardware(args, plan, file);
  fill_search(args, file);
  if (file->slo != NULL) KVC_TRY(kvc_slo_read(file->slo, plan, &args->req.slo, err));
  args->filed.slo = file->slo != NULL;
  return fill_choices(args, plan, file, err);
}
