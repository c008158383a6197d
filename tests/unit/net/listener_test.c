/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: ports, files, refusals with a remedy, and no descriptors left. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>

#include "base/list.h"
#include "net/listener.h"
#include "unit/net/pair.h"

#define CLIENTS 200

struct house {
	struct loop *loop;
	struct net_listener *listener;
	struct net_addr bound;
	int fd;
	int accepted[CLIENTS];
	unsigned len;
};

static void
take(void *arg, int fd, const struct net_addr *peer)
{
	struct house *h = arg;

	ck_assert_uint_lt(h->len, CLIENTS);
	ck_assert(net_addr_is_loopback(peer));
	h->accepted[h->len++] = fd;
}

static int
listen_on(const char *text, struct net_addr *bound, int *fd, struct err *err)
{
	struct net_addr a;

	ck_assert_int_eq(net_addr_parse(&a, str_of(text), err), 0);
	return net_listen_open(&a, bound, fd, err);
}

static void
house_init(struct house *h, const char *text)
{
	struct err err;

	memset(h, 0, sizeof *h);
	h->loop = loop_create(&err);
	ck_assert_ptr_nonnull(h->loop);
	ck_assert_msg(
	    listen_on(text, &h->bound, &h->fd, &err) == 0, "%s", err.text);
	h->listener = net_listener_start(h->loop, h->fd, take, h, &err);
	ck_assert_ptr_nonnull(h->listener);
}

static void
house_finish(struct house *h)
{
	net_listener_stop(h->listener);
	net_listen_close(h->fd, &h->bound);
	for (unsigned i = 0; i < h->len; i++)
		(void)close(h->accepted[i]);
	loop_destroy(h->loop);
}

static int
client(const struct house *h)
{
	int fd = socket(h->bound.sa.ss_family, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)(const void *)&h->bound.sa,
		h->bound.len),
	    0);
	return fd;
}

START_TEST(a_tcp_socket_is_accepted_with_nodelay)
{
	struct house h;
	socklen_t len = sizeof(int);
	int fd, on = 0;

	house_init(&h, "127.0.0.1:0");
	fd = client(&h);
	TURN_UNTIL(&h, h.len == 1);
	ck_assert_int_eq(
	    getsockopt(h.accepted[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	ck_assert_int_eq(on, 1);
	ck_assert_int_ne(fcntl(h.accepted[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(h.accepted[0], F_GETFD) & FD_CLOEXEC, 0);
	(void)close(fd);
	house_finish(&h);
}
END_TEST

START_TEST(two_reactors_share_a_port_and_a_second_server_is_told)
{
	char text[NET_ADDR_TEXT_MAX], want[256];
	struct net_addr bound;
	struct house h;
	struct err err;
	int fd;

	house_init(&h, "127.0.0.1:0");
	ck_assert_int_eq(net_listen_open(&h.bound, &bound, &fd, &err), 0);
	net_listen_close(fd, &bound);
	ck_assert_int_eq(net_listen_probe(&h.bound, &err), ERR_EXISTS);
	net_addr_format(&h.bound, text);
	(void)snprintf(want, sizeof want,
	    "address in use: another server listens on %s "
	    "(hint: stop it or choose --listen)",
	    text);
	ck_assert_str_eq(err.text, want);
	bound = h.bound;
	house_finish(&h);
	ck_assert_int_eq(net_listen_probe(&bound, &err), 0);
}
END_TEST

START_TEST(an_address_of_another_machine_is_refused)
{
	struct net_addr bound;
	struct err err;
	int fd;

	ck_assert_int_lt(listen_on("192.0.2.1:0", &bound, &fd, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "192.0.2.1"));
	ck_assert_int_eq(fd, -1);
}
END_TEST

static void
unix_path(char *text, size_t len, const char *dir)
{
	(void)snprintf(text, len, "unix:%s/s", dir);
}

START_TEST(a_unix_socket_has_its_mode_and_a_live_one_stays)
{
	char dir[] = "/tmp/listener-XXXXXX", text[64];
	struct net_addr bound;
	struct house h;
	struct stat st;
	struct err err;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	unix_path(text, sizeof text, dir);
	house_init(&h, text);
	ck_assert_int_eq(stat(text + 5, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_int_eq(listen_on(text, &bound, &fd, &err), ERR_EXISTS);
	fd = client(&h);
	/* The attempt to find out whether it lives came first. */
	TURN_UNTIL(&h, h.len == 2);
	(void)close(fd);
	house_finish(&h);
	ck_assert_int_eq(stat(text + 5, &st), -1);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_stale_unix_socket_is_replaced_and_a_file_is_not)
{
	char dir[] = "/tmp/listener-XXXXXX", text[64];
	struct net_addr bound;
	struct stat st;
	struct err err;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	unix_path(text, sizeof text, dir);
	ck_assert_int_eq(listen_on(text, &bound, &fd, &err), 0);
	(void)close(fd); /* the file stays, as after a crash */
	ck_assert_int_eq(stat(text + 5, &st), 0);
	ck_assert_int_eq(listen_on(text, &bound, &fd, &err), 0);
	net_listen_close(fd, &bound);
	fd = open(text + 5, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_lt(listen_on(text, &bound, &fd, &err), 0);
	ck_assert_int_eq(stat(text + 5, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(unlink(text + 5), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static bool
is_closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 0) == 1 && read(fd, &c, 1) <= 0;
}

/* T-09: the clients' descriptors are made first; then the limit leaves room
 * for ten accepted connections. */
START_TEST(without_descriptors_the_rest_is_shed_and_time_is_not_wasted)
{
	struct rlimit limit;
	struct house h;
	int clients[100];
	unsigned shed = 0;

	clock_test_set(NS_PER_S);
	house_init(&h, "127.0.0.1:0");
	for (unsigned i = 0; i < 100; i++)
		clients[i] = client(&h);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)clients[99] + 11;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < 100; i++)
		loop_turn(h.loop);
	ck_assert_uint_eq(h.len, 10);
	/* Within the pause a batch is shed, however many turns there are. */
	ck_assert_uint_eq(net_listener_shed(h.listener), 64);
	for (unsigned i = 0; i < 200; i++) {
		clock_test_advance(110 * NS_PER_MS);
		loop_turn(h.loop);
		loop_turn(h.loop);
	}
	ck_assert_uint_eq(net_listener_shed(h.listener), 90);
	for (unsigned i = 0; i < 100; i++)
		shed += is_closed(clients[i]);
	ck_assert_uint_eq(shed, 90);
	/* After a release the next one is served. */
	(void)close(clients[98]);
	(void)close(clients[99]);
	clients[98] = client(&h);
	clock_test_advance(110 * NS_PER_MS);
	TURN_UNTIL(&h, h.len == 11);
	for (unsigned i = 0; i < 99; i++)
		(void)close(clients[i]);
	house_finish(&h);
	clock_test_set(-1);
}
END_TEST

static void
take_and_stop(void *arg, int fd, const struct net_addr *peer)
{
	struct house *h = arg;

	take(arg, fd, peer);
	net_listener_stop(h->listener);
	h->listener = NULL;
}

START_TEST(it_may_be_stopped_while_it_accepts)
{
	struct house h;
	struct err err;
	int a, b;

	house_init(&h, "127.0.0.1:0");
	net_listener_stop(h.listener);
	h.listener = net_listener_start(h.loop, h.fd, take_and_stop, &h, &err);
	a = client(&h);
	b = client(&h);
	TURN_UNTIL(&h, h.len == 1);
	loop_turn(h.loop);
	ck_assert_uint_eq(h.len, 1);
	(void)close(a);
	(void)close(b);
	house_finish(&h);
}
END_TEST

UNIT_MAIN("net/listener", a_tcp_socket_is_accepted_with_nodelay,
    two_reactors_share_a_port_and_a_second_server_is_told,
    an_address_of_another_machine_is_refused,
    a_unix_socket_has_its_mode_and_a_live_one_stays,
    a_stale_unix_socket_is_replaced_and_a_file_is_not,
    without_descriptors_the_rest_is_shed_and_time_is_not_wasted,
    it_may_be_stopped_while_it_accepts)
