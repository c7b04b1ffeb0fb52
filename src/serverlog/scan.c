/* scan.c - finds all known messages in one pass.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Wu and Manber's search: a window as long as the shortest message slides over the text;
 * the three bytes at its end say how far it may jump.  Where they say nothing, the few
 * messages with these bytes at that place are compared.  The work per byte is bounded by
 * the messages, so any text is read in linear time.
 */
#include "serverlog_room.h"
#include <string.h>

enum { BLOCK = 3, NOBODY = 0xFF };

static unsigned hash(const char *at)
{
  const unsigned char *const p = (const unsigned char *)at;
  const uint32_t three = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
  return (three * 0x9E3779B1u) >> (32 - SLOG_HASH_BITS);
}

void slog_scanner_init(struct slog_scanner *s)
{
  s->messages = slog_messages(&s->n);
  s->window = SIZE_MAX;
  for (size_t i = 0; i < s->n; i++) {
    const size_t len = strlen(s->messages[i].text);
    s->len[i] = (uint8_t)len;
    if (len < s->window) s->window = len;
  }
  memset(s->shift, (int)(s->window - BLOCK + 1), sizeof s->shift);
  memset(s->head, NOBODY, sizeof s->head);
  for (size_t i = s->n; i > 0; i--) { /* the chains keep the order of the table */
    const char *const text = s->messages[i - 1].text;
    for (size_t k = 0; k + BLOCK <= s->window; k++) {
      const size_t jump = s->window - BLOCK - k;
      uint8_t *const shift = &s->shift[hash(text + k)];
      if (jump < *shift) *shift = (uint8_t)jump;
    }
    uint8_t *const head = &s->head[hash(text + s->window - BLOCK)];
    s->next[i - 1] = *head;
    *head = (uint8_t)(i - 1);
  }
}

size_t slog_scan(const struct slog_scanner *s, const char *text, size_t len, size_t from,
                 size_t *which)
{
  if (len < s->window) return SIZE_MAX;
  for (size_t i = from + s->window - BLOCK; i <= len - BLOCK;) {
    const unsigned h = hash(text + i);
    if (s->shift[h] != 0) {
      i += s->shift[h];
      continue;
    }
    const size_t start = i - (s->window - BLOCK);
    for (uint8_t m = s->head[h]; m != NOBODY; m = s->next[m]) {
      if (s->len[m] > len - start) continue;
      if (memcmp(text + start, s->messages[m].text, s->len[m]) != 0) continue;
      *which = m;
      return start;
    }
    i++;
  }
  return SIZE_MAX;
}
