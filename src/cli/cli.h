/* cli.h - inside the program: commands, options and what they share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A command turns its arguments into bytes in cli->out; cli_run writes them, once
 * and whole, to standard output or --output.  Commands print nothing themselves.
 * An option is a row of a table: parsing, range check, help, man page and
 * completion all read that row.
 */
#ifndef KVC_CLI_H
#define KVC_CLI_H

#include <kvcap/arena.h>
#include <kvcap/file.h>
#include <kvcap/report.h>
#include <kvcap/size.h>
#include <stdio.h>

#ifndef KVC_VERSION
#define KVC_VERSION "0.0.0"
#endif

enum {
  CLI_MAX_ARGS = 4096,
  CLI_MAX_DIRS = 16,
  CLI_MAX_WORDS = 64,
  CLI_MAX_OUT = 64 << 20
};

/* ---- the world outside ---------------------------------------------------------- */

struct cli_world {
  FILE *out, *err;
  bool out_is_tty, err_is_tty, locale_is_utf8;
  bool no_color;          /* NO_COLOR set or TERM=dumb */
  const char *config_dir; /* $XDG_CONFIG_HOME/kvcap when it is there, else NULL */
};

/* ---- options --------------------------------------------------------------------- */

enum cli_type {
  CLI_END,
  CLI_GROUP,    /* a heading: 'help' */
  CLI_TRUE,     /* bool set by its presence */
  CLI_TRISTATE, /* int -1/0/1, --no-name for 0 */
  CLI_INT,      /* int */
  CLI_INT64,    /* int64_t */
  CLI_NUM,      /* double */
  CLI_TOKENS,   /* int64_t; 8192, 8k, 8K */
  CLI_LENGTH,   /* double; the same spelling, fractions allowed */
  CLI_BYTES,    /* double; a unit is needed */
  CLI_GIB,      /* double in GiB; a bare number or a size */
  CLI_TEXT,     /* const char * */
  CLI_CHOICE,   /* const char *, one of 'choices' */
  CLI_CALL      /* 'call' reads it */
};

struct cli_option;
/* Everything a command's options are read into starts with this. */
struct cli_common {
  const char *format, *output, *color;
  const char *profiles[CLI_MAX_DIRS];
  size_t n_profiles;
  const char *words[CLI_MAX_WORDS]; /* positional arguments */
  size_t n_words;
  bool help;
};

typedef kvc_code cli_call(void *args, const struct cli_option *option, const char *value,
                          struct kvc_err *err);

struct cli_option {
  const char *name;  /* "--max-model-len" */
  const char *alias; /* further spellings, separated by spaces; NULL */
  const char *arg;   /* "TOKENS"; NULL without a value */
  enum cli_type type;
  size_t offset;
  double min, max;
  const char *const *choices;
  cli_call *call;
  const char *advice; /* "write a fraction such as 0.9": ends a range message */
  const char *help;
  const char *complete; /* list that a shell asks kvcap for: "gpus", "models"; "file" */
};

/* An option that no row knows.  'words' are the arguments from the unknown one on;
 * returns in *used how many it consumed, 0 = unknown here too. */
typedef kvc_code cli_foreign(void *args, int n_words, char *const *words, int *used,
                             struct kvc_err *err);

/* Rows shared by every command come first, then the command's own. */
extern const struct cli_option cli_common_options[];

/* Reads argv[0..argc) (without program and command name) into 'args', whose first
 * member is a struct cli_common.  'seen' (may be NULL) is called for each row met. */
typedef void cli_seen(void *args, const struct cli_option *option, const char *spelling);
struct cli_parser {
  const struct cli_option *options;
  cli_foreign *foreign;
  cli_seen *seen;
};
kvc_code cli_parse(const struct cli_parser *parser, int argc, char *const *argv,
                   void *args, struct kvc_err *err) KVC_MUST_USE;

/* Whether 'word' ("--max_model_len", "--no-enable-prefix-caching") names the row;
 * *negated tells the --no- form of a tristate. */
bool cli_option_is(const struct cli_option *option, const char *word, size_t len,
                   bool *negated);
/* The row of the tables that 'word' names, NULL if none. */
const struct cli_option *cli_option_find(const struct cli_option *options,
                                         const char *word, size_t len, bool *negated);

/* Reads one value into args as the row says; NaN and what is outside min..max fail. */
kvc_code cli_option_set(const struct cli_option *option, void *args, const char *value,
                        struct kvc_err *err) KVC_MUST_USE;

/* ---- commands ---------------------------------------------------------------------- */

struct cli;
typedef kvc_code cli_main(struct cli *cli, int argc, char *const *argv,
                          struct kvc_err *err);

struct cli_command {
  const char *name;
  cli_main *run;
  const struct cli_option *options; /* the command's own rows */
  const char *usage;                /* "size MODEL --gpu GPU [OPTION]..." */
  const char *summary;              /* one line */
  const char *const *examples;      /* NULL-terminated */
  const char *const *words; /* what the first positional argument may be, or NULL */
};

struct cli {
  struct cli_world world;
  struct kvc_arena arena;
  struct kvc_buf out;
  const char *output; /* file to write instead of standard output, NULL */
  int status;         /* exit status when the command itself succeeded */
};

/* Commands in the order of commands.def; NULL past the end. */
const struct cli_command *cli_command_at(size_t i);
const struct cli_command *cli_command_find(const char *name);

/* The whole program but for process-wide set-up: returns the exit status. */
int cli_run(const struct cli_world *world, int argc, char *const *argv);

/* ---- shared by the commands -----------------------------------------------------------
 */

/* Opens the database with the user's and the named overlays. */
kvc_code cli_open_db(struct cli *cli, const struct cli_common *common, struct kvc_db **db,
                     struct kvc_err *err) KVC_MUST_USE;
kvc_code cli_open_engine(struct cli *cli, struct kvc_db *db, const char *version,
                         struct kvc_engine **engine, struct kvc_resolved *release,
                         struct kvc_err *err) KVC_MUST_USE;

/* Processes that share work: as many as were asked for, 0 as many as there are
 * processors, and at most 'most'. */
size_t cli_jobs(int asked, size_t most);

/* All bytes through a pipe; false when the other end is gone or has no more. */
bool cli_send(int fd, const void *data, size_t left);
bool cli_take(int fd, void *data, size_t left);

/* Writes a file of the user's and frees the text; 'too_much' is the sentence for a text
 * that met its limit. */
kvc_code cli_save(const char *path, struct kvc_buf *text, const char *too_much,
                  struct kvc_err *err) KVC_MUST_USE;

/* Thresholds and severities of a file (--rules FILE; NULL: none), of rules there are. */
struct kvc_rule_tune;
kvc_code cli_read_rules(struct cli *cli, const char *path, struct kvc_rule_tune **out,
                        size_t *n, struct kvc_err *err) KVC_MUST_USE;

/* Renders a document in the format asked for into cli->out. */
kvc_code cli_emit(struct cli *cli, const struct cli_common *common,
                  const struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

/* "; did you mean A or B?" for a name near some of names[0..count), else "". */
void cli_suggest(const char *name, const char *const *names, size_t count, char *out,
                 size_t room);

/* UNIX time. */
double cli_now_s(void);
/* The bearer token in an environment variable; NULL when none is named. */
kvc_code cli_token(const char *variable, const char **out,
                   struct kvc_err *err) KVC_MUST_USE;

/* help.c, man.c, complete.c: texts made from the tables. */
void cli_help_program(struct kvc_buf *out);
void cli_help_command(const struct cli_command *command, struct kvc_buf *out);
void cli_help_exit_codes(struct kvc_buf *out);
void cli_help_json(struct kvc_buf *out);
void cli_man(struct kvc_buf *out);
kvc_code cli_completion(const char *shell, struct kvc_buf *out,
                        struct kvc_err *err) KVC_MUST_USE;

/* Exit statuses and what they mean, for help and man page; NULL past the end. */
struct cli_status {
  int status;
  const char *text;
};
const struct cli_status *cli_status_at(size_t i);

#endif
