/* fields.h - rows that fill a tree from structs and describe it as a JSON Schema.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One row a key: where the value lies, its unit, what it means.  The writer and the
 * schema read the same rows, so they cannot disagree.
 */
#ifndef KVC_REPORT_FIELDS_H
#define KVC_REPORT_FIELDS_H

#include <kvcap/report.h>

enum field_type {
  FIELD_END,
  FIELD_TEXT, /* const char * */
  FIELD_BOOL,
  FIELD_NUM,   /* double */
  FIELD_INT,   /* int */
  FIELD_I64,   /* int64_t */
  FIELD_SIZE,  /* size_t */
  FIELD_WHOLE, /* double that holds a whole number */
  FIELD_ANY    /* described only: the caller adds text, number or truth */
};

enum { FIELD_BASES = 3 };

struct field {
  const char *key;
  enum field_type type;
  int base; /* which of the bases 'offset' counts from */
  size_t offset;
  enum kvc_unit unit;
  bool nullable; /* text NULL or number not finite is null */
  const char *help;
};

/* A key of the document: rows of one object, or of the objects of a list. */
enum section_shape {
  SECTION_TOP,   /* the document itself */
  SECTION_MAP,   /* one object */
  SECTION_DICT,  /* an object whose keys are free, its values objects */
  SECTION_LIST,  /* a list of objects */
  SECTION_TEXTS, /* a list of strings */
  SECTION_COUNTS /* a list of whole numbers */
};
struct section {
  const char *key; /* "kv_cache", "kv_cache.groups", "" for the top level */
  enum section_shape shape;
  const struct field *rows;
  const char *help;
  bool optional; /* left out when it does not apply */
};

/* Adds the rows' values to a map. */
void fields_add(struct kvc_doc *doc, struct kvc_node *map, const struct field *rows,
                const void *const bases[FIELD_BASES]);

/* A list of 'count' structs 'stride' bytes apart, a map each, at the top of the document.
 */
struct kvc_node *fields_list(struct kvc_doc *doc, const char *key,
                             const struct field *rows, const void *array, size_t count,
                             size_t stride);

/* Fills 'doc' with the JSON Schema of a document made of these sections. */
void fields_schema(struct kvc_doc *doc, const struct section *sections, size_t count,
                   const char *title);

#endif
