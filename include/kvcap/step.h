/* step.h - one forward step of a server, as the scheduler composes and the clock sees it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The simulator composes steps, the step-time model prices them; neither knows the other.
 */
#ifndef KVCAP_STEP_H
#define KVCAP_STEP_H

#include <stdbool.h>
#include <stddef.h>

/* New tokens of one prompt in this step, behind 'context_tok' that are in the cache. */
struct kvc_chunk {
  double new_tok, context_tok;
  bool last; /* the prompt ends here: logits are computed for it */
};

struct kvc_step {
  const struct kvc_chunk *prefills;
  size_t n_prefills;
  double decodes;            /* sequences that decode */
  double decode_tok;         /* their tokens: more than 'decodes' with speculation */
  double decode_context_tok; /* sum of what they have in the cache */
  double decode_longest_tok; /* the longest of them */
  double running;            /* sequences the scheduler holds: host time grows with it */
};

/* Seconds of a step; > 0 whenever it has a token. */
typedef double kvc_step_time(void *ctx, const struct kvc_step *step);

#endif
