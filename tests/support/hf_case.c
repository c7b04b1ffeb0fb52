/* hf_case.c - reads tests/data/hf-params.tsv.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "tests/support/hf_case.h"
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <string.h>

enum { COLUMNS = 5, MAX_CASES = 256 };

static kvc_code row_read(char *line, struct hf_case *out, struct kvc_err *err)
{
  char *col[COLUMNS];
  for (size_t i = 0; i < COLUMNS; i++) {
    col[i] = line;
    line = line != NULL ? strchr(line, '\t') : NULL;
    if (line != NULL) *line++ = '\0';
    if (line == NULL && i + 1 < COLUMNS)
      return kvc_fail(err, KVC_E_PARSE, "hf-params.tsv", "a row has too few columns");
  }
  KVC_TRY(kvc_num_parse(col[1], col[0], &out->params, err));
  KVC_TRY(kvc_num_parse(col[3], col[0], &out->rtol, err));
  out->name = col[0];
  out->with_mtp = col[2][0] == '1';
  out->config = col[4];
  return KVC_E_OK;
}

kvc_code hf_cases_read(struct kvc_arena *arena, struct hf_case **cases, size_t *count,
                       struct kvc_err *err)
{
  char *text;
  size_t len;
  KVC_TRY(
      kvc_file_read_into(arena, "tests/data/hf-params.tsv", 1 << 20, &text, &len, err));
  struct hf_case *rows = kvc_arena_alloc(arena, MAX_CASES, sizeof *rows);
  if (rows == NULL) return kvc_arena_full(arena, "hf-params.tsv", err);
  size_t n = 0;
  while (text != NULL && *text != '\0' && n < MAX_CASES) {
    char *next = strchr(text, '\n');
    if (next != NULL) *next++ = '\0';
    if (*text != '#' && *text != '\0') {
      KVC_TRY(row_read(text, &rows[n], err));
      n++;
    }
    text = next;
  }
  *cases = rows;
  *count = n;
  return KVC_E_OK;
}

const struct hf_case *hf_case_find(const struct hf_case *cases, size_t count,
                                   const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(cases[i].name, name) == 0) return &cases[i];
  return NULL;
}
