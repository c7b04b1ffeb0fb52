/* cmd_flags.c - kvcap explain, kvcap flags: what words mean, all flags of a release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include <kvcap/explain.h>
#include <string.h>

struct flags_args {
  struct cli_common common;
  const char *version, *engine, *context, *gpu;
  bool list; /* explain */
};

static const char *const engines[] = {"V0", "V1", NULL};
static const char *const contexts[] = {"server", "llm", NULL};

#define F(member) offsetof(struct flags_args, member)
/* clang-format off */
const struct cli_option explain_options[] = {
  {.name = "--list", .type = CLI_TRUE, .offset = F(list),
   .help = "every word that can be explained, one a line"},
  {.type = CLI_END}};

const struct cli_option flags_options[] = {
  {.name = "--vllm-version", .arg = "X.Y.Z", .type = CLI_TEXT, .offset = F(version),
   .help = "release of vLLM; the newest verified one when not given"},
  {.name = "--engine", .arg = "V0|V1", .type = CLI_CHOICE, .offset = F(engine), .choices = engines,
   .help = "engine generation that the defaults are for"},
  {.name = "--context", .arg = "server|llm", .type = CLI_CHOICE, .offset = F(context), .choices = contexts,
   .help = "vllm serve, or the LLM class of offline use"},
  {.name = "--gpu", .arg = "NAME", .type = CLI_TEXT, .offset = F(gpu), .complete = "gpus",
   .help = "GPU that the defaults are for: some depend on its memory"},
  {.type = CLI_END}};
/* clang-format on */

/* One sentence, with the nearest words of all kinds. */
static kvc_code unknown_word(struct cli *cli, const struct kvc_book *book,
                             const char *word, struct kvc_err *err)
{
  const char *const *keys;
  size_t n;
  char key[80], hint[200];
  KVC_TRY(kvc_book_list(book, &cli->arena, KVC_BOOK_KEYS, &keys, &n, err));
  const char *start = word + strspn(word, "-");
  if (strncmp(start, "vllm:", 5) == 0) start += 5;
  (void)snprintf(key, sizeof key, "%s", start);
  const bool words = strchr(key, ' ') != NULL;
  for (char *p = key; *p != '\0' && !words; p++)
    if (*p == '-') *p = '_';
  cli_suggest(key, keys, n, hint, sizeof hint);
  return kvc_fail(err, KVC_E_UNKNOWN, word,
                  "no vLLM flag, metric, rule or term of that name is known%s", hint);
}

/* Everything with a dash is the flag itself, not an option. */
static kvc_code take_flag(void *ptr, int n_words, char *const *words, int *used,
                          struct kvc_err *err)
{
  struct flags_args *args = ptr;
  (void)n_words;
  if (args->common.n_words == CLI_MAX_WORDS)
    return kvc_fail(err, KVC_E_USAGE, NULL, "too many flags");
  args->common.words[args->common.n_words++] = words[0];
  *used = 1;
  return KVC_E_OK;
}

/* A name a line, for shells, which split words at blanks and trip over quotes: blanks
 * become dashes, which mean the same, and quotes are left out. */
static kvc_code list_words(struct kvc_doc *doc, const struct kvc_book *book,
                           struct kvc_err *err)
{
  const char *const *words;
  size_t n;
  KVC_TRY(kvc_book_list(book, doc->arena, KVC_BOOK_SPELLINGS, &words, &n, err));
  struct kvc_node *list = kvc_node_add(doc, doc->root, "words", KVC_NODE_LIST);
  for (size_t i = 0; i < n; i++) {
    char *word = kvc_arena_strdup(doc->arena, words[i]);
    if (word == NULL) return kvc_arena_full(doc->arena, "the list", err);
    char *end = word;
    for (const char *p = words[i]; *p != '\0'; p++)
      if (*p != '\'') *end++ = *p == ' ' ? '-' : *p;
    *end = '\0';
    kvc_node_text(doc, list, NULL, word);
    (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL, word, NULL);
  }
  return doc->full ? kvc_arena_full(doc->arena, "the list", err) : KVC_E_OK;
}

kvc_code cli_cmd_explain(struct cli *cli, int argc, char *const *argv,
                         struct kvc_err *err)
{
  static const struct cli_parser parser = {explain_options, take_flag, NULL};
  struct flags_args args = {0};
  KVC_TRY(cli_parse(&parser, argc, argv, &args, err));
  if (args.common.help) {
    cli_help_command(cli_command_find("explain"), &cli->out);
    return KVC_E_OK;
  }
  if (args.common.n_words != 1 && !args.list)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "explain takes one flag, rule, metric or term; for example: kvcap "
                    "explain --max-num-seqs, or kvcap explain \"KV pool\"");
  struct kvc_db *db;
  struct kvc_book book;
  struct kvc_meaning meaning;
  KVC_TRY(cli_open_db(cli, &args.common, &db, err));
  KVC_TRY(kvc_book_open(db, &book, err));
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  if (args.list)
    KVC_TRY(list_words(&doc, &book, err));
  else if (kvc_book_find(&book, args.common.words[0], &meaning))
    KVC_TRY(kvc_doc_meaning(&doc, &book, &meaning, err));
  else
    return unknown_word(cli, &book, args.common.words[0], err);
  return cli_emit(cli, &args.common, &doc, err);
}

kvc_code cli_cmd_flags(struct cli *cli, int argc, char *const *argv, struct kvc_err *err)
{
  static const struct cli_parser parser = {.options = flags_options};
  struct flags_args args = {0};
  KVC_TRY(cli_parse(&parser, argc, argv, &args, err));
  if (args.common.help) {
    cli_help_command(cli_command_find("flags"), &cli->out);
    return KVC_E_OK;
  }
  if (args.common.n_words > 0)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "flags takes no argument; `kvcap explain %.40s` shows one flag",
                    args.common.words[0]);
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_resolved release;
  KVC_TRY(cli_open_db(cli, &args.common, &db, err));
  KVC_TRY(cli_open_engine(cli, db, args.version, &engine, &release, err));
  struct kvc_default_query query = {.engine = KVC_ENGINE_V1, .vendor = KVC_VENDOR_NVIDIA};
  if (kvc_engine_generation(engine, &release.version, KVC_ENGINE_V1) == NULL)
    query.engine = KVC_ENGINE_V0;
  if (args.engine != NULL)
    query.engine = strcmp(args.engine, "V0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  query.context = args.context != NULL && strcmp(args.context, "llm") == 0
                      ? KVC_CTX_LLM
                      : KVC_CTX_SERVER;
  if (args.gpu != NULL) {
    struct kvc_gpu *gpu = kvc_arena_alloc(&cli->arena, 1, sizeof *gpu);
    struct kvc_match match;
    if (gpu == NULL) return kvc_arena_full(&cli->arena, "--gpu", err);
    KVC_TRY(kvc_db_gpu(db, args.gpu, gpu, &match, err));
    query.gpu_name = gpu->name;
    query.vendor = gpu->vendor;
    query.gpu_memory_bytes = kvc_default_tier_bytes(gpu, 0);
  }
  struct kvc_doc doc;
  kvc_doc_init(&doc, &cli->arena);
  KVC_TRY(kvc_doc_flags(&doc, engine, &release, &query, err));
  return cli_emit(cli, &args.common, &doc, err);
}
