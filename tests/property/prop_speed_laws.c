/* prop_speed_laws.c - laws that the time of a step keeps on real models and GPUs.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_rng.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>

enum { DEPLOYMENTS = 150, STEPS = 20 };

struct drawn {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_size *size;
};

static double pick(gsl_rng *rng, double lo, double hi)
{
  return floor(exp(log(lo) + (log(hi) - log(lo)) * gsl_rng_uniform(rng)));
}

/* A random model on a random GPU; false when kvcap refuses the pair. */
static bool draw(gsl_rng *rng, struct drawn *d)
{
  const char *const *models, *const *gpus;
  size_t n_models, n_gpus;
  struct kvc_err err;
  struct kvc_size_request req;
  assert_int_equal(kvc_db_open(&d->arena, NULL, 0, &d->db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_list(d->db, KVC_KIND_MODEL, &models, &n_models, &err),
                   KVC_E_OK);
  assert_int_equal(kvc_db_list(d->db, KVC_KIND_GPU, &gpus, &n_gpus, &err), KVC_E_OK);
  kvc_size_request_init(&req);
  req.brief = true;
  req.model_name = models[gsl_rng_uniform_int(rng, n_models)];
  req.gpu_name = gpus[gsl_rng_uniform_int(rng, n_gpus)];
  req.deploy.tp = 1 << gsl_rng_uniform_int(rng, 4);
  req.deploy.expert_parallel = gsl_rng_uniform_int(rng, 2) > 0;
  d->size = kvc_arena_alloc(&d->arena, 1, sizeof *d->size);
  return kvc_size_run(&d->arena, d->db, &req, d->size, &err) == KVC_E_OK;
}

static struct kvc_step step_of(gsl_rng *rng, struct kvc_chunk *chunk, bool prompt)
{
  const double seqs = pick(rng, 1, 512), context = pick(rng, 1, 50000);
  struct kvc_step s = {.decodes = seqs,
                       .decode_tok = seqs,
                       .decode_context_tok = seqs * context,
                       .decode_longest_tok = context,
                       .running = seqs + 1};
  *chunk = (struct kvc_chunk){pick(rng, 1, 8192), pick(rng, 1, 30000) - 1, true};
  if (prompt) {
    s.prefills = chunk;
    s.n_prefills = 1;
  }
  return s;
}

static void check(const struct kvc_latency *l, const struct kvc_latency *faster,
                  gsl_rng *rng)
{
  for (int i = 0; i < STEPS; i++) {
    struct kvc_chunk chunk, more_chunk;
    struct kvc_step_cost c, other;
    const struct kvc_step s = step_of(rng, &chunk, i % 2 > 0);
    kvc_latency_price(l, &s, &c);
    assert_true(isfinite(c.total_s) && c.total_s > 0);
    assert_true(c.total_s >= c.bound_s && c.bound_s > 0);
    const double parts = c.attention_s + c.gemm_s + c.moe_s + c.comm_s + c.logits_s +
                         c.launch_s + c.host_s;
    assert_true(fabs(parts - c.total_s) <= 1e-9 * c.total_s + 1e-12);
    assert_true(c.bytes > 0 && c.flops > 0 && c.reason != NULL);
    /* More bandwidth lowers the bound; where the figures are from stays as it is. */
    kvc_latency_price(faster, &s, &other);
    assert_true(other.source == c.source && other.bound_s <= c.bound_s);
    assert_true(other.total_s <= c.total_s * (1 + 1e-12));
    struct kvc_step more = s;
    more.decode_context_tok *= 1.5;
    kvc_latency_price(l, &more, &other);
    assert_true(other.total_s >= c.total_s * (1 - 1e-12));
    more = s;
    more.decodes += 40;
    more.decode_tok += 40;
    more.running += 40;
    more.decode_context_tok *= more.decodes / s.decodes;
    kvc_latency_price(l, &more, &other);
    assert_true(other.total_s >= c.total_s * (1 - 1e-12));
    if (s.n_prefills == 0) continue;
    more = s;
    more_chunk = chunk;
    more_chunk.new_tok += 64;
    more.prefills = &more_chunk;
    kvc_latency_price(l, &more, &other);
    assert_true(other.total_s >= c.total_s * (1 - 1e-12));
  }
}

static void a_step_is_bounded_whole_and_monotone(void **state)
{
  (void)state;
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  size_t priced = 0;
  for (unsigned long seed = 1; seed <= DEPLOYMENTS; seed++) {
    struct drawn d = {0};
    struct kvc_latency *l, *faster;
    struct kvc_err err;
    gsl_rng_set(rng, seed);
    kvc_arena_init(&d.arena, (size_t)64 << 20);
    if (draw(rng, &d) && !d.size->model.pooling &&
        kvc_speed_open(&d.arena, d.db, d.size, NULL, NULL, &l, &err) == KVC_E_OK) {
      d.size->gpu.memory_bps.value *= 1.3;
      assert_int_equal(kvc_speed_open(&d.arena, d.db, d.size, NULL, NULL, &faster, &err),
                       KVC_E_OK);
      check(l, faster, rng);
      priced++;
    }
    kvc_arena_clear(&d.arena);
  }
  gsl_rng_free(rng);
  assert_true(priced > DEPLOYMENTS / 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_is_bounded_whole_and_monotone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
