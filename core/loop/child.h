/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: started without a shell, watched to their end, stopped at
 * a deadline, their last words kept. */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"
#include "loop/loop.h"

#define LOOP_CHILD_OUTPUT_MAX ((size_t)64 * 1024)

struct loop_child_end {
	int status; /* as of waitpid */
	bool timed_out; /* killed at the deadline */
	struct str out; /* standard output, cut at the bound; borrowed */
	struct str errors; /* standard error, the same */
};

struct loop_child;

/* [control] argv[0] is an absolute path; timeout_ns 0: none; the child gets
 * /dev/null as input, pipes as output, no other descriptor, default signals. fn
 * runs once, on the loop, and child is gone after it. */
struct loop_child *loop_child_start(struct loop *l, const char *const *argv,
    const char *const *envp, int64_t timeout_ns,
    void (*fn)(void *arg, const struct loop_child_end *end), void *arg,
    struct err *err);
/* What else a child may have. */
struct loop_child_extra {
	const int *fds; /* become 3, 4, .. in the child; stay the caller's */
	size_t fds_len;
	/* [control] Standard error, as it comes; NULL: kept for the end. */
	void (*said)(void *arg, struct str bytes);
};

/* [control] The same with those. */
struct loop_child *loop_child_start_with(struct loop *l,
    const struct loop_child_extra *extra, const char *const *argv,
    const char *const *envp, int64_t timeout_ns,
    void (*fn)(void *arg, const struct loop_child_end *end), void *arg,
    struct err *err);
pid_t loop_child_pid(const struct loop_child *c);
/* [control] SIGKILL; its end is told as any other. */
void loop_child_kill(struct loop_child *c);
/* [control] Waits here, timeout_ns from now, and tells its end, as the loop
 * would have. */
void loop_child_wait(struct loop_child *c, int64_t timeout_ns);
/* Kills it, with its process group, and forgets fn. */
void loop_child_cancel(struct loop_child *c);
/* [any] The same without a loop: waits here.  out and errors are appended
 * (NULL: dropped).  0 once it has ended by itself, ERR_TIMEOUT when killed. */
int loop_child_run(const char *const *argv, const char *const *envp,
    int64_t timeout_ns, int *status, struct buf *out, struct buf *errors,
    struct err *err);

#endif
