/* err.c - filling in and naming errors.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row {
  const char *name, *text;
  int status;
};

static const struct row rows[] = {
#define KVC_ERR(name, status, text) {#name, text, status},
#include <kvcap/err.def>
#undef KVC_ERR
};

static void fill(struct kvc_err *err, kvc_code code, const char *where, int line, int col,
                 const char *fmt, va_list args) KVC_PRINTF(6, 0);

static void fill(struct kvc_err *err, kvc_code code, const char *where, int line, int col,
                 const char *fmt, va_list args)
{
  if (err == NULL) return;
  err->code = code;
  err->line = line;
  err->col = col;
  (void)snprintf(err->where, sizeof err->where, "%s", where != NULL ? where : "");
  (void)vsnprintf(err->msg, sizeof err->msg, fmt, args);
}

kvc_code kvc_fail(struct kvc_err *err, kvc_code code, const char *where, const char *fmt,
                  ...)
{
  va_list args;
  va_start(args, fmt);
  fill(err, code, where, 0, 0, fmt, args);
  va_end(args);
  return code;
}

kvc_code kvc_fail_at(struct kvc_err *err, kvc_code code, const char *where, int line,
                     int col, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  fill(err, code, where, line, col, fmt, args);
  va_end(args);
  return code;
}

static const struct row *row_of(kvc_code code)
{
  const int i = (int)code;
  return i >= 0 && i < (int)KVC_E_COUNT_ ? &rows[i] : &rows[KVC_E_INTERNAL];
}

int kvc_err_status(kvc_code code)
{
  return row_of(code)->status;
}

const char *kvc_err_name(kvc_code code)
{
  return row_of(code)->name;
}

const char *kvc_err_text(kvc_code code)
{
  return row_of(code)->text;
}
