/* shard_inputs.c - what a part of a search was made from.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Digests find what changed by accident between two parts; they are no seal.
 */
#include "shard.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- FNV-1a, 64 bits ------------------------------------------------------------------
 */

struct digest {
  uint64_t hash, bytes;
};

static struct digest digest_new(void)
{
  return (struct digest){.hash = UINT64_C(14695981039346656037)};
}

static void digest_add(struct digest *d, const void *data, size_t len)
{
  const unsigned char *p = data;
  for (size_t i = 0; i < len; i++) d->hash = (d->hash ^ p[i]) * UINT64_C(1099511628211);
  d->bytes += len;
}

static void digest_text(const struct digest *d, char out[SHARD_DIGEST])
{
  (void)snprintf(out, SHARD_DIGEST, "%016llx-%llu", (unsigned long long)d->hash,
                 (unsigned long long)d->bytes);
}

/* ---- files ----------------------------------------------------------------------------
 */

static kvc_code add_file(const char *path, struct shard_head *head, struct kvc_err *err)
{
  char block[1 << 16];
  struct digest d = digest_new();
  size_t n;
  if (path == NULL) return KVC_E_OK;
  if (strcmp(path, "-") == 0)
    return kvc_fail(err, KVC_E_USAGE, "--shard",
                    "needs its input in files: kvcap merge reads them again, and "
                    "standard input is gone then");
  if (head->n_inputs == SHARD_MAX_INPUTS)
    return kvc_fail(err, KVC_E_LIMIT, path, "is one input too many");
  FILE *f = fopen(path, "rb");
  if (f == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be read: %s", strerror(errno));
  while ((n = fread(block, 1, sizeof block, f)) > 0) digest_add(&d, block, n);
  const bool bad = ferror(f) != 0;
  (void)fclose(f);
  if (bad) return kvc_fail(err, KVC_E_IO, path, "reading failed");
  struct shard_input *in = &head->inputs[head->n_inputs++];
  in->name = path;
  digest_text(&d, in->digest);
  return KVC_E_OK;
}

static bool is_file(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

kvc_code shard_inputs(const struct plan_args *args, struct shard_head *head,
                      struct kvc_err *err)
{
  const struct size_args *size = &args->advise.size;
  KVC_TRY(add_file(args->file, head, err));
  KVC_TRY(add_file(args->trace, head, err));
  KVC_TRY(add_file(args->advise.lengths, head, err));
  KVC_TRY(add_file(size->calibration, head, err));
  KVC_TRY(add_file(size->req.model_config_path, head, err));
  const char *workload = args->advise.workload;
  if (workload != NULL && strchr(workload, '.') != NULL && is_file(workload))
    KVC_TRY(add_file(workload, head, err));
  for (size_t i = 0; i < args->n_models; i++) { /* a model may be a folder */
    const char *path =
        kvc_arena_printf(&size->cli->arena, "%s/config.json", args->models[i]);
    if (path == NULL) return kvc_arena_full(&size->cli->arena, NULL, err);
    if (strchr(args->models[i], '/') != NULL && is_file(path))
      KVC_TRY(add_file(path, head, err));
  }
  return KVC_E_OK;
}

/* ---- profiles and question
 * -------------------------------------------------------------- */

/* Profiles of the user's own, which lie over those of the program. */
static kvc_code add_profiles(struct kvc_db *db, struct shard_head *head,
                             struct kvc_err *err)
{
  static const enum kvc_kind kinds[] = {KVC_KIND_GPU, KVC_KIND_MODEL, KVC_KIND_WORKLOAD,
                                        KVC_KIND_KERNELS};
  struct digest d = digest_new();
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    const char *const *names;
    size_t n = 0;
    KVC_TRY(kvc_db_list(db, kinds[k], &names, &n, err));
    for (size_t i = 0; i < n; i++) {
      const char *text;
      size_t len;
      struct kvc_match match;
      KVC_TRY(kvc_db_text(db, kinds[k], names[i], &text, &len, &match, err));
      if (match.embedded) continue;
      digest_add(&d, names[i], strlen(names[i]) + 1);
      digest_add(&d, text, len);
    }
  }
  if (d.bytes == 0) return KVC_E_OK;
  if (head->n_inputs == SHARD_MAX_INPUTS)
    return kvc_fail(err, KVC_E_LIMIT, "--profiles", "is one input too many");
  struct shard_input *in = &head->inputs[head->n_inputs++];
  in->name = "own profiles";
  digest_text(&d, in->digest);
  return KVC_E_OK;
}

kvc_code shard_question(const struct plan_question *q, struct shard_head *head,
                        struct kvc_err *err)
{
  struct digest d = digest_new();
  const size_t n = kvc_search_units(q->search);
  for (size_t i = 0; i < n; i++) {
    struct kvc_buf text;
    kvc_buf_init(&text, 1 << 20);
    shard_unit_text(&text, kvc_search_at(q->search, i));
    if (text.len > 0) digest_add(&d, text.text, text.len);
    kvc_buf_clear(&text);
  }
  digest_text(&d, head->question);
  return add_profiles(q->args->advise.size.db, head, err);
}

/* ---- arguments
 * -------------------------------------------------------------------------- */

kvc_code shard_args(struct kvc_arena *arena, int argc, char *const *argv,
                    struct shard_head *head, struct kvc_err *err)
{
  const char **args = kvc_arena_alloc(arena, (size_t)argc + 1, sizeof *args);
  if (args == NULL) return kvc_arena_full(arena, NULL, err);
  head->n_args = 0;
  for (int i = 0; i < argc; i++) {
    int values;
    if (plan_is_aside(argv[i], &values))
      i += values;
    else
      args[head->n_args++] = argv[i];
  }
  head->args = args;
  return KVC_E_OK;
}

void shard_command(struct kvc_buf *out, const struct shard_head *head, int part)
{
  kvc_buf_printf(out, "kvcap plan --shard %d/%d --output shard-%d-of-%d.json", part,
                 head->parts, part, head->parts);
  for (size_t i = 0; i < head->n_args; i++) {
    kvc_buf_puts(out, " ");
    kvc_escape_shell(out, head->args[i]);
  }
}
