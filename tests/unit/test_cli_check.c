/* test_cli_check.c - kvcap check from arguments to exit status.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../src/cli/cli.h"

struct run_case {
  int status;
  const char *part;     /* of what is printed */
  const char *argv[10]; /* after "kvcap check" */
};

static const struct run_case cases[] = {
    {0, "nothing to object", {"--vllm-version", "0.19.0", "vllm serve m"}},
    {0, "Skipped: --gpu is not given", {"--vllm-version", "0.19.0", "vllm serve m"}},
    {1, "[FLG004]", {"--vllm-version", "0.19.0", "vllm serve m --swap-space 4"}},
    {0, "[ENG001]", {"--vllm-version", "0.17.0", "vllm serve m --swap-space 8"}},
    {1,
     "[ENG001]",
     {"--vllm-version", "0.17.0", "--fail-on", "warning", "vllm serve m --swap-space 8"}},
    {0, "[FLG010]", {"--vllm-version", "0.19.0", "vllm serve m --port 8000"}},
    {1,
     "[FLG010]",
     {"--vllm-version", "0.19.0", "--fail-on", "hint", "vllm serve m --port 8000"}},
    {0,
     "vllm serve m -tp 2\n",
     {"--to", "0.19.0", "--fix", "vllm serve m --swap-space 4 -tp 2"}},
    {0,
     "vllm serve m -tp 2\n",
     {"--to", "0.19.0", "--fix", "--", "vllm", "serve", "m", "-tp", "2"}},
    {1,
     "PAR001",
     {"--gpu", "H100", "--vllm-version", "0.19.0", "vllm serve Qwen/Qwen3-8B -tp 3"}},
    {1,
     "FIT001",
     {"--gpu", "L4", "--vllm-version", "0.19.0", "vllm serve Qwen/Qwen3-32B"}},
    {0, "the V1 engine runs", {"--from", "0.6.6", "--to", "0.19.0", "vllm serve m"}},
    {0,
     "default moves from 0.90 to 0.92",
     {"--from", "0.19.0", "--to", "0.20.0", "vllm serve m"}},
    {2, "give one", {"--to", "0.19.0", "--vllm-version", "0.18.0", "vllm serve m"}},
    {3, "later than", {"--from", "0.19.0", "--to", "0.8.0", "vllm serve m"}},
    {3, "no launch", {"--as", "compose", "services: {}\n# x"}},
    {3, "not one of", {"--as", "frob", "vllm serve m"}},
    {5, "cannot", {"/nonexistent-file"}},
    {2, "check takes one file", {NULL}},
};

static void statuses_and_words_are_as_documented(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *argv[14] = {NULL};
    char *out = NULL, *err = NULL;
    size_t out_len = 0, err_len = 0;
    int argc = 0;
    argv[argc++] = strdup("kvcap");
    argv[argc++] = strdup("check");
    for (size_t k = 0; k < 10 && cases[i].argv[k] != NULL; k++)
      argv[argc++] = strdup(cases[i].argv[k]);
    FILE *o = open_memstream(&out, &out_len), *e = open_memstream(&err, &err_len);
    assert_true(o != NULL && e != NULL);
    const struct cli_world world = {.out = o, .err = e, .no_color = true};
    const int status = cli_run(&world, argc, argv);
    (void)fclose(o);
    (void)fclose(e);
    if (status != cases[i].status)
      fail_msg("case %zu: status %d, not %d: %s%s", i, status, cases[i].status, out, err);
    const char *where = status > 1 ? err : out;
    if (strstr(where, cases[i].part) == NULL)
      fail_msg("case %zu: no \"%s\" in: %s", i, cases[i].part, where);
    if (status > 1) assert_int_equal(out_len, 0);
    free(out);
    free(err);
    for (int k = 0; k < argc; k++) free(argv[k]);
  }
}

static cJSON *check_json(const char *version, const char *command)
{
  char *argv[] = {strdup("kvcap"), strdup("check"),    strdup("--vllm-version"),
                  strdup(version), strdup("--format"), strdup("json"),
                  strdup("--"),    strdup(command),    NULL};
  char *out = NULL, *err = NULL;
  size_t out_len = 0, err_len = 0;
  FILE *o = open_memstream(&out, &out_len), *e = open_memstream(&err, &err_len);
  assert_true(o != NULL && e != NULL);
  const struct cli_world world = {.out = o, .err = e, .no_color = true};
  const int status = cli_run(&world, 8, argv);
  (void)fclose(o);
  (void)fclose(e);
  if (status > 1) fail_msg("%s: %s", command, err);
  cJSON *tree = cJSON_Parse(out);
  assert_non_null(tree);
  free(out);
  free(err);
  for (size_t i = 0; i < 8; i++) free(argv[i]);
  return tree;
}

/* Whatever is wrong with a launch, the corrected command has no error of a flag. */
static void the_corrected_command_has_only_flags_that_exist(void **state)
{
  (void)state;
  char path[4096], line[1024];
  const char *top = getenv("KVC_SOURCE_DIR");
  (void)snprintf(path, sizeof path, "%s/tests/data/breakages.tsv",
                 top != NULL ? top : ".");
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    if (line[0] == '#') continue;
    line[strcspn(line, "\n")] = '\0';
    line[strcspn(line, "\t")] = '\0';
    const char *command = strrchr(line + strlen(line) + 1, '\t') + 1;
    cJSON *before = check_json(line, command);
    const cJSON *one = cJSON_GetArrayItem(cJSON_GetObjectItem(before, "commands"), 0);
    const char *corrected = cJSON_GetStringValue(cJSON_GetObjectItem(one, "corrected"));
    assert_non_null(corrected);
    cJSON *after = check_json(line, corrected);
    const cJSON *f;
    cJSON_ArrayForEach(f, cJSON_GetObjectItem(after, "findings"))
    {
      const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(f, "id"));
      if (strncmp(id, "FLG00", 5) == 0 && id[5] <= '5')
        fail_msg("%s: %s in %s", line, id, corrected);
    }
    cJSON_Delete(before);
    cJSON_Delete(after);
  }
  (void)fclose(file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_and_words_are_as_documented),
      cmocka_unit_test(the_corrected_command_has_only_flags_that_exist),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
