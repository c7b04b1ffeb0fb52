/* diagnose_rows.c - from the rule book to findings that agree with each other.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "diagnose.h"
#include <kvcap/num.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const severities[] = {"hint", "warning", "error"};

static bool is_live(const struct kvc_rule *r)
{
  return r->fact != KVC_L_none || (r->needs & (KVC_NEED_LIVE | KVC_NEED_METRICS |
                                               KVC_NEED_LOG | KVC_NEED_BENCH)) != 0;
}

static int weight(const char *severity)
{
  return severity[0] == 'e' ? 2 : severity[0] == 'w' ? 1 : 0;
}

static int by_severity(const void *a, const void *b)
{
  const struct kvc_diagnosis_row *x = a, *y = b;
  const int order = weight(y->severity) - weight(x->severity);
  /* What names a change is nearer to the cause than what names a symptom. */
  const int change = (y->value != NULL) - (x->value != NULL);
  return order != 0 ? order : change != 0 ? change : strcmp(x->id, y->id);
}

/* ---- what is known
 * ---------------------------------------------------------------------- */

static void fill_facts(const struct diagnose *d, struct kvc_demand *demand,
                       struct kvc_rule_facts *facts)
{
  const char *goal = d->args->goal;
  *facts = (struct kvc_rule_facts){.engine = d->in.engine,
                                   .live = &d->live,
                                   .demand = demand,
                                   .launch = d->launch,
                                   .tunes = d->tunes,
                                   .n_tunes = d->n_tunes};
  if (d->n_pages > 0) facts->have |= KVC_NEED_METRICS | KVC_NEED_LIVE;
  if (d->log != NULL) facts->have |= KVC_NEED_LOG | KVC_NEED_LIVE;
  if (d->n_benches > 0) facts->have |= KVC_NEED_BENCH | KVC_NEED_LIVE;
  if (d->launch != NULL) facts->have |= KVC_NEED_LAUNCH;
  if (d->args->multi_turn) demand->turns = 2;
  if (goal != NULL && strcmp(goal, "none") != 0) {
    demand->goal = strcmp(goal, "latency") == 0 ? KVC_GOAL_LATENCY : KVC_GOAL_THROUGHPUT;
    facts->have |= KVC_NEED_GOAL;
  }
  if (d->size == NULL) return;
  facts->size = d->size;
  facts->deploy = &d->sized_args->size.req.deploy;
  facts->have |= KVC_NEED_SIZE | KVC_NEED_MODEL | KVC_NEED_LINK;
  demand->load = d->sized_args->size.req.load;
  if (demand->load.prompt_tok > 0) facts->have |= KVC_NEED_LOAD;
}

/* ---- rows
 * -------------------------------------------------------------------------------- */

static const char *present(const struct diagnose *d, const char *key)
{
  for (size_t i = 0; d->size != NULL && i < d->size->n_origins; i++)
    if (strcmp(d->size->origins[i].key, key) == 0) return d->size->origins[i].value;
  const struct kvc_launch_arg *arg =
      d->launch != NULL ? kvc_launch_arg(d->launch, key) : NULL;
  return arg != NULL ? arg->value : NULL;
}

static void add_row(struct diagnose *d, const struct kvc_finding *f)
{
  struct kvc_diagnosis *out = d->out;
  struct kvc_diagnosis_row *r = &out->rows[out->n_rows++];
  *r = (struct kvc_diagnosis_row){.id = f->rule->id,
                                  .slug = f->rule->slug,
                                  .severity = severities[f->severity],
                                  .title = f->rule->title,
                                  .text = f->text,
                                  .why = f->rule->why,
                                  .fix = f->fix,
                                  .source = f->rule->cite,
                                  .n_evidence = f->n_evidence,
                                  .n_seen = f->n_seen,
                                  .now = {NAN, NAN, NAN},
                                  .then = {NAN, NAN, NAN}};
  for (size_t i = 0; i < f->n_evidence; i++) r->evidence[i] = f->evidence[i];
  for (size_t i = 0; i < f->n_seen; i++) r->seen[i] = f->seen[i];
  out->errors += f->severity == KVC_SEV_ERROR;
  out->warnings += f->severity == KVC_SEV_WARNING;
  out->hints += f->severity == KVC_SEV_HINT;
  const struct kvc_flag *flag =
      f->flag != NULL ? kvc_engine_flag(d->in.engine, f->flag) : NULL;
  const char *name =
      flag != NULL ? kvc_engine_flag_name(d->in.engine, flag, &d->facts.release.version)
                   : NULL;
  if (flag == NULL) return;
  r->key = f->flag;
  r->value = f->value;
  r->before = present(d, f->flag);
  if (name == NULL) {
    r->value = NULL;
    r->set_aside =
        kvc_arena_printf(&d->cli->arena, "vLLM %s has no such flag", d->version);
    return;
  }
  r->flag = name;
  if (f->value == NULL) return;
  const struct diagnose_set set = {flag, f->value};
  diagnose_gain(d, &set, r);
}

static void add_skip(struct diagnose *d, const struct kvc_finding *f)
{
  struct kvc_diagnosis *out = d->out;
  out->skips[out->n_skips++] =
      (struct kvc_diagnosis_skip){f->rule->id, f->rule->title, f->skipped};
}

/* ---- conflicts
 * ------------------------------------------------------------------------------ */

/* Where a change goes: +1 up, -1 down, 0 cannot be told. */
static int direction(const struct kvc_diagnosis_row *r)
{
  double now, then;
  if (r->value == NULL || r->before == NULL ||
      kvc_num_parse(r->before, "", &now, NULL) != KVC_E_OK ||
      kvc_num_parse(r->value, "", &then, NULL) != KVC_E_OK)
    return 0;
  return (then > now) - (then < now);
}

/* May cost accuracy, or takes other hardware: told, never put into the command unasked.
 */
static const char *not_unasked(const struct diagnose *d, const char *key)
{
  static const char *const quality[] = {"kv_cache_dtype", "quantization", "dtype"};
  static const char *const hardware[] = {"tensor_parallel_size", "pipeline_parallel_size",
                                         "data_parallel_size"};
  for (size_t i = 0; i < sizeof quality / sizeof *quality; i++)
    if (strcmp(key, quality[i]) == 0 && !d->args->allow_quality)
      return "it may cost accuracy; --allow-quality puts it in";
  for (size_t i = 0; i < sizeof hardware / sizeof *hardware; i++)
    if (strcmp(key, hardware[i]) == 0) return "it takes other hardware";
  return NULL;
}

/* Rows stand with the weightiest first: of two on the same flag the first one counts. */
static void settle_conflicts(struct diagnose *d)
{
  struct kvc_diagnosis *out = d->out;
  for (size_t i = 0; i < out->n_rows; i++) {
    struct kvc_diagnosis_row *r = &out->rows[i];
    if (r->key == NULL || r->value == NULL || r->set_aside != NULL) continue;
    for (size_t k = 0; k < i && r->set_aside == NULL; k++) {
      const struct kvc_diagnosis_row *first = &out->rows[k];
      if (!first->applied || first->key == NULL || first->value == NULL ||
          strcmp(first->key, r->key) != 0)
        continue;
      const bool against = direction(first) * direction(r) < 0;
      r->set_aside =
          strcmp(first->value, r->value) == 0
              ? kvc_arena_printf(&d->cli->arena, "%s sets it already", first->id)
          : against ? kvc_arena_printf(&d->cli->arena,
                                       "%s asks for the opposite, %s %s, and weighs more",
                                       first->id, first->flag, first->value)
                    : kvc_arena_printf(&d->cli->arena, "%s sets it to %s and weighs more",
                                       first->id, first->value);
    }
    if (r->set_aside == NULL) r->set_aside = not_unasked(d, r->key);
    if (r->set_aside == NULL && weight(r->severity) == 0)
      r->set_aside = "a hint: try it and measure";
    r->applied = r->set_aside == NULL;
  }
}

kvc_code diagnose_rules(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_arena *arena = &d->cli->arena;
  struct kvc_diagnosis *out = d->out;
  struct kvc_demand demand = {0};
  struct kvc_rule_facts facts;
  struct kvc_finding *found = kvc_arena_alloc(arena, KVC_MAX_FINDINGS, sizeof *found);
  size_t n = 0;
  out->rows = kvc_arena_alloc(arena, KVC_MAX_FINDINGS, sizeof *out->rows);
  out->skips = kvc_arena_alloc(arena, KVC_MAX_FINDINGS, sizeof *out->skips);
  if (found == NULL || out->rows == NULL || out->skips == NULL)
    return kvc_arena_full(arena, "the rules", err);
  fill_facts(d, &demand, &facts);
  KVC_TRY(kvc_rules_run(arena, &facts, &d->facts.release.version, found, KVC_MAX_FINDINGS,
                        &n, err));
  for (size_t i = 0; i < n; i++) {
    const struct kvc_finding *f = &found[i];
    const bool live = is_live(f->rule);
    if (f->verdict == KVC_SKIP && live &&
        strcmp(f->skipped, "the rule is about other releases") != 0)
      add_skip(d, f);
    if (f->verdict == KVC_PASS && live) out->n_passed++;
    /* Of the rules about settings only what matters to a server that runs. */
    if (f->verdict == KVC_FIRE && (live || f->severity != KVC_SEV_HINT)) add_row(d, f);
  }
  qsort(out->rows, out->n_rows, sizeof *out->rows, by_severity);
  settle_conflicts(d);
  return KVC_E_OK;
}

/* ---- the corrected command
 * ---------------------------------------------------------------------- */

static kvc_code command_of_launch(struct diagnose *d, const struct check_sets *sets,
                                  struct kvc_err *err)
{
  struct check_words *words = kvc_arena_alloc(&d->cli->arena, 1, sizeof *words);
  const struct check_rewrite how = {&d->facts, NULL, 0, sets, false};
  if (words == NULL) return kvc_arena_full(&d->cli->arena, "the command", err);
  KVC_TRY(check_words(d->cli, d->launch, &how, words, err));
  return check_command_text(d->cli, d->launch, words, &d->out->command, err);
}

/* All changes together; the last of them are given up until the server starts. */
static kvc_code try_together(struct diagnose *d, const struct diagnose_set *sets,
                             struct kvc_diagnosis_row *const *rows, size_t *n,
                             struct kvc_err *err)
{
  for (;; (*n)--) {
    struct diagnose_args *args;
    struct kvc_size *size;
    struct kvc_err why = {0};
    const kvc_code rc = diagnose_size(d, sets, *n, &args, &size, &why);
    if (rc == KVC_E_LIMIT) {
      if (err != NULL) *err = why;
      return rc;
    }
    if ((rc == KVC_E_OK && (size->memory.fits || !d->size->memory.fits)) || *n == 0) {
      if (rc != KVC_E_OK) return KVC_E_OK;
      d->out->command_verdict = size->verdict;
      if (size->memory.fits) d->out->command_times = diagnose_times(d, sets, *n, size);
      if (d->launch == NULL) d->out->command = size->command;
      return KVC_E_OK;
    }
    rows[*n - 1]->applied = false;
    rows[*n - 1]->set_aside = "together with the others the server would not start";
  }
}

kvc_code diagnose_command(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_diagnosis *out = d->out;
  struct diagnose_set sets[DIAGNOSE_MAX_SETS];
  struct kvc_diagnosis_row *rows[DIAGNOSE_MAX_SETS];
  struct check_sets changes = {0};
  size_t n = 0;
  for (size_t i = 0; i < out->n_rows && n < DIAGNOSE_MAX_SETS; i++) {
    if (!out->rows[i].applied) continue;
    rows[n] = &out->rows[i];
    sets[n].flag = kvc_engine_flag(d->in.engine, out->rows[i].key);
    sets[n++].value = out->rows[i].value;
  }
  if (d->size != NULL) KVC_TRY(try_together(d, sets, rows, &n, err));
  if (d->launch == NULL) return KVC_E_OK;
  for (size_t i = 0; i < n; i++) check_set(&changes, sets[i].flag, sets[i].value);
  return command_of_launch(d, &changes, err);
}

/* ---- what to measure next
 * -------------------------------------------------------------------------- */

static void next(struct diagnose *d, const char *text)
{
  if (text != NULL && d->out->n_next < KVC_DIAGNOSIS_MAX_NEXT)
    d->out->next[d->out->n_next++] = text;
}

/* The figures that the applied changes are meant to move. */
static const char *watched(struct diagnose *d)
{
  bool done[KVC_L_COUNT_] = {false};
  const char *line = NULL;
  size_t n = 0;
  for (size_t i = 0; i < d->out->n_rows; i++) {
    const struct kvc_diagnosis_row *r = &d->out->rows[i];
    for (size_t k = 0; r->applied && k < r->n_seen && n < 5; k++) {
      char text[KVC_LIVE_TEXT];
      if (done[r->seen[k]]) continue;
      done[r->seen[k]] = true;
      n++;
      kvc_live_format(d->live.v[r->seen[k]], kvc_live_row(r->seen[k])->unit, text);
      line = kvc_arena_printf(&d->cli->arena, "%s%s%s (now %s)", line != NULL ? line : "",
                              line != NULL ? ", " : "", kvc_live_row(r->seen[k])->text,
                              text);
      if (line == NULL) return NULL;
    }
  }
  return line;
}

void diagnose_next(struct diagnose *d)
{
  const double *v = d->live.v;
  const char *figures = watched(d);
  if (figures != NULL)
    next(d, kvc_arena_printf(&d->cli->arena,
                             "start it with the command above, repeat the load and "
                             "compare: %s",
                             figures));
  if (d->n_pages == 0)
    next(d, "metrics: --metrics http://HOST:8000/metrics --every 5s --for 5m shows the "
            "queue, the KV cache and latencies under load");
  else if (d->n_pages == 1)
    next(d, "a second page some minutes later: rates and present latencies need two");
  if (d->log == NULL)
    next(d, "the server's log (--log): what it printed of memory when it started, and "
            "whether it preempted or ran out");
  if (d->size == NULL)
    next(d, "--model and --gpu: the memory model then computes what each change buys");
  if (d->n_pages > 0 && v[KVC_L_looks] < 3)
    next(d, "a series (--every 5s --for 5m): how long a queue or a full cache lasts");
  if (d->n_pages > 0 && isnan(v[KVC_L_ttft_p95_s]))
    next(d, "a moment with requests: nothing was served between the pages");
  if (d->n_benches == 0 && d->out->n_rows == 0)
    next(d, "a benchmark at the load you expect (vllm bench serve --save-result "
            "--save-detailed), read with --bench");
}
