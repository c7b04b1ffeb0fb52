/* rng.h - random numbers that are the same bytes with every compiler and libm.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * xoshiro256** seeded through splitmix64.  A subsystem takes its own stream by name
 * ("arrivals", "prompt lengths"), so that drawing more in one never moves another.
 * The distributions use +, -, *, /, sqrt and integer operations only (and a log and an
 * exp made of them), which IEEE 754 fixes to the last bit.
 */
#ifndef KVCAP_RNG_H
#define KVCAP_RNG_H

#include <stdint.h>

struct kvc_rng {
  uint64_t s[4];
  double spare; /* the second normal of a pair */
  int have_spare;
};

void kvc_rng_init(struct kvc_rng *rng, uint64_t seed, const char *stream);

uint64_t kvc_rng_u64(struct kvc_rng *rng);
/* Uniform in (0, 1). */
double kvc_rng_unit(struct kvc_rng *rng);
/* Uniform in [0, n), without bias; 0 when n is 0. */
uint64_t kvc_rng_below(struct kvc_rng *rng, uint64_t n);
/* Exponential with mean 1; normal with mean 0 and deviation 1. */
double kvc_rng_exp(struct kvc_rng *rng);
double kvc_rng_normal(struct kvc_rng *rng);
/* Gamma with the given shape > 0 and scale 1 (mean = shape). */
double kvc_rng_gamma(struct kvc_rng *rng, double shape);

/* Natural log of x > 0, and e^x, to about 1e-15 relative; the same everywhere. */
double kvc_rng_log(double x);
double kvc_rng_expf(double x);

/* A good 64-bit mix: keys of hashes and streams. */
uint64_t kvc_rng_mix(uint64_t x);

#endif
