/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin whose process is killed, or that serves beside one that is: each
 * tool answers with the number of its process and the caller's nonce.  With a
 * journal in its configuration it writes there what it has begun. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <toolpost/plugin.h>

static int journal = -1;

static int
now(struct tp_call *call, void *state)
{
	struct tp_str nonce = tp_arg_str(call, "nonce", "");
	char line[64];
	int len = snprintf(line, sizeof line, "%.*s\n", TP_FMT(nonce));

	(void)state;
	if (journal >= 0 && write(journal, line, (size_t)len) != len)
		abort();
	return tp_textf(call, "%d %.*s", (int)getpid(), TP_FMT(nonce));
}

/* Long enough that a signal finds it inside. */
static int
slow(struct tp_call *call, void *state)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	int rc = now(call, state);

	(void)nanosleep(&pause, NULL);
	return rc;
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	const struct tp_host *h = p->host;
	struct tp_str path = h->json_str(h->json_get(config, "journal"));
	char text[512];

	(void)previous;
	*state = NULL;
	if (path.len == 0)
		return TP_OK;
	(void)snprintf(text, sizeof text, "%.*s", TP_FMT(path));
	journal = open(text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return journal >= 0 ? TP_OK : TP_EFAIL;
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS(NAME "_now", now, TP_NONBLOCKING),
	TP_TOOL(NAME "_pool", now),
	TP_TOOL(NAME "_slow", slow),
};

TP_PLUGIN_STATE(NAME, "1.0.0", entries, 0, load, NULL, NULL);
