/* test_cli_shard.c - the file of a part of a plan reads back equal, or not at all.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <float.h>
#include <math.h>
#include "cli_kit.h"
#include "src/cli/shard.h"

enum { ARENA = 16 << 20 };

/* Values that a careless writer loses: subnormal, negative zero, thirds, none. */
static const double odd[] = {1.0 / 3, 5e-324, -0.0, DBL_MAX, 0.1, 6.02214076e23};

static struct kvc_quantiles quantiles(size_t i)
{
  return (struct kvc_quantiles){odd[i % 6], odd[(i + 1) % 6], (double)NAN,
                                odd[(i + 2) % 6], (double)INFINITY};
}

static struct kvc_search_point point(size_t i)
{
  return (struct kvc_search_point){.rate_per_s = odd[i % 6],
                                   .ttft_s = quantiles(i),
                                   .tpot_s = quantiles(i + 1),
                                   .itl_s = quantiles(i + 2),
                                   .e2e_s = quantiles(i + 3),
                                   .queue_s = quantiles(i + 4),
                                   .output_tok_per_s = 1e5 / 7,
                                   .goodput_frac = 0.95,
                                   .kv_mean_frac = 0.25,
                                   .kv_peak_frac = 0.5,
                                   .running_mean = 33.3,
                                   .busy_frac = 1,
                                   .preemptions_per_request = 0.125,
                                   .watts = (double)NAN,
                                   .joules_per_output_token = 0.3,
                                   .ratio = -(double)INFINITY,
                                   .worst = -1};
}

static void fill(struct shard_unit *u)
{
  memset(u, 0, sizeof *u);
  u->index = 17;
  u->stage = 1;
  struct kvc_search_unit *s = &u->unit;
  s->shape = (struct kvc_search_shape){.model = 1,
                                       .hardware = 3,
                                       .tp = 8,
                                       .pp = 2,
                                       .dp = 4,
                                       .expert_parallel = true,
                                       .fp8_kv = true,
                                       .speculation = true};
  s->fate = KVC_FATE_SLO;
  (void)snprintf(s->why, sizeof s->why, "\"ttft\" \\ \xC3\xA9 misses");
  s->max_num_seqs = 256;
  s->max_num_batched_tok = 8192;
  s->max_model_len_tok = -1;
  s->bound_rate_per_s = odd[0];
  s->bound_usd_per_hour = odd[1];
  s->bound_e2e_s = odd[3];
  s->max_rate_per_s = odd[4];
  s->load_rate_per_s = odd[5];
  s->load = point(0);
  (void)snprintf(s->binding, sizeof s->binding, "tpot_p95");
  s->replicas = 12345678901;
  s->prefill_replicas = 3;
  s->usd_per_hour = 2.95;
  s->joules_per_output_token = (double)NAN;
  s->source = (enum kvc_speed_source)1;
  s->pilot = true;
  s->simulated = 21;
  s->n_points = KVC_SEARCH_POINTS;
  for (size_t i = 0; i < KVC_SEARCH_POINTS; i++) s->points[i] = point(i);
}

static const char *const words[] = {"org/a \"b\"", "--rate", "20"};
static const struct shard_head head = {
    .kvcap = "9.9.9",
    .part = 2,
    .parts = 3,
    .args = words,
    .n_args = 3,
    .inputs = {{.name = "plan.yaml", .digest = "00ff-12"}},
    .n_inputs = 1,
    .question = "abc-1"};

static void write(struct kvc_buf *out, const struct shard_unit *unit)
{
  kvc_buf_init(out, 1 << 20);
  shard_write_head(out, &head);
  shard_write_unit(out, true, unit);
  shard_write_tail(out);
}

struct caught {
  struct shard_unit unit;
  size_t n;
};

static kvc_code catch (void *ctx, const struct shard_head *from,
                       const struct shard_unit *unit, struct kvc_err *err)
{
  struct caught *c = ctx;
  (void)from;
  (void)err;
  memcpy(&c->unit, unit, sizeof *unit);
  c->n++;
  return KVC_E_OK;
}

static kvc_code read(struct kvc_arena *arena, const char *text, size_t len,
                     struct shard_head *out, struct caught *c, struct kvc_err *err)
{
  const struct shard_text file = {"shard.json", text, len};
  memset(c, 0, sizeof *c);
  return shard_read(arena, &file, out, catch, c, err);
}

static void every_field_reads_back_equal(void **state)
{
  (void)state;
  static struct shard_unit unit;
  static struct caught c;
  struct shard_head got;
  struct kvc_arena arena;
  struct kvc_buf out, again;
  struct kvc_err err;
  /* A field that joins them needs its row in shard_file.c and a value above. */
  assert_int_equal(sizeof(struct kvc_search_shape), 24);
  assert_int_equal(sizeof(struct kvc_search_point), 296);
  assert_int_equal(sizeof unit.unit - sizeof unit.unit.points - sizeof unit.unit.why,
                   464);
  kvc_arena_init(&arena, ARENA);
  fill(&unit);
  write(&out, &unit);
  assert_int_equal(read(&arena, out.text, out.len, &got, &c, &err), KVC_E_OK);
  assert_int_equal(c.n, 1);
  assert_memory_equal(&c.unit, &unit, sizeof unit);
  write(&again, &c.unit);
  assert_string_equal(out.text, again.text);
  assert_int_equal(got.part, 2);
  assert_int_equal(got.parts, 3);
  assert_int_equal(got.n_args, 3);
  assert_string_equal(got.args[0], words[0]);
  assert_string_equal(got.inputs[0].digest, "00ff-12");
  assert_string_equal(got.question, "abc-1");
  kvc_buf_clear(&out);
  kvc_buf_clear(&again);
  kvc_arena_clear(&arena);
}

/* Whatever is cut off, it is one sentence about that file. */
static void half_a_file_is_no_part(void **state)
{
  (void)state;
  static struct shard_unit unit;
  static struct caught c;
  struct shard_head got;
  struct kvc_buf out;
  fill(&unit);
  write(&out, &unit);
  for (size_t len = 0; len + 2 < out.len; len += 97) {
    struct kvc_arena arena;
    struct kvc_err err = {0};
    kvc_arena_init(&arena, ARENA);
    assert_int_equal(read(&arena, out.text, len, &got, &c, &err), KVC_E_PARSE);
    assert_string_equal(err.where, "shard.json");
    kvc_arena_clear(&arena);
  }
  kvc_buf_clear(&out);
}

/* One change each in a whole file. */
static void a_value_that_cannot_be_is_refused_by_name(void **state)
{
  static const struct {
    const char *from, *to, *says;
  } bad[] = {{"\"fate\":6", "\"fate\":7", "\"fate\" of result 17"},
             {"\"tp\":8", "\"tp\":8.5", "\"tp\" of result 17"},
             {"\"tp\":8", "\"tq\":8", "\"tp\" of result 17"},
             {"\"pilot\":true", "\"pilot\":1", "\"pilot\""},
             {"\"index\":17", "\"index\":-1", "no index"},
             {"\"index\":17", "\"index\":1e30", "no index"},
             {"\"stage\":1", "\"stage\":2", "no stage"},
             {"\"part\":2", "\"part\":4", "which part"},
             {"\"parts\":3", "\"parts\":1e9", "which part"},
             {"\"format_version\":1", "\"format_version\":2", "another version"},
             {"\"format\":\"kvcap-plan-shard\"", "\"format\":\"other\"", "does not say"},
             {"\"load\":[", "\"load\":[0,", "no load"},
             {"\"binding\":\"tpot_p95\"", "\"binding\":\"a binding of thirty letters\"",
              "\"binding\""},
             {"\"units\":[", "\"units\":[[[[[[[[[", "nested"}};
  (void)state;
  static struct shard_unit unit;
  static struct caught c;
  struct shard_head got;
  struct kvc_buf out;
  fill(&unit);
  write(&out, &unit);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_arena arena;
    struct kvc_buf changed;
    struct kvc_err err = {0};
    kvc_arena_init(&arena, ARENA);
    kvc_buf_init(&changed, 1 << 20);
    const char *at = strstr(out.text, bad[i].from);
    assert_non_null(at);
    kvc_buf_add(&changed, out.text, (size_t)(at - out.text));
    kvc_buf_puts(&changed, bad[i].to);
    kvc_buf_puts(&changed, at + strlen(bad[i].from));
    assert_int_equal(read(&arena, changed.text, changed.len, &got, &c, &err),
                     KVC_E_PARSE);
    if (strstr(err.msg, bad[i].says) == NULL) fail_msg("%s: %s", bad[i].to, err.msg);
    kvc_buf_clear(&changed);
    kvc_arena_clear(&arena);
  }
  kvc_buf_clear(&out);
}

static void what_is_aside_is_no_part_of_the_question(void **state)
{
  char *argv[] = {"org/a",    "--shard", "2/4",        "--rate=3", "--output=x.json",
                  "-o",       "y.json",  "--jobs",     "4",        "--no-wall-time",
                  "--format", "json",    "--profiles", "own"};
  (void)state;
  struct kvc_arena arena;
  struct shard_head got = {.parts = 4};
  struct kvc_buf line;
  kvc_arena_init(&arena, ARENA);
  assert_int_equal(
      shard_args(&arena, (int)(sizeof argv / sizeof *argv), argv, &got, NULL), KVC_E_OK);
  kvc_buf_init(&line, 1000);
  shard_command(&line, &got, 3);
  assert_string_equal(line.text, "kvcap plan --shard 3/4 --output shard-3-of-4.json "
                                 "org/a --rate=3 --profiles own");
  kvc_buf_clear(&line);
  kvc_arena_clear(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_reads_back_equal),
      cmocka_unit_test(half_a_file_is_no_part),
      cmocka_unit_test(a_value_that_cannot_be_is_refused_by_name),
      cmocka_unit_test(what_is_aside_is_no_part_of_the_question)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
