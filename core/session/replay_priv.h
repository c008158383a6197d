/* SPDX-License-Identifier: Apache-2.0 */
/* Between replay.c (what is kept, and for how long) and replay_stream.c (in
 * and out of one stream). */
#ifndef SESSION_REPLAY_PRIV_H
#define SESSION_REPLAY_PRIV_H

#include <pthread.h>
#include <string.h>
#include <stdalign.h>

#include "base/list.h"
#include "base/ref.h"
#include "session/replay.h"

#define REPLAY_STREAM_MAGIC 0x5253544du

/* The words that a session's own stream was told: the next one that is told the
 * same has them too, as when all hear of one change. */
struct replay_words {
	uint32_t refs; /* under the shard's lock */
	uint32_t len;
	char bytes[];
};

struct replay_shard {
	pthread_mutex_t lock; /* leaf but for loop_post(); guards its logs,
			       * their streams and readers */
	struct list touched; /* streams, longest untouched first */
	struct list spare; /* of streams, by node */
	size_t spare_len;
	struct replay_words *words; /* the last ones; a reference */
	uint64_t numbers; /* of streams so far */
};

struct replay {
	struct replay_limits limits;
	atomic_size_t bytes;
	atomic_uint places; /* of threads, each with some shards of its own */
	atomic_uint logs;
	struct replay_shard shards[REPLAY_SHARDS];
};

struct replay_log {
	struct replay *replay;
	struct replay_shard *shard;
	struct list streams; /* oldest first */
	struct replay_stream *standalone;
	size_t len;
	size_t bytes;
};

struct replay_item {
	struct list node;
	uint64_t seq;
	uint32_t len;
	uint8_t kind; /* enum replay_kind */
	bool roomed; /* in the room of its stream */
	bool shares; /* text holds a pointer to words */
	char text[];
};

struct replay_stream {
	uint32_t magic;
	struct ref ref; /* the log, the source, each reader */
	uint64_t number;
	struct replay_shard *shard;
	struct replay_log *log; /* NULL: lost */
	struct list node; /* in log->streams */
	struct list touched; /* in the shard */
	int64_t touched_ns;
	struct list events;
	size_t len;
	uint64_t next; /* sequence of the next event; the first is 1 */
	uint64_t floor; /* ids from floor - 1 on can be resumed from */
	uint64_t read; /* the first that nobody has read */
	struct replay_reader *reader;
	struct replay_source *source; /* of a standalone stream */
	bool done;
	uint32_t room_len;
	uint32_t room_used;
	alignas(max_align_t) char room[];
};

void replay_lock(struct replay_shard *s);
void replay_unlock(struct replay_shard *s);

static inline struct replay_words *
replay_item_words(const struct replay_item *e)
{
	struct replay_words *w;

	memcpy(&w, e->text, sizeof w);
	return w;
}

static inline struct str
replay_item_text(const struct replay_item *e)
{
	return (struct str){ e->shares ? replay_item_words(e)->bytes : e->text,
		e->len };
}

/* All of these with the lock held. */
/* A reference for the caller; NULL without memory. */
struct replay_words *replay_words_get(
    struct replay_shard *shard, struct str message);
void replay_words_unref(struct replay_words *w);
void replay_touch(struct replay_stream *s, int64_t now_ns);
void replay_event_drop(struct replay_stream *s, struct replay_item *e);
/* Takes it out of its log; s may be gone. */
void replay_lose(struct replay_stream *s);
void replay_notify(struct replay_reader *r);
/* Drops events that have been read while the bounds are passed. */
void replay_trim(struct replay_stream *s);
/* Room for an event of that cost; false: there is none. */
bool replay_room(struct replay_stream *s, enum replay_kind kind, size_t cost);
void replay_account(struct replay_log *l, size_t more, size_t less);
void replay_reader_set(
    struct replay_stream *s, struct replay_reader *r, uint64_t next);

#endif
