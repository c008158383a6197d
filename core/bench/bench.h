/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator for any MCP server: many connections or one pipe, both
 * eras, JSON and event streams; every answer is checked.  It knows nothing of
 * the server in this process.  A run is one thread and one loop; more idle
 * connections than one table of descriptors holds are several runs at once. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "bench/answer.h"
#include "bench/histogram.h"
#include "bench/proc.h"
#include "http/client.h"

#define BENCH_CONNECTIONS_MAX 2000000
#define BENCH_THREADS_MAX 256
#define BENCH_WINDOW_MAX 256 /* messages in flight on stdio */
#define BENCH_MESSAGES_MAX 8000000 /* what seven digits name */
#define BENCH_ROUNDS_MAX 32
#define BENCH_SOURCES_MAX 16777000 /* addresses in 127/8 */
#define BENCH_WRONG_MAX 256

enum bench_mode {
	BENCH_CALL, /* one request in flight on each connection */
	BENCH_CHURN, /* sessions opened, used and ended, over and over */
	BENCH_IDLE, /* connections that are only held */
	BENCH_STREAMS, /* each with an open stream; notifications are timed */
	BENCH_STDIO
};

struct bench_options {
	enum bench_mode mode;
	struct str revision; /* "2025-11-25" */
	bool stateless; /* of that revision */
	struct str method;
	struct str tool; /* empty: method is not tools/call */
	struct str args; /* arguments, or params: a JSON object */
	bool progress; /* ask for it: a stream answers */
	struct bench_expect expect;
	bool any_id; /* the server answers constants: expect the first id */
	bool handshake;
	int64_t stall_ns; /* silence that ends the run */
	/* HTTP */
	struct http_url url;
	unsigned connections;
	unsigned threads; /* idle, streams; 0: as the descriptors want it */
	unsigned sources; /* addresses to connect from; 0: the usual one */
	unsigned first_source; /* counted from 127.0.0.0 */
	int64_t warm_ns;
	int64_t measure_ns;
	double rate; /* open loop: requests a second; 0: closed loop */
	pid_t server; /* whose tree is charged; 0: nobody's */
	/* BENCH_STREAMS */
	unsigned rounds;
	const char *trigger; /* absolute path of what starts a round; or NULL */
	/* held until standard input ends instead of measure_ns */
	bool hold;
	/* stdio */
	unsigned window;
	uint32_t messages; /* BENCH_CALL too: instead of a time; 0: none */
	const char *const *command; /* NULL-terminated */
	/* says how far it is; may be NULL */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

/* One notification to all streams. */
struct bench_round {
	double first_ms; /* from the trigger */
	double last_ms;
};

struct bench_result {
	uint64_t answers; /* in the measured time */
	uint64_t all; /* with those before and after it */
	uint64_t cycles; /* BENCH_CHURN: latency is of a cycle */
	uint64_t late; /* open loop: due, and never sent */
	double seconds;
	double start_ms; /* stdio: from fork to the answer of initialize */
	double open_s; /* until all connections stood */
	unsigned opened;
	double client_cpu_s;
	double server_cpu_s;
	struct bench_cost before; /* of the server: nothing connected */
	struct bench_cost after; /* at the end, all still connected */
	uint64_t fewest; /* answers of the connection that got least */
	uint64_t most;
	bool events; /* the answers are streams */
	unsigned rounds;
	struct bench_round round[BENCH_ROUNDS_MAX];
	uint64_t errors;
	uint64_t faults[BENCH_FAULTS];
	char wrong[BENCH_WRONG_MAX]; /* the first error */
	struct bench_histogram latency;
};

/* What kinds of errors are called, by enum bench_fault. */
extern const char *const bench_fault_names[];

/* [any] Runs to the end and fills r.  0: it ran, and r->errors says whether
 * all was right.  Negative: it could not run at all. */
int bench_run(
    const struct bench_options *o, struct bench_result *r, struct err *err);

#endif
