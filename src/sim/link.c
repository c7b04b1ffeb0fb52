/* link.c - the way of the KV out of a side that computes prompts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One prompt after another at the link's speed.  Sharing it evenly would send the same
 * bytes in the same time, but all of them would be there only towards its end.
 */
#include "sim_room.h"
#include <math.h>

/* Beyond any load: a century of a link that crawls. */
static const double MOST_NS = 4e18;

int64_t sim_link_send(struct sim_link *link, const struct kvc_sim_config *config,
                      double bytes, int64_t now_ns)
{
  const int64_t latency_ns = (int64_t)(config->transfer_latency_s * 1e9 + 0.5);
  if (!(config->transfer_bps > 0)) return now_ns + latency_ns;
  const int64_t start_ns = link->free_ns > now_ns ? link->free_ns : now_ns;
  /* Upwards: a link never carries more than its speed. */
  const double length = ceil(bytes / config->transfer_bps * 1e9);
  const int64_t length_ns = (int64_t)fmin(length, fmax(0, MOST_NS - (double)start_ns));
  link->n++;
  link->wait_ns += start_ns - now_ns;
  link->busy_ns += length_ns;
  link->free_ns = start_ns + length_ns;
  return link->free_ns + latency_ns;
}

void sim_link_result(const struct sim_link *links, int n, struct kvc_sim_result *out)
{
  double sent = 0, wait_s = 0;
  for (int i = 0; i < n; i++) {
    const double busy_s = (double)links[i].busy_ns / 1e9;
    sent += (double)links[i].n;
    wait_s += (double)links[i].wait_ns / 1e9;
    out->link_sent_s += busy_s;
    if (busy_s > out->link_busiest_s) out->link_busiest_s = busy_s;
  }
  out->link_wait_s = sent > 0 ? wait_s / sent : 0;
}
