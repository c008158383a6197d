/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a box refuses: answered with no, counted within bounds, and
 * nothing that a runner sends in place of a listener hurts. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/ref.h"
#include "plugin/box.h"
#include "plugin/ledger.h"
#include "plugin/refusals_priv.h"
#include "unit/unit.h"

START_TEST(kinds_of_calls_have_a_bound_and_all_are_counted)
{
	struct plugin_refusals r;
	struct buf out;

	plugin_refusals_init(&r);
	buf_init(&out);
	plugin_refusals_print(&r, &out);
	ck_assert_uint_eq(out.len, 0);
	for (uint32_t i = 0; i < 2 * REFUSALS_CALLS_MAX; i++) {
		struct plugin_refused one = { .call = i };

		ck_assert_int_eq(refusals_add(&r, &one),
		    i < REFUSALS_CALLS_MAX ? (int)i : -1);
	}
	ck_assert_uint_eq(plugin_refusals_times(&r), 2 * REFUSALS_CALLS_MAX);
	plugin_refusals_print(&r, &out);
	ck_assert(!out.failed && out.len > 0);
	buf_finish(&out);
	plugin_refusals_finish(&r);
}
END_TEST

START_TEST(a_grant_is_named_by_what_was_asked)
{
	const uint64_t none[6] = { 0 };
	const uint64_t creating[6] = { 0, 0, O_WRONLY | O_CREAT };
	struct box_call c;

	box_call_of(SYS_openat, none, &c);
	ck_assert_str_eq(c.grant, "grants.read");
	ck_assert_int_eq(c.path_arg, 1);
	box_call_of(SYS_openat, creating, &c);
	ck_assert_str_eq(c.grant, "grants.write");
	box_call_of(SYS_fchmod, none, &c);
	ck_assert_ptr_null(c.grant);
	box_call_of(-1, none, &c);
	ck_assert_ptr_null(c.grant);
	ck_assert_str_eq(box_call_name(SYS_openat), "openat");
	ck_assert_str_eq(box_call_name(UINT64_MAX), "a system call");
}
END_TEST

START_TEST(what_is_no_listener_is_let_go_of)
{
	struct refusals_thread *t = refusals_thread_create();
	struct plugin_ledger *l = plugin_ledger_create(1);
	struct refusals_of of = { "p", 1, getpid(), true, l };
	struct refusals_watch *w;
	struct err err;
	int fds[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	w = refusals_watch_create(t, &of, fds[0], &err);
	ck_assert_ptr_nonnull(w);
	/* This one cannot even be waited for. */
	ck_assert_ptr_null(refusals_watch_create(t, &of, file, &err));
	refusals_watch_end(w);
	refusals_watch_end(NULL);
	refusals_thread_destroy(t);
	ck_assert_uint_eq(plugin_refusals_times(&l->refusals), 0);
	(void)close(fds[1]);
	plugin_ledger_unref(l);
}
END_TEST

/* For the calling thread: chmod() asks.  The listener, or -1. */
static int
listener_make(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fchmodat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_LEN(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

struct asker {
	struct refusals_thread *thread;
	struct plugin_ledger *ledger;
	bool can; /* this kernel has listeners */
	int denied;
};

static void *
asker_run(void *arg)
{
	struct asker *a = arg;
	struct refusals_of of = { "p", 1, getpid(), true, a->ledger };
	struct refusals_watch *w;
	struct err err;
	int fd = listener_make();

	a->can = fd >= 0;
	if (!a->can)
		return NULL;
	w = refusals_watch_create(a->thread, &of, fd, &err);
	ck_assert_ptr_nonnull(w);
	for (int i = 0; i < 3 * REFUSALS_TURN; i++)
		a->denied +=
		    syscall(SYS_fchmodat, AT_FDCWD, "/not/there", 0600) < 0
		    && errno == EACCES;
	refusals_watch_end(w);
	return NULL;
}

START_TEST(every_call_is_answered_with_no)
{
	struct asker a = { .thread = refusals_thread_create(),
		.ledger = plugin_ledger_create(1) };
	pthread_t thread;
	struct buf out;

	ck_assert_int_eq(pthread_create(&thread, NULL, asker_run, &a), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	refusals_thread_destroy(a.thread);
	if (a.can) {
		ck_assert_int_eq(a.denied, 3 * REFUSALS_TURN);
		ck_assert_uint_eq(plugin_refusals_times(&a.ledger->refusals),
		    3 * REFUSALS_TURN);
		buf_init(&out);
		plugin_refusals_print(&a.ledger->refusals, &out);
		buf_char(&out, '\0');
		ck_assert_ptr_nonnull(
		    strstr(out.ptr, "\"call\":\"fchmodat\",\"times\":192"));
		buf_finish(&out);
	}
	plugin_ledger_unref(a.ledger);
}
END_TEST

UNIT_MAIN("plugin/refusals", kinds_of_calls_have_a_bound_and_all_are_counted,
    a_grant_is_named_by_what_was_asked, what_is_no_listener_is_let_go_of,
    every_call_is_answered_with_no)
