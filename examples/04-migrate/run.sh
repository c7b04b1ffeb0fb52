#!/bin/sh
# A compose file of vLLM 0.8.5 on its way to 0.19.0: what breaks, what changes unseen, and
# the file with the needed lines changed.
kvcap check compose.yaml --from 0.8.5 --to 0.19.0 --gpu H100
echo
kvcap check compose.yaml --to 0.19.0 --fix | diff compose.yaml -
kvcap check compose.yaml --to 0.19.0 --fix | kvcap check - --to 0.19.0 --format json |
  grep -E '"(errors|fixable)"'
