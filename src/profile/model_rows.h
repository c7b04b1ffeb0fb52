/* model_rows.h - the keys of a model profile; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_MODEL_ROWS_H
#define PROFILE_MODEL_ROWS_H

#include "field.h"

extern const struct field model_head_rows[]; /* names and sizes, before the layers */
extern const struct field model_rest_rows[]; /* after the layers */
extern const struct field layer_rows[];
extern const struct field mla_rows[];
extern const struct field moe_rows[];
extern const struct field ssm_rows[];
extern const struct field quant_rows[];
extern const struct field tower_rows[];

/* Words of struct kvc_layer.part_quant: key "formats" of a layer kind, a mapping of
 * part to "none" or a quantisation. */
extern const char *const part_words[];
extern const char *const quant_words[];

/* Layer patterns: "10(5s f) 2s".  Kinds are named by their index into names[]. */
kvc_code pattern_read(const struct reader *r, const struct node *at,
                      const char *const *names, size_t n_names, unsigned char *out,
                      size_t room, size_t *count) KVC_MUST_USE;
void pattern_write(struct kvc_buf *out, const unsigned char *kinds, size_t count,
                   const char *const *names);

#endif
