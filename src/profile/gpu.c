/* gpu.c - a GPU profile read.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "gpu_rows.h"
#include "nouns.h"
#include <kvcap/profile.h>
#include <math.h>
#include <string.h>

static const char *const vendor_words[] = {"nvidia", "amd", "intel", "google", NULL};

/* clang-format off */
#define G(field) offsetof(struct kvc_gpu, field)
#define FIG(k, field, q, h) {.key = k, .type = FIELD_FIGURE, .offset = G(field), .quantity = q, .help = h}
const struct field gpu_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = G(name), .required = true,
     .help = "canonical name"},
    {.key = "vendor", .type = FIELD_ENUM, .offset = G(vendor), .words = vendor_words,
     .required = true, .help = "nvidia, amd, intel or google"},
    {.key = "architecture", .type = FIELD_TEXT, .offset = G(architecture), .help = "chip family"},
    {.key = "form_factor", .type = FIELD_TEXT, .offset = G(form_factor), .help = "SXM5, PCIe, OAM ..."},
    {.key = "compute_capability", .type = FIELD_TEXT, .offset = G(compute_capability),
     .help = "\"9.0\" or \"gfx942\""},
    {.key = "aliases", .type = FIELD_TEXTS, .offset = G(aliases), .count = G(n_aliases),
     .help = "other spellings of this very card"},
    {.key = "family", .type = FIELD_TEXTS, .offset = G(family), .count = G(n_family),
     .help = "family names that mean this card, its most deployed variant"},
    FIG("memory", memory_bytes, KVC_Q_BYTES, "nominal memory"),
    FIG("memory_driver", memory_driver_bytes, KVC_Q_BYTES, "as the driver's tool shows it"),
    FIG("memory_usable", memory_usable_bytes, KVC_Q_BYTES, "as torch reports it"),
    FIG("memory_bandwidth", memory_bps, KVC_Q_BYTES_PER_S, "peak memory bandwidth"),
    FIG("fp32_dense", fp32_flops, KVC_Q_FLOPS, "float32 outside tensor cores"),
    FIG("fp16_dense", fp16_flops, KVC_Q_FLOPS, "dense float16 peak"),
    FIG("bf16_dense", bf16_flops, KVC_Q_FLOPS, "dense bfloat16 peak"),
    FIG("fp8_dense", fp8_flops, KVC_Q_FLOPS, "dense 8-bit float peak"),
    FIG("int8_dense", int8_ops, KVC_Q_FLOPS, "dense 8-bit integer peak"),
    FIG("fp4_dense", fp4_flops, KVC_Q_FLOPS, "dense 4-bit float peak"),
    {.key = "link", .type = FIELD_TEXT, .offset = G(link), .help = "link between cards"},
    FIG("link_bandwidth", link_bps, KVC_Q_BYTES_PER_S, "both directions, per card"),
    {.key = "link_domain", .type = FIELD_INT, .offset = G(link_domain), .help = "cards in one scale-up domain"},
    FIG("pcie_bandwidth", pcie_bps, KVC_Q_BYTES_PER_S, "both directions"),
    FIG("tdp", tdp_watt, KVC_Q_WATT, "board power"),
    {.key = "unified_memory", .type = FIELD_BOOL, .offset = G(unified_memory),
     .help = "CPU and GPU share the memory"},
    {.key = "devices_per_board", .type = FIELD_INT, .offset = G(devices_per_board), .min = 1, .max = 16,
     .help = "devices that one board shows; figures are per device"},
    {.key = "prices", .type = FIELD_CUSTOM, .help = "USD per GPU-hour, dated"},
    {.key = "instances", .type = FIELD_TEXTS, .offset = G(instances), .count = G(n_instances),
     .help = "cloud instances that carry it"},
    {.key = "notes", .type = FIELD_TEXT, .offset = G(notes), .help = "what will surprise a user"},
    {.key = NULL},
};

#define P(field) offsetof(struct kvc_price, field)
const struct field price_rows[] = {
    {.key = "usd_per_hour", .type = FIELD_DOUBLE, .offset = P(usd_per_hour), .min = 0, .max = 1000,
     .required = true, .help = "USD per GPU-hour"},
    {.key = "where", .type = FIELD_TEXT, .offset = P(where), .required = true, .help = "seller"},
    {.key = "date", .type = FIELD_TEXT, .offset = P(date), .required = true, .help = "when it was seen"},
    {.key = "cite", .type = FIELD_TEXT, .offset = P(cite), .required = true, .help = "key in citations/"},
    {.key = NULL},
};
/* clang-format on */

static kvc_code prices_read(const struct reader *r, const struct node *seq,
                            struct kvc_gpu *g)
{
  if (seq->type != NODE_SEQ)
    return reader_fail(r, seq, KVC_E_PARSE, "\"prices\" must be a list");
  for (const struct node *n = seq->first; n != NULL; n = n->next) {
    if (g->n_prices == KVC_MAX_PRICES)
      return reader_fail(r, n, KVC_E_LIMIT, "more than %d prices", KVC_MAX_PRICES);
    KVC_TRY(fields_read(r, n, price_rows, &g->prices[g->n_prices]));
    g->n_prices++;
  }
  return KVC_E_OK;
}

kvc_code gpu_from_node(const struct reader *r, const struct node *root,
                       struct kvc_gpu *out)
{
  const struct kvc_figure none = {.value = (double)NAN};
  struct kvc_gpu g = {.devices_per_board = 1};
  for (const struct field *f = gpu_rows; f->key != NULL; f++)
    if (f->type == FIELD_FIGURE) memcpy((char *)&g + f->offset, &none, sizeof none);
  KVC_TRY(fields_read(r, root, gpu_rows, &g));
  const struct node *prices = profile_node_get(root, "prices");
  if (prices != NULL) KVC_TRY(prices_read(r, prices, &g));
  const double usable = g.memory_usable_bytes.value, nominal = g.memory_bytes.value;
  if (usable > nominal * 1.1)
    return reader_fail(r, root, KVC_E_RANGE, "memory_usable is more than memory allows");
  *out = g;
  return KVC_E_OK;
}

kvc_code kvc_gpu_read(struct kvc_arena *arena, const char *text, size_t len,
                      const char *file, struct kvc_gpu *out, struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  return gpu_from_node(&r, root, out);
}
