/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between the host and a runner.  A frame is a fixed head and a body of
 * fields in a fixed order, both in this machine's byte order, since both ends
 * are this machine.  Whole frames share a datagram of a SOCK_SEQPACKET pair, as
 * many as a turn has: a datagram wakes the other side, and that costs more than
 * all else.  A body that does not fit a datagram travels in a sealed memory
 * file beside its head, in a datagram of its own.
 *
 * What a runner sends is untrusted: a reader never reads past its frame, and
 * what does not decode exactly ends the runner. */
#ifndef PLUGIN_WIRE_H
#define PLUGIN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define WIRE_MAGIC 0x5054u
#define WIRE_VERSION 1
/* Of a body: beyond the first it goes into a memory file, beyond the second it
 * is refused. */
#define WIRE_INLINE_MAX ((size_t)64 * 1024)
#define WIRE_BODY_MAX ((size_t)96 * 1024 * 1024)

enum wire_kind {
	/* To the runner, on its control channel. */
	WIRE_START = 1,
	WIRE_SAVE,
	WIRE_STOP,
	WIRE_PING,
	WIRE_WATCH,
	/* From it. */
	WIRE_READY,
	WIRE_FAILED,
	WIRE_SAVED,
	WIRE_PONG,
	WIRE_LOG,
	WIRE_CHANGED,
	WIRE_LISTENER,
	/* Calls, on the channel of a reactor. */
	WIRE_CALL,
	WIRE_CANCEL,
	WIRE_RESULT,
	WIRE_PROGRESS,
	WIRE_MESSAGE,
	WIRE_TASK,
	WIRE_RELEASE,
	/* Entries that the plugin adds: to the runner on its control channel;
	 * the next two on the channel of batches. */
	WIRE_GONE,
	WIRE_BATCH,
	WIRE_BATCH_ANSWER,
	WIRE_KINDS
};

/* What a WIRE_BATCH asks; its id is that of the batch. */
enum wire_batch {
	WIRE_BATCH_BEGIN = 1,
	WIRE_BATCH_PUT,
	WIRE_BATCH_DROP,
	WIRE_BATCH_COMMIT,
	WIRE_BATCH_ABANDON
};

/* What a WIRE_CALL addresses: an index in the set of the manifest, or the
 * number of an entry that was added, or the values for one of those. */
#define WIRE_ENTRY_ADDED 0x80000000u
#define WIRE_ENTRY_COMPLETE 0x40000000u
#define WIRE_ENTRY_NUMBER 0x3fffffffu

struct wire_head {
	uint16_t magic;
	uint8_t version;
	uint8_t kind; /* enum wire_kind */
	uint32_t len; /* of the body */
	uint64_t id; /* of the call; 0 on control channels */
};

/* Of a datagram; how many are received at once, and the room for them. */
#define WIRE_SPACE (sizeof(struct wire_head) + WIRE_INLINE_MAX)
#define WIRE_DATAGRAMS 4
#define WIRE_SPACES (WIRE_SPACE * WIRE_DATAGRAMS)

/* Writing: begin appends a head, the fields follow, end fills in the length.
 * Several frames may follow one another in a buffer. */
size_t wire_begin(struct buf *b, enum wire_kind kind, uint64_t id);
void wire_end(struct buf *b, size_t at);
/* The same, with strings that belong into the body and were not copied into it:
 * a large body is written into its memory file at once. */
struct wire_splice {
	size_t at; /* in the buffer: what stands there follows the string */
	struct str s; /* borrowed until wire_end_spliced() */
};
#define WIRE_SPLICE_MIN ((size_t)16 * 1024) /* less is copied */
void wire_end_spliced(
    struct buf *b, size_t at, const struct wire_splice *splices, size_t n);
void wire_put_u32(struct buf *b, uint32_t n);
void wire_put_u64(struct buf *b, uint64_t n);
void wire_put_f64(struct buf *b, double n);
void wire_put_str(struct buf *b, struct str s);

/* Reading: what is not there reads as zero and sets bad. */
struct wire_in {
	const char *at;
	const char *end;
	bool bad;
};

struct wire_in wire_in_of(struct str body);
uint32_t wire_get_u32(struct wire_in *in);
uint64_t wire_get_u64(struct wire_in *in);
double wire_get_f64(struct wire_in *in);
/* Borrowed from the frame. */
struct str wire_get_str(struct wire_in *in);
/* True when everything was there and nothing is left. */
bool wire_get_end(const struct wire_in *in);

/* A non-blocking, close-on-exec pair. */
int wire_pair(int fds[2]);

/* Drops the frames of a buffer from at on: some of them hold descriptors. */
void wire_drop(struct buf *frames, size_t at);

/* Sends the frames of a buffer from *at on, and moves it on: 0 when all are
 * gone, ERR_AGAIN when the socket is full, ERR_CLOSED, ERR_NOMEM. */
int wire_send(int fd, const struct buf *frames, size_t *at);

/* Sends a WIRE_LISTENER, alone in its datagram; file stays the caller's. */
int wire_send_listener(int fd, int file);

struct wire_frame {
	enum wire_kind kind;
	uint64_t id;
	struct str body; /* until wire_frame_finish() */
	void *map; /* owned; NULL: the body lies in the space */
	size_t map_len;
	int fd; /* owned; -1: none.  Of a WIRE_LISTENER, which has no body */
};

/* Datagrams that were received together, and how far they are read. */
struct wire_arrivals {
	struct str left[WIRE_DATAGRAMS]; /* of each, borrowed from the space */
	int files[WIRE_DATAGRAMS]; /* owned; -1: none */
	bool begun; /* the first of left is not whole any more */
	unsigned at, len;
	bool bad; /* what lies behind at cannot be read */
};

/* Receives up to WIRE_DATAGRAMS into space (WIRE_SPACES).  How many, 0 when
 * none is there, ERR_CLOSED at the end.  Whatever it is, the batch may be read
 * and must be finished. */
int wire_receive(int fd, char *space, struct wire_arrivals *b);
/* The next frame: 1, 0 when there is none, ERR_SYNTAX for what is none,
 * ERR_NOMEM. */
int wire_next(struct wire_arrivals *b, struct wire_frame *f);
/* Where each waits for the other: one frame, alone in its datagram, with
 * WIRE_SPACE; 1, or as above. */
int wire_receive_one(int fd, char *space, struct wire_frame *f);
void wire_frame_finish(struct wire_frame *f);
void wire_arrivals_finish(struct wire_arrivals *b);

#endif
