/* SPDX-License-Identifier: Apache-2.0 */
/* What a process and all its descendants have cost, out of /proc. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct bench_cost {
	double cpu_s; /* user + system, ended children included */
	int64_t rss_kb;
	unsigned processes;
	/* Only where memory was asked for: */
	int64_t pss_kb; /* what is shared counts by its share */
	int64_t user_kb; /* anonymous memory: heaps and stacks */
};

enum bench_cost_what { BENCH_COST_CPU, BENCH_COST_MEMORY };

/* [any] Sums the tree below pid; all zero when it is gone. */
void bench_proc_tree(
    pid_t pid, enum bench_cost_what what, struct bench_cost *cost);
/* [any] User + system seconds of this process. */
double bench_proc_own_cpu(void);

#endif
