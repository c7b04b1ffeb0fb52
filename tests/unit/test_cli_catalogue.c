/* test_cli_catalogue.c - the options of `kvcap size` beside vLLM's own flags.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "../../src/cli/cli.h"
#include "../../src/cli/size.h"

#include <cmocka.h>

enum { ARENA = 64 << 20 };

struct fixture {
  struct cli cli;
  struct size_args args;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  struct kvc_err err = {0};
  kvc_arena_init(&f->cli.arena, ARENA);
  f->args.cli = &f->cli;
  kvc_size_request_init(&f->args.req);
  *state = f;
  return size_catalogue(&f->args, &err) == KVC_E_OK ? 0 : -1;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;
  kvc_arena_clear(&f->cli.arena);
  free(f);
  return 0;
}

/* Options that are kvcap's own. */
static bool is_ours(const char *name)
{
  static const char *const names[] = {"--model-config",
                                      "--gpu",
                                      "--gpu-memory",
                                      "--calibration",
                                      "--compare-log",
                                      "--save-calibration",
                                      "--vllm-version",
                                      "--engine",
                                      "--context",
                                      "--explain",
                                      "--compare-log",
                                      "--save-calibration",
                                      "--calibration",
                                      "--other-processes",
                                      "--prompt-cv",
                                      "--kv-pool-tokens",
                                      "--prompt-tokens",
                                      "--output-tokens",
                                      "--output-cv",
                                      "--buffer",
                                      "--epsilon",
                                      "--round",
                                      "--shared-prefix-tokens",
                                      "--shared-prefix-fraction"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static void every_other_option_is_a_flag_of_some_release(void **state)
{
  struct fixture *f = *state;
  for (const struct cli_option *o = size_options; o->type != CLI_END; o++) {
    if (o->type == CLI_GROUP) continue;
    const struct kvc_flag *flag = kvc_engine_flag_spelled(f->args.catalogue, o->name);
    if ((flag == NULL) != is_ours(o->name)) fail_msg("%s", o->name);
    char alias[200];
    (void)snprintf(alias, sizeof alias, "%s", o->alias != NULL ? o->alias : "");
    for (char *p = alias; *p != '\0';) {
      const size_t len = strcspn(p, " ");
      char *next = p + len + (p[len] == ' ' ? 1 : 0);
      p[len] = '\0';
      if (kvc_engine_flag_spelled(f->args.catalogue, p) == NULL) fail_msg("%s", p);
      p = next;
    }
  }
}

static void common_options_do_not_hide_a_flag_of_vllm(void **state)
{
  struct fixture *f = *state;
  for (const struct cli_option *o = cli_common_options; o->type != CLI_END; o++)
    assert_null(kvc_engine_flag_spelled(f->args.catalogue, o->name));
}

static void every_unmodelled_key_is_in_the_catalogue(void **state)
{
  struct fixture *f = *state;
  const char *key;
  for (size_t i = 0; (key = size_unmodelled_at(i)) != NULL; i++)
    if (kvc_engine_flag(f->args.catalogue, key) == NULL) fail_msg("%s", key);
}

/* A value that a flag of this name takes. */
static const char *sample_value(const struct kvc_flag *flag)
{
  if (strcmp(flag->type, "json") == 0) return "{}";
  if (strcmp(flag->type, "enum") == 0 || strcmp(flag->type, "string") == 0) return "auto";
  return "1";
}

static void every_flag_of_every_release_is_accepted(void **state)
{
  static const struct cli_parser parser = {size_options, size_foreign_take, size_seen};
  struct fixture *f = *state;
  const size_t releases = kvc_engine_release_count(f->args.catalogue);
  for (size_t i = 0; i < kvc_engine_flag_count(f->args.catalogue); i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(f->args.catalogue, i);
    if (strcmp(flag->kind, "flag") != 0) continue;
    for (size_t r = 0; r < releases; r++) {
      const struct kvc_version *v = &kvc_engine_release(f->args.catalogue, r)->version;
      const char *name = kvc_engine_flag_name(f->args.catalogue, flag, v);
      if (name == NULL) continue;
      char spelled[120], value[40];
      (void)snprintf(spelled, sizeof spelled, "%s", name);
      (void)snprintf(value, sizeof value, "%s", sample_value(flag));
      char *argv[] = {spelled, value};
      struct size_args args = {
          .cli = &f->cli, .db = f->args.db, .catalogue = f->args.catalogue};
      struct kvc_err err = {0};
      const int argc = strcmp(flag->type, "bool") == 0 ? 1 : 2;
      const kvc_code rc = cli_parse(&parser, argc, argv, &args, &err);
      if (rc == KVC_E_USAGE) fail_msg("%s: %s", err.where, err.msg);
    }
  }
}

static void an_unknown_flag_is_refused_with_a_hint(void **state)
{
  static const struct cli_parser parser = {size_options, size_foreign_take, size_seen};
  struct fixture *f = *state;
  char word[] = "--served-model-nmae", value[] = "x";
  char *argv[] = {word, value};
  struct kvc_err err = {0};
  assert_int_equal(cli_parse(&parser, 2, argv, &f->args, &err), KVC_E_USAGE);
  assert_non_null(strstr(err.msg, "--served-model-name"));
}

static void variables_in_front_of_the_command_are_read(void **state)
{
  struct fixture *f = *state;
  struct kvc_err err = {0};
  bool known = false;
  assert_int_equal(size_environment(&f->args, "VLLM_USE_V1=0", &known, &err), KVC_E_OK);
  assert_true(known);
  assert_string_equal(f->args.engine, "V0");
  assert_int_equal(size_environment(&f->args, "org/model=x", &known, &err), KVC_E_OK);
  assert_false(known);
  assert_int_equal(size_environment(&f->args, "VLLM_NO_SUCH=1", &known, &err), KVC_E_OK);
  assert_true(known);
  assert_int_equal(f->args.n_notes, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(every_other_option_is_a_flag_of_some_release),
      TEST(common_options_do_not_hide_a_flag_of_vllm),
      TEST(every_unmodelled_key_is_in_the_catalogue),
      TEST(every_flag_of_every_release_is_accepted),
      TEST(an_unknown_flag_is_refused_with_a_hint),
      TEST(variables_in_front_of_the_command_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
