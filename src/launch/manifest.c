/* manifest.c - vLLM config files, docker-compose files and Kubernetes manifests.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_room.h"
#include <string.h>

/* ---- vLLM's own config ------------------------------------------------------------- */

/* Key and value with their lines, to the newline after the value. */
static struct kvc_span lines_of(const struct reading *r, size_t from, size_t to)
{
  const char *text = r->source->text;
  while (from > 0 && text[from - 1] != '\n') from--;
  while (to > from && (text[to - 1] == '\n' || text[to - 1] == '\r')) to--;
  while (to < r->source->len && text[to] != '\n') to++;
  if (to < r->source->len) to++;
  return (struct kvc_span){from, to - from};
}

static struct kvc_span exact(const struct reading *r, size_t from, size_t to,
                             const char *want)
{
  const size_t len = strlen(want);
  if (to - from != len || memcmp(r->source->text + from, want, len) != 0)
    return (struct kvc_span){0, 0};
  return (struct kvc_span){from, len};
}

/* A list joined by spaces, a map or list as it stands in the file. */
static const char *value_text(struct reading *r, const struct ynode *n)
{
  if (n->type == YAML_T_SCALAR) return n->text;
  if (n->type == YAML_T_MAP || n->first == NULL) return "{}";
  const char *joined = NULL;
  for (const struct ynode *i = n->first; i != NULL; i = i->next) {
    if (i->type != YAML_T_SCALAR) return "{}";
    joined =
        joined == NULL ? i->text : kvc_arena_printf(r->arena, "%s %s", joined, i->text);
    if (joined == NULL) return NULL;
  }
  return joined;
}

static kvc_code config_arg(struct reading *r, const struct ynode *n)
{
  struct kvc_launch *out = r->out;
  if (out->n_args == KVC_LAUNCH_MAX_ARGS)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where, "has more than %d settings",
                    KVC_LAUNCH_MAX_ARGS);
  struct kvc_launch_arg *arg = &out->args[out->n_args];
  *arg = (struct kvc_launch_arg){.name = n->key, .value = value_text(r, n)};
  if (arg->value == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  arg_flag(r, arg);
  arg->n_values = n->type == YAML_T_LIST ? n->count : 1;
  arg->unresolved = strstr(arg->value, "${") != NULL;
  arg->name_at = exact(r, n->key_from, n->key_to, n->key);
  if (n->type == YAML_T_SCALAR) arg->value_at = exact(r, n->from, n->to, n->text);
  arg->whole_at = lines_of(r, n->key_from, n->to > n->key_to ? n->to : n->key_to);
  place_of(r->source, n->key_from, &arg->line, &arg->col);
  if (n->type == YAML_T_SCALAR && n->plain && arg->flag != NULL &&
      strcmp(arg->flag->type, "bool") == 0) {
    if (strcmp(n->text, "false") == 0 || strcmp(n->text, "False") == 0)
      arg->negated = true;
    if (arg->negated || kvc_str_ieq(n->text, "true")) arg->value = NULL;
    if (arg->value == NULL) arg->n_values = 0;
  } else if (n->type == YAML_T_SCALAR && n->plain &&
             (n->len == 0 || strcmp(n->text, "null") == 0)) {
    return KVC_E_OK; /* nothing set */
  }
  out->n_args++;
  return KVC_E_OK;
}

/* Some other YAML is not taken for a config because it has keys. */
static bool is_config(struct reading *r, const struct ynode *root)
{
  if (root->type != YAML_T_MAP || root->first == NULL) return false;
  if (r->source->format == KVC_LAUNCH_CONFIG) return true;
  for (const struct ynode *n = root->first; n != NULL; n = n->next) {
    struct kvc_launch_arg arg = {.name = n->key};
    arg_flag(r, &arg);
    if (arg.flag != NULL || strcmp(n->key, "model_tag") == 0) return true;
  }
  return false;
}

kvc_code config_read(struct reading *r)
{
  struct ytree tree;
  KVC_TRY(tree_read(r, &tree));
  for (size_t i = 0; i < tree.n; i++) {
    const struct ynode *root = tree.documents[i];
    if (!is_config(r, root)) continue;
    if (!launch_wanted(r, root->from, "vllm serve --config")) continue;
    for (const struct ynode *n = root->first; n != NULL; n = n->next)
      KVC_TRY(config_arg(r, n));
    const struct kvc_launch_arg *tag = kvc_launch_arg(r->out, "model_tag");
    if (tag != NULL) r->out->positional_model = tag->value;
  }
  return KVC_E_OK;
}

/* ---- words out of lists --------------------------------------------------------------
 */

static bool has_variable(const char *text)
{
  for (const char *p = strchr(text, '$'); p != NULL; p = strchr(p + 1, '$')) {
    if (p[1] == '$') {
      p++;
      continue;
    }
    if (p[1] == '{' || p[1] == '(' || p[1] == '_' || (p[1] >= 'A' && p[1] <= 'Z') ||
        (p[1] >= 'a' && p[1] <= 'z'))
      return true;
  }
  return false;
}

/* "  - --flag": the item has its lines for itself. */
static bool alone(const struct reading *r, const struct ynode *n)
{
  const char *text = r->source->text;
  size_t i = n->from;
  bool dash = false;
  while (i > 0 && text[i - 1] != '\n') {
    i--;
    if (text[i] == '-' && !dash)
      dash = true;
    else if (text[i] != ' ' && text[i] != '\t')
      return false;
  }
  return dash;
}

static kvc_code add_scalar(struct reading *r, struct words *w, const struct ynode *n)
{
  struct piece piece;
  if (w->n == MAX_WORDS) {
    w->full = true;
    return KVC_E_OK;
  }
  KVC_TRY(tree_piece(r, n, &piece));
  struct word *word = &w->at[w->n++];
  *word = (struct word){.text = piece.text, .len = piece.len, .at = piece.at};
  word->from = n->from;
  word->to = n->to;
  word->variable = has_variable(n->text);
  word->item = alone(r, n);
  return KVC_E_OK;
}

/* A command as a list of words, or as one string that is split like a shell does. */
static kvc_code add_words(struct reading *r, struct words *w, const struct ynode *n,
                          bool split)
{
  if (n == NULL) return KVC_E_OK;
  if (n->type == YAML_T_LIST) {
    for (const struct ynode *i = n->first; i != NULL; i = i->next)
      if (i->type == YAML_T_SCALAR) KVC_TRY(add_scalar(r, w, i));
    return KVC_E_OK;
  }
  if (n->type != YAML_T_SCALAR) return KVC_E_OK;
  if (!split) return add_scalar(r, w, n);
  struct shell *s = kvc_arena_alloc(r->arena, 1, sizeof *s);
  struct words *part = kvc_arena_alloc(r->arena, 1, sizeof *part);
  if (s == NULL || part == NULL)
    return kvc_arena_full(r->arena, r->source->where, r->err);
  *s = (struct shell){.r = r};
  KVC_TRY(tree_piece(r, n, &s->piece));
  for (bool more = true; more;) {
    KVC_TRY(shell_next(s, part, &more));
    for (size_t i = 0; more && i < part->n; i++) {
      if (w->n == MAX_WORDS) {
        w->full = true;
        return KVC_E_OK;
      }
      w->at[w->n++] = part->at[i];
    }
  }
  return KVC_E_OK;
}

/* ---- environment ---------------------------------------------------------------------
 */

static void env_pair(struct reading *r, struct exported *env, const struct ynode *name,
                     const char *text, const struct ynode *value, struct kvc_span whole)
{
  struct kvc_launch_env one = {.name = text, .value = value != NULL ? value->text : NULL};
  const size_t from =
      name->key != NULL && name->key == text ? name->key_from : name->from;
  if (one.value != NULL) one.unresolved = has_variable(one.value);
  one.flag = kvc_engine_flag_spelled(r->engine, text);
  one.whole_at = whole;
  place_of(r->source, from, &one.line, &one.col);
  env_add(env, &one);
}

/* - NAME=value, NAME: value, or - {name: NAME, value: value}. */
static kvc_code env_read(struct reading *r, const struct ynode *n, struct exported *env)
{
  for (const struct ynode *i = n != NULL ? n->first : NULL; i != NULL; i = i->next) {
    const struct kvc_span none = {0, 0};
    const struct kvc_span lines =
        n->block ? lines_of(r, i->key != NULL ? i->key_from : i->from, i->to) : none;
    if (n->type == YAML_T_MAP && i->type == YAML_T_SCALAR) {
      env_pair(r, env, i, i->key, i, lines);
    } else if (n->type == YAML_T_LIST && i->type == YAML_T_MAP) {
      const struct ynode *name = tree_get(i, "name"), *value = tree_get(i, "value");
      if (name == NULL || name->type != YAML_T_SCALAR) continue;
      if (value != NULL && value->type != YAML_T_SCALAR) value = NULL;
      const size_t end = i->last != NULL ? i->last->to : i->to;
      env_pair(r, env, name, name->text, value,
               n->block ? lines_of(r, i->from, end) : none);
    } else if (n->type == YAML_T_LIST && i->type == YAML_T_SCALAR) {
      struct words *w = kvc_arena_alloc(r->arena, 1, sizeof *w);
      struct kvc_launch_env one;
      if (w == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
      KVC_TRY(add_scalar(r, w, i));
      if (!env_of_word(r, &w->at[0], &one)) continue;
      one.whole_at = lines;
      env_add(env, &one);
    }
  }
  return KVC_E_OK;
}

/* ---- containers ----------------------------------------------------------------------
 */

struct container {
  const struct ynode *entrypoint, *command, *env, *image;
  bool split; /* strings are split into words */
};

/* A word that nobody wrote, for the entrypoint of the image. */
static void implied(struct words *w, const char *text, size_t place)
{
  static const size_t zero[8] = {0};
  if (w->n == MAX_WORDS) return;
  w->at[w->n++] = (struct word){
      .text = text, .len = strlen(text), .at = zero, .from = place, .to = place};
}

static bool is_launch(const struct words *w)
{
  for (size_t i = 0; i < w->n; i++)
    if (strstr(w->at[i].text, "vllm") != NULL) return true;
  return false;
}

static kvc_code container_read(struct reading *r, const struct container *c)
{
  struct words *w = kvc_arena_alloc(r->arena, 1, sizeof *w);
  struct exported *env = kvc_arena_alloc(r->arena, 1, sizeof *env);
  if (w == NULL || env == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  const char *image =
      c->image != NULL && c->image->type == YAML_T_SCALAR ? c->image->text : NULL;
  KVC_TRY(env_read(r, c->env, env));
  KVC_TRY(add_words(r, w, c->entrypoint, c->split));
  const size_t own = w->n;
  KVC_TRY(add_words(r, w, c->command, c->split));
  const bool ours = image != NULL && kvc_str_ifind(image, "vllm") != NULL;
  if (own == 0 && w->n > 0 && ours && !is_launch(w)) {
    struct words *all = kvc_arena_alloc(r->arena, 1, sizeof *all);
    if (all == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
    const size_t place = w->at[0].from;
    implied(all, "vllm", place);
    implied(all, "serve", place);
    for (size_t i = 0; i < w->n && all->n < MAX_WORDS; i++) all->at[all->n++] = w->at[i];
    all->full = w->full;
    w = all;
  }
  return command_take(r, w, env, image, 0);
}

kvc_code compose_read(struct reading *r)
{
  struct ytree tree;
  KVC_TRY(tree_read(r, &tree));
  for (size_t i = 0; i < tree.n; i++) {
    const struct ynode *services = tree_get(tree.documents[i], "services");
    const struct ynode *s =
        services != NULL && services->type == YAML_T_MAP ? services->first : NULL;
    for (; s != NULL; s = s->next) {
      const struct container c = {tree_get(s, "entrypoint"), tree_get(s, "command"),
                                  tree_get(s, "environment"), tree_get(s, "image"), true};
      KVC_TRY(container_read(r, &c));
    }
  }
  return KVC_E_OK;
}

/* Every map with an image and a command or args is a container, wherever the kind of
 * object keeps it. */
static kvc_code find_containers(struct reading *r, const struct ynode *n, int depth,
                                size_t *budget)
{
  if (depth > MAX_YAML_DEPTH || *budget == 0) return KVC_E_OK;
  --*budget;
  if (n->type == YAML_T_SCALAR) return KVC_E_OK;
  const struct ynode *command = tree_get(n, "command"), *args = tree_get(n, "args");
  const struct ynode *image = tree_get(n, "image");
  const bool runs = (command != NULL && command->type == YAML_T_LIST) ||
                    (args != NULL && args->type == YAML_T_LIST);
  if (n->type == YAML_T_MAP && runs) {
    const struct container c = {command, args, tree_get(n, "env"), image, false};
    return container_read(r, &c);
  }
  for (const struct ynode *i = n->first; i != NULL; i = i->next)
    KVC_TRY(find_containers(r, i, depth + 1, budget));
  return KVC_E_OK;
}

kvc_code kubernetes_read(struct reading *r)
{
  struct ytree tree;
  size_t budget = (size_t)2 * MAX_YAML_NODES;
  KVC_TRY(tree_read(r, &tree));
  for (size_t i = 0; i < tree.n; i++)
    KVC_TRY(find_containers(r, tree.documents[i], 0, &budget));
  return KVC_E_OK;
}
