/* units.c - numbers as people read them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/report.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Fixed decimals with thousands separators; trailing zeros go when 'trim'. */
static void grouped(double value, int decimals, bool trim, char out[KVC_UNIT_TEXT])
{
  char plain[KVC_UNIT_TEXT];
  if (!(fabs(value) < 1e18)) {
    kvc_num_format(value, out);
    return;
  }
  (void)snprintf(plain, sizeof plain, "%.*f", decimals, value);
  if (trim && strchr(plain, '.') != NULL) {
    size_t len = strlen(plain);
    while (plain[len - 1] == '0') len--;
    if (plain[len - 1] == '.') len--;
    plain[len] = '\0';
  }
  const char *p = plain;
  size_t n = 0;
  if (*p == '-') {
    if (strspn(p + 1, "0.") != strlen(p + 1)) out[n++] = '-';
    p++;
  }
  const size_t digits = strcspn(p, ".");
  for (size_t i = 0; i < digits; i++) {
    if (i > 0 && (digits - i) % 3 == 0) out[n++] = ',';
    out[n++] = p[i];
  }
  (void)snprintf(out + n, KVC_UNIT_TEXT - n, "%s", p + digits);
}

static void with_suffix(double value, int decimals, bool trim, const char *suffix,
                        char out[KVC_UNIT_TEXT])
{
  grouped(value, decimals, trim, out);
  const size_t len = strlen(out);
  (void)snprintf(out + len, KVC_UNIT_TEXT - len, "%s", suffix);
}

/* Two decimals from 0.1 GiB up, so that tables of memory share one unit. */
static void bytes(double value, char out[KVC_UNIT_TEXT])
{
  const double size = fabs(value);
  if (size >= 0.1 * KVC_GIB || size == 0)
    with_suffix(value / KVC_GIB, 2, false, " GiB", out);
  else if (size >= KVC_MIB)
    with_suffix(value / KVC_MIB, 1, true, " MiB", out);
  else if (size >= KVC_KIB)
    with_suffix(value / KVC_KIB, 2, true, " KiB", out);
  else
    with_suffix(value, 1, true, " B", out);
}

static void params(double value, char out[KVC_UNIT_TEXT])
{
  if (value >= 1e12)
    with_suffix(value / 1e12, 2, false, " T", out);
  else if (value >= 1e9)
    with_suffix(value / 1e9, value >= 1e11 ? 0 : 2, false, " B", out);
  else
    with_suffix(value / 1e6, 0, false, " M", out);
}

void kvc_unit_format(double value, enum kvc_unit unit, char out[KVC_UNIT_TEXT])
{
  if (!isfinite(value)) {
    (void)snprintf(out, KVC_UNIT_TEXT, "unknown");
    return;
  }
  switch (unit) {
  case KVC_U_BYTES: bytes(value, out); break;
  case KVC_U_COUNT: grouped(value, value == floor(value) ? 0 : 1, false, out); break;
  case KVC_U_FRAC:
    /* A probability below a tenth of a percent keeps its first digit. */
    with_suffix(value * 100, value != 0 && fabs(value) < 1e-3 ? 4 : 1, true, " %", out);
    break;
  case KVC_U_RATIO: with_suffix(value, 2, false, "x", out); break;
  case KVC_U_PARAMS: params(value, out); break;
  case KVC_U_USD_PER_H: {
    char figure[KVC_UNIT_TEXT];
    grouped(value, 2, false, figure);
    (void)snprintf(out, KVC_UNIT_TEXT, "$%.40s/h", figure);
    break;
  }
  case KVC_U_USD: {
    const double size = fabs(value);
    grouped(value, size >= 0.1 || size == 0 ? 2 : size >= 0.01 ? 3 : 4, false, out);
    break;
  }
  case KVC_U_NONE: kvc_num_format(value, out); break;
  }
}
