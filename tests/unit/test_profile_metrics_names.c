/* test_profile_metrics_names.c - every name that vLLM is known to export, with the first
 * and last release of each generation that prints it, written down apart from the
 * catalogue.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/metrics.h>
#include "profile_kit.h"

struct row {
  const char *name;
  const char *v0_first, *v0_last; /* NULL: never */
  const char *v1_first, *v1_last; /* last NULL: still */
  enum kvc_metric_type type;
};

#define C KVC_METRIC_COUNTER
#define G KVC_METRIC_GAUGE
#define H KVC_METRIC_HISTOGRAM
#define I KVC_METRIC_INFO
#define V0_END "0.10.2"

static const struct row rows[] = {
    {"num_requests_running", "0.5.0", V0_END, "0.7.1", NULL, G},
    {"num_requests_waiting", "0.5.0", V0_END, "0.7.1", NULL, G},
    {"num_requests_waiting_by_reason", NULL, NULL, "0.20.0", NULL, G},
    {"num_requests_swapped", "0.5.0", "0.9.0", NULL, NULL, G},
    {"gpu_cache_usage_perc", "0.5.0", V0_END, "0.7.1", "0.11.2", G},
    {"kv_cache_usage_perc", NULL, NULL, "0.9.2", NULL, G},
    {"cpu_cache_usage_perc", "0.5.0", "0.9.0", NULL, NULL, G},
    {"gpu_prefix_cache_hit_rate", "0.5.5", "0.9.0", NULL, NULL, G},
    {"cpu_prefix_cache_hit_rate", "0.5.5", "0.9.0", NULL, NULL, G},
    {"gpu_prefix_cache_queries", NULL, NULL, "0.7.3", "0.11.2", C},
    {"gpu_prefix_cache_hits", NULL, NULL, "0.7.3", "0.11.2", C},
    {"prefix_cache_queries", NULL, NULL, "0.9.2", NULL, C},
    {"prefix_cache_hits", NULL, NULL, "0.9.2", NULL, C},
    {"external_prefix_cache_queries", NULL, NULL, "0.11.1", NULL, C},
    {"external_prefix_cache_hits", NULL, NULL, "0.11.1", NULL, C},
    {"mm_cache_queries", NULL, NULL, "0.11.1", NULL, C},
    {"mm_cache_hits", NULL, NULL, "0.11.1", NULL, C},
    {"num_preemptions", "0.5.0", V0_END, "0.8.0", NULL, C},
    {"prompt_tokens", "0.5.0", V0_END, "0.7.1", NULL, C},
    {"generation_tokens", "0.5.0", V0_END, "0.7.1", NULL, C},
    {"prompt_tokens_by_source", NULL, NULL, "0.16.0", NULL, C},
    {"prompt_tokens_cached", NULL, NULL, "0.16.0", NULL, C},
    {"prompt_tokens_recomputed", NULL, NULL, "0.16.0", "0.19.1", C},
    {"tokens", "0.6.4", "0.7.3", NULL, NULL, C},
    {"avg_prompt_throughput_toks_per_s", "0.5.0", "0.6.6", NULL, NULL, G},
    {"avg_generation_throughput_toks_per_s", "0.5.0", "0.6.6", NULL, NULL, G},
    {"iteration_tokens_total", "0.6.4", V0_END, "0.7.3", NULL, H},
    {"time_to_first_token_seconds", "0.5.0", V0_END, "0.7.1", NULL, H},
    {"time_per_output_token_seconds", "0.5.0", V0_END, "0.7.1", "0.14.0", H},
    {"inter_token_latency_seconds", "0.10.2", V0_END, "0.10.2", NULL, H},
    {"request_time_per_output_token_seconds", NULL, NULL, "0.11.0", NULL, H},
    {"e2e_request_latency_seconds", "0.5.0", V0_END, "0.7.3", NULL, H},
    {"request_queue_time_seconds", "0.6.4", V0_END, "0.7.3", NULL, H},
    {"request_inference_time_seconds", "0.6.4", V0_END, "0.7.3", NULL, H},
    {"request_prefill_time_seconds", "0.6.4", V0_END, "0.7.3", NULL, H},
    {"request_decode_time_seconds", "0.6.4", V0_END, "0.7.3", NULL, H},
    {"time_in_queue_requests", "0.6.4", "0.9.0", NULL, NULL, H},
    {"model_forward_time_milliseconds", "0.6.4", "0.9.0", NULL, NULL, H},
    {"model_execute_time_milliseconds", "0.6.4", "0.9.0", NULL, NULL, H},
    {"request_prompt_tokens", "0.5.0", V0_END, "0.7.1", NULL, H},
    {"request_generation_tokens", "0.5.0", V0_END, "0.7.1", NULL, H},
    {"request_max_num_generation_tokens", "0.6.4", V0_END, "0.8.0", NULL, H},
    {"request_params_n", "0.5.0", V0_END, "0.8.0", NULL, H},
    {"request_params_max_tokens", "0.6.4", V0_END, "0.8.0", NULL, H},
    {"request_params_best_of", "0.5.0", "0.6.2", NULL, NULL, H},
    {"request_prefill_kv_computed_tokens", NULL, NULL, "0.13.0", NULL, H},
    {"request_success", "0.5.0", V0_END, "0.7.2", NULL, C},
    {"corrupted_requests", NULL, NULL, "0.11.1", NULL, C},
    {"engine_sleep_state", NULL, NULL, "0.11.1", NULL, G},
    {"kv_block_lifetime_seconds", NULL, NULL, "0.12.0", NULL, H},
    {"kv_block_idle_before_evict_seconds", NULL, NULL, "0.12.0", NULL, H},
    {"kv_block_reuse_gap_seconds", NULL, NULL, "0.12.0", NULL, H},
    {"estimated_flops_per_gpu", NULL, NULL, "0.17.0", NULL, C},
    {"estimated_read_bytes_per_gpu", NULL, NULL, "0.17.0", NULL, C},
    {"estimated_write_bytes_per_gpu", NULL, NULL, "0.17.0", NULL, C},
    {"lora_requests_info", "0.6.4", V0_END, "0.8.0", NULL, G},
    {"cache_config_info", "0.5.0", V0_END, "0.7.1", NULL, I},
    {"spec_decode_draft_acceptance_rate", "0.5.3", "0.9.2", NULL, NULL, G},
    {"spec_decode_efficiency", "0.5.3", "0.9.2", NULL, NULL, G},
    {"spec_decode_num_accepted_tokens", "0.5.3", "0.9.2", "0.8.3", NULL, C},
    {"spec_decode_num_draft_tokens", "0.5.3", "0.9.2", "0.8.3", NULL, C},
    {"spec_decode_num_emitted_tokens", "0.5.3", "0.9.2", NULL, NULL, C},
    {"spec_decode_num_drafts", NULL, NULL, "0.8.5", NULL, C},
    {"spec_decode_num_accepted_tokens_per_pos", NULL, NULL, "0.8.5", NULL, C},
    {"diffusion_num_denoising_steps", NULL, NULL, "0.24.0", NULL, C},
    {"diffusion_num_canvas_positions", NULL, NULL, "0.24.0", NULL, C},
    {"diffusion_num_committed_tokens", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_total_bytes", NULL, NULL, "0.16.0", NULL, C},
    {"kv_offload_total_time", NULL, NULL, "0.16.0", NULL, C},
    {"kv_offload_size", NULL, NULL, "0.16.0", NULL, H},
    {"kv_offload_load_bytes", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_load_time", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_load_size", NULL, NULL, "0.24.0", NULL, H},
    {"kv_offload_store_bytes", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_store_time", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_store_size", NULL, NULL, "0.24.0", NULL, H},
    {"kv_offload_cpu_cache_usage_perc", NULL, NULL, "0.24.0", NULL, G},
    {"kv_offload_stores_skipped", NULL, NULL, "0.24.0", NULL, C},
    {"kv_offload_allocation_failure", NULL, NULL, "0.24.0", NULL, C},
    {"nixl_xfer_time_seconds", NULL, NULL, "0.11.1", NULL, H},
    {"nixl_post_time_seconds", NULL, NULL, "0.11.1", NULL, H},
    {"nixl_bytes_transferred", NULL, NULL, "0.11.1", NULL, H},
    {"nixl_num_descriptors", NULL, NULL, "0.11.1", NULL, H},
    {"nixl_num_failed_transfers", NULL, NULL, "0.11.1", NULL, C},
    {"nixl_num_failed_notifications", NULL, NULL, "0.11.1", NULL, C},
    {"nixl_num_kv_expired_reqs", NULL, NULL, "0.15.0", NULL, C},
};

static struct kvc_arena arena;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;

static int begin(void **state)
{
  struct kvc_db *db;
  (void)state;
  kvc_arena_init(&arena, (size_t)64 << 20);
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, NULL), KVC_E_OK);
  assert_int_equal(kvc_db_engine(db, "vllm", &engine, NULL), KVC_E_OK);
  assert_int_equal(kvc_db_metrics(db, "vllm", &metrics, NULL), KVC_E_OK);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static const struct kvc_metric_name *exported(const char *name)
{
  char full[160];
  (void)snprintf(full, sizeof full, "vllm:%s", name);
  return kvc_metrics_exported(metrics, full, strlen(full));
}

/* Whether a row of the name holds for the release and the generation. */
static bool holds(const struct kvc_metric_name *name, const struct kvc_version *v,
                  enum kvc_engine_kind kind)
{
  const struct kvc_metric_name *row;
  for (size_t i = 0; (row = kvc_metrics_spans(metrics, name, i)) != NULL; i++)
    if ((row->engine == KVC_ENGINE_AUTO || row->engine == kind) &&
        kvc_version_in(v, &row->since, row->has_until ? &row->until : NULL))
      return true;
  return false;
}

static void span_is(const struct row *r, enum kvc_engine_kind kind, const char *first,
                    const char *last)
{
  const struct kvc_metric_name *name = exported(r->name);
  struct kvc_version low, high;
  if (first != NULL) assert_int_equal(kvc_version_parse(first, "", &low, NULL), KVC_E_OK);
  if (last != NULL) assert_int_equal(kvc_version_parse(last, "", &high, NULL), KVC_E_OK);
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++) {
    const struct kvc_version *v = &kvc_engine_release(engine, i)->version;
    if (kvc_engine_generation(engine, v, kind) == NULL) continue;
    if (v->release[1] < 5) continue; /* 0.4 is presumed to be as 0.5 */
    const bool want = first != NULL && kvc_version_cmp(v, &low) >= 0 &&
                      (last == NULL || kvc_version_cmp(v, &high) <= 0);
    if (holds(name, v, kind) != want)
      fail_msg("%s: V%d 0.%d.%d", r->name, kind == KVC_ENGINE_V1, v->release[1],
               v->release[2]);
  }
}

static void every_name_has_its_span_and_type(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct kvc_metric_name *name = exported(rows[i].name);
    if (name == NULL) fail_msg("%s is unknown", rows[i].name);
    assert_int_equal(name->type, rows[i].type);
    span_is(&rows[i], KVC_ENGINE_V0, rows[i].v0_first, rows[i].v0_last);
    span_is(&rows[i], KVC_ENGINE_V1, rows[i].v1_first, rows[i].v1_last);
  }
}

/* Names whose releases are less sure are at least known. */
static void names_of_connectors_and_servers_are_known(void **state)
{
  (void)state;
  static const char *const known[] = {"vllm:mooncake_store_operation_time_seconds",
                                      "vllm:mooncake_store_operation_total",
                                      "vllm:mooncake_store_operation_failed_keys_total",
                                      "vllm:hf3fs_save_duration_seconds",
                                      "vllm:hf3fs_num_failed_load",
                                      "vllm:websocket_connections_active",
                                      "vllm:websocket_connections_total",
                                      "vllm:websocket_connection_duration_seconds",
                                      "vllm:admission_rejections_total",
                                      "vllm:kv_offload_tiering_chunk_hits_total",
                                      "http_requests_total",
                                      "http_request_duration_seconds",
                                      "http_request_duration_highr_seconds",
                                      "http_request_size_bytes",
                                      "http_response_size_bytes",
                                      "process_virtual_memory_bytes",
                                      "process_resident_memory_bytes",
                                      "process_start_time_seconds",
                                      "process_cpu_seconds_total",
                                      "process_open_fds",
                                      "process_max_fds",
                                      "python_gc_objects_collected_total",
                                      "python_gc_objects_uncollectable_total",
                                      "python_gc_collections_total",
                                      "python_info",
                                      "requests_total_counter",
                                      "responses_total_counter",
                                      "status_codes_counter",
                                      "exceptions_total_counter"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (kvc_metrics_exported(metrics, known[i], strlen(known[i])) == NULL)
      fail_msg("%s is unknown", known[i]);
}

/* Names that guides mention and no release prints. */
static void names_that_no_release_prints_are_unknown(void **state)
{
  (void)state;
  static const char *const unknown[] = {
      "vllm:spec_decode_system_efficiency", "vllm:lora_requests_total",
      "vllm:gpu_utilization", "vllm:request_failure_total", "vllm:healthy_pods"};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    assert_null(kvc_metrics_exported(metrics, unknown[i], strlen(unknown[i])));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_name_has_its_span_and_type),
      cmocka_unit_test(names_of_connectors_and_servers_are_known),
      cmocka_unit_test(names_that_no_release_prints_are_unknown),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
