/* measured.c - running the table of measured servers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "tests/support/measured.h"
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

static bool row_split(struct kvc_arena *arena, const char *line, size_t len,
                      struct measured *row)
{
  char *text = kvc_arena_strndup(arena, line, len);
  if (text == NULL) return false;
  for (size_t c = 0; c < MEASURED_COLUMNS; c++) {
    row->col[c] = text;
    char *tab = strchr(text, '\t');
    if (tab == NULL) return c == MEASURED_COLUMNS - 1;
    *tab = '\0';
    text = tab + 1;
  }
  return false;
}

kvc_code measured_read(struct kvc_arena *arena, const char *path, struct measured **rows,
                       size_t *count, struct kvc_err *err)
{
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(arena, path, 4 << 20, &text, &len, err));
  struct measured *out = kvc_arena_alloc(arena, 1000, sizeof *out);
  if (out == NULL) return kvc_arena_full(arena, path, err);
  size_t n = 0;
  bool header = false;
  for (char *line = text; *line != '\0' && n < 1000;) {
    const size_t w = strcspn(line, "\n");
    if (*line != '#' && w > 0) {
      if (header && !row_split(arena, line, w, &out[n++]))
        return kvc_fail(err, KVC_E_PARSE, path, "row %zu does not have %d columns", n,
                        MEASURED_COLUMNS);
      header = true;
    }
    line += w + (line[w] == '\n');
  }
  *rows = out;
  *count = n;
  return KVC_E_OK;
}

double measured_num(const struct measured *row, enum measured_column col)
{
  double v = NAN;
  struct kvc_err ignored;
  if (row->col[col][0] == '\0' ||
      kvc_num_parse(row->col[col], "column", &v, &ignored) != KVC_E_OK)
    return NAN;
  return v;
}

static const char *text_or_null(const char *text)
{
  return text[0] != '\0' ? text : NULL;
}

static int64_t count_or_0(const struct measured *row, enum measured_column col)
{
  const double v = measured_num(row, col);
  return isnan(v) ? 0 : (int64_t)v;
}

static void extras(const char *extra, struct kvc_deploy *d)
{
  const char *p = strstr(extra, "dcp=");
  if (p != NULL) d->dcp = p[4] - '0';
  if (strstr(extra, "ep") == extra) d->expert_parallel = true;
  if (strstr(extra, "mm=0") != NULL) d->mm_items = 0;
  if (strstr(extra, "spec=mtp:3") != NULL) {
    d->spec_method = "mtp";
    d->spec_tokens = 3;
  }
}

kvc_code measured_run(struct kvc_arena *arena, struct kvc_db *db,
                      const struct measured *row, struct kvc_size *out,
                      struct kvc_err *err)
{
  struct kvc_size_request req;
  kvc_size_request_init(&req);
  struct kvc_deploy *d = &req.deploy;
  const double total = measured_num(row, COL_TOTAL);
  req.model_name = row->col[COL_MODEL];
  req.gpu_name = text_or_null(row->col[COL_GPU]);
  if (!isnan(total)) req.gpu_memory_bytes = total * KVC_GIB;
  if (req.gpu_name == NULL) { /* the source names no card */
    req.gpu_name = "custom";
    if (isnan(total)) req.gpu_memory_bytes = 80 * KVC_GIB;
  }
  if (row->col[COL_VERSION][0] != '\0') {
    KVC_TRY(kvc_version_parse(row->col[COL_VERSION], "version", &d->version, err));
    d->version_given = true;
  } else if (strcmp(row->col[COL_ENGINE], "V0") == 0) {
    KVC_TRY(kvc_version_parse("0.6.6", "version", &d->version, err));
    d->version_given = true;
  }
  if (strcmp(row->col[COL_ENGINE], "V0") == 0) d->engine = KVC_ENGINE_V0;
  if (strcmp(row->col[COL_ENGINE], "V1") == 0) d->engine = KVC_ENGINE_V1;
  d->tp = (int)count_or_0(row, COL_TP);
  d->pp = (int)count_or_0(row, COL_PP);
  d->dp = (int)count_or_0(row, COL_DP);
  d->dtype = text_or_null(row->col[COL_DTYPE]);
  d->quantization = text_or_null(row->col[COL_QUANT]);
  d->kv_cache_dtype = text_or_null(row->col[COL_KV_DTYPE]);
  d->gpu_memory_utilization = measured_num(row, COL_UTIL);
  d->max_model_len_tok = count_or_0(row, COL_LEN);
  d->max_num_seqs = count_or_0(row, COL_SEQS);
  d->max_num_batched_tok = count_or_0(row, COL_BATCHED);
  d->block_size_tok = count_or_0(row, COL_BLOCK);
  d->enforce_eager = strcmp(row->col[COL_EAGER], "True") == 0 ? 1 : -1;
  extras(row->col[COL_EXTRA], d);
  return kvc_size_run(arena, db, &req, out, err);
}

double measured_tokens(const struct measured *row, const struct kvc_size *size)
{
  const double tokens = measured_num(row, COL_TOKENS);
  const double blocks = measured_num(row, COL_BLOCKS);
  if (!isnan(tokens)) return tokens;
  if (isnan(blocks) || !size->memory.layout.uniform) return NAN;
  return blocks * (double)size->memory.layout.block_size_tok;
}

double measured_error(const struct measured *row, const struct kvc_size *size)
{
  const double conc = measured_num(row, COL_CONCURRENCY);
  const double per = size->memory.layout.bytes_per_token;
  double got = size->memory.tokens.value, want = measured_tokens(row, size);
  if (size->facts.printed <= KVC_PRINT_V1_BLOCKS)
    got =
        (double)size->memory.num_gpu_blocks * (double)size->memory.layout.block_size_tok;
  double floor_tok = per > 0 ? 8 * KVC_GIB / per : 0;
  if (!size->memory.layout.uniform && !isnan(conc) && size->memory.max_concurrency > 0) {
    floor_tok *= size->memory.max_concurrency / fmax(got, 1);
    got = size->memory.max_concurrency;
    want = conc;
  }
  return isnan(want) ? (double)NAN : fabs(got - want) / fmax(want, floor_tok);
}
