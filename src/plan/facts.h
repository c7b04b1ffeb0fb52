/* facts.h - version facts for the memory model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_PLAN_FACTS_H
#define KVC_PLAN_FACTS_H

#include <kvcap/engine.h>
#include <kvcap/memory.h>

kvc_code facts_resolve(const struct kvc_engine *engine, const struct kvc_version *v,
                       enum kvc_engine_kind kind, const struct kvc_gpu *gpu,
                       struct kvc_mem_facts *out, struct kvc_err *err) KVC_MUST_USE;

#endif
