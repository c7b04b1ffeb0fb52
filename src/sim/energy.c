/* energy.c - what the GPUs of a run draw, estimated from how busy they are.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/sim.h>
#include <math.h>

struct kvc_sim_energy kvc_sim_energy_of(const struct kvc_sim_result *result,
                                        double board_watts, size_t gpus)
{
  const double busy = fmin(fmax(result->gpu_busy_frac, 0), 1);
  struct kvc_sim_energy e = {.board_watts = board_watts,
                             .gpus = gpus,
                             .mean_watts = NAN,
                             .joules_per_output_token = NAN};
  if (!(board_watts > 0)) {
    e.board_watts = NAN;
    return e;
  }
  e.mean_watts =
      (double)gpus * board_watts * (KVC_SIM_IDLE_FRAC + (1 - KVC_SIM_IDLE_FRAC) * busy);
  if (result->output_tok > 0)
    e.joules_per_output_token =
        e.mean_watts * result->duration_s / (double)result->output_tok;
  return e;
}
