/* points.c - a table of measured serving points.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/predict.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MAX_COLUMNS = 128, MAX_POINTS = 200000 };

struct cell {
  const char *text;
  size_t len;
};

struct table {
  struct kvc_arena *arena;
  const char *file, *text;
  size_t len, at;
  int line;
  struct cell names[MAX_COLUMNS], cells[MAX_COLUMNS];
  size_t n_names, n_cells;
};

const char *kvc_point_figure(size_t figure)
{
  static const char *const names[] = {"mean_ttft_ms", "median_ttft_ms", "p99_ttft_ms",
                                      "mean_tpot_ms", "median_tpot_ms", "p99_tpot_ms",
                                      "mean_itl_ms",  "output_tok_s",   "req_per_s"};
  _Static_assert(sizeof names / sizeof *names == KVC_POINT_FIGURES_, "one name a figure");
  return figure < KVC_POINT_FIGURES_ ? names[figure] : NULL;
}

/* A quoted cell without its quotes; doubled ones stand for one. */
static struct cell quoted(struct table *t)
{
  const size_t from = ++t->at;
  size_t quotes = 0, n = 0;
  while (t->at < t->len) {
    if (t->text[t->at] == '"') {
      if (t->at + 1 >= t->len || t->text[t->at + 1] != '"') break;
      t->at++;
      quotes++;
    }
    t->line += t->text[t->at] == '\n';
    t->at++;
  }
  struct cell c = {t->text + from, t->at - from};
  if (t->at < t->len) t->at++;
  if (quotes == 0) return c;
  char *copy = kvc_arena_strndup(t->arena, c.text, c.len);
  if (copy == NULL) return (struct cell){"", 0};
  for (size_t i = 0; i < c.len; i++) {
    copy[n++] = c.text[i];
    if (c.text[i] == '"') i++;
  }
  return (struct cell){copy, n};
}

/* One record into cells; false at the end of the text. */
static bool record(struct table *t)
{
  t->n_cells = 0;
  while (t->at < t->len && (t->text[t->at] == '\n' || t->text[t->at] == '\r')) {
    t->line += t->text[t->at] == '\n';
    t->at++;
  }
  if (t->at >= t->len) return false;
  for (;;) {
    struct cell c;
    if (t->at < t->len && t->text[t->at] == '"') {
      c = quoted(t);
    } else {
      const size_t from = t->at;
      while (t->at < t->len && strchr(",\r\n", t->text[t->at]) == NULL) t->at++;
      c = (struct cell){t->text + from, t->at - from};
    }
    if (t->n_cells < MAX_COLUMNS) t->cells[t->n_cells++] = c;
    if (t->at >= t->len || t->text[t->at] != ',') return true;
    t->at++;
  }
}

static struct cell cell(const struct table *t, const char *name)
{
  const size_t len = strlen(name);
  for (size_t i = 0; i < t->n_names && i < t->n_cells; i++)
    if (t->names[i].len == len && memcmp(t->names[i].text, name, len) == 0)
      return t->cells[i];
  return (struct cell){"", 0};
}

static const char *words(struct table *t, const char *name)
{
  const struct cell c = cell(t, name);
  const char *copy = kvc_arena_strndup(t->arena, c.text, c.len);
  return copy != NULL ? copy : "";
}

/* A cell that is no number spoils its row, not the table. */
static void spoil(struct table *t, struct kvc_point *p, const char *name, struct cell c)
{
  if (p->bad != NULL) return;
  p->bad = kvc_arena_printf(t->arena, "line %d: %s is \"%.*s\", which is no such number",
                            t->line, name, (int)(c.len < 40 ? c.len : 40), c.text);
  if (p->bad == NULL) p->bad = "a cell cannot be read";
}

static double number(struct table *t, struct kvc_point *p, const char *name,
                     double missing)
{
  const struct cell c = cell(t, name);
  double v;
  size_t used;
  if (c.len == 0) return missing;
  if (kvc_num_scan(c.text, c.len, &v, &used) && used == c.len) return v;
  spoil(t, p, name, c);
  return missing;
}

static int whole(struct table *t, struct kvc_point *p, const char *name)
{
  const double v = number(t, p, name, 1);
  if (v >= 1 && v <= 4096) return (int)v;
  spoil(t, p, name, cell(t, name));
  return 1;
}

static void point_of(struct table *t, struct kvc_point *p)
{
  *p = (struct kvc_point){.id = words(t, "id"),
                          .gpu = words(t, "gpu"),
                          .model = words(t, "model"),
                          .version = words(t, "vllm_version"),
                          .quantization = words(t, "weight_dtype/quantization"),
                          .kv_dtype = words(t, "kv_dtype"),
                          .dataset = words(t, "dataset"),
                          .flags = words(t, "other_flags"),
                          .kind = words(t, "kind"),
                          .quality = words(t, "quality"),
                          .split = words(t, "split"),
                          .series = words(t, "series_id")};
  p->pp = whole(t, p, "pp");
  p->dp = whole(t, p, "dp");
  p->ep = whole(t, p, "ep");
  p->tp = whole(t, p, "tp");
  p->input_tok = number(t, p, "input_len_mean", NAN);
  p->output_tok = number(t, p, "output_len_mean", NAN);
  p->rate_per_s = number(t, p, "request_rate", INFINITY);
  p->concurrency = number(t, p, "max_concurrency", INFINITY);
  p->prompts = number(t, p, "num_prompts", NAN);
  p->max_num_seqs = number(t, p, "max_num_seqs", 0);
  p->max_num_batched_tok = number(t, p, "max_num_batched_tokens", 0);
  for (size_t i = 0; i < KVC_POINT_FIGURES_; i++)
    p->measured[i] = number(t, p, kvc_point_figure(i), NAN);
}

kvc_code kvc_points_read(struct kvc_arena *arena, const char *text, size_t len,
                         const char *file, struct kvc_point **out, size_t *n,
                         struct kvc_err *err)
{
  struct table *t = kvc_arena_alloc(arena, 1, sizeof *t);
  struct kvc_point *points = NULL;
  size_t count = 0, room = 0;
  if (t == NULL) return kvc_arena_full(arena, file, err);
  *t = (struct table){.arena = arena, .file = file, .text = text, .len = len, .line = 1};
  if (!record(t)) return kvc_fail(err, KVC_E_PARSE, file, "is empty");
  memcpy(t->names, t->cells, sizeof t->names);
  t->n_names = t->n_cells;
  if (cell(t, "gpu").len == 0 || cell(t, "model").len == 0)
    return kvc_fail_at(err, KVC_E_PARSE, file, 1, 0,
                       "the header lacks the columns gpu and model");
  while (record(t)) {
    if (count == MAX_POINTS)
      return kvc_fail(err, KVC_E_LIMIT, file, "has more than %d points", MAX_POINTS);
    if (count == room) {
      room = room > 0 ? 2 * room : 256;
      struct kvc_point *more = kvc_arena_alloc(arena, room, sizeof *more);
      if (more == NULL) return kvc_arena_full(arena, file, err);
      if (count > 0) memcpy(more, points, count * sizeof *more);
      points = more;
    }
    point_of(t, &points[count++]);
  }
  *out = points;
  *n = count;
  return KVC_E_OK;
}
