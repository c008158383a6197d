/* SPDX-License-Identifier: Apache-2.0 */
/* One run over HTTP: its connections, and the mode that drives them. */
#ifndef BENCH_BENCH_PRIV_H
#define BENCH_BENCH_PRIV_H

#include "bench/bench.h"

#include "base/list.h"
#include "bench/request.h"
#include "bench/response.h"
#include "loop/loop.h"
#include "net/addr.h"

#define BENCH_CONN_MAGIC 0x62636f6eu
#define BENCH_READ_SIZE ((size_t)256 * 1024)
#define BENCH_HELD_MAX ((size_t)64 * 1024 * 1024) /* of one answer */
#define BENCH_OPENING_MAX 128 /* connections being set up at once */
#define BENCH_SETTLE_NS (20 * NS_PER_MS) /* a second answer is waited for */

struct bench_run;
struct bench_crowd;

enum bench_step {
	BENCH_STEP_CONNECT,
	BENCH_STEP_INITIALIZE,
	BENCH_STEP_INITIALIZED,
	BENCH_STEP_READY /* the mode's from here on */
};

struct bench_conn {
	uint32_t magic;
	int fd; /* owned; negative: none */
	uint8_t step;
	uint8_t part; /* the mode's */
	bool waiting; /* a request is in flight */
	uint32_t id;
	int64_t sent_ns; /* open loop: when it was due */
	int64_t begun_ns; /* churn: of this cycle */
	uint64_t answers;
	struct bench_run *run;
	struct list node; /* open loop: the free ones */
	struct bench_request request; /* what READY sends again and again */
	struct buf held; /* an answer that came in parts */
	char *session; /* owned; NULL or empty: none */
	struct loop_io io;
};

/* How a mode drives connections. */
struct bench_driver {
	/* The connection is set up; the last one of all is told too. */
	void (*ready)(struct bench_conn *c);
	/* All connections are set up. */
	void (*start)(struct bench_run *run);
	/* A whole answer, of which run->response tells; NULL: input does all.
	 */
	void (*answer)(struct bench_conn *c, struct str bytes);
	/* Bytes of a connection that is ready; returns how many are used. NULL:
	 * answers are cut out of them. */
	size_t (*input)(struct bench_conn *c, struct str bytes);
};

extern const struct bench_driver bench_call_driver;
extern const struct bench_driver bench_churn_driver;
extern const struct bench_driver bench_idle_driver;
extern const struct bench_driver bench_streams_driver;

enum bench_phase { BENCH_WARM, BENCH_MEASURE, BENCH_LEAVE, BENCH_OVER };

struct bench_run {
	const struct bench_options *o;
	struct bench_result *result;
	const struct bench_driver *driver;
	struct loop *loop;
	struct net_addr address;
	char host[300]; /* wire keeps it */
	struct bench_wire wire;
	struct bench_request handshake; /* the same for all */
	struct bench_request scratch;
	struct bench_conn *conns; /* owned */
	unsigned next_open; /* the first that is not being set up yet */
	unsigned opening;
	unsigned ready;
	unsigned open; /* descriptors */
	unsigned waiting;
	uint32_t next_id;
	enum bench_phase phase;
	int64_t open_ns;
	int64_t start_ns; /* of the measured time */
	int64_t heard_ns; /* the last answer */
	double own_cpu;
	struct bench_cost cost;
	struct loop_timer timer; /* of the phase */
	struct loop_timer stall;
	char *in; /* owned; BENCH_READ_SIZE, shared by all */
	struct bench_response response;
	struct bench_shape shape;
	struct json_doc doc;
	/* open loop */
	struct list free;
	uint64_t due; /* number of the next request */
	int64_t due_start_ns;
	struct loop_io clock_io;
	int clock_fd;
	/* streams */
	unsigned streaming; /* heads that have come */
	unsigned told; /* streams that have heard of this round */
	bool in_round;
	bool triggering; /* the child runs */
	int64_t trigger_ns;
	int64_t first_ns;
	struct loop_io hold_io;
	/* Of several at once: borrowed; NULL: it is alone. */
	struct bench_crowd *crowd;
	void (*next)(struct bench_run *run);
	struct loop_msg go;
	struct loop_msg end;
};

/* Counts an error and keeps the first one's words. */
__attribute__((format(printf, 3, 4))) void bench_wrong(
    struct bench_result *r, enum bench_fault f, const char *fmt, ...);

/* conn.c */
void bench_conn_open(struct bench_run *run, struct bench_conn *c);
void bench_conn_close(struct bench_conn *c);
/* An error of this connection, which ends it. */
__attribute__((format(printf, 3, 4))) void bench_conn_wrong(
    struct bench_conn *c, enum bench_fault f, const char *fmt, ...);
/* The same, with the answer's body. */
void bench_conn_wrong_answer(
    struct bench_conn *c, enum bench_fault f, const char *why);
/* Sends with a new id; the time counts from due_ns. */
void bench_conn_send(
    struct bench_conn *c, struct bench_request *r, int64_t due_ns);
/* Opens as many more as may be set up at once. */
void bench_open_more(struct bench_run *run);
/* setup.c: what leads to READY. */
void bench_setup_connected(struct bench_conn *c);
void bench_setup_answer(struct bench_conn *c);

/* run.c: the phases. */
void bench_phase_start(struct bench_run *run);
/* Nothing is in flight any more, or all is lost. */
void bench_phase_settle(struct bench_run *run);
void bench_phase_measure(struct bench_run *run); /* begins the measured time */
void bench_phase_leave(struct bench_run *run); /* ends it */
void bench_phase_fail(struct bench_run *run); /* ends the run */

/* The parts of a run: made, driven on the thread whose descriptors it has,
 * finished. */
int bench_run_init(struct bench_run *run, const struct bench_options *o,
    struct bench_result *r, struct err *err);
void bench_run_drive(struct bench_run *run);
void bench_run_finish(struct bench_run *run);

/* crowd.c: how many threads the options want, 1: none but this one. */
unsigned bench_crowd_size(const struct bench_options *o);
/* An address for each 4000 connections, where nobody has said more and the
 * server is on this machine. */
void bench_sources_choose(struct bench_options *o, const struct net_addr *to);
int bench_crowd_run(const struct bench_options *o, unsigned threads,
    struct bench_result *r, struct err *err);
/* [its run's thread] from here on; all of them are harmless alone. Goes on with
 * next when all have come to this place. */
void bench_crowd_wait(
    struct bench_run *run, void (*next)(struct bench_run *run));
/* Is it the one that measures and triggers? */
bool bench_crowd_leads(const struct bench_run *run);
/* The others end as well. */
void bench_crowd_end(struct bench_run *run);
void bench_crowd_note(struct bench_run *run);
/* Of a round: it begins; all streams of this run have heard; its times. */
void bench_crowd_trigger(struct bench_run *run);
void bench_crowd_told(struct bench_run *run);
void bench_crowd_round(struct bench_run *run, struct bench_round *round);

/* stdio.c */
int bench_stdio(
    const struct bench_options *o, struct bench_result *r, struct err *err);

#endif
