/* test_emit.c - launch commands and config files: quoted, accepted, the same settings.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/emit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yaml.h>

static const char *const hostile[] = {"meta-llama/Llama-3.1-8B-Instruct",
                                      "$(touch pwned)/x",
                                      "a'b\"c`id`",
                                      "x; rm -rf ~",
                                      "-rf",
                                      "line\nbreak",
                                      "# no comment",
                                      "{a: b}",
                                      "!!python/object",
                                      "null",
                                      "&a *a",
                                      "1e3",
                                      "\\x41",
                                      "%s%n"};

static const struct kvc_emit_arg args[] = {
    {.kind = KVC_EMIT_PLAIN, .name = "--max-num-seqs", .value = "64"},
    {.kind = KVC_EMIT_PLAIN, .name = "--gpu-memory-utilization", .value = "0.93"},
    {.kind = KVC_EMIT_SWITCH, .name = "--no-enable-prefix-caching"},
    {.kind = KVC_EMIT_JSON,
     .name = "--speculative-config",
     .value = "{\"method\": \"ngram\", \"num_speculative_tokens\": 3}"},
    {.kind = KVC_EMIT_LIST,
     .name = "--served-model-name",
     .values = {"a b", "it's"},
     .n_values = 2},
};
static const struct kvc_emit_env env[] = {{"VLLM_USE_V1", "0"}};

static struct kvc_emit_command command_of(const char *model)
{
  return (struct kvc_emit_command){.model = model,
                                   .args = args,
                                   .n_args = sizeof args / sizeof *args,
                                   .env = env,
                                   .n_env = 1};
}

/* Feeds text to a program's standard input; its exit status, -1 when it is not there. */
static int feed(char *const *argv, const char *text, char *out, size_t room)
{
  int in[2], back[2], status = 0;
  if (pipe(in) != 0 || pipe(back) != 0) return -1;
  const pid_t pid = fork();
  if (pid == 0) {
    (void)dup2(in[0], 0);
    (void)dup2(back[1], 1);
    (void)close(in[1]);
    (void)close(back[0]);
    (void)execvp(argv[0], argv);
    _exit(127);
  }
  (void)close(in[0]);
  (void)close(back[1]);
  const size_t len = strlen(text);
  if (write(in[1], text, len) != (ssize_t)len) status = -1;
  (void)close(in[1]);
  size_t used = 0;
  for (ssize_t n;
       used + 1 < room && (n = read(back[0], out + used, room - used - 1)) > 0;)
    used += (size_t)n;
  out[used] = '\0';
  (void)close(back[0]);
  (void)waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

static void a_plain_command_needs_no_quotes(void **state)
{
  (void)state;
  struct kvc_buf out;
  struct kvc_emit_command c = command_of("Qwen/Qwen3-8B");
  kvc_buf_init(&out, 4096);
  c.n_args = 2;
  kvc_emit_shell(&c, &out);
  assert_string_equal(out.text,
                      "VLLM_USE_V1=0 vllm serve Qwen/Qwen3-8B --max-num-seqs 64 "
                      "--gpu-memory-utilization 0.93");
  kvc_buf_clear(&out);
}

static void the_shell_gets_the_words_and_nothing_runs(void **state)
{
  (void)state;
  char back[4096];
  char *sh[] = {"sh", NULL}, *check[] = {"sh", "-n", NULL};
  char *lint[] = {"shellcheck", "-s", "sh", "-S", "warning", "-", NULL};
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    struct kvc_buf out, script;
    const struct kvc_emit_command c = command_of(hostile[i]);
    kvc_buf_init(&out, 8192);
    kvc_buf_init(&script, 16384);
    kvc_emit_shell(&c, &out);
    assert_int_equal(feed(check, out.text, back, sizeof back), 0);
    const int found = feed(lint, out.text, back, sizeof back);
    if (found > 0) fail_msg("shellcheck: %s\n%s", out.text, back);
    kvc_buf_printf(&script, "vllm() { printf '%%s\\n' \"$2\"; }\n%s\n", out.text);
    assert_int_equal(feed(sh, script.text, back, sizeof back), 0);
    back[strlen(back) - 1] = '\0';
    assert_string_equal(back, hostile[i]);
    kvc_buf_clear(&out);
    kvc_buf_clear(&script);
  }
}

/* The scalars of a YAML text, one after the other. */
static size_t scalars(const char *text, char out[32][64])
{
  yaml_parser_t parser;
  yaml_event_t event;
  size_t n = 0;
  bool more = true;
  assert_true(yaml_parser_initialize(&parser));
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
  while (more) {
    if (!yaml_parser_parse(&parser, &event))
      fail_msg("YAML: %s\n%s", parser.problem, text);
    if (event.type == YAML_SCALAR_EVENT && n < 32)
      (void)snprintf(out[n++], 64, "%s", (const char *)event.data.scalar.value);
    assert_true(event.type != YAML_ALIAS_EVENT);
    more = event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  return n;
}

static void yaml_reads_back_as_the_same_settings(void **state)
{
  (void)state;
  static const char *const want[] = {"max-num-seqs",
                                     "64",
                                     "gpu-memory-utilization",
                                     "0.93",
                                     "no-enable-prefix-caching",
                                     "true",
                                     "speculative-config",
                                     "method",
                                     "ngram",
                                     "num_speculative_tokens",
                                     "3",
                                     "served-model-name",
                                     "a b",
                                     "it's"};
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    struct kvc_buf out;
    char got[32][64];
    const struct kvc_emit_command c = command_of(hostile[i]);
    kvc_buf_init(&out, 8192);
    kvc_emit_yaml(&c, &out);
    assert_int_equal(scalars(out.text, got), 2 + sizeof want / sizeof *want);
    assert_string_equal(got[0], "model");
    assert_string_equal(got[1], hostile[i]);
    for (size_t k = 0; k < sizeof want / sizeof *want; k++)
      assert_string_equal(got[k + 2], want[k]);
    kvc_buf_clear(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_command_needs_no_quotes),
      cmocka_unit_test(the_shell_gets_the_words_and_nothing_runs),
      cmocka_unit_test(yaml_reads_back_as_the_same_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
