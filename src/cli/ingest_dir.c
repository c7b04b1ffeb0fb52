/* ingest_dir.c - a folder of benchmark results, such as `vllm bench sweep` leaves.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "ingest_dir.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILES = 4096, MAX_DEPTH = 6 };

struct walk {
  struct cli *cli;
  const char **files;
  size_t n;
  struct kvc_err *err;
};

static bool ends(const char *name, const char *with)
{
  const size_t n = strlen(name), m = strlen(with);
  return n >= m && strcmp(name + n - m, with) == 0;
}

static kvc_code walk(struct walk *w, const char *path, int depth)
{
  struct kvc_arena *arena = &w->cli->arena;
  DIR *dir = opendir(path);
  kvc_code rc = KVC_E_OK;
  if (dir == NULL)
    return kvc_fail(w->err, KVC_E_IO, path, "cannot be read: %s", strerror(errno));
  for (const struct dirent *e; rc == KVC_E_OK && (e = readdir(dir)) != NULL;) {
    struct stat st;
    if (e->d_name[0] == '.') continue;
    const char *file = kvc_arena_printf(arena, "%s/%s", path, e->d_name);
    if (file == NULL) {
      rc = kvc_arena_full(arena, path, w->err);
    } else if (lstat(file, &st) != 0) {
      continue;
    } else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
      rc = walk(w, file, depth + 1);
    } else if (S_ISREG(st.st_mode) &&
               (ends(file, ".json") || ends(file, ".jsonl") || ends(file, ".csv"))) {
      if (w->n == MAX_FILES)
        rc = kvc_fail(w->err, KVC_E_LIMIT, path, "holds more than %d results", MAX_FILES);
      else
        w->files[w->n++] = file;
    }
  }
  (void)closedir(dir);
  return rc;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A summary beside the runs that it sums up. */
static bool repeats(const struct walk *w, size_t i)
{
  const char *slash = strrchr(w->files[i], '/');
  if (!ends(w->files[i], "/summary.json") && !ends(w->files[i], "/summary.csv"))
    return false;
  const size_t folder = (size_t)(slash - w->files[i]) + 1;
  for (size_t k = 0; k < w->n; k++)
    if (k != i && strncmp(w->files[k], w->files[i], folder) == 0 &&
        !ends(w->files[k], "/summary.json") && !ends(w->files[k], "/summary.csv"))
      return true;
  return false;
}

static kvc_code join(struct ingest *in, struct kvc_bench_set *all,
                     const struct kvc_bench_set *one, size_t *room, struct kvc_err *err)
{
  struct kvc_arena *arena = &in->cli->arena;
  if (all->n_records + one->n_records > *room) {
    *room = 2 * (all->n_records + one->n_records);
    struct kvc_bench *records = kvc_arena_alloc(arena, *room, sizeof *records);
    if (records == NULL) return kvc_arena_full(arena, all->where, err);
    if (all->n_records > 0)
      memcpy(records, all->records, all->n_records * sizeof *records);
    all->records = records;
  }
  for (size_t i = 0; i < one->n_records; i++)
    all->records[all->n_records++] = one->records[i];
  return KVC_E_OK;
}

kvc_code ingest_folder(struct ingest *in, const char *path, struct kvc_record *out,
                       struct kvc_err *err)
{
  struct kvc_arena *arena = &in->cli->arena;
  struct walk w = {.cli = in->cli, .err = err};
  struct kvc_bench_set *all = kvc_arena_alloc(arena, 1, sizeof *all);
  size_t room = 0, left_out = 0;
  w.files = kvc_arena_alloc(arena, MAX_FILES, sizeof *w.files);
  if (w.files == NULL || all == NULL) return kvc_arena_full(arena, path, err);
  KVC_TRY(walk(&w, path, 0));
  qsort(w.files, w.n, sizeof *w.files, by_name);
  all->where = path;
  for (size_t i = 0; i < w.n; i++) {
    struct kvc_record one;
    struct kvc_err why;
    if (repeats(&w, i)) continue;
    const kvc_code rc = ingest_read(in, w.files[i], INGEST_BENCH, &one, &why);
    if (rc == KVC_E_LIMIT || rc == KVC_E_IO) {
      *err = why;
      return rc;
    }
    if (rc == KVC_E_OK)
      KVC_TRY(join(in, all, one.bench, &room, err));
    else
      left_out++; /* other JSON lies beside results */
  }
  if (all->n_records == 0)
    return kvc_fail(err, KVC_E_UNKNOWN, path, "holds no benchmark result in %zu files",
                    w.n);
  if (left_out > 0) {
    const char **notes = kvc_arena_alloc(arena, 1, sizeof *notes);
    const char *note =
        kvc_arena_printf(arena, "%zu files are no benchmark results", left_out);
    if (notes == NULL || note == NULL) return kvc_arena_full(arena, path, err);
    notes[0] = note;
    all->notes = notes;
    all->n_notes = 1;
  }
  out->bench = all;
  out->kind = "benchmark";
  return KVC_E_OK;
}
