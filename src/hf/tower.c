/* tower.c - parameters of vision and audio towers, tensor by tensor.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A vision tower is a patch embedding, position and class embeddings, blocks and a
 * projector into the language model.  Most differ only in the numbers and in a few
 * yes-or-no questions, which 'struct vit' collects; each family fills it in and adds
 * its projector.
 */
#include "hf_room.h"
#include <string.h>

struct vit {
  double hidden, width, layers;
  double attn;      /* width of attention when it is not 'hidden' */
  double patch_in;  /* channels * frames * patch * patch */
  double positions; /* rows of the position table */
  double rest;      /* class token, outer norms, scales, projector */
  int norm;         /* elements of a norm per channel: 1, or 2 with bias */
  int block_norms;  /* norms in a block */
  bool patch_bias, attn_bias, mlp_bias, gated;
  double block_rest; /* further parameters of a block */
  int64_t max_item_tok;
  int merge;
  const char *kind;
};

/* One block: q, k, v, o; MLP of two or three matrices; norms. */
static double block(const struct vit *v)
{
  const double attn = v->attn > 0 ? v->attn : v->hidden;
  double n = 4 * attn * v->hidden + (v->gated ? 3 : 2) * v->hidden * v->width;
  if (v->attn_bias) n += 3 * attn + v->hidden;
  if (v->mlp_bias) n += (v->gated ? 2 : 1) * v->width + v->hidden;
  return n + v->block_norms * v->norm * v->hidden + v->block_rest;
}

static void add(struct hf *h, const struct vit *v)
{
  const double patch = v->patch_in * v->hidden + (v->patch_bias ? v->hidden : 0);
  const struct kvc_tower tower = {.kind = v->kind != NULL ? v->kind : "vision",
                                  .params = patch + v->positions * v->hidden +
                                            v->layers * block(v) + v->rest,
                                  .max_item_tok = v->max_item_tok,
                                  .hidden = (int)v->hidden,
                                  .layers = (int)v->layers,
                                  .ffn_width = (int64_t)v->width,
                                  .patch_merge = v->merge > 0 ? v->merge : 1};
  hf_tower_add(h, &tower);
}

void hf_tower_add(struct hf *h, const struct kvc_tower *tower)
{
  if (h->m->n_towers < KVC_MAX_TOWERS) h->m->towers[h->m->n_towers++] = *tower;
}

static double num(struct hf *h, const cJSON *c, const char *keys, int64_t def)
{
  return (double)hf_int_in(h, c, keys, def, 0, HF_MAX_VOCAB);
}

/* A number from the whole config's first level. */
static double top(struct hf *h, const char *keys, int64_t def)
{
  return num(h, h->root, keys, def);
}

/* What all Hugging Face ViTs call by the same names. */
static struct vit usual(struct hf *h, const cJSON *c)
{
  struct vit v = {.norm = 2, .block_norms = 2, .attn_bias = true, .mlp_bias = true};
  v.hidden = num(h, c, "hidden_size|embed_dim|width|vt_hidden_size", 1152);
  v.layers = num(h, c, "num_hidden_layers|depth|layers|vt_num_hidden_layers", 27);
  v.width = num(h, c, "intermediate_size|vt_intermediate_size", (int64_t)(4 * v.hidden));
  if (v.layers > KVC_MAX_LAYERS || v.hidden > HF_MAX_DIM)
    hf_fail(h, KVC_E_RANGE, "a tower of %g layers of width %g is refused", v.layers,
            v.hidden);
  const double patch = num(h, c, "patch_size", 14);
  v.patch_in = num(h, c, "num_channels|in_channels|in_chans", 3) * patch * patch;
  return v;
}

/* Patches of a square image. */
static double grid(struct hf *h, const cJSON *c, int64_t size)
{
  const double patch = num(h, c, "patch_size", 14);
  const double image = num(h, c, "image_size", size);
  const double side = patch >= 1 ? (double)(int64_t)(image / patch) : 0;
  return side * side;
}

/* Two layers with biases: in -> mid -> out. */
static double mlp2(double in, double mid, double out, bool bias)
{
  return in * mid + mid * out + (bias ? mid + out : 0);
}

/* ---- Qwen ----------------------------------------------------------------------- */

static void qwen2_vl(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.hidden = num(h, c, "embed_dim", 1280);
  v.width = num(h, c, "mlp_ratio", 4) * v.hidden;
  v.patch_in *= num(h, c, "temporal_patch_size", 2);
  const double out = num(h, c, "hidden_size", h->m->hidden);
  v.rest = 2 * v.hidden + mlp2(4 * v.hidden, 4 * v.hidden, out, true);
  v.max_item_tok = 16384;
  v.merge = 4;
  add(h, &v);
}

static void qwen25_vl(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.norm = 1;
  v.gated = true;
  v.patch_in *= num(h, c, "temporal_patch_size", 2);
  const double out = num(h, c, "out_hidden_size", h->m->hidden);
  v.rest = v.hidden + mlp2(4 * v.hidden, 4 * v.hidden, out, true);
  v.max_item_tok = 16384;
  v.merge = 4;
  add(h, &v);
}

/* Qwen3-VL and 3.5: a position table, and a merger for each level that feeds the
 * language model's first layers ("deepstack"). */
static void qwen3_vl(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.patch_bias = true;
  v.patch_in *= num(h, c, "temporal_patch_size", 2);
  v.positions = num(h, c, "num_position_embeddings", 2304);
  const double out = num(h, c, "out_hidden_size", h->m->hidden);
  const double merger = mlp2(4 * v.hidden, 4 * v.hidden, out, true);
  const cJSON *deep = hf_in(c, "deepstack_visual_indexes");
  const bool absent = deep == NULL && h->type != NULL && strstr(h->type, "vl") != NULL;
  const double levels = absent ? 3 : cJSON_GetArraySize(deep);
  v.rest = 2 * v.hidden + merger + levels * (8 * v.hidden + merger);
  v.max_item_tok = 16384;
  v.merge = 4;
  add(h, &v);
}

/* Qwen-VL's ViT-bigG with a resampler of 256 queries. */
static void qwen1_visual(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const cJSON *ratio = hf_in(c, "mlp_ratio");
  v.width = (double)(int64_t)((cJSON_IsNumber(ratio) && ratio->valuedouble > 0 &&
                                       ratio->valuedouble < 64
                                   ? ratio->valuedouble
                                   : 4) *
                              v.hidden);
  v.positions = 1024;
  const double out = num(h, c, "output_dim", 4096);
  v.rest = 4 * v.hidden + v.hidden * out + 256 * out + 4 * (out * out + out) + 6 * out +
           out * out;
  v.max_item_tok = 256;
  add(h, &v);
}

/* ---- SigLIP, CLIP ------------------------------------------------------------------ */

static struct vit siglip(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.patch_bias = true;
  v.positions = grid(h, c, 224);
  v.rest = 2 * v.hidden;
  return v;
}

static struct vit clip(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.positions = grid(h, c, 224) + 1;
  v.rest = 5 * v.hidden; /* class token, norms before and after */
  return v;
}

/* LLaVA's projector: as many input widths as levels are tapped. */
static double llava_projector(struct hf *h, double hidden)
{
  const cJSON *levels = hf_in(h->root, "vision_feature_layer");
  const double in = hidden * (cJSON_IsArray(levels) ? cJSON_GetArraySize(levels) : 1);
  const double out = (double)h->m->hidden;
  const bool bias = hf_flag_in(h, h->root, "multimodal_projector_bias", true);
  const bool next =
      strstr(h->cls, "LlavaNext") != NULL || strstr(h->cls, "Onevision") != NULL;
  return mlp2(in, out, out, bias) + (next ? out : 0);
}

static void siglip_model(struct hf *h, const cJSON *c)
{
  struct vit v = siglip(h, c);
  const double out = (double)h->m->hidden;
  if (strstr(h->cls, "Gemma3") != NULL) {
    v.rest += v.hidden * out + v.hidden;
    v.max_item_tok = (int64_t)top(h, "mm_tokens_per_image", 256);
    v.merge = 16;
  } else if (strncmp(h->cls, "MiniCPM", 7) == 0) { /* resampler of 64 queries */
    v.rest += 64 * out + v.hidden * out + 4 * (out * out + out) + 6 * out + out * out;
    v.max_item_tok = 640;
  } else if (strstr(h->cls, "PaliGemma") != NULL) {
    v.rest += v.hidden * out + out;
    v.max_item_tok = (int64_t)v.positions;
  } else if (strstr(h->cls, "Idefics3") != NULL || strstr(h->cls, "SmolVLM") != NULL) {
    const double scale = top(h, "scale_factor", 2);
    v.rest += v.hidden * scale * scale * out;
  } else {
    v.rest += llava_projector(h, v.hidden);
    v.max_item_tok = (int64_t)v.positions;
  }
  add(h, &v);
}

static void clip_model(struct hf *h, const cJSON *c)
{
  struct vit v = clip(h, c);
  v.rest += llava_projector(h, v.hidden);
  v.max_item_tok = (int64_t)v.positions - 1;
  add(h, &v);
}

/* Phi-3-vision: CLIP ViT-L/14-336 and a projector over 2x2 patches. */
static void phi3_vision(struct hf *h, const cJSON *c)
{
  struct vit v = {.hidden = 1024,
                  .width = 4096,
                  .layers = 24,
                  .patch_in = 588,
                  .positions = 577,
                  .norm = 2,
                  .block_norms = 2,
                  .attn_bias = true,
                  .mlp_bias = true,
                  .max_item_tok = 2509};
  const double out = (double)h->m->hidden;
  (void)c;
  v.rest = 5 * v.hidden + mlp2(4 * v.hidden, out, out, true) + 5 * v.hidden;
  add(h, &v);
}

/* ---- Mistral, InternVL, Llama
 * ----------------------------------------------------------- */

static void pixtral(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.norm = 1;
  v.attn_bias = v.mlp_bias = false;
  v.gated = true;
  const double out = (double)h->m->hidden, merge = top(h, "spatial_merge_size", 1);
  const bool merged = hf_in(h->root, "spatial_merge_size") != NULL;
  v.rest = v.hidden;
  if (merged) v.rest += v.hidden + merge * merge * v.hidden * v.hidden;
  v.rest += mlp2(v.hidden, out, out,
                 hf_flag_in(h, h->root, "multimodal_projector_bias", !merged));
  const double tokens = grid(h, c, 1024) / (merged && merge > 0 ? merge * merge : 1);
  v.max_item_tok = (int64_t)tokens;
  v.merge = merged ? (int)(merge * merge) : 1;
  add(h, &v);
}

static void intern_vit(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const char *norm = hf_text_in(c, "norm_type");
  v.norm = norm != NULL && strncmp(norm, "rms", 3) == 0 ? 1 : 2;
  v.patch_bias = true;
  v.positions = grid(h, c, 448) + 1;
  v.block_rest = 2 * v.hidden; /* layer scales */
  if (!hf_flag_in(h, c, "qkv_bias|attention_bias", true)) v.block_rest -= 3 * v.hidden;
  if (hf_flag_in(h, c, "qk_normalization", false) ||
      hf_flag_in(h, c, "use_qk_norm", false))
    v.block_rest += 2 * v.hidden;
  const double out = (double)h->m->hidden;
  v.rest = v.hidden + 8 * v.hidden + mlp2(4 * v.hidden, out, out, true);
  v.max_item_tok = 3328; /* 12 tiles and a thumbnail of 256 */
  v.merge = 4;
  add(h, &v);
}

static void llama4_vision(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.positions = grid(h, c, 336) + 1;
  const double in = num(h, c, "projector_input_dim", 4096);
  const double out = num(h, c, "projector_output_dim", 4096);
  v.rest = v.hidden + 4 * v.hidden + v.width * in + in * out + out * (double)h->m->hidden;
  v.max_item_tok = 144 * 17;
  v.merge = 4;
  add(h, &v);
}

/* Llama 3.2: position and tile embeddings for each aspect ratio; a second, gated
 * stack; five inner levels beside the output. */
static void mllama_vision(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const double global = num(h, c, "num_global_layers", 8);
  const double tiles = num(h, c, "max_num_tiles", 4);
  const double ratios = num(h, c, "max_aspect_ratio_id", 8) + 1;
  const double rows = grid(h, c, 448) + 1;
  v.layers += global;
  v.attn_bias = false;
  v.positions = rows;
  v.rest = v.hidden + ratios * tiles * rows * v.hidden + 2 * ratios * tiles * v.hidden +
           3 + 4 * v.hidden + 2 * global;
  const double out = num(h, c, "vision_output_dim", 7680);
  v.rest += out * (double)h->m->hidden + (double)h->m->hidden;
  v.max_item_tok = (int64_t)(tiles * rows);
  add(h, &v);
}

/* ---- MoonViT, GLM, dots, Gemma 4, EVA
 * -------------------------------------------------------- */

static void moonvit(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const char *norm = hf_text_in(c, "norm_type");
  const bool plain = norm != NULL && strncmp(norm, "rms", 3) == 0; /* Kimi-K3 */
  v.norm = plain ? 1 : 2;
  v.attn = num(h, c, "qkv_hidden_size", 0);
  v.attn_bias = hf_flag_in(h, c, "attn_bias", true);
  v.mlp_bias = hf_flag_in(h, c, "linear_bias", true);
  v.patch_bias = hf_flag_in(h, c, "patch_embed_proj_bias", true);
  v.positions =
      num(h, c, "init_pos_emb_height", 64) * num(h, c, "init_pos_emb_width", 64);
  v.rest = v.norm * v.hidden + v.norm * v.hidden +
           mlp2(4 * v.hidden, 4 * v.hidden, (double)h->m->hidden, true);
  v.max_item_tok = 4096;
  v.merge = 4;
  add(h, &v);
}

/* GLM-4V: blocks without biases whose MLP is as wide as the language model. */
static void glm4v(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const double out = num(h, c, "out_hidden_size", h->m->hidden);
  const double wide = v.width;
  v.norm = 1;
  v.gated = true;
  v.attn_bias = hf_flag_in(h, c, "attention_bias", false);
  v.mlp_bias = false;
  v.width = out;
  v.patch_bias = true;
  v.patch_in *= num(h, c, "temporal_patch_size", 2);
  v.positions = grid(h, c, 336);
  v.rest = 2 * v.hidden + 4 * v.hidden * out + out + out * out + 2 * out + 3 * out * wide;
  v.max_item_tok = 6144;
  v.merge = 4;
  add(h, &v);
}

static void dots_vit(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.hidden = num(h, c, "embed_dim", 1536);
  v.norm = 1;
  v.gated = true;
  v.attn_bias = v.mlp_bias = false;
  v.patch_bias = true;
  const double out = num(h, c, "hidden_size", h->m->hidden);
  v.rest = 4 * v.hidden + mlp2(4 * v.hidden, 4 * v.hidden, out, true);
  v.max_item_tok = 14400;
  v.merge = 4;
  add(h, &v);
}

static void gemma4_vision(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const double out = (double)h->m->hidden;
  v.norm = 1;
  v.block_norms = 4;
  v.gated = true;
  v.attn_bias = v.mlp_bias = false;
  v.block_rest = 2 * num(h, c, "head_dim", 64);
  v.positions = 2 * num(h, c, "position_embedding_size", 10240);
  v.rest = (hf_flag_in(h, c, "standardize", false) ? 2 * v.hidden : 0) + v.hidden * out;
  v.max_item_tok = (int64_t)num(h, c, "default_output_length", 280);
  v.merge = 9;
  add(h, &v);
}

/* CogVLM2's EVA2-CLIP-E. */
static void eva(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  const double out = (double)h->m->hidden,
               wide = num(h, h->root, "intermediate_size", 14336);
  v.patch_bias = true;
  v.positions = num(h, c, "num_positions", 257);
  v.rest = v.hidden + v.hidden * out + 2 * out + 3 * out * wide + 4 * v.hidden * v.hidden;
  add(h, &v);
}

/* ---- audio
 * ------------------------------------------------------------------------------------ */

static void whisper_encoder(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.kind = "audio";
  v.hidden = num(h, c, "d_model|hidden_size", 1280);
  v.layers = num(h, c, "encoder_layers|num_hidden_layers", 32);
  v.width = num(h, c, "encoder_ffn_dim|intermediate_size", 5120);
  v.positions = num(h, c, "max_source_positions", 1500);
  v.block_rest = -v.hidden; /* keys have no bias */
  v.patch_in = 3 * num(h, c, "num_mel_bins", 128);
  v.patch_bias = true;
  v.rest = 3 * v.hidden * v.hidden + v.hidden + 2 * v.hidden +
           v.hidden * (double)h->m->hidden + (double)h->m->hidden;
  v.max_item_tok = 750;
  v.merge = 2;
  add(h, &v);
}

/* A conformer: two half-step MLPs, attention with relative positions, a gated
 * convolution (Gemma 3n and 4). */
static void conformer(struct hf *h, const cJSON *c)
{
  struct vit v = usual(h, c);
  v.kind = "audio";
  v.hidden = num(h, c, "hidden_size", 1024);
  v.layers = num(h, c, "num_hidden_layers|conf_num_hidden_layers", 12);
  v.width = 4 * v.hidden;
  v.norm = 1;
  v.block_norms = 7;
  v.attn_bias = v.mlp_bias = v.patch_bias = false;
  const double kernel = num(h, c, "conv_kernel_size|conf_conv_kernel_size", 5);
  v.block_rest = 2 * v.hidden * v.width + v.hidden * v.hidden /* relative positions */
                 + 3 * v.hidden * v.hidden + (kernel + 1) * v.hidden;
  v.patch_in = v.hidden;
  const double out = num(h, c, "output_proj_dims", 0);
  v.rest = out > 0 ? v.hidden * out + out + out * (double)h->m->hidden
                   : v.hidden * (double)h->m->hidden;
  add(h, &v);
}

/* Gemma 3n's MobileNet-v5: convolutions, counted once as published (300M). */
static void mobilenet(struct hf *h, const cJSON *c)
{
  struct vit v = {.rest = 294.3e6, .max_item_tok = 256};
  v.hidden = num(h, c, "hidden_size", 2048);
  v.rest += v.hidden * (double)h->m->hidden;
  add(h, &v);
}

/* ---- which tower
 * ------------------------------------------------------------------------------- */

typedef void tower_read(struct hf *h, const cJSON *c);

/* By the tower's model_type, or where it has none by the model's class. */
static const struct {
  const char *type, *cls;
  tower_read *read;
} readers[] = {
    {"qwen2_vl", "Qwen2VL", qwen2_vl},
    {"qwen2_5_vl", "Qwen2_5_VL", qwen25_vl},
    {"qwen2_5_omni_vision_encoder", "Qwen2_5Omni", qwen25_vl},
    {"qwen3_vl", "Qwen3VL", qwen3_vl},
    {"qwen3_vl_moe", "Qwen3Omni", qwen3_vl},
    {"qwen3_omni_moe_vision_encoder", NULL, qwen3_vl},
    {"qwen3_5", "Qwen3_5", qwen3_vl},
    {"qwen3_5_moe", NULL, qwen3_vl},
    {"qwen3_5_vision", NULL, qwen3_vl},
    {"qwen3_5_moe_vision", NULL, qwen3_vl},
    {"siglip_vision_model", "Gemma3", siglip_model},
    {"siglip", "MiniCPMV", siglip_model},
    {"siglip2_vision_model", NULL, siglip_model},
    {"idefics3", "Idefics3", siglip_model},
    {"idefics3_vision", NULL, siglip_model},
    {"smolvlm_vision", "SmolVLM", siglip_model},
    {"clip_vision_model", "Llava", clip_model},
    {"pixtral", "Mistral3", pixtral},
    {"intern_vit_6b", "InternVLChat", intern_vit},
    {"internvl_vision", "InternVL", intern_vit},
    {"llama4_vision_model", "Llama4", llama4_vision},
    {"mllama_vision_model", "Mllama", mllama_vision},
    {"moonvit", "Kimi", moonvit},
    {"glm4v", "Glm4v", glm4v},
    {"glm4v_moe", NULL, glm4v},
    {"glm4v_vision", NULL, glm4v},
    {"glm4v_moe_vision", NULL, glm4v},
    {"dots_vit", "DotsOCR", dots_vit},
    {"gemma4_vision", "Gemma4", gemma4_vision},
    {"gemma3n_vision", "Gemma3n", mobilenet},
    {NULL, "CogVLM", eva},
};

static void vision(struct hf *h, const cJSON *c)
{
  const char *type = hf_text_in(c, "model_type");
  const size_t count = sizeof readers / sizeof *readers;
  for (size_t i = 0; type != NULL && i < count; i++) {
    if (readers[i].type == NULL || strcmp(readers[i].type, type) != 0) continue;
    readers[i].read(h, c);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    if (readers[i].cls == NULL ||
        strncmp(readers[i].cls, h->cls, strlen(readers[i].cls)) != 0)
      continue;
    readers[i].read(h, c);
    return;
  }
  clip_model(h, c); /* the common plan, where nothing better is known */
}

static void audio(struct hf *h, const cJSON *c)
{
  const char *type = hf_text_in(c, "model_type");
  if (type != NULL && strncmp(type, "gemma", 5) == 0)
    conformer(h, c);
  else
    whisper_encoder(h, c);
}

static const cJSON *part(const struct hf *h, const char *key)
{
  const cJSON *c = hf_in(h->root, key);
  if (c == NULL) c = hf_in(hf_in(h->root, "thinker_config"), key);
  return cJSON_IsObject(c) ? c : NULL;
}

void hf_towers(struct hf *h)
{
  if (h->rc != KVC_E_OK || h->m->n_towers > 0) return;
  const cJSON *c = part(h, "vision_config");
  if (c != NULL) vision(h, c);
  c = part(h, "audio_config");
  if (c != NULL && cJSON_GetArraySize(c) > 0) audio(h, c);
  c = part(h, "visual");
  if (c != NULL) qwen1_visual(h, c);
  c = part(h, "img_processor");
  if (c != NULL && strncmp(h->cls, "Phi3V", 5) == 0) phi3_vision(h, c);
}
