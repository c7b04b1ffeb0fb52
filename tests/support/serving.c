/* serving.c - running the table of measured serving points.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "tests/support/serving.h"
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 48, CELL = 512 };

struct csv {
  char names[COLUMNS][40];
  char cells[COLUMNS][CELL];
  size_t n_names;
};

/* One record: quotes may hold commas, doubled quotes and line ends. */
static const char *record(const char *p, struct csv *c)
{
  for (size_t col = 0;; col++) {
    size_t n = 0;
    bool quoted = *p == '"';
    p += quoted;
    while (*p != '\0') {
      if (quoted && *p == '"') {
        if (p[1] != '"') {
          quoted = false;
          p++;
          continue;
        }
        p++;
      } else if (!quoted && (*p == ',' || *p == '\n' || *p == '\r')) {
        break;
      }
      if (col < COLUMNS && n + 1 < CELL) c->cells[col][n++] = *p;
      p++;
    }
    if (col < COLUMNS) c->cells[col][n] = '\0';
    if (*p == ',') {
      p++;
      continue;
    }
    while (*p == '\r' || *p == '\n') p++;
    return p;
  }
}

static const char *cell(const struct csv *c, const char *name)
{
  for (size_t i = 0; i < c->n_names; i++)
    if (strcmp(c->names[i], name) == 0) return c->cells[i];
  return "";
}

static double number(const struct csv *c, const char *name, double missing)
{
  const char *text = cell(c, name);
  double v;
  struct kvc_err ignored;
  if (strcmp(text, "inf") == 0) return INFINITY;
  if (text[0] == '\0' || kvc_num_parse(text, name, &v, &ignored) != KVC_E_OK)
    return missing;
  return v;
}

/* What does not fit is cut. */
static void copy(char *out, size_t room, const char *text)
{
  const size_t len = strlen(text), n = len < room ? len : room - 1;
  memcpy(out, text, n);
  out[n] = '\0';
}

#define COPY(field, name) copy(r->field, sizeof r->field, cell(c, name))

static void row_of(const struct csv *c, struct serving_row *r)
{
  *r = (struct serving_row){0};
  COPY(id, "id");
  COPY(gpu, "gpu");
  COPY(model, "model");
  COPY(version, "vllm_version");
  COPY(series, "series_id");
  COPY(quant, "weight_dtype/quantization");
  COPY(kv_dtype, "kv_dtype");
  COPY(dataset, "dataset");
  COPY(flags, "other_flags");
  memcpy(r->source2, r->id, 2);
  r->tp = (int)number(c, "tp", 1);
  r->pp = (int)number(c, "pp", 1);
  r->dp = (int)number(c, "dp", 1);
  r->ep = (int)number(c, "ep", 1);
  r->input_tok = number(c, "input_len_mean", NAN);
  r->output_tok = number(c, "output_len_mean", NAN);
  r->rate = number(c, "request_rate", INFINITY);
  r->concurrency = number(c, "max_concurrency", INFINITY);
  r->prompts = number(c, "num_prompts", NAN);
  r->seqs = number(c, "max_num_seqs", 0);
  r->batched = number(c, "max_num_batched_tokens", 0);
  r->ttft_s = number(c, "mean_ttft_ms", NAN) / 1000;
  r->tpot_s = number(c, "mean_tpot_ms", NAN) / 1000;
  r->tok_s = number(c, "output_tok_s", NAN);
  r->check = strcmp(cell(c, "split"), "check") == 0;
  r->steady = strcmp(cell(c, "kind"), "serving-steady") == 0;
}

kvc_code serving_read(struct kvc_arena *arena, const char *path, struct serving_row *rows,
                      size_t room, size_t *n, struct kvc_err *err)
{
  static struct csv c;
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(arena, path, 64 << 20, &text, &len, err));
  const char *p = record(text, &c);
  for (c.n_names = 0; c.n_names < COLUMNS && c.cells[c.n_names][0] != '\0'; c.n_names++)
    memcpy(c.names[c.n_names], c.cells[c.n_names], sizeof c.names[0] - 1);
  for (*n = 0; *p != '\0' && *n < room;) {
    p = record(p, &c);
    if (strcmp(cell(&c, "quality"), "A") != 0) continue;
    if (strcmp(cell(&c, "kind"), "serving") != 0 &&
        strcmp(cell(&c, "kind"), "serving-steady") != 0)
      continue;
    row_of(&c, &rows[(*n)++]);
  }
  return KVC_E_OK;
}

static bool says(const struct serving_row *r, const char *what)
{
  return strstr(r->flags, what) != NULL;
}

/* A number behind a flag in the free text of the row. */
static double flag(const struct serving_row *r, const char *name)
{
  const char *p = strstr(r->flags, name);
  char digits[24];
  size_t n = 0;
  double v;
  struct kvc_err ignored;
  if (p == NULL) return 0;
  p += strlen(name);
  while (*p == ' ' || *p == '=') p++;
  while (((*p >= '0' && *p <= '9') || *p == '.') && n + 1 < sizeof digits)
    digits[n++] = *p++;
  digits[n] = '\0';
  return n > 0 && kvc_num_parse(digits, name, &v, &ignored) == KVC_E_OK ? v : 0;
}

static void deploy(const struct serving_row *r, struct kvc_deploy *d)
{
  struct kvc_err ignored;
  char version[48] = "";
  const char *v = r->version;
  size_t n = 0;
  while ((*v >= '0' && *v <= '9') || *v == '.') version[n++] = *v++;
  if (n > 0 && kvc_version_parse(version, "version", &d->version, &ignored) == KVC_E_OK)
    d->version_given = true;
  d->tp = r->tp;
  d->pp = r->pp;
  d->dp = r->dp;
  d->expert_parallel = r->ep > 1 || says(r, "enable-expert-parallel");
  d->max_num_seqs = (int64_t)r->seqs;
  d->max_num_batched_tok = (int64_t)r->batched;
  d->max_model_len_tok = (int64_t)flag(r, "max-model-len");
  if (strncmp(r->kv_dtype, "fp8", 3) == 0) d->kv_cache_dtype = "fp8";
  if (says(r, "enforce-eager")) d->enforce_eager = 1;
  if (says(r, "util 0.95") || says(r, "utilization 0.95"))
    d->gpu_memory_utilization = 0.95;
  d->max_cudagraph_size = (int64_t)flag(r, "max-cudagraph-capture-size");
  if (d->max_model_len_tok == 0 && !isnan(r->input_tok))
    d->max_model_len_tok = (int64_t)(2 * (r->input_tok + r->output_tok) + 2048);
}

/* Spellings of the table that the profiles do not know. */
static const char *gpu_name(const char *gpu)
{
  if (strncmp(gpu, "RTX-PRO-6000", 12) == 0) return "RTX-PRO-6000-Blackwell-Server";
  if (strncmp(gpu, "B200", 4) == 0) return "B200";
  if (strncmp(gpu, "H200", 4) == 0) return "H200-SXM";
  if (strncmp(gpu, "RTX4090", 7) == 0) return "RTX-4090";
  return gpu;
}

static kvc_code size_of(struct kvc_arena *arena, struct kvc_db *db,
                        const struct serving_row *r, struct kvc_size *out,
                        struct kvc_err *err)
{
  struct kvc_size_request req;
  char named[128];
  kvc_size_request_init(&req);
  req.brief = true;
  req.model_name = r->model;
  if (strncmp(r->model, "/", 1) == 0) req.model_name = strrchr(r->model, '/') + 1;
  req.gpu_name = gpu_name(r->gpu);
  deploy(r, &req.deploy);
  kvc_code rc = kvc_size_run(arena, db, &req, out, err);
  if (rc != KVC_E_OK && req.deploy.max_model_len_tok > 0) {
    req.deploy.max_model_len_tok = 0;
    rc = kvc_size_run(arena, db, &req, out, err);
  }
  if (rc != KVC_E_OK) return rc;
  const bool fp8 = strncmp(r->quant, "fp8", 3) == 0, fp4 = strcmp(r->quant, "fp4") == 0;
  if (fp8 && out->model.quant.kind == KVC_QUANT_NONE) {
    req.deploy.quantization = "fp8";
    return kvc_size_run(arena, db, &req, out, err);
  }
  if (fp4 && out->model.quant.kind != KVC_QUANT_NVFP4 &&
      out->model.quant.kind != KVC_QUANT_MXFP4) {
    (void)snprintf(named, sizeof named, "%.100s-NVFP4", req.model_name);
    req.model_name = kvc_arena_strdup(arena, named);
    return kvc_size_run(arena, db, &req, out, err);
  }
  return KVC_E_OK;
}

static struct serving_load load_of(const struct serving_row *r, const struct kvc_size *s)
{
  const double dp = s->setting.dp;
  struct serving_load l = {.input_tok = r->input_tok,
                           .output_tok = isnan(r->output_tok) ? 128 : r->output_tok,
                           .rate = r->rate / dp,
                           .concurrency = r->concurrency / dp,
                           .seqs = (double)s->setting.max_num_seqs,
                           .budget = (double)s->setting.max_num_batched_tok,
                           .pool_tok = s->memory.pool_tok,
                           .steady = r->steady};
  if (isnan(l.input_tok)) l.input_tok = strcmp(r->dataset, "gpqa") == 0 ? 300 : 200;
  if (l.concurrency < 1) l.concurrency = 1;
  if (r->steady) l.concurrency = fmin(l.concurrency, 2 * l.seqs);
  double n = r->prompts / dp;
  if (isnan(n)) n = isfinite(l.concurrency) ? 6 * l.concurrency : 300;
  if (r->steady) n = fmin(n, 4 * l.seqs);
  l.prompts = (size_t)fmin(fmax(n, 1), 4096);
  const bool natural = r->steady || strncmp(r->dataset, "sharegpt", 8) == 0 ||
                       strncmp(r->dataset, "ShareGPT", 8) == 0 ||
                       strncmp(r->dataset, "Open", 4) == 0;
  l.jitter = natural ? 0.9 : strncmp(r->id, "IX", 2) == 0 ? 0.11 : 0;
  return l;
}

/* 1 asynchronous, 0 not, -1 as the release does. */
static int scheduling(const struct serving_row *r)
{
  if (says(r, "async scheduling off")) return 0;
  return says(r, "async-scheduling") || says(r, "async_scheduling") ? 1 : -1;
}

kvc_code serving_run(const struct serving_row *row, const struct kvc_speed_facts *facts,
                     const struct kvc_tune *tune, struct serving_result *out,
                     struct kvc_err *err)
{
  struct kvc_arena arena;
  struct kvc_latency *latency;
  struct kvc_db *db;
  kvc_arena_init(&arena, 64 << 20);
  struct kvc_size *s = kvc_arena_alloc(&arena, 1, sizeof *s);
  const char *overlay = getenv("KVCAP_OVERLAY");
  kvc_code rc = kvc_db_open(&arena, &overlay, overlay != NULL, &db, err);
  if (rc == KVC_E_OK) rc = size_of(&arena, db, row, s, err);
  if (rc == KVC_E_OK && !s->memory.fits)
    rc = kvc_fail(err, KVC_E_INFEASIBLE, row->id, "does not start: %.200s",
                  s->memory.error);
  struct kvc_speed_facts own;
  if (rc == KVC_E_OK && facts == NULL) {
    rc = kvc_speed_facts(db, &s->setting, scheduling(row), &own, err);
    facts = &own;
  }
  if (rc == KVC_E_OK) rc = kvc_speed_open(&arena, db, s, facts, tune, &latency, err);
  if (rc == KVC_E_OK) {
    struct serving_load load = load_of(row, s);
    const struct kvc_version *v = &s->setting.version;
    load.lag = facts->hidden_frac > 0 ? 2 : v->release[0] > 0 || v->release[1] >= 9;
    *out = (struct serving_result){0};
    if (!serving_loop(&load, latency, out))
      rc = kvc_fail(err, KVC_E_LIMIT, row->id, "no memory");
    out->output_tok_s *= s->setting.dp;
    /* with the scheduler beside the GPU a further step is under way */
    out->ttft_s += load.lag > 0 ? 0.008 : 0.002; /* client, HTTP, tokeniser */
    const double seqs = fmin(fmin(load.concurrency, load.seqs), 64);
    const struct kvc_step mid = {.decodes = seqs,
                                 .decode_tok = seqs,
                                 .running = seqs,
                                 .decode_context_tok =
                                     seqs * (load.input_tok + load.output_tok / 2)};
    kvc_latency_price(latency, &mid, &out->step);
  }
  kvc_arena_clear(&arena);
  return rc;
}

double serving_error(const struct serving_row *row, const struct serving_result *result,
                     size_t figure)
{
  const double got[3] = {result->tpot_s, result->ttft_s, result->output_tok_s};
  const double want[3] = {row->tpot_s, row->ttft_s, row->tok_s};
  return got[figure] > 0 && want[figure] > 0 ? log(got[figure] / want[figure])
                                             : (double)NAN;
}

void serving_print(const struct serving_row *r, const struct serving_result *p)
{
  const struct kvc_step_cost *c = &p->step;
  printf("%-9s %-5.5s %-12.12s %-26.26s tp%d dp%d ep%d %-5.5s in %6.0f out %5.0f c %4.0f "
         "r %5.1f "
         "tpot %6.2f/%6.2f %+4.0f%% ttft %8.1f/%8.1f %+4.0f%% tok/s %7.0f/%7.0f %+4.0f%% "
         "| attn "
         "%.2f gemm %.2f moe %.2f comm %.2f log %.2f launch %.2f host %.2f\n",
         r->id, r->version, r->gpu, r->model, r->tp, r->dp, r->ep, r->quant, r->input_tok,
         r->output_tok, r->concurrency, r->rate, p->tpot_s * 1e3, r->tpot_s * 1e3,
         100 * expm1(serving_error(r, p, 0)), p->ttft_s * 1e3, r->ttft_s * 1e3,
         100 * expm1(serving_error(r, p, 1)), p->output_tok_s, r->tok_s,
         100 * expm1(serving_error(r, p, 2)), c->attention_s * 1e3, c->gemm_s * 1e3,
         c->moe_s * 1e3, c->comm_s * 1e3, c->logits_s * 1e3, c->launch_s * 1e3,
         c->host_s * 1e3);
}
