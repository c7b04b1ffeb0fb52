/* tunes.c - the user's thresholds and severities of rules.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "field.h"
#include <kvcap/tune.h>
#include <math.h>
#include <string.h>

struct tune_text {
  const char *severity;
  double limit;
};

#define T(field) offsetof(struct tune_text, field)
static const struct field tune_rows[] = {
    {.key = "severity", .type = FIELD_TEXT, .offset = T(severity)},
    {.key = "limit", .type = FIELD_DOUBLE, .offset = T(limit), .min = -1e18, .max = 1e18},
    {.key = NULL},
};
static const struct field file_rows[] = {
    {.key = "rules", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

static kvc_code read_one(const struct reader *r, const struct node *n,
                         struct kvc_rule_tune *out)
{
  static const char *const words[] = {"hint", "warning", "error"};
  struct tune_text text = {.limit = NAN};
  KVC_TRY(fields_read(r, n, tune_rows, &text));
  *out = (struct kvc_rule_tune){.id = n->key, .line = n->key_line, .limit = text.limit};
  out->has_limit = !isnan(text.limit);
  if (text.severity == NULL) return KVC_E_OK;
  out->off = strcmp(text.severity, "off") == 0;
  for (int i = 0; i < 3; i++)
    if (strcmp(text.severity, words[i]) == 0) {
      out->severity = i;
      out->has_severity = true;
    }
  if (!out->off && !out->has_severity)
    return reader_fail(r, n, KVC_E_PARSE,
                       "\"%.40s\" is no severity: write off, hint, warning or error",
                       text.severity);
  return KVC_E_OK;
}

kvc_code kvc_tunes_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_rule_tune **out, size_t *n,
                        struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  char none;
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  KVC_TRY(fields_read(&r, root, file_rows, &none));
  const struct node *map = root->first;
  if (map->type != NODE_MAP)
    return reader_fail(&r, map, KVC_E_PARSE,
                       "\"rules\" holds a mapping such as {KVU001: {limit: 0.95}}");
  if (map->count > KVC_TUNE_MAX)
    return reader_fail(&r, map, KVC_E_LIMIT, "more than %d rules", KVC_TUNE_MAX);
  struct kvc_rule_tune *tunes = kvc_arena_alloc(arena, map->count + 1, sizeof *tunes);
  size_t count = 0;
  if (tunes == NULL) return kvc_arena_full(arena, file, err);
  for (const struct node *one = map->first; one != NULL; one = one->next)
    KVC_TRY(read_one(&r, one, &tunes[count++]));
  *out = tunes;
  *n = count;
  return KVC_E_OK;
}
