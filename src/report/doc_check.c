/* doc_check.c - the findings about a launch as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fields.h"
#include "text.h"
#include <kvcap/check.h>
#include <string.h>

#define T(member) 0, offsetof(struct kvc_check, member)
#define R(member) 0, offsetof(struct kvc_check_row, member)
#define C(member) 0, offsetof(struct kvc_check_command, member)
#define G(member) 0, offsetof(struct kvc_lint_change, member)

/* clang-format off */
static const struct field top_rows[] = {
  {"schema", FIELD_INT, T(schema), KVC_U_NONE, false, "version of this document, 1"},
  {"passed", FIELD_BOOL, T(passed), KVC_U_NONE, false, "no finding at or above fail_on"},
  {"where", FIELD_TEXT, T(where), KVC_U_NONE, false, "file, or the command line"},
  {"format", FIELD_TEXT, T(format), KVC_U_NONE, false, "command, script, config, compose, kubernetes or log"},
  {"version", FIELD_TEXT, T(version), KVC_U_NONE, false, "release of vLLM that the launch is checked for"},
  {"version_from", FIELD_TEXT, T(version_from), KVC_U_NONE, false, "where that release comes from"},
  {"from", FIELD_TEXT, T(from), KVC_U_NONE, true, "release that the launch comes from (--from)"},
  {"gpu", FIELD_TEXT, T(gpu), KVC_U_NONE, true, "GPU that the fit is checked for"},
  {"fail_on", FIELD_TEXT, T(fail_on), KVC_U_NONE, false, "least severity that fails the check"},
  {"errors", FIELD_SIZE, T(errors), KVC_U_COUNT, false, "findings with which the server does not start"},
  {"warnings", FIELD_SIZE, T(warnings), KVC_U_COUNT, false, "findings that do not do what they seem to"},
  {"hints", FIELD_SIZE, T(hints), KVC_U_COUNT, false, "findings that change nothing today"},
  {"fixable", FIELD_SIZE, T(fixable), KVC_U_COUNT, false, "findings that --fix carries out"},
  {.type = FIELD_END}};
static const struct field finding_rows[] = {
  {"id", FIELD_TEXT, R(id), KVC_U_NONE, false, "rule; kvcap explain prints it"},
  {"slug", FIELD_TEXT, R(slug), KVC_U_NONE, false, "name of the rule"},
  {"severity", FIELD_TEXT, R(severity), KVC_U_NONE, false, "error, warning or hint"},
  {"command", FIELD_SIZE, R(command), KVC_U_COUNT, false, "which launch of the text, from 1"},
  {"line", FIELD_INT, R(line), KVC_U_NONE, false, "line in the text, 0 when it has none"},
  {"column", FIELD_INT, R(col), KVC_U_NONE, false, "column in the line"},
  {"flag", FIELD_TEXT, R(flag), KVC_U_NONE, true, "canonical key of the flag it is about"},
  {"text", FIELD_TEXT, R(text), KVC_U_NONE, false, "what is wrong"},
  {"fix", FIELD_TEXT, R(fix), KVC_U_NONE, false, "what to do"},
  {"fixable", FIELD_BOOL, R(fixable), KVC_U_NONE, false, "--fix does it"},
  {"source", FIELD_TEXT, R(source), KVC_U_NONE, false, "citation key"},
  {.type = FIELD_END}};
static const struct field command_rows[] = {
  {"program", FIELD_TEXT, C(program), KVC_U_NONE, false, "how the server is started"},
  {"model", FIELD_TEXT, C(model), KVC_U_NONE, true, "model, null when it is not named"},
  {"line", FIELD_INT, C(line), KVC_U_NONE, false, "line in the text"},
  {"column", FIELD_INT, C(col), KVC_U_NONE, false, "column in the line"},
  {"fit", FIELD_TEXT, C(fit), KVC_U_NONE, false, "starts, does not start, or skipped"},
  {"fit_why", FIELD_TEXT, C(fit_why), KVC_U_NONE, false, "the verdict of the memory model, or why it could not look"},
  {"kv_cache_tokens", FIELD_NUM, C(kv_tokens), KVC_U_COUNT, true, "tokens that the KV cache holds, null unless sized"},
  {"corrected", FIELD_TEXT, C(corrected), KVC_U_NONE, false, "the command as the release takes it, errors mended where a remedy is known"},
  {"corrected_fit", FIELD_TEXT, C(mended), KVC_U_NONE, true, "starts, does not start or skipped; null when no value had to change"},
  {"corrected_fit_why", FIELD_TEXT, C(mended_why), KVC_U_NONE, true, "the verdict on the corrected command"},
  {.type = FIELD_END}};
static const struct field change_rows[] = {
  {"kind", FIELD_TEXT, G(kind), KVC_U_NONE, false, "engine, default, removed, renamed, new or behaviour"},
  {"flag", FIELD_TEXT, G(flag), KVC_U_NONE, true, "spelling of the flag"},
  {"at", FIELD_TEXT, G(at), KVC_U_NONE, true, "release that brought it"},
  {"before", FIELD_TEXT, G(before), KVC_U_NONE, true, "value or spelling before"},
  {"after", FIELD_TEXT, G(after), KVC_U_NONE, true, "value or spelling after"},
  {"given", FIELD_BOOL, G(given), KVC_U_NONE, false, "the launch sets this flag"},
  {"text", FIELD_TEXT, G(text), KVC_U_NONE, false, "what changes"},
  {"source", FIELD_TEXT, G(source), KVC_U_NONE, true, "citation key"},
  {.type = FIELD_END}};

static const struct section sections[] = {
  {"", SECTION_TOP, top_rows, NULL, false},
  {"findings", SECTION_LIST, finding_rows, "what is wrong, errors first", false},
  {"findings.evidence", SECTION_TEXTS, NULL, "figures that it rests on", false},
  {"commands", SECTION_LIST, command_rows, "launches of the text", false},
  {"changes", SECTION_LIST, change_rows, "what is different since --from", false}};
/* clang-format on */

static void add_tree(struct kvc_doc *doc, const struct kvc_check *check)
{
  fields_add(doc, doc->root, top_rows,
             (const void *const[FIELD_BASES]){check, check, check});
  struct kvc_node *findings = fields_list(doc, "findings", finding_rows, check->rows,
                                          check->n_rows, sizeof check->rows[0]);
  struct kvc_node *one = findings != NULL ? findings->first : NULL;
  for (size_t i = 0; one != NULL && i < check->n_rows; i++, one = one->next) {
    struct kvc_node *list = kvc_node_add(doc, one, "evidence", KVC_NODE_LIST);
    for (size_t k = 0; k < check->rows[i].n_evidence; k++)
      kvc_node_text(doc, list, NULL, check->rows[i].evidence[k]);
  }
  (void)fields_list(doc, "commands", command_rows, check->commands, check->n_commands,
                    sizeof check->commands[0]);
  (void)fields_list(doc, "changes", change_rows, check->changes, check->n_changes,
                    sizeof check->changes[0]);
}

/* ---- text -------------------------------------------------------------------------- */

static void add_item(struct kvc_doc *doc, enum kvc_tone tone, const char *label,
                     const char *text, const char *note)
{
  struct kvc_block *block = kvc_block_add(doc, KVC_BLOCK_ITEM, label, text, note);
  if (block != NULL) block->tone = tone;
}

static const char *plural(size_t n)
{
  return n == 1 ? "" : "s";
}

static void add_verdict(struct kvc_doc *doc, const struct kvc_check *c)
{
  const char *text =
      c->n_rows == 0
          ? TEXT(doc, "%s: nothing to object for vLLM %s", c->where, c->version)
          : TEXT(doc, "%s: %zu error%s, %zu warning%s, %zu hint%s for vLLM %s", c->where,
                 c->errors, plural(c->errors), c->warnings, plural(c->warnings), c->hints,
                 plural(c->hints), c->version);
  struct kvc_block *block = kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, text, NULL);
  if (block != NULL) block->tone = c->passed ? KVC_TONE_GOOD : KVC_TONE_BAD;
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                      TEXT(doc, "Read as %s; vLLM %s is from %s.", c->format, c->version,
                           c->version_from),
                      NULL);
}

static void add_findings(struct kvc_doc *doc, const struct kvc_check *c)
{
  static const struct {
    const char *severity, *heading;
    enum kvc_tone tone;
  } groups[] = {{"error", "Errors: the server does not start", KVC_TONE_BAD},
                {"warning", "Warnings", KVC_TONE_WARN},
                {"hint", "Hints", KVC_TONE_PLAIN}};
  for (size_t g = 0; g < 3; g++) {
    bool any = false;
    for (size_t i = 0; i < c->n_rows; i++) {
      const struct kvc_check_row *r = &c->rows[i];
      if (strcmp(r->severity, groups[g].severity) != 0) continue;
      if (!any)
        (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, groups[g].heading, NULL);
      any = true;
      const char *place =
          r->line > 0 ? TEXT(doc, "%d:%d %s", r->line, r->col, r->text) : r->text;
      add_item(doc, groups[g].tone, place,
               TEXT(doc, "fix: %s%s", r->fix, r->fixable ? " (--fix does it)" : ""),
               TEXT(doc, "[%s] %s", r->id, r->source));
    }
  }
}

static void add_fit(struct kvc_doc *doc, const struct kvc_check *c)
{
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Does it start", NULL);
  for (size_t i = 0; i < c->n_commands; i++) {
    const struct kvc_check_command *one = &c->commands[i];
    const char *label = c->n_commands > 1 ? TEXT(doc, "line %d", one->line) : NULL;
    struct kvc_block *block = kvc_block_add(doc, KVC_BLOCK_PARA, label,
                                            strcmp(one->fit, "skipped") == 0
                                                ? TEXT(doc, "Skipped: %s", one->fit_why)
                                                : one->fit_why,
                                            NULL);
    if (block != NULL && strcmp(one->fit, "starts") == 0) block->tone = KVC_TONE_GOOD;
  }
}

static void add_changes(struct kvc_doc *doc, const struct kvc_check *c)
{
  if (c->from == NULL) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      TEXT(doc, "What changes from vLLM %s to %s", c->from, c->version),
                      NULL);
  if (c->n_changes == 0)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, "nothing that is known", NULL);
  for (size_t i = 0; i < c->n_changes; i++) {
    const struct kvc_lint_change *g = &c->changes[i];
    const bool named = g->flag != NULL && strncmp(g->text, g->flag, strlen(g->flag)) == 0;
    const char *at = g->at != NULL ? g->at : "";
    add_item(doc, KVC_TONE_PLAIN,
             named || g->flag == NULL ? g->text : TEXT(doc, "%s: %s", g->flag, g->text),
             NULL,
             TEXT(doc, "%s%s%s", at, at[0] != '\0' ? ", " : "",
                  g->source != NULL ? g->source : "kvcap"));
  }
}

static void add_commands(struct kvc_doc *doc, const struct kvc_check *c)
{
  if (c->n_rows == 0) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      c->n_commands > 1 ? "Corrected commands" : "Corrected command",
                      NULL);
  for (size_t i = 0; i < c->n_commands; i++) {
    const struct kvc_check_command *one = &c->commands[i];
    (void)kvc_block_add(doc, KVC_BLOCK_COMMAND, NULL, one->corrected, NULL);
    if (one->mended == NULL || strcmp(one->mended, "skipped") == 0) continue;
    struct kvc_block *block =
        kvc_block_add(doc, KVC_BLOCK_PARA, NULL, one->mended_why, NULL);
    const bool starts = strcmp(one->mended, "starts") == 0;
    if (block != NULL) block->tone = starts ? KVC_TONE_GOOD : KVC_TONE_BAD;
  }
}

kvc_code kvc_doc_check(struct kvc_doc *doc, const struct kvc_check *check,
                       struct kvc_err *err)
{
  add_tree(doc, check);
  add_verdict(doc, check);
  add_findings(doc, check);
  add_fit(doc, check);
  add_changes(doc, check);
  add_commands(doc, check);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

kvc_code kvc_doc_check_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, sections, sizeof sections / sizeof sections[0],
                "kvcap check: a launch of vLLM, looked at");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
