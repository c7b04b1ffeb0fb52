/* stat.c - names of statistics and of what they are about.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

double *bench_stat_slot(struct kvc_stat *stat, const char *name, size_t len)
{
  const struct {
    const char *name;
    double *slot;
  } names[] = {
      {"mean", &stat->mean},     {"avg", &stat->mean},    {"average", &stat->mean},
      {"median", &stat->median}, {"p50", &stat->median},  {"50", &stat->median},
      {"std", &stat->std},       {"std_dev", &stat->std}, {"stddev", &stat->std},
      {"sd", &stat->std},        {"stdev", &stat->std},   {"min", &stat->min},
      {"max", &stat->max},       {"p25", &stat->p25},     {"25", &stat->p25},
      {"p75", &stat->p75},       {"75", &stat->p75},      {"p90", &stat->p90},
      {"90", &stat->p90},        {"p95", &stat->p95},     {"95", &stat->p95},
      {"p99", &stat->p99},       {"99", &stat->p99},      {"p999", &stat->p999},
      {"p99.9", &stat->p999},    {"99.9", &stat->p999},   {"p99p9", &stat->p999},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (bench_same(name, len, names[i].name)) return names[i].slot;
  return NULL;
}

static void read_members(const struct bench *b, const struct bench_node *obj,
                         double scale, struct kvc_stat *stat)
{
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m)) {
    double *slot = bench_stat_slot(stat, b->text + m->key, m->key_len);
    const double value = bench_num(b, m);
    if (slot != NULL && !isnan(value)) *slot = value * scale;
  }
}

void bench_stat_read(const struct bench *b, const struct bench_node *obj, double scale,
                     struct kvc_stat *stat)
{
  if (obj == NULL || obj->kind != BENCH_OBJ || obj->cut) return;
  const struct bench_node *inner = bench_get(b, obj, "percentiles");
  if (inner != NULL && inner->kind == BENCH_OBJ) read_members(b, inner, scale, stat);
  read_members(b, obj, scale, stat);
}

enum { MAX_TOKENS = 12, MAX_NAME = 96 };

struct token {
  const char *text;
  size_t len;
};

static bool is_word(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Lower-case words of a name; a point between digits belongs to its word. */
static size_t tokens(const char *name, size_t len, char low[MAX_NAME],
                     struct token out[MAX_TOKENS])
{
  size_t n = 0;
  if (len >= MAX_NAME) return 0;
  for (size_t i = 0; i < len; i++)
    low[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
  for (size_t i = 0; i < len;) {
    if (!is_word(low[i])) {
      i++;
      continue;
    }
    size_t to = i;
    while (to < len && (is_word(low[to]) ||
                        (low[to] == '.' && to > i && to + 1 < len && low[to - 1] <= '9' &&
                         low[to + 1] >= '0' && low[to + 1] <= '9')))
      to++;
    if (n == MAX_TOKENS) return 0;
    out[n++] = (struct token){low + i, to - i};
    i = to;
  }
  return n;
}

static double unit(const struct token *t)
{
  static const struct {
    const char *name;
    double ms;
  } units[] = {{"ms", 1},      {"milliseconds", 1}, {"s", 1000},  {"sec", 1000},
               {"secs", 1000}, {"seconds", 1000},   {"ns", 1e-6}, {"us", 1e-3},
               {"tokens", 1},  {"toks", 1},         {"count", 1}};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (bench_same(t->text, t->len, units[i].name)) return units[i].ms;
  return 0;
}

/* "p99", "p99.9", "p001": a percentile, kept or not. */
static bool is_percentile(const struct token *t)
{
  if (t->len < 2 || t->text[0] != 'p') return false;
  for (size_t i = 1; i < t->len; i++)
    if (t->text[i] != '.' && (t->text[i] < '0' || t->text[i] > '9')) return false;
  return true;
}

static struct kvc_stat *subject(struct kvc_bench *r, const char *name)
{
  const struct {
    const char *name;
    struct kvc_stat *stat;
  } subjects[] = {
      {"ttft", &r->ttft_ms},
      {"time to first token", &r->ttft_ms},
      {"tpot", &r->tpot_ms},
      {"time per output token", &r->tpot_ms},
      {"itl", &r->itl_ms},
      {"inter token latency", &r->itl_ms},
      {"intertoken latency", &r->itl_ms},
      {"e2el", &r->e2el_ms},
      {"e2e", &r->e2el_ms},
      {"e2e latency", &r->e2el_ms},
      {"end to end latency", &r->e2el_ms},
      {"request latency", &r->e2el_ms},
      {"input sequence length", &r->input_tok},
      {"input length", &r->input_tok},
      {"input len", &r->input_tok},
      {"output sequence length", &r->output_tok},
      {"output length", &r->output_tok},
      {"output len", &r->output_tok},
  };
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
    if (strcmp(name, subjects[i].name) == 0) return subjects[i].stat;
  return NULL;
}

/* Words that say nothing more. */
static bool is_filler(const struct token *t)
{
  static const char *const fillers[] = {"results", "quantiles", "percentile"};
  for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
    if (bench_same(t->text, t->len, fillers[i])) return true;
  return false;
}

bool bench_figure(struct kvc_bench *r, const char *name, size_t len,
                  struct bench_figure *out)
{
  char low[MAX_NAME], rest[MAX_NAME];
  struct token token[MAX_TOKENS];
  struct kvc_stat probe;
  const struct token *stat = NULL;
  size_t n_rest = 0;
  const size_t n = tokens(name, len, low, token);
  *out = (struct bench_figure){.scale = (double)NAN};
  for (size_t i = 0; i < n; i++) {
    const struct token *t = &token[i];
    const double ms = unit(t);
    if (is_filler(t)) continue;
    if (ms > 0 && isnan(out->scale) && i > 0) {
      out->scale = ms;
    } else if (stat == NULL &&
               (is_percentile(t) ||
                (t->text[0] > '9' && bench_stat_slot(&probe, t->text, t->len) != NULL))) {
      stat = t;
    } else {
      if (n_rest > 0) rest[n_rest++] = ' ';
      memcpy(rest + n_rest, t->text, t->len);
      n_rest += t->len;
    }
  }
  rest[n_rest] = '\0';
  out->stat = subject(r, rest);
  if (out->stat == NULL) return false;
  if (out->stat == &r->input_tok || out->stat == &r->output_tok) out->scale = 1;
  out->has_stat = stat != NULL;
  if (stat != NULL) out->slot = bench_stat_slot(out->stat, stat->text, stat->len);
  return true;
}
