/* widest.h - how wide a text is on a terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_WIDEST_H
#define KVC_TESTS_WIDEST_H

/* Characters of the longest line, continuation bytes of UTF-8 not counted. */
static inline int widest(const char *text)
{
  int most = 0, width = 0;
  for (; *text != '\0'; text++) {
    if (*text == '\n')
      width = 0;
    else if (((unsigned char)*text & 0xC0) != 0x80)
      width++;
    if (width > most) most = width;
  }
  return most;
}

#endif
