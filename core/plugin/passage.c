/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "plugin/passage.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/runner.h"

/* Of one reactor. */
struct end {
	struct plugin_passage *passage;
	unsigned number;
	int control_fd; /* in the control thread's table */
	int reactor_fd; /* in the reactor's; -1 there: it has left */
	bool entered;
	/* A socket orders nothing for the language: what was written before a
	 * message was sent is seen by who has received it. */
	atomic_uint sent;
	struct loop *loop;
	struct loop_io io;
};

struct plugin_passage {
	unsigned len;
	struct end ends[];
};

union control_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void
fd_drop(int fd)
{
	if (fd >= 0)
		(void)close(fd); /* nothing is written through it */
}

struct plugin_passage *
plugin_passage_create(unsigned reactors, struct err *err)
{
	struct plugin_passage *p =
	    calloc(1, sizeof *p + reactors * sizeof p->ends[0]);

	if (p == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	for (; p->len < reactors; p->len++) {
		struct end *e = &p->ends[p->len];
		int pair[2];

		if (socketpair(AF_UNIX,
			SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
		    < 0) {
			(void)err_set_errno(
			    err, ERR_IO, errno, "no sockets for reactors");
			plugin_passage_destroy(p);
			return NULL;
		}
		e->passage = p;
		e->number = p->len;
		e->control_fd = pair[0];
		e->reactor_fd = pair[1];
		loop_io_init(&e->io);
	}
	return p;
}

void
plugin_passage_destroy(struct plugin_passage *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->len; i++) {
		fd_drop(p->ends[i].control_fd);
		fd_drop(p->ends[i].reactor_fd);
	}
	free(p);
}

/* The control thread keeps its copies of the reactors' ends, so that a message
 * is never lost to a reactor that has left first. */
static void
end_ready(void *arg, unsigned events)
{
	struct end *e = arg;

	(void)events;
	plugin_passage_receive(e->passage, e->number);
}

int
plugin_passage_enter(struct plugin_passage *p, unsigned reactor,
    struct loop *loop, struct err *err)
{
	struct end *e = &p->ends[reactor];
	unsigned i;

	for (i = 0; i < p->len; i++) {
		(void)close(p->ends[i].control_fd); /* a copy */
		if (i != reactor)
			(void)close(p->ends[i].reactor_fd); /* a copy */
	}
	e->entered = true;
	e->loop = loop;
	if (loop_io_start(&e->io, loop, e->reactor_fd, LOOP_READ, end_ready, e)
	    < 0)
		return err_set(err, ERR_IO, "a socket cannot be watched");
	return 0;
}

void
plugin_passage_leave(struct plugin_passage *p, unsigned reactor)
{
	struct end *e = &p->ends[reactor];

	if (!e->entered)
		return;
	plugin_passage_receive(p, reactor);
	loop_io_stop(&e->io);
	e->entered = false;
	(void)close(e->reactor_fd); /* in this table */
}

int
plugin_passage_send(struct plugin_passage *p, unsigned reactor, int fd,
    struct runner_life *life)
{
	struct iovec iov = { .iov_base = &life, .iov_len = sizeof life };
	union control_space space;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof space.bytes };
	struct cmsghdr *c;

	memset(&space, 0, sizeof space);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	ref_take(&life->ref); /* the message's */
	(void)atomic_fetch_add_explicit(&p->ends[reactor].sent, 1,
	    memory_order_release /* pairs with receive_one() */);
	if (sendmsg(
		p->ends[reactor].control_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
	    == (ssize_t)sizeof life)
		return 0;
	runner_life_unref(life);
	return ERR_BUSY;
}

/* One message; false: there is none.  *fd is -1 where there were no more
 * descriptors to be had. */
static bool
receive_one(struct end *e, struct runner_life **life, int *fd)
{
	struct iovec iov = { .iov_base = life, .iov_len = sizeof *life };
	union control_space space;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof space.bytes };
	struct cmsghdr *c;

	if (recvmsg(e->reactor_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
	    != (ssize_t)sizeof *life)
		return false;
	(void)atomic_load_explicit(
	    &e->sent, memory_order_acquire /* pairs with the sender */);
	c = CMSG_FIRSTHDR(&msg);
	*fd = -1;
	if (c != NULL && c->cmsg_type == SCM_RIGHTS
	    && c->cmsg_len == CMSG_LEN(sizeof *fd))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return true;
}

void
plugin_passage_receive(struct plugin_passage *p, unsigned reactor)
{
	struct end *e = &p->ends[reactor];
	struct runner_life *life;
	int fd;

	while (e->entered && receive_one(e, &life, &fd))
		runner_seat_given(
		    &life->runner->seats[reactor], e->loop, life, fd);
}
