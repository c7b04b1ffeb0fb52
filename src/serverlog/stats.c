/* stats.c - the line that a server prints every few seconds.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A value counts only with its unit behind it: where another writer cut the line, or the
 * log ends, half a number is no number.  The part that was pushed to a later line is
 * joined by its names.
 */
#include "serverlog_room.h"
#include <stddef.h>
#include <string.h>

enum { MAX_FIELDS = 24, MAX_STRANGE = 4, TAIL_LINES = 4 };

struct field {
  const char *label, *unit;
  size_t to; /* offset in a sample */
  bool percent;
};

#define TO(name) offsetof(struct kvc_log_sample, name)
static const struct field fields[] = {
    {"Avg prompt throughput: ", " tokens/s", TO(prompt_tps), false},
    {"Avg generation throughput: ", " tokens/s", TO(generation_tps), false},
    {"Running: ", " reqs", TO(running), false},
    {"Waiting: ", " reqs", TO(waiting), false},
    {"Pending: ", " reqs", TO(waiting), false},
    {"Swapped: ", " reqs", TO(swapped), false},
    {"Deferred: ", " reqs", TO(deferred), false},
    {"Preemptions: ", "", TO(preemptions), false},
    {"GPU KV cache usage: ", "%", TO(kv_usage_frac), true},
    {"CPU KV cache usage: ", "%", TO(cpu_kv_usage_frac), true},
    {"Prefix cache hit rate: ", "%", TO(prefix_hit_frac), true},
    {"External prefix cache hit rate: ", "%", TO(external_hit_frac), true},
    {"MM cache hit rate: ", "%", TO(mm_hit_frac), true},
};
#undef TO

static double *place(struct kvc_log_sample *sample, const struct field *f)
{
  return (double *)(void *)((char *)sample + f->to);
}

/* One "name: value unit" at *at; moves behind it. */
static bool read_field(const struct slog_seg *s, size_t *at,
                       struct kvc_log_sample *sample, bool *v0)
{
  for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
    size_t i = *at;
    double value;
    if (!slog_skip(s, &i, fields[f].label)) continue;
    if (!slog_number(s, &i, &value) || !slog_skip(s, &i, fields[f].unit)) return false;
    if (fields[f].unit[0] == '\0' && !slog_ends(s, i)) return false;
    double *const to = place(sample, &fields[f]);
    if (isnan(*to)) *to = fields[f].percent ? value / 100 : value;
    if (strcmp(fields[f].label, "Pending: ") == 0) *v0 = true;
    *at = i;
    return true;
  }
  return false;
}

static bool is_gap(char c)
{
  return c == ',' || c == ' ' || c == '.';
}

/* All fields from 'at' on, up to the next line of statistics; how many. */
static size_t read_fields(const struct slog_seg *s, size_t at,
                          struct kvc_log_sample *sample, bool *v0)
{
  size_t n = 0, strange = 0;
  while (n < MAX_FIELDS && strange < MAX_STRANGE && at < s->len) {
    while (at < s->len && is_gap(s->text[at])) at++;
    if (read_field(s, &at, sample, v0)) {
      n++;
      continue;
    }
    strange++;
    const size_t left = s->len - at < SLOG_BACK ? s->len - at : SLOG_BACK;
    size_t skip = 0;
    while (skip < left && s->text[at + skip] != ',') skip++;
    if (skip == left) break;
    at += skip + 1;
  }
  return n;
}

/* "Engine 003: " in front, or the process of a data-parallel engine. */
static int engine_of(const struct slog_seg *s, size_t at)
{
  size_t i = slog_find_back(s->text, at, "Engine ");
  double number;
  if (i != SIZE_MAX && at - i < 20) {
    i += strlen("Engine ");
    if (slog_count(s, &i, &number) && slog_skip(s, &i, ": ") && i == at)
      return number < 1e6 ? (int)number : -1;
  }
  if (slog_starts(s->text, s->len, at >= 12 ? at - 12 : s->len, "Aggregated: "))
    return -1;
  i = slog_find_back(s->text, at, "(EngineCore_DP");
  if (i == SIZE_MAX) return -1;
  i += strlen("(EngineCore_DP");
  return slog_count(s, &i, &number) && number < 1e6 ? (int)number : -1;
}

static void generation(struct kvc_log_reader *r, bool v0, const struct kvc_log_sample *x)
{
  struct slog_start *const start = slog_start_last(r);
  if (v0 || !isnan(x->waiting)) r->view.generation = v0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  if (start == NULL) return;
  if (start->pub.generation != KVC_ENGINE_AUTO && !start->weak_v0) return;
  if (v0)
    start->pub.generation = KVC_ENGINE_V0;
  else if (!isnan(x->waiting))
    start->pub.generation = KVC_ENGINE_V1;
  start->weak_v0 = false;
}

static void count(struct kvc_log_reader *r)
{
  if (r->samples.counted) return;
  r->samples.counted = true;
  r->view.sample_lines++;
}

/* A line without its usage may have been broken by a terminal's width. */
static void keep_tail(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_samples *const a = &r->samples;
  const size_t len = hit->seg->len - hit->at;
  a->tail_len = 0;
  if (!isnan(a->pending.kv_usage_frac) || len > SLOG_TAIL_BYTES) return;
  memcpy(a->tail, hit->seg->text + hit->at, len);
  a->tail_len = len;
  a->tail_line = hit->seg->line;
}

void slog_stats_join(struct kvc_log_reader *r, const struct slog_seg *s)
{
  struct slog_samples *const a = &r->samples;
  const size_t more = s->len < SLOG_TAIL_BYTES ? s->len : SLOG_TAIL_BYTES;
  const bool next = s->line <= a->tail_line + 1 && !slog_has_prefix(s);
  bool v0 = false;
  memcpy(a->tail + a->tail_len, s->text, more);
  const struct slog_seg whole = {.text = a->tail, .len = a->tail_len + more};
  a->tail_len = 0;
  if (next && a->has_pending && read_fields(&whole, 0, &a->pending, &v0) > 0) {
    count(r);
    generation(r, v0, &a->pending);
  }
}

/* The segment up to the next line of statistics, which another writer may have begun in
 * the middle of this one. */
static struct slog_seg own_part(const struct slog_hit *hit)
{
  enum { LONGEST = 1024 };
  struct slog_seg s = *hit->seg;
  if (s.len - hit->at > LONGEST) s.len = hit->at + LONGEST;
  const size_t other = slog_find(s.text, s.len, hit->end, fields[0].label);
  if (other != SIZE_MAX) s.len = other;
  s.open = s.open && s.len == hit->seg->len;
  return s;
}

void slog_stats(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct kvc_log_sample sample;
  bool v0 = false;
  const struct slog_seg own = own_part(hit);
  slog_sample_clear(&sample);
  const size_t n = read_fields(&own, hit->at, &sample, &v0);
  sample.line = hit->seg->line;
  sample.time_s = slog_time(&r->clock, hit->seg, hit->at);
  sample.engine = engine_of(hit->seg, hit->at);
  if (n > 0 && r->has_hit_wait) {
    sample.prefix_hit_frac = r->hit_wait[0];
    sample.cpu_prefix_hit_frac = r->hit_wait[1];
    r->has_hit_wait = false;
  }
  slog_sample_begin(r, &sample);
  keep_tail(r, hit);
  const char after = hit->end < hit->seg->len ? hit->seg->text[hit->end] : '\0';
  if (after != '%' && after != '{') slog_met(r, hit->seg, hit->at);
  if (n == 0) return;
  count(r);
  generation(r, v0, &sample);
  struct slog_start *const start = slog_start_last(r);
  if (start != NULL) start->pub.ready = true;
}

void slog_stats_tail(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_samples *const a = &r->samples;
  const struct slog_seg *const s = hit->seg;
  const size_t back = hit->at > SLOG_BACK ? hit->at - SLOG_BACK : 0;
  bool v0 = false;
  if (!a->has_pending || !isnan(a->pending.kv_usage_frac) ||
      s->line > a->pending.line + TAIL_LINES ||
      slog_find_back(s->text, hit->at, fields[0].label) != SIZE_MAX ||
      slog_find_back(s->text, hit->at, "Iteration(") != SIZE_MAX)
    return;
  if (read_fields(s, back, &a->pending, &v0) > 0) count(r);
}

void slog_stats_v0_hits(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_samples *const a = &r->samples;
  double gpu, cpu = (double)NAN;
  size_t i = hit->end;
  if (!slog_number(hit->seg, &i, &gpu) || !slog_skip(hit->seg, &i, "%")) return;
  if (slog_skip(hit->seg, &i, ", CPU: "))
    if (!slog_number(hit->seg, &i, &cpu) || !slog_skip(hit->seg, &i, "%"))
      cpu = (double)NAN;
  slog_met(r, hit->seg, hit->at);
  if (a->has_pending && isnan(a->pending.prefix_hit_frac)) {
    a->pending.prefix_hit_frac = gpu / 100;
    a->pending.cpu_prefix_hit_frac = cpu / 100;
    return;
  }
  r->hit_wait[0] = gpu / 100;
  r->hit_wait[1] = cpu / 100;
  r->has_hit_wait = true;
}
