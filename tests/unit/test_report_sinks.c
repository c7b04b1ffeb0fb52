/* test_report_sinks.c - every sink shows the same figures, and none lets a name out.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <yaml.h>
#include "report_sample.h"

#include <cmocka.h>
#include "tests/support/widest.h"

static const struct kvc_style ascii80 = {.columns = 80};
enum { ARENA = 64 << 20 };

/* ---- the same tree ---------------------------------------------------------------- */

/* The next scalar of a YAML stream: 1 and its text, 0 at the end. */
static int next_scalar(yaml_parser_t *parser, char *text, size_t room, int *plain)
{
  for (;;) {
    yaml_event_t event;
    assert_true(yaml_parser_parse(parser, &event));
    const yaml_event_type_t type = event.type;
    if (type == YAML_SCALAR_EVENT) {
      (void)snprintf(text, room, "%s", (const char *)event.data.scalar.value);
      *plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    }
    yaml_event_delete(&event);
    if (type == YAML_SCALAR_EVENT) return 1;
    if (type == YAML_STREAM_END_EVENT) return 0;
  }
}

static void expect_scalar(yaml_parser_t *parser, const cJSON *item, const char *key)
{
  char text[2048];
  int plain = 0;
  assert_true(next_scalar(parser, text, sizeof text, &plain));
  if (key != NULL || cJSON_IsString(item)) {
    assert_string_equal(text, key != NULL ? key : item->valuestring);
  } else if (cJSON_IsNumber(item)) {
    double number = 0;
    assert_int_equal(kvc_num_parse(text, "yaml", &number, NULL), KVC_E_OK);
    assert_true(plain && number == item->valuedouble);
  } else {
    assert_true(plain);
    assert_string_equal(text, cJSON_IsNull(item)   ? "null"
                              : cJSON_IsTrue(item) ? "true"
                                                   : "false");
  }
}

static void walk(yaml_parser_t *parser, const cJSON *item)
{
  if (!cJSON_IsObject(item) && !cJSON_IsArray(item)) {
    expect_scalar(parser, item, NULL);
    return;
  }
  for (const cJSON *child = item->child; child != NULL; child = child->next) {
    if (cJSON_IsObject(item)) expect_scalar(parser, child, child->string);
    walk(parser, child);
  }
}

static void json_and_yaml_hold_the_same_tree(void **state)
{
  (void)state;
  static const char *const names[] = {"meta-llama/Meta-Llama-3-8B",
                                      "$(id)\"<b>",
                                      "yes",
                                      "1e5",
                                      "a: b # c",
                                      "- x",
                                      "\x1b[31m'\\"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct kvc_arena arena;
    kvc_arena_init(&arena, ARENA);
    struct sample *sample = sample_new(&arena, names[i]);
    sample->req.explain = true;
    sample->size.memory.total_bytes = 1e22; /* an exponent, in YAML's spelling */
    struct kvc_buf json, yaml;
    sample_render(&arena, sample, "json", &ascii80, &json);
    sample_render(&arena, sample, "yaml", &ascii80, &yaml);
    cJSON *tree = cJSON_Parse(json.text);
    assert_non_null(tree);
    yaml_parser_t parser;
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.text, yaml.len);
    walk(&parser, tree);
    char rest[64];
    int plain;
    assert_false(next_scalar(&parser, rest, sizeof rest, &plain));
    yaml_parser_delete(&parser);
    cJSON_Delete(tree);
    kvc_buf_clear(&json);
    kvc_buf_clear(&yaml);
    kvc_arena_clear(&arena);
  }
}

/* Figures that the text shows, in the tree's own unit. */
static const char *const shown[] = {"kv_cache.tokens",
                                    "kv_cache.tokens_low",
                                    "kv_cache.tokens_high",
                                    "kv_cache.max_concurrency",
                                    "kv_cache.bytes_per_token",
                                    "kv_cache.num_gpu_blocks",
                                    "kv_cache.block_size_tok",
                                    "kv_cache.max_model_len_tok",
                                    "memory.total_bytes",
                                    "memory.weights_bytes",
                                    "memory.activation_peak_bytes",
                                    "memory.non_torch_bytes",
                                    "memory.cudagraph_bytes",
                                    "memory.available_kv_bytes",
                                    "memory.available_kv_low_bytes",
                                    "memory.available_kv_high_bytes",
                                    "concurrency.theoretical",
                                    "concurrency.buffered",
                                    "concurrency.recommended_max_num_seqs",
                                    "concurrency.safe_max_num_seqs",
                                    "concurrency.tokens_per_request",
                                    "concurrency.pool_tok",
                                    "model.params"};

static const cJSON *at(const cJSON *tree, const char *path)
{
  const char *dot = strchr(path, '.');
  char section[64];
  (void)snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, section);
  return cJSON_GetObjectItemCaseSensitive(item, dot + 1);
}

static void text_shows_the_figures_of_the_tree(void **state)
{
  (void)state;
  srand(7);
  for (int round = 0; round < 50; round++) {
    struct kvc_arena arena;
    kvc_arena_init(&arena, ARENA);
    struct sample *sample = sample_new(&arena, "org/model");
    struct kvc_memory *m = &sample->size.memory;
    m->tokens.value = rand() % 100000000;
    m->weights_bytes = (double)(rand() % 1000000) * 65537.0;
    m->available_kv_bytes.value = (double)(rand() % 1000000) * 33331.0;
    m->layout.bytes_per_token = rand() % 3000000;
    struct kvc_doc doc;
    struct kvc_err err;
    kvc_doc_init(&doc, &arena);
    assert_int_equal(kvc_doc_size(&doc, &sample->req, &sample->size, &err), KVC_E_OK);
    struct kvc_buf text, json;
    kvc_buf_init(&text, 1 << 20);
    kvc_buf_init(&json, 1 << 20);
    kvc_sink_find("text")->write(&doc, &ascii80, &text);
    kvc_sink_find("json")->write(&doc, &ascii80, &json);
    cJSON *tree = cJSON_Parse(json.text);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
      const cJSON *item = at(tree, shown[i]);
      const struct kvc_node *node = kvc_node_at(doc.root, shown[i]);
      assert_true(cJSON_IsNumber(item));
      assert_true(item->valuedouble == node->num);
      char figure[KVC_UNIT_TEXT];
      kvc_unit_format(item->valuedouble, node->unit, figure);
      assert_non_null(strstr(text.text, figure));
    }
    cJSON_Delete(tree);
    kvc_buf_clear(&text);
    kvc_buf_clear(&json);
    kvc_arena_clear(&arena);
  }
}

static void the_handbooks_rule_is_shown_with_its_numbers(void **state)
{ /* 110000 / 800 = 137.5; * 0.7 = 96.25; down to a multiple of 8 = 96 */
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct kvc_buf text;
  sample_render(&arena, sample_new(&arena, "org/model"), "text",
                &(struct kvc_style){.columns = 200}, &text);
  assert_non_null(strstr(text.text,
                         "110,000 tokens / 800 tokens per request = 137.5; less 30 % "
                         "buffer = 96.2 -> --max-num-seqs 96"));
  kvc_buf_clear(&text);
  kvc_arena_clear(&arena);
}

static void the_verdict_comes_first(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct kvc_buf text;
  struct sample *sample = sample_new(&arena, "org/model");
  sample_render(&arena, sample, "text", &ascii80, &text);
  assert_int_equal(strncmp(text.text, sample->size.verdict, strlen(sample->size.verdict)),
                   0);
  kvc_buf_clear(&text);
  kvc_arena_clear(&arena);
}

/* ---- width ------------------------------------------------------------------------- */

static const char *random_text(struct kvc_arena *arena, int longest)
{
  static const char *const pieces[] = {
      "a", "Z", "/", "-",  " ",    " ",        "'",    "\"",    "\\", "$",
      "9", ".", "x", "\n", "\x1b", "\xc3\xa9", "\xff", "llama", "#",  ":"};
  struct kvc_buf buf;
  kvc_buf_init(&buf, 4096);
  for (int n = rand() % longest; n >= 0; n--)
    kvc_buf_puts(&buf, pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])]);
  const char *copy = kvc_arena_strdup(arena, buf.text);
  kvc_buf_clear(&buf);
  return copy;
}

static void random_words(struct kvc_arena *arena, struct kvc_size *s)
{
  s->model.name = random_text(arena, 200);
  s->gpu.name = random_text(arena, 120);
  s->verdict = random_text(arena, 300);
  s->notes[0].text = random_text(arena, 400);
  s->log_lines[0] = random_text(arena, 300);
  s->recs[0].flag = random_text(arena, 100);
  s->recs[0].value = random_text(arena, 100);
  s->recs[0].gain = random_text(arena, 200);
  s->recs[0].reason = random_text(arena, 400);
  s->origins[0].key = random_text(arena, 80);
  s->origins[0].value = random_text(arena, 80);
  s->formulas[0].name = random_text(arena, 120);
  s->formulas[0].filled = random_text(arena, 300);
  s->memory.fits = rand() % 2;
  s->memory.available_kv_bytes.value = (rand() % 200 - 100) * KVC_GIB * 37;
  s->memory.tokens.value = (double)rand() * (double)rand();
  s->memory.weights_bytes = (double)rand() * (double)rand();
  s->memory.other_processes_bytes = rand() % 2 ? 1e9 : 0;
  struct kvc_buf command;
  kvc_buf_init(&command, 8192);
  kvc_buf_puts(&command, "vllm serve");
  for (int n = rand() % 12; n > 0; n--) {
    kvc_buf_puts(&command, " --flag ");
    char word[256];
    (void)snprintf(word, sizeof word, "%s", random_text(arena, 90));
    for (char *p = word; *p != '\0'; p++) /* what cannot be shown as it is */
      if (*p == '\n' || *p == '\x1b' || (unsigned char)*p >= 0x80) *p = '_';
    kvc_escape_shell(&command, word);
  }
  s->command = kvc_arena_strdup(arena, command.text);
  kvc_buf_clear(&command);
}

static void text_is_never_wider_than_its_page(void **state)
{
  (void)state;
  srand(11);
  for (int round = 0; round < 400; round++) {
    struct kvc_arena arena;
    kvc_arena_init(&arena, ARENA);
    struct sample *sample = sample_new(&arena, "x");
    random_words(&arena, &sample->size);
    sample->req.explain = round % 3 == 0;
    const struct kvc_style style = {.columns = round % 2 ? 80 : 60 + round % 60,
                                    .utf8 = round % 4 < 2};
    struct kvc_buf text;
    sample_render(&arena, sample, "text", &style, &text);
    if (widest(text.text) > style.columns)
      fail_msg("round %d: %d columns on a page of %d:\n%s", round, widest(text.text),
               style.columns, text.text);
    for (size_t i = 0; i < text.len; i++)
      assert_true((unsigned char)text.text[i] >= 0x20 || text.text[i] == '\n');
    kvc_buf_clear(&text);
    kvc_arena_clear(&arena);
  }
}

/* ---- the command can be pasted
 * --------------------------------------------------------- */

static void words_of(const char *command, char *out, size_t room)
{
  char path[] = "/tmp/kvcap-test-XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  FILE *script = fdopen(fd, "w");
  assert_non_null(script);
  (void)fprintf(script, "set -- %s\nprintf '<%%s>\\n' \"$@\"\n", command);
  (void)fclose(script);
  char line[64];
  (void)snprintf(line, sizeof line, "sh %s", path);
  FILE *pipe = popen(line, "r");
  assert_non_null(pipe);
  out[fread(out, 1, room - 1, pipe)] = '\0';
  (void)pclose(pipe);
  (void)remove(path);
}

static void a_folded_command_means_the_same_to_a_shell(void **state)
{
  (void)state;
  srand(5);
  for (int round = 0; round < 40; round++) {
    struct kvc_arena arena;
    kvc_arena_init(&arena, ARENA);
    struct sample *sample = sample_new(&arena, "x");
    random_words(&arena, &sample->size);
    sample->size.n_log_lines = sample->size.n_notes = 0;
    struct kvc_buf text;
    sample_render(&arena, sample, "text", &ascii80, &text);
    const char *folded = strstr(text.text, "\nLaunch");
    assert_non_null(folded);
    folded = strchr(folded + 1, '\n') + 1;
    static char want[65536], got[65536];
    words_of(sample->size.command, want, sizeof want);
    words_of(folded, got, sizeof got);
    assert_string_equal(got, want);
    kvc_buf_clear(&text);
    kvc_arena_clear(&arena);
  }
}

/* ---- the rest
 * ---------------------------------------------------------------------------- */

static void colour_is_only_there_when_asked_for(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct sample *sample = sample_new(&arena, "org/model");
  struct kvc_buf plain, colour;
  sample_render(&arena, sample, "text", &ascii80, &plain);
  sample_render(&arena, sample, "text",
                &(struct kvc_style){.columns = 80, .colour = true}, &colour);
  assert_null(strchr(plain.text, '\x1b'));
  assert_non_null(strchr(colour.text, '\x1b'));
  kvc_buf_clear(&plain);
  kvc_buf_clear(&colour);
  kvc_arena_clear(&arena);
}

static void every_figure_may_be_unknown(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct sample *sample = kvc_arena_alloc(&arena, 1, sizeof *sample);
  sample->size.memory.tokens.value = sample->size.memory.total_bytes =
      sample->size.memory.available_kv_bytes.value = sample->size.cost_per_hour_low =
          (double)NAN;
  for (size_t i = 0; kvc_sink_at(i) != NULL; i++) {
    struct kvc_buf out;
    sample_render(&arena, sample, kvc_sink_at(i)->name, &ascii80, &out);
    assert_true(out.len > 0);
    assert_null(strstr(out.text, " nan"));
    assert_null(strstr(out.text, "-nan"));
    kvc_buf_clear(&out);
  }
  kvc_arena_clear(&arena);
}

static void a_small_arena_ends_in_a_limit(void **state)
{
  (void)state;
  struct kvc_arena big;
  kvc_arena_init(&big, ARENA);
  struct sample *sample = sample_new(&big, "org/model");
  sample->req.explain = true;
  int passed = 0;
  for (size_t cap = 0; passed < 3; cap += cap < 4096 ? 64 : 4096) {
    struct kvc_arena arena;
    struct kvc_doc doc;
    struct kvc_err err = {0};
    kvc_arena_init(&arena, cap);
    kvc_doc_init(&doc, &arena);
    const kvc_code rc = kvc_doc_size(&doc, &sample->req, &sample->size, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    if (rc == KVC_E_OK) passed++;
    kvc_arena_clear(&arena);
    assert_true(cap < ARENA);
  }
  kvc_arena_clear(&big);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_and_yaml_hold_the_same_tree),
      cmocka_unit_test(text_shows_the_figures_of_the_tree),
      cmocka_unit_test(the_handbooks_rule_is_shown_with_its_numbers),
      cmocka_unit_test(the_verdict_comes_first),
      cmocka_unit_test(text_is_never_wider_than_its_page),
      cmocka_unit_test(a_folded_command_means_the_same_to_a_shell),
      cmocka_unit_test(colour_is_only_there_when_asked_for),
      cmocka_unit_test(every_figure_may_be_unknown),
      cmocka_unit_test(a_small_arena_ends_in_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
