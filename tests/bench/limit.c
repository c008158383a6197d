/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick of the workloads over HTTP: one thread, one epoll, a constant
 * answer for each read.  Nothing that speaks HTTP on sockets can do less; the
 * seven digits of the id are copied, so that its answers pass the same checks.
 *
 *   w1, w2  a result as JSON (w2: with what the stateless era adds)
 *   w3      a stream: one progress notification, the result, the end
 *   w4      the five requests of a session, told apart by a few bytes
 *   w6      GET opens a stream; SIGHUP tells all of them of a change
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limit.h"

#define EVENTS 128
#define READ_MAX 65536
#define REPLY_MAX 4096
#define REPLY_IDS 3
#define STREAMS_MAX 65536

/* clang-format off */
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define EVENTS_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
	"Transfer-Encoding: chunked\r\n\r\n"
#define PROGRESS \
	"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"," \
	"\"params\":{\"progressToken\":1000001,\"progress\":1,\"total\":1}}" \
	"\n\n"
#define RESULT "data: " LIMIT_ANSWER "\n\n"
#define CHANGED \
	"data: {\"jsonrpc\":\"2.0\"," \
	"\"method\":\"notifications/tools/list_changed\"}\n\n"
#define ANSWER_W2 \
	LIMIT_ENVELOPE \
	"\"result\":{\"resultType\":\"complete\"," LIMIT_CONTENT \
	",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":" \
	"{\"name\":\"limit\",\"version\":\"1\"}}}}"
#define ANSWER_INITIALIZE \
	LIMIT_ENVELOPE "\"result\":{\"protocolVersion\":\"2025-11-25\"," \
		       "\"capabilities\":{\"tools\":{}},\"serverInfo\":" \
		       "{\"name\":\"limit\",\"version\":\"1\"}}}"
#define ANSWER_LIST \
	LIMIT_ENVELOPE "\"result\":{\"tools\":[{\"name\":\"echo\"," \
		       "\"inputSchema\":{\"type\":\"object\"}}]}}"
#define SESSION "Mcp-Session-Id: 0123456789abcdef0123456789abcdef\r\n"
/* clang-format on */

struct reply {
	char bytes[REPLY_MAX];
	size_t len;
	size_t id_at[REPLY_IDS];
	size_t ids;
};

enum { W1, W2, W3, W4, W6, WORKLOADS };

static struct reply call, initialize, list, accepted, deleted, stream, changed;
static int workload;
static int streams[STREAMS_MAX];
static size_t streams_len;

/* Finds the ids in what is there. */
static void
find_ids(struct reply *r)
{
	const char *at = r->bytes;

	while ((at = strstr(at, "1000001")) != NULL) {
		assert(r->ids < REPLY_IDS);
		r->id_at[r->ids++] = (size_t)(at - r->bytes);
		at++;
	}
}

static void
reply_json(struct reply *r, const char *headers, const char *body)
{
	r->len = (size_t)snprintf(r->bytes, sizeof r->bytes,
	    JSON_HEAD "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body),
	    body);
	assert(r->len < sizeof r->bytes);
	find_ids(r);
}

static void
reply_text(struct reply *r, const char *text)
{
	r->len = strlen(text);
	memcpy(r->bytes, text, r->len + 1);
	find_ids(r);
}

static void
replies_make(void)
{
	char text[REPLY_MAX];

	snprintf(text, sizeof text,
	    EVENTS_HEAD "%zx\r\n" PROGRESS "\r\n%zx\r\n" RESULT "\r\n0\r\n\r\n",
	    strlen(PROGRESS), strlen(RESULT));
	if (workload == W3)
		reply_text(&call, text);
	else
		reply_json(
		    &call, "", workload == W2 ? ANSWER_W2 : LIMIT_ANSWER);
	reply_json(&initialize, SESSION, ANSWER_INITIALIZE);
	reply_json(&list, "", ANSWER_LIST);
	reply_text(&accepted, "HTTP/1.1 202 Accepted\r\n\r\n");
	reply_text(&deleted, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	reply_text(&stream, EVENTS_HEAD);
	snprintf(text, sizeof text, "%zx\r\n" CHANGED "\r\n", strlen(CHANGED));
	reply_text(&changed, text);
}

static int
listen_on(const char *address, unsigned port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)port);
	if (fd < 0 || inet_pton(AF_INET, address, &in.sin_addr) != 1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Accepted sockets inherit it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0
	    || listen(fd, 1024) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
watch(int ep, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	e.data.fd = fd;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0) {
		perror("limit: epoll_ctl");
		exit(1);
	}
}

static void
accept_all(int ep, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		watch(ep, fd);
}

/* Which of a session's requests this is; sessions cost a look into it. */
static struct reply *
choose(const char *in, const char **body, int fd)
{
	const char *method;

	if (in[0] == 'D')
		return &deleted;
	if (in[0] == 'G') {
		if (streams_len < STREAMS_MAX)
			streams[streams_len++] = fd;
		return &stream;
	}
	*body = strstr(in, "\r\n\r\n");
	if (*body == NULL)
		return NULL;
	*body += 4;
	if ((*body)[18] == 'm')
		return &accepted;
	method =
	    *body + LIMIT_ID_AT + LIMIT_ID_LEN + sizeof ",\"method\":\"" - 1;
	if (method[0] == 'i')
		return &initialize;
	return strncmp(method, "tools/list", 10) == 0 ? &list : &call;
}

static void
serve(int fd, size_t body_len)
{
	static char in[READ_MAX];
	ssize_t n = read(fd, in, sizeof in - 1);
	const char *body = in + n - body_len;
	struct reply *r = &call;
	size_t i;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		in[n] = '\0';
		if (workload >= W4)
			r = choose(in, &body, fd);
	}
	if (n <= 0 || n < (ssize_t)body_len || r == NULL) {
		close(fd);
		return;
	}
	for (i = 0; i < r->ids; i++)
		memcpy(
		    r->bytes + r->id_at[i], body + LIMIT_ID_AT, LIMIT_ID_LEN);
	if (write(fd, r->bytes, r->len) != (ssize_t)r->len)
		close(fd);
}

static int
signals_watched(int ep)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	watch(ep, fd);
	return fd;
}

static void
tell_all(int signals)
{
	struct signalfd_siginfo info;
	size_t i;

	if (read(signals, &info, sizeof info) != sizeof info)
		return;
	for (i = 0; i < streams_len; i++)
		if (write(streams[i], changed.bytes, changed.len)
		    != (ssize_t)changed.len)
			perror("limit: write to a stream");
}

static size_t
choose_workload(const char *name)
{
	static const char *const names[WORKLOADS] = { "w1", "w2", "w3", "w4",
		"w6" };
	static const size_t body_len[WORKLOADS] = { 115, 293, 156, 0, 0 };

	while (workload < WORKLOADS && strcmp(name, names[workload]) != 0)
		workload++;
	return workload < WORKLOADS ? body_len[workload] : 0;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int ep, listener, signals, n, i;
	size_t body_len = 0;

	if (argc == 4)
		body_len = choose_workload(argv[3]);
	if (argc != 4 || workload == WORKLOADS) {
		fprintf(stderr, "usage: limit ADDR PORT w1|w2|w3|w4|w6\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	replies_make();
	listener = listen_on(argv[1], (unsigned)strtoul(argv[2], NULL, 10));
	if (listener < 0) {
		perror("limit: listen");
		return 1;
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	watch(ep, listener);
	signals = signals_watched(ep);
	for (;;) {
		n = epoll_wait(ep, events, EVENTS, -1);
		for (i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				accept_all(ep, listener);
			else if (fd == signals)
				tell_all(signals);
			else
				serve(fd, body_len);
		}
	}
}
