/* SPDX-License-Identifier: Apache-2.0 */
/* What this process costs the machine. */
#ifndef OBSERVE_PROCESS_H
#define OBSERVE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process_facts {
	int64_t cpu_ns; /* user and system */
	uint64_t resident; /* bytes */
	uint64_t virtual_size; /* bytes */
	uint64_t fds;
	uint64_t fds_max;
};

/* [any] What cannot be read is 0. */
void process_facts_read(struct process_facts *f);
/* [any] Resident bytes of another one; 0: not known. */
uint64_t process_resident_of(pid_t pid);

#endif
