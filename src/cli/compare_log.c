/* compare_log.c - kvcap size --compare-log, --save-calibration and --calibration.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "size.h"
#include <errno.h>
#include <string.h>

/* The whole file through the reader, piece by piece. */
static kvc_code read_log(struct cli *cli, const char *path, struct kvc_serverlog *out,
                         struct kvc_err *err)
{
  static char piece[1 << 16];
  const bool is_stdin = strcmp(path, "-") == 0;
  const char *where = is_stdin ? "standard input" : path;
  FILE *f = is_stdin ? stdin : fopen(path, "rb");
  if (f == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be opened: %s", strerror(errno));
  struct kvc_log_reader *reader = NULL;
  kvc_code rc = kvc_log_open(&cli->arena, where, &reader, err);
  while (rc == KVC_E_OK) {
    const size_t n = fread(piece, 1, sizeof piece, f);
    if (n > 0) kvc_log_feed(reader, piece, n);
    if (n < sizeof piece) break;
  }
  if (rc == KVC_E_OK && ferror(f))
    rc = kvc_fail(err, KVC_E_IO, where, "cannot be read: %s", strerror(errno));
  if (!is_stdin) (void)fclose(f);
  return rc == KVC_E_OK ? kvc_log_finish(reader, out, err) : rc;
}

/* The release is the log's unless another was given: other releases print otherwise. */
static void take_version(struct size_args *args)
{
  struct kvc_version v;
  const char *version = args->start->version;
  if (args->version != NULL || version == NULL ||
      kvc_version_parse(version, "log", &v, NULL) != KVC_E_OK || v.unreleased)
    return;
  args->version = version;
  size_note(args, "note", "the release, vLLM %.60s, was taken from the log", version);
}

static void take_model(struct size_args *args)
{
  bool given = args->model != NULL || args->req.model_config_path != NULL;
  for (size_t i = 0; i < args->common.n_words; i++) {
    const char *word = args->common.words[i];
    if (strcmp(word, "vllm") != 0 && strcmp(word, "serve") != 0 &&
        strchr(word, '=') == NULL)
      given = true;
  }
  if (given || args->start->model == NULL) return;
  args->model = args->start->model;
  size_note(args, "note", "the model, %.200s, was taken from the log", args->model);
}

kvc_code size_read_log(struct size_args *args, struct kvc_err *err)
{
  if (args->compare_log == NULL) {
    if (args->save_calibration == NULL) return KVC_E_OK;
    return kvc_fail(
        err, KVC_E_USAGE, "--save-calibration",
        "needs --compare-log FILE beside it: the overheads come from the log");
  }
  if (strcmp(args->compare_log, "-") == 0 && args->req.model_config_path != NULL &&
      strcmp(args->req.model_config_path, "-") == 0)
    return kvc_fail(err, KVC_E_USAGE, "--compare-log",
                    "standard input cannot be both the log and --model-config");
  struct kvc_serverlog *log = kvc_arena_alloc(&args->cli->arena, 1, sizeof *log);
  if (log == NULL) return kvc_arena_full(&args->cli->arena, args->compare_log, err);
  KVC_TRY(read_log(args->cli, args->compare_log, log, err));
  args->start = kvc_log_last(log);
  if (args->start == NULL)
    return kvc_fail(err, KVC_E_UNKNOWN, args->compare_log,
                    "the log holds no start of a server; its first minutes do");
  take_model(args);
  take_version(args);
  return KVC_E_OK;
}

kvc_code size_read_calibration(struct size_args *args, struct kvc_err *err)
{
  if (args->calibration == NULL) return KVC_E_OK;
  struct kvc_arena *arena = &args->cli->arena;
  struct kvc_calibration *calibration = kvc_arena_alloc(arena, 1, sizeof *calibration);
  char *text;
  size_t len;
  if (calibration == NULL) return kvc_arena_full(arena, args->calibration, err);
  KVC_TRY(kvc_file_read_into(arena, args->calibration, KVC_CALIBRATION_MAX_BYTES, &text,
                             &len, err));
  KVC_TRY(kvc_calibration_read(arena, text, len, args->calibration, calibration, err));
  args->req.calibration = calibration;
  return KVC_E_OK;
}

static kvc_code save(const struct size_args *args, const struct kvc_compare_input *in,
                     const struct kvc_compare *compare, struct kvc_err *err)
{
  struct kvc_calibration calibration;
  struct kvc_buf text;
  KVC_TRY(kvc_compare_calibrate(in, compare, &calibration, err));
  kvc_buf_init(&text, KVC_CALIBRATION_MAX_BYTES);
  kvc_calibration_write(&calibration, &text);
  return cli_save(args->save_calibration, &text,
                  "the names in the calibration are too long", err);
}

kvc_code size_compare(struct size_args *args, const struct kvc_size *size,
                      struct kvc_doc *doc, struct kvc_err *err)
{
  if (args->start == NULL) return KVC_E_OK;
  struct kvc_arena *arena = &args->cli->arena;
  struct kvc_compare *compare = kvc_arena_alloc(arena, 1, sizeof *compare);
  if (compare == NULL) return kvc_arena_full(arena, args->compare_log, err);
  const struct kvc_compare_input in = {
      .plan = size,
      .start = args->start,
      .engine = args->catalogue,
      .log = strcmp(args->compare_log, "-") == 0 ? "standard input" : args->compare_log};
  KVC_TRY(kvc_compare_run(arena, &in, compare, err));
  if (args->save_calibration != NULL) KVC_TRY(save(args, &in, compare, err));
  return kvc_doc_size_compare(doc, compare, err);
}
