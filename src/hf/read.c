/* read.c - typed, range-checked access to a config, with its classes' defaults.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEY = 64 };

/* Copies the name at *keys and steps behind its '|'; false after the last. */
static bool next_key(const char **keys, char out[MAX_KEY])
{
  if (**keys == '\0') return false;
  const size_t len = strcspn(*keys, "|");
  const size_t kept = len < MAX_KEY - 1 ? len : MAX_KEY - 1;
  memcpy(out, *keys, kept);
  out[kept] = '\0';
  *keys += len + ((*keys)[len] == '|');
  return true;
}

const cJSON *hf_in(const cJSON *object, const char *keys)
{
  char key[MAX_KEY];
  while (next_key(&keys, key)) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item != NULL && !cJSON_IsNull(item)) return item;
  }
  return NULL;
}

const cJSON *hf_get(const struct hf *h, const char *keys)
{
  return hf_in(h->cfg, keys);
}

const cJSON *hf_object(const struct hf *h, const char *keys)
{
  const cJSON *item = hf_get(h, keys);
  return cJSON_IsObject(item) ? item : NULL;
}

void hf_fail(struct hf *h, kvc_code code, const char *fmt, ...)
{
  if (h->rc != KVC_E_OK) return;
  char text[400];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  h->rc = kvc_fail(h->err, code, h->where, "%s", text);
}

/* A whole number; 'min' after a failure, so that what is built from it stays small. */
static int64_t whole(struct hf *h, const cJSON *item, int64_t min, int64_t max)
{
  if (!cJSON_IsNumber(item)) {
    hf_fail(h, KVC_E_PARSE, "\"%.60s\" must be a number",
            item->string != NULL ? item->string : "an entry of a list");
    return min;
  }
  const double v = item->valuedouble;
  if (!(v >= (double)min && v <= (double)max) || floor(v) < v) {
    hf_fail(h, KVC_E_RANGE,
            "\"%.60s\" is %g, which is not a whole number in [%lld, %lld]",
            item->string != NULL ? item->string : "an entry of a list", v, (long long)min,
            (long long)max);
    return min;
  }
  return (int64_t)v;
}

static bool default_of(const struct hf *h, const char *keys, int64_t *value)
{
  char key[MAX_KEY];
  while (next_key(&keys, key))
    if (hf_class_default(h, key, value)) return true;
  return false;
}

int64_t hf_need(struct hf *h, const char *keys, int64_t min, int64_t max)
{
  const cJSON *item = hf_get(h, keys);
  if (item != NULL) return whole(h, item, min, max);
  int64_t value;
  if (default_of(h, keys, &value)) return value;
  hf_fail(h, KVC_E_PARSE, "the config lacks \"%.*s\", which %.80s needs",
          (int)strcspn(keys, "|"), keys, h->cls);
  return min;
}

int64_t hf_opt(struct hf *h, const char *keys, int64_t def, int64_t min, int64_t max)
{
  const cJSON *item = hf_get(h, keys);
  if (item != NULL) return whole(h, item, min, max);
  int64_t value;
  return default_of(h, keys, &value) ? value : def;
}

int64_t hf_int_in(struct hf *h, const cJSON *object, const char *keys, int64_t def,
                  int64_t min, int64_t max)
{
  const cJSON *item = hf_in(object, keys);
  return item != NULL ? whole(h, item, min, max) : def;
}

double hf_real(struct hf *h, const char *keys, double def, double min, double max)
{
  const cJSON *item = hf_get(h, keys);
  if (item == NULL) return def;
  if (!cJSON_IsNumber(item)) {
    hf_fail(h, KVC_E_PARSE, "\"%.60s\" must be a number", item->string);
    return def;
  }
  const double v = item->valuedouble;
  if (!(v >= min && v <= max)) {
    hf_fail(h, KVC_E_RANGE, "\"%.60s\" is %g, outside [%g, %g]", item->string, v, min,
            max);
    return def;
  }
  return v;
}

static bool truth(struct hf *h, const cJSON *item)
{
  if (cJSON_IsBool(item)) return cJSON_IsTrue(item) != 0;
  if (cJSON_IsNumber(item)) return item->valuedouble > 0 || item->valuedouble < 0;
  hf_fail(h, KVC_E_PARSE, "\"%.60s\" must be true or false", item->string);
  return false;
}

bool hf_flag(struct hf *h, const char *keys, bool def)
{
  const cJSON *item = hf_get(h, keys);
  return item != NULL ? truth(h, item) : def;
}

bool hf_flag_in(struct hf *h, const cJSON *object, const char *key, bool def)
{
  const cJSON *item = hf_in(object, key);
  return item != NULL ? truth(h, item) : def;
}

const char *hf_text(const struct hf *h, const char *keys)
{
  const cJSON *item = hf_get(h, keys);
  return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *hf_text_in(const cJSON *object, const char *key)
{
  const cJSON *item = hf_in(object, key);
  return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool hf_list_has(const cJSON *list, int64_t value)
{
  const cJSON *item;
  cJSON_ArrayForEach(item, list)
  {
    if (cJSON_IsNumber(item) && fabs(item->valuedouble - (double)value) < 0.5)
      return true;
  }
  return false;
}

int64_t hf_list_int(struct hf *h, const cJSON *list, int at, int64_t def, int64_t min,
                    int64_t max)
{
  const cJSON *item = cJSON_GetArrayItem(list, at);
  return item != NULL ? whole(h, item, min, max) : def;
}

/* ---- defaults ---------------------------------------------------------------- */

/* What the configuration classes of transformers fill in.  'nested': only inside a
 * wrapper's text_config, whose writer leaves defaults out; a top-level config that
 * lacks such a key is taken to be broken. */
struct def {
  const char *type, *key;
  int64_t value;
  bool nested;
};

/* clang-format off */
static const struct def defaults[] = {
    {"llama", "hidden_size", 4096, true},
    {"llama", "intermediate_size", 11008, true},
    {"llama", "num_hidden_layers", 32, true},
    {"llama", "num_attention_heads", 32, true},
    {"llama", "vocab_size", 32000, true},
    {"llama", "max_position_embeddings", 2048, true},
    {"mistral", "hidden_size", 4096, true},
    {"mistral", "intermediate_size", 14336, true},
    {"mistral", "num_hidden_layers", 32, true},
    {"mistral", "num_attention_heads", 32, true},
    {"mistral", "num_key_value_heads", 8, false},
    {"mistral", "vocab_size", 32000, true},
    {"mistral", "max_position_embeddings", 131072, true},
    {"qwen2", "hidden_size", 4096, true},
    {"qwen2", "intermediate_size", 22016, true},
    {"qwen2", "num_hidden_layers", 32, true},
    {"qwen2", "num_attention_heads", 32, true},
    {"qwen2", "num_key_value_heads", 32, false},
    {"qwen2", "vocab_size", 151936, true},
    {"qwen2", "max_position_embeddings", 32768, true},
    {"mixtral", "num_key_value_heads", 8, false},
    {"starcoder2", "num_key_value_heads", 2, false},
    {"qwen3", "num_key_value_heads", 32, false},
    {"qwen3_moe", "num_key_value_heads", 4, false},
    {"gemma", "num_key_value_heads", 16, false},
    {"gemma", "head_dim", 256, false},
    {"gemma", "hidden_size", 3072, true},
    {"gemma", "intermediate_size", 24576, true},
    {"gemma", "num_hidden_layers", 28, true},
    {"gemma", "num_attention_heads", 16, true},
    {"gemma", "vocab_size", 256000, true},
    {"gemma", "max_position_embeddings", 8192, false},
    {"gemma2", "head_dim", 256, false},
    {"gemma2", "num_key_value_heads", 4, false},
    {"gemma2", "vocab_size", 256000, false},
    {"gemma2", "max_position_embeddings", 8192, false},
    {"gemma2", "sliding_window", 4096, false},
    {"gemma3_text", "hidden_size", 2304, true},
    {"gemma3_text", "intermediate_size", 9216, true},
    {"gemma3_text", "num_hidden_layers", 26, true},
    {"gemma3_text", "num_attention_heads", 8, false},
    {"gemma3_text", "num_key_value_heads", 4, false},
    {"gemma3_text", "head_dim", 256, false},
    {"gemma3_text", "vocab_size", 262208, false},
    {"gemma3_text", "max_position_embeddings", 131072, false},
    {"gemma3_text", "sliding_window", 4096, false},
    {"gemma3n_text", "hidden_size", 2048, false},
    {"gemma3n_text", "num_hidden_layers", 35, false},
    {"gemma3n_text", "num_attention_heads", 8, false},
    {"gemma3n_text", "num_key_value_heads", 2, false},
    {"gemma3n_text", "head_dim", 256, false},
    {"gemma3n_text", "vocab_size", 262400, false},
    {"gemma3n_text", "max_position_embeddings", 32768, false},
    {"gemma3n_text", "intermediate_size", 16384, false},
    {"gemma3n_text", "sliding_window", 512, false},
    {"gemma4_text", "vocab_size", 262144, false},
    {"gemma4_text", "head_dim", 256, false},
    {"gemma4_text", "max_position_embeddings", 131072, false},
    {"gpt2", "n_embd", 768, false},
    {"gpt2", "n_layer", 12, false},
    {"gpt2", "n_head", 12, false},
    {"gpt2", "n_positions", 1024, false},
    {"gpt2", "vocab_size", 50257, false},
    {"gpt_bigcode", "n_positions", 1024, false},
    {"falcon", "max_position_embeddings", 2048, false},
    {"bloom", "seq_length", 2048, false},
    {"RefinedWebModel", "max_position_embeddings", 2048, false},
    {"RefinedWeb", "max_position_embeddings", 2048, false},
    {"mamba", "state_size", 16, false},
    {"mamba", "conv_kernel", 4, false},
    {"falcon_mamba", "state_size", 16, false},
    {"falcon_mamba", "conv_kernel", 4, false},
    {"jamba", "num_key_value_heads", 8, false},
    {"jamba", "max_position_embeddings", 262144, false},
    {"mllama_text_model", "hidden_size", 4096, true},
    {"mllama_text_model", "num_hidden_layers", 40, true},
    {"mllama_text_model", "num_attention_heads", 32, true},
    {"mllama_text_model", "num_key_value_heads", 8, true},
    {"mllama_text_model", "intermediate_size", 14336, true},
    {"mllama_text_model", "vocab_size", 128256, true},
    {"mllama_text_model", "max_position_embeddings", 131072, true},
    {"qwen3_5_text", "vocab_size", 248320, true},
    {"qwen3_5_moe_text", "vocab_size", 248320, true},
};
/* clang-format on */

bool hf_class_default(const struct hf *h, const char *key, int64_t *value)
{
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    const struct def *d = &defaults[i];
    if (d->nested && !h->nested) continue;
    if (strcmp(d->key, key) != 0 || h->type == NULL || strcmp(d->type, h->type) != 0)
      continue;
    *value = d->value;
    return true;
  }
  return false;
}
