/* cmd_size.c - kvcap size: one deployment, end to end.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "size.h"
#include <string.h>
#include <sys/stat.h>

/* Overlays must be known before the first foreign flag asks the catalogue. */
static void find_overlays(int argc, char *const *argv, struct cli_common *common)
{
  static const char name[] = "--profiles";
  const size_t len = sizeof name - 1;
  for (int i = 0; i < argc && common->n_profiles < CLI_MAX_DIRS; i++) {
    if (strncmp(argv[i], name, len) != 0) continue;
    if (argv[i][len] == '=')
      common->profiles[common->n_profiles++] = argv[i] + len + 1;
    else if (argv[i][len] == '\0' && i + 1 < argc)
      common->profiles[common->n_profiles++] = argv[i + 1];
  }
}

/* Words that only start a server: "vllm serve", "python -m vllm.entrypoints...". */
static bool is_launcher(const char *word)
{
  static const char *const words[] = {"vllm", "serve", "python", "python3", "exec"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(word, words[i]) == 0) return true;
  return kvc_str_istarts(word, "vllm.entrypoints.");
}

static kvc_code take_words(struct size_args *args, struct kvc_err *err)
{
  for (size_t i = 0; i < args->common.n_words; i++) {
    const char *word = args->common.words[i];
    bool known;
    if (is_launcher(word)) continue;
    KVC_TRY(size_environment(args, word, &known, err));
    if (known) continue;
    if (args->model != NULL && strcmp(args->model, word) == 0) continue;
    if (args->model != NULL)
      return kvc_fail(
          err, KVC_E_USAGE, NULL,
          "\"%.60s\" is one argument too many: the model is already \"%.80s\"", word,
          args->model);
    if (word[0] == '\0' || !kvc_utf8_valid(word, strlen(word)))
      return kvc_fail(err, KVC_E_PARSE, "--model", "the name is not readable text");
    args->model = word;
  }
  return KVC_E_OK;
}

/* A model given as a folder, as vLLM takes it, brings its own config.json. */
static void find_local_config(struct size_args *args)
{
  struct stat st;
  if (args->model == NULL || args->req.model_config_path != NULL) return;
  if (strchr(args->model, '/') == NULL) return;
  const char *path = kvc_arena_printf(&args->cli->arena, "%s/config.json", args->model);
  if (path == NULL || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return;
  args->req.model_config_path = path;
  size_note(args, "note", "the model is a folder here; its config.json was read");
}

static kvc_code read_config(struct size_args *args, struct kvc_err *err)
{
  enum { MAX_CONFIG_BYTES = 8 << 20 };
  if (args->req.model_config_path == NULL) return KVC_E_OK;
  char *text;
  KVC_TRY(kvc_file_read_into(&args->cli->arena, args->req.model_config_path,
                             MAX_CONFIG_BYTES, &text, &args->req.model_config_len, err));
  args->req.model_config_text = text;
  if (strcmp(args->req.model_config_path, "-") == 0)
    args->req.model_config_path = "standard input";
  return KVC_E_OK;
}

static kvc_code require_subject(struct size_args *args, struct kvc_err *err)
{
  if (args->gpu == NULL && args->req.gpu_memory_bytes > 0) args->gpu = "custom";
  const bool model = args->model != NULL || args->req.model_config_path != NULL;
  if (args->searched && model) return KVC_E_OK;
  if (!model && args->gpu == NULL)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--model and --gpu are missing; for example: kvcap size "
                    "meta-llama/Llama-3.1-8B-Instruct --gpu A100-80G");
  if (!model)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--model is missing; for example: kvcap size "
                    "meta-llama/Llama-3.1-8B-Instruct --gpu %.40s",
                    args->gpu);
  if (args->gpu == NULL)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--gpu is missing; for example --gpu H100, or --gpu custom "
                    "--gpu-memory 79GiB");
  if (kvc_str_ieq(args->gpu, "custom") && !(args->req.gpu_memory_bytes > 0))
    return kvc_fail(err, KVC_E_USAGE, "--gpu",
                    "custom needs --gpu-memory beside it, such as --gpu-memory 79GiB");
  return KVC_E_OK;
}

static void drop_auto(const char **value)
{
  if (*value != NULL && strcmp(*value, "auto") == 0) *value = NULL;
}

/* From what was read to what is asked. */
static kvc_code settle(struct size_args *args, struct kvc_err *err)
{
  struct kvc_size_request *req = &args->req;
  struct kvc_deploy *d = &req->deploy;
  KVC_TRY(require_subject(args, err));
  KVC_TRY(size_read_calibration(args, err));
  KVC_TRY(size_speculative_finish(args, err));
  const struct kvc_workload *load = &req->load;
  if ((load->prompt_tok > 0) != (load->output_tok > 0))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "--prompt-tokens and --output-tokens go together; %s is missing",
                    load->prompt_tok > 0 ? "--output-tokens" : "--prompt-tokens");
  req->gpu_name = args->gpu;
  req->model_name = args->model;
  if (args->engine != NULL)
    d->engine = strcmp(args->engine, "V0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  if (args->context != NULL)
    d->context = strcmp(args->context, "llm") == 0 ? KVC_CTX_LLM : KVC_CTX_SERVER;
  if (args->language_model_only) d->mm_items = 0;
  drop_auto(&d->dtype);
  drop_auto(&d->kv_cache_dtype);
  drop_auto(&d->lora_dtype);
  drop_auto(&d->mamba_ssm_cache_dtype);
  KVC_TRY(size_catalogue(args, err));
  d->version = *kvc_engine_newest(args->catalogue);
  if (args->version != NULL) {
    KVC_TRY(kvc_version_parse(args->version, "--vllm-version", &d->version, err));
    d->version_given = true;
  }
  struct kvc_resolved release;
  KVC_TRY(kvc_engine_resolve(args->catalogue, &d->version, &release, err));
  return size_check_choices(args, &release, err);
}

kvc_code size_read(struct size_args *args, int argc, char *const *argv,
                   struct kvc_err *err)
{
  static const struct cli_parser parser = {size_options, size_foreign_take, size_seen};
  kvc_size_request_init(&args->req);
  find_overlays(argc, argv, &args->overlays);
  KVC_TRY(cli_parse(&parser, argc, argv, args, err));
  if (args->common.help) return KVC_E_OK;
  KVC_TRY(take_words(args, err));
  find_local_config(args);
  KVC_TRY(settle(args, err));
  return read_config(args, err);
}

void size_begin(struct cli *cli, const struct cli_parser *parser, int argc,
                char *const *argv, struct size_args *args)
{
  args->cli = cli;
  args->options = parser->options;
  kvc_size_request_init(&args->req);
  find_overlays(argc, argv, &args->overlays);
}

kvc_code size_parse(struct cli *cli, const struct cli_parser *parser, int argc,
                    char *const *argv, struct size_args *args, struct kvc_err *err)
{
  size_begin(cli, parser, argc, argv, args);
  return cli_parse(parser, argc, argv, args, err);
}

kvc_code size_settle(struct size_args *args, struct kvc_err *err)
{
  KVC_TRY(take_words(args, err));
  find_local_config(args);
  KVC_TRY(settle(args, err));
  return read_config(args, err);
}

kvc_code cli_cmd_size(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {size_options, size_foreign_take, size_seen};
  struct size_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct kvc_size *size = kvc_arena_alloc(&cli->arena, 1, sizeof *size);
  if (args == NULL || size == NULL) return kvc_arena_full(&cli->arena, NULL, err);
  KVC_TRY(size_parse(cli, &parser, argc, argv, args, err));
  if (args->common.help) {
    cli_help_command(cli_command_find("size"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(size_read_log(args, err));
  KVC_TRY(size_settle(args, err));
  KVC_TRY(kvc_size_run(&cli->arena, args->db, &args->req, size, err));
  size_flag_notes(args, size);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_size(&doc, &args->req, size, err));
  KVC_TRY(size_compare(args, size, &doc, err));
  KVC_TRY(cli_emit(cli, &args->common, &doc, err));
  if (!size->memory.fits) cli->status = kvc_err_status(KVC_E_INFEASIBLE);
  return KVC_E_OK;
}
