/* SPDX-License-Identifier: Apache-2.0 */
/* Callers of several plugins, each in its own process, while the process of the
 * first is killed again and again, or while others misbehave beside them.
 *
 *     kill_load PORT LINE_SOCKET SERVER_PID CONNECTIONS PLUGINS KILLS QUIET
 *
 * Closed loops on kept connections, of both eras, over HTTP and lines.  A
 * caller keeps to one plugin, echo1 .. echoN.  QUIET calls are answered before
 * the first kill; a life is killed when it has answered some calls, and now and
 * then before it has begun.  KILLS 0: until standard input says "stop".
 *
 * On standard output: "ready", "fail TEXT", and at the end "end NAME VALUE ..".
 */
#include <sys/epoll.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

enum {
	CALLERS_MAX = 256,
	PLUGINS_MAX = 16,
	FAILURES_SHOWN = 20,
	LIFE_ANSWERS = 32, /* at most, before it is killed */
	EARLY_EVERY = 8, /* one life in these is killed before it is ready */
	SAMPLES_MAX = 1 << 20
};
#define PROMPT_NS 100000000 /* what a lost call may wait for its error */

static const char *const tools[] = { "now", "pool", "slow" };
enum { TOOLS = 3 };

struct caller {
	struct wire wire;
	unsigned index;
	unsigned plugin; /* 1: the one that is killed */
	bool line; /* newline framing, not HTTP */
	bool stateless;
	bool began; /* the session is there */
	bool waits;
	unsigned id;
	char nonce[32];
	int64_t sent_ns;
};

struct samples {
	uint32_t *us; /* of calls to the other plugins */
	size_t len;
};

static struct caller *callers[CALLERS_MAX];
static unsigned callers_len, answered_once, plugins_len;
static unsigned long kills_wanted, kills, kills_early, quiet;
static uint64_t calls, others, failed, lost, twice, unexplained, late;
static int64_t worst_lost_ns, worst_ns;
static pid_t server, pids[PLUGINS_MAX + 1];
static unsigned life_answers, life_quota;
static bool waits_for_life, kills_next_early, stopping;
static int64_t killed_ns;
static struct samples before, during;

static void
call_failed(const struct caller *c, const char *why)
{
	failed++;
	if (failed <= FAILURES_SHOWN)
		wire_say("fail caller %u (%s, %s) echo%u id %u: %s: %.300s",
		    c->index, c->stateless ? "stateless" : "stateful",
		    c->line ? "line" : "http", c->plugin, c->id, why,
		    c->wire.text);
}

static void
send_message(
    struct caller *c, const char *method, const char *name, const char *body)
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
			    method, name);
		else if (c->wire.session[0] != '\0')
			(void)snprintf(extra, sizeof extra,
			    "MCP-Protocol-Version: 2025-11-25\r\n"
			    "Mcp-Session-Id: %s\r\n",
			    c->wire.session);
		good = wire_post(&c->wire, extra, body);
	}
	if (!good)
		call_failed(c, "cannot send");
}

static void
send_call(struct caller *c)
{
	static const char meta[] =
	    ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
	    "\"2026-07-28\",\"io.modelcontextprotocol/clientInfo\":"
	    "{\"name\":\"load\",\"version\":\"1\"},"
	    "\"io.modelcontextprotocol/clientCapabilities\":{}}";
	char body[1024], name[64];

	c->id++;
	(void)snprintf(name, sizeof name, "echo%u_%s", c->plugin,
	    tools[(c->id + c->index) % TOOLS]);
	(void)snprintf(
	    c->nonce, sizeof c->nonce, "n%u-%u", c->index, c->id * 7919u);
	(void)snprintf(body, sizeof body,
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"%s\",\"arguments\":{\"nonce\":\"%s\"}%s}}",
	    c->id, name, c->nonce, c->stateless ? meta : "");
	c->waits = true;
	c->sent_ns = wire_now_ns();
	send_message(c, "tools/call", name, body);
}

static void
send_initialize(struct caller *c)
{
	c->waits = true;
	send_message(c, "initialize", "",
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"2025-11-25\","
	    "\"capabilities\":{},\"clientInfo\":{\"name\":\"load\","
	    "\"version\":\"1\"}}}");
}

static void
kill_now(pid_t pid)
{
	if (kill(pid, SIGKILL) < 0)
		wire_say("fail cannot kill %d: %s", (int)pid, strerror(errno));
	kills++;
	killed_ns = wire_now_ns();
	waits_for_life = true;
	life_answers = 0;
	life_quota = 1 + (unsigned)(wire_random() >> 20) % LIFE_ANSWERS;
	kills_next_early = kills % EARLY_EVERY == 0;
}

/* An answer of that process. */
static void
life_seen(struct caller *c, pid_t pid)
{
	if (c->plugin != 1 || kills_wanted == 0) {
		if (pids[c->plugin] != 0 && pids[c->plugin] != pid)
			call_failed(c, "another process, which nobody killed");
		pids[c->plugin] = pid;
		return;
	}
	if (pid == pids[1] && waits_for_life)
		return; /* sent before it was killed */
	pids[1] = pid;
	waits_for_life = false;
	life_answers++;
	if (calls < quiet || kills == kills_wanted || life_answers < life_quota)
		return;
	kill_now(pid);
}

static bool
is_known(pid_t pid)
{
	for (unsigned i = 1; i <= plugins_len; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* A child that has not answered yet, of a thread of the server; 0: none. */
static pid_t
child_of_thread(const char *tid)
{
	char path[128], line[1024], *at = line, *end;
	FILE *f;
	pid_t found = 0;

	(void)snprintf(
	    path, sizeof path, "/proc/%d/task/%s/children", (int)server, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	line[0] = '\0';
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	for (; found == 0; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		if (!is_known(pid))
			found = pid;
	}
	return found;
}

/* The next life, as soon as it is a process at all. */
static void
kill_early(void)
{
	char path[64];
	struct dirent *e;
	DIR *d;
	pid_t pid = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)server);
	d = opendir(path);
	while (d != NULL && pid == 0 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			pid = child_of_thread(e->d_name);
	if (d != NULL)
		(void)closedir(d);
	if (pid == 0)
		return;
	kills_early++;
	kill_now(pid);
	kills_next_early = false;
}

static void
sample(struct samples *s, int64_t took)
{
	if (s->us == NULL)
		s->us = malloc(SAMPLES_MAX * sizeof *s->us);
	if (s->us == NULL)
		wire_fatal("samples");
	if (s->len < SAMPLES_MAX)
		s->us[s->len++] = (uint32_t)(took / 1000);
	else
		s->us[(wire_random() >> 20) % SAMPLES_MAX] =
		    (uint32_t)(took / 1000);
}

/* An error is right when it was lost in a process that we killed. */
static void
error_check(struct caller *c, const char *body)
{
	int64_t from = c->sent_ns > killed_ns ? c->sent_ns : killed_ns;
	int64_t took = wire_now_ns() - from;

	if (c->plugin != 1 || kills == 0
	    || strstr(body, "\"code\":-32603") == NULL
	    || strstr(body, "\"plugin\":\"echo1\"") == NULL
	    || strstr(body, "\"reason\":\"") == NULL
	    || (strstr(body, "\"phase\":\"running\"") == NULL
		&& strstr(body, "\"phase\":\"queued\"") == NULL)) {
		call_failed(c, "an error");
		return;
	}
	lost++;
	if (strstr(body, "\"phase\":\"queued\"") != NULL)
		twice++;
	if (strstr(body, "\"signal\":9") == NULL)
		unexplained++;
	if (took > PROMPT_NS)
		late++;
	if (took > worst_lost_ns)
		worst_lost_ns = took;
}

static void
answer_check(struct caller *c, const char *body)
{
	char want[128];
	const char *text = strstr(body, "\"text\":\"");
	int64_t took = wire_now_ns() - c->sent_ns;
	int pid;

	calls++;
	(void)snprintf(want, sizeof want, "\"id\":%u,", c->id);
	if (strstr(body, want) == NULL) {
		call_failed(c, "another id");
		return;
	}
	if (strstr(body, "\"error\":") != NULL) {
		error_check(c, body);
		return;
	}
	if (text == NULL || sscanf(text + 8, "%d ", &pid) != 1) {
		call_failed(c, "not an answer of the plugin");
		return;
	}
	(void)snprintf(want, sizeof want, "%d %s\"", pid, c->nonce);
	if (strncmp(text + 8, want, strlen(want)) != 0)
		call_failed(c, "another nonce");
	if (c->plugin != 1 || kills_wanted == 0) {
		others++;
		sample(kills == 0 ? &before : &during, took);
		if (took > worst_ns)
			worst_ns = took;
	}
	life_seen(c, (pid_t)pid);
}

/* One whole message has come: what next. */
static void
message_done(struct caller *c, const char *body)
{
	if (!c->began) {
		c->began = true;
		if (strstr(body, "\"result\"") == NULL)
			call_failed(c, "initialize");
		send_message(c, "notifications/initialized", "",
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
	if (strstr(body, "\"id\":") == NULL
	    && strstr(body, "\"method\":\"notifications/") != NULL)
		return; /* lists of a plugin beside ours */
	answer_check(c, body);
	c->waits = false;
	if (c->id == 1 && ++answered_once == callers_len)
		wire_say("ready");
	if (!stopping)
		send_call(c);
}

/* One event of the connection; false: no more of them for now. */
static bool
event_take(struct caller *c, bool *good)
{
	enum wire_event e = wire_next(&c->wire);

	*good = e != WIRE_BAD;
	if (e == WIRE_BAD)
		call_failed(c, "not HTTP");
	if (e == WIRE_MORE || e == WIRE_BAD)
		return false;
	if (e == WIRE_END && c->wire.status == 200)
		return true; /* behind the answer */
	message_done(c, c->wire.text);
	return true;
}

static void
caller_read(struct caller *c)
{
	int got = wire_read(&c->wire);
	bool good = true;

	while (got >= 0 && event_take(c, &good))
		continue;
	if (got >= 0 && good)
		return;
	if (got < 0)
		call_failed(c, "the connection is gone");
	wire_close(&c->wire, WIRE_CLOSE);
	c->waits = false;
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
	c->plugin = 1 + callers_len % plugins_len;
	c->line = line;
	c->stateless = stateless;
	c->began = stateless;
	callers[callers_len++] = c;
	ev.data.ptr = c;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		wire_fatal("epoll_ctl");
}

/* Until everybody has had the last answer. */
static bool
goes_on(void)
{
	if (kills_wanted > 0 && kills == kills_wanted && life_answers > 0)
		stopping = true;
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
	for (int i = 0; i < n; i++) {
		struct caller *c = events[i].data.ptr;
		char word[64];

		if (c != NULL)
			caller_read(c);
		else if (read(STDIN_FILENO, word, sizeof word) >= 0)
			stopping = true; /* whatever it says, or its end */
	}
	if (waits_for_life && kills_next_early && kills < kills_wanted)
		kill_early();
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static unsigned
quantile(struct samples *s, unsigned per_mille)
{
	if (s->len == 0)
		return 0;
	qsort(s->us, s->len, sizeof *s->us, by_size);
	return s->us[(s->len - 1) * per_mille / 1000];
}

static void
report(void)
{
	wire_say(
	    "end calls %llu others %llu failed %llu kills %lu early %lu "
	    "lost %llu twice %llu unexplained %llu late %llu worst_lost_us %lld "
	    "worst_us %lld quiet_p50_us %u quiet_p99_us %u p50_us %u "
	    "p99_us %u",
	    (unsigned long long)calls, (unsigned long long)others,
	    (unsigned long long)failed, kills, kills_early,
	    (unsigned long long)lost, (unsigned long long)twice,
	    (unsigned long long)unexplained, (unsigned long long)late,
	    (long long)(worst_lost_ns / 1000), (long long)(worst_ns / 1000),
	    quantile(&before, 500), quantile(&before, 990),
	    quantile(&during, 500), quantile(&during, 990));
}

int
main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	unsigned long n;

	if (argc != 8 || epoll_fd < 0)
		wire_fatal("use: kill_load PORT LINE_SOCKET SERVER_PID "
			   "CONNECTIONS PLUGINS KILLS QUIET");
	server = (pid_t)strtol(argv[3], NULL, 10);
	n = strtoul(argv[4], NULL, 10);
	plugins_len = (unsigned)strtoul(argv[5], NULL, 10);
	kills_wanted = strtoul(argv[6], NULL, 10);
	quiet = strtoul(argv[7], NULL, 10);
	life_quota = 1;
	if (plugins_len == 0 || plugins_len > PLUGINS_MAX
	    || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0)
		wire_fatal("standard input");
	/* Groups of one for each plugin, so that each has every kind. */
	for (unsigned long i = 0; i < n; i++) {
		unsigned group = (unsigned)(i / plugins_len);
		bool line = group % 4 == 3;

		caller_add(epoll_fd,
		    line ? wire_connect_line(argv[2])
			 : wire_connect_http(argv[1]),
		    line, (group + group / 4) % 2 == 0);
	}
	for (unsigned i = 0; i < callers_len; i++)
		if (callers[i]->stateless)
			send_call(callers[i]);
		else
			send_initialize(callers[i]);
	while (goes_on())
		turn(epoll_fd);
	report();
	return failed != 0;
}
