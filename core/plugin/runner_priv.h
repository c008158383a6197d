/* SPDX-License-Identifier: Apache-2.0 */
/* Inside toolpost-runner: between runner_main.c and runner_serve.c. */
#ifndef PLUGIN_RUNNER_PRIV_H
#define PLUGIN_RUNNER_PRIV_H

#include "data/json.h"
#include "plugin/begun.h"
#include "plugin/generation.h"
#include "plugin/wire.h"

#define RUNNER_CHANNELS_MAX 258 /* LOOP_REACTORS_MAX, control, batches */
#define RUNNER_TARGET_QUEUE 65536 /* the host's bounds are smaller */
#define RUNNER_FIRST_FD 3
#define RUNNER_TOGETHER_NS (NS_PER_MS / 10) /* an answer waits for others */

struct runner_process;

/* One reactor's way to us. */
struct runner_line {
	struct runner_process *process;
	struct plugin_begun *begun; /* where calls are marked */
	int fd; /* owned; -1: the reactor has let go of it */
	struct loop_io io;
	unsigned events;
	struct buf out; /* answers not yet sent */
	size_t out_at;
	struct loop_deferred flush;
	struct list served; /* struct served: calls of this line */
};

/* Entries that the plugin adds. */
struct runner_batches {
	int fd; /* owned; -1: it may not */
	pthread_mutex_t talk; /* one question at a time; guards space */
	char *space; /* owned */
	atomic_uint_fast64_t ids;
	pthread_mutex_t lock; /* leaf; guards the rest */
	struct plugin_dynamic **entries; /* owned; by number, NULL: unused */
	uint32_t *unused; /* owned; numbers */
	size_t len, cap, unused_len;
};

struct runner_process {
	struct loop *loop;
	struct loop_pool *pool;
	struct call_reactor calls;
	struct plugin_hub *hub;
	struct plugin_generation *generation; /* NULL: not yet, or ended */
	int control; /* owned */
	struct loop_io io;
	char *space; /* WIRE_SPACES, for whoever reads */
	struct json_doc args; /* of the call that is taken now */
	struct json_doc answers;
	struct runner_line *lines;
	unsigned lines_len;
	unsigned channels;
	unsigned workers;
	unsigned pool_queue;
	unsigned many; /* processes of this plugin */
	struct runner_batches batches;
	bool stopping;
	bool walled; /* in an empty network */
	struct plugin_begun *begun; /* for each line one */
};

/* runner_serve.c: calls. */
/* [call] The handler runs next. */
void runner_call_begins(struct call *c);
void runner_line_open(struct runner_line *l, struct runner_process *p, int fd);
void runner_line_close(struct runner_line *l);
/* runner_batch.c: tp.dynamic/1. */
extern const struct tp_dynamic runner_batches_table;
void runner_batches_init(struct runner_batches *b, int fd);
void runner_batches_finish(struct runner_batches *b);
/* What the host calls by that number; NULL: there is none. */
struct call_target *runner_batches_target(
    struct runner_batches *b, uint32_t entry);
/* The host does not call those any more. */
void runner_batches_gone(struct runner_batches *b, struct str numbers);
/* load() has failed behind its commits. */
void runner_batches_end(struct runner_batches *b);
/* The host has broken the wire, or is gone: there is nobody to serve. */
_Noreturn void runner_give_up(const char *why);

#endif
