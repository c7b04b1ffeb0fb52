/* aiperf_json.c - AIPerf's export of a server's metrics, as one JSON object.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "metrics" maps a family to its type and its series: labels, figures over the window,
 * and for histograms the cumulative buckets.  Slices of time are left aside.
 */
#include "prom_room.h"
#include <cjson/cJSON.h>
#include <math.h>

enum { LOOKED_AT = 64 << 10 };

static bool holds(struct slice text, const char *word)
{
  const size_t n = strlen(word);
  const char *at = text.at, *end = text.at + text.len;
  while ((size_t)(end - at) >= n &&
         (at = memchr(at, word[0], (size_t)(end - at))) != NULL) {
    if ((size_t)(end - at) >= n && memcmp(at, word, n) == 0) return true;
    at++;
  }
  return false;
}

bool prom_is_aiperf_json(struct slice text)
{
  if (text.len > LOOKED_AT) text.len = LOOKED_AT;
  size_t i = 0;
  while (i < text.len && strchr(" \t\r\n\xEF\xBB\xBF", text.at[i]) != NULL) i++;
  if (i == text.len || text.at[i] != '{') return false;
  return holds(text, "\"metrics\"") &&
         (holds(text, "\"endpoint_url\"") || holds(text, "\"endpoint_info\""));
}

kvc_code prom_aiperf_give(struct prom *p, struct series *s, enum part part, double value)
{
  const struct given g = {.part = part, .value = value, .time_s = NAN};
  return isnan(value) ? KVC_E_OK : prom_give(p, s, &g);
}

static double figure(const cJSON *stats, const char *key)
{
  const cJSON *n = cJSON_GetObjectItemCaseSensitive(stats, key);
  if (!cJSON_IsNumber(n)) return NAN;
  return n->valuedouble;
}

static struct slice slice_of(const char *text)
{
  return (struct slice){text, strlen(text)};
}

static kvc_code label_add(struct prom *p, const char *name, const cJSON *value)
{
  struct sample *s = &p->sample;
  if (!cJSON_IsString(value)) return KVC_E_OK;
  if (s->n_labels == KVC_PROM_MAX_LABELS)
    return prom_limit(p, "labels of one sample", KVC_PROM_MAX_LABELS);
  s->labels[s->n_labels++] = (struct label){slice_of(name), slice_of(value->valuestring)};
  return KVC_E_OK;
}

static kvc_code buckets_give(struct prom *p, struct series *s, const cJSON *buckets)
{
  if (!cJSON_IsObject(buckets)) {
    prom_note(p, NOTE_BUCKETS, slice_of(s->family->name));
    return KVC_E_OK;
  }
  for (const cJSON *b = buckets->child; b != NULL; b = b->next) {
    struct given g = {.part = PART_BUCKET, .value = b->valuedouble, .time_s = NAN};
    size_t used;
    const size_t len = strlen(b->string);
    if (!cJSON_IsNumber(b) || !kvc_num_scan(b->string, len, &g.le, &used) ||
        used != len || isnan(g.le))
      prom_note(p, NOTE_LE, slice_of(b->string));
    else
      KVC_TRY(prom_give(p, s, &g));
  }
  return KVC_E_OK;
}

static kvc_code series_give(struct prom *p, struct family *family, const cJSON *one)
{
  struct series *s;
  const cJSON *labels = cJSON_GetObjectItemCaseSensitive(one, "labels");
  const cJSON *stats = cJSON_GetObjectItemCaseSensitive(one, "stats");
  if (stats == NULL) stats = one;
  p->sample.n_labels = 0;
  if (cJSON_IsObject(labels))
    for (const cJSON *l = labels->child; l != NULL; l = l->next)
      KVC_TRY(label_add(p, l->string, l));
  KVC_TRY(
      label_add(p, "instance", cJSON_GetObjectItemCaseSensitive(one, "endpoint_url")));
  KVC_TRY(prom_series(p, family, p->sample.labels, p->sample.n_labels, &s));
  p->n_samples++;
  if (family->type == KVC_METRIC_HISTOGRAM) {
    KVC_TRY(prom_aiperf_give(p, s, PART_SUM, figure(stats, "sum")));
    KVC_TRY(prom_aiperf_give(p, s, PART_COUNT, figure(stats, "count")));
    return buckets_give(p, s, cJSON_GetObjectItemCaseSensitive(one, "buckets"));
  }
  static const char *const keys[] = {"total", "avg", "value"};
  for (size_t i = 0; i < 3; i++) {
    const double v = figure(stats, keys[i]);
    if (!isnan(v)) return prom_aiperf_give(p, s, PART_VALUE, v);
  }
  return KVC_E_OK;
}

static kvc_code metric_give(struct prom *p, const cJSON *metric)
{
  const struct slice name = slice_of(metric->string);
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(metric, "type");
  const cJSON *series = cJSON_GetObjectItemCaseSensitive(metric, "series");
  struct family *family;
  enum part part;
  if (prom_name_len(name) != name.len || name.len == 0 || !cJSON_IsString(type) ||
      !cJSON_IsArray(series)) {
    prom_note(p, NOTE_NOISE, name);
    return KVC_E_OK;
  }
  KVC_TRY(prom_type_line(p, name, slice_of(type->valuestring)));
  KVC_TRY(prom_resolve(p, name, false, &family, &part));
  for (const cJSON *s = series->child; s != NULL; s = s->next)
    if (cJSON_IsObject(s)) KVC_TRY(series_give(p, family, s));
  return KVC_E_OK;
}

static kvc_code tree_give(struct prom *p, const cJSON *root)
{
  const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(root, "metrics");
  if (!cJSON_IsObject(metrics)) return KVC_E_OK;
  for (const cJSON *m = metrics->child; m != NULL; m = m->next)
    KVC_TRY(metric_give(p, m));
  if (p->n_samples > 0) prom_note(p, NOTE_WINDOW, (struct slice){NULL, 0});
  return KVC_E_OK;
}

kvc_code prom_aiperf_json(struct prom *p)
{
  const char *end = NULL;
  if (p->source->len > PROM_MAX_JSON_BYTES)
    return kvc_fail(p->err, KVC_E_LIMIT, p->source->where,
                    "is %zu bytes of JSON; more than %d are not read: export CSV, which "
                    "leaves the slices of time out",
                    p->source->len, PROM_MAX_JSON_BYTES);
  cJSON *root = cJSON_ParseWithLengthOpts(p->source->text, p->source->len, &end, 0);
  if (root == NULL)
    return kvc_fail(p->err, KVC_E_PARSE, p->source->where,
                    "is no whole JSON text: it breaks off or goes wrong at byte %zu",
                    end != NULL ? (size_t)(end - p->source->text) : p->source->len);
  const kvc_code rc = tree_give(p, root);
  cJSON_Delete(root);
  return rc;
}
