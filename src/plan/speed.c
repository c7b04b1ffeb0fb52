/* speed.c - a sized deployment made ready for pricing: coefficients and host facts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/speed.h>
#include <stddef.h>
#include <string.h>

struct row {
  const char *key;
  size_t offset;
  double unit, missing;
};

#define OFF(field) offsetof(struct kvc_speed_facts, field)
static const struct row rows[] = {
    {"speed_layer_us", OFF(layer_s), 1e-6, 25},
    {"speed_moe_layer_us", OFF(moe_layer_s), 1e-6, 10},
    {"speed_piece_us", OFF(piece_s), 1e-6, 20},
    {"speed_eager_layer_us", OFF(eager_layer_s), 1e-6, 300},
    {"speed_moe_scale", OFF(moe_scale), 1, 1},
    {"speed_sample_us", OFF(sample_s), 1e-6, 0.3},
};
/* Those of the host, with the scheduler beside the GPU or before it. */
static const struct row beside[] = {
    {"speed_async_step_us", OFF(step_s), 1e-6, 1500},
    {"speed_async_seq_us", OFF(seq_s), 1e-6, 5},
    {"speed_async_hidden_frac", OFF(hidden_frac), 1, 0.9},
};
static const struct row before[] = {
    {"speed_sync_step_us", OFF(step_s), 1e-6, 500},
    {"speed_sync_seq_us", OFF(seq_s), 1e-6, 25},
    {"speed_sync_hidden_frac", OFF(hidden_frac), 1, 0},
};

static kvc_code read_rows(const struct kvc_engine *engine, const struct kvc_setting *set,
                          const struct row *row, size_t n, struct kvc_speed_facts *out,
                          struct kvc_err *err)
{
  for (size_t i = 0; i < n; i++) {
    const struct kvc_fact *f =
        kvc_engine_fact(engine, row[i].key, &set->version, set->engine);
    double v = row[i].missing;
    if (f != NULL) KVC_TRY(kvc_num_parse(f->value, row[i].key, &v, err));
    *(double *)(void *)((char *)out + row[i].offset) = v * row[i].unit;
  }
  return KVC_E_OK;
}

kvc_code kvc_speed_facts(struct kvc_db *db, const struct kvc_setting *set, int async,
                         struct kvc_speed_facts *out, struct kvc_err *err)
{
  struct kvc_engine *engine;
  KVC_TRY(kvc_db_engine(db, "vllm", &engine, err));
  const struct kvc_fact *f =
      kvc_engine_fact(engine, "speed_async_default", &set->version, set->engine);
  const bool is_async =
      async >= 0 ? async > 0 : f != NULL && strcmp(f->value, "true") == 0;
  KVC_TRY(read_rows(engine, set, rows, sizeof rows / sizeof rows[0], out, err));
  return read_rows(engine, set, is_async ? beside : before,
                   sizeof before / sizeof before[0], out, err);
}

kvc_code kvc_speed_open(struct kvc_arena *arena, struct kvc_db *db,
                        const struct kvc_size *size, const struct kvc_speed_facts *facts,
                        const struct kvc_tune *tune, struct kvc_latency **out,
                        struct kvc_err *err)
{
  static const enum kvc_speed_source source[] = {
      [KVC_KERNELS_MEASURED] = KVC_SPEED_MEASURED,
      [KVC_KERNELS_ARCHITECTURE] = KVC_SPEED_ARCHITECTURE,
      [KVC_KERNELS_MEAN] = KVC_SPEED_SHEET};
  enum kvc_kernels_match match;
  struct kvc_speed_facts own;
  struct kvc_kernels *kernels = kvc_arena_alloc(arena, 1, sizeof *kernels);
  if (kernels == NULL) return kvc_arena_full(arena, size->gpu.name, err);
  KVC_TRY(
      kvc_db_kernels(db, size->gpu.name, size->gpu.architecture, kernels, &match, err));
  if (facts == NULL) KVC_TRY(kvc_speed_facts(db, &size->setting, -1, &own, err));
  const struct kvc_latency_input in = {.gpu = &size->gpu,
                                       .model = &size->model,
                                       .setting = &size->setting,
                                       .facts = &size->facts,
                                       .kernels = kernels,
                                       .source = source[match],
                                       .speed = facts != NULL ? facts : &own,
                                       .tune = tune};
  return kvc_latency_prepare(arena, &in, out, err);
}
