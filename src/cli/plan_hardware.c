/* plan_hardware.c - what the command line says of GPUs by their name.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "plan.h"
#include <math.h>
#include <string.h>

struct names {
  struct kvc_db *db;
  struct kvc_gpu gpu; /* of the last name looked up */
  struct kvc_match match;
  const char *of[KVC_SEARCH_HARDWARE]; /* canonical name of each piece of hardware */
};

static kvc_code canonical(struct names *names, const char *asked, const char **out,
                          struct kvc_err *err)
{
  KVC_TRY(kvc_db_gpu(names->db, asked, &names->gpu, &names->match, err));
  *out = names->gpu.name;
  return KVC_E_OK;
}

/* Every GPU with a price, and those that a price is said of. */
static kvc_code take_all(struct plan_args *args, struct names *names, struct kvc_err *err)
{
  struct kvc_search_request *req = &args->req;
  const char *const *all;
  size_t n = 0;
  KVC_TRY(kvc_db_list(names->db, KVC_KIND_GPU, &all, &n, err));
  for (size_t i = 0; i < n; i++) {
    const char *name, *said;
    KVC_TRY(canonical(names, all[i], &name, err));
    bool priced = names->gpu.n_prices > 0;
    for (size_t k = 0; k < args->n_named && !priced; k++) {
      if (args->named[k].what != PLAN_PRICE) continue;
      KVC_TRY(canonical(names, args->named[k].gpu, &said, err));
      priced = strcmp(said, name) == 0;
    }
    if (!priced) continue;
    if (req->n_hardware == KVC_SEARCH_HARDWARE)
      return kvc_fail(err, KVC_E_LIMIT, "--gpu",
                      "more than %d GPUs have a price: name those that may be used",
                      KVC_SEARCH_HARDWARE);
    req->hardware[req->n_hardware++] =
        (struct kvc_hardware){.gpu = name, .usd_per_gpu_hour = (double)NAN};
  }
  return KVC_E_OK;
}

static void say(struct kvc_hardware *h, const struct plan_named *said)
{
  switch (said->what) {
  case PLAN_PRICE:
    h->usd_per_gpu_hour = said->value;
    h->price_from = "--price";
    break;
  case PLAN_STOCK: h->stock_gpus = (int64_t)said->value; break;
  case PLAN_NODE: h->gpus_per_node = (int)said->value; break;
  }
}

kvc_code plan_hardware(struct plan_args *args, struct kvc_err *err)
{
  static const char *const flags[] = {"--price", "--stock", "--gpus-per-node"};
  struct kvc_search_request *req = &args->req;
  if (args->all_gpus) req->n_hardware = 0;
  if (args->n_named == 0) return KVC_E_OK;
  struct kvc_arena *arena = &args->advise.size.cli->arena;
  struct names *names = kvc_arena_alloc(arena, 1, sizeof *names);
  if (names == NULL) return kvc_arena_full(arena, NULL, err);
  KVC_TRY(size_catalogue(&args->advise.size, err));
  names->db = args->advise.size.db;
  if (req->n_hardware == 0) KVC_TRY(take_all(args, names, err));
  for (size_t i = 0; i < req->n_hardware; i++)
    KVC_TRY(canonical(names, req->hardware[i].gpu, &names->of[i], err));
  for (size_t k = 0; k < args->n_named; k++) {
    const struct plan_named *said = &args->named[k];
    const char *name;
    bool any = false;
    KVC_TRY(canonical(names, said->gpu, &name, err));
    for (size_t i = 0; i < req->n_hardware; i++) {
      if (strcmp(names->of[i], name) != 0) continue;
      say(&req->hardware[i], said);
      any = true;
    }
    if (!any)
      return kvc_fail(err, KVC_E_CONFLICT, flags[said->what],
                      "%.60s is not among the hardware that may be used: add --gpu %.60s",
                      said->gpu, said->gpu);
  }
  return KVC_E_OK;
}
