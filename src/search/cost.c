/* cost.c - GPUs, money and limits of a number of replicas.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <stdio.h>

int search_gpus(const struct kvc_search_shape *shape)
{
  return shape->tp * shape->pp * shape->dp;
}

/* Nodes that hold them: replicas do not share GPUs, and one that is larger than a node
 * takes whole nodes. */
static double nodes_of(const struct search_card *card, int gpus_each, int64_t replicas)
{
  const int node = card->per_node;
  if (gpus_each > node) return (double)replicas * ceil((double)gpus_each / (double)node);
  return ceil((double)replicas / floor((double)node / (double)gpus_each));
}

double search_cost(const struct search_card *card, int gpus_each, int64_t replicas)
{
  if (card->as.whole_nodes)
    return nodes_of(card, gpus_each, replicas) * card->per_node * card->usd_per_gpu_hour;
  return (double)replicas * gpus_each * card->usd_per_gpu_hour;
}

int64_t search_replicas(const struct kvc_search_request *req, double rate_per_s,
                        double max_rate_per_s)
{
  const double each = max_rate_per_s * (1 - req->headroom_frac);
  const double n = ceil(rate_per_s / each - 1e-9);
  if (!(each > 0) || !(n < 1e9)) return 0;
  return n < 1 ? 1 : (int64_t)n;
}

bool search_over_limit(const struct kvc_search *s, const struct search_card *card,
                       int gpus_each, int64_t replicas, char why[KVC_SEARCH_WHY])
{
  const struct kvc_search_request *req = &s->req;
  const double gpus = (double)gpus_each * (double)replicas;
  const double usd = search_cost(card, gpus_each, replicas);
  const double watts = gpus * card->gpu.tdp_watt.value;
  const double held =
      card->as.whole_nodes ? nodes_of(card, gpus_each, replicas) * card->per_node : gpus;
  if (req->max_gpus > 0 && gpus > (double)req->max_gpus)
    (void)snprintf(why, KVC_SEARCH_WHY, "%.0f GPUs, and %lld are allowed", gpus,
                   (long long)req->max_gpus);
  else if (card->as.stock_gpus > 0 && held > (double)card->as.stock_gpus)
    (void)snprintf(why, KVC_SEARCH_WHY, "%.0f GPUs, and %lld of %.40s are in stock", held,
                   (long long)card->as.stock_gpus, card->gpu.name);
  else if (req->budget_usd_per_hour > 0 && usd > req->budget_usd_per_hour)
    (void)snprintf(why, KVC_SEARCH_WHY, "%.2f USD an hour, and the budget is %.2f", usd,
                   req->budget_usd_per_hour);
  else if (req->power_watts > 0 && watts > req->power_watts)
    (void)snprintf(why, KVC_SEARCH_WHY, "boards of %.1f kW, and %.1f kW are allowed",
                   watts / 1e3, req->power_watts / 1e3);
  else
    return false;
  return true;
}
