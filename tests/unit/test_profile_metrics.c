/* test_profile_metrics.c - the catalogue of metrics: names, spans, eras, faults.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/metrics_room.h"

static struct kvc_arena arena;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;

static int begin(void **state)
{
  struct kvc_db *db;
  struct kvc_err err;
  (void)state;
  kvc_arena_init(&arena, (size_t)64 << 20);
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(db, "vllm", &engine, &err), KVC_E_OK);
  if (kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK)
    fail_msg("%s:%d:%d %s", err.where, err.line, err.col, err.msg);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_version version(const char *text)
{
  struct kvc_version v;
  assert_int_equal(kvc_version_parse(text, "test", &v, NULL), KVC_E_OK);
  return v;
}

static const struct kvc_metric_name *exported(const char *name)
{
  return kvc_metrics_exported(metrics, name, strlen(name));
}

static const char *key_of(const char *name)
{
  const struct kvc_metric *m = kvc_metrics_of(metrics, exported(name));
  return m != NULL ? m->key : NULL;
}

static const char *name_at(const char *key, const char *release,
                           enum kvc_engine_kind generation)
{
  const struct kvc_version v = version(release);
  const struct kvc_metric *m = kvc_metrics_find(metrics, key);
  assert_non_null(m);
  const struct kvc_metric_name *n = kvc_metrics_name(m, &v, generation);
  return n != NULL ? n->name : NULL;
}

static void renamed_metrics_have_one_key(void **state)
{
  (void)state;
  assert_string_equal(key_of("vllm:gpu_cache_usage_perc"), "kv_cache_usage_perc");
  assert_string_equal(key_of("vllm:kv_cache_usage_perc"), "kv_cache_usage_perc");
  assert_string_equal(key_of("vllm:time_per_output_token_seconds"),
                      "inter_token_latency_seconds");
  assert_string_equal(key_of("vllm:gpu_prefix_cache_queries_total"),
                      "prefix_cache_queries");
  assert_string_equal(key_of("vllm:time_in_queue_requests"),
                      "request_queue_time_seconds");
  assert_string_equal(key_of("vllm:iteration_tokens_total"), "iteration_tokens");
  assert_string_equal(key_of("http_requests_total"), "http_requests");
  assert_string_equal(key_of("requests_total_counter"), "requests_total_counter");
}

static void exports_of_ray_are_known(void **state)
{
  (void)state;
  assert_string_equal(key_of("ray_vllm:num_requests_running"), "num_requests_running");
  assert_string_equal(key_of("ray_vllm_prompt_tokens_total"), "prompt_tokens");
  assert_string_equal(key_of("vllm_gpu_cache_usage_perc"), "kv_cache_usage_perc");
  assert_null(exported("vllm_optimizer_tuner_trials_total"));
  assert_null(exported("vllm:gpu_utilization"));
  assert_null(exported("vllm:"));
  assert_null(exported(""));
  assert_null(exported("kv_cache_usage_perc")); /* no server prints it bare */
}

static void a_person_may_leave_prefix_and_suffix_out(void **state)
{
  (void)state;
  static const char *const spellings[] = {"prompt_tokens", "prompt_tokens_total",
                                          "vllm:prompt_tokens",
                                          "vllm:prompt_tokens_total"};
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(kvc_metrics_find(metrics, spellings[i])->key, "prompt_tokens");
  assert_string_equal(kvc_metrics_find(metrics, "gpu_cache_usage_perc")->key,
                      "kv_cache_usage_perc");
  assert_string_equal(kvc_metrics_find(metrics, "iteration_tokens_total")->key,
                      "iteration_tokens");
  assert_null(kvc_metrics_find(metrics, "no_such_metric"));
  assert_null(kvc_metrics_find(metrics, ""));
}

static void a_release_has_its_own_name(void **state)
{
  (void)state;
  assert_string_equal(name_at("kv_cache_usage_perc", "0.6.0", KVC_ENGINE_V0),
                      "vllm:gpu_cache_usage_perc");
  assert_string_equal(name_at("kv_cache_usage_perc", "0.8.5", KVC_ENGINE_V1),
                      "vllm:gpu_cache_usage_perc");
  assert_string_equal(name_at("kv_cache_usage_perc", "0.12.0", KVC_ENGINE_V1),
                      "vllm:kv_cache_usage_perc");
  assert_string_equal(name_at("inter_token_latency_seconds", "0.10.1", KVC_ENGINE_V1),
                      "vllm:time_per_output_token_seconds");
  assert_string_equal(name_at("inter_token_latency_seconds", "0.28.0", KVC_ENGINE_V1),
                      "vllm:inter_token_latency_seconds");
  assert_null(name_at("num_requests_swapped", "0.9.1", KVC_ENGINE_V0));
  assert_null(name_at("num_requests_swapped", "0.8.5", KVC_ENGINE_V1));
  assert_null(name_at("prefix_cache_queries", "0.7.0", KVC_ENGINE_V1));
}

/* The counters of the prefix cache changed their unit under the same name. */
static void prefix_counters_count_blocks_before_0_9(void **state)
{
  (void)state;
  const struct kvc_metric *m = kvc_metrics_find(metrics, "prefix_cache_hits");
  const struct kvc_version old = version("0.8.5"), new = version("0.9.0");
  assert_string_equal(kvc_metrics_name(m, &old, KVC_ENGINE_V1)->unit, "blocks");
  assert_string_equal(kvc_metrics_name(m, &new, KVC_ENGINE_V1)->unit, "tokens");
  const struct kvc_metric_name *row = exported("vllm:gpu_prefix_cache_hits");
  assert_string_equal(kvc_metrics_spans(metrics, row, 0)->unit, "blocks");
  assert_string_equal(row->unit, "tokens"); /* the newest */
  assert_null(kvc_metrics_spans(metrics, row, 3));
}

static void every_row_is_complete(void **state)
{
  (void)state;
  assert_true(kvc_metrics_count(metrics) > 100);
  for (size_t i = 0; i < kvc_metrics_count(metrics); i++) {
    const struct kvc_metric *m = kvc_metrics_at(metrics, i);
    size_t newest = 0;
    assert_true(strlen(m->help) < 90);
    for (size_t k = 0; k < m->n_names; k++) {
      assert_int_equal(m->names[k].metric, i);
      assert_non_null(m->names[k].cite);
      assert_non_null(exported(m->names[k].name));
      if (!m->names[k].has_until) newest++;
    }
    if (newest > 1) fail_msg("%s has two names today", m->key);
    /* The sample is a line of one of its names. */
    bool own = false;
    for (size_t k = 0; k < m->n_names; k++)
      own = own || strncmp(m->sample, m->names[k].name, strlen(m->names[k].name)) == 0;
    if (!own) fail_msg("%s: %s", m->key, m->sample);
  }
  assert_null(kvc_metrics_at(metrics, kvc_metrics_count(metrics)));
}

/* ---- eras ------------------------------------------------------------------------ */

enum { ROOM = 64 };

static bool era_of(const char *const *names, size_t n, struct kvc_metrics_era *out)
{
  const struct kvc_metric_name *rows[ROOM];
  for (size_t i = 0; i < n; i++) {
    rows[i] = exported(names[i]);
    if (rows[i] == NULL) fail_msg("%s", names[i]);
  }
  return kvc_metrics_era(metrics, engine, rows, n, out);
}

static void assert_era(const struct kvc_metrics_era *era, const char *first,
                       const char *last, enum kvc_engine_kind generation)
{
  char a[KVC_VERSION_TEXT], b[KVC_VERSION_TEXT];
  kvc_version_format(&era->first, a);
  kvc_version_format(&era->last, b);
  assert_string_equal(a, first);
  assert_string_equal(b, last);
  assert_int_equal(era->generation, generation);
}

static void names_tell_the_releases(void **state)
{
  (void)state;
  struct kvc_metrics_era era;
  const char *const blocks[] = {"vllm:gpu_prefix_cache_queries_total"};
  assert_true(era_of(blocks, 1, &era));
  assert_era(&era, "0.7.3", "0.11.2", KVC_ENGINE_V1);
  const char *const both[] = {"vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"};
  assert_true(era_of(both, 2, &era));
  assert_era(&era, "0.9.2", "0.11.2", KVC_ENGINE_V1);
  const char *const swapped[] = {"vllm:num_requests_swapped"};
  assert_true(era_of(swapped, 1, &era));
  assert_era(&era, "0.4.0", "0.9.0", KVC_ENGINE_V0);
  const char *const waiting[] = {"vllm:num_requests_waiting"};
  assert_true(era_of(waiting, 1, &era));
  assert_era(&era, "0.4.0", "0.33.0", KVC_ENGINE_AUTO);
}

/* Web servers and Python say nothing of vLLM; names of different ages fit nowhere. */
static void what_fits_no_release_has_no_era(void **state)
{
  (void)state;
  struct kvc_metrics_era era;
  const char *const mixed[] = {"vllm:num_requests_swapped", "vllm:mm_cache_hits_total"};
  assert_false(era_of(mixed, 2, &era));
  const char *const others[] = {"http_requests_total", "python_info"};
  assert_false(era_of(others, 2, &era));
  assert_false(kvc_metrics_era(metrics, engine, NULL, 0, &era));
}

/* All that a server always prints, but for 'but'. */
static size_t printed(const struct kvc_version *v, enum kvc_engine_kind generation,
                      const char *but, const struct kvc_metric_name **rows)
{
  size_t n = 0;
  for (size_t i = 0; i < kvc_metrics_count(metrics); i++) {
    const struct kvc_metric *m = kvc_metrics_at(metrics, i);
    for (size_t k = 0; k < m->n_names && n < ROOM; k++)
      if (m->names[k].always && metrics_name_holds(&m->names[k], v, generation) &&
          (but == NULL || strcmp(m->names[k].name, but) != 0))
        rows[n++] = &m->names[k];
  }
  return n;
}

static size_t always(const char *release, const char *but,
                     const struct kvc_metric_name **rows)
{
  const struct kvc_version v = version(release);
  return printed(&v, KVC_ENGINE_V1, but, rows);
}

static void a_page_of_any_release_is_dated_to_it(void **state)
{
  (void)state;
  static const enum kvc_engine_kind kinds[] = {KVC_ENGINE_V0, KVC_ENGINE_V1};
  size_t pages = 0;
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++)
    for (size_t g = 0; g < 2; g++) {
      const struct kvc_metric_name *rows[ROOM];
      const struct kvc_version *v = &kvc_engine_release(engine, i)->version;
      struct kvc_metrics_era era;
      if (kvc_engine_generation(engine, v, kinds[g]) == NULL) continue;
      const size_t n = printed(v, kinds[g], NULL, rows);
      if (n == 0) continue; /* V1 exported nothing before 0.7.1 */
      /* Whole, and cut after each name. */
      for (size_t k = 1; k <= n; k++) {
        assert_true(kvc_metrics_era(metrics, engine, rows, k, &era));
        assert_true(kvc_version_cmp(&era.first, v) <= 0);
        assert_true(kvc_version_cmp(&era.last, v) >= 0);
        assert_true(era.generation == KVC_ENGINE_AUTO || era.generation == kinds[g]);
        pages++;
      }
    }
  assert_true(pages > 1000);
}

static void absence_tells_on_a_complete_page_only(void **state)
{
  (void)state;
  const struct kvc_metric_name *rows[ROOM];
  struct kvc_metrics_era era;
  size_t n = always("0.14.0", NULL, rows);
  assert_true(kvc_metrics_era(metrics, engine, rows, n, &era));
  assert_era(&era, "0.13.0", "0.15.1", KVC_ENGINE_V1);
  /* Without cache_config_info no release is complete: only what is there counts. */
  n = always("0.14.0", "vllm:cache_config_info", rows);
  assert_true(kvc_metrics_era(metrics, engine, rows, n, &era));
  assert_era(&era, "0.13.0", "0.33.0", KVC_ENGINE_V1);
}

static void labels_bounds_and_help_narrow(void **state)
{
  (void)state;
  struct kvc_metrics_era era;
  static const char *const engine_label[] = {"engine", "model_name"};
  static const double old_bounds[] = {.001, .005, .01, .02, .04, .06, .08, .1,
                                      .25,  .5,   .75, 1,   2.5, 5,   7.5, 10};
  static const double wide[] = {0.5, 2560};
  struct kvc_metrics_sight s = {.name = exported("vllm:time_to_first_token_seconds"),
                                .bounds = old_bounds,
                                .n_bounds = 16,
                                .whole = true};
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.4.0", "0.8.3", KVC_ENGINE_AUTO);
  s.labels = engine_label;
  s.n_labels = 2;
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.8.3", "0.8.3", KVC_ENGINE_V1);
  s.whole = false; /* the newer list cut after its 16th bound looks the same */
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.8.3", "0.33.0", KVC_ENGINE_V1);
  s.bounds = wide; /* a sparse export still has a bound that only newer ones know */
  s.n_bounds = 2;
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.8.4", "0.33.0", KVC_ENGINE_V1);
  s = (struct kvc_metrics_sight){
      .name = exported("vllm:gpu_prefix_cache_queries"),
      .help = "GPU prefix cache queries, in terms of number of queried blocks."};
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.7.3", "0.8.5", KVC_ENGINE_V1);
}

static void the_label_set_of_the_cache_dates_a_page(void **state)
{
  (void)state;
  struct kvc_metrics_era era;
  static const char *const v0[] = {
      "block_size",     "gpu_memory_utilization", "swap_space_bytes",
      "cache_dtype",    "sliding_window",         "enable_prefix_caching",
      "cpu_offload_gb", "num_gpu_blocks",         "num_cpu_blocks"};
  struct kvc_metrics_sight s = {
      .name = exported("vllm:cache_config_info"), .labels = v0, .n_labels = 9};
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.5.3", "0.8.4", KVC_ENGINE_AUTO);
  static const char *const sized[] = {"engine", "kv_cache_size_tokens"};
  s.labels = sized;
  s.n_labels = 2;
  assert_true(kvc_metrics_era_seen(metrics, engine, &s, 1, &era));
  assert_era(&era, "0.23.0", "0.33.0", KVC_ENGINE_V1);
}

/* ---- faults ---------------------------------------------------------------------- */

#define HEAD                                                                             \
  "- key: a\n"                                                                           \
  "  type: gauge\n"                                                                      \
  "  unit: s\n"                                                                          \
  "  group: kv\n"                                                                        \
  "  help: h\n"                                                                          \
  "  sample: 'vllm:a 1'\n"                                                               \
  "  value: 1\n"                                                                         \
  "  cite: c\n"

static void faults_name_their_place(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int line;
    const char *says;
  } cases[] = {
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n  groop: x\n", 10, "group"},
      {HEAD "  names: [{name: 'vllm:a', sinse: 0.5.0}]\n", 9, "since"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.7}]\n", 9, "listed releases"},
      {HEAD "  names: [{name: 'vllm:a_sum', since: 0.5.0}]\n", 9, "_sum"},
      {HEAD "  names: [{name: 'vllm a', since: 0.5.0}]\n", 9, "not a metric's name"},
      {HEAD "  names: []\n", 9, "must not be empty"},
      {HEAD "  names: 7\n", 9, "must be a list"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0}, {name: 'vllm:a', since: 0.6.0}]\n",
       9, "overlap"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.6.0}, {name: 'vllm:b', since: 0.5.0}]\n",
       9, "oldest first"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0, engine: V2}]\n", 9, "V0 or V1"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n"
            "  buckets: [{le: [1, 1], since: 0.5.0}]\n",
       10, "do not rise"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n"
            "  labels: [{name: x, since: 0.5.0}, {name: x, since: 0.6.0}]\n",
       10, "overlap"},
      {HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n" HEAD
            "  names: [{name: 'vllm:b', since: 0.5.0}]\n",
       10, "listed twice"},
      {"- key: a\n  type: gouge\n", 2, "gauge"},
      {"a: b\n", 1, "must be a list"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_err err = {.code = KVC_E_OK};
    struct node *root;
    struct kvc_metrics *out;
    const struct reader r = {&arena, "metrics.yaml", &err};
    assert_int_equal(profile_parse(&arena, cases[i].text, strlen(cases[i].text),
                                   "metrics.yaml", &root, &err),
                     KVC_E_OK);
    assert_int_not_equal(metrics_from_node(&r, root, engine, &out), KVC_E_OK);
    if (err.line != cases[i].line || strstr(err.msg, cases[i].says) == NULL)
      fail_msg("case %zu: %d %s", i, err.line, err.msg);
  }
}

static void a_name_belongs_to_one_metric(void **state)
{
  (void)state;
  static const char text[] = HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n"
                                  "- {key: b, type: gauge, unit: s, group: kv, help: h, "
                                  "sample: 'vllm:a 1', value: 1, cite: c, names: "
                                  "[{name: 'vllm:a', since: 0.6.0}]}\n";
  struct kvc_err err;
  struct node *root;
  struct kvc_metrics *out;
  const struct reader r = {&arena, "metrics.yaml", &err};
  assert_int_equal(profile_parse(&arena, text, sizeof text - 1, "m", &root, &err),
                   KVC_E_OK);
  assert_int_equal(metrics_from_node(&r, root, engine, &out), KVC_E_CONFLICT);
  assert_non_null(strstr(err.msg, "vllm:a"));
}

static void the_number_of_rows_is_bounded(void **state)
{
  (void)state;
  struct kvc_buf text;
  struct kvc_err err;
  struct node *root;
  struct kvc_metrics *out;
  const struct reader r = {&arena, "metrics.yaml", &err};
  kvc_buf_init(&text, 1 << 20);
  kvc_buf_puts(&text, HEAD "  names:\n");
  for (int i = 0; i < 257; i++)
    kvc_buf_printf(&text, "    - {name: 'vllm:n%d', since: 0.5.0}\n", i);
  assert_int_equal(profile_parse(&arena, text.text, text.len, "m", &root, &err),
                   KVC_E_OK);
  assert_int_equal(metrics_from_node(&r, root, engine, &out), KVC_E_LIMIT);
  kvc_buf_clear(&text);
  kvc_buf_init(&text, 1 << 20);
  for (int i = 0; i < 4001; i++) kvc_buf_puts(&text, "- 1\n");
  assert_int_equal(profile_parse(&arena, text.text, text.len, "m", &root, &err),
                   KVC_E_OK);
  assert_int_equal(metrics_from_node(&r, root, engine, &out), KVC_E_LIMIT);
  kvc_buf_clear(&text);
}

/* An overlay replaces the file, and a fault in it is reported with its path. */
static void last_fault(void *ctx, const struct kvc_err *fault)
{
  *(struct kvc_err *)ctx = *fault;
}

static void an_overlay_replaces_the_catalogue(void **state)
{
  (void)state;
  char dir[KIT_PATH];
  struct kvc_db *db;
  struct kvc_metrics *m;
  struct kvc_err err = {.code = KVC_E_OK}, fault = {.code = KVC_E_OK};
  size_t files, faults;
  kit_folder(dir);
  const char *const dirs[] = {dir};
  kit_write(dir, "engines/vllm/metrics.yaml",
            HEAD "  names: [{name: 'vllm:a', since: 0.5.0}]\n");
  assert_int_equal(kvc_db_open(&arena, dirs, 1, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_metrics(db, "vllm", &m, &err), KVC_E_OK);
  assert_int_equal(kvc_metrics_count(m), 1);
  assert_int_equal(kvc_db_metrics(db, "sglang", &m, &err), KVC_E_UNKNOWN);
  kvc_db_check(db, last_fault, &fault, &files, &faults);
  assert_int_equal(faults, 1);
  assert_non_null(strstr(fault.msg, "citation \"c\""));
  assert_non_null(strstr(fault.where, dir));
  kit_remove(dir);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renamed_metrics_have_one_key),
      cmocka_unit_test(exports_of_ray_are_known),
      cmocka_unit_test(a_person_may_leave_prefix_and_suffix_out),
      cmocka_unit_test(a_release_has_its_own_name),
      cmocka_unit_test(prefix_counters_count_blocks_before_0_9),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(names_tell_the_releases),
      cmocka_unit_test(what_fits_no_release_has_no_era),
      cmocka_unit_test(a_page_of_any_release_is_dated_to_it),
      cmocka_unit_test(absence_tells_on_a_complete_page_only),
      cmocka_unit_test(labels_bounds_and_help_narrow),
      cmocka_unit_test(the_label_set_of_the_cache_dates_a_page),
      cmocka_unit_test(faults_name_their_place),
      cmocka_unit_test(a_name_belongs_to_one_metric),
      cmocka_unit_test(the_number_of_rows_is_bounded),
      cmocka_unit_test(an_overlay_replaces_the_catalogue),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
