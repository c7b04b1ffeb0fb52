/* launch_room.h - words with places, and who makes them; private to src/launch/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every reader brings the text down to words as the server would get them.  A word
 * keeps for each of its bytes where that byte is in the file, through any nesting of
 * YAML, shell and "sh -c".
 */
#ifndef LAUNCH_ROOM_H
#define LAUNCH_ROOM_H

#include <kvcap/launch.h>
#include <kvcap/str.h>

enum {
  MAX_WORDS = 1024,
  MAX_SHELL_DEPTH = 3,
  MAX_YAML_DEPTH = 48,
  MAX_YAML_NODES = 65536
};

/* A decoded text; at[i] is the place of byte i in the file, at[len] its end.  NULL =
 * the text is the file. */
struct piece {
  const char *text;
  size_t len;
  const size_t *at;
};

struct word {
  const char *text;
  size_t len;
  const size_t *at;   /* len + 1 places */
  size_t from, to;    /* in the file, quotes included */
  bool variable;      /* holds $X, ${X}, $(...) */
  bool only_variable; /* nothing but one unquoted or array expansion */
  bool bare_json;     /* an unquoted brace with quotes that the shell removes */
  bool item;          /* an item of a YAML block list, alone on its lines */
};

struct words {
  struct word at[MAX_WORDS];
  size_t n;
  bool full; /* there were more */
};

/* What a reader fills: the launch asked for, and how many it has seen. */
struct reading {
  struct kvc_arena *arena;
  const struct kvc_engine *engine;
  const struct kvc_launch_source *source;
  struct kvc_launch *out;
  size_t seen;
  bool taken; /* 'out' is filled */
  const char *image;
  struct kvc_err *err;
};

/* shell.c: one simple command after the other; false at the end. */
struct shell {
  struct reading *r;
  struct piece piece;
  size_t i;
  const char *heredoc; /* the word that ends the one that begins on the next line */
  size_t heredoc_len;
  char *text; /* the word being built, and the places of its bytes */
  size_t *at;
  size_t len, room;
};
/* One simple command; *more is false at the end. */
kvc_code shell_next(struct shell *shell, struct words *words, bool *more);
kvc_code shell_read(struct reading *r, struct piece piece, const char *image, int depth);
size_t piece_place(const struct piece *piece, size_t i);

/* command.c: a vLLM launch among the words of a simple command. */
struct exported { /* from the surroundings */
  struct kvc_launch_env env[KVC_LAUNCH_MAX_ENV];
  size_t n;
};
kvc_code command_take(struct reading *r, const struct words *w,
                      const struct exported *outer, const char *image, int depth);
/* A word NAME=value; false when it is none. */
bool env_of_word(struct reading *r, const struct word *word, struct kvc_launch_env *out);
void env_add(struct exported *env, const struct kvc_launch_env *one);

/* args.c: words[from..) become arguments of the launch. */
kvc_code args_take(struct reading *r, const struct words *words, size_t from, bool serve);
/* Counts a launch; true when it is the one to fill. */
bool launch_wanted(struct reading *r, size_t place, const char *program);
void launch_version_of_image(struct reading *r, const char *image);
void place_of(const struct kvc_launch_source *source, size_t at, int *line, int *col);
void arg_flag(struct reading *r, struct kvc_launch_arg *arg);

/* manifest.c, log.c */
kvc_code config_read(struct reading *r);
kvc_code compose_read(struct reading *r);
kvc_code kubernetes_read(struct reading *r);
kvc_code log_read(struct reading *r);

/* ---- tree.c: YAML with places and anchors --------------------------------------------
 */

enum yaml_type { YAML_T_SCALAR, YAML_T_LIST, YAML_T_MAP };

struct ynode {
  enum yaml_type type;
  const char *key; /* in a map */
  size_t key_from, key_to;
  const char *text; /* scalar */
  size_t len;
  bool plain, block; /* scalar: unquoted, | or >; collection: not in flow style */
  size_t from, to;   /* in the file */
  struct ynode *first, *last, *next;
  size_t count;
  const char *anchor;
};
/* An alias is a copy of the node that shares its children. */

struct ytree {
  struct ynode **documents;
  size_t n;
};
kvc_code tree_read(struct reading *r, struct ytree *out);
/* By key, looking into merges (<<); NULL. */
const struct ynode *tree_get(const struct ynode *map, const char *key);
/* A scalar as a piece whose bytes know their places. */
kvc_code tree_piece(struct reading *r, const struct ynode *scalar, struct piece *out);

#endif
