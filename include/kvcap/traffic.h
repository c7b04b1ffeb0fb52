/* traffic.h - what users send: arrivals, lengths, sessions, recorded traces.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: a traffic and all it points to lives in the arena it was made in.
 * Times are integer nanoseconds from the start of the load, lengths are tokens.
 *
 * What a token is matters to the prefix cache only.  Token t of a request is
 *   (prefix_id, t)                 where t < prefix_tok: shared by all with that prefix
 *   (hash_ids[t / unit], t % unit) where the trace gave hash ids
 *   (session, t)                   in a session: a later turn repeats earlier ones
 *   its own                        otherwise
 */
#ifndef KVCAP_TRAFFIC_H
#define KVCAP_TRAFFIC_H

#include <kvcap/arena.h>
#include <stdbool.h>
#include <stdint.h>

struct kvc_request {
  /* Open loop: when it arrives.  With 'after': the think time behind that finish. */
  int64_t arrival_ns;
  int32_t prompt_tok, output_tok;
  int32_t prefix_tok;
  uint32_t prefix_id; /* 0: no shared prefix */
  uint32_t session;   /* 0: none */
  uint32_t after;     /* 1 + index of the turn before this one; 0: none */
  int32_t priority;   /* smaller is served first, under the priority policy */
  uint32_t n_hash_ids;
  const uint32_t *hash_ids;
};

struct kvc_traffic {
  const struct kvc_request *items; /* open loop: arrival_ns never falls */
  size_t n;
  int clients; /* > 0: closed loop, so many requests in flight; arrivals are ignored */
  bool
      paced; /* clients > 0: nothing is sent before its arrival, so a rate with a limit */
  int hash_unit; /* tokens one hash id stands for */
  /* A stop token ends a request, not its limit: an asynchronous scheduler then wastes
   * one slot a request. */
  bool ends_by_stop;
  size_t passed_over; /* rows of a trace with no prompt or no output: nothing to serve */
  size_t too_short;   /* conversations under four tokens in prompt or answer: left out */
  bool untimed;       /* a trace without times: every arrival is 0 */
  bool unsized;    /* arrivals only: every prompt and output is 1, lengths are missing */
  const char *how; /* what had to be presumed to read it, a sentence part; NULL */
};

enum kvc_arrivals {
  KVC_ARRIVE_RATE,    /* gamma gaps; burstiness 1 = Poisson, inf = even gaps */
  KVC_ARRIVE_AT_ONCE, /* all at time 0 (rate = inf) */
  KVC_ARRIVE_CLOSED,  /* 'clients' of them, each sends when its last answer ended */
  KVC_ARRIVE_RAMP,    /* Poisson, rate rising evenly from rate_per_s to rate_end_per_s */
  KVC_ARRIVE_DIURNAL  /* Poisson, rate (1 + swing sin(2 pi t / period)) */
};

enum kvc_length_kind {
  KVC_LEN_FIXED,     /* mean */
  KVC_LEN_UNIFORM,   /* whole numbers in [min, max] */
  KVC_LEN_NORMAL,    /* mean, deviation 'spread' */
  KVC_LEN_LOGNORMAL, /* of mean 'mean' and coefficient of variation 'spread' */
  KVC_LEN_EMPIRICAL  /* one of values[0..n_values) */
};

struct kvc_length {
  enum kvc_length_kind kind;
  double mean, spread;
  int32_t min, max; /* every kind is cut to these; max 0 = no limit, min at least 1 */
  const int32_t *values;
  size_t n_values;
};

struct kvc_traffic_spec {
  enum kvc_arrivals arrivals;
  double rate_per_s, rate_end_per_s, burstiness; /* burstiness 0 = 1 */
  double period_s, swing_frac;                   /* diurnal */
  int clients; /* with an open loop: at most so many in flight, the rest wait unsent */
  size_t requests;   /* at most this many ... */
  double duration_s; /* ... and, open loop, none arrives later; 0 = no limit */
  struct kvc_length prompt, output;
  /* Pairs (prompt, output) drawn together when n_pairs > 0: an empirical workload. */
  const int32_t (*pairs)[2];
  size_t n_pairs;
  int32_t prefix_tok; /* in front of every prompt, beside its length */
  uint32_t prefixes;  /* how many different ones; 0 = 1 */
  int turns;          /* of a session; 0 or 1 = no sessions */
  double think_s;     /* mean time between a turn's answer and the next, exponential */
  bool ends_by_stop;
};

enum { KVC_TRAFFIC_MAX_REQUESTS = 50000000, KVC_TRAFFIC_MAX_TOK = 100000000 };

/* Draws a load; same spec and seed, same bytes. */
kvc_code kvc_traffic_make(struct kvc_arena *arena, const struct kvc_traffic_spec *spec,
                          uint64_t seed, struct kvc_traffic *out,
                          struct kvc_err *err) KVC_MUST_USE;

/* ---- recorded traces ------------------------------------------------------------ */

enum kvc_trace_kind {
  KVC_TRACE_AUTO,       /* by the first line */
  KVC_TRACE_AZURE,      /* TIMESTAMP,ContextTokens,GeneratedTokens (2023 and 2024) */
  KVC_TRACE_BURSTGPT,   /* Timestamp,Model,Request tokens,Response tokens,... */
  KVC_TRACE_CSV,        /* arrival_s,prompt_tok,output_tok[,session][,prefix_tok] */
  KVC_TRACE_JSONL,      /* Mooncake, or our own column names, or LLMServingSim's */
  KVC_TRACE_LENGTHS,    /* a JSON list of [prompt, output] or ShareGPT conversations */
  KVC_TRACE_BENCH,      /* a detailed result of vllm bench serve: input_lens, output_lens,
                         * start_times where it has them */
  KVC_TRACE_WINDOWS,    /* ServeGen: start_s,rate,cv,pattern,shape,scale without a header:
                         * arrivals drawn window by window, no lengths */
  KVC_TRACE_HISTOGRAMS, /* ServeGen: {"0": {"input_tokens": "{81: 0.5, ...}", ...}} */
  KVC_TRACE_CDF         /* fleet-sim: [[tokens, cumulative share], ...], of totals */
};

struct kvc_trace_options {
  enum kvc_trace_kind kind;
  double rate_scale; /* 2 = twice the requests per second; 0 = 1 */
  size_t max_requests;
  double duration_s;   /* cut, in scaled time; 0 = all */
  double tok_per_char; /* texts without counts; 0 = 0.25 */
  double output_frac;  /* totals without halves: the answer's share; 0 = 0.2 */
  uint64_t seed;       /* of what is drawn: gaps of windows, lengths of distributions */
};

/* Reads text[0..len); 'path' only names it in errors.  A file without times gives
 * arrival 0 everywhere: use its lengths as 'pairs' of a spec. */
kvc_code kvc_trace_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *path, const struct kvc_trace_options *options,
                        struct kvc_traffic *out, struct kvc_err *err) KVC_MUST_USE;

#endif
