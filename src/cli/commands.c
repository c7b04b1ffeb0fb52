/* commands.c - the table of commands.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include <string.h>

static const char *const size_examples[] = {
    "kvcap size meta-llama/Meta-Llama-3-8B-Instruct --gpu A100-80G \\\n"
    "    --max-model-len 8192 --prompt-tokens 500 --output-tokens 300",
    "kvcap size --gpu H100 -- vllm serve Qwen/Qwen3-32B -tp 2 --max-model-len 32k",
    "kvcap size --model-config config.json --gpu custom --gpu-memory 94.5GiB", NULL};
static const char *const check_examples[] = {
    "kvcap check compose.yaml --gpu H100 --vllm-version 0.19.0",
    "kvcap check compose.yaml --from 0.8.5 --to 0.19.0 --fix --output new.yaml",
    "kvcap check --gpu A100-80G -- vllm serve Qwen/Qwen3-32B -tp 2", NULL};
static const char *const advise_examples[] = {
    "kvcap advise Qwen/Qwen3-8B --gpu H100 --workload chat --users 60",
    "kvcap advise Qwen/Qwen3-32B --gpu A100-80G --prompt-tokens 2000 \\\n"
    "    --output-tokens 400 --goal throughput --vllm-version 0.11.0",
    NULL};
static const char *const launch_examples[] = {
    "kvcap launch Qwen/Qwen3-8B --gpu L40S --workload rag",
    "kvcap launch Qwen/Qwen3-8B --gpu L40S --format yaml --output server.yaml", NULL};
static const char *const diagnose_examples[] = {
    "kvcap diagnose --metrics http://localhost:8000/metrics --every 5s --for 5m \\\n"
    "    --gpu H100 -- vllm serve Qwen/Qwen3-8B --max-num-seqs 64",
    "kvcap diagnose before.txt after.txt server.log result.json --gpu L40S",
    "kvcap diagnose --log server.log --fail-on warning --format github", NULL};
static const char *const watch_examples[] = {
    "kvcap watch http://localhost:8000/metrics",
    "kvcap watch http://localhost:8000 --every 2s --gpu H100 --model Qwen/Qwen3-8B",
    NULL};
static const char *const simulate_examples[] = {
    "kvcap simulate Qwen/Qwen3-8B --gpu H100 --input-len 512 --output-len 128 \\\n"
    "    --rate 8 --slo ttft_p95=500ms,tpot_p95=30ms",
    "kvcap simulate Qwen/Qwen3-8B --gpu L40S --workload chat --sweep rate=1..20", NULL};
static const char *const plan_examples[] = {
    "kvcap plan Qwen/Qwen3-8B --workload chat --rate 20 \\\n"
    "    --slo ttft_p95=500ms,tpot_p99=40ms --gpu L40S,H100",
    "kvcap plan plan.yaml --objective latency --budget 60",
    "kvcap plan plan.yaml --shards 16 --cluster slurm --output plan.sbatch", NULL};
static const char *const merge_examples[] = {
    "kvcap plan plan.yaml --shard 1/2 --output shard-1-of-2.json",
    "kvcap merge shard-1-of-2.json shard-2-of-2.json", NULL};
static const char *const validate_examples[] = {
    "kvcap validate points.csv", "kvcap validate points.csv --format json --split check",
    NULL};
static const char *const fit_examples[] = {
    "kvcap fit bench c4.json c16.json c64.json --model Qwen/Qwen3-8B --gpu H100 \\\n"
    "    --vllm-version 0.19.0 --save-calibration mine.yaml",
    "kvcap simulate Qwen/Qwen3-8B --gpu H100 --input-len 512 --output-len 128 \\\n"
    "    --concurrency 32 --calibration mine.yaml",
    "kvcap fit kernels gemm.csv decode.csv --gpu H100 --output kernels/h100.yaml", NULL};
static const char *const monitor_examples[] = {
    "kvcap monitor --vllm-version 0.19.0 --job chat --target gpu1:8000 --out chat/",
    "kvcap monitor rules --vllm-version 0.8.5 --max-num-seqs 256 --rules mine.yaml",
    "kvcap monitor --format json", NULL};
static const char *const read_examples[] = {
    "kvcap read server.log", "kvcap read result.json --format yaml",
    "kvcap read http://localhost:8000/metrics", NULL};
static const char *const profiles_examples[] = {
    "kvcap profiles list gpus", "kvcap profiles show H100",
    "kvcap profiles check my-gpu.yaml",
    "kvcap profiles import config.json --output my-model.yaml", NULL};
static const char *const explain_examples[] = {
    "kvcap explain --max-num-batched-tokens", "kvcap explain vllm:gpu_cache_usage_perc",
    "kvcap explain \"chunked prefill\"", "kvcap explain PAR002", NULL};
static const char *const flags_examples[] = {"kvcap flags --vllm-version 0.11.0", NULL};
static const char *const completion_examples[] = {
    "source <(kvcap completion bash)", "kvcap completion zsh >\"${fpath[1]}/_kvcap\"",
    NULL};
static const char *const man_examples[] = {"kvcap man >kvcap.1", NULL};

static const char *const profiles_words[] = {"list", "show", "check", "import", NULL};
static const char *const monitor_words[] = {"config", "rules", "tests", "dashboard",
                                            NULL};
static const char *const fit_words[] = {"bench", "kernels", NULL};
static const char *const schema_words[] = {"size",     "advise",    "check",
                                           "diagnose", "simulate",  "validate",
                                           "plan",     "plan-file", NULL};
static const char *const completion_words[] = {"bash", "zsh", "fish", NULL};
static const char *const help_words[] = {
    "size",  "advise",   "launch",     "check",    "simulate", "plan",
    "merge", "validate", "fit",        "diagnose", "watch",    "monitor",
    "read",  "profiles", "explain",    "flags",    "schema",   "completion",
    "man",   "version",  "exit-codes", "json",     NULL};

#define schema_examples NULL
#define version_examples NULL
#define help_examples NULL
#define size_words NULL
#define advise_words NULL
#define launch_words NULL
#define check_words NULL
#define read_words NULL
#define validate_words NULL
#define simulate_words NULL
#define watch_words NULL
#define diagnose_words NULL
#define explain_words NULL
#define flags_words NULL
#define man_words NULL
#define plan_words NULL
#define merge_words NULL
#define version_words NULL

static const struct cli_command commands[] = {
#define CLI_COMMAND(name, options, usage, summary)                                       \
  {#name, cli_cmd_##name, options, usage, summary, name##_examples, name##_words},
#include "commands.def"
#undef CLI_COMMAND
};

const struct cli_command *cli_command_at(size_t i)
{
  return i < sizeof commands / sizeof commands[0] ? &commands[i] : NULL;
}

const struct cli_command *cli_command_find(const char *name)
{
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}
