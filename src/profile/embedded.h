/* embedded.h - the facts inside the program, as the build stores them; private.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The build packs every file of profiles/ into one blob (the text, and its tree in
 * the form of pack.c) and writes an index of names, sorted by their normalised
 * spelling, so that opening the database parses nothing.
 */
#ifndef PROFILE_EMBEDDED_H
#define PROFILE_EMBEDDED_H

#include <kvcap/profile.h>
#include <stdint.h>

enum name_role {
  NAME_CANONICAL,
  NAME_ALIAS,
  NAME_FAMILY,     /* GPUs: the most deployed variant */
  NAME_SHORT,      /* models: the canonical name without its organisation */
  NAME_SHORT_ALIAS /* models: an alias without its organisation */
};

struct embedded_file {
  const char *path; /* "profiles/gpus/h100-sxm.yaml" */
  const char *name; /* canonical name of what is in it; NULL for citations */
  uint32_t kind, text_at, text_len, packed_at;
};

struct embedded_name {
  const char *norm, *spelling;
  uint16_t kind, role, file;
};

extern const unsigned char kvc_embedded_blob[];
extern const struct embedded_file kvc_embedded_files[];
extern const size_t kvc_embedded_file_count;
/* Sorted by (kind, norm, role). */
extern const struct embedded_name kvc_embedded_names[];
extern const size_t kvc_embedded_name_count;

#endif
