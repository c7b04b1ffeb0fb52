/* version.h - release numbers of an inference server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepts what vLLM prints: "0.19.0", "v0.19", "0.8.5.post1",
 * "0.26.1rc1.dev156+g0eec856cc.d20260731", "0.1.dev18496+gd4e0675a7".
 * Pre-releases of X sort just below X; ".postN" above it.
 */
#ifndef KVCAP_VERSION_H
#define KVCAP_VERSION_H

#include <kvcap/err.h>
#include <stdbool.h>

struct kvc_version {
  int release[3];  /* major, minor, patch */
  int stage;       /* -1 pre-release (rc, dev, a, b), 0 release, 1 post */
  bool unreleased; /* "0.1.devN": a source build that does not say its release */
};

kvc_code kvc_version_parse(const char *text, const char *where, struct kvc_version *out,
                           struct kvc_err *err) KVC_MUST_USE;
int kvc_version_cmp(const struct kvc_version *a, const struct kvc_version *b);

/* Whether since <= v < until; NULL bounds are open.  A pre-release counts as the
 * release it leads to, because release candidates carry its code. */
bool kvc_version_in(const struct kvc_version *v, const struct kvc_version *since,
                    const struct kvc_version *until);

/* "0.19.0" (no stage). */
enum { KVC_VERSION_TEXT = 40 };
void kvc_version_format(const struct kvc_version *v, char out[KVC_VERSION_TEXT]);

#endif
