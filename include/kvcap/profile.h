/* profile.h - the database of facts: GPUs, models, engines, citations.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Facts are YAML files, one thing a file, embedded in the binary and overlaid by
 * folders that the caller names (later folders win, file by file and name by
 * name).  Opening the database reads no YAML beyond an index of names made at
 * build time; a file is parsed when somebody asks for what is in it.
 *
 * Reading is strict: an unknown key, a duplicate key, a value without its unit, a
 * missing citation, anchors or aliases, depth over 24 or more than 4 MiB end with
 * one sentence that names file, line and column.
 *
 * Ownership: the database and everything found in it live in the arena it was
 * opened with.
 */
#ifndef KVCAP_PROFILE_H
#define KVCAP_PROFILE_H

#include <kvcap/arena.h>
#include <kvcap/domain.h>
#include <kvcap/engine.h>
#include <kvcap/kernels.h>
#include <kvcap/str.h>

struct kvc_db; /* opaque */

enum { KVC_PROFILE_MAX_BYTES = 4 << 20, KVC_PROFILE_MAX_DEPTH = 24 };

enum kvc_kind {
  KVC_KIND_GPU,
  KVC_KIND_MODEL,
  KVC_KIND_ENGINE,
  KVC_KIND_CITATION,
  KVC_KIND_WORKLOAD,
  KVC_KIND_TERM,
  KVC_KIND_KERNELS
};

/* dirs[0..n): overlay folders laid out like profiles/; a missing one is an error. */
kvc_code kvc_db_open(struct kvc_arena *arena, const char *const *dirs, size_t n,
                     struct kvc_db **db, struct kvc_err *err) KVC_MUST_USE;

/* How a name was understood, for the report. */
struct kvc_match {
  const char *asked, *name; /* what the user wrote; the canonical name */
  const char *file;         /* "profiles/gpus/h100-sxm.yaml" or the overlay's path */
  bool embedded;            /* from the binary, not from an overlay */
  bool family;              /* a bare family name: 'name' is its most deployed variant */
  bool stripped;            /* organisation or suffixes were set aside to find it */
  const char *quant_suffix; /* a quantisation that the name carries ("AWQ"), or NULL */
  const char *note;         /* a sentence for the user when anything was inferred */
};

/* KVC_E_UNKNOWN with did-you-mean, KVC_E_AMBIGUOUS with the candidates. */
kvc_code kvc_db_gpu(struct kvc_db *db, const char *name, struct kvc_gpu *out,
                    struct kvc_match *match, struct kvc_err *err) KVC_MUST_USE;

/* Model names match, in this order: the exact id or alias (case and separators
 * ignored); the same without organisation ("org/") or leading path; the same with
 * a quantisation suffix set aside ("-AWQ", "-GPTQ-Int4", "-FP8-dynamic",
 * "-quantized.w8a8", "-NVFP4", " GGUF Q4_K_M"): then quant_suffix names it, the
 * caller applies it (kvc_hf_quant_apply), and the note says that the format was
 * taken from the name. */
kvc_code kvc_db_model(struct kvc_db *db, const char *name, struct kvc_model *out,
                      struct kvc_match *match, struct kvc_err *err) KVC_MUST_USE;

kvc_code kvc_db_workload(struct kvc_db *db, const char *name, struct kvc_demand *out,
                         struct kvc_err *err) KVC_MUST_USE;

kvc_code kvc_db_engine(struct kvc_db *db, const char *name, struct kvc_engine **out,
                       struct kvc_err *err) KVC_MUST_USE;

/* NULL if unknown. */
const struct kvc_cite *kvc_db_cite(struct kvc_db *db, const char *key);

/* Names of one kind in canonical spelling, sorted; borrowed. */
kvc_code kvc_db_list(struct kvc_db *db, enum kvc_kind kind, const char *const **names,
                     size_t *count, struct kvc_err *err) KVC_MUST_USE;

/* The YAML text of one profile and where it came from. */
kvc_code kvc_db_text(struct kvc_db *db, enum kvc_kind kind, const char *name,
                     const char **text, size_t *len, struct kvc_match *match,
                     struct kvc_err *err) KVC_MUST_USE;

/* Reads every file of the database and hands each fault to 'report'; returns the
 * number of files read in *files and of faults in *faults. */
typedef void kvc_db_report(void *ctx, const struct kvc_err *fault);
void kvc_db_check(struct kvc_db *db, kvc_db_report *report, void *ctx, size_t *files,
                  size_t *faults);

/* Reads one YAML text of the given kind (file names it in messages); the way in for
 * `profiles check FILE` and for the fuzzers. */
kvc_code kvc_gpu_read(struct kvc_arena *arena, const char *text, size_t len,
                      const char *file, struct kvc_gpu *out,
                      struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_model_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_model *out,
                        struct kvc_err *err) KVC_MUST_USE;

kvc_code kvc_workload_read(struct kvc_arena *arena, const char *text, size_t len,
                           const char *file, struct kvc_demand *out,
                           struct kvc_err *err) KVC_MUST_USE;

/* What stands behind the coefficients of a GPU. */
enum kvc_kernels_match {
  KVC_KERNELS_MEASURED,     /* its own kernels */
  KVC_KERNELS_ARCHITECTURE, /* the mean over measured GPUs of its architecture */
  KVC_KERNELS_MEAN          /* the mean over all measured GPUs */
};

/* Coefficients of a GPU by its canonical name: its own, or means. */
kvc_code kvc_db_kernels(struct kvc_db *db, const char *gpu, const char *architecture,
                        struct kvc_kernels *out, enum kvc_kernels_match *match,
                        struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_kernels_read(struct kvc_arena *arena, const char *text, size_t len,
                          const char *file, struct kvc_kernels *out,
                          struct kvc_err *err) KVC_MUST_USE;
/* Writes coefficients as a profile that kvc_kernels_read reads. */
void kvc_kernels_write(const struct kvc_kernels *kernels, struct kvc_buf *out);

/* Writes a model as a profile that kvc_model_read reads back equal. */
void kvc_model_write(const struct kvc_model *model, struct kvc_buf *out);

#endif
