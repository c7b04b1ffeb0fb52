/* fuzz_profile.c - can a hostile profile hurt us?
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first byte says what the rest is: g a GPU, m a model, e an engine's releases and
 * facts, f its flags, c citations, w a workload, t terms, k kernel coefficients, y any
 * YAML.  A fault has a position; a model that was read is written and reads back to the
 * same text; an engine that was read answers.
 */
#include <kvcap/profile.h>
#include <kvcap/term.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "src/profile/nouns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP_BYTES = 32 << 20, TEXT_BYTES = 8 << 20 };

static const char small_engine[] =
    "engine: vllm\n"
    "releases: [{version: 0.1.0, trust: tag}, "
    "{version: 0.2.0, trust: tag}, {version: 0.3.0, trust: main}]\n"
    "newest_verified: 0.2.0\n"
    "engines: [{name: V1, since: 0.1.0, role: default}]\n"
    "facts: [{key: k, value: v, since: 0.1.0, cite: c}]\n";

static void require(bool holds)
{
  if (!holds) abort();
}

static void fault(const struct kvc_err *err, kvc_code rc)
{
  require(err->code == rc && err->msg[0] != '\0' && strcmp(err->where, "fuzz") == 0);
  require(rc == KVC_E_LIMIT || (err->line >= 1 && err->col >= 1));
}

static void gpu(struct kvc_arena *arena, const char *text, size_t len,
                struct kvc_err *err)
{
  struct kvc_gpu g;
  const kvc_code rc = kvc_gpu_read(arena, text, len, "fuzz", &g, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  require(g.name != NULL && g.n_aliases <= KVC_MAX_NAMES && g.n_prices <= KVC_MAX_PRICES);
  require(isnan(g.memory_bytes.value) || g.memory_bytes.cite != NULL);
  require(!isinf(g.memory_bytes.value) && !isinf(g.bf16_flops.value));
}

static void workload(struct kvc_arena *arena, const char *text, size_t len,
                     struct kvc_err *err)
{
  struct kvc_demand d;
  const kvc_code rc = kvc_workload_read(arena, text, len, "fuzz", &d, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  require(d.name != NULL && d.load.prompt_tok >= 1 && d.load.output_tok >= 1);
  require(isfinite(d.load.prompt_cv) && isfinite(d.rate_per_s) && isfinite(d.turns));
}

static void model(struct kvc_arena *arena, const char *text, size_t len,
                  struct kvc_err *err)
{
  struct kvc_model m, back;
  struct kvc_buf first, second;
  const kvc_code rc = kvc_model_read(arena, text, len, "fuzz", &m, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  require(m.n_layers >= 1 && m.n_layers <= KVC_MAX_LAYERS &&
          m.n_towers <= KVC_MAX_TOWERS);
  kvc_buf_init(&first, TEXT_BYTES);
  kvc_buf_init(&second, TEXT_BYTES);
  kvc_model_write(&m, &first);
  if (!first.full && first.len <= KVC_PROFILE_MAX_BYTES) {
    const kvc_code again =
        kvc_model_read(arena, first.text, first.len, "fuzz", &back, err);
    require(again == KVC_E_OK || again == KVC_E_LIMIT);
    if (again == KVC_E_OK) {
      kvc_model_write(&back, &second);
      require(first.len == second.len && memcmp(first.text, second.text, first.len) == 0);
    }
  }
  kvc_buf_clear(&first);
  kvc_buf_clear(&second);
}

static void ask_flag(const struct kvc_engine *e, const struct kvc_flag *f,
                     const struct kvc_version *v)
{
  const struct kvc_default_query q = {
      .engine = KVC_ENGINE_V1, .gpu_memory_bytes = 8e10, .gpu_name = "H100"};
  const char *name = kvc_engine_flag_name(e, f, v);
  const char *const *choices;
  struct kvc_default d;
  if (name != NULL) require(kvc_engine_flag_spelled(e, name) != NULL);
  const size_t n = kvc_engine_flag_choices(e, f, v, &choices);
  for (size_t i = 0; i < n; i++) require(choices[i] != NULL);
  if (kvc_engine_default(e, f, v, &q, &d)) require(d.value != NULL && d.cite != NULL);
}

static void engine(struct kvc_arena *arena, const char *e_text, size_t e_len,
                   const char *f_text, size_t f_len, struct kvc_err *err)
{
  const struct reader r = {.arena = arena, .file = "fuzz", .err = err};
  struct node *e_root, *f_root;
  struct kvc_engine *e;
  kvc_code rc = profile_parse(arena, e_text, e_len, "fuzz", &e_root, err);
  if (rc == KVC_E_OK) rc = profile_parse(arena, f_text, f_len, "fuzz", &f_root, err);
  if (rc == KVC_E_OK) rc = engine_from_nodes(&r, e_root, &r, f_root, &e);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  const size_t releases = kvc_engine_release_count(e);
  require(releases > 0);
  for (size_t k = 0; k < kvc_engine_flag_count(e) && k < 64; k++) {
    const struct kvc_flag *f = kvc_engine_flag_at(e, k);
    struct kvc_version since, until;
    bool has_until;
    require(kvc_engine_flag(e, f->key) == f);
    (void)kvc_engine_flag_span(e, f, &since, &until, &has_until);
    for (size_t i = 0; i < releases && i < 16; i++)
      ask_flag(e, f, &kvc_engine_release(e, i)->version);
  }
  struct kvc_resolved resolved;
  require(kvc_engine_resolve(e, kvc_engine_newest(e), &resolved, err) == KVC_E_OK);
  (void)kvc_engine_fact(e, "kv_budget", &resolved.version, KVC_ENGINE_V1);
  (void)kvc_engine_generation(e, &resolved.version, KVC_ENGINE_V0);
}

static void cites(struct kvc_arena *arena, const char *text, size_t len,
                  struct kvc_err *err)
{
  const struct reader r = {.arena = arena, .file = "fuzz", .err = err};
  struct node *root;
  kvc_code rc = profile_parse(arena, text, len, "fuzz", &root, err);
  for (const struct node *n = rc == KVC_E_OK ? root->first : NULL; n != NULL;
       n = n->next) {
    struct kvc_cite c;
    if (root->type != NODE_MAP) break;
    rc = cite_from_node(&r, n, &c);
    if (rc != KVC_E_OK) break;
    require(c.key != NULL && c.title != NULL && c.publisher != NULL);
  }
  if (rc != KVC_E_OK) fault(err, rc);
}

/* Every name of every term finds it. */
static void terms(struct kvc_arena *arena, const char *text, size_t len,
                  struct kvc_err *err)
{
  struct kvc_terms *all;
  const kvc_code rc = kvc_terms_read(arena, text, len, "fuzz", &all, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  for (size_t i = 0; i < kvc_terms_count(all); i++) {
    const struct kvc_term *t = kvc_terms_at(all, i);
    require(t->text != NULL && t->cite != NULL && kvc_terms_find(all, t->name) == t);
    for (size_t k = 0; k < t->n_also; k++) require(kvc_terms_find(all, t->also[k]) == t);
  }
}

/* Packed and unpacked, a tree packs to the same bytes. */
static void yaml(struct kvc_arena *arena, const char *text, size_t len,
                 struct kvc_err *err)
{
  struct node *root, *back;
  struct kvc_buf first, second;
  const kvc_code rc = profile_parse(arena, text, len, "fuzz", &root, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  kvc_buf_init(&first, TEXT_BYTES);
  kvc_buf_init(&second, TEXT_BYTES);
  profile_pack(root, &first);
  if (!first.full && profile_unpack(arena, (const unsigned char *)first.text, "fuzz",
                                    &back, err) == KVC_E_OK) {
    profile_pack(back, &second);
    require(first.len == second.len && memcmp(first.text, second.text, first.len) == 0);
  }
  kvc_buf_clear(&first);
  kvc_buf_clear(&second);
}

/* Coefficients that were read are written, and read back as many. */
static void kernels(struct kvc_arena *arena, const char *text, size_t len,
                    struct kvc_err *err)
{
  struct kvc_kernels k, back;
  struct kvc_buf out;
  const kvc_code rc = kvc_kernels_read(arena, text, len, "fuzz", &k, err);
  if (rc != KVC_E_OK) {
    fault(err, rc);
    return;
  }
  kvc_buf_init(&out, TEXT_BYTES);
  kvc_kernels_write(&k, &out);
  char *copy = kvc_arena_strndup(arena, out.text, out.len);
  if (copy != NULL && !out.full && k.n_curves > 0) {
    const kvc_code again = kvc_kernels_read(arena, copy, out.len, "fuzz", &back, err);
    require(again == KVC_E_LIMIT || again == KVC_E_OK);
    require(again == KVC_E_LIMIT || back.n_curves == k.n_curves);
  }
  kvc_buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_arena arena;
  struct kvc_err err;
  if (size == 0) return 0;
  const char *text = (const char *)data + 1;
  memset(&err, 0, sizeof err);
  kvc_arena_init(&arena, CAP_BYTES);
  switch (data[0]) {
  case 'g': gpu(&arena, text, size - 1, &err); break;
  case 'm': model(&arena, text, size - 1, &err); break;
  case 'e': engine(&arena, text, size - 1, "[]", 2, &err); break;
  case 'f':
    engine(&arena, small_engine, sizeof small_engine - 1, text, size - 1, &err);
    break;
  case 'c': cites(&arena, text, size - 1, &err); break;
  case 't': terms(&arena, text, size - 1, &err); break;
  case 'k': kernels(&arena, text, size - 1, &err); break;
  case 'w': workload(&arena, text, size - 1, &err); break;
  default: yaml(&arena, text, size - 1, &err); break;
  }
  kvc_arena_clear(&arena);
  return 0;
}
