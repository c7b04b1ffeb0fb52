/* fits.c - start-up checks in the order vLLM makes them, with its own words.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Source of the texts: vLLM's v1/core/kv_cache_utils.py, v1/worker/gpu_worker.py,
 * worker/worker.py of the releases named in profiles/engines/vllm/engine.yaml.
 */
#include "fits.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>

#define SAY(m, ...) ((void)snprintf((m)->error, sizeof(m)->error, __VA_ARGS__))

/* KV of one request of 'len' tokens, as the start-up check counts it: without the
 * padding layers of its groups. */
static double need_bytes(const struct kvc_kv_layout *l, const struct kvc_setting *set,
                         const struct kvc_mem_facts *facts, double len)
{
  return kvc_kv_blocks_per_request(l, set, facts, len) * l->block_bytes;
}

/* The largest length whose single request fits, by bisection: need grows with len. */
static int64_t longest(const struct kvc_memory *m, const struct kvc_setting *set,
                       const struct kvc_mem_facts *facts, int64_t limit)
{
  const double room = set->num_gpu_blocks_override > 0
                          ? (double)set->num_gpu_blocks_override * m->layout.block_bytes
                          : m->available_kv_bytes.value;
  if (!(need_bytes(&m->layout, set, facts, 1) <= room)) return 0;
  int64_t lo = 1, hi = limit;
  while (lo < hi) {
    const int64_t mid = lo + (hi - lo + 1) / 2;
    if (need_bytes(&m->layout, set, facts, (double)mid) <= room)
      lo = mid;
    else
      hi = mid - 1;
  }
  return lo;
}

static void say_no_room(struct kvc_memory *m)
{
  SAY(m, "No available memory for the cache blocks. Try increasing "
         "`gpu_memory_utilization` when initializing the engine.");
}

static void say_too_long(const struct kvc_setting *set, const struct kvc_mem_facts *facts,
                         struct kvc_memory *m)
{
  const long long len = (long long)set->max_model_len_tok;
  const double need = m->need_bytes_one_request / KVC_GIB;
  const double have = m->available_kv_bytes.value / KVC_GIB;
  const long long fit = (long long)m->max_model_len_fits_tok;
  const char *tail = "Try increasing `gpu_memory_utilization` or decreasing "
                     "`max_model_len` when initializing the engine.";
  switch (facts->error_text) {
  case KVC_TEXT_V0:
    SAY(m,
        "The model's max seq len (%lld) is larger than the maximum number of tokens that "
        "can be stored in KV cache (%.0f). %s",
        len, (double)m->num_gpu_blocks * (double)m->layout.block_size_tok, tail);
    return;
  case KVC_TEXT_V1_GB:
  case KVC_TEXT_V1_GIB:
    SAY(m,
        "To serve at least one request with the models's max seq len (%lld), (%.2f %s KV "
        "cache is needed, which is larger than the available KV cache memory (%.2f %s). "
        "%s",
        len, need, facts->error_text == KVC_TEXT_V1_GB ? "GB" : "GiB", have,
        facts->error_text == KVC_TEXT_V1_GB ? "GB" : "GiB", tail);
    return;
  default: break;
  }
  const bool fixed = facts->error_text == KVC_TEXT_V1_FIXED;
  SAY(m,
      "To serve at least one request with the %s max seq len (%lld), (%.2f GiB KV cache "
      "is needed, which is larger than the available KV cache memory (%.2f GiB). Based "
      "on "
      "the available memory, the estimated maximum model length is %lld. %s%s",
      fixed ? "model's" : "models's", len, need, have, fit,
      fixed
          ? "Try increasing `gpu_memory_utilization` (which also controls CPU memory on "
            "the CPU backend) or decreasing `max_model_len` when initializing the engine."
          : tail,
      facts->error_text == KVC_TEXT_V1_DOCS || fixed
          ? " See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for "
            "more details."
          : "");
}

/* Weights that exceed the card fail while loading, before anything is profiled. */
static bool weights_overflow(const struct kvc_setting *set, struct kvc_memory *m)
{
  const double room = m->total_bytes - set->other_processes_bytes;
  if (m->weights_bytes <= room) return false;
  SAY(m,
      "torch.OutOfMemoryError: CUDA out of memory. (while loading: the weights take "
      "%.2f GiB per GPU, the GPU has %.2f GiB)",
      m->weights_bytes / KVC_GIB, room / KVC_GIB);
  return true;
}

static bool not_enough_free(const struct kvc_setting *set,
                            const struct kvc_mem_facts *facts, struct kvc_memory *m)
{
  const double free = m->total_bytes - set->other_processes_bytes;
  if (!facts->startup_free_check || set->kv_cache_memory_bytes > 0 ||
      free >= m->requested_bytes || set->other_processes_bytes <= 0)
    return false;
  SAY(m,
      "Free memory on device cuda:0 (%.2f/%.2f GiB) on startup is less than desired GPU "
      "memory utilization (%g, %.2f GiB). Decrease GPU memory utilization or reduce GPU "
      "memory used by other processes.",
      free / KVC_GIB, m->total_bytes / KVC_GIB, set->gpu_memory_utilization,
      m->requested_bytes / KVC_GIB);
  return true;
}

void fits_decide(const struct kvc_model *model, const struct kvc_setting *set,
                 const struct kvc_mem_facts *facts, struct kvc_memory *m)
{
  m->fits = false;
  m->error[0] = '\0';
  const bool pooled = m->layout.n_specs > 0;
  const int64_t limit =
      model->max_position_tok > 0 && model->max_position_tok > set->max_model_len_tok
          ? model->max_position_tok
          : set->max_model_len_tok;
  if (pooled) {
    m->need_bytes_one_request =
        need_bytes(&m->layout, set, facts, (double)set->max_model_len_tok);
    m->max_model_len_fits_tok =
        m->available_kv_bytes.value > 0 ? longest(m, set, facts, limit) : 0;
  }
  if (weights_overflow(set, m) || not_enough_free(set, facts, m)) return;
  if (m->available_kv_bytes.value <= 0 || (pooled && m->num_gpu_blocks <= 0)) {
    say_no_room(m);
    return;
  }
  if (pooled && m->max_model_len_fits_tok < set->max_model_len_tok) {
    say_too_long(set, facts, m);
    return;
  }
  m->fits = true;
}
