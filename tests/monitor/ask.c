/* ask.c - asks a Prometheus server on loopback whether everything of kvcap monitor works.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ask PORT dashboard.json diagnosis.json: each rule is evaluated without error, each
 * recording rule and each expression of the dashboard returns numbers, each variable has
 * values, and what is recorded is what `kvcap diagnose` makes of two of the same pages.
 * It asks again for a while: rates want two scrapes.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <kvcap/arena.h>
#include <kvcap/file.h>
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ANSWER = 16 << 20, TRIES = 30 };
static const double TOLERANCE = 1e-6;

struct ask {
  unsigned port;
  const cJSON *dashboard, *figures;
  bool tell; /* the last try: say what is wrong */
  size_t asked, bad, compared;
};

static void wrong(struct ask *a, const char *what, const char *why)
{
  a->bad++;
  if (a->tell) fprintf(stderr, "ask: %s: %s\n", what, why);
}

/* ---- asking
 * ---------------------------------------------------------------------------- */

static cJSON *get(const struct ask *a, const char *path)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  struct kvc_buf out;
  char part[8192];
  cJSON *answer = NULL;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons((in_port_t)a->port);
  kvc_buf_init(&out, MAX_ANSWER);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
    kvc_buf_printf(&out, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    ssize_t n = write(fd, out.text, out.len);
    kvc_buf_clear(&out);
    kvc_buf_init(&out, MAX_ANSWER);
    while (n > 0 && (n = read(fd, part, sizeof part)) > 0)
      kvc_buf_add(&out, part, (size_t)n);
    const char *body = out.text != NULL ? strstr(out.text, "\r\n\r\n") : NULL;
    if (body != NULL) answer = cJSON_Parse(body + 4);
  }
  if (fd >= 0) (void)close(fd);
  kvc_buf_clear(&out);
  return answer;
}

static cJSON *query(const struct ask *a, const char *expr)
{
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  struct kvc_buf path;
  kvc_buf_init(&path, 1 << 16);
  kvc_buf_puts(&path, "/api/v1/query?query=");
  for (const char *p = expr; *p != '\0'; p++)
    kvc_buf_printf(&path, strchr(plain, *p) != NULL ? "%c" : "%%%02X", (unsigned char)*p);
  cJSON *answer = get(a, path.text);
  kvc_buf_clear(&path);
  return answer;
}

static const cJSON *at(const cJSON *map, const char *key)
{
  return cJSON_GetObjectItemCaseSensitive(map, key);
}

static const char *text_at(const cJSON *map, const char *key)
{
  const char *text = cJSON_GetStringValue(at(map, key));
  return text != NULL ? text : "";
}

/* Numbers came back, none of them NaN; the largest of them. */
static bool has_data(struct ask *a, const char *what, const char *expr, double *largest)
{
  cJSON *answer = query(a, expr);
  const cJSON *result = at(at(answer, "data"), "result"), *one;
  bool nan = false;
  *largest = -INFINITY;
  a->asked++;
  cJSON_ArrayForEach(one, result)
  {
    double v = NAN;
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(at(one, "value"), 1));
    if (text == NULL || kvc_num_parse(text, "", &v, NULL) != KVC_E_OK) nan = true;
    if (v > *largest) *largest = v;
  }
  const bool ok = cJSON_GetArraySize(result) > 0 && !nan;
  if (!ok)
    wrong(a, what,
          nan                                                 ? "a value is no number"
          : strcmp(text_at(answer, "status"), "success") == 0 ? "no data"
                                                              : text_at(answer, "error"));
  if (!ok && a->tell) fprintf(stderr, "     %s\n", expr);
  cJSON_Delete(answer);
  return ok;
}

/* ---- rules
 * ------------------------------------------------------------------------------- */

/* Of time, or of the moment in it: two pages and a server say different things. */
static bool comparable(const char *figure)
{
  static const char *const not [] = {
      "request_per_s", "prompt_tps", "generation_tps",   "preemption_per_s",
      "api_cpu_cores", "rejections", "transfer_failures"};
  for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
    if (strcmp(not [i], figure) == 0) return false;
  return true;
}

static void compare(struct ask *a, const char *record, double is)
{
  const char *figure = strchr(record, ':');
  const cJSON *said = figure != NULL ? at(a->figures, figure + 1) : NULL;
  if (said == NULL || !comparable(figure + 1)) return;
  const double want = cJSON_GetNumberValue(at(said, "value"));
  char why[120];
  (void)snprintf(why, sizeof why, "recorded %.9g, kvcap diagnose has %.9g", is, want);
  if (!(fabs(is - want) <= TOLERANCE * fmax(1, fabs(want)))) wrong(a, record, why);
  a->compared++;
}

static void ask_rules(struct ask *a)
{
  cJSON *answer = get(a, "/api/v1/rules");
  const cJSON *groups = at(at(answer, "data"), "groups"), *group, *rule;
  if (cJSON_GetArraySize(groups) != 2) wrong(a, "rules", "not two groups");
  cJSON_ArrayForEach(group, groups) cJSON_ArrayForEach(rule, at(group, "rules"))
  {
    const char *name = text_at(rule, "name");
    double largest;
    a->asked++;
    if (strcmp(text_at(rule, "health"), "ok") != 0)
      wrong(a, name, text_at(rule, "lastError"));
    if (strcmp(text_at(rule, "type"), "recording") == 0 &&
        has_data(a, name, name, &largest))
      compare(a, name, largest);
  }
  cJSON_Delete(answer);
}

/* ---- the dashboard
 * ------------------------------------------------------------------------- */

/* As Grafana fills its variables in; "All" is ".*". */
static void fill_in(const char *expr, struct kvc_buf *out)
{
  static const char *const values[][2] = {{"$__rate_interval", "1m"},
                                          {"$window", "5m"},
                                          {"$engine", ".*"},
                                          {"$model", ".*"},
                                          {"$job", ".*"}};
  for (const char *p = expr; *p != '\0';) {
    size_t i = 0;
    while (i < 5 && strncmp(p, values[i][0], strlen(values[i][0])) != 0) i++;
    if (i < 5) {
      kvc_buf_puts(out, values[i][1]);
      p += strlen(values[i][0]);
    } else {
      kvc_buf_add(out, p++, 1);
    }
  }
}

static void ask_panels(struct ask *a, const cJSON *panels)
{
  const cJSON *panel, *target;
  cJSON_ArrayForEach(panel, panels)
  {
    cJSON_ArrayForEach(target, at(panel, "targets"))
    {
      struct kvc_buf expr;
      double ignored;
      kvc_buf_init(&expr, 1 << 14);
      fill_in(text_at(target, "expr"), &expr);
      (void)has_data(a, text_at(panel, "title"), expr.text, &ignored);
      kvc_buf_clear(&expr);
    }
    ask_panels(a, at(panel, "panels"));
  }
}

/* label_values(selector, label) has some when the series carry the label. */
static void ask_variables(struct ask *a)
{
  const cJSON *variable;
  cJSON_ArrayForEach(variable, at(at(a->dashboard, "templating"), "list"))
  {
    static const char start[] = "label_values(";
    const char *text = text_at(variable, "definition"), *comma = strrchr(text, ',');
    struct kvc_buf selector, expr;
    double ignored;
    if (strncmp(text, start, sizeof start - 1) != 0 || comma == NULL) continue;
    kvc_buf_init(&selector, 1 << 12);
    kvc_buf_init(&expr, 1 << 12);
    kvc_buf_printf(&selector, "group by (%.*s) (%.*s) > 0", (int)(strlen(comma + 2) - 1),
                   comma + 2, (int)(comma - text) - (int)(sizeof start - 1),
                   text + sizeof start - 1);
    fill_in(selector.text, &expr);
    (void)has_data(a, text_at(variable, "name"), expr.text, &ignored);
    kvc_buf_clear(&selector);
    kvc_buf_clear(&expr);
  }
}

/* ---- the whole
 * ------------------------------------------------------------------------------- */

static bool ask_all(struct ask *a)
{
  a->asked = a->bad = a->compared = 0;
  ask_rules(a);
  ask_panels(a, at(a->dashboard, "panels"));
  ask_variables(a);
  if (a->compared < 10) wrong(a, "diagnosis", "fewer than ten figures to compare");
  return a->bad == 0;
}

static cJSON *json_file(struct kvc_arena *arena, const char *path)
{
  struct kvc_err err;
  char *text;
  size_t len;
  if (kvc_file_read_into(arena, path, MAX_ANSWER, &text, &len, &err) != KVC_E_OK)
    return NULL;
  return cJSON_Parse(text);
}

int main(int argc, char **argv)
{
  struct kvc_arena arena;
  struct ask a = {0};
  int64_t port;
  bool ok = false;
  if (argc != 4 || kvc_num_parse_int(argv[1], "PORT", 1, 65535, &port, NULL) != KVC_E_OK)
    return 2;
  kvc_arena_init(&arena, 2 * MAX_ANSWER);
  cJSON *dashboard = json_file(&arena, argv[2]), *diagnosis = json_file(&arena, argv[3]);
  a.port = (unsigned)port;
  a.dashboard = dashboard;
  a.figures = at(diagnosis, "figures");
  for (int i = 1; i <= TRIES && !ok && dashboard != NULL && diagnosis != NULL; i++) {
    const struct timespec second = {.tv_sec = 1};
    (void)nanosleep(&second, NULL);
    a.tell = i == TRIES;
    ok = ask_all(&a);
  }
  printf("%zu asked, %zu wrong, %zu compared with kvcap diagnose\n", a.asked, a.bad,
         a.compared);
  cJSON_Delete(dashboard);
  cJSON_Delete(diagnosis);
  kvc_arena_clear(&arena);
  return ok ? 0 : 1;
}
