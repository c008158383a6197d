/* SPDX-License-Identifier: Apache-2.0 */
/* Walks /proc/PID/task/TID/children, so that servers of many processes
 * are charged whole. */
#include "proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 8

static void tree_add(long pid, struct proc_cost *cost, int depth);

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
add_self(long pid, struct proc_cost *cost)
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

static void
add_children(long pid, const char *task, struct proc_cost *cost, int depth)
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
		tree_add(child, cost, depth + 1);
		at = end;
	}
}

static void
tree_add(long pid, struct proc_cost *cost, int depth)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	if (depth > TREE_DEPTH_MAX)
		return;
	add_self(pid, cost);
	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			add_children(pid, e->d_name, cost, depth);
	closedir(d);
}

void
proc_tree(pid_t pid, struct proc_cost *cost)
{
	memset(cost, 0, sizeof *cost);
	if (pid > 0)
		tree_add(pid, cost, 0);
}

double
proc_own_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
	    + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int64_t
proc_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
