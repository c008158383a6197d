/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C while an answer is awaited: the signal becomes a readable descriptor,
 * and is died of when what must be said has been said. */
#include "cli/interrupt.h"

#include <sys/signalfd.h>

#include <signal.h>
#include <unistd.h>

static void
set_fill(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGINT); /* both are signals */
	(void)sigaddset(set, SIGTERM);
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
