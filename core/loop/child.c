/* SPDX-License-Identifier: Apache-2.0 */
/* A child is started by posix_spawn: no copy of a large process, and nothing
 * of ours runs between fork and exec.  It leads a session and a process group
 * of its own, so that what it starts ends with it. */
#define _GNU_SOURCE
#include "loop/child.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

/* How long a cancel waits for a killed child; after that the loop reaps. */
#define CANCEL_WAIT_MS 100

struct stream {
	int fd; /* owned; -1: at its end */
	struct buf *to;
	size_t room;
	void (*said)(void *arg, struct str bytes); /* in place of to */
	void *arg;
};

struct process {
	pid_t pid;
	int pid_fd; /* owned */
	struct stream out;
	struct stream errors;
};

static void
fd_drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int
spawn_prepare(posix_spawnattr_t *attr, posix_spawn_file_actions_t *actions,
    int out, int errors, const int *fds, size_t n)
{
	sigset_t all, none;
	int rc;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	rc = posix_spawnattr_setflags(attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
		| POSIX_SPAWN_SETSID);
	rc = rc != 0 ? rc : posix_spawnattr_setsigmask(attr, &none);
	rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(attr, &all);
	rc = rc != 0 ? rc
		     : posix_spawn_file_actions_addopen(
			 actions, 0, "/dev/null", O_RDONLY, 0);
	rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(actions, out, 1);
	rc =
	    rc != 0 ? rc : posix_spawn_file_actions_adddup2(actions, errors, 2);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(
		    actions, fds[i], 3 + (int)i);
	return rc != 0
	    ? rc
	    : posix_spawn_file_actions_addclosefrom_np(actions, 3 + (int)n);
}

/* 0 or an errno. */
static int
spawn(pid_t *pid, const char *const *argv, const char *const *envp, int out,
    int errors, const int *fds, size_t n)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	union {
		const char *const *in;
		char *const *out;
	} args = { argv }, env = { envp }; /* it does not write to them */
	int rc;

	rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		return rc;
	rc = posix_spawn_file_actions_init(&actions);
	if (rc == 0) {
		rc = spawn_prepare(&attr, &actions, out, errors, fds, n);
		if (rc == 0)
			rc = posix_spawn(
			    pid, argv[0], &actions, &attr, args.out, env.out);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}

/* A pipe whose descriptors lie above 2, so that dup2 in the child does not
 * overwrite one with the other. */
static int
pipe_open(int fds[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
	(void)close(low[0]);
	(void)close(low[1]);
	if (fds[0] >= 0 && fds[1] >= 0
	    && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	fd_drop(&fds[0]);
	fd_drop(&fds[1]);
	return -1;
}

static void
process_close(struct process *p)
{
	fd_drop(&p->pid_fd);
	fd_drop(&p->out.fd);
	fd_drop(&p->errors.fd);
}

static void
process_kill(const struct process *p)
{
	/* Not reaped yet: the number is still its own. */
	(void)kill(-p->pid, SIGKILL);
	(void)kill(p->pid, SIGKILL);
}

static int
process_reap(const struct process *p)
{
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	return status;
}

/* Descriptors above all that the child will have, so that none of them is
 * overwritten before it was moved; an errno. */
static int
fds_lift(const struct loop_child_extra *extra, int *high)
{
	size_t n = extra != NULL ? extra->fds_len : 0;

	for (size_t i = 0; i < n; i++)
		high[i] = -1;
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(extra->fds[i], F_DUPFD_CLOEXEC, 3 + (int)n);
		if (high[i] < 0)
			return errno;
	}
	return 0;
}

static int
process_spawn(struct process *p, const struct loop_child_extra *extra,
    const char *const *argv, const char *const *envp, int out, int errors)
{
	size_t n = extra != NULL ? extra->fds_len : 0;
	int *high = calloc(n + 1, sizeof *high);
	int errnum;

	if (high == NULL)
		return ENOMEM;
	errnum = fds_lift(extra, high);
	if (errnum == 0)
		errnum = spawn(&p->pid, argv, envp, out, errors, high, n);
	for (size_t i = 0; i < n; i++)
		fd_drop(&high[i]);
	free(high);
	return errnum;
}

static int
process_start(struct process *p, const struct loop_child_extra *extra,
    const char *const *argv, const char *const *envp, struct err *err)
{
	int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, errnum;

	p->pid_fd = p->out.fd = p->errors.fd = -1;
	if (argv[0] == NULL || argv[0][0] != '/')
		return err_set(
		    err, ERR_PARAMS, "a program needs an absolute path");
	if (pipe_open(out) < 0 || pipe_open(errors) < 0)
		errnum = errno;
	else
		errnum = process_spawn(p, extra, argv, envp, out[1], errors[1]);
	p->out.fd = out[0];
	p->errors.fd = errors[0];
	fd_drop(&out[1]);
	fd_drop(&errors[1]);
	if (errnum == 0) {
		p->pid_fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
		if (p->pid_fd >= 0)
			return 0;
		errnum = errno;
		process_kill(p);
		(void)process_reap(p);
	}
	process_close(p);
	return err_set_errno(err, ERR_IO, errnum, "cannot start %s", argv[0]);
}

/* Reads some of what is there; true at its end.  Beyond the bound it is read
 * and dropped, so that the child does not hang on a full pipe. */
static bool
stream_read(struct stream *s)
{
	char bytes[4096];
	size_t keep;
	ssize_t n;

	/* A pipe holds 64 KiB; who writes without end does not hold us. */
	for (int i = 0; i < 32; i++) {
		n = read(s->fd, bytes, sizeof bytes);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0)
			return true;
		if (s->said != NULL) {
			s->said(s->arg, (struct str){ bytes, (size_t)n });
			continue;
		}
		keep = (size_t)n < s->room ? (size_t)n : s->room;
		s->room -= keep;
		if (s->to != NULL)
			buf_append(s->to, bytes, keep);
	}
	return false;
}

/* On a loop. */

struct loop_child {
	struct process process;
	struct loop_io end_io;
	struct loop_io out_io;
	struct loop_io errors_io;
	struct loop_timer timer;
	struct buf out;
	struct buf errors;
	bool timed_out;
	void (*fn)(void *arg, const struct loop_child_end *end);
	void *arg;
};

static void
child_destroy(struct loop_child *c)
{
	loop_io_stop(&c->end_io);
	loop_io_stop(&c->out_io);
	loop_io_stop(&c->errors_io);
	loop_timer_clear(&c->timer);
	process_close(&c->process);
	buf_finish(&c->out);
	buf_finish(&c->errors);
	free(c);
}

static void
output_ready(struct loop_io *io, struct stream *s)
{
	if (!stream_read(s))
		return;
	loop_io_stop(io);
	fd_drop(&s->fd);
}

static void
out_ready(void *arg, unsigned events)
{
	struct loop_child *c = arg;

	(void)events;
	output_ready(&c->out_io, &c->process.out);
}

static void
errors_ready(void *arg, unsigned events)
{
	struct loop_child *c = arg;

	(void)events;
	output_ready(&c->errors_io, &c->process.errors);
}

static void
child_ended(void *arg, unsigned events)
{
	struct loop_child *c = arg;
	struct loop_child_end end;

	(void)events;
	end.status = process_reap(&c->process);
	/* Not until end of file: a grandchild may hold the pipe. */
	if (c->process.out.fd >= 0)
		(void)stream_read(&c->process.out);
	if (c->process.errors.fd >= 0)
		(void)stream_read(&c->process.errors);
	end.timed_out = c->timed_out;
	end.out = buf_view(&c->out);
	end.errors = buf_view(&c->errors);
	if (c->fn != NULL)
		c->fn(c->arg, &end);
	child_destroy(c);
}

static void
child_late(void *arg)
{
	struct loop_child *c = arg;
	struct pollfd p = { .fd = c->process.pid_fd, .events = POLLIN };

	if (poll(&p, 1, 0) == 1)
		return; /* it was in time, this loop was not */
	c->timed_out = true;
	process_kill(&c->process);
}

static int
child_watch(struct loop_child *c, struct loop *l, int64_t timeout_ns)
{
	struct process *p = &c->process;
	int rc;

	rc = loop_io_start(&c->end_io, l, p->pid_fd, LOOP_READ, child_ended, c);
	if (rc == 0)
		rc = loop_io_start(
		    &c->out_io, l, p->out.fd, LOOP_READ, out_ready, c);
	if (rc == 0)
		rc = loop_io_start(
		    &c->errors_io, l, p->errors.fd, LOOP_READ, errors_ready, c);
	if (timeout_ns > 0)
		loop_timer_set(l, &c->timer, clock_now_ns() + timeout_ns);
	return rc;
}

static struct loop_child *
child_create(void (*fn)(void *arg, const struct loop_child_end *end), void *arg)
{
	struct loop_child *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	loop_io_init(&c->end_io);
	loop_io_init(&c->out_io);
	loop_io_init(&c->errors_io);
	loop_timer_init(&c->timer, child_late, c);
	buf_init(&c->out);
	buf_init(&c->errors);
	c->process.out.to = &c->out;
	c->process.errors.to = &c->errors;
	c->process.out.room = LOOP_CHILD_OUTPUT_MAX;
	c->process.errors.room = LOOP_CHILD_OUTPUT_MAX;
	c->process.pid_fd = c->process.out.fd = c->process.errors.fd = -1;
	c->fn = fn;
	c->arg = arg;
	return c;
}

struct loop_child *
loop_child_start(struct loop *l, const char *const *argv,
    const char *const *envp, int64_t timeout_ns,
    void (*fn)(void *arg, const struct loop_child_end *end), void *arg,
    struct err *err)
{
	return loop_child_start_with(
	    l, NULL, argv, envp, timeout_ns, fn, arg, err);
}

struct loop_child *
loop_child_start_with(struct loop *l, const struct loop_child_extra *extra,
    const char *const *argv, const char *const *envp, int64_t timeout_ns,
    void (*fn)(void *arg, const struct loop_child_end *end), void *arg,
    struct err *err)
{
	struct loop_child *c = child_create(fn, arg);

	if (c == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a child");
		return NULL;
	}
	if (extra != NULL) {
		c->process.errors.said = extra->said;
		c->process.errors.arg = arg;
	}
	if (process_start(&c->process, extra, argv, envp, err) < 0) {
		child_destroy(c);
		return NULL;
	}
	if (child_watch(c, l, timeout_ns) < 0) {
		process_kill(&c->process);
		(void)process_reap(&c->process);
		child_destroy(c);
		(void)err_set(err, ERR_IO, "cannot watch %s", argv[0]);
		return NULL;
	}
	return c;
}

pid_t
loop_child_pid(const struct loop_child *c)
{
	return c->process.pid;
}

void
loop_child_kill(struct loop_child *c)
{
	process_kill(&c->process);
}

void
loop_child_cancel(struct loop_child *c)
{
	struct pollfd p = { .events = POLLIN };

	if (c == NULL)
		return;
	c->fn = NULL;
	process_kill(&c->process);
	p.fd = c->process.pid_fd;
	/* A killed process is gone at once, unless the kernel holds it. */
	if (poll(&p, 1, CANCEL_WAIT_MS) == 1)
		child_ended(c, LOOP_READ);
}

/* Without a loop, or before it turns. */

static int
wait_ms(int64_t deadline_ns)
{
	int64_t ms;

	if (deadline_ns == INT64_MAX)
		return -1;
	ms = (deadline_ns - clock_now_ns() + NS_PER_MS - 1) / NS_PER_MS;
	if (ms < 0)
		return 0;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void
stream_step(struct stream *s)
{
	if (s->fd >= 0 && stream_read(s))
		fd_drop(&s->fd);
}

/* True when the process was killed at the deadline. */
static bool
process_wait(struct process *p, int64_t deadline_ns)
{
	struct pollfd polls[3];
	bool late = false;
	int n;

	do {
		/* poll() passes over a negative descriptor. */
		polls[0] = (struct pollfd){ p->pid_fd, POLLIN, 0 };
		polls[1] = (struct pollfd){ p->out.fd, POLLIN, 0 };
		polls[2] = (struct pollfd){ p->errors.fd, POLLIN, 0 };
		n = poll(polls, 3, late ? -1 : wait_ms(deadline_ns));
		if (!late && clock_now_ns() >= deadline_ns) {
			process_kill(p);
			late = true;
		}
		if (n > 0 && polls[1].revents != 0)
			stream_step(&p->out);
		if (n > 0 && polls[2].revents != 0)
			stream_step(&p->errors);
	} while (n <= 0 || polls[0].revents == 0);
	stream_step(&p->out);
	stream_step(&p->errors);
	return late;
}

void
loop_child_wait(struct loop_child *c, int64_t timeout_ns)
{
	loop_io_stop(&c->end_io);
	loop_io_stop(&c->out_io);
	loop_io_stop(&c->errors_io);
	c->timed_out |= process_wait(&c->process, clock_now_ns() + timeout_ns);
	child_ended(c, LOOP_READ);
}

int
loop_child_run(const char *const *argv, const char *const *envp,
    int64_t timeout_ns, int *status, struct buf *out, struct buf *errors,
    struct err *err)
{
	struct process p;
	bool late;

	memset(&p, 0, sizeof p);
	if (process_start(&p, NULL, argv, envp, err) < 0)
		return err->code;
	p.out.to = out;
	p.errors.to = errors;
	p.out.room = p.errors.room = LOOP_CHILD_OUTPUT_MAX;
	late = process_wait(
	    &p, timeout_ns > 0 ? clock_now_ns() + timeout_ns : INT64_MAX);
	*status = process_reap(&p);
	process_close(&p);
	if (late)
		return err_set(err, ERR_TIMEOUT, "it ran longer than %lld ms",
		    (long long)(timeout_ns / NS_PER_MS));
	return 0;
}
