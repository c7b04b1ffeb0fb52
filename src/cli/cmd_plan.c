/* cmd_plan.c - kvcap plan: which GPUs, how many and how started, for a load under limits.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "shard.h"
#include <math.h>
#include <string.h>

static void add_note(struct kvc_plan *plan, const char *text)
{
  const size_t room = sizeof plan->notes / sizeof *plan->notes;
  if (text != NULL && plan->n_notes < room) plan->notes[plan->n_notes++] = text;
}

/* Flags of vLLM without a row are no part of the search. */
static void note_foreign(const struct plan_question *q)
{
  const struct size_args *size = &q->args->advise.size;
  struct kvc_buf list;
  kvc_buf_init(&list, 400);
  for (size_t i = 0; i < size->n_foreign; i++)
    kvc_buf_printf(&list, "%s%s", i > 0 ? ", " : "", size->foreign[i].spelling);
  if (list.len > 0)
    add_note(q->plan,
             kvc_arena_printf(&q->cli->arena,
                              "%s: not looked at by the search; add to the command "
                              "what you need of it",
                              list.text));
  kvc_buf_clear(&list);
}

kvc_code plan_finish(struct plan_question *q, const struct cli_common *common,
                     double wall_s, struct kvc_err *err)
{
  const struct size_args *size = &q->args->advise.size;
  const double begin_s = cli_now_s();
  KVC_TRY(kvc_search_finish(q->search, q->plan, err));
  q->plan->wall_s = wall_s + (cli_now_s() - begin_s); /* NaN stays NaN */
  for (size_t i = 0; i < size->n_notes; i++) add_note(q->plan, size->notes[i].text);
  note_foreign(q);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &q->cli->arena);
  KVC_TRY(kvc_doc_plan(&doc, q->plan, err));
  KVC_TRY(cli_emit(q->cli, common, &doc, err));
  if (q->plan->n_options == 0) q->cli->status = kvc_err_status(KVC_E_INFEASIBLE);
  return KVC_E_OK;
}

/* ---- parts
 * ------------------------------------------------------------------------------ */

static kvc_code check_parts(const struct plan_args *a, struct kvc_err *err)
{
  const struct cli_common *common = &a->advise.size.common;
  if ((a->cluster != NULL) != (a->n_shards > 0))
    return kvc_fail(err, KVC_E_USAGE, a->cluster != NULL ? "--cluster" : "--shards",
                    "goes with the other: --shards 16 --cluster slurm prints the job of "
                    "16 parts");
  if (a->cluster != NULL && a->shard > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--shard",
                    "searches one part, and --cluster prints the job of all: give one "
                    "of them");
  if ((a->shard > 0 || a->cluster != NULL) && common->format != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--format",
                    "is of the whole plan: give it to kvcap merge");
  return KVC_E_OK;
}

static kvc_code print_job(struct cli *cli, const struct plan_args *a, int argc,
                          char *const *argv, struct kvc_err *err)
{
  struct shard_head head = {.parts = a->n_shards};
  KVC_TRY(shard_args(&cli->arena, argc, argv, &head, err));
  for (size_t i = 0; i < head.n_args; i++)
    for (const unsigned char *p = (const unsigned char *)head.args[i]; *p != '\0'; p++)
      if (*p < 0x20 || *p == 0x7F)
        return kvc_fail(err, KVC_E_USAGE, "--cluster",
                        "a word of the command line holds a control character");
  const struct kvc_emit_sweep sweep = {head.args, head.n_args, a->n_shards};
  if (strcmp(a->cluster, "slurm") == 0)
    kvc_emit_slurm(&sweep, &cli->out);
  else
    kvc_emit_kubernetes(&sweep, &cli->out);
  cli->output = a->advise.size.common.output;
  return KVC_E_OK;
}

static void write_stage(struct plan_question *q, int stage, const struct plan_part *part,
                        bool *first)
{
  struct shard_unit *unit = kvc_arena_alloc(&q->cli->arena, 1, sizeof *unit);
  for (size_t i = 0; unit != NULL && i < part->n; i++) {
    const size_t at = part->units[i];
    *unit = (struct shard_unit){at, stage, *kvc_search_at(q->search, at)};
    shard_write_unit(&q->cli->out, *first, unit);
    *first = false;
  }
}

/* Pilots are searched by every part: which units are left depends on them. */
static kvc_code one_part(struct plan_question *q, struct shard_head *head,
                         struct kvc_err *err)
{
  bool first = true;
  struct plan_part pilots, others;
  const struct plan_args *a = q->args;
  KVC_TRY(shard_question(q, head, err));
  KVC_TRY(plan_todo(q, 0, 1, 1, &pilots, err));
  KVC_TRY(plan_jobs(q, &pilots, err));
  KVC_TRY(plan_todo(q, 1, a->shard, a->shards, &others, err));
  KVC_TRY(plan_jobs(q, &others, err));
  shard_write_head(&q->cli->out, head);
  write_stage(q, 0, &pilots, &first);
  write_stage(q, 1, &others, &first);
  shard_write_tail(&q->cli->out);
  q->cli->output = a->advise.size.common.output;
  return KVC_E_OK;
}

/* ---- all of it
 * ---------------------------------------------------------------------------- */

static kvc_code search(struct plan_question *q, double begin_s, struct kvc_err *err)
{
  struct plan_part all;
  KVC_TRY(plan_ask(q, err));
  for (int stage = 0; stage < 2; stage++) {
    KVC_TRY(plan_todo(q, stage, 1, 1, &all, err));
    KVC_TRY(plan_jobs(q, &all, err));
  }
  const double wall_s = q->args->no_wall_time ? (double)NAN : cli_now_s() - begin_s;
  return plan_finish(q, &q->args->advise.size.common, wall_s, err);
}

static kvc_code search_part(struct plan_question *q, int argc, char *const *argv,
                            struct kvc_err *err)
{
  struct kvc_arena *arena = &q->cli->arena;
  struct shard_head *head = kvc_arena_alloc(arena, 1, sizeof *head);
  if (head == NULL) return kvc_arena_full(arena, NULL, err);
  *head = (struct shard_head){
      .kvcap = KVC_VERSION, .part = q->args->shard, .parts = q->args->shards};
  KVC_TRY(shard_args(arena, argc, argv, head, err));
  KVC_TRY(shard_inputs(q->args, head, err));
  KVC_TRY(plan_ask(q, err));
  return one_part(q, head, err);
}

kvc_code cli_cmd_plan(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  const double begin_s = cli_now_s();
  struct plan_question q = {.cli = cli};
  q.args = kvc_arena_alloc(&cli->arena, 1, sizeof *q.args);
  if (q.args == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(plan_read(cli, argc, argv, q.args, err));
  if (q.args->advise.size.common.help) {
    cli_help_command(cli_command_find("plan"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(check_parts(q.args, err));
  if (q.args->cluster != NULL) return print_job(cli, q.args, argc, argv, err);
  const kvc_code rc =
      q.args->shard > 0 ? search_part(&q, argc, argv, err) : search(&q, begin_s, err);
  plan_close(&q);
  return rc;
}
