/* rng.c - xoshiro256** and distributions of exactly rounded operations.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/rng.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

uint64_t kvc_rng_mix(uint64_t x)
{
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

void kvc_rng_init(struct kvc_rng *rng, uint64_t seed, const char *stream)
{
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (const char *c = stream; *c != '\0'; c++)
    h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
  *rng = (struct kvc_rng){0};
  uint64_t x = kvc_rng_mix(seed) ^ h;
  for (size_t i = 0; i < 4; i++) {
    rng->s[i] = kvc_rng_mix(x);
    x += UINT64_C(0x9e3779b97f4a7c15);
  }
}

static uint64_t rotate(uint64_t x, int k)
{
  return (x << k) | (x >> (64 - k));
}

uint64_t kvc_rng_u64(struct kvc_rng *rng)
{
  uint64_t *s = rng->s;
  const uint64_t out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return out;
}

double kvc_rng_unit(struct kvc_rng *rng)
{
  return ((double)(kvc_rng_u64(rng) >> 12) + 0.5) * 0x1p-52;
}

uint64_t kvc_rng_below(struct kvc_rng *rng, uint64_t n)
{
  if (n == 0) return 0;
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  uint64_t x;
  do x = kvc_rng_u64(rng);
  while (x >= limit);
  return x % n;
}

/* x = m 2^e with m around 1; log m = 2 atanh((m-1)/(m+1)), |argument| < 0.172. */
double kvc_rng_log(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int e = (int)(bits >> 52) - 1023;
  bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  const double z = (m - 1) / (m + 1), w = z * z;
  double sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * w + 1.0 / k;
  return 2 * z * sum + e * 0.69314718055994531;
}

/* e^x = 2^n e^r with |r| <= ln 2 / 2. */
double kvc_rng_expf(double x)
{
  if (x < -700) return 0;
  if (x > 700) x = 700;
  const int n = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
  const double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  double sum = 1;
  for (int k = 16; k >= 1; k--) sum = sum * r / k + 1;
  const uint64_t bits = (uint64_t)(n + 1023) << 52;
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return sum * scale;
}

double kvc_rng_exp(struct kvc_rng *rng)
{
  return -kvc_rng_log(kvc_rng_unit(rng));
}

/* Marsaglia's polar method. */
double kvc_rng_normal(struct kvc_rng *rng)
{
  if (rng->have_spare) {
    rng->have_spare = 0;
    return rng->spare;
  }
  double u, v, r;
  do {
    u = 2 * kvc_rng_unit(rng) - 1;
    v = 2 * kvc_rng_unit(rng) - 1;
    r = u * u + v * v;
  } while (r >= 1 || r == 0);
  const double f = sqrt(-2 * kvc_rng_log(r) / r);
  rng->spare = v * f;
  rng->have_spare = 1;
  return u * f;
}

/* Marsaglia and Tsang (2000); a shape below 1 is boosted by u^(1/shape). */
double kvc_rng_gamma(struct kvc_rng *rng, double shape)
{
  if (shape < 1) {
    const double boost = kvc_rng_expf(kvc_rng_log(kvc_rng_unit(rng)) / shape);
    return kvc_rng_gamma(rng, shape + 1) * boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / (3 * sqrt(d));
  for (;;) {
    const double x = kvc_rng_normal(rng), t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t, u = kvc_rng_unit(rng);
    if (kvc_rng_log(u) < 0.5 * x * x + d - d * v + d * kvc_rng_log(v)) return d * v;
  }
}
