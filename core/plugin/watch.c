/* SPDX-License-Identifier: Apache-2.0 */
/* inotify on the folders of plugins. */
#include "plugin/watch.h"

#include <sys/inotify.h>

#include <dirent.h>
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

#define WATCH_MAGIC 0x57415443u
#define FOLDERS_MAX 4096
/* What is written in place, moved in or out, and new or lost folders. */
#define EVENTS \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE \
	    | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

struct plugin_watch {
	uint32_t magic;
	int fd;
	struct loop_io io;
	void (*fn)(void *arg);
	void *arg;
	size_t folders;
};

/* A created file says more when it is closed; a folder says nothing more. */
static bool
counts(const struct inotify_event *e)
{
	if ((e->mask & IN_IGNORED) != 0)
		return false;
	if ((e->mask & IN_Q_OVERFLOW) != 0)
		return true; /* lost events: the scan will see */
	if ((e->mask & IN_CREATE) != 0)
		return (e->mask & IN_ISDIR) != 0;
	return true;
}

static void
readable(void *arg, unsigned events)
{
	struct plugin_watch *w =
	    OBJ_CAST(arg, struct plugin_watch, WATCH_MAGIC);
	alignas(struct inotify_event) char bytes[4096];
	bool told = false;
	ssize_t got;

	(void)events;
	while ((got = read(w->fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *e =
			    (const void *)(bytes + at);

			told = counts(e) || told;
			at += (ssize_t)(sizeof *e + e->len);
		}
	}
	if (told)
		w->fn(w->arg);
}

struct plugin_watch *
plugin_watch_create(
    struct loop *l, void (*fn)(void *arg), void *arg, struct err *err)
{
	struct plugin_watch *w = calloc(1, sizeof *w);

	if (w == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(w, WATCH_MAGIC);
	w->fn = fn;
	w->arg = arg;
	loop_io_init(&w->io);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		(void)err_set_errno(err, ERR_IO, errno,
		    "plugin folders cannot be watched (raise "
		    "fs.inotify.max_user_instances)");
		free(w);
		return NULL;
	}
	if (loop_io_start(&w->io, l, w->fd, LOOP_READ, readable, w) < 0) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		plugin_watch_destroy(w);
		return NULL;
	}
	return w;
}

/* Adding a watched folder again changes nothing. */
static bool
watch_one(struct plugin_watch *w, const char *dir)
{
	if (w->folders == FOLDERS_MAX)
		return false;
	w->folders++;
	if (inotify_add_watch(w->fd, dir, EVENTS | IN_ONLYDIR) >= 0)
		return true;
	if (errno != ENOENT && errno != ENOTDIR)
		LOG_WARN("plugin folder not watched", F_CSTR("dir", dir),
		    F_CSTR("reason", strerror(errno)));
	return false;
}

void
plugin_watch_folders(struct plugin_watch *w, char *const *dirs, size_t dirs_len)
{
	w->folders = 0;
	for (size_t i = 0; i < dirs_len; i++) {
		struct dirent *e;
		char path[4096];
		DIR *d;

		if (!watch_one(w, dirs[i]))
			continue;
		d = opendir(dirs[i]);
		/* cppcheck-suppress readdirCalled ; its stream is this thread's
		 * own */
		while (d != NULL && (e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.' || e->d_type == DT_REG
			    || snprintf(path, sizeof path, "%s/%s", dirs[i],
				   e->d_name)
				>= (int)sizeof path)
				continue;
			(void)watch_one(w, path); /* the rescan remains */
		}
		if (d != NULL)
			(void)closedir(d); /* only read */
	}
}

void
plugin_watch_file(struct plugin_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];

	if (slash == NULL
	    || snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path)
		>= (int)sizeof dir)
		return;
	(void)watch_one(w, dir); /* the rescan remains */
}

void
plugin_watch_destroy(struct plugin_watch *w)
{
	if (w == NULL)
		return;
	loop_io_stop(&w->io);
	(void)close(w->fd); /* nothing is written */
	OBJ_WIPE(w);
	free(w);
}
