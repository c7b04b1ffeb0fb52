/* fetch_room.h - what the files behind kvc_fetch_get share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_FETCH_ROOM_H
#define KVC_FETCH_ROOM_H

#include <curl/curl.h>
#include <kvcap/fetch.h>
#include <kvcap/str.h>

enum { FETCH_MAX_REDIRECTS = 5, FETCH_SHOWN = 160 };

struct kvc_fetch {
  CURL *easy;
  CURLM *multi; /* keeps the connection between gets */
  struct curl_slist *headers;
  struct kvc_buf body;
  size_t max_bytes;
  const volatile int *stop;
  double timeout_s;
  bool has_token, has_ca;
  bool too_large;
  char detail[CURL_ERROR_SIZE]; /* libcurl's own words */
};

/* url.c: the address to get (for curl_free), and as messages show it: without password
 * and query. */
kvc_code fetch_address(const char *url, char **out, char shown[FETCH_SHOWN],
                       struct kvc_err *err) KVC_MUST_USE;

/* explain.c: sentences for what went wrong; 'shown' names the page. */
kvc_code fetch_explain(const struct kvc_fetch *fetch, CURLcode rc, const char *shown,
                       struct kvc_err *err) KVC_MUST_USE;
kvc_code fetch_check_status(const struct kvc_fetch *fetch, const char *shown,
                            struct kvc_err *err) KVC_MUST_USE;

#endif
