/* fuzz_monitor_book.c - alerts and panels as data files say, resolved for two releases.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input is an alerts file and a dashboard file, parted by a line of '='.
 */
#include <stdint.h>
#include <kvcap/monitor_plan.h>
#include <kvcap/profile.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kvc_arena facts;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;

static void open_facts(void)
{
  struct kvc_db *db;
  struct kvc_err err;
  if (engine != NULL) return;
  kvc_arena_init(&facts, 64 << 20);
  if (kvc_db_open(&facts, NULL, 0, &db, &err) != KVC_E_OK ||
      kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK ||
      kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK)
    abort();
}

/* What is planned can be written, and is known again. */
static void write_all(const struct kvc_monitor *m)
{
  for (int i = 0; i < KVC_MONITOR_FILES; i++) {
    struct kvc_buf out;
    struct kvc_err err;
    kvc_buf_init(&out, 4 << 20);
    if (kvc_monitor_emit(m, (enum kvc_monitor_file)i, &out, &err) == KVC_E_OK &&
        !kvc_monitor_is_ours(out.text, out.len))
      abort();
    kvc_buf_clear(&out);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const targets[] = {"h:1"};
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_monitor_book book;
  open_facts();
  kvc_arena_init(&arena, 8 << 20);
  char *alerts = kvc_arena_strndup(&arena, (const char *)data, size);
  char *cut = alerts != NULL ? strstr(alerts, "\n====\n") : NULL;
  if (cut != NULL) *cut = '\0';
  if (cut != NULL &&
      kvc_monitor_book_read(&arena, engine, alerts, cut + 6, &book, &err) == KVC_E_OK) {
    struct kvc_monitor_request req = {.book = &book,
                                      .metrics = metrics,
                                      .version = {.release = {0, 11, 0}},
                                      .generation = KVC_ENGINE_V1,
                                      .job = "vllm",
                                      .targets = targets,
                                      .n_targets = 1,
                                      .interval_s = 5,
                                      .max_num_seqs = 64};
    struct kvc_monitor m;
    if (kvc_monitor_plan(&arena, &req, &m, &err) == KVC_E_OK) write_all(&m);
    req.version.release[1] = 6;
    req.generation = KVC_ENGINE_V0;
    if (kvc_monitor_plan(&arena, &req, &m, &err) == KVC_E_OK) write_all(&m);
  }
  kvc_arena_clear(&arena);
  return 0;
}
