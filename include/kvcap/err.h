/* err.h - how kvcap reports failure.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every function that can fail returns a kvc_code and takes a struct kvc_err
 * last.  On failure the error is filled and outputs are untouched; on success
 * the error is untouched.  Nothing here allocates; a struct kvc_err is plain
 * storage owned by the caller.
 *
 * A message is one complete sentence that says what is wrong and what would be
 * right; 'where' names the file, flag or key that the user can act on, and
 * line/col (1-based, 0 = not applicable) a position in it.
 */
#ifndef KVCAP_ERR_H
#define KVCAP_ERR_H

typedef enum kvc_code {
#define KVC_ERR(name, status, text) KVC_E_##name,
#include <kvcap/err.def>
#undef KVC_ERR
  KVC_E_COUNT_
} kvc_code;

struct kvc_err {
  kvc_code code;
  int line, col;
  char where[160];
  char msg[480];
};

#if defined(__GNUC__)
#define KVC_MUST_USE __attribute__((warn_unused_result))
#define KVC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define KVC_MUST_USE
#define KVC_PRINTF(fmt, args)
#endif

/* Forwards a failure to the caller. */
#define KVC_TRY(expr)                                                                    \
  do {                                                                                   \
    const kvc_code kvc_rc_ = (expr);                                                     \
    if (kvc_rc_ != KVC_E_OK) return kvc_rc_;                                             \
  } while (0)

/* Fills *err (err may be NULL) and returns 'code'.  'where' may be NULL. */
kvc_code kvc_fail(struct kvc_err *err, kvc_code code, const char *where, const char *fmt,
                  ...) KVC_PRINTF(4, 5);

/* As kvc_fail, with a position in 'where'. */
kvc_code kvc_fail_at(struct kvc_err *err, kvc_code code, const char *where, int line,
                     int col, const char *fmt, ...) KVC_PRINTF(6, 7);

/* Process exit status of a code (0, 2, 3, 4, 5, 70). */
int kvc_err_status(kvc_code code);

/* Short name ("RANGE") and meaning of a code; static storage. */
const char *kvc_err_name(kvc_code code);
const char *kvc_err_text(kvc_code code);

#endif
