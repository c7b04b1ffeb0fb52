/* str.c - bounded text, name matching, suggestions, UTF-8.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/str.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ASCII only: names and keys are compared the same in every locale. */
static int lower(int c)
{
  return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

void kvc_buf_init(struct kvc_buf *buf, size_t cap_bytes)
{
  *buf = (struct kvc_buf){.cap_bytes = cap_bytes};
}

void kvc_buf_clear(struct kvc_buf *buf)
{
  free(buf->text);
  *buf = (struct kvc_buf){.cap_bytes = buf->cap_bytes};
}

/* Room for 'more' further bytes and a NUL. */
static bool reserve(struct kvc_buf *buf, size_t more)
{
  if (buf->full || more >= buf->cap_bytes || buf->len > buf->cap_bytes - more - 1) {
    buf->full = true;
    return false;
  }
  const size_t need = buf->len + more + 1;
  if (need <= buf->room) return true;
  size_t room = buf->room < 256 ? 256 : buf->room * 2;
  if (room < need) room = need;
  char *text = realloc(buf->text, room);
  if (text == NULL) {
    buf->full = true;
    return false;
  }
  buf->text = text;
  buf->room = room;
  return true;
}

void kvc_buf_add(struct kvc_buf *buf, const char *text, size_t len)
{
  if (!reserve(buf, len)) return;
  memcpy(buf->text + buf->len, text, len);
  buf->len += len;
  buf->text[buf->len] = '\0';
}

void kvc_buf_puts(struct kvc_buf *buf, const char *text)
{
  kvc_buf_add(buf, text, strlen(text));
}

void kvc_buf_printf(struct kvc_buf *buf, const char *fmt, ...)
{
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  const int len = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (len >= 0 && reserve(buf, (size_t)len)) {
    (void)vsnprintf(buf->text + buf->len, (size_t)len + 1, fmt, again);
    buf->len += (size_t)len;
  }
  va_end(again);
}

void kvc_name_normalize(const char *name, char *out, size_t room)
{
  size_t n = 0;
  if (room == 0) return;
  for (const char *p = name; *p != '\0' && n + 1 < room; p++) {
    if (*p == ' ' || *p == '_' || *p == '-') continue;
    out[n++] = (char)lower((unsigned char)*p);
  }
  out[n] = '\0';
}

static const char *skip_separators(const char *p)
{
  while (*p == ' ' || *p == '_' || *p == '-') p++;
  return p;
}

bool kvc_name_equal(const char *a, const char *b)
{
  for (;;) {
    a = skip_separators(a);
    b = skip_separators(b);
    if (lower((unsigned char)*a) != lower((unsigned char)*b)) return false;
    if (*a == '\0') return true;
    a++;
    b++;
  }
}

enum { EDIT_MAX = 128 };

/* Restricted Damerau-Levenshtein over two rows back; names longer than EDIT_MAX
 * never match anything a person mistyped. */
int kvc_edit_distance(const char *a, const char *b, int limit)
{
  const size_t na = strlen(a), nb = strlen(b);
  const size_t gap = na > nb ? na - nb : nb - na;
  if (na > EDIT_MAX || nb > EDIT_MAX || (int)gap > limit) return limit + 1;
  int rows[3][EDIT_MAX + 1];
  for (size_t j = 0; j <= nb; j++) rows[0][j] = (int)j;
  for (size_t i = 1; i <= na; i++) {
    int *now = rows[i % 3];
    const int *up = rows[(i - 1) % 3];
    const int *up2 = rows[(i + 1) % 3];
    int best = now[0] = (int)i;
    for (size_t j = 1; j <= nb; j++) {
      const int same = lower((unsigned char)a[i - 1]) == lower((unsigned char)b[j - 1]);
      int v = up[j - 1] + (same ? 0 : 1);
      if (up[j] + 1 < v) v = up[j] + 1;
      if (now[j - 1] + 1 < v) v = now[j - 1] + 1;
      if (i > 1 && j > 1 &&
          lower((unsigned char)a[i - 1]) == lower((unsigned char)b[j - 2]) &&
          lower((unsigned char)a[i - 2]) == lower((unsigned char)b[j - 1]) &&
          up2[j - 2] + 1 < v)
        v = up2[j - 2] + 1;
      now[j] = v;
      if (v < best) best = v;
    }
    if (best > limit) return limit + 1;
  }
  const int d = rows[na % 3][nb];
  return d > limit ? limit + 1 : d;
}

/* Lower is better; a name that contains the other, or starts like it, is closer
 * than its length says.  -1 = not close. */
static int closeness(const char *name, const char *candidate)
{
  const size_t n = strlen(name);
  const int limit = n <= 3 ? 1 : n <= 8 ? 2 : (int)(n / 4 < 6 ? n / 4 : 6);
  const int d = kvc_edit_distance(name, candidate, limit);
  if (d <= limit) return d * 4;
  if (n >= 3 && kvc_str_istarts(candidate, name)) return 9;
  if (n >= 4 && kvc_str_ifind(candidate, name) != NULL) return 17;
  return -1;
}

size_t kvc_did_you_mean(const char *name, const char *const *names, size_t count,
                        size_t *out, size_t room)
{
  enum { ROOM = 16 };
  int score[ROOM];
  size_t n = 0;
  if (room > ROOM) room = ROOM;
  for (size_t i = 0; i < count; i++) {
    const int s = closeness(name, names[i]);
    bool listed = false;
    for (size_t k = 0; k < n; k++)
      listed = listed || strcmp(names[out[k]], names[i]) == 0;
    if (s < 0 || listed) continue;
    size_t at = n;
    while (at > 0 && score[at - 1] > s) at--;
    if (at >= room) continue;
    if (n < room) n++;
    for (size_t k = n - 1; k > at; k--) {
      score[k] = score[k - 1];
      out[k] = out[k - 1];
    }
    score[at] = s;
    out[at] = i;
  }
  return n;
}

bool kvc_str_ieq(const char *a, const char *b)
{
  while (*a != '\0' && lower((unsigned char)*a) == lower((unsigned char)*b)) {
    a++;
    b++;
  }
  return *a == '\0' && *b == '\0';
}

bool kvc_str_istarts(const char *text, const char *prefix)
{
  while (*prefix != '\0') {
    if (lower((unsigned char)*text) != lower((unsigned char)*prefix)) return false;
    text++;
    prefix++;
  }
  return true;
}

const char *kvc_str_ifind(const char *text, const char *needle)
{
  for (; *text != '\0'; text++)
    if (kvc_str_istarts(text, needle)) return text;
  return *needle == '\0' ? text : NULL;
}

/* Length of the sequence that starts with 'c', 0 = never a start; *min is the
 * smallest code point it may hold (shorter forms are overlong). */
static size_t sequence(unsigned char c, uint32_t *min)
{
  if (c < 0x80) return *min = 0, 1;
  if (c >= 0xC2 && c <= 0xDF) return *min = 0x80, 2;
  if (c >= 0xE0 && c <= 0xEF) return *min = 0x800, 3;
  if (c >= 0xF0 && c <= 0xF4) return *min = 0x10000, 4;
  return 0;
}

bool kvc_utf8_valid(const char *text, size_t len)
{
  const unsigned char *p = (const unsigned char *)text;
  for (size_t i = 0; i < len;) {
    uint32_t min = 0;
    const size_t n = sequence(p[i], &min);
    if (n == 0 || n > len - i) return false;
    uint32_t cp = n == 1 ? p[i] : p[i] & (0xFFu >> (n + 1));
    for (size_t k = 1; k < n; k++) {
      if ((p[i + k] & 0xC0) != 0x80) return false;
      cp = cp << 6 | (p[i + k] & 0x3Fu);
    }
    if (cp < min || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) return false;
    i += n;
  }
  return true;
}
