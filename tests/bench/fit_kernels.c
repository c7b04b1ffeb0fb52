/* fit_kernels.c - makes profiles/kernels/<gpu>.yaml from tables of kernel times.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: bench_fit_kernels GPU CITATION NOTES FILE.csv...   (the profile on stdout)
 */
#include <kvcap/file.h>
#include <kvcap/fit.h>
#include <kvcap/profile.h>
#include <stdio.h>

enum { MAX_TABLES = 32 };

int main(int argc, char **argv)
{
  static struct kvc_kernel_table tables[MAX_TABLES];
  static struct kvc_kernels kernels;
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_err err;
  struct kvc_gpu gpu;
  struct kvc_match match;
  struct kvc_buf out;
  if (argc < 5 || argc > 4 + MAX_TABLES) {
    fprintf(stderr, "usage: %s GPU CITATION NOTES FILE.csv...\n", argv[0]);
    return 2;
  }
  const size_t n = (size_t)argc - 4;
  kvc_arena_init(&arena, (size_t)1 << 30);
  kvc_code rc = kvc_db_open(&arena, NULL, 0, &db, &err);
  if (rc == KVC_E_OK) rc = kvc_db_gpu(db, argv[1], &gpu, &match, &err);
  for (size_t i = 0; rc == KVC_E_OK && i < n; i++) {
    char *text;
    tables[i].name = argv[4 + i];
    rc = kvc_file_read_into(&arena, argv[4 + i], 64 << 20, &text, &tables[i].len, &err);
    tables[i].text = text;
  }
  if (rc == KVC_E_OK) rc = kvc_fit_kernels(&arena, &gpu, tables, n, &kernels, &err);
  if (rc != KVC_E_OK) {
    fprintf(stderr, "%s: %s\n", err.where, err.msg);
    return kvc_err_status(rc);
  }
  kernels.cite = argv[2];
  kernels.notes = argv[3];
  kvc_buf_init(&out, 1 << 20);
  kvc_buf_puts(
      &out, "# Kernel coefficients, made by bench_fit_kernels from measured tables.\n");
  kvc_kernels_write(&kernels, &out);
  fwrite(out.text, 1, out.len, stdout);
  kvc_buf_clear(&out);
  kvc_arena_clear(&arena);
  return 0;
}
