/* size_view.c - a sized deployment as a person reads it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every number shown is taken from the document's tree, so that text, JSON and YAML
 * cannot differ.
 */
#include "doc_size.h"
#include "text.h"
#include <math.h>
#include <string.h>

/* The value at 'path' in people's units, with a word behind it. */
static const char *show(struct kvc_doc *doc, const char *path)
{
  const struct kvc_node *node = kvc_node_at(doc->root, path);
  if (node == NULL || node->kind == KVC_NODE_NULL) return "unknown";
  if (node->kind == KVC_NODE_TEXT) return node->text;
  char text[KVC_UNIT_TEXT];
  kvc_unit_format(node->num, node->unit, text);
  const char *copy = kvc_arena_strdup(doc->arena, text);
  if (copy == NULL) doc->full = true;
  return copy != NULL ? copy : "";
}

static double value(struct kvc_doc *doc, const char *path)
{
  const struct kvc_node *node = kvc_node_at(doc->root, path);
  return node != NULL && node->kind == KVC_NODE_NUM ? node->num : (double)NAN;
}

static bool known(struct kvc_doc *doc, const char *path)
{
  const struct kvc_node *node = kvc_node_at(doc->root, path);
  return node != NULL && node->kind != KVC_NODE_NULL;
}

/* Text made in the arena; "" once it is full. */
static void heading(struct kvc_doc *doc, const char *text)
{
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, text, NULL);
}

static void row(struct kvc_doc *doc, const char *label, const char *text,
                const char *note)
{
  (void)kvc_block_add(doc, KVC_BLOCK_ROW, label, text, note);
}

/* ---- what is sized ------------------------------------------------------------ */

static void view_verdict(struct kvc_doc *doc, const struct kvc_size *size)
{
  struct kvc_block *verdict =
      kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, show(doc, "verdict"), NULL);
  if (verdict != NULL) verdict->tone = size->memory.fits ? KVC_TONE_GOOD : KVC_TONE_BAD;
  if (known(doc, "error") && strstr(show(doc, "verdict"), show(doc, "error")) == NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "vLLM says:", show(doc, "error"), NULL);
}

static void view_subject(struct kvc_doc *doc, const struct kvc_size *size)
{
  heading(doc, "Deployment");
  const char *format =
      known(doc, "model.quantization") ? "model.quantization" : "model.dtype";
  const char *active = "";
  if (value(doc, "model.active_params") < 0.95 * value(doc, "model.params"))
    active = TEXT(doc, " (%s active)", show(doc, "model.active_params"));
  row(doc, "model", show(doc, "model.name"),
      TEXT(doc, "%s parameters%s, %s", show(doc, "model.params"), active,
           show(doc, format)));
  const char *count =
      size->gpus == 1 ? "1 GPU" : TEXT(doc, "%s GPUs", show(doc, "gpu.count"));
  const char *cost = "";
  if (known(doc, "cost.usd_per_hour_low")) {
    const char *low = show(doc, "cost.usd_per_hour_low");
    const char *high = show(doc, "cost.usd_per_hour_high");
    cost = strcmp(low, high) == 0 ? TEXT(doc, ", %s in the cloud", low)
                                  : TEXT(doc, ", %s to %s in the cloud", low, high);
  }
  row(doc, "GPU", show(doc, "gpu.name"),
      TEXT(doc, "%s, %s usable each%s", count, show(doc, "gpu.memory_usable_bytes"),
           cost));
  row(doc, "engine",
      TEXT(doc, "vLLM %s (%s)", show(doc, "engine.version"),
           show(doc, "engine.generation")),
      size->version.carried ? "newer than any release known: newest facts used" : NULL);
}

/* ---- memory -------------------------------------------------------------------- */

static void segment(struct kvc_doc *doc, struct kvc_segment *segments, size_t *n,
                    enum kvc_part_kind kind, const char *label, const char *path,
                    const char *note)
{
  const double bytes = value(doc, path);
  if (!isfinite(bytes)) return;
  segments[(*n)++] = (struct kvc_segment){kind, label, note, bytes};
}

static const char *range_note(struct kvc_doc *doc, const char *low, const char *high)
{
  if (!known(doc, low) || !known(doc, high)) return NULL;
  if (value(doc, low) == value(doc, high)) return NULL;
  return TEXT(doc, "likely %s to %s", show(doc, low), show(doc, high));
}

static const char *budget_note(struct kvc_doc *doc, const struct kvc_size *size)
{
  char number[KVC_UNIT_TEXT];
  if (size->setting.kv_cache_memory_bytes > 0) return "--kv-cache-memory-bytes decides";
  if (!(size->setting.gpu_memory_utilization > 0)) return NULL;
  kvc_unit_format(size->setting.gpu_memory_utilization, KVC_U_NONE, number);
  return TEXT(doc, "--gpu-memory-utilization %s", number);
}

static const char *weights_note(struct kvc_doc *doc, const struct kvc_size *size)
{
  const struct kvc_memory *m = &size->memory;
  const char *lora = "", *draft = "", *offload = "";
  if (m->lora_bytes > 0)
    lora = TEXT(doc, ", LoRA %s", show(doc, "memory.weights_breakdown.lora_bytes"));
  if (m->draft_bytes > 0)
    draft = TEXT(doc, ", draft %s", show(doc, "memory.weights_breakdown.draft_bytes"));
  if (m->offload_bytes > 0)
    offload =
        TEXT(doc, ", %s offloaded", show(doc, "memory.weights_breakdown.offload_bytes"));
  const char *text = TEXT(doc, "%s%s%s", lora, draft, offload);
  return text[0] != '\0' ? text + 2 : NULL;
}

static void view_memory(struct kvc_doc *doc, const struct kvc_size *size)
{
  const struct kvc_memory *m = &size->memory;
  struct kvc_segment *seg = kvc_arena_alloc(doc->arena, KVC_SEG_COUNT_, sizeof seg[0]);
  if (seg == NULL) {
    doc->full = true;
    return;
  }
  const char *where =
      size->setting.pp > 1
          ? TEXT(doc, "Memory of one GPU: %s (pipeline stage %d decides)",
                 show(doc, "memory.total_bytes"), m->stage + 1)
          : TEXT(doc, "Memory of one GPU: %s", show(doc, "memory.total_bytes"));
  heading(doc, where);
  size_t n = 0;
  segment(doc, seg, &n, KVC_SEG_WEIGHTS, "weights", "memory.weights_bytes",
          weights_note(doc, size));
  segment(doc, seg, &n, KVC_SEG_ACTIVATION, "activation peak",
          "memory.activation_peak_bytes",
          known(doc, "memory.activation_breakdown.dominant")
              ? show(doc, "memory.activation_breakdown.dominant")
              : NULL);
  segment(doc, seg, &n, KVC_SEG_NON_TORCH, "non-torch", "memory.non_torch_bytes",
          "CUDA context, NCCL, workspaces");
  if (m->cudagraph_bytes > 0)
    segment(doc, seg, &n, KVC_SEG_GRAPHS, "CUDA graphs", "memory.cudagraph_bytes",
            m->cudagraph_in_budget ? NULL : "taken from outside the budget");
  const char *likely =
      range_note(doc, "memory.available_kv_low_bytes", "memory.available_kv_high_bytes");
  if (m->available_kv_bytes.value <= 0) likely = "missing: the budget is used up already";
  segment(doc, seg, &n, KVC_SEG_KV, "KV cache", "memory.available_kv_bytes", likely);
  if (m->other_processes_bytes > 0)
    segment(doc, seg, &n, KVC_SEG_OTHERS, "other processes",
            "memory.other_processes_bytes", NULL);
  double rest = m->total_bytes;
  for (size_t i = 0; i < n; i++) rest -= seg[i].bytes > 0 ? seg[i].bytes : 0;
  if (rest > 0)
    seg[n++] = (struct kvc_segment){KVC_SEG_OUTSIDE, "outside the budget",
                                    budget_note(doc, size), rest};
  struct kvc_block *bar = kvc_block_add(doc, KVC_BLOCK_BAR, NULL, NULL, NULL);
  if (bar == NULL) return;
  bar->segments = seg;
  bar->n_segments = n;
  bar->total_bytes = m->total_bytes;
}

/* ---- KV cache ------------------------------------------------------------------ */

static void view_groups(struct kvc_doc *doc, const struct kvc_size *size)
{
  const struct kvc_kv_layout *layout = &size->memory.layout;
  if (layout->n_specs < 2 && layout->state_bytes_per_request <= 0) return;
  for (size_t i = 0; i < layout->n_specs; i++) {
    const struct kvc_kv_spec *spec = &layout->specs[i];
    char page[KVC_UNIT_TEXT], count[KVC_UNIT_TEXT];
    kvc_unit_format(spec->page_bytes, KVC_U_BYTES, page);
    kvc_unit_format((double)spec->layers, KVC_U_COUNT, count);
    row(doc, i == 0 ? "layers" : "",
        TEXT(doc, "%s x %s", count, spec->what != NULL ? spec->what : "attention"),
        TEXT(doc, "page %s", page));
  }
  if (layout->state_bytes_per_request > 0)
    row(doc, "state", show(doc, "kv_cache.state_bytes_per_request"),
        "of each request, whatever its length");
  if (layout->promoted)
    row(doc, "windows", "not used", "window layers are charged like full attention");
}

static void view_kv(struct kvc_doc *doc, const struct kvc_size *size)
{
  heading(doc, "KV cache");
  row(doc, "pool", TEXT(doc, "%s tokens", show(doc, "kv_cache.tokens")),
      range_note(doc, "kv_cache.tokens_low", "kv_cache.tokens_high"));
  const bool split = size->setting.tp * size->setting.pp * size->setting.dcp > 1;
  row(doc, "one token", show(doc, "kv_cache.bytes_per_token"),
      TEXT(doc, "%s%s%s", split ? "on each GPU" : "", split ? ", " : "",
           size->setting.kv_cache_dtype != NULL ? size->setting.kv_cache_dtype : ""));
  row(doc, "blocks",
      TEXT(doc, "%s of %s tokens", show(doc, "kv_cache.num_gpu_blocks"),
           show(doc, "kv_cache.block_size_tok")),
      NULL);
  view_groups(doc, size);
  const char *len = show(doc, "kv_cache.max_model_len_tok");
  if (size->memory.fits)
    row(doc, "full length",
        TEXT(doc, "%s requests", show(doc, "kv_cache.max_concurrency")),
        TEXT(doc, "of %s tokens at once", len));
  else
    row(doc, "one request", show(doc, "kv_cache.one_request_bytes"),
        TEXT(doc, "needed for %s tokens", len));
  if (size->memory.max_model_len_fits_tok > 0)
    row(doc, "longest",
        TEXT(doc, "%s tokens", show(doc, "kv_cache.max_model_len_fits_tok")),
        "largest --max-model-len that starts");
}

/* ---- requests at once ------------------------------------------------------------ */

static void view_concurrency(struct kvc_doc *doc, const struct kvc_size *size)
{
  const struct kvc_concurrency *c = &size->concurrency;
  if (!c->have) return;
  heading(doc,
          TEXT(doc, "Requests of %s + %s tokens", show(doc, "concurrency.prompt_tok"),
               show(doc, "concurrency.output_tok")));
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, "documented rule:",
      TEXT(doc,
           "%s tokens / %s tokens per request = %s; less %s buffer = %s -> "
           "--max-num-seqs %s",
           show(doc, "concurrency.pool_tok"), show(doc, "concurrency.tokens_per_request"),
           show(doc, "concurrency.theoretical"), show(doc, "concurrency.buffer_frac"),
           show(doc, "concurrency.buffered"),
           show(doc, "concurrency.recommended_max_num_seqs")),
      NULL);
  const char *at = "";
  if (known(doc, "concurrency.use_p50_frac"))
    at = TEXT(doc, " At %s the pool is %s full in the median, %s at the 99th percentile.",
              show(doc, "concurrency.recommended_max_num_seqs"),
              show(doc, "concurrency.use_p50_frac"),
              show(doc, "concurrency.use_p99_frac"));
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, "beyond the mean:",
      TEXT(doc,
           "while it runs a request holds %s tokens on average (sd %s), so "
           "--max-num-seqs %s keeps P(pool exceeded) within %s.%s",
           show(doc, "concurrency.occupancy_mean_tok"),
           show(doc, "concurrency.occupancy_sd_tok"),
           show(doc, "concurrency.safe_max_num_seqs"),
           show(doc, "concurrency.exceed_prob_limit"), at),
      NULL);
}

/* ---- changes, notes, what to run --------------------------------------------------- */

static void view_recommendations(struct kvc_doc *doc, const struct kvc_size *size,
                                 const char *severity, const char *title)
{
  bool any = false;
  for (size_t i = 0; i < size->n_recs; i++) {
    const struct kvc_recommendation *rec = &size->recs[i];
    const bool is_fix = rec->severity != NULL && strcmp(rec->severity, "fix") == 0;
    if (is_fix != (strcmp(severity, "fix") == 0)) continue;
    if (!any) heading(doc, title);
    any = true;
    const char *change = TEXT(doc, "%s%s%s", rec->flag != NULL ? rec->flag : "",
                              rec->flag != NULL && rec->value != NULL ? " " : "",
                              rec->value != NULL ? rec->value : "");
    (void)kvc_block_add(doc, KVC_BLOCK_ITEM, change, rec->gain,
                        TEXT(doc, "%s [%s]", rec->reason != NULL ? rec->reason : "",
                             rec->id != NULL ? rec->id : "-"));
  }
}

static void view_notes(struct kvc_doc *doc, const struct kvc_size *size)
{
  if (size->n_notes == 0) return;
  heading(doc, "Notes");
  for (size_t i = 0; i < size->n_notes; i++) {
    const bool warning =
        size->notes[i].level != NULL && strcmp(size->notes[i].level, "warning") == 0;
    struct kvc_block *para = kvc_block_add(
        doc, KVC_BLOCK_PARA, warning ? "warning:" : "-", size->notes[i].text, NULL);
    if (para != NULL && warning) para->tone = KVC_TONE_WARN;
  }
}

static void view_explain(struct kvc_doc *doc, const struct kvc_size *size)
{
  heading(doc, "Settings");
  for (size_t i = 0; i < size->n_origins; i++) {
    const struct kvc_origin *o = &size->origins[i];
    const char *cite = o->cite != NULL ? TEXT(doc, " (%s)", o->cite) : "";
    row(doc, o->key, o->value != NULL ? o->value : "unset",
        TEXT(doc, "%s%s%s%s", o->from != NULL ? o->from : "", cite,
             o->note != NULL ? "; " : "", o->note != NULL ? o->note : ""));
  }
  if (size->n_formulas > 0) heading(doc, "Formulas");
  for (size_t i = 0; i < size->n_formulas; i++) {
    const struct kvc_formula *f = &size->formulas[i];
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, f->name,
                        f->formula != NULL ? TEXT(doc, "= %s", f->formula) : "", NULL);
    if (f->filled != NULL)
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, "   ", TEXT(doc, "= %s", f->filled), NULL);
    if (f->result != NULL)
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, "   ", TEXT(doc, "= %s", f->result), NULL);
    if (f->source != NULL) {
      struct kvc_block *source = kvc_block_add(doc, KVC_BLOCK_PARA, "   ",
                                               TEXT(doc, "source: %s", f->source), NULL);
      if (source != NULL) source->tone = KVC_TONE_DIM;
    }
  }
}

void size_view(struct kvc_doc *doc, const struct kvc_size_request *req,
               const struct kvc_size *size)
{
  view_verdict(doc, size);
  view_recommendations(doc, size, "fix", "To make it start, any one of");
  view_subject(doc, size);
  view_memory(doc, size);
  view_kv(doc, size);
  view_concurrency(doc, size);
  view_recommendations(doc, size, "hint", "Worth knowing");
  if (req->explain) view_explain(doc, size);
  view_notes(doc, size);
  if (size->n_log_lines > 0) {
    heading(doc, "vLLM will print");
    for (size_t i = 0; i < size->n_log_lines; i++)
      (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, size->log_lines[i], NULL);
  }
  if (size->command != NULL) {
    heading(doc, size->memory.fits ? "Launch" : "Launch (does not start as it is)");
    (void)kvc_block_add(doc, KVC_BLOCK_COMMAND, NULL, size->command, NULL);
  }
}
