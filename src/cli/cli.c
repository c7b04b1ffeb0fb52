/* cli.c - the frame around every command: dispatch, output, errors, exit status.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { ARENA_CAP_BYTES = 256 << 20 };

static const char *const formats[] = {"text", "json", "yaml", NULL};
static const char *const colours[] = {"auto", "always", "never", NULL};

static kvc_code add_overlay(void *args, const struct cli_option *option,
                            const char *value, struct kvc_err *err)
{
  struct cli_common *common = args;
  if (common->n_profiles == CLI_MAX_DIRS)
    return kvc_fail(err, KVC_E_USAGE, option->name, "is given more than %d times",
                    CLI_MAX_DIRS);
  if (value[0] == '\0')
    return kvc_fail(err, KVC_E_USAGE, option->name, "the value is empty");
  common->profiles[common->n_profiles++] = value;
  return KVC_E_OK;
}

#define C(member) offsetof(struct cli_common, member)
/* clang-format off */
const struct cli_option cli_common_options[] = {
  {.name = "--format", .arg = "text|json|yaml", .type = CLI_CHOICE, .offset = C(format), .choices = formats,
   .help = "how the result is written; text when not given"},
  {.name = "--output", .alias = "-o", .arg = "FILE", .type = CLI_TEXT, .offset = C(output), .complete = "file",
   .help = "write there instead of standard output; whole or not at all"},
  {.name = "--color", .arg = "auto|always|never", .type = CLI_CHOICE, .offset = C(color), .choices = colours,
   .help = "colour text; auto is on a terminal, without NO_COLOR and TERM=dumb"},
  {.name = "--profiles", .arg = "DIR", .type = CLI_CALL, .call = add_overlay, .complete = "dir",
   .help = "overlay the built-in profiles with this folder; may be repeated"},
  {.name = "--help", .alias = "-h", .type = CLI_TRUE, .offset = C(help), .help = "this help"},
  {.type = CLI_END}};

static const struct cli_status statuses[] = {
    {0, "the answer was given"},
    {1, "check, diagnose: there are findings at or above --fail-on"},
    {2, "the command line is wrong"},
    {3, "an input is malformed, out of range, or names something unknown"},
    {4, "the deployment does not start (the report is still written)"},
    {5, "reading or writing failed, or an input exceeds a limit"},
    {70, "a fault in kvcap itself"}};
/* clang-format on */

const struct cli_status *cli_status_at(size_t i)
{
  return i < sizeof statuses / sizeof statuses[0] ? &statuses[i] : NULL;
}

/* ---- shared by the commands -------------------------------------------------------- */

void cli_suggest(const char *name, const char *const *names, size_t count, char *out,
                 size_t room)
{
  size_t near[3];
  const size_t n = kvc_did_you_mean(name, names, count, near, 3);
  out[0] = '\0';
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    const char *link = i == 0 ? "; did you mean " : i + 1 == n ? " or " : ", ";
    const int more = snprintf(out + used, room - used, "%s%s%s", link, names[near[i]],
                              i + 1 == n ? "?" : "");
    if (more < 0 || (size_t)more >= room - used) return;
    used += (size_t)more;
  }
}

kvc_code cli_open_db(struct cli *cli, const struct cli_common *common, struct kvc_db **db,
                     struct kvc_err *err)
{
  const char *dirs[CLI_MAX_DIRS + 1];
  size_t n = 0;
  if (cli->world.config_dir != NULL) dirs[n++] = cli->world.config_dir;
  for (size_t i = 0; i < common->n_profiles; i++) dirs[n++] = common->profiles[i];
  return kvc_db_open(&cli->arena, dirs, n, db, err);
}

kvc_code cli_open_engine(struct cli *cli, struct kvc_db *db, const char *version,
                         struct kvc_engine **engine, struct kvc_resolved *release,
                         struct kvc_err *err)
{
  (void)cli;
  KVC_TRY(kvc_db_engine(db, "vllm", engine, err));
  struct kvc_version wanted = *kvc_engine_newest(*engine);
  if (version != NULL)
    KVC_TRY(kvc_version_parse(version, "--vllm-version", &wanted, err));
  return kvc_engine_resolve(*engine, &wanted, release, err);
}

static bool wants_colour(const struct cli *cli, const struct cli_common *common)
{
  const char *choice = common->color != NULL ? common->color : "auto";
  if (strcmp(choice, "always") == 0) return true;
  if (strcmp(choice, "never") == 0 || common->output != NULL) return false;
  return cli->world.out_is_tty && !cli->world.no_color;
}

kvc_code cli_save(const char *path, struct kvc_buf *text, const char *too_much,
                  struct kvc_err *err)
{
  const kvc_code rc = text->full ? kvc_fail(err, KVC_E_LIMIT, path, "%s", too_much)
                                 : kvc_file_write(path, text->text, text->len, err);
  kvc_buf_clear(text);
  return rc;
}

kvc_code cli_emit(struct cli *cli, const struct cli_common *common,
                  const struct kvc_doc *doc, struct kvc_err *err)
{
  const char *format = common->format != NULL ? common->format : "text";
  const struct kvc_sink *sink = kvc_sink_find(format);
  if (sink == NULL)
    return kvc_fail(err, KVC_E_INTERNAL, "--format", "%s has no sink", format);
  const struct kvc_style style = {.columns = 80,
                                  .utf8 = cli->world.locale_is_utf8,
                                  .colour = wants_colour(cli, common)};
  sink->write(doc, &style, &cli->out);
  cli->output = common->output;
  return KVC_E_OK;
}

double cli_now_s(void)
{
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the frame -----------------------------------------------------------------------
 */

static kvc_code unknown_command(const char *name, struct kvc_err *err)
{
  const char *names[32];
  size_t n = 0;
  for (const struct cli_command *c; n < 32 && (c = cli_command_at(n)) != NULL; n++)
    names[n] = c->name;
  char hint[120];
  cli_suggest(name, names, n, hint, sizeof hint);
  return kvc_fail(err, KVC_E_USAGE, NULL, "\"%.60s\" is not a command%s%s", name, hint,
                  hint[0] == '\0' ? "; `kvcap help` lists them" : "");
}

static kvc_code dispatch(struct cli *cli, int argc, char *const *argv,
                         struct kvc_err *err)
{
  if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    cli_help_program(&cli->out);
    return KVC_E_OK;
  }
  if (argc > CLI_MAX_ARGS)
    return kvc_fail(err, KVC_E_USAGE, NULL, "more than %d arguments", CLI_MAX_ARGS);
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
  const struct cli_command *command = cli_command_find(name);
  if (command == NULL) return unknown_command(name, err);
  return command->run(cli, argc - 2, argv + 2, err);
}

static kvc_code write_stream(FILE *stream, const struct kvc_buf *text, const char *where,
                             struct kvc_err *err)
{
  errno = 0;
  const size_t done = text->len > 0 ? fwrite(text->text, 1, text->len, stream) : 0;
  if (done != text->len || fflush(stream) != 0)
    return kvc_fail(err, KVC_E_IO, where, "cannot be written: %s", strerror(errno));
  return KVC_E_OK;
}

/* A device or pipe is written in place: it must not be replaced by a file. */
static kvc_code write_device(const char *path, const struct kvc_buf *text,
                             struct kvc_err *err)
{
  FILE *stream = fopen(path, "wb");
  if (stream == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s", strerror(errno));
  const kvc_code rc = write_stream(stream, text, path, err);
  if (fclose(stream) != 0 && rc == KVC_E_OK)
    return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s", strerror(errno));
  return rc;
}

static kvc_code write_result(struct cli *cli, struct kvc_err *err)
{
  struct stat st;
  if (cli->out.full)
    return kvc_fail(err, KVC_E_LIMIT, "the result", "is larger than %d bytes",
                    CLI_MAX_OUT);
  const char *path = cli->output;
  if (path == NULL || strcmp(path, "-") == 0)
    return write_stream(cli->world.out, &cli->out, "standard output", err);
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    return write_device(path, &cli->out, err);
  return kvc_file_write(path, cli->out.text != NULL ? cli->out.text : "", cli->out.len,
                        err);
}

/* One line: kvcap: where:line:col: sentence. */
static void print_error(const struct cli_world *world, const struct kvc_err *err)
{
  struct kvc_buf line;
  kvc_buf_init(&line, 4096);
  kvc_buf_puts(&line, "kvcap: ");
  if (err->where[0] != '\0') {
    kvc_escape_terminal(&line, err->where, world->locale_is_utf8);
    if (err->line > 0) kvc_buf_printf(&line, ":%d", err->line);
    if (err->line > 0 && err->col > 0) kvc_buf_printf(&line, ":%d", err->col);
    kvc_buf_puts(&line, ": ");
  }
  kvc_escape_terminal(&line, err->msg, world->locale_is_utf8);
  kvc_buf_puts(&line, "\n");
  if (line.text != NULL) (void)fputs(line.text, world->err);
  kvc_buf_clear(&line);
}

int cli_run(const struct cli_world *world, int argc, char *const *argv)
{
  struct cli cli = {.world = *world};
  struct kvc_err err = {0};
  kvc_arena_init(&cli.arena, ARENA_CAP_BYTES);
  kvc_buf_init(&cli.out, CLI_MAX_OUT);
  kvc_code rc = dispatch(&cli, argc, argv, &err);
  if (rc == KVC_E_OK) rc = write_result(&cli, &err);
  if (rc != KVC_E_OK) print_error(world, &err);
  const int status = rc != KVC_E_OK ? kvc_err_status(rc) : cli.status;
  kvc_buf_clear(&cli.out);
  kvc_arena_clear(&cli.arena);
  return status;
}
