/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t random_state = 1;

void
wire_random_seed(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

uint64_t
wire_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

int64_t
wire_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
wire_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	(void)fflush(stdout);
}

_Noreturn void
wire_fatal(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

int
wire_connect_http(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		wire_fatal("socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		(void)close(fd);
		return -1;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

int
wire_connect_line(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0)
		wire_fatal("socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

void
wire_open(struct wire *w, int fd, bool line)
{
	w->fd = fd;
	w->state = line ? WIRE_LINE : WIRE_HEAD;
	w->status = 0;
	w->streamed = false;
	w->session[0] = '\0';
	w->left = w->at = w->len = w->events_len = 0;
	w->text[0] = '\0';
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		wire_fatal("connect");
}

void
wire_close(struct wire *w, enum wire_close how)
{
	struct linger reset = { .l_onoff = 1 };

	if (w->fd < 0)
		return;
	if (how == WIRE_RESET)
		(void)setsockopt(
		    w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	(void)close(w->fd);
	w->fd = -1;
}

bool
wire_send(struct wire *w, const char *bytes, size_t len)
{
	return send(w->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

bool
wire_post(struct wire *w, const char *extra, const char *body)
{
	static char text[WIRE_MAX];
	int n = snprintf(text, sizeof text,
	    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Accept: application/json, text/event-stream\r\n"
	    "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
	    extra, strlen(body), body);

	return n > 0 && (size_t)n < sizeof text
	    && wire_send(w, text, (size_t)n);
}

int
wire_read(struct wire *w)
{
	ssize_t got;

	if (w->at > 0) {
		w->len -= w->at;
		memmove(w->in, w->in + w->at, w->len + 1);
		w->at = 0;
	}
	if (w->len == WIRE_MAX - 1) {
		errno = EMSGSIZE;
		return -1;
	}
	got = recv(w->fd, w->in + w->len, WIRE_MAX - 1 - w->len, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		errno = got == 0 ? 0 : errno;
		return -1;
	}
	w->len += (size_t)got;
	w->in[w->len] = '\0';
	return (int)got;
}

static void
text_take(struct wire *w, const char *from, size_t len)
{
	if (len >= WIRE_MAX)
		len = WIRE_MAX - 1;
	memcpy(w->text, from, len);
	w->text[len] = '\0';
}

/* The value of a field in a head that ends at end; NULL: absent. */
static const char *
field(const char *head, const char *end, const char *name)
{
	const char *at = strcasestr(head, name);

	return at != NULL && at < end ? at + strlen(name) : NULL;
}

static bool
head_take(struct wire *w)
{
	char *head = w->in + w->at, *end = strstr(head, "\r\n\r\n");
	const char *value;

	if (end == NULL)
		return false;
	w->status = strncmp(head, "HTTP/1.1 ", 9) == 0
	    ? (int)strtol(head + 9, NULL, 10)
	    : -1;
	value = field(head, end, "\r\nmcp-session-id: ");
	if (value != NULL)
		(void)snprintf(w->session, sizeof w->session, "%.*s",
		    (int)strcspn(value, "\r\n"), value);
	w->streamed =
	    field(head, end, "\r\ncontent-type: text/event-stream") != NULL;
	value = field(head, end, "\r\ncontent-length: ");
	w->left = value != NULL ? strtoul(value, NULL, 10) : 0;
	w->state = field(head, end, "\r\ntransfer-encoding: chunked") != NULL
	    ? WIRE_CHUNK
	    : WIRE_BODY;
	w->at += (size_t)(end - head) + 4;
	return true;
}

static enum wire_event
body_next(struct wire *w)
{
	size_t n = w->left;

	if (w->len - w->at < n)
		return WIRE_MORE;
	w->left = 0;
	w->at += n;
	if (n == 0) {
		w->state = WIRE_HEAD;
		w->text[0] = '\0';
		return WIRE_END;
	}
	text_take(w, w->in + w->at - n, n);
	return WIRE_MESSAGE;
}

/* Appends whole chunks to the events; false: no more of them for now. */
static bool
chunk_take(struct wire *w)
{
	char *line = w->in + w->at, *end = strstr(line, "\r\n");
	size_t n, head;

	if (end == NULL)
		return false;
	n = strtoul(line, NULL, 16);
	head = (size_t)(end - line) + 2;
	if (w->len - w->at < head + n + 2)
		return false;
	if (w->events_len + n >= WIRE_MAX) {
		w->state = WIRE_OVER;
		return false;
	}
	memcpy(w->events + w->events_len, end + 2, n);
	w->events_len += n;
	w->at += head + n + 2;
	if (n == 0)
		w->state = WIRE_OVER;
	return n > 0;
}

/* One event less.  Comments and events without data say nothing. */
static bool
event_take(struct wire *w)
{
	char *end, *data;
	size_t n;

	w->events[w->events_len] = '\0';
	end = strstr(w->events, "\n\n");
	if (end == NULL)
		return false;
	*end = '\0';
	n = (size_t)(end - w->events) + 2;
	data = strncmp(w->events, "data: ", 6) == 0
	    ? w->events
	    : strstr(w->events, "\ndata: ");
	w->text[0] = '\0';
	if (data != NULL) {
		data = strchr(data, ' ') + 1;
		text_take(w, data, strcspn(data, "\n"));
	}
	w->events_len -= n;
	memmove(w->events, w->events + n, w->events_len);
	return true;
}

static enum wire_event
stream_next(struct wire *w)
{
	while (w->state == WIRE_CHUNK && chunk_take(w))
		continue;
	while (event_take(w))
		if (w->text[0] != '\0')
			return WIRE_MESSAGE;
	if (w->state != WIRE_OVER)
		return WIRE_MORE;
	if (w->events_len > 0)
		return WIRE_BAD;
	w->state = WIRE_HEAD;
	w->text[0] = '\0';
	return WIRE_END;
}

static enum wire_event
line_next(struct wire *w)
{
	char *line = w->in + w->at, *end = memchr(line, '\n', w->len - w->at);

	if (end == NULL)
		return WIRE_MORE;
	text_take(w, line, (size_t)(end - line));
	w->at += (size_t)(end - line) + 1;
	return WIRE_MESSAGE;
}

enum wire_event
wire_next(struct wire *w)
{
	if (w->fd < 0)
		return WIRE_MORE;
	if (w->state == WIRE_LINE)
		return line_next(w);
	if (w->state == WIRE_HEAD && (w->len == w->at || !head_take(w)))
		return WIRE_MORE;
	if (w->status < 200)
		return WIRE_BAD;
	return w->state == WIRE_BODY ? body_next(w) : stream_next(w);
}
