/* SPDX-License-Identifier: Apache-2.0 */
/* What a file holds: a part of it for the tool, all of it as a resource. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "files.h"

/* clang-format off */
static const struct {
	const char *suffix;
	const char *mime;
} mimes[] = {
	{ ".c", "text/x-c" }, { ".css", "text/css" }, { ".csv", "text/csv" },
	{ ".gif", "image/gif" }, { ".h", "text/x-c" }, { ".html", "text/html" },
	{ ".jpeg", "image/jpeg" }, { ".jpg", "image/jpeg" },
	{ ".js", "text/javascript" }, { ".json", "application/json" },
	{ ".md", "text/markdown" }, { ".pdf", "application/pdf" },
	{ ".png", "image/png" }, { ".py", "text/x-python" },
	{ ".sh", "text/x-shellscript" }, { ".svg", "image/svg+xml" },
	{ ".wav", "audio/wav" }, { ".xml", "application/xml" },
	{ ".yaml", "application/yaml" }, { ".yml", "application/yaml" },
};
/* clang-format on */

static const char *
mime_of(const char *path, int binary)
{
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot != NULL && i < sizeof mimes / sizeof mimes[0]; i++)
		if (strcmp(dot, mimes[i].suffix) == 0)
			return mimes[i].mime;
	return binary ? "application/octet-stream" : "text/plain";
}

/* Up to len bytes from offset; fewer only at the end.  -1: it failed. */
static ssize_t
read_at(int fd, char *to, size_t len, off_t offset)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, to + got, len - got, offset + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Regular files and folders only; whatever else there is does not exist. */
static int
open_readable(const struct place *p, struct stat *st)
{
	int fd = open_beneath(p->root->fd, p->rel, O_RDONLY);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0
	    && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
		return fd;
	(void)close(fd);
	return -1;
}

static int
is_text(struct tp_str s)
{
	return (s.len == 0 || memchr(s.ptr, '\0', s.len) == NULL)
	    && utf8_prefix(s.ptr, s.len) == s.len;
}

/* A part may begin and end inside a character: the halves are dropped, unless
 * the rest is no text either.  Gives the bytes dropped at the front. */
static size_t
trim_to_text(struct tp_str *s, int at_start, int at_end)
{
	struct tp_str t = *s;
	size_t front = 0, whole;

	while (!at_start && front < 3 && front < t.len
	    && ((unsigned char)t.ptr[front] & 0xc0) == 0x80)
		front++;
	t.ptr += front;
	t.len -= front;
	whole = utf8_prefix(t.ptr, t.len);
	if (!at_end && t.len - whole < 4)
		t.len = whole;
	if (t.len == 0 || !is_text(t))
		return 0;
	*s = t;
	return front;
}

static int
answer_part(struct tp_call *call, const struct place *p, struct tp_str part,
    int64_t offset, int64_t size)
{
	int64_t end;
	int rc;

	offset += (int64_t)trim_to_text(
	    &part, offset == 0, offset + (int64_t)part.len >= size);
	end = offset + (int64_t)part.len;
	if (is_text(part)) {
		rc = tp_text(call, part);
	} else {
		struct tp_str uri = path_uri(call, p->path);

		if (uri.ptr == NULL)
			return TP_ENOMEM;
		rc = tp_embed(call, uri, mime_of(p->path, 1), part, TP_BINARY);
	}
	if (rc != TP_OK || (offset == 0 && end >= size))
		return rc;
	if (end >= size)
		return tp_textf(call, "[bytes %lld to %lld, the end]",
		    (long long)offset, (long long)end);
	return tp_textf(call,
	    "[bytes %lld to %lld of %lld; go on with "
	    "offset %lld]",
	    (long long)offset, (long long)end, (long long)size, (long long)end);
}

int
files_read(struct tp_call *call, void *state)
{
	int64_t offset = tp_arg_int(call, "offset", 0);
	int64_t limit = tp_arg_int(call, "limit", FILES_READ_DEFAULT);
	struct tp_str part;
	struct place p;
	struct stat st;
	ssize_t got;
	char *buf;
	int fd, rc;

	if (offset < 0 || limit < 1 || limit > FILES_READ_MAX)
		return tp_failf(call, TP_EPARAMS,
		    "offset must be at least 0, "
		    "limit from 1 to %d",
		    FILES_READ_MAX);
	rc = place_find(call, state, tp_arg_str(call, "path", ""), &p);
	if (rc != TP_OK)
		return rc;
	fd = open_readable(&p, &st);
	if (fd < 0)
		return place_missing(call);
	if (S_ISDIR(st.st_mode)) {
		rc =
		    tp_fail(call, TP_EFAIL, "path is a folder: use files_list");
		goto out;
	}
	rc = TP_ENOMEM;
	buf = call->host->alloc(call, (size_t)limit);
	if (buf == NULL)
		goto out;
	rc = TP_EFAIL;
	got = read_at(fd, buf, (size_t)limit, (off_t)offset);
	if (got < 0)
		goto out;
	part.ptr = buf;
	part.len = (size_t)got;
	rc = answer_part(call, &p, part, offset, (int64_t)st.st_size);
out:
	(void)close(fd);
	return rc;
}

static int
answer_whole(
    struct tp_call *call, const struct place *p, int fd, const struct stat *st)
{
	struct tp_content c = tp_block(TP_TEXT, tp_cstr(NULL));
	size_t room = (size_t)st->st_size;
	ssize_t got;
	char *buf;

	if (st->st_size > FILES_RESOURCE_MAX)
		return tp_failf(call, TP_EFAIL,
		    "larger than %d bytes: use "
		    "files_read",
		    FILES_RESOURCE_MAX);
	buf = call->host->alloc(call, room + 1);
	if (buf == NULL)
		return TP_ENOMEM;
	/* A file that grows meanwhile is cut at the size that was seen. */
	got = read_at(fd, buf, room, 0);
	if (got < 0)
		return TP_EFAIL;
	c.data.ptr = buf;
	c.data.len = (size_t)got;
	if (!is_text(c.data))
		c.flags = TP_BINARY;
	c.mime = tp_cstr(mime_of(p->path, c.flags != 0));
	return call->host->content(call, &c);
}

static int
answer_folder(struct tp_call *call, const struct place *p, int fd)
{
	struct tp_json_text w = tp_json_begin(call);
	struct tp_content c;
	int rc = list_folder(call, p, fd, &w);

	if (rc == TP_OK)
		rc = w.status;
	if (rc != TP_OK)
		return rc;
	c = tp_block(TP_TEXT, tp_json_str(&w));
	c.mime = tp_cstr("application/json");
	return call->host->content(call, &c);
}

int
files_resource(struct tp_call *call, void *state)
{
	struct place p;
	struct stat st;
	int fd;
	int rc = place_find_uri(call, state, call->host->name(call), &p);

	if (rc != TP_OK)
		return rc;
	fd = open_readable(&p, &st);
	if (fd < 0)
		return place_missing(call);
	if (S_ISDIR(st.st_mode))
		return answer_folder(call, &p, fd); /* takes fd */
	rc = answer_whole(call, &p, fd, &st);
	(void)close(fd);
	return rc;
}
