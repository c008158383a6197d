/* SPDX-License-Identifier: Apache-2.0 */
/* Children that die, and what they say last. */
#include "base/panic.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#include "unit/unit.h"

static char report[65536];

/* Runs act in a child; its signal.  Its standard error is in report. */
static int
run_child(void (*act)(void))
{
	struct rlimit no_core = { 0, 0 };
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		act();
		_exit(0);
	}
	ck_assert_int_eq(close(ends[1]), 0);
	while ((n = read(ends[0], report + len, sizeof report - 1 - len)) > 0)
		len += (size_t)n;
	report[len] = '\0';
	ck_assert_int_eq(close(ends[0]), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
expect(const char *words)
{
	ck_assert_msg(
	    strstr(report, words) != NULL, "no \"%s\" in:\n%s", words, report);
}

static const struct panic_scope weather = { .plugin = "weather",
	.version = "1.4.0",
	.entry = "weather_forecast",
	.build = "b42",
	.generation = 3 };

static void
fail_check(void)
{
	int answer = 41;

	panic_install();
	panic_scope_set(&weather);
	CHECK(answer == 42);
}

static void
end_well(void)
{
	panic_install();
	panic_scope_set(&weather);
	exit(0);
}

static void
end_outside(void)
{
	panic_install();
	exit(0);
}

START_TEST(an_exit_within_a_plugin_is_told_and_is_no_success)
{
	ck_assert_int_eq(run_child(end_well), 0);
	expect("panic: exit(0) was called (pid ");
	expect("plugin weather 1.4.0, generation 3, entry weather_forecast");
	ck_assert_int_eq(run_child(end_outside), 0);
	ck_assert_str_eq(report, "");
}
END_TEST

START_TEST(a_failed_check_names_place_and_plugin)
{
	ck_assert_int_eq(run_child(fail_check), SIGABRT);
	expect("panic_test.c:");
	expect("check failed: answer == 42");
	expect("plugin weather 1.4.0, generation 3, entry weather_forecast, "
	       "build b42\n");
	expect("backtrace:\n");
	/* Once, though SIGABRT has a handler too. */
	ck_assert_ptr_null(strstr(strstr(report, "panic:") + 1, "panic:"));
}
END_TEST

static void
fail_check_bare(void)
{
	CHECK(0 > 1);
}

START_TEST(the_report_alone_returns)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	panic_scope_set(&weather);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	panic_report_check("here.c", 7, "a == b");
	panic_report_check("here.c", 8, "only the first counts");
	ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	panic_scope_set(NULL);
	n = read(ends[0], report, sizeof report - 1);
	ck_assert_int_gt(n, 0);
	report[n] = '\0';
	expect("here.c:7: check failed: a == b (pid ");
	expect("plugin weather 1.4.0, generation 3");
	ck_assert_int_eq(close(ends[0]) + close(ends[1]) + close(saved), 0);
}
END_TEST

START_TEST(a_failed_check_needs_no_handler)
{
	ck_assert_int_eq(run_child(fail_check_bare), SIGABRT);
	expect("check failed: 0 > 1");
	expect("no plugin");
}
END_TEST

static int
overflow(volatile int depth)
{
	volatile char space[4096];

	if (depth < 0)
		return 0; /* never, but compilers ask */
	space[0] = (char)depth;
	return overflow(depth + 1) + space[0];
}

static void
overflow_stack(void)
{
	panic_install();
	panic_scope_set(&weather);
	_exit(overflow(0) == 1);
}

START_TEST(a_stack_overflow_is_reported)
{
	ck_assert_int_eq(run_child(overflow_stack), SIGSEGV);
	expect("panic: SIGSEGV at 0x");
	expect("plugin weather");
}
END_TEST

static void *
overflow_in_thread(void *arg)
{
	(void)arg;
	panic_thread_init();
	panic_thread_init();
	panic_scope_set(&weather);
	return overflow(0) == 1 ? arg : NULL;
}

static void
overflow_thread(void)
{
	pthread_t thread;

	panic_install();
	(void)pthread_create(&thread, NULL, overflow_in_thread, NULL);
	(void)pthread_join(thread, NULL);
}

START_TEST(each_thread_has_its_own_scope_and_stack)
{
	ck_assert_int_eq(run_child(overflow_thread), SIGSEGV);
	expect("panic: SIGSEGV");
	expect("plugin weather");
}
END_TEST

static int raised;

static void
raise_one(void)
{
	static const struct panic_scope nameless = { .plugin = "p" };

	panic_install();
	panic_scope_set(&nameless);
	(void)raise(raised);
}

START_TEST(each_fatal_signal_goes_on)
{
	static const struct {
		int number;
		const char *name;
	} signals[] = { { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" },
		{ SIGFPE, "SIGFPE" }, { SIGILL, "SIGILL" },
		{ SIGABRT, "SIGABRT" } };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		raised = signals[i].number;
		ck_assert_int_eq(run_child(raise_one), raised);
		expect(signals[i].name);
		expect("entry none, build unknown");
	}
}
END_TEST

static void *
fail_at_once(void *arg)
{
	(void)pthread_barrier_wait(arg);
	check_failed("many.c", 1, "all at once");
}

static void
fail_in_four_threads(void)
{
	pthread_barrier_t start;
	pthread_t threads[4];

	panic_install();
	(void)pthread_barrier_init(&start, NULL, 4);
	for (int i = 0; i < 4; i++)
		(void)pthread_create(&threads[i], NULL, fail_at_once, &start);
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
}

START_TEST(one_report_when_many_fail)
{
	ck_assert_int_eq(run_child(fail_in_four_threads), SIGABRT);
	expect("many.c:1: check failed: all at once");
	ck_assert_ptr_null(strstr(strstr(report, "panic:") + 1, "panic:"));
}
END_TEST

struct thing {
	uint32_t magic;
};

#define THING_MAGIC 0x7468696eu

static void
cast_null(void)
{
	(void)OBJ_CAST(NULL, struct thing, THING_MAGIC);
}

static void
cast_ended(void)
{
	struct thing t;

	OBJ_INIT(&t, THING_MAGIC);
	OBJ_CHECK(&t, THING_MAGIC);
	OBJ_WIPE(&t);
	(void)OBJ_CAST(&t, struct thing, THING_MAGIC);
}

START_TEST(a_wrong_cast_ends_the_process)
{
	struct thing t = { .magic = THING_MAGIC };

	ck_assert_ptr_eq(OBJ_CAST(&t, struct thing, THING_MAGIC), &t);
	ck_assert_int_eq(run_child(cast_null), SIGABRT);
	expect("object is NULL");
	ck_assert_int_eq(run_child(cast_ended), SIGABRT);
	expect("object has another type or ended");
}
END_TEST

START_TEST(a_thread_stack_is_given_back)
{
	stack_t before, during, after;

	ck_assert_int_eq(sigaltstack(NULL, &before), 0);
	panic_thread_init();
	ck_assert_int_eq(sigaltstack(NULL, &during), 0);
	ck_assert_int_eq(during.ss_flags & SS_DISABLE, 0);
	panic_thread_finish();
	panic_thread_finish();
	ck_assert_int_eq(sigaltstack(NULL, &after), 0);
	ck_assert_int_eq(before.ss_flags, after.ss_flags);
}
END_TEST

UNIT_MAIN("base/panic", an_exit_within_a_plugin_is_told_and_is_no_success,
    a_failed_check_names_place_and_plugin, a_failed_check_needs_no_handler,
    a_stack_overflow_is_reported, each_thread_has_its_own_scope_and_stack,
    each_fatal_signal_goes_on, one_report_when_many_fail,
    a_wrong_cast_ends_the_process, a_thread_stack_is_given_back,
    the_report_alone_returns)
