/* speed.c - a sized deployment made ready for pricing: coefficients and host facts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/speed.h>
#include <math.h>

struct row {
  const char *key;
  size_t offset;
  double unit, missing;
};

#define OFF(field) offsetof(struct kvc_speed_facts, field)
static const struct row rows[] = {
    {"speed_step_us", OFF(step_s), 1e-6, 1500},
    {"speed_seq_us", OFF(seq_s), 1e-6, 5},
    {"speed_hidden_frac", OFF(hidden_frac), 1, 0.9},
    {"speed_layer_us", OFF(layer_s), 1e-6, 25},
    {"speed_moe_layer_us", OFF(moe_layer_s), 1e-6, 10},
    {"speed_piece_us", OFF(piece_s), 1e-6, 20},
    {"speed_eager_layer_us", OFF(eager_layer_s), 1e-6, 300},
    {"speed_sample_us", OFF(sample_s), 1e-6, 0.3},
};

kvc_code kvc_speed_facts(struct kvc_db *db, const struct kvc_setting *set,
                         struct kvc_speed_facts *out, struct kvc_err *err)
{
  struct kvc_engine *engine;
  KVC_TRY(kvc_db_engine(db, "vllm", &engine, err));
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct kvc_fact *f =
        kvc_engine_fact(engine, rows[i].key, &set->version, set->engine);
    double v = rows[i].missing;
    if (f != NULL) KVC_TRY(kvc_num_parse(f->value, rows[i].key, &v, err));
    *(double *)(void *)((char *)out + rows[i].offset) = v * rows[i].unit;
  }
  return KVC_E_OK;
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
  KVC_TRY(kvc_db_kernels(db, size->gpu.name, size->gpu.architecture, kernels, &match,
                         err));
  if (facts == NULL) KVC_TRY(kvc_speed_facts(db, &size->setting, &own, err));
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
