/* test_profile_schema.c - profiles/README.md says what the rows say.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/calibration_rows.h"
#include "src/profile/gpu_rows.h"
#include "src/profile/kernels_rows.h"
#include "src/profile/model_rows.h"
#include "src/profile/terms_room.h"
#include "src/profile/workload_rows.h"

static struct kvc_arena arena;

static char *source(const char *path)
{
  char *text;
  size_t len;
  struct kvc_err err;
  assert_int_equal(
      kvc_file_read_into(&arena, kit_source(path), 1 << 20, &text, &len, &err), KVC_E_OK);
  return text;
}

static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&arena, (size_t)16 << 20);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

/* ---- tables that are made of rows ------------------------------------------------ */

static void put_type(struct kvc_buf *out, const struct field *f)
{
  static const char *const names[] = {
      [FIELD_TEXT] = "text",          [FIELD_INT] = "whole number",
      [FIELD_INT64] = "whole number", [FIELD_DOUBLE] = "number",
      [FIELD_BOOL] = "true or false", [FIELD_ENUM] = "",
      [FIELD_FIGURE] = "figure in ",  [FIELD_TEXTS] = "list of texts",
      [FIELD_CUSTOM] = "see below"};
  static const char *const units[] = {[KVC_Q_BYTES] = "bytes",
                                      [KVC_Q_BYTES_PER_S] = "bytes/s",
                                      [KVC_Q_FLOPS] = "FLOP/s",
                                      [KVC_Q_WATT] = "W"};
  kvc_buf_puts(out, names[f->type]);
  if (f->type == FIELD_FIGURE) kvc_buf_puts(out, units[f->quantity]);
  for (size_t i = 0; f->type == FIELD_ENUM && f->words[i] != NULL; i++)
    kvc_buf_printf(out, "%s%s", i > 0 ? ", " : "one of ", f->words[i]);
  if (f->min != 0 || f->max != 0) kvc_buf_printf(out, ", %g to %g", f->min, f->max);
  if (f->required) kvc_buf_puts(out, "; required");
}

static void tables_of_rows_are_up_to_date(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    const struct field *rows;
  } tables[] = {{"gpu", gpu_rows},
                {"price", price_rows},
                {"model, before the layers", model_head_rows},
                {"layer kind", layer_rows},
                {"mla", mla_rows},
                {"moe", moe_rows},
                {"ssm", ssm_rows},
                {"quant", quant_rows},
                {"tower", tower_rows},
                {"workload", workload_rows},
                {"term", term_rows},
                {"calibration", calibration_rows},
                {"kernels", kernels_rows},
                {"curve", curve_rows},
                {"model, after the layers", model_rest_rows}};
  const char *readme = source("profiles/README.md");
  bool stale = false;
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
    struct kvc_buf want;
    kvc_buf_init(&want, 1 << 20);
    kvc_buf_printf(&want, "| %s | type | meaning |\n|---|---|---|\n", tables[t].name);
    for (const struct field *f = tables[t].rows; f->key != NULL; f++) {
      if (f->help == NULL) fail_msg("%s has no help", f->key);
      kvc_buf_printf(&want, "| `%s` | ", f->key);
      put_type(&want, f);
      kvc_buf_printf(&want, " | %s |\n", f->help);
    }
    kvc_buf_puts(&want, "\n"); /* nothing may follow */
    if (strstr(readme, want.text) == NULL) {
      fprintf(stderr, "profiles/README.md lacks this table:\n\n%s", want.text);
      stale = true;
    }
    kvc_buf_clear(&want);
  }
  assert_false(stale);
}

static void no_key_is_listed_twice_and_every_row_makes_sense(void **state)
{
  (void)state;
  static const struct field *const tables[] = {
      gpu_rows,     price_rows, model_head_rows, layer_rows, mla_rows,
      moe_rows,     ssm_rows,   quant_rows,      tower_rows, model_rest_rows,
      kernels_rows, curve_rows, term_rows};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct field *f = tables[t]; f->key != NULL; f++) {
      assert_true(f->min <= f->max);
      assert_int_equal(f->type == FIELD_ENUM, f->words != NULL);
      for (const struct field *g = tables[t]; g != f; g++) {
        assert_string_not_equal(f->key, g->key);
        if (f->type != FIELD_CUSTOM && g->type != FIELD_CUSTOM)
          assert_int_not_equal(f->offset, g->offset);
      }
    }
}

/* ---- keys of the other files, as the source lists them ---------------------------- */

static void every_other_key_is_named(void **state)
{
  (void)state;
  static const char *const files[] = {
      "src/profile/engine_read.c", "src/profile/flags_read.c",
      "src/profile/metrics_read.c", "src/profile/cite.c", "src/profile/field.c"};
  static const char mark[] = ".key = \"";
  const char *readme = source("profiles/README.md");
  size_t found = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    for (const char *p = strstr(source(files[i]), mark); p != NULL; p = strstr(p, mark)) {
      char quoted[80];
      p += sizeof mark - 1;
      const size_t len = strcspn(p, "\"");
      assert_true(len < sizeof quoted - 3);
      (void)snprintf(quoted, sizeof quoted, "`%.*s`", (int)len, p);
      if (strstr(readme, quoted) == NULL)
        fail_msg("%s: %s is not named", files[i], quoted);
      found++;
    }
  assert_true(found > 30);
  static const char *const conditions[] = {"memory_min", "memory_max", "name_has",
                                           "name_lacks", "context",    "vendor",
                                           "chunked",    "moe_dp"};
  for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
    char quoted[80];
    (void)snprintf(quoted, sizeof quoted, "`%s`", conditions[i]);
    assert_non_null(strstr(readme, quoted));
  }
}

/* The samples in the README are profiles. */
static void the_samples_can_be_read(void **state)
{
  (void)state;
  const char *readme = source("profiles/README.md");
  static struct kvc_gpu gpu;
  static struct kvc_model model;
  size_t gpus = 0, models = 0;
  struct kvc_err err = {.code = KVC_E_OK};
  for (const char *p = strstr(readme, "```yaml\n"); p != NULL;
       p = strstr(p, "```yaml\n")) {
    p += 8;
    const char *close = strstr(p, "\n```");
    assert_non_null(close);
    const size_t len = (size_t)(close - p) + 1;
    kvc_code rc = KVC_E_OK;
    if (strncmp(p, "# gpus/", 7) == 0 && ++gpus > 0)
      rc = kvc_gpu_read(&arena, p, len, "README", &gpu, &err);
    else if (strncmp(p, "# models/", 9) == 0 && ++models > 0)
      rc = kvc_model_read(&arena, p, len, "README", &model, &err);
    if (rc != KVC_E_OK) fail_msg("sample %d:%d %s", err.line, err.col, err.msg);
  }
  assert_true(gpus == 1 && models == 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_of_rows_are_up_to_date),
      cmocka_unit_test(no_key_is_listed_twice_and_every_row_makes_sense),
      cmocka_unit_test(every_other_key_is_named),
      cmocka_unit_test(the_samples_can_be_read),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
