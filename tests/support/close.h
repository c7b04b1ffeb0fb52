/* close.h - floating-point equality for tests, in double.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cmocka's assert_float_equal casts to float; this does not, and prints both values.
 */
#ifndef KVC_TESTS_CLOSE_H
#define KVC_TESTS_CLOSE_H

#include <math.h>
#include <stdio.h>

/* |got - want| <= rtol * |want| (or rtol where want is 0); NaN never passes. */
static inline int close_to(double got, double want, double rtol)
{
  const double scale = want == 0 ? 1 : fabs(want);
  if (fabs(got - want) <= rtol * scale) return 1;
  fprintf(stderr, "got %.17g, want %.17g (rtol %g)\n", got, want, rtol);
  return 0;
}

#define assert_close(got, want, rtol) assert_true(close_to((got), (want), (rtol)))

#endif
