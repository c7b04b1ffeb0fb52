/* serverlog.h - the log of a vLLM server, read as a stream.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text comes in pieces of any size, as from a pipe; memory stays constant however long
 * the log is.  A line is recognised by its message, wherever it stands in the line:
 * prefixes of processes, ranks, containers, journald and time stamps, ANSI colours and
 * carriage returns are passed over.  NULs and bytes that are no UTF-8 do no harm.  Lines
 * longer than KVC_LOG_MAX_LINE are cut, which is counted.
 *
 * The formats of every release are in vLLM's vllm/v1/metrics/loggers.py,
 * vllm/engine/metrics.py (V0), vllm/v1/worker/gpu_worker.py and
 * vllm/v1/core/kv_cache_utils.py.
 *
 * Ownership: the reader and what it returns live in the arena given to open, of which it
 * takes 16 MB at most.
 */
#ifndef KVCAP_SERVERLOG_H
#define KVCAP_SERVERLOG_H

#include <kvcap/launch.h>

enum {
  KVC_LOG_MAX_LINE = 1 << 20,
  KVC_LOG_MAX_SAMPLES = 1 << 15, /* beyond it, neighbours are merged two by two */
  KVC_LOG_MAX_EVENTS = 256,
  KVC_LOG_MAX_STARTS = 16,
  KVC_LOG_SKIPPED = -2 /* as an event's start: one that 'starts' leaves out */
};

/* One periodic line.  NaN where the line does not say. */
struct kvc_log_sample {
  double time_s; /* seconds since the first stamp of the log; NaN when lines have none */
  int line;
  int engine; /* data-parallel index, -1 = not said or aggregated */
  double prompt_tps, generation_tps;                       /* tokens per second */
  double running, waiting, swapped, deferred, preemptions; /* requests */
  double kv_usage_frac, cpu_kv_usage_frac;                 /* 0..1 */
  double prefix_hit_frac, cpu_prefix_hit_frac, external_hit_frac, mm_hit_frac;
  int merged; /* lines behind this sample; rates and hit fractions are their means, counts
                 and KV usage their maxima, preemptions their sum */
};

/* Speculative decoding lines, summed over the log. */
struct kvc_log_spec {
  size_t lines;
  double accepted_tok, drafted_tok, emitted_tok; /* sums; NaN when never said */
  double accept_frac, accept_length;             /* weighted over the log; NaN */
  double efficiency;                             /* V0 "System efficiency", last; NaN */
  double per_position[16];                       /* of the last line that has them */
  size_t n_positions;
};

/* What one start printed about memory.  NaN where it did not.  With several ranks:
 * the largest use, the smallest pool. */
struct kvc_log_memory {
  double weights_bytes, load_s;
  double activation_peak_bytes, non_torch_bytes;
  double graph_bytes, graph_estimate_bytes, graph_s;
  double available_kv_bytes, kv_tokens, gpu_blocks, cpu_blocks;
  double max_concurrency, concurrency_len_tok;
  double gpu_total_bytes, gpu_free_bytes, requested_bytes, gpu_memory_utilization;
  double profile_s, init_s, compile_s;
  double max_model_len_tok,
      max_num_batched_tok;      /* "Using max model len", "Chunked prefill ..." */
  double suggested_kv_bytes[2]; /* --kv-cache-memory that the server proposes */
  double override_blocks;
  int ranks; /* that printed a pool */
};

enum kvc_log_kind {
  KVC_LOG_PREEMPTION,     /* V0's warning; value: total so far */
  KVC_LOG_OOM,            /* CUDA/HIP out of memory; value: bytes it tried, NaN */
  KVC_LOG_NO_KV,          /* no memory for the cache blocks */
  KVC_LOG_KV_TOO_SMALL,   /* max_model_len does not fit; value: longest that does, NaN;
                             value2: the one asked for, NaN */
  KVC_LOG_FREE_MEMORY,    /* less free than gpu_memory_utilization asks for; value: bytes
                             free, value2: bytes asked for */
  KVC_LOG_ENGINE_DEAD,    /* EngineDeadError, engine process failed */
  KVC_LOG_IGNORED_PROMPT, /* a prompt is too long and was refused; value: its tokens,
                             value2: the limit */
  KVC_LOG_EAGER,          /* CUDA graphs are off */
  KVC_LOG_NO_CUSTOM_ALLREDUCE, /* PCIe (or several nodes): custom all-reduce is off; the
                                  text says why */
  KVC_LOG_PREFIX_CACHE_OFF,
  KVC_LOG_CHUNKED_OFF,
  KVC_LOG_KV_SCALES, /* fp8 KV without calibrated scales */
  KVC_LOG_SLOW_TOKENIZER,
  KVC_LOG_DEFAULT_MOE, /* no tuned fused-MoE configuration for this GPU */
  KVC_LOG_KINDS_
};
/* "preemption", "out-of-memory", ...; NULL past the end. */
const char *kvc_log_kind_name(enum kvc_log_kind kind);

struct kvc_log_event {
  enum kvc_log_kind kind;
  int line;             /* of the first */
  size_t count;         /* lines of this kind (and of this start) */
  double value, value2; /* as said above; NaN */
  const char *text;     /* the message of the first one, at most 400 bytes, valid UTF-8;
                           not the "raise ..." of a traceback when there is another */
  int start;            /* index into starts; -1 before any, KVC_LOG_SKIPPED */
};

/* One start of a server within the log. */
struct kvc_log_start {
  int line;
  const char *version;             /* as printed, NULL */
  enum kvc_engine_kind generation; /* KVC_ENGINE_AUTO: not told */
  const char *model;               /* NULL */
  struct kvc_log_memory memory;
  const char
      *args_text; /* the lines that kvc_launch_parse (KVC_LAUNCH_LOG) reads; NULL */
  size_t args_len;
  const char *config_text; /* "Initializing ... with config:" line; NULL */
  bool ready;              /* it went on to serve */
};

struct kvc_serverlog {
  const char *where;
  uint64_t bytes, lines, cut_lines, requests; /* requests: access-log lines with a POST */
  uint64_t failed_requests;                   /* ... answered with status >= 500 */
  struct kvc_log_start starts[KVC_LOG_MAX_STARTS]; /* the first and the last ones */
  size_t n_starts;
  size_t skipped_starts; /* between, when there were more */
  struct kvc_log_sample *samples;
  size_t n_samples;
  uint64_t sample_lines; /* before merging */
  struct kvc_log_spec spec;
  enum kvc_engine_kind generation; /* as the last periodic line tells, for a log without
                                      its start; KVC_ENGINE_AUTO: not told */
  struct kvc_log_event events[KVC_LOG_MAX_EVENTS];
  size_t n_events;
};

struct kvc_log_reader;
kvc_code kvc_log_open(struct kvc_arena *arena, const char *where,
                      struct kvc_log_reader **out, struct kvc_err *err) KVC_MUST_USE;
void kvc_log_feed(struct kvc_log_reader *reader, const char *bytes, size_t len);
/* Ends the last line.  KVC_E_PARSE when no line of a vLLM server was met. */
kvc_code kvc_log_finish(struct kvc_log_reader *reader, struct kvc_serverlog *out,
                        struct kvc_err *err) KVC_MUST_USE;
/* What has been read so far, for a log that is followed; borrowed until the next feed. */
const struct kvc_serverlog *kvc_log_peek(struct kvc_log_reader *reader);

/* Whether the text looks like such a log (looks at the first 256 KiB). */
bool kvc_log_looks(const char *text, size_t len);

/* The start that the rest of the log belongs to: the last one with memory lines, else the
 * last; NULL when there is none. */
const struct kvc_log_start *kvc_log_last(const struct kvc_serverlog *log);

#endif
