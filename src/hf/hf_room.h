/* hf_room.h - what the files of src/hf share.  Private to the room.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A struct hf reads one configuration.  Its readers keep the first failure in
 * 'rc' and from then on return the smallest allowed value, so that a builder can
 * read all it needs and look at 'rc' once; kvc_hf_model_parse does.
 */
#ifndef HF_ROOM_H
#define HF_ROOM_H

#include <cjson/cJSON.h>
#include <kvcap/hf.h>
#include <stdbool.h>

struct hf;
struct hf_arch;
typedef void hf_build(struct hf *h);

/* How the plain parts of a class look; see hf_decoder. */
enum hf_style {
  HF_GATED = 1 << 0,      /* gate, up, down; otherwise up, down */
  HF_LAYERNORM = 1 << 1,  /* norms have weight and bias */
  HF_NORM_FREE = 1 << 2,  /* norms have no parameters */
  HF_ONE_NORM = 1 << 3,   /* attention and MLP side by side after one norm */
  HF_FOUR_NORMS = 1 << 4, /* norms before and after attention and MLP */
  HF_TIED = 1 << 5,       /* the class ties embeddings unless the config says no */
  HF_QKV_BIAS = 1 << 6,   /* always */
  HF_BIAS = 1 << 7,       /* qkv, output and MLP always have biases */
  HF_MLP_BIAS = 1 << 8,   /* only the MLP always has */
  HF_LM_BIAS = 1 << 9,
  HF_QK_NORM = 1 << 10,      /* a norm per head */
  HF_QK_NORM_FULL = 1 << 11, /* a norm over the whole projection */
  HF_EMBED_NORM = 1 << 12,
  HF_QKV_ONLY = 1 << 13,    /* "attention_bias" covers query, key, value only */
  HF_WRAPPER = 1 << 14,     /* language model under text_config, see its model_type */
  HF_POOLING = 1 << 15,     /* no lm_head in use */
  HF_ENCODER = 1 << 16,     /* attention in both directions */
  HF_SWITCH_SWA = 1 << 17,  /* sliding_window counts only with use_sliding_window */
  HF_ROUTER_BIAS = 1 << 18, /* or a score correction: one number an expert */
  HF_SHARED_GATE = 1 << 19  /* the shared expert passes a sigmoid gate */
};

struct hf_arch {
  const char *cls;  /* Hugging Face class, without its task suffix for families */
  const char *type; /* model_type */
  hf_build *build;
  unsigned style;
};

struct hf {
  struct kvc_arena *arena;
  const char *where;
  const cJSON *root, *cfg; /* the whole config; the language model's part of it */
  const struct hf_arch *arch;
  const char *cls;    /* class named in messages */
  const char *type;   /* model_type of cfg */
  bool nested;        /* cfg is not the root */
  bool mlp_is_shared; /* "mlp" beside the experts is counted as a shared expert */
  struct kvc_model *m;
  long rule_steps; /* spent on matching names, bounded */
  kvc_code rc;
  struct kvc_err *err;
};

/* ---- json.c: text to cJSON ------------------------------------------------- */

/* Checks size, encoding, depth and duplicate keys, then parses; the caller owns
 * *root and frees it with cJSON_Delete. */
kvc_code hf_json_parse(struct kvc_arena *arena, const char *text, size_t len,
                       const char *where, cJSON **root, struct kvc_err *err) KVC_MUST_USE;

/* ---- read.c: typed access; 'keys' is "name|other name" ---------------------- */

const cJSON *hf_in(const cJSON *object, const char *keys); /* NULL if absent or null */
const cJSON *hf_get(const struct hf *h, const char *keys); /* in cfg */
const cJSON *hf_object(const struct hf *h, const char *keys);
int64_t hf_need(struct hf *h, const char *keys, int64_t min, int64_t max);
int64_t hf_opt(struct hf *h, const char *keys, int64_t def, int64_t min, int64_t max);
int64_t hf_int_in(struct hf *h, const cJSON *object, const char *keys, int64_t def,
                  int64_t min, int64_t max);
double hf_real(struct hf *h, const char *keys, double def, double min, double max);
bool hf_flag(struct hf *h, const char *keys, bool def);
bool hf_flag_in(struct hf *h, const cJSON *object, const char *key, bool def);
const char *hf_text(const struct hf *h, const char *keys); /* NULL if absent; cJSON's */
const char *hf_text_in(const cJSON *object, const char *key);
bool hf_list_has(const cJSON *list, int64_t value);
int64_t hf_list_int(struct hf *h, const cJSON *list, int at, int64_t def, int64_t min,
                    int64_t max);
void hf_fail(struct hf *h, kvc_code code, const char *fmt, ...) KVC_PRINTF(3, 4);
/* The default that the class itself applies to an absent key. */
bool hf_class_default(const struct hf *h, const char *key, int64_t *value);

enum { HF_MAX_HEADS = 65536, HF_MAX_DIM = 65536, HF_MAX_EXPERTS = 65536 };
#define HF_MAX_WIDTH ((int64_t)1 << 24)
#define HF_MAX_VOCAB ((int64_t)1 << 28)
#define HF_MAX_TOKENS ((int64_t)1 << 36)
#define HF_MAX_HIDDEN ((int64_t)1000000)

/* ---- decoder.c: what nearly all classes have --------------------------------- */

/* Reads sizes, heads, norms, biases and makes the layers, all alike. */
void hf_decoder(struct hf *h);
void hf_layers_alloc(struct hf *h, int64_t count);
/* Marks sliding layers from layer_types, sliding_window_pattern or sliding_window. */
void hf_sliding(struct hf *h);
/* Applies 'ffn' and its width to layer i. */
void hf_ffn(struct kvc_layer *layer, enum kvc_ffn ffn, int64_t width);
/* Whether layer_types[i] equals 'name'. */
bool hf_layer_is(const struct hf *h, size_t i, const char *name);
void hf_mla(struct hf *h);
void hf_rope(struct hf *h);
/* Makes 'count' MTP modules of one layer like 'like'. */
void hf_mtp(struct hf *h, int64_t count, const struct kvc_layer *like);

/* ---- moe.c: experts ---------------------------------------------------------- */

/* Reads the experts' sizes and puts them into the layers that have them. */
void hf_moe(struct hf *h);

/* ---- builders ------------------------------------------------------------------ */

hf_build hfb_dense, hfb_gemma3, hfb_gemma3n, hfb_gemma4, hfb_gemma2, hfb_phi, hfb_qwen1,
    hfb_chatglm, hfb_cohere, hfb_stablelm, hfb_decilm, hfb_exaone4, hfb_minicpm3,
    hfb_eagle, hfb_gpt2, hfb_gptj, hfb_gpt_neox, hfb_bigcode, hfb_bloom, hfb_falcon,
    hfb_mpt, hfb_opt, hfb_bert, hfb_nomic, hfb_modernbert, hfb_whisper, hfb_mllama;
hf_build hfb_moe, hfb_gpt_oss, hfb_llama4, hfb_deepseek, hfb_deepseek_v4, hfb_glm4_moe,
    hfb_dbrx, hfb_hunyuan, hfb_minimax_m3, hfb_laguna, hfb_step3, hfb_afmoe, hfb_mimo_v2,
    hfb_longcat;
hf_build hfb_qwen3_next, hfb_kimi_linear, hfb_minimax_text, hfb_jamba, hfb_mamba,
    hfb_mamba2, hfb_bamba, hfb_falcon_h1, hfb_granite_hybrid, hfb_nemotron_h, hfb_lfm2;

/* ---- towers ------------------------------------------------------------------------ */

/* Counts vision_config / audio_config of a wrapper class. */
void hf_towers(struct hf *h);
void hf_tower_add(struct hf *h, const struct kvc_tower *tower);

/* ---- quant.c, quant_name.c ------------------------------------------------------ */

/* Reads quantization_config into m->quant and the layers' part_quant. */
void hf_quant(struct hf *h);
/* Forgets the format, in layers of its own: those of *model may be shared. */
kvc_code hf_quant_reset(struct kvc_arena *arena, struct kvc_model *model,
                        struct kvc_err *err) KVC_MUST_USE;
/* One of vLLM's formats with its usual parameters; 'method' is a literal. */
struct kvc_quant hf_quant_format(const char *method, enum kvc_quant_kind kind,
                                 double bits, int group);
/* "fp8", "nvfp4" … for the recipe in 'config', or NULL. */
const char *hf_quant_kv(const cJSON *config);

/* ---- quant_rules.c: which part of which layer a name means ----------------------------
 */

/* Stores 'kind' for every part that 'pattern' names: a module name (may end early),
 * one with '*', or "re:" and an expression.  Returns whether it named lm_head. */
bool hf_rule_apply(struct hf *h, const char *pattern, enum kvc_quant_kind kind);
void hf_rule_all(struct hf *h, enum kvc_quant_kind kind); /* every part of every layer */

/* ---- archs.c ------------------------------------------------------------------------
 */

const struct hf_arch *hf_arch_find(const char *cls, const char *type);
/* The known class whose name is nearest, or NULL. */
const char *hf_arch_nearest(const char *cls);

#endif
