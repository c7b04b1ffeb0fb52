/* test_cli_run.c - the program from arguments to bytes and exit status.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../src/cli/cli.h"

#include <cmocka.h>
#include "tests/support/widest.h"

enum { MAX_ARGS = 32 };

struct run {
  char *out, *err;
  size_t out_len, err_len;
  int status;
};

/* Runs "kvcap LINE", split at spaces. */
static struct run run(const char *line)
{
  struct run r = {0};
  static char copy[4096];
  char *argv[MAX_ARGS + 1] = {"kvcap"};
  int argc = 1;
  (void)snprintf(copy, sizeof copy, "%s", line);
  for (char *p = copy; *p != '\0';) {
    assert_true(argc < MAX_ARGS);
    argv[argc++] = p;
    p += strcspn(p, " ");
    if (*p == ' ') *p++ = '\0';
  }
  FILE *out = open_memstream(&r.out, &r.out_len);
  FILE *err = open_memstream(&r.err, &r.err_len);
  assert_true(out != NULL && err != NULL);
  const struct cli_world world = {.out = out, .err = err, .no_color = true};
  r.status = cli_run(&world, argc, argv);
  (void)fclose(out);
  (void)fclose(err);
  return r;
}

static void done(struct run *r)
{
  free(r->out);
  free(r->err);
}

static void every_command_has_help_that_fits_the_page(void **state)
{
  (void)state;
  const struct cli_command *c;
  char line[80];
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    (void)snprintf(line, sizeof line, "%s --help", c->name);
    struct run a = run(line);
    (void)snprintf(line, sizeof line, "help %s", c->name);
    struct run b = run(line);
    assert_int_equal(a.status, 0);
    assert_string_equal(a.out, b.out);
    assert_true(widest(a.out) <= 80);
    for (const struct cli_option *o = c->options; o != NULL && o->type != CLI_END; o++)
      if (o->type != CLI_GROUP) assert_non_null(strstr(a.out, o->name + 2));
    done(&a);
    done(&b);
  }
  const struct cli_command *help = cli_command_find("help");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    bool offered = c == help;
    for (const char *const *word = help->words; *word != NULL; word++)
      offered = offered || strcmp(*word, c->name) == 0;
    assert_true(offered);
  }
  struct run r = run("help");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    assert_non_null(strstr(r.out, c->name));
  assert_true(widest(r.out) <= 80);
  done(&r);
}

static void every_exit_status_is_documented(void **state)
{
  (void)state;
  for (int code = 0; code < KVC_E_COUNT_; code++) {
    const int status = kvc_err_status((kvc_code)code);
    bool found = false;
    const struct cli_status *row;
    for (size_t i = 0; (row = cli_status_at(i)) != NULL; i++)
      found = found || row->status == status;
    assert_true(found);
  }
  struct run r = run("help exit-codes");
  assert_int_equal(r.status, 0);
  assert_non_null(strstr(r.out, "does not start"));
  done(&r);
}

/* One line on standard error, nothing on standard output, the right status. */
static void bad_command_lines_end_with_one_sentence(void **state)
{
  (void)state;
  static const struct {
    const char *line, *part;
    int status;
  } rows[] = {
      {"siez", "did you mean size?", 2},
      {"--frobnicate", "not a command", 2},
      {"size", "--model and --gpu are missing", 2},
      {"size org/model", "--gpu is missing", 2},
      {"size --gpu H100", "--model is missing", 2},
      {"size a b --gpu H100", "one argument too many", 2},
      {"size a --gpu H100 --format xml", "text, json, yaml", 3},
      {"size a --gpu custom", "--gpu-memory", 2},
      {"size a --gpu H100 --gpu-memory-utilization 1.5",
       "kvcap: --gpu-memory-utilization: 1.5 is outside 0.01 to 1; write a fraction such "
       "as 0.9",
       3},
      {"size a --gpu H100 --prompt-tokens 5", "--output-tokens is missing", 2},
      {"size a --gpu H100 --num-speculative-tokens 5", "--speculative-model", 2},
      {"size --gpu H100 --model-config /nonexistent.json", "/nonexistent.json", 5},
      {"profiles frob", "list, show, check or import", 2},
      {"profiles show", "which profile?", 2},
      {"profiles import", "which file?", 2},
      {"profiles import /nonexistent.json", "/nonexistent.json", 5},
      {"explain", "one flag, rule, metric or term", 2},
      {"completion tcsh", "bash, zsh or fish", 2},
      {"schema frob", "kvcap schema size", 2},
      {"help frob", "no help on", 2},
      {"version now", "too many", 2},
      {"man --frob", "no such option", 2},
      {"profiles list --profiles /nonexistent-folder gpus", "/nonexistent-folder", 5},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct run r = run(rows[i].line);
    if (r.status != rows[i].status || strstr(r.err, rows[i].part) == NULL)
      fail_msg("%s: status %d, %s", rows[i].line, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    assert_int_equal(strncmp(r.err, "kvcap: ", 7), 0);
    assert_ptr_equal(strchr(r.err, '\n'), r.err + r.err_len - 1);
    done(&r);
  }
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
  (void)state;
  struct run r = run("size a\x1b[31m --gpu b\x07 c");
  assert_int_equal(r.status, 2);
  for (size_t i = 0; i + 1 < r.err_len; i++) assert_true((unsigned char)r.err[i] >= 0x20);
  done(&r);
}

static void output_goes_whole_to_its_file_or_not_at_all(void **state)
{
  (void)state;
  char dir[] = "/tmp/kvcap-out-XXXXXX", line[200], path[120];
  assert_non_null(mkdtemp(dir));
  (void)snprintf(path, sizeof path, "%s/version", dir);
  (void)snprintf(line, sizeof line, "version --output %s", path);
  struct run r = run(line);
  assert_int_equal(r.status, 0);
  assert_int_equal(r.out_len, 0);
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_size > 5);
  done(&r);
  (void)remove(path);
  (void)snprintf(line, sizeof line, "version --output %s/none/version", dir);
  r = run(line);
  assert_int_equal(r.status, 5);
  done(&r);
  assert_int_equal(rmdir(dir), 0); /* nothing was left in it */
}

static void a_full_device_is_a_write_error_and_stays_a_device(void **state)
{
  (void)state;
  struct stat st;
  if (stat("/dev/full", &st) != 0 || !S_ISCHR(st.st_mode)) skip();
  struct run r = run("version --output /dev/full");
  assert_int_equal(r.status, 5);
  assert_non_null(strstr(r.err, "/dev/full: cannot be written"));
  done(&r);
  assert_int_equal(stat("/dev/full", &st), 0);
  assert_true(S_ISCHR(st.st_mode));
}

/* Feeds a script to a program; its status, or -1 when it is not installed. */
static int fed_to(const char *program, const char *arguments, const struct run *script)
{
  char line[160];
  (void)snprintf(line, sizeof line, "command -v %s >/dev/null", program);
  if (system(line) != 0) return -1;
  char path[] = "/tmp/kvcap-script-XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_true(write(fd, script->out, script->out_len) == (ssize_t)script->out_len);
  (void)close(fd);
  (void)snprintf(line, sizeof line, "%s %s %s >&2", program, arguments, path);
  const int status = system(line);
  (void)remove(path);
  return status;
}

static void completions_are_valid_scripts(void **state)
{
  (void)state;
  static const char *const shells[] = {"bash", "zsh", "fish"};
  for (size_t i = 0; i < 3; i++) {
    char line[40];
    (void)snprintf(line, sizeof line, "completion %s", shells[i]);
    struct run r = run(line);
    assert_int_equal(r.status, 0);
    const struct cli_command *c;
    for (size_t k = 0; (c = cli_command_at(k)) != NULL; k++)
      for (const struct cli_option *o = c->options; o != NULL && o->type != CLI_END; o++)
        if (o->type != CLI_GROUP) assert_non_null(strstr(r.out, o->name + 2));
    const int status = fed_to(shells[i], "-n", &r);
    assert_true(status == 0 || status == -1);
    done(&r);
  }
}

static void the_manual_page_is_clean_roff(void **state)
{
  (void)state;
  struct run r = run("man");
  assert_int_equal(r.status, 0);
  const int status = fed_to("mandoc", "-T lint -W warning", &r);
  assert_true(status == 0 || status == -1);
  done(&r);
}

static void the_lists_that_completion_asks_for_are_one_name_a_line(void **state)
{
  (void)state;
  struct run r = run("profiles list gpus");
  assert_int_equal(r.status, 0);
  assert_non_null(strstr(r.out, "A100-SXM4-80GB\n"));
  assert_null(strstr(r.out, "\n "));
  done(&r);
}

/* ---- a whole sizing ------------------------------------------------------------------
 */

static const char llama[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","
    "\"hidden_size\":4096,\"intermediate_size\":14336,\"num_hidden_layers\":32,"
    "\"num_attention_heads\":32,\"num_key_value_heads\":8,\"vocab_size\":128256,"
    "\"max_position_embeddings\":8192,\"torch_dtype\":\"bfloat16\","
    "\"tie_word_embeddings\":false,\"attention_bias\":false}";

/* Runs "size --model-config FILE LINE" on an 8 B Llama. */
static struct run size_llama(const char *line)
{
  char path[] = "/tmp/kvcap-config-XXXXXX", whole[600];
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_true(write(fd, llama, sizeof llama - 1) == (ssize_t)(sizeof llama - 1));
  (void)close(fd);
  (void)snprintf(whole, sizeof whole, "size --model-config %s %s", path, line);
  struct run r = run(whole);
  (void)remove(path);
  return r;
}

static double number(const cJSON *tree, const char *section, const char *key)
{
  const cJSON *map = cJSON_GetObjectItemCaseSensitive(tree, section);
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(map, key);
  assert_true(cJSON_IsNumber(item));
  return item->valuedouble;
}

static void the_handbooks_example_ends_at_a_hundred(void **state)
{ /* 110000 / 800 = 137.5, less 30 % about 96, to the nearest 10: 100 */
  (void)state;
  struct run r = size_llama("--gpu A100-80G --kv-pool-tokens 110000 --prompt-tokens 500 "
                            "--output-tokens 300 --round 10 --format json");
  assert_int_equal(r.status, 0);
  cJSON *tree = cJSON_Parse(r.out);
  assert_non_null(tree);
  assert_true(floor(number(tree, "concurrency", "theoretical")) == 137);
  assert_true(number(tree, "concurrency", "recommended_max_num_seqs") == 100);
  assert_true(number(tree, "kv_cache", "bytes_per_token") == 131072);
  assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "fits")));
  cJSON_Delete(tree);
  done(&r);
}

static void what_does_not_start_is_reported_with_status_four(void **state)
{
  (void)state;
  struct run r = size_llama("--gpu T4 --color never");
  assert_int_equal(r.status, 4);
  assert_int_equal(r.err_len, 0);
  assert_non_null(strstr(r.out, "To make it start"));
  assert_true(widest(r.out) <= 80);
  done(&r);
}

static void a_pasted_command_line_sizes_the_same(void **state)
{
  (void)state;
  struct run a =
      size_llama("--model org/m --gpu H100 --max-model-len 4096 -tp 2 --max-num-seqs 64");
  struct run b = size_llama("--gpu=H100 -- vllm serve org/m --max_model_len=4096 "
                            "--tensor-parallel-size=2 --max-num-seqs 64");
  assert_int_equal(a.status, 0);
  char *one = strstr(a.out, "Memory of one GPU"),
       *two = strstr(b.out, "Memory of one GPU");
  assert_true(one != NULL && two != NULL);
  assert_string_equal(one, two);
  done(&a);
  done(&b);
}

static void flags_of_another_release_are_warned_about(void **state)
{
  (void)state;
  struct run r = size_llama("--gpu H100 --vllm-version 0.20.0 --num-scheduler-steps 8 "
                            "--port 8000");
  assert_int_equal(r.status, 0);
  assert_non_null(strstr(r.out, "--num-scheduler-steps does not exist"));
  assert_non_null(strstr(r.out, "--port has no effect on memory"));
  const char *launch = strstr(r.out, "\nLaunch");
  assert_non_null(launch);
  assert_non_null(strstr(launch, "--port 8000"));
  assert_null(strstr(launch, "--num-scheduler-steps"));
  done(&r);
}

static void an_imported_config_is_a_profile_that_sizes_the_same(void **state)
{
  (void)state;
  char dir[] = "kvc-import-XXXXXX", config[64], models[64], line[512];
  assert_non_null(mkdtemp(dir));
  (void)snprintf(config, sizeof config, "%s/config.json", dir);
  (void)snprintf(models, sizeof models, "%s/models", dir);
  assert_int_equal(mkdir(models, 0700), 0);
  FILE *f = fopen(config, "w");
  assert_non_null(f);
  (void)fputs("{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","
              "\"hidden_size\":512,\"intermediate_size\":1024,\"num_hidden_layers\":4,"
              "\"num_attention_heads\":8,\"vocab_size\":32000,"
              "\"max_position_embeddings\":2048,\"torch_dtype\":\"bfloat16\"}",
              f);
  (void)fclose(f);
  (void)snprintf(line, sizeof line, "profiles import %s --output %s/m.yaml", config,
                 models);
  struct run r = run(line);
  assert_int_equal(r.status, 0);
  done(&r);
  (void)snprintf(line, sizeof line, "profiles check %s/m.yaml", models);
  r = run(line);
  assert_int_equal(r.status, 0);
  done(&r);
  /* the folder gives the name; the figures are those of the config itself */
  (void)snprintf(line, sizeof line,
                 "size --gpu L4 --profiles %s --model %s --format json", dir, dir);
  r = run(line);
  cJSON *a = cJSON_Parse(r.out);
  assert_non_null(a);
  done(&r);
  (void)snprintf(line, sizeof line, "size --gpu L4 --model-config %s --format json",
                 config);
  r = run(line);
  cJSON *b = cJSON_Parse(r.out);
  assert_non_null(b);
  done(&r);
  assert_true(cJSON_Compare(cJSON_GetObjectItem(a, "kv_cache"),
                            cJSON_GetObjectItem(b, "kv_cache"), 1));
  cJSON_Delete(a);
  cJSON_Delete(b);
  (void)snprintf(line, sizeof line, "%s/m.yaml", models);
  assert_int_equal(unlink(line), 0);
  assert_int_equal(rmdir(models), 0);
  assert_int_equal(unlink(config), 0);
  assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_imported_config_is_a_profile_that_sizes_the_same),
      cmocka_unit_test(every_command_has_help_that_fits_the_page),
      cmocka_unit_test(every_exit_status_is_documented),
      cmocka_unit_test(bad_command_lines_end_with_one_sentence),
      cmocka_unit_test(control_characters_do_not_reach_the_terminal),
      cmocka_unit_test(output_goes_whole_to_its_file_or_not_at_all),
      cmocka_unit_test(a_full_device_is_a_write_error_and_stays_a_device),
      cmocka_unit_test(completions_are_valid_scripts),
      cmocka_unit_test(the_manual_page_is_clean_roff),
      cmocka_unit_test(the_lists_that_completion_asks_for_are_one_name_a_line),
      cmocka_unit_test(the_handbooks_example_ends_at_a_hundred),
      cmocka_unit_test(what_does_not_start_is_reported_with_status_four),
      cmocka_unit_test(a_pasted_command_line_sizes_the_same),
      cmocka_unit_test(flags_of_another_release_are_warned_about),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
