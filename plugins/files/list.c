/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder holds. */
#include <fcntl.h>
#include <unistd.h>

#include "files.h"

static int
put_entry(struct tp_call *call, struct tp_json_text *w, const char *path,
    const char *name, const struct stat *st)
{
	int folder = S_ISDIR(st->st_mode);
	struct tp_str uri = path_uri(call, path);

	if (uri.ptr == NULL)
		return TP_ENOMEM;
	tp_json_open(w, NULL, '{');
	tp_json_put_str(w, "name", tp_cstr(name));
	tp_json_put_str(w, "type", tp_cstr(folder ? "folder" : "file"));
	if (!folder)
		tp_json_put_int(w, "size", st->st_size);
	tp_json_put_str(w, "path", tp_cstr(path));
	tp_json_put_str(w, "uri", uri);
	tp_json_close(w, '}');
	return w->status;
}

static int
put_names(struct tp_call *call, const struct names *n, const struct place *p,
    int fd, struct tp_json_text *w)
{
	struct stat st;
	size_t i;
	int rc;

	for (i = 0; i < n->len; i++) {
		char *path;

		if (fstatat(fd, n->at[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* it has gone meanwhile */
		/* Links, devices and the like cannot be read: not shown. */
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			continue;
		path = path_join(call, p->path, n->at[i]);
		if (path == NULL)
			return TP_ENOMEM;
		rc = put_entry(call, w, path, n->at[i], &st);
		if (rc != TP_OK)
			return rc;
	}
	return TP_OK;
}

int
list_folder(
    struct tp_call *call, const struct place *p, int fd, struct tp_json_text *w)
{
	struct names n;
	DIR *dir = fdopendir(fd);
	int rc;

	if (dir == NULL) {
		(void)close(fd);
		return TP_ENOMEM;
	}
	rc = names_read(&n, dir, FILES_LIST_MAX);
	if (rc == TP_OK) {
		tp_json_open(w, NULL, '{');
		tp_json_put_str(w, "path", tp_cstr(p->path));
		tp_json_open(w, "entries", '[');
		rc = put_names(call, &n, p, dirfd(dir), w);
		tp_json_close(w, ']');
		tp_json_put_bool(w, "truncated", n.truncated);
		tp_json_close(w, '}');
	}
	names_free(&n);
	(void)closedir(dir);
	return rc;
}

int
list_roots(struct tp_call *call, const struct files *f, struct tp_json_text *w)
{
	struct stat st;
	size_t i;
	int rc = TP_OK;

	tp_json_open(w, NULL, '{');
	tp_json_put_str(w, "path", tp_cstr(""));
	tp_json_open(w, "entries", '[');
	for (i = 0; i < f->roots_len && rc == TP_OK; i++) {
		const char *path = f->roots[i].len > 0 ? f->roots[i].path : "/";

		if (fstat(f->roots[i].fd, &st) < 0)
			continue;
		rc =
		    put_entry(call, w, path[0] != '\0' ? path : "/", path, &st);
	}
	tp_json_close(w, ']');
	tp_json_put_bool(w, "truncated", 0);
	tp_json_close(w, '}');
	return rc;
}

int
files_list(struct tp_call *call, void *state)
{
	const struct files *f = state;
	struct tp_json_text w = tp_json_begin(call);
	struct tp_str path = tp_arg_str(call, "path", "");
	struct place p;
	int fd, rc;

	if (f->roots_len > 0 && path.len == 0) {
		rc = list_roots(call, f, &w);
		return rc == TP_OK ? tp_json_answer(&w) : rc;
	}
	rc = place_find(call, f, path, &p);
	if (rc != TP_OK)
		return rc;
	fd = open_beneath(p.root->fd, p.rel, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return place_missing(call);
	rc = list_folder(call, &p, fd, &w);
	return rc == TP_OK ? tp_json_answer(&w) : rc;
}

int
files_roots(struct tp_call *call, void *state)
{
	struct tp_json_text w = tp_json_begin(call);
	int rc = list_roots(call, state, &w);

	if (rc == TP_OK)
		rc = w.status;
	return rc == TP_OK ? tp_text(call, tp_json_str(&w)) : rc;
}
