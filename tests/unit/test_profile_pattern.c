/* test_profile_pattern.c - compact lists of layers: "10(5s f) 2s".
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/model_rows.h"

static const char *const kinds[] = {"f", "s", "g2"};
enum { KINDS = 3, ROOM = 1024 };

static kvc_code unfold(const char *text, unsigned char *out, size_t *n,
                       struct kvc_err *err)
{
  struct kvc_arena arena;
  kvc_arena_init(&arena, 1 << 16);
  const struct reader r = {.arena = &arena, .file = "p", .err = err};
  const struct node at = {.line = 3, .col = 9, .text = text};
  memset(err, 0, sizeof *err);
  const kvc_code rc = pattern_read(&r, &at, kinds, KINDS, out, ROOM, n);
  if (rc != KVC_E_OK) {
    kit_fault(err, rc, "p");
    assert_true(err->line == 3 && err->col == 9);
  }
  kvc_arena_clear(&arena);
  return rc;
}

static void counts_and_groups_unfold(void **state)
{
  (void)state;
  static const struct {
    const char *text, *want; /* one digit a layer */
  } good[] = {
      {"f", "0"},
      {"3f", "000"},
      {"f s g2", "012"},
      {"  f   2s ", "011"},
      {"2(s f) s", "10101"},
      {"2(2(s f) g2)", "1010210102"},
      {"2g2", "22"},
      {"2g2 f", "220"},
      {"(f s)", "01"},
      {"2(2(2(2(s))))", "1111111111111111"},
  };
  struct kvc_err err;
  unsigned char out[ROOM];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    size_t n = 0;
    assert_int_equal(unfold(good[i].text, out, &n, &err), KVC_E_OK);
    assert_int_equal(n, strlen(good[i].want));
    for (size_t k = 0; k < n; k++) assert_int_equal(out[k], good[i].want[k] - '0');
  }
}

static void what_is_no_pattern_is_refused(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    kvc_code code;
  } bad[] = {
      {"", KVC_E_PARSE},
      {"x", KVC_E_UNKNOWN},
      {"ff", KVC_E_UNKNOWN},
      {"2", KVC_E_PARSE},
      {"2 f", KVC_E_PARSE},
      {"(f", KVC_E_PARSE},
      {"f)", KVC_E_PARSE},
      {"f,s", KVC_E_PARSE},
      {"F", KVC_E_PARSE},
      {"-1f", KVC_E_PARSE},
      {"0f", KVC_E_RANGE},
      {"1025f", KVC_E_LIMIT},
      {"99999999999f", KVC_E_PARSE},
      {"1000(1000f)", KVC_E_LIMIT},
      {"2(2(2(2(2(f)))))", KVC_E_LIMIT},
      {"100000(100000(100000(100000f)))", KVC_E_LIMIT},
  };
  struct kvc_err err;
  unsigned char out[ROOM];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t n = 77;
    const kvc_code rc = unfold(bad[i].text, out, &n, &err);
    if (rc != bad[i].code)
      fail_msg("%s -> %s %s", bad[i].text, kvc_err_name(rc), err.msg);
    assert_int_equal(n, 77);
  }
  size_t n = 0;
  assert_int_equal(unfold("1024f", out, &n, &err), KVC_E_OK);
  assert_int_equal(n, 1024);
}

static void lists_fold_as_a_person_would(void **state)
{
  (void)state;
  static const struct {
    const char *list, *want;
  } cases[] = {
      {"0000", "4f"},         {"0", "f"},           {"1111101111101111101", "3(5s f) s"},
      {"01010101", "4(f s)"}, {"0001111", "3f 4s"}, {"012", "f s g2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char list[64];
    struct kvc_buf out;
    const size_t n = strlen(cases[i].list);
    for (size_t k = 0; k < n; k++) list[k] = (unsigned char)(cases[i].list[k] - '0');
    kvc_buf_init(&out, 1 << 16);
    pattern_write(&out, list, n, kinds);
    assert_string_equal(out.text, cases[i].want);
    kvc_buf_clear(&out);
  }
}

static void any_list_unfolds_to_itself(void **state)
{
  (void)state;
  uint32_t x = 1;
  for (unsigned seed = 1; seed <= 400; seed++) {
    unsigned char list[ROOM], back[ROOM];
    struct kvc_buf out;
    struct kvc_err err;
    size_t n = 0;
    const size_t want = 1 + seed % 130, period = 1 + seed % 9;
    for (size_t k = 0; k < want; k++) {
      x = x * 1664525u + 1013904223u;
      /* Mostly periodic, as real models are, with odd layers strewn in. */
      list[k] = k >= period && (x >> 24) % 8 != 0 ? list[k - period]
                                                  : (unsigned char)((x >> 16) % KINDS);
    }
    kvc_buf_init(&out, 1 << 16);
    pattern_write(&out, list, want, kinds);
    if (unfold(out.text, back, &n, &err) != KVC_E_OK || n != want ||
        memcmp(list, back, n) != 0)
      fail_msg("seed %u: %s", seed, out.text);
    kvc_buf_clear(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_and_groups_unfold),
      cmocka_unit_test(what_is_no_pattern_is_refused),
      cmocka_unit_test(lists_fold_as_a_person_would),
      cmocka_unit_test(any_list_unfolds_to_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
