/* plan_plot.c - frontiers as plots on a terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Both axes are logarithmic.  Options carry their rank, other points a letter; what is
 * further down the list is a dot.
 */
#include "doc_plan.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 44, HEIGHT = 10, EDGE = 9, SPOTS = 200, LISTED = 8 };
static const char DOT[] = "\xe2\x97\x8f";

struct spot {
  double x, y;
  const struct kvc_search_front *front;
  size_t rank;  /* of the option, 0 none */
  char mark[4]; /* "1", "a" or the dot */
};

struct spots {
  struct spot at[SPOTS];
  size_t n;
  size_t more; /* that had no room */
};

static int by_x(const void *a, const void *b)
{
  const struct spot *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  if (p->y != q->y) return p->y < q->y ? -1 : 1;
  return p->rank < q->rank ? -1 : p->rank > q->rank;
}

static void gather(const struct kvc_plan *plan, enum kvc_frontier frontier,
                   struct spots *s)
{
  for (size_t i = 0; i < plan->n_front; i++) {
    const struct kvc_search_front *f = &plan->front[i];
    if (f->frontier != frontier) continue;
    const bool cost = frontier == KVC_FRONTIER_COST_LATENCY;
    const double x = cost ? f->e2e_p95_s : f->tok_per_s_per_user;
    const double y = cost ? f->usd_per_hour : f->tok_per_s_per_gpu;
    if (!(x > 0) || !(y > 0) || !isfinite(x) || !isfinite(y)) continue;
    if (s->n == SPOTS)
      s->more++;
    else
      s->at[s->n++] =
          (struct spot){.x = x, .y = y, .front = f, .rank = plan_rank(plan, f->unit)};
  }
  qsort(s->at, s->n, sizeof s->at[0], by_x);
}

/* The first spot, from the left, that runs the same. */
static size_t first_like(const struct spots *s, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (plan_same(s->at[k].front->unit, s->at[i].front->unit)) return k;
  return i;
}

/* Options have their rank as long as it is one digit; letters go to others as long as
 * the list has room.  What runs the same has the same mark. */
static void name_them(struct spots *s)
{
  size_t room = LISTED, letter = 0;
  for (size_t i = 0; i < s->n; i++)
    if (s->at[i].rank > 0 && s->at[i].rank < 10 && first_like(s, i) == i && room > 0)
      room--;
  for (size_t i = 0; i < s->n; i++) {
    struct spot *one = &s->at[i];
    const size_t like = first_like(s, i);
    if (like < i) {
      (void)memcpy(one->mark, s->at[like].mark, sizeof one->mark);
    } else if (one->rank > 0 && one->rank < 10) {
      one->mark[0] = (char)('0' + one->rank);
    } else if (room > 0) {
      one->mark[0] = (char)('a' + letter++);
      room--;
    } else {
      (void)memcpy(one->mark, DOT, sizeof DOT);
    }
  }
}

struct range {
  double low, high;
};

static void widen(struct range *r, double v)
{
  if (!(v >= r->low)) r->low = v;
  if (!(v <= r->high)) r->high = v;
}

static int place(const struct range *r, double v, int steps)
{
  if (!(r->high > r->low * 1.0001)) return steps / 2;
  const double share = (log(v) - log(r->low)) / (log(r->high) - log(r->low));
  return (int)lround(fmax(0, fmin(share, 1)) * (steps - 1));
}

static void put(struct kvc_doc *doc, const char *text)
{
  (void)kvc_block_add(doc, KVC_BLOCK_CELLS, NULL, text, NULL);
}

/* The spot in each cell, -1 none; of several the better option. */
static void arrange(const struct spots *s, const struct range *x, const struct range *y,
                    int grid[HEIGHT][WIDTH])
{
  for (int row = 0; row < HEIGHT; row++)
    for (int col = 0; col < WIDTH; col++) grid[row][col] = -1;
  for (size_t i = 0; i < s->n; i++) {
    int *cell =
        &grid[HEIGHT - 1 - place(y, s->at[i].y, HEIGHT)][place(x, s->at[i].x, WIDTH)];
    const size_t rank = s->at[i].rank;
    const size_t there = *cell >= 0 ? s->at[*cell].rank : SIZE_MAX;
    if (*cell < 0 || (rank > 0 && (there == 0 || rank < there))) *cell = (int)i;
  }
}

struct frame {
  const char *title, *across;
  const char *(*x_text)(struct kvc_doc *doc, double v);
  const char *(*y_text)(struct kvc_doc *doc, double v);
};

static void draw(struct kvc_doc *doc, const struct spots *s, const struct frame *frame)
{
  struct range x = {(double)NAN, (double)NAN}, y = x;
  int grid[HEIGHT][WIDTH];
  for (size_t i = 0; i < s->n; i++) {
    widen(&x, s->at[i].x);
    widen(&y, s->at[i].y);
  }
  arrange(s, &x, &y, grid);
  const bool flat = !(y.high > y.low * 1.0001);
  for (int row = 0; row < HEIGHT; row++) {
    const char *edge = "";
    if (flat ? row == HEIGHT - 1 - HEIGHT / 2 : row == 0)
      edge = frame->y_text(doc, y.high);
    else if (!flat && row == HEIGHT - 1)
      edge = frame->y_text(doc, y.low);
    const char *line = TEXT(doc, "%s \xe2\x94\x82", plan_padded(doc, edge, -(int)EDGE));
    int last = WIDTH;
    while (last > 0 && grid[row][last - 1] < 0) last--;
    for (int col = 0; col < last; col++)
      line =
          TEXT(doc, "%s%s", line, grid[row][col] < 0 ? " " : s->at[grid[row][col]].mark);
    put(doc, line);
  }
  const char *floor = TEXT(doc, "%s \xe2\x94\x94", plan_padded(doc, "", EDGE));
  for (int col = 0; col < WIDTH; col++) floor = TEXT(doc, "%s\xe2\x94\x80", floor);
  put(doc, floor);
  const char *low = frame->x_text(doc, x.low);
  const char *high = x.high > x.low * 1.0001 ? frame->x_text(doc, x.high) : "";
  const int gap = WIDTH - (int)strlen(low) - (int)strlen(high);
  const char *middle = plan_padded(doc, frame->across,
                                   (gap + (int)strlen(frame->across)) / 2 > 0
                                       ? -((gap + (int)strlen(frame->across)) / 2)
                                       : 1);
  put(doc, TEXT(doc, "%s  %s%s%s", plan_padded(doc, "", EDGE), low,
                plan_padded(doc, middle, gap), high));
}

/* "4 s", or "1.09 s to 4.11 s". */
static const char *span(struct kvc_doc *doc, const struct range *r,
                        const char *(*text)(struct kvc_doc *doc, double v))
{
  const char *low = text(doc, r->low), *high = text(doc, r->high);
  return strcmp(low, high) == 0 ? low : TEXT(doc, "%s to %s", low, high);
}

/* All spots that run as the first one does. */
static void legend_row(struct kvc_doc *doc, const struct kvc_plan *plan,
                       const struct spots *s, size_t first)
{
  const struct spot *one = &s->at[first];
  const struct kvc_search_front *f = one->front;
  struct range x = {(double)NAN, (double)NAN}, y = x, replicas = x;
  for (size_t i = first; i < s->n; i++) {
    if (i > first && first_like(s, i) != first) continue;
    widen(&x, s->at[i].x);
    widen(&y, s->at[i].y);
    widen(&replicas, (double)s->at[i].front->replicas);
  }
  const bool cost = f->frontier == KVC_FRONTIER_COST_LATENCY;
  const char *what = f->what != NULL ? f->what : "";
  if (one->rank > 0)
    what = plan_option_words(doc, plan, &plan->options[one->rank - 1], true);
  if (one->rank > 9) what = TEXT(doc, "%s (option %zu)", what, one->rank);
  if (cost && replicas.high > 1)
    what = TEXT(doc, "%s of %s", span(doc, &replicas, plan_count), what);
  const char *figures = cost ? TEXT(doc, "for %s USD/h, %s", span(doc, &y, plan_usd),
                                    span(doc, &x, plan_time))
                             : TEXT(doc, "with %s a GPU, %s a user",
                                    span(doc, &y, plan_count), span(doc, &x, plan_count));
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, TEXT(doc, "%s:", one->mark),
                      TEXT(doc, "%s %s", what, figures), NULL);
}

static void legend(struct kvc_doc *doc, const struct kvc_plan *plan,
                   const struct spots *s)
{
  size_t left = s->more;
  for (size_t i = 0; i < s->n; i++) {
    if (s->at[i].mark[1] != '\0')
      left++;
    else if (first_like(s, i) == i)
      legend_row(doc, plan, s, i);
  }
  if (left > 0)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, TEXT(doc, "%s:", DOT),
                        TEXT(doc, "%zu more, in --format json", left), NULL);
}

void plan_plots(struct kvc_doc *doc, const struct kvc_plan *plan)
{
  static const struct frame frames[] = {
      [KVC_FRONTIER_COST_LATENCY] = {"Cost against latency: USD/h, where nothing is both "
                                     "cheaper and faster",
                                     "e2e p95", plan_time, plan_usd},
      [KVC_FRONTIER_THROUGHPUT_SPEED] = {"Throughput against speed: tokens/s of a GPU, "
                                         "where nothing beats both",
                                         "tokens/s of one user", plan_count, plan_count}};
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    struct spots *s = kvc_arena_alloc(doc->arena, 1, sizeof *s);
    if (s == NULL) {
      doc->full = true;
      return;
    }
    gather(plan, (enum kvc_frontier)i, s);
    /* A single point is the option that the table has. */
    if (s->n < 2) continue;
    name_them(s);
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, frames[i].title, NULL);
    draw(doc, s, &frames[i]);
    legend(doc, plan, s);
  }
}
