/* model.c - a model profile read and written.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "model_rows.h"
#include "nouns.h"
#include <kvcap/profile.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KINDS = 200, MAX_ROWS = 64 };

/* The tables of the file's top level as one, with the keys that are read apart. */
static void all_rows(struct field *out)
{
  static const struct field custom[] = {
      {.key = "layer_kinds", .type = FIELD_CUSTOM, .required = true},
      {.key = "layers", .type = FIELD_CUSTOM, .required = true},
      {.key = "mtp", .type = FIELD_CUSTOM},
      {.key = "mla", .type = FIELD_CUSTOM},
      {.key = "moe", .type = FIELD_CUSTOM},
      {.key = "ssm", .type = FIELD_CUSTOM},
      {.key = "quant", .type = FIELD_CUSTOM},
      {.key = "towers", .type = FIELD_CUSTOM},
      {.key = NULL},
  };
  const struct field *const tables[] = {model_head_rows, model_rest_rows, custom};
  size_t n = 0;
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct field *f = tables[t]; f->key != NULL && n + 1 < MAX_ROWS; f++)
      out[n++] = *f;
  out[n] = (struct field){.key = NULL};
}

/* ---- reading ---- */

struct kinds {
  struct kvc_layer at[MAX_KINDS];
  const char *names[MAX_KINDS];
  size_t n;
};

static kvc_code formats_read(const struct reader *r, const struct node *map,
                             struct kvc_layer *layer)
{
  if (map->type != NODE_MAP)
    return reader_fail(r, map, KVC_E_PARSE, "\"formats\" must be a mapping of parts");
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    size_t part = 0, kind = 0;
    while (part_words[part] != NULL && strcmp(part_words[part], n->key) != 0) part++;
    if (part_words[part] == NULL)
      return reader_fail(r, n, KVC_E_UNKNOWN, "\"%.60s\" is not a part of a layer",
                         n->key);
    while (quant_words[kind] != NULL &&
           (n->type != NODE_SCALAR || strcmp(quant_words[kind], n->text) != 0))
      kind++;
    if (quant_words[kind] == NULL)
      return reader_fail(r, n, KVC_E_UNKNOWN,
                         "\"%s\" must be none, fp8, int8, int, mxfp4, "
                         "nvfp4, bnb or gguf",
                         n->key);
    layer->part_quant[part] = (unsigned char)(kind + 1);
  }
  return KVC_E_OK;
}

static kvc_code kinds_read(const struct reader *r, const struct node *map,
                           struct kinds *out)
{
  if (map->type != NODE_MAP)
    return reader_fail(r, map, KVC_E_PARSE, "\"layer_kinds\" must be a mapping of names");
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    if (out->n == MAX_KINDS)
      return reader_fail(r, n, KVC_E_LIMIT, "more than %d layer kinds", MAX_KINDS);
    struct kvc_layer *l = &out->at[out->n];
    *l = (struct kvc_layer){.kv_compress = 1};
    KVC_TRY(fields_read(r, n, layer_rows, l));
    const struct node *formats = profile_node_get(n, "formats");
    if (formats != NULL) KVC_TRY(formats_read(r, formats, l));
    out->names[out->n++] = n->key;
  }
  return KVC_E_OK;
}

static kvc_code layers_read(const struct reader *r, const struct node *at,
                            const struct kinds *kinds, struct kvc_layer **layers,
                            size_t *count)
{
  unsigned char list[KVC_MAX_LAYERS];
  size_t n = 0;
  KVC_TRY(pattern_read(r, at, kinds->names, kinds->n, list, sizeof list, &n));
  if (n == 0) return reader_fail(r, at, KVC_E_PARSE, "\"%s\" names no layer", at->key);
  struct kvc_layer *out = kvc_arena_alloc(r->arena, n, sizeof *out);
  if (out == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (size_t i = 0; i < n; i++) out[i] = kinds->at[list[i]];
  *layers = out;
  *count = n;
  return KVC_E_OK;
}

static kvc_code towers_read(const struct reader *r, const struct node *seq,
                            struct kvc_model *m)
{
  if (seq->type != NODE_SEQ)
    return reader_fail(r, seq, KVC_E_PARSE, "\"towers\" must be a list");
  for (const struct node *n = seq->first; n != NULL; n = n->next) {
    if (m->n_towers == KVC_MAX_TOWERS)
      return reader_fail(r, n, KVC_E_LIMIT, "more than %d towers", KVC_MAX_TOWERS);
    KVC_TRY(fields_read(r, n, tower_rows, &m->towers[m->n_towers]));
    m->n_towers++;
  }
  return KVC_E_OK;
}

static kvc_code part_read(const struct reader *r, const struct node *root,
                          const char *key, const struct field *rows, void *object)
{
  const struct node *n = profile_node_get(root, key);
  return n != NULL ? fields_read(r, n, rows, object) : KVC_E_OK;
}

kvc_code model_from_node(const struct reader *r, const struct node *root,
                         struct kvc_model *out)
{
  struct kvc_model m = {0};
  struct field rows[MAX_ROWS];
  struct kinds *kinds = kvc_arena_alloc(r->arena, 1, sizeof *kinds);
  if (kinds == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  all_rows(rows);
  KVC_TRY(fields_read(r, root, rows, &m));
  KVC_TRY(kinds_read(r, profile_node_get(root, "layer_kinds"), kinds));
  KVC_TRY(
      layers_read(r, profile_node_get(root, "layers"), kinds, &m.layers, &m.n_layers));
  const struct node *mtp = profile_node_get(root, "mtp");
  if (mtp != NULL) KVC_TRY(layers_read(r, mtp, kinds, &m.mtp, &m.n_mtp));
  KVC_TRY(part_read(r, root, "mla", mla_rows, &m.mla));
  KVC_TRY(part_read(r, root, "moe", moe_rows, &m.moe));
  KVC_TRY(part_read(r, root, "ssm", ssm_rows, &m.ssm));
  KVC_TRY(part_read(r, root, "quant", quant_rows, &m.quant));
  const struct node *towers = profile_node_get(root, "towers");
  if (towers != NULL) KVC_TRY(towers_read(r, towers, &m));
  for (size_t i = 0; i < m.n_layers; i++)
    if (m.layers[i].ffn == KVC_FFN_MOE && m.moe.experts == 0)
      return reader_fail(r, root, KVC_E_PARSE,
                         "has moe layers but no \"moe\" with experts");
  *out = m;
  return KVC_E_OK;
}

kvc_code kvc_model_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_model *out, struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  return model_from_node(&r, root, out);
}

/* ---- writing ---- */

static bool same_layer(const struct kvc_layer *a, const struct kvc_layer *b)
{
  return a->mixer == b->mixer && a->ffn == b->ffn &&
         a->parallel_mamba == b->parallel_mamba && a->kv_shared == b->kv_shared &&
         a->k_is_v == b->k_is_v && a->indexer == b->indexer && a->heads == b->heads &&
         a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
         a->v_head_dim == b->v_head_dim && a->window_tok == b->window_tok &&
         a->ffn_width == b->ffn_width && a->kv_compress == b->kv_compress &&
         a->extra_params == b->extra_params &&
         memcmp(a->part_quant, b->part_quant, sizeof a->part_quant) == 0;
}

struct named {
  const struct kvc_layer *at[MAX_KINDS];
  char names[MAX_KINDS][8];
  const char *list[MAX_KINDS];
  size_t n;
};

/* A short name that says what the layer is: f, s, g …, numbered from the second on. */
static void name_kind(struct named *k, const struct kvc_layer *l)
{
  static const char letters[] = "nfscaxebmgktl";
  const char letter = letters[l->mixer];
  size_t same = 0;
  for (size_t i = 0; i < k->n; i++)
    if (k->at[i]->mixer == l->mixer) same++;
  if (same == 0)
    (void)snprintf(k->names[k->n], sizeof k->names[0], "%c", letter);
  else
    (void)snprintf(k->names[k->n], sizeof k->names[0], "%c%zu", letter, same + 1);
  k->list[k->n] = k->names[k->n];
  k->at[k->n++] = l;
}

static size_t kind_of(struct named *k, const struct kvc_layer *l)
{
  for (size_t i = 0; i < k->n; i++)
    if (same_layer(k->at[i], l)) return i;
  if (k->n == MAX_KINDS) return MAX_KINDS - 1;
  name_kind(k, l);
  return k->n - 1;
}

static void kind_write(struct kvc_buf *out, const char *name, const struct kvc_layer *l)
{
  kvc_buf_printf(out, "  %s: {", name);
  struct kvc_layer shown = *l;
  fields_write(out, layer_rows, &shown, 0, true);
  bool any = false;
  for (size_t p = 0; p < KVC_PART_COUNT_; p++) {
    if (l->part_quant[p] == 0) continue;
    kvc_buf_printf(out, "%s%s: %s", any ? ", " : ", formats: {", part_words[p],
                   quant_words[l->part_quant[p] - 1]);
    any = true;
  }
  kvc_buf_puts(out, any ? "}}\n" : "}\n");
}

static void layers_write(const struct kvc_model *m, struct kvc_buf *out)
{
  static struct named named; /* large; used by one call at a time */
  unsigned char list[KVC_MAX_LAYERS], mtp[KVC_MAX_LAYERS];
  named.n = 0;
  for (size_t i = 0; i < m->n_layers && i < KVC_MAX_LAYERS; i++)
    list[i] = (unsigned char)kind_of(&named, &m->layers[i]);
  for (size_t i = 0; i < m->n_mtp && i < KVC_MAX_LAYERS; i++)
    mtp[i] = (unsigned char)kind_of(&named, &m->mtp[i]);
  kvc_buf_puts(out, "layer_kinds:\n");
  for (size_t i = 0; i < named.n; i++) kind_write(out, named.list[i], named.at[i]);
  kvc_buf_puts(out, "layers: \"");
  pattern_write(out, list, m->n_layers, named.list);
  kvc_buf_puts(out, "\"\n");
  if (m->n_mtp == 0) return;
  kvc_buf_puts(out, "mtp: \"");
  pattern_write(out, mtp, m->n_mtp, named.list);
  kvc_buf_puts(out, "\"\n");
}

static void part_write(struct kvc_buf *out, const char *key, const struct field *rows,
                       const void *object)
{
  const size_t before = out->len;
  kvc_buf_printf(out, "%s: {", key);
  const size_t empty = out->len;
  fields_write(out, rows, object, 0, true);
  if (out->len == empty) {
    out->len = before;
    if (out->text != NULL) out->text[before] = '\0';
    return;
  }
  kvc_buf_puts(out, "}\n");
}

void kvc_model_write(const struct kvc_model *model, struct kvc_buf *out)
{
  fields_write(out, model_head_rows, model, 0, false);
  layers_write(model, out);
  part_write(out, "mla", mla_rows, &model->mla);
  if (model->moe.experts > 0) part_write(out, "moe", moe_rows, &model->moe);
  part_write(out, "ssm", ssm_rows, &model->ssm);
  part_write(out, "quant", quant_rows, &model->quant);
  fields_write(out, model_rest_rows, model, 0, false);
  if (model->n_towers > 0) kvc_buf_puts(out, "towers:\n");
  for (size_t i = 0; i < model->n_towers; i++) {
    kvc_buf_puts(out, "  - {");
    fields_write(out, tower_rows, &model->towers[i], 0, true);
    kvc_buf_puts(out, "}\n");
  }
}
