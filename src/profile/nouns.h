/* nouns.h - trees become nouns; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_NOUNS_H
#define PROFILE_NOUNS_H

#include "field.h"
#include <kvcap/engine.h>
#include <kvcap/kernels.h>

kvc_code gpu_from_node(const struct reader *r, const struct node *root,
                       struct kvc_gpu *out) KVC_MUST_USE;
kvc_code model_from_node(const struct reader *r, const struct node *root,
                         struct kvc_model *out) KVC_MUST_USE;
kvc_code workload_from_node(const struct reader *r, const struct node *root,
                            struct kvc_demand *out) KVC_MUST_USE;
kvc_code kernels_from_node(const struct reader *r, const struct node *root,
                           struct kvc_kernels *out) KVC_MUST_USE;
kvc_code cite_from_node(const struct reader *r, const struct node *entry,
                        struct kvc_cite *out) KVC_MUST_USE;
/* Engine behaviour and flags; the trees must outlive the engine. */
kvc_code engine_from_nodes(const struct reader *engine_file, const struct node *engine,
                           const struct reader *flags_file, const struct node *flags,
                           struct kvc_engine **out) KVC_MUST_USE;

/* Calls back with every citation key in a tree (values of "cite" keys). */
typedef void cite_seen(void *ctx, const struct node *at, const char *key);
void cites_walk(const struct node *n, cite_seen *seen, void *ctx);

#endif
