/* explain.c - what libcurl and the server say, as one sentence and what would help.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fetch_room.h"
#include <ctype.h>
#include <string.h>

struct cause {
  CURLcode code;
  const char *text;
};

static const struct cause causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST,
     "the name of the server is not known; check its spelling and the network"},
    {CURLE_COULDNT_RESOLVE_PROXY,
     "the name of the proxy is not known; check http_proxy and https_proxy"},
    {CURLE_COULDNT_CONNECT,
     "no server accepts connections there; check that it runs, and its port"},
    {CURLE_PEER_FAILED_VERIFICATION,
     "its certificate is not trusted; name the file of the certificate authority, or "
     "use the name that the certificate is for"},
    {CURLE_SSL_CACERT_BADFILE,
     "the file of certificate authorities cannot be read; it holds PEM certificates"},
    {CURLE_SSL_CONNECT_ERROR,
     "no TLS connection came about; a server without TLS has an http:// address"},
    {CURLE_TOO_MANY_REDIRECTS, "it redirects without end; give the address of the page"},
    {CURLE_UNSUPPORTED_PROTOCOL,
     "it answers neither in HTTP nor with a redirect to http or https; a server with "
     "TLS has an https:// address"},
    {CURLE_BAD_CONTENT_ENCODING, "the compressed answer is damaged"},
    {CURLE_GOT_NOTHING,
     "the server closed the connection without an answer; one with TLS has an https:// "
     "address"},
    {CURLE_PARTIAL_FILE, "the answer ended before it was complete; try again"},
    {CURLE_RECV_ERROR, "the connection broke while the answer came; try again, and a "
                       "server with TLS has an https:// address"},
    {CURLE_SEND_ERROR, "the connection broke while asking; try again"},
    {CURLE_OUT_OF_MEMORY, "there is no memory left"},
};

static kvc_code timed_out(const struct kvc_fetch *fetch, const char *shown,
                          struct kvc_err *err)
{
  curl_off_t connected = 0;
  if (curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connected) != CURLE_OK)
    connected = 0;
  if (connected == 0)
    return kvc_fail(err, KVC_E_IO, shown,
                    "no connection came about in time; check the host, the port and "
                    "firewalls between");
  return kvc_fail(err, KVC_E_IO, shown,
                  "the answer was not complete after %g s; the server is busy or stuck: "
                  "give it more time",
                  fetch->timeout_s);
}

/* libcurl's words, in one line of plain characters. */
static void plain(const char *in, char *out, size_t room)
{
  size_t n = 0;
  for (; *in != '\0' && n + 1 < room; in++)
    out[n++] = isprint((unsigned char)*in) ? *in : ' ';
  while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '.')) n--;
  out[n] = '\0';
}

kvc_code fetch_explain(const struct kvc_fetch *fetch, CURLcode rc, const char *shown,
                       struct kvc_err *err)
{
  if (fetch->too_large)
    return kvc_fail(err, KVC_E_LIMIT, shown,
                    "the answer is larger than the %zu bytes allowed; it is hardly a "
                    "page of metrics",
                    fetch->max_bytes);
  if (rc == CURLE_ABORTED_BY_CALLBACK)
    return kvc_fail(err, KVC_E_IO, shown, "broken off before the answer was complete");
  if (rc == CURLE_OPERATION_TIMEDOUT) return timed_out(fetch, shown, err);
  char detail[160];
  plain(fetch->detail[0] != '\0' ? fetch->detail : curl_easy_strerror(rc), detail,
        sizeof detail);
  for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
    if (causes[i].code == rc)
      return kvc_fail(err, KVC_E_IO, shown, "%s (%s)", causes[i].text, detail);
  return kvc_fail(err, KVC_E_IO, shown, "the page could not be fetched (%s)", detail);
}

static const char *status_help(const struct kvc_fetch *fetch, long status, bool moved)
{
  if (status == 401 || status == 403) {
    if (!fetch->has_token)
      return "it wants a bearer token, which was not given: the server's --api-key or "
             "VLLM_API_KEY";
    return moved
               ? "it redirects to another address, and the token is only for the first: "
                 "give the last one"
               : "the bearer token is not the one it wants";
  }
  if (status == 404)
    return "there is no such page; the metrics of vLLM are at /metrics of its HTTP port";
  if (status == 405) return "the page is not for reading";
  if (status == 407) return "the proxy wants a password";
  if (status == 429) return "too many requests: ask less often";
  if (status == 503)
    return "the server is not ready, or no server is behind the proxy: wait until it has "
           "started";
  if (status == 502 || status == 504)
    return "the proxy cannot reach the server: give the address of vLLM itself";
  return status >= 500 ? "the server failed: its log says why"
                       : "the server does not take the request";
}

kvc_code fetch_check_status(const struct kvc_fetch *fetch, const char *shown,
                            struct kvc_err *err)
{
  long status = 0, redirects = 0;
  if (curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
      curl_easy_getinfo(fetch->easy, CURLINFO_REDIRECT_COUNT, &redirects) != CURLE_OK)
    return kvc_fail(err, KVC_E_INTERNAL, shown, "libcurl does not tell the status");
  if (status >= 400)
    return kvc_fail(err, KVC_E_IO, shown, "the server answers with status %ld; %s",
                    status, status_help(fetch, status, redirects > 0));
  if (status >= 300)
    return kvc_fail(err, KVC_E_IO, shown,
                    "the server answers with status %ld and no page; give the address of "
                    "the page itself",
                    status);
  return KVC_E_OK;
}
