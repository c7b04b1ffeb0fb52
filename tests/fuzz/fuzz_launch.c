/* fuzz_launch.c - can a hostile file hurt the readers of launches?  The first byte picks
 * the format and the release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whatever is read has its places inside the text; whatever is fixed can be read again.
 */
#include <stdint.h>
#include <kvcap/lint.h>
#include <kvcap/profile.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 16, CAP = 128 << 20, ROOM = 256 };

static struct kvc_arena facts_arena;
static struct kvc_engine *engine;

static void open_engine(void)
{
  struct kvc_db *db;
  if (engine != NULL) return;
  kvc_arena_init(&facts_arena, CAP);
  if (kvc_db_open(&facts_arena, NULL, 0, &db, NULL) != KVC_E_OK ||
      kvc_db_engine(db, "vllm", &engine, NULL) != KVC_E_OK)
    abort();
}

static void inside(struct kvc_span span, size_t len)
{
  if (span.at > len || span.len > len - span.at) abort();
}

static void check_places(const struct kvc_launch *launch)
{
  for (size_t i = 0; i < launch->n_args; i++) {
    inside(launch->args[i].name_at, launch->len);
    inside(launch->args[i].value_at, launch->len);
    inside(launch->args[i].whole_at, launch->len);
    if (launch->args[i].name == NULL || launch->args[i].line < 1) abort();
  }
  for (size_t i = 0; i < launch->n_env; i++) inside(launch->env[i].whole_at, launch->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1 || size > MAX_BYTES) return 0;
  open_engine();
  struct kvc_arena arena;
  kvc_arena_init(&arena, CAP);
  char *text = kvc_arena_strndup(&arena, (const char *)data + 1, size - 1);
  struct kvc_launch *launch = kvc_arena_alloc(&arena, 1, sizeof *launch);
  struct kvc_lint_finding *found = kvc_arena_alloc(&arena, ROOM, sizeof *found);
  struct kvc_edit edits[ROOM];
  struct kvc_launch_source source = {text, size - 1, "fuzz",
                                     (enum kvc_launch_format)(data[0] % 7), 0};
  if (text != NULL && launch != NULL && found != NULL &&
      kvc_launch_parse(&arena, engine, &source, launch, NULL) == KVC_E_OK) {
    check_places(launch);
    const size_t r = data[0] * 7u % kvc_engine_release_count(engine);
    struct kvc_lint_facts facts = {
        .engine = engine, .launch = launch, .generation = KVC_ENGINE_V1};
    size_t n = 0, n_edits = 0;
    const struct kvc_launch_text in = {source.text, source.len};
    struct kvc_launch_text out;
    if (kvc_engine_resolve(engine, &kvc_engine_release(engine, r)->version,
                           &facts.release, NULL) != KVC_E_OK)
      abort();
    if (kvc_lint_run(&arena, &facts, found, ROOM, &n, NULL) == KVC_E_OK) {
      for (size_t i = 0; i < n; i++)
        if (kvc_lint_edit(&arena, launch, &found[i], &edits[n_edits])) n_edits++;
      if (kvc_launch_edit(&arena, in, edits, n_edits, &out, NULL) == KVC_E_OK) {
        if (n_edits == 0 && (out.len != in.len || memcmp(out.text, in.text, in.len) != 0))
          abort();
        source.text = out.text;
        source.len = out.len;
        if (kvc_launch_parse(&arena, engine, &source, launch, NULL) == KVC_E_OK)
          check_places(launch);
      }
    }
  }
  kvc_arena_clear(&arena);
  return 0;
}
