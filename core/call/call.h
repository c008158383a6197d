/* SPDX-License-Identifier: Apache-2.0 */
/* One request to one entry in flight: its memory, deadline, cancellation, the
 * answer it builds, and where the answer goes.  A call knows nothing of
 * JSON-RPC, HTTP or revisions: it runs a target and answers a sink.
 *
 * Life: made on a reactor, run there (non-blocking targets) or by a worker,
 * finished by one message to its reactor.  It is freed when the handler has
 * returned and the answer is complete, also when the client is long gone. */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "call/target.h"
#include "data/json.h"
#include "loop/loop.h"
#include "loop/pool.h"

#define CALL_MAGIC 0x43414c4cu

/* Bounds, each with its default. */
#define CALL_DEADLINE_NS (30 * NS_PER_S)
#define CALL_RESULT_MAX ((size_t)16 * 1024 * 1024)
#define CALL_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define CALL_NEEDS_MAX 32
#define CALL_KEY_MAX 256 /* of what is asked */
#define CALL_FORMS_MAX ((size_t)256 * 1024) /* schemas of one round */
#define CALL_STATE_MAX ((size_t)16 * 1024) /* from one round to the next */
#define CALL_MESSAGE_MAX ((size_t)4096) /* of a failure */
#define CALL_PROGRESS_TEXT_MAX ((size_t)4096)
#define CALL_TASK_TEXT_MAX ((size_t)1024) /* of what a task does now */
#define CALL_LOG_DATA_MAX ((size_t)64 * 1024) /* of one log message */
#define CALL_LOG_LOGGER_MAX ((size_t)256)
/* Reports of one call, progress and log messages, on their way to its
 * reactor. */
#define CALL_REPORTS_MAX 256
#define CALL_KEPT 64 /* idle call objects a reactor keeps */
/* A non-blocking handler that takes longer blocks its reactor. */
#define CALL_BLOCK_NS (50 * NS_PER_MS)
#define CALL_MEASURED 4096 /* calls, after a turn that took so long */

/* How a handler ended.  The values are those of the SDK's enum tp_status. */
enum call_status {
	CALL_OK = 0,
	CALL_PENDING = 1,
	CALL_INPUT = 2,
	CALL_EFAIL = -1,
	CALL_ENOMEM = -2,
	CALL_EPARAMS = -3,
	CALL_ENOTFOUND = -4,
	CALL_ECANCELLED = -5,
	CALL_EDEADLINE = -6,
	CALL_EBUSY = -7,
	CALL_ENOTSUP = -8,
	CALL_ESTATE = -9,
	/* Not a handler's: whoever ran the call is gone.  message says what
	 * happened, structured is the error's data. */
	CALL_ELOST = -10
};

/* What may be asked of the client of a call; bits. */
enum call_client {
	CALL_CLIENT_ELICIT_FORM = 1,
	CALL_CLIENT_ELICIT_URL = 2,
	CALL_CLIENT_SAMPLING = 4,
	CALL_CLIENT_ROOTS = 8,
	CALL_CLIENT_SAMPLING_TOOLS = 16,
	CALL_CLIENT_SAMPLING_CONTEXT = 32,
	/* No client declares these: they come with its revision. */
	CALL_CLIENT_FORM_SEVERAL = 64, /* several choices in one field */
	CALL_CLIENT_SAMPLING_BLOCKS = 128, /* lists of blocks */
	CALL_CLIENT_SAMPLING_AUDIO = 256,
	CALL_CLIENT_LINKS = 512 /* ends of links, and -32042 */
};

enum call_content_type {
	CALL_TEXT = 1,
	CALL_IMAGE,
	CALL_AUDIO,
	CALL_LINK,
	CALL_EMBED
};

/* One block of the answer; lives in the call's arena. */
struct call_content {
	struct call_content *next;
	enum call_content_type type;
	bool binary; /* data is bytes: base64 on the wire */
	bool assistant; /* prompts: the role */
	struct str data;
	struct str mime;
	struct str uri;
	struct str name;
};

/* One thing asked of the client in the middle. */
struct call_need {
	struct call_need *next;
	struct str key;
	struct str method; /* "elicitation/create", .. */
	struct str params; /* JSON text, may be empty */
	struct str form; /* requestedSchema; empty: not a form */
};

/* One log message to the client, as the handler gave it. */
struct call_log {
	int level; /* the SDK's enum tp_message_level */
	bool is_json; /* data is JSON text, else words */
	bool is_link_done; /* no message: data is the id of a link */
	struct str logger; /* may be empty */
	struct str data;
};

/* Why a call was refused before it ran. */
enum call_busy {
	CALL_BUSY_QUEUE, /* no place to wait, or the handler's own word */
	CALL_BUSY_RATE,
	CALL_BUSY_BREAKER
};

struct call;

/* Who waits for the answer.  All [reactor]. */
struct call_sink {
	/* Not after finished.  Values are as the handler gave them. */
	void (*progress)(
	    struct call *c, double done, double total, struct str text);
	/* Once.  The answer may be read until this returns; then the call
	 * belongs to itself alone. */
	void (*finished)(struct call *c, enum call_status status);
	/* A log message, not after finished; NULL: nobody hears them. */
	void (*message)(struct call *c, const struct call_log *log);
	/* Its stream is to end, the answer comes later; NULL: cannot be. */
	void (*released)(struct call *c, int64_t retry_ms);
	/* The handler wants its caller to go on without waiting, or says what
	 * it does now; not after finished.  Only where the call can_task. */
	void (*task)(struct call *c, struct str status);
};

/* Per reactor: who runs calls here. */
struct call_reactor {
	struct loop *loop;
	struct loop_pool *pool; /* shared by all reactors */
	unsigned number; /* among the reactors */
	struct list running; /* calls not yet over, for drain */
	size_t running_len;
	struct list kept; /* idle objects, owned */
	size_t kept_len;
	int64_t block_ns; /* CALL_BLOCK_NS; 0: nobody looks */
	struct loop_deferred turn_end; /* of one that has run handlers */
	unsigned measured; /* calls that are still to be */
};

struct call {
	/* First: a plugin's tp_call is this, and begins with its host table;
	 * set by the target. */
	const void *host;
	uint32_t magic;
	enum call_kind kind;
	struct call_reactor *reactor;
	struct call_target *target;
	const struct call_sink *sink;
	void *sink_arg; /* of the sink's owner */
	struct str name; /* tool, prompt, or the URI asked for */
	const struct json_node *args; /* in the arena when it outlives a turn */
	const struct json_node *answers; /* input answers by key, or NULL */
	struct str state; /* of an earlier round, or empty */
	unsigned client; /* enum call_client: what it may be asked */
	int64_t started_ns;
	int64_t deadline_ns;
	bool untimed; /* somebody else keeps its deadline */
	int log_level; /* the least that is heard; set before the start */
	bool can_task; /* its sink has task(); set before the start */
	bool task_wanted; /* written by the thread that owns the call */
	struct arena arena;

	/* The answer; written by the thread that owns the call. */
	struct call_content *contents;
	struct call_content **contents_tail;
	size_t contents_len;
	size_t result_bytes;
	struct str structured;
	struct str message; /* of a failure */
	struct str links; /* JSON list: opened before it is called again */
	struct call_need *needs;
	struct call_need **needs_tail;
	size_t needs_len;
	size_t forms_bytes;
	unsigned refused; /* asked for, but not in client */
	bool
	    releasable; /* its stream may end before it; set before the start */
	bool state_set;
	struct str next_state; /* for the next round, when state_set */
	bool too_large;
	enum call_busy busy; /* with CALL_EBUSY */
	int64_t retry_ns; /* when to come again; 0: not known */

	/* Private to core/call from here on. */
	struct str lent; /* a mapping that parts of the answer lie in, owned */
	struct list node;
	struct loop_timer timer;
	struct loop_job job;
	struct loop_msg msg;
	struct list queued; /* in the target's queue, or at its gate */
	enum call_status status;
	bool answered; /* the sink has been told */
	bool inline_run; /* on its reactor, in this turn */
	bool pinned;
	bool entered; /* holds a place of the target */
	struct call_target *origin; /* what was asked for; NULL: target */
	struct call_target *next; /* kept for it when the gate let it go */
	struct call_hold *inside; /* its gate; NULL: none, or not inside */
	struct call_hold *waits; /* in front of that one */
	bool attempt; /* the breaker is open: it shows how things are */
	atomic_uint ends; /* CALL_END_* bits */
	atomic_bool cancelled;
	atomic_uint refs; /* posted progress and log messages hold one */
	atomic_uint reports; /* posted and not yet arrived */
	pthread_mutex_t hook_lock; /* leaf; guards the three below */
	void (*hook)(void *arg);
	void *hook_arg;
	bool hook_closed;
};

void call_reactor_init(
    struct call_reactor *r, struct loop *l, struct loop_pool *pool);
/* No call may be running. */
void call_reactor_finish(struct call_reactor *r);

/* [reactor] A call on target, not yet started; NULL without memory.  name and
 * args, and answers and state when they are set, are borrowed until
 * call_start() returns; what outlives the turn is copied there. */
struct call *call_create(struct call_reactor *r, enum call_kind kind,
    struct call_target *target, struct str name, const struct json_node *args,
    const struct call_sink *sink, void *sink_arg);
/* [reactor] Runs or queues it.  The sink may be told before this returns; the
 * call must not be touched afterwards unless 'finished' has not been told.
 * Refusals (queue full) are told by finished(CALL_EBUSY) too. */
void call_start(struct call *c);
/* [reactor] Nobody waits any more: the handler is told, the sink is not. */
void call_abandon(struct call *c);
/* [reactor] Asks the handler to stop; the sink hears CALL_ECANCELLED now. */
void call_cancel(struct call *c);
/* [reactor] The same, but the sink hears only when the handler has ended. */
void call_interrupt(struct call *c);

/* What the target's side uses; the marks are those of abi.h. */

/* [any] */
bool call_is_cancelled(const struct call *c);
/* [call] ERR_EXISTS when one is set; ERR_CANCELLED: it will not run. */
int call_on_cancel(struct call *c, void (*hook)(void *arg), void *arg);
/* [any] Dropped when the answer is complete.  ERR_BUSY: too many are on their
 * way. */
int call_progress(struct call *c, double done, double total, struct str text);
/* [any] Copies; ERR_BUSY: too many are on their way. */
int call_message(struct call *c, const struct call_log *log);
/* [any] The stream that waits for it ends, and the client comes back after
 * retry_ms; ERR_UNSUPPORTED: this client cannot. */
int call_release(struct call *c, int64_t retry_ms);
/* [call] Its caller need not wait any longer; copies status.  ERR_UNSUPPORTED:
 * this one has to. */
int call_task_begin(struct call *c, struct str status);
/* [any] What the task does now; copies.  ERR_UNSUPPORTED, ERR_LIMIT; ERR_BUSY:
 * too many reports are on their way. */
int call_task_status(struct call *c, struct str status);
/* [reactor] Memory from mmap() that nobody can change, and that goes with the
 * call: parts of the answer that lie in it are not copied. */
void call_lend(struct call *c, void *map, size_t len);
/* [call] Copies; ERR_LIMIT, ERR_NOMEM. */
int call_content_add(struct call *c, const struct call_content *block);
int call_structured_set(struct call *c, struct str json);
/* [call] Copies message, returns status. */
int call_fail(struct call *c, int status, struct str message);
/* ERR_UNSUPPORTED: this client cannot be asked that, which is remembered in
 * refused; ERR_PARAMS: nobody can, and the log says why; ERR_EXISTS: the key is
 * taken. */
int call_need_add(
    struct call *c, struct str key, struct str method, struct str params);
int call_state_set(struct call *c, struct str bytes);
/* Links without which it cannot begin (ELIC-13); ERR_UNSUPPORTED, ERR_PARAMS,
 * ERR_LIMIT, ERR_NOMEM. */
int call_links_require(struct call *c, struct str links);
/* [any] What was behind a link is done (ELIC-12); as call_message(). */
int call_link_done(struct call *c, struct str id);
/* [any] The deferred end after CALL_PENDING.  ERR_EXISTS: it had ended. */
int call_done(struct call *c, int status);
/* [reactor] The same of a remote target, at once; c may be gone behind it. */
void call_finish(struct call *c, int status);
/* [reactor] A remote target cannot tell how it ended: CALL_ELOST.  data is
 * JSON text. */
void call_lose(struct call *c, struct str message, struct str data);

#endif
