#!/bin/sh
# Which GPUs to rent for a service that grows: the question is plan.yaml.
kvcap plan plan.yaml --no-wall-time
echo
# The same search in two parts, as two machines would do it.
parts=$(mktemp -d)
for k in 1 2; do
  kvcap plan plan.yaml --shard $k/2 --output "$parts/shard-$k-of-2.json"
done
kvcap merge "$parts"/shard-*-of-2.json | sed -n '1,3p'
rm -r "$parts"
