/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/thread_priv.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/check.h"
#include "loop/reactor.h"

/* Told to the thread that caused them, never to another. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP,
	SIGSYS };

int
thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;
	int errnum;

	/* A thread inherits the mask: no moment without it. */
	(void)sigfillset(&all);
	/* One that is blocked when it strikes ends the process without the
	 * report of its handler (base/panic.c). */
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		(void)sigdelset(&all, faults[i]);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(thread, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum;
}

void
thread_name(const char *noun, unsigned index)
{
	char name[16];

	(void)snprintf(name, sizeof name, "%s-%u", noun, index);
	(void)pthread_setname_np(pthread_self(), name);
}

int
loop_thread_table_own(struct err *err)
{
	if (unshare(CLONE_FILES) == 0)
		return 0;
	return err_set_errno(err, ERR_IO, errno,
	    "no table of descriptors for a thread (hint: "
	    "descriptor_tables: shared)");
}
