/* rows.c - a table of kernel times read: what each row moved and computed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rows.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

enum { MAX_COLS = 32, MAX_CELL = 64 };

struct cell {
  const char *text;
  size_t len;
};

enum col {
  C_LATENCY,
  C_M,
  C_N,
  C_K,
  C_GEMM,
  C_TOKENS,
  C_HIDDEN,
  C_INTER,
  C_TOPK,
  C_EXPERTS,
  C_MOE_TP,
  C_MOE_EP,
  C_MOE,
  C_DISTR,
  C_BATCH,
  C_ISL,
  C_HEADS,
  C_KV_HEADS,
  C_HEAD_DIM,
  C_KV,
  C_WINDOW,
  C_STEP,
  C_GPUS,
  C_MESSAGE,
  C_BACKEND,
  C_SOURCE,
  C_OP,
  C_NCCL,
  C_TP,
  C_GTYPE,
  C_COUNT_
};
static const char *const names[C_COUNT_] = {"latency",     "m",
                                            "n",           "k",
                                            "gemm_dtype",  "num_tokens",
                                            "hidden_size", "inter_size",
                                            "topk",        "num_experts",
                                            "moe_tp_size", "moe_ep_size",
                                            "moe_dtype",   "distribution",
                                            "batch_size",  "isl",
                                            "num_heads",   "num_key_value_heads",
                                            "head_dim",    "kv_cache_dtype",
                                            "window_size", "step",
                                            "num_gpus",    "message_size",
                                            "backend",     "kernel_source",
                                            "op_name",     "nccl_dtype",
                                            "tp_size",     "gemm_type"};

struct table {
  int at[C_COUNT_]; /* column of each name, -1 absent */
  struct cell cells[MAX_COLS];
  size_t n_cells;
};

static size_t split(const char *line, size_t len, struct cell *cells)
{
  size_t n = 0, start = 0;
  for (size_t i = 0; i <= len && n < MAX_COLS; i++)
    if (i == len || line[i] == ',') {
      cells[n++] = (struct cell){line + start, i - start};
      start = i + 1;
    }
  return n;
}

static bool is(const struct cell *c, const char *word)
{
  return c->len == strlen(word) && memcmp(c->text, word, c->len) == 0;
}

static bool has(const struct table *t, enum col c)
{
  return t->at[c] >= 0 && (size_t)t->at[c] < t->n_cells;
}

static double num(const struct table *t, enum col c, double missing)
{
  if (!has(t, c)) return missing;
  const struct cell *cell = &t->cells[t->at[c]];
  char text[MAX_CELL];
  double v;
  struct kvc_err ignored;
  if (cell->len == 0 || cell->len >= sizeof text) return missing;
  memcpy(text, cell->text, cell->len);
  text[cell->len] = '\0';
  return kvc_num_parse(text, names[c], &v, &ignored) == KVC_E_OK ? v : missing;
}

/* The format of a dtype column; false for one that has no curve. */
static bool fmt_of(const struct table *t, enum col c, enum kvc_fmt *fmt, double *bytes)
{
  static const struct {
    const char *word;
    enum kvc_fmt fmt;
    double bytes;
  } known[] = {{"bfloat16", KVC_FMT_BF16, 2},
               {"float16", KVC_FMT_BF16, 2},
               {"half", KVC_FMT_BF16, 2},
               {"fp8", KVC_FMT_FP8, 1},
               {"fp8_block", KVC_FMT_FP8_BLOCK, 1},
               {"nvfp4", KVC_FMT_NVFP4, 0.5625},
               {"int4_wo", KVC_FMT_INT4, 0.515625},
               {"int8", KVC_FMT_INT8, 1},
               {"w4a16_mxfp4", KVC_FMT_MXFP4, 0.53125}};
  *fmt = KVC_FMT_BF16;
  *bytes = 2;
  if (!has(t, c)) return true;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (is(&t->cells[t->at[c]], known[i].word)) {
      *fmt = known[i].fmt;
      *bytes = known[i].bytes;
      return true;
    }
  return false;
}

static uint64_t mix(uint64_t h, double v)
{
  return (h ^ (uint64_t)v) * 1099511628211u;
}

static bool gemm(const struct table *t, struct fit_row *r)
{
  const double m = num(t, C_M, 0), n = num(t, C_N, 0), k = num(t, C_K, 0);
  double b;
  if (!fmt_of(t, C_GEMM, &r->fmt, &b)) return false;
  const double weights = n * k * b;
  /* Smaller ones stay in the L2 cache of a benchmark; block scales carry a dispatch
   * constant that only large ones hide. */
  const double least = r->fmt == KVC_FMT_FP8_BLOCK ? 200e6 : 12e6;
  if (weights < least || n < 512 || k < 512 || m > 16384 || m < 1) return false;
  r->op = KVC_CURVE_GEMM;
  r->bytes = weights + 2 * m * (n + k);
  r->flops = 2 * m * n * k;
  r->x = m;
  r->shape = mix(mix(14695981039346656037u, n), k);
  return true;
}

static bool moe(const struct table *t, struct fit_row *r)
{
  const double n = num(t, C_TOKENS, 0), h = num(t, C_HIDDEN, 0);
  const double all = num(t, C_EXPERTS, 0), topk = num(t, C_TOPK, 0);
  const double tp = num(t, C_MOE_TP, 1), ep = num(t, C_MOE_EP, 1);
  const double i = num(t, C_INTER, 0) / tp;
  double b;
  if (!fmt_of(t, C_MOE, &r->fmt, &b)) return false;
  if (has(t, C_DISTR) && is(&t->cells[t->at[C_DISTR]], "balanced")) return false;
  if (n < 1 || h < 1 || all < 1 || topk < 1 || i < 64 || ep > 16 || n > 16384)
    return false;
  const double hit = kvc_experts_touched(all / ep, all, topk, n);
  const double pairs = n * topk / ep;
  if (hit * 3 * h * i * b < 8e6) return false;
  r->op = KVC_CURVE_MOE;
  r->bytes = hit * 3 * h * i * b + 2 * pairs * (2 * h + 3 * i);
  r->flops = 6 * pairs * h * i;
  r->x = pairs / hit;
  r->shape = mix(mix(mix(mix(14695981039346656037u, h), i), all / ep), topk);
  return true;
}

static bool attention(const struct table *t, struct fit_row *r)
{
  const bool decode = has(t, C_STEP);
  const double batch = num(t, C_BATCH, 0), heads = num(t, C_HEADS, 0);
  const double dim = num(t, C_HEAD_DIM, 128), kv = num(t, C_KV_HEADS, 0);
  double b;
  if (!fmt_of(t, C_KV, &r->fmt, &b) || num(t, C_WINDOW, 0) > 0) return false;
  if (dim < 64 || batch < 1 || heads < 1 || kv < 1) return false;
  r->shape = mix(mix(mix(14695981039346656037u, heads), kv), dim);
  if (decode) {
    const double ctx = num(t, C_STEP, 0) + num(t, C_ISL, 1);
    if (ctx < 64) return false;
    r->op = KVC_CURVE_DECODE;
    r->bytes = 2 * batch * ctx * kv * dim * b;
    r->flops = 4 * batch * heads * dim * ctx;
    r->x = 1;
    return true;
  }
  const double isl = num(t, C_ISL, 0), pairs = batch * isl * isl / 2;
  if (isl < 64 || batch * isl > 65536) return false;
  r->op = KVC_CURVE_PREFILL;
  r->bytes = 2 * batch * isl * kv * dim * b + 4 * batch * isl * heads * dim;
  r->flops = 4 * heads * dim * pairs;
  r->x = isl;
  return true;
}

/* DeepSeek-V3's shape: latent 512 + 64, query and key 192, value 128. */
static bool latent(const struct table *t, struct fit_row *r)
{
  const double batch = num(t, C_BATCH, 0);
  const double heads = num(t, C_HEADS, 0) / num(t, C_TP, 1);
  double b;
  if (has(t, C_GTYPE) || !fmt_of(t, C_KV, &r->fmt, &b) || batch < 1 || heads < 1)
    return false;
  r->shape = mix(14695981039346656037u, heads);
  r->x = 1;
  if (has(t, C_STEP)) {
    const double ctx = num(t, C_STEP, 0) + 1;
    r->op = KVC_CURVE_MLA_DECODE;
    r->bytes = batch * ctx * 576 * b;
    r->flops = 4 * batch * heads * 576 * ctx;
    return ctx >= 64;
  }
  const double isl = num(t, C_ISL, 0);
  r->op = KVC_CURVE_MLA_PREFILL;
  r->bytes = batch * isl * (576 * b + 2 * heads * 320);
  r->flops = 2 * heads * 320 * batch * isl * isl / 2;
  r->x = isl;
  return isl >= 64 && batch * isl <= 65536;
}

static bool collective(const struct table *t, struct fit_row *r)
{
  const double ranks = num(t, C_GPUS, 0);
  const double message = 2 * num(t, C_MESSAGE, 0);
  if (ranks < 2 || ranks > 8 || message < 1024) return false;
  if (has(t, C_OP) && !is(&t->cells[t->at[C_OP]], "all_reduce")) return false;
  if (has(t, C_NCCL) && !is(&t->cells[t->at[C_NCCL]], "half")) return false;
  r->op = has(t, C_NCCL) ? KVC_CURVE_NCCL : KVC_CURVE_ALL_REDUCE;
  if (has(t, C_BACKEND) && is(&t->cells[t->at[C_BACKEND]], "vllm_eager")) return false;
  if (r->op == KVC_CURVE_ALL_REDUCE && message > 8e6) return false;
  if (message > 600e6) return false;
  r->ranks = (int)ranks;
  r->bytes = message * 2 * (ranks - 1) / ranks;
  r->x = 1;
  r->shape = (uint64_t)message;
  return true;
}

typedef bool row_reader(const struct table *t, struct fit_row *r);

static row_reader *reader_of(const struct table *t)
{
  if (t->at[C_M] >= 0 && t->at[C_N] >= 0 && t->at[C_K] >= 0) return gemm;
  if (t->at[C_TOKENS] >= 0 && t->at[C_EXPERTS] >= 0 && t->at[C_TOPK] >= 0) return moe;
  if (t->at[C_BATCH] >= 0 && t->at[C_KV_HEADS] >= 0) return attention;
  if (t->at[C_GPUS] >= 0 && t->at[C_MESSAGE] >= 0) return collective;
  if (t->at[C_BATCH] >= 0 && t->at[C_HEADS] >= 0) return latent;
  return NULL;
}

static kvc_code header(const struct kvc_kernel_table *in, size_t len, struct table *t,
                       row_reader **read, struct kvc_err *err)
{
  t->n_cells = split(in->text, len, t->cells);
  for (size_t c = 0; c < C_COUNT_; c++) {
    t->at[c] = -1;
    for (size_t i = 0; i < t->n_cells; i++)
      if (is(&t->cells[i], names[c])) t->at[c] = (int)i;
  }
  *read = reader_of(t);
  if (*read == NULL || t->at[C_LATENCY] < 0)
    return kvc_fail(err, KVC_E_PARSE, in->name,
                    "the first line names the columns of no known operation; a table of "
                    "matrices has m, n, k and latency");
  return KVC_E_OK;
}

static size_t line_len(const char *p, const char *end)
{
  const char *nl = memchr(p, '\n', (size_t)(end - p));
  return nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);
}

static size_t lines(const char *text, size_t len)
{
  size_t n = 1;
  for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + len - p))) != NULL; p++)
    n++;
  return n;
}

kvc_code fit_rows_read(struct kvc_arena *arena, const struct kvc_kernel_table *table,
                       struct fit_rows *out, struct kvc_err *err)
{
  const char *p = table->text, *end = p + table->len;
  struct table t;
  row_reader *read;
  size_t len = line_len(p, end);
  KVC_TRY(header(table, len > 0 && p[len - 1] == '\r' ? len - 1 : len, &t, &read, err));
  struct fit_row *rows =
      kvc_arena_alloc(arena, out->n + lines(p, table->len), sizeof *rows);
  if (rows == NULL) return kvc_arena_full(arena, table->name, err);
  if (out->n > 0) memcpy(rows, out->rows, out->n * sizeof *rows);
  out->rows = rows;
  for (p += len; p < end; p += len) {
    p++;
    len = p < end ? line_len(p, end) : 0;
    if (len == 0) continue;
    const size_t used = p[len - 1] == '\r' ? len - 1 : len;
    struct fit_row r = {0};
    t.n_cells = split(p, used, t.cells);
    r.seconds = num(&t, C_LATENCY, 0) * 1e-3;
    if (r.seconds > 0 && isfinite(r.seconds) && read(&t, &r) && isfinite(r.bytes) &&
        isfinite(r.flops) && r.x > 0)
      rows[out->n++] = r;
  }
  return KVC_E_OK;
}
