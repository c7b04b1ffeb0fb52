/* notes.c - what went wrong with lines, told once a kind.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"
#include <stdlib.h>

kvc_code prom_full(struct prom *p)
{
  return kvc_arena_full(p->arena, p->source->where, p->err);
}

kvc_code prom_limit(struct prom *p, const char *what, long long bound)
{
  return kvc_fail_at(p->err, KVC_E_LIMIT, p->source->where, p->line, 0,
                     "more than %lld %s: this is no page of one server", bound, what);
}

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

/* %zu is how many, %s the first of them. */
static const char *text_of(struct prom *p, enum prom_note kind, const struct note *n)
{
  const char *d = n->detail != NULL ? n->detail : "";
  const bool one = n->count == 1;
  switch (kind) {
  case NOTE_NOISE:
    return kvc_arena_printf(p->arena,
                            "%zu %s no sample and no comment; left out, first: \"%s\"",
                            n->count, one ? "line is" : "lines are", d);
  case NOTE_LABELS:
    return kvc_arena_printf(p->arena,
                            "the labels of %zu %s cannot be read; left out, first: "
                            "\"%s\"",
                            n->count, one ? "line" : "lines", d);
  case NOTE_VALUE:
    return kvc_arena_printf(p->arena,
                            "the value of %zu %s is not a number; left out, first: "
                            "\"%s\"",
                            n->count, one ? "line" : "lines", d);
  case NOTE_NO_VALUE:
    return kvc_arena_printf(p->arena, "%zu %s labels and no value, first: \"%s\"",
                            n->count, one ? "line has" : "lines have", d);
  case NOTE_TYPE: return kvc_arena_printf(p->arena, "\"%s\" is not a type of metrics", d);
  case NOTE_LE:
    return kvc_arena_printf(p->arena,
                            "%zu %s a bound le that is not a number; left out, first: "
                            "\"%s\"",
                            n->count, one ? "bucket has" : "buckets have", d);
  case NOTE_NUL:
    return kvc_arena_printf(p->arena,
                            "%zu %s NUL bytes; what stands before them is left out",
                            n->count, one ? "line holds" : "lines hold");
  case NOTE_QUANTILE:
    return kvc_arena_printf(p->arena,
                            "quantiles of a summary cannot be added up; left out, first: "
                            "\"%s\"",
                            d);
  case NOTE_TWICE:
    return kvc_arena_printf(p->arena,
                            "%zu %s again, first of \"%s\": more than one page in the "
                            "text; the last one counts",
                            n->count, one ? "sample stands here" : "samples stand here",
                            d);
  case NOTE_RESTORED:
    return kvc_arena_printf(p->arena,
                            "%zu %s incomplete in the last page; the page before it "
                            "counts, first: \"%s\"",
                            n->count, one ? "histogram is" : "histograms are", d);
  case NOTE_FALLS:
    return kvc_arena_printf(p->arena,
                            "the buckets of %zu %s fall although they are cumulative, "
                            "first: \"%s\"",
                            n->count, one ? "histogram" : "histograms", d);
  case NOTE_NO_INF:
    return kvc_arena_printf(p->arena,
                            "%zu %s no +Inf bucket, so no quantile can be told, first: "
                            "\"%s\"",
                            n->count, one ? "histogram has" : "histograms have", d);
  case NOTE_DISAGREE:
    return kvc_arena_printf(p->arena,
                            "the last bucket of %zu %s is not the count, first: \"%s\"",
                            n->count, one ? "histogram" : "histograms", d);
  case NOTE_CUT: return kvc_arena_strdup(p->arena, "the text ends within this line");
  case NOTE_ERA:
    return kvc_arena_printf(p->arena,
                            "no release of vLLM prints all these names together");
  case NOTE_WINDOW:
    return kvc_arena_printf(
        p->arena, "AIPerf's figures cover its own window: gauges are means over "
                  "it, counters and histograms what came in it; its percentiles "
                  "are not kept");
  case NOTE_BUCKETS:
    return kvc_arena_printf(p->arena,
                            "%zu %s no buckets, only count and sum, first: \"%s\"",
                            n->count, one ? "histogram has" : "histograms have", d);
  case NOTE_COUNT_: break;
  }
  return "";
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
    const char *text = text_of(p, (enum prom_note)k, &p->notes[k]);
    if (text == NULL) return prom_full(p);
    out->problems[out->n_problems++] = (struct kvc_prom_problem){p->notes[k].line, text};
  }
  if (out->n_problems > 1)
    qsort(out->problems, out->n_problems, sizeof *out->problems, by_line);
  return KVC_E_OK;
}
