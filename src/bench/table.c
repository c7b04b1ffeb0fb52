/* table.c - results as tables: CSV, "|" and plus-minus frames.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Three kinds: a row is a request (LMBench), a row is a figure (AIPerf, genai-perf), a
 * row is a run (summaries).  A file may hold several tables, each with its own header.
 */
#include "bench_room.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MAX_COLUMNS = 256, MAX_NAME = 96 };

struct row {
  struct bench_line cell[MAX_COLUMNS];
  size_t n;
};

/* Names of columns and rows that are neither keys of results nor latencies. */
static const struct alias {
  const char *name; /* lower case, words with one blank between */
  size_t field;
  bool text, figure; /* figure: it tells a table of results from another */
  bool per_gpu;
} aliases[] = {
#define AT(name, field, text, figure, gpu)                                               \
  {                                                                                      \
    name, offsetof(struct kvc_bench, field), text, figure, gpu                           \
  }
#define NUMBER(name, field) AT(name, field, false, false, false)
#define RATE(name, field) AT(name, field, false, true, false)
#define TEXT(name, field) AT(name, field, true, false, false)
#define GPU(name, field) AT(name, field, false, true, true)
    TEXT("config name", label),
    TEXT("model", model),
    TEXT("backend", backend),
    TEXT("framework", backend),
    TEXT("date", date),
    NUMBER("tp", tensor_parallel),
    NUMBER("tp size", tensor_parallel),
    NUMBER("client count", max_concurrency),
    NUMBER("concurrency", max_concurrency),
    NUMBER("max concurrency", max_concurrency),
    NUMBER("conc", max_concurrency),
    NUMBER("qps", request_rate),
    NUMBER("request rate", request_rate),
    NUMBER("num prompts", num_prompts),
    NUMBER("duration", duration_s),
    NUMBER("duration s", duration_s),
    NUMBER("benchmark duration s", duration_s),
    NUMBER("benchmark duration sec", duration_s),
    NUMBER("request count", completed),
    NUMBER("request count count", completed),
    NUMBER("request count requests", completed),
    NUMBER("successful requests", completed),
    NUMBER("failed requests", failed),
    NUMBER("error request count", failed),
    NUMBER("total input tokens", total_input_tok),
    NUMBER("total generated tokens", total_output_tok),
    NUMBER("total input sequence length tokens", total_input_tok),
    NUMBER("total output sequence length tokens", total_output_tok),
    RATE("tok sec", total_throughput),
    RATE("request throughput req s", request_throughput),
    RATE("request throughput requests sec", request_throughput),
    RATE("request throughput per sec", request_throughput),
    RATE("request goodput requests sec", request_goodput),
    RATE("goodput requests sec", request_goodput),
    RATE("input token throughput tokens sec", input_throughput),
    RATE("output token throughput tok s", output_throughput),
    RATE("output token throughput tokens sec", output_throughput),
    RATE("output token throughput per sec", output_throughput),
    RATE("avg output token throughput tokens sec", output_throughput),
    RATE("total token throughput tok s", total_throughput),
    RATE("total token throughput tokens sec", total_throughput),
    RATE("output throughput tok s", output_throughput),
    RATE("total throughput tok s", total_throughput),
    GPU("throughput gpu tok s", total_throughput),
    GPU("output throughput gpu tok s", output_throughput),
    GPU("input throughput gpu tok s", input_throughput),
    GPU("tput per gpu", total_throughput),
    GPU("output tput per gpu", output_throughput),
    GPU("input tput per gpu", input_throughput),
#undef NUMBER
#undef RATE
#undef TEXT
#undef GPU
#undef AT
};

static const struct alias *find_alias(struct bench_line cell)
{
  char name[MAX_NAME];
  size_t n = 0;
  for (size_t i = 0; i < cell.len && n + 1 < sizeof name; i++) {
    char c = cell.text[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c | 0x20);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      name[n++] = c;
    else if (n > 0 && name[n - 1] != ' ')
      name[n++] = ' ';
  }
  while (n > 0 && name[n - 1] == ' ') n--;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (bench_same(name, n, aliases[i].name)) return &aliases[i];
  return NULL;
}

static struct bench_line unquoted(struct bench_line cell)
{
  cell = bench_trim(cell);
  if (cell.len >= 2 && cell.text[0] == '"' && cell.text[cell.len - 1] == '"')
    return (struct bench_line){cell.text + 1, cell.len - 2};
  return cell;
}

/* Cells between commas or bars; commas inside of quotes belong to the cell. */
static void split(struct bench_line line, struct row *row)
{
  line = bench_trim(line);
  const char sep = line.len > 0 && line.text[0] == '|' ? '|' : ',';
  size_t from = sep == '|' ? 1 : 0;
  bool quoted = false;
  row->n = 0;
  for (size_t i = from; i <= line.len; i++) {
    if (i < line.len && line.text[i] == '"') quoted = !quoted;
    if (i < line.len && (quoted || line.text[i] != sep)) continue;
    if (sep == '|' && i == line.len) break;
    if (row->n == MAX_COLUMNS) return;
    row->cell[row->n++] = unquoted((struct bench_line){line.text + from, i - from});
    from = i + 1;
  }
}

static bool is_rule(struct bench_line line)
{
  for (size_t i = 0; i < line.len; i++)
    if (strchr("+-=|: ", line.text[i]) == NULL || line.text[i] == '\0') return false;
  return line.len > 0;
}

/* A cell as a number; "1,234.5" was quoted. */
static double number(struct bench_line cell)
{
  char digits[64];
  size_t n = 0, used;
  double v;
  for (size_t i = 0; i < cell.len && n < sizeof digits; i++)
    if (cell.text[i] != ',') digits[n++] = cell.text[i];
  if (n == 0 || !kvc_num_scan(digits, n, &v, &used) || used != n) return (double)NAN;
  return v;
}

static void set(struct bench *b, struct kvc_bench *r, const struct alias *alias,
                struct bench_line cell)
{
  char *field = (char *)r + alias->field;
  if (alias->text) {
    const char *text = bench_clean(b, cell.text, cell.len);
    if (cell.len > 0) memcpy(field, &text, sizeof text);
  } else {
    const double v = number(cell);
    if (!isnan(v)) memcpy(field, &v, sizeof v);
  }
}

/* --- a row is a request ------------------------------------------------------------ */

static const char *const lmbench[] = {"prompt_tokens", "generation_tokens",
                                      "ttft",          "generation_time",
                                      "launch_time",   "finish_time"};
enum { LMBENCH_COLUMNS = 6 };

static bool is_lmbench(const struct row *head, size_t column[LMBENCH_COLUMNS])
{
  for (size_t k = 0; k < LMBENCH_COLUMNS; k++) {
    column[k] = MAX_COLUMNS;
    for (size_t i = 0; i < head->n; i++)
      if (bench_same(head->cell[i].text, head->cell[i].len, lmbench[k])) column[k] = i;
    if (column[k] == MAX_COLUMNS) return false;
  }
  return true;
}

static size_t count_lines(const struct bench *b, size_t at)
{
  struct bench_line line;
  size_t n = 0;
  while (bench_line(b, &at, &line)) n++;
  return n;
}

static size_t read_lmbench(struct bench *b, size_t at, const size_t column[])
{
  struct row row;
  struct bench_line line;
  const size_t room = count_lines(b, at);
  struct bench_detail d = {.n = 0};
  double **const lists[] = {&d.input_tok, &d.output_tok, &d.ttft_s, &d.e2e_s, &d.start_s};
  if (b->only_look) return 1;
  for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
    *lists[k] = bench_nans(b, room);
    if (*lists[k] == NULL) return 0;
  }
  while (bench_line(b, &at, &line)) {
    double v[LMBENCH_COLUMNS];
    split(line, &row);
    if (row.n < 2) continue;
    for (size_t k = 0; k < LMBENCH_COLUMNS; k++)
      v[k] = column[k] < row.n ? number(row.cell[column[k]]) : (double)NAN;
    if (isnan(v[2])) continue;
    for (size_t k = 0; k < 5; k++) (*lists[k])[d.n] = v[k];
    d.e2e_s[d.n] = v[2] + v[3]; /* the time after the first token is its own column */
    d.n++;
  }
  struct kvc_bench *r = d.n > 0 ? bench_record(b, "lmbench") : NULL;
  if (r == NULL) return 0;
  bench_detail_apply(b, r, &d);
  bench_detail_totals(r, &d);
  return 1;
}

/* --- a row is a figure ------------------------------------------------------------- */

static bool is_figures(const struct row *head)
{
  return head->n >= 2 && bench_same(head->cell[0].text, head->cell[0].len, "Metric") &&
         (bench_same(head->cell[1].text, head->cell[1].len, "avg") ||
          bench_same(head->cell[1].text, head->cell[1].len, "Value"));
}

static bool has_cell(const struct row *head, const char *name)
{
  for (size_t i = 0; i < head->n; i++)
    if (bench_same(head->cell[i].text, head->cell[i].len, name)) return true;
  return false;
}

static void read_figure(struct bench *b, struct kvc_bench *r, const struct row *head,
                        const struct row *row)
{
  struct bench_figure figure;
  const struct bench_line name = row->cell[0];
  const struct alias *alias = find_alias(name);
  if (alias != NULL) {
    set(b, r, alias, row->cell[1]);
    return;
  }
  if (!bench_figure(r, name.text, name.len, &figure) || isnan(figure.scale)) return;
  for (size_t i = 1; i < row->n && i < head->n; i++) {
    double *slot = bench_stat_slot(figure.stat, head->cell[i].text, head->cell[i].len);
    const double v = number(row->cell[i]);
    if (slot != NULL && !isnan(v)) *slot = v * figure.scale;
  }
}

static size_t read_figures(struct bench *b, size_t at, struct row *head)
{
  struct row row;
  struct bench_line line;
  const bool aiperf = has_cell(head, "std") || has_cell(head, "p1") ||
                      bench_has(b->text, b->len, "Benchmark Duration");
  struct kvc_bench *r = bench_record(b, aiperf ? "aiperf" : "genai-perf");
  if (r == NULL) return 0;
  while (bench_line(b, &at, &line)) {
    split(line, &row);
    if (row.n < 2) continue;
    if (is_figures(&row)) {
      *head = row;
    } else if (bench_stat_slot(&r->ttft_ms, row.cell[1].text, row.cell[1].len) == NULL ||
               !isnan(number(row.cell[1]))) {
      read_figure(b, r, head, &row);
    }
  }
  r->tpot_ms = r->itl_ms;
  if (isnan(r->total_input_tok)) r->total_input_tok = r->input_tok.mean * r->completed;
  if (isnan(r->total_output_tok)) r->total_output_tok = r->output_tok.mean * r->completed;
  return 1;
}

/* --- a row is a run ---------------------------------------------------------------- */

/* A node for a cell, so that the reader of objects can take it. */
static struct bench_node node_of(const struct bench *b, struct bench_line name,
                                 struct bench_line cell)
{
  struct bench_node node = {.span = 1, .kind = BENCH_STR, .keyed = true};
  node.key = (uint32_t)(name.text - b->text);
  node.key_len = (uint32_t)name.len;
  node.as.str.at = (uint32_t)(cell.text - b->text);
  node.as.str.len = (uint32_t)cell.len;
  return node;
}

/* How many columns say how fast something was. */
static size_t figures_in(const struct row *head)
{
  struct kvc_bench probe;
  struct bench_figure figure;
  size_t n = 0;
  for (size_t i = 0; i < head->n; i++) {
    const struct bench_line c = head->cell[i];
    const struct alias *alias = find_alias(c);
    if (alias != NULL)
      n += alias->figure;
    else if (bench_figure(&probe, c.text, c.len, &figure))
      n += figure.has_stat && !isnan(figure.scale);
    else
      n += c.len > 10 && bench_has(c.text, c.len, "_throughput");
  }
  return n;
}

/* Figures per GPU: those of the run where its ranks are all its GPUs. */
static void whole_run(struct kvc_bench *r, const struct row *head, const struct row *row,
                      size_t shift)
{
  bool apart = false;
  for (size_t i = 0; i < head->n && i + shift < row->n; i++)
    if (bench_same(head->cell[i].text, head->cell[i].len, "Disaggregated"))
      apart = bench_same(row->cell[i + shift].text, row->cell[i + shift].len, "true");
  for (size_t i = 0; i < head->n; i++) {
    const struct alias *alias = find_alias(head->cell[i]);
    double v;
    if (alias == NULL || !alias->per_gpu) continue;
    memcpy(&v, (char *)r + alias->field, sizeof v);
    v *= apart ? (double)NAN : r->tensor_parallel;
    memcpy((char *)r + alias->field, &v, sizeof v);
    r->format = "inferencemax";
  }
}

static void read_cell(struct bench *b, struct kvc_bench *r, struct bench_line name,
                      struct bench_line cell)
{
  if (name.len == 0 || cell.len == 0) return;
  const struct bench_node node = node_of(b, name, cell);
  const struct alias *alias = find_alias(name);
  if (alias != NULL) set(b, r, alias, cell);
  if (alias != NULL && alias->per_gpu) bench_flat_extra(b, r, &node);
  if (alias == NULL && !bench_flat_member(b, r, name.text, name.len, &node))
    bench_flat_extra(b, r, &node);
}

static size_t read_runs(struct bench *b, size_t *at, const struct row *head)
{
  struct row row;
  struct bench_line line;
  size_t found = 0, next = *at;
  while (b->rc == KVC_E_OK && bench_line(b, &next, &line)) {
    if (is_rule(line)) {
      *at = next;
      continue;
    }
    split(line, &row);
    if (row.n < 2 || figures_in(&row) >= 2) break; /* another table */
    *at = next;
    struct kvc_bench *r = bench_record(b, "table");
    if (r == NULL) break;
    /* A header that lacks a column lacks one of the names at its start. */
    const size_t shift = row.n > head->n ? row.n - head->n : 0;
    if (shift > 0)
      bench_note(b,
                 "Rows have %zu cells under %zu names; they are matched from the right.",
                 row.n, head->n);
    for (size_t i = 0; i < head->n && i + shift < row.n; i++)
      read_cell(b, r, head->cell[i], row.cell[i + shift]);
    whole_run(r, head, &row, shift);
    if (has_cell(head, "Config Name")) r->format = "genai-perf";
    if (has_cell(head, "Config Name")) r->tpot_ms = r->itl_ms;
    if (has_cell(head, "endpoint_type") || has_cell(head, "total_token_throughput"))
      r->format = "vllm-serve";
    found++;
  }
  return found;
}

size_t bench_table(struct bench *b)
{
  struct row head;
  struct bench_line line;
  size_t at = 0, found = 0, column[LMBENCH_COLUMNS];
  while (b->rc == KVC_E_OK && bench_line(b, &at, &line)) {
    line = bench_trim(line);
    if (line.len == 0 ||
        memchr(line.text, line.text[0] == '|' ? '|' : ',', line.len) == NULL)
      continue;
    split(line, &head);
    if (head.n < 2) continue;
    if (found == 0 && is_lmbench(&head, column)) return read_lmbench(b, at, column);
    if (found == 0 && is_figures(&head)) return read_figures(b, at, &head);
    if (figures_in(&head) < 2) continue;
    found += read_runs(b, &at, &head);
    if (b->only_look && found > 0) break;
  }
  return found;
}
