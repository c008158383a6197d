/* SPDX-License-Identifier: Apache-2.0 */
/* Callers of several plugins, each in its own process, while the processes of
 * some are killed again and again, or while others misbehave beside them.
 *
 *     kill_load PORT LINE_SOCKET SERVER_PID CONNECTIONS PLUGINS VICTIMS KILLS
 *         QUIET
 *
 * A caller keeps to one plugin, echo1 .. echoN; the first of them are the
 * victims.  QUIET calls are answered before the first kill; a life is killed
 * when it has answered some calls, and now and then before it has begun, each
 * victim's beside the others'.  KILLS 0: until standard input says "stop".
 *
 * On standard output: "ready", "fail TEXT", and at the end "end NAME VALUE ..".
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"

enum {
	PLUGINS_MAX = 16,
	LIFE_ANSWERS = 16, /* at most, before it is killed */
	EARLY_EVERY = 8, /* one life in these is killed before it is ready */
	DEAD_MAX = 64, /* how many dead ones of a plugin are remembered */
	SAMPLES_MAX = 1 << 20,
	LATE_MAX = 24 /* steps of the histogram, each twice the one before */
};

#define PROMPT_NS 100000000 /* what a lost call may wait for its error */

static const char *const tools[] = { "now", "pool", "slow" };
enum { TOOLS = 3 };

struct plugin {
	pid_t pid; /* that answered last */
	pid_t dead[DEAD_MAX]; /* answers of these are from before */
	unsigned dead_len;
	unsigned answers, quota; /* of this life */
	bool waits_for_life, kills_next_early;
	unsigned long kills, lives;
	int64_t killed_ns;
};

struct samples {
	uint32_t *us; /* of calls to the other plugins */
	size_t len;
};

static struct plugin plugins[PLUGINS_MAX + 1];
static unsigned plugins_len, victims;
static unsigned long kills_wanted, kills, kills_early, quiet;
static uint64_t calls, others, lost, twice, unexplained, overtaken, late;
static uint64_t lateness[LATE_MAX];
static int64_t worst_lost_ns, worst_ns;
static pid_t server;
static int64_t first_kill_ns, last_kill_ns;
static struct samples before, during;

static void
choose(struct caller *c)
{
	(void)snprintf(c->name, sizeof c->name, "echo%u_%s", c->plugin,
	    tools[(c->id + c->index) % TOOLS]);
}

static bool
is_victim(unsigned plugin)
{
	return plugin <= victims && kills_wanted > 0;
}

static bool
is_dead(const struct plugin *p, pid_t pid)
{
	for (unsigned i = 0; i < DEAD_MAX; i++)
		if (p->dead[i] == pid)
			return true;
	return false;
}

static void
kill_now(struct plugin *p, pid_t pid)
{
	if (kill(pid, SIGKILL) < 0)
		wire_say("fail cannot kill %d: %s", (int)pid, strerror(errno));
	last_kill_ns = wire_now_ns();
	if (kills++ == 0)
		first_kill_ns = last_kill_ns;
	p->kills++;
	p->dead[p->dead_len++ % DEAD_MAX] = pid;
	p->killed_ns = last_kill_ns;
	p->waits_for_life = true;
	p->answers = 0;
	p->quota = 1 + (unsigned)(wire_random() >> 20) % LIFE_ANSWERS;
	p->kills_next_early = p->kills % EARLY_EVERY == 0;
}

/* An answer of that process. */
static void
life_seen(struct caller *c, pid_t pid)
{
	struct plugin *p = &plugins[c->plugin];

	if (!is_victim(c->plugin)) {
		if (p->pid != 0 && p->pid != pid)
			caller_failed(
			    c, "another process, which nobody killed");
		p->pid = pid;
		return;
	}
	if (is_dead(p, pid))
		return; /* sent before it was killed */
	if (p->pid != 0 && p->pid != pid && !p->waits_for_life)
		caller_failed(c, "a second process");
	if (p->waits_for_life)
		p->lives++;
	p->pid = pid;
	p->waits_for_life = false;
	p->answers++;
	if (calls >= quiet && kills < kills_wanted && p->answers >= p->quota)
		kill_now(p, pid);
}

/* The number of the plugin whose runner that is, from its command line; 0: of
 * none, or not yet. */
static unsigned
plugin_of(pid_t pid)
{
	char path[64], words[512];
	size_t len;
	unsigned n = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	len = fread(words, 1, sizeof words - 1, f);
	(void)fclose(f);
	words[len] = '\0';
	for (size_t at = 0; at < len; at += strlen(words + at) + 1)
		if (sscanf(words + at, "echo%u", &n) == 1)
			break;
	return n <= plugins_len ? n : 0;
}

/* Kills children of a thread of the server that have not answered yet, of
 * victims whose time that is. */
static void
kill_children_early(const char *tid)
{
	char path[128], line[1024], *at = line, *end;
	FILE *f;

	(void)snprintf(
	    path, sizeof path, "/proc/%d/task/%s/children", (int)server, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	line[0] = '\0';
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	for (; kills < kills_wanted; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);
		unsigned n;

		if (end == at)
			break;
		n = plugin_of(pid);
		if (n == 0 || !is_victim(n) || !plugins[n].waits_for_life
		    || !plugins[n].kills_next_early
		    || is_dead(&plugins[n], pid))
			continue;
		kills_early++;
		kill_now(&plugins[n], pid);
		plugins[n].kills_next_early = false;
	}
}

/* The next lives, as soon as they are processes at all. */
static void
kill_early(void)
{
	char path[64];
	struct dirent *e;
	bool wanted = false;
	DIR *d;

	for (unsigned i = 1; i <= victims; i++)
		wanted = wanted
		    || (plugins[i].waits_for_life
			&& plugins[i].kills_next_early);
	if (!wanted || kills >= kills_wanted)
		return;
	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)server);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			kill_children_early(e->d_name);
	if (d != NULL)
		(void)closedir(d);
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

/* Of a call that was lost: how long its error took, from the kill on. */
static void
lateness_add(const struct plugin *p, const struct caller *c)
{
	int64_t from = c->sent_ns > p->killed_ns ? c->sent_ns : p->killed_ns;
	int64_t took = wire_now_ns() - from;
	unsigned step = 0;

	while (step < LATE_MAX - 1 && took >> step >= 1000)
		step++;
	lateness[step]++;
	if (took > PROMPT_NS)
		late++;
	if (took > worst_lost_ns)
		worst_lost_ns = took;
	/* The next life has answered already, a call sent later than this. */
	if (!p->waits_for_life && c->sent_ns < p->killed_ns)
		overtaken++;
}

/* An error is right when it was lost in a process that we killed. */
static void
error_check(struct caller *c, const char *body)
{
	const struct plugin *p = &plugins[c->plugin];
	char want[64];

	(void)snprintf(want, sizeof want, "\"plugin\":\"echo%u\"", c->plugin);
	if (p->kills == 0 || strstr(body, "\"code\":-32603") == NULL
	    || strstr(body, want) == NULL
	    || strstr(body, "\"reason\":\"") == NULL
	    || (strstr(body, "\"phase\":\"running\"") == NULL
		&& strstr(body, "\"phase\":\"queued\"") == NULL)) {
		caller_failed(c, "an error");
		return;
	}
	lost++;
	if (strstr(body, "\"phase\":\"queued\"") != NULL)
		twice++;
	if (strstr(body, "\"signal\":9") == NULL)
		unexplained++;
	lateness_add(p, c);
}

static void
answered(struct caller *c, const char *body)
{
	char want[128];
	const char *text = strstr(body, "\"text\":\"");
	int64_t took = wire_now_ns() - c->sent_ns;
	int pid;

	calls++;
	if (strstr(body, "\"error\":") != NULL) {
		error_check(c, body);
		return;
	}
	if (text == NULL || sscanf(text + 8, "%d ", &pid) != 1) {
		caller_failed(c, "not an answer of the plugin");
		return;
	}
	(void)snprintf(want, sizeof want, "%d %s\"", pid, c->nonce);
	if (strncmp(text + 8, want, strlen(want)) != 0)
		caller_failed(c, "another nonce");
	if (!is_victim(c->plugin)) {
		others++;
		sample(kills == 0 ? &before : &during, took);
		if (took > worst_ns)
			worst_ns = took;
	}
	life_seen(c, (pid_t)pid);
}

static void
told(void)
{
	char word[64];

	if (read(STDIN_FILENO, word, sizeof word) >= 0)
		callers.stopping = true; /* whatever it says, or its end */
}

/* All kills are made, and each victim has answered again. */
static bool
is_over(void)
{
	if (kills_wanted == 0 || kills < kills_wanted)
		return false;
	for (unsigned i = 1; i <= victims; i++)
		if (plugins[i].waits_for_life)
			return false;
	return true;
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
	char steps[LATE_MAX * 40] = "";
	unsigned long lives = 0;
	size_t at = 0;

	for (unsigned i = 0; i < LATE_MAX; i++)
		if (lateness[i] > 0)
			at += (size_t)snprintf(steps + at, sizeof steps - at,
			    " late_below_us_%lu %llu", 1ul << i,
			    (unsigned long long)lateness[i]);
	for (unsigned i = 1; i <= victims; i++)
		lives += plugins[i].lives;
	wire_say(
	    "end calls %llu others %llu failed %llu kills %lu early %lu "
	    "lives %lu lost %llu twice %llu unexplained %llu overtaken %llu "
	    "over_100_ms %llu worst_lost_us %lld worst_us %lld quiet_p50_us %u quiet_p99_us %u "
	    "p50_us %u p99_us %u killing_ms %lld%s",
	    (unsigned long long)calls, (unsigned long long)others,
	    (unsigned long long)callers.failed, kills, kills_early, lives,
	    (unsigned long long)lost, (unsigned long long)twice,
	    (unsigned long long)unexplained, (unsigned long long)overtaken,
	    (unsigned long long)late, (long long)(worst_lost_ns / 1000),
	    (long long)(worst_ns / 1000), quantile(&before, 500),
	    quantile(&before, 990), quantile(&during, 500),
	    quantile(&during, 990),
	    (long long)((last_kill_ns - first_kill_ns) / 1000000), steps);
}

/* Groups of one for each plugin, so that each has every kind. */
static void
callers_connect(const char *port, const char *line_socket, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		unsigned group = (unsigned)(i / plugins_len);
		bool line = group % 4 == 3;
		struct caller *c =
		    caller_add(line ? wire_connect_line(line_socket)
				    : wire_connect_http(port),
			line, (group + group / 4) % 2 == 0);

		c->plugin = 1 + (unsigned)i % plugins_len;
	}
}

int
main(int argc, char **argv)
{
	static const struct caller_load load = { choose, answered, told };

	if (argc != 9)
		wire_fatal("use: kill_load PORT LINE_SOCKET SERVER_PID "
			   "CONNECTIONS PLUGINS VICTIMS KILLS QUIET");
	callers_open(&load);
	server = (pid_t)strtol(argv[3], NULL, 10);
	plugins_len = (unsigned)strtoul(argv[5], NULL, 10);
	victims = (unsigned)strtoul(argv[6], NULL, 10);
	kills_wanted = strtoul(argv[7], NULL, 10);
	quiet = strtoul(argv[8], NULL, 10);
	if (plugins_len == 0 || plugins_len > PLUGINS_MAX
	    || victims > plugins_len)
		wire_fatal("plugins");
	for (unsigned i = 1; i <= victims; i++)
		plugins[i].quota = 1;
	callers_connect(argv[1], argv[2], strtoul(argv[4], NULL, 10));
	callers_begin();
	while (callers_go_on()) {
		callers_turn();
		kill_early();
		if (is_over())
			callers.stopping = true;
	}
	report();
	return callers.failed != 0;
}
