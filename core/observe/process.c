/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* "size resident shared ..", in pages. */
static void
pages_read(const char *path, uint64_t *size, uint64_t *resident)
{
	FILE *f = fopen(path, "re");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char line[256] = "";
	struct str rest;

	*size = *resident = 0;
	if (f == NULL)
		return;
	if (fgets(line, sizeof line, f) != NULL) {
		struct str first = str_split(str_of(line), ' ', &rest);

		(void)str_to_u64(first, size); /* else it stays 0 */
		(void)str_to_u64(str_split(rest, ' ', &rest), resident);
	}
	(void)fclose(f); /* it was only read */
	*size *= page;
	*resident *= page;
}

/* Linux 6.2 says it as the size of the folder; before that they are
 * counted. */
static uint64_t
fds_count(void)
{
	struct stat st;
	uint64_t n = 0;
	DIR *d;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	d = opendir("/proc/self/fd");
	/* cppcheck-suppress readdirCalled ; its stream is this thread's own */
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		(void)closedir(d); /* it was only read */
	return n > 3 ? n - 3 : 0; /* ".", "..", and its own */
}

static int64_t
time_ns(const struct timeval *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + (int64_t)t->tv_usec * 1000;
}

void
process_facts_read(struct process_facts *f)
{
	struct rusage usage;
	struct rlimit limit;

	memset(f, 0, sizeof *f);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		f->cpu_ns = time_ns(&usage.ru_utime) + time_ns(&usage.ru_stime);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		f->fds_max = limit.rlim_cur;
	f->fds = fds_count();
	pages_read("/proc/self/statm", &f->virtual_size, &f->resident);
}

uint64_t
process_resident_of(pid_t pid)
{
	uint64_t size, resident;
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
	pages_read(path, &size, &resident);
	return resident;
}
