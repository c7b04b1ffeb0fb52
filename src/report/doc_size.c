/* doc_size.c - a sized deployment as a tree: the JSON contract, row by row.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keys are a contract ("schema": 1): they are added, never renamed or removed.
 */
#include "doc_size.h"
#include "fields.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#ifndef KVC_VERSION
#define KVC_VERSION "0.0.0"
#endif

/* Values that are not stored as the document shows them. */
struct derived {
  double schema;
  const char *kvcap_version, *error, *engine_name, *version, *generation, *quantization,
      *kv_dtype;
  bool version_given;
  double prompt_tok, output_tok, pool_tok, tokens_per_request, theoretical, buffer_frac,
      buffered, recommended, round_to, final_tok, mean_tok, sd_tok, steady_state, safe,
      epsilon, exceed_prob, use_p50, use_p99, max_num_seqs;
};

enum { SIZE, REQUEST, DERIVED };

#define AT(member) SIZE, offsetof(struct kvc_size, member)
#define OF(member) DERIVED, offsetof(struct derived, member)
#define ELEM(type, member) SIZE, offsetof(type, member)

/* clang-format off */
static const struct field top_rows[] = {
    {"schema", FIELD_WHOLE, OF(schema), KVC_U_NONE, false, "version of this contract: 1"},
    {"kvcap_version", FIELD_TEXT, OF(kvcap_version), KVC_U_NONE, false, "the program that wrote it"},
    {"verdict", FIELD_TEXT, AT(verdict), KVC_U_NONE, false, "one line: does it start, how many tokens, how many requests"},
    {"fits", FIELD_BOOL, AT(memory.fits), KVC_U_NONE, false, "whether vLLM starts"},
    {"error", FIELD_TEXT, OF(error), KVC_U_NONE, true, "vLLM's message when it does not start"},
    {"command", FIELD_TEXT, AT(command), KVC_U_NONE, false, "the launch command, a line for a POSIX shell"},
    {0}};

static const struct field model_rows[] = {
    {"name", FIELD_TEXT, AT(model.name), KVC_U_NONE, false, "canonical name"},
    {"asked", FIELD_TEXT, AT(model_match.asked), KVC_U_NONE, true, "the name that was given"},
    {"architecture", FIELD_TEXT, AT(model.architecture), KVC_U_NONE, true, "Hugging Face class"},
    {"file", FIELD_TEXT, AT(model_match.file), KVC_U_NONE, true, "profile or config the facts come from"},
    {"embedded", FIELD_BOOL, AT(model_match.embedded), KVC_U_NONE, false, "from kvcap itself, not from an overlay or a config"},
    {"dtype", FIELD_TEXT, AT(model.dtype), KVC_U_NONE, true, "dtype of the checkpoint"},
    {"quantization", FIELD_TEXT, OF(quantization), KVC_U_NONE, true, "format of the weights"},
    {"params", FIELD_NUM, AT(params.total), KVC_U_PARAMS, true, "parameters"},
    {"active_params", FIELD_NUM, AT(params.active), KVC_U_PARAMS, true, "parameters used for one token"},
    {"checkpoint_bytes", FIELD_NUM, AT(checkpoint_bytes), KVC_U_BYTES, true, "size of the published weights"},
    {"layers", FIELD_SIZE, AT(model.n_layers), KVC_U_COUNT, false, "decoder layers"},
    {"hidden_size", FIELD_I64, AT(model.hidden), KVC_U_COUNT, false, "width of the model"},
    {"vocab_size", FIELD_I64, AT(model.vocab), KVC_U_COUNT, false, "rows of the embedding"},
    {"max_position_tok", FIELD_I64, AT(model.max_position_tok), KVC_U_COUNT, false, "context length the config allows"},
    {"pooling", FIELD_BOOL, AT(model.pooling), KVC_U_NONE, false, "an embedding or reranking model"},
    {0}};

static const struct field gpu_rows[] = {
    {"name", FIELD_TEXT, AT(gpu.name), KVC_U_NONE, false, "canonical name"},
    {"asked", FIELD_TEXT, AT(gpu_match.asked), KVC_U_NONE, true, "the name that was given"},
    {"file", FIELD_TEXT, AT(gpu_match.file), KVC_U_NONE, true, "profile the facts come from"},
    {"embedded", FIELD_BOOL, AT(gpu_match.embedded), KVC_U_NONE, false, "from kvcap itself, not from an overlay"},
    {"count", FIELD_SIZE, AT(gpus), KVC_U_COUNT, false, "GPUs of the deployment: tensor x pipeline x data parallel"},
    {"memory_nominal_bytes", FIELD_NUM, AT(gpu.memory_bytes.value), KVC_U_BYTES, true, "memory on the data sheet"},
    {"memory_usable_bytes", FIELD_NUM, AT(memory.total_bytes), KVC_U_BYTES, false, "memory as torch reports it, used here"},
    {"memory_usable_cite", FIELD_TEXT, AT(gpu.memory_usable_bytes.cite), KVC_U_NONE, true, "citation of that figure"},
    {0}};

static const struct field engine_rows[] = {
    {"name", FIELD_TEXT, OF(engine_name), KVC_U_NONE, false, "vllm"},
    {"version", FIELD_TEXT, OF(version), KVC_U_NONE, false, "release whose behaviour was used"},
    {"generation", FIELD_TEXT, OF(generation), KVC_U_NONE, false, "V0 or V1"},
    {"trust", FIELD_TEXT, AT(version.trust), KVC_U_NONE, true, "how the facts of that release were verified"},
    {"given", FIELD_BOOL, OF(version_given), KVC_U_NONE, false, "the version was given, not presumed"},
    {"carried", FIELD_BOOL, AT(version.carried), KVC_U_NONE, false, "newer than any known release: the newest facts were used"},
    {"between", FIELD_BOOL, AT(version.between), KVC_U_NONE, false, "not a known release: the one before it was used"},
    {"guessed", FIELD_BOOL, AT(version.guessed), KVC_U_NONE, false, "the version text did not say its release"},
    {0}};

static const struct field origin_rows[] = {
    {"value", FIELD_ANY, SIZE, 0, KVC_U_NONE, false, "the value used: text, number, truth or null"},
    {"from", FIELD_TEXT, ELEM(struct kvc_origin, from), KVC_U_NONE, true, "given, default of the release, model config or derived"},
    {"cite", FIELD_TEXT, ELEM(struct kvc_origin, cite), KVC_U_NONE, true, "citation"},
    {"note", FIELD_TEXT, ELEM(struct kvc_origin, note), KVC_U_NONE, true, "remark"},
    {0}};

static const struct field kv_rows[] = {
    {"tokens", FIELD_NUM, AT(memory.tokens.value), KVC_U_COUNT, true, "GPU KV cache size in tokens, as this release prints it"},
    {"tokens_low", FIELD_NUM, AT(memory.tokens.low), KVC_U_COUNT, true, "low end of the likely range"},
    {"tokens_high", FIELD_NUM, AT(memory.tokens.high), KVC_U_COUNT, true, "high end of the likely range"},
    {"max_concurrency", FIELD_NUM, AT(memory.max_concurrency), KVC_U_RATIO, true, "requests of max_model_len_tok at once, as this release prints it"},
    {"bytes_per_token", FIELD_NUM, AT(memory.layout.bytes_per_token), KVC_U_BYTES, true, "KV bytes of one token on one GPU"},
    {"num_gpu_blocks", FIELD_I64, AT(memory.num_gpu_blocks), KVC_U_COUNT, false, "blocks in the pool"},
    {"num_cpu_blocks", FIELD_I64, AT(memory.num_cpu_blocks), KVC_U_COUNT, false, "blocks of swap space (V0)"},
    {"block_size_tok", FIELD_I64, AT(memory.layout.block_size_tok), KVC_U_COUNT, false, "tokens in one block"},
    {"block_bytes", FIELD_NUM, AT(memory.layout.block_bytes), KVC_U_BYTES, true, "bytes of one pool block on one GPU"},
    {"pool_tok", FIELD_NUM, AT(memory.pool_tok), KVC_U_COUNT, true, "tokens of full context that the pool holds"},
    {"dtype", FIELD_TEXT, OF(kv_dtype), KVC_U_NONE, true, "element type of the cache"},
    {"attention_bytes_per_token", FIELD_NUM, AT(memory.layout.attention_bytes_per_tok), KVC_U_BYTES, true, "of the layers that keep every token"},
    {"state_bytes_per_request", FIELD_NUM, AT(memory.layout.state_bytes_per_request), KVC_U_BYTES, true, "recurrent state of one request"},
    {"max_model_len_tok", FIELD_I64, AT(setting.max_model_len_tok), KVC_U_COUNT, false, "longest request, prompt and output"},
    {"max_model_len_fits_tok", FIELD_I64, AT(memory.max_model_len_fits_tok), KVC_U_COUNT, false, "largest --max-model-len that starts; 0 = none"},
    {"one_request_bytes", FIELD_NUM, AT(memory.need_bytes_one_request), KVC_U_BYTES, true, "KV of one request of max_model_len_tok"},
    {"group_count", FIELD_SIZE, AT(memory.layout.n_groups), KVC_U_COUNT, false, "groups of layers that share block tables"},
    {"group_layers", FIELD_SIZE, AT(memory.layout.group_layers), KVC_U_COUNT, false, "layers in one group"},
    {"padding_layers", FIELD_SIZE, AT(memory.layout.padding_layers), KVC_U_COUNT, false, "layers added to even the groups"},
    {"promoted", FIELD_BOOL, AT(memory.layout.promoted), KVC_U_NONE, false, "window layers are charged like full attention"},
    {0}};

static const struct field spec_rows[] = {
    {"what", FIELD_TEXT, ELEM(struct kvc_kv_spec, what), KVC_U_NONE, true, "kind of layer"},
    {"layers", FIELD_SIZE, ELEM(struct kvc_kv_spec, layers), KVC_U_COUNT, false, "layers of this kind on one GPU"},
    {"bytes_per_token", FIELD_NUM, ELEM(struct kvc_kv_spec, bytes_per_token), KVC_U_BYTES, true, "one layer, one token; 0 for a state"},
    {"page_bytes", FIELD_NUM, ELEM(struct kvc_kv_spec, page_bytes), KVC_U_BYTES, true, "one layer, one block"},
    {"block_size_tok", FIELD_I64, ELEM(struct kvc_kv_spec, block_size_tok), KVC_U_COUNT, false, "tokens in its block"},
    {"window_tok", FIELD_I64, ELEM(struct kvc_kv_spec, window_tok), KVC_U_COUNT, false, "window or chunk; 0 = all"},
    {0}};

static const struct field memory_rows[] = {
    {"total_bytes", FIELD_NUM, AT(memory.total_bytes), KVC_U_BYTES, true, "memory of one GPU as torch reports it"},
    {"requested_bytes", FIELD_NUM, AT(memory.requested_bytes), KVC_U_BYTES, true, "vLLM's budget"},
    {"weights_bytes", FIELD_NUM, AT(memory.weights_bytes), KVC_U_BYTES, true, "weights, LoRA slots and draft model, less what is offloaded"},
    {"activation_peak_bytes", FIELD_NUM, AT(memory.activation_peak_bytes), KVC_U_BYTES, true, "peak of the profile run"},
    {"non_torch_bytes", FIELD_NUM, AT(memory.non_torch_bytes), KVC_U_BYTES, true, "CUDA context, NCCL, workspaces"},
    {"cudagraph_bytes", FIELD_NUM, AT(memory.cudagraph_bytes), KVC_U_BYTES, true, "captured CUDA graphs"},
    {"cudagraph_in_budget", FIELD_BOOL, AT(memory.cudagraph_in_budget), KVC_U_NONE, false, "this release takes them off the budget"},
    {"available_kv_bytes", FIELD_NUM, AT(memory.available_kv_bytes.value), KVC_U_BYTES, true, "what is left for the KV cache"},
    {"available_kv_low_bytes", FIELD_NUM, AT(memory.available_kv_bytes.low), KVC_U_BYTES, true, "low end of the likely range"},
    {"available_kv_high_bytes", FIELD_NUM, AT(memory.available_kv_bytes.high), KVC_U_BYTES, true, "high end of the likely range"},
    {"other_processes_bytes", FIELD_NUM, AT(memory.other_processes_bytes), KVC_U_BYTES, true, "held by somebody else"},
    {"outside_bytes", FIELD_NUM, AT(memory.outside_bytes), KVC_U_BYTES, true, "outside vLLM's budget"},
    {"pipeline_stage", FIELD_INT, AT(memory.stage), KVC_U_COUNT, false, "pipeline stage that decides, from 0"},
    {0}};

static const struct field weight_rows[] = {
    {"embed_bytes", FIELD_NUM, AT(memory.weights.embed_bytes), KVC_U_BYTES, true, "input embedding"},
    {"lm_head_bytes", FIELD_NUM, AT(memory.weights.lm_head_bytes), KVC_U_BYTES, true, "output projection"},
    {"attention_bytes", FIELD_NUM, AT(memory.weights.attention_bytes), KVC_U_BYTES, true, "attention projections"},
    {"dense_ffn_bytes", FIELD_NUM, AT(memory.weights.dense_ffn_bytes), KVC_U_BYTES, true, "dense feed-forward"},
    {"expert_bytes", FIELD_NUM, AT(memory.weights.expert_bytes), KVC_U_BYTES, true, "routed experts"},
    {"router_bytes", FIELD_NUM, AT(memory.weights.router_bytes), KVC_U_BYTES, true, "routers"},
    {"ssm_bytes", FIELD_NUM, AT(memory.weights.ssm_bytes), KVC_U_BYTES, true, "recurrent layers"},
    {"norm_bytes", FIELD_NUM, AT(memory.weights.norm_bytes), KVC_U_BYTES, true, "norms"},
    {"tower_bytes", FIELD_NUM, AT(memory.weights.tower_bytes), KVC_U_BYTES, true, "vision and audio towers"},
    {"mtp_bytes", FIELD_NUM, AT(memory.weights.mtp_bytes), KVC_U_BYTES, true, "multi-token-prediction layers"},
    {"other_bytes", FIELD_NUM, AT(memory.weights.other_bytes), KVC_U_BYTES, true, "the rest"},
    {"lora_bytes", FIELD_NUM, AT(memory.lora_bytes), KVC_U_BYTES, true, "LoRA slots"},
    {"draft_bytes", FIELD_NUM, AT(memory.draft_bytes), KVC_U_BYTES, true, "draft model"},
    {"offload_bytes", FIELD_NUM, AT(memory.offload_bytes), KVC_U_BYTES, true, "moved to the CPU"},
    {0}};

static const struct field activation_rows[] = {
    {"sampler_bytes", FIELD_NUM, AT(memory.activation.sampler_bytes), KVC_U_BYTES, true, "logits and sampler: max-num-seqs x vocabulary"},
    {"forward_bytes", FIELD_NUM, AT(memory.activation.forward_bytes), KVC_U_BYTES, true, "forward pass of the profile batch"},
    {"moe_bytes", FIELD_NUM, AT(memory.activation.moe_bytes), KVC_U_BYTES, true, "scratch of the experts"},
    {"encoder_bytes", FIELD_NUM, AT(memory.activation.encoder_bytes), KVC_U_BYTES, true, "multimodal encoder and its cache"},
    {"base_bytes", FIELD_NUM, AT(memory.activation.base_bytes), KVC_U_BYTES, true, "constant part"},
    {"dominant", FIELD_TEXT, AT(memory.activation.dominant), KVC_U_NONE, true, "the part that decides"},
    {0}};

static const struct field concurrency_rows[] = {
    {"prompt_tok", FIELD_NUM, OF(prompt_tok), KVC_U_COUNT, true, "mean prompt"},
    {"output_tok", FIELD_NUM, OF(output_tok), KVC_U_COUNT, true, "mean output"},
    {"pool_tok", FIELD_NUM, OF(pool_tok), KVC_U_COUNT, true, "tokens of the pool that the requests share"},
    {"tokens_per_request", FIELD_NUM, OF(tokens_per_request), KVC_U_COUNT, true, "mean tokens of a request at its end"},
    {"theoretical", FIELD_NUM, OF(theoretical), KVC_U_COUNT, true, "pool tokens / tokens per request"},
    {"buffer_frac", FIELD_NUM, OF(buffer_frac), KVC_U_FRAC, true, "kept free for bursts"},
    {"buffered", FIELD_NUM, OF(buffered), KVC_U_COUNT, true, "theoretical less the buffer"},
    {"recommended_max_num_seqs", FIELD_WHOLE, OF(recommended), KVC_U_COUNT, true, "buffered, rounded down"},
    {"round_to", FIELD_WHOLE, OF(round_to), KVC_U_COUNT, true, "rounding of the recommendation"},
    {"max_num_seqs", FIELD_WHOLE, OF(max_num_seqs), KVC_U_COUNT, true, "the setting this account was made with"},
    {"occupancy_final_tok", FIELD_NUM, OF(final_tok), KVC_U_COUNT, true, "tokens a request holds at its end, less the shared prefix"},
    {"occupancy_mean_tok", FIELD_NUM, OF(mean_tok), KVC_U_COUNT, true, "tokens a running request holds at a random moment"},
    {"occupancy_sd_tok", FIELD_NUM, OF(sd_tok), KVC_U_COUNT, true, "standard deviation of that"},
    {"steady_state", FIELD_NUM, OF(steady_state), KVC_U_COUNT, true, "pool / mean occupancy"},
    {"exceed_prob_limit", FIELD_NUM, OF(epsilon), KVC_U_FRAC, true, "epsilon: accepted probability that the pool is exceeded"},
    {"safe_max_num_seqs", FIELD_WHOLE, OF(safe), KVC_U_COUNT, true, "largest number of requests within that limit"},
    {"recommended_exceed_prob", FIELD_NUM, OF(exceed_prob), KVC_U_FRAC, true, "P(pool exceeded) at recommended_max_num_seqs"},
    {"use_p50_frac", FIELD_NUM, OF(use_p50), KVC_U_FRAC, true, "median use of the pool at recommended_max_num_seqs"},
    {"use_p99_frac", FIELD_NUM, OF(use_p99), KVC_U_FRAC, true, "99th percentile of that"},
    {0}};

static const struct field cost_rows[] = {
    {"usd_per_hour_low", FIELD_NUM, AT(cost_per_hour_low), KVC_U_USD_PER_H, true, "cheapest listed price of all GPUs"},
    {"usd_per_hour_high", FIELD_NUM, AT(cost_per_hour_high), KVC_U_USD_PER_H, true, "dearest listed price of all GPUs"},
    {0}};

static const struct field rec_rows[] = {
    {"id", FIELD_TEXT, ELEM(struct kvc_recommendation, id), KVC_U_NONE, false, "stable id"},
    {"severity", FIELD_TEXT, ELEM(struct kvc_recommendation, severity), KVC_U_NONE, false, "fix: makes it start; hint: makes it better"},
    {"flag", FIELD_TEXT, ELEM(struct kvc_recommendation, flag), KVC_U_NONE, true, "option to set"},
    {"value", FIELD_TEXT, ELEM(struct kvc_recommendation, value), KVC_U_NONE, true, "its value"},
    {"reason", FIELD_TEXT, ELEM(struct kvc_recommendation, reason), KVC_U_NONE, false, "why"},
    {"source", FIELD_TEXT, ELEM(struct kvc_recommendation, source), KVC_U_NONE, true, "where that is known from"},
    {"gain", FIELD_TEXT, ELEM(struct kvc_recommendation, gain), KVC_U_NONE, true, "what it yields"},
    {0}};

static const struct field note_rows[] = {
    {"level", FIELD_TEXT, ELEM(struct kvc_note, level), KVC_U_NONE, false, "note or warning"},
    {"text", FIELD_TEXT, ELEM(struct kvc_note, text), KVC_U_NONE, false, "one sentence"},
    {0}};

static const struct field formula_rows[] = {
    {"name", FIELD_TEXT, ELEM(struct kvc_formula, name), KVC_U_NONE, false, "what is computed"},
    {"formula", FIELD_TEXT, ELEM(struct kvc_formula, formula), KVC_U_NONE, true, "in symbols"},
    {"filled", FIELD_TEXT, ELEM(struct kvc_formula, filled), KVC_U_NONE, true, "with its numbers"},
    {"result", FIELD_TEXT, ELEM(struct kvc_formula, result), KVC_U_NONE, true, "what comes out"},
    {"source", FIELD_TEXT, ELEM(struct kvc_formula, source), KVC_U_NONE, true, "where the formula is from"},
    {0}};

static const struct section sections[] = {
    {"", SECTION_TOP, top_rows, NULL, false},
    {"model", SECTION_MAP, model_rows, "the model", false},
    {"gpu", SECTION_MAP, gpu_rows, "the GPU", false},
    {"engine", SECTION_MAP, engine_rows, "the vLLM release", false},
    {"settings", SECTION_DICT, origin_rows, "every resolved setting by canonical flag key", false},
    {"kv_cache", SECTION_MAP, kv_rows, "the KV cache", false},
    {"kv_cache.groups", SECTION_LIST, spec_rows, "layers by kind of cache", false},
    {"memory", SECTION_MAP, memory_rows, "bytes on one GPU", false},
    {"memory.weights_breakdown", SECTION_MAP, weight_rows, "parts of the weights on one GPU", false},
    {"memory.activation_breakdown", SECTION_MAP, activation_rows, "parts of the activation peak", false},
    {"concurrency", SECTION_MAP, concurrency_rows, "requests at once; null without a workload", false},
    {"cost", SECTION_MAP, cost_rows, "listed cloud prices; null when unknown", false},
    {"log_lines", SECTION_TEXTS, NULL, "the memory lines that this release prints", false},
    {"recommendations", SECTION_LIST, rec_rows, "changes worth making, most useful first", false},
    {"recommendations.evidence", SECTION_TEXTS, NULL, "figures behind it", false},
    {"notes", SECTION_LIST, note_rows, "how the input was understood", false},
    {"formulas", SECTION_LIST, formula_rows, "every formula with its numbers (--explain)", true},
    {"comparison", SECTION_MAP, compare_top_rows, "the plan beside a server's log (--compare-log)", true},
    {"comparison.rows", SECTION_LIST, compare_row_rows, "figures that both tell", false},
    {"comparison.settings_that_differ", SECTION_LIST, compare_setting_rows, "settings of the log that are not those of the plan", false},
};
/* clang-format on */

/* ---- filling ------------------------------------------------------------------ */

static const char *const quant_names[KVC_QUANT_COUNT_] = {
    [KVC_QUANT_FP8] = "fp8",     [KVC_QUANT_INT8] = "int8",   [KVC_QUANT_INT] = "int",
    [KVC_QUANT_MXFP4] = "mxfp4", [KVC_QUANT_NVFP4] = "nvfp4", [KVC_QUANT_BNB] = "bnb",
    [KVC_QUANT_GGUF] = "gguf"};

const char *size_quant_name(struct kvc_doc *doc, const struct kvc_model *model)
{
  const struct kvc_quant *quant = &model->quant;
  const int kind = (int)quant->kind;
  if (kind <= 0 || kind >= KVC_QUANT_COUNT_) return NULL;
  const char *name = quant_names[kind];
  if (quant->kind == KVC_QUANT_INT && quant->bits > 0)
    name = kvc_arena_printf(doc->arena, "int%.0f", quant->bits);
  if (name != NULL && quant->method != NULL && !kvc_str_ieq(name, quant->method))
    name = kvc_arena_printf(doc->arena, "%s (%s)", name, quant->method);
  if (name == NULL) doc->full = true;
  return name;
}

static const char *version_text(struct kvc_doc *doc, const struct kvc_version *version)
{
  char text[KVC_VERSION_TEXT];
  kvc_version_format(version, text);
  const char *copy = kvc_arena_strdup(doc->arena, text);
  if (copy == NULL) doc->full = true;
  return copy;
}

static void derive_concurrency(const struct kvc_size_request *req,
                               const struct kvc_size *size, struct derived *d)
{
  const struct kvc_concurrency *c = &size->concurrency;
  d->max_num_seqs = (double)size->setting.max_num_seqs;
  d->prompt_tok = d->output_tok = d->pool_tok = d->tokens_per_request = d->theoretical =
      d->buffer_frac = d->buffered = d->recommended = d->round_to = d->final_tok =
          d->mean_tok = d->sd_tok = d->steady_state = d->safe = d->epsilon =
              d->exceed_prob = d->use_p50 = d->use_p99 = (double)NAN;
  if (!c->have) return;
  d->prompt_tok = req->load.prompt_tok;
  d->output_tok = req->load.output_tok;
  d->pool_tok = req->deploy.kv_pool_tok > 0 ? (double)req->deploy.kv_pool_tok
                                            : size->memory.pool_tok;
  d->tokens_per_request = c->tokens_per_request;
  d->theoretical = c->theoretical;
  d->buffer_frac = req->load.buffer_frac;
  d->buffered = c->buffered;
  d->recommended = (double)c->recommended_max_num_seqs;
  d->round_to = (double)req->load.round_to;
  d->final_tok = c->occupancy.final_tok;
  d->mean_tok = c->occupancy.mean_tok;
  d->sd_tok = c->occupancy.sd_tok;
  d->steady_state = c->steady_state;
  d->safe = (double)c->safe_max_num_seqs;
  d->epsilon = req->load.exceed_prob;
  d->exceed_prob = c->safe_exceed_prob;
  d->use_p50 = c->use_p50_frac;
  d->use_p99 = c->use_p99_frac;
}

static void derive(struct kvc_doc *doc, const struct kvc_size_request *req,
                   const struct kvc_size *size, struct derived *d)
{
  *d = (struct derived){.schema = 1, .kvcap_version = KVC_VERSION};
  d->error =
      size->memory.fits || size->memory.error[0] == '\0' ? NULL : size->memory.error;
  d->engine_name = "vllm";
  d->version = version_text(doc, &size->version.version);
  d->generation = size->setting.engine == KVC_ENGINE_V0 ? "V0" : "V1";
  d->version_given = req->deploy.version_given;
  d->quantization = size_quant_name(doc, &size->model);
  d->kv_dtype = size->setting.kv_cache_dtype;
  derive_concurrency(req, size, d);
}

/* "8192" and "true" as number and truth, when they print back the same. */
static void add_value(struct kvc_doc *doc, struct kvc_node *map, const char *text)
{
  double number;
  char back[KVC_NUM_TEXT];
  if (text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
    kvc_node_bool(doc, map, "value", text[0] == 't');
    return;
  }
  if (text != NULL && kvc_num_parse(text, NULL, &number, NULL) == KVC_E_OK) {
    kvc_num_format(number, back);
    if (strcmp(back, text) == 0) {
      kvc_node_num(doc, map, "value", number, KVC_U_NONE);
      return;
    }
  }
  kvc_node_text(doc, map, "value", text);
}

static void add_settings(struct kvc_doc *doc, const struct kvc_size *size)
{
  struct kvc_node *map = kvc_node_add(doc, doc->root, "settings", KVC_NODE_MAP);
  for (size_t i = 0; i < size->n_origins; i++) {
    const struct kvc_origin *o = &size->origins[i];
    struct kvc_node *one = kvc_node_add(doc, map, o->key, KVC_NODE_MAP);
    add_value(doc, one, o->value);
    fields_add(doc, one, origin_rows, (const void *const[FIELD_BASES]){o, o, o});
  }
}

/* A list of objects out of an array of 'count' structs of 'stride' bytes. */
static struct kvc_node *add_list(struct kvc_doc *doc, struct kvc_node *parent,
                                 const char *key, const struct field *rows,
                                 const void *array, size_t count, size_t stride)
{
  struct kvc_node *list = kvc_node_add(doc, parent, key, KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++) {
    const void *element = (const char *)array + i * stride;
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    fields_add(doc, one, rows,
               (const void *const[FIELD_BASES]){element, element, element});
  }
  return list;
}

static void add_texts(struct kvc_doc *doc, struct kvc_node *parent, const char *key,
                      const char *const *texts, size_t count)
{
  struct kvc_node *list = kvc_node_add(doc, parent, key, KVC_NODE_LIST);
  for (size_t i = 0; i < count; i++) kvc_node_text(doc, list, NULL, texts[i]);
}

static void add_lists(struct kvc_doc *doc, const struct kvc_size_request *req,
                      const struct kvc_size *size)
{
  add_texts(doc, doc->root, "log_lines", size->log_lines, size->n_log_lines);
  struct kvc_node *recs = add_list(doc, doc->root, "recommendations", rec_rows,
                                   size->recs, size->n_recs, sizeof size->recs[0]);
  struct kvc_node *one = recs != NULL ? recs->first : NULL;
  for (size_t i = 0; one != NULL && i < size->n_recs; i++, one = one->next)
    add_texts(doc, one, "evidence", size->recs[i].evidence, size->recs[i].n_evidence);
  (void)add_list(doc, doc->root, "notes", note_rows, size->notes, size->n_notes,
                 sizeof size->notes[0]);
  if (req->explain)
    (void)add_list(doc, doc->root, "formulas", formula_rows, size->formulas,
                   size->n_formulas, sizeof size->formulas[0]);
}

static struct kvc_node *add_map(struct kvc_doc *doc, struct kvc_node *parent,
                                const char *key, const struct field *rows,
                                const void *const bases[FIELD_BASES])
{
  struct kvc_node *map = kvc_node_add(doc, parent, key, KVC_NODE_MAP);
  fields_add(doc, map, rows, bases);
  return map;
}

kvc_code kvc_doc_size(struct kvc_doc *doc, const struct kvc_size_request *req,
                      const struct kvc_size *size, struct kvc_err *err)
{
  struct derived d;
  derive(doc, req, size, &d);
  const void *const bases[FIELD_BASES] = {size, req, &d};
  fields_add(doc, doc->root, top_rows, bases);
  (void)add_map(doc, doc->root, "model", model_rows, bases);
  (void)add_map(doc, doc->root, "gpu", gpu_rows, bases);
  (void)add_map(doc, doc->root, "engine", engine_rows, bases);
  add_settings(doc, size);
  struct kvc_node *kv = add_map(doc, doc->root, "kv_cache", kv_rows, bases);
  (void)add_list(doc, kv, "groups", spec_rows, size->memory.layout.specs,
                 size->memory.layout.n_specs, sizeof size->memory.layout.specs[0]);
  struct kvc_node *memory = add_map(doc, doc->root, "memory", memory_rows, bases);
  (void)add_map(doc, memory, "weights_breakdown", weight_rows, bases);
  (void)add_map(doc, memory, "activation_breakdown", activation_rows, bases);
  (void)add_map(doc, doc->root, "concurrency", concurrency_rows, bases);
  (void)add_map(doc, doc->root, "cost", cost_rows, bases);
  add_lists(doc, req, size);
  if (!doc->full) size_view(doc, req, size);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}

kvc_code kvc_doc_size_schema(struct kvc_doc *doc, struct kvc_err *err)
{
  fields_schema(doc, sections, sizeof sections / sizeof sections[0],
                "kvcap size: one deployment of vLLM, sized");
  return doc->full ? kvc_arena_full(doc->arena, "the schema", err) : KVC_E_OK;
}
