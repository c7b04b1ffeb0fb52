/* file.c - reading whole files within a limit, replacing files atomically.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <errno.h>
#include <kvcap/file.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A device or a pipe cannot be replaced by renaming: it is written as it is. */
static bool is_stream(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static kvc_code write_stream(const char *path, const char *text, size_t len,
                             struct kvc_err *err)
{
  FILE *f = fopen(path, "wb");
  if (f == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s", strerror(errno));
  const bool ok = fwrite(text, 1, len, f) == len && fflush(f) == 0;
  const int why = errno;
  if (fclose(f) != 0 || !ok)
    return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s",
                    strerror(ok ? errno : why));
  return KVC_E_OK;
}

static kvc_code open_regular(const char *path, FILE **out, struct kvc_err *err)
{
  FILE *f = fopen(path, "rb");
  if (f == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be opened: %s", strerror(errno));
  struct stat st;
  if (fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
    (void)fclose(f);
    return kvc_fail(err, KVC_E_IO, path, "is a folder, not a file");
  }
  *out = f;
  return KVC_E_OK;
}

/* Reads to the end of 'f', doubling: the size a file claims is not believed. */
static kvc_code slurp(struct kvc_arena *arena, FILE *f, const char *path,
                      size_t max_bytes, char **text, size_t *len, struct kvc_err *err)
{
  size_t room = 16 * 1024, n = 0;
  char *buf = kvc_arena_alloc(arena, room, 1);
  while (buf != NULL) {
    n += fread(buf + n, 1, room - 1 - n, f);
    if (ferror(f))
      return kvc_fail(err, KVC_E_IO, path, "cannot be read: %s", strerror(errno));
    if (n > max_bytes)
      return kvc_fail(err, KVC_E_LIMIT, path, "is larger than the %zu bytes allowed",
                      max_bytes);
    if (n < room - 1) {
      buf[n] = '\0';
      *text = buf;
      *len = n;
      return KVC_E_OK;
    }
    char *more = kvc_arena_alloc(arena, room * 2, 1);
    if (more != NULL) memcpy(more, buf, n);
    room *= 2;
    buf = more;
  }
  return kvc_arena_full(arena, path, err);
}

kvc_code kvc_file_read_into(struct kvc_arena *arena, const char *path, size_t max_bytes,
                            char **text, size_t *len, struct kvc_err *err)
{
  if (strcmp(path, "-") == 0)
    return slurp(arena, stdin, "standard input", max_bytes, text, len, err);
  FILE *f = NULL;
  KVC_TRY(open_regular(path, &f, err));
  const kvc_code rc = slurp(arena, f, path, max_bytes, text, len, err);
  (void)fclose(f);
  return rc;
}

kvc_code kvc_file_write(const char *path, const char *text, size_t len,
                        struct kvc_err *err)
{
  if (is_stream(path)) return write_stream(path, text, len, err);
  char tmp[4096];
  const int n = snprintf(tmp, sizeof tmp, "%s.%ld.part", path, (long)getpid());
  if (n < 0 || (size_t)n >= sizeof tmp)
    return kvc_fail(err, KVC_E_IO, path, "the path is too long");
  FILE *f = fopen(tmp, "wb");
  if (f == NULL)
    return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s", strerror(errno));
  bool ok = fwrite(text, 1, len, f) == len && fflush(f) == 0 && fsync(fileno(f)) == 0;
  int why = errno;
  if (fclose(f) != 0 && ok) {
    ok = false;
    why = errno;
  }
  if (ok && rename(tmp, path) != 0) {
    ok = false;
    why = errno;
  }
  if (ok) return KVC_E_OK;
  (void)unlink(tmp);
  return kvc_fail(err, KVC_E_IO, path, "cannot be written: %s", strerror(why));
}
