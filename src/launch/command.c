/* command.c - a launch of vLLM among the words of a simple command.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "launch_room.h"
#include <ctype.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_one_of(const char *word, const char *const *list)
{
  for (; *list != NULL; list++)
    if (strcmp(word, *list) == 0) return true;
  return false;
}

bool env_of_word(struct reading *r, const struct word *word, struct kvc_launch_env *out)
{
  const size_t len = strcspn(word->text, "=");
  if (len == 0 || word->text[len] != '=' || isdigit((unsigned char)word->text[0]))
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)word->text[i]) && word->text[i] != '_') return false;
  const char *name = kvc_arena_strndup(r->arena, word->text, len);
  if (name == NULL) return false;
  *out = (struct kvc_launch_env){.name = name,
                                 .value = word->text + len + 1,
                                 .unresolved = word->variable,
                                 .flag = kvc_engine_flag_spelled(r->engine, name)};
  out->name_at = (struct kvc_span){word->at[0], len};
  out->whole_at = (struct kvc_span){word->from, word->to - word->from};
  place_of(r->source, word->from, &out->line, &out->col);
  return true;
}

void env_add(struct exported *env, const struct kvc_launch_env *one)
{
  for (size_t i = 0; i < env->n; i++)
    if (strcmp(env->env[i].name, one->name) == 0) {
      env->env[i] = *one;
      return;
    }
  if (env->n < KVC_LAUNCH_MAX_ENV) env->env[env->n++] = *one;
}

/* ---- docker run ----------------------------------------------------------------------
 */

/* Options of docker run whose value is the next word. */
static const char *const docker_valued[] = {"-v",
                                            "--volume",
                                            "-e",
                                            "--env",
                                            "--name",
                                            "-p",
                                            "--publish",
                                            "--mount",
                                            "--entrypoint",
                                            "--network",
                                            "--net",
                                            "--gpus",
                                            "--shm-size",
                                            "--ipc",
                                            "-w",
                                            "--workdir",
                                            "-u",
                                            "--user",
                                            "--env-file",
                                            "--runtime",
                                            "--device",
                                            "--ulimit",
                                            "--hostname",
                                            "-h",
                                            "-l",
                                            "--label",
                                            "--restart",
                                            "-m",
                                            "--memory",
                                            "--cpus",
                                            "--cpuset-cpus",
                                            "--cpuset-mems",
                                            "--add-host",
                                            "--group-add",
                                            "--cap-add",
                                            "--cap-drop",
                                            "--security-opt",
                                            "--pid",
                                            "--platform",
                                            "--pull",
                                            "--log-driver",
                                            "--log-opt",
                                            "--tmpfs",
                                            "--expose",
                                            "--dns",
                                            "--uts",
                                            "--userns",
                                            "--cgroupns",
                                            "--health-cmd",
                                            "--health-interval",
                                            "--stop-timeout",
                                            "-a",
                                            "--attach",
                                            "--annotation",
                                            "--memory-swap",
                                            "--shm",
                                            NULL};

/* Where the command of `docker run ... IMAGE command` starts, 0 = no docker run. */
static size_t docker_command(struct reading *r, const struct words *w, size_t from,
                             struct exported *env, const char **image,
                             const char **entrypoint)
{
  size_t i = from;
  while (i < w->n && strcmp(w->at[i].text, "run") != 0) i++;
  for (i++; i < w->n; i++) {
    const struct word *word = &w->at[i];
    if (word->only_variable) continue;
    if (word->text[0] != '-') {
      *image = word->text;
      return i + 1;
    }
    const char *value = strchr(word->text, '=');
    const bool next =
        value == NULL && is_one_of(word->text, docker_valued) && i + 1 < w->n;
    if (strcmp(word->text, "-e") == 0 || strcmp(word->text, "--env") == 0) {
      struct kvc_launch_env one;
      if (next && env_of_word(r, &w->at[i + 1], &one)) {
        one.whole_at.at = i > 0 ? w->at[i - 1].to : word->from;
        one.whole_at.len = w->at[i + 1].to - one.whole_at.at;
        env_add(env, &one);
      }
    }
    if (kvc_str_istarts(word->text, "--entrypoint"))
      *entrypoint = value != NULL ? value + 1 : next ? w->at[i + 1].text : NULL;
    if (next) i++;
  }
  return 0;
}

/* ---- where vLLM starts ----------------------------------------------------------------
 */

static bool is_vllm(const char *word)
{
  return strcmp(word, "vllm") == 0 || ends_with(word, "/vllm");
}

static bool is_api_server(const char *word)
{
  return kvc_str_istarts(word, "vllm.entrypoints.") ||
         ends_with(word, "entrypoints/openai/api_server.py") ||
         ends_with(word, "entrypoints/api_server.py");
}

static bool is_shell(const char *word)
{
  static const char *const names[] = {"sh", "bash", "dash", "zsh", NULL};
  const char *slash = strrchr(word, '/');
  return is_one_of(slash != NULL ? slash + 1 : word, names);
}

/* The text after sh -c, NULL. */
static const struct word *shell_text(const struct words *w, size_t from)
{
  for (size_t i = from; i + 2 < w->n; i++) {
    if (!is_shell(w->at[i].text)) continue;
    for (size_t k = i + 1; k + 1 < w->n; k++) {
      const char *option = w->at[k].text;
      if (option[0] != '-') break;
      if (option[1] != '-' && strchr(option, 'c') != NULL) return &w->at[k + 1];
    }
  }
  return NULL;
}

static void copy_env(struct reading *r, const struct exported *env)
{
  for (size_t i = 0; i < env->n && r->out->n_env < KVC_LAUNCH_MAX_ENV; i++)
    r->out->env[r->out->n_env++] = env->env[i];
}

static kvc_code take(struct reading *r, const struct words *w, size_t from,
                     const char *program, bool serve, const struct exported *env,
                     const char *image)
{
  const size_t place = from > 0 ? w->at[from - 1].from : w->n > 0 ? w->at[0].from : 0;
  if (!launch_wanted(r, place, program)) return KVC_E_OK;
  if (w->full)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where,
                    "a command has more than %d words", MAX_WORDS);
  copy_env(r, env);
  launch_version_of_image(r, image);
  return args_take(r, w, from, serve);
}

/* NAME=value words in front of a command. */
static void prefix_env(struct reading *r, const struct words *w, size_t end,
                       struct exported *env)
{
  for (size_t i = 0; i < end; i++) {
    struct kvc_launch_env one;
    if (!env_of_word(r, &w->at[i], &one)) continue;
    if (i + 1 < w->n) one.whole_at.len = w->at[i + 1].from - one.whole_at.at;
    env_add(env, &one);
  }
}

static bool is_only_talk(const char *word)
{
  static const char *const talk[] = {"echo",  "printf", "pkill", "grep", "pgrep", "kill",
                                     "alias", "which",  "pip",   "cat",  NULL};
  return is_one_of(word, talk);
}

static bool image_is_vllm(const char *image)
{
  return image != NULL && kvc_str_ifind(image, "vllm") != NULL;
}

/* The command itself, wherever it stands: srun, uv run, timeout ... may come first. */
static kvc_code take_plain(struct reading *r, const struct words *w, size_t from,
                           struct exported *env, const char *image, bool *found)
{
  *found = true;
  for (size_t i = from; i < w->n; i++) {
    const char *word = w->at[i].text;
    if (is_vllm(word) && i + 1 < w->n && strcmp(w->at[i + 1].text, "serve") == 0) {
      prefix_env(r, w, i, env);
      return take(r, w, i + 2, "vllm serve", true, env, image);
    }
    if (is_api_server(word)) {
      const char *program = kvc_arena_printf(r->arena, "python -m %s", word);
      prefix_env(r, w, i, env);
      return take(r, w, i + 1, strchr(word, '/') != NULL ? word : program, false, env,
                  image);
    }
  }
  *found = false;
  return KVC_E_OK;
}

kvc_code command_take(struct reading *r, const struct words *w,
                      const struct exported *outer, const char *image, int depth)
{
  static const char *const engines[] = {"docker", "podman", "nerdctl", NULL};
  struct exported *env = kvc_arena_alloc(r->arena, 1, sizeof *env);
  const char *entrypoint = NULL;
  size_t from = 0;
  if (env == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  if (w->n > 0 && is_only_talk(w->at[0].text)) return KVC_E_OK;
  *env = *outer;
  for (size_t i = 0; i < w->n && from == 0; i++)
    if (is_one_of(w->at[i].text, engines))
      from = docker_command(r, w, i + 1, env, &image, &entrypoint);
  const struct word *inner = shell_text(w, from);
  if (inner == NULL && entrypoint != NULL && is_shell(entrypoint) && from + 1 < w->n &&
      strcmp(w->at[from].text, "-c") == 0)
    inner = &w->at[from + 1];
  if (inner != NULL && depth < MAX_SHELL_DEPTH) {
    const size_t seen = r->seen;
    const bool had = r->taken;
    const struct piece piece = {inner->text, inner->len, inner->at};
    KVC_TRY(shell_read(r, piece, image, depth + 1));
    if (r->taken && !had) copy_env(r, env);
    if (r->seen > seen) return KVC_E_OK;
  }
  bool found;
  KVC_TRY(take_plain(r, w, from, env, image, &found));
  if (found || from == 0 || !image_is_vllm(image)) return KVC_E_OK;
  if (entrypoint != NULL) {
    if (!is_vllm(entrypoint) || from >= w->n || strcmp(w->at[from].text, "serve") != 0)
      return KVC_E_OK;
    from++;
  }
  return take(r, w, from, "vllm serve", true, env, image);
}
