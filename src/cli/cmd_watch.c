/* cmd_watch.c - kvcap watch: a diagnosis that is drawn again and again.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one command that prints while it runs: on a terminal it redraws in place, else it
 * writes a line a look.  Every look has an arena of its own, so that it can run for days.
 */
#include "commands.h"
#include "watch.h"
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WINDOW = 64, LOOK_CAP_BYTES = 64 << 20, SCREEN_BYTES = 1 << 20 };

static volatile sig_atomic_t ended;
static volatile int stop_fetch;

static void on_end(int number)
{
  (void)number;
  ended = 1;
  stop_fetch = 1;
}

/* Pages of the window, each with its own memory, oldest first. */
struct window {
  struct kvc_arena arenas[MAX_WINDOW];
  struct kvc_page pages[MAX_WINDOW];
  size_t n, most;
};

struct watching {
  struct cli *cli;
  struct diagnose *base; /* arguments and databases */
  struct window window;
  struct watch_history history;
  struct watch_view view;
  int drawn; /* lines on the screen */
};

static void drop_oldest(struct window *w)
{
  kvc_arena_clear(&w->arenas[0]);
  memmove(&w->arenas[0], &w->arenas[1], (w->n - 1) * sizeof w->arenas[0]);
  memmove(&w->pages[0], &w->pages[1], (w->n - 1) * sizeof w->pages[0]);
  w->n--;
}

/* One page more; the oldest one goes when the window is full. */
static kvc_code look(struct watching *w, struct kvc_err *err)
{
  struct cli own = *w->cli;
  struct ingest in = w->base->in;
  struct kvc_record record;
  kvc_arena_init(&own.arena, LOOK_CAP_BYTES);
  in.cli = &own;
  const kvc_code rc = ingest_read(&in, w->view.url, INGEST_METRICS, &record, err);
  w->base->in.fetch = in.fetch;
  if (rc != KVC_E_OK) {
    kvc_arena_clear(&own.arena);
    return rc;
  }
  if (w->window.n == w->window.most) drop_oldest(&w->window);
  w->window.arenas[w->window.n] = own.arena;
  w->window.pages[w->window.n] = *record.page;
  w->window.pages[w->window.n++].scraped_s = cli_now_s();
  return KVC_E_OK;
}

static void measure_terminal(struct watch_view *view, FILE *out)
{
  struct winsize size;
  view->columns = 80;
  view->rows = 24;
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    view->columns = size.ws_col < WATCH_MAX_COLUMNS ? size.ws_col : WATCH_MAX_COLUMNS;
    view->rows = size.ws_row > 3 ? size.ws_row : 24;
  }
  if (view->columns < 40) view->columns = 40;
}

static kvc_code show(struct watching *w, struct kvc_err *err)
{
  struct kvc_buf screen;
  FILE *out = w->cli->world.out;
  kvc_buf_init(&screen, SCREEN_BYTES);
  if (w->cli->world.out_is_tty) {
    measure_terminal(&w->view, out);
    if (w->drawn > 0) kvc_buf_printf(&screen, "\033[%dA", w->drawn);
    kvc_buf_puts(&screen, "\r\033[J");
    const size_t from = screen.len;
    watch_draw(&w->view, &screen);
    w->drawn = 0;
    for (size_t i = from; i < screen.len; i++) w->drawn += screen.text[i] == '\n';
  } else {
    watch_plain(&w->view, &screen);
  }
  const bool written = screen.text != NULL &&
                       fwrite(screen.text, 1, screen.len, out) == screen.len &&
                       fflush(out) == 0;
  kvc_buf_clear(&screen);
  if (!written && !ended)
    return kvc_fail(err, KVC_E_IO, "standard output", "cannot be written");
  return KVC_E_OK;
}

/* The diagnosis of the window, in memory that lasts until it is drawn. */
static kvc_code judge_and_show(struct watching *w, struct kvc_err *err)
{
  struct cli own = *w->cli;
  struct diagnose d = *w->base;
  struct kvc_diagnosis *out;
  kvc_arena_init(&own.arena, LOOK_CAP_BYTES);
  out = kvc_arena_alloc(&own.arena, 1, sizeof *out);
  kvc_code rc = out != NULL ? KVC_E_OK : kvc_arena_full(&own.arena, NULL, err);
  d.cli = &own;
  d.in.cli = &own;
  d.out = out;
  d.pages = w->window.pages;
  d.n_pages = w->window.n;
  if (rc == KVC_E_OK && d.pages[d.n_pages - 1].has_era && d.version == NULL) {
    char text[KVC_VERSION_TEXT];
    kvc_version_format(&d.pages[d.n_pages - 1].era.last, text);
    d.version = kvc_arena_strdup(&own.arena, text);
    d.version_from = "the names of the metrics";
  }
  if (rc == KVC_E_OK) rc = diagnose_judge(&d, err);
  if (rc == KVC_E_OK) {
    watch_history_add(&w->history, &d.live);
    w->view.diagnosis = d.out;
    rc = show(w, err);
  }
  w->view.diagnosis = NULL;
  kvc_arena_clear(&own.arena);
  return rc;
}

static void wait_until(double time_s)
{
  for (double left = time_s - cli_now_s(); left > 0 && !ended;
       left = time_s - cli_now_s()) {
    const double part = left < 0.2 ? left : 0.2;
    struct timespec ts = {.tv_nsec = (long)(part * 1e9)};
    (void)nanosleep(&ts, NULL);
  }
}

static kvc_code run(struct watching *w, struct kvc_err *err)
{
  const struct diagnose_args *a = w->base->args;
  const double begin = cli_now_s();
  for (size_t i = 0; !ended; i++) {
    struct kvc_err why = {0};
    const double due = begin + (double)i * a->every_s;
    if (a->for_s > 0 && due > begin + a->for_s + a->every_s / 2) break;
    wait_until(due);
    if (ended) break;
    const kvc_code rc = look(w, &why);
    w->view.looks = i + 1;
    if (rc != KVC_E_OK && ended) break;
    if (rc != KVC_E_OK && (i == 0 || rc != KVC_E_IO)) { /* a wrong address, or no page */
      *err = why;
      return rc;
    }
    w->view.trouble = rc != KVC_E_OK ? why.msg : NULL;
    /* One look tells only of all the time before it. */
    const bool judged = rc == KVC_E_OK && w->window.n > 1;
    KVC_TRY(judged ? judge_and_show(w, err) : show(w, err));
  }
  return KVC_E_OK;
}

static kvc_code begin(struct watching *w, int argc, char *const *argv,
                      struct kvc_err *err)
{
  struct diagnose *d = w->base;
  KVC_TRY(diagnose_read(d, argc, argv, err));
  struct diagnose_args *a = d->args;
  if (a->size.common.help) return KVC_E_OK;
  if (a->n_metrics + a->size.common.n_words != 1 || a->n_logs + a->n_benches > 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "watch takes one address; for example: kvcap watch "
                    "http://localhost:8000/metrics --gpu H100");
  w->view.url = a->n_metrics > 0 ? a->metrics[0] : a->size.common.words[0];
  if (!(a->every_s > 0)) a->every_s = 5;
  w->view.every_s = a->every_s;
  w->view.history = &w->history;
  w->view.utf8 = w->cli->world.locale_is_utf8;
  w->view.colour = w->cli->world.out_is_tty && !w->cli->world.no_color;
  /* Rates and quantiles over about a minute. */
  const double most = ceil(60 / a->every_s) + 1;
  w->window.most = most < 2 ? 2 : most > MAX_WINDOW ? MAX_WINDOW : (size_t)most;
  d->in.how.stop = &stop_fetch;
  return diagnose_open(d, err);
}

kvc_code cli_cmd_watch(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  struct sigaction act = {.sa_handler = on_end}, int_before, term_before;
  struct watching *w = kvc_arena_alloc(&cli->arena, 1, sizeof *w);
  struct diagnose *d = kvc_arena_alloc(&cli->arena, 1, sizeof *d);
  if (w == NULL || d == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  w->cli = cli;
  w->base = d;
  d->cli = cli;
  d->watching = true;
  KVC_TRY(begin(w, argc, argv, err));
  if (d->args->size.common.help) {
    cli_help_command(cli_command_find("watch"), &cli->out);
    return KVC_E_OK;
  }
  ended = 0;
  stop_fetch = 0;
  (void)sigemptyset(&act.sa_mask);
  (void)sigaction(SIGINT, &act, &int_before);
  (void)sigaction(SIGTERM, &act, &term_before);
  const bool tty = cli->world.out_is_tty;
  if (tty) (void)fputs("\033[?25l", cli->world.out); /* no cursor */
  const kvc_code rc = run(w, err);
  if (tty) (void)fputs("\033[?25h", cli->world.out);
  (void)sigaction(SIGINT, &int_before, NULL);
  (void)sigaction(SIGTERM, &term_before, NULL);
  while (w->window.n > 0) drop_oldest(&w->window);
  ingest_close(&d->in);
  return rc;
}
