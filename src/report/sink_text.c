/* sink_text.c - a document's blocks for people.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "sinks.h"
#include "wrap.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INDENT = 2, MIN_COLUMNS = 60, MAX_LABEL = 34, MIN_NOTE = 24 };

/* ---- colour ------------------------------------------------------------------- */

static const char *const tones[] = {[KVC_TONE_PLAIN] = "",
                                    [KVC_TONE_GOOD] = "\033[1;32m",
                                    [KVC_TONE_BAD] = "\033[1;31m",
                                    [KVC_TONE_WARN] = "\033[33m",
                                    [KVC_TONE_DIM] = "\033[2m"};

static void colour(struct page *page, const char *code)
{
  if (page->style->colour) kvc_buf_puts(page->buf, code);
}

static void plain(struct page *page)
{
  colour(page, "\033[0m");
}

/* ---- memory bar ---------------------------------------------------------------- */

struct glyph {
  const char *utf8, *ascii, *code;
};

static const struct glyph glyphs[KVC_SEG_COUNT_] = {
    [KVC_SEG_WEIGHTS] = {"\xe2\x96\x88", "#", "\033[34m"},
    [KVC_SEG_ACTIVATION] = {"\xe2\x96\x93", "+", "\033[35m"},
    [KVC_SEG_NON_TORCH] = {"\xe2\x96\x92", ":", "\033[36m"},
    [KVC_SEG_GRAPHS] = {"\xe2\x96\x91", "%", "\033[33m"},
    [KVC_SEG_KV] = {"\xe2\x95\x90", "=", "\033[32m"},
    [KVC_SEG_OTHERS] = {"\xc3\x97", "x", "\033[31m"},
    [KVC_SEG_OUTSIDE] = {"\xc2\xb7", ".", "\033[2m"},
};

static void put_glyphs(struct page *page, enum kvc_part_kind kind, int count)
{
  const struct glyph *g = &glyphs[kind];
  colour(page, g->code);
  for (int i = 0; i < count; i++)
    kvc_buf_puts(page->buf, page->style->utf8 ? g->utf8 : g->ascii);
  page->col += count;
  plain(page);
}

static double shown_bytes(const struct kvc_segment *seg)
{
  return isfinite(seg->bytes) && seg->bytes > 0 ? seg->bytes : 0;
}

/* Cells of each segment: largest remainders, but whatever is there gets a cell. */
static void share_cells(const struct kvc_block *bar, int cells, int *out)
{
  double sum = 0;
  for (size_t i = 0; i < bar->n_segments; i++) sum += shown_bytes(&bar->segments[i]);
  int used = 0;
  size_t largest = 0;
  for (size_t i = 0; i < bar->n_segments; i++) {
    const double bytes = shown_bytes(&bar->segments[i]);
    const double share = sum > 0 ? bytes / sum * cells : 0;
    out[i] = (int)floor(share + 0.5);
    if (out[i] == 0 && bytes > 0) out[i] = 1;
    used += out[i];
    if (out[i] > out[largest]) largest = i;
  }
  if (bar->n_segments > 0) out[largest] += cells - used;
  if (bar->n_segments > 0 && out[largest] < 0) out[largest] = 0;
}

/* A figure that ends before column 'end'; further right when it has no room. */
static void put_right(struct page *page, const char *text, int end)
{
  const int at = end - page_width(page, text);
  page_to(page, at > page->col ? at : page->col + 1);
  page_cell(page, text, page->style->columns - page->col);
}

static void legend_line(struct page *page, const struct kvc_block *bar,
                        const struct kvc_segment *seg)
{
  char size[KVC_UNIT_TEXT], share[KVC_UNIT_TEXT];
  page_to(page, INDENT);
  put_glyphs(page, seg->kind, 1);
  page_to(page, INDENT + 2);
  page_cell(page, seg->label, 20);
  kvc_unit_format(seg->bytes, KVC_U_BYTES, size);
  kvc_unit_format(bar->total_bytes > 0 ? seg->bytes / bar->total_bytes : 0, KVC_U_FRAC,
                  share);
  if (strchr(share, '.') == NULL) /* "12 %" -> "12.0 %": the column lines up */
    (void)memcpy(share + strlen(share) - 2, ".0 %", 5);
  put_right(page, size, 35);
  put_right(page, share, 44);
  if (seg->note != NULL) {
    const int hang = page->style->columns - 47 >= 20 ? 47 : INDENT + 4;
    if (hang < page->col) page_newline(page);
    page_to(page, hang);
    colour(page, tones[KVC_TONE_DIM]);
    page_words(page, seg->note, hang);
    plain(page);
  }
  page_newline(page);
}

/* Where the GPU ends under a bar that is longer than the GPU. */
static void mark_end(struct page *page, const struct kvc_block *bar, int cells)
{
  double sum = 0;
  for (size_t i = 0; i < bar->n_segments; i++) sum += shown_bytes(&bar->segments[i]);
  if (!(bar->total_bytes > 0) || !(sum > bar->total_bytes * 1.001)) return;
  char text[KVC_UNIT_TEXT + 40], size[KVC_UNIT_TEXT];
  kvc_unit_format(bar->total_bytes, KVC_U_BYTES, size);
  (void)snprintf(text, sizeof text, "^ the GPU ends here: %s", size);
  int at = INDENT + (int)(bar->total_bytes / sum * cells);
  const int last = page->style->columns - page_width(page, text);
  if (at > last) { /* no room on the right: the words go before the mark */
    (void)snprintf(text, sizeof text, "the GPU ends here: %s ^", size);
    at -= page_width(page, text) - 1;
  }
  page_to(page, at > INDENT ? at : INDENT);
  colour(page, tones[KVC_TONE_BAD]);
  page_cell(page, text, page->style->columns - INDENT);
  plain(page);
  page_newline(page);
}

static void write_bar(struct page *page, const struct kvc_block *bar)
{
  int cells[KVC_SEG_COUNT_ + 1] = {0};
  const int width = page->style->columns - 2 * INDENT;
  share_cells(bar, width, cells);
  page_to(page, INDENT);
  for (size_t i = 0; i < bar->n_segments; i++)
    put_glyphs(page, bar->segments[i].kind, cells[i]);
  page_newline(page);
  mark_end(page, bar, width);
  for (size_t i = 0; i < bar->n_segments; i++) legend_line(page, bar, &bar->segments[i]);
}

/* ---- rows ------------------------------------------------------------------------ */

struct layout {
  int label, text; /* widths of the columns */
};

/* Widths over the run of rows that starts at 'block'. */
static struct layout measure(const struct page *page, const struct kvc_block *block)
{
  struct layout layout = {0, 0};
  for (; block != NULL && block->kind == KVC_BLOCK_ROW; block = block->next) {
    const int label = block->label != NULL ? page_width(page, block->label) : 0;
    const int text = block->text != NULL ? page_width(page, block->text) : 0;
    if (label > layout.label) layout.label = label;
    if (text > layout.text) layout.text = text;
  }
  if (layout.label > MAX_LABEL) layout.label = MAX_LABEL;
  const int room = page->style->columns - INDENT - layout.label - 2 - 2 - MIN_NOTE;
  if (layout.text > room) layout.text = room;
  if (layout.text < 8) layout.text = 8;
  return layout;
}

static void write_row(struct page *page, const struct kvc_block *row,
                      const struct layout *layout)
{
  const int text_at = INDENT + layout->label + (layout->label > 0 ? 2 : 0);
  const int note_at = text_at + layout->text + 2;
  page_to(page, INDENT);
  if (row->label != NULL) page_cell(page, row->label, layout->label);
  page_to(page, text_at);
  if (row->text != NULL) page_words(page, row->text, text_at);
  if (row->note != NULL && row->note[0] != '\0') {
    if (page->col > note_at - 2) page_newline(page);
    page_to(page, note_at);
    colour(page, tones[KVC_TONE_DIM]);
    page_words(page, row->note, note_at);
    plain(page);
  }
  page_newline(page);
}

/* ---- the other blocks -------------------------------------------------------------- */

static void write_toned(struct page *page, enum kvc_tone tone, const char *text, int hang)
{
  colour(page, tones[tone]);
  page_words(page, text != NULL ? text : "", hang);
  if (tone != KVC_TONE_PLAIN) plain(page);
}

static void write_para(struct page *page, const struct kvc_block *block)
{
  page_to(page, INDENT);
  int hang = INDENT;
  if (block->label != NULL) {
    hang += page_width(page, block->label) + 1;
    if (hang > page->style->columns / 2) hang = INDENT + 2;
    if (block->tone == KVC_TONE_WARN) colour(page, tones[KVC_TONE_WARN]);
    /* A label of spaces only indents. */
    if (strspn(block->label, " ") != strlen(block->label))
      page_words(page, block->label, INDENT);
    if (block->tone == KVC_TONE_WARN) plain(page);
    page_to(page, hang);
  }
  write_toned(page, block->tone == KVC_TONE_WARN ? KVC_TONE_PLAIN : block->tone,
              block->text, hang);
  page_newline(page);
}

static void write_item(struct page *page, const struct kvc_block *item)
{
  page_to(page, INDENT);
  colour(page, "\033[1m");
  page_words(page, item->label != NULL ? item->label : "", INDENT + 2);
  plain(page);
  if (item->text != NULL && item->text[0] != '\0') {
    const int arrow = page->col + 4;
    if (arrow + page_width(page, item->text) > page->style->columns) {
      page_newline(page);
      page_to(page, INDENT + 2);
      page_words(page, "->", INDENT + 2);
      page_to(page, INDENT + 5);
      page_words(page, item->text, INDENT + 5);
    } else {
      page_to(page, page->col + 1);
      page_words(page, "->", INDENT + 5);
      page_to(page, page->col + 1);
      page_words(page, item->text, INDENT + 5);
    }
  }
  page_newline(page);
  if (item->note == NULL || item->note[0] == '\0') return;
  page_to(page, INDENT + 2);
  write_toned(page, KVC_TONE_DIM, item->note, INDENT + 2);
  page_newline(page);
}

static void write_heading(struct page *page, const struct kvc_block *block)
{
  if (page->buf->len > 0) page_newline(page);
  colour(page, "\033[1m");
  page_words(page, block->text != NULL ? block->text : "", 0);
  plain(page);
  page_newline(page);
}

static void write_block(struct page *page, const struct kvc_block *block)
{
  switch (block->kind) {
  case KVC_BLOCK_VERDICT:
    write_toned(page, block->tone, block->text, INDENT);
    page_newline(page);
    break;
  case KVC_BLOCK_HEADING: write_heading(page, block); break;
  case KVC_BLOCK_PARA: write_para(page, block); break;
  case KVC_BLOCK_BAR: write_bar(page, block); break;
  case KVC_BLOCK_ITEM: write_item(page, block); break;
  case KVC_BLOCK_LINE:
    page_to(page, INDENT);
    write_toned(page, block->tone, block->text, INDENT + 4);
    page_newline(page);
    break;
  case KVC_BLOCK_CELLS:
    page_to(page, INDENT);
    if (INDENT + page_width(page, block->text) <= page->style->columns)
      page_cell(page, block->text, page_width(page, block->text));
    else
      page_words(page, block->text, INDENT + 4);
    page_newline(page);
    break;
  case KVC_BLOCK_COMMAND: page_command(page, block->text, INDENT); break;
  case KVC_BLOCK_ROW: break;
  }
}

void sink_text(const struct kvc_doc *doc, const struct kvc_style *style,
               struct kvc_buf *out)
{
  struct kvc_style fixed = *style;
  if (fixed.columns < MIN_COLUMNS) fixed.columns = MIN_COLUMNS;
  struct page page = {.buf = out, .style = &fixed};
  struct layout layout = {0, 0};
  bool in_rows = false;
  for (const struct kvc_block *block = doc->first; block != NULL; block = block->next) {
    if (block->kind != KVC_BLOCK_ROW) {
      in_rows = false;
      write_block(&page, block);
      continue;
    }
    if (!in_rows) layout = measure(&page, block);
    in_rows = true;
    write_row(&page, block, &layout);
  }
}
