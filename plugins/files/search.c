/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines hold a text, in all files below a folder.  Bounded in every
 * direction; the answer says when a bound was met. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "files.h"

struct search {
	struct tp_call *call;
	struct tp_json_text *w;
	struct tp_str query;
	char *buf; /* FILES_SEARCH_FILE bytes, the call's */
	size_t names;
	size_t bytes;
	size_t files;
	size_t matches;
	int truncated;
	int status; /* ends the walk */
};

static void walk(struct search *s, int fd, const char *path, int depth);

/* A bound was met: the walk ends, and the answer says so. */
static int
full(struct search *s)
{
	if (s->names < FILES_SEARCH_NAMES && s->bytes < FILES_SEARCH_BYTES
	    && s->matches < FILES_SEARCH_MATCHES)
		return 0;
	s->truncated = 1;
	return 1;
}

static void
put_match(struct search *s, const char *path, size_t number, struct tp_str line)
{
	size_t shown =
	    line.len > FILES_SEARCH_LINE ? FILES_SEARCH_LINE : line.len;
	struct tp_str text = { line.ptr, utf8_prefix(line.ptr, shown) };

	s->matches++;
	tp_json_open(s->w, NULL, '{');
	tp_json_put_str(s->w, "path", tp_cstr(path));
	tp_json_put_int(s->w, "line", (int64_t)number);
	tp_json_put_str(s->w, "text", text);
	tp_json_close(s->w, '}');
}

static void
search_text(struct search *s, const char *path, const char *data, size_t len)
{
	const char *end = data + len;
	const char *counted = data;
	const char *hit;
	size_t number = 1;

	while (data < end && !full(s)) {
		struct tp_str line;

		hit = memmem(
		    data, (size_t)(end - data), s->query.ptr, s->query.len);
		if (hit == NULL)
			return;
		for (; counted < hit; counted++)
			number += *counted == '\n';
		line.ptr = hit;
		while (line.ptr > data && line.ptr[-1] != '\n')
			line.ptr--;
		hit = memchr(hit, '\n', (size_t)(end - hit));
		data = hit != NULL ? hit + 1 : end;
		line.len = (size_t)((hit != NULL ? hit : end) - line.ptr);
		put_match(s, path, number, line);
	}
}

/* The first part of a file, when it is text.  Takes fd. */
static void
search_file(struct search *s, int fd, const char *path)
{
	size_t got = 0;
	ssize_t n;

	while (got < FILES_SEARCH_FILE) {
		n = read(fd, s->buf + got, FILES_SEARCH_FILE - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	(void)close(fd);
	s->bytes += got;
	s->files++;
	if (memchr(s->buf, '\0', got) == NULL)
		search_text(s, path, s->buf, got);
}

/* Takes fd. */
static void
visit(struct search *s, int fd, const char *path, int depth)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		if (depth < FILES_SEARCH_DEPTH) {
			walk(s, fd, path, depth + 1);
			return;
		}
		s->truncated = 1;
	} else if (S_ISREG(st.st_mode)) {
		search_file(s, fd, path);
		return;
	}
	(void)close(fd);
}

static void
visit_name(struct search *s, int dirfd, const char *folder, const char *name,
    int depth)
{
	char *path;
	int fd;

	s->names++;
	fd = open_beneath(dirfd, name, O_RDONLY);
	if (fd < 0)
		return; /* gone, forbidden, or a link */
	path = path_join(s->call, folder, name);
	if (path == NULL) {
		(void)close(fd);
		s->status = TP_ENOMEM;
		return;
	}
	visit(s, fd, path, depth);
}

/* In the order of names, so that the same tree gives the same answer. */
static void
walk(struct search *s, int fd, const char *path, int depth)
{
	struct names n;
	DIR *dir = fdopendir(fd);
	size_t i;

	if (dir == NULL) {
		(void)close(fd);
		s->status = TP_ENOMEM;
		return;
	}
	s->status = names_read(&n, dir, FILES_SEARCH_NAMES);
	s->truncated |= n.truncated;
	for (i = 0; i < n.len && s->status == TP_OK && !full(s); i++) {
		if (tp_cancelled(s->call))
			s->status = TP_ECANCELLED;
		else
			visit_name(s, dirfd(dir), path, n.at[i], depth);
	}
	names_free(&n);
	(void)closedir(dir);
}

static void
search_roots(struct search *s, const struct files *f)
{
	size_t i;

	for (i = 0; i < f->roots_len && s->status == TP_OK; i++) {
		int fd = open_beneath(f->roots[i].fd, ".", O_RDONLY);

		if (fd >= 0)
			visit(s, fd, f->roots[i].path, 0);
	}
}

static int
search_place(struct search *s, const struct files *f, struct tp_str path)
{
	struct place p;
	int fd;
	int rc = place_find(s->call, f, path, &p);

	if (rc != TP_OK)
		return rc;
	fd = open_beneath(p.root->fd, p.rel, O_RDONLY);
	if (fd < 0)
		return place_missing(s->call);
	visit(s, fd, p.path, 0);
	return TP_OK;
}

int
files_search(struct tp_call *call, void *state)
{
	const struct files *f = state;
	struct tp_json_text w = tp_json_begin(call);
	struct tp_str path = tp_arg_str(call, "path", "");
	struct search s;
	int rc = TP_OK;

	memset(&s, 0, sizeof s);
	s.call = call;
	s.w = &w;
	s.query = tp_arg_str(call, "query", "");
	if (s.query.len == 0 || memchr(s.query.ptr, '\n', s.query.len) != NULL)
		return tp_fail(call, TP_EPARAMS,
		    "query: must be a part of one line, not empty");
	s.buf = call->host->alloc(call, FILES_SEARCH_FILE);
	if (s.buf == NULL)
		return TP_ENOMEM;
	tp_json_open(&w, NULL, '{');
	tp_json_open(&w, "matches", '[');
	if (path.len == 0 && f->roots_len > 0)
		search_roots(&s, f);
	else
		rc = search_place(&s, f, path);
	if (rc == TP_OK)
		rc = s.status;
	if (rc != TP_OK)
		return rc;
	tp_json_close(&w, ']');
	tp_json_put_int(&w, "files", (int64_t)s.files);
	tp_json_put_bool(&w, "truncated", s.truncated);
	tp_json_close(&w, '}');
	return tp_json_answer(&w);
}
