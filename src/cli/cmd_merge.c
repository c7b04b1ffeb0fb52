/* cmd_merge.c - kvcap merge: the parts of a search become the plan.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The question is asked again with the arguments that the parts name, their results are
 * handed back, and what follows is what one machine does: the same bytes.
 */
#include "commands.h"
#include "shard.h"
#include <math.h>
#include <string.h>

enum { PARTS_BYTES = 512 << 20 };

const struct cli_option merge_options[] = {{.type = CLI_END}};

struct merge {
  struct cli *cli;
  struct cli_common common;
  const char **files;
  size_t n_files;
  struct shard_head *heads; /* in the order of the files */
  struct shard_head again;  /* of the file whose results are read */
  struct plan_question q;
  struct kvc_arena units;
  struct shard_unit **got; /* by index */
  const char **from;       /* the file of got[index] */
  int *part;
};

/* ---- words
 * --------------------------------------------------------------------------------- */

/* Files may be thousands: they are told from options here. */
static kvc_code read_words(struct merge *m, int argc, char *const *argv,
                           struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = merge_options};
  struct kvc_arena *arena = &m->cli->arena;
  char **options = kvc_arena_alloc(arena, (size_t)argc + 1, sizeof *options);
  m->files = kvc_arena_alloc(arena, (size_t)argc + 1, sizeof *m->files);
  if (options == NULL || m->files == NULL) return kvc_arena_full(arena, NULL, err);
  int n = 0;
  for (int i = 0; i < argc; i++) {
    const size_t len = strcspn(argv[i], "=");
    bool negated;
    if (argv[i][0] != '-' || argv[i][1] == '\0') {
      m->files[m->n_files++] = argv[i];
      continue;
    }
    const struct cli_option *row = cli_option_find(merge_options, argv[i], len, &negated);
    options[n++] = argv[i];
    if (row != NULL && row->arg != NULL && argv[i][len] != '=' && i + 1 < argc)
      options[n++] = argv[++i];
  }
  return cli_parse(&parser, n, options, &m->common, err);
}

/* ---- heads
 * --------------------------------------------------------------------------------- */

/* A part's file, in an arena of its own: only the head is kept. */
static kvc_code read_part(struct merge *m, size_t i, struct kvc_arena *heads,
                          shard_take *take, struct kvc_err *err)
{
  struct kvc_arena file;
  struct shard_head *head = heads != NULL ? &m->heads[i] : &m->again;
  char *text;
  struct shard_text t = {.path = m->files[i]};
  kvc_arena_init(&file, SHARD_MAX_BYTES + (1 << 20));
  kvc_code rc = kvc_file_read_into(&file, t.path, SHARD_MAX_BYTES, &text, &t.len, err);
  if (rc == KVC_E_OK) {
    t.text = text;
    rc = shard_read(heads != NULL ? heads : &file, &t, head, take, m, err);
  }
  kvc_arena_clear(&file);
  return rc;
}

static const char *difference(const struct shard_head *a, const struct shard_head *b)
{
  if (strcmp(a->kvcap, b->kvcap) != 0)
    return "they were made by different kvcap releases";
  if (a->parts != b->parts) return "they are of different numbers of parts";
  if (a->n_args != b->n_args) return "their arguments differ";
  for (size_t i = 0; i < a->n_args; i++)
    if (strcmp(a->args[i], b->args[i]) != 0) return "their arguments differ";
  if (a->n_inputs != b->n_inputs) return "they read different files";
  for (size_t i = 0; i < a->n_inputs; i++)
    if (strcmp(a->inputs[i].name, b->inputs[i].name) != 0 ||
        strcmp(a->inputs[i].digest, b->inputs[i].digest) != 0)
      return "a file that they read changed between them";
  if (strcmp(a->question, b->question) != 0)
    return "their shapes are sized differently, as by another build";
  return NULL;
}

static kvc_code missing(const struct merge *m, const bool *seen, struct kvc_err *err)
{
  const struct shard_head *first = &m->heads[0];
  struct kvc_buf list, command;
  int n = 0, next = 0;
  kvc_buf_init(&list, 100);
  for (int part = 1; part <= first->parts; part++) {
    if (seen[part]) continue;
    if (next == 0) next = part;
    if (n++ < 12) kvc_buf_printf(&list, "%s%d", n > 1 ? ", " : "", part);
  }
  if (n == 0) {
    kvc_buf_clear(&list);
    return KVC_E_OK;
  }
  if (n > 12) kvc_buf_puts(&list, " ...");
  kvc_buf_init(&command, 300);
  shard_command(&command, first, next);
  const kvc_code rc =
      kvc_fail(err, KVC_E_USAGE, NULL, "part%s %s of %d %s missing; make %s with: %s",
               n > 1 ? "s" : "", list.text, first->parts, n > 1 ? "are" : "is",
               n > 1 ? "the first" : "it", command.text);
  kvc_buf_clear(&list);
  kvc_buf_clear(&command);
  return rc;
}

static kvc_code read_heads(struct merge *m, struct kvc_err *err)
{
  struct kvc_arena *arena = &m->cli->arena;
  bool *seen = kvc_arena_alloc(arena, PLAN_MAX_SHARDS + 1, sizeof *seen);
  m->heads = kvc_arena_alloc(arena, m->n_files, sizeof *m->heads);
  if (seen == NULL || m->heads == NULL) return kvc_arena_full(arena, NULL, err);
  for (size_t i = 0; i < m->n_files; i++) {
    const struct shard_head *first = &m->heads[0], *head = &m->heads[i];
    KVC_TRY(read_part(m, i, arena, NULL, err));
    const char *what = difference(first, head);
    if (what != NULL)
      return kvc_fail(err, KVC_E_CONFLICT, m->files[i],
                      "is no part of the same plan as %.100s: %s", m->files[0], what);
    for (size_t k = 0; seen[head->part] && k < i; k++)
      if (m->heads[k].part == head->part)
        return kvc_fail(err, KVC_E_CONFLICT, m->files[i],
                        "is part %d of %d, and so is %.100s: give one of them",
                        head->part, head->parts, m->files[k]);
    seen[head->part] = true;
  }
  return missing(m, seen, err);
}

/* ---- the question again
 * ---------------------------------------------------------------------- */

static kvc_code ask_again(struct merge *m, struct kvc_err *err)
{
  struct kvc_arena *arena = &m->cli->arena;
  const struct shard_head *first = &m->heads[0];
  struct shard_head *now = kvc_arena_alloc(arena, 1, sizeof *now);
  char **argv = kvc_arena_alloc(arena, first->n_args + 1, sizeof *argv);
  m->q.args = kvc_arena_alloc(arena, 1, sizeof *m->q.args);
  if (now == NULL || argv == NULL || m->q.args == NULL)
    return kvc_arena_full(arena, NULL, err);
  *now = *first;
  now->n_inputs = 0;
  now->kvcap = KVC_VERSION;
  for (size_t i = 0; i < first->n_args; i++) {
    argv[i] = kvc_arena_strdup(arena, first->args[i]);
    if (argv[i] == NULL) return kvc_arena_full(arena, NULL, err);
  }
  KVC_TRY(plan_read(m->cli, (int)first->n_args, argv, m->q.args, err));
  const struct plan_args *a = m->q.args;
  if (a->shard > 0 || a->cluster != NULL || a->advise.size.common.help ||
      a->advise.size.common.output != NULL)
    return kvc_fail(err, KVC_E_PARSE, m->files[0],
                    "is no whole part of a plan: its arguments ask for no plan");
  KVC_TRY(shard_inputs(a, now, err));
  KVC_TRY(plan_ask(&m->q, err));
  KVC_TRY(shard_question(&m->q, now, err));
  const char *what = difference(first, now);
  if (what == NULL) return KVC_E_OK;
  if (strcmp(first->kvcap, KVC_VERSION) != 0)
    return kvc_fail(err, KVC_E_CONFLICT, m->files[0],
                    "was made by kvcap %.30s, and this is %s: merge with that one",
                    first->kvcap, KVC_VERSION);
  for (size_t i = 0; i < now->n_inputs && i < first->n_inputs; i++)
    if (strcmp(now->inputs[i].digest, first->inputs[i].digest) != 0)
      return kvc_fail(err, KVC_E_CONFLICT, now->inputs[i].name,
                      "is not what it was when %.100s was made: make the parts again",
                      m->files[0]);
  return kvc_fail(err, KVC_E_CONFLICT, m->files[0],
                  "does not fit what is here now: %s; make the parts again", what);
}

/* ---- results
 * ------------------------------------------------------------------------------------ */

static bool same_shape(const struct kvc_search_shape *a, const struct kvc_search_shape *b)
{
  return a->model == b->model && a->hardware == b->hardware && a->tp == b->tp &&
         a->pp == b->pp && a->dp == b->dp && a->expert_parallel == b->expert_parallel &&
         a->fp8_weights == b->fp8_weights && a->fp8_kv == b->fp8_kv &&
         a->speculation == b->speculation;
}

/* As they are written: every figure, to the last digit. */
static bool same_result(const struct kvc_search_unit *a, const struct kvc_search_unit *b)
{
  struct kvc_buf x, y;
  kvc_buf_init(&x, 1 << 20);
  kvc_buf_init(&y, 1 << 20);
  shard_unit_text(&x, a);
  shard_unit_text(&y, b);
  const bool same = x.text != NULL && y.text != NULL && strcmp(x.text, y.text) == 0;
  kvc_buf_clear(&x);
  kvc_buf_clear(&y);
  return same;
}

static kvc_code take_unit(void *ctx, const struct shard_head *head,
                          const struct shard_unit *unit, struct kvc_err *err)
{
  struct merge *m = ctx;
  const size_t i = unit->index;
  if (i >= kvc_search_units(m->q.search) ||
      !same_shape(&unit->unit.shape, &kvc_search_at(m->q.search, i)->shape))
    return kvc_fail(err, KVC_E_CONFLICT, head->path,
                    "has a result of a shape that this plan does not have; make it "
                    "again");
  if (m->got[i] != NULL && unit->stage == 0 && same_result(&m->got[i]->unit, &unit->unit))
    return KVC_E_OK;
  if (m->got[i] != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, head->path,
                    "and %.100s have different results of the same shape, as of "
                    "different builds or processors: make all parts with one",
                    m->from[i]);
  m->got[i] = kvc_arena_alloc(&m->units, 1, sizeof *unit);
  if (m->got[i] == NULL) return kvc_arena_full(&m->units, head->path, err);
  *m->got[i] = *unit;
  m->from[i] = head->path;
  m->part[i] = head->part;
  return KVC_E_OK;
}

static kvc_code put_stage(struct merge *m, int stage, struct kvc_err *err)
{
  const int parts = m->heads[0].parts;
  struct plan_part all;
  KVC_TRY(plan_todo(&m->q, stage, 1, 1, &all, err));
  for (size_t i = 0; i < all.n; i++) {
    const size_t at = all.units[i];
    const struct shard_unit *unit = m->got[at];
    const int part = stage == 0 ? 1 : (int)(i % (size_t)parts) + 1;
    if (unit == NULL || unit->stage != stage || (stage == 1 && m->part[at] != part))
      return kvc_fail(err, KVC_E_CONFLICT, NULL,
                      "part %d of %d lacks a result that it must have: make it again",
                      part, parts);
    kvc_search_put(m->q.search, at, &unit->unit);
  }
  return KVC_E_OK;
}

static kvc_code merge(struct merge *m, struct kvc_err *err)
{
  struct kvc_arena *arena = &m->cli->arena;
  KVC_TRY(read_heads(m, err));
  KVC_TRY(ask_again(m, err));
  const size_t n = kvc_search_units(m->q.search);
  m->got = kvc_arena_alloc(arena, n + 1, sizeof *m->got);
  m->from = kvc_arena_alloc(arena, n + 1, sizeof *m->from);
  m->part = kvc_arena_alloc(arena, n + 1, sizeof *m->part);
  if (m->got == NULL || m->from == NULL || m->part == NULL)
    return kvc_arena_full(arena, NULL, err);
  for (size_t i = 0; i < m->n_files; i++) KVC_TRY(read_part(m, i, NULL, take_unit, err));
  KVC_TRY(put_stage(m, 0, err));
  KVC_TRY(put_stage(m, 1, err));
  return plan_finish(&m->q, &m->common, (double)NAN, err);
}

kvc_code cli_cmd_merge(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  struct merge *m = kvc_arena_alloc(&cli->arena, 1, sizeof *m);
  if (m == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  m->cli = cli;
  m->q.cli = cli;
  KVC_TRY(read_words(m, argc, argv, err));
  if (m->common.help) {
    cli_help_command(cli_command_find("merge"), &cli->out);
    return KVC_E_OK;
  }
  if (m->n_files == 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "which parts? for example: kvcap merge shard-*-of-16.json");
  if (m->common.n_profiles > 0)
    return kvc_fail(err, KVC_E_USAGE, "--profiles",
                    "is of the question, which the parts hold: leave it out");
  kvc_arena_init(&m->units, PARTS_BYTES);
  const kvc_code rc = merge(m, err);
  plan_close(&m->q);
  kvc_arena_clear(&m->units);
  return rc;
}
