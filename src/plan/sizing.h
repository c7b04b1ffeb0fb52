/* sizing.h - the steps behind kvc_size_run, one file each.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_PLAN_SIZING_H
#define KVC_PLAN_SIZING_H

#include <kvcap/size.h>

/* What the steps share; everything is borrowed from 'arena'. */
struct sizing {
  struct kvc_arena *arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  const struct kvc_size_request *req;
  struct kvc_size *out;
  const struct kvc_model *draft; /* draft model, or NULL */
};

/* resolve.c: fills out->version, setting, facts and origins from a deployment.
 * May be called again with another deployment (fixes.c); 'record' says whether
 * origins and notes are kept. */
kvc_code sizing_resolve(struct sizing *s, const struct kvc_deploy *deploy, bool record,
                        struct kvc_setting *set, struct kvc_mem_facts *facts,
                        struct kvc_err *err) KVC_MUST_USE;

/* calibrate.c: what of req->calibration applies to a setting goes into facts->measured;
 * 'record' says whether notes and origins are kept. */
void sizing_calibrate(struct sizing *s, bool record, struct kvc_setting *set,
                      struct kvc_mem_facts *facts);

/* inputs.c: the GPU and the models. */
kvc_code sizing_inputs(struct sizing *s, struct kvc_err *err) KVC_MUST_USE;

/* fixes.c: recommendations, by trying changes and running the memory model again. */
kvc_code sizing_recommend(struct sizing *s, struct kvc_err *err) KVC_MUST_USE;

/* words.c: verdict, log lines, launch command; formulas.c: --explain. */
void sizing_words(struct sizing *s);
void sizing_formulas(struct sizing *s);

/* Text into the arena; "" rather than NULL when it is full. */
const char *sizing_text(struct sizing *s, const char *fmt, ...) KVC_PRINTF(2, 3);
/* "1,234,567" */
const char *sizing_count(struct sizing *s, double n);
void sizing_note(struct sizing *s, const char *level, const char *text);

#endif
