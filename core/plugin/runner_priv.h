/* SPDX-License-Identifier: Apache-2.0 */
/* Inside toolpost-runner: between runner_main.c and runner_serve.c. */
#ifndef PLUGIN_RUNNER_PRIV_H
#define PLUGIN_RUNNER_PRIV_H

#include "plugin/generation.h"
#include "plugin/wire.h"

#define RUNNER_CHANNELS_MAX 257 /* LOOP_REACTORS_MAX and the control */
#define RUNNER_WORKERS 4
#define RUNNER_WORKERS_QUEUE 65536 /* the host's bounds are smaller */
#define RUNNER_FIRST_FD 3

struct runner_process;

/* One reactor's way to us. */
struct runner_line {
	struct runner_process *process;
	int fd; /* owned; -1: the reactor has let go of it */
	struct loop_io io;
	unsigned events;
	struct buf out; /* answers not yet sent */
	size_t out_at;
	struct loop_deferred flush;
	struct list served; /* struct served: calls of this line */
};

struct runner_process {
	struct loop *loop;
	struct loop_pool *pool;
	struct call_reactor calls;
	struct plugin_hub *hub;
	struct plugin_generation *generation; /* NULL: not yet, or ended */
	int control; /* owned */
	struct loop_io io;
	char *space; /* WIRE_SPACE * RUNNER_SPACES, for whoever reads */
	struct runner_line *lines;
	unsigned lines_len;
	unsigned channels;
	bool stopping;
};

/* runner_serve.c: calls. */
void runner_line_open(struct runner_line *l, struct runner_process *p, int fd);
void runner_line_close(struct runner_line *l);
/* The host has broken the wire, or is gone: there is nobody to serve. */
_Noreturn void runner_give_up(const char *why);

#endif
