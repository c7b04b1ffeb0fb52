/* quant_name.c - a quantisation that is asked for or named rather than described.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

/* A row applies when 'needle' is in the name reduced to lower-case letters and
 * digits; the first such row wins, so the more telling spellings come first. */
struct spelling {
  const char *needle, *method;
  enum kvc_quant_kind kind;
  double bits;
  int group;
  double zero_bits;
};

/* clang-format off */
static const struct spelling spellings[] = {
    {"deepseekv4fp8", "deepseek_v4_fp8", KVC_QUANT_FP8, 8, 0, 0},
    {"mxfp4", "mxfp4", KVC_QUANT_MXFP4, 4, 32, 0},
    {"nvfp4", "modelopt_fp4", KVC_QUANT_NVFP4, 4, 16, 0},
    {"modeloptfp4", "modelopt_fp4", KVC_QUANT_NVFP4, 4, 16, 0},
    {"petitnvfp4", "modelopt_fp4", KVC_QUANT_NVFP4, 4, 16, 0},
    {"fp4", "modelopt_fp4", KVC_QUANT_NVFP4, 4, 16, 0},
    {"gptqint8", "gptq", KVC_QUANT_INT, 8, 128, 8},
    {"gptq8bit", "gptq", KVC_QUANT_INT, 8, 128, 8},
    {"8bitgptq", "gptq", KVC_QUANT_INT, 8, 128, 8},
    {"gptqint3", "gptq", KVC_QUANT_INT, 3, 128, 3},
    {"gptq", "gptq", KVC_QUANT_INT, 4, 128, 4},
    {"awq8bit", "awq", KVC_QUANT_INT, 8, 128, 8},
    {"8bitawq", "awq", KVC_QUANT_INT, 8, 128, 8},
    {"awq", "awq", KVC_QUANT_INT, 4, 128, 4},
    {"w4a16", "compressed-tensors", KVC_QUANT_INT, 4, 128, 0},
    {"w4a8", "compressed-tensors", KVC_QUANT_INT, 4, 128, 0},
    {"w8a16", "compressed-tensors", KVC_QUANT_INT, 8, -1, 0},
    {"w8a8fp8", "compressed-tensors", KVC_QUANT_FP8, 8, -1, 0},
    {"w8a8", "compressed-tensors", KVC_QUANT_INT8, 8, -1, 0},
    {"autoround", "auto-round", KVC_QUANT_INT, 4, 128, 0},
    {"bnb8bit", "bitsandbytes", KVC_QUANT_BNB, 8, -1, 0},
    {"bitsandbytes8bit", "bitsandbytes", KVC_QUANT_BNB, 8, -1, 0},
    {"bitsandbytesint8", "bitsandbytes", KVC_QUANT_BNB, 8, -1, 0},
    {"bitsandbytes", "bitsandbytes", KVC_QUANT_BNB, 4, 64, 0},
    {"bnb", "bitsandbytes", KVC_QUANT_BNB, 4, 64, 0},
    {"nf4", "bitsandbytes", KVC_QUANT_BNB, 4, 64, 0},
    {"fbgemmfp8", "fbgemm_fp8", KVC_QUANT_FP8, 8, -1, 0},
    {"ptpcfp8", "ptpc_fp8", KVC_QUANT_FP8, 8, -1, 0},
    {"fp8dynamic", "compressed-tensors", KVC_QUANT_FP8, 8, -1, 0},
    {"fp8block", "compressed-tensors", KVC_QUANT_FP8, 8, 0, 0},
    {"fp8", "fp8", KVC_QUANT_FP8, 8, 0, 0},
    {"modelopt", "modelopt", KVC_QUANT_FP8, 8, 0, 0},
    {"q2k", "gguf", KVC_QUANT_GGUF, 3.00, 0, 0},
    {"iq2", "gguf", KVC_QUANT_GGUF, 2.70, 0, 0},
    {"q3ks", "gguf", KVC_QUANT_GGUF, 3.50, 0, 0},
    {"q3kl", "gguf", KVC_QUANT_GGUF, 4.27, 0, 0},
    {"q3k", "gguf", KVC_QUANT_GGUF, 3.91, 0, 0},
    {"iq3", "gguf", KVC_QUANT_GGUF, 3.66, 0, 0},
    {"q40", "gguf", KVC_QUANT_GGUF, 4.55, 0, 0},
    {"q41", "gguf", KVC_QUANT_GGUF, 5.05, 0, 0},
    {"q4ks", "gguf", KVC_QUANT_GGUF, 4.58, 0, 0},
    {"q4k", "gguf", KVC_QUANT_GGUF, 4.85, 0, 0},
    {"iq4", "gguf", KVC_QUANT_GGUF, 4.40, 0, 0},
    {"q50", "gguf", KVC_QUANT_GGUF, 5.54, 0, 0},
    {"q5ks", "gguf", KVC_QUANT_GGUF, 5.54, 0, 0},
    {"q5k", "gguf", KVC_QUANT_GGUF, 5.69, 0, 0},
    {"q6k", "gguf", KVC_QUANT_GGUF, 6.59, 0, 0},
    {"q80", "gguf", KVC_QUANT_GGUF, 8.50, 0, 0},
    {"gguf", "gguf", KVC_QUANT_GGUF, 4.85, 0, 0}, /* unstated: Q4_K_M */
    {"expertsint8", "experts_int8", KVC_QUANT_INT8, 8, -1, 0},
    {"int8", "compressed-tensors", KVC_QUANT_INT8, 8, -1, 0},
    {"8bit", "compressed-tensors", KVC_QUANT_INT8, 8, -1, 0},
    {"int4", "compressed-tensors", KVC_QUANT_INT, 4, 128, 0},
    {"4bit", "compressed-tensors", KVC_QUANT_INT, 4, 128, 0},
};
/* clang-format on */

static const char known[] = "fp8, fp8-dynamic, w8a8, w8a16, w4a16, awq, gptq, gptq-int8, "
                            "auto-round, bitsandbytes, "
                            "nvfp4, mxfp4, gguf (with q2_k to q8_0), int4, int8, none";

/* Lower case, letters and digits only. */
static void squeeze(const char *text, char *out, size_t room)
{
  size_t n = 0;
  for (; *text != '\0' && n + 1 < room; text++) {
    char c = *text;
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out[n++] = c;
  }
  out[n] = '\0';
}

static bool is_none(const char *text)
{
  static const char *const names[] = {"",        "none", "bf16", "bfloat16",   "fp16",
                                      "float16", "half", "auto", "unquantized"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(text, names[i]) == 0) return true;
  return false;
}

static void adopt(struct kvc_model *m, const struct spelling *s, const char *name)
{
  const char *kv = m->quant.kv_cache_dtype;
  m->quant = hf_quant_format(s->method, s->kind, s->bits, s->group);
  m->quant.zero_bits = s->zero_bits;
  m->quant.kv_cache_dtype = kv;
  if (s->kind == KVC_QUANT_GGUF) {
    m->quant.skip_lm_head = m->quant.skip_embed = false;
    m->quant.scale_bytes = 0;
  }
  if (strstr(name, "block") != NULL && s->kind == KVC_QUANT_FP8)
    m->quant.block_rows = m->quant.block_cols = 128;
  if (s->kind == KVC_QUANT_MXFP4 && m->moe.experts > 0) m->quant.experts_only = true;
  /* Makers of NVFP4 mixtures of experts leave attention as it was. */
  if (s->kind == KVC_QUANT_NVFP4 && m->moe.experts > 0) m->quant.skip_attention = true;
  if (strcmp(s->method, "deepseek_v4_fp8") != 0) return;
  m->quant.block_rows = m->quant.block_cols = 128;
  for (size_t i = 0; i < m->n_layers; i++)
    m->layers[i].part_quant[KVC_PART_EXPERTS] = 1 + KVC_QUANT_MXFP4;
  for (size_t i = 0; i < m->n_mtp; i++)
    m->mtp[i].part_quant[KVC_PART_EXPERTS] = 1 + KVC_QUANT_MXFP4;
}

kvc_code kvc_hf_quant_apply(struct kvc_arena *arena, const char *method,
                            struct kvc_model *model, struct kvc_err *err)
{
  char name[128];
  squeeze(method, name, sizeof name);
  /* A container for many formats: right only for a checkpoint that says which. */
  if (strcmp(name, "compressedtensors") == 0 || strcmp(name, "quark") == 0) {
    if (model->quant.kind != KVC_QUANT_NONE) return KVC_E_OK;
    return kvc_fail(err, KVC_E_UNKNOWN, "quantization",
                    "\"%.60s\" says how files are laid out, not how weights are stored; "
                    "understood are %s",
                    method, known);
  }
  if (is_none(name)) {
    if (strcmp(name, "auto") == 0) return KVC_E_OK;
    return hf_quant_reset(arena, model, err);
  }
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    const struct spelling *s = &spellings[i];
    if (strstr(name, s->needle) == NULL) continue;
    /* The checkpoint describes the same format itself, and better. */
    if (model->quant.kind == s->kind) return KVC_E_OK;
    KVC_TRY(hf_quant_reset(arena, model, err));
    adopt(model, s, name);
    return KVC_E_OK;
  }
  return kvc_fail(err, KVC_E_UNKNOWN, "quantization",
                  "\"%.60s\" is not a quantisation that is understood; these are %s",
                  method, known);
}
