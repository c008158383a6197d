/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: mailbox, deferred work, descriptors, signals. */
#define _GNU_SOURCE
#include <sys/socket.h>

#include <pthread.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "loop/loop.h"
#include "unit/unit.h"

/* Counts what wakes the loop. */
static _Atomic unsigned wakes;
static ssize_t counted_write(int fd, const void *bytes, size_t len);
#define write counted_write
#include "loop/loop.c"
#undef write

static ssize_t
counted_write(int fd, const void *bytes, size_t len)
{
	atomic_fetch_add(&wakes, 1);
	return write(fd, bytes, len);
}

#define SENDERS 4
#define PER_SENDER 50000

static struct loop *
loop_new(void)
{
	struct err err;
	struct loop *l = loop_create(&err);

	ck_assert_ptr_nonnull(l);
	return l;
}

struct numbered {
	struct loop_msg msg;
	unsigned sender;
	unsigned number;
};

static struct loop *target;
static unsigned next_number[SENDERS];
static unsigned received;

static void
numbered_run(struct loop_msg *msg)
{
	struct numbered *n = CONTAINER_OF(msg, struct numbered, msg);

	CHECK(loop_current() == target);
	CHECK(loop_is_here(target));
	CHECK(next_number[n->sender] == n->number);
	next_number[n->sender]++;
	if (++received == SENDERS * PER_SENDER)
		loop_stop(target);
	free(n);
}

static void *
sender_main(void *arg)
{
	unsigned sender = *(unsigned *)arg;
	struct numbered *n;

	for (unsigned i = 0; i < PER_SENDER; i++) {
		n = malloc(sizeof *n);
		CHECK(n != NULL);
		n->msg.run = numbered_run;
		n->sender = sender;
		n->number = i;
		loop_post(target, &n->msg);
	}
	return NULL;
}

START_TEST(messages_of_each_sender_keep_their_order)
{
	unsigned numbers[SENDERS];
	pthread_t threads[SENDERS];

	target = loop_new();
	for (unsigned i = 0; i < SENDERS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, sender_main, &numbers[i]),
		    0);
	}
	loop_run(target);
	for (unsigned i = 0; i < SENDERS; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert_uint_eq(received, SENDERS * PER_SENDER);
	ck_assert_uint_le(atomic_load(&wakes), SENDERS * PER_SENDER);
	loop_destroy(target);
}
END_TEST

static unsigned ran;

static void
count_run(struct loop_msg *msg)
{
	(void)msg;
	ran++;
}

START_TEST(only_the_first_of_many_messages_wakes)
{
	struct loop_msg msgs[100];
	struct loop *l = loop_new();

	atomic_store(&wakes, 0);
	for (unsigned i = 0; i < 100; i++) {
		msgs[i].run = count_run;
		loop_post(l, &msgs[i]);
	}
	ck_assert_uint_eq(atomic_load(&wakes), 1);
	loop_turn(l);
	ck_assert_uint_eq(ran, 100);
	loop_destroy(l);
}
END_TEST

static void
repost_run(struct loop_msg *msg)
{
	if (++ran < 5)
		loop_post(loop_current(), msg);
	else
		loop_stop(loop_current());
}

START_TEST(a_message_of_the_loop_itself_wakes_nobody)
{
	struct loop_msg msg = { .run = repost_run };
	struct loop *l = loop_new();

	loop_post(l, &msg);
	atomic_store(&wakes, 0);
	loop_run(l);
	ck_assert_uint_eq(ran, 5);
	ck_assert_uint_eq(atomic_load(&wakes), 0);
	loop_destroy(l);
}
END_TEST

START_TEST(what_was_posted_runs_before_the_end)
{
	struct loop_msg msg = { .run = count_run };
	struct loop *l = loop_new();

	loop_stop(l);
	loop_run(l);
	loop_post(l, &msg);
	loop_destroy(l);
	ck_assert_uint_eq(ran, 1);
}
END_TEST

struct work {
	struct loop_deferred deferred;
	struct loop *loop;
	struct work *also;
	unsigned runs;
	bool again;
};

static void
work_run(void *arg)
{
	struct work *w = arg;

	w->runs++;
	if (w->also != NULL)
		loop_defer(w->loop, &w->also->deferred);
	if (w->again)
		loop_defer(w->loop, &w->deferred);
}

static void
work_init(struct work *w, struct loop *l)
{
	*w = (struct work){ .loop = l };
	loop_deferred_init(&w->deferred, work_run, w);
}

START_TEST(deferred_work_runs_once_a_turn_and_its_own_too)
{
	struct loop *l = loop_new();
	struct work a, b, c;

	work_init(&a, l);
	work_init(&b, l);
	work_init(&c, l);
	a.also = &b;
	loop_defer(l, &a.deferred);
	loop_defer(l, &a.deferred);
	loop_defer(l, &c.deferred);
	loop_deferred_clear(&c.deferred);
	loop_turn(l);
	ck_assert_uint_eq(a.runs, 1);
	ck_assert_uint_eq(b.runs, 1);
	ck_assert_uint_eq(c.runs, 0);
	loop_turn(l);
	ck_assert_uint_eq(a.runs, 1);
	loop_destroy(l);
}
END_TEST

static void
stop_run(struct loop_msg *msg)
{
	(void)msg;
	loop_stop(loop_current());
}

START_TEST(work_that_defers_itself_does_not_starve_messages)
{
	struct loop_msg msg = { .run = stop_run };
	struct loop *l = loop_new();
	struct work w;

	work_init(&w, l);
	w.again = true;
	loop_defer(l, &w.deferred);
	loop_post(l, &msg);
	loop_run(l);
	ck_assert_uint_ge(w.runs, 1);
	loop_destroy(l);
	ck_assert(list_is_empty(&w.deferred.node));
}
END_TEST

struct watcher {
	struct loop_io io;
	struct loop *loop;
	int fd;
	unsigned events;
	unsigned calls;
};

static void
watcher_ready(void *arg, unsigned events)
{
	struct watcher *w = arg;

	w->events = events;
	w->calls++;
	ck_assert_int_gt(loop_now(w->loop), 0);
}

static void
watch(struct watcher *w, struct loop *l, int fd, unsigned events)
{
	*w = (struct watcher){ .loop = l, .fd = fd };
	loop_io_init(&w->io);
	ck_assert_int_eq(
	    loop_io_start(&w->io, l, fd, events, watcher_ready, w), 0);
}

static void
pair_open(int fds[2])
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

START_TEST(reading_and_writing_are_told_and_can_be_changed)
{
	struct loop *l = loop_new();
	struct watcher w;
	int fds[2];

	pair_open(fds);
	watch(&w, l, fds[0], LOOP_READ);
	loop_turn(l);
	ck_assert_uint_eq(w.calls, 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	loop_turn(l);
	ck_assert_uint_eq(w.events, LOOP_READ);
	ck_assert_int_eq(
	    loop_io_start(&w.io, l, fds[0], LOOP_WRITE, watcher_ready, &w), 0);
	loop_turn(l);
	ck_assert_uint_eq(w.events, LOOP_WRITE);
	loop_io_stop(&w.io);
	loop_io_stop(&w.io);
	loop_turn(l);
	ck_assert_uint_eq(w.calls, 2);
	(void)close(fds[0]);
	(void)close(fds[1]);
	loop_destroy(l);
}
END_TEST

START_TEST(a_hang_up_is_told_once_whatever_is_unread)
{
	struct loop *l = loop_new();
	struct watcher w;
	int fds[2];

	pair_open(fds);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	watch(&w, l, fds[0], LOOP_CLOSED);
	for (unsigned i = 0; i < 5; i++)
		loop_turn(l);
	ck_assert_uint_eq(w.calls, 0);
	(void)close(fds[1]);
	for (unsigned i = 0; i < 5; i++)
		loop_turn(l);
	ck_assert_uint_eq(w.calls, 1);
	ck_assert_uint_eq(w.events, LOOP_CLOSED);
	loop_io_stop(&w.io);
	(void)close(fds[0]);
	loop_destroy(l);
}
END_TEST

START_TEST(the_end_of_a_pipe_is_a_hang_up)
{
	struct loop *l = loop_new();
	struct watcher w;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	watch(&w, l, fds[0], LOOP_CLOSED);
	loop_turn(l);
	(void)close(fds[1]);
	loop_turn(l);
	loop_turn(l);
	ck_assert_uint_eq(w.calls, 1);
	loop_io_stop(&w.io);
	(void)close(fds[0]);
	loop_destroy(l);
}
END_TEST

START_TEST(files_cannot_be_watched_and_pipes_can)
{
	int fd = open("/dev/null", O_RDONLY), fds[2];

	ck_assert_int_ge(fd, 0);
	ck_assert(!loop_io_can_watch(fd));
	(void)close(fd);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert(loop_io_can_watch(fds[0]));
	(void)close(fds[0]);
	(void)close(fds[1]);
}
END_TEST

static void
signal_seen(void *arg, int signo)
{
	ck_assert_int_eq(signo, SIGHUP);
	ran++;
	loop_stop(arg);
}

START_TEST(a_signal_arrives_on_the_loop)
{
	struct loop *l = loop_new();
	struct loop_signal *s;
	struct err err;

	s = loop_signal_start(l, SIGHUP, signal_seen, l, &err);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(kill(getpid(), SIGHUP), 0);
	loop_run(l);
	ck_assert_uint_eq(ran, 1);
	loop_signal_stop(s);
	ck_assert_ptr_null(loop_signal_start(l, 9999, signal_seen, l, &err));
	loop_destroy(l);
}
END_TEST

UNIT_MAIN("loop/loop", messages_of_each_sender_keep_their_order,
    only_the_first_of_many_messages_wakes,
    a_message_of_the_loop_itself_wakes_nobody,
    what_was_posted_runs_before_the_end,
    deferred_work_runs_once_a_turn_and_its_own_too,
    work_that_defers_itself_does_not_starve_messages,
    reading_and_writing_are_told_and_can_be_changed,
    a_hang_up_is_told_once_whatever_is_unread, the_end_of_a_pipe_is_a_hang_up,
    files_cannot_be_watched_and_pipes_can, a_signal_arrives_on_the_loop)
