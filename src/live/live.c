/* live.c - the vocabulary of figures about a running server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/live.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct kvc_live_row rows[] = {
    {"none", KVC_LU_NONE, "nothing"},
#define KVC_LIVE(name, unit, text) {#name, KVC_LU_##unit, text},
#include <kvcap/live.def>
#undef KVC_LIVE
};

const struct kvc_live_row *kvc_live_row(enum kvc_live_key key)
{
  return (unsigned)key < KVC_L_COUNT_ ? &rows[key] : &rows[KVC_L_none];
}

enum kvc_live_key kvc_live_find(const char *name)
{
  for (size_t i = KVC_L_none + 1; i < KVC_L_COUNT_; i++)
    if (strcmp(rows[i].name, name) == 0) return (enum kvc_live_key)i;
  return KVC_L_none;
}

void kvc_live_init(struct kvc_live *live)
{
  memset(live, 0, sizeof *live);
  for (size_t i = 0; i < KVC_L_COUNT_; i++) live->v[i] = NAN;
}

void kvc_live_set(struct kvc_live *live, enum kvc_live_key key, double value,
                  const char *from)
{
  if (isnan(value) || key <= KVC_L_none || key >= KVC_L_COUNT_) return;
  if (!isnan(live->v[key])) return;
  live->v[key] = value;
  live->from[key] = from;
}

/* Three digits that matter, thousands apart, no trailing zeros. */
static void figure(double value, char *out, size_t room)
{
  const double size = fabs(value);
  const int decimals = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  char plain[48];
  (void)snprintf(plain, sizeof plain, "%.*f", decimals, value);
  if (strchr(plain, '.') != NULL) {
    size_t len = strlen(plain);
    while (plain[len - 1] == '0') len--;
    if (plain[len - 1] == '.') len--;
    plain[len] = '\0';
  }
  const char *digits = plain;
  size_t n = 0;
  if (*digits == '-' && room > 1) {
    out[n++] = '-';
    digits++;
  }
  const size_t whole = strcspn(digits, ".");
  for (size_t i = 0; i < whole && n + 2 < room; i++) {
    if (i > 0 && (whole - i) % 3 == 0) out[n++] = ',';
    out[n++] = digits[i];
  }
  (void)snprintf(out + n, room - n, "%s", digits + whole);
}

void kvc_live_format(double value, enum kvc_live_unit unit, char out[KVC_LIVE_TEXT])
{
  static const char *const after[] = {"",  " s", " tokens",   "",    " %",
                                      "x", "/s", " tokens/s", " GiB"};
  const char *suffix = after[unit];
  if (!isfinite(value)) {
    (void)snprintf(out, KVC_LIVE_TEXT, isinf(value) ? "unlimited" : "unknown");
    return;
  }
  if (unit == KVC_LU_S && fabs(value) < 1 && value != 0) {
    value *= 1e3;
    suffix = " ms";
  }
  if (unit == KVC_LU_FRAC) value *= 100;
  if (unit == KVC_LU_BYTES) value /= 1024.0 * 1024.0 * 1024.0;
  char text[48];
  figure(value, text, sizeof text);
  (void)snprintf(out, KVC_LIVE_TEXT, "%s%s", text, suffix);
}
