/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read whole, strictly: what we load must be ours. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Opens O_NOFOLLOW and checks: regular, owner root or us, not writable by
 * group or others, at most max bytes.  The message names path and remedy. */
int file_open_trusted(const char *path, size_t max, struct err *err);
/* Reads such a file whole, appended to out. */
int file_read_trusted(
    struct buf *out, const char *path, size_t max, struct err *err);
/* The same for a secret: group and others may not even read it.  out takes
 * the whole of it at once, so that the caller can wipe all there was. */
int file_read_secret(
    struct buf *out, const char *path, size_t max, struct err *err);
/* The same of a file below folder: no part of name ("a/b.json") may be "..",
 * empty or a symbolic link.  Messages name it as folder/name. */
int file_read_beneath(struct buf *out, const char *folder, const char *name,
    size_t max, struct err *err);
/* Writes all bytes; ERR_IO. */
int file_write_all(int fd, const void *bytes, size_t len);
/* Writes path by temporary name, fsync and rename. */
int file_replace(
    const char *path, struct str content, mode_t mode, struct err *err);
/* mkdir -p. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);

/* A folder that we may write to, on a mount that code may be mapped from. */
bool file_dir_takes_code(const char *dir);

#endif
