/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the server's admin socket and asks it. */
#define _GNU_SOURCE
#include "cli/admin.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "http/client.h"

#define FOLDERS_MAX 4096 /* entries of a folder that are looked at */

/* Sockets at which somebody answers whom we may trust. */
struct found {
	const char *paths[CLI_ADMIN_FOUND_MAX];
	long pids[CLI_ADMIN_FOUND_MAX];
	size_t len;
	size_t more;
};

void
cli_admin_init(struct cli_admin_answer *a)
{
	memset(a, 0, sizeof *a);
	buf_init(&a->text);
	json_doc_init(&a->doc);
}

void
cli_admin_finish(struct cli_admin_answer *a)
{
	json_doc_finish(&a->doc);
	buf_finish(&a->text);
}

/* Who listens there; false: nobody, or not root and not us: anybody may make
 * a folder below /tmp. */
static bool
listener_of(const char *path, long *pid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t len = sizeof peer;
	bool ok;
	int fd;

	if (snprintf(un.sun_path, sizeof un.sun_path, "%s", path)
	    >= (int)sizeof un.sun_path)
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ok = connect(fd, (const struct sockaddr *)(const void *)&un, sizeof un)
		== 0
	    && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
	    && (peer.uid == 0 || peer.uid == geteuid());
	(void)close(fd); /* it was only looked at */
	if (ok)
		*pid = (long)peer.pid;
	return ok;
}

static void
candidate(struct cli *c, struct found *f, const char *path)
{
	long pid;

	if (path == NULL || !listener_of(path, &pid))
		return;
	for (size_t i = 0; i < f->len; i++)
		if (f->pids[i] == pid)
			return; /* /tmp and TMPDIR are often the same */
	if (f->len == CLI_ADMIN_FOUND_MAX) {
		f->more++;
		return;
	}
	f->pids[f->len] = pid;
	f->paths[f->len++] = cli_format(c, "%s", path);
}

/* The private folders of runs: toolpost.XXXXXX. */
static void
folder_look(struct cli *c, struct found *f, const char *folder)
{
	DIR *d = folder != NULL ? opendir(folder) : NULL;
	struct dirent *e;
	size_t n = 0;

	if (d == NULL)
		return;
	/* cppcheck-suppress readdirCalled ; its stream is this thread's own */
	while (n < FOLDERS_MAX && (e = readdir(d)) != NULL) {
		if (!str_starts(str_of(e->d_name), S("toolpost.")))
			continue;
		n++;
		candidate(
		    c, f, cli_format(c, "%s/%s/admin.sock", folder, e->d_name));
	}
	(void)closedir(d); /* it was only read */
}

static void
all_look(struct cli *c, struct found *f)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *folders[] = { runtime, "/run", getenv("TMPDIR"), "/tmp",
		"/var/tmp" };

	candidate(c, f, CLI_ADMIN_SYSTEM);
	if (runtime != NULL)
		candidate(
		    c, f, cli_format(c, "%s/toolpost/admin.sock", runtime));
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		folder_look(c, f, folders[i]);
}

static int
several(struct cli *c, const struct found *f)
{
	struct buf b;
	int rc;

	buf_init(&b);
	for (size_t i = 0; i < f->len && i < 4; i++)
		buf_printf(&b, "%s%s (pid %ld)", i > 0 ? ", " : "", f->paths[i],
		    f->pids[i]);
	rc = cli_failf(c, CLI_USAGE,
	    "%zu servers answer; pass --socket with one of %.*s%s",
	    f->len + f->more, STR_FMT(buf_view(&b)), f->len > 4 ? ", .." : "");
	buf_finish(&b);
	return rc;
}

static int
nobody(struct cli *c, const char *where)
{
	c->failed_url = where;
	return cli_failf(c, CLI_UNREACHABLE,
	    "no server answers at %s; start one or pass --socket", where);
}

/* CLI_DONE with the path, or reported. */
static int
socket_find(struct cli *c, const char **path)
{
	const char *env = getenv("TOOLPOST_ADMIN");
	struct found f = { .len = 0 };

	*path = c->socket != NULL           ? c->socket
	    : env != NULL && env[0] != '\0' ? env
					    : NULL;
	if (*path != NULL) {
		if (strncmp(*path, "unix:", 5) == 0)
			*path += 5;
		return CLI_DONE;
	}
	all_look(c, &f);
	if (f.len == 0)
		return nobody(c, CLI_ADMIN_SYSTEM);
	if (f.len > 1)
		return several(c, &f);
	*path = f.paths[0];
	return *path != NULL ? CLI_DONE : cli_failf(c, CLI_USAGE, "no memory");
}

static int
exchange(struct cli *c, const char *socket, const char *method,
    const char *path, struct http_reply *reply)
{
	const struct http_url url = { .text = str_of(socket),
		.socket_path = str_of(socket),
		.path = str_of(path) };
	struct http_client *http;
	struct err err;
	int rc;

	http = http_client_create(&url, &err);
	if (http == NULL)
		return cli_fail(c, CLI_USAGE, &err);
	rc = http_client_send(http, method, NULL, 0, STR_NONE, reply, NULL,
	    NULL, clock_now_ns() + c->timeout + 2 * NS_PER_S, &err);
	http_client_destroy(http);
	if (rc == 0)
		return CLI_DONE;
	if (rc == ERR_IO)
		return nobody(c, socket);
	c->failed_url = socket;
	return cli_fail(c,
	    rc == ERR_TIMEOUT || rc == ERR_CLOSED ? CLI_UNREACHABLE : CLI_USAGE,
	    &err);
}

int
cli_admin_ask(struct cli *c, const char *method, const char *path,
    struct cli_admin_answer *a)
{
	struct http_reply reply;
	const char *socket;
	int rc = socket_find(c, &socket);

	if (rc != CLI_DONE)
		return rc;
	if (c->verbose > 0)
		cli_note(c, "asking %s", socket);
	http_reply_init(&reply);
	rc = exchange(c, socket, method, path, &reply);
	if (rc == CLI_DONE) {
		a->status = reply.status;
		buf_clear(&a->text);
		buf_str(&a->text, buf_view(&reply.body));
		a->root = NULL;
		if (json_parse(&a->doc, buf_view(&a->text), JSON_GRAMMAR) == 0)
			a->root = a->doc.nodes;
	}
	http_reply_finish(&reply);
	return rc;
}

int
cli_admin_refused(struct cli *c, const struct cli_admin_answer *a)
{
	const struct json_node *e = json_get(a->root, S("error"));
	struct str text = cli_member(e, "message");

	c->failed_status = a->status;
	if (text.len == 0)
		text = S("the server refused without a reason");
	return cli_failf(c,
	    a->status == 403       ? CLI_AUTH
		: a->status == 404 ? CLI_NO_MATCH
		: a->status == 409 ? CLI_CONFIG
		: a->status == 503 ? CLI_UNREACHABLE
				   : CLI_USAGE,
	    "%.*s", STR_FMT(text));
}

int
cli_admin_get(struct cli *c, const char *method, const char *path,
    struct cli_admin_answer *a)
{
	int rc = cli_admin_ask(c, method, path, a);

	if (rc != CLI_DONE)
		return rc;
	if (a->status / 100 != 2)
		return cli_admin_refused(c, a);
	if (a->root == NULL)
		return cli_failf(
		    c, CLI_USAGE, "the answer of the server is no JSON");
	return CLI_DONE;
}

struct str
cli_member(const struct json_node *n, const char *key)
{
	return n != NULL ? json_str(json_get(n, str_of(key))) : STR_NONE;
}

int64_t
cli_number(const struct json_node *n, const char *key)
{
	const struct json_node *v = n != NULL ? json_get(n, str_of(key)) : NULL;
	int64_t number = 0;

	if (v == NULL || v->type != JSON_NUMBER || json_i64(v, &number) < 0)
		return 0;
	return number;
}

bool
cli_is(const struct json_node *n, const char *key)
{
	return n != NULL && json_type(json_get(n, str_of(key))) == JSON_TRUE;
}

void
cli_span(struct buf *out, int64_t ms)
{
	long long s = (long long)(ms / 1000);

	if (s < 60)
		buf_printf(out, "%lld.%lld s", s, (long long)(ms % 1000 / 100));
	else if (s < 3600)
		buf_printf(out, "%lld m %lld s", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%lld h %lld m", s / 3600, s % 3600 / 60);
	else
		buf_printf(out, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

void
cli_size(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;
	int64_t tenths = bytes * 10;

	while (tenths >= 10240 && u + 1 < ARRAY_LEN(units)) {
		tenths /= 1024;
		u++;
	}
	if (tenths % 10 == 0 || u == 0)
		buf_printf(out, "%lld %s", (long long)(tenths / 10), units[u]);
	else
		buf_printf(out, "%lld.%lld %s", (long long)(tenths / 10),
		    (long long)(tenths % 10), units[u]);
}
