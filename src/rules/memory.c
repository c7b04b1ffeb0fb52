/* memory.c - rules about the GPU's memory.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

RULE_CHECK(too_tight)
{
  const struct kvc_setting *s = &f->size->setting;
  if (s->kv_cache_memory_bytes > 0)
    return rule_skip(out, "--kv-cache-memory-bytes decides instead");
  if (s->gpu_memory_utilization <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "(1 - %g) x %.2f GiB = %.2f GiB outside the budget",
                s->gpu_memory_utilization, s->total_bytes / RULE_GIB,
                f->size->memory.outside_bytes / RULE_GIB);
  rule_remedy(out, rule, "0.95", "lower it to 0.95 or below");
  return rule_fire(arena, out, "a utilization of %g leaves %.2f GiB for all else",
                   s->gpu_memory_utilization, f->size->memory.outside_bytes / RULE_GIB);
}

RULE_CHECK(graphs_outside)
{
  const struct kvc_memory *m = &f->size->memory;
  if (m->cudagraph_bytes <= 0) return rule_skip(out, "no CUDA graphs are captured");
  if (f->size->gpu.vendor != KVC_VENDOR_NVIDIA && f->size->gpu.vendor != KVC_VENDOR_AMD)
    return rule_skip(out, "this backend captures no CUDA graphs");
  if (m->cudagraph_in_budget)
    return rule_skip(out, "this release takes the graphs off the budget");
  if (m->cudagraph_bytes <= m->outside_bytes) return KVC_PASS;
  const double fits = floor((1 - m->cudagraph_bytes / m->total_bytes) * 100) / 100;
  rule_evidence(arena, out, "graphs %.2f GiB, outside the budget %.2f GiB",
                m->cudagraph_bytes / RULE_GIB, m->outside_bytes / RULE_GIB);
  rule_remedy(out, rule, rule_text(arena, "%.2f", fits), "leave room for the graphs");
  return rule_fire(arena, out,
                   "CUDA graphs take about %.2f GiB outside the budget, which has %.2f "
                   "GiB: capture may run out of memory",
                   m->cudagraph_bytes / RULE_GIB, m->outside_bytes / RULE_GIB);
}

RULE_CHECK(does_not_start)
{
  const struct kvc_memory *m = &f->size->memory;
  if (f->deploy->kv_pool_tok > 0) return rule_skip(out, "the pool is taken as given");
  if (m->fits) return KVC_PASS;
  rule_evidence(arena, out, "KV cache %.2f GiB, one request needs %.2f GiB",
                m->available_kv_bytes.value / RULE_GIB,
                m->need_bytes_one_request / RULE_GIB);
  out->fix = "see the fixes that `kvcap size` lists";
  return rule_fire(arena, out, "the server does not start: %.400s", m->error);
}

RULE_CHECK(idle_memory)
{
  const double given = f->deploy->gpu_memory_utilization;
  const struct kvc_memory *m = &f->size->memory;
  if (isnan(given)) return rule_skip(out, "--gpu-memory-utilization is not set");
  if (given >= rule->limit || f->size->gpu.unified_memory || m->other_processes_bytes > 0)
    return KVC_PASS;
  rule_evidence(arena, out, "%.2f GiB of %.2f GiB outside the budget",
                m->outside_bytes / RULE_GIB, m->total_bytes / RULE_GIB);
  rule_remedy(out, rule, NULL, "leave it at the default when nothing else uses the GPU");
  return rule_fire(arena, out, "a utilization of %g leaves %.2f GiB idle", given,
                   m->outside_bytes / RULE_GIB);
}

RULE_CHECK(kv_bytes_unchecked)
{
  const struct kvc_memory *m = &f->size->memory;
  const double kv = (double)f->deploy->kv_cache_memory_bytes;
  if (!(kv > 0)) return rule_skip(out, "--kv-cache-memory-bytes is not set");
  const double sum = m->weights_bytes + m->activation_peak_bytes + m->non_torch_bytes +
                     m->cudagraph_bytes + kv;
  if (sum <= m->total_bytes) return KVC_PASS;
  rule_evidence(arena, out,
                "%.2f weights + %.2f peak + %.2f non-torch + %.2f graphs + "
                "%.2f KV GiB",
                m->weights_bytes / RULE_GIB, m->activation_peak_bytes / RULE_GIB,
                m->non_torch_bytes / RULE_GIB, m->cudagraph_bytes / RULE_GIB,
                kv / RULE_GIB);
  rule_remedy(out, rule, rule_text(arena, "%.0f", floor(kv - (sum - m->total_bytes))),
              "vLLM does not check it: give what the peak leaves");
  return rule_fire(arena, out,
                   "the KV cache asked for needs %.2f GiB in all, the GPU has "
                   "%.2f GiB",
                   sum / RULE_GIB, m->total_bytes / RULE_GIB);
}

RULE_CHECK(offload)
{
  const double gib = f->deploy->cpu_offload_gib;
  if (!(gib > 0)) return KVC_PASS;
  rule_evidence(arena, out, "%.1f GiB cross the bus in every step", gib);
  rule_remedy(out, rule, NULL, "use a quantised checkpoint or one more GPU");
  return rule_fire(arena, out, "%.1f GiB of weights are read over the bus in each step",
                   gib);
}

RULE_CHECK(swap_in_v1)
{
  if (f->size->setting.engine != KVC_ENGINE_V1)
    return rule_skip(out, "the V0 engine does swap");
  if (isnan(f->deploy->swap_space_gib)) return KVC_PASS;
  rule_evidence(arena, out, "--swap-space %g", f->deploy->swap_space_gib);
  rule_remedy(out, rule, NULL, "leave it out");
  return rule_fire(arena, out, "the V1 engine never swaps: --swap-space has no effect");
}

RULE_CHECK(blocks_override)
{
  const struct kvc_memory *m = &f->size->memory;
  const double blocks = (double)f->deploy->num_gpu_blocks_override;
  if (!(blocks > 0)) return rule_skip(out, "--num-gpu-blocks-override is not set");
  const double bytes = blocks * m->layout.block_bytes;
  if (bytes <= m->available_kv_bytes.value) return KVC_PASS;
  rule_evidence(arena, out, "%.0f blocks x %.0f B = %.2f GiB, there are %.2f GiB", blocks,
                m->layout.block_bytes, bytes / RULE_GIB,
                m->available_kv_bytes.value / RULE_GIB);
  rule_remedy(out, rule, NULL, "leave it out: it is for tests");
  return rule_fire(arena, out,
                   "the override asks for %.2f GiB of KV cache, the budget has "
                   "%.2f GiB",
                   bytes / RULE_GIB, m->available_kv_bytes.value / RULE_GIB);
}

RULE_CHECK(unified)
{
  const double util = f->size->setting.gpu_memory_utilization;
  if (!f->size->gpu.unified_memory)
    return rule_skip(out, "CPU and GPU have their own memory");
  if (util <= rule->limit) return KVC_PASS;
  rule_evidence(arena, out, "%.2f GiB for the system and its caches",
                f->size->memory.outside_bytes / RULE_GIB);
  rule_remedy(out, rule, NULL, "keep 10 to 20 % for the system");
  return rule_fire(arena, out,
                   "CPU and GPU share the memory: a utilization of %g leaves "
                   "the system %.2f GiB",
                   util, f->size->memory.outside_bytes / RULE_GIB);
}

RULE_CHECK(others)
{
  const struct kvc_memory *m = &f->size->memory;
  const double others = m->other_processes_bytes;
  if (!(others > 0)) return rule_skip(out, "nobody else is known to use the GPU");
  if (others + m->requested_bytes <= m->total_bytes) return KVC_PASS;
  rule_evidence(arena, out, "%.2f GiB requested + %.2f GiB of others > %.2f GiB",
                m->requested_bytes / RULE_GIB, others / RULE_GIB,
                m->total_bytes / RULE_GIB);
  rule_remedy(out, rule,
              rule_text(arena, "%.2f", floor((1 - others / m->total_bytes) * 100) / 100),
              "lower it, or move the others away");
  return rule_fire(arena, out, "other processes hold %.2f GiB that the budget counts on",
                   others / RULE_GIB);
}

/* clang-format off */
static const struct kvc_rule rows[] = {
  {"MEM001", "budget-too-tight", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE, too_tight, "gpu_memory_utilization",
   "The budget leaves almost nothing outside", "fragmentation, graphs or another process end in out-of-memory under load",
   "vllm-docs-conserving-memory", 0.95, "share", 0, 0, NULL},
  {"MEM002", "graphs-outside-budget", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE, graphs_outside, "gpu_memory_utilization",
   "CUDA graphs do not fit outside the budget", "the server ends while it captures graphs", "vllm-src-gpu-worker", 0, NULL, 0, 0, NULL},
  {"MEM003", "does-not-start", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_SIZE, does_not_start, NULL,
   "The pool does not hold one request of full length", "the server refuses to start", "vllm-src-kv-cache-utils", 0, NULL, 0, 0, NULL},
  {"MEM004", "idle-memory", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, idle_memory, "gpu_memory_utilization",
   "The utilization is far below the default", "memory that could hold KV cache lies idle", "vllm-docs-optimization", 0.85, "share", 0, 0, NULL},
  {"MEM005", "kv-bytes-unchecked", KVC_SEV_WARNING, "0.10.2", NULL, KVC_NEED_SIZE, kv_bytes_unchecked, "kv_cache_memory_bytes",
   "The stated KV cache does not fit beside the peak", "vLLM does not check it: out of memory under load", "vllm-issue-56698", 0, NULL, 0, 0, NULL},
  {"MEM006", "weights-over-the-bus", KVC_SEV_WARNING, "0.5.3", NULL, KVC_NEED_SIZE, offload, "cpu_offload_gb",
   "Weights are offloaded to the CPU", "each step waits for the bus; throughput falls by an order of magnitude", "vllm-docs-conserving-memory", 0, "GiB", 0, 0, NULL},
  {"MEM007", "swap-without-effect", KVC_SEV_WARNING, NULL, "0.18.0", KVC_NEED_SIZE, swap_in_v1, "swap_space",
   "Swap space is set, but V1 never swaps", "the peak it was meant for is answered by recomputing", "vllm-src-config-cache", 0, NULL, 0, 0, NULL},
  {"MEM008", "blocks-override", KVC_SEV_WARNING, NULL, NULL, KVC_NEED_SIZE, blocks_override, "num_gpu_blocks_override",
   "More KV blocks are forced than fit", "out of memory when the cache is made", "vllm-src-kv-cache-utils", 0, NULL, 0, 0, NULL},
  {"MEM009", "unified-memory", KVC_SEV_HINT, NULL, NULL, KVC_NEED_SIZE, unified, "gpu_memory_utilization",
   "CPU and GPU share one memory", "the system's caches and the server push each other out", "kv-measured-logs", 0.85, "share", 0, 0, NULL},
  {"MEM010", "memory-held-by-others", KVC_SEV_ERROR, NULL, NULL, KVC_NEED_SIZE, others, "gpu_memory_utilization",
   "Others hold memory that the budget counts on", "the start-up check refuses, or the pool shrinks", "vllm-src-gpu-worker", 0, NULL, 0, 0, NULL},
};
/* clang-format on */
RULE_FAMILY(rules_memory, rows);
