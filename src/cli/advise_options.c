/* advise_options.c - the options of `kvcap advise` and `kvcap launch`, and what they say.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise.h"
#include "commands.h"
#include <string.h>

static const char *const goals[] = {"latency", "throughput", "none", NULL};
static const char *const forms[] = {"shell", "yaml", NULL};

/* "fp8-kv,fp8-weights" */
kvc_code advise_allow(void *ptr, const struct cli_option *option, const char *value,
                      struct kvc_err *err)
{
  static const struct {
    const char *name;
    unsigned bit;
  } known[] = {{"fp8-kv", KVC_ALLOW_FP8_KV},
               {"fp8-weights", KVC_ALLOW_FP8_WEIGHTS},
               {"all", KVC_ALLOW_FP8_KV | KVC_ALLOW_FP8_WEIGHTS}};
  struct advise_args *args = ptr;
  while (*value != '\0') {
    const size_t len = strcspn(value, ",");
    size_t i = 0;
    while (i < 3 &&
           (strlen(known[i].name) != len || strncmp(known[i].name, value, len) != 0))
      i++;
    if (i == 3)
      return kvc_fail(err, KVC_E_UNKNOWN, option->name,
                      "\"%.*s\" is not one of fp8-kv, fp8-weights, all",
                      (int)(len < 40 ? len : 40), value);
    args->allow |= known[i].bit;
    value += len;
    if (*value == ',') value++;
  }
  return KVC_E_OK;
}

#define X(member) offsetof(struct advise_args, member)

/* clang-format off */
#define ADVISE_ROWS \
  SIZE_GROUP("Demand"), \
  ADVISE_LOAD_ROWS, \
  {.name = "--lengths", .arg = "FILE", .type = CLI_TEXT, .offset = X(lengths), .complete = "file", \
   .help = "prompt and output tokens, a pair a line (a third column counts), or a recorded load as simulate reads it; mean, spread and percentiles are taken from it"}, \
  {.name = "--users", .arg = "N", .type = CLI_NUM, .offset = X(demand.users), .min = 1, .max = 1e7, \
   .advice = "write a count such as 50", .help = "requests at once"}, \
  {.name = "--rate", .arg = "R", .type = CLI_NUM, .offset = X(demand.rate_per_s), .min = 1e-6, .max = 1e6, \
   .advice = "write requests a second such as 4.5", .help = "requests a second; with --latency it gives the requests at once"}, \
  {.name = "--latency", .arg = "SECONDS", .type = CLI_NUM, .offset = X(demand.latency_s), .min = 1e-3, .max = 1e6, \
   .advice = "write seconds such as 10", .help = "mean time of one request, as measured or as it may be"}, \
  {.name = "--turns", .arg = "N", .type = CLI_NUM, .offset = X(demand.turns), .min = 1, .max = 1e6, \
   .help = "requests of one conversation"}, \
  {.name = "--need-context", .alias = "--context-tokens", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(demand.context_tok), .min = 1, .max = 1e9, \
   .advice = "write a length such as 32K", .help = "longest request that must be served, prompt and output"}, \
  {.name = "--goal", .arg = "GOAL", .type = CLI_CHOICE, .offset = X(goal), .choices = goals, \
   .help = "what comes first: latency, throughput or none"}, \
  {.name = "--gpus", .arg = "N", .type = CLI_INT, .offset = X(gpus), .min = 1, .max = 4096, \
   .help = "GPUs at hand for one server; as many as it takes when not given"}, \
  {.name = "--allow-quality", .arg = "LIST", .type = CLI_CALL, .call = advise_allow, \
   .help = "apply what may cost accuracy: fp8-kv, fp8-weights, all"}

const struct cli_option advise_options[] = {
  ADVISE_ROWS,
#include "size_rows.def"
  {.type = CLI_END}};

const struct cli_option launch_options[] = {
  SIZE_GROUP("Form"),
  {.name = "--format", .arg = "shell|yaml", .type = CLI_CHOICE, .offset = X(form), .choices = forms,
   .help = "a command line, or the file that vllm serve --config reads"},
  ADVISE_ROWS,
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */

/* ---- demand ---------------------------------------------------------------------- */

static bool is_file(const char *name)
{
  const size_t n = strlen(name);
  return (n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
         (n > 4 && strcmp(name + n - 4, ".yml") == 0);
}

static kvc_code base_of(struct advise_args *args, struct kvc_demand *out,
                        struct kvc_err *err)
{
  struct kvc_arena *arena = &args->size.cli->arena;
  const bool asked = args->workload != NULL;
  *out = (struct kvc_demand){.load = args->size.req.load};
  if (args->lengths != NULL) return advise_lengths(args->lengths, out, err);
  const bool stated = args->size.req.load.prompt_tok > 0 ||
                      args->demand.prompt_p50_tok > 0 || args->demand.prompt_p95_tok > 0;
  if (!asked && (stated || args->size.req.load.output_tok > 0)) return KVC_E_OK;
  if (asked && is_file(args->workload)) {
    char *text;
    size_t len;
    KVC_TRY(kvc_file_read_into(arena, args->workload, KVC_PROFILE_MAX_BYTES, &text, &len,
                               err));
    return kvc_workload_read(arena, text, len, args->workload, out, err);
  }
  KVC_TRY(size_catalogue(&args->size, err));
  if (!asked)
    size_note(&args->size, "note",
              "no demand is stated: the workload \"chat\" is taken; --workload, "
              "--prompt-tokens and --output-tokens set yours");
  return kvc_db_workload(args->size.db, asked ? args->workload : "chat", out, err);
}

/* Mean and spread from two of three percentiles. */
static kvc_code fit(const double at[3], const char *name, double *mean, double *cv,
                    struct kvc_err *err)
{
  static const double p[3] = {0.50, 0.95, 0.99};
  int low = -1, high = -1;
  for (int i = 0; i < 3; i++) {
    if (!(at[i] > 0)) continue;
    if (low < 0)
      low = i;
    else if (at[i] < at[low])
      return kvc_fail(err, KVC_E_CONFLICT, name,
                      "a higher percentile is the smaller one");
    high = i;
  }
  if (low < 0 || *mean > 0) return KVC_E_OK;
  if (low == high)
    return kvc_fail(
        err, KVC_E_USAGE, name,
        "one percentile does not give a mean: state another one, or the mean");
  kvc_advise_lognormal(p[low], at[low], p[high], at[high], mean, cv);
  if (*cv > 20) *cv = 20;
  return KVC_E_OK;
}

static void over(double *to, double from)
{
  if (from > 0) *to = from;
}

static kvc_code merge(struct advise_args *args, struct kvc_demand *d, struct kvc_err *err)
{
  const struct kvc_demand *o = &args->demand;
  struct kvc_workload load = args->size.req.load;
  const double p[3] = {o->prompt_p50_tok, o->prompt_p95_tok, o->prompt_p99_tok};
  const double q[3] = {o->output_p50_tok, o->output_p95_tok, o->output_p99_tok};
  KVC_TRY(fit(p, "--prompt-p95", &load.prompt_tok, &load.prompt_cv, err));
  KVC_TRY(fit(q, "--output-p95", &load.output_tok, &load.output_cv, err));
  if (load.prompt_tok > 0) {
    d->load.prompt_tok = load.prompt_tok;
    d->load.prompt_cv = load.prompt_cv;
    d->prompt_p50_tok = p[0];
    d->prompt_p95_tok = p[1];
    d->prompt_p99_tok = p[2];
  }
  if (load.output_tok > 0) {
    d->load.output_tok = load.output_tok;
    d->load.output_cv = load.output_cv;
    d->output_p50_tok = q[0];
    d->output_p95_tok = q[1];
    d->output_p99_tok = q[2];
  }
  over(&d->load.prompt_cv, load.prompt_cv);
  over(&d->load.output_cv, load.output_cv);
  over(&d->load.shared_prefix_tok, load.shared_prefix_tok);
  over(&d->load.shared_prefix_frac, load.shared_prefix_frac);
  d->load.buffer_frac = load.buffer_frac;
  d->load.exceed_prob = load.exceed_prob;
  d->load.round_to = load.round_to;
  over(&d->users, o->users);
  over(&d->rate_per_s, o->rate_per_s);
  over(&d->latency_s, o->latency_s);
  over(&d->turns, o->turns);
  if (o->context_tok > 0) d->context_tok = o->context_tok;
  if (args->goal != NULL)
    d->goal = strcmp(args->goal, "latency") == 0      ? KVC_GOAL_LATENCY
              : strcmp(args->goal, "throughput") == 0 ? KVC_GOAL_THROUGHPUT
                                                      : KVC_GOAL_NONE;
  if (!(d->load.prompt_tok > 0) || !(d->load.output_tok > 0))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--prompt-tokens and --output-tokens go together; %s is missing",
                    d->load.prompt_tok > 0 ? "--output-tokens" : "--prompt-tokens");
  return KVC_E_OK;
}

kvc_code advise_demand(struct advise_args *args, struct kvc_err *err)
{
  struct kvc_demand demand;
  KVC_TRY(base_of(args, &demand, err));
  KVC_TRY(merge(args, &demand, err));
  args->demand = demand;
  args->size.req.load = demand.load;
  return KVC_E_OK;
}

kvc_code advise_read(struct cli *cli, const struct cli_parser *parser, int argc,
                     char *const *argv, struct advise_args *args, struct kvc_err *err)
{
  KVC_TRY(size_parse(cli, parser, argc, argv, &args->size, err));
  if (args->size.common.help) return KVC_E_OK;
  KVC_TRY(advise_demand(args, err));
  const struct kvc_demand *d = &args->demand;
  if (d->rate_per_s > 0 && !(d->users > 0) && !(d->latency_s > 0))
    size_note(&args->size, "note",
              "--rate alone does not tell how many requests run at once: --latency, the "
              "mean seconds of one, makes it %s",
              "rate x latency");
  return size_settle(&args->size, err);
}

/* A flag without a row, as an argument of the new command. */
static struct kvc_emit_arg extra_of(struct kvc_arena *arena, const struct size_foreign *f)
{
  struct kvc_emit_arg arg = {.kind = KVC_EMIT_PLAIN, .name = f->spelling};
  const char *equals = strchr(f->words[0], '=');
  if (equals != NULL)
    arg.value = equals + 1;
  else if (f->n_words < 2)
    arg.kind = KVC_EMIT_SWITCH;
  else
    arg.value = f->words[1];
  if (strcmp(f->flag->type, "list") == 0 && equals == NULL && f->n_words > 1) {
    arg.kind = KVC_EMIT_LIST;
    for (int i = 1; i < f->n_words && arg.n_values < KVC_EMIT_MAX_VALUES; i++)
      arg.values[arg.n_values++] = f->words[i];
  }
  if (arg.value != NULL && arg.value[0] == '{') arg.kind = KVC_EMIT_JSON;
  (void)arena;
  return arg;
}

kvc_code advise_run(struct advise_args *args, struct kvc_advice *out, struct kvc_err *err)
{
  struct size_args *s = &args->size;
  struct kvc_arena *arena = &s->cli->arena;
  struct kvc_emit_arg *extra =
      kvc_arena_alloc(arena, SIZE_MAX_FOREIGN + 1, sizeof *extra);
  struct kvc_emit_env *env = kvc_arena_alloc(arena, SIZE_MAX_FOREIGN, sizeof *env);
  if (extra == NULL || env == NULL) return kvc_arena_full(arena, NULL, err);
  struct kvc_advise_request req = {.size = s->req,
                                   .demand = args->demand,
                                   .gpus = args->gpus,
                                   .allow = args->allow,
                                   .extra = extra,
                                   .env = env};
  struct kvc_resolved release;
  KVC_TRY(kvc_engine_resolve(s->catalogue, &s->req.deploy.version, &release, err));
  for (size_t i = 0; i < s->n_foreign; i++) {
    const struct size_foreign *f = &s->foreign[i];
    if (kvc_engine_flag_name(s->catalogue, f->flag, &release.version) == NULL) continue;
    if (f->variable == NULL)
      extra[req.n_extra++] = extra_of(arena, f);
    else
      env[req.n_env++] =
          (struct kvc_emit_env){f->spelling, f->variable + strlen(f->spelling) + 1};
  }
  const struct kvc_flag *mm = kvc_engine_flag(s->catalogue, "limit_mm_per_prompt");
  const char *mm_name = mm != NULL && s->limit_mm != NULL && s->req.deploy.mm_items > 0
                            ? kvc_engine_flag_name(s->catalogue, mm, &release.version)
                            : NULL;
  if (mm_name != NULL) /* none at all is said by --language-model-only */
    extra[req.n_extra++] = (struct kvc_emit_arg){
        .kind = s->limit_mm[0] == '{' ? KVC_EMIT_JSON : KVC_EMIT_PLAIN,
        .name = mm_name,
        .value = s->limit_mm};
  KVC_TRY(kvc_advise_run(arena, s->db, &req, out, err));
  size_flag_notes(s, &out->size);
  return KVC_E_OK;
}
