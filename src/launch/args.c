/* args.c - words become the arguments of a launch.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_room.h"
#include <ctype.h>
#include <string.h>

/* The catalogue's flag for arg->name; settles negation too. */
void arg_flag(struct reading *r, struct kvc_launch_arg *arg)
{
  const char *name = arg->name;
  if (name[0] != '-') { /* a key of a config file */
    name = kvc_arena_printf(r->arena, "--%s", name);
    if (name == NULL) return;
  }
  arg->flag = kvc_engine_flag_spelled(r->engine, name);
  if (arg->flag == NULL &&
      (strncmp(name, "--no-", 5) == 0 || strncmp(name, "--no_", 5) == 0)) {
    const char *positive = kvc_arena_printf(r->arena, "--%s", name + 5);
    if (positive != NULL) arg->flag = kvc_engine_flag_spelled(r->engine, positive);
    if (arg->flag != NULL) arg->negated = true;
  }
  if (arg->flag != NULL) arg->key = arg->flag->key;
}

static bool is_number(const char *word)
{
  return word[0] == '-' && (isdigit((unsigned char)word[1]) || word[1] == '.');
}

static bool is_option(const struct word *w)
{
  return w->text[0] == '-' && w->text[1] != '\0' && !is_number(w->text);
}

/* How many values may follow. */
static size_t most_values(const struct kvc_launch_arg *arg)
{
  enum { ANY = MAX_WORDS };
  if (arg->attached) return 0;
  if (arg->negated) return 0;
  if (arg->flag == NULL) return 1;
  if (strcmp(arg->flag->type, "bool") == 0) return 0;
  return strcmp(arg->flag->type, "list") == 0 && arg->field == NULL ? ANY : 1;
}

/* From the end of the word before to the end of the last word; items of a YAML list go
 * with their lines. */
static struct kvc_span whole_of(const struct reading *r, const struct words *w,
                                size_t first, size_t last)
{
  const char *text = r->source->text;
  size_t from = w->at[first].from, to = w->at[last].to;
  if (w->at[first].item) {
    while (from > 0 && text[from - 1] != '\n') from--;
    while (to < r->source->len && text[to] != '\n') to++;
    if (to < r->source->len) to++;
  } else if (first > 0 && w->at[first - 1].to <= from) {
    from = w->at[first - 1].to;
  } else if (last + 1 < w->n && w->at[last + 1].from >= to) {
    to = w->at[last + 1].from;
  }
  return (struct kvc_span){from, to > from ? to - from : 0};
}

/* The bytes of word[at..at+len) in the file, when they stand there as they are. */
static struct kvc_span plain_span(const struct reading *r, const struct word *w,
                                  size_t at, size_t len)
{
  if (len == 0) return (struct kvc_span){0, 0};
  const size_t from = w->at[at], to = w->at[at + len - 1] + 1;
  if (to < from || to - from != len || to > r->source->len ||
      memcmp(r->source->text + from, w->text + at, len) != 0)
    return (struct kvc_span){0, 0};
  return (struct kvc_span){from, len};
}

static kvc_code join_values(struct reading *r, const struct words *w, size_t first,
                            size_t n, struct kvc_launch_arg *arg)
{
  enum { MAX_JOINED = 1 << 16 };
  struct kvc_buf joined;
  kvc_buf_init(&joined, MAX_JOINED);
  for (size_t i = 0; i < n; i++) {
    const struct word *v = &w->at[first + i];
    if (i > 0) kvc_buf_puts(&joined, " ");
    kvc_buf_puts(&joined, v->text);
    arg->unresolved = arg->unresolved || v->variable;
    arg->bare_json = arg->bare_json || v->bare_json;
  }
  arg->value = kvc_arena_strdup(r->arena, joined.text != NULL ? joined.text : "");
  const bool full = joined.full;
  kvc_buf_clear(&joined);
  if (full)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where,
                    "the values of %.40s have more than %d bytes", arg->name, MAX_JOINED);
  return arg->value != NULL ? KVC_E_OK
                            : kvc_arena_full(r->arena, r->source->where, r->err);
}

/* The name of an option word: up to '=' and without ".field". */
static kvc_code name_of(struct reading *r, const struct word *w,
                        struct kvc_launch_arg *arg)
{
  const size_t end = strcspn(w->text, "=");
  size_t len = w->text[0] == '-' && w->text[1] == '-' ? strcspn(w->text, "=.") : end;
  if (w->text[0] == '-' && w->text[1] == 'O' && len > 2) len = 2; /* -O3, -O.mode */
  arg->name = kvc_arena_strndup(r->arena, w->text, len);
  if (arg->name == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  arg->name_at = plain_span(r, w, 0, len);
  if (w->text[len] == '.') {
    arg->field = kvc_arena_strndup(r->arena, w->text + len + 1, end - len - 1);
    if (arg->field == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  }
  if (w->text[end] == '=') {
    arg->attached = true;
    arg->value = w->text + end + 1;
    arg->n_values = 1;
    arg->value_at = plain_span(r, w, end + 1, w->len - end - 1);
  } else if (len == 2 && w->text[1] == 'O' && w->text[2] != '\0' && w->text[2] != '.') {
    arg->attached = true;
    arg->value = w->text + 2;
    arg->n_values = 1;
  }
  arg->unresolved = w->variable;
  arg_flag(r, arg);
  return KVC_E_OK;
}

static kvc_code take_option(struct reading *r, const struct words *w, size_t i,
                            size_t *used)
{
  struct kvc_launch *out = r->out;
  if (out->n_args == KVC_LAUNCH_MAX_ARGS)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where,
                    "a launch has more than %d arguments", KVC_LAUNCH_MAX_ARGS);
  struct kvc_launch_arg *arg = &out->args[out->n_args];
  *arg = (struct kvc_launch_arg){0};
  KVC_TRY(name_of(r, &w->at[i], arg));
  const size_t most = most_values(arg);
  size_t n = 0;
  while (n < most && i + 1 + n < w->n && !is_option(&w->at[i + 1 + n])) n++;
  if (n > 0) {
    KVC_TRY(join_values(r, w, i + 1, n, arg));
    arg->n_values = n;
    if (n == 1) arg->value_at = plain_span(r, &w->at[i + 1], 0, w->at[i + 1].len);
  }
  arg->bare_json = arg->bare_json || w->at[i].bare_json;
  arg->whole_at = whole_of(r, w, i, i + n);
  place_of(r->source, w->at[i].from, &arg->line, &arg->col);
  out->n_args++;
  *used = n + 1;
  return KVC_E_OK;
}

static void take_stray(struct reading *r, const struct words *w, size_t i)
{
  struct kvc_launch *out = r->out;
  if (w->at[i].only_variable) {
    out->more = true;
    return;
  }
  if (out->n_strays == KVC_LAUNCH_MAX_STRAYS) return;
  struct kvc_launch_arg *arg = &out->strays[out->n_strays++];
  *arg = (struct kvc_launch_arg){.name = "", .value = w->at[i].text};
  arg->unresolved = w->at[i].variable;
  arg->whole_at = whole_of(r, w, i, i);
  place_of(r->source, w->at[i].from, &arg->line, &arg->col);
}

kvc_code args_take(struct reading *r, const struct words *w, size_t from, bool serve)
{
  struct kvc_launch *out = r->out;
  size_t i = from;
  while (i < w->n) {
    const struct word *word = &w->at[i];
    if (word->text[0] == '-' && word->text[1] == '-' && word->text[2] == '\0') {
      i++;
    } else if (is_option(word)) {
      size_t used = 1;
      KVC_TRY(take_option(r, w, i, &used));
      i += used;
    } else {
      if (serve && out->positional_model == NULL && word->len > 0)
        out->positional_model = word->text;
      else
        take_stray(r, w, i);
      i++;
    }
  }
  return KVC_E_OK;
}
