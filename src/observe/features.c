/* features.c - speculation, adapters and the cache's configuration on metrics pages.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void speculation(struct observe_window *w, struct kvc_live *live)
{
  const double accepted =
      observe_increase(w, "spec_decode_num_accepted_tokens", NULL, NULL);
  const double drafted = observe_increase(w, "spec_decode_num_draft_tokens", NULL, NULL);
  const double drafts = observe_increase(w, "spec_decode_num_drafts", NULL, NULL);
  const double emitted =
      observe_increase(w, "spec_decode_num_emitted_tokens", NULL, NULL);
  const char *from = observe_from(w, "spec_decode_num_accepted_tokens");
  if (!(drafted > 0)) return;
  kvc_live_set(live, KVC_L_spec_accept_frac, accepted / drafted, from);
  if (drafts > 0) {
    const double k = drafted / drafts;
    kvc_live_set(live, KVC_L_spec_draft_len_tok, k, from);
    kvc_live_set(live, KVC_L_spec_accept_len_tok, 1 + accepted / drafts, from);
    /* Tokens that came out over those that could have: k guesses and the certain one. */
    kvc_live_set(live, KVC_L_spec_efficiency_frac, (accepted / drafts + 1) / (k + 1),
                 from);
    char position[16];
    (void)snprintf(position, sizeof position, "%.0f", round(k) - 1);
    const double last = observe_increase(w, "spec_decode_num_accepted_tokens_per_pos",
                                         "position", position);
    kvc_live_set(live, KVC_L_spec_last_position_frac, last / drafts,
                 observe_from(w, "spec_decode_num_accepted_tokens_per_pos"));
  } else if (emitted > 0) {
    const double gauge =
        kvc_page_sum(&w->looks->pages[w->looks->n - 1], "spec_decode_efficiency");
    kvc_live_set(live, KVC_L_spec_efficiency_frac, gauge,
                 observe_from(w, "spec_decode_efficiency"));
  }
}

/* Names in a comma list. */
static double count_names(const char *list)
{
  double n = 0;
  if (list == NULL) return NAN;
  for (const char *p = list; *p != '\0';) {
    const size_t len = strcspn(p, ",");
    n += len > 0;
    p += len + (p[len] == ',');
  }
  return n;
}

/* The series with the latest value speaks: the value is the time it was set. */
static void adapters(struct observe_window *w, struct kvc_live *live)
{
  struct observe_series found;
  const struct kvc_series *last = NULL;
  observe_pick(w, w->looks->n - 1, "lora_requests_info", &found);
  for (size_t i = 0; i < found.n; i++)
    if (last == NULL || found.at[i]->value >= last->value) last = found.at[i];
  if (last == NULL) return;
  const char *from = observe_from(w, "lora_requests_info");
  const char *running = kvc_series_label(last, "running_lora_adapters");
  const char *max = kvc_series_label(last, "max_lora");
  double most;
  kvc_live_set(live, KVC_L_lora_running, count_names(running), from);
  kvc_live_set(live, KVC_L_lora_waiting,
               count_names(kvc_series_label(last, "waiting_lora_adapters")), from);
  if (max != NULL && kvc_num_parse(max, "max_lora", &most, NULL) == KVC_E_OK && most > 0)
    kvc_live_set(live, KVC_L_lora_max, most, from);
  if (running != NULL && running[0] != '\0') live->lora_names = running;
}

static double number(const struct kvc_series *s, const char *label)
{
  double value;
  const char *text = kvc_series_label(s, label);
  if (text == NULL || kvc_num_parse(text, label, &value, NULL) != KVC_E_OK) return NAN;
  return value;
}

/* Every engine has its own pool; a router sees their sum. */
static void cache_config(struct observe_window *w, struct kvc_live *live)
{
  struct observe_series found;
  double pool = NAN;
  observe_pick(w, w->looks->n - 1, "cache_config_info", &found);
  if (found.n == 0) return;
  const char *from = observe_from(w, "cache_config_info");
  for (size_t i = 0; i < found.n; i++) {
    double tokens = number(found.at[i], "kv_cache_size_tokens");
    if (isnan(tokens))
      tokens = number(found.at[i], "num_gpu_blocks") * number(found.at[i], "block_size");
    if (tokens > 0) pool = isnan(pool) || tokens < pool ? tokens : pool;
  }
  kvc_live_set(live, KVC_L_pool_tok, pool, from);
  kvc_live_set(live, KVC_L_server_utilization,
               number(found.at[0], "gpu_memory_utilization"), from);
  kvc_live_set(live, KVC_L_server_block_tok, number(found.at[0], "block_size"), from);
  const char *caching = kvc_series_label(found.at[0], "enable_prefix_caching");
  if (caching != NULL && strcmp(caching, "None") != 0)
    kvc_live_set(live, KVC_L_server_prefix_caching, strcmp(caching, "True") == 0, from);
}

void observe_features(struct observe_window *w, struct kvc_live *live)
{
  speculation(w, live);
  adapters(w, live);
  cache_config(w, live);
}
