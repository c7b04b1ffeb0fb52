/* sample.c - one line of a sample taken apart: name, labels, value, time.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"
#include <math.h>

struct cursor {
  const char *at, *end;
};

static bool name_start(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool name_char(char c)
{
  return name_start(c) || (c >= '0' && c <= '9');
}

size_t prom_name_len(struct slice text)
{
  size_t n = 0;
  if (text.len == 0 || !name_start(text.at[0])) return 0;
  while (n < text.len && name_char(text.at[n])) n++;
  return n;
}

static void skip_blanks(struct cursor *c)
{
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t')) c->at++;
}

static bool next_is(struct cursor *c, char want)
{
  skip_blanks(c);
  if (c->at == c->end || *c->at != want) return false;
  c->at++;
  return true;
}

/* Undoes \\, \" and \n; another backslash stays. */
static bool unescape(struct prom *p, struct slice raw, struct slice *out)
{
  char *text = kvc_arena_alloc(p->arena, raw.len + 1, 1);
  size_t n = 0;
  p->sample.full = text == NULL;
  if (text == NULL) return false;
  for (size_t i = 0; i < raw.len; i++) {
    const char next = i + 1 < raw.len ? raw.at[i + 1] : '\0';
    if (raw.at[i] == '\\' && (next == '\\' || next == '"' || next == 'n')) {
      text[n++] = next == 'n' ? '\n' : next;
      i++;
    } else {
      text[n++] = raw.at[i];
    }
  }
  *out = (struct slice){text, n};
  return true;
}

/* A text in quotes, after the opening one. */
static bool quoted(struct prom *p, struct cursor *c, struct slice *out)
{
  const char *start = c->at;
  bool escaped = false;
  while (c->at < c->end && *c->at != '"') {
    if (*c->at == '\\' && c->at + 1 < c->end) {
      escaped = true;
      c->at++;
    }
    c->at++;
  }
  if (c->at >= c->end) return false;
  *out = (struct slice){start, (size_t)(c->at - start)};
  c->at++;
  return !escaped || unescape(p, *out, out);
}

enum labels { LABELS_GOOD, LABELS_BAD, LABELS_OPEN, LABELS_MANY };

/* After the opening brace. */
static enum labels labels_parse(struct prom *p, struct cursor *c, struct sample *s)
{
  s->has_braces = true;
  for (;;) {
    if (next_is(c, '}')) return LABELS_GOOD;
    if (c->at == c->end) return LABELS_OPEN;
    if (s->n_labels == KVC_PROM_MAX_LABELS) return LABELS_MANY;
    struct label *l = &s->labels[s->n_labels];
    l->name = (struct slice){c->at, (size_t)(c->end - c->at)};
    l->name.len = prom_name_len(l->name);
    if (l->name.len == 0) return LABELS_BAD;
    c->at += l->name.len;
    if (!next_is(c, '=')) return c->at == c->end ? LABELS_OPEN : LABELS_BAD;
    if (!next_is(c, '"')) return c->at == c->end ? LABELS_OPEN : LABELS_BAD;
    if (!quoted(p, c, &l->value)) return LABELS_OPEN;
    s->n_labels++;
    if (!next_is(c, ',') && (c->at == c->end || *c->at != '}'))
      return c->at == c->end ? LABELS_OPEN : LABELS_BAD;
  }
}

/* Milliseconds in one format, seconds in the other: only one of them is in our age. */
static double time_of(double stamp)
{
  return fabs(stamp) > 1e11 ? stamp / 1000 : stamp;
}

static bool number(struct cursor *c, double *out)
{
  size_t used;
  skip_blanks(c);
  if (!kvc_num_scan(c->at, (size_t)(c->end - c->at), out, &used)) return false;
  const char *after = c->at + used;
  if (after < c->end && *after != ' ' && *after != '\t' && *after != '#') return false;
  c->at = after;
  return true;
}

/* Value and time; an exemplar or a remark after them is nothing to us.  promtool prints
 * "=> value @[time]". */
static enum prom_note value_parse(struct cursor *c, struct sample *s)
{
  double stamp;
  skip_blanks(c);
  const bool arrow = c->end - c->at > 2 && c->at[0] == '=' && c->at[1] == '>';
  if (arrow) c->at += 2;
  if (!number(c, &s->value)) return NOTE_VALUE;
  s->has_value = true;
  skip_blanks(c);
  if (arrow && c->end - c->at > 2 && c->at[0] == '@' && c->at[1] == '[') {
    size_t used;
    s->has_time =
        kvc_num_scan(c->at + 2, (size_t)(c->end - c->at - 2), &s->time_s, &used);
  } else if (number(c, &stamp)) {
    s->has_time = true;
    s->time_s = time_of(stamp);
  }
  skip_blanks(c);
  /* "Oct 03 10:11:12 host" is a line of a log, not the metric Oct. */
  const bool plain = !s->has_braces && memchr(s->name.at, ':', s->name.len) == NULL;
  return plain && c->at < c->end && *c->at != '#' ? NOTE_NOISE : NOTE_COUNT_;
}

enum prom_note prom_sample_parse(struct prom *p, struct slice line, bool *unfinished)
{
  struct sample *s = &p->sample;
  struct cursor c = {line.at, line.at + line.len};
  s->n_labels = 0;
  s->has_braces = s->has_value = s->has_time = s->too_many = s->full = false;
  s->name = (struct slice){line.at, prom_name_len(line)};
  *unfinished = false;
  /* "key: 5" is YAML, though a colon may end a name. */
  if (s->name.len == 0 || s->name.at[s->name.len - 1] == ':') return NOTE_NOISE;
  c.at += s->name.len;
  if (next_is(&c, '{')) {
    const enum labels how = labels_parse(p, &c, s);
    *unfinished = how == LABELS_OPEN;
    s->too_many = how == LABELS_MANY;
    if (how != LABELS_GOOD) return NOTE_LABELS;
  }
  skip_blanks(&c);
  if (c.at == c.end) {
    *unfinished = true;
    return NOTE_NO_VALUE;
  }
  if (!s->has_braces && c.at == line.at + s->name.len) return NOTE_NOISE;
  const enum prom_note how = value_parse(&c, s);
  if (how != NOTE_COUNT_) *unfinished = true;
  return how;
}
