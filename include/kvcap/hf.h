/* hf.h - Hugging Face's config.json becomes a struct kvc_model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads every architecture class that kvcap models, including "text_config" (and
 * llm_config, language_config, thinker_config) nesting and "quantization_config".
 * What is not understood is refused by name, never guessed: an unknown
 * architecture, a missing field or a value of the wrong kind ends with one
 * sentence that names the file and the key.
 */
#ifndef KVCAP_HF_H
#define KVCAP_HF_H

#include <kvcap/arena.h>
#include <kvcap/domain.h>

enum { KVC_HF_MAX_BYTES = 8 << 20, KVC_HF_MAX_DEPTH = 32 };

/* text[0..len) is the config; 'where' names it in messages.  The model lives in
 * 'arena'.  name is "_name_or_path" or, failing that, 'where';
 * with "-embedding" in it, the model pools (its class does not say so). */
kvc_code kvc_hf_model_parse(struct kvc_arena *arena, const char *text, size_t len,
                            const char *where, struct kvc_model *model,
                            struct kvc_err *err) KVC_MUST_USE;

/* Applies a quantisation that is not in the config but asked for or named:
 * vLLM's --quantization value ("fp8", "awq", "bitsandbytes" …) or what a
 * repository name says ("AWQ", "w8a8", "FP8-dynamic", "NVFP4").  Replaces
 * model->quant and, by new ones, model->layers; a checkpoint that already describes
 * that kind of format keeps its own figures.  KVC_E_UNKNOWN lists the values that are
 * understood. */
kvc_code kvc_hf_quant_apply(struct kvc_arena *arena, const char *method,
                            struct kvc_model *model, struct kvc_err *err) KVC_MUST_USE;

/* Applies a file that lies beside config.json in older or ModelOpt checkpoints:
 * hf_quant_config.json or quantize_config.json.  Replaces model->quant. */
kvc_code kvc_hf_quant_parse(struct kvc_arena *arena, const char *text, size_t len,
                            const char *where, struct kvc_model *model,
                            struct kvc_err *err) KVC_MUST_USE;

#endif
