/* starts.c - the starts of a server in one log: where one begins, what it is.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A start begins with its version, its arguments or its configuration, whichever the log
 * has first; a second one of what a start has once begins the next.
 */
#include "serverlog_room.h"
#include <string.h>

enum { NEAR_LINES = 32 }; /* within which a head may repeat itself */

/* ---- the list ---------------------------------------------------------------------- */

static void clear_memory(struct kvc_log_memory *m)
{
  const double n = (double)NAN;
  *m = (struct kvc_log_memory){.weights_bytes = n,
                               .load_s = n,
                               .activation_peak_bytes = n,
                               .non_torch_bytes = n,
                               .graph_bytes = n,
                               .graph_estimate_bytes = n,
                               .graph_s = n,
                               .available_kv_bytes = n,
                               .kv_tokens = n,
                               .gpu_blocks = n,
                               .cpu_blocks = n,
                               .max_concurrency = n,
                               .concurrency_len_tok = n,
                               .gpu_total_bytes = n,
                               .gpu_free_bytes = n,
                               .requested_bytes = n,
                               .gpu_memory_utilization = n,
                               .profile_s = n,
                               .init_s = n,
                               .compile_s = n,
                               .max_model_len_tok = n,
                               .max_num_batched_tok = n,
                               .suggested_kv_bytes = {n, n},
                               .override_blocks = n};
}

/* Memory for one more: new, or that of the first of the last ones, which is dropped. */
static struct slog_start *take_slot(struct kvc_log_reader *r)
{
  if (r->n_starts == KVC_LOG_MAX_STARTS) {
    struct slog_start *const old = r->starts[SLOG_FIRST_STARTS];
    slog_events_forget(r, SLOG_FIRST_STARTS);
    memmove(&r->starts[SLOG_FIRST_STARTS], &r->starts[SLOG_FIRST_STARTS + 1],
            (KVC_LOG_MAX_STARTS - SLOG_FIRST_STARTS - 1) * sizeof *r->starts);
    r->n_starts--;
    r->view.skipped_starts++;
    return old;
  }
  struct slog_start *const made = kvc_arena_alloc(r->arena, 1, sizeof *made);
  if (made == NULL) return NULL;
  made->args = kvc_arena_alloc(r->arena, SLOG_ARGS_BYTES + 1, 1);
  made->config = kvc_arena_alloc(r->arena, SLOG_ARGS_BYTES + 1, 1);
  made->text = kvc_arena_alloc(r->arena, SLOG_ARGS_BYTES + SLOG_VERSION_BYTES + 64, 1);
  return made->args != NULL && made->config != NULL && made->text != NULL ? made : NULL;
}

static struct slog_start *new_start(struct kvc_log_reader *r, const struct slog_seg *s)
{
  const double n = (double)NAN;
  struct slog_start *const start = take_slot(r);
  if (start == NULL) {
    r->full = true;
    return r->n_starts > 0 ? r->starts[r->n_starts - 1] : NULL;
  }
  char *const args = start->args, *const config = start->config,
              *const text = start->text;
  *start = (struct slog_start){.args = args,
                               .config = config,
                               .text = text,
                               .block_size = n,
                               .load_weights_s = n,
                               .consumed_bytes = n,
                               .torch_peak_bytes = n};
  start->pub.line = s->line;
  clear_memory(&start->pub.memory);
  r->starts[r->n_starts++] = start;
  memset(r->samples.open, 0, sizeof r->samples.open);
  return start;
}

struct slog_start *slog_start_last(struct kvc_log_reader *r)
{
  return r->n_starts > 0 ? r->starts[r->n_starts - 1] : NULL;
}

struct slog_start *slog_start_now(struct kvc_log_reader *r, const struct slog_seg *s)
{
  struct slog_start *const last = slog_start_last(r);
  return last != NULL ? last : new_start(r, s);
}

struct slog_start *slog_start_for(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_start *const last = slog_start_last(r);
  /* Weights are loaded again behind a server that serves: its head is not in the log. */
  if (last != NULL && hit->arg == SLOG_WEIGHTS && last->saw_pool && last->pub.ready)
    return new_start(r, hit->seg);
  return slog_start_now(r, hit->seg);
}

/* Nothing of it was seen that its head comes before. */
static bool is_head(const struct slog_start *start)
{
  return !start->saw_config && !start->saw_weights && !start->saw_pool &&
         !start->failed && !start->pub.ready;
}

/* ---- version and model ------------------------------------------------------------- */

/* Length of a release's name at text[at], 0 when there is none. */
static size_t version_len(const struct slog_seg *s, size_t at)
{
  size_t n = 0;
  while (at + n < s->len && n < SLOG_VERSION_BYTES - 1) {
    const char c = s->text[at + n];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          c == '.' || c == '+' || c == '_' || c == '-'))
      break;
    n++;
  }
  while (n > 0 && s->text[at + n - 1] == '.') n--;
  if (n == 0 || s->text[at] < '0' || s->text[at] > '9') return 0;
  return memchr(s->text + at, '.', n) != NULL || slog_starts(s->text, s->len, at, "dev")
             ? n
             : 0;
}

static bool set_version(struct slog_start *start, const struct slog_seg *s, size_t at)
{
  char name[SLOG_VERSION_BYTES];
  struct kvc_version v;
  if (at < s->len && s->text[at] == 'v') at++;
  const size_t n = version_len(s, at);
  if (n == 0) return false;
  memcpy(name, s->text + at, n);
  name[n] = '\0';
  if (kvc_version_parse(name, "log", &v, NULL) != KVC_E_OK) return false;
  if (start != NULL && start->version[0] == '\0') memcpy(start->version, name, n + 1);
  return true;
}

static void set_model(struct slog_start *start, const struct slog_seg *s, size_t at,
                      size_t to)
{
  if (to > at) slog_clean(s->text + at, to - at, start->model, sizeof start->model);
}

/* The Python string behind 'key' in text[from..to). */
static bool quoted(const struct slog_seg *s, size_t from, size_t to, const char *key,
                   size_t *at, size_t *end)
{
  for (size_t i = slog_find(s->text, to, from, key); i != SIZE_MAX;
       i = slog_find(s->text, to, i + 1, key)) {
    const char before = i > from ? s->text[i - 1] : ' ';
    if (before != ' ' && before != '(' && before != '{') continue;
    i += strlen(key);
    const char *const close =
        i < to ? memchr(s->text + i, key[strlen(key) - 1], to - i) : NULL;
    if (close == NULL) return false;
    *at = i;
    *end = (size_t)(close - s->text);
    return true;
  }
  return false;
}

/* The number behind a key of a dump: 'key': 16 or key=16. */
static double keyed(const struct slog_seg *s, size_t from, size_t to, const char *key)
{
  double value;
  size_t i = slog_find(s->text, to, from, key);
  if (i == SIZE_MAX || (i > from && s->text[i - 1] == '_')) return (double)NAN;
  i += strlen(key);
  if (!slog_skip(s, &i, "=") && !slog_skip(s, &i, "': ") && !slog_skip(s, &i, "\": "))
    return (double)NAN;
  return slog_number(s, &i, &value) && slog_ends(s, i) ? value : (double)NAN;
}

void slog_version(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_start *start = slog_start_last(r);
  if (!set_version(NULL, hit->seg, hit->end)) return;
  slog_met(r, hit->seg, hit->at);
  if (hit->arg == 1) { /* in passing */
    (void)set_version(slog_start_now(r, hit->seg), hit->seg, hit->end);
    return;
  }
  if (start != NULL && is_head(start) && start->saw_version && !start->saw_args &&
      hit->seg->line - start->pub.line < NEAR_LINES &&
      slog_starts(hit->seg->text, hit->seg->len, hit->end, start->version))
    return; /* said once more, by the banner */
  if (start == NULL || !is_head(start) || start->saw_version || start->saw_args)
    start = new_start(r, hit->seg);
  if (start == NULL) return;
  (void)set_version(start, hit->seg, hit->end);
  start->saw_version = true;
}

/* Block letters stand in front of the two lines of the banner. */
static bool in_banner(const struct slog_seg *s, size_t at)
{
  for (size_t i = at; i > 0 && at - i < 80; i--)
    if ((unsigned char)s->text[i - 1] >= 0x80) return true;
  return false;
}

void slog_banner(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  if (!in_banner(s, hit->at)) return;
  if (hit->arg == 0) {
    slog_version(r, hit);
    return;
  }
  struct slog_start *const start = slog_start_last(r);
  size_t to = hit->end;
  while (to < s->len && s->text[to] != ' ') to++;
  if (start != NULL && start->model[0] == '\0' && is_head(start))
    set_model(start, s, hit->end, to);
}

/* ---- arguments and configuration ------------------------------------------------------
 */

/* Where a dump ends, whatever a terminal padded it with. */
static bool is_whole(const char *text, size_t len)
{
  while (len > 0 && text[len - 1] == ' ') len--;
  return len > 0 && (text[len - 1] == '}' || text[len - 1] == ')');
}

static void args_done(struct slog_start *start)
{
  static const char *const keys[] = {"'model_tag': '", "'model': '", "model_tag='",
                                     "model='"};
  const size_t to = start->args_len;
  const struct slog_seg s = {.text = start->args, .len = to};
  size_t at, end;
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    if (!quoted(&s, 0, to, keys[k], &at, &end)) continue;
    set_model(start, &s, at, end);
    break;
  }
  start->block_size = keyed(&s, 0, to, "block_size");
  start->pub.memory.gpu_memory_utilization = keyed(&s, 0, to, "gpu_memory_utilization");
}

void slog_args(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_seg *const s = hit->seg;
  if (s->args) return;
  s->args = true;
  slog_met(r, s, hit->at);
  struct slog_start *start = slog_start_last(r);
  const size_t all = s->len - hit->at;
  const size_t len = all < SLOG_ARGS_BYTES ? all : SLOG_ARGS_BYTES;
  if (start != NULL && is_head(start) && start->saw_args && start->args_len == len &&
      s->line - start->pub.line < NEAR_LINES &&
      memcmp(start->args, s->text + hit->at, len) == 0)
    return; /* another process of the same start says them too */
  if (start == NULL || !is_head(start) || start->saw_args) start = new_start(r, s);
  if (start == NULL) return;
  start->saw_args = true;
  memcpy(start->args, s->text + hit->at, len);
  start->args_len = len;
  r->joining = SLOG_JOIN_ARGS;
  r->joined = 0;
  if (is_whole(start->args, len)) slog_join_end(r);
}

/* "EngineCore_DP0" of "(EngineCore_DP0 pid=12) ..."; "" when no process is named. */
static void process_of(const struct slog_seg *s, size_t at, char *out, size_t room)
{
  size_t to = slog_find_back(s->text, at, " pid="), n = 0;
  out[0] = '\0';
  if (to == SIZE_MAX) return;
  size_t from = to;
  while (from > 0 && to - from < room - 1 && s->text[from - 1] != '(') from--;
  if (from == 0 || s->text[from - 1] != '(') return;
  for (; from < to; from++) out[n++] = s->text[from];
  out[n] = '\0';
}

static bool of_next_start(const struct slog_start *start, const char *process)
{
  if (!start->saw_config) return start->saw_pool || start->pub.ready;
  const bool further =
      start->saw_weights || start->saw_pool || start->failed || start->pub.ready;
  if (strcmp(process, start->process) == 0) return further || process[0] != '\0';
  const bool parallel = strstr(process, "_DP") != NULL && strstr(start->process, "_DP");
  return further && !parallel;
}

static enum kvc_engine_kind generation_of(const struct slog_seg *s, size_t at,
                                          bool *weak_v0)
{
  if (slog_starts(s->text, s->len, at, " V1 ")) return KVC_ENGINE_V1;
  if (slog_starts(s->text, s->len, at, " V0 ")) return KVC_ENGINE_V0;
  /* Until 0.7 both generations say "an LLM engine"; V1's line is from core.py. */
  if (slog_find_back(s->text, at, "core.py:") != SIZE_MAX ||
      slog_find_back(s->text, at, "vllm.v1.") != SIZE_MAX ||
      slog_find_back(s->text, at, "(EngineCore") != SIZE_MAX)
    return KVC_ENGINE_V1;
  *weak_v0 = true;
  return KVC_ENGINE_V0;
}

static void config_events(struct kvc_log_reader *r, const struct slog_start *start)
{
  static const struct {
    const char *text;
    enum kvc_log_kind kind;
  } off[] = {{"enforce_eager=True", KVC_LOG_EAGER},
             {"enable_prefix_caching=False", KVC_LOG_PREFIX_CACHE_OFF},
             {"chunked_prefill_enabled=False", KVC_LOG_CHUNKED_OFF},
             {"enable_chunked_prefill=False", KVC_LOG_CHUNKED_OFF}};
  const double none[2] = {(double)NAN, (double)NAN};
  for (size_t k = 0; k < sizeof off / sizeof *off; k++) {
    const size_t at = slog_find(start->config, start->config_len, 0, off[k].text);
    if (at == SIZE_MAX) continue;
    struct slog_seg word = {.text = start->config + at,
                            .len = strlen(off[k].text),
                            .line = start->config_line};
    const struct slog_hit there = {&word, 0, word.len, 0};
    slog_event(r, &there, off[k].kind, none);
  }
}

static void config_done(struct kvc_log_reader *r, struct slog_start *start)
{
  const size_t to = start->config_len;
  const struct slog_seg s = {.text = start->config, .len = to};
  size_t at, end;
  if (quoted(&s, 0, to, "model='", &at, &end)) set_model(start, &s, at, end);
  const double max_len = keyed(&s, 0, to, "max_seq_len");
  if (isnan(start->pub.memory.max_model_len_tok))
    start->pub.memory.max_model_len_tok = max_len;
  config_events(r, start);
}

void slog_config(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_seg *const s = hit->seg;
  size_t i = hit->end;
  const bool plain = slog_starts(s->text, s->len, i, "n LLM engine ");
  if (s->config || (!plain && !slog_starts(s->text, s->len, i, " V0 LLM engine ") &&
                    !slog_starts(s->text, s->len, i, " V1 LLM engine ")))
    return;
  s->config = true;
  slog_met(r, s, hit->at);
  char process[sizeof r->starts[0]->process];
  process_of(s, hit->at, process, sizeof process);
  struct slog_start *start = slog_start_now(r, s);
  if (start != NULL && of_next_start(start, process)) start = new_start(r, s);
  if (start == NULL) return;
  const bool first = !start->saw_config;
  const size_t all = s->len - hit->at;
  const size_t len = all < SLOG_ARGS_BYTES ? all : SLOG_ARGS_BYTES;
  start->saw_config = true;
  start->weak_v0 = false;
  start->pub.generation = generation_of(s, plain ? hit->at : hit->end, &start->weak_v0);
  i = slog_find(s->text, s->len < i + 64 ? s->len : i + 64, i, "engine (v");
  if (i != SIZE_MAX) {
    i += strlen("engine (v");
    if (!slog_skip(s, &i, "ersion ")) (void)slog_skip(s, &i, "ersion=");
    (void)set_version(start, s, i);
  }
  if (!first) return;
  memcpy(start->process, process, sizeof process);
  memcpy(start->config, s->text + hit->at, len);
  start->config_len = len;
  start->config_line = s->line;
  r->joining = SLOG_JOIN_CONFIG;
  r->joined = 0;
  if (is_whole(start->config, len)) slog_join_end(r);
}

void slog_join_end(struct kvc_log_reader *r)
{
  struct slog_start *const start = slog_start_last(r);
  if (start != NULL && r->joining == SLOG_JOIN_ARGS) args_done(start);
  if (start != NULL && r->joining == SLOG_JOIN_CONFIG) config_done(r, start);
  r->joining = SLOG_JOIN_NOTHING;
}

bool slog_join(struct kvc_log_reader *r, const struct slog_seg *s)
{
  enum { MOST_PIECES = 64 };
  struct slog_start *const start = slog_start_last(r);
  size_t which;
  if (start == NULL || slog_has_prefix(s) || r->joined++ == MOST_PIECES ||
      slog_scan(&r->scanner, s->text, s->len, 0, &which) != SIZE_MAX) {
    slog_join_end(r);
    return false;
  }
  const bool args = r->joining == SLOG_JOIN_ARGS;
  char *const text = args ? start->args : start->config;
  size_t *const used = args ? &start->args_len : &start->config_len;
  const size_t left = SLOG_ARGS_BYTES - *used;
  const size_t len = s->len < left ? s->len : left;
  memcpy(text + *used, s->text, len);
  *used += len;
  if (*used == SLOG_ARGS_BYTES || is_whole(text, *used)) slog_join_end(r);
  return true;
}

void slog_ready(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  struct slog_start *const start = slog_start_last(r);
  (void)hit;
  if (start != NULL) start->pub.ready = true;
}
