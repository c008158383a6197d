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
 * "fail TEXT", and at the end "end CALLS FAILED INLINE POOL LATER WORST_US
 * TOLD".
 */
#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

enum { CALLERS_MAX = 256, FAILURES_SHOWN = 20, TAIL_LEN = 200 };

static const char *const tools[] = { "version_inline", "version_pool",
	"version_later", "version_serial" };
enum { TOOLS = 4, TURNS_PER_GONE = 16 };

struct caller {
	struct wire wire;
	unsigned index;
	bool line; /* newline framing, not HTTP */
	bool stateless;
	bool began; /* the session is there */
	bool waits;
	unsigned id;
	unsigned tool;
	unsigned floor; /* when the call was sent */
	char nonce[32];
	int64_t sent_ns;
};

static struct caller *callers[CALLERS_MAX];
static unsigned callers_len, answered_once;
static unsigned stamp_floor, stamp_ceil, stamp_seen;
static uint64_t calls, failed, told, gone, by_tool[TOOLS];
static int64_t worst_ns;
static bool stopping;
static char commands[4096];
static size_t commands_len;

static void
call_failed(const struct caller *c, const char *why)
{
	failed++;
	if (failed <= FAILURES_SHOWN)
		wire_say("fail caller %u (%s, %s) id %u %s: %s: %.160s",
		    c->index, c->stateless ? "stateless" : "stateful",
		    c->line ? "line" : "http", c->id, tools[c->tool], why,
		    c->wire.text);
}

static void
send_failed(const struct caller *c)
{
	failed++;
	if (failed <= FAILURES_SHOWN)
		wire_say("fail caller %u: send: %s", c->index, strerror(errno));
}

static void
send_message(struct caller *c, const char *method, const char *body)
{
	char text[4096], extra[512] = "";
	int n;

	if (c->line) {
		n = snprintf(text, sizeof text, "%s\n", body);
		if (!wire_send(&c->wire, text, (size_t)n))
			send_failed(c);
		return;
	}
	if (c->stateless)
		(void)snprintf(extra, sizeof extra,
		    "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: %s\r\n"
		    "Mcp-Name: %s\r\n",
		    method, tools[c->tool]);
	else if (c->wire.session[0] != '\0')
		(void)snprintf(extra, sizeof extra,
		    "MCP-Protocol-Version: 2025-11-25\r\n"
		    "Mcp-Session-Id: %s\r\n",
		    c->wire.session);
	if (!wire_post(&c->wire, extra, body))
		send_failed(c);
}

static void
send_call(struct caller *c)
{
	static const char meta[] =
	    ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
	    "\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":"
	    "{\"name\":\"load\",\"version\":\"1\"},"
	    "\"io.modelcontextprotocol/clientCapabilities\":{}}";
	char body[1024];

	c->id++;
	c->tool = (c->id + c->index) % TOOLS;
	c->floor = stamp_floor;
	(void)snprintf(
	    c->nonce, sizeof c->nonce, "n%u-%u", c->index, c->id * 7919u);
	(void)snprintf(body, sizeof body,
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":{\"nonce\":\"%s\"}%s}}",
	    c->id, tools[c->tool], c->nonce, c->stateless ? meta : "");
	c->waits = true;
	c->sent_ns = wire_now_ns();
	send_message(c, "tools/call", body);
}

static void
send_initialize(struct caller *c)
{
	c->waits = true;
	send_message(c, "initialize",
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"2025-11-25\","
	    "\"capabilities\":{},\"clientInfo\":{\"name\":\"load\","
	    "\"version\":\"1\"}}}");
}

/* Reads what the script has written; does not wait. */
static void
commands_read(void)
{
	ssize_t got = read(STDIN_FILENO, commands + commands_len,
	    sizeof commands - 1 - commands_len);
	char *line = commands, *end;

	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		stopping = true;
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
			stopping = true;
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
		call_failed(c, "not an answer of the plugin");
		return;
	}
	memset(tail, '0' + (int)variant, TAIL_LEN);
	tail[TAIL_LEN] = '\0';
	n = snprintf(want, sizeof want, "v%u %08u %s %s\"", variant, stamp,
	    c->nonce, tail);
	if (strncmp(text, want, (size_t)n) != 0) {
		call_failed(c, "the answer is not whole");
		return;
	}
	/* The script gives odd stamps to variant 1, even ones to 2. */
	if ((stamp & 1) != (variant & 1))
		call_failed(c, "code and data of different files");
	if (stamp > stamp_ceil)
		commands_read(); /* the script says so before it writes */
	if (stamp < c->floor || stamp > stamp_ceil)
		call_failed(c, "a generation that must not answer");
	if (stamp > stamp_seen) {
		stamp_seen = stamp;
		wire_say("seen %u", stamp);
	}
}

static void
answer_check(struct caller *c, const char *body)
{
	char id[32];
	const char *text = strstr(body, "\"text\":\"");
	int64_t took = wire_now_ns() - c->sent_ns;

	calls++;
	by_tool[c->tool]++;
	if (took > worst_ns)
		worst_ns = took;
	(void)snprintf(id, sizeof id, "\"id\":%u,", c->id);
	if (strstr(body, id) == NULL)
		call_failed(c, "another id");
	else if (strstr(body, "\"error\"") != NULL
	    || strstr(body, "\"isError\":true") != NULL || text == NULL)
		call_failed(c, "an error");
	else if (c->stateless
	    && strstr(body, "\"resultType\":\"complete\"") == NULL)
		call_failed(c, "not complete");
	else
		text_check(c, text + 8);
}

/* One whole message has come: what next. */
static void
message_done(struct caller *c, const char *body)
{
	if (!c->began) {
		c->began = true;
		if (strstr(body, "\"result\"") == NULL)
			call_failed(c, "initialize");
		send_message(c, "notifications/initialized",
		    "{\"jsonrpc\":\"2.0\","
		    "\"method\":\"notifications/initialized\"}");
		if (c->line)
			send_call(c); /* a notification has no answer here */
		return;
	}
	if (c->id == 0) { /* 202 for the notification */
		send_call(c);
		return;
	}
	if (c->line && strstr(body, "\"id\":") == NULL
	    && strstr(body, "/list_changed\"") != NULL) {
		told++; /* a session's own right, on its own pipe */
		return;
	}
	answer_check(c, body);
	c->waits = false;
	if (c->id == 1 && ++answered_once == callers_len)
		wire_say("ready");
	if (!stopping)
		send_call(c);
}

/* One event of the connection; false: no more of them, and the connection is
 * of no more use when *good is false. */
static bool
event_take(struct caller *c, bool *good)
{
	enum wire_event e = wire_next(&c->wire);

	*good = e != WIRE_BAD;
	if (e == WIRE_BAD)
		call_failed(c, "not HTTP");
	if (e != WIRE_MESSAGE && e != WIRE_END)
		return false;
	if (e == WIRE_END && c->wire.status == 200)
		return true; /* behind the answer */
	if (!c->line && c->wire.status != 200
	    && !(c->id == 0 && c->wire.status == 202))
		call_failed(c, "HTTP status");
	message_done(c, c->wire.text);
	return true;
}

/* False: the connection is gone. */
static bool
caller_read(struct caller *c)
{
	int got = wire_read(&c->wire);
	bool good = true;

	if (got < 0) {
		call_failed(c,
		    c->wire.len > 0  ? "cut off"
			: errno == 0 ? "closed"
				     : strerror(errno));
		return false;
	}
	while (event_take(c, &good))
		continue;
	return good;
}

static void
caller_add(int epoll_fd, int fd, bool line, bool stateless)
{
	struct caller *c = calloc(1, sizeof *c);
	struct epoll_event ev = { .events = EPOLLIN };

	if (c == NULL || callers_len == CALLERS_MAX)
		wire_fatal("callers");
	wire_open(&c->wire, fd, line);
	c->index = callers_len;
	c->line = line;
	c->stateless = stateless;
	c->began = stateless;
	callers[callers_len++] = c;
	ev.data.ptr = c;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		wire_fatal("epoll_ctl");
}

/* Until everybody has had the last answer, or the server is gone. */
static bool
goes_on(void)
{
	for (unsigned i = 0; i < callers_len; i++)
		if (callers[i]->wire.fd >= 0
		    && (!stopping || callers[i]->waits))
			return true;
	return false;
}

static void
turn(int epoll_fd)
{
	struct epoll_event events[64];
	int n = epoll_wait(epoll_fd, events, 64, 60000);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		wire_say("fail nothing came for 60 s");
		exit(1);
	}
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr == NULL)
			commands_read();
	for (int i = 0; i < n; i++) {
		struct caller *c = events[i].data.ptr;

		if (c != NULL && !caller_read(c))
			wire_close(&c->wire, WIRE_CLOSE);
	}
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
	send_call(&c);
	wire_close(&c.wire, gone++ % 64 != 0 ? WIRE_RESET : WIRE_CLOSE);
}

int
main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (argc != 5 || epoll_fd < 0)
		wire_fatal(
		    "use: reload_load PORT LINE_SOCKET STATEFUL STATELESS");
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0
	    || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0)
		wire_fatal("standard input");
	stamp_ceil = 1;
	for (long i = strtol(argv[3], NULL, 10); i > 0; i--)
		caller_add(epoll_fd, wire_connect_http(argv[1]), false, false);
	for (long i = strtol(argv[4], NULL, 10); i > 0; i--)
		caller_add(epoll_fd, wire_connect_http(argv[1]), false, true);
	caller_add(epoll_fd, wire_connect_line(argv[2]), true, false);
	caller_add(epoll_fd, wire_connect_line(argv[2]), true, true);
	for (unsigned i = 0; i < callers_len; i++)
		if (callers[i]->stateless)
			send_call(callers[i]);
		else
			send_initialize(callers[i]);
	for (unsigned n = 0; goes_on(); n++) {
		if (!stopping && n % TURNS_PER_GONE == 0)
			call_and_go(argv[1]);
		turn(epoll_fd);
	}
	wire_say("end %llu %llu %llu %llu %llu %llu %lld %llu %llu",
	    (unsigned long long)calls, (unsigned long long)failed,
	    (unsigned long long)by_tool[0], (unsigned long long)by_tool[1],
	    (unsigned long long)by_tool[2], (unsigned long long)by_tool[3],
	    (long long)(worst_ns / 1000), (unsigned long long)told,
	    (unsigned long long)gone);
	return failed != 0;
}
