/* simulate_tune.c - kvcap simulate --calibration: the speed that a server showed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <kvcap/levels.h>
#include <math.h>
#include <string.h>

/* The sizing says it itself when nothing of the calibration is used. */
static bool said(const struct kvc_size *size)
{
  for (size_t i = 0; i < size->n_notes; i++)
    if (strstr(size->notes[i].text, "the calibration is not used") != NULL) return true;
  return false;
}

bool simulate_tune(const struct simulate_args *args, const struct kvc_size *size,
                   struct kvc_tune *out, const char **unused)
{
  const struct kvc_calibration *c = args->size.req.calibration;
  char why[256];
  *unused = NULL;
  if (kvc_calibration_tune(c, size, out, why, sizeof why)) return true;
  if (why[0] != '\0' && !said(size))
    *unused = kvc_arena_printf(&args->size.cli->arena,
                               "the speed of the calibration is not used: %s", why);
  else if (c != NULL && !kvc_calibration_has_speed(c))
    *unused =
        "the calibration holds no speed: kvcap fit bench --save-calibration adds it";
  return false;
}

void simulate_narrow(const struct simulate_args *args, struct kvc_simulation *out)
{
  const struct kvc_calibration *c = args->size.req.calibration;
  struct kvc_arena *arena = &args->size.cli->arena;
  const double here = out->runs[out->n_runs - 1].result.running_mean;
  const char *loads =
      kvc_arena_printf(arena,
                       "%lld measured loads, %.3g to %.3g requests "
                       "in service",
                       (long long)c->levels, c->least_clients, c->most_clients);
  const char *reason = NULL;
  if (loads == NULL || !(c->error_frac >= 0)) return;
  if (here < c->least_clients / 2 || here > 2 * c->most_clients) {
    reason = kvc_arena_printf(arena, "calibrated on %s, and this load has %.3g; %s",
                              loads, here, out->reason);
  } else {
    reason = kvc_arena_printf(arena, "calibrated on this server: %s", loads);
    out->ttft_error_frac = c->ttft_error_frac;
    out->error_frac = c->error_frac;
  }
  if (reason != NULL) out->reason = reason;
}
