/* SPDX-License-Identifier: Apache-2.0 */
/* Files that we load must be ours: an owner or a mode that lets others write
 * would let them decide what we run. */
#include "base/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

#define PATH_MAX_LEN 4096
#define READ_STEP ((size_t)4096)

static int
check_trusted(
    const char *path, const struct stat *st, size_t max, struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_DENIED, "%s: not a regular file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, ERR_DENIED,
		    "%s: owned by user %lu, not by root or us (chown it)", path,
		    (unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, ERR_DENIED,
		    "%s: others may write it (chmod go-w %s)", path, path);
	if (st->st_size < 0 || (uintmax_t)st->st_size > max)
		return err_set(
		    err, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
	return 0;
}

/* name is seen from dir_fd; path is what messages say. */
static int
open_trusted_at(
    int dir_fd, const char *name, const char *path, size_t max, struct err *err)
{
	struct stat st;
	int fd, rc;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	fd = openat(dir_fd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_DENIED,
		    "%s: a symbolic link (give the file itself)", path);
	if (fd < 0)
		return err_set_errno(err,
		    errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		rc = err_set_errno(err, ERR_IO, errno, "%s", path);
	else
		rc = check_trusted(path, &st, max, err);
	if (rc < 0) {
		(void)close(fd); /* only read */
		return rc;
	}
	return fd;
}

int
file_open_trusted(const char *path, size_t max, struct err *err)
{
	return open_trusted_at(AT_FDCWD, path, path, max, err);
}

/* Reads to the end; the file may grow meanwhile, not above max. */
static int
read_all(struct buf *out, int fd, const char *path, size_t max, struct err *err)
{
	size_t before = out->len;

	for (;;) {
		ssize_t got;

		if (buf_reserve(out, READ_STEP) < 0)
			return err_set(
			    err, ERR_NOMEM, "%s: out of memory", path);
		got = read(fd, out->ptr + out->len, out->cap - out->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, ERR_IO, errno, "%s", path);
		if (got == 0)
			return 0;
		out->len += (size_t)got;
		if (out->len - before > max)
			return err_set(err, ERR_LIMIT,
			    "%s: larger than %zu bytes", path, max);
	}
}

int
file_read_trusted(
    struct buf *out, const char *path, size_t max, struct err *err)
{
	size_t before = out->len;
	int fd, rc;

	fd = file_open_trusted(path, max, err);
	if (fd < 0)
		return fd;
	rc = read_all(out, fd, path, max, err);
	if (rc < 0)
		out->len = before;
	(void)close(fd); /* only read */
	return rc;
}

/* Into the folder that name's first part is; the rest of name.  NULL: name is
 * the file itself, or *rc says what is wrong. */
static const char *
step_down(
    int *dir_fd, const char *name, const char *path, struct err *err, int *rc)
{
	const char *slash = strchr(name, '/');
	size_t len = slash != NULL ? (size_t)(slash - name) : strlen(name);
	char part[NAME_MAX + 1];
	int fd;

	*rc = 0;
	if (len == 0 || len >= sizeof part || (len == 1 && name[0] == '.')
	    || (len == 2 && name[0] == '.' && name[1] == '.')) {
		*rc = err_set(err, ERR_DENIED, "%s: not a path", path);
		return NULL;
	}
	if (slash == NULL)
		return NULL;
	memcpy(part, name, len);
	part[len] = '\0';
	fd = openat(
	    *dir_fd, part, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		*rc = err_set(err, ERR_DENIED,
		    "%s: leads through what is no folder, or a symbolic link",
		    path);
	else if (fd < 0)
		*rc = err_set_errno(err,
		    errno == ENOENT ? ERR_NOTFOUND : ERR_DENIED, errno, "%s",
		    path);
	(void)close(*dir_fd); /* only read */
	*dir_fd = fd;
	return fd < 0 ? NULL : slash + 1;
}

int
file_read_beneath(struct buf *out, const char *folder, const char *name,
    size_t max, struct err *err)
{
	size_t before = out->len;
	char path[PATH_MAX_LEN];
	int dir_fd, fd = -1, rc = 0;
	const char *next;

	if (snprintf(path, sizeof path, "%s/%s", folder, name)
	    >= (int)sizeof path)
		return err_set(err, ERR_LIMIT, "%s: path too long", name);
	dir_fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (dir_fd < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", folder);
	while ((next = step_down(&dir_fd, name, path, err, &rc)) != NULL)
		name = next;
	if (rc == 0)
		fd = rc = open_trusted_at(dir_fd, name, path, max, err);
	if (rc >= 0)
		rc = read_all(out, fd, path, max, err);
	if (rc < 0)
		out->len = before;
	if (fd >= 0)
		(void)close(fd); /* only read */
	if (dir_fd >= 0)
		(void)close(dir_fd); /* only read */
	return rc;
}

int
file_read_secret(struct buf *out, const char *path, size_t max, struct err *err)
{
	struct stat st;
	int fd, rc;

	fd = file_open_trusted(path, max, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		rc = err_set_errno(err, ERR_IO, errno, "%s", path);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		rc = err_set(err, ERR_DENIED,
		    "%s: others may read it (hint: chmod 600 %s)", path, path);
	else if (buf_reserve(out, max + 2 * READ_STEP) < 0)
		rc = err_set(err, ERR_NOMEM, "%s: out of memory", path);
	else
		rc = 0;
	if (rc == 0) /* never asks for more than that */
		rc = read_all(out, fd, path, max, err);
	(void)close(fd); /* only read */
	return rc;
}

int
file_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A rename is only durable once its folder is. */
static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX_LEN];
	int fd, rc;

	if (slash == NULL)
		(void)snprintf(folder, sizeof folder, ".");
	else
		(void)snprintf(folder, sizeof folder, "%.*s",
		    (int)(slash - path + 1), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	/* EINVAL: a file system that cannot sync folders. */
	rc = fsync(fd) < 0 && errno != EINVAL ? ERR_IO : 0;
	(void)close(fd); /* only synced */
	return rc;
}

static int
fill(int fd, struct str content, mode_t mode)
{
	int rc = 0;

	if (fchmod(fd, mode) < 0
	    || file_write_all(fd, content.ptr, content.len) < 0
	    || fsync(fd) < 0)
		rc = ERR_IO;
	if (close(fd) < 0)
		rc = ERR_IO;
	return rc;
}

int
file_replace(const char *path, struct str content, mode_t mode, struct err *err)
{
	char temp[PATH_MAX_LEN], unique[17];
	int fd, len;

	random_hex(unique, 8);
	len = snprintf(temp, sizeof temp, "%s.%s", path, unique);
	if (len < 0 || (size_t)len >= sizeof temp)
		return err_set(err, ERR_LIMIT, "path is too long");
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", path);
	if (fill(fd, content, mode) < 0 || rename(temp, path) < 0) {
		int errnum = errno;

		(void)unlink(temp); /* the first error is the one to tell */
		return err_set_errno(err, ERR_IO, errnum, "%s", path);
	}
	if (sync_folder(path) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s: folder", path);
	return 0;
}

static int
make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	int errnum;

	if (mkdir(path, mode) == 0)
		return 0;
	errnum = errno;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set_errno(
	    err, ERR_IO, errnum == EEXIST ? ENOTDIR : errnum, "%s", path);
}

int
file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX_LEN];
	size_t len = strlen(path);
	int rc;

	if (len == 0 || len >= sizeof part)
		return err_set(err, ERR_LIMIT, "path is empty or too long");
	memcpy(part, path, len + 1);
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/' || part[i - 1] == '/')
			continue;
		part[i] = '\0';
		rc = make_one(part, mode, err);
		part[i] = '/';
		if (rc < 0)
			return rc;
	}
	return make_one(path, mode, err);
}
