#!/bin/sh
# A model of one's own: Hugging Face's config.json serves wherever a name does.
cd "$(dirname "$0")" || exit 1
kvcap size --model-config config.json --gpu L4 --vllm-version 0.19.0 --format json
