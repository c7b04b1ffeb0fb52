/* launch.c - which kind of text it is, and which launch in it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_room.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *kvc_launch_format_name(enum kvc_launch_format format)
{
  static const char *const names[] = {"auto",    "command",    "script", "config",
                                      "compose", "kubernetes", "log"};
  return (size_t)format < sizeof names / sizeof names[0] ? names[format] : NULL;
}

void place_of(const struct kvc_launch_source *source, size_t at, int *line, int *col)
{
  *line = 1;
  *col = 1;
  for (size_t i = 0; i < at && i < source->len; i++) {
    if (source->text[i] == '\n') {
      ++*line;
      *col = 1;
    } else if (((unsigned char)source->text[i] & 0xC0) != 0x80) {
      ++*col;
    }
  }
}

bool launch_wanted(struct reading *r, size_t place, const char *program)
{
  if (r->seen++ != r->source->which || r->taken) return false;
  r->taken = true;
  r->out->program = program;
  place_of(r->source, place, &r->out->line, &r->out->col);
  return true;
}

/* "vllm/vllm-openai:v0.8.5-cu124" -> "0.8.5". */
void launch_version_of_image(struct reading *r, const char *image)
{
  if (image == NULL || r->out->version != NULL) return;
  const char *slash = strrchr(image, '/');
  const char *tag = strchr(slash != NULL ? slash : image, ':');
  if (tag == NULL || kvc_str_ifind(image, "vllm") == NULL) return;
  tag += tag[1] == 'v' ? 2 : 1;
  const size_t len = strspn(tag, "0123456789.");
  if (len < 3 || memchr(tag, '.', len) == NULL || tag[0] == '.') return;
  size_t end = len;
  if (strncmp(tag + len, "post", 4) == 0) end += 4 + strspn(tag + len + 4, "0123456789");
  while (end > 0 && tag[end - 1] == '.') end--;
  const char *text = kvc_arena_strndup(r->arena, tag, end);
  struct kvc_version v;
  if (text == NULL || kvc_version_parse(text, "image", &v, NULL) != KVC_E_OK) return;
  r->out->version = text;
  r->out->version_from = image;
}

/* ---- which kind ------------------------------------------------------------------ */

/* Whether some line starts with 'start'. */
static bool has_line(const struct kvc_launch_source *s, const char *start)
{
  const size_t n = strlen(start);
  for (size_t i = 0; i < s->len;) {
    if (s->len - i >= n && memcmp(s->text + i, start, n) == 0) return true;
    const char *end = memchr(s->text + i, '\n', s->len - i);
    if (end == NULL) return false;
    i = (size_t)(end - s->text) + 1;
  }
  return false;
}

static bool contains(const struct kvc_launch_source *s, const char *what)
{
  const size_t n = strlen(what);
  for (size_t i = 0; i + n <= s->len; i++) {
    const char *at = memchr(s->text + i, what[0], s->len - n + 1 - i);
    if (at == NULL) return false;
    if (memcmp(at, what, n) == 0) return true;
    i = (size_t)(at - s->text);
  }
  return false;
}

static bool has_suffix(const char *name, const char *end)
{
  const size_t n = name != NULL ? strlen(name) : 0, m = strlen(end);
  return n >= m && kvc_str_ieq(name + n - m, end);
}

/* The first line with something on it reads "key:" or "- ". */
static bool begins_like_yaml(const struct kvc_launch_source *s)
{
  size_t i = 0;
  while (i < s->len) {
    while (i < s->len && isspace((unsigned char)s->text[i])) i++;
    if (i == s->len || s->text[i] != '#') break;
    while (i < s->len && s->text[i] != '\n') i++;
  }
  size_t k = i;
  if (s->len - i >= 3 && memcmp(s->text + i, "---", 3) == 0) return true;
  while (k < s->len &&
         (isalnum((unsigned char)s->text[k]) || strchr("_-", s->text[k]) != NULL) &&
         s->text[k] != '\0')
    k++;
  return k > i && k < s->len && s->text[k] == ':' &&
         (k + 1 == s->len || isspace((unsigned char)s->text[k + 1]));
}

static enum kvc_launch_format guess(const struct kvc_launch_source *s)
{
  if (contains(s, "non-default args: {") || contains(s, "args: Namespace("))
    return KVC_LAUNCH_LOG;
  const bool yaml = has_suffix(s->where, ".yaml") || has_suffix(s->where, ".yml");
  if (yaml || begins_like_yaml(s)) {
    if (has_line(s, "apiVersion:") && has_line(s, "kind:")) return KVC_LAUNCH_KUBERNETES;
    if (has_line(s, "services:")) return KVC_LAUNCH_COMPOSE;
    return KVC_LAUNCH_CONFIG;
  }
  const char *newline = s->len > 0 ? memchr(s->text, '\n', s->len) : NULL;
  const bool one = newline == NULL || (size_t)(newline - s->text) + 1 == s->len;
  return one ? KVC_LAUNCH_COMMAND : KVC_LAUNCH_SCRIPT;
}

static kvc_code read_as(struct reading *r, enum kvc_launch_format format)
{
  const struct piece all = {r->source->text, r->source->len, NULL};
  switch (format) {
  case KVC_LAUNCH_CONFIG: return config_read(r);
  case KVC_LAUNCH_COMPOSE: return compose_read(r);
  case KVC_LAUNCH_KUBERNETES: return kubernetes_read(r);
  case KVC_LAUNCH_LOG: return log_read(r);
  case KVC_LAUNCH_AUTO:
  case KVC_LAUNCH_COMMAND:
  case KVC_LAUNCH_SCRIPT:
  case KVC_LAUNCH_FORMATS_: break;
  }
  return shell_read(r, all, NULL, 0);
}

static kvc_code nothing_there(const struct reading *r, enum kvc_launch_format format)
{
  static const char *const hints[KVC_LAUNCH_FORMATS_] = {
      [KVC_LAUNCH_AUTO] = "looked for vllm serve",
      [KVC_LAUNCH_CONFIG] =
          "a config file is a map of flags, such as tensor-parallel-size: 2",
      [KVC_LAUNCH_COMPOSE] = "no service has a vLLM image or a vllm serve command",
      [KVC_LAUNCH_KUBERNETES] = "no container has a vLLM image or a vllm serve command",
      [KVC_LAUNCH_LOG] =
          "no line with \"non-default args:\" or \"args: Namespace(\" is whole",
      [KVC_LAUNCH_COMMAND] =
          "looked for vllm serve, python -m vllm.entrypoints... and docker run",
      [KVC_LAUNCH_SCRIPT] =
          "looked for vllm serve, python -m vllm.entrypoints... and docker run"};
  const char *hint =
      (size_t)format < sizeof hints / sizeof hints[0] ? hints[format] : NULL;
  return kvc_fail(
      r->err, KVC_E_UNKNOWN, r->source->where,
      "no launch of vLLM is in it, read as %s: %s; --as reads it as something else",
      kvc_launch_format_name(format), hint != NULL ? hint : "");
}

kvc_code kvc_launch_parse(struct kvc_arena *arena, const struct kvc_engine *engine,
                          const struct kvc_launch_source *source, struct kvc_launch *out,
                          struct kvc_err *err)
{
  const size_t most = KVC_LAUNCH_MAX_BYTES;
  if (source->len > most)
    return kvc_fail(err, KVC_E_LIMIT, source->where, "is larger than %zu bytes", most);
  struct reading *r = kvc_arena_alloc(arena, 1, sizeof *r);
  struct kvc_launch *launch = kvc_arena_alloc(arena, 1, sizeof *launch);
  if (r == NULL || launch == NULL) return kvc_arena_full(arena, source->where, err);
  *r = (struct reading){
      .arena = arena, .engine = engine, .source = source, .out = launch, .err = err};
  const enum kvc_launch_format format =
      source->format == KVC_LAUNCH_AUTO ? guess(source) : source->format;
  KVC_TRY(read_as(r, format));
  if (!r->taken) return nothing_there(r, format);
  launch->format = format;
  launch->where = source->where;
  launch->text = source->text;
  launch->len = source->len;
  launch->n_commands = r->seen;
  const struct kvc_launch_arg *model = kvc_launch_arg(launch, "model");
  launch->model = launch->positional_model;
  if (launch->model == NULL && model != NULL) launch->model = model->value;
  *out = *launch;
  return KVC_E_OK;
}

const struct kvc_launch_arg *kvc_launch_arg(const struct kvc_launch *launch,
                                            const char *key)
{
  for (size_t i = launch->n_args; i > 0; i--)
    if (launch->args[i - 1].key != NULL && strcmp(launch->args[i - 1].key, key) == 0)
      return &launch->args[i - 1];
  return NULL;
}

/* ---- edits ------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
  const struct kvc_edit *x = a, *y = b;
  if (x->at.at != y->at.at) return x->at.at < y->at.at ? -1 : 1;
  return x->at.len > y->at.len ? -1 : x->at.len < y->at.len ? 1 : 0;
}

kvc_code kvc_launch_edit(struct kvc_arena *arena, struct kvc_launch_text in,
                         const struct kvc_edit *edits, size_t n,
                         struct kvc_launch_text *out, struct kvc_err *err)
{
  size_t room = in.len + 1, used = 0, at = 0;
  struct kvc_edit *sorted = kvc_arena_alloc(arena, n + 1, sizeof *sorted);
  for (size_t i = 0; i < n; i++) room += strlen(edits[i].text);
  char *made = kvc_arena_alloc(arena, room, 1);
  if (sorted == NULL || made == NULL) return kvc_arena_full(arena, "the edits", err);
  if (n > 0) memcpy(sorted, edits, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_place);
  for (size_t i = 0; i < n; i++) {
    const struct kvc_span *span = &sorted[i].at;
    /* Inside one that was made, or the same one by way of a shared anchor. */
    if (span->at < at || span->at + span->len > in.len) continue;
    memcpy(made + used, in.text + at, span->at - at);
    used += span->at - at;
    const size_t more = strlen(sorted[i].text);
    memcpy(made + used, sorted[i].text, more);
    used += more;
    at = span->at + span->len;
  }
  memcpy(made + used, in.text + at, in.len - at);
  *out = (struct kvc_launch_text){made, used + in.len - at};
  return KVC_E_OK;
}
