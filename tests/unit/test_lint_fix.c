/* test_lint_fix.c - a fix changes what it must and not one byte more.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_kit.h"

struct fix_case {
  const char *version, *before, *after;
};

static const struct fix_case cases[] = {
    {"0.19.0", "vllm serve m --swap-space 16 -tp 2", "vllm serve m -tp 2"},
    {"0.19.0", "vllm serve m \\\n  --swap-space 16 \\\n  -tp 2 # two\n",
     "vllm serve m \\\n  -tp 2 # two\n"},
    {"0.19.0", "vllm serve m --max-nun-seqs=256", "vllm serve m --max-num-seqs=256"},
    {"0.13.0", "vllm serve m --task 'embed'", "vllm serve m --convert 'embed'"},
    {"0.7.0", "vllm serve m --worker-use-ray -tp 2",
     "vllm serve m --distributed-executor-backend=ray -tp 2"},
    {"0.10.1", "vllm serve m --num-scheduler-steps \"8\"\n",
     "vllm serve m --async-scheduling\n"},
    {"0.19.0", "#!/bin/sh\n  export VLLM_USE_V1=1\nvllm serve m # x\n",
     "#!/bin/sh\nvllm serve m # x\n"},
    {"0.19.0", "VLLM_USE_V1=1 vllm serve m", "vllm serve m"},
    {"0.19.0", "vllm serve m --seed 1 --seed  2", "vllm serve m --seed  2"},
    {"0.19.0", "vllm serve m --enforce-eager=true", "vllm serve m --enforce-eager"},
    {"0.10.0", "vllm serve m --enable-reasoning --reasoning-parser deepseek_r1",
     "vllm serve m --reasoning-parser deepseek_r1"},
    {"0.19.0",
     "model: m # the model\nswap-space: 4\n# two cards\ntensor-parallel-size: 2\n",
     "model: m # the model\n# two cards\ntensor-parallel-size: 2\n"},
    {"0.7.0", "model: m\nworker-use-ray: true\n",
     "model: m\ndistributed-executor-backend: ray\n"},
    {"0.19.0",
     "services:\n  a:\n    image: vllm/vllm-openai:v0.19.0\n    environment:\n      - "
     "VLLM_USE_V1=1 # on\n      - HF_HOME=/x\n    command:\n      - --model # the\n      "
     "- m\n"
     "      - --swap-space\n      - \"16\"\n      - --seed=3\n",
     "services:\n  a:\n    image: vllm/vllm-openai:v0.19.0\n    environment:\n      - "
     "HF_HOME=/x\n    command:\n      - --model # the\n      - m\n      - --seed=3\n"},
    {"0.19.0",
     "services:\n  a:\n    image: vllm/vllm-openai\n    command: [\"--model\", \"m\", "
     "\"--disable-log-requests\", \"--seed=3\"]\n",
     "services:\n  a:\n    image: vllm/vllm-openai\n    command: [\"--model\", \"m\", "
     "\"--seed=3\"]\n"},
    {"0.19.0",
     "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: vllm/vllm-openai\n    "
     "env:\n    - name: VLLM_USE_V1\n      value: \"1\"\n    - name: B\n      value: x\n "
     "   "
     "args: [\"--model=m\"]\n",
     "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: vllm/vllm-openai\n    "
     "env:\n    - name: B\n      value: x\n    args: [\"--model=m\"]\n"},
    {"0.19.0",
     "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [sh, -c]\n    "
     "args:\n   "
     " - >-\n      vllm serve m\n      --swap-space 16\n      --seed 3\n",
     "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [sh, -c]\n    "
     "args:\n   "
     " - >-\n      vllm serve m\n      --seed 3\n"},
};

static void fixes_change_what_they_must(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct kvc_version v = kit_version(cases[i].version);
    struct kit *k = kit_new();
    const char *fixed;
    const size_t rounds = kit_fix(k, cases[i].before, &v, KVC_LAUNCH_AUTO, &fixed);
    if (strcmp(fixed, cases[i].after) != 0)
      fail_msg("%s\nbecame\n%s\nnot\n%s", cases[i].before, fixed, cases[i].after);
    assert_int_equal(rounds, 1); /* once is enough */
    kit_free(k);
  }
}

/* Under every release: a second fix finds nothing, and what needs none is untouched. */
static void a_fixed_text_stays_as_it_is(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (size_t r = 0; r < kvc_engine_release_count(kit_engine); r++) {
      const struct kvc_version *v = &kvc_engine_release(kit_engine, r)->version;
      const char *once, *twice;
      struct kit *k = kit_new();
      const size_t rounds = kit_fix(k, cases[i].before, v, KVC_LAUNCH_AUTO, &once);
      if (rounds > 1) fail_msg("%zu rounds for %s", rounds, cases[i].before);
      if (rounds == 0) assert_ptr_equal(once, cases[i].before);
      assert_int_equal(kit_fix(k, once, v, KVC_LAUNCH_AUTO, &twice), 0);
      kit_free(k);
    }
  }
}

struct lint_case {
  const char *version, *text, *id;
};

static const struct lint_case found[] = {
    {"0.19.0", "vllm serve m --frobnicate-it", "FLG001"},
    {"0.19.0", "vllm serve m --max-nun-seqs 2", "FLG002"},
    {"0.19.0", "vllm serve m --kv-cache-dtype fp9", "FLG006"},
    {"0.10.2", "vllm serve m --kv-cache-dtype bfloat16", "FLG006"},
    {"0.19.0", "vllm serve m --gpu-memory-utilization 1.5", "FLG007"},
    {"0.19.0", "vllm serve m --gpu-memory-utilization 90%", "FLG008"},
    {"0.19.0", "vllm serve m --max-num-seqs 2.5", "FLG008"},
    {"0.19.0", "vllm serve m --speculative-config '{\"a\": }'", "FLG008"},
    {"0.19.0", "vllm serve m --seed 1 --seed 2", "FLG009"},
    {"0.19.0", "vllm serve m --gpu-memory-utilization 0.9", "FLG010"},
    {"0.12.0", "vllm serve m --task embed", "FLG011"},
    {"0.19.0", "vllm serve m --no-max-num-seqs", "FLG012"},
    {"0.19.0", "vllm serve m --max-num-seqs", "FLG013"},
    {"0.19.0", "vllm serve m --enforce-eager=1", "FLG014"},
    {"0.19.0", "vllm serve m --tensor-parallel 2", "FLG015"},
    {"0.19.0", "VLLM_FROBNICATE_IT=1 vllm serve m", "ENV001"},
    {"0.13.0", "VLLM_ATTENTION_BACKEND=X vllm serve m", "ENV004"},
    {"0.17.0", "vllm serve m --swap-space 8", "ENG001"},
    {"0.19.0", "vllm serve m --speculative-config {\"a\":1}", "CMD001"},
    {"0.19.0", "vllm serve m --model n", "CMD002"},
    {"0.19.0", "vllm serve $M --seed $S", "CMD003"},
    {"0.19.0", "vllm serve --seed 1", "CMD005"},
    {"0.29.0", "python -m vllm.entrypoints.openai.api_server --model m", "CMD006"},
    {"0.19.0", "vllm serve m --enforce-eager true", "CMD007"},
    {"0.19.0", "vllm serve m --model m", "CMD008"},
};

static void every_finding_is_made_where_it_belongs(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
    const struct kvc_version v = kit_version(found[i].version);
    struct kit *k = kit_new();
    assert_int_equal(
        kit_parse(k, found[i].text, strlen(found[i].text), KVC_LAUNCH_AUTO, 0), KVC_E_OK);
    kit_lint(k, &v);
    if (!kit_has(k, found[i].id)) fail_msg("no %s: %s", found[i].id, found[i].text);
    kit_free(k);
  }
}

static void a_sound_launch_has_no_findings(void **state)
{
  static const char *const sound[] = {
      "vllm serve m -tp 2 --max-model-len 32k --max-num-seqs 100",
      "vllm serve m --speculative-config '{\"method\": \"ngram\", "
      "\"num_speculative_tokens\": 3, \"prompt_lookup_max\": 4}'",
      "vllm serve m --speculative-config.method ngram -O3 --no-enable-prefix-caching",
      "VLLM_LOGGING_LEVEL=DEBUG HF_HOME=/x vllm serve m --kv-cache-dtype fp8",
      "vllm serve m --served-model-name a b c --quantization fp8 --max-model-len -1",
      "vllm serve m --lora-modules a=/x b=/y --enable-lora --kv-cache-memory-bytes "
      "25.6G"};
  (void)state;
  const struct kvc_version v = kit_version("0.19.0");
  for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
    struct kit *k = kit_new();
    assert_int_equal(kit_parse(k, sound[i], strlen(sound[i]), KVC_LAUNCH_AUTO, 0),
                     KVC_E_OK);
    kit_lint(k, &v);
    if (k->n > 0) fail_msg("%s: %s", sound[i], k->found[0].finding.text);
    kit_free(k);
  }
}

static void rows_are_well_formed(void **state)
{
  (void)state;
  for (size_t i = 0; i < kvc_lint_rule_count(); i++) {
    const struct kvc_rule *r = kvc_lint_rule_at(i);
    assert_ptr_equal(kvc_lint_rule_find(r->id), r);
    assert_ptr_equal(kvc_lint_rule_find(r->slug), r);
    assert_true(strlen(r->title) > 10 && strlen(r->why) > 10 && r->cite != NULL);
  }
  assert_null(kvc_lint_rule_find("FLG999"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fixes_change_what_they_must),
      cmocka_unit_test(a_fixed_text_stays_as_it_is),
      cmocka_unit_test(every_finding_is_made_where_it_belongs),
      cmocka_unit_test(a_sound_launch_has_no_findings),
      cmocka_unit_test(rows_are_well_formed),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
