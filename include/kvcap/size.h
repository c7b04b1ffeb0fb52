/* size.h - one deployment sized end to end: the result of `kvcap size`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_SIZE_H
#define KVCAP_SIZE_H

#include <kvcap/calibrate.h>
#include <kvcap/concurrency.h>
#include <kvcap/memory.h>
#include <kvcap/profile.h>

/* A setting and where its value came from, for the report. */
struct kvc_origin {
  const char *key, *value; /* canonical flag key, value as text */
  const char *from;        /* "given", "default 0.19.0", "model config", "derived" */
  const char *cite, *note;
};

/* Something the user should know about how the input was understood. */
struct kvc_note {
  const char *level; /* "note", "warning" */
  const char *text;
};

/* One concrete change, with the number it yields. */
struct kvc_recommendation {
  const char *id, *severity; /* "fix", "hint" */
  const char *flag, *value;  /* "--max-model-len", "26384" */
  const char *reason;
  const char *evidence[4];
  size_t n_evidence;
  const char *source;
  const char *gain; /* "KV cache 26,384 tokens, 1.00x at full length" */
};

enum {
  KVC_MAX_ORIGINS = 64,
  KVC_MAX_NOTES = 32,
  KVC_MAX_RECS = 16,
  KVC_MAX_LOG = 12,
  KVC_MAX_FORMULAS = 48
};

/* One formula with its numbers filled in (--explain). */
struct kvc_formula {
  const char *name, *formula, *filled, *result, *source;
};

struct kvc_size_request {
  const char *model_name;        /* or NULL with model_config set */
  const char *model_config_path; /* for messages */
  const char *model_config_text;
  size_t model_config_len;
  const char *gpu_name;    /* "custom" with gpu_memory_bytes */
  double gpu_memory_bytes; /* 0 = from the profile; else overrides the usable total */
  struct kvc_deploy deploy;
  struct kvc_workload load;
  bool explain;
  bool brief; /* figures only: no recommendations, no words */
  const struct kvc_calibration *calibration; /* measured overheads to use, NULL */
};

struct kvc_size {
  struct kvc_gpu gpu;
  struct kvc_match gpu_match;
  struct kvc_model model;
  struct kvc_match model_match;
  struct kvc_params params;
  double checkpoint_bytes;
  struct kvc_resolved version;
  struct kvc_setting setting;
  struct kvc_mem_facts facts;
  struct kvc_memory memory;
  struct kvc_concurrency concurrency;
  struct kvc_origin origins[KVC_MAX_ORIGINS];
  size_t n_origins;
  struct kvc_note notes[KVC_MAX_NOTES];
  size_t n_notes;
  struct kvc_recommendation recs[KVC_MAX_RECS];
  size_t n_recs;
  const char *log_lines[KVC_MAX_LOG];
  size_t n_log_lines;
  struct kvc_formula formulas[KVC_MAX_FORMULAS];
  size_t n_formulas;
  const char *verdict;                          /* one line, in the words of vLLM's log */
  const char *command;                          /* "vllm serve ..." */
  size_t gpus;                                  /* tp * pp * dp */
  double cost_per_hour_low, cost_per_hour_high; /* NaN unknown */
};

/* Everything lives in 'arena'. */
kvc_code kvc_size_run(struct kvc_arena *arena, struct kvc_db *db,
                      const struct kvc_size_request *req, struct kvc_size *out,
                      struct kvc_err *err) KVC_MUST_USE;

/* Unset values for every field of a request. */
void kvc_size_request_init(struct kvc_size_request *req);

#endif
