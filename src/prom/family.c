/* family.c - families of metrics, and which one a sample's name belongs to.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"

#define SUFFIX(text) text, sizeof text - 1

static struct slice cut_end(struct slice s, size_t n)
{
  return (struct slice){s.at, s.len - n};
}

struct family *prom_family_find(const struct prom *p, struct slice name)
{
  const uint64_t hash = prom_hash(p, name.at, name.len);
  for (struct entry *e = prom_table_slot(&p->families, hash); e != NULL; e = e->chain) {
    struct family *f = (struct family *)(void *)e;
    if (e->hash == hash && f->len == name.len && memcmp(f->name, name.at, name.len) == 0)
      return f;
  }
  return NULL;
}

static const struct kvc_metric_name *row_of(const struct prom *p, struct slice name)
{
  return kvc_metrics_exported(p->source->metrics, name.at, name.len);
}

kvc_code prom_family(struct prom *p, struct slice name, struct family **out)
{
  struct family *f = prom_family_find(p, name);
  if (f == NULL) {
    if (p->families.count >= PROM_MAX_FAMILIES)
      return prom_limit(p, "families", PROM_MAX_FAMILIES);
    f = kvc_arena_alloc(p->arena, 1, sizeof *f);
    if (f == NULL) return prom_full(p);
    f->name = kvc_arena_strndup(p->arena, name.at, name.len);
    if (f->name == NULL) return prom_full(p);
    f->len = name.len;
    f->row = row_of(p, name);
    f->type = f->row != NULL ? f->row->type : KVC_METRIC_UNTYPED;
    f->entry.hash = prom_hash(p, name.at, name.len);
    KVC_TRY(prom_table_add(p, &p->families, &f->entry));
  }
  *out = f;
  return KVC_E_OK;
}

/* Whether the page or the catalogue knows the family. */
static bool known(const struct prom *p, struct slice name)
{
  return prom_family_find(p, name) != NULL || row_of(p, name) != NULL;
}

static bool histogram_like(const struct prom *p, struct slice name)
{
  const struct family *f = prom_family_find(p, name);
  if (f != NULL) return f->type == KVC_METRIC_HISTOGRAM || f->summary;
  const struct kvc_metric_name *row = row_of(p, name);
  return row != NULL && row->type == KVC_METRIC_HISTOGRAM;
}

/* "x_total" is the counter x, unless x_total is a histogram of that name. */
static struct slice without_total(const struct prom *p, struct slice name)
{
  if (!slice_ends(name, SUFFIX("_total"))) return name;
  const struct family *f = prom_family_find(p, name);
  if (f != NULL) return name;
  const struct kvc_metric_name *row = row_of(p, name);
  if (row != NULL && row->type == KVC_METRIC_HISTOGRAM) return name;
  return cut_end(name, sizeof "_total" - 1);
}

/* The family whose time of creation it is; false when it is a metric of its own. */
static bool created_of(const struct prom *p, struct slice name, struct slice *base)
{
  if (!slice_ends(name, SUFFIX("_created"))) return false;
  const struct slice whole = cut_end(name, sizeof "_created" - 1);
  const struct slice bare = without_total(p, whole);
  if (known(p, bare))
    *base = bare;
  else if (known(p, whole))
    *base = whole;
  else
    return false;
  return true;
}

static kvc_code resolved(struct prom *p, struct slice name, enum part is,
                         struct family **out, enum part *part)
{
  *part = is;
  return prom_family(p, name, out);
}

kvc_code prom_resolve(struct prom *p, struct slice name, bool has_le, struct family **out,
                      enum part *part)
{
  struct slice base;
  if (created_of(p, name, &base)) return resolved(p, base, PART_CREATED, out, part);
  const struct family *own = prom_family_find(p, name);
  if (own != NULL && own->typed) return resolved(p, name, PART_VALUE, out, part);
  if (slice_ends(name, SUFFIX("_bucket")) && has_le)
    return resolved(p, cut_end(name, sizeof "_bucket" - 1), PART_BUCKET, out, part);
  if (slice_ends(name, SUFFIX("_sum"))) {
    base = cut_end(name, sizeof "_sum" - 1);
    if (histogram_like(p, base)) return resolved(p, base, PART_SUM, out, part);
  }
  if (slice_ends(name, SUFFIX("_count"))) {
    base = cut_end(name, sizeof "_count" - 1);
    if (histogram_like(p, base)) return resolved(p, base, PART_COUNT, out, part);
  }
  base = without_total(p, name);
  KVC_TRY(resolved(p, base, PART_VALUE, out, part));
  if (base.len < name.len && (*out)->type == KVC_METRIC_UNTYPED)
    (*out)->type = KVC_METRIC_COUNTER;
  return KVC_E_OK;
}

/* ---- lines of comment ---- */

static bool is_word(struct slice s, const char *word)
{
  return strlen(word) == s.len && memcmp(s.at, word, s.len) == 0;
}

/* A type that the exposition formats name; false when it is none. */
static bool type_of(struct slice word, enum kvc_metric_type *type, bool *summary)
{
  static const struct {
    const char *word;
    enum kvc_metric_type type;
  } words[] = {{"counter", KVC_METRIC_COUNTER},
               {"gauge", KVC_METRIC_GAUGE},
               {"histogram", KVC_METRIC_HISTOGRAM},
               {"summary", KVC_METRIC_HISTOGRAM},
               {"untyped", KVC_METRIC_UNTYPED},
               {"unknown", KVC_METRIC_UNTYPED},
               {"info", KVC_METRIC_INFO},
               {"stateset", KVC_METRIC_GAUGE},
               {"gaugehistogram", KVC_METRIC_HISTOGRAM}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!is_word(word, words[i].word)) continue;
    *type = words[i].type;
    *summary = is_word(word, "summary");
    return true;
  }
  return false;
}

bool prom_is_type(struct slice word)
{
  enum kvc_metric_type type;
  bool summary;
  return type_of(word, &type, &summary);
}

/* The family that a TYPE or HELP line names: counters are written with _total in one
 * format and without in the other. */
static struct slice declared(const struct prom *p, struct slice name)
{
  return without_total(p, name);
}

kvc_code prom_type_line(struct prom *p, struct slice name, struct slice word)
{
  enum kvc_metric_type type;
  bool summary;
  struct slice base;
  struct family *f;
  if (!type_of(word, &type, &summary)) {
    prom_note(p, NOTE_TYPE, word);
    return KVC_E_OK;
  }
  p->n_types++;
  p->last_name = (struct slice){NULL, 0};
  if (created_of(p, name, &base)) return KVC_E_OK;
  if (type == KVC_METRIC_INFO && !slice_ends(name, SUFFIX("_info"))) {
    char *whole = kvc_arena_printf(p->arena, "%.*s_info", (int)name.len, name.at);
    if (whole == NULL) return prom_full(p);
    name = (struct slice){whole, strlen(whole)};
  }
  const bool keeps_total = type == KVC_METRIC_HISTOGRAM;
  KVC_TRY(prom_family(p, keeps_total ? name : declared(p, name), &f));
  /* 0.0.4 cannot say info: it says gauge. */
  const bool info = f->row != NULL && f->row->type == KVC_METRIC_INFO;
  f->typed = true;
  f->summary = summary;
  f->type = info && type == KVC_METRIC_GAUGE ? KVC_METRIC_INFO : type;
  return KVC_E_OK;
}

kvc_code prom_help_line(struct prom *p, struct slice name, struct slice text)
{
  enum { KEPT = 400 };
  struct slice base;
  struct family *f;
  if (created_of(p, name, &base)) return KVC_E_OK;
  const struct slice bare = declared(p, name);
  if (row_of(p, bare) == NULL) return KVC_E_OK;
  KVC_TRY(prom_family(p, bare, &f));
  if (f->help != NULL || text.len == 0) return KVC_E_OK;
  f->help = kvc_arena_strndup(p->arena, text.at, text.len < KEPT ? text.len : KEPT);
  return f->help != NULL ? KVC_E_OK : prom_full(p);
}
