/* bench.h - results of benchmarks, as the tools of many years wrote them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vllm bench serve / benchmark_serving.py (every age), bench latency, bench throughput,
 * bench sweep summaries, their console block in any surrounding text, InferenceMAX,
 * GuideLLM, SGLang and lmdeploy JSON lines, AIPerf / genai-perf (JSON and CSV),
 * inference-perf, LMBench CSV, llm-d reports, and others told apart by their keys.
 * Every figure keeps the unit of its field here, whatever the file's was.  Stated figures
 * lead; what they imply (rates, totals, the duration, mean lengths, failed = asked less
 * completed) and what the detail lists give fills the gaps.
 *
 * Ownership: everything lives in the arena; the text is borrowed for the call only.
 */
#ifndef KVCAP_BENCH_H
#define KVCAP_BENCH_H

#include <kvcap/arena.h>
#include <stdbool.h>
#include <stddef.h>

enum {
  KVC_BENCH_MAX_BYTES = 128 << 20,
  KVC_BENCH_MAX_DEPTH = 64,
  KVC_BENCH_MAX_RECORDS = 4096,
  KVC_BENCH_MAX_CHECKS = 32,
  KVC_BENCH_MAX_PERCENTILES = 8
};

/* A distribution; NaN where the file does not say. */
struct kvc_stat {
  double mean, median, std, min, max;
  double p90, p95, p99, p999;
  double p25, p75;
  size_t n; /* observations behind it when recomputed from detail, else 0 */
};

/* A figure that was recomputed from the detail lists and differs from the stated one. */
struct kvc_bench_check {
  const char *key; /* "ttft_ms.p99" */
  double stated, recomputed;
};

struct kvc_bench_pair {
  const char *key, *value; /* as text */
};

struct kvc_bench {
  const char *format; /* "vllm-serve", "vllm-latency", "vllm-throughput", "vllm-console",
                         "inferencemax", "guidellm", "sglang", "lmdeploy", "aiperf",
                         "genai-perf", "inference-perf", "lmbench", "vllm-startup",
                         "vllm-pytorch", "sglang-console", "inferencemax-agentic",
                         "together", "gaie", "llm-d", "llmperf", "table" */
  const char *model, *backend, *label, *date, *dataset; /* NULL unknown */
  double duration_s, completed, failed, num_prompts;
  double request_rate;    /* per second offered; INFINITY = all at once; NaN unknown */
  double burstiness;      /* NaN */
  double max_concurrency; /* NaN = no limit or unknown */
  double total_input_tok, total_output_tok;
  double request_throughput, output_throughput, total_throughput, input_throughput;
  double request_goodput;                  /* per second; NaN */
  double peak_output_tps, peak_concurrent; /* NaN */
  struct kvc_stat ttft_ms, tpot_ms, itl_ms, e2el_ms;
  struct kvc_stat input_tok, output_tok;                    /* lengths of requests */
  double spec_accept_frac, spec_accept_length;              /* 0..1; tokens per step */
  double tensor_parallel, pipeline_parallel, data_parallel; /* NaN; InferenceMAX says */
  double gpus;
  struct kvc_bench_check checks[KVC_BENCH_MAX_CHECKS];
  size_t n_checks;
  size_t n_detail; /* requests in the detail lists */
  const double *detail_ttft_s, *detail_e2e_s, *detail_input_tok, *detail_output_tok,
      *detail_start_s; /* n_detail each or NULL; NaN = not said for that request */
  struct kvc_bench_pair
      *extras; /* --metadata, swept parameters, and keys not understood */
  size_t n_extras;
  const char *const *unknown; /* keys of this record that no format defines, sorted */
  size_t n_unknown;
};

struct kvc_bench_set {
  const char *where;
  struct kvc_bench *records;
  size_t n_records;
  const char *
      *notes; /* one sentence each: cut off, duplicate key, lists with nulls ... */
  size_t n_notes;
};

struct kvc_bench_source {
  const char *text;
  size_t len;
  const char *where;
};

/* Whether it looks like a result that the reader knows: by content, never by name.  True
 * whenever kvc_bench_read succeeds; hardly ever true when it does not. */
bool kvc_bench_looks(const char *text, size_t len);

/* KVC_E_PARSE with line and column for broken text (what stood complete before a cut is
 * still returned, with a note), KVC_E_UNKNOWN when it is no known result, KVC_E_LIMIT. */
kvc_code kvc_bench_read(struct kvc_arena *arena, const struct kvc_bench_source *source,
                        struct kvc_bench_set *out, struct kvc_err *err) KVC_MUST_USE;

/* Percentile p (0..100) of values[0..n), which it sorts: linear between closest ranks,
 * as numpy.percentile does by default. */
double kvc_percentile(double *values, size_t n, double p);

#endif
