/* check_fit.c - the launch before the memory model and the rule book.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "check.h"
#include "size.h"
#include <math.h>
#include <string.h>

static kvc_code skip(struct kvc_check_command *out, const char *why)
{
  out->fit = "skipped";
  out->fit_why = why;
  return KVC_E_OK;
}

/* `kvcap size` gets the words that it would get by hand. */
static kvc_code read_request(struct cli *cli, const struct check_fit *fit,
                             struct size_args *size, struct kvc_err *err)
{
  enum { MORE = 16 + 2 * CLI_MAX_DIRS };
  const struct check_words *w = fit->words;
  const struct check_args *args = fit->args;
  char **argv = kvc_arena_alloc(&cli->arena, CHECK_MAX_WORDS + KVC_LAUNCH_MAX_ENV + MORE,
                                sizeof *argv);
  const char *words[MORE];
  size_t n = 0, k = 0;
  if (argv == NULL) return kvc_arena_full(&cli->arena, "the launch", err);
  for (size_t i = 0; i < args->common.n_profiles; i++) {
    words[k++] = "--profiles";
    words[k++] = args->common.profiles[i];
  }
  words[k++] = "--vllm-version";
  words[k++] = fit->version;
  if (args->gpu != NULL) {
    words[k++] = "--gpu";
    words[k++] = args->gpu;
  }
  if (args->model_config != NULL) {
    words[k++] = "--model-config";
    words[k++] = args->model_config;
  }
  for (size_t i = 0; i < k + w->n_env + w->n; i++) {
    const char *word = i < k              ? words[i]
                       : i < k + w->n_env ? w->env[i - k]
                                          : w->argv[i - k - w->n_env];
    argv[n] = kvc_arena_strdup(&cli->arena, word);
    if (argv[n++] == NULL) return kvc_arena_full(&cli->arena, "the launch", err);
  }
  size->cli = cli;
  KVC_TRY(size_read(size, (int)n, argv, err));
  if (args->gpu_memory_bytes > 0) size->req.gpu_memory_bytes = args->gpu_memory_bytes;
  return KVC_E_OK;
}

static const char *fix_text(struct cli *cli, const struct kvc_size *size)
{
  const char *text = NULL;
  for (size_t i = 0; i < size->n_recs && i < 3; i++) {
    const struct kvc_recommendation *r = &size->recs[i];
    if (r->flag == NULL) continue;
    text = kvc_arena_printf(
        &cli->arena, "%s%s%s%s%s", text != NULL ? text : "", text != NULL ? "; or " : "",
        r->flag, r->value != NULL ? " " : "", r->value != NULL ? r->value : "");
    if (text == NULL) return "";
  }
  return text != NULL ? text : "use more or larger GPUs, or a smaller model";
}

/* "--max-num-seqs 128: why", in the release's spelling. */
static const char *remedy(struct cli *cli, const struct check_fit *fit,
                          const struct kvc_finding *f)
{
  const char *words = f->fix != NULL ? f->fix : f->rule->why;
  const struct kvc_flag *flag =
      f->flag != NULL ? kvc_engine_flag(fit->facts->engine, f->flag) : NULL;
  if (flag == NULL || f->value == NULL) return words;
  const char *name =
      kvc_engine_flag_name(fit->facts->engine, flag, &fit->facts->release.version);
  const char *text =
      name != NULL ? kvc_arena_printf(&cli->arena, "%s %s: %s", name, f->value, words)
                   : NULL;
  return text != NULL ? text : words;
}

/* The lint has said that the engine ignores the flag at this very place. */
static bool is_ignored(const struct kvc_check *check, const struct kvc_finding *f)
{
  for (size_t i = 0; i < check->n_rows && f->line > 0; i++)
    if (check->rows[i].line == f->line && check->rows[i].col == f->col &&
        strcmp(check->rows[i].id, "ENG001") == 0)
      return true;
  return false;
}

static void add_rules(struct cli *cli, const struct check_fit *fit,
                      const struct size_args *args, const struct kvc_size *size,
                      unsigned have)
{
  const struct kvc_rule_facts facts = {.have = have | KVC_NEED_MODEL | KVC_NEED_LINK |
                                               KVC_NEED_LAUNCH,
                                       .engine = fit->facts->engine,
                                       .size = size,
                                       .deploy = &args->req.deploy,
                                       .launch = fit->launch};
  struct kvc_finding *found =
      kvc_arena_alloc(&cli->arena, KVC_MAX_FINDINGS, sizeof *found);
  size_t n = 0;
  if (found == NULL || kvc_rules_run(&cli->arena, &facts, &fit->facts->release.version,
                                     found, KVC_MAX_FINDINGS, &n, NULL) != KVC_E_OK)
    return;
  for (size_t i = 0; i < n; i++) {
    struct kvc_finding *f = &found[i];
    /* FIT001 says it with vLLM's own words. */
    if (f->verdict != KVC_FIRE || strcmp(f->rule->slug, "does-not-start") == 0) continue;
    const struct kvc_launch_arg *arg =
        f->flag != NULL ? kvc_launch_arg(fit->launch, f->flag) : NULL;
    if (f->line == 0 && arg != NULL) {
      f->line = arg->line;
      f->col = arg->col;
    }
    if (is_ignored(fit->check, f)) continue;
    if (f->severity == KVC_SEV_ERROR && f->flag != NULL)
      check_set(fit->sets, kvc_engine_flag(fit->facts->engine, f->flag), f->value);
    if (fit->quiet) continue;
    f->fix = remedy(cli, fit, f);
    check_add(fit->check, f, f->rule->cite, false);
  }
}

static void add_unfit(struct cli *cli, const struct check_fit *fit,
                      const struct kvc_size *size)
{
  struct kvc_finding f = {.rule = kvc_lint_rule_find("FIT001"),
                          .verdict = KVC_FIRE,
                          .severity = KVC_SEV_ERROR,
                          .text = size->verdict,
                          .fix = fix_text(cli, size),
                          .line = fit->launch->line,
                          .col = fit->launch->col};
  for (size_t i = 0; i < size->n_recs; i++)
    if (size->recs[i].flag != NULL && size->recs[i].value != NULL) {
      check_set(fit->sets,
                kvc_engine_flag_spelled(fit->facts->engine, size->recs[i].flag),
                size->recs[i].value);
      break;
    }
  if (fit->quiet) return;
  for (size_t i = 0; i < size->n_recs && f.n_evidence < KVC_MAX_EVIDENCE; i++)
    if (size->recs[i].gain != NULL) f.evidence[f.n_evidence++] = size->recs[i].gain;
  check_add(fit->check, &f, f.rule->cite, false);
}

static const char *reason(struct cli *cli, const struct kvc_err *why)
{
  const char *text = kvc_arena_printf(&cli->arena, "%s%s%s", why->where,
                                      why->where[0] != '\0' ? ": " : "", why->msg);
  return text != NULL ? text : "out of memory";
}

/* What `kvcap size` refuses, because vLLM would: a finding, not a look that failed. */
static kvc_code add_conflict(struct cli *cli, const struct check_fit *fit,
                             const struct kvc_err *why, bool said,
                             struct kvc_check_command *out)
{
  const struct kvc_flag *flag = kvc_engine_flag_spelled(fit->facts->engine, why->where);
  const struct kvc_launch_arg *arg =
      flag != NULL ? kvc_launch_arg(fit->launch, flag->key) : NULL;
  const char *text = reason(cli, why);
  const struct kvc_finding f = {
      .rule = kvc_lint_rule_find("FIT002"),
      .verdict = KVC_FIRE,
      .severity = KVC_SEV_ERROR,
      .text = text,
      .flag = flag != NULL ? flag->key : NULL,
      .fix = flag != NULL ? kvc_arena_printf(&cli->arena, "change %s", why->where)
                          : "change one of the two",
      .line = arg != NULL ? arg->line : fit->launch->line,
      .col = arg != NULL ? arg->col : fit->launch->col};
  if (!said && !fit->quiet)
    check_add(fit->check, &f, f.rule->cite, false); /* else a rule has */
  out->fit = "does not start";
  out->fit_why = text;
  return KVC_E_OK;
}

kvc_code check_fit(struct cli *cli, const struct check_fit *fit,
                   struct kvc_check_command *out, struct kvc_err *err)
{
  out->kv_tokens = NAN;
  const struct check_args *args = fit->args;
  if (args->gpu == NULL && !(args->gpu_memory_bytes > 0))
    return skip(out, "--gpu is not given, so that nothing is known of its memory");
  if (fit->launch->model == NULL && args->model_config == NULL)
    return skip(out, "the launch names no model");
  if (args->model_config == NULL && strchr(fit->launch->model, '$') != NULL)
    return skip(out, "the model is a variable");
  struct size_args *size_args = kvc_arena_alloc(&cli->arena, 1, sizeof *size_args);
  struct kvc_size *size = kvc_arena_alloc(&cli->arena, 1, sizeof *size);
  if (size_args == NULL || size == NULL)
    return kvc_arena_full(&cli->arena, "the launch", err);
  struct kvc_err why = {0};
  kvc_code rc = read_request(cli, fit, size_args, &why);
  if (rc == KVC_E_OK)
    rc = kvc_size_run(&cli->arena, size_args->db, &size_args->req, size, &why);
  if (rc == KVC_E_LIMIT) {
    if (err != NULL) *err = why;
    return rc;
  }
  if (rc == KVC_E_CONFLICT || rc == KVC_E_RANGE) {
    const size_t errors = fit->check->errors;
    if (size->model.name != NULL && size->gpu.name != NULL)
      add_rules(cli, fit, size_args, size, 0);
    return add_conflict(cli, fit, &why, fit->check->errors > errors, out);
  }
  if (rc != KVC_E_OK) return skip(out, reason(cli, &why));
  out->fit = size->memory.fits ? "starts" : "does not start";
  out->fit_why =
      fit->check->errors > 0 && !fit->quiet
          ? kvc_arena_printf(&cli->arena, "without the errors above: %s", size->verdict)
          : size->verdict;
  if (out->fit_why == NULL) return kvc_arena_full(&cli->arena, "the launch", err);
  out->kv_tokens = size->memory.fits ? size->memory.tokens.value : (double)NAN;
  if (!size->memory.fits) add_unfit(cli, fit, size);
  add_rules(cli, fit, size_args, size, KVC_NEED_SIZE);
  return KVC_E_OK;
}
