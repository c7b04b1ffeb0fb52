/* test_serverlog_corpus.c - real logs, when KVCAP_CORPUS names the folder: every one is
 * read, and what is read agrees with what a plain search of the text finds and with what
 * SOURCES.tsv states.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <dirent.h>
#include "launch_kit.h"
#include "serverlog_kit.h"

enum { MAX_BYTES = 256 << 20, PIECE = 65521, FIELDS = 11 };

/* A file of the corpus, and its row of SOURCES.tsv ("" when there is none). */
struct file {
  const char *name;
  char *text;
  size_t len;
  char version[64], note[512];
};

static size_t n_read, n_refused, n_versions, n_samples, n_tokens, n_args;

static const char *find(const char *text, const char *end, const char *what)
{
  const size_t n = strlen(what);
  for (const char *p = text; (size_t)(end - p) >= n; p++) {
    p = memchr(p, what[0], (size_t)(end - p) - n + 1);
    if (p == NULL) return NULL;
    if (memcmp(p, what, n) == 0) return p;
  }
  return NULL;
}

static bool has(const struct file *f, const char *what)
{
  return find(f->text, f->text + f->len, what) != NULL;
}

/* Lines of statistics whose first value is whole and which no user wrote. */
static uint64_t stats_in(const struct file *f)
{
  static const char what[] = "Avg prompt throughput: ";
  const char *const end = f->text + f->len;
  uint64_t n = 0;
  for (const char *p = f->text; (p = find(p, end, what)) != NULL;) {
    const char *begin = p;
    while (begin > f->text && begin[-1] != '\n') begin--;
    p += sizeof what - 1;
    const char *q = p;
    while (q < end && (strchr("0123456789.", *q) != NULL && *q != '\0')) q++;
    if (q > p && end - q >= 9 && memcmp(q, " tokens/s", 9) == 0 &&
        find(begin, p, "Received request ") == NULL)
      n++;
  }
  return n;
}

/* The smallest "GPU KV cache size: 1,234 tokens", 0 when none is whole. */
static double tokens_in(const struct file *f)
{
  static const char what[] = "GPU KV cache size: ";
  const char *const end = f->text + f->len;
  double least = 0;
  for (const char *p = f->text; (p = find(p, end, what)) != NULL;) {
    double value = 0;
    p += sizeof what - 1;
    for (; p < end && ((*p >= '0' && *p <= '9') || *p == ','); p++)
      if (*p != ',') value = value * 10 + (*p - '0');
    if (end - p >= 7 && memcmp(p, " tokens", 7) == 0 && (least == 0 || value < least))
      least = value;
  }
  return least;
}

static void check_start(const struct file *f, const struct kvc_log_start *s)
{
  if (s->version != NULL && !has(f, s->version))
    fail_msg("%s: version %s is not in it", f->name, s->version);
  if (has(f, "Initializing a V1 LLM engine") && s->generation == KVC_ENGINE_V0)
    fail_msg("%s: V1 is read as V0", f->name);
  if (has(f, "Initializing a V0 LLM engine") && s->generation == KVC_ENGINE_V1)
    fail_msg("%s: V0 is read as V1", f->name);
  if (s->args_text == NULL) return;
  struct kit *k = kit_new();
  if (kit_parse(k, s->args_text, s->args_len, KVC_LAUNCH_LOG, 0) != KVC_E_OK)
    fail_msg("%s: %s", f->name, k->err.msg);
  if (s->version != NULL &&
      (k->launch.version == NULL || strcmp(k->launch.version, s->version) != 0))
    fail_msg("%s: the arguments lost version %s", f->name, s->version);
  n_args++;
  kit_free(k);
}

static void check_failures(const struct file *f, const struct kvc_serverlog *log)
{
  bool failed = false;
  for (size_t i = 0; i < log->n_events; i++) {
    const enum kvc_log_kind k = log->events[i].kind;
    failed = failed || k == KVC_LOG_OOM || k == KVC_LOG_NO_KV ||
             k == KVC_LOG_KV_TOO_SMALL || k == KVC_LOG_FREE_MEMORY ||
             k == KVC_LOG_ENGINE_DEAD;
  }
  if (strstr(f->note, "FAILS") != NULL && !failed)
    fail_msg("%s: its failure is not seen", f->name);
  if (strstr(f->note, "HEALTHY") != NULL && failed)
    fail_msg("%s: a healthy start is called failed", f->name);
}

static void check_log(const struct file *f, const struct kvc_serverlog *log)
{
  bool stated = f->version[0] == '\0' || !has(f, f->version), told = false;
  double least = 0;
  for (size_t i = 0; i < log->n_starts; i++) {
    const struct kvc_log_start *const s = &log->starts[i];
    check_start(f, s);
    if (s->version != NULL) told = true;
    if (s->version != NULL && strncmp(s->version, f->version, strlen(f->version)) == 0)
      stated = true;
    if (s->memory.kv_tokens > 0 && (least == 0 || s->memory.kv_tokens < least))
      least = s->memory.kv_tokens;
  }
  if (told && !stated) fail_msg("%s is of %s, which is not read", f->name, f->version);
  n_versions += told;
  if (log->sample_lines != stats_in(f))
    fail_msg("%s: %llu lines of statistics, a search finds %llu", f->name,
             (unsigned long long)log->sample_lines, (unsigned long long)stats_in(f));
  n_samples += log->sample_lines;
  if (tokens_in(f) > 0 && least != tokens_in(f))
    fail_msg("%s: %.0f tokens, a search finds %.0f", f->name, least, tokens_in(f));
  n_tokens += least > 0;
  check_failures(f, log);
}

static void print_row(const struct file *f, const struct kvc_serverlog *log)
{
  const struct kvc_log_start *s = kvc_log_last(log);
  static const struct kvc_log_start nothing;
  if (s == NULL) s = &nothing;
  print_message("%-58.58s %-16.16s V%d %-28.28s %7.2f %9.0f %8.2f %5llu %2zu", f->name,
                s->version != NULL ? s->version : "-", (int)s->generation - 1,
                s->model != NULL ? s->model : "-", s->memory.weights_bytes / GIB,
                s->memory.kv_tokens, s->memory.max_concurrency,
                (unsigned long long)log->sample_lines, log->n_starts);
  for (size_t i = 0; i < log->n_events; i++)
    print_message(" %s", kvc_log_kind_name(log->events[i].kind));
  print_message("\n");
}

static void check_file(const struct file *f)
{
  struct read *k = read_pieces(f->text, f->len, PIECE);
  const bool no_log = strstr(f->note, "NOT a log") != NULL;
  if (kvc_log_looks(f->text, f->len) == no_log)
    fail_msg("%s %s like a log", f->name, no_log ? "looks" : "does not look");
  if (no_log) {
    assert_int_equal(k->rc, KVC_E_PARSE);
    n_refused++;
  } else {
    if (k->rc != KVC_E_OK) fail_msg("%s: %s", f->name, k->err.msg);
    check_log(f, &k->log);
    print_row(f, &k->log);
    n_read++;
  }
  read_free(k);
}

/* The row of the file: its release when it is a plain number, and the note. */
static void look_up(const char *sources, struct file *f)
{
  const size_t n = strlen(f->name);
  for (const char *row = sources; row != NULL && *row != '\0';) {
    const char *const end = strchr(row, '\n');
    if (strncmp(row, f->name, n) == 0 && row[n] == '\t') {
      const char *field = row;
      for (int i = 0; i < FIELDS && field != NULL; i++) {
        const size_t len = strcspn(field, "\t\r\n");
        const size_t digits = strspn(field, "0123456789.");
        if (i == 7 && digits == len)
          (void)snprintf(f->version, sizeof f->version, "%.*s", (int)len, field);
        if (i == 10) (void)snprintf(f->note, sizeof f->note, "%.*s", (int)len, field);
        field = field[len] == '\t' ? field + len + 1 : NULL;
      }
      return;
    }
    row = end != NULL ? end + 1 : NULL;
  }
}

static char *folder(const char *name)
{
  static char path[4096];
  const char *corpus = getenv("KVCAP_CORPUS");
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real log was read\n");
    skip();
  }
  (void)snprintf(path, sizeof path, "%s/%s", corpus, name);
  return path;
}

static void real_logs_are_read_as_a_plain_search_reads_them(void **state)
{
  (void)state;
  struct kvc_arena arena;
  char path[4400], *dir_name = folder("logs"), *sources = NULL;
  size_t len;
  struct dirent **names;
  kvc_arena_init(&arena, READ_CAP);
  (void)snprintf(path, sizeof path, "%s/SOURCES.tsv", dir_name);
  if (kvc_file_read_into(&arena, path, MAX_BYTES, &sources, &len, NULL) != KVC_E_OK)
    sources = NULL;
  const int n = scandir(dir_name, &names, NULL, alphasort);
  assert_true(n > 0);
  for (int i = 0; i < n; i++) {
    struct file f = {.name = names[i]->d_name};
    struct kvc_arena one;
    kvc_arena_init(&one, MAX_BYTES);
    (void)snprintf(path, sizeof path, "%s/%s", dir_name, f.name);
    if (f.name[0] != '.' && strcmp(f.name, "SOURCES.tsv") != 0 &&
        kvc_file_read_into(&one, path, MAX_BYTES / 2, &f.text, &f.len, NULL) ==
            KVC_E_OK) {
      if (sources != NULL) look_up(sources, &f);
      check_file(&f);
    }
    kvc_arena_clear(&one);
    free(names[i]);
  }
  free(names);
  kvc_arena_clear(&arena);
  print_message("%zu logs, %zu others refused; %zu with a version, %zu with a pool, %zu "
                "lines of statistics, %zu arguments\n",
                n_read, n_refused, n_versions, n_tokens, n_samples, n_args);
  assert_true(n_read > 0);
}

/* Whether a server may have written in the file, whatever else it is. */
static bool may_be_log(const struct file *f)
{
  static const char *const marks[] = {
      "Avg prompt throughput: ", "GPU KV cache size: ", "non-default args: {",
      "args: Namespace(",        " LLM engine (v",      "API server version ",
      "Loading model weights",   "Model loading took ", "blocks: ",
      "Chunked prefill is",      "EngineDeadError",     "out of memory",
      "Using default MoE",       "model length",        "context length is "};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (has(f, marks[i])) return true;
  return false;
}

static void other_real_files_do_not_look_like_logs(void **state)
{
  static const char *const folders[] = {"bench", "metrics", "dashboards", "workloads"};
  size_t seen = 0, logs = 0;
  (void)state;
  for (size_t d = 0; d < sizeof folders / sizeof *folders; d++) {
    char path[4400], *dir_name = folder(folders[d]);
    DIR *dir = opendir(dir_name);
    if (dir == NULL) continue;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
      struct file f = {.name = e->d_name};
      struct kvc_arena one;
      kvc_arena_init(&one, MAX_BYTES);
      (void)snprintf(path, sizeof path, "%s/%s", dir_name, f.name);
      if (f.name[0] != '.' && kvc_file_read_into(&one, path, MAX_BYTES / 2, &f.text,
                                                 &f.len, NULL) == KVC_E_OK) {
        const bool looks = kvc_log_looks(f.text, f.len);
        if (looks) print_message("%s/%s looks like a log\n", folders[d], f.name);
        if (looks && !may_be_log(&f)) fail_msg("%s looks like a log", f.name);
        seen++;
        logs += looks;
      }
      kvc_arena_clear(&one);
    }
    (void)closedir(dir);
  }
  print_message("%zu other files, %zu of them with lines of a server\n", seen, logs);
  assert_true(logs * 10 <= seen);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(real_logs_are_read_as_a_plain_search_reads_them),
      cmocka_unit_test(other_real_files_do_not_look_like_logs),
  };
  return cmocka_run_group_tests(tests, kit_open, kit_close);
}
