/* wrap.h - text on a page of limited width.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_REPORT_WRAP_H
#define KVC_REPORT_WRAP_H

#include <kvcap/report.h>

/* A page being written: 'col' is where the next character lands. */
struct page {
  struct kvc_buf *buf;
  const struct kvc_style *style;
  int col;
};

/* Columns that text takes once it is made safe for the terminal. */
int page_width(const struct page *page, const char *text);

void page_newline(struct page *page);
/* Spaces up to column 'col'; a new line first when it has been passed. */
void page_to(struct page *page, int col);

/* Words from the current column on, continued at column 'hang'. */
void page_words(struct page *page, const char *text, int hang);

/* Text on one line, its middle left out when it is wider than 'width'. */
void page_cell(struct page *page, const char *text, int width);

/* A shell command from column 'hang' on, continued with backslashes so that it
 * can be pasted. */
void page_command(struct page *page, const char *text, int hang);

#endif
