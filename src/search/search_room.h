/* search_room.h - the steps of the search; private to src/search/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef SEARCH_ROOM_H
#define SEARCH_ROOM_H

#include <kvcap/predict.h>
#include <kvcap/search.h>
#include <kvcap/speed.h>

/* Requests of one run: at least, at most, and to each that may be in service. */
enum { SEARCH_LEAST = 1500, SEARCH_MOST = 3000, SEARCH_VERIFY = 10000 };

/* Hardware with its figures found. */
struct search_card {
  struct kvc_hardware as;
  struct kvc_gpu gpu;
  int per_node;
  double usd_per_gpu_hour; /* NaN unknown */
  const char *price_from;
};

/* The load without its rate: lengths drawn once, and what bounds need of them. */
struct search_load {
  const struct kvc_request *items; /* SEARCH_VERIFY of them */
  size_t n;
  double prompt_mean_tok, output_mean_tok;
  double prefix_tok; /* of every prompt, shared */
  double prompt_min_tok;
  int64_t longest_tok; /* prompt + output */
};

struct kvc_search {
  struct kvc_arena *arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_search_request req;
  struct search_card cards[KVC_SEARCH_HARDWARE];
  size_t n_cards;
  struct kvc_model models[KVC_SEARCH_MODELS];
  struct kvc_version version;
  struct search_load load;
  struct kvc_search_unit *units;
  size_t n_units, room;
  size_t *todo; /* pilots, then from n_units on the others */
  size_t n_pilots;
  int64_t runs; /* of the finish */
  const char *notes[32];
  size_t n_notes;
};

/* ---- space.c: what there is to try ---- */

kvc_code search_cards(struct kvc_search *s, struct kvc_err *err) KVC_MUST_USE;
kvc_code search_space(struct kvc_search *s, struct kvc_err *err) KVC_MUST_USE;
void search_note(struct kvc_search *s, const char *fmt, ...) KVC_PRINTF(2, 3);

/* --max-model-len for the longest request of the load; 0: the model's own. */
int64_t search_length_for(const struct kvc_search *s, int model);

/* ---- load.c ---- */

/* Lengths times the scales, drawn with the request's seed. */
kvc_code search_load_draw(struct kvc_arena *arena, const struct kvc_search_request *req,
                          double prompt_scale, double output_scale,
                          struct search_load *out, struct kvc_err *err) KVC_MUST_USE;
/* The first n of them, arriving at a rate. */
kvc_code search_load_at(struct kvc_arena *arena, const struct search_load *load,
                        double rate_per_s, size_t n, struct kvc_traffic *out,
                        struct kvc_err *err) KVC_MUST_USE;

/* ---- server.c: one replica, sized and priced ---- */

struct search_server {
  struct kvc_size *size;
  struct kvc_latency *latency;
  const struct kvc_calibration *calibration; /* of this very shape; NULL */
  struct kvc_spec_clock *spec;               /* NULL: does not speculate */
  struct kvc_sim_config config;
  double seats; /* requests that can be in service */
  const struct search_card *card;
};

/* clock.c: a kvc_step_time that remembers; NULL when the arena is full. */
struct search_clock;
struct search_clock *search_clock_make(struct kvc_arena *arena, kvc_step_time *time,
                                       void *clock);
double search_clock_step(void *ctx, const struct kvc_step *step);

/* The deployment of a shape; flags of 0 are the release's. */
void search_deploy(const struct kvc_search *s, const struct kvc_search_unit *u,
                   struct kvc_size_request *out);
/* Sizes it: KVC_E_OK also when it does not start (size->memory.fits). */
kvc_code search_size(struct kvc_arena *arena, const struct kvc_search *s,
                     const struct kvc_search_unit *u, struct kvc_size *out,
                     struct kvc_err *err) KVC_MUST_USE;
/* Makes a sized server ready to be simulated; 'exact': with a clock that rounds nothing.
 */
kvc_code search_server_open(struct kvc_arena *arena, const struct kvc_search *s,
                            const struct kvc_search_unit *u, struct kvc_size *size,
                            bool exact, struct search_server *out,
                            struct kvc_err *err) KVC_MUST_USE;
/* One run.  'replicas' > 1 with prefill_replicas: prefill and decode apart. */
struct search_run {
  const struct search_load *load;
  double rate_per_s;
  size_t requests;
  int replicas, prefill_replicas;
};
kvc_code search_simulate(const struct kvc_search *s, const struct search_server *server,
                         const struct search_run *run, struct kvc_search_point *out,
                         struct kvc_err *err) KVC_MUST_USE;
/* Requests of a run while searching. */
size_t search_requests(const struct search_server *server);

/* ---- bound.c ---- */

struct search_bound {
  double rate_per_s; /* of one replica, at most */
  double ttft_s[KVC_SLO_QUANTILES_], tpot_s, e2e_s[KVC_SLO_QUANTILES_]; /* at least */
};
kvc_code search_bound(struct kvc_arena *arena, const struct search_server *server,
                      const struct search_load *load, struct search_bound *out,
                      struct kvc_err *err) KVC_MUST_USE;
/* Which limit it misses for certain; NULL none. */
const struct kvc_slo_bar *search_bound_misses(const struct kvc_slo *slo,
                                              const struct search_bound *bound,
                                              double *value_s);
/* Mean and quantiles of v[0..n), which is sorted. */
void search_quantiles(double *v, size_t n, double out[KVC_SLO_QUANTILES_]);

/* ---- rate.c ---- */

/* The largest rate that holds, from a guess; points tried are added to the unit, and one
 * that it has at the guess, of such a server and load, is not simulated again.  0 when
 * none does. */
struct search_span {
  const struct search_load *load;
  double guess, most; /* requests a second */
};
kvc_code search_rate(const struct kvc_search *s, const struct search_server *server,
                     const struct search_span *span, struct kvc_search_unit *u,
                     double *out, struct kvc_err *err) KVC_MUST_USE;

/* ---- cost.c ---- */

/* GPUs of one replica. */
int search_gpus(const struct kvc_search_shape *shape);
/* USD an hour of so many replicas; NaN unknown. */
double search_cost(const struct search_card *card, int gpus_each, int64_t replicas);
/* Least number of replicas for a rate; 0 when one serves nothing. */
int64_t search_replicas(const struct kvc_search_request *req, double rate_per_s,
                        double max_rate_per_s);
/* Budget, power, GPUs, stock: a clause of what is passed, or false. */
bool search_over_limit(const struct kvc_search *s, const struct search_card *card,
                       int gpus_each, int64_t replicas, char why[KVC_SEARCH_WHY]);

/* ---- unit.c ---- */

kvc_code search_unit_run(const struct kvc_search *s, struct kvc_search_unit *u,
                         struct kvc_err *err) KVC_MUST_USE;
/* Sized and bounded: its fate when that is settled. */
kvc_code search_unit_screen(const struct kvc_search *s, struct kvc_search_unit *u,
                            struct kvc_err *err) KVC_MUST_USE;

/* search.c: whether some number of replicas of a pilot costs less and answers sooner than
 * such a cost and latency: for money and time nobody would take them.  Then it is the
 * unit's fate. */
bool search_dominated(const struct kvc_search *s, double usd, double e2e_s,
                      struct kvc_search_unit *u);

/* ---- finish ---- */

kvc_code search_front(struct kvc_search *s, struct kvc_plan *out,
                      struct kvc_err *err) KVC_MUST_USE;
/* Verified, priced and worded; 'place' 0 is asked the most.  False in *holds when longer
 * runs say that no number of replicas does. */
kvc_code search_option(struct kvc_search *s, struct kvc_search_unit *u, size_t place,
                       struct kvc_search_option *out, bool *holds,
                       struct kvc_err *err) KVC_MUST_USE;
/* What if: longer answers and prompts, more requests, a replica less. */
kvc_code search_what_if(struct kvc_search *s, const struct search_server *server,
                        const struct kvc_search_unit *u, bool all,
                        struct kvc_search_option *out, struct kvc_err *err) KVC_MUST_USE;
/* Replicas over a day and over months. */
kvc_code search_calendar(struct kvc_search *s, const struct kvc_search_unit *u,
                         struct kvc_search_option *out, struct kvc_err *err) KVC_MUST_USE;
/* Runs that the finish itself makes. */
kvc_code search_finish_run(struct kvc_search *s, const struct search_server *server,
                           const struct search_run *run, struct kvc_search_point *out,
                           struct kvc_err *err) KVC_MUST_USE;
kvc_code search_why_not(struct kvc_search *s, struct kvc_plan *out,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
