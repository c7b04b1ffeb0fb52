/* calibration.c - measured overheads and speed of one server, read and written.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "calibration_rows.h"
#include "db.h"
#include <kvcap/calibrate.h>
#include <math.h>
#include <string.h>

static const double most_bytes = 1e13; /* of one GPU */

/* clang-format off */
#define C(field) offsetof(struct kvc_calibration, field)
#define NEEDED(k, field, h) {.key = k, .type = FIELD_TEXT, .offset = C(field), .required = true, .help = h}
#define FACTOR(k, field, h) {.key = k, .type = FIELD_DOUBLE, .offset = C(field), .min = 0.01, .max = 100, .help = h "; applies to the same model, format and parallelism"}
#define SECONDS(k, field, h) {.key = k, .type = FIELD_DOUBLE, .offset = C(field), .min = -1, .max = 1, .help = h "; applies to the same model, format and parallelism"}
#define BYTES(k, field, low, h) {.key = k, .type = FIELD_DOUBLE, .offset = C(field), .min = low, .max = 1e13, .help = h}
const struct field calibration_rows[] = {
    {.key = "log", .type = FIELD_TEXT, .offset = C(log), .help = "the log it was taken from"},
    {.key = "benchmark", .type = FIELD_TEXT, .offset = C(benchmark), .help = "the benchmark its speed was taken from"},
    NEEDED("vllm_version", vllm_version, "release of the server"),
    NEEDED("engine", engine, "V0 or V1"),
    NEEDED("gpu", gpu, "canonical name of the GPU: every figure is for this card only"),
    NEEDED("model", model, "canonical name of the model"),
    {.key = "quantization", .type = FIELD_TEXT, .offset = C(quantization), .help = "format of the weights, when they are quantised"},
    NEEDED("dtype", dtype, "type of the weights that are not"),
    {.key = "tensor_parallel_size", .type = FIELD_INT, .offset = C(tp), .min = 1, .max = 1024, .required = true, .help = "GPUs that share a layer"},
    {.key = "pipeline_parallel_size", .type = FIELD_INT, .offset = C(pp), .min = 1, .max = 1024, .required = true, .help = "stages"},
    {.key = "max_num_seqs", .type = FIELD_INT64, .offset = C(max_num_seqs), .min = 1, .max = 1e6, .help = "as the server ran; needed beside any of the bytes below"},
    {.key = "max_num_batched_tokens", .type = FIELD_INT64, .offset = C(max_num_batched_tok), .min = 1, .max = 1e8, .help = "as the server ran; needed beside any of the bytes below"},
    BYTES("gpu_usable_bytes", gpu_usable_bytes, 1, "memory of the GPU as torch reports it; applies to this GPU"),
    BYTES("non_torch_bytes", non_torch_bytes, 0, "CUDA context, NCCL, workspaces; applies to the same parallelism"),
    BYTES("activation_peak_bytes", activation_peak_bytes, 0, "peak of the profile run; applies to the same model, parallelism, max_num_seqs and max_num_batched_tokens"),
    BYTES("graph_bytes", graph_bytes, 0, "captured CUDA graphs; applies to the same model, parallelism and batch sizes"),
    BYTES("weights_difference_bytes", weights_difference_bytes, -1e13, "loaded less counted; applies to the same model, format and parallelism"),
    BYTES("rest_bytes", rest_bytes, -1e13, "what the budget lost besides; applies as the activation peak does"),
    FACTOR("memory_factor", memory_factor, "on times that memory bounds"),
    FACTOR("flops_factor", flops_factor, "on times that arithmetic bounds"),
    FACTOR("communication_factor", communication_factor, "on times between GPUs"),
    FACTOR("host_factor", host_factor, "on launches and the host's times"),
    SECONDS("sequence_s", sequence_s, "more a running request and step"),
    SECONDS("step_s", step_s, "more a step"),
    {.key = "error_frac", .type = FIELD_DOUBLE, .offset = C(error_frac), .min = 0, .max = 10, .help = "how far the time per output token may be off, by what the fit left over"},
    {.key = "ttft_error_frac", .type = FIELD_DOUBLE, .offset = C(ttft_error_frac), .min = 0, .max = 10, .help = "the same of the time to the first token"},
    {.key = "levels", .type = FIELD_INT64, .offset = C(levels), .min = 1, .max = 1e5, .help = "measured loads behind the speed"},
    {.key = "least_clients", .type = FIELD_DOUBLE, .offset = C(least_clients), .min = 0, .max = 1e6, .help = "fewest requests in service, on the mean, at those loads"},
    {.key = "most_clients", .type = FIELD_DOUBLE, .offset = C(most_clients), .min = 0, .max = 1e6, .help = "most of them"},
    {.key = NULL},
};
/* clang-format on */

static const size_t of_memory[] = {C(gpu_usable_bytes),         C(non_torch_bytes),
                                   C(activation_peak_bytes),    C(graph_bytes),
                                   C(weights_difference_bytes), C(rest_bytes)};
static const size_t of_speed[] = {C(memory_factor),        C(flops_factor),
                                  C(communication_factor), C(host_factor),
                                  C(sequence_s),           C(step_s)};
enum {
  N_MEMORY = sizeof of_memory / sizeof *of_memory,
  N_SPEED = sizeof of_speed / sizeof *of_speed
};

static double figure(const struct kvc_calibration *c, size_t offset)
{
  double v;
  memcpy(&v, (const char *)c + offset, sizeof v);
  return v;
}

static bool any(const struct kvc_calibration *c, const size_t *offsets, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (isfinite(figure(c, offsets[i]))) return true;
  return false;
}

bool kvc_calibration_has_speed(const struct kvc_calibration *c)
{
  return any(c, of_speed, N_SPEED);
}

void kvc_calibration_init(struct kvc_calibration *c)
{
  *c = (struct kvc_calibration){.tp = 1, .pp = 1};
  c->gpu_usable_bytes = c->non_torch_bytes = c->activation_peak_bytes = c->graph_bytes =
      c->weights_difference_bytes = c->rest_bytes = (double)NAN;
  c->memory_factor = c->flops_factor = c->communication_factor = c->host_factor =
      c->sequence_s = c->step_s = (double)NAN;
  c->error_frac = c->ttft_error_frac = c->least_clients = c->most_clients = (double)NAN;
}

kvc_code kvc_calibration_read(struct kvc_arena *arena, const char *text, size_t len,
                              const char *file, struct kvc_calibration *out,
                              struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  if (len > KVC_CALIBRATION_MAX_BYTES)
    return kvc_fail(err, KVC_E_LIMIT, file,
                    "is larger than the %d bytes that a calibration may have",
                    KVC_CALIBRATION_MAX_BYTES);
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  struct kvc_calibration c;
  kvc_calibration_init(&c);
  KVC_TRY(fields_read(&r, root, calibration_rows, &c));
  if (strcmp(c.engine, "V0") != 0 && strcmp(c.engine, "V1") != 0)
    return kvc_fail(err, KVC_E_PARSE, file, "engine: \"%.20s\" is neither V0 nor V1",
                    c.engine);
  if (any(&c, of_memory, N_MEMORY) && (c.max_num_seqs == 0 || c.max_num_batched_tok == 0))
    return kvc_fail(err, KVC_E_PARSE, file,
                    "\"%s\" is missing: its bytes hold for the batch sizes that ran",
                    c.max_num_seqs == 0 ? "max_num_seqs" : "max_num_batched_tokens");
  struct kvc_version ignored;
  KVC_TRY(kvc_version_parse(c.vllm_version, file, &ignored, err));
  c.file = kvc_arena_strdup(arena, file);
  if (c.file == NULL) return kvc_arena_full(arena, file, err);
  *out = c;
  return KVC_E_OK;
}

static void put_text(struct kvc_buf *out, const char *key, const char *text)
{
  if (text == NULL) return;
  kvc_buf_printf(out, "%s: ", key);
  yaml_scalar(out, text);
  kvc_buf_puts(out, "\n");
}

static void put_bytes(struct kvc_buf *out, const char *key, double bytes)
{
  char number[KVC_NUM_TEXT];
  if (!(fabs(bytes) < most_bytes)) return;
  kvc_num_format(bytes, number);
  kvc_buf_printf(out, "%s: %s # %.3f GiB\n", key, number, bytes / KVC_GIB);
}

static void put_count(struct kvc_buf *out, const char *key, int64_t n)
{
  if (n > 0) kvc_buf_printf(out, "%s: %lld\n", key, (long long)n);
}

static void put_number(struct kvc_buf *out, const char *key, double v)
{
  char number[KVC_NUM_TEXT];
  if (!isfinite(v)) return;
  kvc_num_format(v, number);
  kvc_buf_printf(out, "%s: %s\n", key, number);
}

void kvc_calibration_write(const struct kvc_calibration *c, struct kvc_buf *out)
{
  if (any(c, of_memory, N_MEMORY) || !kvc_calibration_has_speed(c))
    kvc_buf_puts(out, "# Overheads that a vLLM server's log showed, in bytes of one GPU, "
                      "for\n# kvcap size --calibration FILE.\n");
  if (kvc_calibration_has_speed(c))
    kvc_buf_puts(out, "# How fast a vLLM server was in a benchmark, beside the model of "
                      "its steps, for\n# kvcap simulate --calibration FILE.\n");
  put_text(out, "log", c->log);
  put_text(out, "benchmark", c->benchmark);
  put_text(out, "vllm_version", c->vllm_version);
  put_text(out, "engine", c->engine);
  put_text(out, "gpu", c->gpu);
  put_text(out, "model", c->model);
  put_text(out, "quantization", c->quantization);
  put_text(out, "dtype", c->dtype);
  kvc_buf_printf(out, "tensor_parallel_size: %d\npipeline_parallel_size: %d\n", c->tp,
                 c->pp);
  put_count(out, "max_num_seqs", c->max_num_seqs);
  put_count(out, "max_num_batched_tokens", c->max_num_batched_tok);
  put_bytes(out, "gpu_usable_bytes", c->gpu_usable_bytes);
  put_bytes(out, "non_torch_bytes", c->non_torch_bytes);
  put_bytes(out, "activation_peak_bytes", c->activation_peak_bytes);
  put_bytes(out, "graph_bytes", c->graph_bytes);
  put_bytes(out, "weights_difference_bytes", c->weights_difference_bytes);
  put_bytes(out, "rest_bytes", c->rest_bytes);
  for (const struct field *f = calibration_rows; f->key != NULL; f++)
    for (size_t i = 0; i < N_SPEED; i++)
      if (f->offset == of_speed[i]) put_number(out, f->key, figure(c, f->offset));
  put_number(out, "error_frac", c->error_frac);
  put_number(out, "ttft_error_frac", c->ttft_error_frac);
  put_count(out, "levels", c->levels);
  put_number(out, "least_clients", c->least_clients);
  put_number(out, "most_clients", c->most_clients);
}
