/* test_lint_spans.c - every span of the catalogue is caught at the right release, and
 * not at the wrong one; and known breakages are found.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_kit.h"

enum { MAX_SPELLINGS = 8 };

static const struct kvc_version *release(size_t i)
{
  return &kvc_engine_release(kit_engine, i)->version;
}

/* A value that the flag takes, "" for a switch. */
static const char *value_for(const struct kvc_flag *flag, const struct kvc_version *v)
{
  const char *const *choices;
  if (strcmp(flag->type, "bool") == 0) return "";
  if (strcmp(flag->type, "json") == 0) return "'{}'";
  if (kvc_engine_flag_choices(kit_engine, flag, v, &choices) > 0) return choices[0];
  if (strcmp(flag->type, "string") == 0 || strcmp(flag->type, "path") == 0) return "x";
  return strcmp(flag->type, "frac") == 0 ? "0.5" : "1";
}

static const char *expected(const struct kvc_flag *flag, const char *name,
                            const struct kvc_version *v)
{
  struct kvc_version since, until;
  bool has_until;
  const bool env = strcmp(flag->kind, "env") == 0;
  if (kvc_engine_flag_meant(kit_engine, name, v) != NULL) return NULL;
  if (kvc_engine_flag_name(kit_engine, flag, v) != NULL) return "FLG005";
  if (!kvc_engine_flag_span(kit_engine, flag, &since, &until, &has_until))
    fail_msg("%s has no span", flag->key);
  if (kvc_version_cmp(v, &since) < 0) return env ? "ENV003" : "FLG003";
  return env ? "ENV002" : "FLG004";
}

static void look(const struct kvc_flag *flag, const char *name, size_t i)
{
  static const char *const all[] = {"FLG001", "FLG002", "FLG003", "FLG004", "FLG005",
                                    "FLG015", "ENV001", "ENV002", "ENV003"};
  const struct kvc_version *v = release(i);
  char text[300], shown[KVC_VERSION_TEXT];
  struct kit *k = kit_new();
  if (strcmp(flag->kind, "env") == 0)
    (void)snprintf(text, sizeof text, "%s=1 vllm serve m", name);
  else
    (void)snprintf(text, sizeof text, "vllm serve m %s %s", name, value_for(flag, v));
  assert_int_equal(kit_parse(k, text, strlen(text), KVC_LAUNCH_AUTO, 0), KVC_E_OK);
  kit_lint(k, v);
  const char *want = expected(flag, name, v);
  kvc_version_format(v, shown);
  for (size_t a = 0; a < sizeof all / sizeof all[0]; a++) {
    const bool has = kit_has(k, all[a]);
    if (has != (want != NULL && strcmp(want, all[a]) == 0))
      fail_msg("%s with %s: %s is %s", text, shown, all[a], has ? "there" : "missing");
  }
  for (size_t f = 0; f < k->n; f++) {
    if (k->found[f].finding.fix[0] == '\0' || k->found[f].source == NULL)
      fail_msg("%s: %s has no fix or source", text, k->found[f].finding.rule->id);
  }
  kit_free(k);
}

/* Spellings of a flag over all releases. */
static size_t spellings(const struct kvc_flag *flag, const char **names)
{
  size_t n = 0;
  for (size_t i = 0; i < kvc_engine_release_count(kit_engine); i++) {
    const char *name = kvc_engine_flag_name(kit_engine, flag, release(i));
    bool known = name == NULL;
    for (size_t k = 0; k < n; k++) known = known || strcmp(names[k], name) == 0;
    if (!known && n < MAX_SPELLINGS) names[n++] = name;
  }
  return n;
}

/* Before, at and after each release at which something becomes of a spelling. */
static void every_span_is_caught_where_it_begins_and_ends(void **state)
{
  (void)state;
  size_t boundaries = 0;
  const size_t n = kvc_engine_release_count(kit_engine);
  for (size_t f = 0; f < kvc_engine_flag_count(kit_engine); f++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(kit_engine, f);
    const char *names[MAX_SPELLINGS];
    const size_t count = spellings(flag, names);
    assert_true(count > 0);
    for (size_t s = 0; s < count; s++) {
      look(flag, names[s], 0);
      look(flag, names[s], n - 1);
      for (size_t i = 1; i < n; i++) {
        const bool was =
            kvc_engine_flag_meant(kit_engine, names[s], release(i - 1)) != NULL;
        const bool is = kvc_engine_flag_meant(kit_engine, names[s], release(i)) != NULL;
        if (was == is) continue;
        boundaries++;
        look(flag, names[s], i - 1);
        look(flag, names[s], i);
        if (i + 1 < n) look(flag, names[s], i + 1);
      }
    }
  }
  print_message("%zu boundaries of %zu flags\n", boundaries,
                kvc_engine_flag_count(kit_engine));
  assert_true(boundaries > 300);
}

/* The default that holds for every GPU of a release, NULL. */
static const char *plain_default(const struct kvc_flag *flag, const struct kvc_version *v)
{
  static const double sizes[] = {0, 16e9, 80e9, 200e9};
  static const char *const gpus[] = {"", "A100", "H100", "B200"};
  const struct kvc_lint_facts facts = kit_lint_facts(NULL, v);
  const char *value = NULL;
  if (kvc_engine_flag_name(kit_engine, flag, v) == NULL) return NULL;
  for (size_t i = 0; i < 4; i++) {
    struct kvc_default def;
    struct kvc_default_query query = facts.query;
    query.engine = facts.generation;
    query.gpu_memory_bytes = sizes[i];
    query.gpu_name = gpus[i];
    if (!kvc_engine_default(kit_engine, flag, v, &query, &def)) return NULL;
    if (value != NULL && strcmp(value, def.value) != 0) return NULL;
    value = def.value;
  }
  return strcmp(value, "none") == 0 || strchr(value, ' ') != NULL ? NULL : value;
}

static bool says_default(const struct kvc_flag *flag, const char *value,
                         const struct kvc_version *v)
{
  char text[300];
  struct kit *k = kit_new();
  const char *name = kvc_engine_flag_name(kit_engine, flag, v);
  if (strcmp(flag->type, "bool") == 0) {
    const bool off = strcmp(value, "false") == 0;
    (void)snprintf(text, sizeof text, "vllm serve m --%s%s", off ? "no-" : "", name + 2);
  } else {
    (void)snprintf(text, sizeof text, "vllm serve m %s %s", name, value);
  }
  assert_int_equal(kit_parse(k, text, strlen(text), KVC_LAUNCH_AUTO, 0), KVC_E_OK);
  kit_lint(k, v);
  const bool has = kit_has(k, "FLG010");
  kit_free(k);
  return has;
}

static void every_default_that_moves_is_known_on_both_sides(void **state)
{
  (void)state;
  size_t moves = 0;
  for (size_t f = 0; f < kvc_engine_flag_count(kit_engine); f++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(kit_engine, f);
    if (strcmp(flag->kind, "env") == 0 || strcmp(flag->key, "model") == 0 ||
        strcmp(flag->type, "json") == 0 || strcmp(flag->type, "list") == 0)
      continue;
    for (size_t i = 1; i < kvc_engine_release_count(kit_engine); i++) {
      const char *before = plain_default(flag, release(i - 1));
      const char *after = plain_default(flag, release(i));
      if (before == NULL || after == NULL || strcmp(before, after) == 0) continue;
      moves++;
      if (!says_default(flag, before, release(i - 1)) ||
          !says_default(flag, after, release(i)))
        fail_msg("%s: its default %s or %s is not known", flag->key, before, after);
      if (says_default(flag, before, release(i)) ||
          says_default(flag, after, release(i - 1)))
        fail_msg("%s: %s and %s are mixed up", flag->key, before, after);
    }
  }
  print_message("%zu defaults moved\n", moves);
  assert_true(moves >= 10);
}

static void known_breakages_are_found(void **state)
{
  (void)state;
  char path[4096], line[1024];
  const char *top = getenv("KVC_SOURCE_DIR");
  size_t n = 0;
  (void)snprintf(path, sizeof path, "%s/tests/data/breakages.tsv",
                 top != NULL ? top : ".");
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    char *field[4], *p = line;
    if (line[0] == '#') continue;
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < 4; i++) {
      field[i] = p;
      p += strcspn(p, "\t");
      if (*p != '\0') *p++ = '\0';
    }
    struct kit *k = kit_new();
    const struct kvc_version v = kit_version(field[0]);
    if (kit_parse(k, field[3], strlen(field[3]), KVC_LAUNCH_AUTO, 0) != KVC_E_OK)
      fail_msg("%s: %s", field[2], k->err.msg);
    kit_lint(k, &v);
    if (!kit_has(k, field[1])) fail_msg("%s: no %s", field[2], field[1]);
    kit_free(k);
    n++;
  }
  (void)fclose(file);
  assert_true(n >= 20);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_span_is_caught_where_it_begins_and_ends),
      cmocka_unit_test(every_default_that_moves_is_known_on_both_sides),
      cmocka_unit_test(known_breakages_are_found),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
