/* rules_room.h - what the families share; private to src/rules/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef RULES_ROOM_H
#define RULES_ROOM_H

#include <kvcap/rules.h>

#define RULE_GIB (1024.0 * 1024.0 * 1024.0)

/* A check; its parameters have these names everywhere, used or not. */
#if defined(__GNUC__)
#define RULE_MAYBE __attribute__((unused))
#else
#define RULE_MAYBE
#endif
#define RULE_CHECK(name)                                                                 \
  static enum kvc_verdict name(                                                          \
      const struct kvc_rule_facts *f, RULE_MAYBE const struct kvc_rule *rule,            \
      RULE_MAYBE struct kvc_arena *arena, struct kvc_finding *out)

/* "I could not look". */
enum kvc_verdict rule_skip(struct kvc_finding *out, const char *reason);
/* What is wrong, with its numbers. */
enum kvc_verdict rule_fire(struct kvc_arena *arena, struct kvc_finding *out,
                           const char *fmt, ...) KVC_PRINTF(3, 4);
void rule_evidence(struct kvc_arena *arena, struct kvc_finding *out, const char *fmt, ...)
    KVC_PRINTF(3, 4);
/* The remedy: a value for the rule's flag (NULL none) and words. */
void rule_remedy(struct kvc_finding *out, const struct kvc_rule *rule, const char *value,
                 const char *fix);
const char *rule_text(struct kvc_arena *arena, const char *fmt, ...) KVC_PRINTF(2, 3);

/* ---- a running server ---- */

/* A figure, NaN when nobody said. */
double rule_live(const struct kvc_rule_facts *f, enum kvc_live_key key);
/* It as people read it. */
const char *rule_figure(const struct kvc_rule_facts *f, enum kvc_live_key key,
                        struct kvc_arena *arena);
/* Adds the figure, its unit and where it comes from to the evidence. */
void rule_seen(struct kvc_arena *arena, struct kvc_finding *out,
               const struct kvc_rule_facts *f, enum kvc_live_key key);
/* Whole rules: the row's figure against its limit. */
kvc_rule_check rule_above, rule_below, rule_counted;

/* Compute capability of an NVIDIA card as a number, 0 = another maker or unknown. */
double rule_capability(const struct kvc_gpu *gpu);
bool rule_has_link(const struct kvc_gpu *gpu);
bool rule_has_mixer(const struct kvc_model *m, enum kvc_mixer mixer);
bool rule_has_state(const struct kvc_model *m);
int rule_kv_heads(
    const struct kvc_model *m); /* fewest of a full-attention layer, 0 none */

struct rule_family {
  const struct kvc_rule *rows;
  size_t n;
};
extern const struct rule_family rules_memory, rules_batch, rules_parallel, rules_kv,
    rules_version, rules_extra, rules_live_latency, rules_live_queue, rules_live_kv,
    rules_live_features, rules_live_host, rules_live_bench;

#define RULE_FAMILY(name, rows)                                                          \
  const struct rule_family name = {rows, sizeof rows / sizeof *rows}

#endif
