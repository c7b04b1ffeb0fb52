/* report.h - results become documents; documents become text, JSON or YAML.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A document has two faces made from the same figures: a tree of named values
 * (what JSON and YAML print) and a list of blocks (what a person reads).  Blocks
 * get their numbers out of the tree, so every sink shows the same ones.  Sinks know
 * nothing but the document.
 *
 * Ownership: a document and all that hangs on it live in the arena it was made
 * with.  Building never fails half-way: once the arena is full the rest is dropped
 * and 'full' stays set, which the functions that return a kvc_code report.
 */
#ifndef KVCAP_REPORT_H
#define KVCAP_REPORT_H

#include <kvcap/arena.h>
#include <kvcap/compare.h>
#include <kvcap/engine.h>
#include <kvcap/size.h>
#include <kvcap/str.h>

/* ---- the tree ---------------------------------------------------------------- */

enum kvc_unit {
  KVC_U_NONE,   /* fewest digits that read back equal */
  KVC_U_BYTES,  /* 14.96 GiB */
  KVC_U_COUNT,  /* 425,632 or 137.5 */
  KVC_U_FRAC,   /* 0.189 -> 18.9 % */
  KVC_U_RATIO,  /* 51.96x */
  KVC_U_PARAMS, /* 8.03 B */
  KVC_U_USD_PER_H,
  KVC_U_USD /* 1,234.50; less than ten cents have a digit or two more */
};

enum kvc_node_kind {
  KVC_NODE_NULL,
  KVC_NODE_BOOL,
  KVC_NODE_NUM,
  KVC_NODE_TEXT,
  KVC_NODE_LIST,
  KVC_NODE_MAP
};

struct kvc_node {
  enum kvc_node_kind kind;
  enum kvc_unit unit;
  const char *key; /* NULL in a list */
  const char *text;
  double num;
  bool truth;
  struct kvc_node *first, *last, *next;
};

/* ---- the blocks -------------------------------------------------------------- */

enum kvc_tone {
  KVC_TONE_PLAIN,
  KVC_TONE_GOOD,
  KVC_TONE_BAD,
  KVC_TONE_WARN,
  KVC_TONE_DIM
};

enum kvc_block_kind {
  KVC_BLOCK_VERDICT, /* text: the first line */
  KVC_BLOCK_HEADING, /* text */
  KVC_BLOCK_PARA,    /* label (may be NULL) and wrapped text */
  KVC_BLOCK_ROW,     /* label, text, note: columns aligned with the rows around it */
  KVC_BLOCK_BAR,     /* segments of 'total' */
  KVC_BLOCK_ITEM,    /* label (a change), text (what it yields), note (why) */
  KVC_BLOCK_LINE,    /* text as it is, folded only when too long */
  KVC_BLOCK_CELLS,   /* the same with its spaces kept: columns made by the caller */
  KVC_BLOCK_COMMAND  /* text is a shell command, folded with backslashes */
};

/* A part of the memory bar; the enum orders colours and glyphs. */
enum kvc_part_kind {
  KVC_SEG_WEIGHTS,
  KVC_SEG_ACTIVATION,
  KVC_SEG_NON_TORCH,
  KVC_SEG_GRAPHS,
  KVC_SEG_KV,
  KVC_SEG_OTHERS,
  KVC_SEG_OUTSIDE,
  KVC_SEG_COUNT_
};

struct kvc_segment {
  enum kvc_part_kind kind;
  const char *label, *note;
  double bytes;
};

struct kvc_block {
  enum kvc_block_kind kind;
  enum kvc_tone tone;
  const char *label, *text, *note;
  const struct kvc_segment *segments;
  size_t n_segments;
  double total_bytes;
  struct kvc_block *next;
};

/* ---- a document -------------------------------------------------------------- */

struct kvc_doc {
  struct kvc_arena *arena;
  struct kvc_node *root; /* a map */
  struct kvc_block *first, *last;
  bool full;
};

void kvc_doc_init(struct kvc_doc *doc, struct kvc_arena *arena);

/* Adds a child to a map (key) or list (key NULL); returns it, NULL when full (and
 * accepts a NULL parent then).  A NULL text and a number that is not finite become
 * null. */
struct kvc_node *kvc_node_add(struct kvc_doc *doc, struct kvc_node *parent,
                              const char *key, enum kvc_node_kind kind);
void kvc_node_num(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                  double value, enum kvc_unit unit);
void kvc_node_text(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                   const char *text);
void kvc_node_bool(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                   bool truth);
/* By path: kvc_node_at(root, "kv_cache.tokens"); NULL if there is none. */
const struct kvc_node *kvc_node_at(const struct kvc_node *node, const char *path);

/* Appends a block; NULL when full. */
struct kvc_block *kvc_block_add(struct kvc_doc *doc, enum kvc_block_kind kind,
                                const char *label, const char *text, const char *note);

/* ---- results as documents ---------------------------------------------------- */

kvc_code kvc_doc_size(struct kvc_doc *doc, const struct kvc_size_request *req,
                      const struct kvc_size *size, struct kvc_err *err) KVC_MUST_USE;
/* Adds a comparison with a log to such a document. */
kvc_code kvc_doc_size_compare(struct kvc_doc *doc, const struct kvc_compare *compare,
                              struct kvc_err *err) KVC_MUST_USE;
/* The JSON Schema of the tree above, made from the rows that fill it. */
kvc_code kvc_doc_size_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;
/* One flag of the catalogue in full; all flags of a release with their defaults. */
kvc_code kvc_doc_flag(struct kvc_doc *doc, struct kvc_db *db,
                      const struct kvc_engine *engine, const struct kvc_flag *flag,
                      struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_flags(struct kvc_doc *doc, const struct kvc_engine *engine,
                       const struct kvc_resolved *release,
                       const struct kvc_default_query *query,
                       struct kvc_err *err) KVC_MUST_USE;

/* ---- documents as bytes ------------------------------------------------------ */

struct kvc_style {
  int columns; /* text is never wider; at least 60 */
  bool utf8, colour;
};

struct kvc_sink {
  const char *name, *help;
  void (*write)(const struct kvc_doc *doc, const struct kvc_style *style,
                struct kvc_buf *out);
};

/* Rows of src/report/sinks.def; NULL past the end or for an unknown name. */
const struct kvc_sink *kvc_sink_at(size_t i);
const struct kvc_sink *kvc_sink_find(const char *name);

/* ---- numbers and quotes: the only places that format or escape them ----------- */

enum { KVC_UNIT_TEXT = 48 };
/* A number as people read it. */
void kvc_unit_format(double value, enum kvc_unit unit, char out[KVC_UNIT_TEXT]);

/* What text[0..) must look like inside a document of each kind.  JSON and YAML are
 * quoted when they have to be; the shell's words are quoted; a terminal sees no
 * control character, no invalid UTF-8 and, unless 'utf8', nothing but ASCII. */
void kvc_escape_json(struct kvc_buf *out, const char *text);
void kvc_escape_yaml(struct kvc_buf *out, const char *text);
void kvc_escape_shell(struct kvc_buf *out, const char *word);
void kvc_escape_terminal(struct kvc_buf *out, const char *text, bool utf8);

#endif
