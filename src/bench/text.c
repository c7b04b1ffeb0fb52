/* text.c - byte order marks, UTF-16, lines.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <string.h>

bool bench_same(const char *text, size_t len, const char *word)
{
  return strlen(word) == len && memcmp(text, word, len) == 0;
}

const char *bench_find(const char *text, size_t len, const char *needle)
{
  const size_t n = strlen(needle);
  const char *end = text + len;
  while ((size_t)(end - text) >= n) {
    const char *at = memchr(text, needle[0], (size_t)(end - text) - n + 1);
    if (at == NULL) return NULL;
    if (memcmp(at, needle, n) == 0) return at;
    text = at + 1;
  }
  return NULL;
}

bool bench_has(const char *text, size_t len, const char *needle)
{
  return bench_find(text, len, needle) != NULL;
}

/* Two bytes of UTF-16 at a time; pairs that do not fit become '?'. */
static kvc_code from_utf16(struct bench *b, const unsigned char *in, size_t len, bool big)
{
  char *out = kvc_arena_alloc(b->arena, len / 2 * 3 + 4, 1);
  if (out == NULL) return kvc_arena_full(b->arena, b->where, b->err);
  size_t n = 0;
  for (size_t i = 0; i + 1 < len; i += 2) {
    uint32_t c =
        big ? (uint32_t)in[i] << 8 | in[i + 1] : (uint32_t)in[i + 1] << 8 | in[i];
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < len) {
      const uint32_t low = big ? (uint32_t)in[i + 2] << 8 | in[i + 3]
                               : (uint32_t)in[i + 3] << 8 | in[i + 2];
      if (low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        i += 2;
      }
    }
    if (c >= 0xD800 && c < 0xE000) c = '?';
    if (c < 0x80) {
      out[n++] = (char)c;
    } else if (c < 0x800) {
      out[n++] = (char)(0xC0 | c >> 6);
      out[n++] = (char)(0x80 | (c & 0x3F));
    } else {
      if (c >= 0x10000) {
        out[n++] = (char)(0xF0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3F));
      } else {
        out[n++] = (char)(0xE0 | c >> 12);
      }
      out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
      out[n++] = (char)(0x80 | (c & 0x3F));
    }
  }
  b->text = out;
  b->len = n;
  return KVC_E_OK;
}

kvc_code bench_decode(struct bench *b, const char *text, size_t len)
{
  const unsigned char *u = (const unsigned char *)text;
  b->text = text;
  b->len = len;
  if (len >= 3 && u[0] == 0xEF && u[1] == 0xBB && u[2] == 0xBF) {
    b->text += 3;
    b->len -= 3;
  } else if (len >= 4 && ((u[0] == 0xFF && u[1] == 0xFE && u[2] == 0 && u[3] == 0) ||
                          (u[0] == 0 && u[1] == 0 && u[2] == 0xFE && u[3] == 0xFF))) {
    return kvc_fail(b->err, KVC_E_UNSUPPORTED, b->where,
                    "the file is UTF-32; save it as UTF-8");
  } else if (len >= 2 && u[0] == 0xFF && u[1] == 0xFE) {
    return from_utf16(b, u + 2, len - 2, false);
  } else if (len >= 2 && u[0] == 0xFE && u[1] == 0xFF) {
    return from_utf16(b, u + 2, len - 2, true);
  }
  return KVC_E_OK;
}

bool bench_line(const struct bench *b, size_t *at, struct bench_line *line)
{
  if (*at >= b->len) return false;
  const size_t from = *at;
  size_t to = from;
  while (to < b->len && b->text[to] != '\n' && b->text[to] != '\r') to++;
  *line = (struct bench_line){b->text + from, to - from};
  if (to < b->len)
    to += b->text[to] == '\r' && to + 1 < b->len && b->text[to + 1] == '\n';
  *at = to + 1;
  return true;
}

struct bench_line bench_trim(struct bench_line line)
{
  while (line.len > 0 && (line.text[0] == ' ' || line.text[0] == '\t'))
    line.text++, line.len--;
  while (line.len > 0 &&
         (line.text[line.len - 1] == ' ' || line.text[line.len - 1] == '\t'))
    line.len--;
  return line;
}
