/* test_trace_corpus.c - real loads, when KVCAP_CORPUS names the folder: every file is
 * read or refused with a reason, and what is a load by its name is read.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <kvcap/file.h>
#include <kvcap/traffic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t files, loads, refused;

/* Names under which only loads are kept. */
static bool is_load(const char *name)
{
  static const char *const parts[] = {
      "azurellminferencetrace", "mooncake", "vidur", "servegen", "fleetsim", "burstgpt"};
  char low[256];
  size_t n = 0;
  for (; name[n] != '\0' && n < sizeof low - 1; n++)
    low[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 32 : name[n]);
  low[n] = '\0';
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (strstr(low, parts[i]) != NULL) return true;
  return false;
}

static void check_file(const char *path, const char *name)
{
  struct kvc_arena arena;
  struct kvc_traffic t;
  struct kvc_err err = {0};
  char *text;
  size_t len;
  kvc_arena_init(&arena, (size_t)1 << 30);
  if (kvc_file_read_into(&arena, path, 1 << 28, &text, &len, NULL) == KVC_E_OK) {
    files++;
    if (kvc_trace_read(&arena, text, len, path, NULL, &t, &err) == KVC_E_OK) {
      loads++;
      assert_true(t.n > 0);
      for (size_t i = 1; i < t.n; i++)
        assert_true(t.items[i].arrival_ns >= t.items[i - 1].arrival_ns);
    } else {
      refused++;
      if (err.msg[0] == '\0' || is_load(name))
        fail_msg("%s is refused: %s", path, err.msg);
    }
  }
  kvc_arena_clear(&arena);
}

static void every_load_is_read_and_nothing_else(void **state)
{
  (void)state;
  char folder[4000], path[4400];
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real load was read\n");
    skip();
    return;
  }
  (void)snprintf(folder, sizeof folder, "%s/workloads", corpus);
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (e->d_name[0] == '.') continue;
    (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    check_file(path, e->d_name);
  }
  (void)closedir(dir);
  print_message("%zu files: %zu loads, %zu refused\n", files, loads, refused);
  assert_true(loads > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_load_is_read_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
