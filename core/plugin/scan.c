/* SPDX-License-Identifier: Apache-2.0 */
/* Reading folders for <name>.yaml and <name>/<name>.yaml. */
#include "plugin/scan.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/manager.h"

#define SUFFIX ".yaml"

struct names {
	char **items; /* owned */
	size_t len;
	size_t cap;
};

static int
names_add(struct names *n, const char *name)
{
	if (n->len == n->cap) {
		size_t cap = n->cap == 0 ? 32 : n->cap * 2;
		char **bigger = realloc(n->items, cap * sizeof *bigger);

		if (bigger == NULL)
			return ERR_NOMEM;
		n->items = bigger;
		n->cap = cap;
	}
	n->items[n->len] = strdup(name);
	return n->items[n->len] != NULL ? (n->len++, 0) : ERR_NOMEM;
}

static void
names_finish(struct names *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->items[i]);
	free(n->items);
}

static int
name_order(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Names without a dot in front, sorted. */
static int
names_read(struct names *n, const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	memset(n, 0, sizeof *n);
	if (d == NULL)
		return err_set_errno(err,
		    errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s", dir);
	/* cppcheck-suppress readdirCalled ; its stream is this thread's own */
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (n->len == PLUGIN_MANIFESTS_MAX)
			rc = err_set(err, ERR_LIMIT, "%s: more than %d files",
			    dir, PLUGIN_MANIFESTS_MAX);
		else if (names_add(n, e->d_name) < 0)
			rc = err_set(err, ERR_NOMEM, "%s: out of memory", dir);
	}
	(void)closedir(d); /* only read */
	if (n->len > 0)
		qsort(n->items, n->len, sizeof *n->items, name_order);
	return rc;
}

static bool
is_of_mode(const char *path, mode_t type, bool follow)
{
	struct stat st;
	int rc = follow ? stat(path, &st) : lstat(path, &st);

	return rc == 0 && (st.st_mode & S_IFMT) == type;
}

/* A symbolic link is told too: reading it says why it is refused. */
static int
find_in(const char *dir, const char *name,
    int (*fn)(void *arg, const char *path), void *arg)
{
	char path[4096];

	if (str_ends(str_of(name), S(SUFFIX))) {
		if (snprintf(path, sizeof path, "%s/%s", dir, name)
			>= (int)sizeof path
		    || is_of_mode(path, S_IFDIR, true))
			return 0;
		return fn(arg, path);
	}
	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path
	    || !is_of_mode(path, S_IFDIR, true))
		return 0;
	if (snprintf(path, sizeof path, "%s/%s/%s" SUFFIX, dir, name, name)
		>= (int)sizeof path
	    || !(is_of_mode(path, S_IFREG, false)
		|| is_of_mode(path, S_IFLNK, false)))
		return 0;
	return fn(arg, path);
}

int
plugin_find_manifests(const char *dir, int (*fn)(void *arg, const char *path),
    void *arg, struct err *err)
{
	struct names names;
	int rc = names_read(&names, dir, err);

	for (size_t i = 0; rc == 0 && i < names.len; i++)
		rc = find_in(dir, names.items[i], fn, arg);
	names_finish(&names);
	return rc;
}

static int
found_add(void *arg, const char *path)
{
	struct plugin_found *f = arg;
	struct plugin_found_item *item;
	const char *slash;

	if (f->len == f->cap) {
		size_t cap = f->cap == 0 ? 32 : f->cap * 2;
		struct plugin_found_item *bigger =
		    realloc(f->items, cap * sizeof *bigger);

		if (bigger == NULL)
			return ERR_NOMEM;
		f->items = bigger;
		f->cap = cap;
	}
	item = &f->items[f->len];
	item->path = strdup(path);
	if (item->path == NULL)
		return ERR_NOMEM;
	slash = strrchr(item->path, '/');
	item->name = str_of(slash != NULL ? slash + 1 : item->path);
	item->name.len -= sizeof SUFFIX - 1;
	item->dir = f->dir;
	f->len++;
	return 0;
}

static int
found_order(const void *a, const void *b)
{
	const struct plugin_found_item *x = a, *y = b;
	int order = str_compare(x->name, y->name);

	if (order == 0)
		order = x->dir < y->dir ? -1 : x->dir > y->dir ? 1 : 0;
	return order != 0 ? order : strcmp(x->path, y->path);
}

void
plugin_found_read(struct plugin_found *f, char *const *dirs, size_t dirs_len)
{
	struct err err;

	memset(f, 0, sizeof *f);
	for (f->dir = 0; f->dir < dirs_len; f->dir++) {
		int rc =
		    plugin_find_manifests(dirs[f->dir], found_add, f, &err);

		if (rc == 0 || rc == ERR_NOTFOUND)
			continue;
		f->fault = rc;
		LOG_WARN("plugin folder not read", F_CSTR("dir", dirs[f->dir]),
		    F_CSTR("reason",
			rc == ERR_NOMEM ? "out of memory" : err.text));
	}
	if (f->len > 0)
		qsort(f->items, f->len, sizeof *f->items, found_order);
}

void
plugin_found_finish(struct plugin_found *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->items[i].path);
	free(f->items);
	memset(f, 0, sizeof *f);
}
