/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks (TKL, TKX rows): one store of rows for both eras.
 *
 * A row is what anybody may see of a task, and the one truth about it.  The
 * reactor that made it also holds a struct mcp_task while the task can still
 * change: the exchange that its handler answers, what it asks for, its timer.
 * Requests come in on any reactor.  They read the row; a cancellation changes
 * the row itself; answers to what is asked go to the task's reactor by
 * mailbox, and are acknowledged when they have come back: a client that has
 * its answer reads nothing older anywhere.  Whoever has changed a row tells the
 * reactors that somebody on them waits to hear of (struct mcp_task_place). */
#ifndef MCP_TASK_PRIV_H
#define MCP_TASK_PRIV_H

#include "mcp/mcp_priv.h"
#include "store/store.h"

#define MCP_TASK_ID_LEN 32 /* 128 random bits as hex (TKL-06, TKX-18) */
#define MCP_TASK_FORMAT 1 /* of a row */
#define MCP_TASKS_EXTENSION "io.modelcontextprotocol/tasks"
#define MCP_RELATED_TASK "io.modelcontextprotocol/related-task"

/* TKL-07: see mcp_task_may_turn(). */
enum mcp_task_status {
	MCP_TASK_WORKING,
	MCP_TASK_INPUT_REQUIRED,
	MCP_TASK_COMPLETED,
	MCP_TASK_FAILED,
	MCP_TASK_CANCELLED
};

/* One reactor, as others see it. */
struct mcp_task_place {
	struct mcp_reactor *mcp; /* NULL: not there yet */
	atomic_uint watching; /* who there wants to hear of tasks */
};

struct mcp_tasks {
	struct store *store; /* borrowed */
	struct mcp_task_limits limits;
	unsigned places_len;
	struct mcp_task_place places[];
};

/* What a row says; its strings are the row's. */
struct mcp_task_row {
	struct str id;
	struct str principal;
	uint64_t version;
	int64_t expires_ns;
	enum mcp_task_status status;
	enum mcp_revision revision;
	bool is_error; /* failed: payload is a JSON-RPC error */
	unsigned place; /* whose reactor it is */
	uint64_t scope; /* of the session that it was made in */
	int64_t created_ns; /* wall time */
	int64_t updated_ns;
	int64_t ttl_ns;
	int64_t poll_ns;
	struct str message; /* statusMessage, or empty */
	/* JSON text: a result, an error, or what is asked for by key. */
	struct str payload;
};

/* Something asked for; in the arena of the task's exchange. */
struct mcp_task_need {
	struct mcp_task_need *next;
	struct str key; /* the handler's own */
	struct str name; /* on the wire: never the same again (TKX-10) */
	struct str method;
	struct str params; /* JSON text, or empty */
	struct str form; /* its schema, or empty */
	struct str answer; /* ptr NULL: none yet */
	unsigned round;
};

#define MCP_TASK_MAGIC 0x5441534bu
#define MCP_TASK_CALL_ID "0" /* of what the handler answers; goes nowhere */

/* The living part of a task, on the reactor that has made it. */
struct mcp_task {
	uint32_t magic;
	struct mcp_reactor *mcp;
	struct list node; /* in mcp->tasks_live */
	struct mcp_exchange *x; /* what its handler answers, until it has */
	struct mcp_exchange *maker; /* who waits for the task to be there */
	struct store_request q; /* one at a time */
	bool saving; /* q is under way */
	bool dirty; /* there is more to save */
	bool stored;
	bool lost; /* the row is not ours to change any more */
	bool over; /* to be freed when q is done */
	bool shrunk; /* what did not fit was left away */
	bool starts; /* the handler runs when the row is there */
	struct list told; /* messages to go home when the row is written */
	struct mcp_task_row row; /* message and payload are in these: */
	struct buf message;
	struct buf payload;
	struct buf value; /* the row as saved last */
	struct loop_timer expiry;
	struct loop_timer again; /* the handler asked to come later */
	struct str name; /* of the tool; in x's arena, like the rest */
	const struct json_node *args;
	struct str principal;
	struct mcp_task_need *needs; /* of all rounds, in order */
	struct mcp_task_need **needs_tail;
	unsigned misfits; /* answers that were none, in the stateful era */
	char id[MCP_TASK_ID_LEN + 1];
};

/* A request about a task while the store looks for it. */
struct mcp_task_op {
	struct store_request q;
	struct mcp_reactor *mcp;
	struct mcp_exchange *x; /* NULL: it has gone */
	/* Ends x, or goes on; op is its to free. */
	void (*found)(struct mcp_task_op *op, const struct mcp_task_row *row);
	struct buf value;
	struct mcp_task_row row; /* to be saved */
	unsigned tries;
	size_t id_len;
	char id[MCP_TASK_ID_LEN];
};

/* A question of a task, sent to the client that waits for its result. */
struct mcp_task_asked {
	struct mcp_task_asked *next;
	uint64_t number; /* in its id */
	struct str name;
	struct str method;
	bool answered;
};

/* tasks/result that has no answer yet; in the arena of its exchange. */
struct mcp_task_waiter {
	struct list node; /* in mcp->task_waiters */
	struct mcp_exchange *x;
	struct str id;
	unsigned place; /* of the task */
	bool deaf; /* its client cannot answer questions */
	struct mcp_task_asked *asked;
};

/* task_row.c */

/* TKL-07 */
bool mcp_task_may_turn(enum mcp_task_status from, enum mcp_task_status to);
static inline bool
mcp_task_is_over(enum mcp_task_status s)
{
	return s >= MCP_TASK_COMPLETED;
}
struct str mcp_task_status_name(enum mcp_task_status s);
void mcp_task_row_write(struct buf *out, const struct mcp_task_row *row);
/* False: not a row of ours. */
bool mcp_task_row_read(
    const struct store_row *stored, struct mcp_task_row *row);
/* The members of a task, without braces, each with a comma behind it: flat,
 * in the names of its revision. */
void mcp_task_write(struct buf *out, const struct mcp_task_row *row);
/* The same and, in the stateless era, what its status adds (TKX-07). */
void mcp_task_detail_write(struct buf *out, const struct mcp_task_row *row);
/* Whose tasks x makes and may list. */
void mcp_task_principal_write(struct buf *out, const struct mcp_exchange *x);
/* TKL-15, TKX-18: one era's tasks, of one's own principal. */
bool mcp_task_may_see(
    const struct mcp_exchange *x, const struct mcp_task_row *row);
/* "_meta":{related-task} (TKL-09, TKL-10) */
void mcp_related_task_write(struct buf *out, struct str id);

/* task.c */

/* Whether this server offers tasks to anybody now. */
bool mcp_tasks_are_offered(const struct mcp_reactor *m);
/* TKX-02, TKX-13: ends x. */
void mcp_tasks_not_declared(struct mcp_exchange *x);
/* Decides what becomes of a tools/call; false: it has ended x. */
bool mcp_task_admit(struct mcp_exchange *x, const struct registry_entry *e,
    const struct json_node *params, bool *make);
/* The handler asks for input. */
void mcp_task_input(struct mcp_exchange *x, const struct call *c);
/* x closes, and is named by a task or an operation. */
void mcp_task_forget(struct mcp_exchange *x);
/* Drain, and the end of the reactor. */
void mcp_tasks_drain(struct mcp_reactor *m);
void mcp_tasks_finish(struct mcp_reactor *m);
struct mcp_task *mcp_task_find(struct mcp_reactor *m, struct str id);
/* Nobody will hear of it any more: its work stops. */
void mcp_task_stop(struct mcp_task *t);
void mcp_task_save(struct mcp_task *t);
void mcp_task_turn(struct mcp_task *t, enum mcp_task_status to);
/* Still without a name, a row and an exchange; NULL without memory. */
struct mcp_task *mcp_task_open(struct mcp_reactor *m);
/* The handler, for the first time or again. */
void mcp_task_run(struct mcp_task *t);
/* What a handler in a task answers to. */
extern const struct mcp_reply_ops mcp_task_reply;

/* task_make.c */

/* x is answered with a task, in which the tool then runs. */
void mcp_task_begin(struct mcp_exchange *x, const struct registry_entry *e,
    struct str name, const struct json_node *args,
    const struct json_node *params);
/* The sink's: c wants to be a task, or says what it does. */
void mcp_call_task(struct call *c, struct str status);
/* x gets a task, and c goes on in it; c has ended when x has no call.  What c
 * answers from now on: x itself when there is no memory, NULL when the task
 * was refused and all is over. */
struct mcp_exchange *mcp_task_become(
    struct mcp_exchange *x, struct call *c, struct str status);

/* task_input.c: on the task's reactor. */

/* Answers by name, as JSON text. */
void mcp_task_answer(struct mcp_task *t, struct str answers);
/* The client refuses to answer. */
void mcp_task_refuse(struct mcp_task *t, struct str text);

/* task_tell.c: between reactors. */
enum mcp_task_word {
	MCP_TASK_CHANGED, /* to who watches */
	MCP_TASK_STOP, /* to the task's reactor: it was cancelled */
	MCP_TASK_ANSWERS, /* the same: text is an object of answers */
	MCP_TASK_REFUSED, /* the same: text says why */
	MCP_TASK_HEARD, /* to who sent answers: the row knows them */
	MCP_TASK_RELAY /* to who waits: text is a notification */
};
/* ERR_NOMEM */
int mcp_task_post(struct mcp_tasks *tasks, unsigned place,
    enum mcp_task_word word, const struct mcp_task_row *row, struct str text);
/* Answers to the task of a row: op ends with mcp_task_heard() when the row
 * knows them, or they mean nothing any more.  ERR_NOMEM: it does not. */
int mcp_task_answers_post(
    struct mcp_task_op *op, const struct mcp_task_row *row, struct str answers);
/* t's row is written, or t is over. */
void mcp_task_told(struct mcp_task *t);
/* To every reactor where somebody watches. */
void mcp_task_tell(struct mcp_tasks *tasks, enum mcp_task_word word,
    const struct mcp_task_row *row, struct str text);
/* Somebody on this reactor waits for its result. */
bool mcp_task_is_awaited(const struct mcp_reactor *m, struct str id);
/* So many more, or less, of this reactor watch. */
void mcp_task_watch(struct mcp_reactor *m, int more);

/* task_wait.c: who waits for a result. */

/* What a task's row says now. */
void mcp_task_waiter_see(
    struct mcp_task_waiter *w, const struct mcp_task_row *row);
void mcp_task_waiter_drop(struct mcp_exchange *x);
/* A client's answer to a question with that number; false: not one of ours. */
bool mcp_task_response(struct mcp_reactor *m, uint64_t scope, uint64_t number,
    const struct rpc_message *r);
void mcp_task_scope_deaf(struct mcp_reactor *m, uint64_t scope);

/* task_serve.c: the methods, and what they share. */

/* Looks a task up for x; found is told what is there, or x ends. */
void mcp_task_look(struct mcp_exchange *x, struct str id,
    void (*found)(struct mcp_task_op *op, const struct mcp_task_row *row));
void mcp_task_op_free(struct mcp_task_op *op);
/* Acknowledges answers; op is gone then. */
void mcp_task_heard(struct mcp_task_op *op);
/* Ends x. */
void mcp_task_unknown(struct mcp_exchange *x);

/* task_listen.c: streams that hear of tasks. */

/* The ids that x wants to hear of; false: mistyped. */
bool mcp_task_ids_read(struct mcp_exchange *x, const struct json_node *wishes);
/* Leaves those that are there, then x begins to listen. */
void mcp_task_ids_look(struct mcp_exchange *x);

/* notifications/tasks and notifications/tasks/status. */
void mcp_listening_task(struct mcp_reactor *m, const struct mcp_task_row *row);
void mcp_listeners_task(struct mcp_reactor *m, const struct mcp_task_row *row);
bool mcp_listening_has_task(const struct mcp_reactor *m, struct str id);

#endif
