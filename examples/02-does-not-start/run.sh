#!/bin/sh
# A 70B model on one card: what vLLM says, and the fewest changes that make it start.
kvcap size --model meta-llama/Llama-3.3-70B-Instruct --gpu H200 \
  --max-model-len 131072 --vllm-version 0.19.0
test $? -eq 4 # documented: the deployment does not start
