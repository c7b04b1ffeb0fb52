/* lines.c - a page line by line: what is a comment, a sample, a bare name, or noise.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pages reach us through mails, issues, terminals and pods: quoted, indented, behind a
 * progress meter, with the "# " of comments eaten.  What stands before a sample or a
 * comment is set aside; what is neither is counted as noise.
 */
#include "prom_room.h"
#include <math.h>

struct slice prom_trim(struct slice s)
{
  while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) s.len--;
  while (s.len > 0 && (*s.at == ' ' || *s.at == '\t')) {
    s.at++;
    s.len--;
  }
  return s;
}

static struct slice rest_of(struct slice s, size_t n)
{
  return (struct slice){s.at + n, s.len - n};
}

static bool starts(struct slice s, const char *prefix)
{
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.at, prefix, n) == 0;
}

/* Quotation marks of mails, bullets of lists, blanks, and the hole that a log rotated
 * under its writer has. */
static struct slice clean(struct prom *p, struct slice s)
{
  if (memchr(s.at, '\0', s.len) != NULL) {
    size_t last = s.len - 1;
    while (s.at[last] != '\0') last--;
    prom_note(p, NOTE_NUL, (struct slice){NULL, 0});
    s = rest_of(s, last + 1);
  }
  s = prom_trim(s);
  for (;;) {
    if (s.len > 0 && (*s.at == '>' || *s.at == '|' || *s.at == '`'))
      s = prom_trim(rest_of(s, 1));
    else if (starts(s, "- ") || starts(s, "* ") || starts(s, "+ "))
      s = prom_trim(rest_of(s, 2));
    else
      return s;
  }
}

static struct slice word_of(struct slice s)
{
  size_t n = 0;
  while (n < s.len && s.at[n] != ' ' && s.at[n] != '\t') n++;
  return (struct slice){s.at, n};
}

static void cut_here(struct prom *p)
{
  p->cut = true;
  prom_note(p, NOTE_CUT, (struct slice){NULL, 0});
}

/* ---- comments ---- */

/* "HELP name text", "TYPE name type", without the "# "; false when it is no such line. */
static bool is_comment(struct slice s)
{
  if (!starts(s, "HELP ") && !starts(s, "TYPE ") && !starts(s, "UNIT ")) return false;
  return prom_name_len(prom_trim(rest_of(s, 5))) > 0;
}

static kvc_code comment(struct prom *p, struct slice s, bool last)
{
  const struct slice rest = prom_trim(rest_of(s, 5));
  const struct slice name = {rest.at, prom_name_len(rest)};
  const struct slice text = prom_trim(rest_of(rest, name.len));
  if (starts(s, "HELP ")) return prom_help_line(p, name, text);
  if (!starts(s, "TYPE ")) return KVC_E_OK;
  if (last && (text.len == 0 || (p->ends_open && !prom_is_type(word_of(text))))) {
    cut_here(p);
    return KVC_E_OK;
  }
  return prom_type_line(p, name, word_of(text));
}

/* A comment that begins within a line of noise. */
static bool comment_within(struct slice s, struct slice *out)
{
  const char *at = s.at, *end = s.at + s.len;
  while (at < end && (at = memchr(at, '#', (size_t)(end - at))) != NULL) {
    const struct slice here = prom_trim((struct slice){at + 1, (size_t)(end - at - 1)});
    if (is_comment(here)) {
      *out = here;
      return true;
    }
    at++;
  }
  return false;
}

/* ---- samples ---- */

static void label_drop(struct sample *s, size_t at)
{
  s->n_labels--;
  memmove(&s->labels[at], &s->labels[at + 1], (s->n_labels - at) * sizeof s->labels[0]);
}

static bool label_at(const struct sample *s, const char *name, size_t *at)
{
  const size_t len = strlen(name);
  for (size_t i = 0; i < s->n_labels; i++)
    if (s->labels[i].name.len == len && memcmp(s->labels[i].name.at, name, len) == 0) {
      *at = i;
      return true;
    }
  return false;
}

static bool bound_of(struct slice text, double *le)
{
  size_t used;
  text = prom_trim(text);
  return kvc_num_scan(text.at, text.len, le, &used) && used == text.len && !isnan(*le);
}

static kvc_code family_of_sample(struct prom *p, struct family **family, enum part *part,
                                 bool has_le)
{
  const struct slice name = p->sample.name;
  if (p->last_name.len == name.len && name.len > 0 &&
      (p->last_part != PART_BUCKET || has_le) &&
      memcmp(p->last_name.at, name.at, name.len) == 0) {
    *family = p->last_family;
    *part = p->last_part;
    return KVC_E_OK;
  }
  KVC_TRY(prom_resolve(p, name, has_le, family, part));
  p->last_name = name;
  p->last_family = *family;
  p->last_part = *part;
  return KVC_E_OK;
}

/* A sample whose parts lie in p->sample. */
static kvc_code take(struct prom *p)
{
  struct sample *s = &p->sample;
  struct given g = {.value = s->value, .time_s = NAN};
  struct family *family;
  struct series *series;
  size_t at = 0;
  const bool has_le = label_at(s, "le", &at);
  if (s->has_time) g.time_s = s->time_s;
  KVC_TRY(family_of_sample(p, &family, &g.part, has_le));
  p->n_samples++;
  if (g.part == PART_BUCKET) {
    if (!bound_of(s->labels[at].value, &g.le)) {
      prom_note(p, NOTE_LE, s->labels[at].value);
      return KVC_E_OK;
    }
    label_drop(s, at);
    family->type = KVC_METRIC_HISTOGRAM;
  } else if (family->summary && label_at(s, "quantile", &at)) {
    prom_note(p, NOTE_QUANTILE, s->name);
    return KVC_E_OK;
  }
  KVC_TRY(prom_series(p, family, s->labels, s->n_labels, &series));
  return prom_give(p, series, &g);
}

/* "name:GAUGE", as lists of names for tools have it. */
static struct slice without_kind(struct slice name)
{
  static const char *const kinds[] = {"gauge", "counter", "histogram", "summary",
                                      "untyped"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const size_t n = strlen(kinds[i]);
    if (name.len <= n + 1 || name.at[name.len - n - 1] != ':') continue;
    size_t k = 0;
    while (k < n && (name.at[name.len - n + k] | 0x20) == kinds[i][k]) k++;
    if (k == n) return (struct slice){name.at, name.len - n - 1};
  }
  return name;
}

/* Whether the name, or what it is a part of, is in the catalogue. */
static bool is_known(const struct prom *p, struct slice name)
{
  static const char *const suffixes[] = {"", "_bucket", "_sum", "_count", "_created"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    const size_t n = strlen(suffixes[i]);
    if (slice_ends(name, suffixes[i], n) &&
        kvc_metrics_exported(p->source->metrics, name.at, name.len - n) != NULL)
      return true;
  }
  return false;
}

/* A name, or a name with labels, and no value. */
static kvc_code without_value(struct prom *p, bool last)
{
  struct sample *s = &p->sample;
  const struct slice name = without_kind(s->name);
  struct family *family;
  struct series *series;
  enum part part;
  /* Of an info metric the labels are all: what is there is kept. */
  const struct kvc_metric_name *row =
      kvc_metrics_exported(p->source->metrics, name.at, name.len);
  const bool info = s->has_braces && row != NULL && row->type == KVC_METRIC_INFO;
  if (last && p->n_samples + p->n_types > 0 &&
      (p->ends_open || (s->has_braces && !info))) {
    cut_here(p);
    if (!info) return KVC_E_OK;
  }
  const bool is = is_known(p, name);
  if (!is && !starts(name, "vllm:") && !starts(name, "ray_vllm:")) {
    prom_note(p, s->has_braces ? NOTE_NO_VALUE : NOTE_NOISE, name);
    return KVC_E_OK;
  }
  p->last_name = (struct slice){NULL, 0};
  if (is)
    KVC_TRY(prom_resolve(p, name, true, &family, &part));
  else
    KVC_TRY(prom_family(p, name, &family));
  p->n_bare++;
  if (!s->has_braces) return KVC_E_OK;
  prom_note(p, NOTE_NO_VALUE, name);
  if (family->type != KVC_METRIC_INFO) return KVC_E_OK;
  return prom_series(p, family, s->labels, s->n_labels, &series);
}

/* Where a sample of such a page begins within a line, after what a log driver put before
 * it. */
static bool sample_within(struct slice s, struct slice *out)
{
  static const char *const prefixes[] = {"vllm:", "ray_vllm", "http_", "process_",
                                         "python_"};
  for (const char *at = s.at, *end = s.at + s.len;
       at < end && (at = memchr(at, ' ', (size_t)(end - at))) != NULL; at++) {
    const struct slice here = {at + 1, (size_t)(end - at - 1)};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
      if (starts(here, prefixes[i])) {
        *out = here;
        return true;
      }
  }
  return false;
}

static kvc_code sample(struct prom *p, struct slice s, bool last)
{
  bool unfinished;
  struct slice within;
  enum prom_note how = prom_sample_parse(p, s, &unfinished);
  if (how == NOTE_NOISE || how == NOTE_VALUE) {
    if (comment_within(s, &within)) return comment(p, within, last);
    if (sample_within(s, &within)) how = prom_sample_parse(p, within, &unfinished);
  }
  if (p->sample.full) return prom_full(p);
  if (p->sample.too_many)
    return prom_limit(p, "labels of one sample", KVC_PROM_MAX_LABELS);
  if (how == NOTE_COUNT_) return take(p);
  if (how == NOTE_NO_VALUE) return without_value(p, last);
  const bool open = last && p->n_samples + p->n_types > 0;
  if (open && (unfinished || how == NOTE_LABELS)) cut_here(p);
  if (!open || !unfinished) prom_note(p, how, s);
  return KVC_E_OK;
}

static kvc_code line(struct prom *p, struct slice s, bool last)
{
  if (s.len > KVC_PROM_MAX_LINE)
    return prom_limit(p, "bytes in one line", KVC_PROM_MAX_LINE);
  s = clean(p, s);
  if (s.len == 0) return KVC_E_OK;
  if (*s.at == '#') {
    while (s.len > 0 && (*s.at == '#' || *s.at == ' ' || *s.at == '\t'))
      s = rest_of(s, 1);
    return is_comment(s) ? comment(p, s, last) : KVC_E_OK;
  }
  if (is_comment(s)) return comment(p, s, last);
  return sample(p, s, last);
}

static bool is_end(char c)
{
  return c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == '\0';
}

/* Lines end with \n, \r\n or, in a progress meter, \r. */
kvc_code prom_lines(struct prom *p)
{
  const char *text = p->source->text;
  size_t end = p->source->len, at = 0;
  const bool macs = memchr(text, '\n', end) == NULL;
  p->ends_open = end > 0 && text[end - 1] != '\n' && text[end - 1] != '\r';
  while (end > 0 && is_end(text[end - 1])) end--;
  if (end >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) at = 3;
  p->line = 1;
  while (at < end) {
    const char *lf = memchr(text + at, '\n', end - at);
    const size_t stop = lf != NULL ? (size_t)(lf - text) : end;
    while (at < stop) {
      const char *cr = memchr(text + at, '\r', stop - at);
      const size_t to = cr != NULL ? (size_t)(cr - text) : stop;
      KVC_TRY(line(p, (struct slice){text + at, to - at}, to >= end));
      at = cr != NULL ? to + 1 : to;
      if (macs && cr != NULL) p->line++;
    }
    at = stop + 1;
    p->line++;
  }
  return KVC_E_OK;
}
