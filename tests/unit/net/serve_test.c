/* SPDX-License-Identifier: Apache-2.0 */
/* Reactors, listeners and connections together, with clients on other threads;
 * meant for the thread sanitizer. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>

#include "loop/reactor.h"
#include "net/listener.h"
#include "unit/net/pair.h"

#define REACTORS 3
#define CLIENTS 4
#define ROUNDS 50
#define REQUESTS 20

struct house {
	struct loop_reactors rs;
	struct net_addr bound;
	int fds[REACTORS];
	atomic_uint open;
	atomic_uint served;
};

struct room {
	struct house *house;
	struct net_reactor *net;
	struct net_listener *listener;
};

struct guest {
	struct net_conn conn;
	struct room *room;
};

static size_t
guest_input(struct net_conn *c, char *bytes, size_t len)
{
	struct guest *g = CONTAINER_OF(c, struct guest, conn);

	CHECK(loop_is_here(net_reactor_loop(g->room->net)));
	if (len < 8)
		return 0;
	net_conn_timer(
	    c, loop_now(net_reactor_loop(g->room->net)) + 60 * NS_PER_S);
	buf_append(net_conn_out(c), bytes, 8);
	net_conn_flush_later(c);
	atomic_fetch_add(&g->room->house->served, 1);
	return 8;
}

static void
guest_closed(struct net_conn *c, enum net_close why)
{
	struct guest *g = CONTAINER_OF(c, struct guest, conn);

	CHECK(why == NET_CLOSE_PEER || why == NET_CLOSE_LOCAL);
	atomic_fetch_sub(&g->room->house->open, 1);
	free(g);
}

static const struct net_conn_ops guest_ops = {
	.input = guest_input,
	.closed = guest_closed,
};

static void
guest_came(void *arg, int fd, const struct net_addr *peer)
{
	struct room *room = arg;
	struct guest *g = calloc(1, sizeof *g);

	CHECK(g != NULL && net_addr_is_loopback(peer));
	g->room = room;
	atomic_fetch_add(&room->house->open, 1);
	CHECK(net_conn_start(&g->conn, room->net, fd, -1, &guest_ops) == 0);
}

static int
room_begin(struct loop_reactor *r, void *arg, struct err *err)
{
	struct house *h = arg;
	struct room *room = calloc(1, sizeof *room);

	CHECK(room != NULL);
	r->user = room;
	room->house = h;
	room->net = net_reactor_create(r->loop, err);
	room->listener = net_listener_start(
	    r->loop, h->fds[r->index], guest_came, room, err);
	return room->net == NULL || room->listener == NULL ? ERR_IO : 0;
}

static void
room_end(struct loop_reactor *r, void *arg)
{
	struct room *room = r->user;

	(void)arg;
	net_listener_stop(room->listener);
	net_reactor_destroy(room->net);
	free(room);
}

static void
visit(const struct house *h)
{
	char text[8] = "12345678", got[8];
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	/* Or the second write waits 40 ms for the first's acknowledgement. */
	CHECK(fd >= 0
	    && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	CHECK(connect(fd, (const struct sockaddr *)(const void *)&h->bound.sa,
		  h->bound.len)
	    == 0);
	for (unsigned i = 0; i < REQUESTS; i++) {
		CHECK(write(fd, text, 3) == 3);
		CHECK(write(fd, text + 3, 5) == 5);
		CHECK(recv(fd, got, sizeof got, MSG_WAITALL) == 8);
		CHECK(memcmp(text, got, 8) == 0);
	}
	(void)close(fd);
}

static void *
client_main(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		visit(arg);
	return NULL;
}

static void
house_open(struct house *h)
{
	struct net_addr a;
	struct err err;

	memset(h, 0, sizeof *h);
	ck_assert_int_eq(net_addr_parse(&a, S("127.0.0.1:0"), &err), 0);
	for (unsigned i = 0; i < REACTORS; i++) {
		ck_assert_int_eq(
		    net_listen_open(&a, &h->bound, &h->fds[i], &err), 0);
		a = h->bound;
	}
	ck_assert_int_eq(loop_reactors_start(
			     &h->rs, REACTORS, room_begin, room_end, h, &err),
	    0);
}

START_TEST(many_clients_are_served_by_all_reactors)
{
	pthread_t clients[CLIENTS];
	struct house h;
	int fd;

	house_open(&h);
	for (unsigned i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(
		    pthread_create(&clients[i], NULL, client_main, &h), 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		(void)pthread_join(clients[i], NULL);
	/* One that is still there at the end. */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)(const void *)&h.bound.sa,
		h.bound.len),
	    0);
	loop_reactors_stop(&h.rs);
	(void)close(fd);
	for (unsigned i = 0; i < REACTORS; i++)
		net_listen_close(h.fds[i], &h.bound);
	ck_assert_uint_eq(atomic_load(&h.open), 0);
	ck_assert_uint_eq(atomic_load(&h.served), CLIENTS * ROUNDS * REQUESTS);
}
END_TEST

UNIT_MAIN("net/serve", many_clients_are_served_by_all_reactors)
