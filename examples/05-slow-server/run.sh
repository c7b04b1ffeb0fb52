#!/bin/sh
# A chat server is slow.  Two scrapes of /metrics five minutes apart, and the command that
# started it: what is wrong, which flag to change, and what that buys.  Then the server's
# log alone, as annotations for a pipeline.
kvcap diagnose before.txt after.txt --interval 5m --gpu H100 --vllm-version 0.19.0 \
  -- vllm serve meta-llama/Llama-3.1-8B-Instruct --max-num-seqs 64 --max-model-len 16384
echo
kvcap diagnose --log server.log --gpu H100 --format github --fail-on warning
echo "exit status $?"
