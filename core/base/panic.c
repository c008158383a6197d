/* SPDX-License-Identifier: Apache-2.0 */
/* The last words of the process.  Everything here may run in a signal handler
 * on a broken heap: no allocation, no stdio, no locks. */
#include "base/panic.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#define STACK_SIZE ((size_t)64 * 1024)
#define GUARD_SIZE ((size_t)4096)
#define FRAMES_MAX 64

struct alt_stack {
	char *map; /* owned; NULL: none */
	stack_t before;
};

struct report {
	char text[1024];
	size_t len;
};

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static THREAD_LOCAL const struct panic_scope *current;
static THREAD_LOCAL struct alt_stack alt;
/* The thread that reports; 0: nobody yet.  Process-wide like the signals. */
static _Atomic long reporter;

void
panic_scope_set(const struct panic_scope *scope)
{
	current = scope;
}

static void
add(struct report *r, const char *s)
{
	size_t len = s == NULL ? 0 : strlen(s);

	if (len > sizeof r->text - r->len)
		len = sizeof r->text - r->len;
	if (len > 0)
		memcpy(r->text + r->len, s, len);
	r->len += len;
}

static void
add_number(struct report *r, uintptr_t n, unsigned base)
{
	char digits[24];
	size_t at = sizeof digits - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n != 0);
	add(r, digits + at);
}

static void
add_scope(struct report *r, const struct panic_scope *scope)
{
	if (scope == NULL) {
		add(r, "  in: the host, no plugin\n");
		return;
	}
	add(r, "  in: plugin ");
	add(r, scope->plugin);
	add(r, " ");
	add(r, scope->version);
	add(r, ", generation ");
	add_number(r, scope->generation, 10);
	add(r, ", entry ");
	add(r, scope->entry == NULL ? "none" : scope->entry);
	add(r, ", build ");
	add(r, scope->build == NULL ? "unknown" : scope->build);
	add(r, "\n");
}

static void
put(const struct report *r)
{
	size_t at = 0;

	while (at < r->len) {
		ssize_t n = write(STDERR_FILENO, r->text + at, r->len - at);

		if (n <= 0)
			return; /* nobody is left to tell */
		at += (size_t)n;
	}
}

static void
begin(struct report *r)
{
	r->len = 0;
	add(r, "toolpost " TOOLPOST_VERSION " panic: ");
}

static void
finish(struct report *r)
{
	void *frames[FRAMES_MAX];
	int n;

	add(r, " (pid ");
	add_number(r, (uintptr_t)getpid(), 10);
	add(r, ", thread ");
	add_number(r, (uintptr_t)syscall(SYS_gettid), 10);
	add(r, ")\n");
	add_scope(r, current);
	add(r, "  backtrace:\n");
	put(r);
	n = backtrace(frames, FRAMES_MAX);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

/* Whether this thread is to report.  Another that fails meanwhile waits for
 * the end of the process, so that the first report comes out whole. */
static bool
claim(void)
{
	long self = syscall(SYS_gettid), owner = 0;

	/* Relaxed: only the winner's number counts. */
	if (atomic_compare_exchange_strong_explicit(&reporter, &owner, self,
		memory_order_relaxed, memory_order_relaxed))
		return true;
	while (owner != self)
		(void)pause();
	return false;
}

void
panic_report_check(const char *file, int line, const char *what)
{
	struct report r;

	if (!claim())
		return;
	begin(&r);
	add(&r, file);
	add(&r, ":");
	add_number(&r, (uintptr_t)line, 10);
	add(&r, ": check failed: ");
	add(&r, what);
	finish(&r);
}

static const char *
signal_name(int sig)
{
	switch (sig) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGFPE:
		return "SIGFPE";
	case SIGILL:
		return "SIGILL";
	case SIGABRT:
		return "SIGABRT";
	default:
		return "signal";
	}
}

static void
on_fatal(int sig, siginfo_t *info, void *context)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct report r;

	(void)context;
	if (claim()) {
		begin(&r);
		add(&r, signal_name(sig));
		if (sig != SIGABRT) {
			add(&r, " at 0x");
			add_number(&r, (uintptr_t)info->si_addr, 16);
		}
		finish(&r);
	}
	/* Pending until the handler returns, then the default action: the
	 * core shows the stack that failed. */
	(void)sigaction(sig, &by_default, NULL);
	(void)raise(sig);
}

/* A plugin that calls exit() ends everything as surely as a crash, and a status
 * of zero would look like a wanted end to who watches over the process. */
static void
on_end(int status, void *arg)
{
	struct report r;

	(void)arg;
	if (current == NULL || !claim())
		return;
	begin(&r);
	add(&r, "exit(");
	if (status < 0)
		add(&r, "-");
	add_number(&r, (uintptr_t)(status < 0 ? -(int64_t)status : status), 10);
	add(&r, ") was called");
	finish(&r);
	if (status == 0)
		_exit(EXIT_FAILURE);
}

void
panic_install(void)
{
	struct sigaction action = { .sa_sigaction = on_fatal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *frame[1];

	/* The first call loads libgcc, which a handler must not. */
	(void)backtrace(frame, 1);
	(void)on_exit(on_end, NULL); /* without memory exit() has no report */
	panic_thread_init();
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		CHECK(sigaction(fatal[i], &action, NULL) == 0);
}

void
panic_thread_init(void)
{
	stack_t stack = { .ss_size = STACK_SIZE };
	char *map;

	if (alt.map != NULL)
		return;
	map = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return; /* the thread works, only its overflow has no report */
	(void)mprotect(map, GUARD_SIZE, PROT_NONE);
	stack.ss_sp = map + GUARD_SIZE;
	CHECK(sigaltstack(&stack, &alt.before) == 0);
	alt.map = map;
}

void
panic_thread_finish(void)
{
	if (alt.map == NULL)
		return;
	/* A sanitizer may have had its own there. */
	CHECK(sigaltstack(&alt.before, NULL) == 0);
	(void)munmap(alt.map, GUARD_SIZE + STACK_SIZE);
	alt.map = NULL;
}
