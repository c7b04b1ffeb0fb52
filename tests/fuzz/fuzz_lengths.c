/* fuzz_lengths.c - any file of lengths is refused with a line, or gives finite figures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include <stdlib.h>
#include "src/cli/advise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
  if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct kvc_demand d = {0};
  struct kvc_err err = {0};
  if (size == 0) return 0;
  FILE *f = fmemopen((void *)(uintptr_t)data, size, "rb");
  if (f == NULL) return 0;
  const kvc_code rc = advise_lengths_read(f, "lengths", &d, &err);
  (void)fclose(f);
  if (rc != KVC_E_OK) {
    require(err.code == rc && err.msg[0] != '\0');
    return 0;
  }
  require(d.load.prompt_tok > 0 && isfinite(d.load.prompt_tok));
  require(d.load.output_tok > 0 && isfinite(d.load.output_tok));
  require(d.load.prompt_cv >= 0 && isfinite(d.load.prompt_cv));
  require(d.prompt_p50_tok <= d.prompt_p95_tok && d.prompt_p95_tok <= d.prompt_p99_tok);
  require(d.output_p50_tok <= d.output_p95_tok && d.output_p95_tok <= d.output_p99_tok);
  return 0;
}
