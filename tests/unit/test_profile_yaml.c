/* test_profile_yaml.c - the strict subset of YAML, and its packed form.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/node.h"

static kvc_code parse(const char *text, size_t len, size_t cap, struct kvc_err *err)
{
  struct kvc_arena arena;
  struct node *root = NULL;
  kvc_arena_init(&arena, cap);
  memset(err, 0, sizeof *err);
  const kvc_code rc = profile_parse(&arena, text, len, "t.yaml", &root, err);
  assert_true((rc == KVC_E_OK) == (root != NULL));
  if (rc != KVC_E_OK) kit_fault(err, rc, "t.yaml");
  kvc_arena_clear(&arena);
  return rc;
}

static void what_a_fact_file_does_not_need_is_refused_where_it_stands(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int line, col; /* 0 = wherever libyaml saw it */
    const char *says;
  } bad[] = {
      {"", 1, 1, "empty"},
      {"# only a comment\n", 1, 1, "empty"},
      {"a: &x 1", 1, 4, "anchor"},
      {"a: &x [1]", 1, 4, "anchor"},
      {"a: &x {b: 1}", 1, 4, "anchor"},
      {"&x a: 1", 1, 1, "anchor"},
      {"b: 1\na: *x", 2, 4, "alias"},
      {"a: !!str 1", 1, 4, "tag"},
      {"a: !mine [1]", 1, 4, "tag"},
      {"a: !!python/object:os.system {b: 1}", 1, 4, "tag"},
      {"%YAML 1.1\n---\na: 1", 1, 1, "directive"},
      {"%TAG ! tag:x:\n---\na: 1", 1, 1, "directive"},
      {"a: 1\n---\nb: 2\n", 2, 1, "second document"},
      {"a: 1\nb: 2\na: 3\n", 3, 1, "second time; the first is on line 1"},
      {"x:\n  - {a: 1, a: 2}", 2, 12, "second time"},
      {"? [x]\n: 1", 1, 3, "key"},
      {"? {x: 1}\n: 1", 1, 3, "key"},
      {"a: \"\\x1b[2J\"", 1, 4, "control"},
      {"a: \"\\0\"", 1, 4, "control"},
      {"a: \"\\x7f\"", 1, 4, "control"},
      {"a: \"\\x85\"", 1, 4, "control"},
      {"\"\\e\": 1", 1, 1, "control"},
      {"a: \x01", 0, 0, "YAML"},
      {"a: 1\nb: \xff", 2, 4, "UTF-8"},
      {"\xc0\xaf: 1", 1, 1, "UTF-8"},
      {"a: \xed\xa0\x80", 1, 4, "UTF-8"},
      {"a: \xc3\xa4\xf5", 1, 5, "UTF-8"},
      {"a: \xe2\x82", 1, 4, "UTF-8"},
      {"a: [1, 2", 0, 0, "YAML"},
      {"a: {b: 1", 0, 0, "YAML"},
      {"a: \"open", 0, 0, "YAML"},
      {"a:\n\t- b", 0, 0, "YAML"},
      {"a: b: c", 0, 0, "YAML"},
      {"- a\nb: 1", 0, 0, "YAML"},
      {"a: @b", 0, 0, "YAML"},
  };
  struct kvc_err err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const kvc_code rc = parse(bad[i].text, strlen(bad[i].text), 1 << 20, &err);
    if (rc != KVC_E_PARSE || strstr(err.msg, bad[i].says) == NULL ||
        (bad[i].line > 0 && (err.line != bad[i].line || err.col != bad[i].col)))
      fail_msg("%s -> %d %d:%d %s", bad[i].text, (int)rc, err.line, err.col, err.msg);
  }
  assert_int_equal(parse("a: 1\0b", 6, 1 << 20, &err), KVC_E_PARSE);
  assert_int_equal(parse("\xff\xfe"
                         "a\0:\0",
                         6, 1 << 20, &err),
                   KVC_E_PARSE);
}

static void a_key_seen_twice_is_found_among_many(void **state)
{
  (void)state;
  struct kvc_buf text;
  struct kvc_err err;
  kvc_buf_init(&text, 8 << 20);
  for (int i = 0; i < 60000; i++) kvc_buf_printf(&text, "k%d: 1\n", i);
  assert_int_equal(parse(text.text, text.len, (size_t)64 << 20, &err), KVC_E_OK);
  kvc_buf_puts(&text, "k777: 2\n");
  assert_int_equal(parse(text.text, text.len, (size_t)64 << 20, &err), KVC_E_PARSE);
  assert_int_equal(err.line, 60001);
  assert_non_null(strstr(err.msg, "line 778"));
  kvc_buf_clear(&text);
}

static void nesting_ends_at_the_limit(void **state)
{
  (void)state;
  static const char *const open[] = {"[", "{a: ", "- "}, *const close[] = {"]", "}", ""};
  struct kvc_err err;
  for (size_t kind = 0; kind < 3; kind++)
    for (int depth = KVC_PROFILE_MAX_DEPTH - 1; depth <= KVC_PROFILE_MAX_DEPTH + 1;
         depth++) {
      struct kvc_buf text;
      kvc_buf_init(&text, 1 << 20);
      for (int i = 0; i < depth; i++) kvc_buf_puts(&text, open[kind]);
      kvc_buf_puts(&text, "1");
      for (int i = 0; i < depth; i++) kvc_buf_puts(&text, close[kind]);
      const kvc_code rc = parse(text.text, text.len, 1 << 20, &err);
      assert_int_equal(rc, depth <= KVC_PROFILE_MAX_DEPTH ? KVC_E_OK : KVC_E_LIMIT);
      if (rc != KVC_E_OK) assert_int_equal(err.line, 1);
      kvc_buf_clear(&text);
    }
}

static void bombs_end_soon_and_small(void **state)
{
  (void)state;
  struct kvc_err err;
  const size_t big = KVC_PROFILE_MAX_BYTES;
  char *text = malloc(big + 2);
  assert_non_null(text);
  memset(text, '[', big + 1);
  assert_int_equal(parse(text, big + 1, 1 << 20, &err), KVC_E_LIMIT);
  assert_int_equal(parse(text, big, 1 << 20, &err), KVC_E_LIMIT);
  memset(text, 'x', big); /* one scalar: more than the arena holds */
  assert_int_equal(parse(text, big, 1 << 20, &err), KVC_E_LIMIT);
  assert_int_equal(parse(text, big, (size_t)16 << 20, &err), KVC_E_OK);
  for (size_t i = 0; i + 1 < big; i += 2) memcpy(text + i, "-\n", 2);
  assert_int_equal(parse(text, big, 1 << 20, &err), KVC_E_LIMIT);
  free(text);
  static const char laughs[] = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n";
  assert_int_equal(parse(laughs, sizeof laughs - 1, 1 << 20, &err), KVC_E_PARSE);
}

static void every_beginning_of_a_file_ends_well(void **state)
{
  (void)state;
  static const char *const texts[] = {kit_gpu, kit_model, kit_cites};
  struct kvc_err err;
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
    for (size_t len = 0; len <= strlen(texts[t]); len++) {
      char *exact = malloc(len + 1); /* a sanitizer sees the end */
      assert_non_null(exact);
      memcpy(exact, texts[t], len);
      (void)parse(exact, len, 1 << 20, &err);
      free(exact);
    }
}

static void want_of_memory_is_a_limit(void **state)
{
  (void)state;
  struct kvc_err err;
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += 16) {
    rc = parse(kit_model, strlen(kit_model), cap, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 1 << 20);
  }
}

/* ---- the tree ----------------------------------------------------------------- */

static void nodes_know_their_place(void **state)
{
  (void)state;
  static const char text[] = "a: 1\nb:\n  - \"two\"\n  - {c: ''}\n";
  struct kvc_arena arena;
  struct kvc_err err;
  struct node *root;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(profile_parse(&arena, text, strlen(text), "t", &root, &err), KVC_E_OK);
  assert_int_equal(root->count, 2);
  const struct node *a = profile_node_get(root, "a"), *b = profile_node_get(root, "b");
  assert_true(a->plain && a->line == 1 && a->col == 4 && a->key_col == 1);
  assert_true(b->type == NODE_SEQ && b->count == 2 && b->key_line == 2);
  assert_true(!b->first->plain && b->first->line == 3 && b->first->col == 5);
  const struct node *c = profile_node_get(b->first->next, "c");
  assert_string_equal(c->text, "");
  assert_int_equal(c->key_col, 6);
  assert_null(profile_node_get(root, "z"));
  assert_null(profile_node_get(b, "a"));
  assert_null(profile_node_get(NULL, "a"));
  kvc_arena_clear(&arena);
}

static void same_tree(const struct node *a, const struct node *b)
{
  assert_int_equal(a->type, b->type);
  assert_int_equal(a->plain, b->plain);
  assert_true(a->line == b->line && a->col == b->col);
  assert_true((a->key == NULL) == (b->key == NULL));
  if (a->key != NULL) {
    assert_string_equal(a->key, b->key);
    assert_true(a->key_line == b->key_line && a->key_col == b->key_col);
  }
  if (a->type == NODE_SCALAR) {
    assert_string_equal(a->text, b->text);
    return;
  }
  assert_int_equal(a->count, b->count);
  const struct node *x = a->first, *y = b->first;
  for (; x != NULL && y != NULL; x = x->next, y = y->next) same_tree(x, y);
  assert_true(x == NULL && y == NULL);
}

static void pack_and_back(void *ctx, const char *path, const char *text, size_t len)
{
  struct kvc_arena arena;
  struct kvc_buf bytes;
  struct kvc_err err;
  struct node *root, *back;
  (void)ctx;
  kvc_arena_init(&arena, (size_t)64 << 20);
  kvc_buf_init(&bytes, (size_t)16 << 20);
  if (profile_parse(&arena, text, len, path, &root, &err) != KVC_E_OK)
    fail_msg("%s:%d:%d: %s", path, err.line, err.col, err.msg);
  profile_pack(root, &bytes);
  assert_int_equal(
      profile_unpack(&arena, (const unsigned char *)bytes.text, path, &back, &err),
      KVC_E_OK);
  same_tree(root, back);
  kvc_buf_clear(&bytes);
  kvc_arena_clear(&arena);
}

static void packing_keeps_every_tree_of_the_profiles(void **state)
{
  (void)state;
  assert_true(kit_walk(kit_source("profiles"), pack_and_back, NULL) > 60);
  pack_and_back(NULL, "kit", kit_model, strlen(kit_model));
  pack_and_back(NULL, "kit", "just a text", 11);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_fact_file_does_not_need_is_refused_where_it_stands),
      cmocka_unit_test(a_key_seen_twice_is_found_among_many),
      cmocka_unit_test(nesting_ends_at_the_limit),
      cmocka_unit_test(bombs_end_soon_and_small),
      cmocka_unit_test(every_beginning_of_a_file_ends_well),
      cmocka_unit_test(want_of_memory_is_a_limit),
      cmocka_unit_test(nodes_know_their_place),
      cmocka_unit_test(packing_keeps_every_tree_of_the_profiles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
