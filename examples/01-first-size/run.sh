#!/bin/sh
# Llama 3 8B on one A100 80 GB: does it start, how many tokens, how many requests.
kvcap size --model meta-llama/Meta-Llama-3-8B-Instruct --gpu A100-80G \
  --max-model-len 8192 --prompt-tokens 500 --output-tokens 300 --vllm-version 0.19.0
