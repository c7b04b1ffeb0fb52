/* fetch.c - GET with limits: time, size, redirects, and a way to break off.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fetch_room.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef KVC_VERSION
#define KVC_VERSION "0.0.0"
#endif

static const double default_timeout_s = 10, longest_timeout_s = 86400;
static const double longest_connect_s = 5;
enum { DEFAULT_MAX_BYTES = 64 << 20, POLL_MS = 50 };

/* ---- callbacks ----------------------------------------------------------------- */

/* Sees the body as it comes out of decompression. */
static size_t take(char *bytes, size_t size, size_t count, void *ptr)
{
  struct kvc_fetch *fetch = ptr;
  const size_t len = size * count; /* size is 1, says libcurl */
  if (len > fetch->max_bytes - fetch->body.len) {
    fetch->too_large = true;
    return 0;
  }
  kvc_buf_add(&fetch->body, bytes, len);
  return fetch->body.full ? 0 : len;
}

static bool stopped(const struct kvc_fetch *fetch)
{
  return fetch->stop != NULL && *fetch->stop != 0;
}

static int progress(void *ptr, curl_off_t total, curl_off_t now, curl_off_t up_total,
                    curl_off_t up_now)
{
  (void)total, (void)now, (void)up_total, (void)up_now;
  return stopped(ptr) ? 1 : 0;
}

/* ---- opening ------------------------------------------------------------------- */

/* A header must not be able to start another one. */
static bool token_is_plain(const char *token)
{
  if (*token == '\0') return false;
  for (; *token != '\0'; token++)
    if (*token <= ' ' || *token > '~') return false;
  return true;
}

static kvc_code check(const struct kvc_fetch_options *o, struct kvc_err *err)
{
  if (!(o->timeout_s >= 0 && o->timeout_s <= longest_timeout_s))
    return kvc_fail(err, KVC_E_RANGE, "timeout", "is between 0 and %g seconds",
                    longest_timeout_s);
  if (o->token != NULL && !token_is_plain(o->token))
    return kvc_fail(err, KVC_E_USAGE, "token",
                    "a bearer token is one word of visible ASCII characters; this one is "
                    "empty or holds a space, a line break or another control character");
  return KVC_E_OK;
}

#define SET(option, value)                                                               \
  do {                                                                                   \
    if (rc == CURLE_OK) rc = curl_easy_setopt(fetch->easy, option, value);               \
  } while (0)

/* Nothing but http and https, at first and after a redirect. */
static CURLcode set_protocols(struct kvc_fetch *fetch)
{
  CURLcode rc = CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
  SET(CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  SET(CURLOPT_FOLLOWLOCATION, 1L);
  SET(CURLOPT_MAXREDIRS, (long)FETCH_MAX_REDIRECTS);
  return rc;
}

/* libcurl sends the token to the first host only: another host, port or protocol that a
 * redirect leads to does not get it (CURLOPT_UNRESTRICTED_AUTH stays off). */
static CURLcode set_trust(struct kvc_fetch *fetch, const struct kvc_fetch_options *o)
{
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (o->ca_file != NULL) SET(CURLOPT_CAINFO, o->ca_file);
  if (o->token != NULL) {
    SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    SET(CURLOPT_XOAUTH2_BEARER, o->token);
  }
  return rc;
}

static CURLcode set_transfer(struct kvc_fetch *fetch)
{
  const double connect_s =
      fetch->timeout_s < longest_connect_s ? fetch->timeout_s : longest_connect_s;
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_TIMEOUT_MS, (long)(fetch->timeout_s * 1000 + 0.5));
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_s * 1000 + 0.5));
  SET(CURLOPT_ACCEPT_ENCODING, "");
  SET(CURLOPT_USERAGENT, "kvcap/" KVC_VERSION);
  SET(CURLOPT_HTTPHEADER, fetch->headers);
  SET(CURLOPT_WRITEFUNCTION, take);
  SET(CURLOPT_WRITEDATA, (void *)fetch);
  SET(CURLOPT_XFERINFOFUNCTION, progress);
  SET(CURLOPT_XFERINFODATA, (void *)fetch);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_ERRORBUFFER, fetch->detail);
  return rc;
}

static CURLcode set_up(struct kvc_fetch *fetch, const struct kvc_fetch_options *o)
{
  fetch->easy = curl_easy_init();
  fetch->multi = curl_multi_init();
  fetch->headers = curl_slist_append(
      NULL, "Accept: text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0"
            ";q=0.8, text/plain;q=0.7, */*;q=0.1");
  if (fetch->easy == NULL || fetch->multi == NULL || fetch->headers == NULL)
    return CURLE_OUT_OF_MEMORY;
  CURLcode rc = set_transfer(fetch);
  if (rc == CURLE_OK) rc = set_protocols(fetch);
  if (rc == CURLE_OK) rc = set_trust(fetch, o);
  return rc;
}

kvc_code kvc_fetch_open(const struct kvc_fetch_options *options, struct kvc_fetch **out,
                        struct kvc_err *err)
{
  KVC_TRY(check(options, err));
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return kvc_fail(err, KVC_E_IO, NULL, "libcurl does not start");
  struct kvc_fetch *fetch = calloc(1, sizeof *fetch);
  if (fetch == NULL) {
    curl_global_cleanup();
    return kvc_fail(err, KVC_E_LIMIT, NULL, "there is no memory left");
  }
  /* 2^62 and more would overflow the buffer's doubling. */
  const size_t most = SIZE_MAX / 4;
  fetch->max_bytes = options->max_bytes > 0 ? options->max_bytes : DEFAULT_MAX_BYTES;
  if (fetch->max_bytes > most) fetch->max_bytes = most;
  fetch->timeout_s = options->timeout_s > 0 ? options->timeout_s : default_timeout_s;
  fetch->stop = options->stop;
  fetch->has_token = options->token != NULL;
  kvc_buf_init(&fetch->body, fetch->max_bytes + 1); /* and its NUL */
  const CURLcode rc = set_up(fetch, options);
  if (rc != CURLE_OK) {
    kvc_fetch_close(fetch);
    return kvc_fail(err, KVC_E_IO, NULL, "libcurl cannot be set up: %s",
                    curl_easy_strerror(rc));
  }
  *out = fetch;
  return KVC_E_OK;
}

void kvc_fetch_close(struct kvc_fetch *fetch)
{
  if (fetch == NULL) return;
  curl_easy_cleanup(fetch->easy);
  (void)curl_multi_cleanup(fetch->multi);
  curl_slist_free_all(fetch->headers);
  kvc_buf_clear(&fetch->body);
  free(fetch);
  curl_global_cleanup();
}

/* ---- getting ------------------------------------------------------------------- */

/* What became of the transfer once none is running. */
static CURLcode outcome(struct kvc_fetch *fetch)
{
  int left = 0;
  for (CURLMsg *m; (m = curl_multi_info_read(fetch->multi, &left)) != NULL;)
    if (m->msg == CURLMSG_DONE) return m->data.result;
  return CURLE_ABORTED_BY_CALLBACK;
}

/* curl_easy_perform looks up only once a second; this does twenty times. */
static CURLcode perform(struct kvc_fetch *fetch)
{
  if (curl_multi_add_handle(fetch->multi, fetch->easy) != CURLM_OK)
    return CURLE_FAILED_INIT;
  int running = 1;
  CURLMcode rc = CURLM_OK;
  while (rc == CURLM_OK && !stopped(fetch)) {
    rc = curl_multi_perform(fetch->multi, &running);
    if (running == 0) break;
    if (rc == CURLM_OK) rc = curl_multi_poll(fetch->multi, NULL, 0, POLL_MS, NULL);
  }
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  if (rc != CURLM_OK)
    result = rc == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
  else if (running == 0)
    result = outcome(fetch);
  (void)curl_multi_remove_handle(fetch->multi, fetch->easy);
  return result;
}

static kvc_code check_text(const struct kvc_fetch *fetch, const char *shown,
                           struct kvc_err *err)
{
  if (fetch->body.len == 0 || memchr(fetch->body.text, '\0', fetch->body.len) == NULL)
    return KVC_E_OK;
  return kvc_fail(err, KVC_E_IO, shown,
                  "the answer is not text; a page of metrics is, as vLLM's at /metrics");
}

kvc_code kvc_fetch_get(struct kvc_fetch *fetch, const char *url, const char **body,
                       size_t *len, struct kvc_err *err)
{
  char shown[FETCH_SHOWN];
  char *address = NULL;
  KVC_TRY(fetch_address(url, &address, shown, err));
  fetch->body.len = 0;
  fetch->body.full = false;
  fetch->too_large = false;
  fetch->detail[0] = '\0';
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_URL, address);
  curl_free(address);
  if (rc == CURLE_OK) rc = perform(fetch);
  if (rc != CURLE_OK) return fetch_explain(fetch, rc, shown, err);
  KVC_TRY(fetch_check_status(fetch, shown, err));
  KVC_TRY(check_text(fetch, shown, err));
  *body = fetch->body.len > 0 ? fetch->body.text : "";
  *len = fetch->body.len;
  return KVC_E_OK;
}
