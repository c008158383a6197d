/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into a server (LD_PRELOAD): counts the allocations of each thread, in
 * a file that the one who measures maps too.
 *
 *   COUNT_FILE   where; a line of 64 bytes a thread: its name, the count
 *   COUNT_PLANT  a regression on purpose: each write() also allocates, asks
 *                the kernel something, and counts to COUNT_PLANT
 *   COUNT_PIDFD  pidfd_open() by a thread that waits: valgrind has none
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 256
#define EXPORT __attribute__((visibility("default")))

struct slot {
	char name[16];
	_Atomic uint64_t count;
	char pad[40];
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static struct slot *slots;
static _Atomic unsigned used;
static _Thread_local struct slot *mine;
static long plant;
static bool emulate;
static long (*real_syscall)(long number, ...);

struct watch {
	pid_t pid;
	int fd;
};

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("COUNT_FILE");
	const char *number = getenv("COUNT_PLANT");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	*(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
	emulate = getenv("COUNT_PIDFD") != NULL;
	if (number != NULL)
		plant = strtol(number, NULL, 10);
	if (fd < 0)
		return;
	at = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		slots = at;
}

/* A thread may get its name after its first allocation: it is asked for each
 * time, which is a system call.  Nobody counts those in the same run. */
static void
count(void)
{
	if (slots == NULL)
		return;
	if (mine == NULL)
		mine = &slots[atomic_fetch_add(&used, 1) % SLOTS];
	prctl(PR_GET_NAME, mine->name);
	atomic_fetch_add(&mine->count, 1);
}

EXPORT void *
malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

EXPORT void *
calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

EXPORT void *
realloc(void *old, size_t size)
{
	count();
	return __libc_realloc(old, size);
}

EXPORT ssize_t
write(int fd, const void *bytes, size_t len)
{
	volatile long i;

	if (plant > 0) {
		void *volatile more = malloc(64);

		free(more);
		real_syscall(SYS_getppid);
		for (i = 0; i < plant; i++)
			;
	}
	return real_syscall(SYS_write, fd, bytes, len);
}

static void *
watch_run(void *arg)
{
	struct watch *w = arg;
	const uint64_t one = 1;
	siginfo_t info;

	waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOWAIT);
	real_syscall(SYS_write, w->fd, &one, sizeof one);
	free(w);
	return NULL;
}

/* Readable once the child has ended, which is all that is asked of it.  The
 * thread writes into a duplicate: the caller may have closed its own. */
static long
pidfd_emulate(pid_t pid)
{
	struct watch *w = __libc_malloc(sizeof *w);
	int fd = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;

	w->pid = pid;
	w->fd = dup(fd);
	pthread_create(&thread, NULL, watch_run, w);
	pthread_detach(thread);
	return fd;
}

EXPORT long
syscall(long number, ...)
{
	long a[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (emulate && number == SYS_pidfd_open)
		return pidfd_emulate((pid_t)a[0]);
	return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
