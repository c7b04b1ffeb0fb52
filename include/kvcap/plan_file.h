/* plan_file.h - a question to `kvcap plan` written down as YAML.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     model: Qwen/Qwen3-8B
 *     workload: chat
 *     rate_per_s: 20
 *     slo: {ttft_p95: 500ms, tpot_p99: 30ms}
 *     hardware:
 *       - {gpu: H100, instance: p5.48xlarge, gpus_per_node: 8, usd_per_node_hour: 55.04}
 *       - {gpu: L40S, usd_per_gpu_hour: 0.9, stock_gpus: 16}
 *     budget_usd_per_hour: 60
 *     serve: {max-model-len: 8192}
 *
 * One table of rows reads the file, checks it and makes its JSON Schema.  What is not
 * written stays "not given": NULL, 0, and NaN where 0 would be an answer.
 *
 * Ownership: texts and lists live in the arena of the reader.
 */
#ifndef KVCAP_PLAN_FILE_H
#define KVCAP_PLAN_FILE_H

#include <kvcap/arena.h>
#include <kvcap/domain.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  KVC_PLAN_FILE_MODELS = 8,
  KVC_PLAN_FILE_HARDWARE = 96,
  KVC_PLAN_FILE_STEPS = 16,
  KVC_PLAN_FILE_SIZES = 7,
  KVC_PLAN_FILE_FLAGS = 64
};

struct kvc_plan_hardware {
  const char *gpu, *instance, *region, *price_from;
  int gpus_per_node;
  bool whole_nodes;        /* always so with usd_per_node_hour */
  double usd_per_gpu_hour; /* NaN not given; of a node's price, its part */
  double usd_per_node_hour;
  int64_t stock_gpus;
  int line;
};

struct kvc_plan_growth {
  double month, rate_per_s;
};

struct kvc_plan_file {
  const char *models[KVC_PLAN_FILE_MODELS];
  size_t n_models;
  const char *model_config; /* config.json of a model of one's own */
  const char *vllm_version;
  /* the load */
  const char *workload, *lengths, *trace; /* as written; a path is of the file's folder */
  double input_tok, output_tok, prompt_cv, output_cv, shared_prefix_tok, turns,
      burstiness;
  double prompt_p50_tok, prompt_p95_tok, prompt_p99_tok; /* two of a side give its mean */
  double output_p50_tok, output_p95_tok, output_p99_tok;
  double rate_per_s, peak_to_trough;
  double growth_percent_per_month; /* NaN not given */
  int horizon_months;
  struct kvc_plan_growth growth[KVC_PLAN_FILE_STEPS];
  size_t n_growth;
  const char *slo; /* "ttft_p95=500ms,tpot_p99=30ms" */
  double headroom_frac;
  /* what may be bought */
  const struct kvc_plan_hardware *hardware;
  size_t n_hardware;
  const char *price_at;
  double budget_usd_per_hour, power_watts;
  int64_t max_gpus;
  /* the search */
  const char *objective;
  const char *allow_quality[KVC_MAX_NAMES], *why_not[KVC_MAX_NAMES];
  size_t n_allow_quality, n_why_not;
  int tp[KVC_PLAN_FILE_SIZES + 1], pp[KVC_PLAN_FILE_SIZES + 1],
      dp[KVC_PLAN_FILE_SIZES + 1]; /* 0 ends */
  double acceptance_rate;          /* NaN not given */
  double kv_transfer_gb_per_s;
  int64_t seed; /* -1 not given */
  /* flags of the server, as a command line has them: "--max-model-len=8192" */
  const char *flags[KVC_PLAN_FILE_FLAGS];
  size_t n_flags;
};

/* Faults name file, line and column; an unknown key brings a suggestion. */
kvc_code kvc_plan_file_read(struct kvc_arena *arena, const char *text, size_t len,
                            const char *file, struct kvc_plan_file *out,
                            struct kvc_err *err) KVC_MUST_USE;

/* ---- the rows, for the schema ----------------------------------------------------- */

enum kvc_plan_key_kind {
  KVC_PLAN_KEY_TEXT,
  KVC_PLAN_KEY_WHOLE,
  KVC_PLAN_KEY_NUMBER,
  KVC_PLAN_KEY_TRUTH,
  KVC_PLAN_KEY_TEXTS,
  KVC_PLAN_KEY_WHOLES, /* a number or a list of them */
  KVC_PLAN_KEY_LIMITS, /* a text, or a mapping of texts and numbers */
  KVC_PLAN_KEY_FLAGS,  /* a mapping of texts, numbers and truths */
  KVC_PLAN_KEY_HARDWARE /* a list of mappings, see the other tables */,
  KVC_PLAN_KEY_GROWTH
};
enum kvc_plan_table {
  KVC_PLAN_TABLE_FILE,
  KVC_PLAN_TABLE_HARDWARE,
  KVC_PLAN_TABLE_GROWTH
};
struct kvc_plan_key {
  const char *key, *help;
  enum kvc_plan_key_kind kind;
  bool required;
};
/* False past the end. */
bool kvc_plan_file_key(enum kvc_plan_table table, size_t i, struct kvc_plan_key *out);

#endif
