/* cmd_profiles.c - kvcap profiles: list, show, check, import.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include <kvcap/hf.h>
#include <string.h>

struct profiles_args {
  struct cli_common common;
  const char *kind, *name;
};

static const char *const kinds[] = {"gpus",      "models",  "engines", "citations",
                                    "workloads", "kernels", NULL};

/* clang-format off */
const struct cli_option profiles_options[] = {
  {.name = "--kind", .arg = "KIND", .type = CLI_CHOICE, .offset = offsetof(struct profiles_args, kind), .choices = kinds,
   .help = "show and check: gpus, models, engines, citations, workloads or kernels"},
  {.name = "--name", .arg = "NAME", .type = CLI_TEXT, .offset = offsetof(struct profiles_args, name),
   .help = "import: name of the model when config.json does not say it"},
  {.type = CLI_END}};
/* clang-format on */

/* Index into kinds[], which follows enum kvc_kind; -1 unknown. */
static int kind_of(const char *word)
{
  for (int i = 0; kinds[i] != NULL; i++) {
    const size_t len = strlen(kinds[i]);
    if (kvc_str_ieq(word, kinds[i])) return i;
    if (strlen(word) == len - 1 && kvc_str_istarts(kinds[i], word)) return i;
  }
  return -1;
}

/* ---- list ------------------------------------------------------------------------ */

static kvc_code add_names(struct kvc_doc *doc, struct kvc_db *db, int kind, bool titled,
                          struct kvc_err *err)
{
  const char *const *names;
  size_t count;
  KVC_TRY(kvc_db_list(db, (enum kvc_kind)kind, &names, &count, err));
  struct kvc_node *list = kvc_node_add(doc, doc->root, kinds[kind], KVC_NODE_LIST);
  if (titled) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, kinds[kind], NULL);
  for (size_t i = 0; i < count; i++) {
    kvc_node_text(doc, list, NULL, names[i]);
    (void)kvc_block_add(doc, titled ? KVC_BLOCK_LINE : KVC_BLOCK_VERDICT, NULL, names[i],
                        NULL);
  }
  return KVC_E_OK;
}

static kvc_code list(struct cli *cli, struct profiles_args *args, struct kvc_db *db,
                     struct kvc_err *err)
{
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  const char *word = args->common.n_words > 1 ? args->common.words[1] : args->kind;
  if (word != NULL) {
    const int kind = kind_of(word);
    if (kind < 0)
      return kvc_fail(err, KVC_E_USAGE, NULL,
                      "\"%.40s\" is no kind of profile; list gpus, models, engines, "
                      "citations, workloads or kernels",
                      word);
    KVC_TRY(add_names(&doc, db, kind, false, err));
  } else {
    for (int kind = 0; kind <= KVC_KIND_MODEL; kind++)
      KVC_TRY(add_names(&doc, db, kind, true, err));
  }
  if (doc.full) return kvc_arena_full(&cli->arena, "the list", err);
  return cli_emit(cli, &args->common, &doc, err);
}

/* ---- show ------------------------------------------------------------------------- */

/* A profile as it is, but for what could steer a terminal. */
static void put_lines(struct cli *cli, const char *text, size_t len)
{
  for (size_t i = 0; i < len;) {
    size_t n = 0;
    while (i + n < len && text[i + n] != '\n' && text[i + n] != '\t') n++;
    char *part = kvc_arena_strndup(&cli->arena, text + i, n);
    if (part == NULL) return;
    kvc_escape_terminal(&cli->out, part, true);
    i += n;
    if (i < len) kvc_buf_add(&cli->out, text + i++, 1);
  }
}

static void show_text(struct cli *cli, const struct kvc_match *match, const char *text,
                      size_t len)
{
  kvc_buf_printf(&cli->out, "# %s%s\n", match->file != NULL ? match->file : "profile",
                 match->embedded ? " (built in)" : "");
  if (match->note != NULL) {
    kvc_buf_puts(&cli->out, "# ");
    kvc_escape_terminal(&cli->out, match->note, true);
    kvc_buf_puts(&cli->out, "\n");
  }
  put_lines(cli, text, len);
  if (len > 0 && text[len - 1] != '\n') kvc_buf_puts(&cli->out, "\n");
}

static kvc_code show(struct cli *cli, struct profiles_args *args, struct kvc_db *db,
                     struct kvc_err *err)
{
  if (args->common.n_words < 2)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "which profile? for example: kvcap profiles show H100");
  const char *name = args->common.words[1];
  const int only = args->kind != NULL ? kind_of(args->kind) : -1;
  struct kvc_err first = {0}, last = {0};
  kvc_code rc = KVC_E_UNKNOWN;
  for (int kind = 0; kinds[kind] != NULL; kind++) {
    if (only >= 0 && kind != only) continue;
    struct kvc_match match = {0};
    const char *text;
    size_t len;
    rc = kvc_db_text(db, (enum kvc_kind)kind, name, &text, &len, &match, &last);
    if (rc == KVC_E_OK) {
      show_text(cli, &match, text, len);
      cli->output = args->common.output;
      return KVC_E_OK;
    }
    /* The message worth showing is the first that knows candidates. */
    if (first.code == KVC_E_OK ||
        (strstr(first.msg, "did you mean") == NULL &&
         (strstr(last.msg, "did you mean") != NULL || rc != KVC_E_UNKNOWN)))
      first = last;
  }
  *err = first;
  return first.code;
}

/* ---- check ------------------------------------------------------------------------ */

struct check {
  struct kvc_doc *doc;
  struct kvc_node *faults;
};

static void add_fault(void *ctx, const struct kvc_err *fault)
{
  struct check *check = ctx;
  struct kvc_doc *doc = check->doc;
  struct kvc_node *one = kvc_node_add(doc, check->faults, NULL, KVC_NODE_MAP);
  char *file = kvc_arena_strdup(doc->arena, fault->where);
  char *text = kvc_arena_strdup(doc->arena, fault->msg);
  kvc_node_text(doc, one, "file", file);
  kvc_node_num(doc, one, "line", fault->line, KVC_U_NONE);
  kvc_node_num(doc, one, "column", fault->col, KVC_U_NONE);
  kvc_node_text(doc, one, "text", text);
  char *line = fault->line > 0
                   ? kvc_arena_printf(doc->arena, "%s:%d:%d: %s", fault->where,
                                      fault->line, fault->col, fault->msg)
                   : kvc_arena_printf(doc->arena, "%s: %s", fault->where, fault->msg);
  if (line == NULL) doc->full = true;
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, line, NULL);
}

/* Reads a file as one kind of profile; its fault is left in *fault. */
static kvc_code read_as(struct cli *cli, bool model, const char *path, const char *text,
                        size_t len, struct kvc_err *fault, struct kvc_err *err)
{
  *fault = (struct kvc_err){0};
  if (model) {
    struct kvc_model *out = kvc_arena_alloc(&cli->arena, 1, sizeof *out);
    if (out == NULL) return kvc_arena_full(&cli->arena, path, err);
    (void)!kvc_model_read(&cli->arena, text, len, path, out, fault);
  } else {
    struct kvc_gpu *out = kvc_arena_alloc(&cli->arena, 1, sizeof *out);
    if (out == NULL) return kvc_arena_full(&cli->arena, path, err);
    (void)!kvc_gpu_read(&cli->arena, text, len, path, out, fault);
  }
  return KVC_E_OK;
}

/* Without --kind, only models have layers. */
static kvc_code check_file(struct cli *cli, const struct profiles_args *args,
                           const char *path, struct kvc_err *fault, struct kvc_err *err)
{
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(&cli->arena, path, KVC_PROFILE_MAX_BYTES, &text, &len, err));
  const int kind = args->kind != NULL ? kind_of(args->kind) : -1;
  const bool layers = strstr(text, "layer_kinds:") != NULL;
  return read_as(cli, kind == KVC_KIND_MODEL || (kind < 0 && layers), path, text, len,
                 fault, err);
}

static kvc_code check(struct cli *cli, struct profiles_args *args, struct kvc_db *db,
                      struct kvc_err *err)
{
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  struct check sink = {&doc, kvc_node_add(&doc, doc.root, "faults", KVC_NODE_LIST)};
  size_t files = 0, faults = 0;
  if (args->common.n_words < 2) kvc_db_check(db, add_fault, &sink, &files, &faults);
  for (size_t i = 1; i < args->common.n_words; i++) {
    struct kvc_err fault = {0};
    KVC_TRY(check_file(cli, args, args->common.words[i], &fault, err));
    files++;
    if (fault.code == KVC_E_OK) continue;
    faults++;
    add_fault(&sink, &fault);
  }
  kvc_node_num(&doc, doc.root, "files", (double)files, KVC_U_COUNT);
  kvc_node_num(&doc, doc.root, "fault_count", (double)faults, KVC_U_COUNT);
  char *sum = kvc_arena_printf(&cli->arena, "%zu file%s, %zu fault%s", files,
                               files == 1 ? "" : "s", faults, faults == 1 ? "" : "s");
  (void)kvc_block_add(&doc, KVC_BLOCK_VERDICT, NULL, sum, NULL);
  if (doc.full || sum == NULL) return kvc_arena_full(&cli->arena, "the check", err);
  if (faults > 0) cli->status = kvc_err_status(KVC_E_PARSE);
  return cli_emit(cli, &args->common, &doc, err);
}

/* ---- import ----------------------------------------------------------------------- */

/* A name for a config that does not say its own: the file's, or its folder's when it
 * is called config.json. */
static const char *name_of_path(struct kvc_arena *arena, const char *path)
{
  const char *base = strrchr(path, '/');
  base = base != NULL ? base + 1 : path;
  if (strcmp(path, "-") == 0) return "custom";
  if (strcmp(base, "config.json") == 0) {
    const char *end = base > path ? base - 1 : path, *start = end;
    while (start > path && start[-1] != '/') start--;
    return end > start && *start != '.'
               ? kvc_arena_strndup(arena, start, (size_t)(end - start))
               : "custom";
  }
  const size_t len = strlen(base);
  return len > 5 && strcmp(base + len - 5, ".json") == 0
             ? kvc_arena_strndup(arena, base, len - 5)
             : base;
}

static kvc_code import(struct cli *cli, struct profiles_args *args, struct kvc_err *err)
{
  if (args->common.n_words < 2)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "which file? for example: kvcap profiles import config.json");
  const char *path = args->common.words[1];
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(&cli->arena, path, KVC_HF_MAX_BYTES, &text, &len, err));
  struct kvc_model *model = kvc_arena_alloc(&cli->arena, 1, sizeof *model);
  if (model == NULL) return kvc_arena_full(&cli->arena, path, err);
  const char *where = strcmp(path, "-") == 0 ? "standard input" : path;
  KVC_TRY(kvc_hf_model_parse(&cli->arena, text, len, where, model, err));
  if (args->name != NULL)
    model->name = args->name;
  else if (strcmp(model->name, where) == 0)
    model->name = name_of_path(&cli->arena, path);
  if (model->name == NULL) return kvc_arena_full(&cli->arena, path, err);
  if (model->cite == NULL) model->cite = "user"; /* every figure has a source */
  kvc_model_write(model, &cli->out);
  cli->output = args->common.output;
  return KVC_E_OK;
}

kvc_code cli_cmd_profiles(struct cli *cli, int argc, char *const *argv,
                          struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = profiles_options};
  struct profiles_args args = {0};
  KVC_TRY(cli_parse(&parser, argc, argv, &args, err));
  if (args.common.help || args.common.n_words == 0) {
    cli_help_command(cli_command_find("profiles"), &cli->out);
    return KVC_E_OK;
  }
  const char *verb = args.common.words[0];
  if (strcmp(verb, "import") == 0) return import(cli, &args, err);
  const bool is_list = strcmp(verb, "list") == 0, is_show = strcmp(verb, "show") == 0,
             is_check = strcmp(verb, "check") == 0;
  if (!is_list && !is_show && !is_check)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "\"%.40s\" is not list, show, check or import", verb);
  struct kvc_db *db;
  KVC_TRY(cli_open_db(cli, &args.common, &db, err));
  if (is_list) return list(cli, &args, db, err);
  return is_show ? show(cli, &args, db, err) : check(cli, &args, db, err);
}
