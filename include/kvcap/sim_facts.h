/* sim_facts.h - what a release's scheduler does, out of the engine profile.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_SIM_FACTS_H
#define KVCAP_SIM_FACTS_H

#include <kvcap/engine.h>
#include <kvcap/sim.h>

/* Fills the policy of generation 'kind' in release v.  The watermark of V1 is a flag of
 * the server (0 unless given): the caller sets it.  KVC_E_UNSUPPORTED names a fact the
 * profile lacks for the release. */
kvc_code kvc_sim_policy_read(const struct kvc_engine *engine, const struct kvc_version *v,
                             enum kvc_engine_kind kind, struct kvc_sim_policy *out,
                             struct kvc_err *err) KVC_MUST_USE;

#endif
