/* SPDX-License-Identifier: Apache-2.0 */
/* 64 clients of mixed eras that all use the same ids: does each get what is
 * its own?
 *
 *     owners_load PORT LINE_SOCKET CALLS SEED
 *
 * Every call carries 128 random bits, which must come back in its answer, in
 * each progress notification and in each log message, on the connection that
 * asked, once.  Ids and progress tokens begin with 1 in each session.  One
 * request in twenty is abandoned: its connection is cut right after it was
 * sent, and the client connects again.
 *
 * On standard output "fail TEXT", and at the end "end" with pairs of a name
 * and a number. */
#include <sys/epoll.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum {
	LANES_MAX = 2,
	WINDOW_MAX = 8,
	FAILURES_SHOWN = 20,
	DROPS_IN = 20,
	RESTARTS_IN = 200,
	NOTES_MAX = 3,
	STALL_MS = 60000
};

#define NONCE_LEN 32

struct kind {
	const char *revision;
	unsigned clients;
	unsigned lanes; /* connections of one session */
	unsigned window; /* requests on their way on one connection */
	bool line;
	bool batch;
	bool stateless;
	bool texts; /* progress has a message */
};

/* 64 in all. */
static const struct kind kinds[] = {
	{ "2024-11-05", 4, 1, 1, false, false, false, false },
	{ "2025-03-26", 8, 1, 6, false, true, false, true },
	{ "2025-06-18", 6, 2, 1, false, false, false, true },
	{ "2025-11-25", 12, 2, 1, false, false, false, true },
	{ "2026-07-28", 18, 2, 1, false, false, true, true },
	{ "2025-03-26", 4, 1, 6, true, true, false, true },
	{ "2025-11-25", 6, 1, 8, true, false, false, true },
	{ "2026-07-28", 6, 1, 8, true, false, true, true },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const tools[] = { "version_inline", "version_pool",
	"version_later" };
enum { TOOLS = sizeof tools / sizeof tools[0] };

/* One request on its way. */
struct slot {
	bool open;
	unsigned id; /* and progress token */
	char nonce[NONCE_LEN + 1];
};

struct client;

/* One connection. */
struct lane {
	struct client *client;
	struct wire wire;
	struct slot slots[WINDOW_MAX];
	unsigned open;
};

enum phase { PHASE_NEW, PHASE_ASKED, PHASE_TOLD, PHASE_READY, PHASE_LEAVING };

struct client {
	const struct kind *kind;
	unsigned index;
	enum phase phase;
	unsigned last_id;
	char session[128];
	struct lane lanes[LANES_MAX];
};

static struct client *clients[64];
static unsigned clients_len;
static const char *port, *line_path;
static int epoll_fd;
static uint64_t wanted, answered, abandoned, cuts, sessions, batches, notes,
    logs, streams, failed, by_kind[KINDS];

static bool
one_in(unsigned n)
{
	return (wire_random() >> 16) % n == 0;
}

static void
fail(const struct lane *l, const char *why)
{
	const struct client *c = l->client;

	if (++failed <= FAILURES_SHOWN)
		wire_say("fail client %u (%s, %s): %s: %.200s", c->index,
		    c->kind->revision, c->kind->line ? "line" : "http", why,
		    l->wire.text);
}

static void
lane_cut(struct lane *l, enum wire_close how)
{
	abandoned += l->open;
	memset(l->slots, 0, sizeof l->slots);
	l->open = 0;
	wire_close(&l->wire, how);
}

static void
lane_connect(struct lane *l)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = l } };
	bool line = l->client->kind->line;

	wire_open(&l->wire,
	    line ? wire_connect_line(line_path) : wire_connect_http(port),
	    line);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->wire.fd, &ev) < 0)
		wire_fatal("epoll_ctl");
}

/* --- what is sent --- */

static bool
post(struct lane *l, const char *method, const char *name, const char *body)
{
	const struct client *c = l->client;
	char text[512];
	int n = 0;

	if (c->kind->line)
		return wire_send(&l->wire, body, strlen(body))
		    && wire_send(&l->wire, "\n", 1);
	text[0] = '\0';
	if (c->kind->stateless)
		n = snprintf(text, sizeof text,
		    "Mcp-Method: %s\r\nMcp-Name: %s\r\n", method, name);
	else if (c->session[0] != '\0')
		n = snprintf(
		    text, sizeof text, "Mcp-Session-Id: %s\r\n", c->session);
	if (strcmp(c->kind->revision, "2025-06-18") >= 0 && n > 0)
		(void)snprintf(text + n, sizeof text - (size_t)n,
		    "MCP-Protocol-Version: %s\r\n", c->kind->revision);
	return wire_post(&l->wire, text, body);
}

static void
initialize(struct client *c)
{
	char body[512];

	c->last_id = 0;
	c->session[0] = '\0';
	c->phase = PHASE_ASKED;
	sessions++;
	(void)snprintf(body, sizeof body,
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"%s\",\"capabilities\":{},"
	    "\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}",
	    c->kind->revision);
	if (!post(&c->lanes[0], "initialize", "", body))
		fail(&c->lanes[0], strerror(errno));
}

static void
initialized(struct client *c)
{
	c->phase = PHASE_TOLD;
	if (!post(&c->lanes[0], "", "",
		"{\"jsonrpc\":\"2.0\","
		"\"method\":\"notifications/initialized\"}"))
		fail(&c->lanes[0], strerror(errno));
}

static void
leave(struct client *c)
{
	char text[512];
	int n;

	c->phase = PHASE_LEAVING;
	n = snprintf(text, sizeof text,
	    "DELETE /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Mcp-Session-Id: %s\r\n\r\n",
	    c->session);
	if (!wire_send(&c->lanes[0].wire, text, (size_t)n))
		fail(&c->lanes[0], strerror(errno));
}

static struct slot *
slot_free(struct lane *l)
{
	for (unsigned i = 0; i < l->client->kind->window; i++)
		if (!l->slots[i].open)
			return &l->slots[i];
	return NULL;
}

/* Appends one call; its id and token are the session's next number. */
static const char *
call_write(struct lane *l, char *out, size_t size)
{
	struct client *c = l->client;
	struct slot *s = slot_free(l);
	const char *tool = tools[(wire_random() >> 20) % TOOLS];
	char meta[300] = "";

	s->open = true;
	s->id = ++c->last_id;
	l->open++;
	(void)snprintf(s->nonce, sizeof s->nonce, "%016llx%016llx",
	    (unsigned long long)wire_random(),
	    (unsigned long long)wire_random());
	if (c->kind->stateless)
		(void)snprintf(meta, sizeof meta,
		    ",\"io.modelcontextprotocol/protocolVersion\":"
		    "\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":"
		    "{\"name\":\"load\",\"version\":\"1\"},"
		    "\"io.modelcontextprotocol/clientCapabilities\":{},"
		    "\"io.modelcontextprotocol/logLevel\":\"debug\"");
	(void)snprintf(out, size,
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":{\"nonce\":\"%s\","
	    "\"notes\":%u},\"_meta\":{\"progressToken\":%u%s}}}",
	    s->id, tool, s->nonce,
	    one_in(2) ? 0 : (unsigned)(wire_random() >> 20) % (NOTES_MAX + 1),
	    s->id, meta);
	return tool;
}

static void
calls_send(struct lane *l)
{
	const struct kind *k = l->client->kind;
	static char body[16384];
	const char *tool;
	size_t n;
	unsigned i, len = 2 + (unsigned)(wire_random() >> 20) % 5;

	if (!k->batch) {
		tool = call_write(l, body, sizeof body);
	} else {
		batches++;
		body[0] = '[';
		for (i = 0, n = 1; i < len; i++) {
			tool = call_write(l, body + n, sizeof body - n);
			n += strlen(body + n);
			body[n++] = i + 1 < len ? ',' : ']';
		}
		body[n] = '\0';
	}
	if (!post(l, "tools/call", tool, body))
		fail(l, strerror(errno));
}

/* --- what comes next --- */

static void lane_next(struct lane *l);

static void
client_ready(struct client *c)
{
	c->phase = PHASE_READY;
	for (unsigned i = 0; i < c->kind->lanes; i++) {
		if (c->lanes[i].wire.fd < 0)
			lane_connect(&c->lanes[i]);
		lane_next(&c->lanes[i]);
	}
}

static void
client_begin(struct client *c)
{
	if (c->lanes[0].wire.fd < 0)
		lane_connect(&c->lanes[0]);
	c->last_id = 0;
	if (c->kind->stateless)
		client_ready(c);
	else
		initialize(c);
}

/* A line stream is the whole client. */
static void
lane_again(struct lane *l)
{
	cuts++;
	lane_cut(l, one_in(2) ? WIRE_RESET : WIRE_CLOSE);
	if (l->client->kind->line) {
		client_begin(l->client);
		return;
	}
	lane_connect(l);
	lane_next(l);
}

static void
session_again(struct client *c)
{
	for (unsigned i = 1; i < c->kind->lanes; i++)
		lane_cut(&c->lanes[i], WIRE_CLOSE);
	if (!c->kind->line && !c->kind->stateless) {
		leave(c);
		return;
	}
	lane_cut(&c->lanes[0], WIRE_CLOSE);
	client_begin(c);
}

/* The connection has room: fills it, or cuts it. */
static void
lane_next(struct lane *l)
{
	struct client *c = l->client;

	if (c->phase != PHASE_READY || l->wire.fd < 0 || answered >= wanted)
		return;
	if (l == &c->lanes[0] && l->open == 0 && c->last_id > 0
	    && one_in(RESTARTS_IN)) {
		session_again(c);
		return;
	}
	while (l->open == 0 || (!c->kind->batch && slot_free(l) != NULL))
		calls_send(l);
	if (one_in(DROPS_IN * (c->kind->line ? c->kind->window : 1)))
		lane_again(l);
}

/* --- what comes --- */

static struct slot *
slot_of(struct lane *l, unsigned long id)
{
	for (unsigned i = 0; i < WINDOW_MAX; i++)
		if (l->slots[i].open && l->slots[i].id == id)
			return &l->slots[i];
	return NULL;
}

static unsigned
times(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
answer_check(struct lane *l, const char *text)
{
	struct slot *s = slot_of(l, strtoul(text + 22, NULL, 10));
	char want[80];

	if (s == NULL) {
		fail(l, "an answer that nobody here waits for");
		return;
	}
	(void)snprintf(
	    want, sizeof want, "\"text\":\"v1 00000001 %s 1", s->nonce);
	if (times(text, "\"result\":{") != 1
	    || strstr(text, "\"isError\":true") != NULL)
		fail(l, "an error");
	else if (times(text, "\"text\":\"") != 1 || strstr(text, want) == NULL)
		fail(l, "the answer to another call");
	answered++;
	by_kind[l->client->kind - kinds]++;
	s->open = false;
	l->open--;
}

static void
progress_check(struct lane *l, const char *text)
{
	const char *token = strstr(text, "\"progressToken\":");
	struct slot *s =
	    token != NULL ? slot_of(l, strtoul(token + 16, NULL, 10)) : NULL;
	char want[80];

	notes++;
	if (s == NULL) {
		fail(l, "progress of a call that nobody here waits for");
		return;
	}
	(void)snprintf(want, sizeof want, "\"message\":\"%s\"", s->nonce);
	if (l->client->kind->texts && strstr(text, want) == NULL)
		fail(l, "progress of another call");
}

static void
log_check(struct lane *l, const char *text)
{
	const char *data = strstr(text, "\"data\":\"");

	logs++;
	for (unsigned i = 0; i < WINDOW_MAX; i++)
		if (l->slots[i].open && data != NULL
		    && strncmp(data + 8, l->slots[i].nonce, NONCE_LEN) == 0)
			return;
	fail(l, "a log message of another call");
}

static void
message_check(struct lane *l, const char *text)
{
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	static const char notice[] = "{\"jsonrpc\":\"2.0\",\"method\":\"";

	if (strncmp(text, answer, sizeof answer - 1) == 0)
		answer_check(l, text);
	else if (strncmp(text, notice, sizeof notice - 1) != 0)
		fail(l, "no message");
	else if (strncmp(
		     text + sizeof notice - 1, "notifications/progress\"", 23)
	    == 0)
		progress_check(l, text);
	else if (strncmp(
		     text + sizeof notice - 1, "notifications/message\"", 22)
	    == 0)
		log_check(l, text);
	else
		fail(l, "a message that nobody asked for");
}

/* One message, or an array of answers.  Our nonces hold no brace. */
static void
lane_message(struct lane *l)
{
	static const char begin[] = "{\"jsonrpc\":";
	struct client *c = l->client;
	char *at = l->wire.text, *next;

	if (c->phase == PHASE_ASKED) {
		if (strstr(at, c->kind->revision) == NULL
		    || strstr(at, "\"id\":0,\"result\"") == NULL)
			fail(l, "initialize");
		(void)snprintf(
		    c->session, sizeof c->session, "%s", l->wire.session);
		if (!c->kind->line)
			return; /* at its end */
		initialized(c);
		client_ready(c);
		return;
	}
	if (*at != '[') {
		message_check(l, at);
		return;
	}
	if (!c->kind->batch)
		fail(l, "an array");
	for (at++; at != NULL && *at != '\0'; at = next) {
		next = strstr(at + 1, begin);
		if (next != NULL)
			next[-1] = '\0';
		message_check(l, at);
	}
}

static void
lane_end(struct lane *l)
{
	struct client *c = l->client;

	if (l->wire.streamed)
		streams++;
	switch (c->phase) {
	case PHASE_ASKED:
		initialized(c);
		break;
	case PHASE_TOLD:
		if (l->wire.status != 202)
			fail(l, "initialized");
		client_ready(c);
		break;
	case PHASE_LEAVING:
		if (l->wire.status != 200 && l->wire.status != 204)
			fail(l, "DELETE");
		initialize(c);
		break;
	default:
		if (l->wire.status != 200 || l->open > 0)
			fail(l, "a response without its answer");
		l->open = 0;
		memset(l->slots, 0, sizeof l->slots);
		lane_next(l);
		break;
	}
}

static void
lane_read(struct lane *l)
{
	int got = wire_read(&l->wire);
	int fd = l->wire.fd;
	enum wire_event e;

	if (got < 0) {
		fail(l, errno != 0 ? strerror(errno) : "closed");
		lane_cut(l, WIRE_CLOSE);
		return;
	}
	while (l->wire.fd == fd && (e = wire_next(&l->wire)) != WIRE_MORE) {
		if (e == WIRE_BAD) {
			fail(l, "not HTTP");
			lane_cut(l, WIRE_CLOSE);
			return;
		}
		if (e == WIRE_END)
			lane_end(l);
		else
			lane_message(l);
	}
	/* A new connection may have the old number: it has no input yet. */
	if (l->client->kind->line && l->wire.fd >= 0)
		lane_next(l);
}

static bool
goes_on(void)
{
	if (answered < wanted)
		return true;
	for (unsigned i = 0; i < clients_len; i++)
		for (unsigned k = 0; k < clients[i]->kind->lanes; k++)
			if (clients[i]->lanes[k].wire.fd >= 0
			    && clients[i]->lanes[k].open > 0)
				return true;
	return false;
}

static void
turn(void)
{
	struct epoll_event events[64];
	int n = epoll_wait(epoll_fd, events, 64, STALL_MS);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0 || failed > 1000) {
		wire_say("fail nothing came for %d s, or too much is wrong",
		    STALL_MS / 1000);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		struct lane *l = events[i].data.ptr;

		if (l->wire.fd >= 0)
			lane_read(l);
	}
}

static void
clients_create(void)
{
	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned i = 0; i < kinds[k].clients; i++) {
			struct client *c = calloc(1, sizeof *c);

			if (c == NULL || clients_len == 64)
				wire_fatal("clients");
			c->kind = &kinds[k];
			c->index = clients_len;
			clients[clients_len++] = c;
			for (unsigned n = 0; n < LANES_MAX; n++) {
				c->lanes[n].client = c;
				c->lanes[n].wire.fd = -1;
			}
		}
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		wire_fatal("use: owners_load PORT LINE_SOCKET CALLS SEED");
	port = argv[1];
	line_path = argv[2];
	wanted = strtoull(argv[3], NULL, 10);
	wire_random_seed(strtoull(argv[4], NULL, 10));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		wire_fatal("epoll_create1");
	clients_create();
	for (unsigned i = 0; i < clients_len; i++)
		client_begin(clients[i]);
	while (goes_on())
		turn();
	(void)printf("end calls %llu failed %llu abandoned %llu cuts %llu "
		     "sessions %llu batches %llu progress %llu logs %llu "
		     "streams %llu",
	    (unsigned long long)answered, (unsigned long long)failed,
	    (unsigned long long)abandoned, (unsigned long long)cuts,
	    (unsigned long long)sessions, (unsigned long long)batches,
	    (unsigned long long)notes, (unsigned long long)logs,
	    (unsigned long long)streams);
	for (unsigned k = 0; k < KINDS; k++)
		(void)printf(" %s_%s %llu", kinds[k].line ? "line" : "http",
		    kinds[k].revision, (unsigned long long)by_kind[k]);
	(void)putchar('\n');
	return failed != 0;
}
