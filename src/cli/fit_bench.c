/* fit_bench.c - kvcap fit bench: constants of one server from its benchmarks.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fit.h"
#include "ingest.h"
#include <math.h>
#include <string.h>

struct series {
  struct cli *cli;
  struct fit_args *args;
  struct kvc_level levels[KVC_LEVELS_MAX];
  size_t n;
  const char *model, *of; /* that the first result names, and which result that was */
};

/* What a result says of its server must not be another one. */
static kvc_code same_server(struct series *s, const struct kvc_bench *b, const char *name,
                            struct kvc_err *err)
{
  const struct kvc_deploy *d = &s->args->size.req.deploy;
  const double tp = d->tp > 0 ? d->tp : 1;
  if (b->model != NULL && s->model != NULL && strcmp(b->model, s->model) != 0)
    return kvc_fail(err, KVC_E_CONFLICT, name,
                    "is of the model %.80s and %.120s of %.80s: a fit takes results of "
                    "one deployment",
                    b->model, s->of, s->model);
  if (s->model == NULL && b->model != NULL) {
    s->model = b->model;
    s->of = name;
  }
  if (b->tensor_parallel > 0 && fabs(b->tensor_parallel - tp) > 0.5)
    return kvc_fail(err, KVC_E_CONFLICT, name,
                    "ran with tensor parallel size %.0f, and this deployment has %.0f; "
                    "--tensor-parallel-size %.0f describes it",
                    b->tensor_parallel, tp, b->tensor_parallel);
  return KVC_E_OK;
}

static kvc_code add(struct series *s, const struct kvc_bench_set *set,
                    struct kvc_err *err)
{
  struct kvc_arena *arena = &s->cli->arena;
  for (size_t i = 0; i < set->n_records; i++) {
    const char *name = set->n_records == 1
                           ? set->where
                           : kvc_arena_printf(arena, "%s, result %zu", set->where, i + 1);
    if (name == NULL) return kvc_arena_full(arena, set->where, err);
    if (s->n == KVC_LEVELS_MAX)
      return kvc_fail(err, KVC_E_LIMIT, name, "is one more than the %d results of a fit",
                      KVC_LEVELS_MAX);
    KVC_TRY(same_server(s, &set->records[i], name, err));
    KVC_TRY(kvc_level_of(arena, &set->records[i], name, &s->levels[s->n], err));
    s->n++;
  }
  return KVC_E_OK;
}

static kvc_code read_all(struct series *s, struct kvc_err *err)
{
  struct ingest in = {0};
  kvc_code rc = ingest_open(s->cli, &s->args->size.common, &in, err);
  for (size_t i = 0; i < s->args->n_files && rc == KVC_E_OK; i++) {
    struct kvc_record record;
    rc = ingest_read(&in, s->args->files[i], INGEST_BENCH, &record, err);
    if (rc == KVC_E_OK && (record.bench == NULL || record.bench->n_records == 0))
      rc = kvc_fail(err, KVC_E_UNKNOWN, s->args->files[i], "holds no benchmark result");
    if (rc == KVC_E_OK) rc = add(s, record.bench, err);
  }
  ingest_close(&in);
  return rc;
}

static kvc_code save(const struct fit_args *args, const struct kvc_levels_fit *fit,
                     struct kvc_err *err)
{
  const char *path = args->size.save_calibration;
  struct kvc_calibration calibration;
  struct kvc_buf text;
  kvc_levels_calibration(fit, args->size.req.calibration, &calibration);
  kvc_buf_init(&text, KVC_CALIBRATION_MAX_BYTES);
  kvc_calibration_write(&calibration, &text);
  return cli_save(path, &text, "the names in the calibration are too long", err);
}

static kvc_code size_it(struct fit_args *args, struct kvc_size *size, struct kvc_err *err)
{
  KVC_TRY(size_settle(&args->size, err));
  args->size.req.brief = true;
  KVC_TRY(
      kvc_size_run(&args->size.cli->arena, args->size.db, &args->size.req, size, err));
  if (!size->memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "%.400s", size->verdict);
  if (size->setting.spec_tokens > 0)
    return kvc_fail(
        err, KVC_E_UNSUPPORTED, NULL,
        "speculative decoding is not simulated, so nothing can be fitted to a "
        "server that does it");
  return KVC_E_OK;
}

/* Paths and cache folders of a model end with its name, or hold it. */
static bool holds(const char *text, const char *name)
{
  const char *slash = strrchr(name, '/');
  if (slash != NULL) name = slash + 1;
  for (; *text != '\0'; text++)
    if (kvc_str_istarts(text, name)) return true;
  return false;
}

static const char *doubt(const struct series *s, const struct kvc_size *size)
{
  if (s->model == NULL || holds(s->model, size->model.name)) return NULL;
  return kvc_arena_printf(&s->cli->arena,
                          "the results call their model %.120s, and the fit is for %s",
                          s->model, size->model.name);
}

static const char *files_of(const struct series *s)
{
  const struct fit_args *a = s->args;
  if (a->n_files == 1) return a->files[0];
  return kvc_arena_printf(&s->cli->arena, "%s and %zu more", a->files[0], a->n_files - 1);
}

kvc_code fit_bench(struct cli *cli, struct fit_args *args, struct kvc_err *err)
{
  struct kvc_arena *arena = &cli->arena;
  struct series *s = kvc_arena_alloc(arena, 1, sizeof *s);
  struct kvc_size *size = kvc_arena_alloc(arena, 1, sizeof *size);
  struct kvc_levels_fit *fit = kvc_arena_alloc(arena, 1, sizeof *fit);
  struct kvc_doc doc;
  if (s == NULL || size == NULL || fit == NULL) return kvc_arena_full(arena, NULL, err);
  s->cli = cli;
  s->args = args;
  if (args->n_files == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "which results? for example: kvcap fit bench c4.json c16.json "
                    "c64.json --model Qwen/Qwen3-8B --gpu H100");
  KVC_TRY(size_it(args, size, err));
  KVC_TRY(read_all(s, err));
  const struct kvc_levels series = {.where = files_of(s),
                                    .db = args->size.db,
                                    .engine = args->size.catalogue,
                                    .size = size,
                                    .note = doubt(s, size),
                                    .levels = s->levels,
                                    .n = s->n};
  KVC_TRY(kvc_levels_fit(arena, &series, fit, err));
  if (args->size.save_calibration != NULL) KVC_TRY(save(args, fit, err));
  kvc_doc_init(&doc, arena);
  KVC_TRY(kvc_doc_levels_fit(&doc, fit, args->size.save_calibration, err));
  return cli_emit(cli, &args->size.common, &doc, err);
}
