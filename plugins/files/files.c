/* SPDX-License-Identifier: Apache-2.0 */
/* The roots, opened once, and the table of entries. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"

static void
files_destroy(struct files *f)
{
	size_t i;

	for (i = 0; i < f->roots_len; i++) {
		(void)close(f->roots[i].fd);
		free(f->roots[i].path);
	}
	free(f);
}

/* A root may be reached by links: it is the operator's word. */
static int
root_add(struct files *f, struct tp_str path)
{
	struct root *r = &f->roots[f->roots_len];
	int probe;

	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	if (path.len == 1)
		path.len = 0; /* "/": every path begins with it */
	r->len = path.len;
	r->path = malloc(path.len + 1);
	if (r->path == NULL)
		return TP_ENOMEM;
	memcpy(r->path, path.ptr, path.len);
	r->path[path.len] = '\0';
	r->fd = open(
	    path.len > 0 ? r->path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0) {
		tp_logf(f->plugin, TP_ERROR, "root %s: %s", r->path,
		    strerror(errno));
		free(r->path);
		return TP_EPARAMS;
	}
	f->roots_len++;
	probe = open_beneath(r->fd, ".", O_RDONLY | O_DIRECTORY);
	if (probe < 0) {
		tp_logf(f->plugin, TP_ERROR, "root %s: openat2: %s%s", r->path,
		    strerror(errno),
		    errno == ENOSYS ? " (needs Linux 5.6 or newer)" : "");
		return errno == ENOSYS ? TP_ENOTSUP : TP_EPARAMS;
	}
	(void)close(probe);
	return TP_OK;
}

static int
roots_read(struct files *f, const struct tp_json *config)
{
	const struct tp_host *h = f->plugin->host;
	const struct tp_json *roots = h->json_get(config, "roots");
	size_t len = h->json_len(roots);
	size_t i;
	int rc = TP_OK;

	if (len > FILES_ROOTS_MAX) {
		tp_logf(f->plugin, TP_ERROR, "roots: more than %d",
		    FILES_ROOTS_MAX);
		return TP_EPARAMS;
	}
	for (i = 0; i < len && rc == TP_OK; i++) {
		struct tp_str path = h->json_str(h->json_at(roots, i));

		if (path.len == 0 || path.len > FILES_PATH_MAX
		    || path.ptr[0] != '/'
		    || !name_is_plain(path.ptr, path.len)) {
			tp_logf(f->plugin, TP_ERROR,
			    "roots[%zu]: must be an absolute path", i);
			return TP_EPARAMS;
		}
		rc = root_add(f, path);
	}
	return rc;
}

static int
load(struct tp_plugin *plugin, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct files *f = calloc(1, sizeof *f);
	int rc;

	(void)previous;
	if (f == NULL)
		return TP_ENOMEM;
	f->plugin = plugin;
	rc = roots_read(f, config);
	if (rc != TP_OK) {
		files_destroy(f);
		return rc;
	}
	if (f->roots_len == 0)
		tp_log(plugin, TP_WARN,
		    "no roots are configured: nothing "
		    "can be read");
	*state = f;
	return TP_OK;
}

static void
unload(struct tp_plugin *plugin, void *state)
{
	(void)plugin;
	files_destroy(state);
}

static const struct tp_entry entries[] = {
	TP_TOOL("files_list", files_list),
	TP_TOOL("files_read", files_read),
	TP_TOOL("files_search", files_search),
	TP_RESOURCE("files://roots", files_roots),
	TP_RESOURCE("file:///{+path}", files_resource),
};

TP_PLUGIN_STATE("files", "1.0.0", entries, TP_CLOSABLE, load, NULL, unload);
