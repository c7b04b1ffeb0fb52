/* serverlog_room.h - the reader's parts; private to src/serverlog/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bytes -> segments (reader.c) -> messages found in them (scan.c, messages.c) -> one
 * function each (starts.c, memory.c, stats.c, spec.c, events.c) -> struct kvc_serverlog.
 */
#ifndef SERVERLOG_ROOM_H
#define SERVERLOG_ROOM_H

#include <kvcap/num.h>
#include <kvcap/serverlog.h>
#include <kvcap/str.h>
#include <math.h>

enum {
  SLOG_HASH_BITS = 13,
  SLOG_MAX_MESSAGES = 128,
  SLOG_FIRST_STARTS = KVC_LOG_MAX_STARTS / 2, /* kept; after them the last ones */
  SLOG_ARGS_BYTES = 64 << 10,
  SLOG_VERSION_BYTES = 256,
  SLOG_MODEL_BYTES = 1024,
  SLOG_EVENT_BYTES = 400,
  SLOG_ENGINES = 64, /* open samples while neighbours are merged */
  SLOG_BACK = 300    /* how far before a message its prefix is looked for */
};

/* Text between two line ends; a carriage return and a NUL end one as well. */
struct slog_seg {
  const char *text;
  size_t len;
  int line;
  bool open;  /* the log ends in it */
  bool muted; /* the rest is what a user wrote */
  bool args, config, failed[KVC_LOG_KINDS_];
};

/* A message found: text[at..end) is its fixed part. */
struct slog_hit {
  struct slog_seg *seg;
  size_t at, end;
  int arg;
};

struct slog_message {
  const char *text;
  void (*read)(struct kvc_log_reader *r, const struct slog_hit *hit);
  int arg;
};
const struct slog_message *slog_messages(size_t *count);

/* ---- scan.c: all messages at once ------------------------------------------------- */

struct slog_scanner {
  size_t window, n; /* length of the shortest message */
  uint8_t shift[1 << SLOG_HASH_BITS], head[1 << SLOG_HASH_BITS];
  uint8_t next[SLOG_MAX_MESSAGES], len[SLOG_MAX_MESSAGES];
  const struct slog_message *messages;
};
void slog_scanner_init(struct slog_scanner *s);
/* The next message that starts at 'from' or later; SIZE_MAX when there is none. */
size_t slog_scan(const struct slog_scanner *s, const char *text, size_t len, size_t from,
                 size_t *which);

/* ---- text.c ------------------------------------------------------------------------ */

/* First place of 'what' in text[from..len), SIZE_MAX when it is not there. */
size_t slog_find(const char *text, size_t len, size_t from, const char *what);
/* The last one; looks back from 'to' over at most SLOG_BACK bytes. */
size_t slog_find_back(const char *text, size_t to, const char *what);
bool slog_starts(const char *text, size_t len, size_t at, const char *what);
/* Copies without the terminal's escape sequences; returns the length. */
size_t slog_unescape(const char *text, size_t len, char *out);
/* Valid UTF-8 without control characters, NUL-terminated, at most room - 1 bytes. */
size_t slog_clean(const char *text, size_t len, char *out, size_t room);

/* Readers move *at behind what they read, and leave it where it is otherwise. */
bool slog_number(const struct slog_seg *s, size_t *at, double *out);
/* "476,016" or "476016". */
bool slog_count(const struct slog_seg *s, size_t *at, double *out);
/* "14.9888 GB", "3.81GiB", "20.00 MiB": all are powers of two here. */
bool slog_bytes(const struct slog_seg *s, size_t *at, double *out);
bool slog_skip(const struct slog_seg *s, size_t *at, const char *what);
/* Whether a number that ends at 'at' can be whole. */
bool slog_ends(const struct slog_seg *s, size_t at);
/* The number behind 'label', looked for within 'reach' bytes from *at. */
bool slog_labelled(const struct slog_seg *s, size_t at, const char *label, double *out);
/* Bytes in front of what 'label' names with its unit: "GiB for peak activation". */
bool slog_bytes_before(const struct slog_seg *s, size_t at, const char *label,
                       double *out);

/* ---- wide.c: UTF-16, as PowerShell writes what a server prints -------------------- */

/* Whether the text is UTF-16, as its first bytes say, and has been read as such. */
bool slog_wide(struct kvc_log_reader *r, const char *bytes, size_t len);
/* Text of one byte a character, whatever it was in the file. */
void slog_feed_bytes(struct kvc_log_reader *r, const char *bytes, size_t len);

/* ---- stamp.c ----------------------------------------------------------------------- */

enum slog_stamp_kind { SLOG_OUTER, SLOG_OWN, SLOG_SECOND, SLOG_STAMPS };
struct slog_clock {
  bool known[SLOG_STAMPS], leap;
  double base_s[SLOG_STAMPS], last_s[SLOG_STAMPS]; /* as printed */
  int years[SLOG_STAMPS];
  double now_s; /* since the first stamp */
  bool begun;
};
/* Seconds since the first stamp of the log; NaN when no stamp stands before 'at'. */
bool slog_stamped(const struct slog_seg *s, size_t at);
double slog_time(struct slog_clock *clock, const struct slog_seg *s, size_t at);

/* ---- samples.c --------------------------------------------------------------------- */

enum { SLOG_TAIL_BYTES = 512 };
struct slog_samples {
  struct kvc_log_sample *all;
  size_t n, room, stride;
  struct kvc_log_sample pending; /* the last line: its tail may still come */
  bool has_pending, counted;
  char tail[2 * SLOG_TAIL_BYTES]; /* text of the last line, which goes on in the next */
  size_t tail_len;
  int tail_line;
  size_t open[SLOG_ENGINES]; /* index + 1 of a sample that takes more */
  int open_engine[SLOG_ENGINES];
};
void slog_sample_clear(struct kvc_log_sample *sample);
void slog_sample_begin(struct kvc_log_reader *r, const struct kvc_log_sample *sample);
void slog_sample_flush(struct kvc_log_reader *r);
/* How many there are with the pending one, which is put behind the others. */
size_t slog_sample_peek(struct kvc_log_reader *r);

/* ---- starts.c ---------------------------------------------------------------------- */

/* A start and what has to be kept beside it. */
struct slog_start {
  struct kvc_log_start pub;
  bool saw_version, saw_args, saw_config, saw_pool, saw_weights, failed, weak_v0;
  char version[SLOG_VERSION_BYTES], model[SLOG_MODEL_BYTES], process[32];
  char *args, *config; /* SLOG_ARGS_BYTES each */
  char *text;          /* version line and args, made for the caller */
  size_t args_len, config_len;
  int config_line;
  double block_size, load_weights_s, consumed_bytes, torch_peak_bytes;
  char device[16];
  int n_available, n_sizes, n_blocks;
  int event[KVC_LOG_KINDS_]; /* index + 1 */
};
/* The start that a line of it belongs to; makes one when there is none. */
struct slog_start *slog_start_now(struct kvc_log_reader *r, const struct slog_seg *s);
/* The same for a line about memory. */
struct slog_start *slog_start_for(struct kvc_log_reader *r, const struct slog_hit *hit);
/* The same for a line of a server that serves: it may belong to no start. */
struct slog_start *slog_start_last(struct kvc_log_reader *r);

/* ---- the reader -------------------------------------------------------------------- */

struct kvc_log_reader {
  struct kvc_arena *arena;
  struct kvc_serverlog view;
  struct slog_scanner scanner;
  struct slog_start *starts[KVC_LOG_MAX_STARTS];
  size_t n_starts;
  enum { SLOG_JOIN_NOTHING, SLOG_JOIN_ARGS, SLOG_JOIN_CONFIG } joining;
  int joined; /* pieces so far */
  struct slog_samples samples;
  struct slog_clock clock;
  char *carry; /* a segment whose end has not come */
  size_t carry_len, carry_room;
  bool cutting;
  enum { SLOG_BYTES, SLOG_MAYBE_WIDE, SLOG_LITTLE, SLOG_BIG } wide; /* UTF-16 or not */
  unsigned char wide_byte; /* the first of two, when only that one has come */
  bool has_wide_byte;
  char *plain;
  size_t plain_room;
  int line; /* of the text that comes next, from 1 */
  size_t stamp_tries;
  double hit_wait[2]; /* V0's hit rates that stand before their sample */
  bool has_hit_wait;
  uint64_t prefixed, bare;   /* lines of a server, with and without a log's prefix */
  uint64_t accesses;         /* lines about a request, which every web server writes */
  bool begun, titled;        /* the first line is a title */
  uint64_t headings, fences; /* of a document that quotes some */
  char *texts[KVC_LOG_MAX_EVENTS]; /* of the events, to be used again */
  char *spare[KVC_LOG_MAX_EVENTS];
  size_t n_spare;
  int16_t early[KVC_LOG_KINDS_], skipped[KVC_LOG_KINDS_]; /* events of no start */
  double v0_spec[4], v0_spec_last[4]; /* counters that go on from line to line */
  double frac_weight, frac_sum, length_weight, length_sum;
  bool full; /* the arena is */
};

/* Whether a line begins in the segment as a log's lines do. */
bool slog_has_prefix(const struct slog_seg *s);
/* The rest of arguments, a configuration or statistics that a terminal broke into lines;
 * true when the segment is nothing else. */
bool slog_join(struct kvc_log_reader *r, const struct slog_seg *s);
void slog_join_end(struct kvc_log_reader *r);
void slog_stats_join(struct kvc_log_reader *r, const struct slog_seg *s);

/* Notes that the segment is a server's, as the message at 'at' shows. */
void slog_met(struct kvc_log_reader *r, const struct slog_seg *s, size_t at);
void slog_event(struct kvc_log_reader *r, const struct slog_hit *hit,
                enum kvc_log_kind kind, const double value[2]);
void slog_events_forget(struct kvc_log_reader *r, int start);

static inline void slog_most(double *to, double value)
{
  if (!(*to >= value)) *to = value;
}

static inline void slog_least(double *to, double value)
{
  if (!(*to <= value)) *to = value;
}

/* messages.c names these. */
void slog_stats(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_stats_tail(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_stats_v0_hits(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_spec_v1(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_spec_v0(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_access(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_mute(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_version(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_banner(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_args(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_config(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_ready(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_memory(struct kvc_log_reader *r, const struct slog_hit *hit);
void slog_failure(struct kvc_log_reader *r, const struct slog_hit *hit);

/* What slog_memory is told: which line. */
enum slog_line {
  SLOG_WEIGHTS,      /* Loading model weights took / Model loading took */
  SLOG_WEIGHTS_TIME, /* Loading weights took */
  SLOG_BLOCKS,       /* # GPU blocks */
  SLOG_CPU_BLOCKS,   /* , # CPU blocks */
  SLOG_V1_BLOCKS,    /* num_gpu_blocks is */
  SLOG_OVERRIDE,     /* Overriding num_gpu_blocks */
  SLOG_TOKENS,       /* GPU KV cache size */
  SLOG_CONCURRENCY,  /* Maximum concurrency for */
  SLOG_AVAILABLE,    /* Available KV cache memory */
  SLOG_PROFILE_064,  /* Memory profiling results */
  SLOG_PROFILE,      /* Memory profiling takes */
  SLOG_INSTANCE,     /* the current vLLM instance can use */
  SLOG_V0_SPLIT,     /* model weights take */
  SLOG_INITIAL,      /* Initial free memory */
  SLOG_SNAPSHOT,     /* memory snapshot */
  SLOG_FREE,         /* Free memory on device */
  SLOG_HPU,          /* Free device memory */
  SLOG_GRAPH,        /* Graph capturing finished */
  SLOG_GRAPH_GUESS,  /* Estimated CUDA graph memory */
  SLOG_GRAPH_POOL,   /* CUDA graph pool memory */
  SLOG_INIT,         /* init engine */
  SLOG_COMPILE,      /* torch.compile takes */
  SLOG_MAX_LEN,      /* Using max model len */
  SLOG_CHUNKED,      /* Chunked prefill is enabled */
  SLOG_AUTO_FIT      /* Auto-fit max_model_len */
};
/* Derived facts that no line says: only of what other lines do say. */
void slog_memory_derive(struct slog_start *start);

#endif
