/* test_profile_gpu.c - reading a GPU profile.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "tests/support/close.h"

static kvc_code read_gpu(struct kvc_arena *arena, const char *text, struct kvc_gpu *out,
                         struct kvc_err *err)
{
  memset(err, 0, sizeof *err);
  const kvc_code rc = kvc_gpu_read(arena, text, strlen(text), "g.yaml", out, err);
  if (rc != KVC_E_OK) kit_fault(err, rc, "g.yaml");
  return rc;
}

static void figures_arrive_in_si_units_with_their_source(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_gpu g;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read_gpu(&arena, kit_gpu, &g, &err), KVC_E_OK);
  assert_string_equal(g.name, "Toy-80");
  assert_int_equal(g.vendor, KVC_VENDOR_NVIDIA);
  assert_string_equal(g.compute_capability, "9.0");
  assert_close(g.memory_bytes.value, 80e9, 0); /* 80 x 10^9, not 80 GiB */
  assert_int_equal(g.memory_bytes.source, KVC_SRC_SPEC);
  assert_string_equal(g.memory_bytes.cite, "toy-sheet");
  assert_null(g.memory_bytes.note);
  assert_close(g.memory_usable_bytes.value, 84932978278.4, 1e-12); /* 79.1 x 2^30 */
  assert_int_equal(g.memory_usable_bytes.source, KVC_SRC_MEASURED);
  assert_string_equal(g.memory_usable_bytes.note, "one print");
  assert_close(g.memory_bps.value, 3.35e12, 0);
  assert_close(g.bf16_flops.value, 9.89e14, 1e-15);
  assert_int_equal(g.bf16_flops.source, KVC_SRC_USER);
  assert_int_equal(g.tdp_watt.source, KVC_SRC_DERIVED);
  assert_int_equal(g.n_aliases, 2);
  assert_string_equal(g.aliases[1], "NVIDIA Toy");
  assert_int_equal(g.n_family, 1);
  assert_int_equal(g.n_prices, 1);
  assert_close(g.prices[0].usd_per_hour, 2.5, 0);
  assert_string_equal(g.prices[0].cite, "toy-list");
  assert_int_equal(g.link_domain, 8);
  assert_false(g.unified_memory);
  kvc_arena_clear(&arena);
}

static void what_a_profile_does_not_say_is_nan_not_zero(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_gpu g;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read_gpu(&arena, "name: x\nvendor: amd\n", &g, &err), KVC_E_OK);
  const double unsaid[] = {g.memory_bytes.value,
                           g.memory_driver_bytes.value,
                           g.memory_usable_bytes.value,
                           g.memory_bps.value,
                           g.fp32_flops.value,
                           g.fp16_flops.value,
                           g.bf16_flops.value,
                           g.fp8_flops.value,
                           g.int8_ops.value,
                           g.fp4_flops.value,
                           g.link_bps.value,
                           g.pcie_bps.value,
                           g.tdp_watt.value};
  for (size_t i = 0; i < sizeof unsaid / sizeof *unsaid; i++)
    assert_true(isnan(unsaid[i]));
  assert_int_equal(g.memory_bytes.source, KVC_SRC_NONE);
  assert_int_equal(g.devices_per_board, 1);
  assert_int_equal(g.vendor, KVC_VENDOR_AMD);
  kvc_arena_clear(&arena);
}

static void faults_name_the_key_and_what_would_be_right(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    kvc_code code;
    int line;
    const char *says;
  } bad[] = {
      {"vendor: nvidia\n", KVC_E_PARSE, 1, "name"},
      {"name: x\n", KVC_E_PARSE, 1, "vendor"},
      {"name: x\nvendor: nvida\n", KVC_E_UNKNOWN, 2, "did you mean nvidia"},
      {"name: x\nvendor: matrox\n", KVC_E_UNKNOWN, 2, "nvidia"},
      {"name: x\nvendor: amd\nmemry: {value: 80 GB, cite: c}\n", KVC_E_UNKNOWN, 3,
       "did you mean \"memory\""},
      {"name: x\nvendor: amd\nmemory: 80 GB\n", KVC_E_PARSE, 3, "cite"},
      {"name: x\nvendor: amd\nmemory: {value: 80 GB}\n", KVC_E_PARSE, 3, "cite"},
      {"name: x\nvendor: amd\nmemory: {cite: c}\n", KVC_E_PARSE, 3, "value"},
      {"name: x\nvendor: amd\nmemory: {value: 80, cite: c}\n", KVC_E_PARSE, 3, "unit"},
      {"name: x\nvendor: amd\nmemory: {value: 80 GB/s, cite: c}\n", KVC_E_PARSE, 3,
       "unit"},
      {"name: x\nvendor: amd\nmemory: {value: 80 gb, cite: c}\n", KVC_E_PARSE, 3, "unit"},
      {"name: x\nvendor: amd\nmemory: {value: -80 GB, cite: c}\n", KVC_E_RANGE, 3,
       "possible"},
      {"name: x\nvendor: amd\nmemory: {value: nan GB, cite: c}\n", KVC_E_PARSE, 3,
       "number"},
      {"name: x\nvendor: amd\nmemory: {value: [80], cite: c}\n", KVC_E_PARSE, 3, "value"},
      {"name: x\nvendor: amd\ntdp: {value: 7 TB/s, cite: c}\n", KVC_E_PARSE, 3, "700 W"},
      {"name: x\nvendor: amd\nmemory: {value: 8 GB, cite: c, kind: guessed}\n",
       KVC_E_PARSE, 3, "kind"},
      {"name: x\nvendor: amd\nmemory: {value: 8 GB, cite: c, unit: d}\n", KVC_E_UNKNOWN,
       3, "unit"},
      {"name: x\nvendor: amd\nunified_memory: yes\n", KVC_E_PARSE, 3, "true or false"},
      {"name: x\nvendor: amd\nlink_domain: many\n", KVC_E_PARSE, 3, "number"},
      {"name: x\nvendor: amd\nlink_domain: 1.5\n", KVC_E_PARSE, 3, "whole"},
      {"name: x\nvendor: amd\nlink_domain: -1\n", KVC_E_RANGE, 3, "outside"},
      {"name: x\nvendor: amd\ndevices_per_board: 0\n", KVC_E_RANGE, 3, "outside"},
      {"name: x\nvendor: amd\naliases: one\n", KVC_E_PARSE, 3, "list"},
      {"name: x\nvendor: amd\naliases: [[a]]\n", KVC_E_PARSE, 3, "text"},
      {"name: x\nvendor: amd\naliases: [a, ]\nfamily: [{b: c}]\n", KVC_E_PARSE, 4,
       "text"},
      {"name: x\nvendor: amd\nnotes:\n", KVC_E_PARSE, 3, "notes"},
      {"name: ''\nvendor: amd\n", KVC_E_PARSE, 1, "name"},
      {"name: [x]\nvendor: amd\n", KVC_E_PARSE, 1, "name"},
      {"name: x\nvendor: amd\nprices: 2\n", KVC_E_PARSE, 3, "list"},
      {"name: x\nvendor: amd\nprices: [{usd_per_hour: 1}]\n", KVC_E_PARSE, 3, "missing"},
      {"name: x\nvendor: amd\nprices: [2]\n", KVC_E_PARSE, 3, "mapping"},
      {"[a, b]", KVC_E_PARSE, 1, "mapping"},
      {"just text", KVC_E_PARSE, 1, "mapping"},
      {"name: x\nvendor: amd\nmemory: {value: 8 GB, cite: c}\n"
       "memory_usable: {value: 80 GB, cite: c}\n",
       KVC_E_RANGE, 1, "memory_usable"},
  };
  struct kvc_arena arena;
  struct kvc_err err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_gpu g = {.link_domain = 77};
    kvc_arena_init(&arena, 1 << 20);
    const kvc_code rc = read_gpu(&arena, bad[i].text, &g, &err);
    if (rc != bad[i].code || err.line != bad[i].line ||
        strstr(err.msg, bad[i].says) == NULL)
      fail_msg("%s -> %s %d:%d %s", bad[i].text, kvc_err_name(rc), err.line, err.col,
               err.msg);
    assert_int_equal(g.link_domain, 77); /* untouched */
    kvc_arena_clear(&arena);
  }
}

static void lists_have_room_for_so_many(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_gpu g;
  struct kvc_buf text;
  for (int n = KVC_MAX_NAMES; n <= KVC_MAX_NAMES + 1; n++) {
    kvc_arena_init(&arena, 1 << 20);
    kvc_buf_init(&text, 1 << 20);
    kvc_buf_puts(&text, "name: x\nvendor: amd\naliases:\n");
    for (int i = 0; i < n; i++) kvc_buf_printf(&text, "  - n%d\n", i);
    assert_int_equal(read_gpu(&arena, text.text, &g, &err),
                     n == KVC_MAX_NAMES ? KVC_E_OK : KVC_E_LIMIT);
    kvc_buf_clear(&text);
    kvc_arena_clear(&arena);
  }
  for (int n = KVC_MAX_PRICES; n <= KVC_MAX_PRICES + 1; n++) {
    kvc_arena_init(&arena, 1 << 20);
    kvc_buf_init(&text, 1 << 20);
    kvc_buf_puts(&text, "name: x\nvendor: amd\nprices:\n");
    for (int i = 0; i < n; i++)
      kvc_buf_printf(&text, "  - {usd_per_hour: %d, where: w, date: d, cite: c}\n", i);
    assert_int_equal(read_gpu(&arena, text.text, &g, &err),
                     n == KVC_MAX_PRICES ? KVC_E_OK : KVC_E_LIMIT);
    kvc_buf_clear(&text);
    kvc_arena_clear(&arena);
  }
}

static void every_beginning_ends_well(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_gpu g;
  for (size_t len = 0; len <= strlen(kit_gpu); len++) {
    char *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, kit_gpu, len);
    kvc_arena_init(&arena, 1 << 20);
    memset(&err, 0, sizeof err);
    const kvc_code rc = kvc_gpu_read(&arena, exact, len, "g.yaml", &g, &err);
    if (rc != KVC_E_OK) kit_fault(&err, rc, "g.yaml");
    kvc_arena_clear(&arena);
    free(exact);
  }
}

static void want_of_memory_is_a_limit(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_gpu g;
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += 16) {
    kvc_arena_init(&arena, cap);
    rc = read_gpu(&arena, kit_gpu, &g, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 1 << 20);
    kvc_arena_clear(&arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(figures_arrive_in_si_units_with_their_source),
      cmocka_unit_test(what_a_profile_does_not_say_is_nan_not_zero),
      cmocka_unit_test(faults_name_the_key_and_what_would_be_right),
      cmocka_unit_test(lists_have_room_for_so_many),
      cmocka_unit_test(every_beginning_ends_well),
      cmocka_unit_test(want_of_memory_is_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
