/* memory.c - what a start prints about its memory.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "GB" in these lines is 2^30 bytes.  Ranks print each for itself: the largest use and
 * the smallest pool are kept.
 */
#include "serverlog_room.h"
#include <string.h>

typedef void line_reader(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit);

static void generation(struct slog_start *start, enum kvc_engine_kind kind)
{
  if (start->pub.generation != KVC_ENGINE_AUTO && !start->weak_v0) return;
  start->pub.generation = kind;
  start->weak_v0 = false;
}

static void most_of(const struct slog_hit *hit, const char *label, double *to)
{
  double value;
  if (slog_labelled(hit->seg, hit->end, label, &value)) slog_most(to, value);
}

static void number_of(const struct slog_hit *hit, const char *label, double *to)
{
  size_t i = slog_find(hit->seg->text, hit->seg->len, hit->end, label);
  double value;
  if (i == SIZE_MAX) return;
  i += strlen(label);
  if (slog_number(hit->seg, &i, &value) && slog_ends(hit->seg, i)) *to = value;
}

/* Ray folds the same line of several actors into one. */
static int copies(const struct slog_hit *hit)
{
  double n;
  const size_t to = hit->seg->len - hit->end > 200 ? hit->end + 200 : hit->seg->len;
  size_t i = slog_find(hit->seg->text, to, hit->end, "[repeated ");
  if (i == SIZE_MAX) return 1;
  i += strlen("[repeated ");
  return slog_count(hit->seg, &i, &n) && n < 1e6 ? (int)n : 1;
}

/* ---- weights and profile -------------------------------------------------------------
 */

static void read_weights(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  size_t i = hit->end;
  double bytes, s;
  if (!slog_bytes(hit->seg, &i, &bytes)) return;
  slog_most(&m->weights_bytes, bytes);
  start->saw_weights = true;
  (void)slog_skip(hit->seg, &i, " memory");
  if (slog_skip(hit->seg, &i, " and ") && slog_number(hit->seg, &i, &s) &&
      slog_skip(hit->seg, &i, " seconds"))
    slog_most(&m->load_s, s);
}

static void read_weights_time(struct kvc_log_memory *m, struct slog_start *start,
                              const struct slog_hit *hit)
{
  size_t i = hit->end;
  double s;
  (void)m;
  if (slog_number(hit->seg, &i, &s) && slog_skip(hit->seg, &i, " seconds"))
    slog_most(&start->load_weights_s, s);
}

static void read_profile_064(struct kvc_log_memory *m, struct slog_start *start,
                             const struct slog_hit *hit)
{
  double value;
  most_of(hit, "total_gpu_memory=", &m->gpu_total_bytes);
  most_of(hit, "peak_torch_memory=", &start->torch_peak_bytes);
  most_of(hit, "non_torch_memory=", &m->non_torch_bytes);
  if (slog_labelled(hit->seg, hit->end, "kv_cache_size=", &value))
    slog_least(&m->available_kv_bytes, value);
  number_of(hit, "gpu_memory_utilization=", &m->gpu_memory_utilization);
}

static void read_profile(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  size_t i = hit->end;
  double s;
  (void)start;
  if (slog_number(hit->seg, &i, &s) && slog_skip(hit->seg, &i, " seconds"))
    slog_most(&m->profile_s, s);
  most_of(hit, "torch peak memory increase: ", &m->activation_peak_bytes);
  most_of(hit, "non-torch forward increase memory: ", &m->non_torch_bytes);
  most_of(hit, "; weights memory: ", &m->weights_bytes);
}

static void read_instance(struct kvc_log_memory *m, struct slog_start *start,
                          const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  size_t i = hit->end;
  double value;
  (void)start;
  if (!slog_bytes(s, &i, &value)) return;
  slog_least(&m->gpu_total_bytes, value);
  if (!slog_skip(s, &i, ") x gpu_memory_utilization (") || !slog_number(s, &i, &value) ||
      !slog_skip(s, &i, ") = "))
    return;
  m->gpu_memory_utilization = value;
  if (slog_bytes(s, &i, &value)) slog_least(&m->requested_bytes, value);
}

static void read_v0_split(struct kvc_log_memory *m, struct slog_start *start,
                          const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_bytes(hit->seg, &i, &value)) slog_most(&m->weights_bytes, value);
  most_of(hit, "non_torch_memory takes ", &m->non_torch_bytes);
  most_of(hit, "activation peak memory takes ", &m->activation_peak_bytes);
  if (slog_labelled(hit->seg, hit->end, "reserved for KV Cache is ", &value))
    slog_least(&m->available_kv_bytes, value);
}

/* "Initial free memory: 78.7 GiB; Requested memory: 0.95 (util), 75.2 GiB" and "Initial
 * free memory 78.7 GiB, reserved 8.0 GiB memory for KV Cache as specified ..." */
static void read_initial(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  size_t i = hit->end;
  double value;
  (void)start;
  (void)slog_skip(s, &i, ":");
  if (!slog_skip(s, &i, " ") || !slog_bytes(s, &i, &value)) return;
  slog_least(&m->gpu_free_bytes, value);
  if (slog_skip(s, &i, "; Requested memory: ") && slog_number(s, &i, &value) &&
      slog_skip(s, &i, " (util), ")) {
    m->gpu_memory_utilization = value;
    if (slog_bytes(s, &i, &value)) slog_least(&m->requested_bytes, value);
  } else if (slog_skip(s, &i, ", reserved ") && slog_bytes(s, &i, &value)) {
    slog_least(&m->available_kv_bytes, value);
  }
}

static void read_snapshot(struct kvc_log_memory *m, struct slog_start *start,
                          const struct slog_hit *hit)
{
  double value;
  (void)start;
  if (slog_labelled(hit->seg, hit->end, "free_memory=", &value))
    slog_least(&m->gpu_free_bytes, value);
  if (slog_labelled(hit->seg, hit->end, "total_memory=", &value))
    slog_least(&m->gpu_total_bytes, value);
}

/* "Actual usage is 14.99 GiB for weight, 1.21 GiB for peak activation, ..."; since 0.27
 * weights and what is not torch's are one figure. */
static void read_usage(struct kvc_log_memory *m, struct slog_start *start,
                       const struct slog_seg *s, size_t at)
{
  double value;
  if (slog_bytes_before(s, at, "GiB for weight", &value))
    slog_most(&m->weights_bytes, value);
  if (slog_bytes_before(s, at, "GiB for consumed memory", &value))
    slog_most(&start->consumed_bytes, value);
  if (slog_bytes_before(s, at, "GiB for peak activation", &value))
    slog_most(&m->activation_peak_bytes, value);
  if (slog_bytes_before(s, at, "GiB for non-torch memory", &value))
    slog_most(&m->non_torch_bytes, value);
  if (slog_bytes_before(s, at, "GiB for CUDAGraph memory", &value))
    slog_most(&m->graph_bytes, value);
  for (size_t k = 0; k < 2; k++) {
    size_t i = slog_find(s->text, s->len, at, "--kv-cache-memory=");
    if (i == SIZE_MAX) break;
    i += strlen("--kv-cache-memory=");
    if (slog_count(s, &i, &value) && i < s->len && s->text[i] == '`')
      slog_least(&m->suggested_kv_bytes[k], value);
    at = i;
  }
  if (slog_labelled(s, at, "kv cache memory in use is ", &value) &&
      isnan(m->available_kv_bytes))
    m->available_kv_bytes = value;
}

static void read_free(struct kvc_log_memory *m, struct slog_start *start,
                      const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  const size_t to = s->len - hit->end > 64 ? hit->end + 64 : s->len;
  size_t i = slog_find(s->text, to, hit->end, " (");
  double of, value, total;
  if (i == SIZE_MAX) return;
  i += 2;
  if (!slog_number(s, &i, &of) || !slog_skip(s, &i, "/") || !slog_bytes(s, &i, &total))
    return;
  slog_least(&m->gpu_free_bytes, of * KVC_GIB);
  slog_least(&m->gpu_total_bytes, total);
  const size_t reach = s->len - i > 160 ? i + 160 : s->len;
  size_t k = slog_find(s->text, reach, i, "GPU memory utilization ");
  if (k == SIZE_MAX) return;
  k += strlen("GPU memory utilization ");
  (void)slog_skip(s, &k, "is ");
  if (!slog_skip(s, &k, "(") || !slog_number(s, &k, &value) || !slog_skip(s, &k, ", "))
    return;
  m->gpu_memory_utilization = value;
  if (slog_bytes(s, &k, &value)) slog_least(&m->requested_bytes, value);
  read_usage(m, start, s, k);
}

static void read_hpu(struct kvc_log_memory *m, struct slog_start *start,
                     const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_bytes(hit->seg, &i, &value)) slog_least(&m->gpu_free_bytes, value);
  number_of(hit, "gpu_memory_utilization=", &m->gpu_memory_utilization);
  if (slog_bytes_before(hit->seg, hit->end, "GiB reserved for usable KV cache", &value))
    slog_least(&m->available_kv_bytes, value);
}

/* ---- the pool -------------------------------------------------------------------------
 */

static void read_blocks(struct kvc_log_memory *m, struct slog_start *start,
                        const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  if (!slog_count(hit->seg, &i, &value) || !slog_ends(hit->seg, i) ||
      slog_starts(hit->seg->text, hit->seg->len, i, ", # CPU blocks: ") ||
      slog_starts(hit->seg->text, hit->seg->len, i, " /"))
    return;
  slog_least(&m->gpu_blocks, value);
  memcpy(start->device, "GPU", 4);
  start->n_blocks++;
  start->saw_pool = true;
  generation(start, KVC_ENGINE_V1);
}

/* "# cuda blocks: 27512, # CPU blocks: 2048", from the comma to both sides. */
static void read_cpu_blocks(struct kvc_log_memory *m, struct slog_start *start,
                            const struct slog_hit *hit)
{
  const char *const text = hit->seg->text;
  static const char mark[] = " blocks: ";
  size_t i = hit->at, k;
  double gpu, cpu;
  while (i > 0 && hit->at - i < 20 && text[i - 1] >= '0' && text[i - 1] <= '9') i--;
  const size_t name_to = i >= sizeof mark - 1 ? i - (sizeof mark - 1) : 0;
  if (name_to == 0 || memcmp(text + name_to, mark, sizeof mark - 1) != 0) return;
  size_t name = name_to;
  while (name > 0 && name_to - name < sizeof start->device - 1 && text[name - 1] != ' ')
    name--;
  k = i;
  if (!slog_count(hit->seg, &k, &gpu) || k != hit->at) return;
  slog_least(&m->gpu_blocks, gpu);
  slog_clean(text + name, name_to - name, start->device, sizeof start->device);
  start->n_blocks++;
  start->saw_pool = true;
  generation(start, KVC_ENGINE_V0);
  i = hit->end;
  if (slog_count(hit->seg, &i, &cpu) && slog_ends(hit->seg, i))
    slog_least(&m->cpu_blocks, cpu);
}

static void read_v1_blocks(struct kvc_log_memory *m, struct slog_start *start,
                           const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  if (!slog_count(hit->seg, &i, &value) || !slog_ends(hit->seg, i)) return;
  slog_least(&m->gpu_blocks, value);
  generation(start, KVC_ENGINE_V1);
}

/* The cache that CUDA graphs are measured with overrides 0 blocks: no wish of a user. */
static void read_override(struct kvc_log_memory *m, struct slog_start *start,
                          const struct slog_hit *hit)
{
  size_t i = hit->end;
  double was, value;
  (void)start;
  if (slog_count(hit->seg, &i, &was) && was > 0 &&
      slog_skip(hit->seg, &i, " with num_gpu_blocks_override=") &&
      slog_count(hit->seg, &i, &value) && slog_ends(hit->seg, i))
    m->override_blocks = value;
}

static void read_tokens(struct kvc_log_memory *m, struct slog_start *start,
                        const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  if (!slog_count(hit->seg, &i, &value) || !slog_skip(hit->seg, &i, " tokens")) return;
  slog_least(&m->kv_tokens, value);
  start->n_sizes += copies(hit);
  start->saw_pool = true;
  generation(start, KVC_ENGINE_V1);
}

static void read_concurrency(struct kvc_log_memory *m, struct slog_start *start,
                             const struct slog_hit *hit)
{
  size_t i = hit->end;
  double len, value;
  if (!slog_count(hit->seg, &i, &len) ||
      !slog_skip(hit->seg, &i, " tokens per request: ") ||
      !slog_number(hit->seg, &i, &value) || !slog_skip(hit->seg, &i, "x"))
    return;
  slog_least(&m->max_concurrency, value);
  m->concurrency_len_tok = len;
  start->saw_pool = true;
}

static void read_available(struct kvc_log_memory *m, struct slog_start *start,
                           const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  if (!slog_bytes(hit->seg, &i, &value)) return;
  slog_least(&m->available_kv_bytes, value);
  start->n_available += copies(hit);
  start->saw_pool = true;
  generation(start, KVC_ENGINE_V1);
}

/* ---- graphs, times, limits
 * ------------------------------------------------------------- */

static void read_graph(struct kvc_log_memory *m, struct slog_start *start,
                       const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (!slog_number(hit->seg, &i, &value) || !slog_skip(hit->seg, &i, " secs")) return;
  slog_most(&m->graph_s, value);
  if (slog_skip(hit->seg, &i, ", took ") && slog_bytes(hit->seg, &i, &value))
    slog_most(&m->graph_bytes, value);
}

static void read_graph_guess(struct kvc_log_memory *m, struct slog_start *start,
                             const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_bytes(hit->seg, &i, &value)) slog_most(&m->graph_estimate_bytes, value);
}

static void read_graph_pool(struct kvc_log_memory *m, struct slog_start *start,
                            const struct slog_hit *hit)
{
  double value;
  (void)start;
  if (slog_bytes_before(hit->seg, hit->end, "GiB (actual)", &value))
    slog_most(&m->graph_bytes, value);
  if (slog_bytes_before(hit->seg, hit->end, "GiB (estimated)", &value))
    slog_most(&m->graph_estimate_bytes, value);
}

static void read_init(struct kvc_log_memory *m, struct slog_start *start,
                      const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  const size_t to = s->len - hit->end > 160 ? hit->end + 160 : s->len;
  size_t i = slog_find(s->text, to, hit->end, ") took ");
  double value;
  if (i == SIZE_MAX) return;
  i += strlen(") took ");
  if (!slog_number(s, &i, &value) || !slog_skip(s, &i, " s")) return;
  slog_most(&m->init_s, value);
  start->saw_pool = true;
  /* An engine without a server has nothing more to say. */
  if (!start->saw_version) start->pub.ready = true;
  i = slog_find(s->text, to, i, "(compilation: ");
  if (i == SIZE_MAX) return;
  i += strlen("(compilation: ");
  if (slog_number(s, &i, &value) && slog_skip(s, &i, " s"))
    slog_most(&m->compile_s, value);
}

static void read_compile(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (!slog_skip(hit->seg, &i, "akes ") && !slog_skip(hit->seg, &i, "ook ")) return;
  if (slog_number(hit->seg, &i, &value) && slog_skip(hit->seg, &i, " s"))
    slog_most(&m->compile_s, value);
}

static void read_max_len(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_count(hit->seg, &i, &value) && slog_ends(hit->seg, i))
    m->max_model_len_tok = value;
}

static void read_chunked(struct kvc_log_memory *m, struct slog_start *start,
                         const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_count(hit->seg, &i, &value) && slog_ends(hit->seg, i))
    m->max_num_batched_tok = value;
}

static void read_auto_fit(struct kvc_log_memory *m, struct slog_start *start,
                          const struct slog_hit *hit)
{
  size_t i = hit->end;
  double value;
  (void)start;
  if (slog_skip(hit->seg, &i, "reduced from ")) {
    if (!slog_count(hit->seg, &i, &value) || !slog_skip(hit->seg, &i, " to ")) return;
  } else if (!slog_skip(hit->seg, &i, "full model context length ")) {
    return;
  }
  if (slog_count(hit->seg, &i, &value) && slog_skip(hit->seg, &i, " "))
    m->max_model_len_tok = value;
}

void slog_memory(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  static line_reader *const readers[] = {[SLOG_WEIGHTS] = read_weights,
                                         [SLOG_WEIGHTS_TIME] = read_weights_time,
                                         [SLOG_BLOCKS] = read_blocks,
                                         [SLOG_CPU_BLOCKS] = read_cpu_blocks,
                                         [SLOG_V1_BLOCKS] = read_v1_blocks,
                                         [SLOG_OVERRIDE] = read_override,
                                         [SLOG_TOKENS] = read_tokens,
                                         [SLOG_CONCURRENCY] = read_concurrency,
                                         [SLOG_AVAILABLE] = read_available,
                                         [SLOG_PROFILE_064] = read_profile_064,
                                         [SLOG_PROFILE] = read_profile,
                                         [SLOG_INSTANCE] = read_instance,
                                         [SLOG_V0_SPLIT] = read_v0_split,
                                         [SLOG_INITIAL] = read_initial,
                                         [SLOG_SNAPSHOT] = read_snapshot,
                                         [SLOG_FREE] = read_free,
                                         [SLOG_HPU] = read_hpu,
                                         [SLOG_GRAPH] = read_graph,
                                         [SLOG_GRAPH_GUESS] = read_graph_guess,
                                         [SLOG_GRAPH_POOL] = read_graph_pool,
                                         [SLOG_INIT] = read_init,
                                         [SLOG_COMPILE] = read_compile,
                                         [SLOG_MAX_LEN] = read_max_len,
                                         [SLOG_CHUNKED] = read_chunked,
                                         [SLOG_AUTO_FIT] = read_auto_fit};
  const char after = hit->end < hit->seg->len ? hit->seg->text[hit->end] : '\0';
  if (after == '%' || after == '{') return; /* the program's text, not its output */
  struct slog_start *const start = slog_start_for(r, hit);
  slog_met(r, hit->seg, hit->at);
  if (start == NULL) return;
  readers[hit->arg](&start->pub.memory, start, hit);
  if (hit->arg == SLOG_FREE) slog_failure(r, hit);
}

/* ---- what follows from the lines
 * -------------------------------------------------------- */

/* Tokens of a block: as given, or what the concurrency printed beside the blocks was
 * worked out with, or what every GPU has by default. */
static double block_tokens(const struct slog_start *start)
{
  static const double sizes[] = {8, 16, 32, 64, 128, 256};
  const struct kvc_log_memory *const m = &start->pub.memory;
  const double meant = m->max_concurrency * m->concurrency_len_tok / m->gpu_blocks;
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    if (fabs(meant / sizes[k] - 1) < 0.02) return sizes[k];
  if (start->block_size > 0) return start->block_size;
  static const char *const gpus[] = {"GPU", "cuda", "CUDA", "rocm", "ROCm"};
  for (size_t k = 0; k < sizeof gpus / sizeof *gpus; k++)
    if (strcmp(start->device, gpus[k]) == 0) return 16;
  return (double)NAN;
}

void slog_memory_derive(struct slog_start *start)
{
  struct kvc_log_memory *const m = &start->pub.memory;
  if (isnan(m->load_s)) m->load_s = start->load_weights_s;
  if (isnan(m->kv_tokens) && start->n_blocks > 0 && m->gpu_blocks >= 0)
    m->kv_tokens = m->gpu_blocks * block_tokens(start);
  if (isnan(m->activation_peak_bytes) && start->torch_peak_bytes > m->weights_bytes)
    m->activation_peak_bytes = start->torch_peak_bytes - m->weights_bytes;
  if (isnan(m->non_torch_bytes) && start->consumed_bytes >= m->weights_bytes)
    m->non_torch_bytes = start->consumed_bytes - m->weights_bytes;
  m->ranks = start->n_available;
  if (start->n_sizes > m->ranks) m->ranks = start->n_sizes;
  if (start->n_blocks > m->ranks) m->ranks = start->n_blocks;
}
