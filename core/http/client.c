/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, connecting and sending.  Reading is in client_reply.c. */
#include "http/client_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

static int
url_host_parse(struct http_url *u, struct str authority, struct err *err)
{
	size_t end;
	struct str rest, port;
	uint64_t n = 80;

	if (authority.len > 0 && authority.ptr[0] == '[') {
		end = str_find(authority, ']');
		u->host = str_sub(authority, 1, end);
		rest = str_sub(authority, end + 1, authority.len);
		if (end == authority.len)
			rest = authority; /* no "]": fails below */
	} else {
		end = str_find(authority, ':');
		u->host = str_sub(authority, 0, end);
		rest = str_sub(authority, end, authority.len);
	}
	if (u->host.len == 0 || str_find(u->host, '@') < u->host.len)
		return err_set(err, ERR_SYNTAX, "URL \"%.*s\" has no host",
		    STR_FMT(u->text));
	if (rest.len > 0) {
		port = str_sub(rest, 1, rest.len);
		if (rest.ptr[0] != ':' || str_to_u64(port, &n) < 0 || n == 0
		    || n > 65535)
			return err_set(err, ERR_SYNTAX,
			    "URL \"%.*s\": the port is malformed",
			    STR_FMT(u->text));
	}
	u->port = (uint16_t)n;
	return 0;
}

int
http_url_parse(struct http_url *u, struct str text, struct err *err)
{
	const struct str http = STR("http://"), unix_ = STR("unix:");
	struct str rest;
	size_t end = 0;

	memset(u, 0, sizeof(*u));
	u->text = text;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' '
		    || (unsigned char)text.ptr[i] >= 0x7f)
			return err_set(err, ERR_SYNTAX,
			    "a URL has a space, a control or a byte outside "
			    "ASCII");
	if (str_starts(text, unix_)) {
		u->socket_path = str_sub(text, unix_.len, text.len);
		u->path = S("/mcp");
		if (u->socket_path.len == 0)
			return err_set(err, ERR_SYNTAX,
			    "\"unix:\" needs the path of a socket");
		return 0;
	}
	if (str_starts(text, S("https://")))
		return err_set(err, ERR_UNSUPPORTED,
		    "https is not supported here: use http:// or unix:");
	if (!str_starts(text, http))
		return err_set(err, ERR_SYNTAX,
		    "\"%.*s\" is not http://HOST:PORT/PATH or unix:/PATH",
		    STR_FMT(text));
	rest = str_sub(text, http.len, text.len);
	while (end < rest.len && rest.ptr[end] != '/')
		end++;
	u->path = str_sub(rest, end, rest.len);
	if (u->path.len == 0)
		u->path = S("/");
	return url_host_parse(u, str_sub(rest, 0, end), err);
}

static int
client_names(struct http_client *c, const struct http_url *u)
{
	struct buf b;
	struct arena *a = &c->strings;

	c->path = arena_dup(a, u->path);
	if (u->socket_path.len > 0) {
		c->socket_path = arena_dup(a, u->socket_path).ptr;
		c->authority = S("localhost");
		return a->failed ? ERR_NOMEM : 0;
	}
	buf_init(&b);
	c->host = arena_dup(a, u->host).ptr;
	buf_u64(&b, u->port);
	c->service = arena_dup(a, buf_view(&b)).ptr;
	buf_clear(&b);
	if (str_find(u->host, ':') < u->host.len)
		buf_printf(&b, "[%.*s]:%u", STR_FMT(u->host), u->port);
	else
		buf_printf(&b, "%.*s:%u", STR_FMT(u->host), u->port);
	c->authority = arena_dup(a, buf_view(&b));
	if (b.failed)
		a->failed = true;
	buf_finish(&b);
	return a->failed ? ERR_NOMEM : 0;
}

struct http_client *
http_client_create(const struct http_url *u, struct err *err)
{
	struct http_client *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		OBJ_INIT(c, CLIENT_MAGIC);
		c->fd = -1;
		c->wake = -1;
		arena_init(&c->strings, 0);
		buf_init(&c->in);
		if (client_names(c, u) == 0)
			return c;
		http_client_destroy(c);
	}
	(void)err_set(err, ERR_NOMEM, "no memory for a client");
	return NULL;
}

static void
disconnect(struct http_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_shrink(&c->in, CLIENT_HEAD_MAX);
	c->at = 0;
}

void
http_client_destroy(struct http_client *c)
{
	if (c == NULL)
		return;
	OBJ_CHECK(c, CLIENT_MAGIC);
	disconnect(c);
	buf_finish(&c->in);
	arena_finish(&c->strings);
	OBJ_WIPE(c);
	free(c);
}

void
http_client_wake_set(struct http_client *c, int fd)
{
	c->wake = fd;
}

int
client_wait(struct exchange *x, short events)
{
	struct pollfd p[] = { { .fd = x->c->fd, .events = events },
		{ .fd = x->c->wake, .events = POLLIN } };
	int64_t left;
	int n;

	for (;;) {
		left = x->deadline_ns - clock_now_ns();
		if (left <= 0)
			return err_set(
			    x->err, ERR_TIMEOUT, "no answer in time");
		left = (left + NS_PER_MS - 1) / NS_PER_MS;
		n = poll(p, 2, left > 60000 ? 60000 : (int)left);
		if (n > 0 && p[1].revents != 0)
			return err_set(x->err, ERR_CANCELLED, "interrupted");
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set_errno(x->err, ERR_IO, errno, "poll");
	}
}

/* Connects a socket that does not block; the deadline holds. */
static int
connect_to(
    struct exchange *x, int family, const struct sockaddr *sa, socklen_t len)
{
	struct http_client *c = x->c;
	socklen_t size = sizeof(int);
	int rc, problem = 0, one = 1;

	c->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_set_errno(x->err, ERR_IO, errno, "socket");
	if (family != AF_UNIX)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one)); /* only slower without */
	if (connect(c->fd, sa, len) == 0)
		return 0;
	problem = errno;
	if (problem == EINPROGRESS || problem == EINTR) {
		rc = client_wait(x, POLLOUT);
		if (rc < 0) {
			disconnect(c);
			return rc;
		}
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &size)
		    < 0)
			problem = errno;
		if (problem == 0)
			return 0;
	}
	disconnect(c);
	return err_set_errno(x->err, ERR_IO, problem, "cannot connect to %s",
	    c->host != NULL ? c->authority.ptr : c->socket_path);
}

static int
connect_unix(struct exchange *x)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(x->c->socket_path);

	if (len >= sizeof(sun.sun_path))
		return err_set(
		    x->err, ERR_LIMIT, "the path of the socket is too long");
	memcpy(sun.sun_path, x->c->socket_path, len);
	return connect_to(
	    x, AF_UNIX, (const struct sockaddr *)&sun, sizeof(sun));
}

static int
connect_tcp(struct exchange *x)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	int rc;

	rc = getaddrinfo(x->c->host, x->c->service, &hints, &list);
	if (rc != 0)
		return err_set(x->err, ERR_NOTFOUND, "%s: %s", x->c->host,
		    gai_strerror(rc));
	rc = ERR_IO;
	for (a = list; a != NULL; a = a->ai_next) {
		rc = connect_to(x, a->ai_family, a->ai_addr, a->ai_addrlen);
		if (rc == 0 || rc == ERR_TIMEOUT)
			break;
	}
	freeaddrinfo(list);
	return rc;
}

/* An idle connection that has something to say has ended, or is out of step:
 * either way it is not used.  Nothing is sent twice. */
static bool
is_usable(const struct http_client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return c->fd >= 0 && c->at == c->in.len && poll(&p, 1, 0) == 0;
}

static int
connect_if_needed(struct exchange *x)
{
	if (is_usable(x->c))
		return 0;
	disconnect(x->c);
	return x->c->host != NULL ? connect_tcp(x) : connect_unix(x);
}

static int
send_all(struct exchange *x, struct str bytes)
{
	ssize_t n;
	int rc;

	while (bytes.len > 0) {
		n = send(x->c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n >= 0) {
			bytes = str_sub(bytes, (size_t)n, bytes.len);
			continue;
		}
		if (errno == EINTR)
			continue;
		/* A server that refuses early may have answered: read it. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return err_set_errno(x->err, ERR_IO, errno, "send");
		/* The answer may come before all is sent (413); then stop. */
		rc = client_wait(x, POLLOUT | POLLIN);
		if (rc < 0)
			return rc;
		rc = client_fill(x);
		if (rc == 0) {
			x->close = true;
			return 0;
		}
		if (rc != ERR_AGAIN)
			return rc == ERR_CLOSED ? 0 : rc;
	}
	return 0;
}

static int
request_build(struct exchange *x, struct buf *out, const char *method,
    const struct http_header *headers, size_t n, struct str body)
{
	buf_cstr(out, method);
	buf_char(out, ' ');
	buf_str(out, x->c->path);
	BUF_LIT(out, " HTTP/1.1\r\nHost: ");
	buf_str(out, x->c->authority);
	if (body.len > 0 || strcmp(method, "POST") == 0) {
		BUF_LIT(out, "\r\nContent-Length: ");
		buf_u64(out, body.len);
	}
	BUF_LIT(out, "\r\n");
	for (size_t i = 0; i < n; i++) {
		if (!http_value_is_safe(headers[i].value))
			return err_set(x->err, ERR_SYNTAX,
			    "the value of %s has a control character",
			    headers[i].name);
		buf_cstr(out, headers[i].name);
		BUF_LIT(out, ": ");
		buf_str(out, headers[i].value);
		BUF_LIT(out, "\r\n");
	}
	BUF_LIT(out, "\r\n");
	buf_str(out, body);
	if (out->failed)
		return err_set(x->err, ERR_NOMEM, "no memory for a request");
	return 0;
}

int
http_client_send(struct http_client *c, const char *method,
    const struct http_header *headers, size_t n, struct str body,
    struct http_reply *reply, int (*on_data)(void *arg, struct str bytes),
    void *arg, int64_t deadline_ns, struct err *err)
{
	struct exchange x = { .c = c,
		.reply = reply,
		.on_data = on_data,
		.arg = arg,
		.deadline_ns = deadline_ns,
		.err = err,
		.no_content = strcmp(method, "HEAD") == 0 };
	struct buf out;
	int rc;

	OBJ_CHECK(c, CLIENT_MAGIC);
	buf_init(&out);
	reply->status = 0;
	buf_clear(&reply->head);
	buf_clear(&reply->body);
	rc = request_build(&x, &out, method, headers, n, body);
	if (rc < 0)
		goto out;
	rc = connect_if_needed(&x);
	if (rc < 0)
		goto out;
	rc = send_all(&x, buf_view(&out));
	if (rc == 0)
		rc = client_reply_read(&x);
	if (rc != 0 || x.close)
		disconnect(c);
out:
	buf_finish(&out);
	return rc;
}
