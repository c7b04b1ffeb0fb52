/* distributions.c - lengths told as distributions: ServeGen's histograms, fleet-sim's
 * cumulative shares.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lengths are read off the distribution at the points of a sequence that fills the unit
 * square evenly (multiples of the powers of 1 / 1.3247..., the plastic number), so the
 * first hundred have the spread of the whole and no prompt goes with a certain answer.
 *
 * Histograms: {"0": {"input_tokens": "{81: 0.0015, 82: 0.0157}", "output_tokens": ...},
 * "21600": ...}, a mapping of tokens to shares in quotes for every window; empty windows
 * are left out and the others count alike.  Images and sounds beside a text add their
 * mean.  Cumulative shares: [[tokens, share], ...], or that list under "cdf", of prompt
 * and answer together; lengths lie evenly between two points.
 */
#include "trace_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct point {
  double tok, share;
};

struct points {
  struct point *items;
  size_t n, room;
};

static bool key_is(const struct trace_span *key, const char *a)
{
  return strlen(a) == key->len && memcmp(key->text, a, key->len) == 0;
}

static kvc_code add(struct points *list, const char *path, double tok, double share,
                    struct kvc_err *err)
{
  if (!trace_room((void **)&list->items, list->n, &list->room, sizeof *list->items))
    return kvc_fail(err, KVC_E_LIMIT, path, "The machine gave no more memory.");
  list->items[list->n++] = (struct point){tok, share};
  return KVC_E_OK;
}

/* ---- which of them
 * ------------------------------------------------------------------- */

static bool is_number(const struct trace_span *s)
{
  double x;
  size_t used;
  return kvc_num_scan(s->text, s->len, &x, &used) && used == s->len;
}

/* A fraction among the second numbers of a list of pairs: tokens are whole. */
static bool has_shares(struct trace_json j)
{
  bool more = true, fraction = false, first = true, zero = false;
  double last = 0;
  if (trace_json_expect(&j, '[', NULL) != KVC_E_OK) return false;
  while (more) {
    double tok;
    if (trace_json_peek(&j) != '[' || trace_json_expect(&j, '[', NULL) != KVC_E_OK ||
        trace_json_number(&j, &tok, NULL) != KVC_E_OK ||
        trace_json_expect(&j, ',', NULL) != KVC_E_OK ||
        trace_json_number(&j, &last, NULL) != KVC_E_OK ||
        trace_json_expect(&j, ']', NULL) != KVC_E_OK || !(last >= 0 && last <= 1))
      return false;
    fraction = fraction || (last > 0 && last < 1);
    zero = zero || (first && last == 0);
    first = false;
    if (fraction) return true;
    if (trace_json_more(&j, ']', &more, NULL) != KVC_E_OK) return false;
  }
  return zero && last == 1;
}

static bool is_window(struct trace_json *j, const struct trace_span *key)
{
  struct trace_span field;
  if (!is_number(key) || trace_json_expect(j, '{', NULL) != KVC_E_OK) return false;
  return trace_json_string(j, &field, NULL) == KVC_E_OK &&
         trace_json_expect(j, ':', NULL) == KVC_E_OK && trace_json_peek(j) == '"';
}

enum kvc_trace_kind trace_distribution_of(const char *text, size_t len)
{
  struct trace_json j = {text, text + len, 1, ""};
  struct trace_span key;
  if (trace_json_peek(&j) == '[') return has_shares(j) ? KVC_TRACE_CDF : KVC_TRACE_AUTO;
  if (trace_json_expect(&j, '{', NULL) != KVC_E_OK) return KVC_TRACE_AUTO;
  for (bool more = true, first = true; more; first = false) {
    if (trace_json_peek(&j) != '"' || trace_json_string(&j, &key, NULL) != KVC_E_OK ||
        trace_json_expect(&j, ':', NULL) != KVC_E_OK)
      return KVC_TRACE_AUTO;
    struct trace_json ahead = j;
    if (first && is_window(&ahead, &key)) return KVC_TRACE_HISTOGRAMS;
    if (key_is(&key, "cdf") && trace_json_peek(&j) == '[') return KVC_TRACE_CDF;
    if (trace_json_skip(&j, NULL) != KVC_E_OK ||
        trace_json_more(&j, '}', &more, NULL) != KVC_E_OK)
      return KVC_TRACE_AUTO;
  }
  return KVC_TRACE_AUTO;
}

/* ---- reading off
 * ----------------------------------------------------------------------- */

/* The k-th number of the sequence in its first or second direction. */
static double even(size_t k, size_t direction)
{
  static const double step[2] = {0.7548776662466927, 0.5698402909980532};
  const double x = 0.5 + (double)(k + 1) * step[direction];
  return x - floor(x);
}

/* The first point whose sum of shares reaches u; the shares are cumulative. */
static size_t reach(const struct points *list, double u)
{
  size_t low = 0, high = list->n - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (list->items[middle].share >= u)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static kvc_code add_pair(struct trace *t, double prompt, double output,
                         struct kvc_err *err)
{
  struct trace_row row;
  trace_row_init(&row);
  row.prompt_tok = fmax(1, floor(prompt + 0.5));
  row.output_tok = fmax(1, floor(output + 0.5));
  return trace_add(t, &row, 1, err);
}

/* ---- cumulative shares
 * ------------------------------------------------------------------- */

static kvc_code read_shares(struct trace_json *j, struct points *list,
                            struct kvc_err *err)
{
  KVC_TRY(trace_json_expect(j, '[', err));
  for (bool more = true; more;) {
    double tok, share;
    (void)trace_json_peek(j);
    const int line = j->line;
    KVC_TRY(trace_json_expect(j, '[', err));
    KVC_TRY(trace_json_number(j, &tok, err));
    KVC_TRY(trace_json_expect(j, ',', err));
    KVC_TRY(trace_json_number(j, &share, err));
    KVC_TRY(trace_json_expect(j, ']', err));
    const struct point *last = list->n > 0 ? &list->items[list->n - 1] : NULL;
    if (!(tok >= 0 && tok <= KVC_TRAFFIC_MAX_TOK) || !(share >= 0 && share <= 1.0001) ||
        (last != NULL && (tok < last->tok || share < last->share)))
      return kvc_fail_at(err, KVC_E_RANGE, j->path, line, 0,
                         "Tokens and cumulative shares must rise, within 0 to %d and 0 "
                         "to 1.",
                         KVC_TRAFFIC_MAX_TOK);
    KVC_TRY(add(list, j->path, tok, share, err));
    KVC_TRY(trace_json_more(j, ']', &more, err));
  }
  if (list->items[list->n - 1].share < 0.999)
    return kvc_fail(err, KVC_E_PARSE, j->path,
                    "The cumulative shares end at %g, not at 1: lengths are missing.",
                    list->items[list->n - 1].share);
  return KVC_E_OK;
}

static kvc_code to_shares(struct trace_json *j, struct kvc_err *err)
{
  if (trace_json_peek(j) == '[') return KVC_E_OK;
  KVC_TRY(trace_json_expect(j, '{', err));
  for (;;) {
    struct trace_span key;
    bool more;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    if (key_is(&key, "cdf")) return KVC_E_OK;
    KVC_TRY(trace_json_skip(j, err));
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
}

static kvc_code draw_totals(struct trace *t, const struct points *list,
                            struct kvc_err *err)
{
  const double frac = t->options->output_frac > 0 ? t->options->output_frac : 0.2;
  const double top = list->items[list->n - 1].share;
  for (size_t k = 0; k < TRACE_DRAWN && !t->full; k++) {
    const double u = even(k, 0) * top;
    const size_t at = reach(list, u);
    const double low = at > 0 ? list->items[at - 1].tok : 1;
    const double from = at > 0 ? list->items[at - 1].share : 0;
    const double width = list->items[at].share - from;
    const double total =
        low + (width > 0 ? (u - from) / width : 1) * (list->items[at].tok - low);
    const double output = floor(total * frac + 0.5);
    KVC_TRY(add_pair(t, total - output, output, err));
  }
  t->how = kvc_arena_printf(t->arena,
                            "totals drawn from cumulative shares, %.3g %% of each taken "
                            "as the answer%s",
                            100 * frac, t->options->output_frac > 0 ? "" : ": presumed");
  return t->how != NULL ? KVC_E_OK : kvc_arena_full(t->arena, t->path, err);
}

kvc_code trace_read_cdf(struct trace *t, const char *text, size_t len,
                        struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  struct points list = {0};
  kvc_code rc = to_shares(&j, err);
  if (rc == KVC_E_OK) rc = read_shares(&j, &list, err);
  if (rc == KVC_E_OK) rc = draw_totals(t, &list, err);
  free(list.items);
  return rc;
}

/* ---- histograms
 * ------------------------------------------------------------------------ */

struct sides {
  struct points prompt, output;
  double extra_tok; /* means of images and sounds, over windows */
  size_t windows;
};

/* "{81: 0.0015, 82: 0.0157}" behind the quotes; *mean of them. */
static kvc_code read_histogram(const struct trace_json *j, const struct trace_span *text,
                               struct points *list, double *mean, struct kvc_err *err)
{
  struct trace_json in = {text->text, text->text + text->len, j->line, j->path};
  const size_t before = list->n;
  double sum = 0;
  *mean = 0;
  KVC_TRY(trace_json_expect(&in, '{', err));
  bool more = trace_json_peek(&in) != '}';
  if (!more) in.p++;
  while (more) {
    double tok, share;
    KVC_TRY(trace_json_number(&in, &tok, err));
    KVC_TRY(trace_json_expect(&in, ':', err));
    KVC_TRY(trace_json_number(&in, &share, err));
    if (!(tok >= 0 && tok <= KVC_TRAFFIC_MAX_TOK) || !(share >= 0 && share < 1e12))
      return kvc_fail_at(err, KVC_E_RANGE, j->path, j->line, 0,
                         "A share %g of %g tokens is out of range.", share, tok);
    KVC_TRY(add(list, j->path, tok, share, err));
    sum += share;
    *mean += tok * share;
    KVC_TRY(trace_json_more(&in, '}', &more, err));
  }
  for (size_t i = before; i < list->n && sum > 0; i++) list->items[i].share /= sum;
  if (sum > 0) *mean /= sum;
  return KVC_E_OK;
}

enum kind { PROMPT, OUTPUT, COUNT, TOKENS, NEITHER };

static enum kind kind_of(const struct trace_span *key)
{
  static const struct {
    const char *key;
    enum kind is;
  } known[] = {
      {"input_tokens", PROMPT}, {"text_tokens", PROMPT},  {"output_tokens", OUTPUT},
      {"image_count", COUNT},   {"image_tokens", TOKENS}, {"audio_count", COUNT},
      {"audio_tokens", TOKENS}, {"video_count", COUNT},   {"video_tokens", TOKENS}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (key_is(key, known[i].key)) return known[i].is;
  return NEITHER;
}

/* One window; its halves are kept when both are there. */
static kvc_code read_window(struct trace_json *j, struct sides *s, struct points *apart,
                            struct kvc_err *err)
{
  const size_t n_prompt = s->prompt.n, n_output = s->output.n;
  double count[3] = {0, 0, 0}, tokens[3] = {0, 0, 0}, mean;
  bool more;
  KVC_TRY(trace_json_open(j, '{', &more, err));
  while (more) {
    struct trace_span key, text;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    const enum kind is = kind_of(&key);
    if (is == NEITHER || trace_json_peek(j) != '"') {
      KVC_TRY(trace_json_skip(j, err));
    } else {
      KVC_TRY(trace_json_string(j, &text, err));
      apart->n = 0;
      KVC_TRY(read_histogram(j, &text,
                             is == PROMPT   ? &s->prompt
                             : is == OUTPUT ? &s->output
                                            : apart,
                             &mean, err));
      const size_t medium = key.text[0] == 'i' ? 0 : key.text[0] == 'a' ? 1 : 2;
      if (is == COUNT) count[medium] = mean;
      if (is == TOKENS) tokens[medium] = mean;
    }
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  if (s->prompt.n == n_prompt || s->output.n == n_output) {
    s->prompt.n = n_prompt;
    s->output.n = n_output;
    return KVC_E_OK;
  }
  s->windows++;
  for (size_t i = 0; i < 3; i++) s->extra_tok += count[i] * tokens[i];
  return KVC_E_OK;
}

static int by_tokens(const void *a, const void *b)
{
  const struct point *x = a, *y = b;
  return (x->tok > y->tok) - (x->tok < y->tok);
}

/* Sorted, the shares summed up to 1; false when they are all 0. */
static bool accumulate(struct points *list)
{
  double sum = 0;
  qsort(list->items, list->n, sizeof *list->items, by_tokens);
  for (size_t i = 0; i < list->n; i++) list->items[i].share = sum += list->items[i].share;
  if (!(sum > 0)) return false;
  for (size_t i = 0; i < list->n; i++) list->items[i].share /= sum;
  return true;
}

static kvc_code draw_sides(struct trace *t, struct sides *s, struct kvc_err *err)
{
  if (s->windows == 0 || !accumulate(&s->prompt) || !accumulate(&s->output))
    return kvc_fail(err, KVC_E_PARSE, t->path,
                    "No window has histograms of both input_tokens and output_tokens.");
  const double extra = floor(s->extra_tok / (double)s->windows + 0.5);
  for (size_t k = 0; k < TRACE_DRAWN && !t->full; k++) {
    const struct point *prompt = &s->prompt.items[reach(&s->prompt, even(k, 0))];
    const struct point *output = &s->output.items[reach(&s->output, even(k, 1))];
    KVC_TRY(add_pair(t, prompt->tok + extra, output->tok, err));
  }
  const char *many =
      s->windows == 1
          ? "one window"
          : kvc_arena_printf(t->arena, "%zu windows that count alike", s->windows);
  if (many == NULL) return kvc_arena_full(t->arena, t->path, err);
  t->how = kvc_arena_printf(t->arena,
                            "lengths drawn from the histograms of %s, prompt and answer "
                            "apart%s",
                            many, extra > 0 ? "; images and sounds add their mean" : "");
  return t->how != NULL ? KVC_E_OK : kvc_arena_full(t->arena, t->path, err);
}

static kvc_code read_windows(struct trace_json *j, struct sides *s, struct kvc_err *err)
{
  struct points apart = {0};
  kvc_code rc = trace_json_expect(j, '{', err);
  for (bool more = true; more && rc == KVC_E_OK;) {
    struct trace_span key;
    rc = trace_json_string(j, &key, err);
    if (rc == KVC_E_OK) rc = trace_json_expect(j, ':', err);
    if (rc == KVC_E_OK) rc = read_window(j, s, &apart, err);
    if (rc == KVC_E_OK) rc = trace_json_more(j, '}', &more, err);
  }
  free(apart.items);
  return rc;
}

kvc_code trace_read_histograms(struct trace *t, const char *text, size_t len,
                               struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  struct sides s = {0};
  kvc_code rc = read_windows(&j, &s, err);
  if (rc == KVC_E_OK) rc = draw_sides(t, &s, err);
  free(s.prompt.items);
  free(s.output.items);
  return rc;
}
