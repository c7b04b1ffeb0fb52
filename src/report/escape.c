/* escape.c - making text inert in JSON, YAML, a shell and on a terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "utf8.h"
#include <kvcap/num.h>
#include <kvcap/report.h>
#include <string.h>

/* Characters that steer a terminal or reorder what is shown. */
static bool is_control(uint32_t cp)
{
  return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0x061C || cp == 0x200E ||
         cp == 0x200F || (cp >= 0x2028 && cp <= 0x202E) ||
         (cp >= 0x2066 && cp <= 0x2069) || cp == 0xFEFF || cp == UTF8_INVALID;
}

void kvc_escape_json(struct kvc_buf *out, const char *text)
{
  kvc_buf_puts(out, "\"");
  for (size_t n; *text != '\0'; text += n) {
    const uint32_t cp = utf8_next(text, &n);
    if (cp == '"' || cp == '\\')
      kvc_buf_printf(out, "\\%c", (int)cp);
    else if (cp == '\n')
      kvc_buf_puts(out, "\\n");
    else if (cp == '\t')
      kvc_buf_puts(out, "\\t");
    else if (cp == UTF8_INVALID)
      kvc_buf_puts(out, "\\ufffd");
    else if (is_control(cp))
      kvc_buf_printf(out, "\\u%04x", (unsigned)cp);
    else
      kvc_buf_add(out, text, n);
  }
  kvc_buf_puts(out, "\"");
}

/* Words that some YAML reader takes for something else than text. */
static bool is_yaml_word(const char *text)
{
  static const char *const words[] = {"true", "false", "yes", "no",  "on",  "off",
                                      "null", "y",     "n",   "nan", "inf", "infinity"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (kvc_str_ieq(text, words[i])) return true;
  return false;
}

/* Whether text may stand without quotes: it starts with a letter and holds nothing
 * that YAML gives a meaning to. */
static bool is_yaml_plain(const char *text)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789 _./()+-=;%";
  const size_t len = strlen(text);
  if (len == 0 || len > 60 || strchr(letters, text[0]) == NULL) return false;
  if (strspn(text, inside) != len || text[len - 1] == ' ') return false;
  return !is_yaml_word(text);
}

/* A JSON string is a double-quoted YAML scalar. */
void kvc_escape_yaml(struct kvc_buf *out, const char *text)
{
  if (is_yaml_plain(text))
    kvc_buf_puts(out, text);
  else
    kvc_escape_json(out, text);
}

void kvc_escape_shell(struct kvc_buf *out, const char *word)
{
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_./:=,@%+-";
  if (*word != '\0' && word[strspn(word, safe)] == '\0') {
    kvc_buf_puts(out, word);
    return;
  }
  kvc_buf_puts(out, "'");
  for (; *word != '\0'; word++) {
    if (*word == '\'')
      kvc_buf_puts(out, "'\\''");
    else
      kvc_buf_add(out, word, 1);
  }
  kvc_buf_puts(out, "'");
}

/* What stands for a character where there is only ASCII: also for the axes, marks and
 * heights of plots. */
static const char *ascii_for(uint32_t cp)
{
  static const struct {
    uint32_t cp;
    const char *text;
  } rows[] = {
      {0xA0, " "},    {0xD7, "x"},   {0xB1, "+-"},   {0xB5, "u"},    {0xB7, "."},
      {0x2010, "-"},  {0x2011, "-"}, {0x2012, "-"},  {0x2013, "-"},  {0x2014, "-"},
      {0x2018, "'"},  {0x2019, "'"}, {0x201C, "\""}, {0x201D, "\""}, {0x2026, "..."},
      {0x2192, "->"}, {0x2248, "~"}, {0x2264, "<="}, {0x2265, ">="}, {0x3B5, "eps"},
      {0x2500, "-"},  {0x2502, "|"}, {0x2514, "+"},  {0x25CF, "*"},  {0x2581, "_"},
      {0x2582, "."},  {0x2583, ":"}, {0x2584, "-"},  {0x2585, "="},  {0x2586, "+"},
      {0x2587, "*"},  {0x2588, "#"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].cp == cp) return rows[i].text;
  return "?";
}

void kvc_escape_terminal(struct kvc_buf *out, const char *text, bool utf8)
{
  for (size_t n; *text != '\0'; text += n) {
    const uint32_t cp = utf8_next(text, &n);
    if (cp == UTF8_INVALID || (cp < 0x80 && is_control(cp)))
      kvc_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*text);
    else if (is_control(cp))
      kvc_buf_printf(out, "\\u%04x", (unsigned)cp);
    else if (cp >= 0x80 && !utf8)
      kvc_buf_puts(out, ascii_for(cp));
    else
      kvc_buf_add(out, text, n);
  }
}
