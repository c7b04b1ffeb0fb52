/* progress.h - how far long work is, for whoever waits at a terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Only where standard error is a terminal, only after half a second, and nothing of it
 * stays.
 */
#ifndef KVC_CLI_PROGRESS_H
#define KVC_CLI_PROGRESS_H

#include "cli.h"

struct cli_progress {
  const struct cli *cli;
  const char *what; /* of which there are 'all' */
  double begin_s, shown_s;
  bool on, shown;
};

void cli_progress_begin(struct cli_progress *bar, const struct cli *cli,
                        const char *what);
void cli_progress_show(struct cli_progress *bar, double frac, size_t done, size_t all);
void cli_progress_end(struct cli_progress *bar);

#endif
