/* fitted.h - documents of `kvcap fit`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_FITTED_H
#define KVCAP_FITTED_H

#include <kvcap/kernels.h>
#include <kvcap/levels.h>
#include <kvcap/report.h>

kvc_code kvc_doc_levels_fit(struct kvc_doc *doc, const struct kvc_levels_fit *fit,
                            const char *saved, struct kvc_err *err) KVC_MUST_USE;

/* 'saved': the file that was written, NULL. */
kvc_code kvc_doc_kernels_fit(struct kvc_doc *doc, const struct kvc_kernels *kernels,
                             const char *saved, struct kvc_err *err) KVC_MUST_USE;

#endif
