/* fuzz_args.c - can a hostile command line hurt us?  One word a line, JSON values too.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Words that would touch files are left out.  Whatever is answered must have one of
 * the documented exit statuses, and a failure must say why in one line.
 */
#include <stdint.h>
#include <kvcap/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_WORDS = 40, MAX_BYTES = 20000 };

static bool touches_files(const char *word)
{
  return kvc_str_istarts(word, "--out") || strncmp(word, "-o", 2) == 0 ||
         kvc_str_istarts(word, "--profiles") ||
         kvc_str_ifind(word, "config") == word + 8 || strchr(word, '/') == word ||
         word[0] == '.';
}

static void check(int status, const char *err, size_t len)
{
  if (status != 0 && status != 2 && status != 3 && status != 4 && status != 5) abort();
  if (status != 0 && status != 4 && len == 0) abort();
  if (len > 0 && memchr(err, '\n', len) != err + len - 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *argv[MAX_WORDS + 8] = {"kvcap", "size", "--model", "gpt2", "--gpu", "H100"};
  int argc = 6;
  if (size > MAX_BYTES) return 0;
  char *text = calloc(size + 1, 1);
  if (text == NULL) return 0;
  if (size > 0) memcpy(text, data, size);
  for (char *word = text; word < text + size && argc < MAX_WORDS + 6;) {
    char *end = word + strcspn(word, "\n");
    const bool last = *end == '\0';
    *end = '\0';
    if (*word != '\0' && !touches_files(word)) argv[argc++] = word;
    word = end + 1;
    if (last && word > text + size) break;
  }
  char *out = NULL, *err = NULL;
  size_t out_len = 0, err_len = 0;
  FILE *o = open_memstream(&out, &out_len), *e = open_memstream(&err, &err_len);
  if (o != NULL && e != NULL) {
    const struct cli_world world = {.out = o, .err = e, .no_color = true};
    const int status = cli_run(&world, argc, argv);
    (void)fclose(o);
    (void)fclose(e);
    check(status, err, err_len);
  }
  free(out);
  free(err);
  free(text);
  return 0;
}
