/* SPDX-License-Identifier: Apache-2.0 */
/* A reactor's way into one life of a runner, and a call that goes it.
 * Everything here is [reactor]. */
#ifndef PLUGIN_CHANNEL_H
#define PLUGIN_CHANNEL_H

#include "plugin/runner.h"

/* One call; lives in its arena. */
struct remote_call {
	struct list node; /* in the seat's waiting, or in the channel's calls */
	struct runner_seat *seat;
	struct runner_channel *channel; /* NULL: it waits */
	struct call *call;
	uint64_t id;
	uint32_t entry;
	unsigned life; /* that has the entry; 0: any */
	bool cancelled;
	bool again; /* was lost once, and sent to another life */
};

/* The way into one life. */
struct runner_channel {
	struct list node; /* in the seat's before, or in none */
	struct runner_seat *seat;
	struct seat_lane *lane; /* of the seat */
	struct runner_life *life; /* holds one */
	struct loop *loop;
	int fd; /* owned; -1: at its end */
	struct loop_io io;
	unsigned events;
	char *space; /* owned */
	struct list calls; /* without an answer, oldest first */
	size_t calls_len;
	uint64_t ids;
	struct buf out; /* frames */
	size_t out_at;
	struct loop_deferred flush;
	struct loop_timer timer; /* the end's why, or calls that do not end */
	bool told; /* a call in it does not end, or its end was told */
	bool reading; /* must not be destroyed now */
};

/* Takes fd and a reference on life when it works; NULL without memory. */
struct runner_channel *runner_channel_create(struct seat_lane *lane,
    struct runner_seat *s, struct loop *loop, struct runner_life *life, int fd);
/* No call is in it any more. */
void runner_channel_destroy(struct runner_channel *ch);
/* Takes no new calls; goes when the last one has ended. */
void runner_channel_leave(struct runner_channel *ch);
void runner_channel_send(struct runner_channel *ch, struct remote_call *rc);
/* Says so to the process, which may take a while. */
void runner_channel_cancel(struct runner_channel *ch, struct remote_call *rc);
/* It is at its end, and its process may be by now. */
void runner_channel_over(struct runner_channel *ch);
/* Every call that is still in it has its error, and it goes. */
void runner_channel_lose(struct runner_channel *ch);

/* Out of the list that it is in. */
void remote_call_drop(struct remote_call *rc);
/* Answers it: the plugin, what happened, and when. */
void remote_call_lose(struct remote_call *rc, const char *phase);

/* Room for one more call? */
static inline bool
runner_channel_has_room(const struct runner_channel *ch)
{
	return ch->calls_len < RUNNER_CALLS_MAX
	    && ch->out.len - ch->out_at < RUNNER_OUT_MAX;
}

/* Its entry was added by a process that is gone: plugins that add entries have
 * one process. */
static inline bool
remote_call_is_elsewhere(const struct remote_call *rc)
{
	const struct runner_channel *ch;

	if (rc->life == 0 || rc->channel != NULL)
		return false;
	ch = rc->seat->lanes[0].channel;
	return ch != NULL && ch->life->number != rc->life;
}

/* seat.c: calls that wait go into a life, or have waited for nothing. */
void runner_seat_move(struct runner_seat *s, bool none_will_come);

#endif
