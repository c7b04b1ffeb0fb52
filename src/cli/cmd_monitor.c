/* cmd_monitor.c - kvcap monitor: what watches a service, as Prometheus and Grafana read
 * it. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "monitor.h"
#include <errno.h>
#include <kvcap/monitor_plan.h>
#include <kvcap/watched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is watched ------------------------------------------------------------------
 */

static kvc_code pick_engine(const struct monitor_args *a, const struct kvc_engine *engine,
                            const struct kvc_version *v, enum kvc_engine_kind *out,
                            struct kvc_err *err)
{
  const char *v0 = kvc_engine_generation(engine, v, KVC_ENGINE_V0);
  const char *v1 = kvc_engine_generation(engine, v, KVC_ENGINE_V1);
  if (a->engine == NULL) {
    *out = v1 != NULL && (v0 == NULL || strcmp(v1, "default") == 0) ? KVC_ENGINE_V1
                                                                    : KVC_ENGINE_V0;
    return KVC_E_OK;
  }
  *out = strcmp(a->engine, "V0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  if ((*out == KVC_ENGINE_V0 ? v0 : v1) == NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--engine", "this release has no %s engine",
                    a->engine);
  return KVC_E_OK;
}

/* How the release was understood, where it is not the one that was asked for. */
static const char *understood(const struct kvc_resolved *r)
{
  return r->guessed ? "the version does not say its release: taken as the newest verified"
         : r->carried ? "newer than any release known: newest facts used"
         : r->between ? "not a release of the catalogue: the one before it is used"
                      : NULL;
}

static kvc_code make_plan(struct cli *cli, const struct monitor_args *a,
                          struct kvc_monitor *out, struct kvc_err *err)
{
  static const char *const here[] = {"localhost:8000"};
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  struct kvc_resolved release;
  struct kvc_rule_tune *tunes = NULL;
  struct kvc_monitor_request req = {.job = a->job != NULL ? a->job : "vllm",
                                    .targets = a->n_targets > 0 ? a->targets : here,
                                    .n_targets = a->n_targets > 0 ? a->n_targets : 1,
                                    .interval_s =
                                        a->interval_s > 0 ? (int)a->interval_s : 5,
                                    .multi_turn = a->multi_turn,
                                    .max_num_seqs = (double)a->max_num_seqs,
                                    .max_num_batched_tok = (double)a->max_num_batched_tok,
                                    .max_model_len_tok = (double)a->max_model_len_tok};
  KVC_TRY(cli_open_db(cli, &a->common, &db, err));
  KVC_TRY(cli_open_engine(cli, db, a->version, &engine, &release, err));
  KVC_TRY(kvc_db_metrics(db, "vllm", &metrics, err));
  KVC_TRY(kvc_db_monitor(db, "vllm", &req.book, err));
  KVC_TRY(cli_read_rules(cli, a->rules, &tunes, &req.n_tunes, err));
  req.metrics = metrics;
  req.version = release.version;
  req.tunes = tunes;
  req.note = understood(&release);
  KVC_TRY(pick_engine(a, engine, &req.version, &req.generation, err));
  return kvc_monitor_plan(&cli->arena, &req, out, err);
}

/* ---- files
 * ------------------------------------------------------------------------------ */

static kvc_code render(const struct kvc_monitor *m, enum kvc_monitor_file file,
                       struct kvc_buf *out, struct kvc_err *err)
{
  kvc_buf_init(out, CLI_MAX_OUT);
  KVC_TRY(kvc_monitor_emit(m, file, out, err));
  if (out->full)
    return kvc_fail(err, KVC_E_LIMIT, kvc_monitor_file(file)->name,
                    "is larger than %d bytes", CLI_MAX_OUT);
  return KVC_E_OK;
}

/* What is there already must be kvcap's own, or --force; never a folder. */
static kvc_code may_write(struct cli *cli, const char *path, bool force,
                          struct kvc_err *err)
{
  struct stat st;
  char *text;
  size_t len;
  if (lstat(path, &st) != 0) return KVC_E_OK;
  if (S_ISDIR(st.st_mode))
    return kvc_fail(err, KVC_E_CONFLICT, path, "is a folder; give another --out");
  if (force) return KVC_E_OK;
  if (S_ISREG(st.st_mode)) {
    KVC_TRY(kvc_file_read_into(&cli->arena, path, CLI_MAX_OUT, &text, &len, err));
    if (kvc_monitor_is_ours(text, len)) return KVC_E_OK;
  }
  return kvc_fail(err, KVC_E_CONFLICT, path,
                  "is there and was not made by kvcap monitor; --force overwrites it, "
                  "another --out leaves it");
}

struct output {
  char *path, *fresh; /* the file; the same under a name of its own until all are there */
  bool written;
};

static kvc_code write_fresh(const struct kvc_monitor *m, enum kvc_monitor_file file,
                            struct output *o, struct kvc_err *err)
{
  struct kvc_buf text;
  kvc_code rc = render(m, file, &text, err);
  if (rc == KVC_E_OK) rc = kvc_file_write(o->fresh, text.text, text.len, err);
  kvc_buf_clear(&text);
  o->written = rc == KVC_E_OK;
  return rc;
}

static kvc_code put_in_place(struct output *o, struct kvc_err *err)
{
  if (rename(o->fresh, o->path) != 0)
    return kvc_fail(err, KVC_E_IO, o->path, "cannot be written: %s", strerror(errno));
  o->written = false;
  return KVC_E_OK;
}

static kvc_code write_all(struct cli *cli, const struct monitor_args *a,
                          const struct kvc_monitor *m, struct kvc_err *err)
{
  struct output outputs[KVC_MONITOR_FILES] = {{0}};
  kvc_code rc = KVC_E_OK;
  for (int i = 0; i < KVC_MONITOR_FILES; i++) {
    const char *name = kvc_monitor_file((enum kvc_monitor_file)i)->name;
    outputs[i].path = kvc_arena_printf(&cli->arena, "%s/%s", a->out, name);
    outputs[i].fresh = kvc_arena_printf(&cli->arena, "%s/.%s.kvcap", a->out, name);
    if (outputs[i].path == NULL || outputs[i].fresh == NULL)
      return kvc_arena_full(&cli->arena, a->out, err);
    KVC_TRY(may_write(cli, outputs[i].path, a->force, err));
  }
  const bool made = mkdir(a->out, 0777) == 0;
  if (!made && errno != EEXIST)
    return kvc_fail(err, KVC_E_IO, a->out, "cannot be made: %s", strerror(errno));
  for (int i = 0; rc == KVC_E_OK && i < KVC_MONITOR_FILES; i++)
    rc = write_fresh(m, (enum kvc_monitor_file)i, &outputs[i], err);
  for (int i = 0; rc == KVC_E_OK && i < KVC_MONITOR_FILES; i++)
    rc = put_in_place(&outputs[i], err);
  for (int i = 0; i < KVC_MONITOR_FILES; i++)
    if (outputs[i].written) (void)unlink(outputs[i].fresh);
  if (made && rc != KVC_E_OK) (void)rmdir(a->out);
  return rc;
}

/* ---- the command
 * -------------------------------------------------------------------------- */

static kvc_code print_one(struct cli *cli, const struct monitor_args *a,
                          const struct kvc_monitor *m, struct kvc_err *err)
{
  const char *word = a->common.words[0];
  for (int i = 0; i < KVC_MONITOR_FILES; i++) {
    const struct kvc_monitor_file_row *row = kvc_monitor_file((enum kvc_monitor_file)i);
    if (strcmp(word, row->word) != 0) continue;
    cli->output = a->common.output;
    return kvc_monitor_emit(m, (enum kvc_monitor_file)i, &cli->out, err);
  }
  return kvc_fail(err, KVC_E_USAGE, NULL,
                  "\"%.60s\" is no file of monitor: there are config, rules, tests and "
                  "dashboard",
                  word);
}

static kvc_code check_words(const struct monitor_args *a, struct kvc_err *err)
{
  if (a->common.n_words > 1)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "monitor prints one file; --out DIR writes all of them");
  if (a->common.n_words == 1 && a->out != NULL)
    return kvc_fail(err, KVC_E_USAGE, "--out",
                    "writes all files; without it \"%.60s\" is printed",
                    a->common.words[0]);
  if (a->common.n_words == 1 && a->common.format != NULL)
    return kvc_fail(err, KVC_E_USAGE, "--format",
                    "is for the report: \"%.60s\" has a form of its own",
                    a->common.words[0]);
  if (a->out != NULL && a->out[0] == '\0')
    return kvc_fail(err, KVC_E_USAGE, "--out", "the value is empty");
  return KVC_E_OK;
}

kvc_code cli_cmd_monitor(struct cli *cli, int argc, char *const *argv,
                         struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = monitor_options};
  struct monitor_args *a = kvc_arena_alloc(&cli->arena, 1, sizeof *a);
  struct kvc_monitor monitor;
  struct kvc_doc doc;
  if (a == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(cli_parse(&parser, argc, argv, a, err));
  if (a->common.help) {
    cli_help_command(cli_command_find("monitor"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(check_words(a, err));
  KVC_TRY(make_plan(cli, a, &monitor, err));
  if (a->common.n_words == 1) return print_one(cli, a, &monitor, err);
  if (a->out != NULL) KVC_TRY(write_all(cli, a, &monitor, err));
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_monitor(&doc, &monitor, a->out, err));
  return cli_emit(cli, &a->common, &doc, err);
}
