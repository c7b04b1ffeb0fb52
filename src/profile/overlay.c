/* overlay.c - a folder of the user's own facts over the embedded ones.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "db.h"
#include <dirent.h>
#include <errno.h>
#include <kvcap/file.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OVERLAY_FILES = 600 };

struct folder {
  const char *name;
  enum kvc_kind kind;
};

static const struct folder folders[] = {
    {"gpus", KVC_KIND_GPU},
    {"models", KVC_KIND_MODEL},
    {"engines/vllm", KVC_KIND_ENGINE},
    {"citations", KVC_KIND_CITATION},
    {"workloads", KVC_KIND_WORKLOAD},
    {"terms", KVC_KIND_TERM},
    {"kernels", KVC_KIND_KERNELS},
};

static bool is_yaml(const char *name)
{
  const size_t len = strlen(name);
  return name[0] != '.' && ((len > 5 && strcmp(name + len - 5, ".yaml") == 0) ||
                            (len > 4 && strcmp(name + len - 4, ".yml") == 0));
}

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kvc_code names_of(struct kvc_db *db, const struct node *root, const char *key,
                         enum name_role role, enum name_role short_role, size_t file,
                         struct kvc_err *err)
{
  const enum kvc_kind kind = db->files[file].kind;
  const struct node *list = profile_node_get(root, key);
  if (list == NULL) return KVC_E_OK;
  const struct node *first = list->type == NODE_SEQ ? list->first : list;
  for (const struct node *n = first; n != NULL;
       n = list->type == NODE_SEQ ? n->next : NULL) {
    if (n->type != NODE_SCALAR) continue;
    KVC_TRY(db_add_name(db, n->text, kind, role, file, err));
    const char *slash = strrchr(n->text, '/');
    if (kind == KVC_KIND_MODEL && slash != NULL)
      KVC_TRY(db_add_name(db, slash + 1, kind, short_role, file, err));
  }
  return KVC_E_OK;
}

/* What an earlier file calls by the same name is no longer to be seen; two files of
 * one folder may not claim a name. */
static kvc_code hide_namesakes(struct kvc_db *db, size_t at, struct kvc_err *err)
{
  const struct db_file *f = &db->files[at];
  const size_t folder = strlen(f->path) - strlen(f->relative);
  for (size_t i = 0; i < at; i++) {
    struct db_file *old = &db->files[i];
    if (old->hidden || old->kind != f->kind || old->name == NULL ||
        !kvc_name_equal(old->name, f->name))
      continue;
    if (old->packed == NULL && strlen(old->path) - strlen(old->relative) == folder &&
        strncmp(old->path, f->path, folder) == 0)
      return kvc_fail_at(err, KVC_E_CONFLICT, f->path, 1, 1,
                         "the name \"%.100s\" is taken by %.200s", f->name, old->path);
    old->hidden = true;
  }
  return KVC_E_OK;
}

static kvc_code file_add(struct kvc_db *db, const char *path, const char *relative,
                         enum kvc_kind kind, struct kvc_err *err)
{
  char *text;
  size_t len;
  struct node *root;
  if (db->n_files == db->room_files)
    return kvc_fail(err, KVC_E_LIMIT, path, "more than %d files in overlays",
                    MAX_OVERLAY_FILES);
  KVC_TRY(kvc_file_read_into(db->arena, path, KVC_PROFILE_MAX_BYTES, &text, &len, err));
  for (size_t i = 0; i < db->n_files; i++)
    if (strcmp(db->files[i].relative, relative) == 0) db->files[i].hidden = true;
  const size_t at = db->n_files++;
  struct db_file *f = &db->files[at];
  *f = (struct db_file){
      .path = path, .relative = relative, .kind = kind, .text = text, .len = len};
  KVC_TRY(db_root(db, f, &root, err));
  if (kind != KVC_KIND_GPU && kind != KVC_KIND_MODEL && kind != KVC_KIND_WORKLOAD &&
      kind != KVC_KIND_KERNELS)
    return KVC_E_OK;
  const struct node *name = profile_node_get(root, "name");
  if (name == NULL || name->type != NODE_SCALAR)
    return kvc_fail_at(err, KVC_E_PARSE, path, root->line, root->col,
                       "the key \"name\" is missing");
  f->name = name->text;
  KVC_TRY(hide_namesakes(db, at, err));
  KVC_TRY(names_of(db, root, "name", NAME_CANONICAL, NAME_SHORT, at, err));
  KVC_TRY(names_of(db, root, "aliases", NAME_ALIAS, NAME_SHORT_ALIAS, at, err));
  return names_of(db, root, "family", NAME_FAMILY, NAME_FAMILY, at, err);
}

/* The YAML files of a folder, sorted, so that the order of the disk never counts. */
static kvc_code list_folder(struct kvc_db *db, const char *path, const char **names,
                            size_t *count, bool *exists, struct kvc_err *err)
{
  DIR *dir = opendir(path);
  *count = 0;
  *exists = dir != NULL;
  if (dir == NULL) {
    if (errno == ENOENT) return KVC_E_OK;
    return kvc_fail(err, KVC_E_IO, path, "cannot be read: %s", strerror(errno));
  }
  kvc_code rc = KVC_E_OK;
  for (struct dirent *e = readdir(dir); e != NULL && rc == KVC_E_OK; e = readdir(dir)) {
    if (!is_yaml(e->d_name)) continue;
    if (*count == MAX_OVERLAY_FILES) {
      rc =
          kvc_fail(err, KVC_E_LIMIT, path, "holds more than %d files", MAX_OVERLAY_FILES);
      break;
    }
    names[*count] = kvc_arena_strdup(db->arena, e->d_name);
    if (names[*count] == NULL)
      rc = kvc_arena_full(db->arena, path, err);
    else
      (*count)++;
  }
  (void)closedir(dir);
  if (rc == KVC_E_OK) qsort(names, *count, sizeof *names, by_text);
  return rc;
}

kvc_code db_overlay(struct kvc_db *db, const char *dir, struct kvc_err *err)
{
  const char *names[MAX_OVERLAY_FILES];
  bool any = false;
  for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
    size_t n = 0;
    bool exists = false;
    const char *path = kvc_arena_printf(db->arena, "%s/%s", dir, folders[k].name);
    if (path == NULL) return kvc_arena_full(db->arena, dir, err);
    KVC_TRY(list_folder(db, path, names, &n, &exists, err));
    any = any || exists;
    for (size_t i = 0; i < n; i++) {
      const char *file = kvc_arena_printf(db->arena, "%s/%s", path, names[i]);
      const char *relative =
          kvc_arena_printf(db->arena, "%s/%s", folders[k].name, names[i]);
      if (file == NULL || relative == NULL) return kvc_arena_full(db->arena, dir, err);
      KVC_TRY(file_add(db, file, relative, folders[k].kind, err));
    }
  }
  if (any) return KVC_E_OK;
  return kvc_fail(err, KVC_E_IO, dir,
                  "is not a folder of profiles: it has none of gpus/, models/, engines/, "
                  "citations/, workloads/, terms/, kernels/");
}
