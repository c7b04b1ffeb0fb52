/* test_cli_options.c - the option tables, and the parser that reads them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../../src/cli/cli.h"
#include "../../src/cli/size.h"

#include <cmocka.h>

enum { ARENA = 16 << 20, MAX_ARGS = 32 };

/* ---- the tables ---------------------------------------------------------------------
 */

static void every_option_is_documented(void **state)
{
  (void)state;
  const struct cli_command *c;
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    assert_true(strlen(c->summary) > 0 && strlen(c->usage) > 0);
    assert_int_equal(strncmp(c->usage, c->name, strlen(c->name)), 0);
    for (const struct cli_option *o = c->options; o != NULL && o->type != CLI_END; o++) {
      assert_true(o->help != NULL && strlen(o->help) > 0);
      if (o->type == CLI_GROUP) continue;
      assert_int_equal(strncmp(o->name, "--", 2), 0);
      const bool valued = o->type != CLI_TRUE && o->type != CLI_TRISTATE;
      assert_int_equal(o->arg != NULL, valued);
      assert_int_equal(o->choices != NULL, o->type == CLI_CHOICE);
      assert_int_equal(o->call != NULL, o->type == CLI_CALL);
      if (o->advice != NULL) /* a range message ends with it */
        assert_true(o->max > o->min);
    }
  }
}

static void names_are_unique_within_a_command(void **state)
{
  (void)state;
  const struct cli_command *c;
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    for (const struct cli_option *a = c->options; a != NULL && a->type != CLI_END; a++) {
      bool negated;
      if (a->type == CLI_GROUP) continue;
      const struct cli_option *found =
          cli_option_find(c->options, a->name, strlen(a->name), &negated);
      assert_ptr_equal(found, a);
    }
}

static void the_ends_of_every_range_are_taken_and_what_lies_outside_is_not(void **state)
{
  (void)state;
  struct size_args *args = calloc(1, sizeof *args);
  assert_non_null(args);
  for (const struct cli_option *o = size_options; o->type != CLI_END; o++) {
    if (o->type != CLI_INT && o->type != CLI_INT64 && o->type != CLI_NUM &&
        o->type != CLI_TOKENS && o->type != CLI_LENGTH)
      continue;
    char text[KVC_UNIT_TEXT];
    struct kvc_err err = {0};
    kvc_unit_format(o->min, KVC_U_NONE, text);
    assert_int_equal(cli_option_set(o, args, text, &err), KVC_E_OK);
    kvc_unit_format(o->max, KVC_U_NONE, text);
    assert_int_equal(cli_option_set(o, args, text, &err), KVC_E_OK);
    kvc_unit_format(o->max * 2 + 1, KVC_U_NONE, text);
    assert_int_equal(cli_option_set(o, args, text, &err), KVC_E_RANGE);
    kvc_unit_format(-1 - fabs(o->min), KVC_U_NONE, text);
    assert_int_equal(cli_option_set(o, args, text, &err), KVC_E_RANGE);
    static const char *const bad[] = {"nan", "inf",  "-inf",  "",
                                      "1x",  "0x10", "1e999", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
      assert_int_not_equal(cli_option_set(o, args, bad[i], &err), KVC_E_OK);
    assert_string_equal(err.where, o->name);
  }
  free(args);
}

/* ---- parsing --------------------------------------------------------------------------
 */

static void set_up(struct cli *cli, struct size_args *args)
{
  *cli = (struct cli){0};
  kvc_arena_init(&cli->arena, ARENA);
  *args = (struct size_args){.cli = cli};
  kvc_size_request_init(&args->req);
}

/* Splits at spaces ("_" inside a value stands for a space) and parses. */
static kvc_code parse(struct size_args *args, const char *line, struct kvc_err *err)
{
  static const struct cli_parser parser = {size_options, size_foreign_take, size_seen};
  static char copy[1024];
  char *argv[MAX_ARGS];
  int argc = 0;
  (void)snprintf(copy, sizeof copy, "%s", line);
  for (char *p = copy; *p != '\0';) {
    argv[argc++] = p;
    p += strcspn(p, " ");
    if (*p == ' ') *p++ = '\0';
  }
  return cli_parse(&parser, argc, argv, args, err);
}

static void options_are_read_in_every_spelling(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    size_t offset; /* of an int in the deployment */
    int want;
  } rows[] = {
      {"--tensor-parallel-size 4", offsetof(struct kvc_deploy, tp), 4},
      {"--tensor-parallel-size=4", offsetof(struct kvc_deploy, tp), 4},
      {"--tensor_parallel_size=4", offsetof(struct kvc_deploy, tp), 4},
      {"-tp 4", offsetof(struct kvc_deploy, tp), 4},
      {"-tp=4", offsetof(struct kvc_deploy, tp), 4},
      {"-- vllm serve x -pp 2", offsetof(struct kvc_deploy, pp), 2},
      {"-dp 3 -dcp 2", offsetof(struct kvc_deploy, dcp), 2},
      {"--enforce-eager", offsetof(struct kvc_deploy, enforce_eager), 1},
      {"--no-enforce-eager", offsetof(struct kvc_deploy, enforce_eager), 0},
      {"--enable-chunked-prefill", offsetof(struct kvc_deploy, chunked_prefill), 1},
      {"--no-enable-chunked-prefill", offsetof(struct kvc_deploy, chunked_prefill), 0},
      {"--enable-chunked-prefill=False", offsetof(struct kvc_deploy, chunked_prefill), 0},
      {"--no_enable_prefix_caching", offsetof(struct kvc_deploy, prefix_caching), 0},
      {"-O0", offsetof(struct kvc_deploy, enforce_eager), 1},
      {"-O 0", offsetof(struct kvc_deploy, enforce_eager), 1},
      {"-O3", offsetof(struct kvc_deploy, enforce_eager), -1},
      {"--compilation-config {\"cudagraph_mode\":\"NONE\"}",
       offsetof(struct kvc_deploy, enforce_eager), 1},
      {"--compilation-config.mode=0", offsetof(struct kvc_deploy, enforce_eager), 1},
      {"--limit-mm-per-prompt {\"image\":0,\"video\":0}",
       offsetof(struct kvc_deploy, mm_items), 0},
      {"--limit-mm-per-prompt image=2,video=1", offsetof(struct kvc_deploy, mm_items), 2},
      {"--limit-mm-per-prompt.image=3", offsetof(struct kvc_deploy, mm_items), 3},
      {"--speculative-config {\"method\":\"ngram\",\"num_speculative_tokens\":5}",
       offsetof(struct kvc_deploy, spec_tokens), 5},
      {"--speculative-config.num_speculative_tokens 4",
       offsetof(struct kvc_deploy, spec_tokens), 4},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct cli cli;
    static struct size_args args;
    struct kvc_err err = {0};
    set_up(&cli, &args);
    if (parse(&args, rows[i].line, &err) != KVC_E_OK)
      fail_msg("%s: %s: %s", rows[i].line, err.where, err.msg);
    int got;
    memcpy(&got, (char *)&args.req.deploy + rows[i].offset, sizeof got);
    if (got != rows[i].want) fail_msg("%s: %d", rows[i].line, got);
    kvc_arena_clear(&cli.arena);
  }
}

static void lengths_and_sizes_follow_vllm(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    double len, kv_bytes;
  } rows[] = {
      {"--max-model-len 8192", 8192, 0},
      {"--max-model-len 128k", 128000, 0},
      {"--max-model-len 128K", 131072, 0},
      {"--max-model-len auto", -1, 0},
      {"--max-model-len -1", -1, 0},
      {"--max-model-len=-1", -1, 0},
      {"--kv-cache-memory-bytes 1GiB", 0, 1073741824.0},
      {"--kv-cache-memory-bytes 2000000", 0, 2000000},
      {"--kv-cache-memory 25G", 0, 25 * 1073741824.0},
      {"--kv-cache-memory 80GB", 0, 80e9},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct cli cli;
    static struct size_args args;
    struct kvc_err err = {0};
    set_up(&cli, &args);
    assert_int_equal(parse(&args, rows[i].line, &err), KVC_E_OK);
    assert_true((double)args.req.deploy.max_model_len_tok == rows[i].len);
    assert_true((double)args.req.deploy.kv_cache_memory_bytes == rows[i].kv_bytes);
    kvc_arena_clear(&cli.arena);
  }
}

static void what_is_wrong_is_named_with_its_status(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    kvc_code code;
    const char *part; /* of the message */
  } rows[] = {
      {"--gpu-memory-utilization 1.5", KVC_E_RANGE, "write a fraction such as 0.9"},
      {"--gpu-memory-utilization nan", KVC_E_PARSE, "not a number"},
      {"--gpu-memory-utilization -0.5", KVC_E_RANGE, "outside 0.01 to 1"},
      {"--tensor-parallel-size 0", KVC_E_RANGE, "outside 1 to 1024"},
      {"--tensor-parallel-size 2.5", KVC_E_PARSE, "whole number"},
      {"--tensor-parallel-size", KVC_E_USAGE, "needs a value"},
      {"--tensor-parallel-size --max-num-seqs 3", KVC_E_USAGE, "needs a value"},
      {"--gpu-memory 80", KVC_E_PARSE, "80GB or 80GiB"},
      {"--gpu-memory 80parsecs", KVC_E_PARSE, "unit"},
      {"--max-model-len 1.5", KVC_E_PARSE, "whole number"},
      {"--max-model-len 99999999999", KVC_E_RANGE, "outside"},
      {"--engine V7", KVC_E_UNKNOWN, "V0, V1"},
      {"--enforce-eager=maybe", KVC_E_USAGE, "takes no value"},
      {"--speculative-config {", KVC_E_PARSE, "JSON"},
      {"--speculative-config []", KVC_E_PARSE, "object"},
      {"--speculative-config {\"a\":1,\"a\":1}", KVC_E_PARSE, "twice"},
      {"--speculative-config [[[[[[[[[[[[[[[[[[[[", KVC_E_LIMIT, "deeper"},
      {"--speculative-config {\"num_speculative_tokens\":-1}", KVC_E_RANGE, "from 1"},
      {"--speculative-config {\"num_speculative_tokens\":1e300}", KVC_E_RANGE, "from 1"},
      {"--speculative-config {\"method\":7}", KVC_E_PARSE, "must be text"},
      {"--limit-mm-per-prompt image", KVC_E_PARSE, "image=2,video=0"},
      {"--limit-mm-per-prompt image=x", KVC_E_PARSE, "not a number"},
      {"-O 9", KVC_E_RANGE, "outside 0 to 3"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct cli cli;
    static struct size_args args;
    struct kvc_err err = {0};
    set_up(&cli, &args);
    const kvc_code rc = parse(&args, rows[i].line, &err);
    if (rc != rows[i].code || strstr(err.msg, rows[i].part) == NULL)
      fail_msg("%s: %s: %s: %s", rows[i].line, kvc_err_name(rc), err.where, err.msg);
    kvc_arena_clear(&cli.arena);
  }
}

static void text_that_is_not_utf8_is_refused(void **state)
{
  (void)state;
  struct cli cli;
  static struct size_args args;
  struct kvc_err err = {0};
  set_up(&cli, &args);
  assert_int_equal(parse(&args, "--model a\xff\xfe", &err), KVC_E_PARSE);
  kvc_arena_clear(&cli.arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_is_documented),
      cmocka_unit_test(names_are_unique_within_a_command),
      cmocka_unit_test(the_ends_of_every_range_are_taken_and_what_lies_outside_is_not),
      cmocka_unit_test(options_are_read_in_every_spelling),
      cmocka_unit_test(lengths_and_sizes_follow_vllm),
      cmocka_unit_test(what_is_wrong_is_named_with_its_status),
      cmocka_unit_test(text_that_is_not_utf8_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
