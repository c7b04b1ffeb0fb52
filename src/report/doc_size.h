/* doc_size.h - between the tree of a sized deployment and its text blocks.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_DOC_SIZE_H
#define KVC_REPORT_DOC_SIZE_H

#include "fields.h"
#include <kvcap/report.h>

/* Appends the blocks; the tree of 'doc' is complete. */
void size_view(struct kvc_doc *doc, const struct kvc_size_request *req,
               const struct kvc_size *size);

/* How the weights are stored: "bfloat16", "fp8", "int4 (awq)" … */
const char *size_quant_name(struct kvc_doc *doc, const struct kvc_model *model);

/* doc_compare.c: rows of the comparison, for the schema. */
extern const struct field compare_top_rows[], compare_row_rows[], compare_setting_rows[];

#endif
