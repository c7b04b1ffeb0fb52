/* complete.c - completion scripts for bash, zsh and fish, from the tables.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli.h"
#include <string.h>

/* ---- walking the tables ------------------------------------------------------------ */

static bool is_row(const struct cli_option *option)
{
  return option->type != CLI_GROUP;
}

/* Words behind 'option' as the shell should offer them: a fixed list. */
static void choices(struct kvc_buf *out, const char *const *words)
{
  for (size_t i = 0; words != NULL && words[i] != NULL; i++)
    kvc_buf_printf(out, "%s%s", i > 0 ? " " : "", words[i]);
}

static bool is_list(const struct cli_option *option)
{
  return option->complete != NULL && strcmp(option->complete, "file") != 0 &&
         strcmp(option->complete, "dir") != 0;
}

static void option_names(struct kvc_buf *out, const struct cli_option *options)
{
  for (; options != NULL && options->type != CLI_END; options++) {
    if (!is_row(options)) continue;
    kvc_buf_printf(out, " %s", options->name);
    if (options->type == CLI_TRISTATE) kvc_buf_printf(out, " --no-%s", options->name + 2);
  }
}

/* ---- bash ---------------------------------------------------------------------------
 */

/* Whether a command before 'index' has an option of this name: one case is enough. */
static bool seen_before(const char *name, size_t index)
{
  const struct cli_command *c;
  for (size_t i = 0; i < index && (c = cli_command_at(i)) != NULL; i++)
    for (const struct cli_option *o = c->options; o != NULL && o->type != CLI_END; o++)
      if (is_row(o) && strcmp(o->name, name) == 0) return true;
  return false;
}

static void bash_values(struct kvc_buf *out, const struct cli_option *options,
                        size_t index)
{
  for (; options != NULL && options->type != CLI_END; options++) {
    if (!is_row(options) || options->arg == NULL) continue;
    if (seen_before(options->name, index)) continue;
    kvc_buf_printf(out, "    %s)", options->name);
    if (options->choices != NULL) {
      kvc_buf_puts(out, " words=\"");
      choices(out, options->choices);
      kvc_buf_puts(out, "\" ;;\n");
    } else if (is_list(options)) {
      kvc_buf_printf(out, " words=$(kvcap profiles list %s 2>/dev/null) ;;\n",
                     options->complete);
    } else if (options->complete != NULL) {
      kvc_buf_printf(out, " COMPREPLY=($(compgen -%c -- \"$cur\")); return ;;\n",
                     strcmp(options->complete, "dir") == 0 ? 'd' : 'f');
    } else {
      kvc_buf_puts(out, " return ;;\n");
    }
  }
}

static void bash(struct kvc_buf *out)
{
  const struct cli_command *c;
  kvc_buf_puts(out, "# bash completion for kvcap; made by `kvcap completion bash`\n"
                    "_kvcap() {\n"
                    "  local cur=${COMP_WORDS[COMP_CWORD]} prev='' words=''\n"
                    "  COMPREPLY=()\n"
                    "  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "  if [[ $prev == = ]] && ((COMP_CWORD > 1)); then\n"
                    "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                    "  elif [[ $cur == = ]]; then\n"
                    "    cur=''\n"
                    "  fi\n"
                    "  if ((COMP_CWORD == 1)); then\n"
                    "    COMPREPLY=($(compgen -W \"--help --version");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    kvc_buf_printf(out, " %s", c->name);
  kvc_buf_puts(out, "\" -- \"$cur\"))\n    return\n  fi\n  case $prev in\n");
  bash_values(out, cli_common_options, 0);
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++)
    bash_values(out, c->options, i);
  kvc_buf_puts(out, "    *)\n      case ${COMP_WORDS[1]} in\n");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    kvc_buf_printf(out, "        %s) words=\"", c->name);
    choices(out, c->words);
    option_names(out, c->options);
    option_names(out, cli_common_options);
    kvc_buf_puts(out, "\" ;;\n");
  }
  kvc_buf_puts(out, "      esac\n"
                    "      if [[ ${COMP_WORDS[1]} == size && $cur != -* ]]; then\n"
                    "        words=$(kvcap profiles list models 2>/dev/null)\n"
                    "      elif [[ ${COMP_WORDS[1]} == explain ]]; then\n"
                    "        words+=\" $(kvcap explain --list 2>/dev/null)\"\n"
                    "      fi ;;\n  esac\n"
                    "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                    "}\n"
                    "complete -F _kvcap kvcap\n");
}

/* ---- zsh ----------------------------------------------------------------------------
 */

/* Inside single quotes, and inside _arguments' brackets. */
static void zsh_text(struct kvc_buf *out, const char *text)
{
  for (; *text != '\0'; text++) {
    if (*text == '\'')
      kvc_buf_puts(out, "'\\''");
    else if (strchr("[]:\\", *text) != NULL)
      kvc_buf_printf(out, "\\%c", *text);
    else
      kvc_buf_add(out, text, 1);
  }
}

static void zsh_option(struct kvc_buf *out, const struct cli_option *option)
{
  kvc_buf_printf(out, " \\\n        '%s[", option->name);
  zsh_text(out, option->help);
  kvc_buf_puts(out, "]");
  if (option->arg != NULL) {
    kvc_buf_puts(out, ":");
    zsh_text(out, option->arg);
    kvc_buf_puts(out, ":");
    if (option->choices != NULL) {
      kvc_buf_puts(out, "(");
      choices(out, option->choices);
      kvc_buf_puts(out, ")");
    } else if (is_list(option)) {
      kvc_buf_printf(out, "_kvcap_%s", option->complete);
    } else if (option->complete != NULL) {
      kvc_buf_puts(out, strcmp(option->complete, "dir") == 0 ? "_files -/" : "_files");
    }
  }
  kvc_buf_puts(out, "'");
  if (option->type == CLI_TRISTATE) {
    kvc_buf_printf(out, " \\\n        '--no-%s[not: ", option->name + 2);
    zsh_text(out, option->help);
    kvc_buf_puts(out, "]'");
  }
}

static void zsh_options(struct kvc_buf *out, const struct cli_option *options)
{
  for (; options != NULL && options->type != CLI_END; options++)
    if (is_row(options)) zsh_option(out, options);
}

static void zsh(struct kvc_buf *out)
{
  const struct cli_command *c;
  kvc_buf_puts(out, "#compdef kvcap\n"
                    "# zsh completion for kvcap; made by `kvcap completion zsh`\n"
                    "_kvcap_gpus() { compadd -- ${(f)\"$(kvcap profiles list gpus "
                    "2>/dev/null)\"} }\n"
                    "_kvcap_models() { compadd -- ${(f)\"$(kvcap profiles list models "
                    "2>/dev/null)\"} }\n"
                    "_kvcap_explain() { compadd -- ${(f)\"$(kvcap explain --list "
                    "2>/dev/null)\"} }\n"
                    "_kvcap() {\n  local -a commands\n  commands=(");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    kvc_buf_printf(out, "\n    '%s:", c->name);
    zsh_text(out, c->summary);
    kvc_buf_puts(out, "'");
  }
  kvc_buf_puts(out, "\n  )\n"
                    "  if (( CURRENT == 2 )); then\n"
                    "    _describe command commands\n    return\n  fi\n"
                    "  shift words\n  (( CURRENT-- ))\n"
                    "  case $words[1] in\n");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    kvc_buf_printf(out, "    %s)\n      _arguments", c->name);
    zsh_options(out, c->options);
    zsh_options(out, cli_common_options);
    if (c->words != NULL) {
      kvc_buf_puts(out, " \\\n        '1:word:(");
      choices(out, c->words);
      kvc_buf_puts(out, ")'");
    }
    if (strcmp(c->name, "size") == 0)
      kvc_buf_puts(out, " \\\n        '1:model:_kvcap_models'");
    if (strcmp(c->name, "explain") == 0)
      kvc_buf_puts(out, " \\\n        '1:word:_kvcap_explain'");
    kvc_buf_puts(out, " \\\n        '*:file:_files' ;;\n");
  }
  kvc_buf_puts(out, "  esac\n}\n"
                    "if [[ $funcstack[1] == _kvcap ]]; then\n  _kvcap \"$@\"\n"
                    "else\n  compdef _kvcap kvcap\nfi\n");
}

/* ---- fish ---------------------------------------------------------------------------
 */

static void fish_text(struct kvc_buf *out, const char *text)
{
  kvc_buf_puts(out, "'");
  for (; *text != '\0'; text++) {
    if (*text == '\'' || *text == '\\') kvc_buf_puts(out, "\\");
    kvc_buf_add(out, text, 1);
  }
  kvc_buf_puts(out, "'");
}

static void fish_options(struct kvc_buf *out, const char *command,
                         const struct cli_option *options)
{
  for (; options != NULL && options->type != CLI_END; options++) {
    if (!is_row(options)) continue;
    kvc_buf_puts(out, "complete -c kvcap");
    if (command != NULL)
      kvc_buf_printf(out, " -n '__fish_seen_subcommand_from %s'", command);
    kvc_buf_printf(out, " -l %s", options->name + 2);
    if (options->arg != NULL) kvc_buf_puts(out, " -r");
    const bool file = options->complete != NULL && !is_list(options);
    if (!file) kvc_buf_puts(out, " -f");
    if (options->choices != NULL) {
      kvc_buf_puts(out, " -a '");
      choices(out, options->choices);
      kvc_buf_puts(out, "'");
    } else if (is_list(options)) {
      kvc_buf_printf(out, " -a '(kvcap profiles list %s 2>/dev/null)'",
                     options->complete);
    }
    kvc_buf_puts(out, " -d ");
    fish_text(out, options->help);
    kvc_buf_puts(out, "\n");
  }
}

static void fish(struct kvc_buf *out)
{
  const struct cli_command *c;
  kvc_buf_puts(out, "# fish completion for kvcap; made by `kvcap completion fish`\n");
  for (size_t i = 0; (c = cli_command_at(i)) != NULL; i++) {
    kvc_buf_printf(out, "complete -c kvcap -n __fish_use_subcommand -f -a %s -d ",
                   c->name);
    fish_text(out, c->summary);
    kvc_buf_puts(out, "\n");
    if (c->words != NULL) {
      kvc_buf_printf(out, "complete -c kvcap -n '__fish_seen_subcommand_from %s' -f -a '",
                     c->name);
      choices(out, c->words);
      kvc_buf_puts(out, "'\n");
    }
    if (strcmp(c->name, "explain") == 0)
      kvc_buf_puts(out, "complete -c kvcap -n '__fish_seen_subcommand_from explain' -f "
                        "-a '(kvcap explain --list 2>/dev/null)'\n");
    fish_options(out, c->name, c->options);
  }
  fish_options(out, NULL, cli_common_options);
}

kvc_code cli_completion(const char *shell, struct kvc_buf *out, struct kvc_err *err)
{
  static const struct {
    const char *name;
    void (*write)(struct kvc_buf *out);
  } rows[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(rows[i].name, shell) == 0) {
      rows[i].write(out);
      return KVC_E_OK;
    }
  return kvc_fail(err, KVC_E_USAGE, NULL,
                  "there is no completion for \"%.40s\"; write bash, zsh or fish", shell);
}
