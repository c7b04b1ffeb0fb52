/* hf_case.h - the models of tests/data/hf-params.tsv.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_HF_CASE_H
#define KVC_TESTS_HF_CASE_H

#include <kvcap/hf.h>

/* A row: a model's published parameter count and the config that leads to it. */
struct hf_case {
  const char *name, *config;
  double params, rtol;
  bool with_mtp; /* the count includes the MTP layers */
};

/* All rows; they live in the arena. */
kvc_code hf_cases_read(struct kvc_arena *arena, struct hf_case **cases, size_t *count,
                       struct kvc_err *err) KVC_MUST_USE;

/* The row called 'name', or NULL. */
const struct hf_case *hf_case_find(const struct hf_case *cases, size_t count,
                                   const char *name);

#endif
