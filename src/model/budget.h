/* budget.h - the smaller terms of the GPU's account.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_MODEL_BUDGET_H
#define KVC_MODEL_BUDGET_H

#include <kvcap/memory.h>

/* Number of batch sizes captured as CUDA graphs; 0 when eager. */
int64_t budget_graph_captures(const struct kvc_setting *set,
                              const struct kvc_mem_facts *facts);
/* Memory of the captured graphs, fitted: fixed part and sizes apart. */
double budget_graph_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                          const struct kvc_mem_facts *facts, double *fixed_bytes);
/* Adapter slots of layers [first, last) on one rank. */
double budget_lora_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                         size_t first, size_t last);
/* CUDA context growth, cuBLAS, NCCL: fitted by release and parallelism. */
double budget_non_torch_bytes(const struct kvc_setting *set,
                              const struct kvc_mem_facts *facts, double *spread);

#endif
