/* test_profile_overlay.c - a user's own facts over the embedded ones.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"

struct open {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_err err;
  char dirs[2][KIT_PATH];
};

static int begin(void **state)
{
  static struct open o;
  memset(&o, 0, sizeof o);
  *state = &o;
  kvc_arena_init(&o.arena, (size_t)64 << 20);
  for (size_t i = 0; i < 2; i++) kit_folder(o.dirs[i]);
  return 0;
}

static int end(void **state)
{
  struct open *o = *state;
  for (size_t i = 0; i < 2; i++) kit_remove(o->dirs[i]);
  kvc_arena_clear(&o->arena);
  return 0;
}

static kvc_code reopen(struct open *o, size_t n)
{
  const char *const dirs[] = {o->dirs[0], o->dirs[1]};
  return kvc_db_open(&o->arena, dirs, n, &o->db, &o->err);
}

static void must_open(struct open *o, size_t n)
{
  if (reopen(o, n) != KVC_E_OK)
    fail_msg("%s:%d:%d %s", o->err.where, o->err.line, o->err.col, o->err.msg);
}

static size_t listed(struct open *o, enum kvc_kind kind, const char *name)
{
  const char *const *names;
  size_t n, found = 0;
  assert_int_equal(kvc_db_list(o->db, kind, &names, &n, &o->err), KVC_E_OK);
  for (size_t i = 0; i < n; i++) found += strcmp(names[i], name) == 0;
  return found;
}

static void print_fault(void *ctx, const struct kvc_err *fault)
{
  struct kvc_err *last = ctx;
  *last = *fault;
}

static void a_new_card_is_known_by_all_its_names(void **state)
{
  struct open *o = *state;
  struct kvc_gpu g;
  struct kvc_match m;
  kit_write(o->dirs[0], "gpus/toy.yaml", kit_gpu);
  kit_write(o->dirs[0], "citations/mine.yaml", kit_cites);
  kit_write(o->dirs[0], "gpus/notes.txt", "not a profile");
  must_open(o, 1);
  static const char *const names[] = {"Toy-80", "toy 80gb", "NVIDIA Toy", "toy"};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(kvc_db_gpu(o->db, names[i], &g, &m, &o->err), KVC_E_OK);
    assert_string_equal(m.name, "Toy-80");
    assert_false(m.embedded);
    assert_non_null(strstr(m.file, "/gpus/toy.yaml"));
    assert_int_equal(strncmp(m.file, o->dirs[0], strlen(o->dirs[0])), 0);
  }
  assert_true(m.family);
  assert_int_equal(listed(o, KVC_KIND_GPU, "Toy-80"), 1);
  assert_int_equal(listed(o, KVC_KIND_GPU, "T4"), 1); /* the others stay */
  assert_string_equal(kvc_db_cite(o->db, "toy-log")->where, "line 7");
  assert_int_equal(listed(o, KVC_KIND_CITATION, "toy-sheet"), 1);
  size_t files, faults;
  kvc_db_check(o->db, print_fault, &o->err, &files, &faults);
  assert_int_equal(faults, 0);
}

static void the_later_folder_wins_by_file_and_by_name(void **state)
{
  struct open *o = *state;
  struct kvc_gpu g;
  struct kvc_match m;
  /* The same file as an embedded one, another name in it: T4 is gone. */
  kit_write(o->dirs[0], "gpus/t4.yaml",
            "name: T4-mine\nvendor: nvidia\nlink_domain: 1\n");
  /* Another file, the same name. */
  kit_write(o->dirs[0], "gpus/mine.yaml",
            "name: rtx_4090\nvendor: nvidia\nlink_domain: 2\n");
  kit_write(o->dirs[1], "gpus/other.yaml",
            "name: RTX-4090\nvendor: nvidia\nlink_domain: 3\n");
  must_open(o, 1);
  assert_int_equal(listed(o, KVC_KIND_GPU, "T4"), 0);
  assert_int_equal(listed(o, KVC_KIND_GPU, "T4-mine"), 1);
  assert_int_equal(listed(o, KVC_KIND_GPU, "RTX-4090"), 0);
  assert_int_equal(kvc_db_gpu(o->db, "RTX 4090", &g, &m, &o->err), KVC_E_OK);
  assert_int_equal(g.link_domain, 2);
  must_open(o, 2);
  assert_int_equal(kvc_db_gpu(o->db, "RTX 4090", &g, &m, &o->err), KVC_E_OK);
  assert_int_equal(g.link_domain, 3);
  assert_int_equal(listed(o, KVC_KIND_GPU, "RTX-4090"), 1);
  assert_int_equal(listed(o, KVC_KIND_GPU, "rtx_4090"), 0);
  assert_int_equal(kvc_db_gpu(o->db, "L4", &g, &m, &o->err), KVC_E_OK);
  assert_true(m.embedded);
}

static void a_new_model_is_found_and_its_text_shown(void **state)
{
  struct open *o = *state;
  static struct kvc_model model;
  struct kvc_match m;
  const char *text;
  size_t len;
  kit_write(o->dirs[0], "models/toy.yml", kit_model);
  must_open(o, 1);
  static const char *const names[] = {"toy/hybrid-moe", "hybrid-moe",
                                      "toy/hybrid-moe-base", "/m/Hybrid_MoE"};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(kvc_db_model(o->db, names[i], &model, &m, &o->err), KVC_E_OK);
    assert_int_equal(model.n_layers, 18);
    assert_false(m.embedded);
  }
  assert_int_equal(kvc_db_model(o->db, "toy/hybrid-moe-AWQ", &model, &m, &o->err),
                   KVC_E_OK);
  assert_string_equal(m.quant_suffix, "awq");
  assert_int_equal(
      kvc_db_text(o->db, KVC_KIND_MODEL, "hybrid-moe", &text, &len, &m, &o->err),
      KVC_E_OK);
  assert_string_equal(text, kit_model);
}

static void an_engine_file_replaces_the_embedded_one(void **state)
{
  struct open *o = *state;
  struct kvc_engine *e;
  kit_write(o->dirs[0], "engines/vllm/flags.yaml", "[]\n");
  must_open(o, 1);
  assert_int_equal(kvc_db_engine(o->db, "vllm", &e, &o->err), KVC_E_OK);
  assert_int_equal(kvc_engine_flag_count(e), 0);
  assert_true(kvc_engine_release_count(e) > 40);
}

static void a_folder_that_is_none_is_an_error(void **state)
{
  struct open *o = *state;
  assert_int_equal(reopen(o, 1), KVC_E_IO); /* empty: nothing of profiles/ in it */
  kit_write(o->dirs[0], "gpus/toy.yaml", kit_gpu);
  must_open(o, 1);
  const char *const missing[] = {"no-such-folder"};
  assert_int_equal(kvc_db_open(&o->arena, missing, 1, &o->db, &o->err), KVC_E_IO);
  assert_string_equal(o->err.where, "no-such-folder");
  char file[KIT_PATH];
  kit_join(file, o->dirs[0], "gpus/toy.yaml");
  const char *const plain[] = {file};
  assert_int_equal(kvc_db_open(&o->arena, plain, 1, &o->db, &o->err), KVC_E_IO);
}

static void faults_of_an_overlay_name_its_file(void **state)
{
  struct open *o = *state;
  static const struct {
    const char *path, *text;
    kvc_code code;
    const char *says;
  } bad[] = {
      {"gpus/a.yaml", "name: [", KVC_E_PARSE, "YAML"},
      {"gpus/a.yaml", "vendor: amd\n", KVC_E_PARSE, "name"},
      {"gpus/a.yaml", "name: {a: b}\n", KVC_E_PARSE, "name"},
      {"gpus/a.yaml", "a: &x 1\nb: *x\n", KVC_E_PARSE, "anchor"},
      {"models/a.yaml", "", KVC_E_PARSE, "empty"},
      {"models/a.yaml", "- list\n", KVC_E_PARSE, "name"},
      {"models/a.yaml", "\xff\xfe", KVC_E_PARSE, "UTF-8"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char file[KIT_PATH];
    kit_write(o->dirs[0], bad[i].path, bad[i].text);
    const kvc_code rc = reopen(o, 1);
    kit_join(file, o->dirs[0], bad[i].path);
    if (rc != bad[i].code || strstr(o->err.msg, bad[i].says) == NULL)
      fail_msg("%s -> %s %s", bad[i].text, kvc_err_name(rc), o->err.msg);
    assert_int_equal(strncmp(o->err.where, file, sizeof o->err.where - 1), 0);
    assert_true(o->err.line >= 1);
    assert_int_equal(remove(file), 0);
  }
}

static void two_files_of_a_folder_may_not_share_a_name(void **state)
{
  struct open *o = *state;
  kit_write(o->dirs[0], "gpus/a.yaml", kit_gpu);
  kit_write(o->dirs[0], "gpus/b.yaml", "name: toy 80\nvendor: amd\n");
  assert_int_equal(reopen(o, 1), KVC_E_CONFLICT);
  assert_non_null(strstr(o->err.where, "b.yaml"));
  assert_non_null(strstr(o->err.msg, "a.yaml"));
}

static void an_unresolved_citation_is_a_fault_but_user_is_none(void **state)
{
  struct open *o = *state;
  struct kvc_err last = {.code = KVC_E_OK};
  size_t files, faults;
  kit_write(o->dirs[0], "gpus/a.yaml",
            "name: a\nvendor: amd\nmemory: {value: 8 GB, cite: user}\n"
            "tdp: {value: 7 W, cite: nowhere}\n");
  must_open(o, 1);
  kvc_db_check(o->db, print_fault, &last, &files, &faults);
  assert_int_equal(faults, 1);
  assert_non_null(strstr(last.msg, "nowhere"));
  assert_int_equal(last.line, 4);
}

static void want_of_memory_is_a_limit(void **state)
{
  struct open *o = *state;
  const char *const dirs[] = {o->dirs[0]};
  kit_write(o->dirs[0], "gpus/toy.yaml", kit_gpu);
  kit_write(o->dirs[0], "models/toy.yaml", kit_model);
  kit_write(o->dirs[0], "citations/toy.yaml", kit_cites);
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += 1021) {
    struct kvc_arena arena;
    struct kvc_db *db = NULL;
    struct kvc_err err;
    struct kvc_match m;
    struct kvc_gpu g;
    kvc_arena_init(&arena, cap);
    rc = kvc_db_open(&arena, dirs, 1, &db, &err);
    if (rc == KVC_E_OK) rc = kvc_db_gpu(db, "Toy", &g, &m, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 4 << 20);
    kvc_arena_clear(&arena);
  }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      CASE(a_new_card_is_known_by_all_its_names),
      CASE(the_later_folder_wins_by_file_and_by_name),
      CASE(a_new_model_is_found_and_its_text_shown),
      CASE(an_engine_file_replaces_the_embedded_one),
      CASE(a_folder_that_is_none_is_an_error),
      CASE(faults_of_an_overlay_name_its_file),
      CASE(two_files_of_a_folder_may_not_share_a_name),
      CASE(an_unresolved_citation_is_a_fault_but_user_is_none),
      CASE(want_of_memory_is_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
