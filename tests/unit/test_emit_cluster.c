/* test_emit_cluster.c - jobs that search a plan in parts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/emit.h>
#include <string.h>
#include <yaml.h>

static const char *const words[] = {"org/it's $(id)", "--rate", "20"};
static const struct kvc_emit_sweep sweep = {words, 3, 40};

static void the_slurm_array_counts_from_one_to_n(void **state)
{
  (void)state;
  struct kvc_buf out;
  kvc_buf_init(&out, 1 << 16);
  kvc_emit_slurm(&sweep, &out);
  assert_int_equal(strncmp(out.text, "#!/bin/sh\n", 10), 0);
  assert_non_null(strstr(out.text, "\n#SBATCH --array=1-40\n"));
  assert_non_null(strstr(out.text, "--shard \"${SLURM_ARRAY_TASK_ID}/40\""));
  assert_non_null(strstr(out.text, "kvcap plan 'org/it'\\''s $(id)' --rate 20"));
  /* sbatch reads its lines up to the first command only. */
  assert_true(strstr(out.text, "#SBATCH --output") < strstr(out.text, "\nset -eu\n"));
  kvc_buf_clear(&out);
}

static void the_kubernetes_index_counts_from_zero(void **state)
{
  (void)state;
  struct kvc_buf out;
  kvc_buf_init(&out, 1 << 16);
  kvc_emit_kubernetes(&sweep, &out);
  assert_non_null(strstr(out.text, "completionMode: Indexed\n  completions: 40\n"));
  assert_non_null(strstr(out.text, "part=$((JOB_COMPLETION_INDEX + 1))\n"));
  assert_non_null(strstr(out.text, "--shard \"${part}/40\""));
  kvc_buf_clear(&out);
}

/* The script that the pod runs, as a YAML parser hands it on. */
static void the_manifest_is_yaml_with_the_script_whole(void **state)
{
  (void)state;
  struct kvc_buf out;
  yaml_parser_t parser;
  size_t documents = 0, scripts = 0;
  kvc_buf_init(&out, 1 << 16);
  kvc_emit_kubernetes(&sweep, &out);
  assert_true(yaml_parser_initialize(&parser) == 1);
  yaml_parser_set_input_string(&parser, (const unsigned char *)out.text, out.len);
  for (bool end = false; !end;) {
    yaml_event_t event;
    assert_true(yaml_parser_parse(&parser, &event) == 1);
    documents += event.type == YAML_DOCUMENT_START_EVENT;
    if (event.type == YAML_SCALAR_EVENT) {
      const char *text = (const char *)event.data.scalar.value;
      if (strncmp(text, "set -eu\n", 8) == 0) {
        scripts++;
        assert_non_null(strstr(text, "\nkvcap plan 'org/it'\\''s $(id)' --rate 20"));
      }
    }
    end = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  assert_int_equal(documents, 2);
  assert_int_equal(scripts, 1);
  kvc_buf_clear(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_slurm_array_counts_from_one_to_n),
      cmocka_unit_test(the_kubernetes_index_counts_from_zero),
      cmocka_unit_test(the_manifest_is_yaml_with_the_script_whole)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
