/* replay.c - serves a page of metrics on loopback; its counters rise with every scrape.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * replay PAGE           serves it at 127.0.0.1, prints the port, ends with its input
 * replay PAGE N         prints the page as the N-th scrape sees it
 * replay --free-port    prints a port that nobody listens on now
 */
#include <arpa/inet.h>
#include <kvcap/arena.h>
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PAGE = 4 << 20, STEPS = 10 };

/* "# TYPE name counter": whether what follows rises. */
static bool rises(const char *line, size_t len, bool before)
{
  static const char type[] = "# TYPE ", counter[] = " counter",
                    histogram[] = " histogram";
  if (len < sizeof type || strncmp(line, type, sizeof type - 1) != 0) return before;
  return (len > sizeof counter &&
          strncmp(line + len - (sizeof counter - 1), counter, sizeof counter - 1) == 0) ||
         (len > sizeof histogram && strncmp(line + len - (sizeof histogram - 1),
                                            histogram, sizeof histogram - 1) == 0);
}

/* The n-th page: counters and histograms have grown n tenths. */
static void page_at(const char *page, unsigned n, struct kvc_buf *out)
{
  bool up = false;
  for (const char *line = page; *line != '\0';) {
    const size_t len = strcspn(line, "\n");
    size_t cut = len, used;
    double value;
    up = rises(line, len, up);
    while (cut > 0 && line[cut - 1] != ' ') cut--;
    if (up && line[0] != '#' && cut > 0 &&
        kvc_num_scan(line + cut, len - cut, &value, &used)) {
      kvc_buf_add(out, line, cut);
      kvc_buf_printf(out, "%.10g", value * (STEPS + n) / STEPS);
    } else {
      kvc_buf_add(out, line, len);
    }
    kvc_buf_puts(out, "\n");
    line += len + (line[len] == '\n');
  }
}

static bool send_all(int fd, const char *text, size_t len)
{
  while (len > 0) {
    const ssize_t n = write(fd, text, len);
    if (n <= 0) return false;
    text += n;
    len -= (size_t)n;
  }
  return true;
}

static void answer(int fd, const char *page, unsigned n)
{
  char request[4096], head[160];
  struct kvc_buf body;
  kvc_buf_init(&body, 2 * MAX_PAGE);
  if (read(fd, request, sizeof request) > 0) {
    page_at(page, n, &body);
    const int len = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nContent-Type: text/plain; "
                             "version=0.0.4\r\nContent-Length: %zu\r\n"
                             "Connection: close\r\n\r\n",
                             body.len);
    if (send_all(fd, head, (size_t)len)) (void)send_all(fd, body.text, body.len);
  }
  kvc_buf_clear(&body);
}

static int listen_any(unsigned *port)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t len = sizeof at;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &len) != 0)
    return -1;
  *port = ntohs(at.sin_port);
  return fd;
}

/* Until standard input ends: then the test is over, however it ended. */
static int serve(const char *page)
{
  unsigned port, n = 0;
  const int fd = listen_any(&port);
  if (fd < 0) return 1;
  printf("%u\n", port);
  (void)fflush(stdout);
  for (;;) {
    char ignored[64];
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    if (poll(wait, 2, -1) < 0) return 1;
    if (wait[1].revents != 0 && read(0, ignored, sizeof ignored) <= 0) return 0;
    if ((wait[0].revents & POLLIN) == 0) continue;
    const int peer = accept(fd, NULL, NULL);
    if (peer < 0) continue;
    answer(peer, page, n++);
    (void)close(peer);
  }
}

int main(int argc, char **argv)
{
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_buf out;
  char *page;
  size_t len;
  unsigned port;
  int64_t n;
  if (argc == 2 && strcmp(argv[1], "--free-port") == 0)
    return listen_any(&port) >= 0 && printf("%u\n", port) > 0 ? 0 : 1;
  if (argc != 2 && argc != 3) return 2;
  kvc_arena_init(&arena, 2 * MAX_PAGE);
  if (kvc_file_read_into(&arena, argv[1], MAX_PAGE, &page, &len, &err) != KVC_E_OK) {
    fprintf(stderr, "replay: %s: %s\n", err.where, err.msg);
    kvc_arena_clear(&arena);
    return 1;
  }
  int status = 1;
  if (argc == 2) {
    status = serve(page);
  } else if (kvc_num_parse_int(argv[2], "N", 0, 1000, &n, &err) == KVC_E_OK) {
    kvc_buf_init(&out, 2 * MAX_PAGE);
    page_at(page, (unsigned)n, &out);
    status = send_all(1, out.text, out.len) ? 0 : 1;
    kvc_buf_clear(&out);
  }
  kvc_arena_clear(&arena);
  return status;
}
