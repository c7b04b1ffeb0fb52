/* db.c - the database: embedded facts, overlays, and what is in them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "db.h"
#include "metrics_room.h"
#include "monitor_room.h"
#include "terms_room.h"
#include <stdlib.h>
#include <string.h>

enum { SPARE_FILES = 2400, SPARE_NAMES = 6000 };

kvc_code kvc_db_open(struct kvc_arena *arena, const char *const *dirs, size_t n,
                     struct kvc_db **db, struct kvc_err *err)
{
  struct kvc_db *made = kvc_arena_alloc(arena, 1, sizeof *made);
  const size_t spare = n > 0 ? SPARE_FILES : 0;
  if (made == NULL) return kvc_arena_full(arena, "profiles", err);
  made->arena = arena;
  made->room_files = kvc_embedded_file_count + spare;
  made->files = kvc_arena_alloc(arena, made->room_files, sizeof *made->files);
  if (made->files == NULL) return kvc_arena_full(arena, "profiles", err);
  for (size_t i = 0; i < kvc_embedded_file_count; i++) {
    const struct embedded_file *e = &kvc_embedded_files[i];
    made->files[made->n_files++] = (struct db_file){
        .path = e->path,
        .relative = e->path + sizeof "profiles/" - 1,
        .name = e->name,
        .kind = (enum kvc_kind)e->kind,
        .text = (const char *)kvc_embedded_blob + e->text_at,
        .len = e->text_len,
        .packed = kvc_embedded_blob + e->packed_at,
    };
  }
  if (n > 0) {
    made->room_extra = SPARE_NAMES;
    made->extra = kvc_arena_alloc(arena, made->room_extra, sizeof *made->extra);
    if (made->extra == NULL) return kvc_arena_full(arena, "profiles", err);
  }
  for (size_t i = 0; i < n; i++) KVC_TRY(db_overlay(made, dirs[i], err));
  *db = made;
  return KVC_E_OK;
}

kvc_code db_root(struct kvc_db *db, struct db_file *file, struct node **root,
                 struct kvc_err *err)
{
  if (file->root == NULL) {
    struct node *made;
    if (file->packed != NULL)
      KVC_TRY(profile_unpack(db->arena, file->packed, file->path, &made, err));
    else
      KVC_TRY(profile_parse(db->arena, file->text, file->len, file->path, &made, err));
    file->root = made;
  }
  *root = file->root;
  return KVC_E_OK;
}

kvc_code db_add_name(struct kvc_db *db, const char *spelling, enum kvc_kind kind,
                     enum name_role role, size_t file, struct kvc_err *err)
{
  char norm[256];
  if (db->n_extra == db->room_extra)
    return kvc_fail(err, KVC_E_LIMIT, db->files[file].path,
                    "more than %d names in overlays", SPARE_NAMES);
  kvc_name_normalize(spelling, norm, sizeof norm);
  const char *copy = kvc_arena_strdup(db->arena, norm);
  if (copy == NULL) return kvc_arena_full(db->arena, db->files[file].path, err);
  db->extra[db->n_extra++] = (struct db_name){copy, spelling, kind, role, file};
  return KVC_E_OK;
}

/* ---- names ---- */

static struct db_name embedded_name(size_t i)
{
  const struct embedded_name *e = &kvc_embedded_names[i];
  return (struct db_name){e->norm, e->spelling, (enum kvc_kind)e->kind,
                          (enum name_role)e->role, e->file};
}

/* First embedded name not below (kind, norm). */
static size_t lower_bound(enum kvc_kind kind, const char *norm)
{
  size_t lo = 0, hi = kvc_embedded_name_count;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    const struct embedded_name *e = &kvc_embedded_names[mid];
    const bool below = e->kind < (unsigned)kind ||
                       (e->kind == (unsigned)kind && strcmp(e->norm, norm) < 0);
    if (below)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static bool fits(const struct db_name *n, enum kvc_kind kind, const char *norm,
                 bool prefix)
{
  if (n->kind != kind) return false;
  return prefix ? strncmp(n->norm, norm, strlen(norm)) == 0 : strcmp(n->norm, norm) == 0;
}

void db_names(const struct kvc_db *db, enum kvc_kind kind, const char *norm, bool prefix,
              db_seen *seen, void *ctx)
{
  for (size_t i = db->n_extra; i-- > 0;) {
    const struct db_name *n = &db->extra[i];
    if (fits(n, kind, norm, prefix) && !db->files[n->file].hidden && !seen(ctx, n))
      return;
  }
  for (size_t i = lower_bound(kind, norm); i < kvc_embedded_name_count; i++) {
    const struct db_name n = embedded_name(i);
    if (!fits(&n, kind, norm, prefix)) return;
    if (!db->files[n.file].hidden && !seen(ctx, &n)) return;
  }
}

void db_each_name(const struct kvc_db *db, enum kvc_kind kind, db_seen *seen, void *ctx)
{
  db_names(db, kind, "", true, seen, ctx);
}

/* ---- engines and citations ---- */

static struct db_file *file_named(struct kvc_db *db, const char *relative)
{
  for (size_t i = db->n_files; i-- > 0;)
    if (!db->files[i].hidden && strcmp(db->files[i].relative, relative) == 0)
      return &db->files[i];
  return NULL;
}

kvc_code kvc_db_engine(struct kvc_db *db, const char *name, struct kvc_engine **out,
                       struct kvc_err *err)
{
  if (strcmp(name, "vllm") != 0)
    return kvc_fail(err, KVC_E_UNKNOWN, "engine", "\"%.60s\" is not known; vllm is",
                    name);
  if (db->engine == NULL) {
    struct db_file *e = file_named(db, "engines/vllm/engine.yaml");
    struct db_file *f = file_named(db, "engines/vllm/flags.yaml");
    struct node *e_root, *f_root;
    if (e == NULL || f == NULL)
      return kvc_fail(err, KVC_E_INTERNAL, "engines/vllm", "is not in the database");
    KVC_TRY(db_root(db, e, &e_root, err));
    KVC_TRY(db_root(db, f, &f_root, err));
    const struct reader re = {db->arena, e->path, err}, rf = {db->arena, f->path, err};
    struct kvc_engine *made;
    KVC_TRY(engine_from_nodes(&re, e_root, &rf, f_root, &made));
    db->engine = made;
  }
  *out = db->engine;
  return KVC_E_OK;
}

kvc_code kvc_db_metrics(struct kvc_db *db, const char *engine, struct kvc_metrics **out,
                        struct kvc_err *err)
{
  struct kvc_engine *e;
  KVC_TRY(kvc_db_engine(db, engine, &e, err));
  if (db->metrics == NULL) {
    struct db_file *f = file_named(db, "engines/vllm/metrics.yaml");
    struct node *root;
    if (f == NULL)
      return kvc_fail(err, KVC_E_INTERNAL, "engines/vllm", "is not in the database");
    KVC_TRY(db_root(db, f, &root, err));
    const struct reader r = {db->arena, f->path, err};
    struct kvc_metrics *made;
    KVC_TRY(metrics_from_node(&r, root, e, &made));
    db->metrics = made;
  }
  *out = db->metrics;
  return KVC_E_OK;
}

kvc_code kvc_db_monitor(struct kvc_db *db, const char *engine,
                        const struct kvc_monitor_book **out, struct kvc_err *err)
{
  struct kvc_engine *e;
  KVC_TRY(kvc_db_engine(db, engine, &e, err));
  if (db->monitor == NULL) {
    struct db_file *a = file_named(db, "engines/vllm/alerts.yaml");
    struct db_file *d = file_named(db, "engines/vllm/dashboard.yaml");
    struct node *a_root, *d_root;
    if (a == NULL || d == NULL)
      return kvc_fail(err, KVC_E_INTERNAL, "engines/vllm", "is not in the database");
    KVC_TRY(db_root(db, a, &a_root, err));
    KVC_TRY(db_root(db, d, &d_root, err));
    const struct reader ra = {db->arena, a->path, err}, rd = {db->arena, d->path, err};
    struct kvc_monitor_book *made = kvc_arena_alloc(db->arena, 1, sizeof *made);
    if (made == NULL) return kvc_arena_full(db->arena, "the alerts", err);
    KVC_TRY(alerts_from_node(&ra, a_root, e, made));
    KVC_TRY(dashboard_from_node(&rd, d_root, made));
    db->monitor = made;
  }
  *out = db->monitor;
  return KVC_E_OK;
}

kvc_code kvc_db_terms(struct kvc_db *db, struct kvc_terms **out, struct kvc_err *err)
{
  if (db->terms == NULL) {
    const struct reader all = {db->arena, "terms", err};
    struct kvc_terms **files = kvc_arena_alloc(db->arena, db->n_files + 1, sizeof *files);
    struct kvc_terms *made;
    size_t n = 0;
    if (files == NULL) return kvc_arena_full(db->arena, "terms", err);
    for (size_t i = db->n_files; i-- > 0;) {
      struct db_file *f = &db->files[i];
      const struct reader r = {db->arena, f->path, err};
      struct node *root;
      if (f->kind != KVC_KIND_TERM || f->hidden) continue;
      KVC_TRY(db_root(db, f, &root, err));
      KVC_TRY(terms_from_node(&r, root, &files[n++]));
    }
    KVC_TRY(terms_merge(&all, files, n, &made));
    db->terms = made;
  }
  *out = db->terms;
  return KVC_E_OK;
}

const struct kvc_cite *kvc_db_cite(struct kvc_db *db, const char *key)
{
  struct kvc_err ignored;
  if (key == NULL) return NULL;
  if (strcmp(key, "user") == 0) {
    static const struct kvc_cite user = {"user", "given by the user", "the user", NULL,
                                         NULL};
    return &user;
  }
  for (size_t i = db->n_files; i-- > 0;) {
    struct db_file *f = &db->files[i];
    struct node *root;
    if (f->kind != KVC_KIND_CITATION || f->hidden) continue;
    if (db_root(db, f, &root, &ignored) != KVC_E_OK) continue;
    const struct node *entry = profile_node_get(root, key);
    if (entry == NULL) continue;
    struct kvc_cite *c = kvc_arena_alloc(db->arena, 1, sizeof *c);
    const struct reader r = {db->arena, f->path, &ignored};
    return c != NULL && cite_from_node(&r, entry, c) == KVC_E_OK ? c : NULL;
  }
  return NULL;
}

/* ---- lists and texts ---- */

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of one kind: of files, or the keys of the citation files. */
static kvc_code list_names(struct kvc_db *db, enum kvc_kind kind, const char **out,
                           size_t *count, struct kvc_err *err)
{
  size_t n = 0;
  for (size_t i = 0; i < db->n_files; i++) {
    struct db_file *f = &db->files[i];
    if (f->kind != kind || f->hidden) continue;
    if (kind == KVC_KIND_CITATION) {
      struct node *root;
      KVC_TRY(db_root(db, f, &root, err));
      for (const struct node *c = root->first; c != NULL; c = c->next) {
        if (out != NULL) out[n] = c->key;
        n++;
      }
    } else if (f->name != NULL) {
      if (out != NULL) out[n] = f->name;
      n++;
    }
  }
  *count = n;
  return KVC_E_OK;
}

static kvc_code list_terms(struct kvc_db *db, const char *const **names, size_t *count,
                           struct kvc_err *err)
{
  struct kvc_terms *terms;
  KVC_TRY(kvc_db_terms(db, &terms, err));
  const size_t n = kvc_terms_count(terms);
  const char **list = kvc_arena_alloc(db->arena, n + 1, sizeof *list);
  if (list == NULL) return kvc_arena_full(db->arena, "terms", err);
  for (size_t i = 0; i < n; i++) list[i] = kvc_terms_at(terms, i)->name;
  qsort(list, n, sizeof *list, by_text);
  *names = list;
  *count = n;
  return KVC_E_OK;
}

kvc_code kvc_db_list(struct kvc_db *db, enum kvc_kind kind, const char *const **names,
                     size_t *count, struct kvc_err *err)
{
  static const char *const engines[] = {"vllm"};
  size_t n = 0;
  if (kind == KVC_KIND_ENGINE) {
    *names = engines;
    *count = 1;
    return KVC_E_OK;
  }
  if (kind == KVC_KIND_TERM) return list_terms(db, names, count, err);
  KVC_TRY(list_names(db, kind, NULL, &n, err));
  const char **list = kvc_arena_alloc(db->arena, n + 1, sizeof *list);
  if (list == NULL) return kvc_arena_full(db->arena, "profiles", err);
  KVC_TRY(list_names(db, kind, list, &n, err));
  qsort(list, n, sizeof *list, by_text);
  *names = list;
  *count = n;
  return KVC_E_OK;
}

static kvc_code text_of_file(struct kvc_db *db, struct db_file *f, const char *asked,
                             const char **text, size_t *len, struct kvc_match *match)
{
  *text = f->text;
  *len = f->len;
  *match = (struct kvc_match){.asked = asked,
                              .name = f->name != NULL ? f->name : asked,
                              .file = f->path,
                              .embedded = f->packed != NULL};
  (void)db;
  return KVC_E_OK;
}

kvc_code kvc_db_text(struct kvc_db *db, enum kvc_kind kind, const char *name,
                     const char **text, size_t *len, struct kvc_match *match,
                     struct kvc_err *err)
{
  struct kvc_match m = {0};
  if (kind == KVC_KIND_GPU) {
    struct kvc_gpu ignored;
    KVC_TRY(kvc_db_gpu(db, name, &ignored, &m, err));
  } else if (kind == KVC_KIND_MODEL) {
    struct kvc_model ignored;
    KVC_TRY(kvc_db_model(db, name, &ignored, &m, err));
  } else if (kind == KVC_KIND_ENGINE && strcmp(name, "vllm") == 0) {
    return text_of_file(db, file_named(db, "engines/vllm/engine.yaml"), name, text, len,
                        match);
  } else if (kind == KVC_KIND_CITATION) {
    for (size_t i = db->n_files; i-- > 0;) {
      struct node *root;
      if (db->files[i].kind != KVC_KIND_CITATION || db->files[i].hidden) continue;
      KVC_TRY(db_root(db, &db->files[i], &root, err));
      if (profile_node_get(root, name) != NULL)
        return text_of_file(db, &db->files[i], name, text, len, match);
    }
  }
  for (size_t i = db->n_files; kind == KVC_KIND_TERM && i-- > 0;) {
    const struct reader r = {db->arena, db->files[i].path, err};
    struct node *root;
    struct kvc_terms *terms;
    if (db->files[i].kind != kind || db->files[i].hidden) continue;
    KVC_TRY(db_root(db, &db->files[i], &root, err));
    KVC_TRY(terms_from_node(&r, root, &terms));
    if (kvc_terms_find(terms, name) != NULL)
      return text_of_file(db, &db->files[i], name, text, len, match);
  }
  for (size_t i = db->n_files;
       (kind == KVC_KIND_WORKLOAD || kind == KVC_KIND_KERNELS) && i-- > 0;)
    if (db->files[i].kind == kind && !db->files[i].hidden &&
        kvc_name_equal(db->files[i].name, name))
      return text_of_file(db, &db->files[i], name, text, len, match);
  for (size_t i = db->n_files; m.file != NULL && i-- > 0;)
    if (strcmp(db->files[i].path, m.file) == 0)
      return text_of_file(db, &db->files[i], name, text, len, match);
  return kvc_fail(err, KVC_E_UNKNOWN, "profiles", "\"%.80s\" is not in the database",
                  name);
}

/* ---- check ---- */

struct check {
  struct kvc_db *db;
  kvc_db_report *report;
  void *ctx;
  const char *file;
  size_t faults;
};

static void fault(struct check *c, const struct kvc_err *err)
{
  c->faults++;
  c->report(c->ctx, err);
}

static void check_cite(void *ctx, const struct node *at, const char *key)
{
  struct check *c = ctx;
  struct kvc_err err;
  if (kvc_db_cite(c->db, key) != NULL) return;
  (void)kvc_fail_at(&err, KVC_E_UNKNOWN, c->file, at->line, at->col,
                    "the citation \"%.80s\" is not in citations/", key);
  fault(c, &err);
}

static kvc_code check_noun(struct kvc_db *db, const struct db_file *f, struct node *root,
                           struct kvc_err *err)
{
  const struct reader r = {db->arena, f->path, err};
  if (f->kind == KVC_KIND_GPU) {
    struct kvc_gpu ignored;
    return gpu_from_node(&r, root, &ignored);
  }
  if (f->kind == KVC_KIND_MODEL) {
    struct kvc_model ignored;
    return model_from_node(&r, root, &ignored);
  }
  if (f->kind == KVC_KIND_WORKLOAD) {
    struct kvc_demand ignored;
    return workload_from_node(&r, root, &ignored);
  }
  if (f->kind == KVC_KIND_TERM) {
    struct kvc_terms *ignored;
    return terms_from_node(&r, root, &ignored);
  }
  if (f->kind == KVC_KIND_KERNELS) {
    struct kvc_kernels ignored;
    return kernels_from_node(&r, root, &ignored);
  }
  if (f->kind != KVC_KIND_CITATION) return KVC_E_OK;
  for (const struct node *n = root->first; n != NULL; n = n->next) {
    struct kvc_cite ignored;
    KVC_TRY(cite_from_node(&r, n, &ignored));
  }
  return KVC_E_OK;
}

void kvc_db_check(struct kvc_db *db, kvc_db_report *report, void *ctx, size_t *files,
                  size_t *faults)
{
  struct check c = {.db = db, .report = report, .ctx = ctx};
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  const struct kvc_monitor_book *monitor;
  struct kvc_err err;
  *files = 0;
  for (size_t i = 0; i < db->n_files; i++) {
    struct db_file *f = &db->files[i];
    struct node *root;
    if (f->hidden) continue;
    (*files)++;
    c.file = f->path;
    if (db_root(db, f, &root, &err) != KVC_E_OK ||
        check_noun(db, f, root, &err) != KVC_E_OK) {
      fault(&c, &err);
      continue;
    }
    cites_walk(root, check_cite, &c);
  }
  if (kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK ||
      kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK ||
      kvc_db_monitor(db, "vllm", &monitor, &err) != KVC_E_OK)
    fault(&c, &err);
  *faults = c.faults;
}
