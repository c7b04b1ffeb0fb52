/* utf16.c - pages that a Windows shell has redirected into a file.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"

bool prom_is_utf16(struct slice text)
{
  return text.len >= 2 &&
         (memcmp(text.at, "\xFF\xFE", 2) == 0 || memcmp(text.at, "\xFE\xFF", 2) == 0);
}

static unsigned unit_at(struct slice text, size_t i, bool big)
{
  const unsigned a = (unsigned char)text.at[i], b = (unsigned char)text.at[i + 1];
  return big ? a << 8 | b : b << 8 | a;
}

/* Code points beyond the first plane do not occur in metrics: '?' for their halves. */
size_t prom_from_utf16(struct slice text, char *out)
{
  const bool big = text.at[0] == '\xFE';
  size_t n = 0;
  for (size_t i = 2; i + 1 < text.len; i += 2) {
    const unsigned u = unit_at(text, i, big);
    if (u < 0x80) {
      out[n++] = (char)u;
    } else if (u < 0x800) {
      out[n++] = (char)(0xC0 | u >> 6);
      out[n++] = (char)(0x80 | (u & 0x3F));
    } else if (u >= 0xD800 && u < 0xE000) {
      out[n++] = '?';
    } else {
      out[n++] = (char)(0xE0 | u >> 12);
      out[n++] = (char)(0x80 | (u >> 6 & 0x3F));
      out[n++] = (char)(0x80 | (u & 0x3F));
    }
  }
  return n;
}
