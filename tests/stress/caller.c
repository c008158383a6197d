/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILURES_SHOWN = 20, STALL_MS = 60000 };

struct callers callers;
static const struct caller_load *load;
static unsigned answered_once;
static int epoll_fd;

void
callers_open(const struct caller_load *with)
{
	struct epoll_event ev = { .events = EPOLLIN };

	load = with;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0
	    || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0)
		wire_fatal("standard input");
}

struct caller *
caller_add(int fd, bool line, bool stateless)
{
	struct caller *c = calloc(1, sizeof *c);
	struct epoll_event ev = { .events = EPOLLIN };

	if (c == NULL || callers.len == CALLERS_MAX)
		wire_fatal("callers");
	wire_open(&c->wire, fd, line);
	c->index = callers.len;
	c->line = line;
	c->stateless = stateless;
	c->began = stateless;
	callers.all[callers.len++] = c;
	ev.data.ptr = c;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		wire_fatal("epoll_ctl");
	return c;
}

void
caller_failed(const struct caller *c, const char *why)
{
	callers.failed++;
	if (callers.failed <= FAILURES_SHOWN)
		wire_say("fail caller %u (%s, %s) %s id %u: %s: %.300s",
		    c->index, c->stateless ? "stateless" : "stateful",
		    c->line ? "line" : "http", c->name, c->id, why,
		    c->wire.text);
}

static void
send_message(struct caller *c, const char *method, const char *body)
{
	char text[4096], extra[512] = "";
	bool good;

	if (c->line) {
		int n = snprintf(text, sizeof text, "%s\n", body);

		good = wire_send(&c->wire, text, (size_t)n);
	} else {
		if (c->stateless)
			(void)snprintf(extra, sizeof extra,
			    "MCP-Protocol-Version: 2026-07-28\r\n"
			    "Mcp-Method: %s\r\nMcp-Name: %s\r\n",
			    method, c->name);
		else if (c->wire.session[0] != '\0')
			(void)snprintf(extra, sizeof extra,
			    "MCP-Protocol-Version: 2025-11-25\r\n"
			    "Mcp-Session-Id: %s\r\n",
			    c->wire.session);
		good = wire_post(&c->wire, extra, body);
	}
	if (!good) {
		c->wire.text[0] = '\0'; /* says nothing of this */
		caller_failed(c, "send");
	}
}

void
caller_call(struct caller *c)
{
	static const char meta[] =
	    ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
	    "\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":"
	    "{\"name\":\"load\",\"version\":\"1\"},"
	    "\"io.modelcontextprotocol/clientCapabilities\":{}}";
	char body[1024];

	c->id++;
	load->choose(c);
	(void)snprintf(
	    c->nonce, sizeof c->nonce, "n%u-%u", c->index, c->id * 7919u);
	(void)snprintf(body, sizeof body,
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":{\"nonce\":\"%s\"}%s}}",
	    c->id, c->name, c->nonce, c->stateless ? meta : "");
	c->waits = true;
	c->sent_ns = wire_now_ns();
	send_message(c, "tools/call", body);
}

void
callers_begin(void)
{
	for (unsigned i = 0; i < callers.len; i++) {
		struct caller *c = callers.all[i];

		if (c->stateless) {
			caller_call(c);
			continue;
		}
		c->waits = true;
		send_message(c, "initialize",
		    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
		    "\"params\":{\"protocolVersion\":\"2025-11-25\","
		    "\"capabilities\":{},\"clientInfo\":{\"name\":\"load\","
		    "\"version\":\"1\"}}}");
	}
}

static void
session_began(struct caller *c, const char *body)
{
	c->began = true;
	if (strstr(body, "\"result\"") == NULL)
		caller_failed(c, "initialize");
	send_message(c, "notifications/initialized",
	    "{\"jsonrpc\":\"2.0\","
	    "\"method\":\"notifications/initialized\"}");
	if (c->line)
		caller_call(c); /* a notification has no answer here */
}

/* One whole message has come: what next. */
static void
message_done(struct caller *c, const char *body)
{
	char id[32];

	if (!c->began) {
		session_began(c, body);
		return;
	}
	if (c->id == 0) { /* 202 for the notification */
		caller_call(c);
		return;
	}
	if (c->line && strstr(body, "\"id\":") == NULL
	    && strstr(body, "/list_changed\"") != NULL) {
		callers.told++; /* a session's own right, on its own pipe */
		return;
	}
	(void)snprintf(id, sizeof id, "\"id\":%u,", c->id);
	if (strstr(body, id) == NULL)
		caller_failed(c, "another id");
	else
		load->answered(c, body);
	c->waits = false;
	if (c->id == 1 && ++answered_once == callers.len)
		wire_say("ready");
	if (!callers.stopping)
		caller_call(c);
}

/* One event of the connection; false: no more of them, and the connection is
 * of no more use when *good is false. */
static bool
event_take(struct caller *c, bool *good)
{
	enum wire_event e = wire_next(&c->wire);

	*good = e != WIRE_BAD;
	if (e == WIRE_BAD)
		caller_failed(c, "not HTTP");
	if (e != WIRE_MESSAGE && e != WIRE_END)
		return false;
	if (e == WIRE_END && c->wire.status == 200)
		return true; /* behind the answer */
	if (!c->line && c->wire.status != 200
	    && !(c->id == 0 && c->wire.status == 202))
		caller_failed(c, "HTTP status");
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
		caller_failed(c,
		    c->wire.len > 0  ? "cut off"
			: errno == 0 ? "closed"
				     : strerror(errno));
		return false;
	}
	while (event_take(c, &good))
		continue;
	return good;
}

bool
callers_go_on(void)
{
	for (unsigned i = 0; i < callers.len; i++)
		if (callers.all[i]->wire.fd >= 0
		    && (!callers.stopping || callers.all[i]->waits))
			return true;
	return false;
}

void
callers_turn(void)
{
	struct epoll_event events[64];
	int n = epoll_wait(epoll_fd, events, 64, STALL_MS);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		wire_say("fail nothing came for %d s", STALL_MS / 1000);
		exit(1);
	}
	for (int i = 0; i < n; i++) /* what it says holds for what has come */
		if (events[i].data.ptr == NULL)
			load->told();
	for (int i = 0; i < n; i++) {
		struct caller *c = events[i].data.ptr;

		if (c != NULL && !caller_read(c))
			wire_close(&c->wire, WIRE_CLOSE);
	}
}
