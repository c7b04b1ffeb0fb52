/* close.h - floating-point equality for tests, in double.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cmocka's assert_float_equal casts to float; this does not, and prints both values.
 */
#ifndef KVC_TESTS_CLOSE_H
#define KVC_TESTS_CLOSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

/* |got - want| <= rtol * |want|, or rtol where want is 0; equal infinities are close,
 * a NaN never is. */
static inline int close_to(double got, double want, double rtol)
{
  if (isinf(want)) return isinf(got) && (got > 0) == (want > 0);
  return fabs(got - want) <= rtol * (want < 0 || want > 0 ? fabs(want) : 1);
}

static inline void close_check(double got, double want, double rtol, const char *text,
                               const char *file, int line)
{
  if (close_to(got, want, rtol)) return;
  print_error("%s: got %.17g, want %.17g (rtol %g)\n", text, got, want, rtol);
  _fail(file, line);
}

/* Each argument is evaluated once. */
#define assert_close(got, want, rtol)                                                    \
  close_check((got), (want), (rtol), #got, __FILE__, __LINE__)

#endif
