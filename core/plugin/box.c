/* SPDX-License-Identifier: Apache-2.0 */
/* The box: the order of its steps, and the process's own bounds. */
#define _GNU_SOURCE
#include "plugin/box.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "plugin/user.h"

/* Each one reserves 64 MiB of address space. */
#define BOX_ARENAS 2

int
box_lacks(struct box *b, struct err *err, const char *what)
{
	if ((b->flags & BOX_BEST_EFFORT) == 0)
		return err_set(err, ERR_UNSUPPORTED,
		    "its sandbox cannot be closed: this kernel has no %s "
		    "(hint: plugins.sandbox: best-effort goes without)",
		    what);
	b->lacks = what;
	return 0;
}

/* The write has failed, that is enough; the operator is told once. */
static void
on_too_large(int sig)
{
	static const char text[] = BOX_TOO_LARGE "\n";
	static volatile sig_atomic_t told;
	int errnum = errno;

	(void)sig;
	if (!told && write(STDERR_FILENO, text, sizeof text - 1) < 0)
		errno = 0; /* nobody hears it */
	told = 1;
	errno = errnum;
}

static void
too_large_tell(void)
{
	struct sigaction action = { .sa_handler = on_too_large,
		.sa_flags = SA_RESTART | SA_ONSTACK };

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGXFSZ, &action, NULL);
}

void
box_thread_init(void)
{
	sigset_t only;

	(void)sigemptyset(&only);
	(void)sigaddset(&only, SIGXFSZ);
	(void)pthread_sigmask(SIG_UNBLOCK, &only, NULL);
}

/* Both go with a change of credentials. */
static int
tie(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0
	    || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return ERR_IO;
	return 0;
}

int
box_begin(int first_fd, unsigned channels, struct err *err)
{
	struct rlimit none = { 0, 0 };

	/* What a plugin prints goes where its errors go, not into a pipe that
	 * nobody reads. */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_set(err, ERR_IO, "no standard output");
	/* The session is the one that the host made for us. */
	(void)close_range((unsigned)first_fd + channels, ~0U, 0);
	if (tie() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, ERR_IO, "cannot be confined");
	(void)setrlimit(RLIMIT_CORE, &none); /* there may be none at all */
	(void)umask(077);
	if (chdir("/") < 0)
		return err_set(err, ERR_IO, "cannot be confined");
	too_large_tell();
	(void)mallopt(M_ARENA_MAX, BOX_ARENAS); /* else there are more */
	return 0;
}

static int
limit(int what, uint64_t soft, uint64_t hard, struct err *err)
{
	struct rlimit now, r = { (rlim_t)soft, (rlim_t)hard };

	/* A tighter one of the host's own stays. */
	if (getrlimit((__rlimit_resource_t)what, &now) == 0) {
		if (r.rlim_max > now.rlim_max)
			r.rlim_max = now.rlim_max;
		if (r.rlim_cur > r.rlim_max)
			r.rlim_cur = r.rlim_max;
	}
	if (setrlimit((__rlimit_resource_t)what, &r) == 0)
		return 0;
	return err_set(err, ERR_IO, "a limit of its sandbox cannot be set");
}

/* Root without capabilities is the owner of its files and no more. */
static int
capabilities_drop(struct err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof none);
	if (syscall(SYS_capset, &head, none) < 0 || tie() < 0)
		return err_set(err, ERR_IO, "capabilities cannot be dropped");
	return 0;
}

static int
user_take(const struct box *b, char *copy, struct err *err)
{
	int rc;

	if ((b->flags & BOX_USER) == 0)
		return 0;
	rc = plugin_user_become(b->uid, b->gid, copy, err);
	return rc == 0 && tie() < 0 ? err_set(err, ERR_IO, "cannot be confined")
				    : rc;
}

static int
limits_set(const struct box *b, unsigned channels, struct err *err)
{
	uint64_t files = WIRE_BODY_MAX;
	int rc;

	for (size_t i = 0; i < b->paths_len; i++)
		if (b->paths[i].write)
			files = BOX_FILE_MAX;
	rc = limit(
	    RLIMIT_NOFILE, BOX_FILES + channels, BOX_FILES + channels, err);
	/* It counts for memory files too: a large answer is one. */
	if (rc == 0)
		rc = limit(RLIMIT_FSIZE, files, files, err);
	if (rc == 0 && !BOX_SANITIZED)
		rc = limit(RLIMIT_AS, b->memory, b->memory, err);
	if (rc == 0 && b->cpu_s > 0)
		rc = limit(RLIMIT_CPU, b->cpu_s, b->cpu_s + 1, err);
	return rc;
}

int
box_enter(struct box *b, char *copy, unsigned channels, struct err *err)
{
	int rc;

	/* The tie counts for a parent that lived when it was made. */
	if ((uint32_t)getppid() != b->parent)
		return err_set(err, ERR_IO, "its host is gone");
	rc = user_take(b, copy, err);
	if (rc == 0)
		rc = capabilities_drop(err);
	if (rc == 0)
		rc = limits_set(b, channels, err);
	if (rc == 0)
		rc = box_paths_close(b, copy, err);
	return rc;
}

/* The limit counts processes of the user: none at all is what it can say. */
void
box_settle(const struct box *b)
{
	struct err err;

	if ((b->flags & (BOX_THREADS | BOX_EXEC)) == 0 && !BOX_SANITIZED)
		(void)limit(RLIMIT_NPROC, 0, 0,
		    &err); /* seccomp refuses them once more */
}

int
box_close(struct box *b, int *listener, struct err *err)
{
	return box_calls_close(b, listener, err);
}
