/* wide.c - a log in UTF-16, which is what PowerShell's > makes of any output.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "serverlog_room.h"

enum { CHUNK = 4096, WIDEST = 3 };

/* A unit as UTF-8; halves of surrogate pairs are not put together. */
static size_t put(unsigned unit, char *out)
{
  if (unit < 0x80) {
    out[0] = (char)unit;
    return 1;
  }
  if (unit < 0x800) {
    out[0] = (char)(0xC0 | unit >> 6);
    out[1] = (char)(0x80 | (unit & 0x3F));
    return 2;
  }
  if (unit >= 0xD800 && unit <= 0xDFFF) unit = 0xFFFD;
  out[0] = (char)(0xE0 | unit >> 12);
  out[1] = (char)(0x80 | (unit >> 6 & 0x3F));
  out[2] = (char)(0x80 | (unit & 0x3F));
  return 3;
}

static void narrow(struct kvc_log_reader *r, const char *bytes, size_t len)
{
  char out[CHUNK];
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)bytes[i];
    if (!r->has_wide_byte) {
      r->wide_byte = c;
      r->has_wide_byte = true;
      continue;
    }
    r->has_wide_byte = false;
    const unsigned low = r->wide == SLOG_LITTLE ? r->wide_byte : c;
    const unsigned high = r->wide == SLOG_LITTLE ? c : r->wide_byte;
    n += put(high << 8 | low, out + n);
    if (n + WIDEST > sizeof out) {
      slog_feed_bytes(r, out, n);
      n = 0;
    }
  }
  slog_feed_bytes(r, out, n);
}

bool slog_wide(struct kvc_log_reader *r, const char *bytes, size_t len)
{
  size_t at = 0;
  if (r->view.bytes == len) { /* the first piece */
    const unsigned char first = (unsigned char)bytes[0];
    if (first != 0xFF && first != 0xFE) return false;
    r->wide = SLOG_MAYBE_WIDE;
    r->wide_byte = first;
    at = 1;
  }
  if (r->wide == SLOG_BYTES) return false;
  if (r->wide == SLOG_MAYBE_WIDE && at < len) {
    const unsigned char second = (unsigned char)bytes[at];
    if ((r->wide_byte ^ second) != 1) { /* neither FF FE nor FE FF */
      const char first = (char)r->wide_byte;
      r->wide = SLOG_BYTES;
      slog_feed_bytes(r, &first, 1);
      slog_feed_bytes(r, bytes + at, len - at);
      return true;
    }
    r->wide = second == 0xFE ? SLOG_LITTLE : SLOG_BIG;
    at++;
  }
  if (at < len) narrow(r, bytes + at, len - at);
  return true;
}
