/* SPDX-License-Identifier: Apache-2.0 */
/* The callers of the reload test: closed loops on kept connections, each
 * answer checked byte for byte.
 *
 *     reload_load PORT LINE_SOCKET STATEFUL STATELESS
 *
 * Beside them come callers that leave before their answer.
 *
 * On standard input: "floor N" (no call from now on may be answered by a stamp
 * below N), "ceil N" (nor above N), "stop".  On standard output: "ready" when
 * every caller has had an answer, "seen N" for each stamp's first answer,
 * "fail TEXT", and at the end "end CALLS FAILED INLINE POOL LATER SERIAL
 * WORST_US TOLD GONE".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"

enum { TAIL_LEN = 200 };

static const char *const tools[] = { "version_inline", "version_pool",
	"version_later", "version_serial" };
enum { TOOLS = 4, TURNS_PER_GONE = 16 };

static unsigned stamp_floor, stamp_ceil, stamp_seen;
static uint64_t calls, gone, by_tool[TOOLS];
static int64_t worst_ns;
static char commands[4096];
static size_t commands_len;

static void
choose(struct caller *c)
{
	c->tool = (c->id + c->index) % TOOLS;
	c->floor = stamp_floor;
	(void)snprintf(c->name, sizeof c->name, "%s", tools[c->tool]);
}

/* Reads what the script has written; does not wait. */
static void
commands_read(void)
{
	ssize_t got = read(STDIN_FILENO, commands + commands_len,
	    sizeof commands - 1 - commands_len);
	char *line = commands, *end;

	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		callers.stopping = true;
		return;
	}
	if (got < 0)
		return;
	commands_len += (size_t)got;
	commands[commands_len] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		if (strncmp(line, "floor ", 6) == 0)
			stamp_floor = (unsigned)strtoul(line + 6, NULL, 10);
		else if (strncmp(line, "ceil ", 5) == 0)
			stamp_ceil = (unsigned)strtoul(line + 5, NULL, 10);
		else if (strcmp(line, "stop") == 0)
			callers.stopping = true;
		line = end + 1;
	}
	commands_len -= (size_t)(line - commands);
	memmove(commands, line, commands_len);
}

/* The text, whole: variant, stamp, nonce, tail. */
static void
text_check(struct caller *c, const char *text)
{
	char want[512], tail[TAIL_LEN + 1];
	unsigned variant, stamp;
	int n;

	if (sscanf(text, "v%u %8u ", &variant, &stamp) != 2 || variant < 1
	    || variant > 2) {
		caller_failed(c, "not an answer of the plugin");
		return;
	}
	memset(tail, '0' + (int)variant, TAIL_LEN);
	tail[TAIL_LEN] = '\0';
	n = snprintf(want, sizeof want, "v%u %08u %s %s\"", variant, stamp,
	    c->nonce, tail);
	if (strncmp(text, want, (size_t)n) != 0) {
		caller_failed(c, "the answer is not whole");
		return;
	}
	/* The script gives odd stamps to variant 1, even ones to 2. */
	if ((stamp & 1) != (variant & 1))
		caller_failed(c, "code and data of different files");
	if (stamp > stamp_ceil)
		commands_read(); /* the script says so before it writes */
	if (stamp < c->floor || stamp > stamp_ceil)
		caller_failed(c, "a generation that must not answer");
	if (stamp > stamp_seen) {
		stamp_seen = stamp;
		wire_say("seen %u", stamp);
	}
}

static void
answered(struct caller *c, const char *body)
{
	const char *text = strstr(body, "\"text\":\"");
	int64_t took = wire_now_ns() - c->sent_ns;

	calls++;
	by_tool[c->tool]++;
	if (took > worst_ns)
		worst_ns = took;
	if (strstr(body, "\"error\"") != NULL
	    || strstr(body, "\"isError\":true") != NULL || text == NULL)
		caller_failed(c, "an error");
	else if (c->stateless
	    && strstr(body, "\"resultType\":\"complete\"") == NULL)
		caller_failed(c, "not complete");
	else
		text_check(c, text + 8);
}

/* A call whose caller is gone at once, by reset or by close: it runs, or its
 * handler is told, and its generation ends all the same. */
static void
call_and_go(const char *port)
{
	static struct caller c = { .stateless = true };
	int fd = wire_connect_http(port);

	if (fd < 0)
		return; /* the others will say if it must be there */
	wire_open(&c.wire, fd, false);
	caller_call(&c);
	wire_close(&c.wire, gone++ % 64 != 0 ? WIRE_RESET : WIRE_CLOSE);
}

int
main(int argc, char **argv)
{
	static const struct caller_load load = { choose, answered,
		commands_read };

	if (argc != 5)
		wire_fatal(
		    "use: reload_load PORT LINE_SOCKET STATEFUL STATELESS");
	callers_open(&load);
	stamp_ceil = 1;
	for (long i = strtol(argv[3], NULL, 10); i > 0; i--)
		(void)caller_add(wire_connect_http(argv[1]), false, false);
	for (long i = strtol(argv[4], NULL, 10); i > 0; i--)
		(void)caller_add(wire_connect_http(argv[1]), false, true);
	(void)caller_add(wire_connect_line(argv[2]), true, false);
	(void)caller_add(wire_connect_line(argv[2]), true, true);
	callers_begin();
	for (unsigned n = 0; callers_go_on(); n++) {
		if (!callers.stopping && n % TURNS_PER_GONE == 0)
			call_and_go(argv[1]);
		callers_turn();
	}
	wire_say("end %llu %llu %llu %llu %llu %llu %lld %llu %llu",
	    (unsigned long long)calls, (unsigned long long)callers.failed,
	    (unsigned long long)by_tool[0], (unsigned long long)by_tool[1],
	    (unsigned long long)by_tool[2], (unsigned long long)by_tool[3],
	    (long long)(worst_ns / 1000), (unsigned long long)callers.told,
	    (unsigned long long)gone);
	return callers.failed != 0;
}
