/* advice.h - an advice and a rule as documents.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_ADVICE_H
#define KVCAP_ADVICE_H

#include <kvcap/advise.h>
#include <kvcap/report.h>

/* An advice, and the schema of its tree; a rule of the rule book. */
kvc_code kvc_doc_advise(struct kvc_doc *doc, const struct kvc_size_request *req,
                        const struct kvc_advice *advice,
                        struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_advise_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_rule(struct kvc_doc *doc, struct kvc_db *db, const struct kvc_rule *rule,
                      struct kvc_err *err) KVC_MUST_USE;

#endif
