/* quant.c - quantization_config: which format the weights are stored in.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <kvcap/str.h>
#include <string.h>

struct kvc_quant hf_quant_format(const char *method, enum kvc_quant_kind kind,
                                 double bits, int group)
{
  struct kvc_quant q = {.kind = kind,
                        .method = method,
                        .bits = bits,
                        .group_size = group,
                        .scale_bytes = 4,
                        .skip_lm_head = true,
                        .skip_embed = true,
                        .skip_router = true,
                        .skip_vision = true};
  if (kind == KVC_QUANT_INT) q.scale_bytes = 2;
  if (kind == KVC_QUANT_NVFP4 || kind == KVC_QUANT_MXFP4) q.scale_bytes = 1;
  return q;
}

/* ---- lists of names ---------------------------------------------------------------- */

static void skip_list(struct hf *h, const cJSON *list)
{
  const cJSON *item;
  cJSON_ArrayForEach(item, list)
  {
    if (cJSON_IsString(item)) (void)hf_rule_apply(h, item->valuestring, KVC_QUANT_NONE);
  }
}

static void skip_lists(struct hf *h, const cJSON *c)
{
  static const char *const keys[] = {
      "modules_to_not_convert", "ignored_layers", "ignore",
      "exclude_modules",        "exclude",        "llm_int8_skip_modules"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) skip_list(h, hf_in(c, keys[i]));
}

/* ---- KV cache
 * -------------------------------------------------------------------------- */

const char *hf_quant_kv(const cJSON *config)
{
  const char *algo = hf_text_in(config, "kv_cache_quant_algo");
  if (algo != NULL) {
    if (kvc_str_ieq(algo, "FP8")) return "fp8";
    if (kvc_str_ieq(algo, "NVFP4")) return "nvfp4";
    if (kvc_str_ieq(algo, "INT8")) return "int8";
  }
  const cJSON *scheme = hf_in(config, "kv_cache_scheme");
  if (!cJSON_IsObject(scheme)) return NULL;
  const cJSON *bits = hf_in(scheme, "num_bits");
  const char *type = hf_text_in(scheme, "type");
  if (!cJSON_IsNumber(bits)) return NULL;
  const bool whole = type != NULL && strcmp(type, "int") == 0;
  if (bits->valueint == 8) return whole ? "int8" : "fp8";
  return bits->valueint == 4 && !whole ? "nvfp4" : NULL;
}

/* ---- methods
 * --------------------------------------------------------------------------- */

static void zero_points(struct kvc_quant *q, bool on)
{
  q->zero_bits = on ? q->bits : 0;
}

static void read_awq(struct hf *h, const cJSON *c)
{
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("awq", KVC_QUANT_INT,
                       (double)hf_int_in(h, c, "bits|w_bit|nbits", 4, 2, 8),
                       (int)hf_int_in(h, c, "group_size|q_group_size", 128, -1, 65536));
  zero_points(q, hf_flag_in(h, c, "zero_point", true));
}

/* Also AutoRound, whose files are laid out like GPTQ's. */
static void read_gptq(struct hf *h, const cJSON *c)
{
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("gptq", KVC_QUANT_INT,
                       (double)hf_int_in(h, c, "bits|nbits", 4, 2, 8),
                       (int)hf_int_in(h, c, "group_size", 128, -1, 65536));
  zero_points(q, true);
  q->act_order = hf_flag_in(h, c, "desc_act", false);
  if (hf_flag_in(h, c, "lm_head", false)) q->skip_lm_head = false;
  const cJSON *item; /* {"model.layers.0.x": {"bits": 16}}, {"-:expression": {}} */
  cJSON_ArrayForEach(item, hf_in(c, "extra_config|dynamic"))
  {
    const cJSON *bits = hf_in(item, "bits");
    const char *name = item->string;
    if (name == NULL) continue;
    if (strncmp(name, "-:", 2) == 0)
      (void)hf_rule_apply(h, name + 2, KVC_QUANT_NONE);
    else if (cJSON_IsNumber(bits) && bits->valueint >= 16)
      (void)hf_rule_apply(h, name, KVC_QUANT_NONE);
  }
}

/* ModelOpt's names of algorithms. */
static enum kvc_quant_kind algo_kind(const char *algo)
{
  if (strstr(algo, "NVFP4") != NULL) return KVC_QUANT_NVFP4;
  if (strstr(algo, "MXFP4") != NULL) return KVC_QUANT_MXFP4;
  if (strstr(algo, "FP8") != NULL && strstr(algo, "W4") == NULL) return KVC_QUANT_FP8;
  if (strstr(algo, "W4") != NULL || strstr(algo, "INT4") != NULL) return KVC_QUANT_INT;
  if (strstr(algo, "INT8") != NULL || strstr(algo, "W8A8") != NULL) return KVC_QUANT_INT8;
  return KVC_QUANT_NONE;
}

static void read_block_size(struct hf *h, const cJSON *c, struct kvc_quant *q)
{
  const cJSON *block = hf_in(c, "weight_block_size");
  if (cJSON_GetArraySize(block) != 2) return;
  q->block_rows = (int)hf_list_int(h, block, 0, 128, 1, 65536);
  q->block_cols = (int)hf_list_int(h, block, 1, 128, 1, 65536);
}

/* DeepSeek-V4 adds: routed experts in 4 bits ("expert_dtype": "fp4"). */
static void read_fp8(struct hf *h, const cJSON *c)
{
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("fp8", KVC_QUANT_FP8, 8, 0);
  read_block_size(h, c, q);
  const char *experts = hf_text(h, "expert_dtype");
  if (experts == NULL || strcmp(experts, "fp4") != 0) return;
  q->method = "deepseek_v4_fp8";
  for (size_t i = 0; i < h->m->n_layers; i++)
    h->m->layers[i].part_quant[KVC_PART_EXPERTS] = 1 + KVC_QUANT_MXFP4;
  for (size_t i = 0; i < h->m->n_mtp; i++)
    h->m->mtp[i].part_quant[KVC_PART_EXPERTS] = 1 + KVC_QUANT_MXFP4;
  /* NVIDIA's NVFP4 experts in an otherwise unchanged fp8 checkpoint; its "ignore"
   * means what was not quantised anew. */
  const cJSON *item;
  cJSON_ArrayForEach(item, hf_in(c, "quantized_layers"))
  {
    const char *algo = hf_text_in(item, "quant_algo");
    if (algo != NULL && item->string != NULL)
      (void)hf_rule_apply(h, item->string, algo_kind(algo));
  }
}

static void read_fbgemm(struct hf *h, const cJSON *c)
{
  (void)c;
  h->m->quant = hf_quant_format("fbgemm_fp8", KVC_QUANT_FP8, 8, -1);
}

static void read_mxfp4(struct hf *h, const cJSON *c)
{
  (void)c;
  h->m->quant = hf_quant_format("mxfp4", KVC_QUANT_MXFP4, 4, 32);
  h->m->quant.experts_only = true;
}

static void read_bnb(struct hf *h, const cJSON *c)
{
  const bool eight = hf_flag_in(h, c, "load_in_8bit", false);
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("bitsandbytes", KVC_QUANT_BNB, eight ? 8 : 4, eight ? -1 : 64);
  q->double_quant = !eight && hf_flag_in(h, c, "bnb_4bit_use_double_quant", false);
}

/* MLX: scale and bias of 16 bits a group, embeddings too. */
static void read_mlx(struct hf *h, const cJSON *c)
{
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("mlx", KVC_QUANT_INT, (double)hf_int_in(h, c, "bits", 4, 2, 8),
                       (int)hf_int_in(h, c, "group_size", 64, 16, 65536));
  q->zero_bits = 16;
  q->skip_embed = q->skip_lm_head = false;
}

/* ---- compressed-tensors
 * ----------------------------------------------------------------- */

/* The format of one group's "weights". */
static struct kvc_quant group_format(struct hf *h, const cJSON *group, const char *format)
{
  const cJSON *w = hf_in(group, "weights");
  const int64_t bits = hf_int_in(h, w, "num_bits", 8, 2, 16);
  const char *type = hf_text_in(w, "type");
  const char *strategy = hf_text_in(w, "strategy");
  const bool real = type != NULL && strcmp(type, "float") == 0;
  const char *own = hf_text_in(group, "format");
  if (own != NULL) format = own;
  static const char method[] = "compressed-tensors";
  int size = (int)hf_int_in(h, w, "group_size", -1, -1, 65536);
  if (real && bits == 4) {
    const bool mx = size == 32 || (format != NULL && strstr(format, "mxfp4") != NULL);
    return hf_quant_format(method, mx ? KVC_QUANT_MXFP4 : KVC_QUANT_NVFP4, 4,
                           mx ? 32 : 16);
  }
  if (strategy != NULL && strcmp(strategy, "tensor") == 0) size = 0;
  if (real) {
    struct kvc_quant q = hf_quant_format(method, KVC_QUANT_FP8, 8, size > 0 ? -1 : size);
    const cJSON *block = hf_in(w, "block_structure");
    if (cJSON_GetArraySize(block) == 2) {
      q.block_rows = (int)hf_list_int(h, block, 0, 128, 1, 65536);
      q.block_cols = (int)hf_list_int(h, block, 1, 128, 1, 65536);
    }
    return q;
  }
  if (bits == 8 && size <= 0) return hf_quant_format(method, KVC_QUANT_INT8, 8, size);
  struct kvc_quant q = hf_quant_format(method, KVC_QUANT_INT, (double)bits, size);
  zero_points(&q, !hf_flag_in(h, w, "symmetric", true));
  return q;
}

static bool targets_linear(const cJSON *group)
{
  const cJSON *item;
  cJSON_ArrayForEach(item, hf_in(group, "targets"))
  {
    if (cJSON_IsString(item) && strcmp(item->valuestring, "Linear") == 0) return true;
  }
  return hf_in(group, "targets") == NULL;
}

static void read_compressed(struct hf *h, const cJSON *c)
{
  const cJSON *groups = hf_in(c, "config_groups"), *group;
  const char *format = hf_text_in(c, "format");
  struct kvc_quant *q = &h->m->quant;
  bool everywhere = false, any = false;
  cJSON_ArrayForEach(group, groups)
  {
    if (hf_in(group, "weights") == NULL) continue;
    const struct kvc_quant found = group_format(h, group, format);
    const bool linear = targets_linear(group);
    /* The group for all linear layers, or else the one with fewest bits, gives the
     * model's main format. */
    if (!any || (linear && !everywhere) || (!everywhere && found.bits < q->bits))
      *q = found;
    everywhere = everywhere || linear;
    any = true;
  }
  if (!any) return; /* sparsity only */
  if (!everywhere) hf_rule_all(h, KVC_QUANT_NONE);
  cJSON_ArrayForEach(group, groups)
  {
    if (hf_in(group, "weights") == NULL || targets_linear(group)) continue;
    const enum kvc_quant_kind kind = group_format(h, group, format).kind;
    const cJSON *item;
    cJSON_ArrayForEach(item, hf_in(group, "targets"))
    {
      if (cJSON_IsString(item) && hf_rule_apply(h, item->valuestring, kind))
        q->skip_lm_head = false;
    }
  }
}

/* ---- ModelOpt
 * ----------------------------------------------------------------------------- */

static struct kvc_quant algo_format(enum kvc_quant_kind kind)
{
  switch (kind) {
  case KVC_QUANT_NVFP4: return hf_quant_format("modelopt_fp4", kind, 4, 16);
  case KVC_QUANT_MXFP4: return hf_quant_format("modelopt", kind, 4, 32);
  case KVC_QUANT_INT: return hf_quant_format("modelopt", kind, 4, 128);
  case KVC_QUANT_INT8: return hf_quant_format("modelopt", kind, 8, -1);
  default: return hf_quant_format("modelopt", KVC_QUANT_FP8, 8, 0);
  }
}

/* Every quantised module is listed with its own algorithm. */
static void read_mixed(struct hf *h, const cJSON *c)
{
  const cJSON *list = hf_in(c, "quantized_layers"), *item;
  struct kvc_quant *q = &h->m->quant;
  *q = hf_quant_format("modelopt_mixed", KVC_QUANT_FP8, 8, 0);
  hf_rule_all(h, KVC_QUANT_NONE);
  bool head = false;
  cJSON_ArrayForEach(item, list)
  {
    const char *algo = hf_text_in(item, "quant_algo");
    if (algo == NULL || item->string == NULL) continue;
    const enum kvc_quant_kind kind = algo_kind(algo);
    if (kind == KVC_QUANT_NVFP4 && q->kind != KVC_QUANT_NVFP4)
      *q = hf_quant_format("modelopt_mixed", KVC_QUANT_NVFP4, 4, 16);
    head = hf_rule_apply(h, item->string, kind) || head;
  }
  q->skip_lm_head = !head;
}

static void read_modelopt(struct hf *h, const cJSON *c)
{
  const char *algo = hf_text_in(c, "quant_algo");
  if (algo == NULL) {
    hf_fail(h, KVC_E_PARSE, "the ModelOpt quantisation lacks \"quant_algo\"");
    return;
  }
  if (strcmp(algo, "MIXED_PRECISION") == 0) {
    read_mixed(h, c);
    return;
  }
  const enum kvc_quant_kind kind = algo_kind(algo);
  if (kind == KVC_QUANT_NONE) {
    hf_fail(h, KVC_E_UNSUPPORTED, "the ModelOpt algorithm \"%.60s\" is not modelled",
            algo);
    return;
  }
  h->m->quant = algo_format(kind);
  if (kind == KVC_QUANT_FP8 && strstr(algo, "PER_CHANNEL") != NULL)
    h->m->quant.group_size = -1;
}

/* ---- Quark
 * --------------------------------------------------------------------------------- */

static void read_quark(struct hf *h, const cJSON *c)
{
  const cJSON *global = hf_in(c, "global_quant_config");
  const cJSON *w = hf_in(global, "weight");
  if (cJSON_IsArray(w)) w = cJSON_GetArrayItem(w, 0);
  const char *dtype = hf_text_in(w, "dtype");
  if (dtype == NULL) {
    hf_fail(h, KVC_E_UNSUPPORTED, "the Quark quantisation names no weight type");
    return;
  }
  const char *scheme = hf_text_in(w, "qscheme");
  const bool per_tensor = scheme != NULL && strcmp(scheme, "per_tensor") == 0;
  if (strncmp(dtype, "fp4", 3) == 0)
    h->m->quant = hf_quant_format("quark", KVC_QUANT_MXFP4, 4, 32);
  else if (strncmp(dtype, "fp8", 3) == 0)
    h->m->quant = hf_quant_format("quark", KVC_QUANT_FP8, 8, per_tensor ? 0 : -1);
  else if (strncmp(dtype, "int8", 4) == 0)
    h->m->quant = hf_quant_format("quark", KVC_QUANT_INT8, 8, per_tensor ? 0 : -1);
  else if (strstr(dtype, "int4") != NULL)
    h->m->quant = hf_quant_format("quark", KVC_QUANT_INT, 4, 128);
  else
    hf_fail(h, KVC_E_UNSUPPORTED, "the Quark weight type \"%.40s\" is not modelled",
            dtype);
}

/* ---- the table
 * ------------------------------------------------------------------------------ */

static const struct {
  const char *name;
  void (*read)(struct hf *h, const cJSON *c);
} methods[] = {
    {"awq", read_awq},
    {"awq_marlin", read_awq},
    {"gptq", read_gptq},
    {"gptq_marlin", read_gptq},
    {"gptqmodel", read_gptq},
    {"marlin", read_gptq},
    {"auto-round", read_gptq},
    {"auto_round", read_gptq},
    {"intel/auto-round", read_gptq},
    {"autoround", read_gptq},
    {"inc", read_gptq},
    {"hqq", read_awq},
    {"fp8", read_fp8},
    {"deepseek_v4_fp8", read_fp8},
    {"finegrained_fp8", read_fp8},
    {"fbgemm_fp8", read_fbgemm},
    {"compressed-tensors", read_compressed},
    {"modelopt", read_modelopt},
    {"modelopt_fp4", read_modelopt},
    {"modelopt_mixed", read_modelopt},
    {"mxfp4", read_mxfp4},
    {"bitsandbytes", read_bnb},
    {"quark", read_quark},
    {"mlx", read_mlx},
};

static const cJSON *find_config(const struct hf *h)
{
  static const char keys[] = "quantization_config|compression_config";
  const cJSON *c = hf_in(h->cfg, keys);
  if (c == NULL) c = hf_in(h->root, keys);
  if (c == NULL) c = hf_in(h->root, "quantization");
  return cJSON_IsObject(c) ? c : NULL;
}

/* The method, also where older writers do not name it. */
static const char *method_of(const cJSON *c)
{
  const char *method = hf_text_in(c, "quant_method");
  if (method != NULL) return method;
  if (hf_in(c, "quant_algo") != NULL) return "modelopt";
  if (hf_in(c, "config_groups") != NULL) return "compressed-tensors";
  if (hf_in(c, "load_in_4bit|load_in_8bit") != NULL) return "bitsandbytes";
  if (hf_in(c, "mode") != NULL) return "mlx";
  if (hf_in(c, "desc_act") != NULL) return "gptq";
  if (hf_in(c, "zero_point|w_bit") != NULL) return "awq";
  return hf_in(c, "bits") != NULL ? "mlx" : NULL;
}

/* The flags say what holds for all layers, for readers that need no detail. */
static void summarize(struct kvc_model *m)
{
  bool some[KVC_PART_COUNT_] = {false};
  for (size_t i = 0; i < m->n_layers; i++)
    for (int p = 0; p < KVC_PART_LM_HEAD; p++)
      if (m->layers[i].part_quant[p] != 1 + KVC_QUANT_NONE) some[p] = true;
  m->quant.skip_attention = !some[KVC_PART_ATTN_IN] && !some[KVC_PART_ATTN_OUT];
  m->quant.skip_dense_ffn = !some[KVC_PART_DENSE];
  m->quant.skip_shared_expert = !some[KVC_PART_SHARED];
  m->quant.skip_ssm = !some[KVC_PART_SSM];
}

static void quant_read(struct hf *h, const cJSON *c)
{
  if (cJSON_IsObject(hf_in(c, "quantization"))) c = hf_in(c, "quantization");
  const char *method = method_of(c);
  if (method == NULL) return;
  size_t i = 0;
  const size_t count = sizeof methods / sizeof *methods;
  while (i < count && strcmp(methods[i].name, method) != 0) i++;
  if (i == count) {
    hf_fail(h, KVC_E_UNSUPPORTED, "the quantisation method \"%.60s\" is not modelled",
            method);
    return;
  }
  methods[i].read(h, c);
  if (h->m->quant.kind != KVC_QUANT_NONE) {
    if (methods[i].read != read_fp8 || hf_in(c, "quantized_layers") == NULL)
      skip_lists(h, c);
    summarize(h->m);
  }
  h->m->quant.kv_cache_dtype = hf_quant_kv(c);
}

void hf_quant(struct hf *h)
{
  const cJSON *c = find_config(h);
  if (h->rc == KVC_E_OK && c != NULL) quant_read(h, c);
}

kvc_code hf_quant_reset(struct kvc_arena *arena, struct kvc_model *model,
                        struct kvc_err *err)
{
  struct kvc_layer *layers = NULL, *mtp = NULL;
  if (model->n_layers > 0)
    layers = kvc_arena_alloc(arena, model->n_layers, sizeof *layers);
  if (model->n_mtp > 0) mtp = kvc_arena_alloc(arena, model->n_mtp, sizeof *mtp);
  if ((model->n_layers > 0 && layers == NULL) || (model->n_mtp > 0 && mtp == NULL))
    return kvc_arena_full(arena, model->name, err);
  for (size_t i = 0; i < model->n_layers; i++) {
    layers[i] = model->layers[i];
    memset(layers[i].part_quant, 0, sizeof layers[i].part_quant);
  }
  for (size_t i = 0; i < model->n_mtp; i++) {
    mtp[i] = model->mtp[i];
    memset(mtp[i].part_quant, 0, sizeof mtp[i].part_quant);
  }
  model->layers = layers;
  model->mtp = mtp;
  model->quant = (struct kvc_quant){.kv_cache_dtype = model->quant.kv_cache_dtype};
  return KVC_E_OK;
}

kvc_code kvc_hf_quant_parse(struct kvc_arena *arena, const char *text, size_t len,
                            const char *where, struct kvc_model *model,
                            struct kvc_err *err)
{
  cJSON *root = NULL;
  KVC_TRY(hf_json_parse(arena, text, len, where, &root, err));
  struct kvc_model changed = *model; /* a failure leaves the model as it was */
  kvc_code rc = hf_quant_reset(arena, &changed, err);
  if (rc != KVC_E_OK) {
    cJSON_Delete(root);
    return rc;
  }
  struct hf h = {.arena = arena,
                 .where = where,
                 .root = root,
                 .cfg = root,
                 .cls = model->architecture,
                 .m = &changed,
                 .err = err,
                 .rc = rc};
  h.mlp_is_shared = model->architecture != NULL &&
                    strncmp(model->architecture, "Gemma4", 6) == 0 &&
                    model->moe.experts > 0;
  if (method_of(root) == NULL && !cJSON_IsObject(hf_in(root, "quantization")))
    hf_fail(&h, KVC_E_PARSE, "this file does not describe a quantisation");
  quant_read(&h, root);
  cJSON_Delete(root);
  if (h.rc == KVC_E_OK) *model = changed;
  return h.rc;
}
