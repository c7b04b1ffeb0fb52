/* aiperf_csv.c - AIPerf's export of a server's metrics, as tables of CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One table a type of metrics, a blank line between; each begins with its own header.
 * Columns that are no figure are labels.
 */
#include "prom_room.h"
#include <math.h>

enum { MAX_COLUMNS = 256 };

struct row {
  struct slice cells[MAX_COLUMNS];
  size_t n;
};

struct csv {
  struct prom *p;
  const char *at, *end;
  struct row header, row;
  struct slice info_metric, info_endpoint; /* of an info metric: a row is one label */
};

static const char *const figures[] = {
    "avg",      "min",      "max",   "std",        "total", "rate",     "rate_avg",
    "rate_min", "rate_max", "count", "count_rate", "sum",   "sum_rate", "rate_std"};
static const char *const columns[] = {"Type",  "Metric",      "Unit",   "Key",
                                      "Value", "Description", "buckets"};

static bool is(struct slice s, const char *word)
{
  return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

static bool is_one_of(struct slice s, const char *const *words, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (is(s, words[i])) return true;
  return false;
}

/* p50, p99_estimate */
static bool is_percentile(struct slice s)
{
  return s.len >= 2 && s.at[0] == 'p' && s.at[1] >= '0' && s.at[1] <= '9';
}

bool prom_is_aiperf_csv(struct slice text)
{
  static const char *const heads[] = {"# AIPerf Server Metrics", "Endpoint,Type,Metric"};
  if (text.len >= 3 && memcmp(text.at, "\xEF\xBB\xBF", 3) == 0) {
    text.at += 3;
    text.len -= 3;
  }
  for (size_t i = 0; i < 2; i++)
    if (text.len >= strlen(heads[i]) && memcmp(text.at, heads[i], strlen(heads[i])) == 0)
      return true;
  return false;
}

/* A cell in quotes, which are doubled inside. */
static kvc_code cell_quoted(struct csv *c, struct slice *out)
{
  const char *start = ++c->at;
  size_t n = 0, doubled = 0;
  while (c->at < c->end && (*c->at != '"' || (c->at + 1 < c->end && c->at[1] == '"'))) {
    doubled += *c->at == '"';
    c->at += *c->at == '"' ? 2 : 1;
  }
  *out = (struct slice){start, (size_t)(c->at - start)};
  if (c->at < c->end) c->at++;
  while (c->at < c->end && *c->at != ',' && *c->at != '\n') c->at++;
  if (doubled == 0) return KVC_E_OK;
  char *text = kvc_arena_alloc(c->p->arena, out->len + 1, 1);
  if (text == NULL) return prom_full(c->p);
  for (size_t i = 0; i < out->len; i++) {
    text[n++] = out->at[i];
    if (out->at[i] == '"') i++;
  }
  *out = (struct slice){text, n};
  return KVC_E_OK;
}

static kvc_code row_read(struct csv *c, struct row *row)
{
  row->n = 0;
  for (;;) {
    struct slice cell;
    if (row->n == MAX_COLUMNS) return prom_limit(c->p, "columns", MAX_COLUMNS);
    if (c->at < c->end && *c->at == '"') {
      KVC_TRY(cell_quoted(c, &cell));
    } else {
      const char *start = c->at;
      while (c->at < c->end && *c->at != ',' && *c->at != '\n') c->at++;
      cell = (struct slice){start, (size_t)(c->at - start)};
    }
    if (cell.len > 0 && cell.at[cell.len - 1] == '\r') cell.len--;
    row->cells[row->n++] = cell;
    if (c->at == c->end) return KVC_E_OK;
    if (*c->at++ == '\n') return KVC_E_OK;
  }
}

static struct slice cell(const struct csv *c, const char *column)
{
  for (size_t i = 0; i < c->header.n && i < c->row.n; i++)
    if (is(c->header.cells[i], column)) return c->row.cells[i];
  return (struct slice){NULL, 0};
}

static double figure(const struct csv *c, const char *column)
{
  const struct slice s = cell(c, column);
  double v;
  size_t used;
  if (s.len == 0 || !kvc_num_scan(s.at, s.len, &v, &used) || used != s.len) return NAN;
  return v;
}

static kvc_code label_add(struct csv *c, struct slice name, struct slice value)
{
  struct sample *s = &c->p->sample;
  if (s->n_labels == KVC_PROM_MAX_LABELS)
    return prom_limit(c->p, "labels of one sample", KVC_PROM_MAX_LABELS);
  if (value.at == NULL) value = (struct slice){"", 0}; /* a row without the column */
  s->labels[s->n_labels++] = (struct label){name, value};
  return KVC_E_OK;
}

static kvc_code labels_of_row(struct csv *c)
{
  static const struct slice instance = {"instance", 8};
  c->p->sample.n_labels = 0;
  for (size_t i = 0; i < c->header.n && i < c->row.n; i++) {
    const struct slice name = c->header.cells[i];
    if (c->row.cells[i].len == 0) continue;
    if (is_one_of(name, figures, sizeof figures / sizeof *figures) ||
        is_one_of(name, columns, sizeof columns / sizeof *columns) || is_percentile(name))
      continue;
    KVC_TRY(label_add(c, is(name, "Endpoint") ? instance : name, c->row.cells[i]));
  }
  return KVC_E_OK;
}

/* "0.01=128;0.025=218248;+Inf=218292" */
static kvc_code buckets_give(struct csv *c, struct series *s)
{
  struct slice all = cell(c, "buckets");
  if (all.len == 0) {
    prom_note(c->p, NOTE_BUCKETS, (struct slice){s->family->name, s->family->len});
    return KVC_E_OK;
  }
  while (all.len > 0) {
    struct given g = {.part = PART_BUCKET, .time_s = NAN};
    size_t le, count;
    if (!kvc_num_scan(all.at, all.len, &g.le, &le) || isnan(g.le) || le >= all.len ||
        all.at[le] != '=' ||
        !kvc_num_scan(all.at + le + 1, all.len - le - 1, &g.value, &count)) {
      prom_note(c->p, NOTE_LE, all);
      return KVC_E_OK;
    }
    KVC_TRY(prom_give(c->p, s, &g));
    const size_t used = le + 1 + count;
    const size_t step = used < all.len && all.at[used] == ';' ? used + 1 : used;
    if (step == used && used < all.len) {
      prom_note(c->p, NOTE_LE, all);
      return KVC_E_OK;
    }
    all.at += step;
    all.len -= step;
  }
  return KVC_E_OK;
}

static kvc_code row_give(struct csv *c)
{
  struct prom *p = c->p;
  const struct slice name = cell(c, "Metric");
  struct family *family;
  struct series *s;
  enum part part;
  if (prom_name_len(name) != name.len || name.len == 0) {
    prom_note(p, NOTE_NOISE, c->row.cells[0]);
    return KVC_E_OK;
  }
  KVC_TRY(prom_type_line(p, name, cell(c, "Type")));
  KVC_TRY(prom_resolve(p, name, false, &family, &part));
  KVC_TRY(labels_of_row(c));
  KVC_TRY(prom_series(p, family, p->sample.labels, p->sample.n_labels, &s));
  p->n_samples++;
  if (family->type == KVC_METRIC_HISTOGRAM) {
    KVC_TRY(prom_aiperf_give(p, s, PART_SUM, figure(c, "sum")));
    KVC_TRY(prom_aiperf_give(p, s, PART_COUNT, figure(c, "count")));
    return buckets_give(c, s);
  }
  const double total = figure(c, "total");
  return prom_aiperf_give(p, s, PART_VALUE, isnan(total) ? figure(c, "avg") : total);
}

/* The labels of an info metric are gathered until another metric or endpoint comes. */
static kvc_code info_end(struct csv *c)
{
  struct prom *p = c->p;
  static const struct slice instance = {"instance", 8};
  struct family *family;
  struct series *s;
  enum part part;
  const struct slice name = c->info_metric;
  c->info_metric.len = 0;
  if (name.len == 0) return KVC_E_OK;
  KVC_TRY(label_add(c, instance, c->info_endpoint));
  KVC_TRY(prom_resolve(p, name, false, &family, &part));
  KVC_TRY(prom_series(p, family, p->sample.labels, p->sample.n_labels, &s));
  p->n_samples++;
  s->partial = c->at == c->end; /* nothing after it proves that it is whole */
  return prom_aiperf_give(p, s, PART_VALUE, 1);
}

static kvc_code info_row(struct csv *c)
{
  const struct slice name = cell(c, "Metric"), endpoint = cell(c, "Endpoint");
  if (prom_name_len(name) != name.len || name.len == 0) {
    prom_note(c->p, NOTE_NOISE, c->row.cells[0]);
    return KVC_E_OK;
  }
  if (name.len != c->info_metric.len || endpoint.len != c->info_endpoint.len ||
      memcmp(name.at, c->info_metric.at, name.len) != 0 ||
      memcmp(endpoint.at, c->info_endpoint.at, endpoint.len) != 0) {
    KVC_TRY(info_end(c));
    c->p->sample.n_labels = 0;
    c->info_metric = name;
    c->info_endpoint = endpoint;
  }
  return label_add(c, cell(c, "Key"), cell(c, "Value"));
}

static bool blank(const struct row *row)
{
  return row->n == 1 && prom_trim(row->cells[0]).len == 0;
}

kvc_code prom_aiperf_csv(struct prom *p)
{
  struct csv *c = kvc_arena_alloc(p->arena, 1, sizeof *c);
  if (c == NULL) return prom_full(p);
  c->p = p;
  c->at = p->source->text;
  c->end = c->at + p->source->len;
  if (p->source->len >= 3 && memcmp(c->at, "\xEF\xBB\xBF", 3) == 0) c->at += 3;
  while (c->at < c->end) {
    p->line++;
    KVC_TRY(row_read(c, &c->row));
    if (blank(&c->row) || (c->row.cells[0].len > 0 && c->row.cells[0].at[0] == '#'))
      continue;
    if (is(c->row.cells[0], "Endpoint")) {
      KVC_TRY(info_end(c));
      c->header = c->row;
      continue;
    }
    if (c->at == c->end && c->row.n < c->header.n && c->end[-1] != '\n') {
      p->cut = true;
      prom_note(p, NOTE_CUT, (struct slice){NULL, 0});
      break;
    }
    if (cell(c, "Key").at != NULL)
      KVC_TRY(info_row(c));
    else
      KVC_TRY(row_give(c));
  }
  KVC_TRY(info_end(c));
  if (p->n_samples > 0) {
    p->line = 1;
    prom_note(p, NOTE_WINDOW, (struct slice){NULL, 0});
  }
  return KVC_E_OK;
}
