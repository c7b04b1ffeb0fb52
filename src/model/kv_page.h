/* kv_page.h - bytes that one layer keeps for one token or one request.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_MODEL_KV_PAGE_H
#define KVC_MODEL_KV_PAGE_H

#include <kvcap/memory.h>

/* Bytes of one token in one attention layer on one rank, for the KV dtype in
 * set->kv_cache_dtype; KVC_E_UNKNOWN / KVC_E_UNSUPPORTED for a dtype that is not
 * known or whose page layout is not verified. */
kvc_code kv_token_bytes(const struct kvc_model *model, const struct kvc_layer *layer,
                        const struct kvc_setting *set, const struct kvc_mem_facts *facts,
                        double *out, struct kvc_err *err) KVC_MUST_USE;

/* Bytes of the recurrent state of one request in one layer on one rank. */
double kv_state_bytes(const struct kvc_model *model, const struct kvc_layer *layer,
                      const struct kvc_setting *set);

/* Whether a layer keeps a KV cache per token, or a state per request. */
bool kv_layer_has_tokens(const struct kvc_layer *layer);
bool kv_layer_has_state(const struct kvc_layer *layer);

/* KV heads of a layer on one rank: replicated once tp exceeds them. */
int kv_heads_on_rank(int kv_heads, int tp);

#endif
