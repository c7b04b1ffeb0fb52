/* seen.c - rules that hold a figure of a running server against a limit.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "rules_room.h"
#include <math.h>

double rule_live(const struct kvc_rule_facts *f, enum kvc_live_key key)
{
  return f->live != NULL ? f->live->v[key] : (double)NAN;
}

const char *rule_figure(const struct kvc_rule_facts *f, enum kvc_live_key key,
                        struct kvc_arena *arena)
{
  char text[KVC_LIVE_TEXT];
  kvc_live_format(rule_live(f, key), kvc_live_row(key)->unit, text);
  return rule_text(arena, "%s", text);
}

void rule_seen(struct kvc_arena *arena, struct kvc_finding *out,
               const struct kvc_rule_facts *f, enum kvc_live_key key)
{
  if (isnan(rule_live(f, key)) || out->n_seen == KVC_MAX_EVIDENCE) return;
  const char *from = f->live->from[key];
  out->seen[out->n_seen++] = key;
  rule_evidence(arena, out, "%s %s%s%s%s", kvc_live_row(key)->text,
                rule_figure(f, key, arena), from != NULL ? " (" : "",
                from != NULL ? from : "", from != NULL ? ")" : "");
}

static const char *limit_of(const struct kvc_rule *rule, struct kvc_arena *arena)
{
  char text[KVC_LIVE_TEXT];
  kvc_live_format(rule->limit, kvc_live_row(rule->fact)->unit, text);
  return rule_text(arena, "%s", text);
}

enum kvc_verdict rule_above(const struct kvc_rule_facts *f, const struct kvc_rule *rule,
                            struct kvc_arena *arena, struct kvc_finding *out)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, rule->fix);
  return rule_fire(arena, out, "%s: %s where %s is the limit", rule->title,
                   rule_figure(f, rule->fact, arena), limit_of(rule, arena));
}

enum kvc_verdict rule_below(const struct kvc_rule_facts *f, const struct kvc_rule *rule,
                            struct kvc_arena *arena, struct kvc_finding *out)
{
  if (rule_live(f, rule->fact) >= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, rule->fix);
  return rule_fire(arena, out, "%s: %s where %s is the least", rule->title,
                   rule_figure(f, rule->fact, arena), limit_of(rule, arena));
}

enum kvc_verdict rule_counted(const struct kvc_rule_facts *f, const struct kvc_rule *rule,
                              struct kvc_arena *arena, struct kvc_finding *out)
{
  if (rule_live(f, rule->fact) <= rule->limit) return KVC_PASS;
  rule_seen(arena, out, f, rule->fact);
  rule_remedy(out, rule, NULL, rule->fix);
  return rule_fire(arena, out, "%s", rule->title);
}
