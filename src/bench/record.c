/* record.c - records, notes and what follows from what is stated.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *bench_alloc(struct bench *b, size_t count, size_t size)
{
  if (b->rc != KVC_E_OK) return NULL;
  void *made = kvc_arena_alloc(b->arena, count, size);
  if (made == NULL) b->rc = kvc_arena_full(b->arena, b->where, b->err);
  return made;
}

static struct kvc_stat no_stat(void)
{
  const double no = (double)NAN;
  return (struct kvc_stat){no, no, no, no, no, no, no, no, no, no, no, 0};
}

static void clear(struct kvc_bench *r, const char *format)
{
  double *const numbers[] = {&r->duration_s,
                             &r->completed,
                             &r->failed,
                             &r->num_prompts,
                             &r->request_rate,
                             &r->burstiness,
                             &r->max_concurrency,
                             &r->total_input_tok,
                             &r->total_output_tok,
                             &r->request_throughput,
                             &r->output_throughput,
                             &r->total_throughput,
                             &r->input_throughput,
                             &r->request_goodput,
                             &r->peak_output_tps,
                             &r->peak_concurrent,
                             &r->spec_accept_frac,
                             &r->spec_accept_length,
                             &r->tensor_parallel,
                             &r->pipeline_parallel,
                             &r->data_parallel,
                             &r->gpus};
  struct kvc_stat *const stats[] = {&r->ttft_ms, &r->tpot_ms,   &r->itl_ms,
                                    &r->e2el_ms, &r->input_tok, &r->output_tok};
  *r = (struct kvc_bench){.format = format};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = (double)NAN;
  for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) *stats[i] = no_stat();
}

/* 'count' items of 'size' bytes with room for one more, doubled in the arena. */
static void *grow(struct bench *b, void *items, size_t count, size_t *room, size_t size)
{
  if (count < *room) return items;
  const size_t more = *room == 0 ? 1 : *room * 2;
  void *made = bench_alloc(b, more, size);
  if (made == NULL) return NULL;
  if (count > 0) memcpy(made, items, count * size);
  *room = more;
  return made;
}

struct kvc_bench *bench_record(struct bench *b, const char *format)
{
  struct kvc_bench_set *set = b->out;
  if (b->rc != KVC_E_OK) return NULL;
  if (set->n_records == KVC_BENCH_MAX_RECORDS) {
    b->rc = kvc_fail(b->err, KVC_E_LIMIT, b->where,
                     "there are more than %d results in one file; split it",
                     KVC_BENCH_MAX_RECORDS);
    return NULL;
  }
  void *records =
      grow(b, set->records, set->n_records, &b->record_room, sizeof *set->records);
  if (records == NULL) return NULL;
  set->records = records;
  struct kvc_bench *r = &set->records[set->n_records++];
  clear(r, format);
  return r;
}

/* Lists of a record have no room field: they double at powers of two. */
static void *grow_list(struct bench *b, void *items, size_t count, size_t size)
{
  if (count != 0 && (count & (count - 1)) != 0) return items;
  size_t room = count;
  return grow(b, items, count, &room, size);
}

void bench_extra(struct bench *b, struct kvc_bench *r, const char *key, const char *value)
{
  if (key == NULL || value == NULL || r->n_extras == BENCH_MAX_EXTRAS) return;
  struct kvc_bench_pair *extras = grow_list(b, r->extras, r->n_extras, sizeof *extras);
  if (extras == NULL) return;
  extras[r->n_extras++] = (struct kvc_bench_pair){key, value};
  r->extras = extras;
}

void bench_unknown(struct bench *b, struct kvc_bench *r, const char *key)
{
  if (r->n_unknown == BENCH_MAX_EXTRAS) return;
  /* The field is for readers, who must not change the list. */
  const char *const *had = r->unknown;
  void *list = NULL;
  memcpy(&list, &had, sizeof list);
  const char **unknown = grow_list(b, list, r->n_unknown, sizeof *unknown);
  if (unknown == NULL) return;
  unknown[r->n_unknown++] = key;
  r->unknown = (const char *const *)unknown;
}

void bench_note(struct bench *b, const char *fmt, ...)
{
  struct kvc_bench_set *set = b->out;
  char text[480];
  if (b->rc != KVC_E_OK || b->only_look || set->n_notes == BENCH_MAX_NOTES) return;
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  for (size_t i = 0; i < set->n_notes; i++)
    if (strcmp(set->notes[i], text) == 0) return;
  void *notes = grow(b, set->notes, set->n_notes, &b->note_room, sizeof *set->notes);
  const char *note = kvc_arena_strdup(b->arena, text);
  if (note == NULL || notes == NULL) return;
  set->notes = notes;
  set->notes[set->n_notes++] = note;
}

static int text_order(const void *a, const void *b)
{
  const char *const *x = a, *const *y = b;
  return strcmp(*x, *y);
}

static void fill(double *slot, double value)
{
  if (isnan(*slot) && isfinite(value)) *slot = value;
}

/* Rates and totals that the stated figures imply. */
static void imply(struct kvc_bench *r)
{
  if (r->request_throughput > 0)
    fill(&r->duration_s, r->completed / r->request_throughput);
  if (r->duration_s > 0) {
    fill(&r->request_throughput, r->completed / r->duration_s);
    fill(&r->output_throughput, r->total_output_tok / r->duration_s);
    if (isnan(r->total_throughput))
      fill(&r->input_throughput, r->total_input_tok / r->duration_s);
  }
  fill(&r->total_throughput, r->input_throughput + r->output_throughput);
  /* Of two that would have to agree the stated one leads. */
  fill(&r->input_throughput, r->total_throughput - r->output_throughput);
  if (r->completed > 0) {
    fill(&r->input_tok.mean, r->total_input_tok / r->completed);
    fill(&r->output_tok.mean, r->total_output_tok / r->completed);
  }
  if (r->request_throughput > 0) {
    fill(&r->input_tok.mean, r->input_throughput / r->request_throughput);
    fill(&r->output_tok.mean, r->output_throughput / r->request_throughput);
  }
  fill(&r->total_input_tok, r->input_throughput * r->duration_s);
  fill(&r->total_output_tok, r->output_throughput * r->duration_s);
  fill(&r->num_prompts, r->completed + r->failed);
  if (r->tensor_parallel > 0) {
    const double pp = r->pipeline_parallel > 0 ? r->pipeline_parallel : 1;
    const double dp = r->data_parallel > 0 ? r->data_parallel : 1;
    fill(&r->gpus, r->tensor_parallel * pp * dp);
  }
}

void bench_finish(struct bench *b)
{
  for (size_t i = 0; i < b->out->n_records; i++) {
    struct kvc_bench *r = &b->out->records[i];
    imply(r);
    if (r->n_unknown < 2) continue;
    void *list = NULL;
    memcpy(&list, &r->unknown, sizeof list);
    qsort(list, r->n_unknown, sizeof *r->unknown, text_order);
  }
}
