/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin whose process is killed, or that serves beside one that is: each
 * tool answers with the number of its process and the caller's nonce. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <toolpost/plugin.h>

static int
now(struct tp_call *call, void *state)
{
	struct tp_str nonce = tp_arg_str(call, "nonce", "");

	(void)state;
	return tp_textf(call, "%d %.*s", (int)getpid(), TP_FMT(nonce));
}

/* Long enough that a signal finds it inside. */
static int
slow(struct tp_call *call, void *state)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };

	(void)nanosleep(&pause, NULL);
	return now(call, state);
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS(NAME "_now", now, TP_NONBLOCKING),
	TP_TOOL(NAME "_pool", now),
	TP_TOOL(NAME "_slow", slow),
};

TP_PLUGIN(NAME, "1.0.0", entries);
