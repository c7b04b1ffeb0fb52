/* profile_same.h - whether two models are equal, told apart from the code under test.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_PROFILE_SAME_H
#define KVC_TESTS_PROFILE_SAME_H

#include <kvcap/domain.h>
#include <string.h>

static const char *at_fault; /* the field that differed */

static bool same_text(const char *a, const char *b)
{
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

#define NUM(x)                                                                           \
  if (!(a->x >= b->x && a->x <= b->x)) return at_fault = #x, false
#define TEXT(x)                                                                          \
  if (!same_text(a->x, b->x)) return at_fault = #x, false

static bool same_layer(const struct kvc_layer *a, const struct kvc_layer *b)
{
  NUM(mixer);
  NUM(ffn);
  NUM(parallel_mamba);
  NUM(kv_shared);
  NUM(k_is_v);
  NUM(indexer);
  NUM(heads);
  NUM(kv_heads);
  NUM(head_dim);
  NUM(v_head_dim);
  NUM(window_tok);
  NUM(ffn_width);
  NUM(kv_compress);
  NUM(extra_params);
  for (size_t i = 0; i < KVC_PART_COUNT_; i++) NUM(part_quant[i]);
  return true;
}

static bool same_mla(const struct kvc_mla *a, const struct kvc_mla *b)
{
  NUM(q_lora_rank);
  NUM(kv_lora_rank);
  NUM(qk_nope_head_dim);
  NUM(qk_rope_head_dim);
  NUM(v_head_dim);
  NUM(index_heads);
  NUM(index_head_dim);
  NUM(index_topk);
  NUM(o_lora_rank);
  NUM(o_groups);
  NUM(shared_kv);
  NUM(output_gate);
  return true;
}

static bool same_moe(const struct kvc_moe *a, const struct kvc_moe *b)
{
  NUM(experts);
  NUM(experts_per_tok);
  NUM(shared_experts);
  NUM(shared_width);
  NUM(shared_gate);
  NUM(router_bias);
  NUM(expert_bias);
  NUM(gated);
  NUM(latent_width);
  NUM(shared_bias);
  return true;
}

static bool same_ssm(const struct kvc_ssm *a, const struct kvc_ssm *b)
{
  NUM(inner);
  NUM(state);
  NUM(conv);
  NUM(dt_rank);
  NUM(heads);
  NUM(head_dim);
  NUM(groups);
  NUM(k_heads);
  NUM(v_heads);
  NUM(k_dim);
  NUM(v_dim);
  NUM(conv_bias);
  NUM(proj_bias);
  NUM(state_fp32);
  NUM(gated_norm);
  NUM(inner_norms);
  NUM(full_rank_gate);
  return true;
}

static bool same_quant(const struct kvc_quant *a, const struct kvc_quant *b)
{
  NUM(kind);
  TEXT(method);
  NUM(bits);
  NUM(group_size);
  NUM(block_rows);
  NUM(block_cols);
  NUM(scale_bytes);
  NUM(zero_bits);
  NUM(act_order);
  NUM(skip_lm_head);
  NUM(skip_embed);
  NUM(skip_attention);
  NUM(skip_dense_ffn);
  NUM(skip_shared_expert);
  NUM(skip_router);
  NUM(skip_ssm);
  NUM(skip_vision);
  NUM(experts_only);
  NUM(attention_kind);
  NUM(attention_bits);
  TEXT(kv_cache_dtype);
  NUM(double_quant);
  return true;
}

static bool same_tower(const struct kvc_tower *a, const struct kvc_tower *b)
{
  TEXT(kind);
  NUM(params);
  NUM(max_item_tok);
  NUM(hidden);
  NUM(layers);
  NUM(ffn_width);
  NUM(patch_merge);
  return true;
}

static bool same_lists(const struct kvc_model *a, const struct kvc_model *b)
{
  NUM(n_aliases);
  NUM(n_layers);
  NUM(n_mtp);
  NUM(n_towers);
  for (size_t i = 0; i < a->n_aliases; i++) TEXT(aliases[i]);
  for (size_t i = 0; i < a->n_layers; i++)
    if (!same_layer(&a->layers[i], &b->layers[i])) return false;
  for (size_t i = 0; i < a->n_mtp; i++)
    if (!same_layer(&a->mtp[i], &b->mtp[i])) return false;
  for (size_t i = 0; i < a->n_towers; i++)
    if (!same_tower(&a->towers[i], &b->towers[i])) return false;
  return true;
}

static bool same_model(const struct kvc_model *a, const struct kvc_model *b)
{
  TEXT(name);
  TEXT(architecture);
  TEXT(cite);
  TEXT(notes);
  TEXT(dtype);
  NUM(hidden);
  NUM(vocab);
  NUM(vocab_padded);
  NUM(max_position_tok);
  NUM(tie_embeddings);
  NUM(pooling);
  NUM(learned_positions);
  NUM(embed_width);
  NUM(extra_embed_params);
  NUM(norms_per_layer);
  NUM(norm_width_factor);
  NUM(final_norm);
  NUM(embed_norm);
  NUM(qkv_bias);
  NUM(o_bias);
  NUM(mlp_bias);
  NUM(lm_head_bias);
  NUM(mlp_gated);
  NUM(attn_gate);
  NUM(sinks);
  NUM(qk_norm);
  NUM(extra_layer_params);
  NUM(mtp_layers);
  NUM(mtp_extra_params);
  NUM(mtp_own_params);
  NUM(rope_cache_elems);
  NUM(published_params);
  NUM(published_bytes);
  return same_lists(a, b) && same_mla(&a->mla, &b->mla) && same_moe(&a->moe, &b->moe) &&
         same_ssm(&a->ssm, &b->ssm) && same_quant(&a->quant, &b->quant);
}
#undef NUM
#undef TEXT

#endif
