/* version.c - reading and ordering release numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/str.h>
#include <kvcap/version.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PART = 100000 };

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Reads a number, moves *p behind it; -1 when there is none or it is absurd. */
static int part(const char **p)
{
  if (!is_digit(**p)) return -1;
  int v = 0;
  for (; is_digit(**p); (*p)++) {
    v = v * 10 + (**p - '0');
    if (v > MAX_PART) return -1;
  }
  return v;
}

/* What may follow the release: pre-release marks, .postN, .devN, +local, -fork. */
static bool suffix(const char *p, int *stage, bool *dev)
{
  *stage = 0;
  *dev = false;
  if (*p == '\0' || *p == '+') return true;
  if (kvc_str_istarts(p, ".post") || kvc_str_istarts(p, "post")) {
    *stage = 1;
    return true;
  }
  const char *q = *p == '.' || *p == '-' ? p + 1 : p;
  if (kvc_str_istarts(q, "dev")) {
    *stage = -1;
    *dev = true;
    return true;
  }
  if (kvc_str_istarts(q, "rc") || kvc_str_istarts(q, "a") || kvc_str_istarts(q, "b")) {
    *stage = -1;
    return true;
  }
  return *p == '-';
}

kvc_code kvc_version_parse(const char *text, const char *where, struct kvc_version *out,
                           struct kvc_err *err)
{
  struct kvc_version v = {0};
  const char *p = *text == 'v' || *text == 'V' ? text + 1 : text;
  bool ok = true, dev = false;
  size_t parts = 0;
  while (ok && parts < 3) {
    const int n = part(&p);
    ok = n >= 0;
    if (!ok) break;
    v.release[parts++] = n;
    if (parts == 3 || *p != '.' || !is_digit(p[1])) break;
    p++;
  }
  if (ok && *p == '.' && is_digit(p[1])) { /* a fourth number: "0.6.3.1" */
    p++;
    ok = part(&p) >= 0;
  }
  ok = ok && parts >= 1 && suffix(p, &v.stage, &dev);
  if (!ok)
    return kvc_fail(err, KVC_E_PARSE, where,
                    "\"%.60s\" is not a release number; write it as in 0.19.0", text);
  /* setuptools-scm without tags: the number before .devN says nothing. */
  v.unreleased = dev && v.release[0] == 0 && v.release[1] == 1 && v.release[2] == 0;
  *out = v;
  return KVC_E_OK;
}

int kvc_version_cmp(const struct kvc_version *a, const struct kvc_version *b)
{
  for (size_t i = 0; i < 3; i++)
    if (a->release[i] != b->release[i]) return a->release[i] < b->release[i] ? -1 : 1;
  return a->stage < b->stage ? -1 : a->stage > b->stage;
}

bool kvc_version_in(const struct kvc_version *v, const struct kvc_version *since,
                    const struct kvc_version *until)
{
  struct kvc_version base = *v;
  base.stage = 0;
  if (since != NULL && kvc_version_cmp(&base, since) < 0) return false;
  return until == NULL || kvc_version_cmp(&base, until) < 0;
}

void kvc_version_format(const struct kvc_version *v, char out[KVC_VERSION_TEXT])
{
  (void)snprintf(out, KVC_VERSION_TEXT, "%d.%d.%d", v->release[0], v->release[1],
                 v->release[2]);
}
