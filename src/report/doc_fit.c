/* doc_fit.c - fitted coefficients with what they explain, as documents.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/fitted.h>
#include <math.h>
#include <string.h>

static const struct {
  const char *key, *name, *field;
} figures[3] = {{"tpot", "TPOT", "tpot_s"},
                {"ttft", "TTFT", "ttft_s"},
                {"output_throughput", "throughput", "output_tok_per_s"}};

static double figure(const struct kvc_serving *s, size_t k)
{
  return k == 0 ? s->tpot_s : k == 1 ? s->ttft_s : s->output_tok_s;
}

static const char *percent(struct kvc_doc *doc, double frac)
{
  return isnan(frac) ? "not measured" : TEXT(doc, "%.1f %%", 100 * frac);
}

static const char *whole_percent(struct kvc_doc *doc, double frac)
{
  return isnan(frac) ? "what nobody measured" : TEXT(doc, "%.0f %%", 100 * frac);
}

/* ---- a server -------------------------------------------------------------------- */

static void add_coefficients(struct kvc_doc *doc, const struct kvc_serving_fit *fit)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "coefficients", KVC_NODE_LIST);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Coefficients", NULL);
  for (size_t i = 0; i < KVC_FIT_COUNT_; i++) {
    const bool seconds = kvc_coefficient_unit(i)[0] != '\0';
    const double unit = seconds ? 1e6 : 1;
    const bool told = fit->sd[i] < 0.9 * kvc_fit_prior_sd(i) * (seconds ? 1 : fit->x[i]);
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "key", kvc_coefficient_key(i));
    kvc_node_num(doc, one, "value", fit->x[i], KVC_U_NONE);
    kvc_node_num(doc, one, "standard_error", fit->sd[i], KVC_U_NONE);
    kvc_node_bool(doc, one, "told_by_these_loads", told);
    kvc_node_text(doc, one, "unit", seconds ? kvc_coefficient_unit(i) : NULL);
    kvc_node_text(doc, one, "meaning", kvc_coefficient_meaning(i));
    (void)kvc_block_add(
        doc, KVC_BLOCK_ROW, kvc_coefficient_key(i),
        seconds ? TEXT(doc, "%+.1f us, +- %.1f", unit * fit->x[i], unit * fit->sd[i])
                : TEXT(doc, "x %.3f, +- %.3f", fit->x[i], fit->sd[i]),
        told ? kvc_coefficient_meaning(i)
             : TEXT(doc, "%s; these loads do not tell", kvc_coefficient_meaning(i)));
  }
}

static void add_errors(struct kvc_doc *doc, const struct kvc_serving_fit *fit)
{
  struct kvc_node *map = kvc_node_add(doc, doc->root, "median_error", KVC_NODE_MAP);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Median error", NULL);
  for (size_t k = 0; k < 3; k++) {
    struct kvc_node *one = kvc_node_add(doc, map, figures[k].key, KVC_NODE_MAP);
    kvc_node_num(doc, one, "before_frac", fit->before_err[k], KVC_U_NONE);
    kvc_node_num(doc, one, "after_frac", fit->median_err[k], KVC_U_NONE);
    (void)kvc_block_add(doc, KVC_BLOCK_ROW, figures[k].name,
                        TEXT(doc, "%s", percent(doc, fit->before_err[k])),
                        isnan(fit->median_err[k])
                            ? NULL
                            : TEXT(doc, "-> %s", percent(doc, fit->median_err[k])));
  }
}

static const char *shown(struct kvc_doc *doc, double v, size_t k)
{
  if (isnan(v)) return "?";
  return k == 2 ? TEXT(doc, "%.0f", v) : TEXT(doc, v < 0.1 ? "%.1f" : "%.0f", 1e3 * v);
}

static void add_level(struct kvc_doc *doc, struct kvc_node *list,
                      const struct kvc_level *level, const struct kvc_level_fit *l)
{
  struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
  kvc_node_text(doc, one, "name", level->name);
  kvc_node_text(doc, one, "load", level->load);
  kvc_node_num(doc, one, "clients", l->clients, KVC_U_NONE);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL,
                      TEXT(doc, "%s: %s", level->name, level->load), NULL);
  for (size_t k = 0; k < 3; k++) {
    const double measured = figure(&level->measured, k);
    const double before = figure(&l->before, k), after = figure(&l->after, k);
    struct kvc_node *f = kvc_node_add(doc, one, figures[k].field, KVC_NODE_MAP);
    kvc_node_num(doc, f, "measured", measured, KVC_U_NONE);
    kvc_node_num(doc, f, "before", before, KVC_U_NONE);
    kvc_node_num(doc, f, "after", after, KVC_U_NONE);
    kvc_node_num(doc, f, "error_before_frac", before / measured - 1, KVC_U_NONE);
    kvc_node_num(doc, f, "error_after_frac", l->error[k], KVC_U_NONE);
    kvc_node_bool(doc, f, "outside", l->outside[k]);
    if (isnan(measured)) continue;
    (void)kvc_block_add(
        doc, KVC_BLOCK_ROW, TEXT(doc, "  %s", figures[k].name),
        TEXT(doc, "%s %s", shown(doc, measured, k), k == 2 ? "tok/s" : "ms"),
        TEXT(doc, "predicted %s (%+.0f %%), now %s (%+.0f %%)%s", shown(doc, before, k),
             100 * (before / measured - 1), shown(doc, after, k), 100 * l->error[k],
             l->outside[k] ? ", not explained" : ""));
  }
}

static void add_levels(struct kvc_doc *doc, const struct kvc_levels_fit *fit)
{
  const struct kvc_levels *s = fit->series;
  struct kvc_node *list = kvc_node_add(doc, doc->root, "levels", KVC_NODE_LIST);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Measured beside predicted", NULL);
  for (size_t i = 0; i < s->n; i++) add_level(doc, list, &s->levels[i], &fit->levels[i]);
}

static void add_unexplained(struct kvc_doc *doc, const struct kvc_levels_fit *fit)
{
  const struct kvc_levels *s = fit->series;
  struct kvc_node *list = kvc_node_add(doc, doc->root, "unexplained", KVC_NODE_LIST);
  bool headed = false;
  for (size_t i = 0; i < s->n; i++)
    for (size_t k = 0; k < 3; k++) {
      if (!fit->levels[i].outside[k]) continue;
      const char *text =
          TEXT(doc, "%s of %s is off by %+.0f %% after the fit", figures[k].name,
               s->levels[i].name, 100 * fit->levels[i].error[k]);
      struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
      kvc_node_text(doc, one, "level", s->levels[i].name);
      kvc_node_text(doc, one, "figure", figures[k].key);
      kvc_node_num(doc, one, "error_frac", fit->levels[i].error[k], KVC_U_NONE);
      if (!headed)
        (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Not explained", NULL);
      headed = true;
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, text, NULL);
    }
}

kvc_code kvc_doc_levels_fit(struct kvc_doc *doc, const struct kvc_levels_fit *fit,
                            const char *saved, struct kvc_err *err)
{
  const struct kvc_levels *s = fit->series;
  const struct kvc_serving_fit *f = &fit->fit;
  const size_t k = isnan(f->median_err[0]) ? 2 : 0;
  kvc_node_num(doc, doc->root, "schema", fit->schema, KVC_U_NONE);
  kvc_node_text(doc, doc->root, "gpu", s->size->gpu.name);
  kvc_node_text(doc, doc->root, "model", s->size->model.name);
  kvc_node_text(doc, doc->root, "vllm_version", fit->version);
  kvc_node_num(doc, doc->root, "tensor_parallel_size", s->size->setting.tp, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "pipeline_parallel_size", s->size->setting.pp, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "iterations", (double)f->iterations, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "interval_error_frac", fit->error_frac, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "interval_ttft_error_frac", fit->ttft_error_frac,
               KVC_U_NONE);
  kvc_node_text(doc, doc->root, "saved", saved);
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL,
                      TEXT(doc, "%s error %s -> %s over %zu loads", figures[k].name,
                           percent(doc, f->before_err[k]), percent(doc, f->median_err[k]),
                           s->n),
                      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, "server:",
                      TEXT(doc, "%s on %d x %s, vLLM %s", s->size->model.name,
                           s->size->setting.tp * s->size->setting.pp, s->size->gpu.name,
                           fit->version),
                      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, "times:",
                      TEXT(doc,
                           "TPOT within %s and TTFT within %s on nine of ten such "
                           "loads, by what the fit leaves over",
                           whole_percent(doc, fit->error_frac),
                           whole_percent(doc, fit->ttft_error_frac)),
                      NULL);
  if (s->note != NULL) (void)kvc_block_add(doc, KVC_BLOCK_PARA, "note:", s->note, NULL);
  kvc_node_text(doc, doc->root, "note", s->note);
  add_errors(doc, f);
  add_coefficients(doc, f);
  add_levels(doc, fit);
  add_unexplained(doc, fit);
  if (saved != NULL)
    (void)kvc_block_add(
        doc, KVC_BLOCK_PARA,
        "saved:", TEXT(doc, "%s, for kvcap simulate --calibration %s", saved, saved),
        NULL);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

/* ---- kernels ---------------------------------------------------------------------- */

static void add_curve(struct kvc_doc *doc, struct kvc_node *list,
                      const struct kvc_curve *c)
{
  struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
  const char *op = kvc_curve_op_word(c->op), *fmt = kvc_fmt_word(c->fmt);
  kvc_node_text(doc, one, "op", op);
  kvc_node_text(doc, one, "format", fmt);
  kvc_node_num(doc, one, "ranks", c->ranks > 0 ? c->ranks : (double)NAN, KVC_U_NONE);
  kvc_node_num(doc, one, "rows", (double)c->rows, KVC_U_NONE);
  kvc_node_num(doc, one, "fixed_s", c->fixed_s, KVC_U_NONE);
  kvc_node_num(doc, one, "memory_frac", c->memory_frac, KVC_U_NONE);
  kvc_node_num(doc, one, "flops_frac", c->flops_frac > 0 ? c->flops_frac : (double)NAN,
               KVC_U_NONE);
  kvc_node_num(doc, one, "median_error_frac", c->median_err, KVC_U_NONE);
  kvc_node_num(doc, one, "p90_error_frac", c->p90_err, KVC_U_NONE);
  const bool left = c->left_out_err > 0; /* too few rows to leave any out else */
  kvc_node_num(doc, one, "left_out_error_frac", left ? c->left_out_err : (double)NAN,
               KVC_U_NONE);
  (void)kvc_block_add(
      doc, KVC_BLOCK_ROW,
      c->ranks > 0 ? TEXT(doc, "%s on %d", op, c->ranks) : TEXT(doc, "%s %s", op, fmt),
      TEXT(doc, "%5.1f %% median, %5.1f %% p90", 100 * c->median_err, 100 * c->p90_err),
      left ? TEXT(doc, "%lld rows; %.1f %% if left out", (long long)c->rows,
                  100 * c->left_out_err)
           : TEXT(doc, "%lld rows", (long long)c->rows));
}

kvc_code kvc_doc_kernels_fit(struct kvc_doc *doc, const struct kvc_kernels *k,
                             const char *saved, struct kvc_err *err)
{
  kvc_node_num(doc, doc->root, "schema", 1, KVC_U_NONE);
  kvc_node_text(doc, doc->root, "gpu", k->name);
  kvc_node_text(doc, doc->root, "architecture", k->architecture);
  kvc_node_text(doc, doc->root, "saved", saved);
  (void)kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL,
      TEXT(doc, "%zu curve%s of %s", k->n_curves, k->n_curves == 1 ? "" : "s", k->name),
      NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Error of the fitted times", NULL);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "curves", KVC_NODE_LIST);
  for (size_t i = 0; i < k->n_curves; i++) add_curve(doc, list, &k->curves[i]);
  if (saved != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "saved:",
                        TEXT(doc,
                             "%s: lay its folder over the built-in profiles with "
                             "--profiles, as kernels/NAME.yaml",
                             saved),
                        NULL);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
