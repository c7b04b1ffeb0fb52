/* plan_file.c - a question to `kvcap plan` as YAML.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "field.h"
#include <kvcap/plan_file.h>
#include <math.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------ */

/* What the rows fill besides the file itself. */
struct plan_rows {
  struct kvc_plan_file file; /* first: the rows count on it */
  const char *model;
  const char *models[KVC_MAX_NAMES];
  size_t n_models;
};

#define F(member) offsetof(struct plan_rows, file.member)
#define R(member) offsetof(struct plan_rows, member)
#define H(member) offsetof(struct kvc_plan_hardware, member)
#define G(member) offsetof(struct kvc_plan_growth, member)
/* clang-format off */
static const struct field file_rows[] = {
  {.key = "model", .type = FIELD_TEXT, .offset = R(model), .help = "Hugging Face name of the model, or its folder"},
  {.key = "models", .type = FIELD_TEXTS, .offset = R(models), .count = R(n_models), .help = "several that would do"},
  {.key = "model_config", .type = FIELD_TEXT, .offset = F(model_config), .help = "Hugging Face config.json of a model that kvcap does not know"},
  {.key = "vllm_version", .type = FIELD_TEXT, .offset = F(vllm_version), .help = "release of vLLM, such as 0.19.0"},
  {.key = "workload", .type = FIELD_TEXT, .offset = F(workload), .help = "named workload, or a file ending in .yaml"},
  {.key = "lengths", .type = FIELD_TEXT, .offset = F(lengths), .help = "file of prompt and output tokens, a pair a line"},
  {.key = "trace", .type = FIELD_TEXT, .offset = F(trace), .help = "recorded load: its lengths, and its mean rate when rate_per_s is missing"},
  {.key = "input_tokens", .type = FIELD_DOUBLE, .offset = F(input_tok), .min = 1, .max = 1e8, .help = "mean prompt"},
  {.key = "output_tokens", .type = FIELD_DOUBLE, .offset = F(output_tok), .min = 1, .max = 1e8, .help = "mean output"},
  {.key = "prompt_cv", .type = FIELD_DOUBLE, .offset = F(prompt_cv), .max = 20, .help = "spread of the prompt: deviation over mean"},
  {.key = "output_cv", .type = FIELD_DOUBLE, .offset = F(output_cv), .max = 20, .help = "spread of the output"},
  {.key = "prompt_p50_tokens", .type = FIELD_DOUBLE, .offset = F(prompt_p50_tok), .min = 1, .max = 1e8, .help = "50th percentile of the prompt; two give mean and spread"},
  {.key = "prompt_p95_tokens", .type = FIELD_DOUBLE, .offset = F(prompt_p95_tok), .min = 1, .max = 1e8, .help = "95th percentile of the prompt; two give mean and spread"},
  {.key = "prompt_p99_tokens", .type = FIELD_DOUBLE, .offset = F(prompt_p99_tok), .min = 1, .max = 1e8, .help = "99th percentile of the prompt; two give mean and spread"},
  {.key = "output_p50_tokens", .type = FIELD_DOUBLE, .offset = F(output_p50_tok), .min = 1, .max = 1e8, .help = "50th percentile of the output; two give mean and spread"},
  {.key = "output_p95_tokens", .type = FIELD_DOUBLE, .offset = F(output_p95_tok), .min = 1, .max = 1e8, .help = "95th percentile of the output; two give mean and spread"},
  {.key = "output_p99_tokens", .type = FIELD_DOUBLE, .offset = F(output_p99_tok), .min = 1, .max = 1e8, .help = "99th percentile of the output; two give mean and spread"},
  {.key = "shared_prefix_tokens", .type = FIELD_DOUBLE, .offset = F(shared_prefix_tok), .max = 1e8, .help = "part of the prompt that all requests share"},
  {.key = "turns", .type = FIELD_DOUBLE, .offset = F(turns), .min = 1, .max = 1e3, .help = "requests of one conversation"},
  {.key = "burstiness", .type = FIELD_DOUBLE, .offset = F(burstiness), .min = 0.01, .max = 1e6, .help = "shape of the gaps between arrivals: 1 is Poisson, less is burstier"},
  {.key = "rate_per_s", .type = FIELD_DOUBLE, .offset = F(rate_per_s), .min = 1e-6, .max = 1e6, .help = "requests a second that must hold: the peak of the day, today"},
  {.key = "peak_to_trough", .type = FIELD_DOUBLE, .offset = F(peak_to_trough), .min = 1, .max = 1e6, .help = "highest rate of the day over its lowest"},
  {.key = "growth_percent_per_month", .type = FIELD_DOUBLE, .offset = F(growth_percent_per_month), .min = -50, .max = 1000, .help = "of the rate"},
  {.key = "growth", .type = FIELD_CUSTOM, .help = "the rate from given months on, instead"},
  {.key = "horizon_months", .type = FIELD_INT, .offset = F(horizon_months), .min = 1, .max = 60, .help = "how far growth is looked at; 12 when not given"},
  {.key = "slo", .type = FIELD_CUSTOM, .help = "limits such as {ttft_p95: 500ms, tpot_p99: 30ms, goodput: 0.95}"},
  {.key = "headroom_frac", .type = FIELD_DOUBLE, .offset = F(headroom_frac), .max = 0.9, .help = "part of each replica's largest rate that is kept free"},
  {.key = "hardware", .type = FIELD_CUSTOM, .help = "what may be bought or is there; every GPU with a price when not given"},
  {.key = "price_at", .type = FIELD_TEXT, .offset = F(price_at), .help = "only prices whose place has this word, such as AWS"},
  {.key = "budget_usd_per_hour", .type = FIELD_DOUBLE, .offset = F(budget_usd_per_hour), .min = 1e-6, .max = 1e9, .help = "most that may be spent"},
  {.key = "power_watts", .type = FIELD_DOUBLE, .offset = F(power_watts), .min = 1, .max = 1e12, .help = "most that the GPUs may draw"},
  {.key = "max_gpus", .type = FIELD_INT64, .offset = F(max_gpus), .min = 1, .max = 1e6, .help = "GPUs in all"},
  {.key = "objective", .type = FIELD_TEXT, .offset = F(objective), .help = "cost, cost-per-token, energy or latency"},
  {.key = "allow_quality", .type = FIELD_TEXTS, .offset = F(allow_quality), .count = F(n_allow_quality), .help = "what may cost accuracy: fp8-kv, fp8-weights, all"},
  {.key = "tp", .type = FIELD_CUSTOM, .help = "tensor-parallel sizes to try"},
  {.key = "pp", .type = FIELD_CUSTOM, .help = "pipeline-parallel sizes to try"},
  {.key = "dp", .type = FIELD_CUSTOM, .help = "data-parallel sizes to try"},
  {.key = "why_not", .type = FIELD_TEXTS, .offset = F(why_not), .count = F(n_why_not), .help = "shapes to explain, such as H100:tp4"},
  {.key = "kv_transfer_gb_per_s", .type = FIELD_DOUBLE, .offset = F(kv_transfer_gb_per_s), .min = 1e-3, .max = 1e6, .help = "speed at which KV is moved; prefill and decode apart are then tried as well"},
  {.key = "acceptance_rate", .type = FIELD_DOUBLE, .offset = F(acceptance_rate), .max = 1, .help = "share of drafted tokens that are accepted"},
  {.key = "seed", .type = FIELD_INT64, .offset = F(seed), .max = 9e15, .help = "the same seed gives the same plan"},
  {.key = "serve", .type = FIELD_CUSTOM, .help = "flags of the server, such as {max-model-len: 8192}"},
  {.key = NULL}};

static const struct field hardware_rows[] = {
  {.key = "gpu", .type = FIELD_TEXT, .offset = H(gpu), .required = true, .help = "name of the GPU"},
  {.key = "instance", .type = FIELD_TEXT, .offset = H(instance), .help = "instance type, for the report"},
  {.key = "region", .type = FIELD_TEXT, .offset = H(region), .help = "where, for the report"},
  {.key = "gpus_per_node", .type = FIELD_INT, .offset = H(gpus_per_node), .min = 1, .max = 1024, .help = "GPUs joined by the node's links; the profile's when not given"},
  {.key = "usd_per_gpu_hour", .type = FIELD_DOUBLE, .offset = H(usd_per_gpu_hour), .max = 1e6, .help = "own price; the profile's when not given"},
  {.key = "usd_per_node_hour", .type = FIELD_DOUBLE, .offset = H(usd_per_node_hour), .max = 1e8, .help = "price of a whole node of gpus_per_node"},
  {.key = "price_from", .type = FIELD_TEXT, .offset = H(price_from), .help = "where the price is from"},
  {.key = "stock_gpus", .type = FIELD_INT64, .offset = H(stock_gpus), .min = 1, .max = 1e6, .help = "no more of them than that"},
  {.key = "whole_nodes", .type = FIELD_BOOL, .offset = H(whole_nodes), .help = "GPUs are paid for by the node"},
  {.key = NULL}};

static const struct field growth_rows[] = {
  {.key = "month", .type = FIELD_DOUBLE, .offset = G(month), .max = 60, .required = true, .help = "from now"},
  {.key = "rate_per_s", .type = FIELD_DOUBLE, .offset = G(rate_per_s), .min = 1e-6, .max = 1e6, .required = true, .help = "requests a second from then on"},
  {.key = NULL}};
/* clang-format on */

static enum kvc_plan_key_kind custom_kind(const char *key)
{
  if (strcmp(key, "hardware") == 0) return KVC_PLAN_KEY_HARDWARE;
  if (strcmp(key, "growth") == 0) return KVC_PLAN_KEY_GROWTH;
  if (strcmp(key, "slo") == 0) return KVC_PLAN_KEY_LIMITS;
  if (strcmp(key, "serve") == 0) return KVC_PLAN_KEY_FLAGS;
  return KVC_PLAN_KEY_WHOLES;
}

bool kvc_plan_file_key(enum kvc_plan_table table, size_t i, struct kvc_plan_key *out)
{
  static const struct field *const tables[] = {file_rows, hardware_rows, growth_rows};
  static const size_t counts[] = {sizeof file_rows / sizeof *file_rows,
                                  sizeof hardware_rows / sizeof *hardware_rows,
                                  sizeof growth_rows / sizeof *growth_rows};
  if (i + 1 >= counts[table]) return false;
  const struct field *f = &tables[table][i];
  *out = (struct kvc_plan_key){.key = f->key, .help = f->help, .required = f->required};
  switch (f->type) {
  case FIELD_INT:
  case FIELD_INT64: out->kind = KVC_PLAN_KEY_WHOLE; break;
  case FIELD_DOUBLE: out->kind = KVC_PLAN_KEY_NUMBER; break;
  case FIELD_BOOL: out->kind = KVC_PLAN_KEY_TRUTH; break;
  case FIELD_TEXTS: out->kind = KVC_PLAN_KEY_TEXTS; break;
  case FIELD_CUSTOM: out->kind = custom_kind(f->key); break;
  default: out->kind = KVC_PLAN_KEY_TEXT; break;
  }
  return true;
}

/* ---- lists and mappings ------------------------------------------------------------ */

static kvc_code models_of(const struct reader *r, const struct node *root,
                          struct plan_rows *rows)
{
  struct kvc_plan_file *out = &rows->file;
  const struct node *list = profile_node_get(root, "models");
  if (rows->model != NULL) out->models[out->n_models++] = rows->model;
  if (rows->n_models > KVC_PLAN_FILE_MODELS - out->n_models)
    return reader_fail(r, list, KVC_E_LIMIT, "more than %d models", KVC_PLAN_FILE_MODELS);
  for (size_t i = 0; i < rows->n_models; i++)
    out->models[out->n_models++] = rows->models[i];
  return KVC_E_OK;
}

static kvc_code one_piece(const struct reader *r, const struct node *n,
                          struct kvc_plan_hardware *h)
{
  *h = (struct kvc_plan_hardware){
      .usd_per_gpu_hour = (double)NAN, .usd_per_node_hour = (double)NAN, .line = n->line};
  KVC_TRY(fields_read(r, n, hardware_rows, h));
  if (isnan(h->usd_per_node_hour)) return KVC_E_OK;
  if (!isnan(h->usd_per_gpu_hour))
    return reader_fail(r, n, KVC_E_CONFLICT,
                       "usd_per_gpu_hour and usd_per_node_hour both give a price: "
                       "write one of them");
  if (h->gpus_per_node == 0)
    return reader_fail(r, n, KVC_E_PARSE,
                       "usd_per_node_hour needs gpus_per_node beside it");
  h->usd_per_gpu_hour = h->usd_per_node_hour / h->gpus_per_node;
  h->whole_nodes = true;
  return KVC_E_OK;
}

/* The list at 'key' with at most 'most' entries; NULL when the key is not there. */
static kvc_code list_of(const struct reader *r, const struct node *root, const char *key,
                        size_t most, const struct node **out)
{
  const struct node *list = profile_node_get(root, key);
  *out = list;
  if (list == NULL) return KVC_E_OK;
  if (list->type != NODE_SEQ)
    return reader_fail(r, list, KVC_E_PARSE, "\"%s\" must be a list of mappings", key);
  if (list->count > most)
    return reader_fail(r, list, KVC_E_LIMIT, "\"%s\" has more than %zu entries", key,
                       most);
  return KVC_E_OK;
}

static kvc_code hardware_of(const struct reader *r, const struct node *root,
                            struct kvc_plan_file *out)
{
  const struct node *list;
  KVC_TRY(list_of(r, root, "hardware", KVC_PLAN_FILE_HARDWARE, &list));
  if (list == NULL) return KVC_E_OK;
  struct kvc_plan_hardware *all = kvc_arena_alloc(r->arena, list->count + 1, sizeof *all);
  if (all == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  out->hardware = all;
  for (const struct node *n = list->first; n != NULL; n = n->next)
    KVC_TRY(one_piece(r, n, &all[out->n_hardware++]));
  return KVC_E_OK;
}

static kvc_code growth_of(const struct reader *r, const struct node *root,
                          struct kvc_plan_file *out)
{
  const struct node *list;
  KVC_TRY(list_of(r, root, "growth", KVC_PLAN_FILE_STEPS, &list));
  for (const struct node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
    struct kvc_plan_growth *step = &out->growth[out->n_growth++];
    KVC_TRY(fields_read(r, n, growth_rows, step));
    if (out->n_growth > 1 && !(step->month > step[-1].month))
      return reader_fail(r, n, KVC_E_CONFLICT,
                         "the months of \"growth\" must rise from one to the next");
  }
  if (list != NULL && !isnan(out->growth_percent_per_month))
    return reader_fail(
        r, list, KVC_E_CONFLICT,
        "\"growth\" and \"growth_percent_per_month\" both say how the rate "
        "grows: write one of them");
  return KVC_E_OK;
}

/* A mapping becomes the text that --slo takes. */
static kvc_code slo_of(const struct reader *r, const struct node *root,
                       struct kvc_plan_file *out)
{
  enum { MAX_SLO_BYTES = 1000 };
  const struct node *n = profile_node_get(root, "slo");
  if (n == NULL) return KVC_E_OK;
  if (n->type == NODE_SCALAR) return node_text(r, n, &out->slo);
  if (n->type != NODE_MAP)
    return reader_fail(r, n, KVC_E_PARSE,
                       "\"slo\" must be a text or a mapping such as {ttft_p95: 500ms}");
  struct kvc_buf text;
  kvc_buf_init(&text, MAX_SLO_BYTES);
  kvc_code rc = KVC_E_OK;
  for (const struct node *one = n->first; rc == KVC_E_OK && one != NULL;
       one = one->next) {
    const char *value = NULL;
    rc = node_text(r, one, &value);
    if (rc == KVC_E_OK)
      kvc_buf_printf(&text, "%s%s=%s", text.len > 0 ? "," : "", one->key, value);
  }
  if (rc == KVC_E_OK && text.full)
    rc = reader_fail(r, n, KVC_E_LIMIT, "\"slo\" is longer than any real limits");
  if (rc == KVC_E_OK && text.len > 0) {
    out->slo = kvc_arena_strndup(r->arena, text.text, text.len);
    if (out->slo == NULL) rc = kvc_arena_full(r->arena, r->file, r->err);
  }
  kvc_buf_clear(&text);
  return rc;
}

/* One number or a list of them. */
static kvc_code sizes_of(const struct reader *r, const struct node *root, const char *key,
                         int *out)
{
  const struct node *n = profile_node_get(root, key);
  if (n == NULL) return KVC_E_OK;
  const struct node *first = n->type == NODE_SEQ ? n->first : n;
  if (n->type == NODE_SEQ && n->count > KVC_PLAN_FILE_SIZES)
    return reader_fail(r, n, KVC_E_LIMIT, "\"%s\" has more than %d sizes", key,
                       KVC_PLAN_FILE_SIZES);
  size_t i = 0;
  for (const struct node *one = first; one != NULL;
       one = n->type == NODE_SEQ ? one->next : NULL) {
    double v = 0;
    KVC_TRY(node_number(r, one, 1, 1024, true, &v));
    out[i++] = (int)v;
  }
  return KVC_E_OK;
}

static bool is_flag_name(const char *key)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_.";
  return key[0] != '-' && key[0] != '\0' && strspn(key, letters) == strlen(key);
}

static kvc_code flags_of(const struct reader *r, const struct node *root,
                         struct kvc_plan_file *out)
{
  const struct node *map = profile_node_get(root, "serve");
  if (map == NULL) return KVC_E_OK;
  if (map->type != NODE_MAP)
    return reader_fail(r, map, KVC_E_PARSE,
                       "\"serve\" must be a mapping such as {max-model-len: 8192}");
  if (map->count > KVC_PLAN_FILE_FLAGS)
    return reader_fail(r, map, KVC_E_LIMIT, "\"serve\" has more than %d flags",
                       KVC_PLAN_FILE_FLAGS);
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    const char *value = NULL;
    if (!is_flag_name(n->key))
      return reader_fail(r, n, KVC_E_PARSE,
                         "\"%.60s\" is no flag; write it without its dashes, as "
                         "in max-model-len",
                         n->key);
    KVC_TRY(node_text(r, n, &value));
    const bool plain = n->plain;
    if (plain && strcmp(value, "false") == 0) continue;
    const char *flag = plain && strcmp(value, "true") == 0
                           ? kvc_arena_printf(r->arena, "--%s", n->key)
                           : kvc_arena_printf(r->arena, "--%s=%s", n->key, value);
    if (flag == NULL) return kvc_arena_full(r->arena, r->file, r->err);
    out->flags[out->n_flags++] = flag;
  }
  return KVC_E_OK;
}

/* ---- the file ---------------------------------------------------------------------- */

kvc_code kvc_plan_file_read(struct kvc_arena *arena, const char *text, size_t len,
                            const char *file, struct kvc_plan_file *out,
                            struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  struct plan_rows rows = {.file = {.growth_percent_per_month = (double)NAN,
                                    .acceptance_rate = (double)NAN,
                                    .headroom_frac = (double)NAN,
                                    .seed = -1}};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  KVC_TRY(fields_read(&r, root, file_rows, &rows));
  KVC_TRY(models_of(&r, root, &rows));
  KVC_TRY(hardware_of(&r, root, &rows.file));
  KVC_TRY(growth_of(&r, root, &rows.file));
  KVC_TRY(slo_of(&r, root, &rows.file));
  KVC_TRY(sizes_of(&r, root, "tp", rows.file.tp));
  KVC_TRY(sizes_of(&r, root, "pp", rows.file.pp));
  KVC_TRY(sizes_of(&r, root, "dp", rows.file.dp));
  KVC_TRY(flags_of(&r, root, &rows.file));
  *out = rows.file;
  return KVC_E_OK;
}
