/* str.h - text: a bounded builder, name matching, did-you-mean.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_STR_H
#define KVCAP_STR_H

#include <kvcap/arena.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing string with a limit.  Ownership: kvc_buf_init ... kvc_buf_clear.
 * Past 'cap_bytes' further text is dropped and 'full' stays set. */
struct kvc_buf {
  char *text; /* NUL-terminated, NULL while empty */
  size_t len, room, cap_bytes;
  bool full;
};

void kvc_buf_init(struct kvc_buf *buf, size_t cap_bytes);
void kvc_buf_clear(struct kvc_buf *buf);
void kvc_buf_add(struct kvc_buf *buf, const char *text, size_t len);
void kvc_buf_puts(struct kvc_buf *buf, const char *text);
void kvc_buf_printf(struct kvc_buf *buf, const char *fmt, ...) KVC_PRINTF(2, 3);

/* Lower-cases ASCII and drops spaces, '_', '-' , '.' kept: "NVIDIA H100_80GB"
 * -> "nvidiah10080gb".  Writes at most room-1 characters and a NUL. */
void kvc_name_normalize(const char *name, char *out, size_t room);

/* Whether two names are equal once normalised. */
bool kvc_name_equal(const char *a, const char *b);

/* Edit distance with transpositions, stopping at 'limit' (returns limit+1). */
int kvc_edit_distance(const char *a, const char *b, int limit);

/* The best matches of 'name' among names[0..count): indices into names, best
 * first, at most 'room', no text twice; returns how many are close enough. */
size_t kvc_did_you_mean(const char *name, const char *const *names, size_t count,
                        size_t *out, size_t room);

/* Case-insensitive ASCII comparisons. */
bool kvc_str_ieq(const char *a, const char *b);
bool kvc_str_istarts(const char *text, const char *prefix);
/* First case-insensitive occurrence of 'needle' in 'text', or NULL. */
const char *kvc_str_ifind(const char *text, const char *needle);

/* Whether text[0..len) is valid UTF-8 (no overlong forms, no surrogates). */
bool kvc_utf8_valid(const char *text, size_t len);

#endif
