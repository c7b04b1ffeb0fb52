/* size_options.c - the options of `kvcap size`, vLLM's own spelling first.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "size.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

/* "auto" and -1 ask vLLM to fit the length itself. */
kvc_code size_max_model_len(void *ptr, const struct cli_option *option, const char *value,
                            struct kvc_err *err)
{
  struct size_args *args = ptr;
  int64_t len = -1;
  if (!kvc_str_ieq(value, "auto") && strcmp(value, "-1") != 0) {
    KVC_TRY(kvc_num_parse_tokens(value, option->name, &len, err));
    if (!((double)len >= option->min && (double)len <= option->max))
      return kvc_fail(err, KVC_E_RANGE, option->name,
                      "%.40s is outside 1 to 1000000000; %s", value, option->advice);
  }
  args->req.deploy.max_model_len_tok = len;
  return KVC_E_OK;
}

/* vLLM's 25.6G and 1k besides sizes with a unit; a bare number is bytes. */
kvc_code size_kv_bytes(void *ptr, const struct cli_option *option, const char *value,
                       struct kvc_err *err)
{
  struct size_args *args = ptr;
  double bytes = 0;
  int64_t whole;
  if (kvc_num_parse_tokens(value, option->name, &whole, NULL) == KVC_E_OK)
    bytes = (double)whole;
  else
    KVC_TRY(kvc_num_parse_bytes(value, option->name, 1, &bytes, err));
  if (!(bytes >= option->min && bytes <= option->max))
    return kvc_fail(err, KVC_E_RANGE, option->name, "%.40s is outside 1MiB to 10TiB; %s",
                    value, option->advice);
  args->req.deploy.kv_cache_memory_bytes = (int64_t)floor(bytes);
  return KVC_E_OK;
}

const char *const size_engines[] = {"V0", "V1", NULL};
const char *const size_contexts[] = {"server", "llm", NULL};
const char *const size_mamba_modes[] = {"none", "align", "all", NULL};

/* clang-format off */
const struct cli_option size_options[] = {
#include "size_rows.def"
  {.name = "--compare-log", .arg = "FILE", .type = CLI_TEXT, .offset = SIZE_A(compare_log), .complete = "file",
   .help = "set the figures beside those that a server's log printed, with the cause of each difference; - reads standard input"},
  {.name = "--save-calibration", .arg = "FILE", .type = CLI_TEXT, .offset = SIZE_A(save_calibration), .complete = "file",
   .help = "keep the overheads that the log shows, for --calibration"},
  {.type = CLI_END}};
/* clang-format on */
