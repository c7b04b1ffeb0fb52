/* size.h - the arguments of `kvcap size`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_SIZE_H
#define KVC_CLI_SIZE_H

#include "cli.h"
#include <kvcap/serverlog.h>

enum { SIZE_MAX_SEEN = 128, SIZE_MAX_FOREIGN = 128, SIZE_MAX_NOTES = 16 };

/* A flag of vLLM that kvcap has no row for. */
struct size_foreign {
  const char *spelling;
  const struct kvc_flag *flag;
  char *const *words; /* as given: the flag and its values; NULL for a variable */
  int n_words;
  const char *variable; /* "VLLM_X=1" as given, or NULL */
};

struct size_args {
  struct cli_common common; /* first: cli_parse counts on it */
  const char *limit_mm;     /* --limit-mm-per-prompt as given, NULL */
  const char *compare_log, *save_calibration, *calibration; /* files, NULL */
  const struct kvc_log_start *start;                        /* of --compare-log, NULL */
  struct kvc_size_request req;
  const char *model, *gpu, *version, *engine, *context;
  bool language_model_only;
  double swap_space_gib;
  const char *seen[SIZE_MAX_SEEN]; /* spellings of the options that were given */
  size_t n_seen;
  struct size_foreign foreign[SIZE_MAX_FOREIGN];
  size_t n_foreign;
  struct kvc_note notes[SIZE_MAX_NOTES]; /* about how the options were read */
  size_t n_notes;
  const struct cli_option *options; /* rows of the command, for suggestions */
  bool searched; /* the GPU is what is asked for: none needs to be named */
  struct cli *cli;
  struct cli_common overlays; /* --profiles, read ahead: the catalogue may be theirs */
  struct kvc_db *db;          /* opened when first needed */
  struct kvc_engine *catalogue;
};

extern const struct cli_option size_options[];

/* For the rows of size_rows.def. */
extern const char *const size_engines[], *const size_contexts[],
                                             *const size_mamba_modes[];
cli_call size_max_model_len, size_kv_bytes;
#define SIZE_A(member) offsetof(struct size_args, member)
#define SIZE_D(member) offsetof(struct size_args, req.deploy.member)
#define SIZE_L(member) offsetof(struct size_args, req.load.member)
#define SIZE_GROUP(text)                                                                 \
  {                                                                                      \
    .name = "", .type = CLI_GROUP, .help = text                                          \
  }

/* cmd_size.c: from words to arguments ('parser' may have further rows) ... */
void size_begin(struct cli *cli, const struct cli_parser *parser, int argc,
                char *const *argv, struct size_args *args);
kvc_code size_parse(struct cli *cli, const struct cli_parser *parser, int argc,
                    char *const *argv, struct size_args *args,
                    struct kvc_err *err) KVC_MUST_USE;
/* ... and from arguments to a request. */
kvc_code size_settle(struct size_args *args, struct kvc_err *err) KVC_MUST_USE;

/* Adds a sentence to the report. */
void size_note(struct size_args *args, const char *level, const char *fmt, ...)
    KVC_PRINTF(3, 4);

/* The database and the flag catalogue, opened once. */
kvc_code size_catalogue(struct size_args *args, struct kvc_err *err) KVC_MUST_USE;

/* cmd_size.c: arguments to a request, as `kvcap size` takes them; args->cli is set, the
 * rest zero. */
kvc_code size_read(struct size_args *args, int argc, char *const *argv,
                   struct kvc_err *err) KVC_MUST_USE;

/* compare_log.c: the log to compare with is read before the options are settled (model
 * and release may come from it) ... */
kvc_code size_read_log(struct size_args *args, struct kvc_err *err) KVC_MUST_USE;
kvc_code size_read_calibration(struct size_args *args, struct kvc_err *err) KVC_MUST_USE;
/* ... and compared with once the document of the plan is there. */
kvc_code size_compare(struct size_args *args, const struct kvc_size *size,
                      struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

/* size_json.c: options whose value is JSON. */
cli_call size_speculative_config, size_limit_mm, size_compilation_config,
    size_speculative_model;
/* One member of such an option, written --speculative-config.method=ngram. */
kvc_code size_dotted(struct size_args *args, const char *option, const char *key,
                     const char *value, struct kvc_err *err) KVC_MUST_USE;
/* Settles method, model and count once everything has been read. */
kvc_code size_speculative_finish(struct size_args *args,
                                 struct kvc_err *err) KVC_MUST_USE;

/* size_flags.c: every other flag of vLLM. */
cli_foreign size_foreign_take;
cli_seen size_seen;
/* VLLM_X=value in front of a pasted command; *known tells whether it was taken. */
kvc_code size_environment(struct size_args *args, const char *word, bool *known,
                          struct kvc_err *err) KVC_MUST_USE;
/* Why a release lacks a flag: "does not exist in vLLM 0.6.3: it came with 0.7.3"; NULL
 * when it has it. */
const char *size_flag_missing(struct size_args *args, const struct kvc_flag *flag,
                              const struct kvc_version *version);
/* Canonical keys of flags that change memory unmodelled; NULL past the end. */
const char *size_unmodelled_at(size_t i);
/* Values that the release does not accept are refused before the run. */
kvc_code size_check_choices(struct size_args *args, const struct kvc_resolved *release,
                            struct kvc_err *err) KVC_MUST_USE;
/* Notes on flags the release lacks, and on those that change nothing here. */
void size_flag_notes(struct size_args *args, struct kvc_size *size);

#endif
