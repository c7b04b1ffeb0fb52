/* utf8.c - decoding code points and guessing their width.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "utf8.h"
#include <kvcap/str.h>
#include <string.h>

static size_t claimed_len(unsigned char c)
{
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return 2;
  if (c >= 0xE0 && c <= 0xEF) return 3;
  if (c >= 0xF0 && c <= 0xF4) return 4;
  return 0;
}

uint32_t utf8_next(const char *text, size_t *len)
{
  const unsigned char *p = (const unsigned char *)text;
  const size_t n = claimed_len(p[0]);
  *len = 1;
  if (n == 1) return p[0];
  if (n == 0 || strnlen(text, n) < n || !kvc_utf8_valid(text, n)) return UTF8_INVALID;
  uint32_t cp = p[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) cp = cp << 6 | (p[i] & 0x3Fu);
  *len = n;
  return cp;
}

struct span {
  uint32_t first, last;
};

static const struct span combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489},   {0x0591, 0x05BD}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x0E31, 0x0E31},   {0x0E34, 0x0E3A}, {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x200B, 0x200F},   {0x20D0, 0x20FF}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
};

static const struct span wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23F3},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},
    {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},
    {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x16FE0, 0x18CFF}, {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF},
    {0x1F18E, 0x1F19A}, {0x1F200, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static int in_spans(uint32_t cp, const struct span *spans, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (cp >= spans[i].first && cp <= spans[i].last) return 1;
  return 0;
}

int utf8_width(uint32_t cp)
{
  if (cp < 0x300) return 1;
  if (in_spans(cp, combining, sizeof combining / sizeof combining[0])) return 0;
  return in_spans(cp, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}
