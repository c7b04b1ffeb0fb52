/* live.h - a running server in figures: what metrics, logs and benchmarks say of it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One flat vocabulary (live.def): every figure is a double in SI units, NaN when nobody
 * said, with the source it came from.  Rules look at nothing else of an observation.
 *
 * Ownership: texts live in the arena of whoever filled the struct, or are static.
 */
#ifndef KVCAP_LIVE_H
#define KVCAP_LIVE_H

#include <stdbool.h>
#include <stddef.h>

enum kvc_live_key {
  KVC_L_none, /* 0: no figure */
#define KVC_LIVE(name, unit, text) KVC_L_##name,
#include <kvcap/live.def>
#undef KVC_LIVE
  KVC_L_COUNT_
};

enum kvc_live_unit {
  KVC_LU_NONE,
  KVC_LU_S,
  KVC_LU_TOK,
  KVC_LU_COUNT,
  KVC_LU_FRAC,
  KVC_LU_RATIO,
  KVC_LU_PER_S,
  KVC_LU_TOK_PER_S,
  KVC_LU_BYTES
};

struct kvc_live_row {
  const char *name;
  enum kvc_live_unit unit;
  const char *text;
};

struct kvc_live {
  double v[KVC_L_COUNT_];
  /* "metrics vllm:time_to_first_token_seconds", "log server.log", "given", "computed" */
  const char *from[KVC_L_COUNT_];
  const char *saturated;      /* histogram behind saturated_frac */
  const char *lora_names;     /* adapters seen, separated by commas; NULL */
  const char *engine_busiest; /* label of the engine behind engine_load_ratio; NULL */
  bool multi_turn; /* the load is known to be multi-turn (--workload chat, ...) */
};

/* The row of a key; by name, KVC_L_none when unknown. */
const struct kvc_live_row *kvc_live_row(enum kvc_live_key key);
enum kvc_live_key kvc_live_find(const char *name);

void kvc_live_init(struct kvc_live *live); /* everything NaN */
/* Sets a figure unless it is NaN or is already there from a better source (earlier sets
 * win); 'from' is kept as it is. */
void kvc_live_set(struct kvc_live *live, enum kvc_live_key key, double value,
                  const char *from);

/* A figure with its unit as people read it: "1.84 s", "0.21 ms", "93.4 %", "1,234
 * tokens", "57 tokens/s", "2.1x". */
enum { KVC_LIVE_TEXT = 64 };
void kvc_live_format(double value, enum kvc_live_unit unit, char out[KVC_LIVE_TEXT]);

#endif
