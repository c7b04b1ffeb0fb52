/* fetch.h - a page from a running server, over HTTP(S).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: a client is opened and closed by the caller and keeps its connection; a body
 * is borrowed from the client until its next get.
 */
#ifndef KVCAP_FETCH_H
#define KVCAP_FETCH_H

#include <kvcap/err.h>
#include <stdbool.h>
#include <stddef.h>

struct kvc_fetch; /* opaque */

struct kvc_fetch_options {
  double timeout_s;         /* of the whole transfer, connection included; 0 = 10 */
  const char *token;        /* bearer token, NULL */
  const char *ca_file;      /* certificates to trust instead of the system's, NULL */
  size_t max_bytes;         /* of the body after decompression; 0 = 64 MiB */
  const volatile int *stop; /* becomes non-zero to break off (a signal), NULL */
};

/* Whether the word is an http:// or https:// address. */
bool kvc_fetch_is_url(const char *word);

kvc_code kvc_fetch_open(const struct kvc_fetch_options *options, struct kvc_fetch **out,
                        struct kvc_err *err) KVC_MUST_USE;
void kvc_fetch_close(struct kvc_fetch *fetch); /* NULL is fine */

/* GET.  A bare "http://host:8000" gets /metrics.  KVC_E_IO says in one sentence what
 * failed (name, connection, TLS, timeout, status) and what would help; the token never
 * appears in a message. */
kvc_code kvc_fetch_get(struct kvc_fetch *fetch, const char *url, const char **body,
                       size_t *len, struct kvc_err *err) KVC_MUST_USE;

#endif
