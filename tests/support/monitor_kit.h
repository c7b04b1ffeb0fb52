/* monitor_kit.h - the book of alerts and what it speaks of.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_MONITOR_KIT_H
#define KVC_TESTS_MONITOR_KIT_H

#include <kvcap/monitor_plan.h>

static struct kvc_arena book_arena;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;
static const struct kvc_monitor_book *book;

static int open_book(void **state)
{
  struct kvc_db *db;
  struct kvc_err err;
  (void)state;
  kvc_arena_init(&book_arena, 512 << 20);
  return kvc_db_open(&book_arena, NULL, 0, &db, &err) != KVC_E_OK ||
         kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK ||
         kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK ||
         kvc_db_monitor(db, "vllm", &book, &err) != KVC_E_OK;
}

static int close_book(void **state)
{
  (void)state;
  kvc_arena_clear(&book_arena);
  return 0;
}

#endif
