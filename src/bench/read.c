/* read.c - a text to the records in it: which kind it is, and what to do when it is cut.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Words of which every known JSON result has one: without any, there is nothing to look
 * at closely, however large it is. */
static bool has_signs(const struct bench *b)
{
  static const char *const signs[] = {"throughput",
                                      "Throughput",
                                      "ttft",
                                      "TTFT",
                                      "tpot",
                                      "TPOT",
                                      "itl_",
                                      "ITL",
                                      "e2el",
                                      "E2E",
                                      "e2e_",
                                      "latency",
                                      "Latency",
                                      "first_token",
                                      "First Token",
                                      "First token",
                                      "per_output_token",
                                      "tput_per_gpu",
                                      "startup_time",
                                      "request_metrics",
                                      "per_second",
                                      "per_token"};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (bench_has(b->text, b->len, signs[i])) return true;
  return false;
}

enum { MAX_FLAWS = 8 };

struct found {
  struct bench_flaw first; /* the first flaw, if any */
  size_t whole, results, flaws;
};

/* Of a cut document: records whose figures all stood behind the cut are none. */
static void drop_empty(struct bench *b, size_t from)
{
  struct kvc_bench_set *set = b->out;
  size_t kept = from;
  for (size_t i = from; i < set->n_records; i++) {
    const struct kvc_bench *r = &set->records[i];
    const double figures[] = {
        r->request_throughput, r->output_throughput, r->total_throughput,
        r->ttft_ms.mean,       r->ttft_ms.median,    r->ttft_ms.p99,
        r->tpot_ms.mean,       r->tpot_ms.median,    r->itl_ms.mean,
        r->e2el_ms.mean,       r->e2el_ms.median};
    bool any = false;
    for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
      any = any || !isnan(figures[k]);
    if (any) set->records[kept++] = *r;
  }
  set->n_records = kept;
}

/* One document with its flaw, if it has one; false = stop. */
static void take(struct bench *b, const struct bench_flaw *flaw, struct found *found)
{
  if (b->n_nodes == 0 || !b->signs) return;
  const struct bench_node *root = &b->nodes[0];
  bench_reader *read = bench_reader_deep(b, root);
  if (read == NULL) return;
  /* Broken in the middle: nobody knows what the rest of this document means. */
  if (flaw->what != NULL && !flaw->cut && root->kind == BENCH_OBJ) return;
  if (flaw->what != NULL && found->results > 0 && root->kind == BENCH_OBJ) return;
  found->results++;
  if (b->only_look && flaw->what == NULL) return;
  const size_t before = b->out->n_records;
  read(b, root);
  if (flaw->what != NULL && b->requests.n == 0) drop_empty(b, before);
  if (b->rc == KVC_E_OK) bench_note_twice(b);
  if (b->out->n_records == before && b->requests.n == 0) found->results--;
}

static void note_flaw(struct bench *b, const struct bench_flaw *flaw)
{
  int line, col;
  bench_place(b, flaw->at, &line, &col);
  bench_note(b, "Line %d, column %d: %s; only what was complete before it is read.", line,
             col, flaw->what);
}

/* The next line that starts a document, behind a broken one. */
static size_t next_document(const struct bench *b, size_t at)
{
  while (at < b->len) {
    const char *nl = memchr(b->text + at, '\n', b->len - at);
    if (nl == NULL) return b->len;
    at = (size_t)(nl - b->text) + 1;
    if (at < b->len && (b->text[at] == '{' || b->text[at] == '[')) return at;
  }
  return b->len;
}

static kvc_code limit(struct bench *b, const struct bench_flaw *flaw)
{
  int line, col;
  bench_place(b, flaw->at, &line, &col);
  return kvc_fail_at(b->err, KVC_E_LIMIT, b->where, line, col, "%s", flaw->what);
}

/* All documents of the text from 'at' on. */
static void read_documents(struct bench *b, size_t at, struct found *found)
{
  while (b->rc == KVC_E_OK && (at = bench_skip_space(b, at)) < b->len) {
    struct bench_flaw flaw = {.what = NULL};
    const size_t from = at;
    if (b->text[at] != '{' && b->text[at] != '[') {
      flaw = (struct bench_flaw){at, "what follows is no JSON", false, false};
    } else {
      bench_json(b, &at, &flaw);
      found->whole += flaw.what == NULL;
      if (flaw.limit) {
        b->rc = limit(b, &flaw);
        return;
      }
      take(b, &flaw, found);
    }
    if (b->only_look && found->results > 0) return;
    if (flaw.what == NULL) continue;
    if (found->first.what == NULL) found->first = flaw;
    /* Finding the line of each of a million would take a million times the text. */
    if (b->rc == KVC_E_OK && found->flaws++ < MAX_FLAWS) note_flaw(b, &flaw);
    if (found->flaws == MAX_FLAWS + 1)
      bench_note(b, "There are more such places; they are not listed.");
    at = next_document(b, at > from ? at - 1 : at);
  }
}

/* Whether the text starts as JSON, and not as "[INFO] ..." or "{{ template }}". */
static bool starts_json(const struct bench *b, size_t at)
{
  if (at >= b->len || (b->text[at] != '{' && b->text[at] != '[')) return false;
  const size_t next = bench_skip_space(b, at + 1);
  if (next >= b->len) return true;
  return strchr(b->text[at] == '{' ? "\"}" : "{[\"]", b->text[next]) != NULL &&
         b->text[next] != '\0';
}

/* A JSON text without a result in it: why. */
static kvc_code no_json_result(struct bench *b, const struct found *found)
{
  if (found->first.what != NULL && found->whole == 0) {
    int line, col;
    bench_place(b, found->first.at, &line, &col);
    return kvc_fail_at(b->err, KVC_E_PARSE, b->where, line, col,
                       "%s, and no whole result stands before it", found->first.what);
  }
  return kvc_fail(b->err, KVC_E_UNKNOWN, b->where,
                  "this JSON is no benchmark result that is known: it has none of the "
                  "keys of vllm bench, GuideLLM, AIPerf, inference-perf and the like");
}

static kvc_code read_json(struct bench *b, size_t at)
{
  struct found found = {.whole = 0};
  read_documents(b, at, &found);
  bench_requests_close(b);
  if (b->rc != KVC_E_OK || found.results > 0) return b->rc;
  b->out->n_notes = 0;
  /* A line of JSON may open a log of something else. */
  if (bench_console(b) > 0 || b->rc != KVC_E_OK) return b->rc;
  return no_json_result(b, &found);
}

/* JSON lines behind other lines, as a shell script gathers them. */
static size_t later_json(struct bench *b)
{
  struct found found = {.whole = 0};
  if (!b->signs) return 0;
  size_t at = next_document(b, 0);
  while (at < b->len && !starts_json(b, at)) at = next_document(b, at);
  if (at < b->len) read_documents(b, at, &found);
  return found.results;
}

static kvc_code read_text(struct bench *b)
{
  size_t n = bench_console(b);
  if (n == 0 && b->rc == KVC_E_OK) n = bench_table(b);
  if (n == 0 && b->rc == KVC_E_OK) n = bench_yaml(b);
  if (n == 0 && b->rc == KVC_E_OK) n = later_json(b);
  if (b->rc != KVC_E_OK) return b->rc;
  if (n > 0) return KVC_E_OK;
  return kvc_fail(b->err, KVC_E_UNKNOWN, b->where,
                  "this is no benchmark result that is known: neither JSON nor a table "
                  "of results, and no \"Serving Benchmark Result\" is in it");
}

static kvc_code read_all(struct bench *b, const char *text, size_t len)
{
  if (len > KVC_BENCH_MAX_BYTES)
    return kvc_fail(b->err, KVC_E_LIMIT, b->where,
                    "a result of more than %d MiB is refused", KVC_BENCH_MAX_BYTES >> 20);
  KVC_TRY(bench_decode(b, text, len));
  const size_t at = bench_skip_space(b, 0);
  if (at >= b->len) return kvc_fail(b->err, KVC_E_PARSE, b->where, "the file is empty");
  b->signs = has_signs(b);
  if (!starts_json(b, at)) return read_text(b);
  if (!b->only_look || b->signs) return read_json(b, at);
  return bench_console(b) > 0 ? KVC_E_OK : KVC_E_UNKNOWN;
}

kvc_code kvc_bench_read(struct kvc_arena *arena, const struct kvc_bench_source *source,
                        struct kvc_bench_set *out, struct kvc_err *err)
{
  struct kvc_bench_set set = {.where = source->where};
  struct bench b = {.arena = arena, .out = &set, .where = source->where, .err = err};
  kvc_code rc = read_all(&b, source->text, source->len);
  if (rc == KVC_E_OK) {
    bench_finish(&b);
    rc = b.rc;
  }
  free(b.nodes);
  if (rc == KVC_E_OK) *out = set;
  return rc;
}

bool kvc_bench_looks(const char *text, size_t len)
{
  struct kvc_arena arena;
  struct kvc_bench_set set = {.where = NULL};
  kvc_arena_init(&arena, (size_t)KVC_BENCH_MAX_BYTES * 2);
  struct bench b = {.arena = &arena, .out = &set, .only_look = true};
  const kvc_code rc = read_all(&b, text, len);
  free(b.nodes);
  kvc_arena_clear(&arena);
  return rc == KVC_E_OK;
}
