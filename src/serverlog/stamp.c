/* stamp.c - when a line was written.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A line may have several stamps, in several zones: of a container's log or of journald
 * in front, vLLM's own ("INFO 05-12 08:04:49", no year), or that of a logging format of
 * the operator's.  Each kind has its own zero; a line with two kinds links them.
 */
#include "serverlog_room.h"
#include <string.h>

enum { PREFIX = 200, DAY_S = 86400 };

struct stamp {
  enum slog_stamp_kind kind;
  bool no_year;
  int month, day;
  double s; /* within the year when it has none, else since 1970 */
};

static bool digits(const char *text, size_t len, size_t at, size_t n, int *out)
{
  int value = 0;
  if (len < n || at > len - n) return false;
  for (size_t i = at; i < at + n; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  *out = value;
  return true;
}

/* "08:04:49", "08:04:49.342896136", "08:04:49,342". */
static bool clock_at(const char *text, size_t len, size_t *at, double *s)
{
  int h, m, sec;
  size_t i = *at;
  if (!digits(text, len, i, 2, &h) || !digits(text, len, i + 3, 2, &m) ||
      !digits(text, len, i + 6, 2, &sec) || text[i + 2] != ':' || text[i + 5] != ':' ||
      h > 23 || m > 59 || sec > 60)
    return false;
  *s = h * 3600 + m * 60 + sec;
  i += 8;
  if (i + 1 < len && (text[i] == '.' || text[i] == ',')) {
    double scale = 0.1;
    size_t k = i + 1;
    for (; k < len && k < i + 10 && text[k] >= '0' && text[k] <= '9'; k++, scale /= 10)
      *s += (text[k] - '0') * scale;
    if (k > i + 1) i = k;
  }
  *at = i;
  return true;
}

static double days(int year, int month, int day)
{
  const int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int whole = of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return era * 146097.0 + whole;
}

static bool date_ok(int month, int day)
{
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "Z", "+02:00", "-0700" behind a full date: back to UTC. */
static double zone_s(const char *text, size_t len, size_t at)
{
  int h, m;
  if (at < len && text[at] == ' ') at++;
  if (at >= len || (text[at] != '+' && text[at] != '-')) return 0;
  if (!digits(text, len, at + 1, 2, &h)) return 0;
  const size_t colon = at + 3 < len && text[at + 3] == ':' ? 1 : 0;
  if (!digits(text, len, at + 3 + colon, 2, &m)) return 0;
  return (text[at] == '-' ? -1 : 1) * (h * 3600.0 + m * 60.0);
}

/* "2026-05-12T08:04:49.342Z", "2026-05-12 08:04:49,342", "2026/05/12 08:04:49". */
static bool full_at(const char *text, size_t len, size_t at, struct stamp *out)
{
  int year, month, day;
  double s;
  if (!digits(text, len, at, 4, &year) || !digits(text, len, at + 5, 2, &month) ||
      !digits(text, len, at + 8, 2, &day) || (text[at + 4] != '-' && text[at + 4] != '/'))
    return false;
  size_t i = at + 11;
  if (text[at + 7] != text[at + 4] || year < 1970 || !date_ok(month, day) || i >= len ||
      (text[at + 10] != 'T' && text[at + 10] != ' '))
    return false;
  if (!clock_at(text, len, &i, &s)) return false;
  *out = (struct stamp){.kind = SLOG_OUTER, .month = month, .day = day};
  out->s = days(year, month, day) * DAY_S + s - zone_s(text, len, i);
  return true;
}

/* "05-12 08:04:49" */
static bool short_at(const char *text, size_t len, size_t at, struct stamp *out)
{
  int month, day;
  size_t i = at + 6;
  double s;
  if (!digits(text, len, at, 2, &month) || !digits(text, len, at + 3, 2, &day) ||
      text[at + 2] != '-' || i >= len || text[at + 5] != ' ' || !date_ok(month, day) ||
      !clock_at(text, len, &i, &s))
    return false;
  *out = (struct stamp){.kind = SLOG_OWN, .no_year = true, .month = month, .day = day};
  out->s = s;
  return true;
}

/* "Oct  3 10:11:12" */
static bool syslog_at(const char *text, size_t len, size_t at, struct stamp *out)
{
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day;
  double s;
  if (len - at < 15 || text[at + 3] != ' ') return false;
  size_t i = at + 4;
  if (text[i] == ' ') i++;
  const size_t wide = text[i + 1] == ' ' ? 1 : 2;
  if (!digits(text, len, i, wide, &day)) return false;
  i += wide + 1;
  for (int m = 0; m < 12; m++) {
    if (memcmp(text + at, names + 3 * m, 3) != 0) continue;
    if (!date_ok(m + 1, day) || i >= len || !clock_at(text, len, &i, &s)) return false;
    *out =
        (struct stamp){.kind = SLOG_OUTER, .no_year = true, .month = m + 1, .day = day};
    out->s = s;
    return true;
  }
  return false;
}

static bool stamp_at(const char *text, size_t len, size_t at, struct stamp *out)
{
  const char c = text[at];
  if (c >= '0' && c <= '9')
    return short_at(text, len, at, out) || full_at(text, len, at, out);
  return c >= 'A' && c <= 'S' && syslog_at(text, len, at, out);
}

struct stamps {
  struct stamp of[SLOG_STAMPS];
  bool have[SLOG_STAMPS];
  bool first_ones; /* else the last ones */
};

/* The stamps that begin in text[from..stop) and end before 'to', by kind. */
static void collect(const char *text, const size_t span[3], struct stamps *found)
{
  const size_t from = span[0], stop = span[1], to = span[2];
  bool word = from > 0 && text[from - 1] != ' ';
  for (size_t i = from; i < stop && i + 14 <= to; i++) {
    struct stamp s;
    const char c = text[i];
    const bool inside = word;
    word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-' || c == ':';
    if (inside || !word || !stamp_at(text, to, i, &s)) continue;
    enum slog_stamp_kind kind = s.kind;
    if (kind == SLOG_OUTER && found->have[SLOG_OUTER]) kind = SLOG_SECOND;
    if (found->first_ones && found->have[kind]) continue;
    found->of[kind] = s;
    found->have[kind] = true;
  }
}

/* Seconds on a scale that goes on over new years. */
static double unroll(struct slog_clock *c, enum slog_stamp_kind kind,
                     const struct stamp *s)
{
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  enum { HALF_YEAR = 183 };
  if (!s->no_year) return s->s;
  if (s->month == 2 && s->day == 29) c->leap = true;
  const int day = before[s->month - 1] + s->day + (c->leap && s->month > 2);
  const double year_s = (365.0 + c->leap) * DAY_S;
  double t = (double)day * DAY_S + s->s + c->years[kind] * year_s;
  if (!c->known[kind]) return t;
  if (t < c->last_s[kind] - (double)HALF_YEAR * DAY_S) {
    c->years[kind]++;
    t += year_s;
  } else if (t > c->last_s[kind] + (double)HALF_YEAR * DAY_S && c->years[kind] > 0) {
    t -= year_s; /* a late line of the old year */
  }
  return t;
}

bool slog_stamped(const struct slog_seg *s, size_t at)
{
  struct stamps found = {.first_ones = true};
  const size_t from = at > PREFIX ? at - PREFIX : 0;
  collect(s->text, (const size_t[3]){from, at, at}, &found);
  return found.have[SLOG_OUTER] || found.have[SLOG_OWN];
}

double slog_time(struct slog_clock *clock, const struct slog_seg *s, size_t at)
{
  static const enum slog_stamp_kind order[] = {SLOG_OWN, SLOG_SECOND, SLOG_OUTER};
  struct stamps found = {.first_ones = !clock->begun};
  const bool *const have = found.have;
  double t[SLOG_STAMPS], now = (double)NAN;
  const size_t first = at < PREFIX ? at : PREFIX;
  collect(s->text, (const size_t[3]){0, first, at}, &found);
  if (at > first) { /* messages glued to others */
    const size_t from = at - PREFIX > first ? at - PREFIX : first;
    collect(s->text, (const size_t[3]){from, at, at}, &found);
  }
  for (size_t k = 0; k < SLOG_STAMPS; k++)
    if (have[k]) t[k] = unroll(clock, (enum slog_stamp_kind)k, &found.of[k]);
  for (size_t k = 0; k < SLOG_STAMPS; k++) {
    const enum slog_stamp_kind kind = order[k];
    if (have[kind] && clock->known[kind] && isnan(now))
      now = t[kind] - clock->base_s[kind];
  }
  const bool any = have[SLOG_OUTER] || have[SLOG_OWN] || have[SLOG_SECOND];
  if (any && isnan(now)) now = clock->begun ? clock->now_s : 0;
  for (size_t k = 0; k < SLOG_STAMPS; k++) {
    if (!have[k]) continue;
    if (!clock->known[k]) clock->base_s[k] = t[k] - now;
    clock->known[k] = true;
    clock->last_s[k] = t[k];
  }
  if (any) {
    clock->begun = true;
    clock->now_s = now;
  }
  return now;
}
