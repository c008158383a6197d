/* SPDX-License-Identifier: Apache-2.0 */
/* From what a client wrote to an open descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

int
place_missing(struct tp_call *call)
{
	return tp_fail(call, TP_ENOTFOUND, "no such file below the roots");
}

/* The length of the sequence at p; 0: none begins here or it is cut. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (left < n)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogate, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)
	    || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

size_t
utf8_prefix(const char *data, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		n = utf8_len((const unsigned char *)data + at, len - at);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

int
name_is_plain(const char *ptr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)ptr[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			return 0;
		/* U+0080 to U+009F are controls too. */
		if (c == 0xc2 && i + 1 < len
		    && (unsigned char)ptr[i + 1] < 0xa0)
			return 0;
	}
	return utf8_prefix(ptr, len) == len;
}

/* One file has one name: no empty, "." or ".." component. */
static int
components_are_plain(const char *path)
{
	const char *at = path;

	while (*at == '/') {
		size_t len = strcspn(++at, "/");

		if (len == 0)
			return *at == '\0'; /* one slash at the end is fine */
		if (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.')))
			return 0;
		at += len;
	}
	return 1;
}

/* What of path lies below the root; NULL: it does not.  This only chooses a
 * root; what may be reached from it is up to the kernel. */
static const char *
root_rest(const struct root *r, const char *path)
{
	if (strncmp(path, r->path, r->len) != 0)
		return NULL;
	path += r->len;
	if (*path != '\0' && *path != '/')
		return NULL;
	while (*path == '/')
		path++;
	return *path != '\0' ? path : ".";
}

/* path belongs to the call. */
static int
place_of(struct tp_call *call, const struct files *f, const char *path,
    struct place *out)
{
	size_t longest = 0, i;

	memset(out, 0, sizeof *out);
	if (!name_is_plain(path, strlen(path)) || !components_are_plain(path))
		return place_missing(call);
	for (i = 0; i < f->roots_len; i++) {
		const char *rest = root_rest(&f->roots[i], path);

		if (rest == NULL
		    || (out->root != NULL && f->roots[i].len < longest))
			continue;
		longest = f->roots[i].len;
		out->root = &f->roots[i];
		out->rel = rest;
	}
	if (out->root == NULL)
		return place_missing(call);
	out->path = path;
	return TP_OK;
}

static int
no_roots(struct tp_call *call)
{
	return tp_fail(call, TP_EFAIL,
	    "no roots are configured: set "
	    "plugins.files.config.roots to the folders that may be read");
}

int
place_find(struct tp_call *call, const struct files *f, struct tp_str path,
    struct place *out)
{
	struct tp_str whole;

	if (f->roots_len == 0)
		return no_roots(call);
	if (path.len == 0 || path.len > FILES_PATH_MAX
	    || memchr(path.ptr, '\0', path.len) != NULL)
		return place_missing(call);
	/* A relative path is clear only where there is one root. */
	if (path.ptr[0] != '/' && f->roots_len > 1)
		return tp_fail(call, TP_EPARAMS,
		    "path: must begin with one of the roots; files_list "
		    "without a path shows them");
	if (path.ptr[0] == '/')
		whole = tp_format(call, "%.*s", TP_FMT(path));
	else
		whole =
		    tp_format(call, "%s/%.*s", f->roots[0].path, TP_FMT(path));
	if (whole.ptr == NULL)
		return TP_ENOMEM;
	return place_of(call, f, whole.ptr, out);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Once: what is still "%2e" afterwards is the name of a file. */
static int
percent_decode(struct tp_str s, char *out)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		int high, low;

		if (s.ptr[i] == '?' || s.ptr[i] == '#')
			return -1;
		if (s.ptr[i] != '%') {
			*out++ = s.ptr[i];
			continue;
		}
		if (s.len - i < 3)
			return -1;
		high = hex_value(s.ptr[i + 1]);
		low = hex_value(s.ptr[i + 2]);
		/* A slash inside a name does not exist, nor does NUL. */
		if (high < 0 || low < 0 || high * 16 + low == 0
		    || high * 16 + low == '/')
			return -1;
		*out++ = (char)(high * 16 + low);
		i += 2;
	}
	*out = '\0';
	return 0;
}

int
place_find_uri(struct tp_call *call, const struct files *f, struct tp_str uri,
    struct place *out)
{
	static const char scheme[] = "file://";
	const size_t skip = sizeof scheme - 1;
	struct tp_str rest;
	char *path;

	if (f->roots_len == 0)
		return no_roots(call);
	if (uri.len <= skip || uri.len > 3 * FILES_PATH_MAX
	    || memcmp(uri.ptr, scheme, skip) != 0 || uri.ptr[skip] != '/'
	    || memchr(uri.ptr, '\0', uri.len) != NULL)
		return place_missing(call);
	rest.ptr = uri.ptr + skip;
	rest.len = uri.len - skip;
	path = call->host->alloc(call, rest.len + 1);
	if (path == NULL)
		return TP_ENOMEM;
	if (percent_decode(rest, path) < 0)
		return place_missing(call);
	return place_of(call, f, path, out);
}

int
open_beneath(int dirfd, const char *rel, int flags)
{
	struct open_how how;
	long fd;
	int i;

	memset(&how, 0, sizeof how);
	/* O_NONBLOCK: a FIFO must not hold us until somebody writes. */
	how.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	how.resolve =
	    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
	for (i = 0; i <= FILES_RETRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, rel, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

struct tp_str
path_uri(struct tp_call *call, const char *path)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	struct tp_str uri = { NULL, 0 };
	char *out = call->host->alloc(call, 3 * strlen(path) + 8);
	char *at = out;

	if (out == NULL)
		return uri;
	memcpy(at, "file://", 7);
	for (at += 7; *path != '\0'; path++) {
		if (strchr(plain, *path) != NULL) {
			*at++ = *path;
			continue;
		}
		*at++ = '%';
		*at++ = hex[(unsigned char)*path >> 4];
		*at++ = hex[(unsigned char)*path & 15];
	}
	uri.ptr = out;
	uri.len = (size_t)(at - out);
	return uri;
}

char *
path_join(struct tp_call *call, const char *folder, const char *name)
{
	size_t len = strlen(folder), more = strlen(name);
	char *path = call->host->alloc(call, len + more + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, folder, len);
	if (len == 0 || folder[len - 1] != '/')
		path[len++] = '/';
	memcpy(path + len, name, more + 1);
	return path;
}
