/* cmd_diagnose.c - kvcap diagnose: what a running server says, and what to change.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "diagnose.h"
#include <kvcap/lint.h>
#include <kvcap/tune.h>
#include <math.h>
#include <string.h>

/* Metrics first: they are exact; then the log, then what a client saw. */
static kvc_code observe(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_arena *arena = &d->cli->arena;
  const struct kvc_looks looks = {
      .pages = d->pages,
      .n = d->n_pages,
      .interval_s = d->args->interval_s > 0 ? d->args->interval_s : (double)NAN,
      .model = d->args->model_name};
  KVC_TRY(kvc_observe_pages(arena, &looks, &d->live, &d->notes, err));
  if (d->log != NULL) kvc_observe_log(arena, d->log, &d->live, &d->notes);
  kvc_observe_bench(arena, d->benches, d->n_benches, &d->live, &d->notes);
  d->live.multi_turn = d->args->multi_turn;
  return KVC_E_OK;
}

static const char *plural(size_t n)
{
  return n == 1 ? "" : "s";
}

static kvc_code conclude(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_diagnosis *out = d->out;
  const char *fail_on = d->args->fail_on;
  out->fail_on = fail_on;
  out->passed = out->errors == 0 &&
                (strcmp(fail_on, "error") == 0 || out->warnings == 0) &&
                (strcmp(fail_on, "hint") != 0 || out->hints == 0);
  out->verdict =
      out->n_rows == 0
          ? kvc_arena_printf(&d->cli->arena,
                             "Nothing wrong in what was given: %zu rules looked, %zu "
                             "could not.",
                             out->n_passed, out->n_skips)
          : kvc_arena_printf(&d->cli->arena, "%zu error%s, %zu warning%s, %zu hint%s. %s",
                             out->errors, plural(out->errors), out->warnings,
                             plural(out->warnings), out->hints, plural(out->hints),
                             out->rows[0].text);
  for (size_t i = 0; i < d->notes.n && out->n_notes < 64; i++)
    out->notes[out->n_notes++] = d->notes.text[i];
  for (size_t i = 0; d->size != NULL && i < d->size->n_notes && out->n_notes < 64; i++)
    out->notes[out->n_notes++] = d->size->notes[i].text;
  return out->verdict != NULL ? KVC_E_OK : kvc_arena_full(&d->cli->arena, NULL, err);
}

/* Everything after the inputs are there. */
kvc_code diagnose_judge(struct diagnose *d, struct kvc_err *err)
{
  kvc_live_init(&d->live);
  KVC_TRY(observe(d, err));
  KVC_TRY(diagnose_deploy(d, err));
  if (d->size != NULL) kvc_observe_size(&d->cli->arena, d->size, &d->live);
  d->out->schema = 1;
  d->out->live = &d->live;
  KVC_TRY(diagnose_rules(d, err));
  KVC_TRY(diagnose_command(d, err));
  diagnose_next(d);
  return conclude(d, err);
}

kvc_code diagnose_open(struct diagnose *d, struct kvc_err *err)
{
  d->out = kvc_arena_alloc(&d->cli->arena, 1, sizeof *d->out);
  if (d->out == NULL) return kvc_arena_full(&d->cli->arena, NULL, err);
  KVC_TRY(size_catalogue(&d->args->size, err));
  d->in.cli = d->cli;
  d->in.engine = d->args->size.catalogue;
  KVC_TRY(kvc_db_metrics(d->args->size.db, "vllm", &d->in.metrics, err));
  return cli_read_rules(d->cli, d->args->rules, &d->tunes, &d->n_tunes, err);
}

kvc_code cli_cmd_diagnose(struct cli *cli, int argc, char *const *argv,
                          struct kvc_err *err)
{
  struct diagnose *d = kvc_arena_alloc(&cli->arena, 1, sizeof *d);
  if (d == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  d->cli = cli;
  d->first_file_s = d->last_file_s = NAN;
  KVC_TRY(diagnose_read(d, argc, argv, err));
  const struct diagnose_args *a = d->args;
  if (a->size.common.help) {
    cli_help_command(cli_command_find("diagnose"), &cli->out);
    return KVC_E_OK;
  }
  if (a->n_metrics + a->n_logs + a->n_benches + a->size.common.n_words == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "nothing to look at; for example: kvcap diagnose --metrics "
                    "http://localhost:8000/metrics --every 5s --for 5m --log server.log");
  KVC_TRY(diagnose_open(d, err));
  kvc_code rc = diagnose_gather(d, err);
  ingest_close(&d->in);
  if (rc == KVC_E_OK) rc = diagnose_judge(d, err);
  KVC_TRY(rc);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_diagnosis(&doc, d->out, err));
  struct cli_common common = a->size.common;
  if (a->form != NULL) common.format = a->form;
  KVC_TRY(cli_emit(cli, &common, &doc, err));
  if (!d->out->passed) cli->status = 1;
  return KVC_E_OK;
}
