/* cmd_validate.c - kvcap validate: predicted beside measured, over a table of points.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Points are shared over the processors by fork: each child does every n-th and sends
 * its figures through a pipe.
 */
#include "commands.h"
#include "validate.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 256 };
static const char *const grades[] = {"A", "B", "C", "all", NULL};

#define X(member) offsetof(struct validate_args, member)
/* clang-format off */
const struct cli_option validate_options[] = {
  {.name = "--quality", .arg = "A|B|C|all", .type = CLI_CHOICE, .offset = X(quality), .choices = grades,
   .help = "only rows of this grade in the column quality; when not given all are predicted, and the summaries count grade A of a table that has grades"},
  {.name = "--split", .arg = "NAME", .type = CLI_TEXT, .offset = X(split),
   .help = "rows with this word in the column split, such as check"},
  {.name = "--kind", .arg = "NAME", .type = CLI_TEXT, .offset = X(kind),
   .help = "only rows whose column kind begins so, such as serving or offline; when not given all are predicted, and the summaries count serving"},
  {.name = "--predictions", .arg = "FILE", .type = CLI_TEXT, .offset = X(predictions), .complete = "file",
   .help = "write a line a point: predicted, low, high and measured figures, as CSV"},
  {.name = "--fit", .type = CLI_TRUE, .offset = X(fit),
   .help = "fit every series_id on its rows whose split is calibrate, and predict its others with that"},
  {.name = "--jobs", .alias = "-j", .arg = "N", .type = CLI_INT, .offset = X(jobs), .min = 1, .max = 256,
   .advice = "write a count such as 4", .help = "processes; as many as there are processors when not given"},
  {.type = CLI_END}};
/* clang-format on */

/* What a child sends of one point. */
struct answer {
  size_t index;
  bool ok;
  struct kvc_prediction prediction;
  char text[200]; /* reason for the width, or why it failed */
};

/* Means get the width that the residuals of the fit support, percentiles keep theirs. */
static void narrow(const struct kvc_points_fit *fit, struct kvc_prediction *p)
{
  static const size_t figures[] = {KVC_POINT_MEAN_TPOT, KVC_POINT_MEAN_ITL,
                                   KVC_POINT_OUTPUT_TOK_S, KVC_POINT_REQ_PER_S,
                                   KVC_POINT_MEAN_TTFT};
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    const size_t k = figures[i];
    const double e = k == KVC_POINT_MEAN_TTFT ? fit->ttft_error_frac : fit->error_frac;
    if (!(e >= 0)) continue;
    p->low[k] = p->value[k] / (1 + e);
    p->high[k] = p->value[k] * (1 + e);
  }
  p->reason = "fitted on rows of the same series";
}

static void predict(struct validate *v, size_t i, struct validate_fit *fit,
                    struct answer *out)
{
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_prediction p = {0};
  struct kvc_err err = {0};
  memset(out, 0, sizeof *out);
  out->index = i;
  kvc_arena_init(&arena, 1u << 30);
  kvc_code rc = kvc_db_open(&arena, v->dirs, v->n_dirs, &db, &err);
  if (rc == KVC_E_OK && v->fit) rc = validate_tune(v, i, fit, &err);
  if (rc == KVC_E_OK)
    rc = kvc_point_predict_tuned(&arena, db, v->rows[i].point,
                                 v->fit ? &fit->fit.tune : NULL, &p, &err);
  if (rc == KVC_E_OK && v->fit) narrow(&fit->fit, &p);
  out->ok = rc == KVC_E_OK;
  out->prediction = p;
  (void)snprintf(out->text, sizeof out->text, "%.199s",
                 out->ok ? (p.reason != NULL ? p.reason : "") : err.msg);
  kvc_arena_clear(&arena);
}

static void child(struct validate *v, size_t first, size_t step, int fd)
{
  struct validate_fit fit = {0};
  for (size_t i = 0; i < v->n; i++) {
    struct answer a = {0};
    if (v->turn[i] % step != first) continue;
    predict(v, i, &fit, &a);
    if (!cli_send(fd, &a, sizeof a)) _exit(1);
  }
  _exit(0);
}

static kvc_code take(struct validate *v, const struct answer *a, struct kvc_err *err)
{
  struct kvc_validation_row *row = &v->rows[a->index];
  const char *text = kvc_arena_strdup(&v->cli->arena, a->text);
  if (text == NULL) return kvc_arena_full(&v->cli->arena, NULL, err);
  row->done = true;
  row->why = a->ok ? NULL : text;
  row->reason = a->ok ? text : NULL;
  row->prediction = a->prediction;
  row->prediction.reason = row->reason;
  return KVC_E_OK;
}

static kvc_code collect(struct validate *v, int fd, struct kvc_err *err)
{
  struct answer a;
  while (cli_take(fd, &a, sizeof a)) {
    if (a.index >= v->n) return kvc_fail(err, KVC_E_INTERNAL, NULL, "a child lost count");
    KVC_TRY(take(v, &a, err));
  }
  return KVC_E_OK;
}

static kvc_code share_out(struct validate *v, size_t jobs, struct kvc_err *err)
{
  int ends[MAX_JOBS][2];
  pid_t pids[MAX_JOBS];
  kvc_code rc = KVC_E_OK;
  size_t n = 0;
  for (; n < jobs && rc == KVC_E_OK; n++) {
    if (pipe(ends[n]) != 0 || (pids[n] = fork()) < 0) {
      rc =
          kvc_fail(err, KVC_E_IO, NULL, "no process can be started: %s", strerror(errno));
      break;
    }
    if (pids[n] == 0) {
      (void)close(ends[n][0]);
      child(v, n, jobs, ends[n][1]);
    }
    (void)close(ends[n][1]);
  }
  /* Pipes hold little, but every child only waits for its own reader's turn. */
  for (size_t i = 0; i < n; i++) {
    int status;
    if (rc == KVC_E_OK) rc = collect(v, ends[i][0], err);
    (void)close(ends[i][0]);
    (void)waitpid(pids[i], &status, 0);
    if (rc == KVC_E_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
      rc = kvc_fail(err, KVC_E_INTERNAL, NULL, "a process of the validation ended early");
  }
  return rc;
}

/* ---- which rows
 * ------------------------------------------------------------------------ */

static bool wanted(const struct validate_args *a, const struct kvc_point *p)
{
  const char *grade = a->quality != NULL ? a->quality : "A";
  const char *kind = a->kind != NULL ? a->kind : "serving";
  if (p->quality[0] != '\0' && strcmp(grade, "all") != 0 &&
      strcmp(p->quality, grade) != 0)
    return false;
  if (!a->fit && a->split != NULL && strcmp(p->split, a->split) != 0) return false;
  if (p->kind[0] == '\0') return true;
  /* What was driven past its limit on purpose measures the driver. */
  return strncmp(p->kind, kind, strlen(kind)) == 0 &&
         (a->kind != NULL || strcmp(p->kind, "serving-max") != 0);
}

static kvc_code read_points(struct validate *v, struct validate_args *a,
                            struct kvc_err *err)
{
  enum { MAX_BYTES = 256 << 20 };
  struct kvc_arena *arena = &v->cli->arena;
  struct kvc_point *points;
  char *text;
  size_t len, n;
  if (a->common.n_words != 1)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "validate takes one table; for example: kvcap validate points.csv");
  v->file = a->common.words[0];
  KVC_TRY(kvc_file_read_into(arena, v->file, MAX_BYTES, &text, &len, err));
  KVC_TRY(kvc_points_read(arena, text, len, v->file, &points, &n, err));
  v->rows = kvc_arena_alloc(arena, n + 1, sizeof *v->rows);
  v->turn = kvc_arena_alloc(arena, n + 1, sizeof *v->turn);
  v->calibrate = kvc_arena_alloc(arena, n + 1, sizeof *v->calibrate);
  if (v->rows == NULL || v->turn == NULL || v->calibrate == NULL)
    return kvc_arena_full(arena, v->file, err);
  v->fit = a->fit;
  /* Without a filter every row is predicted; those of grade A serving are counted. */
  const bool all = !a->fit && a->quality == NULL && a->kind == NULL;
  for (size_t i = 0; i < n; i++) {
    if (!all && !wanted(a, &points[i])) continue;
    v->turn[v->n] = v->n;
    if (v->fit && strcmp(points[i].split, "calibrate") == 0)
      v->calibrate[v->n_calibrate++] = &points[i];
    else if (a->split == NULL || strcmp(points[i].split, a->split) == 0)
      v->rows[v->n++] = (struct kvc_validation_row){.point = &points[i],
                                                    .counted = wanted(a, &points[i])};
  }
  size_t counted = 0;
  for (size_t i = 0; i < v->n; i++) counted += v->rows[i].counted;
  for (size_t i = 0; i < v->n && counted == 0; i++) v->rows[i].counted = true;
  if (v->fit) KVC_TRY(validate_series(v, err));
  v->skipped = n - v->n;
  if (v->n == 0)
    return kvc_fail(err, KVC_E_RANGE, v->file,
                    "none of its %zu rows is of the kind asked for (--quality all takes "
                    "every grade)",
                    n);
  return KVC_E_OK;
}

static kvc_code write_predictions(const struct validate_args *a,
                                  const struct kvc_validation *result,
                                  struct kvc_err *err)
{
  struct kvc_buf csv;
  kvc_buf_init(&csv, 1u << 30);
  kvc_validation_csv(result, &csv);
  return cli_save(a->predictions, &csv, "is over 1 GiB", err);
}

kvc_code cli_cmd_validate(struct cli *cli, int argc, char *const *argv,
                          struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = validate_options};
  struct validate_args args = {0};
  struct validate *v = kvc_arena_alloc(&cli->arena, 1, sizeof *v);
  if (v == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  v->cli = cli;
  KVC_TRY(cli_parse(&parser, argc, argv, &args, err));
  if (args.common.help) {
    cli_help_command(cli_command_find("validate"), &cli->out);
    return KVC_E_OK;
  }
  if (args.predictions != NULL && strcmp(args.predictions, "-") == 0)
    return kvc_fail(err, KVC_E_USAGE, "--predictions",
                    "takes a file: the report is on standard output");
  KVC_TRY(read_points(v, &args, err));
  if (cli->world.config_dir != NULL) v->dirs[v->n_dirs++] = cli->world.config_dir;
  for (size_t i = 0; i < args.common.n_profiles; i++)
    v->dirs[v->n_dirs++] = args.common.profiles[i];
  const size_t jobs = cli_jobs(args.jobs, v->n < MAX_JOBS ? v->n : MAX_JOBS);
  const double begin = cli_now_s();
  KVC_TRY(share_out(v, jobs, err));
  struct kvc_validation result = {.schema = 1,
                                  .where = v->file,
                                  .rows = v->rows,
                                  .n = v->n,
                                  .skipped = v->skipped,
                                  .wall_s = cli_now_s() - begin};
  KVC_TRY(kvc_validation_odds(&cli->arena, &result, err));
  if (args.predictions != NULL) KVC_TRY(write_predictions(&args, &result, err));
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_validation(&doc, &result, err));
  return cli_emit(cli, &args.common, &doc, err);
}
