/* cli_kit.h - the program run inside a test.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef CLI_KIT_H
#define CLI_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/cli.h"

enum { KIT_MAX_ARGS = 48 };

struct kit_run {
  char *out, *err;
  size_t out_len, err_len;
  int status;
};

/* Runs "kvcap" with the words, NULL-terminated. */
static inline struct kit_run kit_run(const char *const *words)
{
  struct kit_run r = {0};
  char *argv[KIT_MAX_ARGS + 1] = {"kvcap"};
  int argc = 1;
  for (; words[argc - 1] != NULL; argc++) {
    assert_true(argc < KIT_MAX_ARGS);
    argv[argc] = (char *)(uintptr_t)words[argc - 1];
  }
  FILE *out = open_memstream(&r.out, &r.out_len);
  FILE *err = open_memstream(&r.err, &r.err_len);
  assert_true(out != NULL && err != NULL);
  const struct cli_world world = {.out = out, .err = err, .no_color = true};
  r.status = cli_run(&world, argc, argv);
  (void)fclose(out);
  (void)fclose(err);
  return r;
}
#define KIT_RUN(...) kit_run((const char *const[]){__VA_ARGS__, NULL})

/* What it printed, as JSON. */
static inline cJSON *kit_json(const struct kit_run *r)
{
  cJSON *root = cJSON_Parse(r->out);
  if (root == NULL) fail_msg("%d: %s", r->status, r->err);
  return root;
}

static inline void kit_done(struct kit_run *r)
{
  free(r->out);
  free(r->err);
}

/* A file below the build's folder with this text; its path, overwritten by the next one
 * of the same name. */
static inline const char *kit_file(const char *name, const char *text, size_t len)
{
  static char path[4][512];
  static size_t slot;
  const char *dir = getenv("KVC_BUILD_DIR");
  char *out = path[slot++ % 4];
  (void)snprintf(out, sizeof path[0], "%s/%s", dir != NULL ? dir : ".", name);
  FILE *f = fopen(out, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, len, f), len);
  assert_int_equal(fclose(f), 0);
  return out;
}

/* "a.b.c" of a JSON object; NULL when it is not there. */
static inline const cJSON *kit_at(const cJSON *node, const char *path)
{
  char key[80];
  while (node != NULL && *path != '\0') {
    const size_t n = strcspn(path, ".");
    (void)snprintf(key, sizeof key, "%.*s", (int)n, path);
    node = key[0] >= '0' && key[0] <= '9' ? cJSON_GetArrayItem(node, key[0] - '0')
                                          : cJSON_GetObjectItemCaseSensitive(node, key);
    path += n + (path[n] == '.');
  }
  return node;
}

static inline double kit_number(const cJSON *root, const char *path)
{
  const cJSON *node = kit_at(root, path);
  if (!cJSON_IsNumber(node)) fail_msg("%s is no number", path);
  return node->valuedouble;
}

static inline const char *kit_text(const cJSON *root, const char *path)
{
  const cJSON *node = kit_at(root, path);
  if (!cJSON_IsString(node)) fail_msg("%s is no text", path);
  return node->valuestring;
}

#endif
