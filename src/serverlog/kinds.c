/* kinds.c - names of what a log tells of.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/serverlog.h>

const char *kvc_log_kind_name(enum kvc_log_kind kind)
{
  static const char *const names[] = {
      "preemption",           "out-of-memory",    "no-kv-memory",        "kv-too-small",
      "memory-in-use",        "engine-dead",      "prompt-refused",      "eager",
      "no-custom-all-reduce", "prefix-cache-off", "chunked-prefill-off", "kv-scales",
      "slow-tokenizer",       "untuned-moe"};
  _Static_assert(sizeof names / sizeof *names == KVC_LOG_KINDS_, "one name a kind");
  return (unsigned)kind < KVC_LOG_KINDS_ ? names[kind] : NULL;
}
