/* db.h - an open database; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_DB_H
#define PROFILE_DB_H

#include "embedded.h"
#include "nouns.h"

/* One file, embedded or of an overlay; its tree is made when first asked for. */
struct db_file {
  const char *path, *relative; /* as shown; "gpus/x.yaml" */
  const char *name;            /* canonical name in it, NULL for citations */
  enum kvc_kind kind;
  const char *text;
  size_t len;
  const unsigned char *packed; /* NULL: an overlay's, parsed from text */
  struct node *root;
  bool hidden; /* an overlay has a file of the same relative path */
};

struct db_name {
  const char *norm, *spelling;
  enum kvc_kind kind;
  enum name_role role;
  size_t file;
};

struct kvc_db {
  struct kvc_arena *arena;
  struct db_file *files;
  size_t n_files, room_files;
  struct db_name *extra; /* names of overlays, in the order they were read */
  size_t n_extra, room_extra;
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  struct kvc_monitor_book *monitor;
  struct kvc_terms *terms;
  struct kernels_pool *kernels; /* read when first asked for */
};

/* The tree of a file. */
kvc_code db_root(struct kvc_db *db, struct db_file *file, struct node **root,
                 struct kvc_err *err) KVC_MUST_USE;
kvc_code db_add_name(struct kvc_db *db, const char *spelling, enum kvc_kind kind,
                     enum name_role role, size_t file, struct kvc_err *err) KVC_MUST_USE;

/* Walks the names of a kind whose normalised spelling is 'norm' (or starts with it):
 * overlays first, latest first.  The callback returns false to stop. */
typedef bool db_seen(void *ctx, const struct db_name *name);
void db_names(const struct kvc_db *db, enum kvc_kind kind, const char *norm, bool prefix,
              db_seen *seen, void *ctx);
/* All spellings of a kind, for suggestions. */
void db_each_name(const struct kvc_db *db, enum kvc_kind kind, db_seen *seen, void *ctx);

/* overlay.c */
kvc_code db_overlay(struct kvc_db *db, const char *dir, struct kvc_err *err) KVC_MUST_USE;

/* lookup.c: fills match->name, file, embedded; KVC_E_UNKNOWN with suggestions. */
kvc_code db_unknown(struct kvc_db *db, enum kvc_kind kind, const char *flag,
                    const char *asked, const char *advice, struct kvc_err *err);
void db_match(const struct kvc_db *db, const char *asked, size_t file,
              struct kvc_match *match);

#endif
