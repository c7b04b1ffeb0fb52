/* url.c - what counts as an address.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/fetch.h>
#include <kvcap/str.h>

bool kvc_fetch_is_url(const char *word)
{
  return kvc_str_istarts(word, "http://") || kvc_str_istarts(word, "https://");
}
