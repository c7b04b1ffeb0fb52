/* prop_advise.c - an advised set is consistent, whatever is asked.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random (model, GPU, release, workload) from the database, fixed seeds: the command
 * starts by the memory model, names only flags that the release has and no default,
 * no rule above a hint fires on it, and linting it finds nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/advise.h>
#include <kvcap/lint.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRIPLES = 4000 };

static uint64_t seed_state;
static uint64_t next(void)
{ /* splitmix64 */
  uint64_t z = (seed_state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static const char *any(const char *const *names, size_t n)
{
  return names[next() % n];
}

struct world {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  const char *const *names[5];
  size_t n[5];
};

static void names_of(struct world *w, enum kvc_kind kind)
{
  struct kvc_err err;
  assert_int_equal(kvc_db_list(w->db, kind, &w->names[kind], &w->n[kind], &err),
                   KVC_E_OK);
}

static int bad;
static size_t linted; /* commands that were looked at and are clean */
static void fault(unsigned seed, const struct kvc_advise_request *req, const char *what,
                  const char *text)
{
  char v[KVC_VERSION_TEXT];
  kvc_version_format(&req->size.deploy.version, v);
  if (bad++ < 40)
    fprintf(stderr, "seed %u: %s on %s, %s (%s): %s: %s\n", seed, req->size.model_name,
            req->size.gpu_name, v, req->demand.name, what, text != NULL ? text : "");
}

static void ask(struct world *w, unsigned seed, struct kvc_advise_request *req)
{
  struct kvc_err err;
  seed_state = seed * 7919u + 1;
  *req = (struct kvc_advise_request){0};
  kvc_size_request_init(&req->size);
  req->size.model_name = any(w->names[KVC_KIND_MODEL], w->n[KVC_KIND_MODEL]);
  req->size.gpu_name = any(w->names[KVC_KIND_GPU], w->n[KVC_KIND_GPU]);
  const size_t r = next() % kvc_engine_release_count(w->engine);
  req->size.deploy.version = kvc_engine_release(w->engine, r)->version;
  req->size.deploy.version_given = true;
  const char *load = any(w->names[KVC_KIND_WORKLOAD], w->n[KVC_KIND_WORKLOAD]);
  assert_int_equal(kvc_db_workload(w->db, load, &req->demand, &err), KVC_E_OK);
  if (next() % 2 == 0) req->demand.users = (double)(1 + next() % 400);
  if (next() % 4 == 0) req->demand.context_tok = (int64_t)(1024 + next() % 65536);
  if (next() % 3 == 0) req->allow = KVC_ALLOW_FP8_KV | KVC_ALLOW_FP8_WEIGHTS;
  req->demand.goal = (enum kvc_goal)(next() % 3);
}

static void check_flags(struct world *w, unsigned seed,
                        const struct kvc_advise_request *req, const struct kvc_advice *a)
{
  const struct kvc_version *v = &a->size.version.version;
  for (size_t i = 0; i < a->n_flags; i++) {
    const struct kvc_advised *f = &a->flags[i];
    const struct kvc_flag *flag = kvc_engine_flag(w->engine, f->key);
    double x, y;
    if (f->name == NULL || kvc_engine_flag_name(w->engine, flag, v) == NULL)
      fault(seed, req, "unknown flag", f->key);
    if (f->fallback != NULL && strcmp(f->value, f->fallback) == 0)
      fault(seed, req, "repeats the default", f->key);
    if (f->fallback != NULL && kvc_num_parse(f->value, "", &x, NULL) == KVC_E_OK &&
        kvc_num_parse(f->fallback, "", &y, NULL) == KVC_E_OK && x == y)
      fault(seed, req, "repeats the default", f->key);
    if (!f->given && (f->n_evidence == 0 || f->gain == NULL) &&
        strcmp(f->key, "enable_expert_parallel") != 0 &&
        strcmp(f->key, "enable_prefix_caching") != 0)
      fault(seed, req, "no evidence or gain", f->key);
  }
}

/* `kvcap check` on the command finds nothing. */
static void check_lint(struct world *w, unsigned seed,
                       const struct kvc_advise_request *req, const struct kvc_advice *a)
{
  enum { ROOM = 64 };
  static struct kvc_launch launch;
  static struct kvc_lint_finding found[ROOM];
  struct kvc_arena arena;
  struct kvc_err err;
  const struct kvc_launch_source source = {a->command, strlen(a->command), "command",
                                           KVC_LAUNCH_COMMAND, 0};
  const struct kvc_lint_facts facts = {
      .engine = w->engine,
      .launch = &launch,
      .release = a->size.version,
      .generation = a->size.setting.engine,
      .has_gpu = true,
      .query = {.gpu_name = a->size.gpu.name,
                .vendor = a->size.gpu.vendor,
                .gpu_memory_bytes = kvc_default_tier_bytes(&a->size.gpu, 0)}};
  size_t n = 0;
  kvc_arena_init(&arena, (size_t)64 << 20);
  if (kvc_launch_parse(&arena, w->engine, &source, &launch, &err) != KVC_E_OK ||
      kvc_lint_run(&arena, &facts, found, ROOM, &n, &err) != KVC_E_OK)
    fault(seed, req, "the command cannot be read", err.msg);
  for (size_t i = 0; i < n; i++)
    fault(seed, req, found[i].finding.rule->id, found[i].finding.text);
  linted += n == 0;
  kvc_arena_clear(&arena);
}

static void check(struct world *w, unsigned seed, const struct kvc_advise_request *req,
                  const struct kvc_advice *a)
{
  const struct kvc_setting *s = &a->size.setting;
  check_flags(w, seed, req, a);
  if (!a->size.memory.fits) {
    if (strncmp(a->verdict, "No setting that was tried starts", 32) != 0)
      fault(seed, req, "not said", a->verdict);
    return;
  }
  check_lint(w, seed, req, a);
  if (s->max_num_batched_tok < s->max_num_seqs)
    fault(seed, req, "step below requests", a->command);
  if (a->size.model.max_position_tok > 0 &&
      s->max_model_len_tok > a->size.model.max_position_tok)
    fault(seed, req, "beyond the model", a->command);
  for (size_t i = 0; i < a->n_findings; i++)
    if (a->findings[i].verdict == KVC_FIRE && a->findings[i].severity > KVC_SEV_HINT)
      fault(seed, req, a->findings[i].rule->id, a->findings[i].text);
}

static void an_advised_set_is_consistent(void **state)
{
  static struct world w;
  static struct kvc_advice advice;
  (void)state;
  struct kvc_err err;
  size_t starts = 0, refused = 0;
  kvc_arena_init(&w.arena, (size_t)4 << 30);
  assert_int_equal(kvc_db_open(&w.arena, NULL, 0, &w.db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(w.db, "vllm", &w.engine, &err), KVC_E_OK);
  names_of(&w, KVC_KIND_MODEL);
  names_of(&w, KVC_KIND_GPU);
  names_of(&w, KVC_KIND_WORKLOAD);
  for (unsigned seed = 0; seed < TRIPLES; seed++) {
    struct kvc_arena scratch;
    struct kvc_advise_request req;
    kvc_arena_init(&scratch, (size_t)256 << 20);
    ask(&w, seed, &req);
    const kvc_code rc = kvc_advise_run(&scratch, w.db, &req, &advice, &err);
    if (rc == KVC_E_OK) {
      check(&w, seed, &req, &advice);
      starts += advice.size.memory.fits;
    } else {
      refused++;
      if (rc == KVC_E_INTERNAL || rc == KVC_E_LIMIT || rc == KVC_E_USAGE)
        fault(seed, &req, "failure", err.msg);
    }
    kvc_arena_clear(&scratch);
  }
  printf("%d triples: %zu start, %zu refused, %zu lint clean\n", TRIPLES, starts, refused,
         linted);
  kvc_arena_clear(&w.arena);
  assert_int_equal(bad, 0);
  assert_true(starts > TRIPLES / 2);
  assert_true(linted == starts);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_advised_set_is_consistent)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
