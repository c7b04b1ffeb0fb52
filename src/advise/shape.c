/* shape.c - how many GPUs, joined how: the smallest that serves.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tensor parallelism is for what does not fit on one GPU; beyond that, replicas serve
 * more for less.  Without a link between the cards every layer's all-reduce crosses
 * PCIe: the documentation advises pipeline stages there, for throughput.
 */
#include "advise_room.h"
#include <math.h>
#include <string.h>

struct shape {
  int tp, pp;
};

/* Requests that a server should hold before more GPUs are not worth their price. */
static bool serves(const struct advising *a, const struct kvc_size *s)
{
  double want =
      a->req->demand.users > 0 && a->req->demand.users < 8 ? a->req->demand.users : 8;
  if (!s->memory.fits) return false;
  if (!s->concurrency.have || s->memory.layout.n_specs == 0) return true;
  if (!advise_has_link(&s->gpu)) want = want < 2 ? want : 2;
  /* Requests longer than the model's length are refused: what counts is that one. */
  return s->concurrency.buffered >= want || 0.7 * s->memory.max_concurrency >= want;
}

/* Graphs outside the budget must find their room outside it. */
static bool graphs_fit(const struct kvc_size *s)
{
  return s->memory.cudagraph_in_budget ||
         s->memory.cudagraph_bytes <= s->memory.outside_bytes;
}

/* The least utilisation above the default that starts. */
static bool raise_utilisation(struct advising *a, struct kvc_deploy *d,
                              struct kvc_size *out)
{
  struct kvc_err ignored;
  if (!isnan(d->gpu_memory_utilization)) return false;
  const double first = a->plain->setting.gpu_memory_utilization;
  struct kvc_deploy t = *d;
  t.gpu_memory_utilization = 0.95; /* beyond it graph capture runs out of memory */
  if (!(first < 0.95) || advise_try(a, &t, out, &ignored) != KVC_E_OK ||
      !out->memory.fits)
    return false;
  for (int cent = (int)floor(first * 100 + 0.5) + 1; cent <= 95; cent++) {
    t.gpu_memory_utilization = cent / 100.0;
    if (advise_try(a, &t, out, &ignored) != KVC_E_OK || !out->memory.fits) continue;
    if (!graphs_fit(out)) return false;
    *d = t;
    return true;
  }
  return false;
}

/* Fewer requests at once take less logits and sampler memory; how many there may be is
 * settled later. */
static bool shrink_batch(struct advising *a, struct kvc_deploy *d, struct kvc_size *out)
{
  enum { FEW = 8 };
  struct kvc_err ignored;
  if (d->max_num_seqs != 0 || out->setting.max_num_seqs <= FEW) return false;
  struct kvc_deploy t = *d;
  t.max_num_seqs = FEW;
  if (advise_try(a, &t, out, &ignored) != KVC_E_OK || !out->memory.fits) return false;
  *d = t;
  return true;
}

static size_t shapes_of(const struct advising *a, int gpus, struct shape out[3])
{
  const struct kvc_gpu *g = &a->plain->gpu;
  const bool linked = advise_has_link(g);
  const int domain = linked ? g->link_domain : 8;
  size_t n = 0;
  if (gpus == 1) {
    out[n++] = (struct shape){1, 1};
    return n;
  }
  const bool stages = !linked && a->req->demand.goal == KVC_GOAL_THROUGHPUT;
  if (stages) out[n++] = (struct shape){1, gpus};
  if (gpus <= domain)
    out[n++] = (struct shape){gpus, 1};
  else
    out[n++] = (struct shape){domain, gpus / domain};
  if (!stages) out[n++] = (struct shape){1, gpus};
  return n;
}

static bool try_shape(struct advising *a, struct shape shape, struct kvc_deploy *d,
                      struct kvc_size *out)
{
  struct kvc_err ignored;
  if (a->d.tp == 0) d->tp = shape.tp > 1 ? shape.tp : 0;
  if (a->d.pp == 0) d->pp = shape.pp > 1 ? shape.pp : 0;
  if (a->d.tp > 0 && a->d.tp != shape.tp) return false;
  if (a->d.pp > 0 && a->d.pp != shape.pp) return false;
  if (advise_try(a, d, out, &ignored) != KVC_E_OK) return false;
  if (out->memory.fits && graphs_fit(out)) return true;
  if (out->memory.fits) return true; /* lowered later */
  return shrink_batch(a, d, out) || raise_utilisation(a, d, out);
}

int advise_most_gpus(const struct advising *a)
{
  if (a->req->gpus > 0) return a->req->gpus;
  return a->plain->gpu.link_domain >= 8 ? 32 : 8;
}

kvc_code advise_shape(struct advising *a, struct kvc_err *err)
{
  const bool pinned = a->d.tp > 0 && a->d.pp > 0;
  struct kvc_deploy first = a->d;
  bool any = false;
  for (int gpus = 1; gpus <= advise_most_gpus(a) && !pinned; gpus *= 2) {
    struct shape shapes[3];
    const size_t n = shapes_of(a, gpus, shapes);
    for (size_t i = 0; i < n; i++) {
      struct kvc_deploy d = a->d;
      if (!try_shape(a, shapes[i], &d, a->other)) continue;
      if (serves(a, a->other)) {
        a->d = d;
        *a->now = *a->other;
        return KVC_E_OK;
      }
      if (!any) first = d;
      any = true;
    }
  }
  struct kvc_deploy d = first;
  struct kvc_err ignored;
  if (!any && (a->d.tp > 0 || a->d.pp > 0) &&
      advise_try(a, &d, a->other, &ignored) == KVC_E_OK && !a->other->memory.fits)
    (void)raise_utilisation(a, &d, a->other);
  a->d = d;
  return advise_try(a, &a->d, a->now, err);
}
