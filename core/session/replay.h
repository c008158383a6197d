/* SPDX-License-Identifier: Apache-2.0 */
/* What streams of the stateful era have sent, kept so that a client whose
 * connection broke can go on where it was (RSM rows).
 *
 * A stream belongs to the session it was opened for.  Its source (a call, the
 * session's listener) appends, on one reactor; at most one reader at a time
 * takes the events, on any.  A session without a stream costs a pointer.
 *
 * An event's id is STREAM-SEQUENCE: unique in the process, and looked up in
 * the session alone, so that no id opens the stream of another (RSM-08). */
#ifndef SESSION_REPLAY_H
#define SESSION_REPLAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"

#define REPLAY_SHARDS 64
#define REPLAY_EVENTS_MAX 256 /* of one stream */
#define REPLAY_STREAMS_MAX 32 /* of one session */
#define REPLAY_TOTAL_MAX ((size_t)64 * 1024 * 1024)
#define REPLAY_SESSION_MAX ((size_t)4 * 1024 * 1024)
#define REPLAY_AGE_NS (5 * 60 * NS_PER_S)
#define REPLAY_ID_MAX 48 /* of one event, as text */
#define REPLAY_ROOM 512 /* of the first events of a call, with its stream */
#define REPLAY_SPARE_MAX 64 /* streams of a shard, for the next calls */
#define REPLAY_EVICTIONS_MAX 64 /* streams looked at to make room for one */

struct replay_limits {
	size_t total; /* bytes, all sessions; 0: nothing is kept */
	size_t session; /* bytes of one session */
	int64_t age_ns; /* of a stream that nobody reads */
};

enum replay_kind {
	REPLAY_MAY_DROP, /* a notification */
	REPLAY_MUST_KEEP, /* a request to the client */
	REPLAY_LAST /* the answer: the stream ends with it */
};

struct replay; /* of the whole server */
struct replay_log; /* of one session */
struct replay_stream;
struct replay_reader;
struct replay_event;

enum replay_state {
	REPLAY_OPEN, /* more will come */
	REPLAY_PAUSED, /* the reader wanted no more */
	REPLAY_RELEASED, /* the source wants the connection to end */
	REPLAY_ENDED, /* nothing follows */
	REPLAY_GONE /* another reader has it, or it is lost */
};

/* A reader on the thread of the source takes an event as it is appended. */
struct replay_taker {
	/* May it be given events now? */
	bool (*is_ready)(const struct replay_reader *r);
	/* As fn of replay_read(). */
	bool (*take)(void *arg, const struct replay_event *e);
	/* As what replay_read() has returned; after REPLAY_ENDED it is detached
	 * and the reference on its stream is the callee's. */
	void (*taken)(struct replay_reader *r, enum replay_state state,
	    struct replay_stream *s);
};

/* Who takes the events; embedded in its owner. */
struct replay_reader {
	struct loop_msg msg;
	struct loop *loop;
	/* [its loop] There is news: replay_read(), or after replay_detach()
	 * returned true: the last use of the memory. */
	void (*wake)(struct replay_reader *r);
	const struct replay_taker *taker; /* NULL: wake alone tells it */
	void *arg; /* of taker->take */
	/* Set while it reads a session's standalone stream, else NULL. */
	atomic_bool *streaming;
	struct replay_stream *stream; /* a reference; NULL: detached */
	uint64_t next; /* from here on private */
	int64_t release_ms; /* negative: not released */
	bool posted;
};

/* Who wants to know that a stream is lost while nobody reads it. */
struct replay_source {
	struct loop_msg msg;
	struct loop *loop;
	void (*lost)(struct replay_source *s); /* [its loop] once */
	bool posted;
};

/* What a reader gets. */
struct replay_event {
	struct str id; /* empty: none */
	struct str message; /* empty: nothing but missing */
	uint64_t missing; /* notifications before it that were not kept */
	bool last;
};

struct replay *replay_create(const struct replay_limits *limits);
/* Every log must be gone. */
void replay_destroy(struct replay *r);
/* [any] Bytes kept. */
size_t replay_bytes(const struct replay *r);
/* [control] Lets go of what nobody has read since before_ns; how many streams
 * that were. */
size_t replay_expire(struct replay *r, int64_t before_ns, int64_t now_ns);

/* [any] The log in *slot, made if there is none yet; NULL without memory. */
struct replay_log *replay_log_get(
    struct replay *r, _Atomic(struct replay_log *) *slot);
/* [any] The session has ended: all its streams are lost. */
void replay_log_end(struct replay_log *l);
/* Nobody may use it any more; its streams may live on, lost. */
void replay_log_destroy(struct replay_log *l);

/* [reactor] A stream; the caller holds a reference until replay_close().
 * source, or NULL, marks the session's standalone stream.  ERR_LIMIT,
 * ERR_NOMEM, ERR_EXISTS: there is a standalone one. */
int replay_open(struct replay_log *l, struct replay_source *source,
    int64_t now_ns, struct replay_stream **out);
/* [reactor] A stream of a call, with r as its reader from the first event on.
 */
int replay_open_read(struct replay_log *l, struct replay_reader *r,
    int64_t now_ns, struct replay_stream **out);
/* [reactor] ERR_LIMIT: not kept, and its readers will hear of the hole;
 * ERR_CLOSED: the stream is lost; ERR_NOMEM. */
int replay_append(struct replay_stream *s, enum replay_kind kind,
    struct str message, int64_t now_ns);
/* [reactor] Nobody appends any more, and the source's reference is given back.
 * After REPLAY_LAST was kept replay_unref() is enough.
 * True: source->lost will still come. */
bool replay_close(struct replay_stream *s, struct replay_source *source);
/* [reactor] The connection of the reader is to end, the stream goes on.
 * retry_ms is told to the client. */
void replay_release(struct replay_stream *s, int64_t retry_ms);
/* [reactor] Is a reader there? */
bool replay_is_read(struct replay_stream *s);
/* The id of an event of it. */
struct str replay_id(
    const struct replay_stream *s, uint64_t sequence, char text[REPLAY_ID_MAX]);

/* [reactor] Makes r the reader from its first event on. */
void replay_attach(struct replay_stream *s, struct replay_reader *r);
/* [reactor] Makes r the reader from the event after id on, in place of any
 * other; what came up to there is acknowledged.  ERR_NOTFOUND: no such stream
 * in this session, or the events after id are not all there. */
int replay_resume(struct replay_log *l, struct str id, atomic_bool *streaming,
    struct replay_reader *r);
/* [reactor] Makes r the reader of the standalone stream, from the first event
 * that nobody has read; ERR_NOTFOUND: there is none. */
int replay_resume_standalone(
    struct replay_log *l, atomic_bool *streaming, struct replay_reader *r);
/* [reactor] Hands events to fn, which must not come back here, until it
 * returns false. */
enum replay_state replay_read(struct replay_reader *r,
    bool (*fn)(void *arg, const struct replay_event *e), void *arg);
/* [reactor] True: wake will still come. */
bool replay_detach(struct replay_reader *r, int64_t now_ns);

/* [any] */
struct replay_stream *replay_ref(struct replay_stream *s);
void replay_unref(struct replay_stream *s);
/* [any] The client has read it to its end: it is let go, and the caller's
 * reference given back. */
void replay_acknowledge(struct replay_stream *s);

#endif
