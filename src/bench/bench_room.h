/* bench_room.h - what the readers of results share; private to src/bench/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text is brought to UTF-8 once, JSON (and the plain part of YAML) to a flat list of
 * nodes; a reader walks the nodes and fills records.  The first failure stays in
 * struct bench's 'rc', so readers go on without looking and nothing grows any more.
 */
#ifndef BENCH_ROOM_H
#define BENCH_ROOM_H

#include <kvcap/bench.h>
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <stdint.h>

enum {
  BENCH_MAX_NODES = 1 << 24,
  BENCH_MAX_NOTES = 64,
  BENCH_MAX_EXTRAS = 512,
  BENCH_MAX_VALUE = 400, /* characters of a kept text */
  BENCH_MAX_REQUESTS = 1 << 22
};

enum bench_kind {
  BENCH_NULL,
  BENCH_FALSE,
  BENCH_TRUE,
  BENCH_NUM,
  BENCH_STR,
  BENCH_LIST,
  BENCH_OBJ
};

/* A value; what is inside follows it. */
struct bench_node {
  uint32_t span; /* nodes to step over, itself included */
  uint32_t key;  /* where its key stands in the text */
  uint32_t key_len;
  uint8_t kind;
  bool cut;   /* the text ends before it does */
  bool keyed; /* it is a member of an object */
  union {
    double num;
    struct {
      uint32_t at, len;
    } str;
  } as;
};

/* Requests that come as documents of their own. */
enum { BENCH_REQUEST_FIELDS = 6 };
struct bench_requests {
  double *values; /* BENCH_REQUEST_FIELDS each */
  size_t n, room;
};

struct bench {
  struct kvc_arena *arena;
  struct kvc_bench_set *out;
  const char *text; /* UTF-8, not ended by NUL */
  size_t len;
  const char *where;
  struct kvc_err *err;
  struct bench_node *nodes; /* of the document at hand */
  size_t n_nodes, node_room;
  size_t record_room, note_room;
  struct bench_requests requests;
  kvc_code rc;
  bool signs;     /* the text has words that results have */
  bool only_look; /* stop at the first record that would be read */
};

/* json.c: the document at *at, which moves behind it.  A text that ends too early
 * leaves what was complete, with 'cut' set on all that was still open. */
struct bench_flaw {
  size_t at;        /* where */
  const char *what; /* NULL = none */
  bool cut;         /* the text ended */
  bool limit;       /* too deep or too many values */
};
void bench_json(struct bench *b, size_t *at, struct bench_flaw *flaw_out);
size_t bench_skip_space(const struct bench *b, size_t at);
void bench_place(const struct bench *b, size_t at, int *line, int *col);
/* Notes the keys that an object of the document holds twice. */
void bench_note_twice(struct bench *b);

/* node.c: lookups in a document. */
const struct bench_node *bench_first(const struct bench_node *list);
const struct bench_node *bench_next(const struct bench_node *list,
                                    const struct bench_node *at);
bool bench_key_is(const struct bench *b, const struct bench_node *node, const char *key);
/* The last member with that key that is complete (or, bench_open, that may be cut). */
const struct bench_node *bench_get(const struct bench *b, const struct bench_node *obj,
                                   const char *key);
const struct bench_node *bench_open(const struct bench *b, const struct bench_node *obj,
                                    const char *key);
/* Several keys down: "a.b.c". */
const struct bench_node *bench_path(const struct bench *b, const struct bench_node *obj,
                                    const char *path);
size_t bench_count(const struct bench_node *list);
/* The number of a node: a number, or a text that is one ("inf"); else NaN. */
double bench_num(const struct bench *b, const struct bench_node *node);
double bench_get_num(const struct bench *b, const struct bench_node *obj,
                     const char *path);
/* A copy of its text, unescaped; numbers and words as written; NULL when it has none. */
const char *bench_str(struct bench *b, const struct bench_node *node);
const char *bench_get_str(struct bench *b, const struct bench_node *obj,
                          const char *path);
const char *bench_key(struct bench *b, const struct bench_node *node);
/* A copy without control characters and broken UTF-8, shortened. */
const char *bench_clean(struct bench *b, const char *text, size_t len);

/* text.c */
kvc_code bench_decode(struct bench *b, const char *text, size_t len);
struct bench_line {
  const char *text;
  size_t len;
};
/* The next line, ended by LF, CR or both; false at the end. */
bool bench_line(const struct bench *b, size_t *at, struct bench_line *line);
struct bench_line bench_trim(struct bench_line line);
bool bench_has(const char *text, size_t len, const char *needle);
const char *bench_find(const char *text, size_t len, const char *needle);
bool bench_same(const char *text, size_t len, const char *word);

/* record.c */
struct kvc_bench *bench_record(struct bench *b, const char *format);
void bench_extra(struct bench *b, struct kvc_bench *r, const char *key,
                 const char *value);
void bench_unknown(struct bench *b, struct kvc_bench *r, const char *key);
void bench_note(struct bench *b, const char *fmt, ...) KVC_PRINTF(2, 3);
void *bench_alloc(struct bench *b, size_t count, size_t size);
void bench_finish(struct bench *b);

/* stat.c: names of figures. */
double *bench_stat_slot(struct kvc_stat *stat, const char *name, size_t len);
/* {"mean": 1, "p99": 2, "percentiles": {...}} times 'scale'. */
void bench_stat_read(const struct bench *b, const struct bench_node *obj, double scale,
                     struct kvc_stat *stat);
struct bench_figure {
  struct kvc_stat *stat;
  double *slot;  /* NULL: a percentile that is not kept */
  double scale;  /* to ms; NaN when the name has no unit */
  bool has_stat; /* the name says which statistic */
};
/* "p99.9_ttft_ms", "Median E2E Latency (ms)", "avg Time To First Token (ms)". */
bool bench_figure(struct kvc_bench *r, const char *name, size_t len,
                  struct bench_figure *out);

/* detail.c: statistics of single requests. */
struct bench_detail {
  size_t n;
  double *ttft_s, *e2e_s, *input_tok, *output_tok, *start_s; /* n each, or NULL */
  double *gaps_s;                                            /* between chunks */
  size_t n_gaps;
  bool *failed; /* n, or NULL */
  bool no_gaps; /* gaps were not recorded at all */
};
double *bench_nans(struct bench *b, size_t n);
/* Fills what was not stated, checks what was. */
void bench_detail_apply(struct bench *b, struct kvc_bench *r, struct bench_detail *d);
/* Totals and the duration too, for files that hold nothing but requests. */
void bench_detail_totals(struct kvc_bench *r, const struct bench_detail *d);
void bench_stat_of(double *values, size_t n, double scale, struct kvc_stat *out);

/* flat.c: one object, one run: vllm bench serve and its relatives. */
bool bench_flat_is(const struct bench *b, const struct bench_node *obj);
struct kvc_bench *bench_flat(struct bench *b, const struct bench_node *obj);
/* One member; false when its key means nothing here. */
bool bench_flat_member(struct bench *b, struct kvc_bench *r, const char *key, size_t len,
                       const struct bench_node *value);
void bench_flat_extra(struct bench *b, struct kvc_bench *r,
                      const struct bench_node *member);

/* kinds.c: which reader a JSON value is for. */
typedef void bench_reader(struct bench *b, const struct bench_node *obj);
bench_reader *bench_reader_of(const struct bench *b, const struct bench_node *node);
/* The same, or one that reads the results inside of it. */
bench_reader *bench_reader_deep(const struct bench *b, const struct bench_node *node);
bench_reader bench_read_guidellm, bench_read_aiperf, bench_read_aiperf_requests,
    bench_read_checkpoint, bench_read_inference_perf, bench_read_gaie,
    bench_read_together, bench_read_agentic, bench_read_latency, bench_read_throughput,
    bench_read_startup, bench_read_llmd, bench_read_per_gpu, bench_read_pytorch;
bool bench_pytorch_is(const struct bench *b, const struct bench_node *list);
/* Turns the single requests of a file into the statistics of its record. */
void bench_requests_close(struct bench *b);
bool bench_guidellm_is(const struct bench *b, const struct bench_node *obj);
bool bench_llmd_is(const struct bench *b, const struct bench_node *obj);

/* console.c, table.c, yaml.c: texts; each gives the number of records it found. */
size_t bench_console(struct bench *b);
size_t bench_table(struct bench *b);
size_t bench_yaml(struct bench *b);

#endif
