#!/bin/sh
# Two servers of one service, vLLM 0.19.0: what Prometheus scrapes and alerts on, with two
# thresholds of our own and the seats of the servers; the dashboard comes with it.  `promtool
# test rules rules-test.yml` in that folder shows each alert fire and keep quiet.
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cd "$dir" || exit 2
cat >mine.yaml <<'END'
rules:
  LAT001: {limit: 0.8}
  QUE001: {limit: 20, severity: error}
END
kvcap monitor --vllm-version 0.19.0 --job chat --target gpu1:8000 --target gpu2:8000 \
  --max-num-seqs 256 --rules mine.yaml --out chat | sed -n 1,12p
echo
cat chat/prometheus.yml
echo
sed -n '/alert: VllmTtftSlow/,/description/p' chat/rules.yml
