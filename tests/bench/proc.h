/* SPDX-License-Identifier: Apache-2.0 */
/* What a process and all its descendants have cost, out of /proc. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct proc_cost {
	double cpu_s; /* user + system, ended children included */
	long rss_kb;
	unsigned processes;
};

/* Sums the tree below pid; all zero when it is gone. */
void proc_tree(pid_t pid, struct proc_cost *cost);
/* User + system seconds of this process. */
double proc_own_cpu(void);
/* Nanoseconds on the monotonic clock. */
int64_t proc_now_ns(void);

#endif
