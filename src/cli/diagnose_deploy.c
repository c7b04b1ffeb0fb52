/* diagnose_deploy.c - which release and which deployment a diagnosis is about.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is known of the settings, weakest first: the labels of cache_config_info, the
 * arguments that the log prints or that are pasted behind --, the options of the command
 * line.  All become words of `kvcap size`, where a later one wins.
 */
#include "diagnose.h"
#include <math.h>
#include <string.h>

enum { MAX_WORDS = CHECK_MAX_WORDS + CLI_MAX_ARGS + 128 };

struct words {
  struct diagnose *d;
  char **argv;
  size_t n;
  bool full;
};

static void put(struct words *w, const char *word)
{
  /* argv has no const, so every word is a copy. */
  char *copy =
      word != NULL && w->n < MAX_WORDS ? kvc_arena_strdup(&w->d->cli->arena, word) : NULL;
  if (copy == NULL)
    w->full = true;
  else
    w->argv[w->n++] = copy;
}

static void put_pair(struct words *w, const char *name, const char *value)
{
  put(w, name);
  put(w, value);
}

/* ---- release -------------------------------------------------------------------------
 */

static enum kvc_engine_kind generation_of(const struct diagnose *d,
                                          const struct kvc_version *v)
{
  const struct kvc_log_start *start = d->log != NULL ? kvc_log_last(d->log) : NULL;
  const char *v0 = kvc_engine_generation(d->in.engine, v, KVC_ENGINE_V0);
  const char *v1 = kvc_engine_generation(d->in.engine, v, KVC_ENGINE_V1);
  if (v1 == NULL) return KVC_ENGINE_V0;
  if (v0 == NULL) return KVC_ENGINE_V1;
  if (d->args->size.engine != NULL)
    return strcmp(d->args->size.engine, "V0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  if (start != NULL && start->generation != KVC_ENGINE_AUTO) return start->generation;
  if (d->log != NULL && d->log->generation != KVC_ENGINE_AUTO) return d->log->generation;
  if (d->n_pages > 0 && d->pages[d->n_pages - 1].has_era &&
      d->pages[d->n_pages - 1].era.generation != KVC_ENGINE_AUTO)
    return d->pages[d->n_pages - 1].era.generation;
  return strcmp(v1, "default") == 0 ? KVC_ENGINE_V1 : KVC_ENGINE_V0;
}

/* A log of V0 that hides its release is taken as of the newest one that has V0. */
static bool newest_v0(const struct diagnose *d, struct kvc_version *v)
{
  if (d->log == NULL || d->log->generation != KVC_ENGINE_V0) return false;
  for (size_t i = kvc_engine_release_count(d->in.engine); i > 0; i--) {
    const struct kvc_version *one = &kvc_engine_release(d->in.engine, i - 1)->version;
    if (kvc_engine_generation(d->in.engine, one, KVC_ENGINE_V0) == NULL) continue;
    *v = *one;
    return true;
  }
  return false;
}

static kvc_code settle_release(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_version v = *kvc_engine_newest(d->in.engine);
  char text[KVC_VERSION_TEXT];
  if (d->args->size.version != NULL) {
    d->version = d->args->size.version;
    d->version_from = "the command line";
  } else if (d->launch != NULL && d->launch->version != NULL && d->n_command > 0) {
    d->version = d->launch->version;
    d->version_from = d->launch->version_from;
  }
  if (d->version != NULL)
    KVC_TRY(kvc_version_parse(d->version, "--vllm-version", &v, err));
  else if (newest_v0(d, &v))
    d->version_from = "the log's V0 lines: the newest release that has that engine";
  else
    d->version_from = "kvcap: the newest verified one";
  d->facts.engine = d->in.engine;
  d->facts.launch = d->launch;
  d->facts.query = (struct kvc_default_query){.vendor = KVC_VENDOR_NVIDIA};
  KVC_TRY(kvc_engine_resolve(d->in.engine, &v, &d->facts.release, err));
  d->facts.generation = generation_of(d, &d->facts.release.version);
  kvc_version_format(&d->facts.release.version, text);
  d->version = kvc_arena_strdup(&d->cli->arena, text);
  if (d->version == NULL) return kvc_arena_full(&d->cli->arena, NULL, err);
  d->out->version = d->version;
  d->out->version_from = d->version_from;
  d->out->generation = d->facts.generation == KVC_ENGINE_V0 ? "V0" : "V1";
  return KVC_E_OK;
}

/* ---- the pasted launch
 * ------------------------------------------------------------------ */

static kvc_code read_command(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_arena *arena = &d->cli->arena;
  struct kvc_buf line;
  if (d->n_command == 0) return KVC_E_OK;
  kvc_buf_init(&line, KVC_LAUNCH_MAX_BYTES);
  for (int i = 0; i < d->n_command; i++) {
    if (i > 0) kvc_buf_puts(&line, " ");
    if (d->n_command == 1)
      kvc_buf_puts(&line, d->command[i]); /* quoted as a whole */
    else
      kvc_escape_shell(&line, d->command[i]);
  }
  const char *text = line.full ? NULL : kvc_arena_strdup(arena, line.text);
  kvc_buf_clear(&line);
  struct kvc_launch *launch = kvc_arena_alloc(arena, 1, sizeof *launch);
  if (text == NULL || launch == NULL) return kvc_arena_full(arena, "the command", err);
  const struct kvc_launch_source source = {.text = text,
                                           .len = strlen(text),
                                           .where = "command",
                                           .format = KVC_LAUNCH_COMMAND};
  KVC_TRY(kvc_launch_parse(arena, d->in.engine, &source, launch, err));
  d->launch = launch;
  return KVC_E_OK;
}

/* ---- words for the memory model
 * ------------------------------------------------------------ */

static const char *label_of(const struct diagnose *d, const char *label)
{
  for (size_t p = d->n_pages; p > 0; p--) {
    const struct kvc_series *s =
        kvc_page_series(&d->pages[p - 1], "cache_config_info", 0);
    const char *value = s != NULL ? kvc_series_label(s, label) : NULL;
    if (value != NULL && value[0] != '\0' && strcmp(value, "None") != 0 &&
        strcmp(value, "auto") != 0)
      return value;
  }
  return NULL;
}

/* What the server itself says of its cache. */
static void put_cache_config(struct words *w)
{
  static const struct {
    const char *label, *option;
  } rows[] = {{"gpu_memory_utilization", "--gpu-memory-utilization"},
              {"cache_dtype", "--kv-cache-dtype"},
              {"swap_space", "--swap-space"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *value = label_of(w->d, rows[i].label);
    if (value != NULL) put_pair(w, rows[i].option, value);
  }
  /* A default is not repeated: the release may refuse it for the model. */
  const char *size = label_of(w->d, "block_size");
  if (size != NULL && strcmp(size, "16") != 0) put_pair(w, "--block-size", size);
  const char *caching = label_of(w->d, "enable_prefix_caching");
  if (caching != NULL && strcmp(caching, "False") == 0)
    put(w, "--no-enable-prefix-caching");
}

static void put_launch(struct words *w, const struct check_words *launch)
{
  const bool named =
      w->d->args->size.model != NULL || w->d->args->size.req.model_config_path != NULL;
  size_t i = 0;
  if (w->d->launch->model != NULL && launch->n > 0) {
    if (!named) put_pair(w, "--model", launch->argv[0]);
    i = 1;
  }
  for (; i < launch->n; i++) put(w, launch->argv[i]);
  for (i = 0; i < launch->n_env; i++) put(w, launch->env[i]);
}

static void put_set(struct words *w, const struct diagnose_set *set)
{
  const char *name =
      kvc_engine_flag_name(w->d->in.engine, set->flag, &w->d->facts.release.version);
  if (name == NULL) return;
  const bool is_switch = strcmp(set->flag->type, "bool") == 0;
  if (!is_switch)
    put_pair(w, name, set->value);
  else if (strcmp(set->value, "true") == 0)
    put(w, name);
  else
    put(w, kvc_arena_printf(&w->d->cli->arena, "--no-%s", name + 2));
}

static void put_number(struct words *w, const char *name, double value)
{
  if (!(value >= 1)) return;
  put_pair(w, name, kvc_arena_printf(&w->d->cli->arena, "%.0f", value));
}

/* The model that the pages are about, when nothing else names one. */
static const char *served(const struct diagnose *d)
{
  for (size_t p = d->n_pages; p > 0; p--)
    for (size_t i = 0; i < d->pages[p - 1].n_series; i++)
      if (d->pages[p - 1].series[i].model != NULL)
        return d->args->model_name != NULL ? d->args->model_name
                                           : d->pages[p - 1].series[i].model;
  for (size_t i = d->n_benches; i > 0; i--)
    if (d->benches[i - 1].model != NULL) return d->benches[i - 1].model;
  return NULL;
}

static kvc_code gather_words(struct diagnose *d, const struct diagnose_set *sets,
                             size_t n_sets, struct words *w, struct kvc_err *err)
{
  struct kvc_arena *arena = &d->cli->arena;
  *w = (struct words){.d = d, .argv = kvc_arena_alloc(arena, MAX_WORDS, sizeof(char *))};
  struct check_words *launch = kvc_arena_alloc(arena, 1, sizeof *launch);
  if (w->argv == NULL || launch == NULL) return kvc_arena_full(arena, NULL, err);
  put_pair(w, "--vllm-version", d->version);
  if (kvc_engine_generation(d->in.engine, &d->facts.release.version, KVC_ENGINE_V0) !=
      NULL)
    put_pair(w, "--engine", d->out->generation);
  put_cache_config(w);
  if (d->launch != NULL) {
    const struct check_sets none = {0};
    const struct check_rewrite how = {&d->facts, NULL, 0, &none, true};
    KVC_TRY(check_words(d->cli, d->launch, &how, launch, err));
    put_launch(w, launch);
  }
  const struct size_args *s = &d->args->size;
  const bool named = s->model != NULL || s->req.model_config_path != NULL ||
                     (d->launch != NULL && d->launch->model != NULL);
  if (!named && served(d) != NULL) put_pair(w, "--model", served(d));
  if (!(s->req.load.prompt_tok > 0) && d->live.v[KVC_L_prompt_mean_tok] >= 1 &&
      d->live.v[KVC_L_output_mean_tok] >= 1) {
    put_number(w, "--prompt-tokens", d->live.v[KVC_L_prompt_mean_tok]);
    put_number(w, "--output-tokens", d->live.v[KVC_L_output_mean_tok]);
  }
  for (int i = 0; i < d->argc; i++) put(w, d->argv[i]);
  for (size_t i = 0; i < n_sets; i++) put_set(w, &sets[i]);
  return w->full ? kvc_arena_full(arena, "the deployment", err) : KVC_E_OK;
}

/* Files to look at are words too: they are no model. */
static void drop_inputs(const struct diagnose *d, struct cli_common *common)
{
  size_t kept = 0;
  for (size_t i = 0; i < common->n_words; i++) {
    bool input = false;
    for (size_t k = 0; k < d->args->size.common.n_words; k++)
      input = input || strcmp(common->words[i], d->args->size.common.words[k]) == 0;
    if (!input) common->words[kept++] = common->words[i];
  }
  common->n_words = kept;
}

kvc_code diagnose_size(struct diagnose *d, const struct diagnose_set *sets, size_t n,
                       struct diagnose_args **args, struct kvc_size **out,
                       struct kvc_err *err)
{
  static const struct cli_parser parser = {diagnose_options, size_foreign_take,
                                           size_seen};
  struct kvc_arena *arena = &d->cli->arena;
  struct words w;
  struct diagnose_args *a = kvc_arena_alloc(arena, 1, sizeof *a);
  struct kvc_size *size = kvc_arena_alloc(arena, 1, sizeof *size);
  if (a == NULL || size == NULL) return kvc_arena_full(arena, "the deployment", err);
  KVC_TRY(gather_words(d, sets, n, &w, err));
  a->size.db = d->args->size.db;
  a->size.catalogue = d->args->size.catalogue;
  KVC_TRY(size_parse(d->cli, &parser, (int)w.n, w.argv, &a->size, err));
  drop_inputs(d, &a->size.common);
  KVC_TRY(size_settle(&a->size, err));
  KVC_TRY(kvc_size_run(arena, a->size.db, &a->size.req, size, err));
  size_flag_notes(&a->size, size);
  *args = a;
  *out = size;
  return KVC_E_OK;
}

kvc_code diagnose_deploy(struct diagnose *d, struct kvc_err *err)
{
  struct kvc_err why = {0};
  KVC_TRY(read_command(d, err));
  KVC_TRY(settle_release(d, err));
  const struct size_args *s = &d->args->size;
  if (d->launch != NULL && d->out->n_inputs < KVC_DIAGNOSIS_MAX_INPUTS)
    d->out->inputs[d->out->n_inputs++] = (struct kvc_diagnosis_input){
        "deployment", d->n_command > 0 ? "command line" : d->launch->where,
        d->launch->program};
  d->out->model = s->model != NULL                                ? s->model
                  : d->launch != NULL && d->launch->model != NULL ? d->launch->model
                                                                  : served(d);
  if (s->gpu == NULL && !(s->req.gpu_memory_bytes > 0)) {
    d->unsized = "--gpu is not given";
    return KVC_E_OK;
  }
  const kvc_code rc = diagnose_size(d, NULL, 0, &d->sized_args, &d->size, &why);
  const bool own = strcmp(why.where, "--gpu") == 0 ||
                   strcmp(why.where, s->gpu != NULL ? s->gpu : "") == 0 ||
                   (s->model != NULL && strcmp(why.where, s->model) == 0);
  if (rc == KVC_E_LIMIT || rc == KVC_E_USAGE || rc == KVC_E_IO ||
      (own && (rc == KVC_E_UNKNOWN || rc == KVC_E_AMBIGUOUS))) {
    if (err != NULL) *err = why;
    return rc;
  }
  if (rc != KVC_E_OK) {
    /* What the user wrote wrong is said; what the server does is looked at anyway. */
    d->size = NULL;
    d->unsized = kvc_arena_printf(&d->cli->arena, "%s%s%s", why.where,
                                  why.where[0] != '\0' ? ": " : "", why.msg);
    if (d->unsized == NULL) return kvc_arena_full(&d->cli->arena, NULL, err);
    kvc_observe_note(&d->cli->arena, &d->notes,
                     "the deployment could not be sized, so no gain is computed: %s",
                     d->unsized);
    return KVC_E_OK;
  }
  d->out->gpu = d->size->gpu.name;
  d->out->model = d->size->model.name;
  return KVC_E_OK;
}
