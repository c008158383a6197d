/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes, with the shell as the child. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "loop/child.h"
#include "unit/unit.h"

struct result {
	struct loop *loop;
	unsigned calls;
	int status;
	bool timed_out;
	struct buf out;
	struct buf errors;
};

static const char *const envp[] = { "A=b", NULL };

static void
ended(void *arg, const struct loop_child_end *end)
{
	struct result *r = arg;

	r->calls++;
	r->status = end->status;
	r->timed_out = end->timed_out;
	buf_str(&r->out, end->out);
	buf_str(&r->errors, end->errors);
	loop_stop(r->loop);
}

static void
result_init(struct result *r)
{
	struct err err;

	memset(r, 0, sizeof *r);
	r->loop = loop_create(&err);
	ck_assert_ptr_nonnull(r->loop);
}

static void
no_child_left(void)
{
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static void
result_finish(struct result *r)
{
	no_child_left();
	loop_destroy(r->loop);
	buf_finish(&r->out);
	buf_finish(&r->errors);
}

static struct loop_child *
shell_start(struct result *r, const char *script, int64_t timeout_ns)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct loop_child *c;
	struct err err;

	c = loop_child_start(r->loop, argv, envp, timeout_ns, ended, r, &err);
	ck_assert_ptr_nonnull(c);
	return c;
}

static void
shell(struct result *r, const char *script, int64_t timeout_ns)
{
	(void)shell_start(r, script, timeout_ns);
	loop_run(r->loop);
	ck_assert_uint_eq(r->calls, 1);
}

START_TEST(status_and_output_are_told)
{
	struct result r;

	result_init(&r);
	shell(&r, "echo $A; echo bad >&2; exit 7", 60 * NS_PER_S);
	ck_assert(WIFEXITED(r.status));
	ck_assert_int_eq(WEXITSTATUS(r.status), 7);
	ck_assert(!r.timed_out);
	ck_assert(str_equal(buf_view(&r.out), S("b\n")));
	ck_assert(str_equal(buf_view(&r.errors), S("bad\n")));
	result_finish(&r);
}
END_TEST

START_TEST(the_child_has_no_input_and_no_other_descriptor)
{
	struct result r;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0); /* inheritable */
	ck_assert_int_eq(dup2(fds[0], 50), 50);
	result_init(&r);
	shell(&r,
	    "cat; for n in 0 1 2 3 4 5 6 7 8 9 50; do "
	    "test -e /proc/$$/fd/$n && echo $n; done",
	    60 * NS_PER_S);
	ck_assert(str_equal(buf_view(&r.out), S("0\n1\n2\n")));
	result_finish(&r);
}
END_TEST

/* Started with all signals blocked and SIGPIPE ignored. */
START_TEST(the_child_has_default_signals)
{
	struct result r;
	unsigned long long blocked, ignored;
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	result_init(&r);
	/* Of the ignored only 1 to 31: the C library keeps 32 and 33. */
	shell(&r, "grep -E 'Sig(Blk|Ign)' /proc/self/status", 60 * NS_PER_S);
	buf_char(&r.out, '\0');
	ck_assert_int_eq(
	    sscanf(r.out.ptr, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored),
	    2);
	ck_assert_uint_eq(blocked, 0);
	ck_assert_uint_eq(ignored & 0x7fffffff, 0);
	result_finish(&r);
}
END_TEST

/* The grandchild holds the other end of a named pipe: its end is a hang-up. */
START_TEST(a_child_that_hangs_is_killed_with_all_it_started)
{
	char dir[] = "/tmp/child-XXXXXX", fifo[64], script[256];
	struct pollfd p = { .events = POLLIN };
	struct result r;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(fifo, sizeof fifo, "%s/p", dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	p.fd = open(fifo, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ge(p.fd, 0);
	(void)snprintf(script, sizeof script,
	    "(echo x; exec tail -f /dev/null) >%s & wait", fifo);
	result_init(&r);
	(void)shell_start(&r, script, 200 * NS_PER_MS);
	ck_assert_int_eq(poll(&p, 1, 60000), 1);
	loop_run(r.loop);
	ck_assert(r.timed_out);
	ck_assert(WIFSIGNALED(r.status));
	ck_assert_int_eq(WTERMSIG(r.status), SIGKILL);
	p.events = 0;
	ck_assert_int_eq(poll(&p, 1, 60000), 1);
	ck_assert_int_ne(p.revents & POLLHUP, 0);
	(void)close(p.fd);
	(void)unlink(fifo);
	(void)rmdir(dir);
	result_finish(&r);
}
END_TEST

START_TEST(output_is_cut_at_the_bound)
{
	struct result r;

	result_init(&r);
	shell(&r, "head -c 1000000 /dev/zero; echo end >&2", 60 * NS_PER_S);
	ck_assert_int_eq(r.status, 0);
	ck_assert_uint_eq(r.out.len, LOOP_CHILD_OUTPUT_MAX);
	ck_assert(str_equal(buf_view(&r.errors), S("end\n")));
	result_finish(&r);
}
END_TEST

START_TEST(a_cancelled_child_is_gone_and_says_nothing)
{
	struct result r;

	result_init(&r);
	loop_child_cancel(shell_start(&r, "cat /dev/zero", 60 * NS_PER_S));
	loop_turn(r.loop);
	ck_assert_uint_eq(r.calls, 0);
	loop_child_cancel(NULL);
	result_finish(&r);
}
END_TEST

START_TEST(a_missing_program_is_an_error_line)
{
	const char *const argv[] = { "/nonexistent/x", NULL };
	const char *const relative[] = { "x", NULL };
	struct result r;
	struct err err;

	result_init(&r);
	ck_assert_ptr_null(
	    loop_child_start(r.loop, argv, envp, NS_PER_S, ended, &r, &err));
	ck_assert_str_eq(
	    err.text, "cannot start /nonexistent/x: No such file or directory");
	ck_assert_ptr_null(loop_child_start(
	    r.loop, relative, envp, NS_PER_S, ended, &r, &err));
	ck_assert_int_eq(err.code, ERR_PARAMS);
	result_finish(&r);
}
END_TEST

static int
run(const char *script, int64_t timeout_ns, int *status, struct buf *out)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct err err;

	return loop_child_run(argv, envp, timeout_ns, status, out, NULL, &err);
}

START_TEST(without_a_loop_the_same)
{
	struct buf out;
	int status;

	buf_init(&out);
	ck_assert_int_eq(
	    run("echo $A; echo x >&2; exit 3", 60 * NS_PER_S, &status, &out),
	    0);
	ck_assert_int_eq(WEXITSTATUS(status), 3);
	ck_assert(str_equal(buf_view(&out), S("b\n")));
	ck_assert_int_eq(
	    run("cat /dev/zero", 2 * NS_PER_S, &status, &out), ERR_TIMEOUT);
	ck_assert(WIFSIGNALED(status));
	ck_assert_uint_eq(out.len, 2 + LOOP_CHILD_OUTPUT_MAX);
	buf_finish(&out);
	no_child_left();
}
END_TEST

UNIT_MAIN("loop/child", status_and_output_are_told,
    the_child_has_no_input_and_no_other_descriptor,
    the_child_has_default_signals,
    a_child_that_hangs_is_killed_with_all_it_started,
    output_is_cut_at_the_bound, a_cancelled_child_is_gone_and_says_nothing,
    a_missing_program_is_an_error_line, without_a_loop_the_same)
