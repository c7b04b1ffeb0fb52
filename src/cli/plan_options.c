/* plan_options.c - the options of `kvcap plan`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "plan.h"
#include <kvcap/num.h>
#include <kvcap/plan_file.h>
#include <math.h>
#include <string.h>

enum { MAX_LIST_BYTES = 4096 };

static char *keep(struct plan_args *args, const char *text, size_t len)
{
  return kvc_arena_strndup(&args->advise.size.cli->arena, text, len);
}

/* ---- hardware --------------------------------------------------------------------- */

static kvc_code add_hardware(struct plan_args *args, const struct cli_option *option,
                             const struct kvc_hardware *hardware, struct kvc_err *err)
{
  struct kvc_search_request *req = &args->req;
  if (args->filed.hardware) req->n_hardware = 0;
  args->filed.hardware = false;
  if (hardware->gpu == NULL) return kvc_arena_full(NULL, option->name, err);
  if (req->n_hardware == KVC_SEARCH_HARDWARE)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "more than %d kinds of hardware",
                    KVC_SEARCH_HARDWARE);
  req->hardware[req->n_hardware++] = *hardware;
  return KVC_E_OK;
}

/* "H100,A100-80G" or all */
static kvc_code read_gpu(void *ptr, const struct cli_option *option, const char *value,
                         struct kvc_err *err)
{
  struct plan_args *args = ptr;
  while (*value != '\0') {
    const size_t len = strcspn(value, ",");
    if (len == 3 && kvc_str_istarts(value, "all")) {
      args->all_gpus = true;
      if (args->filed.hardware) args->req.n_hardware = 0;
      args->filed.hardware = false;
    } else if (len > 0) {
      const struct kvc_hardware one = {.gpu = keep(args, value, len),
                                       .usd_per_gpu_hour = (double)NAN};
      KVC_TRY(add_hardware(args, option, &one, err));
    }
    value += len;
    if (*value == ',') value++;
  }
  return KVC_E_OK;
}

/* "p5.48xlarge:H100:8:55.04"; the name may hold colons of its own. */
static kvc_code read_instance(void *ptr, const struct cli_option *option,
                              const char *value, struct kvc_err *err)
{
  struct plan_args *args = ptr;
  size_t at[3], n = 0;
  for (size_t i = strlen(value); i > 0 && n < 3; i--)
    if (value[i - 1] == ':') at[n++] = i - 1;
  int64_t count = 0;
  double usd = 0;
  const char *number = n == 3 ? keep(args, value + at[1] + 1, at[0] - at[1] - 1) : NULL;
  if (n < 3 || at[2] == 0 || at[1] == at[2] + 1 || number == NULL ||
      kvc_num_parse_int(number, "", 1, 1024, &count, NULL) != KVC_E_OK ||
      kvc_num_parse(value + at[0] + 1, "", &usd, NULL) != KVC_E_OK || !(usd >= 0) ||
      !(usd <= 1e8))
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.80s\" is no instance; write NAME:GPU:COUNT:USD_PER_HOUR, as in "
                    "p5.48xlarge:H100:8:55.04",
                    value);
  const struct kvc_hardware one = {.instance = keep(args, value, at[2]),
                                   .gpu =
                                       keep(args, value + at[2] + 1, at[1] - at[2] - 1),
                                   .gpus_per_node = (int)count,
                                   .whole_nodes = true,
                                   .usd_per_gpu_hour = usd / (double)count,
                                   .price_from = "--instance"};
  return add_hardware(args, option, &one, err);
}

/* "H100=2.5" */
static kvc_code add_named(struct plan_args *args, enum plan_said what,
                          const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  const char *equals = strrchr(value, '=');
  double v = 0;
  const bool whole = what != PLAN_PRICE;
  if (equals == NULL || equals == value ||
      kvc_num_parse(equals + 1, "", &v, NULL) != KVC_E_OK || (whole && v != floor(v)) ||
      !(v >= option->min && v <= option->max))
    return kvc_fail(err, KVC_E_PARSE, option->name, "\"%.60s\" is not %s; write %s %s",
                    value, option->arg, option->name, option->advice);
  if (args->n_named == PLAN_MAX_NAMED)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "is given more than %d times",
                    PLAN_MAX_NAMED);
  const char *gpu = keep(args, value, (size_t)(equals - value));
  if (gpu == NULL) return kvc_arena_full(NULL, option->name, err);
  args->named[args->n_named++] = (struct plan_named){what, gpu, v};
  return KVC_E_OK;
}

static kvc_code read_price(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  return add_named(ptr, PLAN_PRICE, option, value, err);
}

static kvc_code read_stock(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  return add_named(ptr, PLAN_STOCK, option, value, err);
}

static kvc_code read_node(void *ptr, const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  return add_named(ptr, PLAN_NODE, option, value, err);
}

/* ---- limits ------------------------------------------------------------------------ */

static kvc_code read_slo(void *ptr, const struct cli_option *option, const char *value,
                         struct kvc_err *err)
{
  struct plan_args *args = ptr;
  if (args->filed.slo) args->req.slo = (struct kvc_slo){.n = 0};
  args->filed.slo = false;
  return kvc_slo_read(value, option->name, &args->req.slo, err);
}

/* "3000", "3000W" or "3 kW" */
static kvc_code read_power(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  struct plan_args *args = ptr;
  double watts = 0;
  if (kvc_num_parse(value, "", &watts, NULL) != KVC_E_OK &&
      kvc_num_parse_quantity(value, "", KVC_Q_WATT, &watts, NULL) != KVC_E_OK)
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.60s\" is no power; write watts such as 3000 or 12kW", value);
  if (!(watts >= option->min && watts <= option->max))
    return kvc_fail(err, KVC_E_RANGE, option->name, "%.60s is outside 1 W to 1 TW; %s",
                    value, option->advice);
  args->req.power_watts = watts;
  return KVC_E_OK;
}

/* "1,2,4" */
static kvc_code read_sizes(int *out, bool *filed, const struct cli_option *option,
                           const char *value, struct kvc_err *err)
{
  size_t n = 0;
  const char *p = value;
  *filed = false;
  for (;;) {
    size_t used = 0;
    double v = 0;
    const size_t len = strcspn(p, ",");
    if (!kvc_num_scan(p, len, &v, &used) || used != len || v != floor(v) || !(v >= 1) ||
        !(v <= 1024))
      return kvc_fail(err, KVC_E_PARSE, option->name,
                      "\"%.60s\" is no list of sizes; write whole numbers from 1 to 1024 "
                      "such as 1,2,4",
                      value);
    if (n == KVC_PLAN_FILE_SIZES)
      return kvc_fail(err, KVC_E_LIMIT, option->name, "has more than %d sizes",
                      KVC_PLAN_FILE_SIZES);
    out[n++] = (int)v;
    out[n] = 0;
    p += len;
    if (*p == '\0') return KVC_E_OK;
    p++;
  }
}

static kvc_code read_tp(void *ptr, const struct cli_option *option, const char *value,
                        struct kvc_err *err)
{
  struct plan_args *args = ptr;
  return read_sizes(args->req.tps, &args->filed.tps, option, value, err);
}

static kvc_code read_pp(void *ptr, const struct cli_option *option, const char *value,
                        struct kvc_err *err)
{
  struct plan_args *args = ptr;
  return read_sizes(args->req.pps, &args->filed.pps, option, value, err);
}

static kvc_code read_dp(void *ptr, const struct cli_option *option, const char *value,
                        struct kvc_err *err)
{
  struct plan_args *args = ptr;
  return read_sizes(args->req.dps, &args->filed.dps, option, value, err);
}

/* "12=40": from that month on */
static kvc_code read_step(void *ptr, const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  struct plan_args *args = ptr;
  struct kvc_search_request *req = &args->req;
  struct kvc_growth_step step = {0, 0};
  const size_t len = strcspn(value, "=");
  size_t used = 0;
  if (args->filed.growth) req->n_growth = 0;
  args->filed.growth = false;
  if (value[len] != '=' || !kvc_num_scan(value, len, &step.month, &used) || used != len ||
      kvc_num_parse(value + len + 1, "", &step.rate_per_s, NULL) != KVC_E_OK ||
      !(step.month >= 0 && step.month <= KVC_SEARCH_MONTHS) ||
      !(step.rate_per_s >= 1e-6 && step.rate_per_s <= 1e6))
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.60s\" is no step; write MONTH=RATE such as 6=40, within %d "
                    "months",
                    value, KVC_SEARCH_MONTHS);
  if (req->n_growth == KVC_SEARCH_STEPS)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "is given more than %d times",
                    KVC_SEARCH_STEPS);
  if (req->n_growth > 0 && !(step.month > req->growth[req->n_growth - 1].month))
    return kvc_fail(err, KVC_E_CONFLICT, option->name,
                    "the months must rise from one to the next");
  req->growth[req->n_growth++] = step;
  return KVC_E_OK;
}

/* ---- words --------------------------------------------------------------------------
 */

kvc_code plan_add_model(struct plan_args *args, const char *name, struct kvc_err *err)
{
  if (args->filed.models) args->n_models = 0;
  args->filed.models = false;
  if (name[0] == '\0' || !kvc_utf8_valid(name, strlen(name)))
    return kvc_fail(err, KVC_E_PARSE, "--model", "the name is not readable text");
  for (size_t i = 0; i < args->n_models; i++)
    if (strcmp(args->models[i], name) == 0) return KVC_E_OK;
  if (args->n_models == KVC_SEARCH_MODELS)
    return kvc_fail(err, KVC_E_LIMIT, "--model", "more than %d models",
                    KVC_SEARCH_MODELS);
  args->models[args->n_models++] = name;
  return KVC_E_OK;
}

static kvc_code read_model(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  (void)option;
  return plan_add_model(ptr, value, err);
}

static kvc_code read_why_not(void *ptr, const struct cli_option *option,
                             const char *value, struct kvc_err *err)
{
  struct plan_args *args = ptr;
  struct kvc_search_request *req = &args->req;
  const size_t most = sizeof req->why_not / sizeof *req->why_not;
  if (args->filed.why_not) req->n_why_not = 0;
  args->filed.why_not = false;
  if (value[0] == '\0' || !kvc_utf8_valid(value, strlen(value)))
    return kvc_fail(err, KVC_E_PARSE, option->name, "the value is not readable text");
  if (req->n_why_not == most)
    return kvc_fail(err, KVC_E_LIMIT, option->name, "is given more than %zu times", most);
  req->why_not[req->n_why_not++] = value;
  return KVC_E_OK;
}

/* "3/16" */
static kvc_code read_shard(void *ptr, const struct cli_option *option, const char *value,
                           struct kvc_err *err)
{
  struct plan_args *args = ptr;
  const size_t len = strcspn(value, "/");
  double k = 0;
  size_t used = 0;
  int64_t n = 0;
  if (value[len] != '/' || !kvc_num_scan(value, len, &k, &used) || used != len ||
      kvc_num_parse_int(value + len + 1, "", 1, PLAN_MAX_SHARDS, &n, NULL) != KVC_E_OK ||
      k != floor(k) || !(k >= 1) || !(k <= (double)n))
    return kvc_fail(err, KVC_E_PARSE, option->name,
                    "\"%.40s\" is no part; write K/N such as 3/16, the third of at most "
                    "%d",
                    value, PLAN_MAX_SHARDS);
  args->shard = (int)k;
  args->shards = (int)n;
  return KVC_E_OK;
}

static const char *const objectives[] = {"cost", "cost-per-token", "energy", "latency",
                                         NULL};
static const char *const clusters[] = {"slurm", "kubernetes", NULL};

#define SIZE_SEARCHED
#define X(member) offsetof(struct plan_args, member)
/* clang-format off */
const struct cli_option plan_options[] = {
  SIZE_GROUP("Question"),
  {.name = "--file", .alias = "-f", .arg = "PLAN.yaml", .type = CLI_TEXT, .offset = X(file), .complete = "file",
   .help = "the question as a file; may also stand alone; the command line stands over it"},
  {.name = "--model", .arg = "NAME", .type = CLI_CALL, .call = read_model, .complete = "models",
   .help = "Hugging Face name of the model; may be repeated or stand alone, when several would do"},
  {.name = "--slo", .arg = "LIMITS", .type = CLI_CALL, .call = read_slo,
   .help = "limits such as ttft_p95=500ms,tpot_p99=30ms,e2e_p95=10s; or of every request: ttft=1s,goodput=0.95"},
  {.name = "--objective", .arg = "WHAT", .type = CLI_CHOICE, .offset = X(objective), .choices = objectives,
   .help = "what comes first: cost, cost-per-token, energy or latency; cost when not given"},
  {.name = "--budget", .arg = "USD_PER_HOUR", .type = CLI_NUM, .offset = X(req.budget_usd_per_hour), .min = 1e-6, .max = 1e9,
   .advice = "write dollars an hour such as 40", .help = "most that may be spent"},
  {.name = "--power", .arg = "WATTS", .type = CLI_CALL, .call = read_power, .min = 1, .max = 1e12,
   .advice = "write watts such as 3000 or 12kW", .help = "most that the GPUs may draw, at their board power"},
  {.name = "--max-gpus", .arg = "N", .type = CLI_INT64, .offset = X(req.max_gpus), .min = 1, .max = 1e6,
   .advice = "write a count such as 16", .help = "GPUs in all"},
  {.name = "--headroom", .arg = "FRAC", .type = CLI_NUM, .offset = X(req.headroom_frac), .min = 0, .max = 0.9,
   .advice = "write a fraction such as 0.2", .help = "part of each replica's largest rate that is kept free"},
  {.name = "--allow-quality", .arg = "LIST", .type = CLI_CALL, .call = advise_allow,
   .help = "also try what may cost accuracy: fp8-kv, fp8-weights, all"},
  {.name = "--why-not", .arg = "GPU:SHAPE", .type = CLI_CALL, .call = read_why_not,
   .help = "explain a shape that the plan does not choose, such as H100:tp4 or L40S:tp2:pp2:fp8; may be repeated"},

  SIZE_GROUP("Hardware"),
  {.name = "--gpu", .arg = "NAMES", .type = CLI_CALL, .call = read_gpu, .complete = "gpus",
   .help = "GPUs that may be used, such as H100,L40S; may be repeated; all of those with a price when not given"},
  {.name = "--instance", .arg = "NAME:GPU:COUNT:USD_PER_HOUR", .type = CLI_CALL, .call = read_instance,
   .help = "an instance type that may be rented whole, such as p5.48xlarge:H100:8:55.04; may be repeated"},
  {.name = "--price", .arg = "GPU=USD_PER_HOUR", .type = CLI_CALL, .call = read_price, .min = 0, .max = 1e6, .advice = "H100=2.5",
   .help = "own price of one GPU for an hour; may be repeated"},
  {.name = "--price-at", .arg = "WORD", .type = CLI_TEXT, .offset = X(req.price_at),
   .help = "only prices whose place has this word, such as AWS"},
  {.name = "--stock", .arg = "GPU=N", .type = CLI_CALL, .call = read_stock, .min = 1, .max = 1e6, .advice = "H100=16",
   .help = "no more than N of that GPU; may be repeated"},
  {.name = "--gpus-per-node", .arg = "GPU=N", .type = CLI_CALL, .call = read_node, .min = 1, .max = 1024, .advice = "L40S=4",
   .help = "GPUs in one node of it; the profile's when not given; may be repeated"},
  {.name = "--tensor-parallel-size", .alias = "-tp --tp", .arg = "LIST", .type = CLI_CALL, .call = read_tp,
   .help = "sizes to try, such as 1,2,4; powers of two up to the node when not given"},
  {.name = "--pipeline-parallel-size", .alias = "-pp --pp", .arg = "LIST", .type = CLI_CALL, .call = read_pp,
   .help = "sizes to try"},
  {.name = "--data-parallel-size", .alias = "-dp --dp", .arg = "LIST", .type = CLI_CALL, .call = read_dp,
   .help = "sizes to try, for models with experts"},

  SIZE_GROUP("Load"),
  {.name = "--rate", .alias = "--request-rate", .arg = "R", .type = CLI_NUM, .offset = X(req.rate_per_s), .min = 1e-6, .max = 1e6,
   .advice = "write requests a second such as 20", .help = "requests a second that must hold: the peak of the day, today"},
  {.name = "--input-len", .alias = "--random-input-len", .arg = "TOKENS", .type = CLI_LENGTH, .offset = SIZE_L(prompt_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 512", .help = "mean prompt"},
  {.name = "--output-len", .alias = "--random-output-len", .arg = "TOKENS", .type = CLI_LENGTH, .offset = SIZE_L(output_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 128", .help = "mean output"},
  {.name = "--lengths", .arg = "FILE", .type = CLI_TEXT, .offset = ADVISE_A(lengths), .complete = "file",
   .help = "draw pairs of lengths from a file: lines of prompt,output[,count], or any file --trace reads"},
  {.name = "--trace", .arg = "FILE", .type = CLI_TEXT, .offset = X(trace), .complete = "file",
   .help = "a recorded load, as simulate reads it: its lengths, and its mean rate when --rate is not given"},
  ADVISE_LOAD_ROWS,
  {.name = "--turns", .arg = "N", .type = CLI_NUM, .offset = ADVISE_A(demand.turns), .min = 1, .max = 1000,
   .advice = "write a count such as 4", .help = "requests of one conversation"},
  {.name = "--burstiness", .arg = "B", .type = CLI_NUM, .offset = X(req.burstiness), .min = 0.01, .max = 1e6,
   .advice = "write a number such as 1", .help = "shape of the gaps between arrivals: 1 is Poisson, less is burstier"},
  {.name = "--peak-to-trough", .arg = "X", .type = CLI_NUM, .offset = X(req.peak_to_trough), .min = 1, .max = 1e6,
   .advice = "write a ratio such as 4", .help = "highest rate of the day over its lowest: replicas that follow the day"},
  {.name = "--growth", .arg = "PERCENT", .type = CLI_NUM, .offset = X(growth_percent), .min = -50, .max = 1000,
   .advice = "write percent such as 10", .help = "growth of the rate each month"},
  {.name = "--growth-at", .arg = "MONTH=RATE", .type = CLI_CALL, .call = read_step,
   .help = "or the rate from a month on, such as 6=40; may be repeated"},
  {.name = "--horizon", .arg = "MONTHS", .type = CLI_INT, .offset = X(req.horizon_months), .min = 1, .max = KVC_SEARCH_MONTHS,
   .advice = "write months such as 12", .help = "how far growth is looked at; 12 when not given"},

  SIZE_GROUP("Search"),
  {.name = "--acceptance-rate", .arg = "FRAC", .type = CLI_NUM, .offset = X(req.acceptance_frac), .min = 0, .max = 1,
   .advice = "write a fraction such as 0.6", .help = "share of drafted tokens that are accepted, when a --speculative-config is given; 0.6 when not given"},
  {.name = "--kv-transfer-gb-per-s", .arg = "X", .type = CLI_NUM, .offset = X(kv_transfer_gb_per_s), .min = 1e-3, .max = 1e6,
   .advice = "write GB a second such as 25", .help = "speed at which KV is moved; prefill and decode apart are then tried as well"},
  {.name = "--seed", .arg = "N", .type = CLI_INT64, .offset = X(seed), .min = 0, .max = 9e15,
   .advice = "write a whole number", .help = "the same seed gives the same plan"},
  {.name = "--jobs", .arg = "N", .type = CLI_INT, .offset = X(jobs), .min = 1, .max = 256,
   .advice = "write a count such as 4", .help = "processes that share the search; as many as there are processors when not given"},
  {.name = "--no-wall-time", .type = CLI_TRUE, .offset = X(no_wall_time),
   .help = "leave the time taken out, so that two runs print the same bytes"},
  {.name = "--shard", .arg = "K/N", .type = CLI_CALL, .call = read_shard,
   .help = "search the K-th of N parts and write its results for `kvcap merge`"},
  {.name = "--shards", .arg = "N", .type = CLI_INT, .offset = X(n_shards), .min = 1, .max = PLAN_MAX_SHARDS,
   .advice = "write a count such as 16", .help = "with --cluster: parts to share the search over"},
  {.name = "--cluster", .arg = "slurm|kubernetes", .type = CLI_CHOICE, .offset = X(cluster), .choices = clusters,
   .help = "print the job that searches the parts: a Slurm array or a Kubernetes indexed Job"},
  SIZE_GROUP("Server"),
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */

bool plan_is_aside(const char *word, int *values)
{
  static const char *const names[] = {"--shard",        "--shards", "--cluster",
                                      "--no-wall-time", "--jobs",   "--output",
                                      "--format",       "--color"};
  const size_t len = strcspn(word, "=");
  bool negated;
  *values = 0;
  if (word[0] != '-' || word[1] == '\0') return false;
  const struct cli_option *row = cli_option_find(plan_options, word, len, &negated);
  if (row == NULL) return false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(row->name, names[i]) == 0) {
      *values = row->type != CLI_TRUE && word[len] != '=' ? 1 : 0;
      return true;
    }
  return false;
}
