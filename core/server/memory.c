/* SPDX-License-Identifier: Apache-2.0 */
/* The memory budget (reliability.md 3.3): what there is, what is used, and what
 * is refused while it is short. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "observe/process.h"
#include "server/server_priv.h"

#define LOOK_NS (250 * NS_PER_MS)
#define TRIM_EVERY 4 /* looks: memory that is free goes back to the kernel */
#define FEW 85 /* per cent: no new sessions, no new streams */
#define NONE 95 /* no new connections either */
#define BELOW 5 /* a level is left so much lower */
#define CGROUPS "/sys/fs/cgroup"

/* A file of one number, or of "max"; 0: neither. */
static uint64_t
number_of(const char *folder, const char *name)
{
	char path[4400], line[64] = "";
	uint64_t n = 0;
	FILE *f;

	(void)snprintf(
	    path, sizeof path, "%s/%s", folder, name); /* cut: none */
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(line, sizeof line, f) != NULL)
		(void)str_to_u64(str_trim(str_of(line)), &n); /* else 0 */
	(void)fclose(f); /* it was only read */
	return n;
}

/* What cannot be had back by dropping pages of files. */
static uint64_t
cgroup_used(const char *folder)
{
	static const char *const counted[] = { "anon ", "shmem ", "sock ",
		"slab_unreclaimable " };
	char path[4400], line[128];
	uint64_t n, sum = 0;
	size_t i;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/memory.stat", folder);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		for (i = 0; i < ARRAY_LEN(counted); i++)
			if (strncmp(line, counted[i], strlen(counted[i])) == 0
			    && str_to_u64(
				   str_trim(str_of(line + strlen(counted[i]))),
				   &n)
				== 0)
				sum += n;
	(void)fclose(f); /* it was only read */
	return sum;
}

/* The nearest group above us that has a bound. */
static void
cgroup_find(struct server_memory *m)
{
	char line[4200] = "";
	FILE *f = fopen("/proc/self/cgroup", "re");
	char *end;

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "0::/", 4) == 0)
			break;
	(void)fclose(f); /* it was only read */
	if (strncmp(line, "0::/", 4) != 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	if (snprintf(m->cgroup, sizeof m->cgroup, CGROUPS "%s", line + 3)
	    >= (int)sizeof m->cgroup)
		return;
	for (;;) {
		m->budget = number_of(m->cgroup, "memory.max");
		end = strrchr(m->cgroup, '/');
		if (m->budget > 0 || end == NULL
		    || (size_t)(end - m->cgroup) < sizeof CGROUPS - 1)
			return;
		*end = '\0';
	}
}

static uint64_t
used(const struct server_memory *m)
{
	return m->cgroup[0] != '\0' ? cgroup_used(m->cgroup)
				    : process_resident_of(getpid());
}

static int
level_of(int before, uint64_t percent)
{
	if (percent >= NONE)
		return TRANSPORT_NO_CONNECTIONS;
	if (before == TRANSPORT_NO_CONNECTIONS && percent >= NONE - BELOW)
		return before;
	if (percent >= FEW)
		return TRANSPORT_NO_SESSIONS;
	if (before != TRANSPORT_PLENTY && percent >= FEW - BELOW)
		return TRANSPORT_NO_SESSIONS;
	return TRANSPORT_PLENTY;
}

static void
level_set(struct server *s, int level, uint64_t bytes)
{
	static const char *const said[] = {
		[TRANSPORT_PLENTY] = "nothing",
		[TRANSPORT_NO_SESSIONS] = "new sessions and streams",
		[TRANSPORT_NO_CONNECTIONS] =
		    "new connections, sessions and streams",
	};

	atomic_store(&s->shared.shortage, level);
	atomic_store(&s->shared.streams_now,
	    level == TRANSPORT_PLENTY ? s->shared.limits.streams_max : 0);
	LOG_AT(level == TRANSPORT_PLENTY ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    level == TRANSPORT_PLENTY ? "memory is back" : "memory is short",
	    F_CSTR("refused", said[level]), F_INT("used", (int64_t)bytes),
	    F_INT("budget", (int64_t)s->memory.budget));
}

static void
look(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);
	struct server_memory *m = &s->memory;
	int64_t now = loop_now(s->control);
	int before = atomic_load(&s->shared.shortage), level;
	uint64_t bytes = used(m);

	level = level_of(before, bytes / (m->budget / 100 + 1));
	if (level != before)
		level_set(s, level, bytes);
	/* What streams have sent and nobody has asked for again. */
	if (level == TRANSPORT_NO_CONNECTIONS
	    && session_table_replay(s->sessions) != NULL)
		(void)replay_expire(
		    session_table_replay(s->sessions), now, now);
	if (level != TRANSPORT_PLENTY && ++m->looks % TRIM_EVERY == 0)
		(void)malloc_trim(0); /* whether there was any */
	loop_timer_set(s->control, &m->timer, now + LOOK_NS);
}

void
server_memory_start(struct server *s)
{
	struct server_memory *m = &s->memory;

	loop_timer_init(&m->timer, look, s);
	atomic_store(&s->shared.streams_now, s->shared.limits.streams_max);
	m->budget = (uint64_t)s->config.limits.memory;
	if (m->budget == 0)
		cgroup_find(m);
	if (m->budget == 0)
		return;
	LOG_INFO("memory budget", F_INT("bytes", (int64_t)m->budget),
	    F_CSTR("of", m->cgroup[0] != '\0' ? m->cgroup : "limits.memory"));
	look(s);
}

void
server_memory_stop(struct server *s)
{
	if (s->memory.timer.fn != NULL)
		loop_timer_clear(&s->memory.timer);
}
