/* quant_rules.c - "ignore", "targets" and "quantized_layers": names to layers' parts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Checkpoints name modules ("model.layers.3.mlp.gate_proj"), beginnings of names,
 * names with '*' and Python expressions ("re:.*self_attn.*").  Every part of a layer
 * stands here under the names it has in the families; a pattern means the part if it
 * matches one of them.  Expressions are expanded into '*' patterns: groups of
 * alternatives are written out, classes become one unknown character.
 */
#include "hf_room.h"
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 160, MAX_PATTERN = 400, MAX_GLOBS = 64, MAX_STEPS = 40000000 };

/* A name that a part has in some family; several for one part are alternatives. */
struct tail {
  enum kvc_part part;
  const char *name;
};

/* clang-format off */
static const struct tail tails[] = {
    {KVC_PART_ATTN_IN, "self_attn.q_proj"},      {KVC_PART_ATTN_IN, "self_attn.qkv_proj"},
    {KVC_PART_ATTN_IN, "self_attn.q_b_proj"},    {KVC_PART_ATTN_IN, "self_attn.kv_b_proj"},
    {KVC_PART_ATTN_IN, "attn.wq_b"},             {KVC_PART_ATTN_IN, "mixer.q_proj"},
    {KVC_PART_ATTN_IN, "attention.wqkv"},        {KVC_PART_ATTN_IN, "attn.c_attn"},
    {KVC_PART_ATTN_OUT, "self_attn.o_proj"},     {KVC_PART_ATTN_OUT, "attn.wo_b"},
    {KVC_PART_ATTN_OUT, "mixer.o_proj"},         {KVC_PART_ATTN_OUT, "attention.wo"},
    {KVC_PART_DENSE, "mlp.gate_proj"},           {KVC_PART_DENSE, "mlp.up_proj"},
    {KVC_PART_DENSE, "feed_forward.gate_proj"},  {KVC_PART_DENSE, "mixer.up_proj"},
    {KVC_PART_DENSE, "mlp.gate_up_proj"},
    {KVC_PART_EXPERTS, "mlp.experts"},           {KVC_PART_EXPERTS, "mlp.experts.0.gate_proj"},
    {KVC_PART_EXPERTS, "mlp.experts.0.up_proj"}, {KVC_PART_EXPERTS, "block_sparse_moe.experts"},
    {KVC_PART_EXPERTS, "block_sparse_moe.experts.0.w1"},
    {KVC_PART_EXPERTS, "feed_forward.experts"},
    {KVC_PART_EXPERTS, "feed_forward.experts.0.gate_proj"},
    {KVC_PART_EXPERTS, "mixer.experts"},         {KVC_PART_EXPERTS, "mixer.experts.0.up_proj"},
    {KVC_PART_EXPERTS, "experts"},               {KVC_PART_EXPERTS, "experts.0.gate_proj"},
    {KVC_PART_EXPERTS, "ffn.experts"},           {KVC_PART_EXPERTS, "ffn.experts.0.gate_proj"},
    {KVC_PART_SHARED, "mlp.shared_expert.gate_proj"},
    {KVC_PART_SHARED, "mlp.shared_experts.gate_proj"},
    {KVC_PART_SHARED, "block_sparse_moe.shared_experts.gate_proj"},
    {KVC_PART_SHARED, "feed_forward.shared_expert.gate_proj"},
    {KVC_PART_SHARED, "mixer.shared_experts.up_proj"},
    {KVC_PART_SHARED, "ffn.shared_experts.gate_proj"},
    {KVC_PART_SSM, "linear_attn.in_proj_qkv"},   {KVC_PART_SSM, "linear_attn.in_proj_qkvz"},
    {KVC_PART_SSM, "mixer.in_proj"},             {KVC_PART_SSM, "mamba.in_proj"},
};
/* clang-format on */

enum { N_TAILS = sizeof tails / sizeof *tails };

/* The part that 'tail' stands for in this model.  Gemma 4 keeps its experts beside
 * "mlp", not under it. */
static enum kvc_part part_of(const struct hf *h, const struct tail *tail)
{
  if (!h->mlp_is_shared) return tail->part;
  if (tail->part == KVC_PART_DENSE) return KVC_PART_SHARED;
  const bool under_mlp = strncmp(tail->name, "mlp.", 4) == 0;
  return under_mlp && tail->part == KVC_PART_EXPERTS ? KVC_PART_REST : tail->part;
}

/* Layers count on into the MTP modules, as checkpoints number them. */
static struct kvc_layer *layer_at(const struct hf *h, size_t layer)
{
  const size_t beyond = layer - h->m->n_layers;
  if (layer < h->m->n_layers) return &h->m->layers[layer];
  return beyond < (size_t)h->m->mtp_layers && h->m->n_mtp > 0 ? &h->m->mtp[0] : NULL;
}

static void set(struct hf *h, size_t layer, enum kvc_part part, enum kvc_quant_kind kind)
{
  struct kvc_layer *l = layer_at(h, layer);
  if (l == NULL) return;
  l->part_quant[part] = (unsigned char)(1 + kind);
  /* Kimi's delta-attention layers call their projections self_attn, too. */
  if (part == KVC_PART_ATTN_IN && l->mixer == KVC_MIX_KDA)
    l->part_quant[KVC_PART_SSM] = (unsigned char)(1 + kind);
}

static void set_all(struct kvc_layer *l, size_t count, enum kvc_quant_kind kind)
{
  for (size_t i = 0; i < count; i++)
    for (int part = 0; part < KVC_PART_LM_HEAD; part++)
      l[i].part_quant[part] = (unsigned char)(1 + kind);
}

void hf_rule_all(struct hf *h, enum kvc_quant_kind kind)
{
  set_all(h->m->layers, h->m->n_layers, kind);
  set_all(h->m->mtp, h->m->n_mtp, kind);
}

/* Whether 'text' begins with 'head' at a component's end. */
static bool under(const char *text, const char *head)
{
  const size_t len = strlen(head);
  return strncmp(text, head, len) == 0 && (text[len] == '\0' || text[len] == '.');
}

/* The name's remainder behind "layers.N.", and N; NULL when it names no layer. */
static const char *layer_tail(const char *name, size_t *layer)
{
  const char *at = strstr(name, "layers.");
  if (at == NULL) return NULL;
  at += strlen("layers.");
  size_t n = 0, digits = 0;
  while (*at >= '0' && *at <= '9' && digits < 5) {
    n = n * 10 + (size_t)(*at++ - '0');
    digits++;
  }
  if (digits == 0 || (*at != '.' && *at != '\0' && *at != '*')) return NULL;
  *layer = n;
  return *at == '.' ? at + 1 : at;
}

/* One layer's plain name: 'open' when it ended in '*', and so may stop in a word. */
static void apply_tail(struct hf *h, size_t layer, const char *tail, bool open,
                       enum kvc_quant_kind kind)
{
  for (size_t i = 0; i < N_TAILS; i++) {
    const char *name = tails[i].name;
    const bool experts = tails[i].part == KVC_PART_EXPERTS && under(tail, name);
    const bool hit = *tail == '\0' || under(name, tail) || experts ||
                     (open && strncmp(name, tail, strlen(tail)) == 0);
    if (hit) set(h, layer, part_of(h, &tails[i]), kind);
  }
}

/* ---- patterns with '*' and '?' --------------------------------------------------- */

static bool glob_match(struct hf *h, const char *glob, const char *text)
{
  const char *star = NULL, *back = NULL;
  while (*text != '\0') {
    if (++h->rule_steps > MAX_STEPS) {
      hf_fail(h, KVC_E_LIMIT,
              "the quantisation's lists of names are too costly to match");
      return false;
    }
    if (*glob == '*') {
      star = glob++;
      back = text;
    } else if (*glob == '?' || *glob == *text) {
      glob++;
      text++;
    } else if (star != NULL) {
      glob = star + 1;
      text = ++back;
    } else {
      return false;
    }
  }
  while (*glob == '*') glob++;
  return *glob == '\0';
}

static bool matches_layer(struct hf *h, const char *glob, size_t layer, const char *tail)
{
  static const char *const heads[] = {"model.layers.", "model.language_model.layers.",
                                      "language_model.model.layers.", "backbone.layers."};
  char name[MAX_NAME];
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    (void)snprintf(name, sizeof name, "%s%zu.%s", heads[i], layer, tail);
    if (glob_match(h, glob, name)) return true;
  }
  return false;
}

static bool apply_glob(struct hf *h, const char *glob, enum kvc_quant_kind kind)
{
  const bool numbered = strpbrk(glob, "0123456789?") != NULL;
  const size_t layers = numbered ? h->m->n_layers : 1;
  for (size_t t = 0; t < N_TAILS; t++) {
    for (size_t i = 0; i < layers && h->rc == KVC_E_OK; i++) {
      if (!matches_layer(h, glob, i, tails[t].name)) continue;
      const size_t end = numbered ? i + 1 : h->m->n_layers;
      for (size_t k = i; k < end; k++) set(h, k, part_of(h, &tails[t]), kind);
    }
  }
  return glob_match(h, glob, "lm_head");
}

/* ---- expressions --------------------------------------------------------------------
 */

/* Writes the expression 're' (no groups left) as a '*' pattern. */
static void as_glob(const char *re, char out[MAX_PATTERN])
{
  size_t n = 0;
  bool end = false;
  if (*re == '^') re++;
  while (*re != '\0' && n + 3 < MAX_PATTERN) {
    if (*re == '$') {
      end = true;
      re++;
      continue;
    }
    char c = *re++;
    if (c == '\\' && *re != '\0') {
      c = *re == 'd' || *re == 'w' || *re == 's' ? '?' : *re;
      re++;
    } else if (c == '.') {
      c = '?';
    } else if (c == '[') {
      while (*re != '\0' && *re != ']') re++;
      if (*re == ']') re++;
      c = '?';
    }
    if (*re == '*' || *re == '?') { /* none or more of it */
      c = '*';
      re++;
    } else if (*re == '+') {
      out[n++] = c;
      c = '*';
      re++;
    }
    out[n++] = c;
  }
  if (!end) out[n++] = '*';
  out[n] = '\0';
}

/* The ')' that closes the '(' at 'open', or NULL. */
static const char *group_end(const char *open)
{
  int depth = 0;
  for (const char *p = open; *p != '\0'; p++) {
    if (*p == '\\' && p[1] != '\0')
      p++;
    else if (*p == '(')
      depth++;
    else if (*p == ')' && --depth == 0)
      return p;
  }
  return NULL;
}

static const char *group_start(const char *re)
{
  for (; *re != '\0'; re++) {
    if (*re == '\\' && re[1] != '\0')
      re++;
    else if (*re == '(')
      return re;
  }
  return NULL;
}

/* Expands the first group of 're' into its alternatives, recursively. */
static bool apply_expression(struct hf *h, const char *re, int depth, int *left,
                             enum kvc_quant_kind kind)
{
  if (depth > 6 || *left <= 0 || h->rc != KVC_E_OK) return false;
  const char *open = group_start(re);
  if (open == NULL) {
    char glob[MAX_PATTERN];
    (*left)--;
    as_glob(re, glob);
    return apply_glob(h, glob, kind);
  }
  const char *close = group_end(open);
  const char *at = open + 1;
  if (close == NULL) return false;
  if (at[0] == '?' && at[1] == ':') at += 2;
  if (*at == '?') return false; /* look-ahead: not understood, so nothing is named */
  bool head = false;
  while (at <= close) {
    const char *stop = at;
    for (int nested = 0; stop < close && (nested > 0 || *stop != '|'); stop++) {
      if (*stop == '(') nested++;
      if (*stop == ')') nested--;
    }
    char next[MAX_PATTERN];
    (void)snprintf(next, sizeof next, "%.*s%.*s%s", (int)(open - re), re,
                   (int)(stop - at), at, close + 1);
    head = apply_expression(h, next, depth + 1, left, kind) || head;
    at = stop + 1;
  }
  return head;
}

/* A bare name ("self_attn", "shared_expert") means every layer's module of that name. */
static void apply_bare(struct hf *h, const char *name, enum kvc_quant_kind kind)
{
  const size_t len = strlen(name);
  for (size_t t = 0; t < N_TAILS; t++) {
    const char *at = strstr(tails[t].name, name);
    const bool whole = at != NULL && (at == tails[t].name || at[-1] == '.') &&
                       (at[len] == '\0' || at[len] == '.');
    for (size_t i = 0; whole && i < h->m->n_layers; i++)
      set(h, i, part_of(h, &tails[t]), kind);
  }
}

bool hf_rule_apply(struct hf *h, const char *pattern, enum kvc_quant_kind kind)
{
  if (h->rc != KVC_E_OK || strlen(pattern) >= MAX_PATTERN / 2) return false;
  if (strncmp(pattern, "re:", 3) == 0) {
    int left = MAX_GLOBS;
    return apply_expression(h, pattern + 3, 0, &left, kind);
  }
  if (strncmp(pattern, "mtp", 3) == 0) {
    set_all(h->m->mtp, h->m->n_mtp, kind);
    return false;
  }
  if (*pattern == '\0') return false;
  size_t layer;
  const char *tail = layer_tail(pattern, &layer);
  const char *star = strchr(pattern, '*');
  const bool open = star != NULL && star[1] == '\0';
  if (tail != NULL && (star == NULL || (open && star >= tail))) {
    char name[MAX_PATTERN];
    (void)snprintf(name, sizeof name, "%s", tail);
    char *cut = strchr(name, '*');
    if (cut != NULL) *cut = '\0';
    const size_t len = strlen(name);
    if (len > 0 && name[len - 1] == '.') name[len - 1] = '\0';
    apply_tail(h, layer, name, open, kind);
    return false;
  }
  if (star != NULL) return apply_glob(h, pattern, kind);
  apply_bare(h, pattern, kind);
  return strcmp(pattern, "lm_head") == 0 ||
         strcmp(pattern, "language_model.lm_head") == 0;
}
