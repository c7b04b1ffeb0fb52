/* doc_compare.c - a plan beside a log, as part of the document of `kvcap size`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "doc_size.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A row as the document shows it. */
struct shown {
  const struct kvc_compare_row *row;
  const char *what, *unit, *cause;
  double planned, printed, difference, relative, low, high;
  bool within;
};

/* clang-format off */
#define TOP(member) 0, offsetof(struct kvc_compare, member)
#define OF(member) 0, offsetof(struct shown, member)
#define SET(member) 0, offsetof(struct kvc_compare_setting, member)
const struct field compare_top_rows[] = {
    {"log", FIELD_TEXT, TOP(log), KVC_U_NONE, true, "the log that was read"},
    {"version", FIELD_TEXT, TOP(version), KVC_U_NONE, true, "release of vLLM that the log names"},
    {"verdict", FIELD_TEXT, TOP(verdict), KVC_U_NONE, false, "one line: does the log confirm the plan"},
    {"arguments_known", FIELD_BOOL, TOP(args_known), KVC_U_NONE, false, "the log shows the arguments of the server"},
    {0}};

const struct field compare_row_rows[] = {
    {"what", FIELD_TEXT, OF(what), KVC_U_NONE, false, "the figure"},
    {"unit", FIELD_TEXT, OF(unit), KVC_U_NONE, false, "bytes, count, fraction or ratio"},
    {"planned", FIELD_NUM, OF(planned), KVC_U_NONE, true, "as sized"},
    {"planned_low", FIELD_NUM, OF(low), KVC_U_NONE, true, "low end of the stated range"},
    {"planned_high", FIELD_NUM, OF(high), KVC_U_NONE, true, "high end of the stated range"},
    {"printed", FIELD_NUM, OF(printed), KVC_U_NONE, true, "as the log has it"},
    {"difference", FIELD_NUM, OF(difference), KVC_U_NONE, true, "printed less planned"},
    {"relative", FIELD_NUM, OF(relative), KVC_U_FRAC, true, "difference / planned"},
    {"within_range", FIELD_BOOL, OF(within), KVC_U_NONE, false, "printed lies in the stated range, but for rounding"},
    {"cause", FIELD_TEXT, OF(cause), KVC_U_NONE, true, "why it does not"},
    {0}};

const struct field compare_setting_rows[] = {
    {"key", FIELD_TEXT, SET(key), KVC_U_NONE, false, "canonical flag key"},
    {"planned", FIELD_TEXT, SET(planned), KVC_U_NONE, true, "value in the plan"},
    {"printed", FIELD_TEXT, SET(printed), KVC_U_NONE, true, "value in the log"},
    {0}};
/* clang-format on */

static const struct {
  const char *name;
  enum kvc_unit unit;
} units[] = {[KVC_CMP_BYTES] = {"bytes", KVC_U_BYTES},
             [KVC_CMP_COUNT] = {"count", KVC_U_COUNT},
             [KVC_CMP_FRACTION] = {"fraction", KVC_U_NONE},
             [KVC_CMP_RATIO] = {"ratio", KVC_U_RATIO}};

static void add_tree(struct kvc_doc *doc, const struct kvc_compare *compare)
{
  struct kvc_node *map = kvc_node_add(doc, doc->root, "comparison", KVC_NODE_MAP);
  fields_add(doc, map, compare_top_rows,
             (const void *const[FIELD_BASES]){compare, compare, compare});
  struct kvc_node *list = kvc_node_add(doc, map, "rows", KVC_NODE_LIST);
  for (size_t i = 0; i < compare->n_rows; i++) {
    const struct kvc_compare_row *row = &compare->rows[i];
    const struct shown s = {.row = row,
                            .what = row->what,
                            .unit = units[row->unit].name,
                            .cause = row->cause,
                            .planned = row->planned,
                            .printed = row->printed,
                            .difference = row->difference,
                            .relative = row->relative_frac,
                            .low = row->low,
                            .high = row->high,
                            .within = row->within};
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    fields_add(doc, one, compare_row_rows, (const void *const[FIELD_BASES]){&s, &s, &s});
  }
  list = kvc_node_add(doc, map, "settings_that_differ", KVC_NODE_LIST);
  for (size_t i = 0; i < compare->n_settings; i++) {
    const struct kvc_compare_setting *s = &compare->settings[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    fields_add(doc, one, compare_setting_rows, (const void *const[FIELD_BASES]){s, s, s});
  }
}

/* "14.99 GiB planned", "15.02 GiB printed, +0.2 %" */
static void add_table(struct kvc_doc *doc, const struct kvc_compare *compare)
{
  for (size_t i = 0; i < compare->n_rows; i++) {
    const struct kvc_compare_row *row = &compare->rows[i];
    char planned[KVC_UNIT_TEXT], printed[KVC_UNIT_TEXT], percent[32] = "";
    kvc_unit_format(row->planned, units[row->unit].unit, planned);
    kvc_unit_format(row->printed, units[row->unit].unit, printed);
    const double share = 100 * row->relative_frac;
    if (fabs(share) >= 0.05 && fabs(share) < 99999)
      (void)snprintf(percent, sizeof percent, ", %+.1f %%", share);
    const char *text = kvc_arena_printf(doc->arena, "%s planned", planned);
    const char *note = kvc_arena_printf(doc->arena, "%s printed%s%s", printed, percent,
                                        row->within ? "" : ", outside");
    if (text == NULL || note == NULL) doc->full = true;
    struct kvc_block *block = kvc_block_add(doc, KVC_BLOCK_ROW, row->what, text, note);
    if (block != NULL && !row->within) block->tone = KVC_TONE_WARN;
  }
}

/* Whether an earlier row has said it already. */
static bool repeats(const struct kvc_compare *compare, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (compare->rows[k].cause != NULL &&
        strcmp(compare->rows[k].cause, compare->rows[i].cause) == 0)
      return true;
  return false;
}

static void add_blocks(struct kvc_doc *doc, const struct kvc_compare *compare)
{
  const char *slash = strrchr(compare->log, '/');
  const char *title =
      kvc_arena_printf(doc->arena, "Beside %s", slash != NULL ? slash + 1 : compare->log);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, title, NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, compare->verdict, NULL);
  for (size_t i = 0; i < compare->n_settings; i++) {
    const struct kvc_compare_setting *s = &compare->settings[i];
    struct kvc_block *para =
        kvc_block_add(doc, KVC_BLOCK_PARA, "differs:",
                      kvc_arena_printf(doc->arena, "%s is %s in the plan, %s in the log",
                                       s->key, s->planned, s->printed),
                      NULL);
    if (para != NULL) para->tone = KVC_TONE_WARN;
  }
  add_table(doc, compare);
  for (size_t i = 0; i < compare->n_rows; i++) {
    const struct kvc_compare_row *row = &compare->rows[i];
    if (row->cause == NULL || repeats(compare, i)) continue;
    (void)kvc_block_add(doc, KVC_BLOCK_PARA,
                        kvc_arena_printf(doc->arena, "%s:", row->what), row->cause, NULL);
  }
}

kvc_code kvc_doc_size_compare(struct kvc_doc *doc, const struct kvc_compare *compare,
                              struct kvc_err *err)
{
  add_tree(doc, compare);
  add_blocks(doc, compare);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
