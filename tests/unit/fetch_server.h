/* fetch_server.h - a tiny HTTP server on a loopback socket, for tests.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A thread that serves one connection after the other.  What it was asked is kept.
 */
#ifndef KVC_TESTS_FETCH_SERVER_H
#define KVC_TESTS_FETCH_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/close.h"

enum { SERVER_MAX_ASKED = 16384 };

struct server {
  int fd, quit[2];
  int *stop; /* raised once a slow page was asked for, NULL */
  char base[64], away[128];
  char asked[SERVER_MAX_ASKED]; /* request heads, one after the other */
  size_t asked_len;
  int connections;
  pthread_t thread;
};

/* "vllm:num_requests_running 3.0\n" four times, and 100,000 times 'a'. */
static const unsigned char server_gzip[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x2b, 0xcb, 0xc9, 0xc9,
    0xb5, 0xca, 0x2b, 0xcd, 0x8d, 0x2f, 0x4a, 0x2d, 0x2c, 0x4d, 0x2d, 0x2e, 0x29, 0x8e,
    0x2f, 0x2a, 0xcd, 0xcb, 0xcb, 0xcc, 0x4b, 0x57, 0x30, 0xd6, 0x33, 0xe0, 0x2a, 0xa3,
    0x99, 0x2c, 0x00, 0xaf, 0x67, 0xa6, 0x8d, 0x78, 0x00, 0x00, 0x00};
static const unsigned char server_bomb[133] = {
    0x1f, 0x8b, 0x08, 0,    0,    0,    0,
    0,    0x02, 0xff, 0xed, 0xc1, 0x31, 0x01,
    0,    0,    0,    0xc2, 0xa0, 0xac, 0xeb,
    0x5f, 0xc2, 0x1a, 0x1e, 0x40, 0x01, [123] = 0xaf,
    0x06, 0x87, 0xfa, 0xe2, 0x1b, 0xa0, 0x86,
    0x01, 0};

static void server_send(int fd, const void *bytes, size_t len)
{
  const char *p = bytes;
  while (len > 0) {
    const ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
    if (n <= 0) return;
    p += n;
    len -= (size_t)n;
  }
}

static void server_answer(int fd, const char *status, const char *more, const void *body,
                          size_t len)
{
  char head[512];
  const int n =
      snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
               more, len);
  server_send(fd, head, (size_t)n);
  server_send(fd, body, len);
}

static void server_text(int fd, const char *status, const char *more, const char *body)
{
  server_answer(fd, status, more, body, strlen(body));
}

/* Until the test ends or the client goes. */
static void server_wait(const struct server *s, int fd)
{
  struct pollfd fds[] = {{.fd = s->quit[0], .events = POLLIN},
                         {.fd = fd, .events = POLLIN}};
  (void)poll(fds, 2, 30000);
}

static bool server_asks(const char *head, const char *path)
{
  const size_t len = strlen(path);
  return strncmp(head + 4, path, len) == 0 && head[4 + len] == ' ';
}

/* Answers one request; false to close the connection. */
static bool server_page(struct server *s, int fd, const char *head)
{
  static const char gzip[] = "Content-Encoding: gzip\r\n";
  char away[256];
  (void)snprintf(away, sizeof away, "Location: %s\r\n", s->away);
  if (server_asks(head, "/metrics")) {
    server_text(fd, "200 OK", "", "up 1\n");
  } else if (server_asks(head, "/gzip")) {
    server_answer(fd, "200 OK", gzip, server_gzip, sizeof server_gzip);
  } else if (server_asks(head, "/bomb")) {
    server_answer(fd, "200 OK", gzip, server_bomb, sizeof server_bomb);
  } else if (server_asks(head, "/broken")) {
    server_answer(fd, "200 OK", gzip, "\x1f\x8b\x08 this is no deflate", 22);
  } else if (server_asks(head, "/chunked")) {
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nup \r\n2\r\n1\n\r\n0\r\n\r\n";
    server_send(fd, text, sizeof text - 1);
  } else if (server_asks(head, "/slow")) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup";
    server_send(fd, text, sizeof text - 1);
    if (s->stop != NULL) __atomic_store_n(s->stop, 1, __ATOMIC_SEQ_CST);
    server_wait(s, fd);
    return false;
  } else if (server_asks(head, "/short")) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n";
    server_send(fd, text, sizeof text - 1);
    return false;
  } else if (server_asks(head, "/silent")) {
    return false;
  } else if (server_asks(head, "/endless")) {
    static const char text[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    char x[4096];
    memset(x, 'x', sizeof x);
    server_send(fd, text, sizeof text - 1);
    for (int i = 0; i < 1000; i++) server_send(fd, x, sizeof x);
    return false;
  } else if (server_asks(head, "/secret")) {
    const bool right = strstr(head, "Authorization: Bearer open-sesame\r\n") != NULL;
    server_text(fd, right ? "200 OK" : "401 Unauthorized", "", right ? "up 2\n" : "no");
  } else if (server_asks(head, "/starting")) {
    server_text(fd, "503 Service Unavailable", "", "");
  } else if (server_asks(head, "/nul")) {
    server_answer(fd, "200 OK", "", "up\0 1\n", 6);
  } else if (server_asks(head, "/empty")) {
    server_text(fd, "200 OK", "", "");
  } else if (server_asks(head, "/loop")) {
    server_text(fd, "302 Found", "Location: /loop\r\n", "");
  } else if (server_asks(head, "/nowhere")) {
    server_text(fd, "302 Found", "", "");
  } else if (server_asks(head, "/away")) {
    server_text(fd, "302 Found", away, "");
  } else {
    server_text(fd, "404 Not Found", "", "<h1>no</h1>");
  }
  return true;
}

/* Requests have no body: a head ends them. */
static void server_talk(struct server *s, int fd)
{
  char head[4096];
  size_t n = 0;
  for (;;) {
    const ssize_t got = recv(fd, head + n, sizeof head - 1 - n, 0);
    if (got <= 0) return;
    n += (size_t)got;
    head[n] = '\0';
    if (n < 4 || strcmp(head + n - 4, "\r\n\r\n") != 0) continue;
    if (s->asked_len + n < sizeof s->asked) {
      memcpy(s->asked + s->asked_len, head, n);
      s->asked_len += n;
    }
    if (!server_page(s, fd, head)) return;
    n = 0;
  }
}

static void *server_run(void *ptr)
{
  struct server *s = ptr;
  for (;;) {
    struct pollfd fds[] = {{.fd = s->quit[0], .events = POLLIN},
                           {.fd = s->fd, .events = POLLIN}};
    if (poll(fds, 2, 60000) <= 0 || fds[0].revents != 0) return NULL;
    const int fd = accept(s->fd, NULL, NULL);
    if (fd < 0) return NULL;
    s->connections++;
    server_talk(s, fd);
    (void)close(fd);
  }
}

/* A socket of its own port on 127.0.0.'host'; its address comes into base. */
static int server_bind(int host, char base[64])
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t len = sizeof at;
  at.sin_addr.s_addr = htonl(0x7f000000u + (unsigned)host);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
  (void)snprintf(base, 64, "http://127.0.0.%d:%d", host, ntohs(at.sin_port));
  return fd;
}

static void server_start(struct server *s, int host)
{
  memset(s, 0, sizeof *s);
  s->fd = server_bind(host, s->base);
  assert_int_equal(listen(s->fd, 8), 0);
  assert_int_equal(pipe(s->quit), 0);
  assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

/* After this, what it was asked may be read. */
static void server_end(struct server *s)
{
  assert_int_equal(write(s->quit[1], "q", 1), 1);
  assert_int_equal(pthread_join(s->thread, NULL), 0);
  (void)close(s->fd);
  (void)close(s->quit[0]);
  (void)close(s->quit[1]);
  s->asked[s->asked_len] = '\0';
}

#endif
