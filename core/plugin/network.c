/* SPDX-License-Identifier: Apache-2.0 */
/* Root makes a network from a thread.  Who is not makes a user namespace with
 * it, which takes a process: there it is root, and its runners are, until they
 * drop all of that. */
#define _GNU_SOURCE
#include "plugin/network.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct plugin_network {
	bool tried;
	int fds[NETWORK_FDS]; /* owned; -1: none */
};

struct plugin_network *
plugin_network_create(void)
{
	struct plugin_network *n = calloc(1, sizeof *n);

	for (size_t i = 0; n != NULL && i < NETWORK_FDS; i++)
		n->fds[i] = -1;
	return n;
}

static void
fds_close(struct plugin_network *n)
{
	for (size_t i = 0; i < NETWORK_FDS; i++) {
		if (n->fds[i] >= 0)
			(void)close(n->fds[i]); /* nothing is written */
		n->fds[i] = -1;
	}
}

void
plugin_network_destroy(struct plugin_network *n)
{
	if (n == NULL)
		return;
	fds_close(n);
	free(n);
}

/* It is the thread that changes its network, and that ends. */
static void *
thread_make(void *arg)
{
	int *fd = arg;

	if (unshare(CLONE_NEWNET) == 0)
		*fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static void
make_as_root(struct plugin_network *n)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_make, &n->fds[0]) == 0)
		(void)pthread_join(thread, NULL);
}

/* Lives until its parent has looked.  What it calls is safe behind a fork of
 * a process with threads. */
static _Noreturn void
child_make(int out, pid_t parent)
{
	char ok;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0
	    || getppid() != parent)
		_exit(1);
	ok = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	if (write(out, &ok, 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static void
file_put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0; /* then it has no names for users: that is all */
	(void)close(fd);
}

static int
file_of(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Users are there whom they are here. */
static void
maps_put(pid_t pid)
{
	char map[64];

	file_put(pid, "setgroups", "deny");
	(void)snprintf(map, sizeof map, "%u %u 1", geteuid(), geteuid());
	file_put(pid, "uid_map", map);
	(void)snprintf(map, sizeof map, "%u %u 1", getegid(), getegid());
	file_put(pid, "gid_map", map);
}

static void
make_as_user(struct plugin_network *n)
{
	pid_t self = getpid(), pid;
	int fds[2];
	char ok = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0)
		child_make(fds[1], self);
	(void)close(fds[1]);
	if (pid > 0 && read(fds[0], &ok, 1) == 1 && ok != 0) {
		maps_put(pid);
		n->fds[0] = file_of(pid, "ns/net");
		n->fds[1] = file_of(pid, "ns/user");
	}
	(void)close(fds[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (n->fds[0] < 0 || n->fds[1] < 0)
		fds_close(n);
}

unsigned
plugin_network_fds(struct plugin_network *n, int fds[NETWORK_FDS])
{
	unsigned len = 0;

	if (n == NULL)
		return 0;
	if (!n->tried) {
		n->tried = true;
		if (geteuid() == 0)
			make_as_root(n);
		else
			make_as_user(n);
		if (n->fds[0] < 0)
			LOG_INFO("no empty network for runners",
			    F_CSTR(
				"instead", "their list of system calls alone"));
	}
	while (len < NETWORK_FDS && n->fds[len] >= 0) {
		fds[len] = n->fds[len];
		len++;
	}
	return len;
}

bool
plugin_network_enter(int first_fd)
{
	bool is_user = fcntl(first_fd + 1, F_GETFD) >= 0;
	bool entered = false;

	if (fcntl(first_fd, F_GETFD) < 0)
		return false;
	/* Who may enter the network first, then the network. */
	if (!is_user || setns(first_fd + 1, CLONE_NEWUSER) == 0)
		entered = setns(first_fd, CLONE_NEWNET) == 0;
	(void)close(first_fd); /* nothing was written */
	if (is_user)
		(void)close(first_fd + 1);
	return entered;
}
