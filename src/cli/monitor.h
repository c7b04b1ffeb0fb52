/* monitor.h - the arguments of `kvcap monitor`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_MONITOR_H
#define KVC_CLI_MONITOR_H

#include "cli.h"

enum { MONITOR_MAX_TARGETS = 256 };

struct monitor_args {
  struct cli_common common;
  const char *version, *engine, *job, *rules, *out;
  const char *targets[MONITOR_MAX_TARGETS];
  size_t n_targets;
  double interval_s;
  int64_t max_num_seqs, max_num_batched_tok, max_model_len_tok;
  bool multi_turn, force;
};

#endif
