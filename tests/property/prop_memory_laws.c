/* prop_memory_laws.c - laws that the memory model keeps for any setting.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include "tests/support/close.h"
#include "tests/support/toy.h"

enum { SEEDS = 400 };

struct drawn {
  struct kvc_layer layers[96];
  struct kvc_model model;
  struct kvc_setting set;
  struct kvc_mem_facts facts;
};

static int64_t pick(gsl_rng *rng, int64_t lo, int64_t hi)
{
  return lo + (int64_t)gsl_rng_uniform_int(rng, (unsigned long)(hi - lo + 1));
}

/* A model of full, sliding and recurrent layers in random proportion. */
static void draw(gsl_rng *rng, struct drawn *d)
{
  const size_t n = (size_t)pick(rng, 4, 96);
  const int heads = 1 << pick(rng, 3, 6), kv = 1 << pick(rng, 0, 3);
  const int kinds = (int)pick(rng, 0, 3);
  d->model = (struct kvc_model){.name = "drawn",
                                .hidden = 256 * pick(rng, 2, 32),
                                .vocab = pick(rng, 1000, 262144),
                                .max_position_tok = 1 << 20,
                                .layers = d->layers,
                                .n_layers = n,
                                .mlp_gated = true,
                                .ssm = {.conv = 4,
                                        .k_heads = 16,
                                        .k_dim = 128,
                                        .v_heads = 32,
                                        .v_dim = 128,
                                        .state_fp32 = true}};
  for (size_t i = 0; i < n; i++) {
    enum kvc_mixer mixer = KVC_MIX_FULL;
    if (kinds == 1 && i % 6 != 5) mixer = KVC_MIX_SLIDING;
    if (kinds == 2 && i % 4 != 3) mixer = KVC_MIX_GDN;
    if (kinds == 3 && i % 2 != 1) mixer = KVC_MIX_SLIDING;
    d->layers[i] = (struct kvc_layer){.mixer = mixer,
                                      .ffn = KVC_FFN_DENSE,
                                      .heads = heads,
                                      .kv_heads = kv,
                                      .head_dim = 128,
                                      .v_head_dim = 128,
                                      .ffn_width = 4096,
                                      .window_tok = 1024,
                                      .kv_compress = 1};
  }
  d->facts = toy_facts();
  d->facts.printed = pick(rng, 0, 1) == 1 ? KVC_PRINT_CONCURRENCY : KVC_PRINT_OVER_GROUPS;
  d->facts.non_torch_tp1_bytes.value = 3e8;
  d->set = toy_setting();
  d->set.total_bytes = (double)pick(rng, 16, 192) * 1073741824.0;
  d->set.gpu_memory_utilization = 0.5 + 0.45 * gsl_rng_uniform(rng);
  d->set.max_num_seqs = pick(rng, 1, 1024);
  d->set.max_num_batched_tok = 1024 * pick(rng, 1, 16);
  d->set.max_model_len_tok = 1024 * pick(rng, 1, 128);
}

static bool run(struct drawn *d, struct kvc_memory *m)
{
  struct kvc_err err;
  return kvc_memory_model(&d->model, &d->set, &d->facts, m, &err) == KVC_E_OK;
}

#define FOR_SEEDS(...)                                                                   \
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);                                         \
  static struct drawn d;                                                                 \
  struct kvc_memory m;                                                                   \
  for (unsigned long seed = 1; seed <= SEEDS; seed++) {                                  \
    gsl_rng_set(rng, seed);                                                              \
    draw(rng, &d);                                                                       \
    if (!run(&d, &m)) continue;                                                          \
    __VA_ARGS__                                                                          \
  }                                                                                      \
  gsl_rng_free(rng)

static void fail_seed(unsigned long seed, const char *law)
{
  fprintf(stderr, "seed %lu breaks: %s\n", seed, law);
  fail();
}

static void every_byte_of_the_gpu_is_accounted_for(void **state)
{
  (void)state;
  FOR_SEEDS({
    const double sum = m.weights_bytes + m.activation_peak_bytes + m.non_torch_bytes +
                       m.available_kv_bytes.value + m.outside_bytes +
                       (m.cudagraph_in_budget ? m.cudagraph_bytes : 0);
    if (!close_to(sum, m.total_bytes, 1e-12)) fail_seed(seed, "parts sum to the total");
  });
}

static void more_memory_never_holds_fewer_tokens(void **state)
{
  (void)state;
  FOR_SEEDS({
    struct kvc_memory more;
    d.set.total_bytes *= 1.1;
    if (run(&d, &more) && more.num_gpu_blocks < m.num_gpu_blocks)
      fail_seed(seed, "blocks grow with memory");
  });
}

static void more_sequences_never_leave_more_kv(void **state)
{
  (void)state;
  FOR_SEEDS({
    struct kvc_memory more;
    d.set.max_num_seqs *= 2;
    if (run(&d, &more) && more.available_kv_bytes.value > m.available_kv_bytes.value + 1)
      fail_seed(seed, "max-num-seqs costs memory");
  });
}

static void longer_context_never_raises_concurrency(void **state)
{
  (void)state;
  FOR_SEEDS({
    struct kvc_memory more;
    d.set.max_model_len_tok *= 2;
    if (run(&d, &more) && more.max_concurrency > m.max_concurrency * (1 + 1e-12))
      fail_seed(seed, "concurrency falls with length");
  });
}

static void the_longest_length_that_fits_is_exact(void **state)
{
  (void)state;
  FOR_SEEDS({
    const int64_t len = m.max_model_len_fits_tok;
    if (len <= 0 || len >= d.model.max_position_tok) continue;
    struct kvc_memory at, beyond;
    d.set.max_model_len_tok = len;
    if (!run(&d, &at) || !at.fits) fail_seed(seed, "the stated length starts");
    d.set.max_model_len_tok = len + 1;
    if (run(&d, &beyond) && beyond.fits) fail_seed(seed, "one token more does not");
  });
}

static void layers_and_padding_fill_the_groups(void **state)
{
  (void)state;
  FOR_SEEDS({
    size_t layers = 0;
    for (size_t i = 0; i < m.layout.n_specs; i++) layers += m.layout.specs[i].layers;
    if (layers + m.layout.padding_layers != m.layout.n_groups * m.layout.group_layers)
      fail_seed(seed, "groups x size = layers + padding");
  });
}

static void the_range_brackets_the_point(void **state)
{
  (void)state;
  FOR_SEEDS({
    if (!(m.available_kv_bytes.low <= m.available_kv_bytes.value &&
          m.available_kv_bytes.value <= m.available_kv_bytes.high &&
          m.tokens.low <= m.tokens.value && m.tokens.value <= m.tokens.high))
      fail_seed(seed, "low <= value <= high");
  });
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_byte_of_the_gpu_is_accounted_for),
      cmocka_unit_test(more_memory_never_holds_fewer_tokens),
      cmocka_unit_test(more_sequences_never_leave_more_kv),
      cmocka_unit_test(longer_context_never_raises_concurrency),
      cmocka_unit_test(the_longest_length_that_fits_is_exact),
      cmocka_unit_test(layers_and_padding_fill_the_groups),
      cmocka_unit_test(the_range_brackets_the_point),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
