/* calibrate.h - what one server showed: its overheads by its log, its speed by a
 * benchmark. SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What no formula knows (CUDA context, NCCL, the peak of the profile run, graphs) is a
 * fitted constant in kvcap; a log of the same card says what it really was.  A small
 * YAML file carries that from `kvcap size --compare-log --save-calibration` to
 * `kvcap size --calibration`.  How fast the server really was comes from `kvcap fit bench
 * --save-calibration`, for `kvcap simulate --calibration`.  It is never used unasked.
 *
 * Ownership: what is read lives in the arena.
 */
#ifndef KVCAP_CALIBRATE_H
#define KVCAP_CALIBRATE_H

#include <kvcap/arena.h>
#include <kvcap/str.h>
#include <stdbool.h>
#include <stdint.h>

enum { KVC_CALIBRATION_MAX_BYTES = 64 << 10 };

/* Figures of memory are of one GPU.  NaN where log or benchmark did not tell. */
struct kvc_calibration {
  const char *file;                  /* it was read from, for messages; NULL */
  const char *log;                   /* the log it comes from, NULL */
  const char *benchmark;             /* the benchmark it comes from, NULL */
  const char *vllm_version, *engine; /* "0.19.0"; "V0" or "V1" */
  const char *gpu, *model;           /* canonical names */
  const char *quantization, *dtype;  /* of the weights; quantization NULL: none */
  int tp, pp;
  int64_t max_num_seqs, max_num_batched_tok; /* 0: not told */
  double gpu_usable_bytes;                   /* memory as torch reports it */
  double non_torch_bytes, activation_peak_bytes, graph_bytes;
  double weights_difference_bytes; /* loaded less counted */
  double rest_bytes; /* what the budget lost besides: rounding, unnamed overheads */
  /* On what the model of a step says: factors on times, and seconds added. */
  double memory_factor, flops_factor, communication_factor, host_factor;
  double sequence_s, step_s;
  double error_frac,
      ttft_error_frac; /* of times, where nine of ten are expected after the fit */
  int64_t levels;      /* measured ones behind it; 0: none */
  double least_clients, most_clients; /* of those levels: mean requests in service */
};

/* Whether it has coefficients of speed. */
bool kvc_calibration_has_speed(const struct kvc_calibration *calibration);

/* Every field at 'not told'. */
void kvc_calibration_init(struct kvc_calibration *calibration);

/* Reads such a file strictly. */
kvc_code kvc_calibration_read(struct kvc_arena *arena, const char *text, size_t len,
                              const char *file, struct kvc_calibration *out,
                              struct kvc_err *err) KVC_MUST_USE;

/* Writes a file that kvc_calibration_read reads back equal. */
void kvc_calibration_write(const struct kvc_calibration *calibration,
                           struct kvc_buf *out);

#endif
