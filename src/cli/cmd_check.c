/* cmd_check.c - kvcap check: a launch that exists, against a release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "check.h"
#include "commands.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const severities[] = {"hint", "warning", "error", NULL};
static const char *const forms[] = {"command",    "script", "config", "compose",
                                    "kubernetes", "log",    NULL};

#define K(member) offsetof(struct check_args, member)
/* clang-format off */
const struct cli_option check_options[] = {
  {.name = "--vllm-version", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = K(version),
   .help = "release to check for; else the one that the image or log names, else the newest verified one"},
  {.name = "--from", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = K(from),
   .help = "release that the launch comes from: tells what changes in behaviour"},
  {.name = "--to", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = K(to),
   .help = "the same as --vllm-version"},
  {.name = "--gpu", .arg = "NAME", .type = CLI_TEXT, .offset = K(gpu), .complete = "gpus",
   .help = "GPU to check the fit for; without it the fit is skipped"},
  {.name = "--gpu-memory", .arg = "SIZE", .type = CLI_BYTES, .offset = K(gpu_memory_bytes), .min = 1e9, .max = 1e13,
   .advice = "write the usable memory of one GPU such as 79.25GiB",
   .help = "usable memory of one GPU instead of the profile's"},
  {.name = "--model-config", .arg = "FILE", .type = CLI_TEXT, .offset = K(model_config), .complete = "file",
   .help = "config.json of a model that kvcap does not know"},
  {.name = "--fix", .type = CLI_TRUE, .offset = K(fix),
   .help = "write the text with what can be fixed fixed, and nothing else changed"},
  {.name = "--fail-on", .arg = "hint|warning|error", .type = CLI_CHOICE, .offset = K(fail_on), .choices = severities,
   .help = "least severity that makes the exit status 1; error when not given"},
  {.name = "--as", .arg = "FORMAT", .type = CLI_CHOICE, .offset = K(as), .choices = forms,
   .help = "command, script, config, compose, kubernetes or log; looked at when not given"},
  {.type = CLI_END}};
/* clang-format on */

/* ---- what to check ----------------------------------------------------------------- */

/* The words after -- as they would be typed; a single one is the command itself. */
static kvc_code text_of_words(struct cli *cli, const struct check_args *args,
                              struct kvc_launch_source *out, struct kvc_err *err)
{
  struct kvc_buf line;
  const char *text = args->command[0];
  if (args->n_command > 1) {
    kvc_buf_init(&line, KVC_LAUNCH_MAX_BYTES);
    for (int i = 0; i < args->n_command; i++) {
      if (i > 0) kvc_buf_puts(&line, " ");
      kvc_escape_shell(&line, args->command[i]);
    }
    text = line.full ? NULL : kvc_arena_strdup(&cli->arena, line.text);
    kvc_buf_clear(&line);
    if (text == NULL) return kvc_arena_full(&cli->arena, "the command", err);
  }
  *out = (struct kvc_launch_source){.text = text,
                                    .len = strlen(text),
                                    .where = "command",
                                    .format = KVC_LAUNCH_COMMAND};
  return KVC_E_OK;
}

static kvc_code read_source(struct cli *cli, const struct check_args *args,
                            struct kvc_launch_source *out, struct kvc_err *err)
{
  struct stat st;
  if (args->n_command > 0) return text_of_words(cli, args, out, err);
  if (args->common.n_words != 1)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "check takes one file, -, or -- and a command; for example: kvcap "
                    "check compose.yaml --gpu H100");
  const char *word = args->common.words[0];
  if (strcmp(word, "-") != 0 && stat(word, &st) != 0 && strchr(word, ' ') != NULL) {
    *out =
        (struct kvc_launch_source){.text = word, .len = strlen(word), .where = "command"};
    return KVC_E_OK;
  }
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(&cli->arena, word, KVC_LAUNCH_MAX_BYTES, &text, &len, err));
  *out = (struct kvc_launch_source){.text = text, .len = len, .where = word};
  if (strcmp(word, "-") == 0) out->where = "standard input";
  return KVC_E_OK;
}

static void choose_format(const struct check_args *args, struct kvc_launch_source *source)
{
  for (size_t f = KVC_LAUNCH_COMMAND; args->as != NULL && f < KVC_LAUNCH_FORMATS_; f++) {
    const enum kvc_launch_format format = (enum kvc_launch_format)f;
    if (strcmp(kvc_launch_format_name(format), args->as) == 0) source->format = format;
  }
}

/* ---- for which release ----------------------------------------------------------------
 */

struct subject {
  struct cli *cli;
  const struct check_args *args;
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_default_query query;
  bool has_gpu;
  struct kvc_launch_source source;
  struct kvc_check *check;
  struct kvc_edit *edits;
  size_t n_edits;
};

static enum kvc_engine_kind generation(const struct kvc_engine *engine,
                                       const struct kvc_version *v,
                                       const struct kvc_launch *launch)
{
  const char *v0 = kvc_engine_generation(engine, v, KVC_ENGINE_V0);
  const char *v1 = kvc_engine_generation(engine, v, KVC_ENGINE_V1);
  if (v1 == NULL) return KVC_ENGINE_V0;
  if (v0 == NULL) return KVC_ENGINE_V1;
  for (size_t i = 0; i < launch->n_env; i++)
    if (strcmp(launch->env[i].name, "VLLM_USE_V1") == 0 && launch->env[i].value != NULL)
      return strcmp(launch->env[i].value, "0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  return strcmp(v1, "default") == 0 ? KVC_ENGINE_V1 : KVC_ENGINE_V0;
}

static kvc_code facts_for(const struct subject *s, const struct kvc_launch *launch,
                          const char *version, struct kvc_lint_facts *out,
                          struct kvc_err *err)
{
  struct kvc_version v = *kvc_engine_newest(s->engine);
  if (version != NULL) KVC_TRY(kvc_version_parse(version, "--vllm-version", &v, err));
  *out = (struct kvc_lint_facts){.engine = s->engine,
                                 .launch = launch,
                                 .asked = s->args->version,
                                 .query = s->query,
                                 .has_gpu = s->has_gpu};
  KVC_TRY(kvc_engine_resolve(s->engine, &v, &out->release, err));
  out->generation = generation(s->engine, &out->release.version, launch);
  return KVC_E_OK;
}

static kvc_code open_subject(struct cli *cli, struct check_args *args, struct subject *s,
                             struct kvc_err *err)
{
  if (args->to != NULL && args->version != NULL && strcmp(args->to, args->version) != 0)
    return kvc_fail(err, KVC_E_USAGE, "--to", "is the same as --vllm-version: give one");
  if (args->to != NULL) args->version = args->to;
  if (args->fail_on == NULL) args->fail_on = "error";
  KVC_TRY(cli_open_db(cli, &args->common, &s->db, err));
  KVC_TRY(kvc_db_engine(s->db, "vllm", &s->engine, err));
  s->query = (struct kvc_default_query){.vendor = KVC_VENDOR_NVIDIA};
  s->check = kvc_arena_alloc(&cli->arena, 1, sizeof *s->check);
  s->edits = kvc_arena_alloc(&cli->arena, CHECK_MAX_EDITS, sizeof *s->edits);
  if (s->check == NULL || s->edits == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  s->check->rows = kvc_arena_alloc(&cli->arena, CHECK_MAX_ROWS, sizeof *s->check->rows);
  s->check->commands =
      kvc_arena_alloc(&cli->arena, KVC_LAUNCH_MAX_COMMANDS, sizeof *s->check->commands);
  if (s->check->rows == NULL || s->check->commands == NULL)
    return kvc_arena_full(&cli->arena, NULL, err);
  if (args->gpu == NULL || kvc_str_ieq(args->gpu, "custom")) return KVC_E_OK;
  struct kvc_gpu *gpu = kvc_arena_alloc(&cli->arena, 1, sizeof *gpu);
  struct kvc_match match;
  if (gpu == NULL) return kvc_arena_full(&cli->arena, "--gpu", err);
  KVC_TRY(kvc_db_gpu(s->db, args->gpu, gpu, &match, err));
  s->query.gpu_name = gpu->name;
  s->query.vendor = gpu->vendor;
  s->query.gpu_memory_bytes = kvc_default_tier_bytes(gpu, args->gpu_memory_bytes);
  s->has_gpu = true;
  return KVC_E_OK;
}

/* ---- one launch
 * ------------------------------------------------------------------------ */

void check_add(struct kvc_check *check, const struct kvc_finding *f, const char *source,
               bool fixable)
{
  if (check->n_rows == CHECK_MAX_ROWS) return;
  for (size_t i = 0; i < check->n_rows; i++) { /* two services share an anchor */
    const struct kvc_check_row *r = &check->rows[i];
    if (r->line == f->line && r->col == f->col && strcmp(r->id, f->rule->id) == 0 &&
        strcmp(r->text, f->text) == 0)
      return;
  }
  struct kvc_check_row *r = &check->rows[check->n_rows++];
  *r = (struct kvc_check_row){.id = f->rule->id,
                              .slug = f->rule->slug,
                              .severity = severities[f->severity],
                              .flag = f->flag,
                              .text = f->text,
                              .fix = f->fix != NULL ? f->fix : "",
                              .source = source,
                              .n_evidence = f->n_evidence,
                              .line = f->line,
                              .col = f->col,
                              .command = check->n_commands + 1,
                              .fixable = fixable};
  for (size_t i = 0; i < f->n_evidence; i++) r->evidence[i] = f->evidence[i];
  check->errors += f->severity == KVC_SEV_ERROR;
  check->warnings += f->severity == KVC_SEV_WARNING;
  check->hints += f->severity == KVC_SEV_HINT;
  check->fixable += fixable;
}

static kvc_code set_version(struct subject *s, const struct kvc_launch *launch,
                            const struct kvc_lint_facts *facts, struct kvc_err *err)
{
  char text[KVC_VERSION_TEXT];
  struct kvc_check *c = s->check;
  if (c->version != NULL) return KVC_E_OK;
  kvc_version_format(&facts->release.version, text);
  c->version = kvc_arena_strdup(&s->cli->arena, text);
  if (c->version == NULL) return kvc_arena_full(&s->cli->arena, NULL, err);
  c->version_from = s->args->version != NULL  ? "the command line"
                    : launch->version != NULL ? launch->version_from
                                              : "kvcap: the newest verified one";
  c->format = kvc_launch_format_name(launch->format);
  return KVC_E_OK;
}

static kvc_code add_changes(struct subject *s, const struct kvc_launch *launch,
                            const struct kvc_lint_facts *to, struct kvc_err *err)
{
  struct kvc_lint_facts from;
  struct kvc_check *c = s->check;
  if (s->args->from == NULL || c->changes != NULL) return KVC_E_OK;
  KVC_TRY(facts_for(s, launch, s->args->from, &from, err));
  if (kvc_version_cmp(&from.release.version, &to->release.version) > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--from", "%s is later than %s", s->args->from,
                    c->version);
  c->changes = kvc_arena_alloc(&s->cli->arena, KVC_LINT_MAX_CHANGES, sizeof *c->changes);
  if (c->changes == NULL) return kvc_arena_full(&s->cli->arena, NULL, err);
  return kvc_lint_changes(&s->cli->arena, &from, to, c->changes, KVC_LINT_MAX_CHANGES,
                          &c->n_changes, err);
}

/* Looks at the mended launch, and mends what that shows, until it starts. */
static kvc_code mend(struct cli *cli, struct check_fit *fit, struct check_rewrite *how,
                     struct kvc_check_command *out, struct kvc_err *err)
{
  enum { MAX_ROUNDS = 6 };
  struct check_words *words = kvc_arena_alloc(&cli->arena, 1, sizeof *words);
  size_t seen = 0;
  if (words == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  fit->words = words;
  fit->quiet = true;
  for (int round = 0; round < MAX_ROUNDS && fit->sets->n > seen; round++) {
    struct kvc_check_command now = {0};
    seen = fit->sets->n;
    KVC_TRY(check_words(cli, fit->launch, how, words, err));
    KVC_TRY(check_fit(cli, fit, &now, err));
    out->mended = now.fit;
    out->mended_why = now.fit_why;
  }
  return KVC_E_OK;
}

static kvc_code check_one(struct subject *s, const struct kvc_launch *launch,
                          struct kvc_err *err)
{
  struct kvc_arena *arena = &s->cli->arena;
  struct kvc_check *c = s->check;
  struct kvc_lint_facts facts;
  struct kvc_lint_finding *found =
      kvc_arena_alloc(arena, KVC_LINT_MAX_FINDINGS, sizeof *found);
  struct check_words *words = kvc_arena_alloc(arena, 1, sizeof *words);
  size_t n = 0;
  if (found == NULL || words == NULL) return kvc_arena_full(arena, NULL, err);
  const char *version = s->args->version != NULL ? s->args->version : launch->version;
  KVC_TRY(facts_for(s, launch, version, &facts, err));
  KVC_TRY(set_version(s, launch, &facts, err));
  KVC_TRY(kvc_lint_run(arena, &facts, found, KVC_LINT_MAX_FINDINGS, &n, err));
  for (size_t i = 0; i < n; i++) {
    struct kvc_edit edit;
    const bool fixable = kvc_lint_edit(arena, launch, &found[i], &edit);
    if (fixable && s->n_edits < CHECK_MAX_EDITS) s->edits[s->n_edits++] = edit;
    check_add(c, &found[i].finding, found[i].source, fixable);
  }
  KVC_TRY(add_changes(s, launch, &facts, err));
  struct kvc_check_command *out = &c->commands[c->n_commands];
  *out = (struct kvc_check_command){.program = launch->program,
                                    .model = launch->model,
                                    .line = launch->line,
                                    .col = launch->col};
  struct check_sets sets = {0};
  for (size_t i = 0; i < n; i++)
    if (found[i].finding.severity == KVC_SEV_ERROR && found[i].finding.flag != NULL &&
        found[i].action == KVC_LINT_LEAVE)
      check_set(&sets, kvc_engine_flag(s->engine, found[i].finding.flag),
                found[i].finding.value);
  struct check_rewrite how = {&facts, found, n, &sets, true};
  KVC_TRY(check_words(s->cli, launch, &how, words, err));
  char text[KVC_VERSION_TEXT];
  kvc_version_format(&facts.release.version, text);
  struct check_fit fit = {s->args, launch, &facts, words, text, c, &sets, false};
  if (!s->args->fix) {
    KVC_TRY(check_fit(s->cli, &fit, out, err));
    KVC_TRY(mend(s->cli, &fit, &how, out, err));
  }
  how.for_size = false;
  KVC_TRY(check_words(s->cli, launch, &how, words, err));
  KVC_TRY(check_command_text(s->cli, launch, words, &out->corrected, err));
  c->n_commands++;
  return KVC_E_OK;
}

/* Errors first, in the order of the text within a severity. */
static int by_severity(const void *a, const void *b)
{
  const struct kvc_check_row *x = a, *y = b;
  const int order = strcmp(x->severity, y->severity); /* error < hint < warning */
  if (order != 0) {
    const int rx = x->severity[0] == 'e' ? 0 : x->severity[0] == 'w' ? 1 : 2;
    const int ry = y->severity[0] == 'e' ? 0 : y->severity[0] == 'w' ? 1 : 2;
    return rx - ry;
  }
  if (x->line != y->line) return x->line - y->line;
  if (x->col != y->col) return x->col - y->col;
  return strcmp(x->id, y->id);
}

static bool fails(const struct check_args *args, const struct kvc_check *c, bool unfixed)
{
  for (size_t i = 0; i < c->n_rows; i++) {
    const struct kvc_check_row *r = &c->rows[i];
    if (unfixed && r->fixable) continue;
    if (r->severity[0] == 'e' || strcmp(args->fail_on, "hint") == 0) return true;
    if (r->severity[0] == 'w' && strcmp(args->fail_on, "warning") == 0) return true;
  }
  return false;
}

static kvc_code write_fixed(struct subject *s, struct kvc_err *err)
{
  const struct kvc_launch_text in = {s->source.text, s->source.len};
  struct kvc_launch_text out;
  KVC_TRY(kvc_launch_edit(&s->cli->arena, in, s->edits, s->n_edits, &out, err));
  kvc_buf_add(&s->cli->out, out.text, out.len);
  if (strcmp(s->source.where, "command") == 0) kvc_buf_puts(&s->cli->out, "\n");
  s->cli->output = s->args->common.output;
  if (fails(s->args, s->check, true)) s->cli->status = 1;
  return KVC_E_OK;
}

static kvc_code run(struct subject *s, struct kvc_err *err)
{
  struct kvc_check *c = s->check;
  struct kvc_launch *launch = kvc_arena_alloc(&s->cli->arena, 1, sizeof *launch);
  if (launch == NULL) return kvc_arena_full(&s->cli->arena, NULL, err);
  size_t count = 1;
  c->schema = 1;
  c->where = s->source.where;
  c->from = s->args->from;
  c->gpu = s->args->gpu;
  c->fail_on = s->args->fail_on;
  for (size_t i = 0; i < count && i < KVC_LAUNCH_MAX_COMMANDS; i++) {
    s->source.which = i;
    KVC_TRY(kvc_launch_parse(&s->cli->arena, s->engine, &s->source, launch, err));
    count = launch->n_commands;
    KVC_TRY(check_one(s, launch, err));
  }
  qsort(c->rows, c->n_rows, sizeof *c->rows, by_severity);
  c->passed = !fails(s->args, c, false);
  return KVC_E_OK;
}

kvc_code cli_cmd_check(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = check_options};
  struct check_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct subject s = {.cli = cli, .args = args};
  int own = 0;
  if (args == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  while (own < argc && strcmp(argv[own], "--") != 0) own++;
  if (own < argc) {
    args->command = argv + own + 1;
    args->n_command = argc - own - 1;
  }
  KVC_TRY(cli_parse(&parser, own, argv, args, err));
  if (args->common.help) {
    cli_help_command(cli_command_find("check"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(open_subject(cli, args, &s, err));
  KVC_TRY(read_source(cli, args, &s.source, err));
  choose_format(args, &s.source);
  KVC_TRY(run(&s, err));
  if (args->fix) return write_fixed(&s, err);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_check(&doc, s.check, err));
  KVC_TRY(cli_emit(cli, &args->common, &doc, err));
  if (!s.check->passed) cli->status = 1;
  return KVC_E_OK;
}
