/* spec.c - the clock of a server that speculates.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A real step verifies 1 + k tokens of a sequence and keeps g = 1 + k r of them, r being
 * the share of drafts that are accepted.  The simulator's steps make one token each, so
 * one of them is a g-th of a real step, while a prompt's part of it comes once and whole:
 *
 *   t = t(prompts alone) + (t(prompts and verification) - t(prompts alone)) / g
 *
 * Contexts, blocks and ends are then those of the tokens that are kept.  What this leaves
 * out: tokens come out in bursts, so ITL is even where real ones are not, and a sequence
 * ends up to g - 1 tokens late.
 */
#include <kvcap/predict.h>
#include <math.h>

static const double USUAL_ACCEPTANCE = 0.6;

double kvc_spec_step(void *clock, const struct kvc_step *step)
{
  const struct kvc_spec_clock *c = clock;
  struct kvc_step verify = *step, prompts = *step;
  if (!(step->decodes > 0)) return kvc_latency_step(c->latency, step);
  verify.decode_tok = step->decodes * (1 + c->drafted);
  const double whole = kvc_latency_step(c->latency, &verify);
  if (step->n_prefills == 0) return whole / c->made;
  prompts.decodes = prompts.decode_tok = 0;
  prompts.decode_context_tok = prompts.decode_longest_tok = 0;
  const double alone = kvc_latency_step(c->latency, &prompts);
  return alone + (whole > alone ? whole - alone : 0) / c->made;
}

struct kvc_spec_clock kvc_spec_clock_of(struct kvc_latency *latency, double drafted,
                                        double accepted)
{
  const double share = isnan(accepted) ? USUAL_ACCEPTANCE : accepted;
  return (struct kvc_spec_clock){
      .latency = latency, .drafted = drafted, .made = 1 + drafted * share};
}
