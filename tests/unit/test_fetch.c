/* test_fetch.c - pages come over HTTP within limits, and failures say what would help.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/fetch.h>
#include <stdlib.h>
#include "fetch_server.h"

/* One server and one client. */
struct kit {
  struct server server;
  struct kvc_fetch *fetch;
  struct kvc_err err;
  const char *body;
  size_t len;
};

static struct kit kit;

static void begin(const struct kvc_fetch_options *options)
{
  memset(&kit, 0, sizeof kit);
  server_start(&kit.server, 1);
  assert_int_equal(kvc_fetch_open(options, &kit.fetch, &kit.err), KVC_E_OK);
}

static void end(void)
{
  kvc_fetch_close(kit.fetch);
  server_end(&kit.server);
}

static kvc_code get(const char *page)
{
  char url[256];
  (void)snprintf(url, sizeof url, "%s%s", kit.server.base, page);
  return kvc_fetch_get(kit.fetch, url, &kit.body, &kit.len, &kit.err);
}

static void assert_page(const char *page, const char *want)
{
  if (get(page) != KVC_E_OK) fail_msg("%s: %s", page, kit.err.msg);
  assert_int_equal(kit.len, strlen(want));
  assert_string_equal(kit.body, want);
}

static void assert_fails(const char *page, kvc_code code, const char *words)
{
  assert_int_equal(get(page), code);
  if (strstr(kit.err.msg, words) == NULL)
    fail_msg("%s: \"%s\" lacks \"%s\"", page, kit.err.msg, words);
  assert_non_null(strstr(kit.err.where, kit.server.base));
}

static const struct kvc_fetch_options plain = {.timeout_s = 20};

static void a_page_comes_plain_chunked_and_gzipped(void **state)
{
  (void)state;
  begin(&plain);
  assert_page("/metrics", "up 1\n");
  assert_page("/chunked", "up 1\n");
  assert_page("/gzip", "vllm:num_requests_running 3.0\nvllm:num_requests_running 3.0\n"
                       "vllm:num_requests_running 3.0\nvllm:num_requests_running 3.0\n");
  assert_page("/empty", "");
  end();
}

static void a_bare_host_gets_metrics(void **state)
{
  (void)state;
  begin(&plain);
  assert_page("", "up 1\n");
  assert_page("/", "up 1\n");
  assert_page("/metrics#part", "up 1\n");
  end();
  assert_null(strstr(kit.server.asked, "GET / "));
}

static void a_connection_is_kept_between_gets(void **state)
{
  (void)state;
  begin(&plain);
  for (int i = 0; i < 5; i++) assert_page("", "up 1\n");
  assert_fails("/nothing", KVC_E_IO, "404");
  assert_page("", "up 1\n");
  end();
  assert_int_equal(kit.server.connections, 1);
}

static void a_request_says_who_asks_and_what_is_understood(void **state)
{
  (void)state;
  begin(&plain);
  assert_page("", "up 1\n");
  end();
  assert_non_null(strstr(kit.server.asked, "User-Agent: kvcap/" KVC_VERSION "\r\n"));
  assert_non_null(strstr(kit.server.asked, "Accept: text/plain;version=0.0.4, "
                                           "application/openmetrics-text;version=1.0.0"));
  assert_non_null(strstr(kit.server.asked, "gzip"));
  assert_null(strstr(kit.server.asked, "Authorization"));
  assert_null(strstr(kit.server.asked, "Cookie"));
}

static void a_status_is_a_sentence_with_what_would_help(void **state)
{
  (void)state;
  begin(&plain);
  assert_fails("/nothing", KVC_E_IO, "/metrics of its HTTP port");
  assert_fails("/secret", KVC_E_IO, "401; it wants a bearer token, which was not given");
  assert_fails("/starting", KVC_E_IO, "503; the server is not ready");
  assert_fails("/nowhere", KVC_E_IO, "302 and no page");
  assert_null(strstr(kit.err.msg, "<h1>"));
  end();
}

static void a_token_opens_the_page_and_shows_nowhere(void **state)
{
  (void)state;
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .token = "open-sesame"});
  assert_page("/secret", "up 2\n");
  assert_page("/secret", "up 2\n");
  assert_fails("/nothing", KVC_E_IO, "404");
  assert_null(strstr(kit.err.msg, "sesame"));
  end();
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .token = "wrong-word"});
  assert_fails("/secret", KVC_E_IO, "401; the bearer token is not the one it wants");
  assert_null(strstr(kit.err.msg, "wrong-word"));
  assert_null(strstr(kit.err.where, "wrong-word"));
  end();
}

static void a_token_that_could_start_a_header_is_refused(void **state)
{
  (void)state;
  static const char *const tokens[] = {"",    "a\n",   "a\r\nX: y",
                                       "a b", "a\x7f", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
    struct kvc_fetch *fetch = NULL;
    struct kvc_err err;
    const struct kvc_fetch_options options = {.token = tokens[i]};
    assert_int_equal(kvc_fetch_open(&options, &fetch, &err), KVC_E_USAGE);
    assert_null(fetch);
    assert_null(strstr(err.msg, "X: y"));
  }
}

/* 'host' is where the second server listens; the first sends people there. */
static void redirect_with_token(int host, bool *arrived)
{
  static struct server other;
  server_start(&other, host);
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .token = "open-sesame"});
  (void)snprintf(kit.server.away, sizeof kit.server.away, "%s/secret", other.base);
  assert_fails("/away", KVC_E_IO, "the token is only for the first");
  assert_null(strstr(kit.err.msg, "sesame"));
  end();
  server_end(&other);
  *arrived = strstr(other.asked, "GET /secret") != NULL;
  assert_non_null(strstr(kit.server.asked, "Bearer open-sesame"));
  assert_null(strstr(other.asked, "sesame"));
  assert_null(strstr(other.asked, "Authorization"));
}

static void a_redirect_to_another_host_or_port_does_not_carry_the_token(void **state)
{
  (void)state;
  bool arrived = false;
  redirect_with_token(2, &arrived);
  assert_true(arrived);
  redirect_with_token(1, &arrived);
  assert_true(arrived);
}

static void a_redirect_on_the_same_server_keeps_the_token(void **state)
{
  (void)state;
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .token = "open-sesame"});
  (void)snprintf(kit.server.away, sizeof kit.server.away, "/secret");
  assert_page("/away", "up 2\n");
  end();
}

static void redirects_end_and_stay_on_http(void **state)
{
  (void)state;
  begin(&plain);
  assert_fails("/loop", KVC_E_IO, "redirects without end");
  static const char *const elsewhere[] = {"file:///etc/hostname", "ftp://127.0.0.1/x",
                                          "gopher://127.0.0.1/"};
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
    (void)snprintf(kit.server.away, sizeof kit.server.away, "%s", elsewhere[i]);
    assert_fails("/away", KVC_E_IO, "redirect to http or https");
  }
  end();
  int loops = 0;
  for (const char *p = kit.server.asked; (p = strstr(p, "GET /loop")) != NULL; p++)
    loops++;
  assert_int_equal(loops, 6);
}

static void a_body_is_limited_while_it_streams_and_after_decompression(void **state)
{
  (void)state;
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .max_bytes = 50000});
  assert_fails("/endless", KVC_E_LIMIT, "larger than the 50000 bytes allowed");
  assert_fails("/bomb", KVC_E_LIMIT, "larger than the 50000 bytes allowed");
  assert_page("/metrics", "up 1\n");
  end();
  begin(&(struct kvc_fetch_options){.timeout_s = 20, .max_bytes = 100000});
  assert_int_equal(get("/bomb"), KVC_E_OK);
  assert_int_equal(kit.len, 100000);
  assert_int_equal(strspn(kit.body, "a"), 100000);
  end();
}

static void a_slow_answer_runs_into_the_timeout(void **state)
{
  (void)state;
  begin(&(struct kvc_fetch_options){.timeout_s = 0.2});
  assert_fails("/slow", KVC_E_IO, "not complete after 0.2 s");
  end();
}

/* Were the flag not seen, the timeout would speak. */
static void the_stop_flag_breaks_off(void **state)
{
  (void)state;
  static int stop;
  stop = 0;
  begin(&(struct kvc_fetch_options){.timeout_s = 25, .stop = &stop});
  kit.server.stop = &stop;
  assert_fails("/slow", KVC_E_IO, "broken off");
  assert_fails("/metrics", KVC_E_IO, "broken off");
  stop = 0;
  assert_page("/metrics", "up 1\n");
  end();
}

static void a_damaged_or_foreign_answer_is_named(void **state)
{
  (void)state;
  begin(&plain);
  assert_fails("/nul", KVC_E_IO, "not text");
  assert_fails("/broken", KVC_E_IO, "compressed answer is damaged");
  assert_fails("/short", KVC_E_IO, "ended before it was complete");
  assert_fails("/silent", KVC_E_IO, "closed the connection without an answer");
  assert_page("/metrics", "up 1\n");
  end();
}

static void what_cannot_be_reached_is_named(void **state)
{
  (void)state;
  char base[64], url[128], label[67]; /* longer than a part of a name may be */
  struct kvc_err err;
  struct kvc_fetch *fetch = NULL;
  const char *body = NULL;
  size_t len = 0;
  memset(label, 'x', sizeof label - 1);
  label[sizeof label - 1] = '\0';
  const int fd = server_bind(1, base); /* nobody listens */
  assert_int_equal(kvc_fetch_open(&plain, &fetch, &err), KVC_E_OK);
  assert_int_equal(kvc_fetch_get(fetch, base, &body, &len, &err), KVC_E_IO);
  assert_non_null(strstr(err.msg, "no server accepts connections there"));
  (void)snprintf(url, sizeof url, "http://%s/", label);
  assert_int_equal(kvc_fetch_get(fetch, url, &body, &len, &err), KVC_E_IO);
  if (strstr(err.msg, "name of the server is not known") == NULL) fail_msg("%s", err.msg);
  assert_null(body);
  kvc_fetch_close(fetch);
  (void)close(fd);
}

static void a_plain_server_asked_for_tls_is_named(void **state)
{
  (void)state;
  begin(&plain);
  char url[128];
  (void)snprintf(url, sizeof url, "https%.40s/metrics", kit.server.base + 4);
  /* The hello of TLS is no HTTP request: the server waits for more of it. */
  kvc_fetch_close(kit.fetch);
  const struct kvc_fetch_options quick = {.timeout_s = 0.2};
  assert_int_equal(kvc_fetch_open(&quick, &kit.fetch, &kit.err), KVC_E_OK);
  assert_int_equal(kvc_fetch_get(kit.fetch, url, &kit.body, &kit.len, &kit.err),
                   KVC_E_IO);
  assert_non_null(strstr(kit.err.where, "https://127.0.0.1"));
  end();
}

static void a_missing_ca_file_is_named(void **state)
{
  (void)state;
  begin(&(struct kvc_fetch_options){.timeout_s = 5, .ca_file = "no-such-file.pem"});
  char url[128];
  (void)snprintf(url, sizeof url, "https%.40s/metrics", kit.server.base + 4);
  assert_int_equal(kvc_fetch_get(kit.fetch, url, &kit.body, &kit.len, &kit.err),
                   KVC_E_IO);
  assert_non_null(strstr(kit.err.msg, "file of certificate authorities cannot be read"));
  end();
}

static void only_addresses_are_taken(void **state)
{
  (void)state;
  assert_true(kvc_fetch_is_url("http://h"));
  assert_true(kvc_fetch_is_url("HTTPS://h"));
  assert_false(kvc_fetch_is_url("server.log"));
  assert_false(kvc_fetch_is_url("file:///etc/passwd"));
  begin(&plain);
  static const char *const bad[] = {
      "file:///etc/hostname", "localhost:8000", "http://",
      "http://h:99999/",      "http://a b/",    "http://h\n/"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (kvc_fetch_get(kit.fetch, bad[i], &kit.body, &kit.len, &kit.err) != KVC_E_USAGE)
      fail_msg("\"%s\" was taken", bad[i]);
    assert_non_null(strstr(kit.err.msg, "http://localhost:8000"));
  }
  end();
}

static void a_password_in_the_address_shows_nowhere(void **state)
{
  (void)state;
  begin(&plain);
  char url[128];
  (void)snprintf(url, sizeof url, "http://me:sesame@%.40s/nothing?key=hidden",
                 kit.server.base + 7);
  assert_int_equal(kvc_fetch_get(kit.fetch, url, &kit.body, &kit.len, &kit.err),
                   KVC_E_IO);
  assert_null(strstr(kit.err.where, "sesame"));
  assert_null(strstr(kit.err.where, "hidden"));
  assert_null(strstr(kit.err.msg, "sesame"));
  end();
  assert_non_null(strstr(kit.server.asked, "GET /nothing?key=hidden "));
}

static void impossible_times_are_refused(void **state)
{
  (void)state;
  static const double bad[] = {-1, 1e9, (double)NAN, (double)INFINITY};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct kvc_fetch *fetch = NULL;
    struct kvc_err err;
    const struct kvc_fetch_options options = {.timeout_s = bad[i]};
    assert_int_equal(kvc_fetch_open(&options, &fetch, &err), KVC_E_RANGE);
  }
  kvc_fetch_close(NULL);
}

int main(void)
{
  /* A proxy of the machine is none of the tests' business. */
  (void)setenv("no_proxy", "*", 1);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_page_comes_plain_chunked_and_gzipped),
      cmocka_unit_test(a_bare_host_gets_metrics),
      cmocka_unit_test(a_connection_is_kept_between_gets),
      cmocka_unit_test(a_request_says_who_asks_and_what_is_understood),
      cmocka_unit_test(a_status_is_a_sentence_with_what_would_help),
      cmocka_unit_test(a_token_opens_the_page_and_shows_nowhere),
      cmocka_unit_test(a_token_that_could_start_a_header_is_refused),
      cmocka_unit_test(a_redirect_to_another_host_or_port_does_not_carry_the_token),
      cmocka_unit_test(a_redirect_on_the_same_server_keeps_the_token),
      cmocka_unit_test(redirects_end_and_stay_on_http),
      cmocka_unit_test(a_body_is_limited_while_it_streams_and_after_decompression),
      cmocka_unit_test(a_slow_answer_runs_into_the_timeout),
      cmocka_unit_test(the_stop_flag_breaks_off),
      cmocka_unit_test(a_damaged_or_foreign_answer_is_named),
      cmocka_unit_test(what_cannot_be_reached_is_named),
      cmocka_unit_test(a_plain_server_asked_for_tls_is_named),
      cmocka_unit_test(a_missing_ca_file_is_named),
      cmocka_unit_test(only_addresses_are_taken),
      cmocka_unit_test(a_password_in_the_address_shows_nowhere),
      cmocka_unit_test(impossible_times_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
