/* field.h - rows that say what a profile may hold; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One row is the schema, the range check, the help and the writer of one key.  A
 * table ends with a row whose key is NULL.
 */
#ifndef PROFILE_FIELD_H
#define PROFILE_FIELD_H

#include "node.h"
#include <kvcap/domain.h>
#include <kvcap/num.h>

enum field_type {
  FIELD_TEXT,   /* const char * */
  FIELD_INT,    /* int */
  FIELD_INT64,  /* int64_t */
  FIELD_DOUBLE, /* double */
  FIELD_BOOL,   /* bool */
  FIELD_ENUM,   /* int-sized enum, by 'words' */
  FIELD_FIGURE, /* struct kvc_figure: {value: "80 GB", cite: key} */
  FIELD_TEXTS,  /* const char *[KVC_MAX_NAMES] and a size_t at 'count' */
  FIELD_CUSTOM  /* allowed; read by the caller */
};

struct field {
  const char *key;
  enum field_type type;
  size_t offset;
  double min, max; /* numbers; both 0 = 0 to 1e18 */
  bool required;
  const char *const *words;   /* enums, NULL-terminated; position = value */
  enum kvc_quantity quantity; /* figures */
  size_t count;               /* texts: offset of the size_t */
  const char *help;
};

/* What every reading step needs. */
struct reader {
  struct kvc_arena *arena;
  const char *file;
  struct kvc_err *err;
};

/* A fault at a node. */
kvc_code reader_fail(const struct reader *r, const struct node *at, kvc_code code,
                     const char *fmt, ...) KVC_PRINTF(4, 5);

/* Reads the mapping 'map' into *object by the rows: unknown keys are refused with a
 * suggestion, required ones missed by name. */
kvc_code fields_read(const struct reader *r, const struct node *map,
                     const struct field *rows, void *object) KVC_MUST_USE;

/* A text, a whole number, a fraction at a node. */
kvc_code node_text(const struct reader *r, const struct node *n,
                   const char **out) KVC_MUST_USE;
kvc_code node_number(const struct reader *r, const struct node *n, double min, double max,
                     bool whole, double *out) KVC_MUST_USE;
kvc_code node_bool(const struct reader *r, const struct node *n, bool *out) KVC_MUST_USE;

/* Writes the fields that are not at their zero value: one a line, indented; or, with
 * 'flow', as "k: v, k: v".  Figures and custom rows are left out. */
void fields_write(struct kvc_buf *out, const struct field *rows, const void *object,
                  int indent, bool flow);
/* A scalar, quoted when YAML needs it. */
void yaml_scalar(struct kvc_buf *out, const char *text);

#endif
