#!/bin/sh
# How many requests a second one L40S serves within limits, for the lengths of a recorded
# load; then the same load as it came, on two servers behind a router.
model=Qwen/Qwen3-8B
kvcap simulate $model --gpu L40S --vllm-version 0.19.0 --max-model-len 16384 \
  --lengths trace.csv --num-prompts 400 --sweep rate=1,2,3,4,6 \
  --slo ttft_p95=1s,tpot_p95=60ms
echo
kvcap simulate $model --gpu L40S --vllm-version 0.19.0 --max-model-len 16384 \
  --trace trace.csv --replicas 2 --router least-loaded |
  sed -n "1,2p;7,12p"
