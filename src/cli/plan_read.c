/* plan_read.c - the command line of `kvcap plan` over its plan file.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "plan.h"
#include <kvcap/plan_file.h>
#include <math.h>
#include <string.h>

bool plan_is_yaml(const char *word)
{
  const size_t n = strlen(word);
  return (n > 5 && strcmp(word + n - 5, ".yaml") == 0) ||
         (n > 4 && strcmp(word + n - 4, ".yml") == 0);
}

/* Words that stand alone: the plan file and models. */
static kvc_code take_words(struct plan_args *args, struct kvc_err *err)
{
  struct cli_common *common = &args->advise.size.common;
  for (size_t i = 0; i < common->n_words; i++) {
    const char *word = common->words[i];
    if (!plan_is_yaml(word)) {
      KVC_TRY(plan_add_model(args, word, err));
      continue;
    }
    if (args->file != NULL && strcmp(args->file, word) != 0)
      return kvc_fail(err, KVC_E_USAGE, NULL,
                      "\"%.60s\" is one plan file too many: the question is already "
                      "\"%.80s\"",
                      word, args->file);
    args->file = word;
  }
  common->n_words = 0;
  return KVC_E_OK;
}

static const struct cli_parser parser = {plan_options, size_foreign_take, size_seen};

static void reset(struct cli *cli, int argc, char *const *argv, struct plan_args *args)
{
  *args = (struct plan_args){.growth_percent = (double)NAN, .seed = -1};
  kvc_search_request_init(&args->req);
  args->advise.size.searched = true;
  size_begin(cli, &parser, argc, argv, &args->advise.size);
}

/* Options of every command, and the rows before the group "Server". */
static bool is_ours(const struct cli_option *row)
{
  for (const struct cli_option *o = cli_common_options; o->type != CLI_END; o++)
    if (o == row) return true;
  for (const struct cli_option *o = plan_options; o->type != CLI_END; o++) {
    if (o->type == CLI_GROUP && strcmp(o->help, "Server") == 0) return false;
    if (o == row) return true;
  }
  return false;
}

static kvc_code check_flags(const struct kvc_plan_file *file, const char *path,
                            struct kvc_err *err)
{
  bool negated;
  for (size_t i = 0; i < file->n_flags; i++) {
    const char *flag = file->flags[i];
    const struct cli_option *row =
        cli_option_find(plan_options, flag, strcspn(flag, "="), &negated);
    if (row != NULL && is_ours(row))
      return kvc_fail(err, KVC_E_CONFLICT, path,
                      "\"serve\" holds flags of the server, and %s is none: write a key "
                      "of the file, or the command line",
                      row->name);
  }
  return KVC_E_OK;
}

/* The flags of the file, then the words: what comes later stands over it. */
static kvc_code parse_both(const struct kvc_plan_file *file, int argc, char *const *argv,
                           struct plan_args *args, struct kvc_err *err)
{
  struct kvc_arena *arena = &args->advise.size.cli->arena;
  char **words = kvc_arena_alloc(arena, file->n_flags + (size_t)argc + 1, sizeof *words);
  size_t n = 0;
  if (words == NULL) return kvc_arena_full(arena, NULL, err);
  for (size_t i = 0; i < file->n_flags; i++) {
    char *copy = kvc_arena_strdup(arena, file->flags[i]);
    if (copy == NULL) return kvc_arena_full(arena, NULL, err);
    words[n++] = copy;
  }
  for (int i = 0; i < argc; i++) words[n++] = argv[i];
  KVC_TRY(cli_parse(&parser, (int)n, words, args, err));
  return take_words(args, err);
}

kvc_code plan_read(struct cli *cli, int argc, char *const *argv, struct plan_args *args,
                   struct kvc_err *err)
{
  struct kvc_arena *arena = &cli->arena;
  char *text;
  size_t len;
  reset(cli, argc, argv, args);
  KVC_TRY(cli_parse(&parser, argc, argv, args, err));
  KVC_TRY(take_words(args, err));
  if (args->advise.size.common.help || args->file == NULL) return KVC_E_OK;
  struct kvc_plan_file *file = kvc_arena_alloc(arena, 1, sizeof *file);
  struct plan_args *typed = kvc_arena_alloc(arena, 1, sizeof *typed);
  if (file == NULL || typed == NULL) return kvc_arena_full(arena, NULL, err);
  *typed = *args;
  KVC_TRY(
      kvc_file_read_into(arena, typed->file, KVC_PROFILE_MAX_BYTES, &text, &len, err));
  KVC_TRY(kvc_plan_file_read(arena, text, len, typed->file, file, err));
  KVC_TRY(check_flags(file, typed->file, err));
  reset(cli, argc, argv, args);
  KVC_TRY(plan_fill(args, typed, file, err));
  return parse_both(file, argc, argv, args, err);
}
