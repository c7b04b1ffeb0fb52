/* tidy.h - what clang-tidy cannot see across files: a failure is never KVC_E_OK.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Included before every file that .ci/run analyses, but those that define these.
 */
#ifndef KVC_CI_TIDY_H
#define KVC_CI_TIDY_H

#include <kvcap/arena.h>
#include <kvcap/err.h>

#define kvc_fail(err, code, ...) ((void)(kvc_fail)(err, code, __VA_ARGS__), (code))
#define kvc_fail_at(err, code, ...) ((void)(kvc_fail_at)(err, code, __VA_ARGS__), (code))
#define kvc_arena_full(...) ((void)(kvc_arena_full)(__VA_ARGS__), KVC_E_LIMIT)

#endif
