/* lookup.c - from what a person typed to a profile, without guessing silently.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "db.h"
#include <stdio.h>
#include <string.h>

enum { NORM = 256, MAX_CANDIDATES = 8 };

void db_match(const struct kvc_db *db, const char *asked, size_t file,
              struct kvc_match *match)
{
  const struct db_file *f = &db->files[file];
  *match = (struct kvc_match){
      .asked = asked, .name = f->name, .file = f->path, .embedded = f->packed != NULL};
}

/* ---- suggestions ---- */

struct spellings {
  const char **at;
  size_t n, room;
};

static bool gather(void *ctx, const struct db_name *name)
{
  struct spellings *s = ctx;
  if (s->n < s->room) s->at[s->n++] = name->spelling;
  return s->n < s->room;
}

kvc_code db_unknown(struct kvc_db *db, enum kvc_kind kind, const char *flag,
                    const char *asked, const char *advice, struct kvc_err *err)
{
  struct spellings s = {.room = kvc_embedded_name_count + db->n_extra + 1};
  s.at = kvc_arena_alloc(db->arena, s.room, sizeof *s.at);
  if (s.at == NULL) return kvc_arena_full(db->arena, flag, err);
  char norm[NORM];
  const char *base = strrchr(asked, '/');
  size_t best[3] = {0, 1, 2};
  /* A beginning is the likeliest mistake: "DeepSeek-V4" for one of its variants. */
  kvc_name_normalize(base != NULL ? base + 1 : asked, norm, sizeof norm);
  if (strlen(norm) >= 4) db_names(db, kind, norm, true, gather, &s);
  size_t n = s.n < 3 ? s.n : 3;
  if (n == 0) {
    db_each_name(db, kind, gather, &s);
    n = kvc_did_you_mean(asked, s.at, s.n, best, 3);
  }
  if (n == 0 && base != NULL) n = kvc_did_you_mean(base + 1, s.at, s.n, best, 3);
  if (n == 0)
    return kvc_fail(err, KVC_E_UNKNOWN, flag, "\"%.100s\" is not known; %s", asked,
                    advice);
  struct kvc_buf list;
  kvc_buf_init(&list, 300);
  for (size_t i = 0; i < n; i++)
    kvc_buf_printf(&list, "%s%s",
                   i == 0       ? ""
                   : i + 1 == n ? " or "
                                : ", ",
                   s.at[best[i]]);
  const kvc_code rc =
      kvc_fail(err, KVC_E_UNKNOWN, flag, "\"%.100s\" is not known; did you mean %s? %s",
               asked, list.text != NULL ? list.text : "", advice);
  kvc_buf_clear(&list);
  return rc;
}

/* ---- finding ---- */

/* The best entry of one spelling, and whether unlike files claim it equally well. */
struct found {
  bool any, ambiguous;
  struct db_name name;
};

static bool better(void *ctx, const struct db_name *name)
{
  struct found *f = ctx;
  if (!f->any) {
    f->any = true;
    f->name = *name;
  } else if (name->file != f->name.file && name->role == f->name.role) {
    f->ambiguous = f->ambiguous || name->role == NAME_SHORT;
  }
  return true;
}

static bool find(const struct kvc_db *db, enum kvc_kind kind, const char *norm,
                 struct found *out)
{
  *out = (struct found){0};
  db_names(db, kind, norm, false, better, out);
  return out->any;
}

static kvc_code read_gpu(struct kvc_db *db, size_t file, struct kvc_gpu *out,
                         struct kvc_err *err)
{
  struct node *root;
  struct kvc_gpu g;
  const struct reader r = {db->arena, db->files[file].path, err};
  KVC_TRY(db_root(db, &db->files[file], &root, err));
  KVC_TRY(gpu_from_node(&r, root, &g));
  *out = g;
  return KVC_E_OK;
}

/* ---- GPUs ---- */

struct variants {
  const struct kvc_db *db;
  const char *part;
  size_t own;
  size_t files[MAX_CANDIDATES];
  size_t n;
};

/* Canonical names that start with the family's name. */
static bool variant(void *ctx, const struct db_name *name)
{
  struct variants *v = ctx;
  if (name->role != NAME_CANONICAL || name->file == v->own) return true;
  if (strncmp(name->norm, v->part, strlen(v->part)) != 0) return true;
  for (size_t i = 0; i < v->n; i++)
    if (v->files[i] == name->file) return true;
  if (v->n < MAX_CANDIDATES) v->files[v->n++] = name->file;
  return true;
}

static const char *variant_list(struct kvc_db *db, const struct variants *v)
{
  struct kvc_buf list;
  kvc_buf_init(&list, 300);
  for (size_t i = 0; i < v->n; i++)
    kvc_buf_printf(&list, "%s%s", i == 0 ? "" : ", ", db->files[v->files[i]].name);
  const char *text = list.text != NULL ? kvc_arena_strdup(db->arena, list.text) : NULL;
  kvc_buf_clear(&list);
  return text;
}

static void family_note(struct kvc_db *db, const struct db_name *name,
                        struct kvc_match *match)
{
  struct variants v = {.db = db, .part = name->norm, .own = name->file};
  match->family = true;
  db_each_name(db, KVC_KIND_GPU, variant, &v);
  const char *others = variant_list(db, &v);
  match->note =
      others != NULL
          ? kvc_arena_printf(db->arena,
                             "%s is read as %s, its most deployed variant; others: %s",
                             name->spelling, db->files[name->file].name, others)
          : kvc_arena_printf(db->arena, "%s is read as %s, its most deployed variant",
                             name->spelling, db->files[name->file].name);
}

/* "8x A100", "A100-80G x8": a count belongs to the parallelism flags; "RTX 50" has
 * none. */
static bool has_count(const char *norm)
{
  size_t digits = strspn(norm, "0123456789");
  if (digits > 0 && digits < 3 && norm[digits] == 'x') return true;
  const size_t len = strlen(norm);
  size_t i = len;
  while (i > 0 && norm[i - 1] >= '0' && norm[i - 1] <= '9') i--;
  return i < len && len - i < 3 && i > 1 && norm[i - 1] == 'x' && norm[i - 2] != 't';
}

static bool find_gpu(const struct kvc_db *db, const char *norm, struct found *f)
{
  static const char *const makers[] = {
      "nvidiageforce", "nvidiatesla", "nvidia", "amdinstinct", "amdradeon", "amd",
      "intel",         "google",      "tesla",  "geforce",     "instinct",  "radeon"};
  if (find(db, KVC_KIND_GPU, norm, f)) return true;
  for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
    const size_t len = strlen(makers[i]);
    if (strncmp(norm, makers[i], len) == 0 && norm[len] != '\0' &&
        find(db, KVC_KIND_GPU, norm + len, f))
      return true;
  }
  return false;
}

struct prefixed {
  size_t files[MAX_CANDIDATES];
  size_t n;
};

static bool take_prefix(void *ctx, const struct db_name *name)
{
  struct prefixed *p = ctx;
  for (size_t i = 0; i < p->n; i++)
    if (p->files[i] == name->file) return true;
  if (p->n < MAX_CANDIDATES) p->files[p->n++] = name->file;
  return true;
}

/* Part of a name: one card is taken and said, several are listed. */
static kvc_code gpu_by_prefix(struct kvc_db *db, const char *asked, const char *norm,
                              size_t *file, struct kvc_err *err)
{
  struct prefixed p = {.n = 0};
  if (strlen(norm) >= 2) db_names(db, KVC_KIND_GPU, norm, true, take_prefix, &p);
  if (p.n == 1) {
    *file = p.files[0];
    return KVC_E_OK;
  }
  if (p.n == 0)
    return db_unknown(db, KVC_KIND_GPU, "--gpu", asked,
                      "`kvcap profiles list gpus` shows all; --gpu custom --gpu-memory "
                      "96GiB describes one",
                      err);
  struct variants v = {.n = p.n};
  memcpy(v.files, p.files, sizeof v.files);
  const char *list = variant_list(db, &v);
  return kvc_fail(err, KVC_E_AMBIGUOUS, "--gpu", "\"%.60s\" may be %s; name one of them",
                  asked, list != NULL ? list : "several cards");
}

kvc_code kvc_db_gpu(struct kvc_db *db, const char *name, struct kvc_gpu *out,
                    struct kvc_match *match, struct kvc_err *err)
{
  char norm[NORM];
  struct found f;
  struct kvc_match m;
  kvc_name_normalize(name, norm, sizeof norm);
  if (find_gpu(db, norm, &f)) {
    KVC_TRY(read_gpu(db, f.name.file, out, err));
    db_match(db, name, f.name.file, &m);
    if (f.name.role == NAME_FAMILY) family_note(db, &f.name, &m);
    *match = m;
    return KVC_E_OK;
  }
  if (has_count(norm))
    return kvc_fail(
        err, KVC_E_UNKNOWN, "--gpu",
        "\"%.60s\" counts cards; name the card alone and give the number with "
        "--tensor-parallel-size",
        name);
  size_t file = 0;
  KVC_TRY(gpu_by_prefix(db, name, norm, &file, err));
  KVC_TRY(read_gpu(db, file, out, err));
  db_match(db, name, file, &m);
  m.note = kvc_arena_printf(
      db->arena, "%s is read as %s, the only card whose name starts so", name, m.name);
  *match = m;
  return KVC_E_OK;
}

/* ---- models ---- */

/* Endings that name a format, longest first so that the whole is set aside; norm
 * has no blanks, '-' or '_'. */
static const char *const formats[] = {
    "quantized.w8a8fp8",
    "quantized.w8a8",
    "quantized.w8a16",
    "quantized.w4a16",
    "autoroundint4",
    "awqint4",
    "awq4bit",
    "4bitawq",
    "awq8bit",
    "gptqint4",
    "gptqint8",
    "gptq4bit",
    "gptq8bit",
    "int4w4a16",
    "fp8dynamic",
    "fp8block",
    "fp8kv",
    "fp8ct",
    "w4a16ct",
    "w8a8fp8",
    "w8a8",
    "w8a16",
    "w4a16",
    "w4a8",
    "nvfp4mtp",
    "nvfp4fp8",
    "nvfp4",
    "mxfp4",
    "bnb4bit",
    "bnb8bit",
    "unslothbnb4bit",
    "awq",
    "gptq",
    "fp8",
    "fp4",
    "int8",
    "int4",
    "4bit",
    "8bit",
    "gguf",
};

/* Endings of one base model whose weights have the same shape. */
static const char *const tunings[] = {"instruct", "chat",   "it",  "hf",
                                      "base",     "chathf", "bf16"};

struct attempt {
  char norm[NORM];
  char format[48]; /* set aside, "" = none */
  bool trimmed;    /* more than organisation and format was set aside */
  bool elsewhere;  /* the organisation or path is not the profile's */
};

static bool find_model(const struct kvc_db *db, const char *norm, struct found *f)
{
  return norm[0] != '\0' && find(db, KVC_KIND_MODEL, norm, f);
}

/* The name with its tuning word removed or another one added. */
static bool find_retuned(const struct kvc_db *db, const char *norm, struct found *f)
{
  char other[NORM + 32];
  for (size_t i = 0; i < sizeof tunings / sizeof *tunings; i++) {
    const size_t len = strlen(norm), t = strlen(tunings[i]);
    (void)snprintf(other, sizeof other, "%s%s", norm, tunings[i]);
    if (find_model(db, other, f)) return true;
    if (len <= t || strcmp(norm + len - t, tunings[i]) != 0) continue;
    (void)snprintf(other, sizeof other, "%.*s", (int)(len - t), norm);
    if (find_model(db, other, f)) return true;
  }
  return false;
}

/* The name, its other tunings, and the same with the "Meta-" that Llama 3 carries. */
static bool find_tuned(const struct kvc_db *db, struct attempt *a, struct found *f)
{
  char meta[NORM + 8];
  if (find_model(db, a->norm, f)) return true;
  (void)snprintf(meta, sizeof meta, "meta%s", a->norm);
  a->trimmed = find_retuned(db, a->norm, f) || find_model(db, meta, f) ||
               find_retuned(db, meta, f);
  return a->trimmed;
}

/* Takes a format off the end; false when there is none. */
static bool strip_format(struct attempt *a)
{
  const size_t len = strlen(a->norm);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    const size_t t = strlen(formats[i]);
    if (len <= t || strcmp(a->norm + len - t, formats[i]) != 0) continue;
    if (a->format[0] == '\0')
      (void)snprintf(a->format, sizeof a->format, "%s", formats[i]);
    a->norm[len - t] = '\0';
    return true;
  }
  return false;
}

/* "(GGUF Q4_K_M)", "(quantised)": a remark behind the name. */
static void strip_remark(struct attempt *a)
{
  char *open = strchr(a->norm, '(');
  if (open == NULL || open == a->norm) return;
  const char *marks[] = {"gguf", "awq", "gptq", "fp8", "int4", "int8", "nvfp4"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (strstr(open, marks[i]) != NULL) {
      (void)snprintf(a->format, sizeof a->format, "%.*s", (int)strcspn(open + 1, ")"),
                     open + 1);
      break;
    }
  *open = '\0';
}

/* Marks of fine-tuned copies that keep the shape. */
static void strip_marks(struct attempt *a)
{
  static const char mark[] = "abliterated";
  char *at = strstr(a->norm, mark);
  if (at != NULL && at != a->norm) { /* a format may follow: "-abliterated-v2-AWQ" */
    const char *rest = at + sizeof mark - 1;
    if (*rest == 'v' && rest[1] >= '0' && rest[1] <= '9')
      rest += 1 + strspn(rest + 1, "0123456789.");
    memmove(at, rest, strlen(rest) + 1);
    a->trimmed = true;
  }
  /* A date of re-release: "-2507", "-0731". */
  const size_t len = strlen(a->norm);
  if (len > 8 && strspn(a->norm + len - 4, "0123456789") == 4 &&
      (a->norm[len - 5] < '0' || a->norm[len - 5] > '9')) {
    a->norm[len - 4] = '\0';
    a->trimmed = true;
  }
  if (strncmp(a->norm, "huihui", 6) == 0) {
    memmove(a->norm, a->norm + 6, strlen(a->norm + 6) + 1);
    a->trimmed = true;
  }
}

static bool search(const struct kvc_db *db, const char *name, struct attempt *a,
                   struct found *f)
{
  kvc_name_normalize(name, a->norm, sizeof a->norm);
  if (find_model(db, a->norm, f)) return true;
  while (strlen(a->norm) > 1 && a->norm[strlen(a->norm) - 1] == '/')
    a->norm[strlen(a->norm) - 1] = '\0';
  const char *slash = strrchr(a->norm, '/');
  a->elsewhere = slash != NULL;
  if (slash != NULL) memmove(a->norm, slash + 1, strlen(slash + 1) + 1);
  strip_remark(a);
  if (find_model(db, a->norm, f)) return true;
  strip_marks(a);
  if (find_tuned(db, a, f)) return true;
  for (int round = 0; round < 2 && strip_format(a); round++)
    if (find_tuned(db, a, f)) return true;
  return false;
}

static const char *model_note(struct kvc_db *db, const char *asked,
                              const struct attempt *a, const struct kvc_match *m)
{
  if (a->format[0] != '\0')
    return kvc_arena_printf(db->arena,
                            "%s is sized as %s in %s: the format is taken from the name; "
                            "--model-config config.json gives the exact one",
                            asked, m->name, a->format);
  if (a->trimmed)
    return kvc_arena_printf(db->arena,
                            "%s is sized as %s, whose shape it shares by its name", asked,
                            m->name);
  return NULL;
}

static const char model_advice[] =
    "`kvcap profiles list models` shows all; --model-config config.json sizes any other";

kvc_code kvc_db_model(struct kvc_db *db, const char *name, struct kvc_model *out,
                      struct kvc_match *match, struct kvc_err *err)
{
  struct attempt a = {.norm = ""};
  struct found f;
  struct kvc_match m;
  struct kvc_model model;
  struct node *root;
  if (!search(db, name, &a, &f))
    return db_unknown(db, KVC_KIND_MODEL, "--model", name, model_advice, err);
  if (f.ambiguous)
    return kvc_fail(err, KVC_E_AMBIGUOUS, "--model",
                    "\"%.100s\" is the name of several repositories; write it with its "
                    "organisation, for example %s",
                    name, db->files[f.name.file].name);
  struct db_file *file = &db->files[f.name.file];
  const struct reader r = {db->arena, file->path, err};
  KVC_TRY(db_root(db, file, &root, err));
  KVC_TRY(model_from_node(&r, root, &model));
  db_match(db, name, f.name.file, &m);
  m.stripped = a.trimmed || a.elsewhere || a.format[0] != '\0';
  if (a.format[0] != '\0') m.quant_suffix = kvc_arena_strdup(db->arena, a.format);
  m.note = model_note(db, name, &a, &m);
  *out = model;
  *match = m;
  return KVC_E_OK;
}
