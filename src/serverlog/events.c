/* events.c - failures and warnings, one entry a kind and start.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hints that only name a failure ("If you are running out of memory, ...") are none.
 */
#include "serverlog_room.h"
#include <assert.h>
#include <string.h>

/* ---- the list ------------------------------------------------------------------------
 */

/* Where the index of a kind's event is kept for the start that runs. */
static struct kvc_log_event *find(struct kvc_log_reader *r, enum kvc_log_kind kind,
                                  const struct slog_start *start)
{
  const int index = start != NULL ? start->event[kind] : r->early[kind];
  return index > 0 ? &r->view.events[index - 1] : NULL;
}

/* The message without the log's prefix: [from, to). */
static void extent(const struct slog_hit *hit, size_t *from, size_t *to)
{
  static const char *const ends[] = {"] ", "pid="};
  const struct slog_seg *const s = hit->seg;
  *from = hit->at > SLOG_BACK ? hit->at - SLOG_BACK : 0;
  for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
    size_t i = slog_find_back(s->text, hit->at, ends[k]);
    if (i == SIZE_MAX) continue;
    i += strlen(ends[k]);
    if (k == 1) {
      while (i < hit->at && s->text[i] != ')') i++;
      i++;
    }
    if (i <= hit->at && i > *from) *from = i;
  }
  while (*from < hit->at && s->text[*from] == ' ') ++*from;
  *to = s->len - *from > 4 * SLOG_EVENT_BYTES ? *from + 4 * SLOG_EVENT_BYTES : s->len;
}

static void write_text(const struct slog_hit *hit, char *text)
{
  size_t from, to;
  extent(hit, &from, &to);
  slog_clean(hit->seg->text + from, to - from, text, SLOG_EVENT_BYTES + 1);
}

static struct kvc_log_event *add(struct kvc_log_reader *r, const struct slog_hit *hit,
                                 enum kvc_log_kind kind, struct slog_start *start)
{
  assert(r != NULL); /* whoever looks at lines has one */
  if (r->view.n_events == KVC_LOG_MAX_EVENTS) return NULL;
  char *const text = r->n_spare > 0 ? r->spare[--r->n_spare]
                                    : kvc_arena_alloc(r->arena, SLOG_EVENT_BYTES + 1, 1);
  if (text == NULL) {
    r->full = true;
    return NULL;
  }
  write_text(hit, text);
  r->texts[r->view.n_events] = text;
  struct kvc_log_event *const e = &r->view.events[r->view.n_events++];
  *e = (struct kvc_log_event){.kind = kind,
                              .line = hit->seg->line,
                              .text = text,
                              .value = (double)NAN,
                              .value2 = (double)NAN,
                              .start = -1};
  if (start != NULL) {
    e->start = (int)r->n_starts - 1;
    start->event[kind] = (int)r->view.n_events;
  } else {
    r->early[kind] = (int16_t)r->view.n_events;
  }
  return e;
}

void slog_event(struct kvc_log_reader *r, const struct slog_hit *hit,
                enum kvc_log_kind kind, const double value[2])
{
  struct slog_start *const start = slog_start_last(r);
  if (hit->seg->failed[kind]) return; /* a line counts once */
  hit->seg->failed[kind] = true;
  struct kvc_log_event *e = find(r, kind, start);
  if (e == NULL) e = add(r, hit, kind, start);
  if (e == NULL) return;
  e->count++;
  /* A traceback shows the program's text before it comes to the message. */
  if (strncmp(e->text, "raise ", 6) == 0) write_text(hit, r->texts[e - r->view.events]);
  if (kind == KVC_LOG_PREEMPTION) {
    if (!isnan(value[0])) slog_most(&e->value, value[0]);
  } else if (isnan(e->value)) {
    e->value = value[0];
    e->value2 = value[1];
  }
}

/* Events of a start that is dropped are summed up under KVC_LOG_SKIPPED. */
void slog_events_forget(struct kvc_log_reader *r, int start)
{
  struct kvc_serverlog *const v = &r->view;
  size_t n = 0;
  memset(r->skipped, 0, sizeof r->skipped);
  memset(r->early, 0, sizeof r->early);
  for (size_t i = 0; i < r->n_starts; i++)
    memset(r->starts[i]->event, 0, sizeof r->starts[i]->event);
  for (size_t i = 0; i < v->n_events; i++) {
    struct kvc_log_event e = v->events[i];
    if (e.start == start) e.start = KVC_LOG_SKIPPED;
    if (e.start > start) e.start--;
    int16_t *const sum = &r->skipped[e.kind];
    if (e.start == KVC_LOG_SKIPPED && *sum > 0) {
      v->events[*sum - 1].count += e.count;
      r->spare[r->n_spare++] = r->texts[i];
      continue;
    }
    r->texts[n] = r->texts[i];
    v->events[n++] = e;
    if (e.start == KVC_LOG_SKIPPED) *sum = (int16_t)n;
    if (e.start == -1) r->early[e.kind] = (int16_t)n;
    if (e.start >= 0) /* the list of starts is moved right after */
      r->starts[e.start < start ? e.start : e.start + 1]->event[e.kind] = (int)n;
  }
  v->n_events = n;
}

/* ---- what the messages say ------------------------------------------------------------
 */

static bool before(const struct slog_hit *hit, const char *word)
{
  const size_t n = strlen(word);
  return hit->at >= n && memcmp(hit->seg->text + hit->at - n, word, n) == 0;
}

static size_t near_end(const struct slog_hit *hit, size_t reach)
{
  return hit->seg->len - hit->end > reach ? hit->end + reach : hit->seg->len;
}

static bool follows(const struct slog_hit *hit, size_t reach, const char *what,
                    size_t *at)
{
  const size_t i = slog_find(hit->seg->text, near_end(hit, reach), hit->end, what);
  if (i == SIZE_MAX) return false;
  *at = i + strlen(what);
  return true;
}

/* "CUDA out of memory. Tried to allocate 20.00 MiB.", "CUDA error: out of memory". */
static bool read_oom(const struct slog_hit *hit, double value[2])
{
  static const char *const devices[] = {"CUDA ",        "HIP ",        "NPU ", "XPU ",
                                        "CUDA error: ", "HIP error: ", "HPU ", "hip "};
  size_t i, d = 0;
  const size_t n = sizeof devices / sizeof *devices;
  while (d < n && !before(hit, devices[d])) d++;
  if (d == n) return false;
  if (follows(hit, 200, "Tried to allocate ", &i) && !slog_bytes(hit->seg, &i, &value[0]))
    value[0] = (double)NAN;
  return true;
}

/* XLA's word for it, which other programs use for other things. */
static bool read_exhausted(const struct slog_hit *hit, double value[2])
{
  size_t i;
  (void)value;
  return follows(hit, 300, "llocat", &i) || follows(hit, 300, "memory", &i);
}

static bool read_preemption(const struct slog_hit *hit, double value[2])
{
  size_t i;
  if (slog_find_back(hit->seg->text, hit->at, "Sequence group ") == SIZE_MAX)
    return false;
  if ((follows(hit, 500, "cumulative_preemption_cnt=", &i) ||
       follows(hit, 500, "cumulative_preemption=", &i)) &&
      !(slog_count(hit->seg, &i, &value[0]) && slog_ends(hit->seg, i)))
    value[0] = (double)NAN;
  return true;
}

/* V1: value is the longest that fits, value2 what was asked for. */
static bool read_too_small(const struct slog_hit *hit, double value[2])
{
  const struct slog_seg *const s = hit->seg;
  size_t i;
  if (follows(hit, 60, "max seq len (", &i) && slog_count(s, &i, &value[1]) &&
      !slog_starts(s->text, s->len, i, ")"))
    value[1] = (double)NAN;
  if (follows(hit, 500, "estimated maximum model length is ", &i) &&
      !(slog_count(s, &i, &value[0]) && slog_ends(s, i)))
    value[0] = (double)NAN;
  return true;
}

/* V0: "max seq len (32768) is larger than the maximum number of tokens ... (16832)" */
static bool read_too_small_v0(const struct slog_hit *hit, double value[2])
{
  const struct slog_seg *const s = hit->seg;
  size_t i;
  if (follows(hit, 60, "KV cache (", &i) && slog_count(s, &i, &value[0]) &&
      !slog_starts(s->text, s->len, i, ")"))
    value[0] = (double)NAN;
  i = slog_find_back(s->text, hit->at, "max seq len (");
  if (i == SIZE_MAX) return true;
  i += strlen("max seq len (");
  if (slog_count(s, &i, &value[1]) && !slog_starts(s->text, s->len, i, ")"))
    value[1] = (double)NAN;
  return true;
}

/* value: free bytes, value2: bytes asked for. */
static bool read_free(const struct slog_hit *hit, double value[2])
{
  size_t i, k;
  if (!follows(hit, 160, "is less than desired GPU memory utilization (", &k))
    return false;
  if (!follows(hit, 64, " (", &i)) return true;
  if (slog_number(hit->seg, &i, &value[0])) value[0] *= KVC_GIB;
  double utilization;
  if (slog_number(hit->seg, &k, &utilization) && slog_skip(hit->seg, &k, ", ") &&
      !slog_bytes(hit->seg, &k, &value[1]))
    value[1] = (double)NAN;
  return true;
}

static bool read_died(const struct slog_hit *hit, double value[2])
{
  static const char *const who[] = {"Engine core proc", "Worker proc", "EngineCore",
                                    "VllmWorker", "Worker VllmWorkerProcess"};
  (void)value;
  for (size_t k = 0; k < sizeof who / sizeof *who; k++) {
    const size_t i = slog_find_back(hit->seg->text, hit->at, who[k]);
    if (i != SIZE_MAX && hit->at - i < 80) return true;
  }
  return false;
}

/* value: tokens of the prompt, value2: the limit. */
static bool read_ignored(const struct slog_hit *hit, double value[2])
{
  const struct slog_seg *const s = hit->seg;
  static const char *const lengths[] = {"prompt (", "(length ", "(total length ",
                                        "Prompt length of "};
  size_t i;
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths && isnan(value[0]); k++) {
    i = slog_find_back(s->text, hit->at, lengths[k]);
    if (i == SIZE_MAX) continue;
    i += strlen(lengths[k]);
    if (!slog_count(s, &i, &value[0])) value[0] = (double)NAN;
  }
  i = hit->end;
  if (hit->arg >> 8 != 0 && !follows(hit, 20, " of ", &i)) return true;
  if (i < s->len && s->text[i] == '{') return false; /* the program's own text */
  if (!slog_count(s, &i, &value[1])) value[1] = (double)NAN;
  return true;
}

static bool read_chunked_off(const struct slog_hit *hit, double value[2])
{
  (void)value;
  return !slog_starts(hit->seg->text, hit->seg->len, hit->end, " with "); /* pooling */
}

/* Whether the line shows that the log is a server's: other programs run out of memory
 * too, and SGLang has some of vLLM's warnings. */
static bool of_vllm(const struct slog_seg *s, enum kvc_log_kind kind)
{
  static const char *const words[] = {"vllm", "Vllm", "(EngineCore", "(Worker_",
                                      "(Worker pid="};
  const size_t to = s->len < 400 ? s->len : 400;
  if (kind != KVC_LOG_OOM && kind != KVC_LOG_IGNORED_PROMPT &&
      kind != KVC_LOG_NO_CUSTOM_ALLREDUCE && kind < KVC_LOG_KV_SCALES)
    return true;
  for (size_t k = 0; k < sizeof words / sizeof *words; k++)
    if (slog_find(s->text, to, 0, words[k]) != SIZE_MAX) return true;
  return false;
}

void slog_failure(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  const enum kvc_log_kind kind =
      hit->arg == SLOG_FREE ? KVC_LOG_FREE_MEMORY : (enum kvc_log_kind)(hit->arg & 255);
  double value[2] = {(double)NAN, (double)NAN};
  bool real = true;
  switch (kind) {
  case KVC_LOG_OOM:
    real = hit->arg >> 8 == 0 ? read_oom(hit, value) : read_exhausted(hit, value);
    break;
  case KVC_LOG_PREEMPTION: real = read_preemption(hit, value); break;
  case KVC_LOG_KV_TOO_SMALL:
    real =
        hit->arg >> 8 == 0 ? read_too_small(hit, value) : read_too_small_v0(hit, value);
    break;
  case KVC_LOG_FREE_MEMORY: real = read_free(hit, value); break;
  case KVC_LOG_ENGINE_DEAD: real = hit->arg >> 8 == 0 || read_died(hit, value); break;
  case KVC_LOG_IGNORED_PROMPT: real = read_ignored(hit, value); break;
  case KVC_LOG_CHUNKED_OFF: real = read_chunked_off(hit, value); break;
  default: break;
  }
  if (!real) return;
  struct slog_start *const start = slog_start_last(r);
  if (of_vllm(hit->seg, kind)) slog_met(r, hit->seg, hit->at);
  if (start != NULL && kind == KVC_LOG_KV_TOO_SMALL &&
      isnan(start->pub.memory.available_kv_bytes)) {
    double bytes;
    if (slog_labelled(hit->seg, hit->end, "available KV cache memory (", &bytes))
      start->pub.memory.available_kv_bytes = bytes;
  }
  if (start != NULL && kind <= KVC_LOG_ENGINE_DEAD && kind != KVC_LOG_PREEMPTION)
    start->failed = true;
  slog_event(r, hit, kind, value);
}
