/* doc_diagnose.c - a diagnosis as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fields.h"
#include "text.h"
#include <kvcap/diagnose.h>
#include <math.h>
#include <string.h>

#define T(member) 0, offsetof(struct kvc_diagnosis, member)
#define R(member) 0, offsetof(struct kvc_diagnosis_row, member)
#define S(member) 0, offsetof(struct kvc_diagnosis_skip, member)
#define I(member) 0, offsetof(struct kvc_diagnosis_input, member)

/* clang-format off */
static const struct field top_rows[] = {
  {"schema", FIELD_INT, T(schema), KVC_U_NONE, false, "version of this document, 1"},
  {"passed", FIELD_BOOL, T(passed), KVC_U_NONE, false, "no finding at or above fail_on"},
  {"fail_on", FIELD_TEXT, T(fail_on), KVC_U_NONE, false, "least severity that fails the diagnosis"},
  {"verdict", FIELD_TEXT, T(verdict), KVC_U_NONE, false, "one sentence"},
  {"vllm_version", FIELD_TEXT, T(version), KVC_U_NONE, false, "release of vLLM that flags are spelled for"},
  {"vllm_version_from", FIELD_TEXT, T(version_from), KVC_U_NONE, false, "where that release comes from"},
  {"engine", FIELD_TEXT, T(generation), KVC_U_NONE, true, "V0 or V1"},
  {"model", FIELD_TEXT, T(model), KVC_U_NONE, true, "model that is served"},
  {"gpu", FIELD_TEXT, T(gpu), KVC_U_NONE, true, "GPU that gains are computed for"},
  {"errors", FIELD_SIZE, T(errors), KVC_U_COUNT, false, "findings of a server that fails or loses requests"},
  {"warnings", FIELD_SIZE, T(warnings), KVC_U_COUNT, false, "findings that users feel"},
  {"hints", FIELD_SIZE, T(hints), KVC_U_COUNT, false, "findings that could be better"},
  {"rules_passed", FIELD_SIZE, T(n_passed), KVC_U_COUNT, false, "rules that looked and found nothing"},
  {"command", FIELD_TEXT, T(command), KVC_U_NONE, true, "the launch with what is to be changed"},
  {"command_verdict", FIELD_TEXT, T(command_verdict), KVC_U_NONE, true, "what the memory model says of that launch"},
  {"command_times", FIELD_TEXT, T(command_times), KVC_U_NONE, true, "simulated times before and after all of its changes"},
  {.type = FIELD_END}};
static const struct field row_rows[] = {
  {"id", FIELD_TEXT, R(id), KVC_U_NONE, false, "rule; kvcap explain prints it"},
  {"slug", FIELD_TEXT, R(slug), KVC_U_NONE, false, "name of the rule"},
  {"severity", FIELD_TEXT, R(severity), KVC_U_NONE, false, "error, warning or hint"},
  {"title", FIELD_TEXT, R(title), KVC_U_NONE, false, "what the rule is about"},
  {"text", FIELD_TEXT, R(text), KVC_U_NONE, false, "what was seen"},
  {"why", FIELD_TEXT, R(why), KVC_U_NONE, false, "why it matters"},
  {"fix", FIELD_TEXT, R(fix), KVC_U_NONE, true, "what to do, in words"},
  {"flag", FIELD_TEXT, R(flag), KVC_U_NONE, true, "flag to change, as the release spells it"},
  {"key", FIELD_TEXT, R(key), KVC_U_NONE, true, "canonical key of that flag"},
  {"before", FIELD_TEXT, R(before), KVC_U_NONE, true, "its present value"},
  {"value", FIELD_TEXT, R(value), KVC_U_NONE, true, "its new value"},
  {"gain", FIELD_TEXT, R(gain), KVC_U_NONE, true, "what the change buys by the memory model"},
  {"gain_unknown", FIELD_TEXT, R(gain_why), KVC_U_NONE, true, "why that is not known"},
  {"times", FIELD_TEXT, R(times), KVC_U_NONE, true, "simulated TTFT, TPOT and throughput before and after the change"},
  {"times_unknown", FIELD_TEXT, R(times_why), KVC_U_NONE, true, "why they are not computed"},
  {"ttft_before_s", FIELD_NUM, R(now.ttft_s), KVC_U_NONE, true, "simulated mean time to first token as the server is"},
  {"ttft_after_s", FIELD_NUM, R(then.ttft_s), KVC_U_NONE, true, "the same with the change"},
  {"tpot_before_s", FIELD_NUM, R(now.tpot_s), KVC_U_NONE, true, "simulated mean time per output token as the server is"},
  {"tpot_after_s", FIELD_NUM, R(then.tpot_s), KVC_U_NONE, true, "the same with the change"},
  {"output_tok_per_s_before", FIELD_NUM, R(now.output_tok_per_s), KVC_U_NONE, true, "simulated tokens a second as the server is"},
  {"output_tok_per_s_after", FIELD_NUM, R(then.output_tok_per_s), KVC_U_NONE, true, "the same with the change"},
  {"applied", FIELD_BOOL, R(applied), KVC_U_NONE, false, "the corrected command has it"},
  {"set_aside", FIELD_TEXT, R(set_aside), KVC_U_NONE, true, "why the corrected command does not have it"},
  {"source", FIELD_TEXT, R(source), KVC_U_NONE, false, "citation key"},
  {.type = FIELD_END}};
static const struct field seen_rows[] = {
  {"figure", FIELD_ANY, 0, 0, KVC_U_NONE, false, "name of the figure, a key of figures"},
  {"value", FIELD_ANY, 0, 0, KVC_U_NONE, true, "its value"},
  {"unit", FIELD_ANY, 0, 0, KVC_U_NONE, false, "its unit"},
  {"from", FIELD_ANY, 0, 0, KVC_U_NONE, true, "where it comes from"},
  {.type = FIELD_END}};
static const struct field skip_rows[] = {
  {"id", FIELD_TEXT, S(id), KVC_U_NONE, false, "rule that could not look"},
  {"reason", FIELD_TEXT, S(reason), KVC_U_NONE, false, "what is missing"},
  {.type = FIELD_END}};
static const struct field input_rows[] = {
  {"kind", FIELD_TEXT, I(kind), KVC_U_NONE, false, "metrics, log, benchmark or deployment"},
  {"where", FIELD_TEXT, I(where), KVC_U_NONE, false, "file, address or option"},
  {"what", FIELD_TEXT, I(what), KVC_U_NONE, false, "what was found in it"},
  {.type = FIELD_END}};
static const struct field figure_rows[] = {
  {"value", FIELD_ANY, 0, 0, KVC_U_NONE, true, "value in SI units, null when it has no bound"},
  {"unit", FIELD_ANY, 0, 0, KVC_U_NONE, false, "s, tokens, 1/s, tokens/s, bytes, 1 for fractions and ratios"},
  {"from", FIELD_ANY, 0, 0, KVC_U_NONE, true, "where it comes from"},
  {.type = FIELD_END}};

static const struct section sections[] = {
  {"", SECTION_TOP, top_rows, NULL, false},
  {"inputs", SECTION_LIST, input_rows, "what was looked at", false},
  {"findings", SECTION_LIST, row_rows, "what is wrong, errors first", false},
  {"findings.evidence", SECTION_TEXTS, NULL, "figures that it rests on, as people read them", false},
  {"findings.seen", SECTION_LIST, seen_rows, "the same figures for programs", false},
  {"skipped", SECTION_LIST, skip_rows, "rules that could not look", false},
  {"figures", SECTION_DICT, figure_rows, "everything that is known of the server", false},
  {"next", SECTION_TEXTS, NULL, "what to measure next", false},
  {"notes", SECTION_TEXTS, NULL, "how the input was understood", false}};
/* clang-format on */

static const char *unit_name(enum kvc_live_unit unit)
{
  static const char *const names[] = {"1", "s",   "tokens",   "count", "1",
                                      "1", "1/s", "tokens/s", "bytes"};
  return names[unit];
}

static void add_texts(struct kvc_doc *doc, struct kvc_node *map, const char *key,
                      const char *const *texts, size_t n)
{
  struct kvc_node *list = kvc_node_add(doc, map, key, KVC_NODE_LIST);
  for (size_t i = 0; i < n; i++) kvc_node_text(doc, list, NULL, texts[i]);
}

static void add_figure(struct kvc_doc *doc, struct kvc_node *map,
                       const struct kvc_live *live, enum kvc_live_key key)
{
  kvc_node_num(doc, map, "value", live->v[key], KVC_U_NONE);
  kvc_node_text(doc, map, "unit", unit_name(kvc_live_row(key)->unit));
  kvc_node_text(doc, map, "from", live->from[key]);
}

static void add_tree(struct kvc_doc *doc, const struct kvc_diagnosis *d)
{
  fields_add(doc, doc->root, top_rows, (const void *const[FIELD_BASES]){d, d, d});
  (void)fields_list(doc, "inputs", input_rows, d->inputs, d->n_inputs, sizeof *d->inputs);
  struct kvc_node *list =
      fields_list(doc, "findings", row_rows, d->rows, d->n_rows, sizeof *d->rows);
  struct kvc_node *one = list != NULL ? list->first : NULL;
  for (size_t i = 0; one != NULL && i < d->n_rows; i++, one = one->next) {
    const struct kvc_diagnosis_row *r = &d->rows[i];
    add_texts(doc, one, "evidence", r->evidence, r->n_evidence);
    struct kvc_node *seen = kvc_node_add(doc, one, "seen", KVC_NODE_LIST);
    for (size_t k = 0; k < r->n_seen; k++) {
      struct kvc_node *figure = kvc_node_add(doc, seen, NULL, KVC_NODE_MAP);
      kvc_node_text(doc, figure, "figure", kvc_live_row(r->seen[k])->name);
      add_figure(doc, figure, d->live, r->seen[k]);
    }
  }
  (void)fields_list(doc, "skipped", skip_rows, d->skips, d->n_skips, sizeof *d->skips);
  struct kvc_node *figures = kvc_node_add(doc, doc->root, "figures", KVC_NODE_MAP);
  for (size_t k = KVC_L_none + 1; k < KVC_L_COUNT_; k++) {
    if (isnan(d->live->v[k])) continue;
    const enum kvc_live_key key = (enum kvc_live_key)k;
    add_figure(doc, kvc_node_add(doc, figures, kvc_live_row(key)->name, KVC_NODE_MAP),
               d->live, key);
  }
  add_texts(doc, doc->root, "next", d->next, d->n_next);
  add_texts(doc, doc->root, "notes", d->notes, d->n_notes);
}

/* ---- text: the four panels ------------------------------------------------------------
 */

static const char *shown(struct kvc_doc *doc, const struct kvc_live *live,
                         enum kvc_live_key key)
{
  char text[KVC_LIVE_TEXT];
  kvc_live_format(live->v[key], kvc_live_row(key)->unit, text);
  return TEXT(doc, "%s", text);
}

/* "p50 120 ms, p95 900 ms" of what is known; NULL when nothing is. */
struct part {
  const char *name;
  enum kvc_live_key key;
};
static const char *joined(struct kvc_doc *doc, const struct kvc_live *live,
                          const struct part *parts, size_t n)
{
  const char *line = NULL;
  for (size_t i = 0; i < n; i++) {
    if (isnan(live->v[parts[i].key])) continue;
    line = TEXT(doc, "%s%s%s%s%s", line != NULL ? line : "", line != NULL ? ", " : "",
                parts[i].name, parts[i].name[0] != '\0' ? " " : "",
                shown(doc, live, parts[i].key));
  }
  return line;
}

struct panel_row {
  const char *label;
  struct part parts[5];
};
#define LATENCY(name)                                                                    \
  {                                                                                      \
    {"mean", KVC_L_##name##_mean_s}, {"p50", KVC_L_##name##_p50_s},                      \
        {"p95", KVC_L_##name##_p95_s},                                                   \
    {                                                                                    \
      "p99", KVC_L_##name##_p99_s                                                        \
    }                                                                                    \
  }
#define LENGTH(name)                                                                     \
  {                                                                                      \
    {"mean", KVC_L_##name##_mean_tok}, {"p50", KVC_L_##name##_p50_tok},                  \
        {"p95", KVC_L_##name##_p95_tok},                                                 \
    {                                                                                    \
      "p99", KVC_L_##name##_p99_tok                                                      \
    }                                                                                    \
  }
/* clang-format off */
static const struct panel_row panel[] = {
  {"TTFT", LATENCY(ttft)}, {"TPOT", LATENCY(tpot)}, {"ITL", LATENCY(itl)},
  {"queue", LATENCY(queue)}, {"prefill", LATENCY(prefill)}, {"decode", LATENCY(decode)},
  {"end to end", LATENCY(e2e)}, {"prompt", LENGTH(prompt)}, {"output", LENGTH(output)},
  {"throughput", {{"", KVC_L_request_per_s}, {"generated", KVC_L_generation_tps},
                  {"prompts", KVC_L_prompt_tps}}},
  {"requests", {{"running", KVC_L_running_mean}, {"at most", KVC_L_running_max},
                {"allowed", KVC_L_max_num_seqs}, {"waiting", KVC_L_waiting_mean},
                {"waiting at most", KVC_L_waiting_max}}},
  {"KV cache", {{"used", KVC_L_kv_usage_mean_frac}, {"at most", KVC_L_kv_usage_max_frac},
                {"of", KVC_L_pool_tok}, {"preemptions", KVC_L_preemptions}}},
  {"prefix cache", {{"hits", KVC_L_prefix_hit_frac}}},
  {"speculation", {{"accepted", KVC_L_spec_accept_frac},
                   {"efficiency", KVC_L_spec_efficiency_frac},
                   {"a step gives", KVC_L_spec_accept_len_tok}}},
  {"roofline", {{"decode step at least", KVC_L_decode_floor_s},
                {"took", KVC_L_decode_over_floor},
                {"prefill at least", KVC_L_prefill_floor_s},
                {"took", KVC_L_prefill_over_floor}}},
};
/* clang-format on */

static void add_panel(struct kvc_doc *doc, const struct kvc_live *live)
{
  bool any = false;
  for (size_t i = 0; i < sizeof panel / sizeof *panel; i++) {
    size_t n = 0;
    while (n < 5 && panel[i].parts[n].name != NULL) n++;
    const char *line = joined(doc, live, panel[i].parts, n);
    if (line == NULL) continue;
    if (!any) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "The server", NULL);
    any = true;
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, panel[i].label, line, NULL);
  }
  if (live->lora_names != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, "adapters", live->lora_names, NULL);
}

/* ---- text: findings -------------------------------------------------------------------
 */

static const char *change_of(struct kvc_doc *doc, const struct kvc_diagnosis_row *r)
{
  if (r->flag == NULL || r->value == NULL) return r->fix != NULL ? r->fix : r->why;
  const char *value = r->value;
  const char *change = strcmp(value, "true") == 0    ? TEXT(doc, "%s", r->flag)
                       : strcmp(value, "false") == 0 ? TEXT(doc, "leave %s out", r->flag)
                       : r->before != NULL
                           ? TEXT(doc, "%s %s (now %s)", r->flag, value, r->before)
                           : TEXT(doc, "%s %s", r->flag, value);
  return r->fix != NULL ? TEXT(doc, "%s: %s", change, r->fix) : change;
}

static void add_finding(struct kvc_doc *doc, const struct kvc_diagnosis_row *r,
                        enum kvc_tone tone)
{
  struct kvc_block *block =
      kvc_block_add(doc, KVC_BLOCK_ITEM, r->text, change_of(doc, r),
                    TEXT(doc, "%s [%s] %s", r->why, r->id, r->source));
  if (block != NULL) block->tone = tone;
  if (r->gain != NULL) (void)kvc_block_add(doc, KVC_BLOCK_PARA, "  buys:", r->gain, NULL);
  if (r->times != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "  times:", r->times, NULL);
  else if (r->times_why != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA,
                        "  times:", TEXT(doc, "not computed: %s", r->times_why), NULL);
  const char *seen = NULL;
  for (size_t i = 0; i < r->n_evidence; i++)
    seen = seen == NULL ? r->evidence[i] : TEXT(doc, "%s; %s", seen, r->evidence[i]);
  if (seen != NULL) (void)kvc_block_add(doc, KVC_BLOCK_PARA, "  seen:", seen, NULL);
  if (r->set_aside != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "  not in the command:", r->set_aside, NULL);
}

static void add_findings(struct kvc_doc *doc, const struct kvc_diagnosis *d)
{
  static const struct {
    const char *severity, *heading;
    enum kvc_tone tone;
  } groups[] = {{"error", "Errors: requests or the server are lost", KVC_TONE_BAD},
                {"warning", "Warnings: users feel it", KVC_TONE_WARN},
                {"hint", "Hints", KVC_TONE_PLAIN}};
  for (size_t g = 0; g < 3; g++) {
    bool any = false;
    for (size_t i = 0; i < d->n_rows; i++) {
      if (strcmp(d->rows[i].severity, groups[g].severity) != 0) continue;
      if (!any)
        (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, groups[g].heading, NULL);
      any = true;
      add_finding(doc, &d->rows[i], groups[g].tone);
    }
  }
}

/* Figures that rules lack, in one paragraph. */
static void add_unknown(struct kvc_doc *doc, const struct kvc_diagnosis *d, bool *done)
{
  static const char lead[] = "not known: the ";
  const char *line = NULL;
  for (size_t i = 0; i < d->n_skips; i++) {
    const char *reason = d->skips[i].reason;
    if (strncmp(reason, lead, sizeof lead - 1) != 0) continue;
    done[i] = true;
    line = TEXT(doc, "%s%s%s [%s]", line != NULL ? line : "", line != NULL ? ", " : "",
                reason + sizeof lead - 1, d->skips[i].id);
  }
  struct kvc_block *block =
      line != NULL ? kvc_block_add(doc, KVC_BLOCK_PARA, "not known:", line, NULL) : NULL;
  if (block != NULL) block->tone = KVC_TONE_DIM;
}

/* Rules by the reason they could not look. */
static void add_skips(struct kvc_doc *doc, const struct kvc_diagnosis *d)
{
  bool *done = kvc_arena_alloc(doc->arena, d->n_skips + 1, sizeof *done);
  if (d->n_skips == 0 || done == NULL) return;
  (void)kvc_block_add(
      doc, KVC_BLOCK_HEADING, NULL,
      TEXT(doc, "%zu rules found nothing, %zu could not look", d->n_passed, d->n_skips),
      NULL);
  add_unknown(doc, d, done);
  for (size_t i = 0; i < d->n_skips; i++) {
    const char *ids = "";
    if (done[i]) continue;
    for (size_t k = i; k < d->n_skips; k++) {
      if (done[k] || strcmp(d->skips[k].reason, d->skips[i].reason) != 0) continue;
      done[k] = true;
      ids = TEXT(doc, "%s%s%s", ids, ids[0] != '\0' ? " " : "", d->skips[k].id);
    }
    struct kvc_block *block = kvc_block_add(
        doc, KVC_BLOCK_PARA, NULL, TEXT(doc, "%s: %s", d->skips[i].reason, ids), NULL);
    if (block != NULL) block->tone = KVC_TONE_DIM;
  }
}

static void add_paragraphs(struct kvc_doc *doc, const char *heading,
                           const char *const *texts, size_t n)
{
  if (n > 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, heading, NULL);
  for (size_t i = 0; i < n; i++)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "-", texts[i], NULL);
}

/* Of many of one kind the first two and how many there are. */
static void add_inputs(struct kvc_doc *doc, const struct kvc_diagnosis *d)
{
  enum { SHOWN = 2, FEW = 4 };
  for (size_t i = 0; i < d->n_inputs; i++) {
    const struct kvc_diagnosis_input *in = &d->inputs[i];
    size_t before = 0, all = 0;
    for (size_t k = 0; k < d->n_inputs; k++) {
      const bool same = strcmp(d->inputs[k].kind, in->kind) == 0;
      all += same;
      before += same && k < i;
    }
    if (all > FEW && before > SHOWN) continue;
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, TEXT(doc, "%s:", in->kind),
                        all > FEW && before == SHOWN
                            ? TEXT(doc, "and %zu more", all - SHOWN)
                            : TEXT(doc, "%s, %s", in->where, in->what),
                        NULL);
  }
}

kvc_code kvc_doc_diagnosis(struct kvc_doc *doc, const struct kvc_diagnosis *d,
                           struct kvc_err *err)
{
  add_tree(doc, d);
  struct kvc_block *verdict =
      kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, d->verdict, NULL);
  if (verdict != NULL) verdict->tone = d->passed ? KVC_TONE_GOOD : KVC_TONE_BAD;
  add_inputs(doc, d);
  add_panel(doc, d->live);
  add_findings(doc, d);
  add_skips(doc, d);
  add_paragraphs(doc, "Notes", d->notes, d->n_notes);
  if (d->command != NULL) {
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Launch", NULL);
    (void)kvc_block_add(doc, KVC_BLOCK_COMMAND, NULL, d->command, NULL);
    if (d->command_verdict != NULL)
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, d->command_verdict, NULL);
    if (d->command_times != NULL)
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, d->command_times, NULL);
  }
  add_paragraphs(doc, "Measure next", d->next, d->n_next);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

kvc_code kvc_doc_diagnosis_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, sections, sizeof sections / sizeof sections[0],
                "kvcap diagnose: a running vLLM server, looked at");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
