/* test_launch_read.c - launches are read out of every form, with their places.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_kit.h"

struct reading_case {
  const char *text;
  enum kvc_launch_format format; /* that it is taken for */
  const char *model, *key, *value;
  int line, col;
};

static const struct reading_case cases[] = {
    {"vllm serve m --max-num-seqs 256", KVC_LAUNCH_COMMAND, "m", "max_num_seqs", "256", 1,
     14},
    {"vllm serve m --max_num_seqs=256\n", KVC_LAUNCH_COMMAND, "m", "max_num_seqs", "256",
     1, 14},
    {"python3 -m vllm.entrypoints.openai.api_server --model 'a b' -tp 2",
     KVC_LAUNCH_COMMAND, "a b", "tensor_parallel_size", "2", 1, 61},
    {"#!/bin/sh\n# vllm serve no --x\nA=1 exec vllm serve \\\n  m \\\n  -tp \"4\" # "
     "end\n",
     KVC_LAUNCH_SCRIPT, "m", "tensor_parallel_size", "4", 5, 3},
    {"cat <<'EOF'\nvllm serve no\nEOF\nvllm serve m -q fp8\n", KVC_LAUNCH_SCRIPT, "m",
     "quantization", "fp8", 4, 14},
    {"docker run --gpus all -v /a:/b -e VLLM_USE_V1=0 \\\n  vllm/vllm-openai:v0.8.5 "
     "--model m \\\n  --seed 3\n",
     KVC_LAUNCH_SCRIPT, "m", "seed", "3", 3, 3},
    {"bash -c 'cd /x && vllm serve m --seed 3'", KVC_LAUNCH_COMMAND, "m", "seed", "3", 1,
     32},
    {"model: m\n# c\ntensor-parallel-size: 2\n", KVC_LAUNCH_CONFIG, "m",
     "tensor_parallel_size", "2", 3, 1},
    {"services:\n  a:\n    image: vllm/vllm-openai:v0.8.5.post1\n    command: >\n      "
     "--model m\n      --seed 3\n",
     KVC_LAUNCH_COMPOSE, "m", "seed", "3", 6, 7},
    {"x: &c {image: vllm/vllm-openai:latest}\nservices:\n  a:\n    <<: *c\n    command: "
     "[\"--model\", \"m\", '--seed=3']\n",
     KVC_LAUNCH_COMPOSE, "m", "seed", "3", 5, 31},
    {"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: x\n    image: i\n    "
     "command: [/bin/sh, -c]\n    args:\n    - |\n      set -e\n      vllm serve m \\\n  "
     "  "
     "    --seed 3\n",
     KVC_LAUNCH_KUBERNETES, "m", "seed", "3", 12, 9},
    {"---\napiVersion: v1\nkind: Service\n---\napiVersion: apps/v1\nkind: "
     "Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - image: "
     "vllm/vllm-openai:v0.11.0\n        args:\n        - --model\n        - m\n        - "
     "--seed=3\n",
     KVC_LAUNCH_KUBERNETES, "m", "seed", "3", 15, 11},
    {"INFO 01-01 [x.py:1] non-default args: {'model': 'm', 'seed': 3, 'x': None}\n",
     KVC_LAUNCH_LOG, "m", "seed", "3", 1, 54},
    {"INFO args: Namespace(host=None, model='m', seed=3, lora_modules=None)\n",
     KVC_LAUNCH_LOG, "m", "seed", "3", 1, 44},
};

static void every_form_gives_model_and_flag_with_its_place(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct reading_case *c = &cases[i];
    struct kit *k = kit_new();
    if (kit_parse(k, c->text, strlen(c->text), KVC_LAUNCH_AUTO, 0) != KVC_E_OK)
      fail_msg("%s\n%s", k->err.msg, c->text);
    if (k->launch.format != c->format)
      fail_msg("format %d: %s", k->launch.format, c->text);
    assert_string_equal(k->launch.model, c->model);
    const struct kvc_launch_arg *arg = kvc_launch_arg(&k->launch, c->key);
    if (arg == NULL) fail_msg("no %s in: %s", c->key, c->text);
    assert_string_equal(arg->value, c->value);
    if (arg->line != c->line || arg->col != c->col)
      fail_msg("%d:%d, not %d:%d, in: %s", arg->line, arg->col, c->line, c->col, c->text);
    kit_free(k);
  }
}

/* What is refused, or not there, says why. */
static void what_is_no_launch_is_refused_with_a_reason(void **state)
{
  static const struct {
    const char *text, *why;
  } bad[] = {{"", "no launch"},
             {"echo vllm serve m", "no launch"},
             {"vllm serve 'm", "not closed"},
             {"services:\n  a: {image: nginx}\n", "no launch"},
             {"services:\n  a: *b\n", "anchor"},
             {"services: {{ .Values.x }}\n", ""},
             {"a: &a [*a]\nservices: 1\n", "anchor"},
             {"groups:\n- name: x\n", "no launch"},
             {"non-default args: ", "no launch"}};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct kit *k = kit_new();
    const kvc_code rc =
        kit_parse(k, bad[i].text, strlen(bad[i].text), KVC_LAUNCH_AUTO, 0);
    if (rc == KVC_E_OK) fail_msg("was read: %s", bad[i].text);
    if (strstr(k->err.msg, bad[i].why) == NULL) fail_msg("%s", k->err.msg);
    kit_free(k);
  }
}

static void variables_stay_as_they_are(void **state)
{
  (void)state;
  static const char text[] = "vllm serve \"$MODEL\" --seed ${S:-1} -tp $(nproc) $MORE";
  struct kit *k = kit_new();
  assert_int_equal(kit_parse(k, text, strlen(text), KVC_LAUNCH_AUTO, 0), KVC_E_OK);
  assert_string_equal(k->launch.model, "$MODEL");
  assert_string_equal(kvc_launch_arg(&k->launch, "seed")->value, "${S:-1}");
  assert_true(kvc_launch_arg(&k->launch, "seed")->unresolved);
  assert_true(kvc_launch_arg(&k->launch, "tensor_parallel_size")->unresolved);
  assert_true(k->launch.more);
  kit_free(k);
}

static void images_and_logs_tell_the_release(void **state)
{
  static const struct {
    const char *text, *version;
  } told[] = {
      {"docker run vllm/vllm-openai:v0.8.5 --model m", "0.8.5"},
      {"docker run vllm/vllm-openai:v0.8.5.post1 --model m", "0.8.5.post1"},
      {"docker run -it r.io:5000/vllm/vllm-openai:v0.11.0-cu128 --model m", "0.11.0"},
      {"docker run vllm/vllm-openai:latest --model m", NULL},
      {"x vLLM API server version 0.7.3\nx args: Namespace(model='m', seed=3)\n",
       "0.7.3"}};
  (void)state;
  for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
    struct kit *k = kit_new();
    assert_int_equal(kit_parse(k, told[i].text, strlen(told[i].text), KVC_LAUNCH_AUTO, 0),
                     KVC_E_OK);
    if (told[i].version == NULL)
      assert_null(k->launch.version);
    else
      assert_string_equal(k->launch.version, told[i].version);
    kit_free(k);
  }
}

/* An arena that is too small ends with KVC_E_LIMIT, whatever the cap. */
static void want_of_memory_ends_well(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct kit *k = kit_new();
    kvc_code rc = KVC_E_LIMIT;
    for (size_t cap = 0; rc != KVC_E_OK; cap += 1 + cap / 8) {
      kvc_arena_clear(&k->arena);
      kvc_arena_init(&k->arena, cap);
      rc = kit_parse(k, cases[i].text, strlen(cases[i].text), KVC_LAUNCH_AUTO, 0);
      if (rc != KVC_E_OK && rc != KVC_E_LIMIT) fail_msg("%d %s", rc, k->err.msg);
    }
    kit_free(k);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_gives_model_and_flag_with_its_place),
      cmocka_unit_test(what_is_no_launch_is_refused_with_a_reason),
      cmocka_unit_test(variables_stay_as_they_are),
      cmocka_unit_test(images_and_logs_tell_the_release),
      cmocka_unit_test(want_of_memory_ends_well),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
