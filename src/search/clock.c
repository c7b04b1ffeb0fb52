/* clock.c - step times remembered, for searches that ask the same again and again.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Most steps only decode, and what such a step takes depends on how many sequences decode
 * and on their mean context.  The context is rounded to the middle of CONTEXT_TOK tokens,
 * which moves a step by less than one part in two hundred; the time there does not depend
 * on which step asked first, so runs stay functions of their inputs.  Options are
 * verified with the clock itself.
 */
#include "search_room.h"
#include <math.h>

enum { CONTEXT_TOK = 4, SLOTS = 1 << 14 };

struct slot {
  uint32_t decodes, context; /* both 0: empty */
  double seconds;
};

struct search_clock {
  kvc_step_time *time;
  void *clock;
  struct slot slots[SLOTS];
};

double search_clock_step(void *ctx, const struct kvc_step *step)
{
  struct search_clock *c = ctx;
  const double n = step->decodes;
  if (step->n_prefills > 0 || !(n >= 1) || n > 65535 || n != step->running ||
      n != step->decode_tok)
    return c->time(c->clock, step);
  const double part = floor(step->decode_context_tok / n / CONTEXT_TOK);
  if (!(part < 1e6)) return c->time(c->clock, step);
  const uint32_t decodes = (uint32_t)n, context = (uint32_t)part;
  struct slot *s = &c->slots[(decodes * 2654435761u + context * 40503u) % SLOTS];
  if (s->decodes != decodes || s->context != context) {
    const struct kvc_step middle =
        kvc_decode_step(n, CONTEXT_TOK * ((double)context + 0.5));
    *s = (struct slot){
        .decodes = decodes, .context = context, .seconds = c->time(c->clock, &middle)};
  }
  return s->seconds;
}

struct search_clock *search_clock_make(struct kvc_arena *arena, kvc_step_time *time,
                                       void *clock)
{
  struct search_clock *c = kvc_arena_alloc(arena, 1, sizeof *c);
  if (c == NULL) return NULL;
  c->time = time;
  c->clock = clock;
  return c;
}
