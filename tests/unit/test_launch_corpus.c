/* test_launch_corpus.c - real logs and launches, when KVCAP_CORPUS names the folder:
 * every file is read or refused with a reason, and what a server of a known release
 * accepted is not called unknown or gone. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <dirent.h>
#include "launch_kit.h"

static size_t files, launches, refused, args;

static void check_file(const char *path)
{
  static const char *const never[] = {"FLG001", "FLG002", "FLG003", "FLG004", "FLG005",
                                      "FLG006", "FLG007", "FLG008", "FLG012"};
  struct kit *k = kit_new();
  char *text;
  size_t len, count = 1;
  if (kvc_file_read_into(&k->arena, path, KVC_LAUNCH_MAX_BYTES, &text, &len, NULL) !=
      KVC_E_OK) {
    kit_free(k);
    return;
  }
  files++;
  for (size_t which = 0; which < count && which < 16; which++) {
    const kvc_code rc = kit_parse(k, text, len, KVC_LAUNCH_AUTO, which);
    if (rc != KVC_E_OK) {
      if (k->err.msg[0] == '\0') fail_msg("%s is refused without a reason", path);
      refused++;
      break;
    }
    count = k->launch.n_commands;
    launches++;
    args += k->launch.n_args;
    struct kvc_version v;
    if (k->launch.format != KVC_LAUNCH_LOG || k->launch.version == NULL ||
        kvc_version_parse(k->launch.version, path, &v, NULL) != KVC_E_OK || v.unreleased)
      continue;
    kit_lint(k, &v);
    for (size_t i = 0; i < k->n; i++)
      for (size_t n = 0; n < sizeof never / sizeof never[0]; n++)
        if (strcmp(k->found[i].finding.rule->id, never[n]) == 0)
          fail_msg("%s: %s: %s", path, never[n], k->found[i].finding.text);
  }
  kit_free(k);
}

static void what_a_server_accepted_is_not_called_wrong(void **state)
{
  static const char *const folders[] = {"logs", "bench", "dashboards"};
  (void)state;
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real launch was read\n");
    skip();
    return;
  }
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", corpus, folders[i]);
    DIR *dir = opendir(path);
    if (dir == NULL) continue;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
      if (e->d_name[0] == '.') continue;
      (void)snprintf(path, sizeof path, "%s/%s/%s", corpus, folders[i], e->d_name);
      check_file(path);
    }
    (void)closedir(dir);
  }
  print_message("%zu files: %zu launches with %zu arguments; %zu refused\n", files,
                launches, args, refused);
  assert_true(launches > 40);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_server_accepted_is_not_called_wrong),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
