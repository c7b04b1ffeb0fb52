/* json_schema.h - validates JSON against the schemas in profiles/schema.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The part of JSON Schema that those files use: type, properties, required, items,
 * additionalProperties.  Include after cmocka.h.
 */
#ifndef TEST_JSON_SCHEMA_H
#define TEST_JSON_SCHEMA_H

#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const cJSON *get(const cJSON *map, const char *key)
{
  return cJSON_GetObjectItemCaseSensitive(map, key);
}

static inline bool has_type(const cJSON *value, const char *type)
{
  if (strcmp(type, "object") == 0) return cJSON_IsObject(value);
  if (strcmp(type, "array") == 0) return cJSON_IsArray(value);
  if (strcmp(type, "string") == 0) return cJSON_IsString(value);
  if (strcmp(type, "boolean") == 0) return cJSON_IsBool(value);
  if (strcmp(type, "null") == 0) return cJSON_IsNull(value);
  if (strcmp(type, "number") == 0) return cJSON_IsNumber(value);
  if (strcmp(type, "integer") == 0)
    return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
  return false;
}

static inline bool type_allows(const cJSON *type, const cJSON *value)
{
  if (type == NULL) return true;
  if (cJSON_IsString(type)) return has_type(value, type->valuestring);
  for (const cJSON *one = type->child; one != NULL; one = one->next)
    if (has_type(value, one->valuestring)) return true;
  return false;
}

/* Words a schema may hold: another one would be checked by nobody. */
static inline bool is_supported(const char *word)
{
  static const char *const words[] = {
      "$schema",    "title",    "description", "type",
      "properties", "required", "items",       "additionalProperties"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(word, words[i]) == 0) return true;
  return false;
}

static int faults;
static bool quiet;

static inline void fault(const char *path, const char *what, const char *key)
{
  if (!quiet) print_error("%s: %s %s\n", path, what, key);
  faults++;
}

/* 'strict' also refuses keys that the schema does not describe. */
static inline void validate(const cJSON *schema, const cJSON *value, const char *path,
                            bool strict)
{
  char inner[300];
  for (const cJSON *word = schema->child; word != NULL; word = word->next)
    if (!is_supported(word->string)) fault(path, "schema word", word->string);
  if (!type_allows(get(schema, "type"), value)) fault(path, "wrong type", "");
  const cJSON *required = get(schema, "required"),
              *properties = get(schema, "properties");
  for (const cJSON *key = required != NULL ? required->child : NULL; key != NULL;
       key = key->next)
    if (get(value, key->valuestring) == NULL) fault(path, "missing", key->valuestring);
  for (const cJSON *child = value->child; child != NULL; child = child->next) {
    const cJSON *sub = NULL;
    if (cJSON_IsArray(value)) sub = get(schema, "items");
    if (cJSON_IsObject(value)) {
      sub = get(properties, child->string);
      if (sub == NULL) sub = get(schema, "additionalProperties");
    }
    (void)snprintf(inner, sizeof inner, "%.200s.%.80s", path,
                   child->string != NULL ? child->string : "[]");
    if (sub != NULL)
      validate(sub, child, inner, strict);
    else if (strict)
      fault(inner, "is not described", "");
  }
}

static inline char *read_schema_of(const char *report)
{
  char path[4096];
  const char *dir = getenv("KVC_SOURCE_DIR");
  (void)snprintf(path, sizeof path, "%s/profiles/schema/%s.schema.json",
                 dir != NULL ? dir : ".", report);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s cannot be read", path);
  static char text[1 << 17];
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  (void)fclose(file);
  return text;
}

#endif
