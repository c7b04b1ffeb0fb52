/* trace.c - recorded loads.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/traffic.h>
kvc_code kvc_trace_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *path, const struct kvc_trace_options *options,
                        struct kvc_traffic *out, struct kvc_err *err)
{
  (void)arena, (void)text, (void)len, (void)options, (void)out;
  return kvc_fail(err, KVC_E_UNSUPPORTED, path, "Traces are not read yet.");
}
