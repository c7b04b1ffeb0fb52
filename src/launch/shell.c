/* shell.c - shell text to the words of its simple commands.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Quotes, escapes, continued lines, comments, redirections and here-documents as POSIX
 * has them.  Nothing is expanded: what a variable holds is not known here.
 */
#include "launch_room.h"
#include <ctype.h>
#include <string.h>

size_t piece_place(const struct piece *piece, size_t i)
{
  return piece->at != NULL ? piece->at[i] : i;
}

static int peek(const struct shell *s, size_t ahead)
{
  return s->i + ahead < s->piece.len ? (unsigned char)s->piece.text[s->i + ahead] : -1;
}

static kvc_code put(struct shell *s, int c)
{
  struct reading *r = s->r;
  if (s->len + 1 >= s->room) {
    const size_t room = s->room == 0 ? 256 : 2 * s->room;
    char *text = kvc_arena_alloc(r->arena, room, 1);
    size_t *at = kvc_arena_alloc(r->arena, room, sizeof *at);
    if (text == NULL || at == NULL)
      return kvc_arena_full(r->arena, r->source->where, r->err);
    if (s->len > 0) {
      memcpy(text, s->text, s->len);
      memcpy(at, s->at, s->len * sizeof *at);
    }
    s->text = text;
    s->at = at;
    s->room = room;
  }
  s->at[s->len] = piece_place(&s->piece, s->i);
  s->text[s->len++] = (char)c;
  return KVC_E_OK;
}

/* The byte as it is, then on. */
static kvc_code keep(struct shell *s)
{
  KVC_TRY(put(s, peek(s, 0)));
  s->i++;
  return KVC_E_OK;
}

/* ${...} or $(...): everything up to the bracket that closes it. */
static kvc_code keep_bracket(struct shell *s, int open, int close)
{
  int deep = 0;
  do {
    const int c = peek(s, 0);
    if (c == open) deep++;
    if (c == close) deep--;
    KVC_TRY(keep(s));
  } while (deep > 0 && s->i < s->piece.len);
  return KVC_E_OK;
}

static kvc_code keep_variable(struct shell *s, struct word *w)
{
  const int next = peek(s, 1);
  if (next == '{' || next == '(') {
    w->variable = true;
    KVC_TRY(keep(s));
    return keep_bracket(s, next, next == '{' ? '}' : ')');
  }
  KVC_TRY(keep(s));
  if (next > 0 && strchr("@*#?$!-", next) != NULL) {
    w->variable = true;
    return keep(s);
  }
  if (isdigit(next)) {
    w->variable = true;
    return keep(s);
  }
  while (isalnum(peek(s, 0)) || peek(s, 0) == '_') {
    w->variable = true;
    KVC_TRY(keep(s));
  }
  return KVC_E_OK;
}

static kvc_code keep_backquotes(struct shell *s, struct word *w)
{
  w->variable = true;
  KVC_TRY(keep(s));
  while (s->i < s->piece.len && peek(s, 0) != '`') KVC_TRY(keep(s));
  return s->i < s->piece.len ? keep(s) : KVC_E_OK;
}

static bool continues(const struct shell *s)
{
  return peek(s, 0) == '\\' &&
         (peek(s, 1) == '\n' || (peek(s, 1) == '\r' && peek(s, 2) == '\n'));
}

static void skip_continuation(struct shell *s)
{
  s->i += peek(s, 1) == '\r' ? 3 : 2;
}

static kvc_code unclosed(struct shell *s, size_t at, const char *what)
{
  int line, col;
  place_of(s->r->source, piece_place(&s->piece, at), &line, &col);
  return kvc_fail_at(s->r->err, KVC_E_PARSE, s->r->source->where, line, col,
                     "the %s quote is not closed", what);
}

static kvc_code double_quotes(struct shell *s, struct word *w)
{
  const size_t start = s->i++;
  while (s->i < s->piece.len && peek(s, 0) != '"') {
    const int c = peek(s, 0), next = peek(s, 1);
    if (continues(s)) {
      skip_continuation(s);
    } else if (c == '\\' && next > 0 && strchr("\"\\$`", next) != NULL) {
      s->i++;
      KVC_TRY(keep(s));
    } else if (c == '$') {
      KVC_TRY(keep_variable(s, w));
    } else if (c == '`') {
      KVC_TRY(keep_backquotes(s, w));
    } else {
      KVC_TRY(keep(s));
    }
  }
  if (s->i >= s->piece.len) return unclosed(s, start, "double");
  s->i++;
  return KVC_E_OK;
}

static kvc_code single_quotes(struct shell *s)
{
  const size_t start = s->i++;
  while (s->i < s->piece.len && peek(s, 0) != '\'') KVC_TRY(keep(s));
  if (s->i >= s->piece.len) return unclosed(s, start, "single");
  s->i++;
  return KVC_E_OK;
}

static bool ends_word(int c)
{
  return c < 0 || strchr(" \t\r\n;&|<>()", c) != NULL;
}

/* One word; the place in the text is its first byte. */
static kvc_code read_word(struct shell *s, struct word *w)
{
  const size_t start = s->i;
  size_t variables = 0;
  bool brace = peek(s, 0) == '{', quoted = false, mixed = false;
  s->len = 0;
  while (!ends_word(peek(s, 0))) {
    const int c = peek(s, 0);
    if (continues(s)) {
      skip_continuation(s);
    } else if (c == '\\') {
      s->i++;
      if (s->i < s->piece.len) KVC_TRY(keep(s));
      mixed = true;
    } else if (c == '"') {
      if (s->i == start) brace = false;
      quoted = true;
      KVC_TRY(double_quotes(s, w));
    } else if (c == '\'') {
      if (s->i == start) brace = false;
      mixed = true;
      KVC_TRY(single_quotes(s));
    } else if (c == '$' && peek(s, 1) == '\'') {
      s->i++;
    } else if (c == '$') {
      variables++;
      KVC_TRY(keep_variable(s, w));
    } else if (c == '`') {
      variables++;
      KVC_TRY(keep_backquotes(s, w));
    } else {
      mixed = true;
      KVC_TRY(keep(s));
    }
  }
  KVC_TRY(put(s, '\0'));
  w->len = s->len - 1;
  w->from = piece_place(&s->piece, start);
  w->to = piece_place(&s->piece, s->i);
  w->at = s->at;
  w->text = s->text;
  w->only_variable =
      w->variable && !mixed && (variables == 1 || strchr(w->text, '@') != NULL);
  w->bare_json = brace && quoted;
  s->text = NULL; /* the word owns it now */
  s->at = NULL;
  s->room = 0;
  return KVC_E_OK;
}

/* ---- commands -------------------------------------------------------------------- */

static void skip_comment(struct shell *s)
{
  while (s->i < s->piece.len && peek(s, 0) != '\n') s->i++;
}

/* At the newline after a line with <<WORD: on to the line after WORD. */
static void skip_heredoc(struct shell *s)
{
  const char *word = s->heredoc;
  const size_t len = s->heredoc_len;
  s->heredoc = NULL;
  while (s->i < s->piece.len) {
    s->i++; /* the newline */
    size_t i = s->i, end = s->i;
    while (end < s->piece.len && s->piece.text[end] != '\n') end++;
    while (i < end && s->piece.text[i] == '\t') i++;
    size_t last = end;
    if (last > i && s->piece.text[last - 1] == '\r') last--;
    s->i = end;
    if (last - i == len && memcmp(s->piece.text + i, word, len) == 0) return;
  }
}

/* < > >> 2>&1 << <<<: the operator and the word it takes. */
static kvc_code redirection(struct shell *s, struct words *words)
{
  const bool here = peek(s, 0) == '<' && peek(s, 1) == '<' && peek(s, 2) != '<';
  if (words->n > 0) { /* the 2 of 2> */
    const struct word *last = &words->at[words->n - 1];
    if (last->to == piece_place(&s->piece, s->i) && last->len == 1 &&
        isdigit((unsigned char)last->text[0]))
      words->n--;
  }
  while (peek(s, 0) > 0 && strchr("<>&-", peek(s, 0)) != NULL) s->i++;
  while (peek(s, 0) == ' ' || peek(s, 0) == '\t') s->i++;
  if (ends_word(peek(s, 0))) return KVC_E_OK;
  struct word w = {0};
  KVC_TRY(read_word(s, &w));
  if (here) {
    s->heredoc = w.text;
    s->heredoc_len = w.len;
  }
  return KVC_E_OK;
}

kvc_code shell_next(struct shell *s, struct words *words, bool *more)
{
  words->n = 0;
  words->full = false;
  while (s->i < s->piece.len) {
    const int c = peek(s, 0);
    if (continues(s)) {
      skip_continuation(s);
    } else if (c == '\n' && s->heredoc != NULL) {
      skip_heredoc(s);
      if (words->n > 0) break;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      s->i++;
    } else if (c == '#') {
      skip_comment(s);
    } else if (c == '<' || c == '>' || (c == '&' && peek(s, 1) == '>')) {
      KVC_TRY(redirection(s, words));
    } else if (strchr("\n;&|()", c) != NULL && c != 0) {
      s->i++;
      if (words->n > 0) break;
    } else {
      struct word w = {0};
      KVC_TRY(read_word(s, &w));
      if (words->n < MAX_WORDS)
        words->at[words->n++] = w;
      else
        words->full = true;
    }
  }
  *more = words->n > 0;
  return KVC_E_OK;
}

/* "export X=1", with its line when it has one for itself. */
static struct kvc_span export_span(const struct reading *r, const struct words *words)
{
  const char *text = r->source->text;
  size_t from = words->at[0].from, to = words->at[1].to;
  size_t start = from, end = to;
  while (start > 0 && (text[start - 1] == ' ' || text[start - 1] == '\t')) start--;
  while (end < r->source->len && (text[end] == ' ' || text[end] == '\t')) end++;
  const bool alone = (start == 0 || text[start - 1] == '\n') && end < r->source->len &&
                     text[end] == '\n';
  if (alone) {
    from = start;
    to = end + 1;
  }
  return (struct kvc_span){from, to > from ? to - from : 0};
}

kvc_code shell_read(struct reading *r, struct piece piece, const char *image, int depth)
{
  struct shell *s = kvc_arena_alloc(r->arena, 1, sizeof *s);
  struct words *words = kvc_arena_alloc(r->arena, 1, sizeof *words);
  struct exported *env = kvc_arena_alloc(r->arena, 1, sizeof *env);
  if (s == NULL || words == NULL || env == NULL)
    return kvc_arena_full(r->arena, r->source->where, r->err);
  *s = (struct shell){.r = r, .piece = piece};
  for (;;) {
    bool more;
    KVC_TRY(shell_next(s, words, &more));
    if (!more) return KVC_E_OK;
    if (strcmp(words->at[0].text, "export") == 0) {
      for (size_t i = 1; i < words->n; i++) {
        struct kvc_launch_env one;
        if (env_of_word(r, &words->at[i], &one)) {
          if (words->n == 2) one.whole_at = export_span(r, words);
          env_add(env, &one);
        }
      }
      continue;
    }
    KVC_TRY(command_take(r, words, env, image, depth));
  }
}
