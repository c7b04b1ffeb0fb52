/* text.c - small readers over text that has no end mark.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "serverlog_room.h"
#include <string.h>

enum { REACH = 4096 }; /* how far behind a message its labels are looked for */

size_t slog_find(const char *text, size_t len, size_t from, const char *what)
{
  const size_t n = strlen(what);
  while (from < len && len - from >= n) {
    const char *hit = memchr(text + from, what[0], len - from - n + 1);
    if (hit == NULL) break;
    from = (size_t)(hit - text);
    if (memcmp(hit, what, n) == 0) return from;
    from++;
  }
  return SIZE_MAX;
}

size_t slog_find_back(const char *text, size_t to, const char *what)
{
  const size_t n = strlen(what), least = to > SLOG_BACK ? to - SLOG_BACK : 0;
  for (size_t i = to; i >= least + n && i >= n; i--)
    if (text[i - n] == what[0] && memcmp(text + i - n, what, n) == 0) return i - n;
  return SIZE_MAX;
}

bool slog_starts(const char *text, size_t len, size_t at, const char *what)
{
  const size_t n = strlen(what);
  return at <= len && len - at >= n && memcmp(text + at, what, n) == 0;
}

/* Length of the escape sequence at text[0], which is ESC. */
static size_t escape_len(const char *text, size_t len)
{
  if (len < 2) return 1;
  if (text[1] != '[') return text[1] >= 0x20 && text[1] < 0x7F ? 2 : 1;
  size_t i = 2;
  while (i < len && text[i] >= 0x20 && text[i] <= 0x3F) i++;
  return i < len && text[i] >= 0x40 && text[i] <= 0x7E ? i + 1 : i;
}

/* Length of a hyperlink's or title's sequence (ESC ] ... BEL or ESC \); 0: it has no end
 * and *no_end says up to where that is known. */
static size_t command_len(const char *text, size_t at, size_t len, size_t *no_end)
{
  if (at < *no_end) return 0;
  for (size_t i = at + 2; i < len; i++) {
    if (text[i] == '\a') return i + 1 - at;
    if (text[i] != '\x1b') continue;
    if (i + 1 < len && text[i + 1] == '\\') return i + 2 - at;
    break;
  }
  *no_end = len;
  for (size_t i = at + 2; i < len; i++)
    if (text[i] == '\x1b') {
      *no_end = i;
      break;
    }
  return 0;
}

size_t slog_unescape(const char *text, size_t len, char *out)
{
  size_t n = 0, no_end = 0;
  for (size_t i = 0; i < len;) {
    if (text[i] != '\x1b') {
      const char *esc = memchr(text + i, '\x1b', len - i);
      const size_t plain = (esc != NULL ? (size_t)(esc - text) : len) - i;
      memcpy(out + n, text + i, plain);
      n += plain;
      i += plain;
      continue;
    }
    size_t skip = 0;
    if (i + 1 < len && text[i + 1] == ']') skip = command_len(text, i, len, &no_end);
    i += skip > 0 ? skip : escape_len(text + i, len - i);
  }
  return n;
}

/* Length of the character at text[0], 0 when it is no UTF-8. */
static size_t char_len(const char *text, size_t len)
{
  const unsigned char c = (unsigned char)text[0];
  const size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 0;
  return n > 0 && n <= len && kvc_utf8_valid(text, n) ? n : 0;
}

size_t slog_clean(const char *text, size_t len, char *out, size_t room)
{
  size_t used = 0;
  for (size_t i = 0; i < len;) {
    const size_t n = char_len(text + i, len - i);
    if (used + (n > 0 ? n : 1) > room - 1) break;
    if (n == 1)
      out[used] = (unsigned char)text[i] < 0x20 || text[i] == 0x7F ? ' ' : text[i];
    else if (n == 0)
      out[used] = '?';
    else
      memcpy(out + used, text + i, n);
    used += n > 0 ? n : 1;
    i += n > 0 ? n : 1;
  }
  while (used > 0 && out[used - 1] == ' ') used--;
  out[used] = '\0';
  return used;
}

bool slog_number(const struct slog_seg *s, size_t *at, double *out)
{
  size_t used;
  if (*at >= s->len || !kvc_num_scan(s->text + *at, s->len - *at, out, &used))
    return false;
  *at += used;
  return true;
}

bool slog_count(const struct slog_seg *s, size_t *at, double *out)
{
  double value = 0;
  size_t i = *at, group = 0;
  bool commas = false;
  for (; i < s->len; i++) {
    const char c = s->text[i];
    if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      group++;
    } else if (c == ',' && group > 0 && (commas ? group == 3 : group <= 3) &&
               i + 3 < s->len && s->text[i + 1] >= '0' && s->text[i + 1] <= '9') {
      commas = true;
      group = 0;
    } else {
      break;
    }
  }
  if (group == 0 || (commas && group != 3)) return false;
  *out = value;
  *at = i;
  return true;
}

bool slog_bytes(const struct slog_seg *s, size_t *at, double *out)
{
  static const struct {
    const char *unit;
    double factor;
  } units[] = {{"GiB", KVC_GIB},        {"GB", KVC_GIB}, {"Gib", KVC_GIB},
               {"MiB", KVC_MIB},        {"MB", KVC_MIB}, {"KiB", KVC_KIB},
               {"TiB", 1024 * KVC_GIB}, {"bytes", 1},    {"B", 1}};
  size_t i = *at;
  double value;
  if (!slog_number(s, &i, &value)) return false;
  (void)slog_skip(s, &i, " ");
  for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
    if (!slog_skip(s, &i, units[u].unit)) continue;
    *out = value * units[u].factor;
    *at = i;
    return true;
  }
  return false;
}

bool slog_skip(const struct slog_seg *s, size_t *at, const char *what)
{
  if (!slog_starts(s->text, s->len, *at, what)) return false;
  *at += strlen(what);
  return true;
}

static bool is_one_of(char c, const char *set)
{
  while (*set != '\0' && *set != c) set++;
  return *set != '\0';
}

bool slog_ends(const struct slog_seg *s, size_t at)
{
  if (at >= s->len) return !s->open;
  return is_one_of(s->text[at], " ,.;)]}'\"\t");
}

/* The part of the segment in which a message's labels stand. */
static size_t reach(const struct slog_seg *s, size_t at)
{
  return s->len - at > REACH ? at + REACH : s->len;
}

bool slog_labelled(const struct slog_seg *s, size_t at, const char *label, double *out)
{
  size_t i = slog_find(s->text, reach(s, at), at, label);
  if (i == SIZE_MAX) return false;
  i += strlen(label);
  return slog_bytes(s, &i, out);
}

bool slog_bytes_before(const struct slog_seg *s, size_t at, const char *label,
                       double *out)
{
  const size_t hit = slog_find(s->text, reach(s, at), at, label);
  if (hit == SIZE_MAX) return false;
  size_t i = hit;
  while (i > at && s->text[i - 1] == ' ') i--;
  while (i > at && is_one_of(s->text[i - 1], "0123456789.-")) i--;
  return slog_bytes(s, &i, out);
}
