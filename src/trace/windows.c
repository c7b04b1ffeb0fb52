/* windows.c - arrivals of a client told by windows of time, as ServeGen keeps them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines of start_s,rate_per_s,cv,pattern,shape,scale without a header; a window lasts to
 * the next line, the last one as long as the one before it.  Of its rate x length
 * requests the gaps have the shape of the pattern (Gamma or Weibull) and fill the window,
 * so that its scale is of no matter.  A window without a pattern has no requests, or
 * evenly random ones where its rate is above 0.
 */
#include "trace_room.h"
#include <kvcap/num.h>
#include <kvcap/rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6, MAX_WINDOWS = 1000000, MAX_DRAWN = 5000000 };
static const double USUAL_LENGTH_S = 600, MOST_RATE = 1e6;

enum pattern { RANDOM, GAMMA, WEIBULL, OTHER };

struct window {
  double start_s, rate_per_s, shape;
  enum pattern pattern;
  int line;
};

struct windows {
  struct window *items;
  size_t n, room;
};

static enum pattern pattern_of(const struct trace_span *name)
{
  static const struct {
    const char *name;
    enum pattern is;
  } known[] = {
      {"", RANDOM}, {"Exponential", RANDOM}, {"Gamma", GAMMA}, {"Weibull", WEIBULL}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == name->len &&
        memcmp(known[i].name, name->text, name->len) == 0)
      return known[i].is;
  return OTHER;
}

/* The fields of a line, blanks around them left out; how many there are. */
static size_t split(const char *p, const char *end, struct trace_span out[FIELDS])
{
  size_t n = 0;
  for (;;) {
    const char *stop = memchr(p, ',', (size_t)(end - p));
    const char *last = stop != NULL ? stop : end;
    const char *first = p;
    while (first < last && (*first == ' ' || *first == '\t')) first++;
    while (last > first && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r'))
      last--;
    if (n < FIELDS) out[n] = (struct trace_span){first, (size_t)(last - first)};
    n++;
    if (stop == NULL) return n;
    p = stop + 1;
  }
}

/* An empty field is 0. */
static bool number(const struct trace_span *s, double *out)
{
  size_t used;
  *out = 0;
  return s->len == 0 ||
         (kvc_num_scan(s->text, s->len, out, &used) && used == s->len && isfinite(*out));
}

static bool is_window(const struct trace_span f[FIELDS], size_t n)
{
  double x;
  if (n != FIELDS || f[0].len == 0 || f[1].len == 0) return false;
  for (size_t i = 0; i < FIELDS; i++)
    if (i != 3 && !number(&f[i], &x)) return false;
  for (size_t i = 0; i < f[3].len; i++)
    if ((f[3].text[i] | 32) < 'a' || (f[3].text[i] | 32) > 'z') return false;
  return true;
}

static const char *line_end(const char *p, const char *end)
{
  const char *stop = memchr(p, '\n', (size_t)(end - p));
  return stop != NULL ? stop : end;
}

bool trace_is_windows(const char *text, size_t len)
{
  struct trace_span f[FIELDS] = {{NULL, 0}};
  const char *end = text + len;
  while (text < end && (*text == '\n' || *text == '\r')) text++;
  return text < end && is_window(f, split(text, line_end(text, end), f));
}

static kvc_code read_window(const struct trace *t, int line, const char *p,
                            const char *end, struct window *w, struct kvc_err *err)
{
  struct trace_span f[FIELDS] = {{NULL, 0}};
  if (!is_window(f, split(p, end, f)))
    return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                       "A window is start_s,rate,cv,pattern,shape,scale.");
  *w = (struct window){.pattern = pattern_of(&f[3]), .line = line};
  (void)number(&f[0], &w->start_s);
  (void)number(&f[1], &w->rate_per_s);
  (void)number(&f[4], &w->shape);
  if (w->pattern == OTHER)
    return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                       "\"%.*s\" is no pattern of gaps that is known: Gamma or Weibull.",
                       (int)(f[3].len < 40 ? f[3].len : 40), f[3].text);
  if (!(w->rate_per_s >= 0 && w->rate_per_s <= MOST_RATE) || !(fabs(w->start_s) < 2e9))
    return kvc_fail_at(err, KVC_E_RANGE, t->path, line, 0,
                       "A window of %g requests a second from %g s is out of range.",
                       w->rate_per_s, w->start_s);
  if (w->pattern != RANDOM && w->rate_per_s > 0 && !(w->shape >= 0.01 && w->shape <= 1e4))
    return kvc_fail_at(err, KVC_E_RANGE, t->path, line, 0,
                       "The shape %g of the gaps is outside 0.01 to 10000.", w->shape);
  return KVC_E_OK;
}

static kvc_code read_all(const struct trace *t, const char *text, size_t len,
                         struct windows *all, struct kvc_err *err)
{
  const char *end = text + len;
  int line = 0;
  for (const char *p = text; p < end;) {
    const char *stop = line_end(p, end);
    line++;
    if (stop > p && !(stop == p + 1 && *p == '\r')) {
      struct window w;
      KVC_TRY(read_window(t, line, p, stop, &w, err));
      if (all->n > 0 && !(w.start_s > all->items[all->n - 1].start_s))
        return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                           "The window does not start after the one before it.");
      if (all->n == MAX_WINDOWS ||
          !trace_room((void **)&all->items, all->n, &all->room, sizeof *all->items))
        return kvc_fail_at(err, KVC_E_LIMIT, t->path, line, 0,
                           "There are more than %d windows.", MAX_WINDOWS);
      all->items[all->n++] = w;
    }
    p = stop < end ? stop + 1 : end;
  }
  return KVC_E_OK;
}

static double gap(struct kvc_rng *rng, const struct window *w)
{
  switch (w->pattern) {
  case GAMMA: return kvc_rng_gamma(rng, w->shape);
  case WEIBULL: return kvc_rng_expf(kvc_rng_log(kvc_rng_exp(rng)) / w->shape);
  default: return kvc_rng_exp(rng);
  }
}

/* n + 1 gaps, scaled to fill the window: the last one leads out of it. */
static kvc_code draw(struct trace *t, struct kvc_rng *rng, const struct window *w,
                     double length_s, struct kvc_err *err)
{
  const double count = floor(w->rate_per_s * length_s + 0.5);
  if (count > (double)MAX_DRAWN - (double)t->n)
    return kvc_fail_at(err, KVC_E_LIMIT, t->path, w->line, 0,
                       "The windows up to this one ask for more than %d requests.",
                       MAX_DRAWN);
  const size_t n = (size_t)count;
  if (n == 0) return KVC_E_OK;
  double *sums = malloc((n + 1) * sizeof *sums);
  if (sums == NULL)
    return kvc_fail(err, KVC_E_LIMIT, t->path, "The machine gave no more memory.");
  double sum = 0;
  for (size_t i = 0; i <= n; i++) sums[i] = sum += gap(rng, w);
  kvc_code rc = KVC_E_OK;
  for (size_t i = 0; i < n && !t->full && rc == KVC_E_OK; i++) {
    struct trace_row row;
    const double part =
        sum > 0 && sum < 1e300 ? sums[i] / sum : (double)(i + 1) / (double)(n + 1);
    trace_row_init(&row);
    row.prompt_tok = row.output_tok = 1;
    if (trace_time(w->start_s + length_s * part, 1e9, &row.arrival_ns))
      rc = trace_add(t, &row, w->line, err);
  }
  free(sums);
  return rc;
}

static kvc_code draw_all(struct trace *t, const struct windows *all, struct kvc_err *err)
{
  struct kvc_rng rng;
  double length_s = USUAL_LENGTH_S;
  kvc_rng_init(&rng, t->options->seed, "gaps of windows");
  for (size_t i = 0; i < all->n && !t->full; i++) {
    if (i + 1 < all->n) length_s = all->items[i + 1].start_s - all->items[i].start_s;
    KVC_TRY(draw(t, &rng, &all->items[i], length_s, err));
  }
  if (t->n == 0)
    return kvc_fail(err, KVC_E_PARSE, t->path, "No window of %zu has a request.", all->n);
  return KVC_E_OK;
}

kvc_code trace_read_windows(struct trace *t, const char *text, size_t len,
                            struct kvc_err *err)
{
  struct windows all = {0};
  kvc_code rc = read_all(t, text, len, &all, err);
  t->unsized = true;
  t->how = "windows of rates: as many requests in each as its rate says, their gaps "
           "drawn in the shape it names";
  if (rc == KVC_E_OK) rc = draw_all(t, &all, err);
  free(all.items);
  return rc;
}
