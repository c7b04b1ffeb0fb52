/* pipe.c - how many children share work, and whole messages to and from them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <errno.h>
#include <unistd.h>

size_t cli_jobs(int asked, size_t most)
{
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const size_t jobs = asked > 0 ? (size_t)asked : cores > 0 ? (size_t)cores : 1;
  return jobs < most ? jobs : most;
}

bool cli_send(int fd, const void *data, size_t left)
{
  const char *at = data;
  while (left > 0) {
    const ssize_t n = write(fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    left -= (size_t)n;
  }
  return true;
}

bool cli_take(int fd, void *data, size_t left)
{
  char *at = data;
  while (left > 0) {
    const ssize_t n = read(fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    left -= (size_t)n;
  }
  return true;
}
