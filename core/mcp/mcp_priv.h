/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#ifndef MCP_MCP_PRIV_H
#define MCP_MCP_PRIV_H

#include "mcp/mcp.h"

#define MCP_APPS_EXTENSION "io.modelcontextprotocol/ui"
#define MCP_OUT_KEPT ((size_t)256 * 1024) /* of the answer buffer */

struct mcp_reactor {
	uint32_t magic;
	struct call_reactor *calls;
	struct registry *registry;
	struct str identity_stateless; /* ,"_meta":{..serverInfo..} */
	struct str identity_names; /* "name":..,"version":.. */
	struct str identity_title;
	struct str identity_more; /* description, icons, websiteUrl */
	bool apps; /* APP-01 */
	bool no_logging; /* DEP-02 */
	unsigned client_off; /* enum mcp_client: no client has these (DEP-02) */
	struct str instructions; /* a JSON string, or empty */
	struct arena arena; /* holds the texts above */
	struct json_doc doc; /* the message being served */
	struct json_doc answer_doc; /* structured results */
	struct schema_report report;
	struct buf out; /* the answer being written */
	struct list running; /* exchanges waiting for a call */
	struct list listening; /* exchanges of subscriptions/listen */
	struct list listeners; /* struct mcp_listener */
	struct mcp_tell *tell; /* posted: the rest comes in the next turn */
	int64_t told_at_ns; /* the turn that told_left belongs to */
	size_t told_left; /* visits and look-ups */
	uint64_t round; /* of changes; tell.c */
	struct list updates; /* resources, not yet told to all */
	struct map updates_by_uri; /* the same; owned */
	struct list asking; /* struct mcp_asked */
	const struct mcp_rounds *rounds; /* may be NULL */
	unsigned number; /* among the reactors */
	uint64_t asks; /* requests made so far */
	struct mcp_tasks *tasks; /* shared; NULL: none */
	struct list tasks_live; /* struct mcp_task, owned */
	struct map tasks_by_id; /* of the same */
	struct list task_waiters; /* struct mcp_task_waiter */
	atomic_size_t *streams; /* of the whole server; may be NULL */
	const atomic_size_t *streams_max;
	struct list kept; /* idle exchanges, owned */
	size_t kept_len;
};

struct mcp_exchange {
	uint32_t magic;
	struct mcp_reactor *mcp;
	const struct mcp_reply_ops *ops;
	void *owner;
	struct list node;
	uint64_t scope;
	enum mcp_revision revision;
	bool over_http;
	bool introduces; /* its result names the server in full */
	bool gone; /* the transport has let go of it */
	unsigned client; /* enum mcp_client */
	struct mcp_peer *peer; /* stateful era, until gone; else NULL */
	int log_level; /* stateless era: the least that is heard */
	struct str id; /* raw, in arena */
	struct str token; /* raw progress token, or empty */
	double progress; /* the last one sent */
	bool progress_begun;
	struct arena arena;
	const struct registry_entry *entry;
	struct call *call; /* until it has finished */
	/* Input rounds; answers and state are in arena. */
	unsigned round; /* how often the client was asked */
	const struct json_node *answers; /* of all rounds, or NULL */
	struct str state; /* what the handler set last */
	const struct json_node *questions; /* of the last round, by key */
	unsigned char redeemed[STORE_NONCE_LEN]; /* when has_redeemed */
	bool has_redeemed;
	struct str principal; /* who asks; empty: nobody has to say */
	struct mcp_asked *asked; /* stateful era: waits for answers */
	struct mcp_link *links; /* open ones of this request, in arena */
	struct str misfit; /* the last answer that did not fit, or empty */
	bool is_error; /* it has answered with a tool's failure */
	int64_t retry_ms; /* of a refusal: when to come again; 0: not known */
	/* Tasks: what x answers into, makes, asks for or waits for. */
	struct mcp_task *task;
	struct mcp_task *making;
	struct mcp_task_op *task_op;
	struct mcp_task_waiter *task_waiter;
	/* subscriptions/listen */
	bool listening; /* holds a place of the streams */
	uint64_t seen[REGISTRY_KINDS];
	uint64_t told; /* as of a listener */
	unsigned kinds; /* bit per registry kind asked for */
	struct str *uris;
	bool *uris_due; /* of each: its update waits for room */
	size_t uris_len;
	bool is_behind; /* lists or URIs wait */
	struct str *task_ids; /* in the order asked for */
	size_t task_ids_len;
	size_t task_ids_known; /* of those looked up so far, in front */
	size_t task_ids_looked;
	size_t watched; /* those of uris that count as watched */
};

/* One request's _meta (META rows); NULL: absent. */
struct mcp_meta {
	bool claim; /* a stateless request: any of the three below */
	const struct json_node *version;
	const struct json_node *capabilities;
	const struct json_node *info;
	const struct json_node *log_level;
	const struct json_node *token;
};
void mcp_meta_read(const struct rpc_message *m, struct mcp_meta *meta);
/* enum mcp_client, without what is switched off. */
unsigned mcp_client_read(
    const struct mcp_reactor *m, const struct json_node *capabilities);
/* Remembers the progress token; false: of a wrong type. */
bool mcp_token_take(struct mcp_exchange *x, const struct json_node *token);

/* Writing the answer: begin appends everything before the members of the
 * result, end everything behind them and hands it over; x is gone then. */
struct buf *mcp_result_begin(struct mcp_exchange *x);
void mcp_result_end(struct mcp_exchange *x);
/* data: JSON text, or empty. */
void mcp_error(struct mcp_exchange *x, int status, int code, struct str message,
    struct str data);
void mcp_errorf(struct mcp_exchange *x, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Remembers the id of a request; false: out of memory, it has answered. */
bool mcp_id_take(struct mcp_exchange *x, const struct rpc_message *m);
/* Lets go of an exchange after its answer. */
void mcp_exchange_close(struct mcp_exchange *x);

/* Methods; each ends the exchange now or later. */
typedef void mcp_method_fn(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers);
struct mcp_method {
	struct str name;
	mcp_method_fn *serve;
	bool stateful;
	bool stateless;
	const char *mirror; /* the member that Mcp-Name repeats, or NULL */
	bool is_task; /* only where tasks are offered */
};
const struct mcp_method *mcp_method_find(struct str name);

mcp_method_fn mcp_ping, mcp_discover;
mcp_method_fn mcp_tools_list, mcp_resources_list, mcp_templates_list,
    mcp_prompts_list;
mcp_method_fn mcp_tools_call, mcp_resources_read, mcp_prompts_get;
mcp_method_fn mcp_listen, mcp_set_level, mcp_complete;
mcp_method_fn mcp_tasks_get, mcp_tasks_update, mcp_tasks_cancel, mcp_tasks_list,
    mcp_tasks_result;
mcp_method_fn mcp_resources_subscribe, mcp_resources_unsubscribe;
/* RSRC-06: ends x. */
void mcp_resource_not_found(struct mcp_exchange *x, struct str uri);
/* [any] */
bool mcp_peer_is_subscribed(struct mcp_peer *p, struct str uri);
/* notifications/resources/updated, if it has subscribed (RSRC-13). */
bool mcp_listener_updated(
    struct mcp_reactor *m, struct mcp_listener *l, struct str uri);
/* The same of a listen stream (SUB-06), and what lists have changed for it. */
bool mcp_exchange_updated(struct mcp_exchange *x, struct str uri);
void mcp_exchange_tell(struct mcp_exchange *x);
void mcp_tell_finish(struct mcp_reactor *m);

/* 0 to 7, or -1: not the name of a level. */
int mcp_log_level_find(const struct json_node *n);
/* The message callback of a call's sink. */
void mcp_call_message(struct call *c, const struct call_log *log);

/* Tells it of the lists that have changed since it was told last. */
void mcp_listener_tell(struct mcp_reactor *m, struct mcp_listener *l);
/* Its wishes are read: acknowledges them, and it listens. */
void mcp_listen_begin(struct mcp_exchange *x);
/* "_meta":{subscriptionId} (SUB-04) */
void mcp_subscription_write(struct buf *out, const struct mcp_exchange *x);
/* What it listens to counts as watched no more. */
void mcp_listen_unwatch(struct mcp_exchange *x);
/* Ends a listen stream with its response (SUB-10). */
void mcp_listen_end(struct mcp_exchange *x);

/* The same with what the request named; args may be NULL.  Also for another
 * round, when headers is NULL and params is. */
void mcp_tool_run(struct mcp_exchange *x, struct str name,
    const struct json_node *args, const struct json_node *params,
    const struct mcp_headers *headers);
void mcp_resource_run(
    struct mcp_exchange *x, struct str uri, const struct json_node *params);
void mcp_prompt_run(struct mcp_exchange *x, struct str name,
    const struct json_node *args, const struct json_node *params);
/* A tool's failure that a model can read. */
void mcp_tool_error(struct mcp_exchange *x, struct str text);
/* A call that cannot go on, as its kind says that. */
void mcp_call_failed(
    struct mcp_exchange *x, enum call_kind kind, struct str text);

/* Rounds of the stateless era: what the client brings back; false: it has
 * been refused. */
bool mcp_round_take(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *params);
/* Ends x with what c asks for. */
void mcp_input_required(struct mcp_exchange *x, const struct call *c);
/* Rounds of the stateful era: asks what c asks for, and runs it again with the
 * answers. */
void mcp_ask(struct mcp_exchange *x, const struct call *c);
/* Appends ,"params":{..} of a question as x's revision writes it; id is what a
 * URL elicitation is called when its author has not named it (ELIC-05). */
void mcp_question_write(struct buf *out, const struct mcp_exchange *x,
    const struct call_need *n, struct str id);
/* What is wrong with a client's answer to method, which may be empty (any of
 * them); NULL: it has the form of one (MRTR-13, SAMP-06, ROOT-02). */
const char *mcp_answer_fault(const struct mcp_exchange *x, struct str method,
    const struct json_node *answer);
/* Remembers why an answer did not count, for who asks too often. */
void mcp_misfit_keep(struct mcp_exchange *x, struct str text);
/* A form's schema, ready to be used (ELIC-07); NULL without memory. */
struct schema *mcp_form_compile(struct str form);
/* Does what was accepted fit the form?  Else what does not, in out. */
bool mcp_form_fits(struct mcp_exchange *x, const struct schema *form,
    const struct json_node *answer, struct buf *out);
/* Why an answer to method, and form if it has one, does not count (MRTR-13,
 * ELIC-07), perhaps in text; NULL: it does, or there is no memory (*rc). */
const char *mcp_answer_judge(struct mcp_exchange *x, struct str method,
    struct str form, const struct json_node *answer, struct buf *text, int *rc);
/* Stateless era: those answers of given that are answers, in x's arena; the
 * others are as good as none, so that the handler asks for them again (MRTR-11,
 * ELIC-07).  ERR_NOMEM. */
int mcp_answers_judge(struct mcp_exchange *x, const struct json_node *given,
    const struct json_node **out);
/* Remembers the name that an author has given a link he asks for, if any. */
void mcp_link_keep(struct mcp_exchange *x, const struct call_need *n);
/* Tells x's client, once, that the link of that name is done with (ELIC-12). */
void mcp_link_done(struct mcp_exchange *x, struct str id);
/* Stops waiting, telling nobody. */
void mcp_asked_drop(struct mcp_exchange *x);
/* Stops waiting: the client is told, and x ends with that text. */
void mcp_asked_fail(struct mcp_exchange *x, struct str text);
/* earlier and later in one object, in x's arena; the later wins.  ERR_LIMIT,
 * ERR_NOMEM. */
int mcp_answers_merge(struct mcp_exchange *x, const struct json_node *earlier,
    const struct json_node *later, const struct json_node **out);
/* The id of a request of ours, in text. */
struct str mcp_ask_id(
    const struct mcp_reactor *m, uint64_t number, char *text, size_t size);
/* An object as it stands in requiredCapabilities (ERR-06). */
void mcp_client_write(struct buf *out, unsigned client);

/* Runs entry e of the current snapshot for x. */
void mcp_call_start(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *params);
/* How each kind of call ends well or badly. */
void mcp_tool_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status);
void mcp_resource_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status);
void mcp_prompt_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status);
void mcp_complete_finished(
    struct mcp_exchange *x, struct call *c, enum call_status status);
/* What ends alike for all kinds; true when it has answered. */
bool mcp_finished_alike(
    struct mcp_exchange *x, struct call *c, enum call_status status);

/* A line in the log about a plugin's defect; clients set the pace of calls, so
 * there is at most one a second. */
void mcp_defect_log(const char *what, const struct call *c, struct str more);

/* JSON text that came from a plugin, on one line (STD-01): a line end is white
 * space in JSON, but the end of a message on a line stream. */
void mcp_json_write(struct buf *out, struct str json);

/* Blocks of an answer, as x's revision writes them; ERR_SYNTAX: a plugin gave
 * text that is not UTF-8. */
int mcp_content_write(struct buf *out, const struct mcp_exchange *x,
    const struct call_content *block);
/* One of resources/read; meta may be empty. */
int mcp_resource_content_write(struct buf *out, struct str uri, struct str mime,
    struct str meta, const struct call_content *block);

/* Whether a mirrored field decodes, and to *want; NULL: to anything. */
bool mcp_header_equal(struct str value, const struct str *want);
/* Decodes the sentinel form of a mirrored field (HTM-05 to HTM-07). */
int mcp_header_decode(struct str value, struct buf *out);
/* XHD-06, XHD-07: 0, or ERR_PARAMS with the field's name in err. */
int mcp_mirrors_check(const struct registry_entry *e,
    const struct json_node *args, const struct mcp_headers *headers,
    struct err *err);

#endif
