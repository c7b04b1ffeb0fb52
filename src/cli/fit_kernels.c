/* fit_kernels.c - kvcap fit kernels: the profile of a GPU's kernels from their times.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fit.h"
#include <kvcap/fit.h>
#include <string.h>

static kvc_code read_tables(struct cli *cli, const struct fit_args *args,
                            struct kvc_kernel_table *out, struct kvc_err *err)
{
  enum { MAX_BYTES = 64 << 20 };
  for (size_t i = 0; i < args->n_files; i++) {
    const char *path = args->files[i];
    const size_t len = strlen(path);
    bool gz = len > 3 && strcmp(path + len - 3, ".gz") == 0;
    char *text = NULL;
    if (!gz)
      KVC_TRY(kvc_file_read_into(&cli->arena, path, MAX_BYTES, &text, &out[i].len, err));
    gz = gz || (out[i].len > 1 && memcmp(text, "\x1f\x8b", 2) == 0);
    if (gz)
      return kvc_fail(err, KVC_E_UNSUPPORTED, path,
                      "is compressed; gunzip it first and name the .csv");
    out[i].name = path;
    out[i].text = text;
  }
  return KVC_E_OK;
}

static kvc_code save(const char *path, const struct kvc_kernels *kernels,
                     struct kvc_err *err)
{
  struct kvc_buf text;
  kvc_buf_init(&text, KVC_PROFILE_MAX_BYTES);
  kvc_buf_puts(
      &text, "# Kernel coefficients, made by kvcap fit kernels from measured tables.\n");
  kvc_kernels_write(kernels, &text);
  return cli_save(path, &text, "the notes are too long for a profile", err);
}

kvc_code fit_kernels(struct cli *cli, struct fit_args *args, struct kvc_err *err)
{
  struct kvc_arena *arena = &cli->arena;
  struct cli_common common = args->size.common;
  struct kvc_kernel_table *tables = kvc_arena_alloc(arena, CLI_MAX_WORDS, sizeof *tables);
  struct kvc_kernels *kernels = kvc_arena_alloc(arena, 1, sizeof *kernels);
  struct kvc_db *db;
  struct kvc_gpu gpu;
  struct kvc_match match;
  struct kvc_doc doc;
  if (tables == NULL || kernels == NULL) return kvc_arena_full(arena, NULL, err);
  if (args->size.gpu == NULL)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--gpu is missing: the card that the times were measured on");
  if (args->n_files == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "which tables? for example: kvcap fit kernels gemm.csv --gpu H100");
  KVC_TRY(cli_open_db(cli, &common, &db, err));
  KVC_TRY(kvc_db_gpu(db, args->size.gpu, &gpu, &match, err));
  KVC_TRY(read_tables(cli, args, tables, err));
  KVC_TRY(kvc_fit_kernels(arena, &gpu, tables, args->n_files, kernels, err));
  if (kernels->n_curves == 0)
    return kvc_fail(err, KVC_E_RANGE, args->files[0],
                    "no operation and format has the 24 usable rows that a curve needs");
  kernels->cite = args->cite != NULL ? args->cite : "user";
  kernels->notes = args->notes;
  if (common.output != NULL) KVC_TRY(save(common.output, kernels, err));
  kvc_doc_init(&doc, arena);
  KVC_TRY(kvc_doc_kernels_fit(&doc, kernels, common.output, err));
  common.output = NULL; /* the profile is there, the report goes out */
  return cli_emit(cli, &common, &doc, err);
}
