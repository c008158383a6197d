/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/thread_priv.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "loop/reactor.h"

int
thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;
	int errnum;

	/* A thread inherits the mask: no moment without it. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGABRT); /* a report of what it does */
	(void)sigdelset(&all, SIGSYS); /* what a box refuses: its own call */
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
