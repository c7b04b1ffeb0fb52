/* doc_flags.c - flags of the engine's catalogue as documents.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/report.h>
#include <string.h>

static const char *version_text(struct kvc_doc *doc, const struct kvc_version *version)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(version, text);
  return TEXT(doc, "%s", text);
}

static void row(struct kvc_doc *doc, const char *label, const char *text,
                const char *note)
{
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, label, text, note);
}

/* ---- one flag --------------------------------------------------------------------- */

/* For whom a default is asked: the first of a generation is its base, the others are
 * shown only where they differ from it. */
struct audience {
  const char *who;
  bool base;
  struct kvc_default_query query;
};

static const struct audience audiences[] = {
    {"V0", true, {.engine = KVC_ENGINE_V0, .gpu_memory_bytes = 80e9, .gpu_name = "h100"}},
    {"V1", true, {.engine = KVC_ENGINE_V1, .gpu_memory_bytes = 80e9, .gpu_name = "h100"}},
    {"V1, GPU of 24 GB",
     false,
     {.engine = KVC_ENGINE_V1, .gpu_memory_bytes = 24e9, .gpu_name = "l4"}},
    {"V1, LLM class",
     false,
     {.engine = KVC_ENGINE_V1,
      .context = KVC_CTX_LLM,
      .gpu_memory_bytes = 80e9,
      .gpu_name = "h100"}},
};

/* The default in one release; NULL when there is none. */
static const char *default_of(const struct kvc_engine *engine,
                              const struct kvc_flag *flag,
                              const struct kvc_version *version,
                              const struct audience *audience, const char **cite)
{
  struct kvc_default value;
  if (kvc_engine_generation(engine, version, audience->query.engine) == NULL) return NULL;
  if (!kvc_engine_default(engine, flag, version, &audience->query, &value)) return NULL;
  *cite = value.cite;
  return value.value;
}

static bool same(const char *a, const char *b)
{
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void add_default(struct kvc_doc *doc, struct kvc_node *list, const char *value,
                        const char *who, const char *since, const char *cite)
{
  struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
  kvc_node_text(doc, one, "value", value);
  kvc_node_text(doc, one, "engine", who);
  kvc_node_text(doc, one, "since", since);
  kvc_node_text(doc, one, "cite", cite);
  row(doc, list->first == one ? "default" : "", value,
      TEXT(doc, "%s, from %s%s%s%s", who, since, cite != NULL ? " (" : "",
           cite != NULL ? cite : "", cite != NULL ? ")" : ""));
}

/* Defaults for one audience over the releases, one row a change. */
static void defaults_of(struct kvc_doc *doc, struct kvc_node *list,
                        const struct kvc_engine *engine, const struct kvc_flag *flag,
                        const struct audience *audience, const struct audience *base)
{
  const char *last = NULL;
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++) {
    const struct kvc_version *version = &kvc_engine_release(engine, i)->version;
    const char *cite = NULL, *unused = NULL;
    const char *value = default_of(engine, flag, version, audience, &cite);
    if (audience != base && same(value, default_of(engine, flag, version, base, &unused)))
      value = NULL;
    if (value != NULL && !same(value, last))
      add_default(doc, list, value, audience->who, version_text(doc, version), cite);
    last = value;
  }
}

static void add_spans(struct kvc_doc *doc, const struct kvc_engine *engine,
                      const struct kvc_flag *flag)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "spellings", KVC_NODE_LIST);
  const char *last = NULL;
  struct kvc_node *one = NULL;
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++) {
    const struct kvc_version *version = &kvc_engine_release(engine, i)->version;
    const char *name = kvc_engine_flag_name(engine, flag, version);
    if (same(name, last)) continue;
    const char *at = version_text(doc, version);
    if (one != NULL) kvc_node_text(doc, one, "until", at);
    one = NULL;
    if (name == NULL && last != NULL) row(doc, "", "gone", TEXT(doc, "from %s", at));
    if (name != NULL) {
      one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
      kvc_node_text(doc, one, "name", name);
      kvc_node_text(doc, one, "since", at);
      row(doc, list != NULL && list->first == one ? "spelled" : "", name,
          i == 0 ? TEXT(doc, "since %s or earlier", at) : TEXT(doc, "from %s", at));
    }
    last = name;
  }
  if (one != NULL) kvc_node_text(doc, one, "until", NULL);
}

static void add_choices(struct kvc_doc *doc, const struct kvc_engine *engine,
                        const struct kvc_flag *flag)
{
  const char *const *choices = NULL;
  size_t n = 0;
  /* Those of the newest release that has the flag. */
  for (size_t i = kvc_engine_release_count(engine); i > 0 && n == 0; i--)
    n = kvc_engine_flag_choices(engine, flag, &kvc_engine_release(engine, i - 1)->version,
                                &choices);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "choices", KVC_NODE_LIST);
  const char *line = "";
  for (size_t i = 0; i < n; i++) {
    kvc_node_text(doc, list, NULL, choices[i]);
    line = TEXT(doc, "%s%s%s", line, i > 0 ? ", " : "", choices[i]);
  }
  if (n > 0) (void)kvc_block_add(doc, KVC_BLOCK_PARA, "values:", line, NULL);
}

static void add_changes(struct kvc_doc *doc, const struct kvc_flag *flag)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "changes", KVC_NODE_LIST);
  if (flag->n_changes > 0)
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Changes", NULL);
  for (size_t i = 0; i < flag->n_changes; i++) {
    const struct kvc_flag_change *change = &flag->changes[i];
    const char *at = version_text(doc, &change->at);
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "at", at);
    kvc_node_text(doc, one, "text", change->text);
    kvc_node_text(doc, one, "cite", change->cite);
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, TEXT(doc, "%s:", at),
                        change->cite != NULL
                            ? TEXT(doc, "%s [%s]", change->text, change->cite)
                            : change->text,
                        NULL);
  }
}

static void add_source(struct kvc_doc *doc, struct kvc_db *db,
                       const struct kvc_flag *flag)
{
  const struct kvc_cite *cite = flag->cite != NULL ? kvc_db_cite(db, flag->cite) : NULL;
  kvc_node_text(doc, doc->root, "cite", flag->cite);
  kvc_node_text(doc, doc->root, "source", cite != NULL ? cite->title : NULL);
  if (flag->cite == NULL) return;
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Source", NULL);
  const bool more = cite != NULL && cite->where != NULL;
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                      TEXT(doc, "%s%s%s%s%s", flag->cite, cite != NULL ? ": " : "",
                           cite != NULL && cite->title != NULL ? cite->title : "",
                           more ? ", " : "", more ? cite->where : ""),
                      NULL);
}

kvc_code kvc_doc_flag(struct kvc_doc *doc, struct kvc_db *db,
                      const struct kvc_engine *engine, const struct kvc_flag *flag,
                      struct kvc_err *err)
{
  const size_t n = kvc_engine_release_count(engine);
  const char *name = NULL;
  for (size_t i = n; i > 0 && name == NULL; i--)
    name =
        kvc_engine_flag_name(engine, flag, &kvc_engine_release(engine, i - 1)->version);
  if (name == NULL) name = flag->key;
  kvc_node_text(doc, doc->root, "key", flag->key);
  kvc_node_text(doc, doc->root, "name", name);
  kvc_node_text(doc, doc->root, "type", flag->type);
  kvc_node_text(doc, doc->root, "group", flag->group);
  kvc_node_text(doc, doc->root, "help", flag->help);
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL,
                      TEXT(doc, "%s (%s): %s", name, flag->type, flag->help), NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Releases", NULL);
  add_spans(doc, engine, flag);
  if (flag->has_range) {
    char min[KVC_UNIT_TEXT], max[KVC_UNIT_TEXT];
    kvc_unit_format(flag->min, KVC_U_COUNT, min);
    kvc_unit_format(flag->max, KVC_U_COUNT, max);
    row(doc, "range", TEXT(doc, "%s to %s", min, max), NULL);
  }
  struct kvc_node *list = kvc_node_add(doc, doc->root, "defaults", KVC_NODE_LIST);
  const struct audience *base = audiences;
  for (size_t i = 0; list != NULL && i < sizeof audiences / sizeof audiences[0]; i++) {
    if (audiences[i].base) base = &audiences[i];
    defaults_of(doc, list, engine, flag, &audiences[i], base);
  }
  if (flag->removed && flag->removed_instead != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "instead:", flag->removed_instead, NULL);
  kvc_node_text(doc, doc->root, "replaced_by",
                flag->removed ? flag->removed_instead : NULL);
  add_choices(doc, engine, flag);
  add_changes(doc, flag);
  add_source(doc, db, flag);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

/* ---- all flags of a release ---------------------------------------------------------
 */

kvc_code kvc_doc_flags(struct kvc_doc *doc, const struct kvc_engine *engine,
                       const struct kvc_resolved *release,
                       const struct kvc_default_query *query, struct kvc_err *err)
{
  const char *version = version_text(doc, &release->version);
  const char *generation = query->engine == KVC_ENGINE_V0 ? "V0" : "V1";
  kvc_node_text(doc, doc->root, "engine", "vllm");
  kvc_node_text(doc, doc->root, "version", version);
  kvc_node_text(doc, doc->root, "generation", generation);
  kvc_node_text(doc, doc->root, "trust", release->trust);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "flags", KVC_NODE_LIST);
  (void)kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL,
      TEXT(doc, "Flags of vLLM %s (%s) and their defaults", version, generation), NULL);
  const char *group = NULL;
  for (size_t i = 0; i < kvc_engine_flag_count(engine); i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(engine, i);
    const char *name = kvc_engine_flag_name(engine, flag, &release->version);
    if (name == NULL) continue;
    struct kvc_default value = {.value = NULL};
    const bool has = kvc_engine_default(engine, flag, &release->version, query, &value);
    if (!same(flag->group, group)) {
      group = flag->group;
      (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, group, NULL);
    }
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "key", flag->key);
    kvc_node_text(doc, one, "name", name);
    kvc_node_text(doc, one, "type", flag->type);
    kvc_node_text(doc, one, "default", has ? value.value : NULL);
    kvc_node_text(doc, one, "help", flag->help);
    row(doc, name, has && value.value != NULL ? value.value : "-", flag->help);
  }
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
