/* SPDX-License-Identifier: Apache-2.0 */
/* The load client: what was asked for, and what was found. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"
#include "requests.h"

#define LOAD_WRONG_MAX 256
#define LOAD_CONNECTIONS_MAX 4096

enum load_kind { LOAD_HTTP, LOAD_STDIO };

struct load_options {
	enum load_kind kind;
	const char *name; /* of the workload, for the report */
	/* HTTP */
	enum requests_workload workload;
	const char *address;
	unsigned port;
	const char *path;
	unsigned connections;
	double warm_s;
	double measure_s;
	bool sessions;
	bool constant; /* the peer cannot echo ids: expect the first one */
	pid_t server; /* whose tree is charged; 0: nobody's */
	/* stdio */
	unsigned window; /* messages in flight */
	uint32_t messages;
	bool handshake;
	int server_cpu; /* -1: anywhere */
	char **command;
};

struct load_result {
	uint64_t answers; /* in the measured time */
	uint64_t all; /* with those before and after it */
	double seconds;
	double start_ms; /* stdio: from fork to the answer of initialize */
	double client_cpu_s;
	double server_cpu_s;
	long server_rss_kb;
	unsigned server_processes;
	uint64_t fewest; /* answers of the connection that got least */
	uint64_t most;
	uint64_t errors;
	char wrong[LOAD_WRONG_MAX]; /* the first error */
	struct histogram latency;
};

/* Counts an error and keeps the first one's words. */
void load_wrong(struct load_result *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Runs one sample; what went wrong is in the result. */
void load_http(const struct load_options *o, struct load_result *r);
void load_stdio(const struct load_options *o, struct load_result *r);

#endif
