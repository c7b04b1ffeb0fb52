/* replay_main.c - a fuzz target without libFuzzer: every file of a corpus, as it is and
 * mangled in a few ways that are the same each time.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usage: fuzz_NAME_replay FILE-OR-FOLDER...
 */
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_BYTES = 1 << 20, MANGLED = 12 };

static size_t files;

/* The target gets a block of exactly 'size' bytes, so that a sanitizer sees the end. */
static void feed(const uint8_t *data, size_t size)
{
  uint8_t *exact = calloc(size > 0 ? size : 1, 1);
  if (exact == NULL) exit(2);
  if (size > 0) memcpy(exact, data, size);
  (void)LLVMFuzzerTestOneInput(exact, size);
  free(exact);
}

static uint32_t next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static void mangle(uint8_t *data, size_t size)
{
  static const char odd[] = "\0\xff\x80\"\\{}[]:,-&*!#%@`\n\t 0e";
  uint32_t state = (uint32_t)size;
  if (size == 0) return;
  for (int i = 1; i < MANGLED; i++) feed(data, size * (size_t)i / MANGLED);
  for (int i = 0; i < MANGLED; i++) {
    uint8_t *at = data + next(&state) % size, was = *at;
    *at = (uint8_t)odd[next(&state) % (sizeof odd - 1)];
    feed(data, size);
    if (i % 2 == 0) *at = was; /* else the damage adds up */
  }
}

static void replay_file(const char *path)
{
  static uint8_t data[MAX_INPUT_BYTES];
  FILE *f = fopen(path, "rb");
  if (f == NULL) {
    perror(path);
    exit(1);
  }
  const size_t size = fread(data, 1, sizeof data, f);
  (void)fclose(f);
  files++;
  feed(data, size);
  mangle(data, size);
}

static void replay(const char *path)
{
  struct stat st;
  struct dirent **names;
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
    replay_file(path);
    return;
  }
  const int n = scandir(path, &names, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    char child[4096];
    if (names[i]->d_name[0] != '.') {
      (void)snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
      replay(child);
    }
    free(names[i]);
  }
  if (n >= 0) free(names);
}

int main(int argc, char **argv)
{
  feed((const uint8_t *)"", 0);
  for (int i = 1; i < argc; i++) replay(argv[i]);
  printf("replayed %zu files\n", files);
  return files > 0 ? 0 : 1;
}
