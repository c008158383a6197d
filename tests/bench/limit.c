/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick of W1 and W2: one thread, one epoll, a constant answer for
 * each read. Nothing that speaks HTTP on sockets can do less; the seven
 * digits of the id are copied, so that its answers pass the same checks. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "requests.h"

#define EVENTS 128
#define READ_MAX 65536

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

static void
serve(int fd, struct request *reply, size_t body)
{
	static char in[READ_MAX];
	ssize_t n = read(fd, in, sizeof in);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < (ssize_t)body) {
		close(fd);
		return;
	}
	memcpy(reply->bytes + reply->id_at, in + n - body + REQUESTS_ID_AT, 7);
	if (write(fd, reply->bytes, reply->len) != (ssize_t)reply->len)
		close(fd);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	enum requests_workload w = REQUESTS_W1;
	struct request reply = { .len = 0 };
	size_t body;
	int ep, listener, n, i;

	if (argc != 4
	    || (strcmp(argv[3], "w1") != 0 && strcmp(argv[3], "w2") != 0)) {
		fprintf(stderr, "usage: limit ADDR PORT w1|w2\n");
		return 2;
	}
	if (strcmp(argv[3], "w2") == 0)
		w = REQUESTS_W2;
	body = w == REQUESTS_W2 ? REQUESTS_BODY_W2 : REQUESTS_BODY_W1;
	requests_reply(&reply, w);
	listener = listen_on(argv[1], (unsigned)strtoul(argv[2], NULL, 10));
	if (listener < 0) {
		perror("limit: listen");
		return 1;
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	watch(ep, listener);
	for (;;) {
		n = epoll_wait(ep, events, EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(ep, listener);
			else
				serve(events[i].data.fd, &reply, body);
		}
	}
}
