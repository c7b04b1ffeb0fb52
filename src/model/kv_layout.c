/* kv_layout.c - how layers are packed into groups that share one pool.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vLLM gives all layers of one shape one group; models that mix shapes get groups
 * of equal size, padded, which share blocks of one page per layer slot.  Source:
 * v1/core/kv_cache_utils.py (grouping, page unification), platforms/interface.py
 * and the hybrid config class (attention block size raised to the state page).
 */
#include "kv_packed.h"
#include "kv_page.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One distinct page shape while the layout is being built. */
struct shape {
  enum kvc_spec_kind kind;
  double token_bytes; /* 0 for states */
  double state_bytes;
  int64_t window_tok;
  size_t layers;     /* on this rank */
  size_t all_layers; /* in the whole model: groups are built on it */
};

struct shapes {
  struct shape at[KVC_MAX_SPECS];
  size_t n;
};

static kvc_code shape_add(struct shapes *s, const struct shape *what, bool here,
                          struct kvc_err *err)
{
  for (size_t i = 0; i < s->n; i++) {
    struct shape *p = &s->at[i];
    if (p->kind == what->kind && p->token_bytes == what->token_bytes &&
        p->state_bytes == what->state_bytes && p->window_tok == what->window_tok) {
      p->all_layers++;
      if (here) p->layers++;
      return KVC_E_OK;
    }
  }
  if (s->n == KVC_MAX_SPECS)
    return kvc_fail(err, KVC_E_LIMIT, "model",
                    "has more than %d different KV page shapes", KVC_MAX_SPECS);
  s->at[s->n] = *what;
  s->at[s->n].all_layers = 1;
  s->at[s->n].layers = here ? 1 : 0;
  s->n++;
  return KVC_E_OK;
}

static enum kvc_spec_kind spec_kind(const struct kvc_layer *layer)
{
  switch (layer->mixer) {
  case KVC_MIX_SLIDING: return KVC_SPEC_SLIDING;
  case KVC_MIX_CHUNKED: return KVC_SPEC_CHUNKED;
  case KVC_MIX_MLA: return KVC_SPEC_MLA;
  default: return KVC_SPEC_FULL;
  }
}

/* Whether window layers keep only their window in this release and setting. */
static bool windows_honoured(const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts)
{
  return facts->hybrid != KVC_HYBRID_NONE && !set->hybrid_manager_off && set->dcp <= 1;
}

static kvc_code layer_shapes(const struct kvc_model *model, const struct kvc_layer *layer,
                             const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts, bool here,
                             struct shapes *out, struct kvc_err *err)
{
  if (kv_layer_has_tokens(layer)) {
    struct shape s = {.kind = spec_kind(layer)};
    KVC_TRY(kv_token_bytes(model, layer, set, facts, &s.token_bytes, err));
    s.window_tok = layer->window_tok;
    /* Chunked layers are charged in full: the hybrid manager is off for them. */
    if (s.kind == KVC_SPEC_CHUNKED ||
        (s.kind == KVC_SPEC_SLIDING && !windows_honoured(set, facts)))
      s.kind = KVC_SPEC_FULL;
    if (s.kind == KVC_SPEC_FULL || s.kind == KVC_SPEC_MLA) s.window_tok = 0;
    KVC_TRY(shape_add(out, &s, here, err));
  }
  if (kv_layer_has_state(layer) && set->engine == KVC_ENGINE_V1) {
    const struct shape s = {.kind = KVC_SPEC_STATE,
                            .state_bytes = kv_state_bytes(model, layer, set)};
    KVC_TRY(shape_add(out, &s, here, err));
  }
  return KVC_E_OK;
}

/* A draft or multi-token-prediction layer has pages of the target's last attention
 * layer, unless a draft model says otherwise. */
static kvc_code draft_shapes(const struct kvc_model *model, const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts, bool here,
                             struct shapes *out, struct kvc_err *err)
{
  if (set->draft != NULL) {
    for (size_t i = 0; i < set->draft->n_layers; i++)
      KVC_TRY(
          layer_shapes(set->draft, &set->draft->layers[i], set, facts, here, out, err));
    return KVC_E_OK;
  }
  if (!set->spec_mtp) return KVC_E_OK;
  const struct kvc_layer *last = NULL;
  for (size_t i = 0; i < model->n_layers; i++)
    if (kv_layer_has_tokens(&model->layers[i])) last = &model->layers[i];
  const int n = model->mtp_layers > 0 ? model->mtp_layers : 1;
  for (int k = 0; last != NULL && k < n; k++)
    KVC_TRY(layer_shapes(model, last, set, facts, here, out, err));
  return KVC_E_OK;
}

/* V0 sizes the pool of an encoder-decoder model by the config's num_hidden_layers,
 * which counts the encoder's: as many plain layers of the decoder's shape. */
static const struct kvc_tower *has_encoder(const struct kvc_model *model)
{
  for (size_t i = 0; i < model->n_towers; i++)
    if (strcmp(model->towers[i].kind, "encoder") == 0 && model->towers[i].layers > 0)
      return &model->towers[i];
  return NULL;
}

static kvc_code encoder_decoder(const struct kvc_model *model,
                                const struct kvc_setting *set,
                                const struct kvc_mem_facts *facts, struct shapes *out,
                                struct kvc_err *err)
{
  const struct kvc_tower *encoder = has_encoder(model);
  for (int k = 0; k < encoder->layers; k++)
    KVC_TRY(layer_shapes(model, &model->layers[0], set, facts, true, out, err));
  return KVC_E_OK;
}

static kvc_code collect(const struct kvc_model *model, const struct kvc_setting *set,
                        const struct kvc_mem_facts *facts, int stage, struct shapes *out,
                        struct kvc_err *err)
{
  if (set->engine == KVC_ENGINE_V0 && has_encoder(model))
    return encoder_decoder(model, set, facts, out, err);
  size_t first = 0, last = model->n_layers;
  kvc_pp_layers(model->n_layers, set->pp, stage, &first, &last);
  for (size_t i = 0; i < model->n_layers; i++)
    KVC_TRY(layer_shapes(model, &model->layers[i], set, facts, i >= first && i < last,
                         out, err));
  return draft_shapes(model, set, facts, stage == set->pp - 1, out, err);
}

/* With recurrent states in the pool the attention block grows until its page holds
 * a state page: align * ceil(state / (align * bytes per token)); the state page is
 * then padded to it. */
static int64_t aligned_block(double state_bytes, double token_bytes, int64_t block,
                             bool mla)
{
  const double align = mla ? 64 : 16;
  const double n = ceil(state_bytes / (align * token_bytes));
  const int64_t raised = (int64_t)(align * n);
  return raised > block ? raised : block;
}

static const struct shape *find_kind(const struct shapes *s, enum kvc_spec_kind kind)
{
  for (size_t i = 0; i < s->n; i++)
    if (s->at[i].kind == kind) return &s->at[i];
  return NULL;
}

/* The token-keeping shape with the dearest page. */
static const struct shape *largest_tokens(const struct shapes *s)
{
  const struct shape *best = NULL;
  for (size_t i = 0; i < s->n; i++)
    if (s->at[i].kind != KVC_SPEC_STATE &&
        (best == NULL || s->at[i].token_bytes > best->token_bytes))
      best = &s->at[i];
  return best;
}

static const char *kind_text(enum kvc_spec_kind kind)
{
  static const char *const names[] = {"full attention", "sliding window", "chunked",
                                      "latent attention", "recurrent state"};
  return names[kind];
}

static void spec_fill(struct kvc_kv_spec *spec, const struct shape *s, int64_t block,
                      double page_bytes)
{
  *spec = (struct kvc_kv_spec){
      .kind = s->kind,
      .layers = s->layers,
      .bytes_per_token = s->token_bytes,
      .page_bytes = page_bytes,
      .block_size_tok = block,
      .window_tok = s->window_tok,
      .what = kind_text(s->kind),
  };
}

/* All shapes keep every token, or there is one shape: one group, pages add up. */
static void layout_uniform(const struct shapes *s, int64_t block,
                           struct kvc_kv_layout *out)
{
  out->uniform = true;
  out->n_groups = 1;
  out->block_size_tok = block;
  for (size_t i = 0; i < s->n; i++) {
    const struct shape *p = &s->at[i];
    const double page =
        p->kind == KVC_SPEC_STATE ? p->state_bytes : p->token_bytes * (double)block;
    spec_fill(&out->specs[i], p, block, page);
    out->groups_of[i] = i == 0 ? 1 : 0;
    out->group_layers += p->layers;
    out->block_bytes += page * (double)p->layers;
  }
  out->n_specs = s->n;
}

static size_t group_size(const struct shapes *s, enum kvc_group_rule rule)
{
  size_t min = SIZE_MAX, max = 0;
  for (size_t i = 0; i < s->n; i++) {
    if (s->at[i].all_layers < min) min = s->at[i].all_layers;
    if (s->at[i].all_layers > max) max = s->at[i].all_layers;
  }
  const double limit = rule == KVC_GROUP_MAX_1_25 ? 1.25 : 1.5;
  const size_t size =
      rule != KVC_GROUP_MIN && (double)max < limit * (double)min ? max : min;
  return size > 0 ? size : 1;
}

/* Mixed shapes: one page size for all (smaller pages get more tokens per block),
 * buckets cut into groups of equal size. */
static void layout_mixed(const struct shapes *s, int64_t block, bool has_state,
                         const struct kvc_setting *set, const struct kvc_mem_facts *facts,
                         struct kvc_kv_layout *out)
{
  const struct shape *big = largest_tokens(s);
  const struct shape *state = find_kind(s, KVC_SPEC_STATE);
  if (has_state && big != NULL && facts->mixed_page_align)
    block = aligned_block(state->state_bytes, big->token_bytes, block,
                          big->kind == KVC_SPEC_MLA);
  double page = big != NULL ? big->token_bytes * (double)block : 0;
  if (state != NULL && state->state_bytes > page) page = state->state_bytes;
  if (state != NULL) out->mamba_padding_frac = page / state->state_bytes - 1;
  const size_t size = group_size(s, facts->group_rule);
  out->block_size_tok = INT64_MAX;
  for (size_t i = 0; i < s->n; i++) {
    const struct shape *p = &s->at[i];
    int64_t own = block;
    if (p->kind != KVC_SPEC_STATE && p->token_bytes > 0) {
      own = (int64_t)floor(page / p->token_bytes);
      own -= own % block; /* integer ratio of the base block */
      if (own < block) own = block;
    }
    spec_fill(&out->specs[i], p, own, page);
    out->groups_of[i] = (p->all_layers + size - 1) / size;
    out->n_groups += out->groups_of[i];
    out->padding_layers += out->groups_of[i] * size - p->all_layers;
    if (p->kind != KVC_SPEC_STATE && own < out->block_size_tok) out->block_size_tok = own;
  }
  out->n_specs = s->n;
  if (out->block_size_tok == INT64_MAX) out->block_size_tok = block;
  /* A pipeline stage holds its share of every group. */
  size_t here = 0, all = 0;
  for (size_t i = 0; i < s->n; i++) {
    here += s->at[i].layers;
    all += s->at[i].all_layers;
  }
  out->group_layers = set->pp > 1 && all > 0
                          ? (size_t)ceil((double)size * (double)here / (double)all)
                          : size;
  out->block_bytes = page * (double)out->group_layers;
}

static bool all_keep_tokens(const struct shapes *s)
{
  for (size_t i = 0; i < s->n; i++)
    if (s->at[i].kind != KVC_SPEC_FULL && s->at[i].kind != KVC_SPEC_MLA) return false;
  return true;
}

kvc_code kvc_kv_layout_build(const struct kvc_model *model, const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts, int stage,
                             struct kvc_kv_layout *out, struct kvc_err *err)
{
  assert(set->tp > 0 && set->pp > 0 && set->block_size_tok > 0);
  struct shapes s = {.n = 0};
  if (kv_packed_applies(model)) {
    *out = (struct kvc_kv_layout){0};
    kv_packed_layout(model, set, stage, out);
    return KVC_E_OK;
  }
  KVC_TRY(collect(model, set, facts, stage, &s, err));
  *out = (struct kvc_kv_layout){.block_size_tok = set->block_size_tok};
  if (s.n == 0) return KVC_E_OK; /* encoder-only: no KV cache */
  const bool has_state = find_kind(&s, KVC_SPEC_STATE) != NULL;
  if (s.n == 1 || all_keep_tokens(&s))
    layout_uniform(&s, set->block_size_tok, out);
  else
    layout_mixed(&s, set->block_size_tok, has_state, set, facts, out);
  for (size_t i = 0; i < s.n; i++) {
    const struct shape *p = &s.at[i];
    if (p->kind == KVC_SPEC_FULL || p->kind == KVC_SPEC_MLA)
      out->attention_bytes_per_tok += p->token_bytes * (double)p->layers;
    out->state_bytes_per_request += p->state_bytes * (double)p->layers;
  }
  for (size_t i = 0; i < model->n_layers; i++) {
    const enum kvc_mixer mixer = model->layers[i].mixer;
    if ((mixer == KVC_MIX_SLIDING && !windows_honoured(set, facts)) ||
        mixer == KVC_MIX_CHUNKED)
      out->promoted = true;
  }
  out->bytes_per_token =
      out->block_bytes / ((double)out->block_size_tok * set->dcp * set->pcp);
  return KVC_E_OK;
}

/* Blocks of one group for one request of len tokens (see memory.h). */
static double group_blocks(const struct kvc_kv_spec *spec, const struct kvc_setting *set,
                           const struct kvc_mem_facts *facts, double len)
{
  const double b = (double)spec->block_size_tok;
  switch (spec->kind) {
  case KVC_SPEC_STATE: {
    if (strcmp(set->mamba_cache_mode, "all") == 0)
      return ceil(len / b) + set->spec_tokens;
    const double own = strcmp(set->mamba_cache_mode, "align") == 0 ? 2 : 1;
    return own + set->spec_tokens;
  }
  case KVC_SPEC_SLIDING: {
    const double inflight =
        (double)set->max_num_batched_tok * facts->swa_inflight_batches;
    const double held = fmin((double)spec->window_tok - 1 + inflight, len);
    return ceil(held / b) + 1;
  }
  default: return ceil(ceil(len / (set->dcp * set->pcp)) / b);
  }
}

double kvc_kv_blocks_per_request(const struct kvc_kv_layout *layout,
                                 const struct kvc_setting *set,
                                 const struct kvc_mem_facts *facts, double len_tok)
{
  if (layout->n_specs == 0) return 0;
  if (layout->uniform) return group_blocks(&layout->specs[0], set, facts, len_tok);
  double blocks = 0;
  for (size_t i = 0; i < layout->n_specs; i++)
    blocks += (double)layout->groups_of[i] *
              group_blocks(&layout->specs[i], set, facts, len_tok);
  return blocks;
}
