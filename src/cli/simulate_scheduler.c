/* simulate_scheduler.c - flags of the scheduler that a release or an engine may lack.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vLLM ends at a flag it does not know, and one engine passes over what only the other
 * does: a run that took them anyway would answer another question.
 */
#include "simulate.h"
#include <kvcap/predict.h>
#include <math.h>
#include <string.h>

enum reach { BOTH_ENGINES, ONLY_V0, ONLY_V1 };

struct asked {
  bool given;
  const char *name, *key; /* as the option is spelled; canonical */
  enum reach reach;
};

static kvc_code check_flag(struct simulate *s, const struct asked *flag,
                           struct kvc_err *err)
{
  struct size_args *a = &s->args->size;
  const struct kvc_setting *set = &s->size->setting;
  const struct kvc_flag *known = kvc_engine_flag(a->catalogue, flag->key);
  const bool v0 = set->engine == KVC_ENGINE_V0;
  char version[KVC_VERSION_TEXT];
  if (!flag->given || known == NULL) return KVC_E_OK;
  const char *missing = size_flag_missing(a, known, &set->version);
  if (missing != NULL) return kvc_fail(err, KVC_E_UNSUPPORTED, flag->name, "%s", missing);
  if (flag->reach != (v0 ? ONLY_V1 : ONLY_V0)) return KVC_E_OK;
  kvc_version_format(&set->version, version);
  return kvc_fail(
      err, KVC_E_UNSUPPORTED, flag->name,
      "is simulated for the %s engine only, and vLLM %s is taken to run %s%s",
      v0 ? "V1" : "V0", version, v0 ? "V0" : "V1",
      !v0 && kvc_engine_generation(a->catalogue, &set->version, KVC_ENGINE_V0) != NULL
          ? ": --engine V0 asks for the other one"
          : "");
}

static kvc_code check_flags(struct simulate *s, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const bool priority = a->policy != NULL && strcmp(a->policy, "priority") == 0;
  const struct asked flags[] = {
      {a->async_scheduling > 0, "--async-scheduling", "async_scheduling", ONLY_V1},
      {priority, "--scheduling-policy priority", "scheduling_policy", ONLY_V1},
      {a->long_prefill_tok > 0, "--long-prefill-token-threshold",
       "long_prefill_token_threshold", ONLY_V1},
      {a->watermark_frac > 0, "--watermark", "watermark", ONLY_V1},
      {a->preemption_mode != NULL, "--preemption-mode", "preemption_mode", ONLY_V0},
      {a->delay_factor > 0, "--scheduler-delay-factor", "scheduler_delay_factor",
       ONLY_V0},
      {a->scheduler_steps > 1, "--num-scheduler-steps", "num_scheduler_steps", ONLY_V0},
      {a->lookahead > 0, "--num-lookahead-slots", "num_lookahead_slots", ONLY_V0}};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    KVC_TRY(check_flag(s, &flags[i], err));
  return KVC_E_OK;
}

/* ---- swapping ------------------------------------------------------------------------
 */

/* Every rank moves its own part over its own lanes; the profile counts both ways. */
static kvc_code swap(struct simulate *s, struct kvc_sim_config *config,
                     struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const double both_bps = s->size->gpu.pcie_bps.value;
  if (a->preemption_mode == NULL || strcmp(a->preemption_mode, "swap") != 0)
    return KVC_E_OK;
  if (!(both_bps > 0))
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--preemption-mode",
                    "swap cannot be timed: the profile of %s has no pcie_bandwidth",
                    s->size->gpu.name);
  config->engine.preempt = KVC_PREEMPT_SWAP;
  config->engine.swap_blocks = s->size->memory.num_cpu_blocks;
  config->swap_bps = both_bps / 2;
  config->block_bytes = s->size->memory.layout.block_bytes;
  simulate_note(
      s, config->engine.swap_blocks > 0
             ? kvc_arena_printf(&s->cli->arena,
                                "requests that are thrown out are swapped: %lld CPU "
                                "blocks of %.0f bytes a GPU, moved at %g GB/s, which is "
                                "all that PCIe has one way; copies of single blocks are "
                                "slower",
                                (long long)config->engine.swap_blocks,
                                config->block_bytes, config->swap_bps / 1e9)
             : "--swap-space holds no block, so requests that are thrown out are "
               "recomputed");
  return KVC_E_OK;
}

/* ---- several steps of one plan
 * ------------------------------------------------------- */

/* The host plans once for n decode steps; a step with a prompt stands alone. */
static double multi_step(void *clock, const struct kvc_step *step)
{
  const struct simulate_multi *m = clock;
  struct kvc_step_cost cost;
  kvc_latency_price(m->latency, step, &cost);
  if (step->n_prefills > 0) return cost.total_s;
  return cost.total_s - cost.host_s * (1 - 1 / m->steps);
}

static kvc_code several_steps(struct simulate *s, struct kvc_sim_config *config,
                              struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  if (a->scheduler_steps <= 1) return KVC_E_OK;
  if (s->size->setting.spec_tokens > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--num-scheduler-steps",
                    "and speculative decoding exclude each other: vLLM refuses both");
  s->multi = (struct simulate_multi){.latency = s->latency, .steps = a->scheduler_steps};
  config->engine.scheduler_steps = a->scheduler_steps;
  config->step_time = multi_step;
  config->clock = &s->multi;
  simulate_note(
      s, kvc_arena_printf(&s->cli->arena,
                          "multi-step: %d decode steps of one plan, so new prompts and "
                          "their first tokens wait for the last of them; the host's part "
                          "of a decode step is spread over them: presumed",
                          a->scheduler_steps));
  return KVC_E_OK;
}

/* Slots ahead are those of the drafts; else the larger of the flag and the steps of a
 * plan less the one under way.  In V1 only drafts that keep KV of their own have them. */
static int lookahead_of(const struct simulate *s)
{
  const struct simulate_args *a = s->args;
  const char *method = a->size.req.deploy.spec_method;
  const int drafts = s->size->setting.spec_tokens;
  const bool v0 = s->size->setting.engine == KVC_ENGINE_V0;
  if (drafts > 0) {
    const bool own_kv = method != NULL && strstr(method, "ngram") == NULL &&
                        strcmp(method, "medusa") != 0 && strcmp(method, "suffix") != 0;
    return v0 || own_kv ? drafts : 0;
  }
  const int ahead = a->scheduler_steps > 1 ? a->scheduler_steps - 1 : 0;
  return ahead > a->lookahead ? ahead : a->lookahead;
}

/* ---- what is left out
 * ------------------------------------------------------------------ */

/* Flags that change who is served when, and that no run here heeds. */
static void note_left_out(struct simulate *s)
{
  static const char *const keys[] = {"max_num_partial_prefills",
                                     "max_long_partial_prefills",
                                     "long_prefill_token_threshold_adaptive",
                                     "max_num_scheduled_tokens",
                                     "max_num_active_seqs",
                                     "max_num_queued_reqs",
                                     "max_num_queued_tokens",
                                     "prefill_schedule_interval",
                                     "scheduler_reserve_full_isl",
                                     "scheduler_cls",
                                     "disable_async_output_proc"};
  struct kvc_arena *arena = &s->cli->arena;
  const struct size_args *a = &s->args->size;
  const char *list = NULL;
  for (size_t i = 0; i < a->n_foreign; i++)
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
      if (strcmp(a->foreign[i].flag->key, keys[k]) != 0) continue;
      const char *more =
          kvc_arena_printf(arena, "%s%s%s", list != NULL ? list : "",
                           list != NULL ? ", " : "", a->foreign[i].spelling);
      if (more != NULL) list = more;
    }
  if (list != NULL)
    simulate_note(s, kvc_arena_printf(arena,
                                      "%s can change the schedule and is not simulated: "
                                      "the times are those of the default",
                                      list));
  if (!isnan(a->req.deploy.swap_space_gib) &&
      s->config.engine.preempt != KVC_PREEMPT_SWAP)
    simulate_note(s, s->size->setting.engine == KVC_ENGINE_V0
                         ? "--swap-space stays unused: a request with one answer is "
                           "recomputed unless --preemption-mode swap is given"
                         : "--swap-space stays unused: the V1 engine never swaps");
  if (s->size->setting.lora)
    simulate_note(s, "adapters: a tenth of the layers' matrix time is presumed for them, "
                     "and no request waits for one of the --max-loras slots");
}

kvc_code simulate_scheduler(struct simulate *s, struct kvc_sim_config *config,
                            struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  struct kvc_sim_engine *e = &config->engine;
  KVC_TRY(check_flags(s, err));
  if (a->async_scheduling >= 0) e->async_scheduling = a->async_scheduling > 0;
  if (a->watermark_frac > 0) e->policy.watermark_frac = a->watermark_frac;
  e->long_prefill_threshold_tok = a->long_prefill_tok;
  e->priority = a->policy != NULL && strcmp(a->policy, "priority") == 0;
  e->lookahead_tok = lookahead_of(s);
  if (e->policy.v0) e->async_scheduling = false;
  KVC_TRY(swap(s, config, err));
  KVC_TRY(several_steps(s, config, err));
  note_left_out(s);
  e->scheduler_delay_factor = a->delay_factor;
  if (a->delay_factor > 0)
    simulate_note(
        s, kvc_arena_printf(&s->cli->arena,
                            "a waiting prompt starts once it waited %g times as long as "
                            "the last step with prompts took, or when nothing runs",
                            a->delay_factor));
  return KVC_E_OK;
}
