/* archs.c - the classes that kvcap knows, one row each.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A class is found by its name in "architectures"; failing that (or inside a
 * wrapper) by its "model_type".  Task suffixes are alike, so that a
 * ...ForSequenceClassification is found by the stem of its ...ForCausalLM.
 */
#include "hf_room.h"
#include <kvcap/str.h>
#include <string.h>

/* Styles of families. */
enum {
  LLAMA = HF_GATED,
  QWEN2 = HF_GATED | HF_QKV_BIAS | HF_QKV_ONLY | HF_SWITCH_SWA,
  QWEN3 = HF_GATED | HF_QK_NORM | HF_QKV_ONLY | HF_SWITCH_SWA,
  GEMMA = HF_GATED | HF_TIED,
  GEMMA3 = HF_GATED | HF_TIED | HF_FOUR_NORMS | HF_QK_NORM,
  GPT2 = HF_LAYERNORM | HF_BIAS | HF_TIED,
  BERT = HF_LAYERNORM | HF_BIAS | HF_EMBED_NORM | HF_ENCODER | HF_POOLING,
  GLM4 = HF_GATED | HF_QKV_ONLY,
  WRAPPER = HF_WRAPPER
};

/* clang-format off */
static const struct hf_arch archs[] = {
    /* Llama and its like */
    {"LlamaForCausalLM", "llama", hfb_dense, LLAMA},
    {"LLaMAForCausalLM", "llama", hfb_dense, LLAMA},
    {"LlamaModel", "llama", hfb_dense, LLAMA},
    {"LlamaBidirectionalModel", "llama_bidirec", hfb_dense, LLAMA | HF_POOLING},
    {"MistralForCausalLM", "mistral", hfb_dense, LLAMA},
    {"MistralModel", "mistral", hfb_dense, LLAMA},
    {"Ministral3ForCausalLM", "ministral3", hfb_dense, LLAMA},
    {"MinistralForCausalLM", "ministral", hfb_dense, LLAMA},
    {"YiForCausalLM", "Yi", hfb_dense, LLAMA},
    {"AquilaForCausalLM", "aquila", hfb_dense, LLAMA},
    {"AquilaModel", "aquila", hfb_dense, LLAMA},
    {"XverseForCausalLM", "xverse", hfb_dense, LLAMA},
    {"InternLMForCausalLM", "internlm", hfb_dense, LLAMA},
    {"InternLM2ForCausalLM", "internlm2", hfb_dense, LLAMA},
    {"InternLM3ForCausalLM", "internlm3", hfb_dense, LLAMA},
    {"BaichuanForCausalLM", "baichuan", hfb_dense, LLAMA},
    {"BaiChuanForCausalLM", "baichuan", hfb_dense, LLAMA},
    {"SolarForCausalLM", "solar", hfb_dense, LLAMA},
    {"ArceeForCausalLM", "arcee", hfb_dense, 0},
    {"SmolLM3ForCausalLM", "smollm3", hfb_dense, LLAMA | HF_TIED},
    {"SeedOssForCausalLM", "seed_oss", hfb_dense, LLAMA},
    {"GraniteForCausalLM", "granite", hfb_dense, LLAMA},
    {"MiniCPMForCausalLM", "minicpm", hfb_dense, LLAMA | HF_TIED},
    {"MiniCPM3ForCausalLM", "minicpm3", hfb_minicpm3, LLAMA | HF_TIED},
    {"ExaoneForCausalLM", "exaone", hfb_dense, LLAMA},
    {"Exaone4ForCausalLM", "exaone4", hfb_exaone4, LLAMA | HF_QK_NORM},
    {"Ernie4_5ForCausalLM", "ernie4_5", hfb_dense, LLAMA | HF_TIED},
    {"Ernie4_5_ForCausalLM", "ernie4_5", hfb_dense, LLAMA | HF_TIED},
    {"HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", hfb_hunyuan, LLAMA | HF_QK_NORM},
    {"PanguEmbeddedForCausalLM", "PanguEmbedded", hfb_dense, LLAMA},
    {"OrionForCausalLM", "orion", hfb_dense, LLAMA | HF_LAYERNORM},
    {"NemotronForCausalLM", "nemotron", hfb_dense, HF_LAYERNORM},
    {"OlmoForCausalLM", "olmo", hfb_dense, LLAMA | HF_NORM_FREE},
    {"Olmo2ForCausalLM", "olmo2", hfb_dense, LLAMA | HF_QK_NORM_FULL},
    {"Olmo3ForCausalLM", "olmo3", hfb_dense, LLAMA | HF_QK_NORM_FULL},
    {"CohereForCausalLM", "cohere", hfb_cohere, LLAMA | HF_ONE_NORM | HF_TIED},
    {"Cohere2ForCausalLM", "cohere2", hfb_cohere, LLAMA | HF_ONE_NORM | HF_TIED},
    {"StableLmForCausalLM", "stablelm", hfb_stablelm, LLAMA | HF_LAYERNORM | HF_QKV_ONLY},
    {"StableLMEpochForCausalLM", "stablelm_epoch", hfb_stablelm,
     LLAMA | HF_LAYERNORM | HF_QKV_ONLY},
    {"DeciLMForCausalLM", "nemotron-nas", hfb_decilm, LLAMA},
    {"MiMoForCausalLM", "mimo", hfb_dense, QWEN2},
    /* Qwen */
    {"QWenLMHeadModel", "qwen", hfb_qwen1, LLAMA | HF_QKV_BIAS | HF_QKV_ONLY},
    {"Qwen2ForCausalLM", "qwen2", hfb_dense, QWEN2},
    {"Qwen2Model", "qwen2", hfb_dense, QWEN2},
    {"Qwen2MoeForCausalLM", "qwen2_moe", hfb_moe, QWEN2 | HF_SHARED_GATE},
    {"Qwen2VLForConditionalGeneration", "qwen2_vl", hfb_dense, QWEN2},
    {"Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", hfb_dense, QWEN2},
    {"", "qwen2_vl_text", hfb_dense, QWEN2},
    {"", "qwen2_5_vl_text", hfb_dense, QWEN2},
    {"Qwen2AudioForConditionalGeneration", "qwen2_audio", hfb_dense, QWEN2},
    {"Qwen2_5OmniModel", "qwen2_5_omni", hfb_dense, QWEN2},
    {"Qwen3ForCausalLM", "qwen3", hfb_dense, QWEN3},
    {"Qwen3MoeForCausalLM", "qwen3_moe", hfb_moe, QWEN3},
    {"Qwen3VLForConditionalGeneration", "qwen3_vl", hfb_dense, QWEN3},
    {"Qwen3VLMoeForConditionalGeneration", "qwen3_vl_moe", hfb_moe, QWEN3},
    {"Qwen3OmniMoeForConditionalGeneration", "qwen3_omni_moe", hfb_moe, QWEN3},
    {"Qwen3NextForCausalLM", "qwen3_next", hfb_qwen3_next, QWEN3 | HF_SHARED_GATE},
    {"Qwen3_5ForCausalLM", "qwen3_5_text", hfb_qwen3_next, QWEN3 | HF_SHARED_GATE},
    {"Qwen3_5ForConditionalGeneration", "qwen3_5", hfb_qwen3_next, QWEN3 | HF_SHARED_GATE},
    {"Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", hfb_qwen3_next, QWEN3 | HF_SHARED_GATE},
    {"Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe", hfb_qwen3_next,
     QWEN3 | HF_SHARED_GATE},
    {"ApertusForCausalLM", "apertus", hfb_dense, HF_QK_NORM},
    {"DotsOCRForCausalLM", "dots_ocr", hfb_dense, QWEN2},
    {"Dots1ForCausalLM", "dots1", hfb_deepseek, QWEN3 | HF_ROUTER_BIAS},
    /* Gemma */
    {"GemmaForCausalLM", "gemma", hfb_dense, GEMMA},
    {"Gemma2ForCausalLM", "gemma2", hfb_gemma2, GEMMA | HF_FOUR_NORMS},
    {"Gemma3ForCausalLM", "gemma3_text", hfb_gemma3, GEMMA3},
    {"Gemma3TextModel", "gemma3_text", hfb_gemma3, GEMMA3 | HF_POOLING},
    {"Gemma3ForConditionalGeneration", "gemma3", hfb_gemma3, GEMMA3},
    {"Gemma3nForCausalLM", "gemma3n_text", hfb_gemma3n, GEMMA3},
    {"Gemma3nForConditionalGeneration", "gemma3n", hfb_gemma3n, GEMMA3},
    {"Gemma4ForCausalLM", "gemma4_text", hfb_gemma4, GEMMA3},
    {"Gemma4ForConditionalGeneration", "gemma4", hfb_gemma4, GEMMA3},
    /* Phi */
    {"PhiForCausalLM", "phi", hfb_phi, HF_LAYERNORM | HF_BIAS | HF_LM_BIAS | HF_ONE_NORM},
    {"MixFormerSequentialForCausalLM", "mixformer-sequential", hfb_phi,
     HF_LAYERNORM | HF_BIAS | HF_LM_BIAS | HF_ONE_NORM},
    {"Phi3ForCausalLM", "phi3", hfb_dense, LLAMA},
    {"Phi3VForCausalLM", "phi3_v", hfb_dense, LLAMA},
    {"Phi3SmallForCausalLM", "phi3small", hfb_dense, LLAMA | HF_LAYERNORM | HF_BIAS | HF_TIED},
    {"PhiMoEForCausalLM", "phimoe", hfb_moe, LLAMA | HF_LAYERNORM | HF_LM_BIAS},
    {"PhimoeForCausalLM", "phimoe", hfb_moe, LLAMA | HF_LAYERNORM | HF_LM_BIAS},
    /* Mixture of experts */
    {"MixtralForCausalLM", "mixtral", hfb_moe, LLAMA},
    {"OlmoeForCausalLM", "olmoe", hfb_moe, LLAMA | HF_QK_NORM_FULL},
    {"FlexOlmoForCausalLM", "flex_olmo", hfb_moe, LLAMA | HF_QK_NORM_FULL},
    {"GraniteMoeForCausalLM", "granitemoe", hfb_moe, LLAMA},
    {"GraniteMoeSharedForCausalLM", "granitemoeshared", hfb_moe, LLAMA},
    {"Grok1ModelForCausalLM", "grok-1", hfb_moe, LLAMA | HF_FOUR_NORMS | HF_TIED},
    {"DbrxForCausalLM", "dbrx", hfb_dbrx, LLAMA},
    {"Ernie4_5_MoeForCausalLM", "ernie4_5_moe", hfb_moe, LLAMA | HF_TIED | HF_ROUTER_BIAS},
    {"Ernie4_5_MoEForCausalLM", "ernie4_5_moe", hfb_moe, LLAMA | HF_TIED | HF_ROUTER_BIAS},
    {"HunYuanMoEV1ForCausalLM", "hunyuan_v1_moe", hfb_hunyuan, LLAMA},
    {"HunYuanForCausalLM", "hunyuan", hfb_hunyuan, LLAMA},
    {"BailingMoeForCausalLM", "bailing_moe", hfb_moe, LLAMA},
    {"BailingMoeV2ForCausalLM", "bailing_moe_v2", hfb_moe, LLAMA | HF_ROUTER_BIAS},
    {"MiniMaxM2ForCausalLM", "minimax_m2", hfb_moe,
     LLAMA | HF_QK_NORM_FULL | HF_ROUTER_BIAS},
    {"MiniMaxM3ForCausalLM", "minimax_m3", hfb_minimax_m3, LLAMA | HF_ROUTER_BIAS},
    {"MiniMaxM3SparseForCausalLM", "minimax_m3", hfb_minimax_m3, LLAMA | HF_ROUTER_BIAS},
    {"MiniMaxM3SparseForConditionalGeneration", "minimax_m3_vl", hfb_minimax_m3,
     LLAMA | HF_ROUTER_BIAS},
    {"GptOssForCausalLM", "gpt_oss", hfb_gpt_oss, LLAMA | HF_ROUTER_BIAS},
    {"Llama4ForCausalLM", "llama4_text", hfb_llama4, LLAMA},
    {"Llama4ForConditionalGeneration", "llama4", hfb_llama4, LLAMA},
    {"AfmoeForCausalLM", "afmoe", hfb_afmoe,
     LLAMA | HF_FOUR_NORMS | HF_QK_NORM | HF_ROUTER_BIAS},
    {"ExaoneMoEForCausalLM", "exaone_moe", hfb_moe, LLAMA | HF_QK_NORM | HF_ROUTER_BIAS},
    {"ExaoneMoeForCausalLM", "exaone_moe", hfb_moe, LLAMA | HF_QK_NORM | HF_ROUTER_BIAS},
    {"SolarOpenForCausalLM", "solar_open", hfb_glm4_moe, GLM4 | HF_ROUTER_BIAS},
    {"MiMoV2FlashForCausalLM", "mimo_v2_flash", hfb_mimo_v2, LLAMA | HF_ROUTER_BIAS},
    {"LagunaForCausalLM", "laguna", hfb_laguna, LLAMA | HF_QK_NORM | HF_ROUTER_BIAS},
    {"Step3p5ForCausalLM", "step3p5", hfb_step3, LLAMA | HF_ROUTER_BIAS},
    {"Step3p7FlashForCausalLM", "step3p7", hfb_step3, LLAMA | HF_ROUTER_BIAS},
    /* DeepSeek, Kimi, GLM with latent attention */
    {"DeepseekForCausalLM", "deepseek", hfb_deepseek, LLAMA},
    {"DeepseekV2ForCausalLM", "deepseek_v2", hfb_deepseek, LLAMA},
    {"DeepseekV3ForCausalLM", "deepseek_v3", hfb_deepseek, LLAMA},
    {"DeepseekV32ForCausalLM", "deepseek_v32", hfb_deepseek, LLAMA},
    {"DeepseekV4ForCausalLM", "deepseek_v4", hfb_deepseek_v4, LLAMA},
    {"", "kimi_k2", hfb_deepseek, LLAMA},
    {"", "deepseek_ref", hfb_deepseek_v4, LLAMA},
    {"MistralLarge3ForCausalLM", "mistral_large_3", hfb_deepseek, LLAMA},
    {"LongcatFlashForCausalLM", "longcat_flash", hfb_longcat, LLAMA | HF_ROUTER_BIAS},
    {"Mistral4ForCausalLM", "mistral4", hfb_deepseek, LLAMA},
    {"Glm4MoeLiteForCausalLM", "glm4_moe_lite", hfb_deepseek, GLM4 | HF_ROUTER_BIAS},
    {"GlmMoeDsaForCausalLM", "glm_moe_dsa", hfb_deepseek, GLM4 | HF_ROUTER_BIAS},
    {"KimiLinearForCausalLM", "kimi_linear", hfb_kimi_linear, LLAMA},
    {"KimiK3ForConditionalGeneration", "kimi_k3", hfb_kimi_linear, LLAMA},
    /* GLM */
    {"ChatGLMModel", "chatglm", hfb_chatglm, LLAMA},
    {"ChatGLMForConditionalGeneration", "chatglm", hfb_chatglm, LLAMA},
    {"ChatGLMForCausalLM", "chatglm", hfb_chatglm, LLAMA},
    {"GlmForCausalLM", "glm", hfb_dense, GLM4},
    {"Glm4ForCausalLM", "glm4", hfb_dense, GLM4 | HF_FOUR_NORMS},
    {"Glm4MoeForCausalLM", "glm4_moe", hfb_glm4_moe, GLM4 | HF_ROUTER_BIAS},
    {"Glm4vForConditionalGeneration", "glm4v", hfb_dense, GLM4 | HF_FOUR_NORMS},
    {"", "glm4v_text", hfb_dense, GLM4 | HF_FOUR_NORMS},
    {"Glm4vMoeForConditionalGeneration", "glm4v_moe", hfb_glm4_moe, GLM4 | HF_ROUTER_BIAS},
    {"GlmOcrForConditionalGeneration", "glm_ocr", hfb_dense, GLM4 | HF_FOUR_NORMS},
    {"", "glm_ocr_text", hfb_dense, GLM4 | HF_FOUR_NORMS},
    {"", "glm4v_moe_text", hfb_glm4_moe, GLM4 | HF_ROUTER_BIAS},
    /* The GPT-2 generation */
    {"GPT2LMHeadModel", "gpt2", hfb_gpt2, GPT2},
    {"GPTJForCausalLM", "gptj", hfb_gptj,
     HF_LAYERNORM | HF_MLP_BIAS | HF_LM_BIAS | HF_ONE_NORM},
    {"GPTNeoXForCausalLM", "gpt_neox", hfb_gpt_neox, HF_LAYERNORM | HF_BIAS},
    {"GPTBigCodeForCausalLM", "gpt_bigcode", hfb_bigcode, GPT2},
    {"Starcoder2ForCausalLM", "starcoder2", hfb_dense, GPT2},
    {"BloomForCausalLM", "bloom", hfb_bloom, GPT2 | HF_EMBED_NORM},
    {"FalconForCausalLM", "falcon", hfb_falcon, HF_LAYERNORM | HF_TIED},
    {"RWForCausalLM", "RefinedWebModel", hfb_falcon, HF_LAYERNORM | HF_TIED},
    {"", "RefinedWeb", hfb_falcon, HF_LAYERNORM | HF_TIED},
    {"MptForCausalLM", "mpt", hfb_mpt, HF_TIED},
    {"MPTForCausalLM", "mpt", hfb_mpt, HF_TIED},
    {"OPTForCausalLM", "opt", hfb_opt, GPT2},
    /* With recurrent layers */
    {"MambaForCausalLM", "mamba", hfb_mamba, HF_TIED},
    {"FalconMambaForCausalLM", "falcon_mamba", hfb_mamba, HF_TIED},
    {"Mamba2ForCausalLM", "mamba2", hfb_mamba2, 0},
    {"JambaForCausalLM", "jamba", hfb_jamba, LLAMA},
    {"BambaForCausalLM", "bamba", hfb_bamba, LLAMA},
    {"FalconH1ForCausalLM", "falcon_h1", hfb_falcon_h1, LLAMA},
    {"GraniteMoeHybridForCausalLM", "granitemoehybrid", hfb_granite_hybrid, LLAMA | HF_TIED},
    {"NemotronHForCausalLM", "nemotron_h", hfb_nemotron_h, 0},
    {"Lfm2ForCausalLM", "lfm2", hfb_lfm2, LLAMA | HF_QK_NORM | HF_TIED},
    {"Lfm2MoeForCausalLM", "lfm2_moe", hfb_lfm2, LLAMA | HF_QK_NORM | HF_TIED},
    {"MiniMaxText01ForCausalLM", "minimax_text_01", hfb_minimax_text, LLAMA},
    {"MiniMaxForCausalLM", "minimax", hfb_minimax_text, LLAMA},
    {"MiniMaxM1ForCausalLM", "minimax_m1", hfb_minimax_text, LLAMA},
    /* Drafts for speculative decoding */
    {"LlamaForCausalLMEagle", "llama-eagle", hfb_eagle, LLAMA},
    {"EagleLlamaForCausalLM", "llama-eagle", hfb_eagle, LLAMA},
    {"LlamaForCausalLMEagle3", "llama-eagle3", hfb_eagle, LLAMA},
    {"Eagle3LlamaForCausalLM", "llama-eagle3", hfb_eagle, LLAMA},
    /* Encoders */
    {"BertModel", "bert", hfb_bert, BERT},
    {"BertForMaskedLM", "bert", hfb_bert, BERT},
    {"RobertaModel", "roberta", hfb_bert, BERT},
    {"RobertaForMaskedLM", "roberta", hfb_bert, BERT},
    {"XLMRobertaModel", "xlm-roberta", hfb_bert, BERT},
    {"XLMRobertaForMaskedLM", "xlm-roberta", hfb_bert, BERT},
    {"NomicBertModel", "nomic_bert", hfb_nomic,
     HF_GATED | HF_LAYERNORM | HF_EMBED_NORM | HF_ENCODER | HF_POOLING},
    {"ModernBertModel", "modernbert", hfb_modernbert,
     HF_GATED | HF_EMBED_NORM | HF_ENCODER | HF_POOLING},
    {"ModernBertForMaskedLM", "modernbert", hfb_modernbert,
     HF_GATED | HF_EMBED_NORM | HF_ENCODER | HF_POOLING},
    {"WhisperForConditionalGeneration", "whisper", hfb_whisper, 0},
    /* Wrappers: the language model inside says what it is */
    {"MllamaForConditionalGeneration", "mllama", hfb_mllama, LLAMA},
    {"Mistral3ForConditionalGeneration", "mistral3", NULL, WRAPPER},
    {"LlavaForConditionalGeneration", "llava", NULL, WRAPPER},
    {"LlavaNextForConditionalGeneration", "llava_next", NULL, WRAPPER},
    {"LlavaOnevisionForConditionalGeneration", "llava_onevision", NULL, WRAPPER},
    {"PixtralForConditionalGeneration", "pixtral", NULL, WRAPPER},
    {"InternVLChatModel", "internvl_chat", NULL, WRAPPER},
    {"InternVLForConditionalGeneration", "internvl", NULL, WRAPPER},
    {"InternS1ForConditionalGeneration", "interns1", NULL, WRAPPER},
    {"KimiK25ForConditionalGeneration", "kimi_k25", NULL, WRAPPER},
    {"KimiVLForConditionalGeneration", "kimi_vl", NULL, WRAPPER},
    {"DeepseekVLV2ForCausalLM", "deepseek_vl_v2", NULL, WRAPPER},
    {"Lfm2VlForConditionalGeneration", "lfm2_vl", NULL, WRAPPER},
    {"VoxtralForConditionalGeneration", "voxtral", NULL, WRAPPER},
    {"GraniteSpeechForConditionalGeneration", "granite_speech", NULL, WRAPPER},
    {"Idefics3ForConditionalGeneration", "idefics3", NULL, WRAPPER},
    {"SmolVLMForConditionalGeneration", "smolvlm", NULL, WRAPPER},
    {"AyaVisionForConditionalGeneration", "aya_vision", NULL, WRAPPER},
    {"Cohere2VisionForConditionalGeneration", "cohere2_vision", NULL, WRAPPER},
    {"PaliGemmaForConditionalGeneration", "paligemma", NULL, WRAPPER},
    {"MiniCPMV", "minicpmv", hfb_dense, QWEN2},
    {"CogVLMVideoForCausalLM", "cogvlm2", hfb_dense, LLAMA},
};
/* clang-format on */

enum { N_ARCHS = sizeof archs / sizeof *archs };

/* The stem of a class name: what stands before its task. */
static size_t stem(const char *cls)
{
  static const char *const tasks[] = {"ForSequenceClassification",
                                      "ForProcessRewardModel",
                                      "ForConditionalGeneration",
                                      "ForRewardModel",
                                      "ForTokenClassification",
                                      "ForCausalLM",
                                      "ForTextEmbedding",
                                      "EmbeddingModel",
                                      "ForMaskedLM",
                                      "Model"};
  const size_t len = strlen(cls);
  for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    const size_t task = strlen(tasks[i]);
    if (len > task && strcmp(cls + len - task, tasks[i]) == 0) return len - task;
  }
  return len;
}

static const struct hf_arch *by_stem(const char *cls)
{
  const size_t len = stem(cls);
  if (len == strlen(cls)) return NULL;
  for (size_t i = 0; i < N_ARCHS; i++)
    if (archs[i].type != NULL && stem(archs[i].cls) == len &&
        strncmp(archs[i].cls, cls, len) == 0 && len > 0)
      return &archs[i];
  return NULL;
}

const struct hf_arch *hf_arch_find(const char *cls, const char *type)
{
  for (size_t i = 0; cls != NULL && i < N_ARCHS; i++)
    if (*archs[i].cls != '\0' && archs[i].type != NULL && strcmp(archs[i].cls, cls) == 0)
      return &archs[i];
  const struct hf_arch *found = cls != NULL ? by_stem(cls) : NULL;
  if (found != NULL) return found;
  /* A class that is given and unknown is no other class of the same family: drafts
   * and adapters keep the model_type of what they belong to. */
  if (cls != NULL) return NULL;
  for (size_t i = 0; type != NULL && i < N_ARCHS; i++)
    if (archs[i].type != NULL && strcmp(archs[i].type, type) == 0) return &archs[i];
  return NULL;
}

const char *hf_arch_nearest(const char *cls)
{
  const char *names[N_ARCHS];
  size_t at[N_ARCHS], count = 0, best[1];
  for (size_t i = 0; i < N_ARCHS; i++) {
    if (archs[i].type == NULL || *archs[i].cls == '\0') continue;
    at[count] = i;
    names[count++] = archs[i].cls;
  }
  if (kvc_did_you_mean(cls, names, count, best, 1) == 0) return NULL;
  return archs[at[best[0]]].cls;
}
