/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's socket and its connections. */
#define _GNU_SOURCE
#include "server/admin_priv.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define GROUPS_MAX 1024 /* of a peer; more are not looked at */

static const struct http_limits limits = {
	.request_line = 2 * 1024,
	.head = 8 * 1024,
	.fields = 64,
	.trailers = 1024,
	.body = ADMIN_BODY_MAX,
};

static const struct net_conn_ops ops;

static struct admin_conn *
conn_of(struct net_conn *net)
{
	struct admin_conn *c = (struct admin_conn *)net;

	CHECK(c->magic == ADMIN_CONN_MAGIC);
	return c;
}

static void
timer_set(struct admin_conn *c, int64_t ns)
{
	net_conn_timer(&c->net, loop_now(c->admin->server->control) + ns);
}

void
admin_conn_answer(
    struct admin_conn *c, int status, const char *type, struct str body)
{
	struct http_header headers[] = { { "Cache-Control", STR("no-store") } };
	struct http_response r = {
		.status = status,
		.content_type = type,
		.keep_alive = c->keep_alive,
		.no_body = c->no_body,
		.headers = headers,
		.headers_len = ARRAY_LEN(headers),
		.wall_ns = clock_wall_ns(),
	};
	bool waited = c->op != ADMIN_NOTHING;

	c->op = ADMIN_NOTHING;
	list_drop(&c->node);
	buf_finish(&c->result);
	if (http_response_write(net_conn_out(&c->net), &r, body) < 0) {
		LOG_WARN("answer dropped: out of memory");
		net_conn_close(&c->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&c->net);
	if (!c->keep_alive) {
		net_conn_close(&c->net, NET_CONN_LINGER);
		return;
	}
	timer_set(c, ADMIN_IDLE_NS);
	if (waited)
		net_conn_resume(&c->net);
}

void
admin_conn_wait(struct admin_conn *c, enum admin_op op, int64_t due_ns)
{
	c->op = op;
	list_push(&c->admin->waiting, &c->node);
	net_conn_pause(&c->net);
	net_conn_timer(&c->net, due_ns);
}

/* One step; false: no progress with these bytes. */
static bool
step(struct admin_conn *c, char *bytes, size_t len, size_t *used)
{
	struct http_parser *p = &c->parser;
	enum http_result r;

	if (!c->parsing) {
		http_parser_init(p, &limits);
		c->parsing = true;
		timer_set(c, ADMIN_REQUEST_NS);
	}
	do {
		r = http_parser_feed(p, bytes, len);
		if (r == HTTP_HEAD_DONE && p->expect_continue)
			http_response_continue(net_conn_out(&c->net));
	} while (r == HTTP_HEAD_DONE);
	if (r == HTTP_MORE) {
		net_conn_flush_later(&c->net);
		return false;
	}
	c->parsing = false;
	c->keep_alive = r == HTTP_COMPLETE && p->keep_alive && p->minor > 0;
	c->no_body = p->method == HTTP_HEAD;
	if (r == HTTP_REFUSED) {
		admin_conn_answer(
		    c, p->status, "text/plain", str_of(p->reason));
		return false;
	}
	*used += p->consumed;
	admin_request_serve(c, bytes);
	return true;
}

static size_t
admin_input(struct net_conn *net, char *bytes, size_t len)
{
	struct admin_conn *c = conn_of(net);
	size_t used = 0;

	while (used < len && net_conn_is_open(net) && c->op == ADMIN_NOTHING
	    && net_conn_out_len(net) < NET_OUT_SOFT)
		if (!step(c, bytes + used, len - used, &used))
			break;
	return used;
}

/* Who waits for an answer may have closed its other direction alone. */
static bool
admin_eof(struct net_conn *net)
{
	struct admin_conn *c = conn_of(net);

	c->keep_alive = false;
	return c->op != ADMIN_NOTHING;
}

static void
admin_timeout(struct net_conn *net)
{
	struct admin_conn *c = conn_of(net);

	if (c->op != ADMIN_NOTHING) {
		admin_conn_late(c);
		return;
	}
	if (c->parsing) {
		c->parsing = c->keep_alive = false;
		admin_conn_answer(c, 408, "text/plain",
		    S("the request did not come in time\n"));
		return;
	}
	net_conn_close(net, NET_CONN_FLUSH);
}

static void
admin_closed(struct net_conn *net, enum net_close why)
{
	struct admin_conn *c = conn_of(net);

	(void)why;
	list_drop(&c->node);
	buf_finish(&c->result);
	c->admin->conns--;
	c->magic = 0;
	free(c);
}

static const struct net_conn_ops ops = {
	.input = admin_input,
	.eof = admin_eof,
	.closed = admin_closed,
	.timeout = admin_timeout,
};

static bool
groups_have(int fd, gid_t group)
{
	static gid_t groups[GROUPS_MAX]; /* [control] */
	socklen_t len = sizeof groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof groups[0]; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The mode of the socket has said so already; this holds also where somebody
 * has changed it. */
static bool
is_allowed(const struct server_admin *a, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	if (a->group != (gid_t)-1
	    && (peer.gid == a->group || groups_have(fd, a->group)))
		return true;
	LOG_WARN("admin connection refused", F_INT("uid", peer.uid),
	    F_INT("pid", peer.pid));
	return false;
}

static void
turn_away(int fd, struct str answer)
{
	(void)!write(fd, answer.ptr, answer.len); /* best effort */
	(void)close(fd); /* nothing was promised on it */
}

static int
net_ready(struct server_admin *a)
{
	if (a->net == NULL)
		a->net = net_reactor_create(a->server->control, NULL);
	return a->net != NULL ? 0 : ERR_NOMEM;
}

static void
accepted(void *arg, int fd, const struct net_addr *addr)
{
	struct server_admin *a = arg;
	struct admin_conn *c;

	(void)addr;
	if (!is_allowed(a, fd)) {
		turn_away(fd,
		    S("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n"
		      "Connection: close\r\n\r\n"));
		return;
	}
	if (a->conns >= ADMIN_CONNS_MAX) {
		turn_away(fd,
		    S("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
		      "Content-Length: 0\r\nConnection: close\r\n\r\n"));
		return;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL || net_ready(a) < 0
	    || net_conn_start(&c->net, a->net, fd, -1, &ops) < 0) {
		free(c);
		(void)close(fd); /* nothing was promised on it */
		return;
	}
	c->magic = ADMIN_CONN_MAGIC;
	c->admin = a;
	list_init(&c->node);
	buf_init(&c->result);
	a->conns++;
	timer_set(c, ADMIN_REQUEST_NS);
}

/* Where it is when nobody says: beside what else of this run is there. */
static int
path_choose(const struct server *s, char *path, size_t size)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	struct str dir = s->config.run_dir, rest;
	int n;

	if (s->config.admin.socket.len > 0)
		n = snprintf(
		    path, size, "unix:%.*s", STR_FMT(s->config.admin.socket));
	else {
		if (runtime != NULL && runtime[0] == '/')
			dir = str_split(str_of(runtime), ':', &rest);
		n = snprintf(path, size, "unix:%.*s/admin.sock", STR_FMT(dir));
	}
	return n > 0 && (size_t)n < size ? 0 : ERR_LIMIT;
}

static int
group_take(struct server_admin *a, struct str name, struct err *err)
{
	const struct sockaddr_un *un = (const void *)&a->bound.sa;
	const struct group *g;

	if (name.len == 0)
		return 0;
	/* cppcheck-suppress getgrnamCalled ; the start's thread alone asks */
	g = getgrnam(name.ptr); /* settings end with NUL */
	if (g == NULL)
		return err_set(err, ERR_CONFIG,
		    "admin.group: there is no group \"%.*s\"", STR_FMT(name));
	a->group = g->gr_gid;
	if (chown(un->sun_path, (uid_t)-1, a->group) < 0)
		return err_set_errno(
		    err, ERR_CONFIG, errno, "admin.group: %s", un->sun_path);
	return 0;
}

static int
socket_open(struct server_admin *a, struct err *err)
{
	const struct server *s = a->server;
	struct net_addr asked;
	char path[512];
	int rc;

	if (path_choose(s, path, sizeof path) < 0)
		return err_set(err, ERR_LIMIT, "its path is too long");
	rc = net_addr_parse(&asked, str_of(path), err);
	if (rc == 0)
		rc = net_listen_open(&asked, &a->bound, &a->fd, err);
	if (rc < 0)
		return rc;
	return group_take(a, s->config.admin.group, err);
}

int
server_admin_open(struct server *s, struct err *err)
{
	bool asked = s->config.admin.socket.len > 0;
	struct server_admin *a;
	struct err why;

	if (!s->config.admin.enabled || (s->stdio && !asked))
		return 0;
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	a->magic = ADMIN_MAGIC;
	a->server = s;
	a->fd = -1;
	a->group = (gid_t)-1;
	list_init(&a->waiting);
	buf_init(&a->changes);
	buf_init(&a->last);
	s->admin = a;
	if (socket_open(a, &why) == 0)
		return 0;
	server_admin_close(s);
	if (asked || s->config.admin.group.len > 0)
		return err_set(
		    err, ERR_CONFIG, "admin.socket: %.900s", why.text);
	/* Nobody has asked for it, so nobody's start hangs on it. */
	LOG_WARN("no admin socket", F_CSTR("reason", why.text),
	    F_CSTR("hint", "set admin.socket"));
	return 0;
}

static void
change_take(void *arg, struct str json)
{
	struct server_admin *a = arg;

	if (a->changes.len + json.len > ADMIN_CHANGES_MAX) {
		a->changes_left_out++;
		return;
	}
	if (a->changes.len > 0)
		buf_char(&a->changes, ',');
	buf_str(&a->changes, json);
}

static void
batch_take(void *arg, const struct plugin_changes *counts)
{
	struct server_admin *a = arg;
	struct buf old = a->last;

	a->last = a->changes;
	a->changes = old;
	buf_clear(&a->changes);
	a->last_counts = *counts;
	a->last_ns = clock_now_ns();
	a->last_wall_ns = clock_wall_ns();
	a->batches++;
}

static void
batch_ended(void *arg, unsigned number, bool did)
{
	admin_batch_ended(arg, number, did);
}

static void
generation_gone(void *arg)
{
	admin_waiting_look(arg, false);
}

int
server_admin_start(struct server *s, struct err *err)
{
	struct server_admin *a = s->admin;
	char text[NET_ADDR_TEXT_MAX];

	if (a == NULL)
		return 0;
	a->listener = net_listener_start(s->control, a->fd, accepted, a, err);
	if (a->listener == NULL)
		return ERR_IO;
	plugin_manager_on_change(s->plugins, change_take, a);
	plugin_manager_on_batch(s->plugins, batch_take, a);
	plugin_manager_on_end(s->plugins, batch_ended, a);
	plugin_manager_on_gone(s->plugins, generation_gone, a);
	net_addr_format(&a->bound, text);
	LOG_INFO("admin socket", F_CSTR("address", text));
	return 0;
}

void
server_admin_forget(const struct server *s)
{
	if (s->admin != NULL && s->admin->fd >= 0)
		(void)close(s->admin->fd); /* a copy */
}

void
server_admin_close(struct server *s)
{
	struct server_admin *a = s->admin;

	if (a == NULL)
		return;
	s->admin = NULL;
	if (s->plugins != NULL) {
		plugin_manager_on_change(s->plugins, NULL, NULL);
		plugin_manager_on_batch(s->plugins, NULL, NULL);
		plugin_manager_on_end(s->plugins, NULL, NULL);
		plugin_manager_on_gone(s->plugins, NULL, NULL);
	}
	net_listener_stop(a->listener);
	net_reactor_destroy(a->net);
	if (a->fd >= 0)
		net_listen_close(a->fd, &a->bound);
	if (a->census != NULL)
		a->census->admin = NULL; /* its barrier frees it */
	buf_finish(&a->changes);
	buf_finish(&a->last);
	a->magic = 0;
	free(a);
}
