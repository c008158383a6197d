/* SPDX-License-Identifier: Apache-2.0 */
/* Walks /proc/PID/task/TID/children, so that servers of many processes
 * are charged whole. */
#include "bench/proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 8

struct tree {
	struct bench_cost *cost;
	enum bench_cost_what what;
};

static void tree_add(const struct tree *t, long pid, int depth);

static size_t
read_file(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return 0;
	n = fread(text, 1, size - 1, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

static void
add_self(long pid, struct bench_cost *cost)
{
	unsigned long user, sys;
	long child_user, child_sys, rss;
	char path[64];
	char text[1024];
	const char *after;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	if (read_file(path, text, sizeof text) == 0)
		return;
	/* The command's name may contain anything: fields start after it. */
	after = strrchr(text, ')');
	if (after == NULL
	    || sscanf(after + 2,
		   "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		   "%lu %lu %ld %ld %*d %*d %*d %*d %*u %*u %ld",
		   &user, &sys, &child_user, &child_sys, &rss)
		!= 5)
		return;
	cost->cpu_s += (double)(user + sys + (unsigned long)child_user
			   + (unsigned long)child_sys)
	    / (double)sysconf(_SC_CLK_TCK);
	cost->rss_kb += rss * (sysconf(_SC_PAGESIZE) / 1024);
	cost->processes++;
}

static int64_t
field_kb(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtol(at + strlen(name), NULL, 10) : 0;
}

static void
add_memory(long pid, struct bench_cost *cost)
{
	char path[64];
	char text[4096];

	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
	if (read_file(path, text, sizeof text) == 0)
		return;
	cost->pss_kb += field_kb(text, "\nPss:");
	cost->user_kb += field_kb(text, "\nAnonymous:");
}

static void
add_children(const struct tree *t, long pid, const char *task, int depth)
{
	char path[320];
	char text[4096];
	char *at = text;
	char *end;

	snprintf(path, sizeof path, "/proc/%ld/task/%s/children", pid, task);
	if (read_file(path, text, sizeof text) == 0)
		return;
	for (;;) {
		long child = strtol(at, &end, 10);

		if (end == at)
			return;
		tree_add(t, child, depth + 1);
		at = end;
	}
}

static void
tree_add(const struct tree *t, long pid, int depth)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	if (depth > TREE_DEPTH_MAX)
		return;
	add_self(pid, t->cost);
	if (t->what == BENCH_COST_MEMORY)
		add_memory(pid, t->cost);
	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			add_children(t, pid, e->d_name, depth);
	closedir(d);
}

void
bench_proc_tree(pid_t pid, enum bench_cost_what what, struct bench_cost *cost)
{
	const struct tree t = { .cost = cost, .what = what };

	memset(cost, 0, sizeof *cost);
	if (pid > 0)
		tree_add(&t, pid, 0);
}

double
bench_proc_own_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
	    + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
