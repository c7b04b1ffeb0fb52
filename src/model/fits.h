/* fits.h - whether it starts, and what vLLM says when it does not.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_MODEL_FITS_H
#define KVC_MODEL_FITS_H

#include <kvcap/memory.h>

/* Sets fits, error, need_bytes_one_request and max_model_len_fits_tok. */
void fits_decide(const struct kvc_model *model, const struct kvc_setting *set,
                 const struct kvc_mem_facts *facts, struct kvc_memory *m);

#endif
