/* calibrate.c - which measured overheads speak for a setting.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A figure is used where what it depends on is the same, and nowhere else.
 */
#include "sizing.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_weights(const struct kvc_calibration *c, const struct kvc_size *out,
                         const struct kvc_setting *set)
{
  return kvc_name_equal(c->model, out->model.name) &&
         same_text(c->quantization, out->model.quant.method) &&
         same_text(c->dtype, set->dtype) && c->tp == set->tp && c->pp == set->pp;
}

static void origin(struct sizing *s, const char *key, double bytes)
{
  struct kvc_size *out = s->out;
  if (out->n_origins == KVC_MAX_ORIGINS) return;
  const struct kvc_calibration *c = s->req->calibration;
  out->origins[out->n_origins++] = (struct kvc_origin){
      .key = key,
      .value = sizing_text(s, "%.0f", bytes),
      .from = "calibration",
      .note = sizing_text(s, "measured: %s", c->log != NULL ? c->log : c->file)};
}

/* Why it cannot be used at all, NULL. */
static const char *misfit(struct sizing *s, const struct kvc_calibration *c,
                          const struct kvc_setting *set)
{
  if (!kvc_name_equal(c->gpu, s->out->gpu.name))
    return sizing_text(s, "it was measured on %s, and this is %s", c->gpu,
                       s->out->gpu.name);
  const char *engine = set->engine == KVC_ENGINE_V0 ? "V0" : "V1";
  if (strcmp(c->engine, engine) != 0)
    return sizing_text(s, "it is of the %s engine, and this is %s", c->engine, engine);
  return NULL;
}

static void warn_release(struct sizing *s, const struct kvc_calibration *c,
                         const struct kvc_setting *set)
{
  struct kvc_version v;
  char here[KVC_VERSION_TEXT];
  kvc_version_format(&set->version, here);
  if (kvc_version_parse(c->vllm_version, "vllm_version", &v, NULL) == KVC_E_OK &&
      v.release[0] == set->version.release[0] && v.release[1] == set->version.release[1])
    return;
  sizing_note(s, "warning",
              sizing_text(s,
                          "the calibration is of vLLM %s and is used for %s: overheads "
                          "may have moved between them, and speed too",
                          c->vllm_version, here));
}

struct used {
  const char *key, *name;
  double bytes;
  bool yes;
};

static void record_use(struct sizing *s, const struct used *parts, size_t n)
{
  struct kvc_buf yes, no;
  kvc_buf_init(&yes, 512);
  kvc_buf_init(&no, 512);
  for (size_t i = 0; i < n; i++) {
    struct kvc_buf *list = parts[i].yes ? &yes : &no;
    if (!isfinite(parts[i].bytes)) continue;
    kvc_buf_printf(list, "%s%s", list->len > 0 ? ", " : "", parts[i].name);
    if (parts[i].yes) origin(s, parts[i].key, parts[i].bytes);
  }
  const char *file = s->req->calibration->file;
  if (yes.len + no.len == 0 && kvc_calibration_has_speed(s->req->calibration))
    sizing_note(s, "note",
                "the calibration holds speed and no overheads: memory is as presumed");
  if (yes.len > 0)
    sizing_note(s, "note",
                sizing_text(s, "measured and not presumed, from %s: %s",
                            file != NULL ? file : "the calibration", yes.text));
  if (no.len > 0)
    sizing_note(s, "note",
                sizing_text(s,
                            "of the calibration %s %s not used: model, parallelism or "
                            "batch sizes differ from those measured",
                            no.text, strchr(no.text, ',') != NULL ? "are" : "is"));
  kvc_buf_clear(&yes);
  kvc_buf_clear(&no);
}

void sizing_calibrate(struct sizing *s, bool record, struct kvc_setting *set,
                      struct kvc_mem_facts *facts)
{
  const struct kvc_calibration *c = s->req->calibration;
  if (c == NULL) return;
  const char *why = misfit(s, c, set);
  if (why != NULL) {
    if (record)
      sizing_note(s, "warning", sizing_text(s, "the calibration is not used: %s", why));
    return;
  }
  const bool weights = same_weights(c, s->out, set);
  const bool run = weights && c->max_num_seqs == set->max_num_seqs &&
                   c->max_num_batched_tok == set->max_num_batched_tok;
  const bool graphs = run && !set->enforce_eager && c->graph_bytes > 0;
  const bool total = c->gpu_usable_bytes > 0 && !(s->req->gpu_memory_bytes > 0);
  const struct used parts[] = {
      {"calibrated_gpu_usable_bytes", "usable memory", c->gpu_usable_bytes, total},
      {"calibrated_weights_difference_bytes", "weights", c->weights_difference_bytes,
       weights && isfinite(c->weights_difference_bytes)},
      {"calibrated_activation_peak_bytes", "activation peak", c->activation_peak_bytes,
       run && c->activation_peak_bytes > 0},
      {"calibrated_non_torch_bytes", "non-torch memory", c->non_torch_bytes,
       c->non_torch_bytes > 0 && c->tp == set->tp && c->pp == set->pp},
      {"calibrated_graph_bytes", "CUDA graphs", c->graph_bytes, graphs},
      {"calibrated_rest_bytes", "rest of the budget", c->rest_bytes,
       run && isfinite(c->rest_bytes)}};
  struct kvc_measured *m = &facts->measured;
  if (parts[0].yes) set->total_bytes = c->gpu_usable_bytes;
  m->weights = parts[1].yes;
  if (m->weights) m->weights_difference_bytes = c->weights_difference_bytes;
  if (parts[2].yes) m->activation_peak_bytes = c->activation_peak_bytes;
  if (parts[3].yes) m->non_torch_bytes = c->non_torch_bytes;
  if (parts[4].yes) m->graph_bytes = c->graph_bytes;
  m->rest = parts[5].yes;
  if (m->rest) m->rest_bytes = c->rest_bytes;
  if (!record) return;
  warn_release(s, c, set);
  record_use(s, parts, sizeof parts / sizeof parts[0]);
}
