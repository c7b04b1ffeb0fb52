/* fuzz_num.c - numbers, units, token counts and release numbers of any bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is accepted is finite, and a printed number reads back equal.
 */
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <kvcap/version.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(double v)
{
  char text[KVC_NUM_TEXT];
  double back = 0;
  struct kvc_err err;
  if (!isfinite(v)) abort();
  kvc_num_format(v, text);
  if (kvc_num_parse(text, "t", &back, &err) != KVC_E_OK || back != v) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1);
  struct kvc_err err;
  struct kvc_version v;
  double d = 0;
  int64_t n = 0;
  if (text == NULL) return 0;
  if (size > 0) memcpy(text, data, size);
  text[size] = '\0';
  if (kvc_num_parse(text, "t", &d, &err) == KVC_E_OK) round_trip(d);
  if (kvc_num_parse_bytes(text, "t", 1, &d, &err) == KVC_E_OK) round_trip(d);
  if (kvc_num_parse_tokens(text, "t", &n, &err) == KVC_E_OK) round_trip((double)n);
  for (int q = 0; q <= KVC_Q_WATT; q++)
    if (kvc_num_parse_quantity(text, "t", (enum kvc_quantity)q, &d, &err) == KVC_E_OK)
      round_trip(d);
  if (kvc_version_parse(text, "t", &v, &err) == KVC_E_OK) {
    char shown[KVC_VERSION_TEXT];
    struct kvc_version again;
    kvc_version_format(&v, shown);
    if (kvc_version_parse(shown, "t", &again, &err) != KVC_E_OK) abort();
  }
  char norm[64];
  kvc_name_normalize(text, norm, sizeof norm);
  (void)kvc_utf8_valid(text, size);
  (void)kvc_edit_distance(text, norm, 6);
  free(text);
  return 0;
}
