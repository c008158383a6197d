/* SPDX-License-Identifier: Apache-2.0 */
/* Copying a module, and noticing that it changed while we did. */
#include "plugin/copy.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "plugin/manager.h"

#define COPY_CHUNK ((size_t)64 * 1024)

void
plugin_file_id_of(struct plugin_file_id *id, const struct stat *st)
{
	memset(id, 0, sizeof *id);
	id->dev = st->st_dev;
	id->ino = st->st_ino;
	id->size = st->st_size;
	id->changed = st->st_ctim;
	id->modified = st->st_mtim;
}

void
plugin_file_id_look(struct plugin_file_id *id, const char *path)
{
	struct stat st;

	if (path != NULL && lstat(path, &st) == 0) {
		plugin_file_id_of(id, &st);
		return;
	}
	memset(id, 0, sizeof *id);
	id->size = -1;
}

static bool
time_equal(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
plugin_file_id_equal(
    const struct plugin_file_id *a, const struct plugin_file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size
	    && time_equal(a->changed, b->changed)
	    && time_equal(a->modified, b->modified);
}

bool
plugin_file_id_is_young(const struct plugin_file_id *id)
{
	struct timespec now;

	if (id->size < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	/* The time of change alone: nobody can set that one. */
	return now.tv_sec < id->changed.tv_sec
	    || now.tv_sec - id->changed.tv_sec < 1
	    || (now.tv_sec - id->changed.tv_sec == 1
		&& now.tv_nsec < id->changed.tv_nsec);
}

bool
plugin_file_digest(
    const char *path, unsigned char sha256[static CRYPTO_SHA256_LEN])
{
	struct buf bytes;
	bool ok;

	buf_init(&bytes);
	ok = file_read_trusted(&bytes, path, PLUGIN_FILE_MAX, NULL) == 0
	    && crypto_sha256(buf_view(&bytes), sha256) == 0;
	buf_finish(&bytes);
	return ok;
}

/* Copies until the end, at most PLUGIN_FILE_MAX. */
static int
pump(int from, int to, const char *source, struct err *err)
{
	char *chunk = malloc(COPY_CHUNK);
	size_t total = 0;
	int rc = 0;

	if (chunk == NULL)
		return err_set(err, ERR_NOMEM, "%s: out of memory", source);
	for (;;) {
		ssize_t got = read(from, chunk, COPY_CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = err_set_errno(err, ERR_IO, errno, "%s", source);
		if (got <= 0)
			break;
		total += (size_t)got;
		if (total > PLUGIN_FILE_MAX) {
			rc = err_set(err, ERR_AGAIN, "%s: it grows", source);
			break;
		}
		if (file_write_all(to, chunk, (size_t)got) < 0) {
			rc = err_set_errno(err, ERR_IO, errno,
			    "the private copy of %s could not be written",
			    source);
			break;
		}
	}
	free(chunk);
	return rc;
}

/* Same content before and after, or it was caught in the middle. */
static int
copy_bytes(struct plugin_copy *c, int from, int to, const char *source,
    struct err *err)
{
	struct plugin_file_id after;
	struct stat st;
	int rc;

	if (fstat(from, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", source);
	plugin_file_id_of(&c->id, &st);
	rc = pump(from, to, source, err);
	if (rc < 0)
		return rc;
	if (fstat(from, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", source);
	plugin_file_id_of(&after, &st);
	/* A new name or link changes ctime alone: that is a change too. */
	if (!plugin_file_id_equal(&c->id, &after))
		return err_set(
		    err, ERR_AGAIN, "%s: changed while it was read", source);
	return 0;
}

static int
copy_map(struct plugin_copy *c, int fd, struct err *err)
{
	size_t len = (size_t)c->id.size;
	void *map;

	if (len == 0)
		return err_set(
		    err, ERR_SYNTAX, "the file is empty (hint: copy it again)");
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_set_errno(err, ERR_IO, errno, "%s", c->path);
	c->bytes.ptr = map;
	c->bytes.len = len;
	if (crypto_sha256(c->bytes, c->sha256) < 0)
		return err_set(err, ERR_INTERNAL, "%s: no digest", c->path);
	return 0;
}

static int
copy_create(struct plugin_copy *c, const char *dir, struct str name,
    unsigned number, struct err *err)
{
	size_t size = strlen(dir) + name.len + 32;
	int fd;

	c->path = malloc(size);
	if (c->path == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	(void)snprintf(c->path, size, "%s/%.*s.%u.so", dir, STR_FMT(name),
	    number); /* it fits */
	fd = open(
	    c->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0) {
		fd = err_set_errno(err, errno == EEXIST ? ERR_EXISTS : ERR_IO,
		    errno, "%s", c->path);
		free(c->path);
		c->path = NULL;
	}
	return fd;
}

int
plugin_copy_make(struct plugin_copy *c, const char *source, const char *dir,
    struct str name, unsigned number, struct err *err)
{
	int from, to, rc;

	memset(c, 0, sizeof *c);
	from = file_open_trusted(source, PLUGIN_FILE_MAX, err);
	if (from < 0)
		return from;
	to = copy_create(c, dir, name, number, err);
	if (to < 0) {
		(void)close(from); /* only read */
		return to;
	}
	rc = copy_bytes(c, from, to, source, err);
	if (rc == 0)
		rc = copy_map(c, to, err);
	(void)close(from); /* only read */
	if (close(to) < 0 && rc == 0)
		rc = err_set_errno(err, ERR_IO, errno, "%s", c->path);
	if (rc < 0)
		plugin_copy_finish(c);
	return rc;
}

void
plugin_copy_keep(struct plugin_copy *c)
{
	free(c->path);
	c->path = NULL;
}

void
plugin_copy_share(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = strndup(path, (size_t)(slash - path));

	if (dir != NULL)
		(void)chmod(dir, 0711);
	(void)chmod(path, 0444);
	free(dir);
}

void
plugin_copy_finish(struct plugin_copy *c)
{
	if (c->bytes.ptr != NULL)
		CHECK(
		    munmap((void *)(uintptr_t)c->bytes.ptr, c->bytes.len) == 0);
	if (c->path != NULL)
		(void)unlink(c->path); /* the name is never used again */
	free(c->path);
	c->path = NULL;
	c->bytes = STR_NONE;
}
