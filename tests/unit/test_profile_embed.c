/* test_profile_embed.c - the build's packing tool refuses what would mislead later.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"

/* Runs the tool over two files; its exit status, and what it said in 'said'. */
static int embed(const char *folder, char said[1024])
{
  char command[6 * KIT_PATH], log[KIT_PATH];
  kit_join(log, folder, "log");
  const int n = snprintf(command, sizeof command,
                         "%s/kvc_embed %s/out.c %s/out.bin %s gpus/a.yaml models/b.yaml "
                         "gpus/c.yaml >%s 2>&1",
                         kit_env("KVC_BUILD_DIR", "."), folder, folder, folder, log);
  assert_true(n > 0 && (size_t)n < sizeof command);
  const int status = system(command);
  FILE *f = fopen(log, "rb");
  assert_non_null(f);
  said[fread(said, 1, 1023, f)] = '\0';
  (void)fclose(f);
  return status;
}

static void a_name_claimed_twice_or_a_malformed_file_stops_the_build(void **state)
{
  (void)state;
  static const struct {
    const char *c, *says; /* NULL = fine */
  } cases[] = {
      {"name: Other\nvendor: amd\n", NULL},
      {"name: toy_80\nvendor: amd\n", "gpus/a.yaml and profiles/gpus/c.yaml"},
      {"name: Other\nvendor: amd\naliases: [nvidia-toy]\n", "nvidia-toy"},
      {"name: Other\nvendor: amd\nfamily: [Toy]\n", "Toy"},
      {"vendor: amd\n", "name"},
      {"name: [\n", "gpus/c.yaml:2:1"},
      {"name: a\nname: b\n", "gpus/c.yaml:2:1"},
  };
  char folder[KIT_PATH], said[1024];
  kit_folder(folder);
  kit_write(folder, "gpus/a.yaml", kit_gpu);
  kit_write(folder, "models/b.yaml", kit_model);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    kit_write(folder, "gpus/c.yaml", cases[i].c);
    const int status = embed(folder, said);
    if ((status == 0) != (cases[i].says == NULL)) fail_msg("case %zu: %s", i, said);
    if (cases[i].says != NULL && strstr(said, cases[i].says) == NULL)
      fail_msg("case %zu: %s", i, said);
  }
  kit_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_claimed_twice_or_a_malformed_file_stops_the_build),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
