/* wrap.c - folding text at a width, counted in terminal columns.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "wrap.h"
#include "utf8.h"
#include <string.h>

enum { MAX_SAFE_BYTES = 1 << 16 };

/* Columns of text that is already safe. */
static int columns(const char *text, size_t len)
{
  int width = 0;
  for (size_t i = 0, n; i < len; i += n) width += utf8_width(utf8_next(text + i, &n));
  return width;
}

int page_width(const struct page *page, const char *text)
{
  struct kvc_buf safe;
  kvc_buf_init(&safe, MAX_SAFE_BYTES);
  kvc_escape_terminal(&safe, text, page->style->utf8);
  const int width = columns(safe.text != NULL ? safe.text : "", safe.len);
  kvc_buf_clear(&safe);
  return width;
}

void page_newline(struct page *page)
{
  kvc_buf_puts(page->buf, "\n");
  page->col = 0;
}

void page_to(struct page *page, int col)
{
  if (page->col > col) page_newline(page);
  kvc_buf_printf(page->buf, "%*s", col - page->col, "");
  page->col = col;
}

static void put(struct page *page, const char *text, size_t len)
{
  kvc_buf_add(page->buf, text, len);
  page->col += columns(text, len);
}

/* How many bytes of text[0..len) fit into 'width' columns; at least one character. */
static size_t fitting(const char *text, size_t len, int width)
{
  size_t n, fit = 0;
  int used = 0;
  while (fit < len) {
    used += utf8_width(utf8_next(text + fit, &n));
    if (used > width && fit > 0) break;
    fit += n;
  }
  return fit;
}

/* One word; wider than a line it is cut. */
static void put_word(struct page *page, const char *word, size_t len, int hang)
{
  const int limit = page->style->columns;
  while (page->col + columns(word, len) > limit) {
    const size_t n = fitting(word, len, limit - page->col);
    put(page, word, n);
    word += n;
    len -= n;
    if (len == 0) return;
    page_newline(page);
    page_to(page, hang);
  }
  put(page, word, len);
}

/* Length of the word at 'p'; a figure keeps its unit: "14.96 GiB", "30 %". */
static size_t word_len(const char *p)
{
  static const char *const units[] = {"%", "GiB", "MiB", "KiB", "B"};
  const size_t len = strcspn(p, " ");
  if (len == 0 || p[len] != ' ' || p[len - 1] < '0' || p[len - 1] > '9') return len;
  const char *next = p + len + 1;
  const size_t more = strcspn(next, " ");
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    const size_t n = strlen(units[i]);
    if (strncmp(next, units[i], n) == 0 && strspn(next + n, ".,;:)/") + n == more)
      return len + 1 + more;
  }
  return len;
}

void page_words(struct page *page, const char *text, int hang)
{
  struct kvc_buf safe;
  kvc_buf_init(&safe, MAX_SAFE_BYTES);
  kvc_escape_terminal(&safe, text, page->style->utf8);
  const char *p = safe.text != NULL ? safe.text : "";
  bool first = true;
  while (*p != '\0') {
    const size_t len = word_len(p);
    if (len > 0) {
      const int width = columns(p, len);
      const int need = width + (first ? 0 : 1);
      if (page->col + need > page->style->columns && page->col > hang) {
        page_newline(page);
        page_to(page, hang);
      } else if (!first) {
        put(page, " ", 1);
      }
      put_word(page, p, len, hang);
      first = false;
    }
    p += len;
    while (*p == ' ') p++;
  }
  kvc_buf_clear(&safe);
}

void page_cell(struct page *page, const char *text, int width)
{
  struct kvc_buf safe;
  kvc_buf_init(&safe, MAX_SAFE_BYTES);
  kvc_escape_terminal(&safe, text, page->style->utf8);
  const char *p = safe.text != NULL ? safe.text : "";
  const int whole = columns(p, safe.len);
  if (whole <= width) {
    put(page, p, safe.len);
  } else {
    const int head = (width - 3) / 2;
    put(page, p, fitting(p, safe.len, head));
    put(page, "...", 3);
    size_t from = safe.len;
    while (from > 0 && columns(p + from - 1, safe.len - from + 1) <= width - 3 - head)
      from--;
    while (((unsigned char)p[from] & 0xC0) == 0x80) from++;
    put(page, p + from, safe.len - from);
  }
  kvc_buf_clear(&safe);
}

/* Where a shell word ends: at a space outside single quotes. */
static size_t shell_word(const char *text)
{
  bool quoted = false;
  size_t n = 0;
  for (; text[n] != '\0' && (quoted || text[n] != ' '); n++) {
    if (!quoted && text[n] == '\\' && text[n + 1] != '\0')
      n++;
    else if (text[n] == '\'')
      quoted = !quoted;
  }
  return n;
}

/* A word too wide for a line, continued at column 0 with nothing in between, which
 * the shell joins again; a quote is closed before and opened after the break. */
static void put_long_word(struct page *page, const char *word, size_t len)
{
  const int limit = page->style->columns - 2;
  bool quoted = false;
  for (size_t i = 0, n; i < len; i += n) {
    const uint32_t cp = utf8_next(word + i, &n);
    if (!quoted && cp == '\\' && i + n < len) n++;
    if (page->col + columns(word + i, n) > limit) {
      put(page, quoted ? "'\\" : "\\", quoted ? 2 : 1);
      page_newline(page);
      if (quoted) put(page, "'", 1);
    }
    put(page, word + i, n);
    if (cp == '\'') quoted = !quoted;
  }
}

void page_command(struct page *page, const char *text, int hang)
{
  struct kvc_buf safe;
  kvc_buf_init(&safe, MAX_SAFE_BYTES);
  kvc_escape_terminal(&safe, text, page->style->utf8);
  const char *p = safe.text != NULL ? safe.text : "";
  const int limit = page->style->columns - 2; /* room for " \" */
  page_to(page, hang);
  bool first = true;
  while (*p != '\0') {
    size_t len = shell_word(p);
    /* An option and its value stay together. */
    if (p[0] == '-' && p[len] == ' ' && p[len + 1] != '-' && p[len + 1] != '\0')
      len += 1 + shell_word(p + len + 1);
    const int width = columns(p, len);
    if (!first && page->col + 1 + width > limit) {
      put(page, " \\", 2);
      page_newline(page);
      page_to(page, hang + 2);
    } else if (!first) {
      put(page, " ", 1);
    }
    if (page->col + width > limit)
      put_long_word(page, p, len);
    else
      put(page, p, len);
    first = false;
    p += len;
    while (*p == ' ') p++;
  }
  page_newline(page);
  kvc_buf_clear(&safe);
}
