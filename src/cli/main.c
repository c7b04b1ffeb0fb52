/* main.c - kvcap, the program: what the process owes the outside world.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <gsl/gsl_errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* $XDG_CONFIG_HOME/kvcap or ~/.config/kvcap, when it is a folder. */
static const char *config_dir(char *path, size_t room)
{
  const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  struct stat st;
  int n = -1;
  if (base != NULL && base[0] == '/')
    n = snprintf(path, room, "%s/kvcap", base);
  else if (home != NULL && home[0] == '/')
    n = snprintf(path, room, "%s/.config/kvcap", home);
  if (n < 0 || (size_t)n >= room) return NULL;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

static bool plain_terminal(void)
{
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
  return (no_color != NULL && no_color[0] != '\0') || term == NULL ||
         strcmp(term, "dumb") == 0;
}

int main(int argc, char **argv)
{
  char path[4096];
  (void)gsl_set_error_handler_off();
  (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error with a message */
  (void)setlocale(LC_CTYPE, "");  /* asks for the character set; numbers stay "C" */
  const struct cli_world world = {
      .out = stdout,
      .err = stderr,
      .out_is_tty = isatty(STDOUT_FILENO) != 0,
      .err_is_tty = isatty(STDERR_FILENO) != 0,
      .locale_is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
      .no_color = plain_terminal(),
      .config_dir = config_dir(path, sizeof path),
  };
  return cli_run(&world, argc, argv);
}
