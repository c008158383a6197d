/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/thread_priv.h"

#include <signal.h>
#include <stdio.h>

int
thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;
	int errnum;

	/* A thread inherits the mask: no moment without it. */
	(void)sigfillset(&all);
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
