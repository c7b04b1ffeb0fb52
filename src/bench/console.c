/* console.c - what the tools print: the block "Serving Benchmark Result" in any text,
 * and the lines of bench throughput and bench latency.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines may stand behind "# ", "> ", "vllm-1  | " or a time; so a label is looked for at
 * the start of every word and must run up to its colon.
 */
#include "bench_room.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MAX_LINE = 300, MAX_WORDS = 24, MAX_BLOCK_LINES = 200 };

static const struct label {
  const char *name;
  size_t field;
  double scale; /* 0: per GPU */
} labels[] = {
    {"Successful requests", offsetof(struct kvc_bench, completed), 1},
    {"Failed requests", offsetof(struct kvc_bench, failed), 1},
    {"Maximum request concurrency", offsetof(struct kvc_bench, max_concurrency), 1},
    {"Max request concurrency", offsetof(struct kvc_bench, max_concurrency), 1},
    {"Max reqeust concurrency", offsetof(struct kvc_bench, max_concurrency), 1},
    {"Request rate configured (RPS)", offsetof(struct kvc_bench, request_rate), 1},
    {"Traffic request rate", offsetof(struct kvc_bench, request_rate), 1},
    {"Burstiness factor", offsetof(struct kvc_bench, burstiness), 1},
    {"Benchmark duration (s)", offsetof(struct kvc_bench, duration_s), 1},
    {"Total input tokens", offsetof(struct kvc_bench, total_input_tok), 1},
    {"Total generated tokens", offsetof(struct kvc_bench, total_output_tok), 1},
    {"Request throughput (req/s)", offsetof(struct kvc_bench, request_throughput), 1},
    {"Request goodput (req/s)", offsetof(struct kvc_bench, request_goodput), 1},
    {"Input token throughput (tok/s)", offsetof(struct kvc_bench, input_throughput), 1},
    {"Output token throughput (tok/s)", offsetof(struct kvc_bench, output_throughput), 1},
    {"Peak output token throughput (tok/s)", offsetof(struct kvc_bench, peak_output_tps),
     1},
    {"Peak concurrent requests", offsetof(struct kvc_bench, peak_concurrent), 1},
    {"Total token throughput (tok/s)", offsetof(struct kvc_bench, total_throughput), 1},
    {"Total throughput (tok/s)", offsetof(struct kvc_bench, total_throughput), 1},
    {"Total Token Throughput/GPU (tok/s)", offsetof(struct kvc_bench, total_throughput),
     0},
    {"Output Token Throughput/GPU (tok/s)", offsetof(struct kvc_bench, output_throughput),
     0},
    {"Input Token Throughput/GPU (tok/s)", offsetof(struct kvc_bench, input_throughput),
     0},
    {"Tensor Parallel Size", offsetof(struct kvc_bench, tensor_parallel), 1},
    {"Hardware", offsetof(struct kvc_bench, gpus), 1}, /* "8 x B200" */
    {"Concurrency", offsetof(struct kvc_bench, max_concurrency), 1},
    {"Acceptance rate (%)", offsetof(struct kvc_bench, spec_accept_frac), 0.01},
    {"Acceptance length", offsetof(struct kvc_bench, spec_accept_length), 1},
    {"Accept length", offsetof(struct kvc_bench, spec_accept_length), 1},
};

/* What stood before a block and belongs to it. */
struct before {
  const char *model, *backend, *dataset;
  double request_rate, burstiness, max_concurrency, num_prompts;
};

static struct before nothing_before(void)
{
  const double no = (double)NAN;
  return (struct before){NULL, NULL, NULL, no, no, no, no};
}

static bool is_alnum(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool starts_i(const char *text, size_t len, const char *word)
{
  for (; *word != '\0'; word++, text++, len--)
    if (len == 0 || ((*text ^ *word) & ~0x20) != 0 ||
        (!is_alnum(*word) && *text != *word))
      return false;
  return true;
}

/* The length of a colour or cursor command at 'text', 0 when there is none. */
static size_t ansi(const char *text, size_t len)
{
  size_t n = 2;
  if (len < 3 || text[0] != '\x1b' || text[1] != '[') return 0;
  while (n < len && (text[n] < '@' || text[n] > '~')) n++;
  return n < len ? n + 1 : 0;
}

/* The number behind a colon; "1,024" and "inf" too. */
static bool number_after(const char *text, size_t len, double *out)
{
  size_t used;
  double more, v;
  while (len > 0) {
    const size_t skip = *text == ' ' || *text == '\t' ? 1 : ansi(text, len);
    if (skip == 0) break;
    text += skip;
    len -= skip;
  }
  if (!kvc_num_scan(text, len, &v, &used)) return false;
  while (len > used + 3 && text[used] == ',' && v == floor(v) &&
         kvc_num_scan(text + used + 1, 3, &more, &len) && len == 3) {
    v = v * 1000 + more;
    used += 4;
    len = 0;
  }
  *out = v;
  return true;
}

/* One label at 'text': its value goes into the record. */
static bool take_label(struct kvc_bench *r, const char *text, size_t len)
{
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    const size_t n = strlen(labels[i].name);
    double v;
    if (len <= n || text[n] != ':' || !starts_i(text, len, labels[i].name)) continue;
    /* SGLang's is what came of it, not the limit. */
    if (n == 11 && strcmp(r->format, "vllm-console") != 0) return true;
    if (number_after(text + n + 1, len - n - 1, &v)) {
      const double gpus = r->gpus > 0 ? r->gpus : r->tensor_parallel;
      v *= labels[i].scale > 0 ? labels[i].scale : gpus;
      memcpy((char *)r + labels[i].field, &v, sizeof v);
    }
    return true;
  }
  return false;
}

/* "P99 TTFT (ms):  12.3" */
static bool take_figure(struct kvc_bench *r, const char *text, size_t len)
{
  struct bench_figure figure;
  double v;
  const char *colon = memchr(text, ':', len < 60 ? len : 60);
  if (colon == NULL || colon == text || colon[-1] != ')') return false;
  const size_t n = (size_t)(colon - text);
  if (!bench_figure(r, text, n, &figure) || !figure.has_stat || isnan(figure.scale))
    return false;
  if (figure.slot != NULL && number_after(colon + 1, len - n - 1, &v))
    *figure.slot = v * figure.scale;
  return true;
}

static bool take_line(struct kvc_bench *r, struct bench_line line)
{
  const size_t len = line.len < MAX_LINE ? line.len : MAX_LINE;
  if (memchr(line.text, ':', len) == NULL) return false;
  size_t words = 0;
  bool start = true; /* nothing, a blank or a sign stands before */
  for (size_t i = 0; i < len && words < MAX_WORDS; i++) {
    const size_t colour = ansi(line.text + i, len - i);
    if (colour > 0) {
      i += colour - 1;
      start = true;
      continue;
    }
    const bool first = start && is_alnum(line.text[i]);
    start = !is_alnum(line.text[i]);
    if (!first) continue;
    words++;
    if (take_label(r, line.text + i, len - i) || take_figure(r, line.text + i, len - i))
      return true;
  }
  return false;
}

/* A value of "Namespace(backend='vllm', request_rate=inf, ...)". */
static struct bench_line argument(struct bench_line line, const char *name)
{
  const size_t n = strlen(name);
  const char *at = line.text, *end = line.text + line.len;
  while ((at = bench_find(at, (size_t)(end - at), name)) != NULL) {
    const char *value = at + n;
    const bool whole = at > line.text && (at[-1] == '(' || at[-1] == ' ') &&
                       value < end && *value == '=';
    at = value;
    if (!whole) continue;
    value++;
    const char quote = value < end && (*value == '\'' || *value == '"') ? *value : ',';
    if (quote != ',') value++;
    const char *to = value;
    while (to < end && *to != quote && !(quote == ',' && *to == ')')) to++;
    return (struct bench_line){value, (size_t)(to - value)};
  }
  return (struct bench_line){NULL, 0};
}

static void text_argument(struct bench *b, struct bench_line line, const char *name,
                          const char **out)
{
  const struct bench_line v = argument(line, name);
  if (v.text != NULL && v.len > 0 && !bench_same(v.text, v.len, "None"))
    *out = bench_clean(b, v.text, v.len);
}

static void num_argument(struct bench_line line, const char *name, double *out)
{
  const struct bench_line v = argument(line, name);
  size_t used;
  double number;
  if (v.text != NULL && kvc_num_scan(v.text, v.len, &number, &used) && used == v.len)
    *out = number;
}

static void take_namespace(struct bench *b, struct bench_line line, struct before *was)
{
  const char *at = bench_find(line.text, line.len, "Namespace(");
  if (at == NULL) return;
  const struct bench_line args = {at, line.len - (size_t)(at - line.text)};
  *was = nothing_before();
  text_argument(b, args, "model", &was->model);
  text_argument(b, args, "endpoint_type", &was->backend);
  text_argument(b, args, "backend", &was->backend);
  text_argument(b, args, "dataset_name", &was->dataset);
  num_argument(args, "request_rate", &was->request_rate);
  num_argument(args, "burstiness", &was->burstiness);
  num_argument(args, "max_concurrency", &was->max_concurrency);
  num_argument(args, "num_prompts", &was->num_prompts);
}

/* The word behind a flag of a command line, without quotes; empty when there is none or
 * the shell would fill it in. */
static struct bench_line option(struct bench_line line, const char *flag)
{
  const struct bench_line none = {NULL, 0};
  const char *at = bench_find(line.text, line.len, flag), *end = line.text + line.len;
  if (at == NULL) return none;
  at += strlen(flag);
  if (at == end || (*at != ' ' && *at != '=')) return none;
  at++;
  while (at < end && (*at == ' ' || *at == '"' || *at == '\'')) at++;
  const char *to = at;
  while (to < end && *to != ' ' && *to != '"' && *to != '\'') to++;
  if (to == at || *at == '$' || *at == '-' || *at == '\\') return none;
  return (struct bench_line){at, (size_t)(to - at)};
}

/* "vllm bench serve --model m --request-rate 1 ...", over lines that end in "\". */
static void take_command(struct bench *b, struct bench_line line, struct before *was,
                         bool *in_command)
{
  static const char *const programs[] = {"bench serve", "benchmark_serving",
                                         "bench_serving"};
  const struct {
    const char *flag;
    const char **text;
    double *number;
  } options[] = {{"--model", &was->model, NULL},
                 {"--backend", &was->backend, NULL},
                 {"--dataset-name", &was->dataset, NULL},
                 {"--request-rate", NULL, &was->request_rate},
                 {"--max-concurrency", NULL, &was->max_concurrency},
                 {"--burstiness", NULL, &was->burstiness},
                 {"--num-prompts", NULL, &was->num_prompts}};
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
    if (bench_has(line.text, line.len, programs[i])) *in_command = true;
  if (!*in_command) return;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    const struct bench_line v = option(line, options[i].flag);
    double number;
    size_t used;
    if (v.text == NULL) continue;
    if (options[i].text != NULL)
      *options[i].text = bench_clean(b, v.text, v.len);
    else if (kvc_num_scan(v.text, v.len, &number, &used) && used == v.len)
      *options[i].number = number;
  }
  const struct bench_line end = bench_trim(line);
  *in_command = end.len > 0 && end.text[end.len - 1] == '\\';
}

/* "Traffic request rate: inf" and its neighbours, printed before the block. */
static void take_traffic(struct bench_line line, struct before *was)
{
  static const char *const names[] = {
      "Traffic request rate:", "Burstiness factor:", "Maximum request concurrency:"};
  double *const slots[] = {&was->request_rate, &was->burstiness, &was->max_concurrency};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *at = bench_find(line.text, line.len, names[i]);
    if (at == NULL) continue;
    at += strlen(names[i]);
    (void)number_after(at, line.len - (size_t)(at - line.text), slots[i]);
  }
}

static void apply(const struct before *was, struct kvc_bench *r)
{
  if (r->model == NULL) r->model = was->model;
  if (r->backend == NULL) r->backend = was->backend;
  r->dataset = was->dataset;
  if (isnan(r->request_rate)) r->request_rate = was->request_rate;
  if (isnan(r->burstiness)) r->burstiness = was->burstiness;
  if (isnan(r->max_concurrency)) r->max_concurrency = was->max_concurrency;
  r->num_prompts = was->num_prompts;
  if (isnan(r->failed) && r->num_prompts >= r->completed)
    r->failed = r->num_prompts - r->completed;
}

/* "======= Serving Benchmark Result =======" */
static bool opens_block(struct bench_line line)
{
  const char *at = bench_find(line.text, line.len, "Benchmark Result");
  return at != NULL && bench_has(line.text, (size_t)(at - line.text), "==") &&
         bench_has(at, line.len - (size_t)(at - line.text), "==");
}

static bool closes_block(struct bench_line line)
{
  return bench_has(line.text, line.len, "==========");
}

static bool take_text(struct bench *b, struct bench_line line, const char *label,
                      const char **out)
{
  const char *at = bench_find(line.text, line.len, label);
  if (at == NULL) return false;
  at += strlen(label);
  const struct bench_line v =
      bench_trim((struct bench_line){at, line.len - (size_t)(at - line.text)});
  if (v.len > 0) *out = bench_clean(b, v.text, v.len);
  return true;
}

/* The block behind its first line; *at is left at the line that ends it. */
static bool read_block(struct bench *b, size_t *at, const struct before *was)
{
  struct bench_line line;
  struct kvc_bench *r = bench_record(b, "vllm-console");
  size_t next = *at, figures = 0;
  bool skip = false;
  for (int i = 0; r != NULL && i < MAX_BLOCK_LINES && bench_line(b, &next, &line); i++) {
    if (closes_block(line)) break;
    *at = next;
    const char *head = bench_find(line.text, line.len, "-----");
    if (head != NULL) skip = bench_has(line.text, line.len, "Probe");
    if (skip || head != NULL) continue;
    figures += take_line(r, line);
    take_text(b, line, "Model:", &r->model);
    const char *asked = NULL; /* lengths asked for are not those of the requests */
    if (take_text(b, line, "Input Sequence Length:", &asked))
      bench_extra(b, r, "isl", asked);
    if (take_text(b, line, "Output Sequence Length:", &asked))
      bench_extra(b, r, "osl", asked);
    if (take_text(b, line, "Backend:", &r->backend) ||
        bench_has(line.text, line.len, "(retokenized)"))
      r->format = "sglang-console";
  }
  if (r == NULL) return false;
  if (figures < 2) { /* the heading alone, in a script or in prose */
    b->out->n_records--;
    return false;
  }
  apply(was, r);
  return true;
}

/* "Throughput: 9.5 requests/s, 4000 total tokens/s, 900 output tokens/s" */
static bool take_throughput(struct bench *b, struct bench_line line)
{
  static const char sign[] = "Throughput: ";
  double rate, v;
  size_t used;
  const char *at = bench_find(line.text, line.len, sign);
  const char *end = line.text + line.len;
  if (at == NULL || !bench_has(at, (size_t)(end - at), " requests/s,")) return false;
  at += sizeof sign - 1;
  if (!kvc_num_scan(at, (size_t)(end - at), &rate, &used)) return false;
  struct kvc_bench *r = bench_record(b, "vllm-throughput");
  if (r == NULL) return false;
  r->request_throughput = rate;
  r->request_rate = INFINITY;
  while ((at = memchr(at, ',', (size_t)(end - at))) != NULL) {
    at += at + 1 < end ? 2 : 1;
    if (!kvc_num_scan(at, (size_t)(end - at), &v, &used)) continue;
    const char *unit = at + used;
    const size_t n = (size_t)(end - unit);
    if (starts_i(unit, n, " output tokens/s")) r->output_throughput = v;
    if (starts_i(unit, n, " total tokens/s") || starts_i(unit, n, " tokens/s"))
      r->total_throughput = v;
  }
  return true;
}

static struct kvc_bench *last_of(struct bench *b, const char *format)
{
  struct kvc_bench_set *set = b->out;
  if (set->n_records == 0) return NULL;
  struct kvc_bench *r = &set->records[set->n_records - 1];
  return strcmp(r->format, format) == 0 ? r : NULL;
}

static bool value_of(struct bench_line line, const char *label, double *out)
{
  const char *at = bench_find(line.text, line.len, label);
  if (at == NULL) return false;
  at += strlen(label);
  return number_after(at, line.len - (size_t)(at - line.text), out);
}

/* The lines after "Throughput:", and those of bench latency. */
static bool take_offline(struct bench *b, struct bench_line line)
{
  double v;
  struct kvc_bench *r = last_of(b, "vllm-throughput");
  if (r != NULL && value_of(line, "Total num prompt tokens:", &v)) r->total_input_tok = v;
  if (r != NULL && value_of(line, "Total num output tokens:", &v))
    r->total_output_tok = v;
  if (value_of(line, "Avg latency:", &v) && bench_has(line.text, line.len, "seconds")) {
    r = bench_record(b, "vllm-latency");
    if (r != NULL) r->e2el_ms.mean = 1000 * v;
    return r != NULL;
  }
  r = last_of(b, "vllm-latency");
  if (r != NULL && value_of(line, "% percentile latency:", &v)) {
    line = bench_trim(line);
    const char *sign = bench_find(line.text, line.len, "%");
    const char *from = sign;
    while (from > line.text && is_alnum(from[-1])) from--;
    double *slot = bench_stat_slot(&r->e2el_ms, from, (size_t)(sign - from));
    if (slot != NULL) *slot = 1000 * v;
  }
  return false;
}

size_t bench_console(struct bench *b)
{
  struct bench_line line;
  struct before was = nothing_before();
  size_t at = 0, found = 0;
  bool in_command = false;
  if (!bench_has(b->text, b->len, "Benchmark Result") &&
      !bench_has(b->text, b->len, " requests/s,") &&
      !bench_has(b->text, b->len, "Avg latency:"))
    return 0;
  while (b->rc == KVC_E_OK && bench_line(b, &at, &line)) {
    if (opens_block(line)) {
      found += read_block(b, &at, &was);
      was = nothing_before();
    } else {
      take_command(b, line, &was, &in_command);
      take_namespace(b, line, &was);
      take_traffic(line, &was);
      found += take_throughput(b, line);
      found += take_offline(b, line);
    }
    if (b->only_look && found > 0) break;
  }
  return found;
}
