/* test_report_plan.c - a plan as JSON by its contract, and as text on a narrow page.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/live.h>
#include "plan_sample.h"
#include "tests/support/close.h"
#include "tests/support/json_schema.h"
#include "tests/support/widest.h"

static const struct kvc_style wide = {.columns = 100, .utf8 = true};
static struct kvc_arena arena;
static struct plan_sample *sample;

static int set_up(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 64 << 20);
  sample = plan_sample_new(&arena);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

/* The text lives in the arena. */
static const char *rendered(const char *sink, const struct kvc_style *style)
{
  struct kvc_buf out;
  plan_sample_render(&arena, &sample->plan, sink, style, &out);
  assert_false(out.full);
  const char *text = kvc_arena_strdup(&arena, out.text);
  kvc_buf_clear(&out);
  assert_non_null(text);
  return text;
}

static cJSON *tree(void)
{
  cJSON *root = cJSON_Parse(rendered("json", &wide));
  assert_non_null(root);
  return root;
}

/* "options.0.predicted.ttft": names and indices. */
static const cJSON *at(const cJSON *node, const char *path)
{
  while (node != NULL && *path != '\0') {
    char word[64];
    const size_t len = strcspn(path, ".");
    (void)snprintf(word, sizeof word, "%.*s", (int)len, path);
    node = cJSON_IsArray(node) ? cJSON_GetArrayItem(node, (int)strtol(word, NULL, 10))
                               : cJSON_GetObjectItemCaseSensitive(node, word);
    path += len + (path[len] == '.');
  }
  return node;
}

static void is_valid(void)
{
  cJSON *schema = cJSON_Parse(read_schema_of("plan")), *root = tree();
  assert_non_null(schema);
  faults = 0;
  validate(schema, root, "$", true);
  assert_int_equal(faults, 0);
  cJSON_Delete(schema);
  cJSON_Delete(root);
}

/* ---- the tree ---- */

static void the_tree_has_the_keys_of_the_contract(void **state)
{
  static const struct {
    const char *path;
    double value;
  } numbers[] = {{"schema", 1},
                 {"options.0.rank", 1},
                 {"options.0.gpus", 3},
                 {"options.0.replicas", 3},
                 {"options.0.tensor_parallel_size", 1},
                 {"options.1.tensor_parallel_size", 2},
                 {"options.1.gpus_per_replica", 2},
                 {"options.2.pipeline_parallel_size", 2},
                 {"options.2.gpus_per_replica", 8},
                 {"options.0.data_parallel_size", 1},
                 {"options.0.cost_per_hour", 20.64},
                 {"options.0.cost_per_year", 180806.4},
                 /* 20 requests of 300 tokens a second are 21.6 million an hour. */
                 {"options.0.cost_per_million_output_tokens", 20.64 / 21.6},
                 {"options.0.price_per_gpu_hour", 6.88},
                 {"options.0.max_rate_per_replica", 8.4},
                 {"options.0.rate_per_replica", 20.0 / 3},
                 {"options.0.headroom_frac", 1 - 20 / 3.0 / 8.4},
                 {"options.0.predicted.ttft.p50_s", 0.1062},
                 {"options.0.predicted.ttft.p95_s", 0.2124},
                 {"options.0.predicted.ttft.low.p95_s", 0.6 * 0.2124},
                 {"options.0.predicted.tpot.high.p99_s", 3 * 1.2 * 0.0121},
                 {"options.0.predicted.e2e.mean_s", 1.1 * 3.7},
                 {"options.0.predicted.e2e.p90_s", 1.6 * 3.7},
                 {"options.0.watts", 1830},
                 {"options.0.joules_per_output_token", 0.51},
                 {"options.0.replicas_by_hour.0", 1},
                 {"options.0.replicas_by_hour.8", 2},
                 {"options.0.replicas_by_hour.12", 3},
                 {"options.0.growth.12.replicas", 8},
                 {"options.0.sensitivity.0.replicas", 4},
                 {"options.0.sensitivity.0.cost_per_hour", 27.52},
                 {"question.rate_per_s", 20},
                 {"question.prompt_tok", 500},
                 {"question.slo.1.limit_s", 0.03},
                 {"pareto.0.cost_per_hour", 20.64},
                 {"pareto.0.option", 1},
                 {"pareto.6.tensor_parallel_size", 2},
                 {"why_not.0.cost_per_hour", 55.04},
                 {"searched.candidates", 184},
                 {"searched.simulated", 22},
                 {"searched.runs", 231},
                 {"searched.wall_s", 8.23}};
  static const struct {
    const char *path, *value;
  } texts[] = {{"options.0.gpu", "H100-SXM5-80GB"},
               {"options.0.model", "Qwen/Qwen3-8B"},
               {"options.0.instance", "p5.48xlarge"},
               {"options.0.region", "us-east-1"},
               {"options.0.quantization", "none"},
               {"options.0.kv_cache_dtype", "bfloat16"},
               {"options.0.binding_constraint", "tpot_p95"},
               {"options.0.speed_source", "measured"},
               {"options.0.flags.0.name", "--max-num-seqs"},
               {"pareto.0.frontier", "cost_latency"},
               {"pareto.5.frontier", "throughput_speed"},
               {"pareto.0.gpu", "H100-SXM5-80GB"},
               {"rejected.0.what", "1x L4, fp8 weights"},
               {"rejected.0.fate", "memory"},
               {"rejected.3.fate", "slo"},
               {"question.slo.0.limit", "ttft_p95"},
               {"question.objective", "cost"},
               {"question.models.0", "Qwen/Qwen3-8B"},
               {"why_not.0.asked", "h100:tp8"},
               {"vllm_version", "0.19.0"}};
  (void)state;
  cJSON *root = tree();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    const cJSON *node = at(root, numbers[i].path);
    if (!cJSON_IsNumber(node)) fail_msg("%s is no number", numbers[i].path);
    if (!close_to(node->valuedouble, numbers[i].value, 1e-9))
      fail_msg("%s is %.17g", numbers[i].path, node->valuedouble);
  }
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const cJSON *node = at(root, texts[i].path);
    if (!cJSON_IsString(node) || strcmp(node->valuestring, texts[i].value) != 0)
      fail_msg("%s is not %s", texts[i].path, texts[i].value);
  }
  assert_non_null(strstr(at(root, "options.0.command")->valuestring, "vllm serve"));
  assert_true(cJSON_IsTrue(at(root, "options.0.limits_hold_at_high_end")));
  assert_true(cJSON_IsTrue(at(root, "options.1.may_cost_accuracy")));
  assert_true(cJSON_IsFalse(at(root, "options.0.replica_lost.limits_hold")));
  cJSON_Delete(root);
}

static void what_is_unknown_is_null(void **state)
{
  static const char *const paths[] = {"options.2.cost_per_hour",
                                      "options.2.cost_per_million_output_tokens",
                                      "options.2.price_per_gpu_hour",
                                      "options.0.sensitivity.1.cost_per_hour",
                                      "pareto.8.option",
                                      "pareto.5.cost_per_hour",
                                      "question.budget_per_hour",
                                      "question.goodput_frac",
                                      "question.hardware.1.price_per_gpu_hour",
                                      "searched.wall_s"};
  (void)state;
  sample->plan.wall_s = (double)NAN;
  sample->units[3].shape.tp = 8; /* what no option runs */
  cJSON *root = tree();
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (!cJSON_IsNull(at(root, paths[i]))) fail_msg("%s is not null", paths[i]);
  cJSON_Delete(root);
}

static void every_plan_is_as_the_schema_says(void **state)
{
  (void)state;
  is_valid();
  sample->plan.n_options = 0;
  is_valid();
  sample->plan = (struct kvc_plan){.schema = 1, .wall_s = (double)NAN};
  is_valid();
  /* Even an option of which nothing is said. */
  sample->plan.n_options = 1;
  is_valid();
}

/* ---- the text ---- */

static void assert_has(const char *text, const char *part)
{
  if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in\n%s", part, text);
}

static void text_shows_the_figures_of_the_tree(void **state)
{
  static const struct {
    const char *path;
    enum kvc_live_unit unit;
  } times[] = {{"options.0.predicted.ttft.mean_s", KVC_LU_S},
               {"options.0.predicted.ttft.p95_s", KVC_LU_S},
               {"options.1.predicted.ttft.p95_s", KVC_LU_S},
               {"options.2.predicted.tpot.p95_s", KVC_LU_S},
               {"options.0.predicted.tpot.low.p50_s", KVC_LU_S},
               {"options.0.predicted.tpot.high.p99_s", KVC_LU_S},
               {"options.0.predicted.e2e.high.p90_s", KVC_LU_S},
               {"options.0.max_rate_per_replica", KVC_LU_PER_S},
               {"options.0.rate_per_replica", KVC_LU_PER_S},
               {"options.0.headroom_frac", KVC_LU_FRAC},
               {"options.0.cost_per_year", KVC_LU_COUNT},
               {"options.0.watts", KVC_LU_COUNT},
               {"options.0.joules_per_output_token", KVC_LU_COUNT},
               {"options.0.load.kv_mean_usage_frac", KVC_LU_FRAC},
               {"options.0.growth.12.rate_per_s", KVC_LU_PER_S},
               {"pareto.2.e2e_p95_s", KVC_LU_S},
               {"pareto.7.tok_per_s_per_gpu", KVC_LU_COUNT},
               {"why_not.0.max_rate_per_replica", KVC_LU_PER_S},
               {"searched.wall_s", KVC_LU_S}};
  static const char *const money[] = {"options.0.cost_per_hour",
                                      "options.1.cost_per_hour",
                                      "options.0.cost_per_million_output_tokens",
                                      "options.1.cost_per_million_output_tokens",
                                      "options.0.price_per_gpu_hour",
                                      "options.0.cost_per_day_scaled",
                                      "options.0.growth.12.cost_per_hour",
                                      "options.0.sensitivity.0.cost_per_hour",
                                      "pareto.4.cost_per_hour",
                                      "why_not.0.cost_per_hour"};
  (void)state;
  cJSON *root = tree();
  const char *text = rendered("text", &wide);
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    char part[KVC_LIVE_TEXT];
    const cJSON *node = at(root, times[i].path);
    assert_true(cJSON_IsNumber(node));
    kvc_live_format(node->valuedouble, times[i].unit, part);
    assert_has(text, part);
  }
  for (size_t i = 0; i < sizeof money / sizeof *money; i++) {
    char part[KVC_UNIT_TEXT];
    const cJSON *node = at(root, money[i]);
    assert_true(cJSON_IsNumber(node));
    kvc_unit_format(node->valuedouble, KVC_U_USD, part);
    assert_has(text, part);
  }
  cJSON_Delete(root);
}

static void text_says_what_to_buy_and_why(void **state)
{
  static const char *const parts[] = {
      "3 H100-SXM5-80GB hold 20 requests a second for 20.64 USD/h\n",
      "limits: TTFT p95 up to 500 ms, TPOT p95 up to 30 ms\n",
      "Options, cheapest first\n",
      "USD/h  USD/M  TTFT p95  TPOT p95  free  binds\n",
      "1  3 of 1x H100-SXM5-80GB     20.64   0.96    212 ms   24.2 ms  21 %  tpot_p95\n",
      "2  2 of 2x H100-SXM5-80GB TP2, fp8 weights *\n",
      "3  3 of 8x L40S-48GB TP4 PP2      ?      ?   53.1 ms   6.05 ms   5 %  tpot_p95\n",
      "hold with option 1 alone",
      "1 to 3 replicas, 350.88 USD a day when scaled, not\n            495.36",
      "3 replicas, 4 in month 3, 5 in month 6, 6 in month 8, 7 in month 10, ...;",
      "+20 % output tokens       4 replicas, 27.52 USD/h\n",
      "step times 1.65x as long  6 replicas\n",
      "prompts twice as long     no number of replicas holds the limits\n",
      "one lost  with 2 of 3 each gets 10/s",
      "Run, each replica\n  vllm serve Qwen/Qwen3-8B",
      "Left out: 40 others\n",
      "- 10 miss a limit in the simulation: 1x L4",
      "h100:tp8 (8x H100-SXM5-80GB TP8) -> at most 38.2/s a replica, 1 replica",
      "184 candidates: 162 settled by sizes and bounds, 22 simulated in 231 runs"};
  (void)state;
  const char *text = rendered("text", &wide);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) assert_has(text, parts[i]);
}

static void take_limits(const char *text)
{
  struct kvc_err err;
  sample->request.slo = (struct kvc_slo){.n = 0};
  assert_int_equal(kvc_slo_read(text, "--slo", &sample->request.slo, &err), KVC_E_OK);
}

static void columns_are_the_figures_that_are_limited(void **state)
{
  (void)state;
  take_limits("e2e_p99=12s");
  const char *text = rendered("text", &wide);
  assert_has(text, "TTFT p95  e2e p99  free");
  assert_has(text, "   212 ms   11.1 s  21 %"); /* 3 x 3.7 s */
  take_limits("itl_p90=25ms,queue_mean=1s,tpot_p50=20ms");
  text = rendered("text", &wide);
  assert_has(text, "ITL p90  queue mean  free");
  assert_has(text, "  ITL ");
  assert_has(text, "  queue ");
}

static void a_share_of_the_requests_is_asked_for_in_words(void **state)
{
  (void)state;
  take_limits("ttft=500ms,tpot=30ms,goodput=0.95");
  sample->units[0].load.goodput_frac = 0.972;
  const char *text = rendered("text", &wide);
  assert_has(text,
             "limits: TTFT up to 500 ms, TPOT up to 30 ms for 95 % of the requests\n");
  assert_has(text, "goodput   97.2 % of the requests are within the limits\n");
  assert_has(text, "TTFT p95  TPOT p95");
  assert_null(strstr(text, "at most  ")); /* no percentile has a limit */
}

static const char hostile[] =
    "\x1b[31mred\x1b[0m \xe2\x80\xae\xff\"'$(id)\n- a \xe6\xbc\xa2 name that is so long "
    "that no column of any table has the room for it, and without-a-single-blank-to-"
    "break-a-line-at-because-some-names-are-like-that-and-the-page-is-narrow";

static void be_hostile(void)
{
  struct kvc_plan *p = &sample->plan;
  p->verdict = hostile;
  for (size_t i = 0; i < p->n_options; i++) {
    struct kvc_search_option *o = &p->options[i];
    o->gpu = o->model = o->reason = o->price_from = o->survival = o->command = hostile;
    o->quantization = o->kv_cache_dtype = hostile;
    (void)memset(sample->units[i].binding, 'x', sizeof sample->units[i].binding);
  }
  sample->request.n_models = 2;
  sample->request.models[1].model_name = hostile;
  sample->request.demand.name = hostile;
  sample->request.hardware[0].instance = sample->request.hardware[0].region = hostile;
  for (size_t i = 0; i < p->n_front; i++) p->front[i].what = hostile;
  for (size_t i = 0; i < p->n_rejected; i++)
    p->rejected[i].what = p->rejected[i].why = hostile;
  p->why_not[0].asked = p->why_not[0].what = p->why_not[0].why = hostile;
  p->notes[0] = sample->sensitivity[0].what = hostile;
}

static void be_large(void)
{
  struct kvc_search_unit *u = &sample->units[0];
  struct kvc_search_option *o = &sample->plan.options[0];
  o->usd_per_hour = o->usd_per_year = o->usd_per_million_tok = 1.23e300;
  u->replicas = INT64_MAX;
  u->load.ttft_s = u->load.tpot_s = sample_times(1e12);
  u->load_rate_per_s = u->max_rate_per_s = o->watts = 1e17;
  o->headroom_frac = -1e9;
  sample->front[0].usd_per_hour = 1e300;
  sample->front[0].e2e_p95_s = 1e-300;
  sample->front[1].e2e_p95_s = 1e300;
}

/* A character of two columns counts as one in widest(): only ASCII is asked then. */
static void no_line_is_wider_than_the_page(void **state)
{
  static const int columns[] = {100, 80, 60};
  (void)state;
  for (int round = 0; round < 4; round++) {
    if (round == 1) sample->plan.n_options = 0;
    if (round == 2) {
      sample->plan.n_options = 3;
      be_large();
    }
    if (round == 3) be_hostile();
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
      for (int utf8 = 0; utf8 < 2; utf8++) {
        const struct kvc_style style = {.columns = columns[i], .utf8 = utf8 != 0};
        const char *text = rendered("text", &style);
        if (round == 3 && utf8) continue;
        if (widest(text) > columns[i])
          fail_msg("%d of %d columns:\n%s", widest(text), columns[i], text);
      }
  }
}

static void nothing_hostile_reaches_a_terminal(void **state)
{
  (void)state;
  be_hostile();
  const struct kvc_style ascii = {.columns = 100};
  for (const char *p = rendered("text", &ascii); *p != '\0'; p++)
    assert_true((*p >= ' ' && *p <= '~') || *p == '\n');
  const char *text = rendered("text", &wide);
  assert_null(strchr(text, '\x1b'));
  assert_null(strstr(text, "\xe2\x80\xae"));
  assert_true(kvc_utf8_valid(text, strlen(text)));
  is_valid();
}

static void without_an_option_the_nearest_come_first(void **state)
{
  (void)state;
  sample->plan.n_options = 0;
  sample->plan.verdict = "Nothing holds 20 requests a second";
  sample->rejected[3].what = "4x L4 TP4";
  const char *text = rendered("text", &wide);
  assert_true(strncmp(text, "Nothing holds", 13) == 0);
  const char *near = strstr(text, "What came nearest\n  4x L4 TP4\n");
  assert_non_null(near);
  assert_true(near < strstr(text, "Left out: 40\n"));
  assert_null(strstr(text, "Options"));
  assert_null(strstr(text, "Run"));
}

static void sections_without_content_are_not_there(void **state)
{
  static const char *const headings[] = {"Options",    "What users see", "And if",
                                         "Cost again", "Throughput",     "Left out",
                                         "Why not",    "Notes"};
  (void)state;
  sample->plan = (struct kvc_plan){
      .schema = 1, .verdict = "no", .request = &sample->request, .wall_s = (double)NAN};
  const char *text = rendered("text", &wide);
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
    assert_null(strstr(text, headings[i]));
  assert_has(text,
             "0 candidates: 0 settled by sizes and bounds, 0 simulated in 0 runs\n");
}

static void what_is_left_out_takes_few_lines(void **state)
{
  (void)state;
  for (size_t i = 0; i < SAMPLE_REJECTED; i++)
    sample->rejected[i].fate = (enum kvc_fate)(i % 7);
  const struct kvc_style page = {.columns = 80};
  const char *p = strstr(rendered("text", &page), "Left out");
  assert_non_null(p);
  int lines = 0;
  for (p = strchr(p, '\n') + 1; *p != '\n'; p = strchr(p, '\n') + 1) lines++;
  assert_true(lines >= 7 && lines <= 10);
}

/* ---- plots ---- */

/* Line 'n' of the plot under a heading. */
static void plot_line(const char *text, const char *heading, int n, char out[256])
{
  const char *p = strstr(text, heading);
  assert_non_null(p);
  for (int i = 0; i <= n; i++) p = strchr(p, '\n') + 1;
  (void)snprintf(out, 256, "%.*s", (int)strcspn(p, "\n"), p);
}

/* Costs 10 and 1000 at 1 s and 100 s, and the middle of both on logarithmic axes. */
static void a_plot_has_its_points_where_they_belong(void **state)
{
  static const double xy[3][2] = {{1, 1000}, {10, 100}, {100, 10}};
  char line[256];
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    sample->front[i].e2e_p95_s = xy[i][0];
    sample->front[i].usd_per_hour = xy[i][1];
    sample->front[i].unit = &sample->units[i == 1 ? 3 : i];
  }
  sample->plan.n_front = 3;
  const struct kvc_style ascii = {.columns = 80};
  const char *text = rendered("text", &ascii);
  plot_line(text, "Cost against latency", 0, line);
  assert_string_equal(line, "   1,000.00 |1"); /* as wide as it needs */
  plot_line(text, "Cost against latency", 9, line);
  assert_string_equal(line, "      10.00 |                                           3");
  plot_line(text, "Cost against latency", 10, line);
  assert_string_equal(line, "            +--------------------------------------------");
  plot_line(text, "Cost against latency", 11, line);
  assert_string_equal(line, "             1 s              e2e p95               100 s");
  /* 9 steps of height and 43 of width: half of them, rounded up, is 5 and 22. */
  plot_line(text, "Cost against latency", 4, line);
  assert_string_equal(line, "            |                      a");
  assert_has(text,
             "a: 4 of 2 H100-SXM5-80GB: TP 2, fp8 weights for 100.00 USD/h, 10 s\n");
}

/* Three points of one option at 16, 6 and 3 replicas are one line of the legend. */
static void what_runs_the_same_has_one_mark_and_one_line(void **state)
{
  char line[256];
  (void)state;
  const struct kvc_style ascii = {.columns = 100};
  const char *text = rendered("text", &ascii);
  assert_has(text,
             "\n  1: 3 to 16 of 1x H100-SXM5-80GB for 20.64 to 88.00 USD/h, 2.6 s to "
             "7.4 s\n");
  assert_has(text, "\n  a: 4 to 8 of 2 H100-SXM5-80GB: TP 2, fp8 weights for 27.52 to ");
  /* Speed does not hang on the number of replicas. */
  assert_has(text, "\n  1: 1x H100-SXM5-80GB with 2,400 a GPU, 40 a user\n");
  assert_null(strstr(text, "\n  b:"));
  plot_line(text, "Cost against latency", 3, line);
  assert_string_equal(line, "            |          a");
  plot_line(text, "Cost against latency", 7, line);
  assert_string_equal(line, "            |                                   a");
}

static void one_point_or_points_without_figures_are_no_plot(void **state)
{
  (void)state;
  for (size_t i = 1; i < SAMPLE_FRONT; i++)
    sample->front[i].e2e_p95_s = sample->front[i].tok_per_s_per_user = (double)NAN;
  const char *text = rendered("text", &wide);
  assert_null(strstr(text, "Cost against latency"));
  assert_null(strstr(text, "Throughput against speed"));
}

/* All in one spot, and more of them than the list and the plot take. */
static void many_equal_points_are_one_mark(void **state)
{
  char line[256];
  static struct kvc_search_front many[300];
  (void)state;
  for (size_t i = 0; i < 300; i++) {
    many[i] = sample->front[0];
    many[i].unit = NULL;
  }
  many[299].unit = &sample->units[1];
  many[150].unit = &sample->units[0];
  sample->plan.front = many;
  sample->plan.n_front = 300;
  const struct kvc_style ascii = {.columns = 80};
  const char *text = rendered("text", &ascii);
  plot_line(text, "Cost against latency", 4, line);
  assert_string_equal(line, "      20.64 |                      1");
  assert_has(text, "*: 292 more, in --format json\n");
  is_valid();
}

static void a_full_arena_is_an_error_and_no_crash(void **state)
{
  (void)state;
  for (size_t cap = 1 << 10; cap < 1 << 19; cap += 4099) {
    struct kvc_arena small;
    struct kvc_doc doc;
    struct kvc_err err = {0};
    kvc_arena_init(&small, cap);
    kvc_doc_init(&doc, &small);
    const kvc_code code = kvc_doc_plan(&doc, &sample->plan, &err);
    assert_true(code == KVC_E_LIMIT || (code == KVC_E_OK && cap > 1 << 16));
    kvc_arena_clear(&small);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_tree_has_the_keys_of_the_contract),
      TEST(what_is_unknown_is_null),
      TEST(every_plan_is_as_the_schema_says),
      TEST(text_shows_the_figures_of_the_tree),
      TEST(text_says_what_to_buy_and_why),
      TEST(columns_are_the_figures_that_are_limited),
      TEST(a_share_of_the_requests_is_asked_for_in_words),
      TEST(no_line_is_wider_than_the_page),
      TEST(nothing_hostile_reaches_a_terminal),
      TEST(without_an_option_the_nearest_come_first),
      TEST(sections_without_content_are_not_there),
      TEST(what_is_left_out_takes_few_lines),
      TEST(a_plot_has_its_points_where_they_belong),
      TEST(what_runs_the_same_has_one_mark_and_one_line),
      TEST(one_point_or_points_without_figures_are_no_plot),
      TEST(many_equal_points_are_one_mark),
      TEST(a_full_arena_is_an_error_and_no_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
