/* ingest.c - opens what the user names, and finds out what it is.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "ingest.h"
#include "ingest_dir.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum {
  PIECE_BYTES = 1 << 20,
  SNIFF_BYTES = 256 << 10,
  WHOLE_BYTES = 64 << 20 /* a log beyond it is only streamed */
};

kvc_code ingest_open(struct cli *cli, const struct cli_common *common, struct ingest *out,
                     struct kvc_err *err)
{
  struct kvc_db *db;
  out->cli = cli;
  KVC_TRY(cli_open_db(cli, common, &db, err));
  KVC_TRY(kvc_db_engine(db, "vllm", &out->engine, err));
  return kvc_db_metrics(db, "vllm", &out->metrics, err);
}

void ingest_close(struct ingest *ingest)
{
  kvc_fetch_close(ingest->fetch);
  ingest->fetch = NULL;
}

/* ---- what is known of the release
 * ------------------------------------------------------ */

static const char *version_text(struct cli *cli, const struct kvc_version *v)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(v, text);
  return kvc_arena_strdup(&cli->arena, text);
}

static void settle_version(struct ingest *in, struct kvc_record *out)
{
  const struct kvc_log_start *start = out->log != NULL ? kvc_log_last(out->log) : NULL;
  if (start != NULL && start->version != NULL) {
    out->version = start->version;
    out->version_from = "printed";
    return;
  }
  if (out->page == NULL || !out->page->has_era) return;
  out->version_first = version_text(in->cli, &out->page->era.first);
  out->version_last = version_text(in->cli, &out->page->era.last);
  /* Where the newest release read in source fits, flags are known best for it. */
  const struct kvc_version *newest = kvc_engine_newest(in->engine);
  const struct kvc_metrics_era *era = &out->page->era;
  out->version = kvc_version_cmp(newest, &era->first) >= 0 &&
                         kvc_version_cmp(newest, &era->last) <= 0
                     ? version_text(in->cli, newest)
                     : out->version_last;
  out->version_from = "names of the metrics";
}

/* ---- the parts
 * --------------------------------------------------------------------------- */

kvc_code ingest_page(struct ingest *in, const char *text, size_t len, const char *where,
                     struct kvc_page *out, struct kvc_err *err)
{
  const struct kvc_prom_source source = {.text = text,
                                         .len = len,
                                         .where = where,
                                         .metrics = in->metrics,
                                         .engine = in->engine};
  return kvc_prom_read(&in->cli->arena, &source, out, err);
}

static kvc_code take_page(struct ingest *in, const struct kvc_buf *text,
                          const char *where, struct kvc_record *out, struct kvc_err *err)
{
  struct kvc_page *page = kvc_arena_alloc(&in->cli->arena, 1, sizeof *page);
  if (page == NULL) return kvc_arena_full(&in->cli->arena, where, err);
  KVC_TRY(ingest_page(in, text->text, text->len, where, page, err));
  out->page = page;
  out->kind = "metrics";
  return KVC_E_OK;
}

static kvc_code take_bench(struct ingest *in, const struct kvc_buf *text,
                           const char *where, struct kvc_record *out, struct kvc_err *err)
{
  struct kvc_bench_set *set = kvc_arena_alloc(&in->cli->arena, 1, sizeof *set);
  if (set == NULL) return kvc_arena_full(&in->cli->arena, where, err);
  const struct kvc_bench_source source = {text->text, text->len, where};
  KVC_TRY(kvc_bench_read(&in->cli->arena, &source, set, err));
  out->bench = set;
  if (out->kind == NULL) out->kind = "benchmark";
  return KVC_E_OK;
}

/* The arguments that a log prints; a dump that cannot be read is no failure of the log.
 */
static void take_args(struct ingest *in, struct kvc_record *out)
{
  const struct kvc_log_start *start = kvc_log_last(out->log);
  if (start == NULL || start->args_text == NULL) return;
  struct kvc_launch *launch = kvc_arena_alloc(&in->cli->arena, 1, sizeof *launch);
  const struct kvc_launch_source source = {.text = start->args_text,
                                           .len = start->args_len,
                                           .where = out->where,
                                           .format = KVC_LAUNCH_LOG};
  if (launch != NULL &&
      kvc_launch_parse(&in->cli->arena, in->engine, &source, launch, NULL) == KVC_E_OK)
    out->launch = launch;
}

static kvc_code finish_log(struct ingest *in, struct kvc_log_reader *reader,
                           struct kvc_record *out, struct kvc_err *err)
{
  struct kvc_serverlog *log = kvc_arena_alloc(&in->cli->arena, 1, sizeof *log);
  if (log == NULL) return kvc_arena_full(&in->cli->arena, out->where, err);
  KVC_TRY(kvc_log_finish(reader, log, err));
  out->log = log;
  out->kind = "log";
  take_args(in, out);
  return KVC_E_OK;
}

/* ---- files
 * ----------------------------------------------------------------------------------- */

struct source {
  struct ingest *in;
  FILE *file;
  const char *where;
  struct kvc_buf text; /* what has been read and kept */
  bool end;
};

static kvc_code more(struct source *s, size_t upto, struct kvc_err *err)
{
  char *piece = kvc_arena_alloc(&s->in->cli->arena, 1, PIECE_BYTES);
  if (piece == NULL) return kvc_arena_full(&s->in->cli->arena, s->where, err);
  while (!s->end && s->text.len < upto) {
    const size_t room =
        upto - s->text.len < PIECE_BYTES ? upto - s->text.len : (size_t)PIECE_BYTES;
    const size_t n = fread(piece, 1, room, s->file);
    kvc_buf_add(&s->text, piece, n);
    s->end = n < room;
    if (s->text.full)
      return kvc_fail(err, KVC_E_LIMIT, s->where, "is larger than %zu MiB",
                      s->text.cap_bytes >> 20);
  }
  if (ferror(s->file))
    return kvc_fail(err, KVC_E_IO, s->where, "cannot be read: %s", strerror(errno));
  return KVC_E_OK;
}

static kvc_code stream_log(struct source *s, struct kvc_record *out, struct kvc_err *err)
{
  struct kvc_log_reader *reader;
  KVC_TRY(kvc_log_open(&s->in->cli->arena, s->where, &reader, err));
  kvc_log_feed(reader, s->text.text, s->text.len);
  char *piece = s->end ? NULL : kvc_arena_alloc(&s->in->cli->arena, 1, PIECE_BYTES);
  if (piece == NULL && !s->end) return kvc_arena_full(&s->in->cli->arena, s->where, err);
  while (!s->end) {
    const size_t n = fread(piece, 1, PIECE_BYTES, s->file);
    kvc_log_feed(reader, piece, n);
    s->end = n < PIECE_BYTES;
  }
  if (ferror(s->file))
    return kvc_fail(err, KVC_E_IO, s->where, "cannot be read: %s", strerror(errno));
  return finish_log(s->in, reader, out, err);
}

static kvc_code none_of(const struct source *s, enum ingest_kind want,
                        struct kvc_err *err)
{
  static const char *const wanted[] = {
      "is neither a metrics page, nor a log of vLLM, nor a benchmark result",
      "holds no metrics in the Prometheus text format",
      "holds no line of a vLLM server's log",
      "is no benchmark result that is known: vllm bench writes one with --save-result"};
  if (s->text.len == 0) return kvc_fail(err, KVC_E_PARSE, s->where, "is empty");
  return kvc_fail(err, KVC_E_UNKNOWN, s->where, "%s", wanted[want]);
}

/* What was surely meant to be of a kind fails with that reader's own sentence. */
static kvc_code nearly(struct source *s, struct kvc_record *out, struct kvc_err *err)
{
  const char *text = s->text.text;
  const size_t blanks = strspn(text, " \t\r\n");
  kvc_code rc = KVC_E_UNKNOWN;
  if (text[blanks] == '{' || text[blanks] == '[')
    rc = take_bench(s->in, &s->text, s->where, out, err);
  else if (strstr(text, "vllm:") != NULL || strncmp(text, "# HELP", 6) == 0)
    rc = take_page(s->in, &s->text, s->where, out, err);
  return rc == KVC_E_UNKNOWN ? none_of(s, INGEST_ANY, err) : rc;
}

/* By the first part of the text.  A line of a log may pass for a sample; a page of a
 * server names its metrics. */
static enum ingest_kind sniff(const char *text, size_t len)
{
  const bool named = strstr(text, "vllm:") != NULL || strstr(text, "# TYPE ") != NULL;
  const bool log = kvc_log_looks(text, len);
  if (kvc_prom_looks(text, len) && (named || !log)) return INGEST_METRICS;
  return log ? INGEST_LOG : INGEST_ANY;
}

/* A client's result may stand in a log too. */
static kvc_code take_log(struct source *s, bool alone, struct kvc_record *out,
                         struct kvc_err *err)
{
  if (!alone) KVC_TRY(more(s, WHOLE_BYTES, err));
  KVC_TRY(stream_log(s, out, err));
  if (!alone && s->end && s->text.len < WHOLE_BYTES &&
      kvc_bench_looks(s->text.text, s->text.len))
    (void)take_bench(s->in, &s->text, s->where, out, NULL);
  return KVC_E_OK;
}

static kvc_code take(struct source *s, enum ingest_kind want, struct kvc_record *out,
                     struct kvc_err *err)
{
  KVC_TRY(more(s, SNIFF_BYTES, err));
  if (s->text.len == 0) return none_of(s, want, err);
  const enum ingest_kind kind =
      want == INGEST_ANY ? sniff(s->text.text, s->text.len) : want;
  if (kind == INGEST_LOG) return take_log(s, want == INGEST_LOG, out, err);
  KVC_TRY(more(s, s->text.cap_bytes, err));
  const char *text = s->text.text;
  if (kind == INGEST_METRICS && !kvc_prom_looks(text, s->text.len))
    return none_of(s, want, err);
  if (kind == INGEST_METRICS) return take_page(s->in, &s->text, s->where, out, err);
  if (kind == INGEST_BENCH || kvc_bench_looks(text, s->text.len))
    return take_bench(s->in, &s->text, s->where, out, err);
  if (kvc_log_looks(text, s->text.len)) return stream_log(s, out, err);
  return nearly(s, out, err);
}

static kvc_code read_file(struct ingest *in, const char *path, enum ingest_kind want,
                          struct kvc_record *out, struct kvc_err *err)
{
  const bool standard = strcmp(path, "-") == 0;
  struct source s = {.in = in, .where = standard ? "standard input" : path};
  struct stat st;
  out->where = s.where;
  s.file = standard ? stdin : fopen(path, "rb");
  if (s.file == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be read: %s", strerror(errno));
  kvc_buf_init(&s.text, KVC_BENCH_MAX_BYTES);
  const kvc_code rc = take(&s, want, out, err);
  if (!standard && fstat(fileno(s.file), &st) == 0) out->file_s = (double)st.st_mtime;
  kvc_buf_clear(&s.text);
  if (!standard) (void)fclose(s.file);
  return rc;
}

static kvc_code read_url(struct ingest *in, const char *url, struct kvc_record *out,
                         struct kvc_err *err)
{
  struct kvc_page *page = kvc_arena_alloc(&in->cli->arena, 1, sizeof *page);
  const char *body;
  size_t len;
  if (page == NULL) return kvc_arena_full(&in->cli->arena, url, err);
  if (in->fetch == NULL) KVC_TRY(kvc_fetch_open(&in->how, &in->fetch, err));
  KVC_TRY(kvc_fetch_get(in->fetch, url, &body, &len, err));
  KVC_TRY(ingest_page(in, body, len, url, page, err));
  page->scraped_s = cli_now_s();
  out->where = url;
  out->kind = "metrics";
  out->page = page;
  return KVC_E_OK;
}

kvc_code ingest_read(struct ingest *in, const char *path, enum ingest_kind want,
                     struct kvc_record *out, struct kvc_err *err)
{
  struct stat st;
  *out = (struct kvc_record){.where = path, .file_s = NAN};
  if (kvc_fetch_is_url(path)) {
    if (want == INGEST_LOG || want == INGEST_BENCH)
      return kvc_fail(err, KVC_E_USAGE, path,
                      "is an address: only metrics are read from one");
    KVC_TRY(read_url(in, path, out, err));
  } else if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    KVC_TRY(ingest_folder(in, path, out, err));
  } else {
    KVC_TRY(read_file(in, path, want, out, err));
  }
  settle_version(in, out);
  return KVC_E_OK;
}
