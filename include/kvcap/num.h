/* num.h - numbers with units, as people write them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parsing is strict: the whole text must be consumed, NaN and infinities are
 * refused, the locale is never looked at.  On failure *err holds one sentence
 * ("80 is a size without a unit; write 80GB or 80GiB") and *out is untouched.
 */
#ifndef KVCAP_NUM_H
#define KVCAP_NUM_H

#include <kvcap/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A finite decimal number: "0.9", "1e-3", "-4". */
kvc_code kvc_num_parse(const char *text, const char *where, double *out,
                       struct kvc_err *err) KVC_MUST_USE;

/* A whole number within [min, max]. */
kvc_code kvc_num_parse_int(const char *text, const char *where, int64_t min, int64_t max,
                           int64_t *out, struct kvc_err *err) KVC_MUST_USE;

/* A token count in vLLM's spelling: "8192", "8k" = 8000, "8K" = 8192, "1.5k",
 * "1m" = 1000000, "1M" = 1048576.  (vLLM's human_readable_int.) */
kvc_code kvc_num_parse_tokens(const char *text, const char *where, int64_t *out,
                              struct kvc_err *err) KVC_MUST_USE;

/* Bytes: "80GB" (10^9), "79.2 GiB" (2^30), "512MiB", "1024B".  A bare number is
 * multiplied by 'bare_unit_bytes', or refused when that is 0. */
kvc_code kvc_num_parse_bytes(const char *text, const char *where, double bare_unit_bytes,
                             double *out, struct kvc_err *err) KVC_MUST_USE;

/* A value with one of the units that profiles use: bytes, bytes/s, FLOP/s, W.
 * 'kind' says which; result in SI base units. */
enum kvc_quantity { KVC_Q_BYTES, KVC_Q_BYTES_PER_S, KVC_Q_FLOPS, KVC_Q_WATT };
kvc_code kvc_num_parse_quantity(const char *text, const char *where,
                                enum kvc_quantity kind, double *out,
                                struct kvc_err *err) KVC_MUST_USE;

/* The number at the start of text[0..len), which needs no NUL: sign, digits, fraction,
 * exponent; also nan, inf and infinity in any case.  False, and the outputs untouched,
 * when there is none.  What is too large for a double is infinite. */
bool kvc_num_scan(const char *text, size_t len, double *out, size_t *used);

/* Writes the fewest digits that read back equal ("0.1", "68719476736"). */
enum { KVC_NUM_TEXT = 32 };
void kvc_num_format(double value, char out[KVC_NUM_TEXT]);

#define KVC_KIB 1024.0
#define KVC_MIB (1024.0 * 1024.0)
#define KVC_GIB (1024.0 * 1024.0 * 1024.0)

#endif
