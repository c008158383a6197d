/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C while an answer is awaited: the signal becomes a readable descriptor,
 * and is died of when what must be said has been said. */
#include "cli/interrupt.h"

#include <sys/signalfd.h>

#include <signal.h>
#include <unistd.h>

#include "base/check.h"

/* What a shell has set to be ignored, as in the background, stays ignored. */
static void
set_fill(sigset_t *set)
{
	static const int ends[] = { SIGINT, SIGTERM };
	struct sigaction now;

	(void)sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (sigaction(ends[i], NULL, &now) == 0
		    && now.sa_handler != SIG_IGN)
			(void)sigaddset(set, ends[i]); /* it is a signal */
}

int
cli_interrupt_begin(void)
{
	sigset_t set;
	int fd;

	set_fill(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		(void)sigprocmask(SIG_BLOCK, &set, NULL); /* cannot fail */
	return fd;
}

void
cli_interrupt_end(int fd)
{
	sigset_t set;

	if (fd < 0)
		return;
	(void)close(fd); /* it was only watched: what is pending stays so */
	set_fill(&set);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* cannot fail */
}
