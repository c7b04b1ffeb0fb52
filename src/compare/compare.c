/* compare.c - a plan beside a log: rows, settings, verdict.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "compare_room.h"
#include <stdarg.h>

const char *compare_text(struct comparing *c, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  const char *text = kvc_arena_vprintf(c->arena, fmt, args);
  va_end(args);
  if (text == NULL) c->full = true;
  return text != NULL ? text : "";
}

const struct kvc_compare_row *kvc_compare_row(const struct kvc_compare *compare,
                                              enum kvc_compare_kind kind)
{
  for (size_t i = 0; i < compare->n_rows; i++)
    if (compare->rows[i].kind == kind) return &compare->rows[i];
  return NULL;
}

/* The row that matters most among those the log tells. */
static const struct kvc_compare_row *main_row(const struct kvc_compare *out)
{
  static const enum kvc_compare_kind order[] = {KVC_CMP_TOKENS, KVC_CMP_BLOCKS,
                                                KVC_CMP_AVAILABLE, KVC_CMP_WEIGHTS};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    const struct kvc_compare_row *row = kvc_compare_row(out, order[i]);
    if (row != NULL) return row;
  }
  return &out->rows[0];
}

static const char *verdict(struct comparing *c)
{
  const struct kvc_compare *out = c->out;
  const struct kvc_compare_row *row = main_row(out);
  const char *percent = isfinite(row->relative_frac)
                            ? compare_text(c, " (%+.1f %%)", 100 * row->relative_frac)
                            : "";
  const char *settings =
      out->n_settings == 0 ? ""
      : out->n_settings == 1
          ? "; one setting differs, which comes first"
          : compare_text(c, "; %zu settings differ, which comes first", out->n_settings);
  return compare_text(c, "%s: the log %s the plan%s%s", row->what,
                      row->within ? "confirms" : "contradicts", percent, settings);
}

kvc_code kvc_compare_run(struct kvc_arena *arena, const struct kvc_compare_input *in,
                         struct kvc_compare *out, struct kvc_err *err)
{
  struct kvc_compare result = {.log = in->log, .version = in->start->version};
  struct comparing c = {.arena = arena, .in = in, .out = &result};
  char version[KVC_VERSION_TEXT];
  kvc_version_format(&in->plan->version.version, version);
  result.planned_version = compare_text(&c, "%s", version);
  KVC_TRY(compare_settings(&c, err));
  compare_rows(&c);
  if (result.n_rows == 0)
    return kvc_fail(
        err, KVC_E_UNKNOWN, in->log,
        "the log prints no memory figure of a start to compare with; it needs "
        "the lines from \"Model loading took\" to \"GPU KV cache size\"");
  for (size_t i = 0; i < result.n_rows; i++)
    if (!result.rows[i].within) result.rows[i].cause = compare_cause(&c, &result.rows[i]);
  result.verdict = verdict(&c);
  if (c.full) return kvc_arena_full(arena, in->log, err);
  *out = result;
  return KVC_E_OK;
}
