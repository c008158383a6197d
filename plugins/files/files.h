/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files below folders that the operator named.
 *
 * Every path that a client gives is opened by the kernel from a descriptor
 * of its root (openat2, beneath, no links): there is no check that could be
 * overtaken by a rename.  Missing, forbidden and outside are one answer. */
#ifndef FILES_H
#define FILES_H

#include <dirent.h>
#include <sys/stat.h>
#include <toolpost/json.h>
#include <toolpost/plugin.h>

#define FILES_ROOTS_MAX 32
#define FILES_PATH_MAX 4096
#define FILES_RETRIES 8 /* openat2 met a rename */
#define FILES_READ_DEFAULT (64 << 10) /* one files_read, no limit given */
#define FILES_READ_MAX (1 << 20) /* one files_read */
#define FILES_RESOURCE_MAX (4 << 20) /* one file as a resource */
#define FILES_LIST_MAX 1000 /* names of one folder */
#define FILES_SEARCH_DEPTH 16
#define FILES_SEARCH_NAMES 20000 /* looked at in one search */
#define FILES_SEARCH_FILE (1 << 20) /* the part of a file that is read */
#define FILES_SEARCH_BYTES (64 << 20) /* read in one search */
#define FILES_SEARCH_MATCHES 100
#define FILES_SEARCH_LINE 200 /* bytes of a line that are shown */

struct root {
	char *path; /* as configured, without a slash at its end */
	size_t len;
	int fd;
};

struct files {
	struct tp_plugin *plugin;
	size_t roots_len;
	struct root roots[FILES_ROOTS_MAX];
};

/* A place below a root, by its name alone: nothing has been opened. */
struct place {
	const struct root *root;
	const char *rel; /* below the root; "." is the root itself */
	const char *path; /* the whole of it, NUL-terminated */
};

/* path.c */

/* Non-zero when the text is UTF-8 without NUL, controls and backslashes. */
int name_is_plain(const char *ptr, size_t len);
/* The length of the UTF-8 at the start of data; equal to len when all is. */
size_t utf8_prefix(const char *data, size_t len);
/* TP_OK, or a failure that has been set on the call. */
int place_find(struct tp_call *call, const struct files *f, struct tp_str path,
    struct place *out);
int place_find_uri(struct tp_call *call, const struct files *f,
    struct tp_str uri, struct place *out);
/* The one answer for missing, forbidden and outside. */
int place_missing(struct tp_call *call);
/* Opens below a descriptor; -1 for whatever reason. */
int open_beneath(int dirfd, const char *rel, int flags);
/* file:///...; ptr NULL when memory is out. */
struct tp_str path_uri(struct tp_call *call, const char *path);
/* root/rel/name; NULL when memory is out. */
char *path_join(struct tp_call *call, const char *folder, const char *name);

/* names.c: the names in a folder that a client could send back, sorted. */

struct names {
	char **at;
	size_t len;
	size_t room;
	int truncated; /* there are more than were wanted */
};

int names_read(struct names *n, DIR *dir, size_t max);
void names_free(struct names *n);

/* list.c */

/* Takes fd. */
int list_folder(struct tp_call *call, const struct place *p, int fd,
    struct tp_json_text *w);
int list_roots(
    struct tp_call *call, const struct files *f, struct tp_json_text *w);
tp_call_fn files_list;
tp_call_fn files_roots;

/* read.c */
tp_call_fn files_read;
tp_call_fn files_resource;

/* search.c */
tp_call_fn files_search;

#endif
