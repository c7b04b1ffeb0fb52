/* progress.c - a bar on standard error.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "progress.h"

static const double WAIT_S = 0.5, EVERY_S = 0.1;
enum { BAR = 24 };

void cli_progress_begin(struct cli_progress *bar, const struct cli *cli, const char *what)
{
  *bar = (struct cli_progress){.cli = cli, .what = what, .on = cli->world.err_is_tty};
  if (bar->on) bar->begin_s = cli_now_s();
}

void cli_progress_show(struct cli_progress *bar, double frac, size_t done, size_t all)
{
  static const char full[] = "########################",
                    rest[] = "........................";
  if (!bar->on) return;
  const double now_s = cli_now_s();
  if (now_s - bar->begin_s < WAIT_S || now_s - bar->shown_s < EVERY_S) return;
  bar->shown_s = now_s;
  bar->shown = true;
  const int n = frac > 1 ? BAR : frac > 0 ? (int)(frac * BAR) : 0;
  (void)fprintf(bar->cli->world.err, "\rkvcap: [%.*s%.*s] %3.0f %%, %zu of %zu %s ", n,
                full, BAR - n, rest, 100 * frac, done, all, bar->what);
  (void)fflush(bar->cli->world.err);
}

void cli_progress_end(struct cli_progress *bar)
{
  if (bar->shown) (void)fputs("\r\033[K", bar->cli->world.err);
  if (bar->shown) (void)fflush(bar->cli->world.err);
  bar->shown = false;
}
