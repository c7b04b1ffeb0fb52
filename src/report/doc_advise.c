/* doc_advise.c - an advice as a tree and as text; a rule of the rule book.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keys are a contract ("schema": 1): they are added, never renamed or removed.
 */
#include "fields.h"
#include "text.h"
#include <kvcap/advice.h>
#include <math.h>
#include <string.h>

#ifndef KVC_VERSION
#define KVC_VERSION "0.0.0"
#endif

struct derived {
  double schema, users, rate, latency, turns, context, needed, replicas;
  const char *kvcap_version, *goal;
};

enum { ADVICE, DERIVED };
#define AT(member) ADVICE, offsetof(struct kvc_advice, member)
#define OF(member) DERIVED, offsetof(struct derived, member)
#define FLAG(member) ADVICE, offsetof(struct kvc_advised, member)
#define REC(member) ADVICE, offsetof(struct kvc_recommendation, member)

/* clang-format off */
static const struct field top_rows[] = {
    {"schema", FIELD_WHOLE, OF(schema), KVC_U_NONE, false, "version of this contract: 1"},
    {"kvcap_version", FIELD_TEXT, OF(kvcap_version), KVC_U_NONE, false, "the program that wrote it"},
    {"verdict", FIELD_TEXT, AT(verdict), KVC_U_NONE, false, "one line: does it start, on how many GPUs, how many requests"},
    {"fits", FIELD_BOOL, AT(size.memory.fits), KVC_U_NONE, false, "whether the advised command starts"},
    {"command", FIELD_TEXT, AT(command), KVC_U_NONE, false, "the launch command, a line for a POSIX shell"},
    {"replicas", FIELD_WHOLE, OF(replicas), KVC_U_COUNT, true, "such servers that the users need; null when unknown"},
    {"rounds", FIELD_INT, AT(rounds), KVC_U_COUNT, false, "times max-num-seqs changed before the set agreed with itself"},
    {0}};

static const struct field demand_rows[] = {
    {"workload", FIELD_TEXT, AT(demand.name), KVC_U_NONE, true, "name of the workload profile"},
    {"cite", FIELD_TEXT, AT(demand.cite), KVC_U_NONE, true, "where its statistics are from"},
    {"prompt_tok", FIELD_NUM, AT(demand.load.prompt_tok), KVC_U_COUNT, true, "mean prompt"},
    {"prompt_cv", FIELD_NUM, AT(demand.load.prompt_cv), KVC_U_NONE, true, "standard deviation / mean"},
    {"output_tok", FIELD_NUM, AT(demand.load.output_tok), KVC_U_COUNT, true, "mean output"},
    {"output_cv", FIELD_NUM, AT(demand.load.output_cv), KVC_U_NONE, true, "standard deviation / mean"},
    {"shared_prefix_frac", FIELD_NUM, AT(demand.load.shared_prefix_frac), KVC_U_FRAC, true, "part of the prompt that requests share"},
    {"users", FIELD_NUM, OF(users), KVC_U_COUNT, true, "requests at once, stated or rate x latency"},
    {"rate_per_s", FIELD_NUM, OF(rate), KVC_U_COUNT, true, "requests a second"},
    {"latency_s", FIELD_NUM, OF(latency), KVC_U_COUNT, true, "mean seconds of one request"},
    {"turns", FIELD_NUM, OF(turns), KVC_U_COUNT, true, "requests of one conversation"},
    {"context_tok", FIELD_NUM, OF(context), KVC_U_COUNT, true, "longest request that must be served, as stated"},
    {"needed_tok", FIELD_NUM, OF(needed), KVC_U_COUNT, true, "context that was taken as needed"},
    {"goal", FIELD_TEXT, OF(goal), KVC_U_NONE, false, "latency, throughput or none"},
    {0}};

static const struct field flag_rows[] = {
    {"name", FIELD_TEXT, FLAG(name), KVC_U_NONE, false, "spelling of the release"},
    {"key", FIELD_TEXT, FLAG(key), KVC_U_NONE, false, "canonical key"},
    {"value", FIELD_TEXT, FLAG(value), KVC_U_NONE, true, "value; true for a switch"},
    {"default", FIELD_TEXT, FLAG(fallback), KVC_U_NONE, true, "what the release would take without it"},
    {"given", FIELD_BOOL, FLAG(given), KVC_U_NONE, false, "set by hand, not advised"},
    {"reason", FIELD_TEXT, FLAG(reason), KVC_U_NONE, false, "why"},
    {"source", FIELD_TEXT, FLAG(source), KVC_U_NONE, true, "citation key"},
    {"gain", FIELD_TEXT, FLAG(gain), KVC_U_NONE, true, "what it yields"},
    {"breaks", FIELD_TEXT, FLAG(breaks), KVC_U_NONE, true, "what breaks when it is changed"},
    {"since", FIELD_TEXT, FLAG(since), KVC_U_NONE, true, "first release with the flag"},
    {"until", FIELD_TEXT, FLAG(until), KVC_U_NONE, true, "first release without it; null while it is there"},
    {0}};

static const struct field rec_rows[] = {
    {"id", FIELD_TEXT, REC(id), KVC_U_NONE, false, "stable id: `kvcap explain ID`"},
    {"severity", FIELD_TEXT, REC(severity), KVC_U_NONE, false, "offer, hint, warning or error"},
    {"flag", FIELD_TEXT, REC(flag), KVC_U_NONE, true, "option to set"},
    {"value", FIELD_TEXT, REC(value), KVC_U_NONE, true, "its value"},
    {"reason", FIELD_TEXT, REC(reason), KVC_U_NONE, false, "why"},
    {"source", FIELD_TEXT, REC(source), KVC_U_NONE, true, "citation key"},
    {"gain", FIELD_TEXT, REC(gain), KVC_U_NONE, true, "what it yields, or what to do"},
    {0}};

static const struct section sections[] = {
    {"", SECTION_TOP, top_rows, NULL, false},
    {"demand", SECTION_MAP, demand_rows, "what was asked for", false},
    {"flags", SECTION_LIST, flag_rows, "every flag of the command", false},
    {"flags.evidence", SECTION_TEXTS, NULL, "figures behind it", false},
    {"recommendations", SECTION_LIST, rec_rows, "offers, and what the rules find in the set", false},
    {"recommendations.evidence", SECTION_TEXTS, NULL, "figures behind it", false},
};
/* clang-format on */

/* ---- tree ---- */

static void add_texts(struct kvc_doc *doc, struct kvc_node *parent,
                      const char *const *texts, size_t count)
{
  struct kvc_node *list = kvc_node_add(doc, parent, "evidence", KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++) kvc_node_text(doc, list, NULL, texts[i]);
}

static double known(double v)
{
  return v > 0 ? v : (double)NAN;
}

static void add_lists(struct kvc_doc *doc, const struct kvc_advice *a)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "flags", KVC_NODE_LIST);
  for (size_t i = 0; i < a->n_flags; i++) {
    const struct kvc_advised *f = &a->flags[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    fields_add(doc, one, flag_rows, (const void *const[FIELD_BASES]){f, f, f});
    add_texts(doc, one, f->evidence, f->n_evidence);
  }
  list = kvc_node_add(doc, doc->root, "recommendations", KVC_NODE_LIST);
  for (size_t i = 0; i < a->n_recs; i++) {
    const struct kvc_recommendation *r = &a->recs[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    fields_add(doc, one, rec_rows, (const void *const[FIELD_BASES]){r, r, r});
    add_texts(doc, one, r->evidence, r->n_evidence);
  }
}

/* Hangs the tree of another document under a key. */
static void adopt(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                  const struct kvc_doc *other)
{
  struct kvc_node *node = kvc_node_add(doc, parent, key, KVC_NODE_MAP);
  if (node == NULL || other->root == NULL) return;
  node->first = other->root->first;
  node->last = other->root->last;
  doc->full = doc->full || other->full;
}

/* ---- text ---- */

static void view_flags(struct kvc_doc *doc, const struct kvc_advice *a)
{
  if (a->n_flags == 0) {
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                        "The release's own defaults are right: no flag is needed.", NULL);
    return;
  }
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Why", NULL);
  for (size_t i = 0; i < a->n_flags; i++) {
    const struct kvc_advised *f = &a->flags[i];
    const bool on = f->value != NULL && strcmp(f->value, "true") == 0;
    const char *value = on || f->value == NULL ? "" : TEXT(doc, " %s", f->value);
    const char *instead = f->fallback != NULL && f->value != NULL
                              ? TEXT(doc, " (default %s)", f->fallback)
                              : "";
    (void)kvc_block_add(doc, KVC_BLOCK_ITEM, TEXT(doc, "%s%s%s", f->name, value, instead),
                        f->gain, f->reason);
    for (size_t k = 0; k < f->n_evidence; k++) {
      struct kvc_block *line =
          kvc_block_add(doc, KVC_BLOCK_PARA, "  =", f->evidence[k], NULL);
      if (line != NULL) line->tone = KVC_TONE_DIM;
    }
    if (f->breaks != NULL) {
      struct kvc_block *line =
          kvc_block_add(doc, KVC_BLOCK_PARA, "  if changed:", f->breaks, NULL);
      if (line != NULL) line->tone = KVC_TONE_DIM;
    }
  }
}

static void view_recs(struct kvc_doc *doc, const struct kvc_advice *a, bool offers,
                      const char *title)
{
  bool any = false;
  for (size_t i = 0; i < a->n_recs; i++) {
    const struct kvc_recommendation *r = &a->recs[i];
    if ((strcmp(r->severity, "offer") == 0) != offers) continue;
    if (!any) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, title, NULL);
    any = true;
    const char *label = r->flag != NULL
                            ? TEXT(doc, "%s%s%s", r->flag, r->value != NULL ? " " : "",
                                   r->value != NULL ? r->value : "")
                            : r->severity;
    (void)kvc_block_add(doc, KVC_BLOCK_ITEM, label, r->gain,
                        TEXT(doc, "%s [%s]", r->reason, r->id));
  }
}

static void view_demand(struct kvc_doc *doc, const struct kvc_advice *a)
{
  const struct kvc_demand *d = &a->demand;
  char p[KVC_UNIT_TEXT], o[KVC_UNIT_TEXT];
  kvc_unit_format(d->load.prompt_tok, KVC_U_COUNT, p);
  kvc_unit_format(d->load.output_tok, KVC_U_COUNT, o);
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, "for:",
      TEXT(doc, "%s on %s, vLLM %d.%d.%d; requests of %s + %s tokens%s%s%s", a->model,
           a->size.gpu.name, a->size.version.version.release[0],
           a->size.version.version.release[1], a->size.version.version.release[2], p, o,
           d->name != NULL ? " (" : "", d->name != NULL ? d->name : "",
           d->name != NULL ? ")" : ""),
      NULL);
}

static void view(struct kvc_doc *doc, const struct kvc_advice *a)
{
  struct kvc_block *verdict =
      kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, a->verdict, NULL);
  if (verdict != NULL) verdict->tone = a->size.memory.fits ? KVC_TONE_GOOD : KVC_TONE_BAD;
  view_demand(doc, a);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL,
                      a->size.memory.fits ? "Run" : "The nearest, which does not start",
                      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_COMMAND, NULL, a->command, NULL);
  view_flags(doc, a);
  view_recs(doc, a, true, "Offers: these may cost accuracy");
  view_recs(doc, a, false, "Worth knowing");
  for (size_t i = 0; i < a->size.n_notes; i++) {
    const struct kvc_note *n = &a->size.notes[i];
    const bool warning = strcmp(n->level, "warning") == 0;
    if (i == 0) (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Notes", NULL);
    struct kvc_block *para =
        kvc_block_add(doc, KVC_BLOCK_PARA, warning ? "warning:" : "-", n->text, NULL);
    if (para != NULL && warning) para->tone = KVC_TONE_WARN;
  }
}

kvc_code kvc_doc_advise(struct kvc_doc *doc, const struct kvc_size_request *req,
                        const struct kvc_advice *advice, struct kvc_err *err)
{
  static const char *const goals[] = {"none", "latency", "throughput"};
  const struct kvc_demand *d = &advice->demand;
  const struct derived derived = {.schema = 1,
                                  .kvcap_version = KVC_VERSION,
                                  .users = known(d->users),
                                  .rate = known(d->rate_per_s),
                                  .latency = known(d->latency_s),
                                  .turns = known(d->turns),
                                  .context = known((double)d->context_tok),
                                  .needed = known(advice->needed_tok),
                                  .replicas = known((double)advice->replicas),
                                  .goal = goals[d->goal]};
  const void *const bases[FIELD_BASES] = {advice, &derived, &derived};
  struct kvc_doc size;
  fields_add(doc, doc->root, top_rows, bases);
  struct kvc_node *demand = kvc_node_add(doc, doc->root, "demand", KVC_NODE_MAP);
  fields_add(doc, demand, demand_rows, bases);
  add_lists(doc, advice);
  kvc_doc_init(&size, doc->arena);
  KVC_TRY(kvc_doc_size(&size, req, &advice->size, err));
  adopt(doc, doc->root, "size", &size);
  if (!doc->full) view(doc, advice);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

kvc_code kvc_doc_advise_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  struct kvc_doc size;
  fields_schema(doc, sections, sizeof sections / sizeof sections[0],
                "kvcap advise: one consistent set of flags");
  kvc_doc_init(&size, doc->arena);
  KVC_TRY(kvc_doc_size_schema(&size, err));
  struct kvc_node *props = doc->root != NULL ? doc->root->first : NULL;
  struct kvc_node *required = props;
  while (props != NULL && strcmp(props->key, "properties") != 0) props = props->next;
  while (required != NULL && strcmp(required->key, "required") != 0)
    required = required->next;
  kvc_node_text(doc, required, NULL, "size");
  adopt(doc, props, "size", &size);
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}

/* ---- a rule ---- */

static void needs(struct kvc_doc *doc, const struct kvc_rule *rule)
{
  static const struct {
    unsigned bit;
    const char *name;
  } words[] = {{KVC_NEED_MODEL, "model"},     {KVC_NEED_SIZE, "size"},
               {KVC_NEED_LOAD, "lengths"},    {KVC_NEED_RATE, "users"},
               {KVC_NEED_GOAL, "goal"},       {KVC_NEED_LINK, "link"},
               {KVC_NEED_LAUNCH, "launch"},   {KVC_NEED_LIVE, "a running server"},
               {KVC_NEED_METRICS, "metrics"}, {KVC_NEED_LOG, "log"},
               {KVC_NEED_BENCH, "benchmark"}};
  struct kvc_node *list = kvc_node_add(doc, doc->root, "needs", KVC_NODE_LIST);
  const char *all = "";
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if ((rule->needs & words[i].bit) == 0) continue;
    kvc_node_text(doc, list, NULL, words[i].name);
    all = TEXT(doc, "%s%s%s", all, all[0] != '\0' ? ", " : "", words[i].name);
  }
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, "needs", all, NULL);
}

/* The figures of a running server that it cannot do without, and what it asks for. */
static void looks_at(struct kvc_doc *doc, const struct kvc_rule *rule)
{
  const enum kvc_live_key keys[] = {rule->fact, rule->with};
  struct kvc_node *list = kvc_node_add(doc, doc->root, "figures", KVC_NODE_LIST);
  for (size_t i = 0; i < 2; i++) {
    if (keys[i] == KVC_L_none) continue;
    kvc_node_text(doc, list, NULL, kvc_live_row(keys[i])->name);
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, i == 0 ? "looks at" : "and",
                        kvc_live_row(keys[i])->text, kvc_live_row(keys[i])->name);
  }
  kvc_node_text(doc, doc->root, "fix", rule->fix);
  if (rule->fix != NULL) (void)kvc_block_add(doc, KVC_BLOCK_ROW, "fix", rule->fix, NULL);
}

kvc_code kvc_doc_rule(struct kvc_doc *doc, struct kvc_db *db, const struct kvc_rule *rule,
                      struct kvc_err *err)
{
  static const char *const severities[] = {"hint", "warning", "error"};
  const struct kvc_cite *cite = kvc_db_cite(db, rule->cite);
  const char *fields[][2] = {{"id", rule->id},
                             {"slug", rule->slug},
                             {"severity", severities[rule->severity]},
                             {"title", rule->title},
                             {"why", rule->why},
                             {"flag", rule->flag},
                             {"since", rule->since},
                             {"until", rule->until},
                             {"cite", rule->cite},
                             {"source", cite != NULL ? cite->title : NULL},
                             {"where", cite != NULL ? cite->where : NULL}};
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL,
                      TEXT(doc, "%s: %s", rule->id, rule->title), NULL);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    kvc_node_text(doc, doc->root, fields[i][0], fields[i][1]);
    if (fields[i][1] != NULL && i != 0 && i != 3)
      (void)kvc_block_add(doc, KVC_BLOCK_ROW, fields[i][0], fields[i][1], NULL);
  }
  kvc_node_num(doc, doc->root, "limit", rule->unit != NULL ? rule->limit : (double)NAN,
               KVC_U_NONE);
  kvc_node_text(doc, doc->root, "unit", rule->unit);
  if (rule->unit != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, "limit",
                        TEXT(doc, "%g %s", rule->limit, rule->unit), NULL);
  looks_at(doc, rule);
  needs(doc, rule);
  return doc->full ? kvc_arena_full(doc->arena, "the rule", err) : KVC_E_OK;
}
