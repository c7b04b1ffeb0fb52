/* kernels.c - a kernels profile read and written.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "db.h"
#include "kernels_rows.h"
#include <kvcap/kernels.h>
#include <kvcap/profile.h>
#include <math.h>
#include <string.h>

static const char *const op_words[] = {"gemm",       "moe",         "prefill",
                                       "decode",     "mla_prefill", "mla_decode",
                                       "all_reduce", "nccl",        NULL};
static const char *const fmt_words[] = {"bf16", "fp8",   "fp8_block", "int8",
                                        "int4", "mxfp4", "nvfp4",     NULL};

const char *kvc_curve_op_word(enum kvc_curve_op op)
{
  return op_words[op];
}

const char *kvc_fmt_word(enum kvc_fmt fmt)
{
  return fmt_words[fmt];
}

/* clang-format off */
#define K(field) offsetof(struct kvc_kernels, field)
const struct field kernels_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = K(name), .required = true, .help = "canonical name of the GPU, as in gpus/"},
    {.key = "aliases", .type = FIELD_TEXTS, .offset = K(aliases), .count = K(n_aliases), .help = "other GPUs with the same kernels"},
    {.key = "architecture", .type = FIELD_TEXT, .offset = K(architecture), .required = true, .help = "chip family: its mean stands in for cards that were not measured"},
    {.key = "cite", .type = FIELD_TEXT, .offset = K(cite), .required = true, .help = "key in citations/: the measurements"},
    {.key = "notes", .type = FIELD_TEXT, .offset = K(notes), .help = "what was left out, what is odd"},
    {.key = "curves", .type = FIELD_CUSTOM, .required = true, .help = "one entry an operation and format"},
    {.key = NULL},
};

#define C(field) offsetof(struct kvc_curve, field)
#define NUM(k, field, lo, hi, h) {.key = k, .type = FIELD_DOUBLE, .offset = C(field), .min = lo, .max = hi, .help = h}
const struct field curve_rows[] = {
    {.key = "op", .type = FIELD_ENUM, .offset = C(op), .words = op_words, .required = true, .help = "operation"},
    {.key = "format", .type = FIELD_ENUM, .offset = C(fmt), .words = fmt_words, .help = "of the weights, or of the KV cache; bf16"},
    {.key = "ranks", .type = FIELD_INT, .offset = C(ranks), .min = 2, .max = 1024, .help = "GPUs that take part (all_reduce, nccl)"},
    NUM("fixed_s", fixed_s, 0, 1, "seconds of a call, whatever its size"),
    {.key = "memory_frac", .type = FIELD_DOUBLE, .offset = C(memory_frac), .min = 1e-4, .max = 1, .required = true, .help = "share of peak bytes/s, of memory or link"},
    NUM("ramp_bytes", ramp_bytes, 0, 1e12, "bytes lost until the share is reached"),
    NUM("flops_frac", flops_frac, 0, 1, "share of the peak rate"),
    NUM("half", half, 0, 1e9, "tokens, tokens an expert or length at half of that share"),
    NUM("sharpness", sharpness, 1, 64, "how sharp the knee between both is; 4"),
    {.key = "rows", .type = FIELD_INT64, .offset = C(rows), .max = 1e12, .help = "measurements behind it; 0 = presumed"},
    NUM("median_err", median_err, 0, 100, "median relative error on them"),
    NUM("p90_err", p90_err, 0, 100, "90th percentile"),
    NUM("left_out_err", left_out_err, 0, 100, "median error on shapes left out of the fit"),
    {.key = NULL},
};
/* clang-format on */

static kvc_code curve_read(const struct reader *r, const struct node *n,
                           struct kvc_kernels *k)
{
  struct kvc_curve c = {.sharpness = 4};
  if (k->n_curves == KVC_MAX_CURVES)
    return reader_fail(r, n, KVC_E_LIMIT, "more than %d curves", KVC_MAX_CURVES);
  KVC_TRY(fields_read(r, n, curve_rows, &c));
  const bool link = c.op == KVC_CURVE_ALL_REDUCE || c.op == KVC_CURVE_NCCL;
  if (link != (c.ranks > 0))
    return reader_fail(r, n, KVC_E_RANGE,
                       link ? "a link needs \"ranks\": how many GPUs take part"
                            : "only all_reduce and nccl have \"ranks\"");
  if (!link && !(c.flops_frac > 0))
    return reader_fail(r, n, KVC_E_RANGE,
                       "\"flops_frac\" is missing: the share of the "
                       "peak rate, above 0 and at most 1");
  if (kvc_kernels_curve(k, c.op, c.fmt, c.ranks) != NULL)
    return reader_fail(r, n, KVC_E_PARSE, "the same operation, format and ranks twice");
  k->curves[k->n_curves++] = c;
  return KVC_E_OK;
}

kvc_code kernels_from_node(const struct reader *r, const struct node *root,
                           struct kvc_kernels *out)
{
  *out = (struct kvc_kernels){0};
  KVC_TRY(fields_read(r, root, kernels_rows, out));
  const struct node *curves = profile_node_get(root, "curves");
  if (curves == NULL || curves->type != NODE_SEQ)
    return reader_fail(r, root, KVC_E_PARSE, "\"curves\" must be a list");
  for (const struct node *n = curves->first; n != NULL; n = n->next)
    KVC_TRY(curve_read(r, n, out));
  return KVC_E_OK;
}

kvc_code kvc_kernels_read(struct kvc_arena *arena, const char *text, size_t len,
                          const char *file, struct kvc_kernels *out, struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  return kernels_from_node(&r, root, out);
}

/* Four digits: more would pretend that the fit is sharper than it is. */
static double rounded(double v)
{
  if (!(v > 0)) return 0;
  const double unit = pow(10, floor(log10(v)) - 3);
  return round(v / unit) * unit;
}

void kvc_kernels_write(const struct kvc_kernels *kernels, struct kvc_buf *out)
{
  fields_write(out, kernels_rows, kernels, 0, false);
  kvc_buf_puts(out, "curves:\n");
  for (size_t i = 0; i < kernels->n_curves; i++) {
    struct kvc_curve c = kernels->curves[i];
    kvc_buf_printf(out, "  - {op: %s", op_words[c.op]);
    if (c.fmt != KVC_FMT_BF16) kvc_buf_printf(out, ", format: %s", fmt_words[c.fmt]);
    if (c.ranks > 0) kvc_buf_printf(out, ", ranks: %d", c.ranks);
    kvc_buf_printf(out, ", fixed_s: %.4g, memory_frac: %.4g", rounded(c.fixed_s),
                   fmin(rounded(c.memory_frac), 1));
    if (c.ramp_bytes > 1)
      kvc_buf_printf(out, ", ramp_bytes: %.0f", rounded(c.ramp_bytes));
    if (c.flops_frac > 0)
      kvc_buf_printf(out, ", flops_frac: %.4g, half: %.4g",
                     fmin(rounded(c.flops_frac), 1), rounded(c.half));
    kvc_buf_printf(out,
                   ", sharpness: %.4g, rows: %lld, median_err: %.3f, p90_err: %.3f, "
                   "left_out_err: %.3f}\n",
                   c.sharpness, (long long)c.rows, c.median_err, c.p90_err,
                   c.left_out_err);
  }
}

static bool named(const struct kvc_kernels *k, const char *gpu)
{
  if (kvc_name_equal(k->name, gpu)) return true;
  for (size_t i = 0; i < k->n_aliases; i++)
    if (kvc_name_equal(k->aliases[i], gpu)) return true;
  return false;
}

/* Formats that a GPU has no measurements of: the mean over the others. */
static void complete(struct kvc_kernels *out, const struct kvc_kernels *mean)
{
  for (size_t i = 0; i < mean->n_curves && out->n_curves < KVC_MAX_CURVES; i++) {
    const struct kvc_curve *c = &mean->curves[i];
    if (c->ranks == 0 && kvc_kernels_curve(out, c->op, c->fmt, 0) == NULL)
      out->curves[out->n_curves++] = *c;
  }
}

enum { MOST = 64 };

/* All profiles of a database and their mean, latest overlay first. */
struct kernels_pool {
  const struct kvc_kernels *all[MOST];
  size_t n;
  struct kvc_kernels mean;
};

static kvc_code gather(struct kvc_db *db, struct kvc_err *err)
{
  struct kernels_pool *p = kvc_arena_alloc(db->arena, 1, sizeof *p);
  if (p == NULL) return kvc_arena_full(db->arena, "kernels", err);
  for (size_t i = db->n_files; i-- > 0 && p->n < MOST;) {
    struct db_file *f = &db->files[i];
    struct node *root;
    if (f->kind != KVC_KIND_KERNELS || f->hidden) continue;
    KVC_TRY(db_root(db, f, &root, err));
    const struct reader r = {db->arena, f->path, err};
    struct kvc_kernels *k = kvc_arena_alloc(db->arena, 1, sizeof *k);
    if (k == NULL) return kvc_arena_full(db->arena, f->path, err);
    KVC_TRY(kernels_from_node(&r, root, k));
    p->all[p->n++] = k;
  }
  kvc_kernels_mean(p->all, p->n, &p->mean);
  db->kernels = p;
  return KVC_E_OK;
}

kvc_code kvc_db_kernels(struct kvc_db *db, const char *gpu, const char *architecture,
                        struct kvc_kernels *out, enum kvc_kernels_match *match,
                        struct kvc_err *err)
{
  const struct kvc_kernels *family[MOST], *own = NULL;
  size_t n = 0;
  if (db->kernels == NULL) KVC_TRY(gather(db, err));
  const struct kernels_pool *p = db->kernels;
  for (size_t i = 0; i < p->n; i++) {
    if (own == NULL && named(p->all[i], gpu)) own = p->all[i];
    if (architecture != NULL && kvc_name_equal(p->all[i]->architecture, architecture))
      family[n++] = p->all[i];
  }
  *match = n > 0 ? KVC_KERNELS_ARCHITECTURE : KVC_KERNELS_MEAN;
  if (own != NULL) {
    *out = *own;
    *match = KVC_KERNELS_MEASURED;
  } else if (n > 0) {
    kvc_kernels_mean(family, n, out);
  } else {
    *out = p->mean;
  }
  complete(out, &p->mean);
  return KVC_E_OK;
}
