/* shard_file.c - the file of a part of a search, written and read by the same rows.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "shard.h"
#include <cjson/cJSON.h>
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 8, MAX_TEXT = 1 << 16 };
static const char format[] = "kvcap-plan-shard";
static const double MOST_WHOLE = 9007199254740992.0;

/* ---- rows ----------------------------------------------------------------------------
 */

enum row_kind { ROW_NUM, ROW_INT, ROW_INT64, ROW_TRUTH, ROW_TEXT };

struct row {
  const char *key;
  enum row_kind kind;
  size_t offset;
  double min, max; /* whole numbers; of a text its room */
};

#define U(member) offsetof(struct kvc_search_unit, member)
#define P(member) offsetof(struct kvc_search_point, member)
#define NUM_ROW(name)                                                                    \
  {                                                                                      \
    .key = #name, .kind = ROW_NUM, .offset = U(name)                                     \
  }
#define FIVE(name)                                                                       \
  {.kind = ROW_NUM, .offset = P(name.mean)}, {.kind = ROW_NUM, .offset = P(name.p50)},   \
      {.kind = ROW_NUM, .offset = P(name.p90)},                                          \
      {.kind = ROW_NUM, .offset = P(name.p95)},                                          \
  {                                                                                      \
    .kind = ROW_NUM, .offset = P(name.p99)                                               \
  }

/* clang-format off */
static const struct row unit_rows[] = {
  {"model", ROW_INT, U(shape.model), 0, KVC_SEARCH_MODELS - 1},
  {"hardware", ROW_INT, U(shape.hardware), 0, KVC_SEARCH_HARDWARE - 1},
  {"tp", ROW_INT, U(shape.tp), 0, 1024},
  {"pp", ROW_INT, U(shape.pp), 0, 1024},
  {"dp", ROW_INT, U(shape.dp), 0, 4096},
  {"expert_parallel", ROW_TRUTH, U(shape.expert_parallel), 0, 0},
  {"fp8_weights", ROW_TRUTH, U(shape.fp8_weights), 0, 0},
  {"fp8_kv", ROW_TRUTH, U(shape.fp8_kv), 0, 0},
  {"speculation", ROW_TRUTH, U(shape.speculation), 0, 0},
  {"fate", ROW_INT, U(fate), 0, KVC_FATE_SLO},
  {"why", ROW_TEXT, U(why), 0, KVC_SEARCH_WHY},
  {"max_num_seqs", ROW_INT64, U(max_num_seqs), -9e15, 9e15},
  {"max_num_batched_tok", ROW_INT64, U(max_num_batched_tok), -9e15, 9e15},
  {"max_model_len_tok", ROW_INT64, U(max_model_len_tok), -9e15, 9e15},
  NUM_ROW(bound_rate_per_s), NUM_ROW(bound_usd_per_hour), NUM_ROW(bound_e2e_s),
  NUM_ROW(max_rate_per_s), NUM_ROW(load_rate_per_s),
  {"binding", ROW_TEXT, U(binding), 0, sizeof((struct kvc_search_unit *)0)->binding},
  {"replicas", ROW_INT64, U(replicas), -1, 9e15},
  {"prefill_replicas", ROW_INT, U(prefill_replicas), 0, 1e9},
  NUM_ROW(usd_per_hour), NUM_ROW(joules_per_output_token),
  {"source", ROW_INT, U(source), 0, 64},
  {"pilot", ROW_TRUTH, U(pilot), 0, 0},
  {"simulated", ROW_INT, U(simulated), 0, 1e9}};

static const struct row point_rows[] = {
  {.kind = ROW_NUM, .offset = P(rate_per_s)},
  FIVE(ttft_s), FIVE(tpot_s), FIVE(itl_s), FIVE(e2e_s), FIVE(queue_s),
  {.kind = ROW_NUM, .offset = P(output_tok_per_s)}, {.kind = ROW_NUM, .offset = P(goodput_frac)},
  {.kind = ROW_NUM, .offset = P(kv_mean_frac)}, {.kind = ROW_NUM, .offset = P(kv_peak_frac)},
  {.kind = ROW_NUM, .offset = P(running_mean)}, {.kind = ROW_NUM, .offset = P(busy_frac)},
  {.kind = ROW_NUM, .offset = P(preemptions_per_request)},
  {.kind = ROW_NUM, .offset = P(watts)}, {.kind = ROW_NUM, .offset = P(joules_per_output_token)},
  {.kind = ROW_NUM, .offset = P(ratio)},
  {.kind = ROW_INT, .offset = P(worst), .min = -1, .max = KVC_SLO_BARS}};
/* clang-format on */

enum {
  N_UNIT = sizeof unit_rows / sizeof *unit_rows,
  N_POINT = sizeof point_rows / sizeof *point_rows
};

/* ---- writing -------------------------------------------------------------------------
 */

static void write_number(struct kvc_buf *out, double v)
{
  if (isnan(v))
    kvc_buf_puts(out, "null");
  else if (isinf(v))
    kvc_buf_puts(out, v > 0 ? "\"inf\"" : "\"-inf\"");
  else
    kvc_buf_printf(out, "%.17g", v);
}

static void write_value(struct kvc_buf *out, const struct row *row, const void *object)
{
  const void *at = (const char *)object + row->offset;
  double v;
  int i;
  int64_t l;
  bool b;
  switch (row->kind) {
  case ROW_NUM:
    memcpy(&v, at, sizeof v);
    write_number(out, v);
    break;
  case ROW_INT:
    memcpy(&i, at, sizeof i);
    kvc_buf_printf(out, "%d", i);
    break;
  case ROW_INT64:
    memcpy(&l, at, sizeof l);
    kvc_buf_printf(out, "%lld", (long long)l);
    break;
  case ROW_TRUTH:
    memcpy(&b, at, sizeof b);
    kvc_buf_puts(out, b ? "true" : "false");
    break;
  case ROW_TEXT: kvc_escape_json(out, at); break;
  }
}

static void write_point(struct kvc_buf *out, const struct kvc_search_point *point)
{
  for (size_t i = 0; i < N_POINT; i++) {
    kvc_buf_puts(out, i == 0 ? "[" : ",");
    write_value(out, &point_rows[i], point);
  }
  kvc_buf_puts(out, "]");
}

void shard_unit_text(struct kvc_buf *out, const struct kvc_search_unit *unit)
{
  for (size_t i = 0; i < N_UNIT; i++) {
    kvc_buf_printf(out, "\"%s\":", unit_rows[i].key);
    write_value(out, &unit_rows[i], unit);
    kvc_buf_puts(out, ",");
  }
  kvc_buf_puts(out, "\"load\":");
  write_point(out, &unit->load);
  kvc_buf_puts(out, ",\"points\":[");
  for (int i = 0; i < unit->n_points && i < KVC_SEARCH_POINTS; i++) {
    if (i > 0) kvc_buf_puts(out, ",");
    write_point(out, &unit->points[i]);
  }
  kvc_buf_puts(out, "]");
}

void shard_write_unit(struct kvc_buf *out, bool first, const struct shard_unit *unit)
{
  kvc_buf_printf(out, "%s\n{\"index\":%zu,\"stage\":%d,", first ? "" : ",", unit->index,
                 unit->stage);
  shard_unit_text(out, &unit->unit);
  kvc_buf_puts(out, "}");
}

void shard_write_head(struct kvc_buf *out, const struct shard_head *head)
{
  kvc_buf_printf(out, "{\"format\":\"%s\",\"format_version\":%d,\n\"kvcap\":", format,
                 SHARD_FORMAT);
  kvc_escape_json(out, head->kvcap);
  kvc_buf_printf(out, ",\n\"part\":%d,\"parts\":%d,\n\"arguments\":[", head->part,
                 head->parts);
  for (size_t i = 0; i < head->n_args; i++) {
    if (i > 0) kvc_buf_puts(out, ",");
    kvc_escape_json(out, head->args[i]);
  }
  kvc_buf_puts(out, "],\n\"inputs\":[");
  for (size_t i = 0; i < head->n_inputs; i++) {
    kvc_buf_puts(out, i > 0 ? ",{\"name\":" : "{\"name\":");
    kvc_escape_json(out, head->inputs[i].name);
    kvc_buf_printf(out, ",\"digest\":\"%s\"}", head->inputs[i].digest);
  }
  kvc_buf_printf(out, "],\n\"question\":\"%s\",\n\"units\":[", head->question);
}

void shard_write_tail(struct kvc_buf *out)
{
  kvc_buf_puts(out, "\n]}\n");
}

/* ---- reading -------------------------------------------------------------------------
 */

struct shard_reader {
  struct kvc_arena *arena;
  const char *path;
  struct kvc_err *err;
};

static kvc_code unreadable(const struct shard_reader *r, const char *what)
{
  return kvc_fail(r->err, KVC_E_PARSE, r->path,
                  "is no whole part of a plan: %s; make it again with kvcap plan --shard",
                  what);
}

/* cJSON recurses: the depth is bounded before it sees the text. */
static bool too_deep(const char *text, size_t len)
{
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < len; i++) {
    if (quoted && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && (text[i] == '{' || text[i] == '['))
      depth++;
    else if (!quoted && (text[i] == '}' || text[i] == ']'))
      depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

static bool is_text(const cJSON *item, size_t room)
{
  return cJSON_IsString(item) && strlen(item->valuestring) < room &&
         kvc_utf8_valid(item->valuestring, strlen(item->valuestring));
}

static bool is_whole(const cJSON *item, double min, double max)
{
  return cJSON_IsNumber(item) && item->valuedouble >= min && item->valuedouble <= max &&
         item->valuedouble == floor(item->valuedouble);
}

static bool read_number(const cJSON *item, double *out)
{
  if (cJSON_IsNull(item))
    *out = (double)NAN;
  else if (cJSON_IsNumber(item) && isfinite(item->valuedouble))
    *out = item->valuedouble;
  else if (cJSON_IsString(item) && strcmp(item->valuestring, "inf") == 0)
    *out = (double)INFINITY;
  else if (cJSON_IsString(item) && strcmp(item->valuestring, "-inf") == 0)
    *out = -(double)INFINITY;
  else
    return false;
  return true;
}

static bool read_value(const struct row *row, const cJSON *item, void *object)
{
  void *at = (char *)object + row->offset;
  double v = 0;
  switch (row->kind) {
  case ROW_NUM:
    if (!read_number(item, &v)) return false;
    memcpy(at, &v, sizeof v);
    return true;
  case ROW_INT: {
    if (!is_whole(item, row->min, row->max)) return false;
    const int i = (int)item->valuedouble;
    memcpy(at, &i, sizeof i);
    return true;
  }
  case ROW_INT64: {
    if (!is_whole(item, fmax(row->min, -MOST_WHOLE), fmin(row->max, MOST_WHOLE)))
      return false;
    const int64_t l = (int64_t)item->valuedouble;
    memcpy(at, &l, sizeof l);
    return true;
  }
  case ROW_TRUTH: {
    if (!cJSON_IsBool(item)) return false;
    const bool b = cJSON_IsTrue(item) != 0;
    memcpy(at, &b, sizeof b);
    return true;
  }
  case ROW_TEXT:
    if (!is_text(item, (size_t)row->max)) return false;
    memcpy(at, item->valuestring, strlen(item->valuestring) + 1);
    return true;
  }
  return false;
}

static bool read_point(const cJSON *list, struct kvc_search_point *out)
{
  size_t i = 0;
  if (!cJSON_IsArray(list)) return false;
  for (const cJSON *item = list->child; item != NULL; item = item->next, i++)
    if (i == N_POINT || !read_value(&point_rows[i], item, out)) return false;
  return i == N_POINT;
}

/* Members come in the order they are written in; anything else is not ours. */
static kvc_code read_unit(const struct shard_reader *r, const cJSON *object,
                          struct shard_unit *out)
{
  memset(out, 0, sizeof *out);
  const cJSON *item = cJSON_IsObject(object) ? object->child : NULL;
  if (item == NULL || strcmp(item->string, "index") != 0 ||
      !is_whole(item, 0, KVC_SEARCH_MAX_UNITS - 1))
    return unreadable(r, "a result has no index");
  out->index = (size_t)item->valuedouble;
  item = item->next;
  if (item == NULL || strcmp(item->string, "stage") != 0 || !is_whole(item, 0, 1))
    return unreadable(r, "a result has no stage");
  out->stage = (int)item->valuedouble;
  for (size_t i = 0; i < N_UNIT; i++) {
    item = item->next;
    if (item == NULL || strcmp(item->string, unit_rows[i].key) != 0 ||
        !read_value(&unit_rows[i], item, &out->unit))
      return kvc_fail(r->err, KVC_E_PARSE, r->path,
                      "is no whole part of a plan: \"%s\" of result %zu is missing or "
                      "not possible; make it again with kvcap plan --shard",
                      unit_rows[i].key, out->index);
  }
  item = item->next;
  if (item == NULL || strcmp(item->string, "load") != 0 ||
      !read_point(item, &out->unit.load))
    return unreadable(r, "a result has no load");
  item = item->next;
  if (item == NULL || strcmp(item->string, "points") != 0 || !cJSON_IsArray(item) ||
      item->next != NULL)
    return unreadable(r, "a result has no points");
  for (const cJSON *p = item->child; p != NULL; p = p->next)
    if (out->unit.n_points == KVC_SEARCH_POINTS ||
        !read_point(p, &out->unit.points[out->unit.n_points++]))
      return unreadable(r, "a point of a result is not possible");
  return KVC_E_OK;
}

static const cJSON *member(const cJSON *root, const char *key)
{
  return cJSON_GetObjectItemCaseSensitive(root, key);
}

static kvc_code read_args(const struct shard_reader *r, const cJSON *list,
                          struct shard_head *out)
{
  const char **args = NULL;
  size_t n = 0;
  if (!cJSON_IsArray(list)) return unreadable(r, "its arguments are missing");
  for (const cJSON *item = list->child; item != NULL; item = item->next, n++)
    if (!is_text(item, MAX_TEXT) || n == CLI_MAX_ARGS)
      return unreadable(r, "its arguments are no list of texts");
  args = kvc_arena_alloc(r->arena, n + 1, sizeof *args);
  if (args == NULL) return kvc_arena_full(r->arena, r->path, r->err);
  for (const cJSON *item = list->child; item != NULL; item = item->next) {
    const char *copy = kvc_arena_strdup(r->arena, item->valuestring);
    if (copy == NULL) return kvc_arena_full(r->arena, r->path, r->err);
    args[out->n_args++] = copy;
  }
  out->args = args;
  return KVC_E_OK;
}

static kvc_code read_inputs(const struct shard_reader *r, const cJSON *list,
                            struct shard_head *out)
{
  if (!cJSON_IsArray(list)) return unreadable(r, "its inputs are missing");
  for (const cJSON *item = list->child; item != NULL; item = item->next) {
    const cJSON *name = member(item, "name"), *digest = member(item, "digest");
    if (out->n_inputs == SHARD_MAX_INPUTS || !is_text(name, MAX_TEXT) ||
        !is_text(digest, SHARD_DIGEST))
      return unreadable(r, "its inputs are not possible");
    struct shard_input *in = &out->inputs[out->n_inputs++];
    in->name = kvc_arena_strdup(r->arena, name->valuestring);
    if (in->name == NULL) return kvc_arena_full(r->arena, r->path, r->err);
    memcpy(in->digest, digest->valuestring, strlen(digest->valuestring) + 1);
  }
  return KVC_E_OK;
}

static kvc_code read_head(const struct shard_reader *r, const cJSON *root,
                          struct shard_head *out)
{
  const cJSON *kind = member(root, "format"), *version = member(root, "format_version");
  const cJSON *kvcap = member(root, "kvcap"), *question = member(root, "question");
  const cJSON *part = member(root, "part"), *parts = member(root, "parts");
  *out = (struct shard_head){.path = r->path};
  if (!is_text(kind, sizeof format) || strcmp(kind->valuestring, format) != 0)
    return unreadable(r, "it does not say that it is one");
  if (!is_whole(version, SHARD_FORMAT, SHARD_FORMAT))
    return kvc_fail(r->err, KVC_E_PARSE, r->path,
                    "is written in another version of the format than %d: make all "
                    "parts with one kvcap",
                    SHARD_FORMAT);
  if (!is_text(kvcap, 64) || !is_text(question, SHARD_DIGEST) ||
      !is_whole(parts, 1, PLAN_MAX_SHARDS) || !is_whole(part, 1, parts->valuedouble))
    return unreadable(r, "it does not say which part it is");
  out->part = (int)part->valuedouble;
  out->parts = (int)parts->valuedouble;
  out->kvcap = kvc_arena_strdup(r->arena, kvcap->valuestring);
  if (out->kvcap == NULL) return kvc_arena_full(r->arena, r->path, r->err);
  memcpy(out->question, question->valuestring, strlen(question->valuestring) + 1);
  KVC_TRY(read_args(r, member(root, "arguments"), out));
  return read_inputs(r, member(root, "inputs"), out);
}

static kvc_code read_units(const struct shard_reader *r, const cJSON *list,
                           const struct shard_head *head, shard_take *take, void *ctx)
{
  size_t n = 0;
  if (!cJSON_IsArray(list)) return unreadable(r, "its results are missing");
  struct shard_unit *unit = kvc_arena_alloc(r->arena, 1, sizeof *unit);
  if (unit == NULL) return kvc_arena_full(r->arena, r->path, r->err);
  for (const cJSON *item = list->child; item != NULL; item = item->next) {
    if (n++ == KVC_SEARCH_MAX_UNITS) return unreadable(r, "it has too many results");
    KVC_TRY(read_unit(r, item, unit));
    KVC_TRY(take(ctx, head, unit, r->err));
  }
  return KVC_E_OK;
}

kvc_code shard_read(struct kvc_arena *arena, const struct shard_text *file,
                    struct shard_head *head, shard_take *take, void *ctx,
                    struct kvc_err *err)
{
  const struct shard_reader r = {arena, file->path, err};
  const char *end = NULL;
  if (file->len > SHARD_MAX_BYTES)
    return kvc_fail(err, KVC_E_LIMIT, file->path, "is larger than %d bytes",
                    SHARD_MAX_BYTES);
  if (too_deep(file->text, file->len)) return unreadable(&r, "it is nested too deep");
  cJSON *root = cJSON_ParseWithLengthOpts(file->text, file->len, &end, 0);
  while (root != NULL && end < file->text + file->len && *end != 0 &&
         strchr(" \t\r\n", *end) != NULL)
    end++;
  kvc_code rc = KVC_E_OK;
  if (!cJSON_IsObject(root) || end != file->text + file->len)
    rc = unreadable(&r, "it is not one JSON object");
  if (rc == KVC_E_OK) rc = read_head(&r, root, head);
  if (rc == KVC_E_OK && take != NULL)
    rc = read_units(&r, member(root, "units"), head, take, ctx);
  cJSON_Delete(root);
  return rc;
}
