/* simulate_engine.c - the server that is simulated: its flags, its copies.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <kvcap/predict.h>
#include <string.h>

/* Data-parallel ranks are engines of their own; those of a model with experts step
 * together, for their experts are spread over all of them. */
static kvc_code copies(struct simulate *s, struct kvc_sim_config *config,
                       struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const int dp = s->size->setting.dp > 1 ? s->size->setting.dp : 1;
  const int sides = a->prefill_replicas + a->decode_replicas;
  const int replicas = sides > 0 ? sides : a->replicas > 1 ? a->replicas : 1;
  config->lock_step = dp > 1 && s->size->model.moe.experts > 0;
  if (config->lock_step && replicas > 1)
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--replicas",
                    "cannot be simulated beside data-parallel ranks that step together; "
                    "simulate one server with 1/%d of the load",
                    replicas);
  if (dp > 255 / replicas)
    return kvc_fail(err, KVC_E_LIMIT, "--replicas",
                    "%d servers of %d ranks are more than 255 engines", replicas, dp);
  config->replicas = replicas * dp;
  config->prefill_replicas = a->prefill_replicas * dp;
  const char *router = a->router;
  if (router == NULL) router = dp > 1 ? "least-loaded" : "round-robin";
  config->router = strcmp(router, "least-loaded") == 0   ? KVC_ROUTE_LEAST_LOADED
                   : strcmp(router, "prefix-aware") == 0 ? KVC_ROUTE_PREFIX
                                                         : KVC_ROUTE_ROUND_ROBIN;
  if (config->replicas > 1)
    simulate_note(
        s, kvc_arena_printf(&s->cli->arena,
                            "%d engines (servers: %d, ranks of each: %d%s) behind a %s "
                            "router; mean requests are those of all, peaks of one",
                            config->replicas, replicas, dp,
                            config->lock_step ? " in lock-step" : "", router));
  return KVC_E_OK;
}

/* Prompts here, answers there: what moves between is the KV of the prompt. */
static kvc_code disaggregate(struct simulate *s, struct kvc_sim_config *config,
                             struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const struct kvc_setting *set = &s->size->setting;
  if ((a->prefill_replicas > 0) != (a->decode_replicas > 0))
    return kvc_fail(err, KVC_E_USAGE, "--prefill-replicas",
                    "and --decode-replicas belong together: write both");
  if (a->prefill_replicas == 0 && a->kv_transfer_gb_per_s > 0)
    return kvc_fail(err, KVC_E_USAGE, "--kv-transfer-gb-per-s",
                    "belongs to --prefill-replicas and --decode-replicas");
  if (a->prefill_replicas == 0) return KVC_E_OK;
  if (a->replicas > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--replicas",
                    "are servers that do both; give --prefill-replicas and "
                    "--decode-replicas alone");
  /* Of one rank; every rank sends its own part. */
  config->kv_bytes_per_tok = s->size->memory.layout.bytes_per_token *
                             (set->tp > 1 ? set->tp : 1) * (set->pp > 1 ? set->pp : 1);
  config->transfer_bps = a->kv_transfer_gb_per_s * 1e9 / (set->dp > 1 ? set->dp : 1);
  const char *text =
      a->kv_transfer_gb_per_s > 0
          ? kvc_arena_printf(
                &s->cli->arena,
                "servers that compute prompts: %d, that decode: %d; %.0f bytes of KV a "
                "token leave a server at %g GB/s, one prompt after another",
                a->prefill_replicas, a->decode_replicas, config->kv_bytes_per_tok,
                a->kv_transfer_gb_per_s)
          : kvc_arena_printf(
                &s->cli->arena,
                "servers that compute prompts: %d, that decode: %d; the KV moves in no "
                "time: give --kv-transfer-gb-per-s",
                a->prefill_replicas, a->decode_replicas);
  simulate_note(s, text);
  return KVC_E_OK;
}

kvc_code simulate_engine(struct simulate *s, struct kvc_sim_config *config,
                         struct kvc_err *err)
{
  KVC_TRY(kvc_sim_engine_of(s->args->size.catalogue, s->size, &config->engine, err));
  KVC_TRY(simulate_scheduler(s, config, err));
  KVC_TRY(disaggregate(s, config, err));
  return copies(s, config, err);
}
