/* profile_kit.h - what the tests of src/profile/ share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_PROFILE_KIT_H
#define KVC_TESTS_PROFILE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <kvcap/file.h>
#include <kvcap/profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A GPU profile that uses every kind of value. */
static const char kit_gpu[] =
    "name: Toy-80\n"
    "vendor: nvidia\n"
    "architecture: Toy\n"
    "form_factor: SXM\n"
    "compute_capability: \"9.0\"\n"
    "aliases: [Toy 80GB, NVIDIA Toy]\n"
    "family: [Toy]\n"
    "memory: {value: 80 GB, cite: toy-sheet}\n"
    "memory_usable: {value: 79.1 GiB, cite: toy-log, kind: measured, note: \"one "
    "print\"}\n"
    "memory_bandwidth: {value: 3.35 TB/s, cite: toy-sheet}\n"
    "bf16_dense: {value: 989 TFLOP/s, cite: user}\n"
    "tdp: {value: 700 W, cite: toy-sheet, kind: derived}\n"
    "link: NVLink4\n"
    "link_domain: 8\n"
    "prices:\n"
    "  - {usd_per_hour: 2.5, where: \"a cloud\", date: \"2026-01\", cite: toy-list}\n"
    "instances: [toy.8x]\n"
    "notes: \"no such card\"\n";

/* A hybrid mixture-of-experts model: most keys, a nested pattern. */
static const char kit_model[] =
    "name: toy/hybrid-moe\n"
    "aliases: [toy/hybrid-moe-base]\n"
    "architecture: ToyForCausalLM\n"
    "cite: toy-card\n"
    "dtype: bfloat16\n"
    "hidden: 2048\n"
    "vocab: 32000\n"
    "max_position_tok: 131072\n"
    "tie_embeddings: true\n"
    "layer_kinds:\n"
    "  s: {mixer: sliding, ffn: dense, heads: 16, kv_heads: 4, head_dim: 128, "
    "v_head_dim: 128, window_tok: 1024, ffn_width: 8192, kv_compress: 1}\n"
    "  g: {mixer: gdn, ffn: moe, ffn_width: 512, kv_compress: 1}\n"
    "  f: {mixer: full, ffn: moe, heads: 16, kv_heads: 2, head_dim: 256, v_head_dim: "
    "256, "
    "ffn_width: 512, kv_compress: 1, formats: {experts: mxfp4, attention_in: none}}\n"
    "layers: \"2s 3(2(g s) f) g\"\n"
    "mtp: \"f\"\n"
    "moe: {experts: 64, experts_per_tok: 8, gated: true}\n"
    "ssm: {conv: 4, k_heads: 16, v_heads: 32, k_dim: 128, v_dim: 128}\n"
    "quant: {kind: fp8, method: fp8, bits: 8, block_rows: 128, block_cols: 128, "
    "scale_bytes: 4}\n"
    "norms_per_layer: 2\n"
    "norm_width_factor: 1\n"
    "final_norm: true\n"
    "qk_norm: head\n"
    "mtp_layers: 1\n"
    "towers:\n"
    "  - {kind: vision, params: 4.17e8, max_item_tok: 256, hidden: 1152, layers: 27, "
    "ffn_width: 4304, patch_merge: 4}\n";

static const char kit_cites[] =
    "toy-sheet: {title: Toy data sheet, publisher: Toy, date: \"2026\"}\n"
    "toy-log: {title: Toy log, publisher: Toy, where: line 7}\n"
    "toy-list: {title: Toy prices, publisher: Toy}\n"
    "toy-card: {title: Toy card, publisher: Toy, url: \"https://example.org\"}\n";

/* An environment variable that ctest sets. */
static inline const char *kit_env(const char *name, const char *otherwise)
{
  const char *value = getenv(name);
  return value != NULL && *value != '\0' ? value : otherwise;
}

enum { KIT_PATH = 4352 };

static inline void kit_join(char out[KIT_PATH], const char *folder, const char *path)
{
  const int n = snprintf(out, KIT_PATH, "%s/%s", folder, path);
  assert_true(n > 0 && n < KIT_PATH);
}

/* A folder of its own for one test, removed by kit_remove. */
static inline void kit_folder(char out[KIT_PATH])
{
  kit_join(out, kit_env("KVC_BUILD_DIR", "."), "kvc-profile-XXXXXX");
  assert_non_null(mkdtemp(out));
}

static inline void kit_remove(const char *path)
{
  struct dirent **names;
  const int n = scandir(path, &names, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    char child[KIT_PATH];
    kit_join(child, path, names[i]->d_name);
    if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
      kit_remove(child);
    free(names[i]);
  }
  if (n >= 0) free(names);
  assert_int_equal(remove(path), 0);
}

/* Writes folder/path, making the folders on the way. */
static inline void kit_write(const char *folder, const char *path, const char *text)
{
  char full[KIT_PATH];
  struct kvc_err err;
  kit_join(full, folder, path);
  for (char *p = full + strlen(folder) + 1; *p != '\0'; p++) {
    if (*p != '/') continue;
    *p = '\0';
    (void)mkdir(full, 0777);
    *p = '/';
  }
  assert_int_equal(kvc_file_write(full, text, strlen(text), &err), KVC_E_OK);
}

/* Calls back with every .yaml file below 'folder': its path and text. */
typedef void kit_each(void *ctx, const char *path, const char *text, size_t len);
static inline size_t kit_walk(const char *folder, kit_each *each, void *ctx)
{
  struct dirent **names;
  size_t found = 0;
  const int n = scandir(folder, &names, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    char child[KIT_PATH];
    struct stat st;
    kit_join(child, folder, names[i]->d_name);
    const size_t len = strlen(child);
    if (names[i]->d_name[0] != '.' && stat(child, &st) == 0) {
      if (S_ISDIR(st.st_mode)) {
        found += kit_walk(child, each, ctx);
      } else if (len > 5 && strcmp(child + len - 5, ".yaml") == 0) {
        struct kvc_arena arena;
        struct kvc_err err;
        char *text;
        size_t size;
        kvc_arena_init(&arena, (size_t)64 << 20);
        assert_int_equal(kvc_file_read_into(&arena, child, 8 << 20, &text, &size, &err),
                         KVC_E_OK);
        each(ctx, child, text, size);
        kvc_arena_clear(&arena);
        found++;
      }
    }
    free(names[i]);
  }
  if (n >= 0) free(names);
  return found;
}

/* A path of the source tree; valid until the next call. */
static inline const char *kit_source(const char *path)
{
  static char full[KIT_PATH];
  kit_join(full, kit_env("KVC_SOURCE_DIR", "."), path);
  return full;
}

/* Every failure of a reader names the file and a position in it, and says something. */
static inline void kit_fault(const struct kvc_err *err, kvc_code rc, const char *file)
{
  assert_int_equal(err->code, rc);
  assert_string_equal(err->where, file);
  assert_true(strlen(err->msg) > 0);
  if (rc != KVC_E_LIMIT) assert_true(err->line >= 1 && err->col >= 1);
}

#endif
