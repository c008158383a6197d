/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of one generation: a process that holds the plugin's code, and
 * whatever comes after it when it dies.
 *
 * One life is one process.  The control thread starts lives, hears their ends
 * and decides on the next one (runner.c, supervise.c).  Each reactor has a seat
 * at the runner: calls go from there straight into the process, over a channel
 * of that reactor alone, and answers come back on it, so that no call changes
 * its thread (seat.c).  The one lock is taken when a life begins or ends. */
#ifndef PLUGIN_RUNNER_H
#define PLUGIN_RUNNER_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <toolpost/abi.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/log.h"
#include "base/ref.h"
#include "call/call.h"
#include "loop/child.h"
#include "loop/loop.h"
#include "plugin/begun.h"
#include "plugin/refusals.h"
#include "plugin/network.h"
#include "plugin/restart.h"
#include "plugin/wire.h"

/* Bounds of supervision (reliability.md 2), each with its default. */
#define RUNNER_START_NS (10 * NS_PER_S) /* to ready, then it is killed */
#define RUNNER_SAVE_NS (2 * NS_PER_S)
#define RUNNER_STOP_NS (2 * NS_PER_S) /* from the stop frame to SIGKILL */
#define RUNNER_GRACE_NS (100 * NS_PER_MS) /* to answer a cancel */
#define RUNNER_BEAT_NS (5 * NS_PER_S)
#define RUNNER_BEATS_MISSED 2
#define RUNNER_CALM_NS (60 * NS_PER_S) /* without a death: from the start */
#define RUNNER_WAITING_MAX 256 /* calls of a seat while there is no life */
#define RUNNER_CALLS_MAX 4096 /* of a channel, without an answer */
#define RUNNER_OUT_MAX ((size_t)16 * 1024 * 1024) /* frames not yet sent */
#define RUNNER_WORDS_MAX 4096 /* of the last ones: a report fits */

/* Threads of a runner: as many as the server has, not more than the calls that
 * its manifest lets run at once, and at most these. */
#define RUNNER_WORKERS_MAX 64u
#define RUNNER_WORKER_STACK ((uint64_t)8 * 1024 * 1024) /* of its memory */

struct plugin_generation;
struct plugin_passage;
struct runner_channel;
struct runner_desk;

#define RUNNER_NO_LANE UINT_MAX
#define RUNNER_CANCELLED ((uint64_t)1 << 32) /* in runner_life.calls */

/* Where runners come from; the same for all. */
struct plugin_runner_place {
	const char *exe; /* toolpost-runner, an absolute path */
	unsigned reactors;
	unsigned workers; /* for handlers that may block */
	unsigned pool_queue; /* calls that wait for one of those */
	/* Borrowed; NULL: all threads share one table of descriptors. */
	struct plugin_passage *passage;
	struct refusals_thread *refusals; /* borrowed, like the next */
	struct plugin_network *network; /* empty; NULL: none */
	bool best_effort; /* a box without what the kernel lacks */
};

enum runner_state {
	RUNNER_STARTING, /* the first life, or the next one */
	RUNNER_UP, /* at least one serves */
	RUNNER_WAITING, /* for the next start */
	RUNNER_QUARANTINED,
	RUNNER_STOPPING,
	RUNNER_ENDED
};

/* One process. */
struct runner_life {
	struct ref ref; /* the runner's, and one of each channel */
	struct plugin_runner *runner; /* holds one */
	struct list node; /* [control] in the runner's, until it has ended */
	unsigned number;
	/* [control] from here on */
	struct loop_child *child; /* NULL: it has ended */
	pid_t pid;
	int control; /* owned */
	struct loop_io io;
	struct loop_timer timer; /* the start, the next beat, the stop */
	char *space; /* owned */
	struct runner_desk *desk; /* owned; NULL: it adds no entries */
	struct log_gate memory_gate; /* [any] */
	bool walled; /* in an empty network */
	struct refusals_watch *refusals; /* owned; NULL: it tells of none */
	struct buf gone; /* numbers of entries, to be sent */
	struct loop_deferred gone_send;
	bool ready;
	bool failed; /* said so itself: text is in words */
	int status; /* enum tp_status of that */
	bool retired; /* takes no new calls */
	unsigned lane; /* that it serves; none: it starts, or is a spare */
	unsigned serves; /* the how manieth that began to */
	bool stopping;
	bool late; /* the first: it was not ready in time */
	unsigned missed; /* beats */
	unsigned saves; /* snapshots that it still owes */
	/* Under the runner's lock. */
	int *fds; /* owned; one for each reactor, -1 when taken */
	/* Calls in it over all channels; in the upper half: those of them that
	 * were cancelled. */
	_Atomic(uint64_t) calls;
	struct plugin_begun *begun; /* owned; written by the process */
	/* How it ended, and its last words: set before ended is. */
	atomic_bool ended;
	char reason[160];
	int signal; /* 0: none */
	int exit_status; /* negative: none */
};

/* A reactor's end of a lane. */
struct seat_lane {
	struct runner_channel *channel; /* to the life of now, or NULL */
	/* Out of the passage; a reference; NULL: nothing. */
	struct runner_life *given_life;
	int given_fd; /* owned */
};

/* Of one reactor. */
struct runner_seat {
	struct plugin_runner *runner;
	unsigned number; /* of the reactor */
	_Atomic(struct loop *) loop; /* set by its first call */
	unsigned epoch; /* of the runner, as seen last */
	enum runner_state state; /* then */
	struct seat_lane *lanes; /* the runner's; as many as it has */
	unsigned turn; /* where the next choice begins */
	struct list before; /* channels to earlier lives, with calls */
	struct list waiting; /* calls, for a life */
	size_t waiting_len;
	struct loop_deferred given;
	struct loop_deferred sweep; /* calls that were cancelled in waiting */
	atomic_bool posted; /* wake is on its way */
	struct loop_msg wake;
};

struct plugin_runner {
	struct ref ref; /* the generation's, and one of each life */
	struct plugin_generation *generation; /* until it has stopped */
	struct loop *control;
	const struct plugin_runner_place *place;
	char *name; /* owned; of the plugin */
	char *copy; /* owned; the module, unlinked at the end */
	struct buf start; /* the frame that begins each life */
	struct buf saved; /* bytes of the last snapshot */
	uint32_t saved_format;
	int saved_status; /* 1: not asked; else an enum tp_status */
	struct list lives; /* [control] those not yet ended */
	unsigned lanes_len; /* processes that serve when all is well */
	unsigned spare; /* .. and that stand by */
	/* Owned, of each lane; held: begun, and not awaited. */
	struct runner_life **first;
	bool begun;
	/* Somebody waits for a start, a snapshot or a pong of it. */
	void (*told)(void *arg);
	void *told_arg;
	struct loop_timer patience; /* for the latter two */
	bool settling;
	bool serial_known; /* which entries are TP_SERIAL */
	unsigned lives_made;
	unsigned serves; /* lives that have begun to serve */
	struct runner_life *news; /* alone is told what is watched; NULL: all */
	struct loop_timer timer; /* the next start */
	int64_t deaths[PLUGIN_DEATHS_MAX]; /* a ring, by deaths_len */
	unsigned deaths_len;
	unsigned backoff; /* doublings */
	struct buf words; /* standard error, the last of it */
	struct log_gate prints; /* its own: noise hides nobody else's words */
	/* [control] Of the last life that died; died_ns 0: none has. */
	int64_t died_ns;
	char died_reason[160];
	struct buf died_words;
	void (*stopped)(void *arg);
	void *stopped_arg;
	pthread_mutex_t lock; /* leaf; guards the four below */
	enum runner_state state;
	struct runner_life **lanes; /* owned; NULL: none takes calls there */
	char reason[256]; /* of a quarantine */
	atomic_uint epoch; /* changes with each of the above */
	struct seat_lane *seat_lanes; /* owned; of each seat, of each lane */
	struct runner_seat seats[]; /* place->reactors */
};

/* [control] copy becomes the runner's when this works.  NULL without
 * memory. */
struct plugin_runner *plugin_runner_create(struct plugin_generation *g,
    const struct plugin_runner_place *place, char *copy);
/* [control] Starts the first lives. */
int plugin_runner_begin(struct plugin_runner *r,
    const struct tp_snapshot *previous, struct err *err);
bool plugin_runner_is_begun(const struct plugin_runner *r);
/* What follows waits here, unless it is over; fn is told on the loop when one
 * of these may be.  NULL: nobody is told. */

/* [control] */
void plugin_runner_listen(
    struct plugin_runner *r, void (*fn)(void *arg), void *arg);
/* [control] All that serve are ready, or one of them never will be. */
bool plugin_runner_has_started(const struct plugin_runner *r);
/* [control] ERR_STATE: load() does not take over that snapshot (TP_ESTATE). */
int plugin_runner_await(struct plugin_runner *r, struct err *err);
/* [control] Asks for a snapshot. */
void plugin_runner_save_begin(struct plugin_runner *r);
bool plugin_runner_has_saved(const struct plugin_runner *r);
/* [control] out is the runner's until the next.  An enum tp_status. */
int plugin_runner_save(struct plugin_runner *r, struct tp_snapshot *out);
/* [control] Asks it to say when it has done what it was told. */
void plugin_runner_settle_begin(struct plugin_runner *r);
bool plugin_runner_has_settled(const struct plugin_runner *r);
/* [control] For a while. */
void plugin_runner_settle(struct plugin_runner *r);
/* [control] A resource of it has its first subscriber, or none any more. */
void plugin_runner_watch(struct plugin_runner *r, bool on, struct str uri);
/* [control] No call is in it any more: stops the process; stopped is told
 * once. */
void plugin_runner_stop(
    struct plugin_runner *r, void (*stopped)(void *arg), void *arg);
/* [control] The same without waiting and without a word. */
void plugin_runner_kill(struct plugin_runner *r);
/* [any] */
void plugin_runner_unref(struct plugin_runner *r);
/* [control] Where there was a death, what took its place. */
unsigned plugin_runner_restarts(const struct plugin_runner *r);
/* [control] Lives that serve; spares that are ready. */
unsigned plugin_runner_serving(const struct plugin_runner *r);
unsigned plugin_runner_spares(const struct plugin_runner *r);
/* [control] The first that serves, or NULL. */
struct runner_life *plugin_runner_first(const struct plugin_runner *r);
/* [reactor] What the target of an entry does; life 0: any has it. */
int plugin_runner_call(
    struct plugin_runner *r, uint32_t entry, unsigned life, struct call *c);
/* The reactor of that number has left its loop; the loop still stands. */
void plugin_runner_leave(struct plugin_runner *r, unsigned number);

/* Between the files of the runner. */

/* [control] One life, started; NULL with err. */
struct runner_life *runner_life_create(
    struct plugin_runner *r, struct err *err);
/* [any] */
void runner_life_unref(struct runner_life *l);
/* [any] Ends a life that broke the rules of the wire, or does not answer. */
void runner_life_condemn(struct runner_life *l, const char *why);
/* [any] A call does not end: no new calls for this life. */
void runner_life_retire(struct runner_life *l);
/* [control] Nothing calls the entry of that number any more. */
void runner_life_gone(struct runner_life *l, uint32_t number);
/* [control] It adds no entries any more; orderly: as a stop, not a death. */
void runner_life_desk_close(struct runner_life *l, bool orderly);
/* [control] Sends what frames holds; a life that cannot take it is killed. */
void runner_life_send(struct runner_life *l, const struct buf *frames);
/* [control] What has come; false: no more. */
bool runner_life_receive(struct runner_life *l);
/* [control] Kills it; its end is told as that of any other. */
void runner_life_kill(struct runner_life *l, const char *why);

/* [control] The same, here and now, and nobody is told. */
void runner_life_end(struct runner_life *l);

/* await.c: [control] */
/* The first lives are no longer waited for. */
void runner_first_drop(struct plugin_runner *r);
/* Its snapshot or its pong has not come in time. */
void runner_out_of_patience(void *arg);
/* What somebody waits for may be there. */
void runner_tell(struct plugin_runner *r);

/* supervise.c: [control] */
/* The next starts come in so much time, or earlier. */
void runner_start_in(struct plugin_runner *r, int64_t ns);
void runner_is_ready(struct plugin_runner *r, struct runner_life *l);
void runner_has_died(struct plugin_runner *r, struct runner_life *l);

/* lanes.c: [control] */
/* The life that serves there from now on, or NULL; seats look again. */
void runner_lane_set(
    struct plugin_runner *r, unsigned lane, struct runner_life *l);
/* None serves any more. */
void runner_lanes_clear(struct plugin_runner *r, enum runner_state state);
/* A lane without a life, or RUNNER_NO_LANE. */
unsigned runner_lane_free(const struct plugin_runner *r);
/* A life that is ready and serves nowhere, or NULL. */
struct runner_life *runner_spare(const struct plugin_runner *r);
/* Lives that are to be started. */
unsigned runner_missing(const struct plugin_runner *r);
/* Where none serves: starting or waiting. */
void runner_state_look(struct plugin_runner *r);
/* Tells every seat that has a loop to look again. */
void runner_seats_wake(struct plugin_runner *r);

/* [any] */
static inline void
runner_life_entered(struct runner_life *l)
{
	(void)atomic_fetch_add(&l->calls, 1);
}
/* [any] */
static inline void
runner_life_cancelled(struct runner_life *l)
{
	(void)atomic_fetch_add(&l->calls, RUNNER_CANCELLED);
}
/* [any] */
static inline void
runner_life_left(struct runner_life *l, bool cancelled)
{
	(void)atomic_fetch_sub(&l->calls, cancelled ? RUNNER_CANCELLED + 1 : 1);
}
/* [any] Without an answer. */
static inline uint32_t
runner_life_calls(const struct runner_life *l)
{
	return (uint32_t)atomic_load_explicit(
	    &l->calls, memory_order_relaxed /* a guess at where to go */);
}
/* [any] Not cancelled. */
static inline uint32_t
runner_life_live(const struct runner_life *l)
{
	uint64_t all = atomic_load(&l->calls);

	return (uint32_t)all - (uint32_t)(all / RUNNER_CANCELLED);
}

/* seat.c */
void runner_seat_given(
    struct runner_seat *s, struct loop *loop, struct runner_life *life, int fd);
void runner_seat_init(
    struct runner_seat *s, struct plugin_runner *r, unsigned number);

#endif
