/* notes.c - what went wrong with lines, told once a kind.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"
#include <stdlib.h>

/* The first of a kind is quoted, as far as it can be printed. */
static const char *quote(struct prom *p, struct slice s)
{
  enum { SHOWN = 60 };
  char text[SHOWN + 4];
  size_t n = 0;
  for (size_t i = 0; i < s.len && n < SHOWN; i++) {
    const unsigned char c = (unsigned char)s.at[i];
    text[n++] = c >= 0x20 && c < 0x7F ? (char)c : '?';
  }
  return kvc_arena_printf(p->arena, "%.*s%s", (int)n, text, s.len > SHOWN ? "..." : "");
}

void prom_note(struct prom *p, enum prom_note kind, struct slice detail)
{
  struct note *n = &p->notes[kind];
  if (n->count++ > 0) return;
  n->line = p->line;
  n->detail = detail.at != NULL ? quote(p, detail) : NULL;
}

/* before COUNT one-or-many after, first: "..."; without 'one', only 'before'. */
struct words {
  const char *before, *one, *many, *after;
};

static const struct words words[] = {
    [NOTE_NOISE] = {"", "line is", "lines are", "no sample and no comment; left out"},
    [NOTE_LABELS] = {"the labels of ", "line", "lines", "cannot be read; left out"},
    [NOTE_VALUE] = {"the value of ", "line", "lines", "is not a number; left out"},
    [NOTE_NO_VALUE] = {"", "line has", "lines have", "labels and no value"},
    [NOTE_TYPE] = {"", "TYPE line names", "TYPE lines name", "no type of metrics"},
    [NOTE_LE] = {"", "bucket has", "buckets have",
                 "a bound le that is not a number; left out"},
    [NOTE_NUL] = {"", "line holds", "lines hold",
                  "NUL bytes; what stands before them is left out"},
    [NOTE_QUANTILE] = {"", "quantile", "quantiles",
                       "of a summary left out, because they cannot be added up"},
    [NOTE_TWICE] =
        {"", "sample stands", "samples stand",
         "in the text again: it holds more than one page, and the last counts"},
    [NOTE_RESTORED] = {"", "histogram is", "histograms are",
                       "incomplete in the last page; the page before it counts"},
    [NOTE_FALLS] = {"the buckets of ", "histogram", "histograms",
                    "fall although they are cumulative"},
    [NOTE_NO_INF] = {"", "histogram has", "histograms have",
                     "no +Inf bucket, so no quantile can be told"},
    [NOTE_DISAGREE] = {"the last bucket of ", "histogram", "histograms",
                       "is not the count"},
    [NOTE_CUT] = {"the text ends within this line", NULL, NULL, NULL},
    [NOTE_ERA] = {"no release of vLLM prints all these names together", NULL, NULL, NULL},
    [NOTE_WINDOW] = {"AIPerf's figures cover its own window: gauges are means over it, "
                     "counters and histograms what came in it; its percentiles are not "
                     "kept",
                     NULL, NULL, NULL},
    [NOTE_BUCKETS] = {"", "histogram has", "histograms have",
                      "no buckets, only count and sum"},
};

static const char *text_of(struct prom *p, const struct words *w, const struct note *n)
{
  if (w->one == NULL) return kvc_arena_strdup(p->arena, w->before);
  const char *noun = n->count == 1 ? w->one : w->many;
  if (n->detail == NULL)
    return kvc_arena_printf(p->arena, "%s%zu %s %s", w->before, n->count, noun, w->after);
  return kvc_arena_printf(p->arena, "%s%zu %s %s, first: \"%s\"", w->before, n->count,
                          noun, w->after, n->detail);
}

static int by_line(const void *a, const void *b)
{
  const struct kvc_prom_problem *x = a, *y = b;
  return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
                            : strcmp(x->text, y->text);
}

kvc_code prom_notes_tell(struct prom *p, struct kvc_page *out)
{
  out->problems = kvc_arena_alloc(p->arena, NOTE_COUNT_, sizeof *out->problems);
  if (out->problems == NULL) return prom_full(p);
  for (int k = 0; k < NOTE_COUNT_; k++) {
    if (p->notes[k].count == 0) continue;
    const char *text = text_of(p, &words[k], &p->notes[k]);
    if (text == NULL) return prom_full(p);
    out->problems[out->n_problems++] = (struct kvc_prom_problem){p->notes[k].line, text};
  }
  if (out->n_problems > 1)
    qsort(out->problems, out->n_problems, sizeof *out->problems, by_line);
  return KVC_E_OK;
}
