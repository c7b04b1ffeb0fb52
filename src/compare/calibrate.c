/* calibrate.c - from a comparison to overheads that another plan can use.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "compare_room.h"
#include <string.h>

static double printed_or(const struct kvc_compare *compare, enum kvc_compare_kind kind,
                         double otherwise)
{
  const struct kvc_compare_row *row = kvc_compare_row(compare, kind);
  return row != NULL ? row->printed : otherwise;
}

/* The pool in bytes: by its blocks where the log tells them, which is finer than two
 * digits of GiB, as long as both agree. */
static double pool_bytes(const struct kvc_compare_input *in,
                         const struct kvc_compare *compare)
{
  const struct kvc_kv_layout *l = &in->plan->memory.layout;
  const double printed = printed_or(compare, KVC_CMP_AVAILABLE, (double)NAN);
  const double blocks = printed_or(compare, KVC_CMP_BLOCKS, (double)NAN);
  const double tokens = printed_or(compare, KVC_CMP_TOKENS, (double)NAN);
  const double fine = blocks > 0   ? (blocks + 0.5) * l->block_bytes
                      : tokens > 0 ? tokens * l->bytes_per_token + 0.5 * l->block_bytes
                                   : (double)NAN;
  if (!isfinite(printed)) return fine;
  const double slack = compare_rounding_bytes + l->block_bytes;
  return fabs(fine - printed) <= slack ? fine : printed;
}

static kvc_code check(const struct kvc_compare_input *in,
                      const struct kvc_compare *compare, struct kvc_err *err)
{
  if (compare->n_settings > 0)
    return kvc_fail(err, KVC_E_CONFLICT, in->log,
                    "the log is of another deployment than the plan (%s is %s and not "
                    "%s): size the one that ran, then its overheads can be kept",
                    compare->settings[0].key, compare->settings[0].printed,
                    compare->settings[0].planned);
  if (in->start->memory.override_blocks > 0 ||
      in->plan->setting.num_gpu_blocks_override > 0 ||
      in->plan->setting.kv_cache_memory_bytes > 0)
    return kvc_fail(err, KVC_E_UNSUPPORTED, in->log,
                    "the pool of this server was set by hand, so that its overheads do "
                    "not show; a start without that tells them");
  static const enum kvc_compare_kind same[] = {KVC_CMP_UTILIZATION, KVC_CMP_MAX_LEN,
                                               KVC_CMP_BATCHED};
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    const struct kvc_compare_row *row = kvc_compare_row(compare, same[i]);
    if (row != NULL && !row->within)
      return kvc_fail(err, KVC_E_CONFLICT, in->log,
                      "the log is of another deployment than the plan: %s is %g and not "
                      "%g",
                      row->what, row->printed, row->planned);
  }
  if (!(pool_bytes(in, compare) > 0))
    return kvc_fail(err, KVC_E_UNSUPPORTED, in->log,
                    "the log tells neither \"Available KV cache memory\" nor the size of "
                    "the KV cache, without which no overhead can be told");
  return KVC_E_OK;
}

/* Of activation peak and non-torch memory a log may tell both, one or none; what they
 * take together always follows from the pool. */
static void split(const struct kvc_compare *compare, const struct kvc_memory *m,
                  double both, struct kvc_calibration *out)
{
  double peak = printed_or(compare, KVC_CMP_ACTIVATION, (double)NAN);
  double other = printed_or(compare, KVC_CMP_NON_TORCH, (double)NAN);
  if (isfinite(peak) && !isfinite(other)) other = both - peak;
  if (isfinite(other) && !isfinite(peak)) peak = both - other;
  if (!isfinite(peak)) {
    peak = m->activation_peak_bytes;
    other = both - peak;
  }
  if (!(other > 0)) { /* less than the planned peak: that is where it comes from */
    other = m->non_torch_bytes;
    peak = both - other;
  }
  out->activation_peak_bytes = peak > 0 ? peak : 0;
  out->non_torch_bytes = other;
  out->rest_bytes = both - out->activation_peak_bytes - out->non_torch_bytes;
}

kvc_code kvc_compare_calibrate(const struct kvc_compare_input *in,
                               const struct kvc_compare *compare,
                               struct kvc_calibration *out, struct kvc_err *err)
{
  KVC_TRY(check(in, compare, err));
  const struct kvc_size *plan = in->plan;
  const struct kvc_memory *m = &plan->memory;
  const struct kvc_setting *set = &plan->setting;
  struct kvc_calibration c;
  kvc_calibration_init(&c);
  c.log = in->log;
  c.vllm_version = compare->version != NULL ? compare->version : compare->planned_version;
  c.engine = set->engine == KVC_ENGINE_V0 ? "V0" : "V1";
  c.gpu = plan->gpu.name;
  c.model = plan->model.name;
  c.quantization = plan->model.quant.method;
  c.dtype = set->dtype;
  c.tp = set->tp;
  c.pp = set->pp;
  c.max_num_seqs = set->max_num_seqs;
  c.max_num_batched_tok = set->max_num_batched_tok;
  const struct kvc_compare_row *total = kvc_compare_row(compare, KVC_CMP_TOTAL);
  double requested = m->requested_bytes;
  if (total != NULL && !total->within) {
    c.gpu_usable_bytes = total->printed;
    requested = total->printed * set->gpu_memory_utilization;
  }
  double weights = m->weights_bytes;
  const struct kvc_compare_row *w = kvc_compare_row(compare, KVC_CMP_WEIGHTS);
  if (w != NULL && set->pp == 1) {
    const double before =
        plan->facts.measured.weights ? plan->facts.measured.weights_difference_bytes : 0;
    c.weights_difference_bytes = w->difference + before;
    weights = w->printed;
  }
  const struct kvc_compare_row *g = kvc_compare_row(compare, KVC_CMP_GRAPHS);
  double graphs = m->cudagraph_bytes;
  if (g != NULL && g->printed > 0) c.graph_bytes = graphs = g->printed;
  double both = requested - weights - pool_bytes(in, compare);
  if (m->cudagraph_in_budget) both -= graphs;
  if (!(both > 0))
    return kvc_fail(err, KVC_E_CONFLICT, in->log,
                    "weights and KV cache of the log are larger than the budget of the "
                    "plan: they are not of the same deployment or GPU");
  split(compare, m, both, &c);
  double *const figures[] = {&c.gpu_usable_bytes,         &c.non_torch_bytes,
                             &c.activation_peak_bytes,    &c.graph_bytes,
                             &c.weights_difference_bytes, &c.rest_bytes};
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
    *figures[i] = round(*figures[i]); /* NaN stays */
  *out = c;
  return KVC_E_OK;
}
