/* url.c - what counts as an address, and which page it names.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "fetch_room.h"
#include <string.h>

bool kvc_fetch_is_url(const char *word)
{
  return kvc_str_istarts(word, "http://") || kvc_str_istarts(word, "https://");
}

/* A server without a page is asked for its metrics. */
static CURLUcode name_page(CURLU *u)
{
  char *path = NULL;
  CURLUcode rc = curl_url_get(u, CURLUPART_PATH, &path, 0);
  if (rc == CURLUE_OK && strcmp(path, "/") == 0)
    rc = curl_url_set(u, CURLUPART_PATH, "/metrics", 0);
  curl_free(path);
  return rc;
}

/* User, password and query may be secrets. */
static CURLUcode show(const CURLU *u, char shown[FETCH_SHOWN])
{
  static const CURLUPart secrets[] = {CURLUPART_USER, CURLUPART_PASSWORD,
                                      CURLUPART_OPTIONS, CURLUPART_QUERY,
                                      CURLUPART_FRAGMENT};
  CURLU *copy = curl_url_dup((CURLU *)u);
  if (copy == NULL) return CURLUE_OUT_OF_MEMORY;
  CURLUcode rc = CURLUE_OK;
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0] && rc == CURLUE_OK; i++)
    rc = curl_url_set(copy, secrets[i], NULL, 0);
  char *text = NULL;
  if (rc == CURLUE_OK) rc = curl_url_get(copy, CURLUPART_URL, &text, 0);
  if (rc == CURLUE_OK) {
    const size_t len = strlen(text) < FETCH_SHOWN ? strlen(text) : FETCH_SHOWN - 1;
    memcpy(shown, text, len);
    shown[len] = '\0';
  }
  curl_free(text);
  curl_url_cleanup(copy);
  return rc;
}

kvc_code fetch_address(const char *url, char **out, char shown[FETCH_SHOWN],
                       struct kvc_err *err)
{
  if (!kvc_fetch_is_url(url))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the address of a server starts with http:// or https://, as in "
                    "http://localhost:8000");
  CURLU *u = curl_url();
  if (u == NULL) return kvc_fail(err, KVC_E_LIMIT, NULL, "there is no memory left");
  CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, 0);
  if (rc == CURLUE_OK) rc = name_page(u);
  if (rc == CURLUE_OK) rc = show(u, shown);
  char *text = NULL;
  if (rc == CURLUE_OK) rc = curl_url_get(u, CURLUPART_URL, &text, 0);
  curl_url_cleanup(u);
  if (rc != CURLUE_OK)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the address cannot be read (%s); write it as in "
                    "http://localhost:8000/metrics",
                    curl_url_strerror(rc));
  *out = text;
  return KVC_E_OK;
}
