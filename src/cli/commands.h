/* commands.h - prototypes behind commands.def.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_COMMANDS_H
#define KVC_CLI_COMMANDS_H

#include "cli.h"

#define CLI_COMMAND(name, options, usage, summary) cli_main cli_cmd_##name;
#include "commands.def"
#undef CLI_COMMAND

extern const struct cli_option size_options[], advise_options[], launch_options[],
    profiles_options[], explain_options[], flags_options[], check_options[],
    read_options[], simulate_options[], validate_options[], diagnose_options[],
    fit_options[], plan_options[], merge_options[], monitor_options[];

#endif
