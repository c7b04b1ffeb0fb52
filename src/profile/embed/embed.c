/* embed.c - packs profiles/ into the program; run by the build.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: embed OUT.c OUT.bin ROOT FILE...
 *
 * Writes OUT.bin (texts and packed trees) and OUT.c (index; takes in OUT.bin with
 * .incbin).  A malformed file or a name that two files claim stops the build.
 */
#include "../embedded.h"
#include "../node.h"
#include <kvcap/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 4000, MAX_NAMES = 40000 };

struct entry {
  struct embedded_name n;
};

static struct embedded_file files[MAX_FILES];
static struct entry names[MAX_NAMES];
static size_t n_files, n_names;
static struct kvc_arena arena;
static struct kvc_buf blob;

static void die(const char *where, const char *what)
{
  (void)fprintf(stderr, "embed: %s: %s\n", where, what);
  exit(1);
}

static enum kvc_kind kind_of(const char *path)
{
  if (strncmp(path, "gpus/", 5) == 0) return KVC_KIND_GPU;
  if (strncmp(path, "models/", 7) == 0) return KVC_KIND_MODEL;
  if (strncmp(path, "engines/", 8) == 0) return KVC_KIND_ENGINE;
  if (strncmp(path, "workloads/", 10) == 0) return KVC_KIND_WORKLOAD;
  if (strncmp(path, "terms/", 6) == 0) return KVC_KIND_TERM;
  if (strncmp(path, "kernels/", 8) == 0) return KVC_KIND_KERNELS;
  return KVC_KIND_CITATION;
}

static void name_add(const char *spelling, enum kvc_kind kind, enum name_role role)
{
  char norm[256];
  if (n_names == MAX_NAMES) die(spelling, "too many names");
  kvc_name_normalize(spelling, norm, sizeof norm);
  names[n_names++].n =
      (struct embedded_name){kvc_arena_strdup(&arena, norm), spelling, (uint16_t)kind,
                             (uint16_t)role, (uint16_t)n_files};
}

static void name_list(const struct node *root, const char *key, enum kvc_kind kind,
                      enum name_role role)
{
  const struct node *list = profile_node_get(root, key);
  if (list == NULL || list->type != NODE_SEQ) return;
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    if (n->type != NODE_SCALAR) continue;
    name_add(n->text, kind, role);
    const char *slash = strrchr(n->text, '/');
    if (kind == KVC_KIND_MODEL && slash != NULL)
      name_add(slash + 1, kind, NAME_SHORT_ALIAS);
  }
}

static void file_add(const char *root_dir, const char *path)
{
  char full[4096];
  char *text;
  size_t len;
  struct node *root;
  struct kvc_err err;
  if (n_files == MAX_FILES) die(path, "too many files");
  (void)snprintf(full, sizeof full, "%s/%s", root_dir, path);
  if (kvc_file_read_into(&arena, full, KVC_PROFILE_MAX_BYTES, &text, &len, &err) !=
          KVC_E_OK ||
      profile_parse(&arena, text, len, path, &root, &err) != KVC_E_OK) {
    (void)fprintf(stderr, "embed: %s:%d:%d: %s\n", path, err.line, err.col, err.msg);
    exit(1);
  }
  struct embedded_file *f = &files[n_files];
  f->path = kvc_arena_printf(&arena, "profiles/%s", path);
  f->kind = kind_of(path);
  f->text_at = (uint32_t)blob.len;
  f->text_len = (uint32_t)len;
  kvc_buf_add(&blob, text, len);
  kvc_buf_add(&blob, "", 1);
  f->packed_at = (uint32_t)blob.len;
  profile_pack(root, &blob);
  if (f->kind == KVC_KIND_GPU || f->kind == KVC_KIND_MODEL ||
      f->kind == KVC_KIND_WORKLOAD || f->kind == KVC_KIND_KERNELS) {
    const struct node *name = profile_node_get(root, "name");
    if (name == NULL || name->type != NODE_SCALAR)
      die(path, "the key \"name\" is missing");
    f->name = name->text;
    name_add(name->text, f->kind, NAME_CANONICAL);
    const char *slash = strrchr(name->text, '/');
    if (f->kind == KVC_KIND_MODEL && slash != NULL)
      name_add(slash + 1, f->kind, NAME_SHORT);
    name_list(root, "aliases", f->kind, NAME_ALIAS);
    name_list(root, "family", f->kind, NAME_FAMILY);
  }
  n_files++;
}

static int by_name(const void *a, const void *b)
{
  const struct embedded_name *x = &((const struct entry *)a)->n;
  const struct embedded_name *y = &((const struct entry *)b)->n;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  const int c = strcmp(x->norm, y->norm);
  if (c != 0) return c;
  if (x->role != y->role) return x->role < y->role ? -1 : 1;
  return x->file < y->file ? -1 : x->file > y->file;
}

/* Only names without organisation may be shared; the rest must be unique. */
static void names_check(void)
{
  qsort(names, n_names, sizeof *names, by_name);
  for (size_t i = 1; i < n_names; i++) {
    const struct embedded_name *a = &names[i - 1].n, *b = &names[i].n;
    if (a->kind != b->kind || strcmp(a->norm, b->norm) != 0 || a->file == b->file)
      continue;
    if (b->role >= NAME_SHORT) continue;
    (void)fprintf(stderr, "embed: the name \"%s\" is claimed by %s and %s\n", b->spelling,
                  files[a->file].path, files[b->file].path);
    exit(1);
  }
}

static void put_string(struct kvc_buf *out, const char *text)
{
  if (text == NULL) {
    kvc_buf_puts(out, "NULL");
    return;
  }
  kvc_buf_puts(out, "\"");
  for (const char *p = text; *p != '\0'; p++) {
    const unsigned char c = (unsigned char)*p;
    if (c == '"' || c == '\\' || c == '?' || c < 0x20 || c > 0x7E)
      kvc_buf_printf(out, "\\%03o", c);
    else
      kvc_buf_add(out, p, 1);
  }
  kvc_buf_puts(out, "\"");
}

static void index_write(struct kvc_buf *out, const char *bin)
{
  kvc_buf_puts(out, "/* Made by the build from profiles/; not to be edited. */\n"
                    "#include \"embedded.h\"\n#include <stddef.h>\n"
                    "__asm__(\".section .rodata\\n\"\n"
                    "        \".global kvc_embedded_blob\\n\"\n"
                    "        \".balign 16\\n\"\n"
                    "        \"kvc_embedded_blob:\\n\"\n"
                    "        \".incbin \\\"");
  kvc_buf_puts(out, bin);
  kvc_buf_puts(out, "\\\"\\n\"\n        \".byte 0\\n\"\n        \".previous\\n\");\n"
                    "const struct embedded_file kvc_embedded_files[] = {\n");
  for (size_t i = 0; i < n_files; i++) {
    kvc_buf_puts(out, "  {");
    put_string(out, files[i].path);
    kvc_buf_puts(out, ", ");
    put_string(out, files[i].name);
    kvc_buf_printf(out, ", %u, %u, %u, %u},\n", files[i].kind, files[i].text_at,
                   files[i].text_len, files[i].packed_at);
  }
  kvc_buf_printf(out,
                 "};\nconst size_t kvc_embedded_file_count = %zu;\n"
                 "const struct embedded_name kvc_embedded_names[] = {\n",
                 n_files);
  for (size_t i = 0; i < n_names; i++) {
    kvc_buf_puts(out, "  {");
    put_string(out, names[i].n.norm);
    kvc_buf_puts(out, ", ");
    put_string(out, names[i].n.spelling);
    kvc_buf_printf(out, ", %u, %u, %u},\n", names[i].n.kind, names[i].n.role,
                   names[i].n.file);
  }
  kvc_buf_printf(out, "};\nconst size_t kvc_embedded_name_count = %zu;\n", n_names);
}

int main(int argc, char **argv)
{
  struct kvc_buf index;
  struct kvc_err err;
  if (argc < 5) die("usage", "embed OUT.c OUT.bin ROOT FILE...");
  kvc_arena_init(&arena, (size_t)1 << 30);
  kvc_buf_init(&blob, (size_t)1 << 28);
  kvc_buf_init(&index, (size_t)1 << 28);
  for (int i = 4; i < argc; i++) file_add(argv[3], argv[i]);
  names_check();
  index_write(&index, argv[2]);
  if (blob.full || index.full) die("profiles", "are larger than the embedding allows");
  if (kvc_file_write(argv[2], blob.text, blob.len, &err) != KVC_E_OK ||
      kvc_file_write(argv[1], index.text, index.len, &err) != KVC_E_OK)
    die(err.where, err.msg);
  (void)printf("embedded %zu files, %zu names, %zu bytes\n", n_files, n_names, blob.len);
  kvc_buf_clear(&blob);
  kvc_buf_clear(&index);
  kvc_arena_clear(&arena);
  return 0;
}
