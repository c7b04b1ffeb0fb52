/* kv_packed.h - the pool of models that compress their KV cache.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_MODEL_KV_PACKED_H
#define KVC_MODEL_KV_PACKED_H

#include <kvcap/memory.h>

/* Whether any layer keeps fewer KV entries than tokens. */
bool kv_packed_applies(const struct kvc_model *model);

/* Groups and block bytes; sets out->approximate. */
void kv_packed_layout(const struct kvc_model *model, const struct kvc_setting *set,
                      int stage, struct kvc_kv_layout *out);

#endif
