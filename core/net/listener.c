/* SPDX-License-Identifier: Apache-2.0 */
/* The accept loop, and what it does when the process has no descriptors left:
 * a listener that stays readable must not eat the processor. */
#define _GNU_SOURCE
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define ACCEPT_BATCH 64 /* per readiness: others have a turn */
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS)

struct net_listener {
	struct loop *loop; /* borrowed */
	int fd; /* borrowed */
	int reserve_fd; /* owned; -1: could not be had */
	struct loop_io io;
	struct loop_timer timer;
	void (*fn)(void *arg, int fd, const struct net_addr *peer);
	void (*shed_fn)(void *arg, int fd);
	void *arg;
	uint64_t shed;
	bool accepting; /* inside fn */
	bool stopped;
};

/* A descriptor that one listener gives up, to shed with it, must not become
 * another's connection: its own clients would wait without an answer.  A leaf,
 * held for one accept. */
static pthread_mutex_t taking = PTHREAD_MUTEX_INITIALIZER;

static void accept_ready(void *arg, unsigned events);

static int
accept_next(const struct net_listener *n, struct net_addr *peer)
{
	return accept4(n->fd, (struct sockaddr *)(void *)&peer->sa, &peer->len,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void
reserve_open(struct net_listener *n)
{
	if (n->reserve_fd < 0)
		n->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
pause_begin(struct net_listener *n)
{
	loop_io_stop(&n->io);
	loop_timer_set(n->loop, &n->timer, loop_now(n->loop) + ACCEPT_PAUSE_NS);
}

static void
pause_end(void *arg)
{
	struct net_listener *n = arg;

	reserve_open(n);
	if (loop_io_start(&n->io, n->loop, n->fd, LOOP_READ, accept_ready, n)
	    < 0)
		pause_begin(n);
}

static void
trouble_log(struct net_listener *n, int errnum)
{
	static struct log_gate gate;
	uint64_t suppressed;

	if (!log_gate_pass(&gate, NS_PER_S, &suppressed))
		return;
	LOG_WARN("accept failed", F_INT("errno", errnum),
	    F_INT("shed", n->shed), F_INT("suppressed", suppressed));
}

/* Gives the reserve up to accept a connection and close it: the peer learns of
 * it, and the queue moves.  False: nobody waits. */
static bool
shed_one(struct net_listener *n)
{
	struct net_addr peer = { .len = sizeof peer.sa };
	int fd;

	if (n->reserve_fd < 0)
		return false;
	CHECK(pthread_mutex_lock(&taking) == 0);
	(void)close(n->reserve_fd);
	n->reserve_fd = -1;
	fd = accept_next(n, &peer);
	if (fd >= 0) {
		if (n->shed_fn != NULL)
			n->shed_fn(n->arg, fd);
		(void)close(fd);
		n->shed++;
	}
	reserve_open(n);
	CHECK(pthread_mutex_unlock(&taking) == 0);
	return fd >= 0;
}

/* As many as would have been accepted: nobody waits for a descriptor that is
 * not there. */
static void
shed_batch(struct net_listener *n)
{
	unsigned left = ACCEPT_BATCH;

	while (left > 0 && shed_one(n))
		left--;
}

static bool
is_exhausted(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS
	    || errnum == ENOMEM;
}

/* Errors of one connection that ended in the queue; accept(2) passes them. */
static bool
is_of_peer(int errnum)
{
	switch (errnum) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case EPERM: /* a firewall's rule */
		return true;
	default:
		return false;
	}
}

/* False ends the batch. */
static bool
accept_one(struct net_listener *n)
{
	struct net_addr peer = { .len = sizeof peer.sa };
	int fd, errnum;

	CHECK(pthread_mutex_lock(&taking) == 0);
	fd = accept_next(n, &peer);
	errnum = errno;
	CHECK(pthread_mutex_unlock(&taking) == 0);
	if (fd >= 0) {
		n->fn(n->arg, fd, &peer);
		return !n->stopped;
	}
	if (errnum == EAGAIN)
		return false;
	if (is_of_peer(errnum))
		return true;
	if (is_exhausted(errnum))
		shed_batch(n);
	trouble_log(n, errnum);
	pause_begin(n);
	return false;
}

static void
listener_free(struct net_listener *n)
{
	if (n->reserve_fd >= 0)
		(void)close(n->reserve_fd);
	free(n);
}

static void
accept_ready(void *arg, unsigned events)
{
	struct net_listener *n = arg;
	unsigned left = ACCEPT_BATCH;

	(void)events;
	n->accepting = true;
	while (left > 0 && accept_one(n))
		left--;
	n->accepting = false;
	if (n->stopped)
		listener_free(n);
}

struct net_listener *
net_listener_start(struct loop *l, int fd,
    void (*fn)(void *arg, int fd, const struct net_addr *peer), void *arg,
    struct err *err)
{
	struct net_listener *n = calloc(1, sizeof *n);

	if (n == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a listener");
		return NULL;
	}
	n->loop = l;
	n->fd = fd;
	n->reserve_fd = -1;
	n->fn = fn;
	n->arg = arg;
	loop_io_init(&n->io);
	loop_timer_init(&n->timer, pause_end, n);
	reserve_open(n);
	if (loop_io_start(&n->io, l, fd, LOOP_READ, accept_ready, n) < 0) {
		(void)err_set(err, ERR_IO, "cannot watch a listening socket");
		listener_free(n);
		return NULL;
	}
	return n;
}

void
net_listener_stop(struct net_listener *n)
{
	if (n == NULL)
		return;
	loop_io_stop(&n->io);
	loop_timer_clear(&n->timer);
	if (n->accepting)
		n->stopped = true;
	else
		listener_free(n);
}

void
net_listener_on_shed(struct net_listener *n, void (*fn)(void *arg, int fd))
{
	n->shed_fn = fn;
}

uint64_t
net_listener_shed(const struct net_listener *n)
{
	return n->shed;
}
