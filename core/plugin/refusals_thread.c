/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that answers.  A runner is not trusted here either: it may send a
 * listener that is none, ask without end, or take back what it has asked. */
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/ref.h"
#include "plugin/box.h"
#include "plugin/ledger.h"
#include "plugin/refusals_priv.h"

#define EVENTS_MAX 16
/* Newer kernels may have more to say than we were built with. */
#define NOTICE_MAX 512
#define PAGE 4096u
/* Wakes this thread out of a call that does not come back; it means nothing. */
#define WAKE_SIGNAL (SIGRTMIN + 3)

struct refusals_watch {
	struct ref ref; /* the life's, and the thread's while it looks */
	struct list node; /* in the thread's, with its lock */
	struct refusals_thread *thread; /* NULL: it is gone; with its lock */
	uint64_t number;
	int fd; /* owned */
	bool waiting; /* its turn was full */
	char *plugin; /* owned */
	unsigned generation;
	pid_t pid;
	bool paths;
	uint32_t told; /* bits of the kinds that the log has */
	struct plugin_ledger *ledger; /* counted */
};

struct refusals_thread {
	pthread_mutex_t lock; /* leaf; guards watches and stopping */
	struct list watches;
	bool stopping;
	uint64_t numbers;
	bool started;
	pthread_t thread;
	int epoll; /* owned; -1: not started */
	int wake; /* owned */
	/* Of the thread alone. */
	timer_t stuck;
	bool has_stuck;
	int64_t again_ns; /* when those that wait have another turn; 0: none */
};

union notice {
	struct seccomp_notif of;
	char room[NOTICE_MAX];
};

union answer {
	struct seccomp_notif_resp of;
	char room[NOTICE_MAX];
};

struct refusals_thread *
refusals_thread_create(void)
{
	struct refusals_thread *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
	list_init(&t->watches);
	t->epoll = t->wake = -1;
	return t;
}

static void
watch_unref(struct refusals_watch *w)
{
	if (!ref_drop(&w->ref))
		return;
	(void)close(w->fd); /* whoever waits is told by the kernel */
	plugin_ledger_unref(w->ledger);
	free(w->plugin);
	free(w);
}

/* Text from a runner's memory, to its end or the end of its page or what fits.
 * Where this process may not look there is none. */
static size_t
text_read(pid_t pid, uint64_t at, char *out, size_t room)
{
	size_t len = PAGE - (size_t)(at % PAGE);
	struct iovec here = { out, 0 };
	struct iovec there = { (void *)(uintptr_t)at, 0 };
	ssize_t n;

	if (len > room)
		len = room;
	here.iov_len = there.iov_len = len;
	n = process_vm_readv(pid, &here, 1, &there, 1, 0);
	return n > 0 ? (size_t)n : 0;
}

static void
path_read(pid_t pid, uint64_t at, char *out)
{
	size_t room = REFUSALS_PATH_MAX - 1, len = 0, n;

	out[0] = '\0';
	do {
		n = text_read(pid, at + len, out + len, room - len);
		len += n;
	} while (n > 0 && len < room && memchr(out, '\0', len) == NULL);
	out[len] = '\0';
	len = strlen(out);
	/* Cut, it may end within a character. */
	while (len > 0 && !str_is_utf8((struct str){ out, len }))
		len--;
	out[len] = '\0';
}

static void
refused_log(struct refusals_watch *w, const struct plugin_refused *one)
{
	LOG_WARN("system call refused", F_CSTR("plugin", w->plugin),
	    F_INT("generation", w->generation), F_INT("pid", w->pid),
	    F_CSTR("call", box_call_name(one->call)), F_CSTR("path", one->path),
	    F_CSTR(
		"hint", one->grant != NULL ? one->grant : "no grant opens it"));
}

/* It is over with what was read unless the caller still waits. */
static bool
still_waits(const struct refusals_watch *w, uint64_t id)
{
	return ioctl(w->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void
notice_count(struct refusals_watch *w, const struct seccomp_notif *n)
{
	struct plugin_refused one = { .call = (uint32_t)n->data.nr };
	uint64_t args[6];
	struct box_call call;
	int at;

	for (size_t i = 0; i < ARRAY_LEN(args); i++)
		args[i] = n->data.args[i];
	box_call_of(n->data.nr, args, &call);
	one.grant = call.grant;
	if (w->paths && call.path_arg >= 0) {
		path_read((pid_t)n->pid, args[call.path_arg], one.path);
		if (!still_waits(w, n->id))
			one.path[0] = '\0';
	}
	at = refusals_add(&w->ledger->refusals, &one);
	if (at >= 0 && (w->told & 1u << at) == 0) {
		w->told |= 1u << at;
		refused_log(w, &one);
	}
}

static bool
notice_waits(const struct refusals_watch *w)
{
	struct pollfd p = { w->fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

/* 1: one was answered; 0: there is none; negative: it is no listener, or does
 * not keep to what it says. */
static int
notice_take(struct refusals_watch *w)
{
	union notice n;
	union answer a;

	memset(&n, 0, sizeof n);
	if (ioctl(w->fd, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
		return errno == ENOENT ? 0 : ERR_CLOSED;
	memset(&a, 0, sizeof a);
	notice_count(w, &n.of);
	a.of.id = n.of.id;
	a.of.error = -box_call_errno(n.of.data.nr);
	/* Whoever has asked may be gone. */
	(void)ioctl(w->fd, SECCOMP_IOCTL_NOTIF_SEND, &a);
	return 1;
}

/* A call that has nothing to give waits for it: for a listener that a runner
 * reads itself, that would be for ever. */
static void
stuck_set(struct refusals_thread *t, long ms)
{
	struct itimerspec when = { .it_value.tv_nsec = ms * NS_PER_MS,
		.it_interval.tv_nsec = ms * NS_PER_MS };

	if (t->has_stuck)
		(void)timer_settime(t->stuck, 0, &when, NULL);
}

static void
watch_listen(
    const struct refusals_thread *t, struct refusals_watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = w->number };

	(void)epoll_ctl(t->epoll, EPOLL_CTL_MOD, w->fd, &e);
}

static void
watch_stop(struct refusals_thread *t, struct refusals_watch *w)
{
	(void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

/* As many as may be in one turn; who asks on waits for the next. */
static void
watch_turn(struct refusals_thread *t, struct refusals_watch *w, uint32_t events)
{
	int rc = 1, n = 0;

	if ((events & EPOLLIN) == 0) {
		watch_stop(t, w); /* no thread of it is left */
		return;
	}
	stuck_set(t, REFUSALS_STUCK_MS);
	/* The first is there; of the next ones the kernel must be asked. */
	do
		rc = notice_take(w);
	while (rc > 0 && ++n < REFUSALS_TURN && notice_waits(w));
	stuck_set(t, 0);
	if (rc < 0) {
		LOG_WARN("refused calls are not told",
		    F_CSTR("plugin", w->plugin), F_INT("pid", w->pid));
		watch_stop(t, w);
	} else if (n == REFUSALS_TURN) {
		watch_listen(t, w, 0);
		w->waiting = true;
		if (t->again_ns == 0)
			t->again_ns =
			    clock_now_ns() + REFUSALS_PAUSE_MS * NS_PER_MS;
	}
}

/* Counted; NULL: it has ended meanwhile. */
static struct refusals_watch *
watch_find(struct refusals_thread *t, uint64_t number)
{
	struct refusals_watch *found = NULL;

	CHECK(pthread_mutex_lock(&t->lock) == 0);
	LIST_EACH (node, &t->watches) {
		struct refusals_watch *w =
		    LIST_OBJ(node, struct refusals_watch, node);

		if (w->number == number)
			found = w;
	}
	if (found != NULL)
		ref_take(&found->ref);
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return found;
}

static void
waiting_go_on(struct refusals_thread *t)
{
	if (t->again_ns == 0 || clock_now_ns() < t->again_ns)
		return;
	t->again_ns = 0;
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	LIST_EACH (node, &t->watches) {
		struct refusals_watch *w =
		    LIST_OBJ(node, struct refusals_watch, node);

		if (w->waiting)
			watch_listen(t, w, EPOLLIN);
		w->waiting = false;
	}
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
}

static bool
is_stopping(struct refusals_thread *t)
{
	bool stopping;

	CHECK(pthread_mutex_lock(&t->lock) == 0);
	stopping = t->stopping;
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return stopping;
}

static void
woken(int sig)
{
	(void)sig;
}

static void
stuck_prepare(struct refusals_thread *t)
{
	struct sigaction action = { .sa_handler = woken };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = WAKE_SIGNAL };
	sigset_t only;

	event._sigev_un._tid = gettid();
	(void)sigemptyset(&only);
	(void)sigaddset(&only, WAKE_SIGNAL);
	(void)sigaction(WAKE_SIGNAL, &action, NULL);
	(void)pthread_sigmask(SIG_UNBLOCK, &only, NULL);
	t->has_stuck = timer_create(CLOCK_MONOTONIC, &event, &t->stuck) == 0;
}

static void *
refusals_run(void *arg)
{
	struct refusals_thread *t = arg;
	struct epoll_event events[EVENTS_MAX];

	panic_thread_init();
	(void)pthread_setname_np(pthread_self(), "refusals");
	stuck_prepare(t);
	while (!is_stopping(t)) {
		int n = epoll_wait(t->epoll, events, EVENTS_MAX,
		    t->again_ns != 0 ? REFUSALS_PAUSE_MS : -1);

		for (int i = 0; i < n; i++) {
			struct refusals_watch *w =
			    watch_find(t, events[i].data.u64);

			if (w == NULL)
				continue;
			watch_turn(t, w, events[i].events);
			watch_unref(w);
		}
		waiting_go_on(t);
	}
	if (t->has_stuck)
		(void)timer_delete(t->stuck);
	panic_thread_finish();
	return NULL;
}

/* [control] Signals are for others. */
static int
thread_begin(struct refusals_thread *t)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 0 };
	sigset_t mask, before;
	int rc;

	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->epoll < 0 || t->wake < 0
	    || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &e) < 0)
		return ERR_IO;
	(void)sigfillset(&mask);
	(void)sigdelset(&mask, SIGSEGV);
	(void)sigdelset(&mask, SIGBUS);
	(void)sigdelset(&mask, SIGFPE);
	(void)sigdelset(&mask, SIGILL);
	(void)sigdelset(&mask, SIGABRT);
	(void)pthread_sigmask(SIG_SETMASK, &mask, &before);
	rc = pthread_create(&t->thread, NULL, refusals_run, t);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->started = rc == 0;
	return rc == 0 ? 0 : ERR_IO;
}

static void
thread_close(struct refusals_thread *t)
{
	if (t->epoll >= 0)
		(void)close(t->epoll); /* nothing is written through it */
	if (t->wake >= 0)
		(void)close(t->wake);
	t->epoll = t->wake = -1;
}

static struct refusals_watch *
watch_alloc(const struct refusals_of *of, int fd)
{
	struct refusals_watch *w = calloc(1, sizeof *w);

	if (w != NULL)
		w->plugin = strdup(of->plugin);
	if (w == NULL || w->plugin == NULL) {
		free(w);
		return NULL;
	}
	ref_init(&w->ref);
	list_init(&w->node);
	w->fd = fd;
	w->generation = of->generation;
	w->pid = of->pid;
	w->paths = of->paths;
	w->ledger = of->ledger;
	ref_take(&w->ledger->ref);
	return w;
}

struct refusals_watch *
refusals_watch_create(struct refusals_thread *t, const struct refusals_of *of,
    int fd, struct err *err)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct refusals_watch *w;

	if (!t->started && thread_begin(t) < 0) {
		thread_close(t);
		(void)close(fd);
		(void)err_set(err, ERR_IO, "no thread for refused calls");
		return NULL;
	}
	w = watch_alloc(of, fd);
	if (w == NULL) {
		(void)close(fd);
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	w->thread = t;
	w->number = ++t->numbers;
	list_push(&t->watches, &w->node);
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	e.data.u64 = w->number;
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return w;
	(void)err_set_errno(err, ERR_IO, errno, "refused calls are not told");
	refusals_watch_end(w);
	return NULL;
}

/* The thread is told of nothing: it looks for numbers that are there. */
void
refusals_watch_end(struct refusals_watch *w)
{
	struct refusals_thread *t;

	if (w == NULL)
		return;
	t = w->thread; /* it changes on this thread */
	if (t != NULL) {
		CHECK(pthread_mutex_lock(&t->lock) == 0);
		list_drop(&w->node);
		CHECK(pthread_mutex_unlock(&t->lock) == 0);
		(void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	}
	watch_unref(w);
}

void
refusals_thread_destroy(struct refusals_thread *t)
{
	const uint64_t one = 1;

	if (t == NULL)
		return;
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	t->stopping = true;
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	if (t->started) {
		CHECK(write(t->wake, &one, sizeof one) == sizeof one);
		CHECK(pthread_join(t->thread, NULL) == 0);
	}
	LIST_EACH_SAFE (node, &t->watches) {
		struct refusals_watch *w =
		    LIST_OBJ(node, struct refusals_watch, node);

		list_drop(&w->node);
		w->thread = NULL;
	}
	thread_close(t);
	(void)pthread_mutex_destroy(&t->lock); /* nobody holds it */
	free(t);
}
