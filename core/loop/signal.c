/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as descriptors: blocked everywhere, read on the control loop. */
#include <sys/signalfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"

struct loop_signal {
	struct loop_io io;
	int fd; /* owned */
	int signo;
	bool was_blocked;
	void (*fn)(void *arg, int signo);
	void *arg;
};

static void
signal_ready(void *arg, unsigned events)
{
	struct loop_signal *s = arg;
	struct signalfd_siginfo info;
	ssize_t n;

	(void)events;
	n = read(s->fd, &info, sizeof info);
	if (n == (ssize_t)sizeof info)
		s->fn(s->arg, s->signo);
}

static int
signal_open(struct loop_signal *s, struct loop *l)
{
	sigset_t set, before;

	(void)sigemptyset(&set);
	if (sigaddset(&set, s->signo) < 0)
		return -1;
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return -1;
	/* An ignored signal is never pending. */
	if (signal(s->signo, SIG_DFL) == SIG_ERR)
		return -1;
	(void)pthread_sigmask(SIG_BLOCK, &set, &before);
	s->was_blocked = sigismember(&before, s->signo) == 1;
	return loop_io_start(&s->io, l, s->fd, LOOP_READ, signal_ready, s);
}

struct loop_signal *
loop_signal_start(struct loop *l, int signo, void (*fn)(void *arg, int signo),
    void *arg, struct err *err)
{
	struct loop_signal *s = calloc(1, sizeof *s);

	if (s == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a signal");
		return NULL;
	}
	loop_io_init(&s->io);
	s->fd = -1;
	s->signo = signo;
	s->was_blocked = true;
	s->fn = fn;
	s->arg = arg;
	if (signal_open(s, l) < 0) {
		(void)err_set_errno(
		    err, ERR_IO, errno, "cannot watch signal %d", signo);
		loop_signal_stop(s);
		return NULL;
	}
	return s;
}

void
loop_signal_forget(const struct loop_signal *s)
{
	(void)close(s->fd); /* a copy */
}

void
loop_signal_stop(struct loop_signal *s)
{
	sigset_t set;

	if (s == NULL)
		return;
	loop_io_stop(&s->io);
	if (s->fd >= 0)
		(void)close(s->fd);
	if (!s->was_blocked) {
		(void)sigemptyset(&set);
		(void)sigaddset(&set, s->signo);
		(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	free(s);
}
