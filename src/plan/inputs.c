/* inputs.c - which GPU, which model, which release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sizing.h"
#include <kvcap/hf.h>
#include <kvcap/weights.h>
#include <math.h>
#include <string.h>

/* A card described on the command line: only its memory is known. */
static kvc_code custom_gpu(struct sizing *s, struct kvc_err *err)
{
  if (!(s->req->gpu_memory_bytes > 0))
    return kvc_fail(err, KVC_E_USAGE, "--gpu",
                    "custom needs --gpu-memory, as torch prints the card's total (for "
                    "example --gpu-memory 94.97GiB)");
  struct kvc_figure none = {.value = NAN};
  struct kvc_gpu g = {.name = "custom",
                      .memory_bytes = none,
                      .memory_driver_bytes = none,
                      .memory_bps = none,
                      .fp32_flops = none,
                      .fp16_flops = none,
                      .bf16_flops = none,
                      .fp8_flops = none,
                      .int8_ops = none,
                      .fp4_flops = none,
                      .link_bps = none,
                      .pcie_bps = none,
                      .tdp_watt = none,
                      .devices_per_board = 1};
  g.memory_usable_bytes =
      (struct kvc_figure){.value = s->req->gpu_memory_bytes, .source = KVC_SRC_USER};
  s->out->gpu = g;
  s->out->gpu_match = (struct kvc_match){.asked = "custom", .name = "custom"};
  return KVC_E_OK;
}

static kvc_code pick_gpu(struct sizing *s, struct kvc_err *err)
{
  struct kvc_size *out = s->out;
  if (s->req->gpu_name == NULL)
    return kvc_fail(err, KVC_E_USAGE, "--gpu",
                    "is needed, for example --gpu A100-80G; `kvcap profiles list gpus` "
                    "shows all");
  if (kvc_str_ieq(s->req->gpu_name, "custom")) return custom_gpu(s, err);
  KVC_TRY(kvc_db_gpu(s->db, s->req->gpu_name, &out->gpu, &out->gpu_match, err));
  if (out->gpu_match.note != NULL) sizing_note(s, "note", out->gpu_match.note);
  const struct kvc_figure *usable = &out->gpu.memory_usable_bytes;
  if (s->req->gpu_memory_bytes <= 0 && usable->source != KVC_SRC_MEASURED)
    sizing_note(s, "note",
                sizing_text(s,
                            "the usable memory of %s was not measured: %s; --gpu-memory "
                            "sets what torch prints",
                            out->gpu.name,
                            usable->note != NULL ? usable->note
                                                 : "derived from its nominal size"));
  return KVC_E_OK;
}

/* --quantization none, or naming what the checkpoint already is, changes nothing. */
static bool quant_agrees(const struct kvc_model *m, const char *asked)
{
  if (kvc_str_ieq(asked, "none")) return true;
  return m->quant.kind != KVC_QUANT_NONE;
}

static kvc_code pick_quant(struct sizing *s, struct kvc_model *m, const char *suffix,
                           struct kvc_err *err)
{
  const char *asked = s->req->deploy.quantization;
  if (suffix != NULL) {
    /* The base model's own format stays when the name says the same kind. */
    struct kvc_model named = *m;
    KVC_TRY(kvc_hf_quant_apply(s->arena, suffix, &named, err));
    if (named.quant.kind != m->quant.kind) *m = named;
  }
  if (asked == NULL || quant_agrees(m, asked)) return KVC_E_OK;
  if (kvc_str_ieq(asked, "compressed-tensors") || kvc_str_ieq(asked, "modelopt"))
    return kvc_fail(err, KVC_E_UNSUPPORTED, "--quantization",
                    "%s is a container of several formats and the profile of %s is not "
                    "quantised; pass the checkpoint's own file with --model-config",
                    asked, m->name);
  return kvc_hf_quant_apply(s->arena, asked, m, err);
}

/* Embedding models often carry the class of the generator they come from; the name
 * tells that vLLM serves them as pooling models, without a sampler. */
static void note_pooling(struct sizing *s, const char *name)
{
  static const char *const marks[] = {"embedding", "embed-", "reranker", "bge-",
                                      "gte-",      "e5-",    "-prm-",    "reward"};
  struct kvc_model *m = &s->out->model;
  if (m->pooling || name == NULL) return;
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    if (kvc_str_ifind(name, marks[i]) == NULL) continue;
    m->pooling = true;
    sizing_note(s, "note",
                "the name says an embedding or reward model: sized as a pooling model, "
                "without sampler buffers");
    return;
  }
}

static kvc_code pick_model(struct sizing *s, struct kvc_err *err)
{
  struct kvc_size *out = s->out;
  const struct kvc_size_request *req = s->req;
  if (req->model_config_text != NULL) {
    KVC_TRY(kvc_hf_model_parse(s->arena, req->model_config_text, req->model_config_len,
                               req->model_config_path, &out->model, err));
    if (req->model_name != NULL) out->model.name = req->model_name;
    out->model_match = (struct kvc_match){.asked = req->model_config_path,
                                          .name = out->model.name,
                                          .file = req->model_config_path};
    return pick_quant(s, &out->model, NULL, err);
  }
  if (req->model_name == NULL)
    return kvc_fail(err, KVC_E_USAGE, "--model",
                    "is needed, for example --model meta-llama/Llama-3.1-8B-Instruct, or "
                    "--model-config config.json");
  KVC_TRY(kvc_db_model(s->db, req->model_name, &out->model, &out->model_match, err));
  if (out->model_match.note != NULL) sizing_note(s, "note", out->model_match.note);
  out->model.name =
      req->model_name; /* as the user knows it; the match has the profile's */
  note_pooling(s, req->model_name);
  return pick_quant(s, &out->model, out->model_match.quant_suffix, err);
}

/* An EAGLE head is one decoder layer of the target's shape behind a projection of two
 * (EAGLE-3: three) hidden states; embedding and lm_head are the target's. */
static const struct kvc_model *eagle_like(struct sizing *s, const char *method)
{
  const struct kvc_model *target = &s->out->model;
  struct kvc_model *m = kvc_arena_alloc(s->arena, 1, sizeof *m);
  struct kvc_layer *layer = kvc_arena_alloc(s->arena, 1, sizeof *layer);
  const struct kvc_layer *last = NULL;
  for (size_t i = 0; i < target->n_layers; i++)
    if (target->layers[i].mixer == KVC_MIX_FULL) last = &target->layers[i];
  if (m == NULL || layer == NULL || last == NULL) return NULL;
  *layer = *last;
  if (layer->ffn == KVC_FFN_MOE) { /* drafts are dense */
    layer->ffn = KVC_FFN_DENSE;
    layer->ffn_width = 4 * target->hidden;
  }
  const double width = kvc_str_ifind(method, "eagle3") != NULL ? 3 : 2;
  layer->extra_params +=
      (int64_t)(width * (double)target->hidden * (double)target->hidden);
  *m = *target;
  m->layers = layer;
  m->n_layers = 1;
  m->vocab = m->vocab_padded = 0;
  m->n_towers = 0;
  m->mtp_layers = 0;
  m->n_mtp = 0;
  m->rope_cache_elems = 0; /* vLLM keeps one table */
  m->quant = (struct kvc_quant){.kind = KVC_QUANT_NONE};
  return m;
}

static void unknown_draft(struct sizing *s)
{
  const struct kvc_deploy *d = &s->req->deploy;
  if (kvc_str_ifind(d->spec_method, "eagle") != NULL)
    s->draft = eagle_like(s, d->spec_method);
  sizing_note(
      s, "warning",
      s->draft != NULL
          ? sizing_text(s,
                        "the draft model %s is not in the database: counted as one "
                        "decoder layer of the target, as EAGLE heads are",
                        d->spec_model)
          : sizing_text(s,
                        "the draft model %s is not in the database: its weights "
                        "and KV layers are not counted",
                        d->spec_model));
}

/* A draft model is sized when its name is known; otherwise its weights are named as
 * missing from the account. */
static kvc_code pick_draft(struct sizing *s, struct kvc_err *err)
{
  const struct kvc_deploy *d = &s->req->deploy;
  if (d->spec_method == NULL || d->spec_model == NULL) {
    if (d->spec_method != NULL && kvc_str_ifind(d->spec_method, "mtp") != NULL &&
        s->out->model.mtp_layers == 0)
      sizing_note(s, "warning",
                  "the model's profile lists no multi-token-prediction layers: their "
                  "weights are not counted");
    return KVC_E_OK;
  }
  if (kvc_str_ifind(d->spec_method, "mtp") != NULL ||
      kvc_name_equal(d->spec_model, s->out->model.name))
    return KVC_E_OK;
  struct kvc_model *draft = kvc_arena_alloc(s->arena, 1, sizeof *draft);
  struct kvc_match match = {0};
  struct kvc_err unknown;
  if (draft == NULL) return kvc_arena_full(s->arena, d->spec_model, err);
  if (kvc_db_model(s->db, d->spec_model, draft, &match, &unknown) != KVC_E_OK) {
    unknown_draft(s);
    return KVC_E_OK;
  }
  if (match.quant_suffix != NULL && draft->quant.kind == KVC_QUANT_NONE)
    KVC_TRY(kvc_hf_quant_apply(s->arena, match.quant_suffix, draft, err));
  s->draft = draft;
  return KVC_E_OK;
}

static kvc_code pick_version(struct sizing *s, struct kvc_err *err)
{
  struct kvc_size *out = s->out;
  const struct kvc_deploy *d = &s->req->deploy;
  const struct kvc_version *v =
      d->version_given ? &d->version : kvc_engine_newest(s->engine);
  KVC_TRY(kvc_engine_resolve(s->engine, v, &out->version, err));
  char text[KVC_VERSION_TEXT];
  kvc_version_format(&out->version.version, text);
  if (!d->version_given)
    sizing_note(s, "note",
                sizing_text(s,
                            "sized for vLLM %s, the newest release read in source; "
                            "--vllm-version sets yours",
                            text));
  if (out->version.guessed)
    sizing_note(
        s, "warning",
        sizing_text(s,
                    "the version is a source build that does not say its release: "
                    "taken as %s",
                    text));
  if (out->version.carried)
    sizing_note(s, "warning",
                sizing_text(s,
                            "that release is newer than any known one: facts of %s are "
                            "carried forward",
                            text));
  if (strcmp(out->version.trust, "second-hand") == 0 ||
      strcmp(out->version.trust, "presumed") == 0)
    sizing_note(
        s, "warning",
        sizing_text(s,
                    "vLLM %s was not read in source; facts of the newest verified "
                    "release and second-hand notes are used",
                    text));
  return KVC_E_OK;
}

kvc_code sizing_inputs(struct sizing *s, struct kvc_err *err)
{
  KVC_TRY(kvc_db_engine(s->db, "vllm", &s->engine, err));
  KVC_TRY(pick_version(s, err));
  KVC_TRY(pick_gpu(s, err));
  if (s->out->gpu.vendor == KVC_VENDOR_GOOGLE || s->out->gpu.vendor == KVC_VENDOR_INTEL)
    sizing_note(
        s, "warning",
        sizing_text(s,
                    "%s runs another vLLM backend whose memory accounting was not "
                    "read: the figures are CUDA's, a rough guide only",
                    s->out->gpu.name));
  KVC_TRY(pick_model(s, err));
  return pick_draft(s, err);
}
