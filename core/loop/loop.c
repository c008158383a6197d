/* SPDX-License-Identifier: Apache-2.0 */
/* A turn: wait, descriptors, timers, mailbox, deferred work.  The library
 * waits; descriptors stand in an epoll set of our own, which it watches: 40
 * bytes for an idle one instead of 190, and under load one epoll_wait a turn.
 */
#define _GNU_SOURCE
#include "loop/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "loop/loop_priv.h"

/* Deferred work that defers more is run again so often before the loop looks
 * at its descriptors (without waiting). */
#define DEFERRED_ROUNDS 8

static _Thread_local struct loop *current;

static void io_seen(evutil_socket_t fd, short what, void *arg);

static void
library_log(int severity, const char *msg)
{
	if (severity >= EVENT_LOG_WARN)
		LOG_WARN("event library", F_CSTR("message", msg));
}

static void
library_init(void)
{
	event_set_log_callback(library_log);
}

static struct event_base *
base_create(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	/* The base is touched by its own thread only. */
	(void)event_config_set_flag(
	    config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	(void)event_config_require_features(
	    config, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void
wake_seen(evutil_socket_t fd, short what, void *arg)
{
	/* Edge-triggered: the counter needs no read.  The turn that this
	 * begins drains the mailbox. */
	(void)fd;
	(void)what;
	(void)arg;
}

static int
io_open(struct loop *l)
{
	l->io_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->io_fd < 0)
		return -1;
	if (event_assign(
		&l->io, l->base, l->io_fd, EV_READ | EV_PERSIST, io_seen, l)
	    < 0)
		return -1;
	return event_add(&l->io, NULL);
}

static int
wake_open(struct loop *l)
{
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd < 0)
		return -1;
	if (event_assign(&l->wake, l->base, l->wake_fd,
		EV_READ | EV_PERSIST | EV_ET, wake_seen, l)
	    < 0)
		return -1;
	return event_add(&l->wake, NULL);
}

struct loop *
loop_create(struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct loop *l;

	(void)pthread_once(&once, library_init);
	l = calloc(1, sizeof *l);
	if (l == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a loop");
		return NULL;
	}
	l->wake_fd = -1;
	l->io_fd = -1;
	l->stale = true;
	atomic_init(&l->mailbox, NULL);
	list_init(&l->deferred);
	l->base = base_create();
	if (l->base == NULL || wake_open(l) < 0 || io_open(l) < 0) {
		(void)err_set_errno(
		    err, ERR_IO, errno, "cannot create an event loop");
		loop_destroy(l);
		return NULL;
	}
	loop_wheel_init(l);
	return l;
}

void
loop_destroy(struct loop *l)
{
	if (l == NULL)
		return;
	CHECK(!atomic_load(&l->running));
	(void)loop_drain(l);
	while (!list_is_empty(&l->deferred))
		list_drop(l->deferred.next);
	if (l->wheel.firing.next != NULL)
		loop_wheel_finish(l);
	if (l->wake_fd >= 0) {
		if (event_initialized(&l->wake))
			(void)event_del(&l->wake);
		(void)close(l->wake_fd);
	}
	if (l->io_fd >= 0) {
		if (event_initialized(&l->io))
			(void)event_del(&l->io);
		(void)close(l->io_fd);
	}
	if (l->base != NULL)
		event_base_free(l->base);
	free(l);
}

/* The mailbox. */

static void
wake(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n;

	do {
		n = write(l->wake_fd, &one, sizeof one);
	} while (n < 0 && errno == EINTR);
}

void
loop_post(struct loop *l, struct loop_msg *msg)
{
	struct loop_msg *head =
	    atomic_load_explicit(&l->mailbox, memory_order_relaxed);

	do {
		msg->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&l->mailbox, &head, msg,
	    memory_order_release /* pairs with mailbox_take() */,
	    memory_order_relaxed));
	/* On its own thread the loop looks before it waits. */
	if (head == NULL && current != l)
		wake(l);
}

/* All messages, oldest first. */
static struct loop_msg *
mailbox_take(struct loop *l)
{
	struct loop_msg *newest, *ordered = NULL, *next;

	if (atomic_load_explicit(&l->mailbox, memory_order_relaxed) == NULL)
		return NULL;
	newest = atomic_exchange_explicit(&l->mailbox, NULL,
	    memory_order_acquire /* pairs with loop_post() */);
	for (; newest != NULL; newest = next) {
		next = newest->next;
		newest->next = ordered;
		ordered = newest;
	}
	return ordered;
}

static bool
mailbox_run(struct loop *l)
{
	struct loop_msg *msg = mailbox_take(l), *next;
	bool any = msg != NULL;

	for (; msg != NULL; msg = next) {
		next = msg->next;
		msg->run(msg);
	}
	return any;
}

/* Deferred work. */

void
loop_deferred_init(struct loop_deferred *d, void (*fn)(void *), void *arg)
{
	list_init(&d->node);
	d->fn = fn;
	d->arg = arg;
}

void
loop_defer(struct loop *l, struct loop_deferred *d)
{
	CHECK(loop_is_here(l));
	if (list_is_empty(&d->node))
		list_push(&l->deferred, &d->node);
}

void
loop_deferred_clear(struct loop_deferred *d)
{
	list_drop(&d->node);
}

/* Runs what is there now; what it adds comes behind the mark. */
static void
deferred_round(struct loop *l)
{
	struct loop_deferred *d;
	struct list mark;

	list_push(&l->deferred, &mark);
	while (l->deferred.next != &mark) {
		d = LIST_OBJ(l->deferred.next, struct loop_deferred, node);
		list_drop(&d->node);
		d->fn(d->arg);
	}
	list_drop(&mark);
}

static void
deferred_run(struct loop *l)
{
	for (unsigned i = 0; i < DEFERRED_ROUNDS; i++) {
		if (list_is_empty(&l->deferred))
			return;
		deferred_round(l);
	}
}

/* The turn. */

/* A hint for a watchdog, which nothing else hangs on: relaxed. */
static inline void
beat(struct loop *l)
{
	atomic_store_explicit(&l->beat,
	    atomic_load_explicit(&l->beat, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

unsigned
loop_beat(struct loop *l)
{
	return atomic_load_explicit(&l->beat, memory_order_relaxed);
}

/* The first of a turn begins it. */
static inline void
now_refresh(struct loop *l)
{
	if (!l->stale)
		return;
	l->now = clock_now_ns();
	l->stale = false;
	beat(l);
}

/* As the library has it: an error wakes reader and writer, and so does the end
 * of both directions. */
static unsigned
events_of(const struct loop_io *io, uint32_t what)
{
	unsigned events = 0;

	if (io->events == LOOP_CLOSED)
		return LOOP_CLOSED; /* nothing else wakes it */
	if ((what & EPOLLERR) != 0
	    || ((what & EPOLLHUP) != 0 && (what & EPOLLRDHUP) == 0))
		events = LOOP_READ | LOOP_WRITE;
	if (what & EPOLLIN)
		events |= LOOP_READ;
	if (what & EPOLLOUT)
		events |= LOOP_WRITE;
	if (what & EPOLLRDHUP)
		events |= LOOP_CLOSED;
	return events & io->events;
}

/* True: there was something. */
static bool
ready_run(struct loop *l)
{
	struct loop_io *io;
	unsigned events;
	int n = epoll_wait(l->io_fd, l->ready, LOOP_READY_MAX, 0);

	l->busy = n > 1;
	l->ready_len = n > 0 ? n : 0;
	if (n <= 0)
		return false;
	now_refresh(l);
	for (l->ready_at = 0; l->ready_at < l->ready_len; l->ready_at++) {
		io = l->ready[l->ready_at].data.ptr;
		if (io == NULL) /* stopped meanwhile */
			continue;
		events = events_of(io, l->ready[l->ready_at].events);
		if (events == LOOP_CLOSED && io->events == LOOP_CLOSED)
			loop_io_stop(io); /* told once */
		if (events != 0)
			io->fn(io->arg, events);
	}
	l->ready_len = 0;
	return true;
}

static void
io_seen(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)ready_run(arg);
}

static bool
must_not_wait(struct loop *l)
{
	return !list_is_empty(&l->deferred)
	    || atomic_load_explicit(&l->mailbox, memory_order_relaxed) != NULL;
}

static void
turn(struct loop *l, int flags)
{
	loop_wheel_arm(l);
	if (must_not_wait(l))
		flags |= EVLOOP_NONBLOCK;
	l->stale = true;
	/* Who has much to do need not ask whether there is something: what the
	 * library has besides are the wake-up and the nearest timer, and both
	 * are looked at below. */
	if (!l->busy || !ready_run(l))
		(void)event_base_loop(l->base, EVLOOP_ONCE | flags);
	now_refresh(l);
	loop_wheel_run(l);
	(void)mailbox_run(l);
	deferred_run(l);
	beat(l);
}

static struct loop *
run_enter(struct loop *l)
{
	struct loop *before = current;

	CHECK(!atomic_exchange(&l->running, true));
	current = l;
	return before;
}

static void
run_leave(struct loop *l, struct loop *before)
{
	current = before;
	l->stale = true;
	atomic_store(&l->running, false);
}

bool
loop_drain(struct loop *l)
{
	struct loop *before = run_enter(l);
	bool any = false;

	while (mailbox_run(l))
		any = true;
	run_leave(l, before);
	return any;
}

void
loop_run(struct loop *l)
{
	struct loop *before = run_enter(l);

	while (!atomic_load_explicit(&l->stopping, memory_order_acquire))
		turn(l, 0);
	/* A later run starts afresh. */
	atomic_store(&l->stopping, false);
	run_leave(l, before);
}

void
loop_turn(struct loop *l)
{
	struct loop *before = run_enter(l);

	turn(l, EVLOOP_NONBLOCK);
	run_leave(l, before);
}

void
loop_stop(struct loop *l)
{
	atomic_store_explicit(&l->stopping, true,
	    memory_order_release /* pairs with loop_run() */);
	if (current != l)
		wake(l);
}

int64_t
loop_now(const struct loop *l)
{
	return l->stale ? clock_now_ns() : l->now;
}

bool
loop_is_here(const struct loop *l)
{
	return current == l || !atomic_load(&l->running);
}

struct loop *
loop_current(void)
{
	return current;
}

/* Descriptors. */

void
loop_io_init(struct loop_io *io)
{
	memset(io, 0, sizeof *io);
	io->fd = -1;
}

int
loop_io_start(struct loop_io *io, struct loop *l, int fd, unsigned events,
    loop_io_fn *fn, void *arg)
{
	struct epoll_event e = { .data.ptr = io };
	int op = EPOLL_CTL_MOD;

	CHECK(loop_is_here(l));
	if (io->loop != l || io->fd != fd) {
		loop_io_stop(io);
		op = EPOLL_CTL_ADD;
	}
	if (events & LOOP_READ)
		e.events |= EPOLLIN;
	if (events & LOOP_WRITE)
		e.events |= EPOLLOUT;
	if (events & LOOP_CLOSED)
		e.events |= EPOLLRDHUP;
	if (epoll_ctl(l->io_fd, op, fd, &e) < 0) {
		int rc =
		    errno == ENOMEM || errno == ENOSPC ? ERR_NOMEM : ERR_IO;

		loop_io_stop(io);
		return rc;
	}
	io->loop = l;
	io->fd = fd;
	io->events = events;
	io->fn = fn;
	io->arg = arg;
	return 0;
}

/* What was ready with it, and has not been told yet, is not told. */
static void
ready_forget(struct loop *l, const struct loop_io *io)
{
	for (int i = l->ready_at + 1; i < l->ready_len; i++)
		if (l->ready[i].data.ptr == io)
			l->ready[i].data.ptr = NULL;
}

void
loop_io_stop(struct loop_io *io)
{
	struct loop *l = io->loop;

	if (l == NULL)
		return;
	(void)epoll_ctl(l->io_fd, EPOLL_CTL_DEL, io->fd, NULL);
	ready_forget(l, io);
	io->loop = NULL;
}

bool
loop_io_can_watch(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bool can;

	if (epoll_fd < 0)
		return true; /* the real attempt will tell */
	can =
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 || errno != EPERM;
	(void)close(epoll_fd);
	return can;
}
