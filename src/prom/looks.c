/* looks.c - does a text look like a page of metrics?
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"

enum { LOOKED_AT = 64 << 10, FEW = 3 };

struct tally {
  size_t lines, samples, names;
  bool sure;
};

static bool starts(struct slice s, const char *prefix)
{
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.at, prefix, n) == 0;
}

/* "# TYPE name type" and "# HELP vllm:...", wherever in the line they begin. */
static bool declares(struct slice s)
{
  static const char *const types[] = {"counter", "gauge",   "histogram",
                                      "summary", "untyped", "info"};
  for (const char *at = s.at, *end = s.at + s.len; end - at > 5; at++) {
    at = memchr(at, 'E', (size_t)(end - at)); /* the E of TYPE and of HELP */
    if (at == NULL || end - at < 3) return false;
    struct slice rest = {at + 1, (size_t)(end - at - 1)};
    if (at - s.at >= 3 && memcmp(at - 3, "TYPE ", 5) == 0) {
      rest = prom_trim(rest);
      const size_t n = prom_name_len(rest);
      rest = prom_trim((struct slice){rest.at + n, rest.len - n});
      for (size_t i = 0; n > 0 && i < sizeof types / sizeof *types; i++)
        if (starts(rest, types[i])) return true;
    }
    if (at > s.at && starts((struct slice){at - 1, (size_t)(end - at + 1)}, "HELP vllm:"))
      return true;
  }
  return false;
}

/* name{...} value or name value; *bare when it is a name of vLLM alone. */
static bool is_sample(struct slice s, bool *bare)
{
  const size_t n = prom_name_len(s);
  double value;
  size_t used;
  *bare = false;
  if (n == 0 || s.at[n - 1] == ':') return false; /* "key: 5" is YAML */
  struct slice rest = prom_trim((struct slice){s.at + n, s.len - n});
  if (rest.len == 0) {
    *bare = starts(s, "vllm:") || starts(s, "ray_vllm:");
    return false;
  }
  bool labelled = false;
  if (*rest.at == '{') {
    labelled = true;
    const char *close = rest.at + rest.len;
    while (close > rest.at && close[-1] != '}') close--;
    if (close == rest.at) return false;
    rest = prom_trim((struct slice){close, (size_t)(rest.at + rest.len - close)});
  } else if (s.len > n && s.at[n] != ' ' && s.at[n] != '\t') {
    return false;
  }
  if (!kvc_num_scan(rest.at, rest.len, &value, &used)) return false;
  const struct slice after = prom_trim((struct slice){rest.at + used, rest.len - used});
  if (after.len > 0 && rest.at[used] != ' ' && rest.at[used] != '\t') return false;
  if (labelled || after.len == 0 || *after.at == '#') return true;
  return kvc_num_scan(after.at, after.len, &value, &used) && used == after.len;
}

static void line(struct slice s, struct tally *t)
{
  bool bare;
  s = prom_trim(s);
  while (s.len > 0 && (*s.at == '>' || *s.at == '-' || *s.at == '*'))
    s = prom_trim((struct slice){s.at + 1, s.len - 1});
  if (s.len == 0) return;
  if (*s.at != '#') t->lines++;
  if (declares(s)) t->sure = true;
  if (is_sample(s, &bare)) {
    t->samples++;
    if (starts(s, "vllm:") || starts(s, "ray_vllm:")) t->sure = true;
  }
  if (bare) t->names++;
}

bool kvc_prom_looks(const char *text, size_t len)
{
  struct tally t = {0};
  size_t at = 0;
  char decoded[LOOKED_AT + LOOKED_AT / 2];
  if (len > LOOKED_AT) len = LOOKED_AT;
  if (prom_is_utf16((struct slice){text, len})) {
    len = prom_from_utf16((struct slice){text, len}, decoded);
    text = decoded;
  }
  const struct slice all = {text, len};
  if (len == 0) return false;
  if (prom_is_aiperf_csv(all) || prom_is_aiperf_json(all)) return true;
  if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) at = 3;
  while (at < len && !t.sure) {
    size_t to = at;
    while (to < len && text[to] != '\n' && text[to] != '\r') to++;
    line((struct slice){text + at, to - at}, &t);
    at = to + 1;
  }
  if (t.sure) return true;
  if (t.names >= FEW && t.names * 4 >= t.lines) return true; /* beside other names */
  return t.samples + t.names >= FEW && (t.samples + t.names) * 2 >= t.lines;
}
