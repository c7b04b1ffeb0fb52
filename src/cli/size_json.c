/* size_json.c - options whose value is JSON, in vLLM's spelling.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "size.h"
#include <cjson/cJSON.h>
#include <kvcap/num.h>
#include <string.h>

enum { MAX_JSON_BYTES = 1 << 14, MAX_JSON_DEPTH = 16, MAX_SPEC_TOKENS = 1024 };

/* cJSON recurses: the depth is bounded before it sees the text. */
static bool too_deep(const char *text)
{
  int depth = 0;
  bool quoted = false;
  for (; *text != '\0'; text++) {
    if (quoted && *text == '\\' && text[1] != '\0')
      text++;
    else if (*text == '"')
      quoted = !quoted;
    else if (!quoted && (*text == '{' || *text == '['))
      depth++;
    else if (!quoted && (*text == '}' || *text == ']'))
      depth--;
    if (depth > MAX_JSON_DEPTH) return true;
  }
  return false;
}

/* The object in 'text'; the caller deletes it. */
static kvc_code parse_object(const char *option, const char *text, cJSON **out,
                             struct kvc_err *err)
{
  if (strlen(text) > MAX_JSON_BYTES || too_deep(text))
    return kvc_fail(err, KVC_E_LIMIT, option, "is larger or deeper than any real value");
  const char *end = NULL;
  cJSON *json = cJSON_ParseWithOpts(text, &end, 1);
  if (json == NULL)
    return kvc_fail(err, KVC_E_PARSE, option,
                    "is not valid JSON near \"%.20s\"; write it in single quotes, as in "
                    "'{\"key\": 1}'",
                    end != NULL ? end : text);
  if (!cJSON_IsObject(json)) {
    cJSON_Delete(json);
    return kvc_fail(err, KVC_E_PARSE, option,
                    "must be a JSON object, as in {\"key\": 1}");
  }
  for (const cJSON *a = json->child; a != NULL; a = a->next)
    for (const cJSON *b = a->next; b != NULL; b = b->next)
      if (strcmp(a->string, b->string) == 0) {
        const kvc_code rc = kvc_fail(err, KVC_E_PARSE, option,
                                     "the key \"%.40s\" appears twice", a->string);
        cJSON_Delete(json);
        return rc;
      }
  *out = json;
  return KVC_E_OK;
}

static kvc_code whole(const char *option, const char *key, const cJSON *item, double min,
                      double max, int *out, struct kvc_err *err)
{
  double v = 0;
  if (cJSON_IsString(item))
    KVC_TRY(kvc_num_parse(item->valuestring, option, &v, err));
  else if (cJSON_IsNumber(item))
    v = item->valuedouble;
  else
    return kvc_fail(err, KVC_E_PARSE, option, "\"%.40s\" must be a whole number", key);
  if (!(v >= min && v <= max) || v != (double)(int)v)
    return kvc_fail(err, KVC_E_RANGE, option,
                    "\"%.40s\" must be a whole number from %.0f to %.0f", key, min, max);
  *out = (int)v;
  return KVC_E_OK;
}

static kvc_code text_of(struct size_args *args, const char *option, const char *key,
                        const cJSON *item, const char **out, struct kvc_err *err)
{
  if (cJSON_IsNull(item)) return KVC_E_OK;
  if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
    return kvc_fail(err, KVC_E_PARSE, option, "\"%.40s\" must be text", key);
  const char *copy = kvc_arena_strdup(&args->cli->arena, item->valuestring);
  if (copy == NULL) return kvc_arena_full(&args->cli->arena, option, err);
  *out = copy;
  return KVC_E_OK;
}

/* ---- --speculative-config -------------------------------------------------------- */

/* Keys of vLLM that change nothing in what kvcap computes. */
static const char *const spec_quiet[] = {"prompt_lookup_max",
                                         "prompt_lookup_min",
                                         "max_model_len",
                                         "quantization",
                                         "revision",
                                         "code_revision",
                                         "disable_by_batch_size",
                                         "disable_mqa_scorer",
                                         "disable_padded_drafter_batch",
                                         "acceptance_method",
                                         "rejection_sample_method",
                                         "posterior_threshold",
                                         "posterior_alpha",
                                         "speculative_token_tree",
                                         "disable_logprobs",
                                         "enforce_eager",
                                         "parallel_drafting",
                                         "attention_backend",
                                         "moe_backend",
                                         "use_local_argmax_reduction",
                                         "synthetic_acceptance_rate"};

static kvc_code spec_member(struct size_args *args, const char *option, const char *key,
                            const cJSON *item, struct kvc_err *err)
{
  struct kvc_deploy *d = &args->req.deploy;
  if (strcmp(key, "method") == 0)
    return text_of(args, option, key, item, &d->spec_method, err);
  if (strcmp(key, "model") == 0)
    return text_of(args, option, key, item, &d->spec_model, err);
  if (strcmp(key, "num_speculative_tokens") == 0)
    return whole(option, key, item, 1, MAX_SPEC_TOKENS, &d->spec_tokens, err);
  if (strcmp(key, "draft_tensor_parallel_size") == 0)
    return whole(option, key, item, 1, MAX_SPEC_TOKENS, &d->spec_draft_tp, err);
  for (size_t i = 0; i < sizeof spec_quiet / sizeof spec_quiet[0]; i++)
    if (strcmp(key, spec_quiet[i]) == 0) return KVC_E_OK;
  size_note(args, "warning", "%s: the key \"%.40s\" is not known and was ignored", option,
            key);
  return KVC_E_OK;
}

kvc_code size_speculative_config(void *ptr, const struct cli_option *option,
                                 const char *value, struct kvc_err *err)
{
  struct size_args *args = ptr;
  cJSON *json;
  KVC_TRY(parse_object(option->name, value, &json, err));
  kvc_code rc = KVC_E_OK;
  for (const cJSON *item = json->child; item != NULL && rc == KVC_E_OK; item = item->next)
    rc = spec_member(args, option->name, item->string, item, err);
  cJSON_Delete(json);
  return rc;
}

kvc_code size_speculative_model(void *ptr, const struct cli_option *option,
                                const char *value, struct kvc_err *err)
{
  struct size_args *args = ptr;
  if (value[0] == '\0')
    return kvc_fail(err, KVC_E_USAGE, option->name, "the value is empty");
  if (strcmp(value, "[ngram]") == 0)
    args->req.deploy.spec_method = "ngram";
  else
    args->req.deploy.spec_model = value;
  return KVC_E_OK;
}

/* vLLM's own guess of the method from the draft model's name. */
static const char *method_of(const char *model)
{
  if (kvc_str_ifind(model, "eagle3") != NULL) return "eagle3";
  if (kvc_str_ifind(model, "eagle") != NULL) return "eagle";
  if (kvc_str_ifind(model, "medusa") != NULL) return "medusa";
  if (kvc_str_ifind(model, "dflash") != NULL) return "dflash";
  return "draft_model";
}

kvc_code size_speculative_finish(struct size_args *args, struct kvc_err *err)
{
  struct kvc_deploy *d = &args->req.deploy;
  const bool given = d->spec_method != NULL || d->spec_model != NULL;
  if (!given && d->spec_tokens > 0)
    return kvc_fail(err, KVC_E_USAGE, "--num-speculative-tokens",
                    "needs --speculative-model or --spec-method beside it");
  if (!given) return KVC_E_OK;
  if (d->spec_method == NULL) d->spec_method = method_of(d->spec_model);
  const size_t len = strlen(d->spec_method);
  /* "deepseek_mtp", "qwen3_next_mtp" ... are old names of one method. */
  if (len > 4 && strcmp(d->spec_method + len - 4, "_mtp") == 0) d->spec_method = "mtp";
  if (d->spec_tokens == 0 && strcmp(d->spec_method, "mtp") == 0) d->spec_tokens = 1;
  if (d->spec_tokens == 0)
    return kvc_fail(err, KVC_E_USAGE, "--speculative-config",
                    "needs num_speculative_tokens, as in {\"method\": \"%.20s\", "
                    "\"num_speculative_tokens\": 3}",
                    d->spec_method);
  return KVC_E_OK;
}

/* ---- --limit-mm-per-prompt --------------------------------------------------------- */

/* The old spelling: image=2,video=0. */
static kvc_code limit_pairs(struct size_args *args, const char *option, const char *value,
                            struct kvc_err *err)
{
  int most = 0;
  while (*value != '\0') {
    const size_t len = strcspn(value, ",");
    const char *equals = memchr(value, '=', len);
    char digits[16] = "";
    int64_t count;
    if (equals == NULL)
      return kvc_fail(err, KVC_E_PARSE, option,
                      "\"%.40s\" is neither JSON nor a list such as image=2,video=0",
                      value);
    const size_t n = len - (size_t)(equals + 1 - value);
    if (n < sizeof digits) memcpy(digits, equals + 1, n);
    KVC_TRY(kvc_num_parse_int(digits, option, 0, 100000, &count, err));
    if (count > most) most = (int)count;
    value += len + (value[len] == ',' ? 1 : 0);
  }
  args->req.deploy.mm_items = most;
  return KVC_E_OK;
}

kvc_code size_limit_mm(void *ptr, const struct cli_option *option, const char *value,
                       struct kvc_err *err)
{
  struct size_args *args = ptr;
  args->limit_mm = value;
  if (value[0] != '{') return limit_pairs(args, option->name, value, err);
  cJSON *json;
  KVC_TRY(parse_object(option->name, value, &json, err));
  kvc_code rc = KVC_E_OK;
  int most = 0;
  for (const cJSON *item = json->child; item != NULL && rc == KVC_E_OK;
       item = item->next) {
    int count = 0;
    const cJSON *figure = item;
    if (cJSON_IsObject(item)) /* {"image": {"count": 2, "width": 512}} */
      figure = cJSON_GetObjectItemCaseSensitive(item, "count");
    rc = whole(option->name, item->string, figure, 0, 100000, &count, err);
    if (count > most) most = count;
  }
  if (rc == KVC_E_OK && json->child != NULL) args->req.deploy.mm_items = most;
  cJSON_Delete(json);
  return rc;
}

/* ---- --compilation-config ------------------------------------------------------------
 */

static kvc_code capture_sizes(struct size_args *args, const char *option,
                              const cJSON *list, struct kvc_err *err)
{
  int64_t largest = 0;
  for (const cJSON *item = list->child; item != NULL; item = item->next) {
    int size = 0;
    KVC_TRY(whole(option, "cudagraph_capture_sizes", item, 1, 65536, &size, err));
    if (size > largest) largest = size;
  }
  if (largest > 0)
    args->req.deploy.max_cudagraph_size = largest;
  else
    args->req.deploy.enforce_eager = 1;
  return KVC_E_OK;
}

static bool is_none(const cJSON *item)
{
  if (cJSON_IsNumber(item)) return item->valuedouble == 0;
  return cJSON_IsString(item) &&
         (kvc_str_ieq(item->valuestring, "none") || strcmp(item->valuestring, "0") == 0);
}

static kvc_code compilation_member(struct size_args *args, const char *option,
                                   const char *key, const cJSON *item,
                                   struct kvc_err *err)
{
  struct kvc_deploy *d = &args->req.deploy;
  const bool off = (strcmp(key, "level") == 0 || strcmp(key, "mode") == 0 ||
                    strcmp(key, "cudagraph_mode") == 0) &&
                   is_none(item);
  const bool no_graphs = strcmp(key, "use_cudagraph") == 0 && cJSON_IsFalse(item);
  if (off || no_graphs)
    d->enforce_eager = 1;
  else if (strcmp(key, "cudagraph_capture_sizes") == 0 && cJSON_IsArray(item))
    KVC_TRY(capture_sizes(args, option, item, err));
  else if (strcmp(key, "max_cudagraph_capture_size") == 0 ||
           strcmp(key, "max_capture_size") == 0) {
    int size = 0;
    KVC_TRY(whole(option, key, item, 0, 65536, &size, err));
    d->max_cudagraph_size = size;
  }
  return KVC_E_OK;
}

kvc_code size_compilation_config(void *ptr, const struct cli_option *option,
                                 const char *value, struct kvc_err *err)
{
  struct size_args *args = ptr;
  if (value[0] != '{') { /* a level: 0 to 3 */
    int64_t level;
    KVC_TRY(kvc_num_parse_int(value, option->name, 0, 3, &level, err));
    if (level == 0) args->req.deploy.enforce_eager = 1;
    return KVC_E_OK;
  }
  cJSON *json;
  KVC_TRY(parse_object(option->name, value, &json, err));
  kvc_code rc = KVC_E_OK;
  for (const cJSON *item = json->child; item != NULL && rc == KVC_E_OK; item = item->next)
    rc = compilation_member(args, option->name, item->string, item, err);
  cJSON_Delete(json);
  return rc;
}

/* ---- --speculative-config.method ngram ------------------------------------------------
 */

kvc_code size_dotted(struct size_args *args, const char *option, const char *key,
                     const char *value, struct kvc_err *err)
{
  cJSON *item = cJSON_Parse(value);
  if (item == NULL) item = cJSON_CreateString(value);
  if (item == NULL) return kvc_fail(err, KVC_E_PARSE, option, "is not a JSON value");
  kvc_code rc = KVC_E_OK;
  if (strcmp(option, "--speculative-config") == 0) {
    rc = spec_member(args, option, key, item, err);
  } else if (strcmp(option, "--compilation-config") == 0) {
    rc = compilation_member(args, option, key, item, err);
  } else if (strcmp(option, "--limit-mm-per-prompt") == 0) {
    int count = 0;
    rc = whole(option, key, item, 0, 100000, &count, err);
    if (rc == KVC_E_OK && count > args->req.deploy.mm_items)
      args->req.deploy.mm_items = count;
  }
  cJSON_Delete(item);
  return rc;
}
