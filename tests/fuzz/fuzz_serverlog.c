/* fuzz_serverlog.c - can a hostile log hurt its reader?  The first byte is the size of
 * the pieces in which the rest is fed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The size of the pieces changes nothing; every text is valid UTF-8 and every index is
 * inside its list.
 */
#include <stddef.h>
#include <stdint.h>
#include <kvcap/serverlog.h>
#include <kvcap/str.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 64 << 20, MAX_BYTES = 1 << 20 };

static kvc_code read_log(struct kvc_arena *arena, const char *text, size_t len,
                         size_t piece, struct kvc_serverlog *out)
{
  struct kvc_log_reader *r;
  struct kvc_err err;
  kvc_arena_init(arena, CAP);
  if (kvc_log_open(arena, "fuzz", &r, &err) != KVC_E_OK) abort();
  for (size_t i = 0; i < len; i += piece)
    kvc_log_feed(r, text + i, len - i < piece ? len - i : piece);
  if (kvc_log_peek(r)->n_samples > KVC_LOG_MAX_SAMPLES) abort();
  const kvc_code rc = kvc_log_finish(r, out, &err);
  if (rc != KVC_E_OK && err.msg[0] == '\0') abort();
  return rc;
}

static void check(const struct kvc_serverlog *log)
{
  uint64_t lines = 0;
  for (size_t i = 0; i < log->n_samples; i++) {
    const struct kvc_log_sample *s = &log->samples[i];
    lines += (uint64_t)s->merged;
    if (s->line < 1 || s->merged < 1) abort();
  }
  if (lines != log->sample_lines || log->n_starts > KVC_LOG_MAX_STARTS) abort();
  for (size_t i = 0; i < log->n_events; i++) {
    const struct kvc_log_event *e = &log->events[i];
    const size_t len = strlen(e->text);
    if (len > 400 || !kvc_utf8_valid(e->text, len) || e->count == 0) abort();
    if (e->start < KVC_LOG_SKIPPED || e->start >= (int)log->n_starts) abort();
  }
  for (size_t i = 0; i < log->n_starts; i++) {
    const struct kvc_log_start *s = &log->starts[i];
    if (s->model != NULL && !kvc_utf8_valid(s->model, strlen(s->model))) abort();
    if (s->args_text != NULL && s->args_text[s->args_len] != '\0') abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct kvc_serverlog one, two; /* too large for a stack */
  struct kvc_arena a, b;
  if (size < 1 || size > MAX_BYTES) return 0;
  const char *const text = (const char *)data + 1;
  const size_t len = size - 1;
  const kvc_code rc = read_log(&a, text, len, SIZE_MAX / 2, &one);
  if (read_log(&b, text, len, (size_t)data[0] + 1, &two) != rc) abort();
  if (rc == KVC_E_OK) {
    check(&one);
    check(&two);
    if (one.n_samples != two.n_samples || one.n_events != two.n_events ||
        one.n_starts != two.n_starts || one.lines != two.lines ||
        one.requests != two.requests)
      abort();
    for (size_t i = 0; i < one.n_samples; i++) /* what is behind 'merged' is padding */
      if (memcmp(&one.samples[i], &two.samples[i],
                 offsetof(struct kvc_log_sample, merged) + sizeof(int)) != 0)
        abort();
  }
  (void)kvc_log_looks(text, len);
  kvc_arena_clear(&a);
  kvc_arena_clear(&b);
  return 0;
}
