/* num.c - strict numbers and units.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * strtod is called here and nowhere else: the text is checked to be a plain
 * decimal first, so hexadecimal, "inf", "nan" and leading blanks never pass.
 */
#include <kvcap/num.h>
#include <kvcap/str.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Length of the decimal number at the start of 'text', 0 if there is none. */
static size_t number_len(const char *text)
{
  const char *p = text;
  size_t digits = 0;
  if (*p == '+' || *p == '-') p++;
  for (; is_digit(*p); p++) digits++;
  if (*p == '.') p++;
  for (; is_digit(*p); p++) digits++;
  if (digits == 0) return 0;
  if (*p == 'e' || *p == 'E') {
    const char *q = p + 1;
    if (*q == '+' || *q == '-') q++;
    if (is_digit(*q)) {
      while (is_digit(*q)) q++;
      p = q;
    }
  }
  return (size_t)(p - text);
}

/* Splits "79.2 GiB" into value and unit ("" when none). */
static kvc_code split(const char *text, const char *where, double *value,
                      const char **unit, struct kvc_err *err)
{
  enum { MAX_DIGITS = 64 };
  const size_t len = number_len(text);
  if (len == 0 || len >= MAX_DIGITS)
    return kvc_fail(err, KVC_E_PARSE, where, "\"%.40s\" is not a number", text);
  char digits[MAX_DIGITS];
  memcpy(digits, text, len);
  digits[len] = '\0';
  const double v = strtod(digits, NULL);
  if (!isfinite(v))
    return kvc_fail(err, KVC_E_RANGE, where, "\"%.40s\" is too large a number", text);
  *value = v;
  const char *p = text + len;
  while (*p == ' ') p++;
  *unit = p;
  return KVC_E_OK;
}

kvc_code kvc_num_parse(const char *text, const char *where, double *out,
                       struct kvc_err *err)
{
  double v;
  const char *unit;
  KVC_TRY(split(text, where, &v, &unit, err));
  if (*unit != '\0')
    return kvc_fail(err, KVC_E_PARSE, where, "\"%.40s\" is not a plain number", text);
  *out = v;
  return KVC_E_OK;
}

/* ---- numbers within a text ---- */

kvc_code kvc_num_parse_int(const char *text, const char *where, int64_t min, int64_t max,
                           int64_t *out, struct kvc_err *err)
{
  double v;
  KVC_TRY(kvc_num_parse(text, where, &v, err));
  if (v != floor(v) || fabs(v) > 9007199254740992.0)
    return kvc_fail(err, KVC_E_PARSE, where, "\"%.40s\" is not a whole number", text);
  if (!(v >= (double)min && v <= (double)max))
    return kvc_fail(err, KVC_E_RANGE, where, "%.40s is outside %lld to %lld", text,
                    (long long)min, (long long)max);
  *out = (int64_t)v;
  return KVC_E_OK;
}

struct unit {
  const char *name;
  double factor;
};

static const struct unit token_units[] = {
    {"k", 1e3}, {"K", 1024.0},       {"m", 1e6}, {"M", 1048576.0},
    {"g", 1e9}, {"G", 1073741824.0}, {NULL, 0},
};

static const struct unit byte_units[] = {
    {"B", 1},         {"KB", 1e3},      {"MB", 1e6},
    {"GB", 1e9},      {"TB", 1e12},     {"KiB", KVC_KIB},
    {"MiB", KVC_MIB}, {"GiB", KVC_GIB}, {"TiB", 1024 * KVC_GIB},
    {NULL, 0},
};

static const struct unit rate_units[] = {
    {"B/s", 1}, {"KB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12}, {NULL, 0},
};

static const struct unit flop_units[] = {
    {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}, {"GOP/s", 1e9},
    {"TOP/s", 1e12},  {"POP/s", 1e15},   {NULL, 0},
};

static const struct unit watt_units[] = {{"W", 1}, {"kW", 1e3}, {NULL, 0}};

static const struct unit *unit_find(const struct unit *units, const char *name,
                                    bool any_case)
{
  for (; units->name != NULL; units++)
    if (any_case ? kvc_str_ieq(units->name, name) : strcmp(units->name, name) == 0)
      return units;
  return NULL;
}

kvc_code kvc_num_parse_tokens(const char *text, const char *where, int64_t *out,
                              struct kvc_err *err)
{
  double v;
  const char *unit;
  KVC_TRY(split(text, where, &v, &unit, err));
  if (*unit != '\0') {
    const struct unit *u = unit_find(token_units, unit, false);
    if (u == NULL)
      return kvc_fail(err, KVC_E_PARSE, where,
                      "\"%.40s\" is not a token count; write 8192, 8k (= 8000) or 8K "
                      "(= 8192)",
                      text);
    v *= u->factor;
  }
  if (v != floor(v))
    return kvc_fail(err, KVC_E_PARSE, where, "\"%.40s\" is not a whole number of tokens",
                    text);
  if (!(fabs(v) <= 1e15))
    return kvc_fail(err, KVC_E_RANGE, where, "\"%.40s\" is too many tokens", text);
  *out = (int64_t)v;
  return KVC_E_OK;
}

kvc_code kvc_num_parse_bytes(const char *text, const char *where, double bare_unit_bytes,
                             double *out, struct kvc_err *err)
{
  double v;
  const char *unit;
  KVC_TRY(split(text, where, &v, &unit, err));
  double factor = bare_unit_bytes;
  if (*unit != '\0') {
    const struct unit *u = unit_find(byte_units, unit, true);
    /* "40G" and "40g" as Docker, vLLM and people write them. */
    if (u == NULL && strlen(unit) == 1 && strchr("kKmMgGtT", *unit) != NULL) {
      const char two[4] = {*unit, 'i', 'B', '\0'};
      u = unit_find(byte_units, two, true);
    }
    if (u == NULL)
      return kvc_fail(
          err, KVC_E_PARSE, where,
          "\"%.40s\" has no known size unit; write 80GB (10^9) or 80GiB (2^30)", text);
    factor = u->factor;
  } else if (factor == 0) {
    return kvc_fail(err, KVC_E_PARSE, where,
                    "\"%.40s\" is a size without a unit; write %.40sGB or %.40sGiB", text,
                    text, text);
  }
  if (!(v >= 0 && v * factor <= 1e18))
    return kvc_fail(err, KVC_E_RANGE, where, "\"%.40s\" is not a possible size", text);
  *out = v * factor;
  return KVC_E_OK;
}

kvc_code kvc_num_parse_quantity(const char *text, const char *where,
                                enum kvc_quantity kind, double *out, struct kvc_err *err)
{
  static const struct {
    const struct unit *units;
    const char *example;
  } kinds[] = {
      [KVC_Q_BYTES] = {byte_units, "80 GB or 79.2 GiB"},
      [KVC_Q_BYTES_PER_S] = {rate_units, "3.35 TB/s"},
      [KVC_Q_FLOPS] = {flop_units, "989 TFLOP/s"},
      [KVC_Q_WATT] = {watt_units, "700 W"},
  };
  double v;
  const char *name;
  KVC_TRY(split(text, where, &v, &name, err));
  const struct unit *u = unit_find(kinds[kind].units, name, false);
  if (u == NULL)
    return kvc_fail(err, KVC_E_PARSE, where, "\"%.40s\" needs a unit, as in %s", text,
                    kinds[kind].example);
  if (!(v >= 0 && v * u->factor <= 1e24))
    return kvc_fail(err, KVC_E_RANGE, where, "\"%.40s\" is not a possible quantity",
                    text);
  *out = v * u->factor;
  return KVC_E_OK;
}

/* "nan", "inf" or "infinity" at the start of text[0..len); 0 when none of them. */
static size_t special_len(const char *text, size_t len, double *out)
{
  static const struct {
    const char *word;
    size_t len;
    double value;
  } words[] = {{"infinity", 8, INFINITY}, {"inf", 3, INFINITY}, {"nan", 3, (double)NAN}};
  for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
    size_t n = 0;
    while (n < len && n < words[w].len && (text[n] | 0x20) == words[w].word[n]) n++;
    if (n < words[w].len) continue;
    *out = words[w].value;
    return n;
  }
  return 0;
}

/* Digits that a double holds exactly need no strtod: one rounding is the right one. */
static double exact_power(int exponent)
{
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  return powers[exponent];
}

/* Digits beyond the buffer only say how large: 800 of them decide every rounding. */
static double slow_scan(const char *text, size_t mantissa, int exponent)
{
  enum { KEPT = 800 };
  char copy[KEPT + 16];
  size_t n = 0, i = 0;
  long scale = exponent;
  bool point = false;
  while (i < mantissa && text[i] == '0') i++;
  for (; i < mantissa; i++) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    if (n == 0 && text[i] == '0') {
      scale -= point;
      continue;
    }
    if (n < KEPT) {
      copy[n++] = text[i];
      scale -= point;
    } else {
      scale += !point;
    }
  }
  if (n == 0) return 0;
  (void)snprintf(copy + n, sizeof copy - n, "e%ld", scale);
  return strtod(copy, NULL);
}

/* The digits of a number, before they are one. */
struct digits {
  size_t from, to, used; /* mantissa and the end of all */
  size_t count;
  uint64_t mantissa; /* of the first EXACT_DIGITS */
  int scale, power;  /* of ten: by the point, by the exponent */
};
enum { EXACT_DIGITS = 15, EXACT_POWER = 22, MAX_POWER = 100000 };

static void scan_mantissa(const char *text, size_t len, struct digits *d)
{
  size_t i = d->from;
  for (bool point = false; i < len; i++) {
    if (text[i] == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(text[i])) break;
    if (d->count++ < EXACT_DIGITS)
      d->mantissa = d->mantissa * 10 + (uint64_t)(text[i] - '0');
    d->scale -= point && d->scale > -MAX_POWER;
  }
  d->to = d->used = i;
}

static void scan_exponent(const char *text, size_t len, struct digits *d)
{
  size_t i = d->to;
  if (i >= len || (text[i] != 'e' && text[i] != 'E')) return;
  i++;
  const bool down = i < len && text[i] == '-';
  if (i < len && (text[i] == '-' || text[i] == '+')) i++;
  if (i >= len || !is_digit(text[i])) return;
  for (; i < len && is_digit(text[i]); i++)
    if (d->power < MAX_POWER) d->power = d->power * 10 + (text[i] - '0');
  if (down) d->power = -d->power;
  d->used = i;
}

bool kvc_num_scan(const char *text, size_t len, double *out, size_t *used)
{
  struct digits d = {0};
  double value = 0;
  const bool negative = len > 0 && text[0] == '-';
  d.from = len > 0 && (text[0] == '-' || text[0] == '+');
  scan_mantissa(text, len, &d);
  if (d.count == 0) {
    const size_t n = special_len(text + d.from, len - d.from, &value);
    if (n == 0) return false;
    d.used = d.from + n;
  } else {
    scan_exponent(text, len, &d);
    const int power = d.scale + d.power;
    if (d.count <= EXACT_DIGITS && power >= -EXACT_POWER && power <= EXACT_POWER)
      value = power < 0 ? (double)d.mantissa / exact_power(-power)
                        : (double)d.mantissa * exact_power(power);
    else
      value = slow_scan(text + d.from, d.to - d.from, d.power);
  }
  *out = negative ? -value : value;
  if (used != NULL) *used = d.used;
  return true;
}

void kvc_num_format(double value, char out[KVC_NUM_TEXT])
{
  if (value == floor(value) && fabs(value) < 1e15) {
    (void)snprintf(out, KVC_NUM_TEXT, "%.0f", value == 0 ? 0.0 : value);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    (void)snprintf(out, KVC_NUM_TEXT, "%.*g", digits, value);
    if (strtod(out, NULL) == value) return;
  }
}
