/* SPDX-License-Identifier: Apache-2.0 */
/* One message a line (STD rows): standard input and output, Unix sockets and
 * TCP.  Both eras share the stream; each line is judged by itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/batch.h"
#include "transport/transport_priv.h"

#define LINE_CONN_MAGIC 0x4c494e45u
#define LINE_OPEN_MAX 1024 /* requests of one stream without an answer */

struct line_conn {
	struct net_conn net; /* first */
	uint32_t magic;
	struct transport_reactor *t;
	struct mcp_peer peer;
	struct mcp_listener listener; /* once the peer is ready */
	bool listening;
	bool skipping; /* the rest of a line that was too long */
	bool ended; /* the peer has sent its last byte */
	size_t open; /* exchanges and batches without an answer yet */
	struct list batches;
	size_t searched; /* bytes in front that hold no line end */
	size_t owed; /* of notifications, since all was written last */
	void (*closed)(void *arg); /* stdio; may be NULL */
	void *closed_arg;
};

static struct line_conn *
line_of(struct net_conn *c)
{
	struct line_conn *l = (struct line_conn *)c;

	OBJ_CHECK(l, LINE_CONN_MAGIC);
	return l;
}

static void
line_send(struct line_conn *l, struct str message)
{
	struct buf *out = net_conn_out(&l->net);

	buf_str(out, message);
	buf_char(out, '\n');
	if (out->failed) {
		LOG_WARN("line stream closed: out of memory");
		net_conn_close(&l->net, NET_CONN_RESET);
		return;
	}
	net_conn_flush_later(&l->net);
}

/* SUB-16: what subscriptions send has a bound of its own; a large answer that
 * is on its way does not count against it. */
static void
line_tell(struct line_conn *l, struct str message)
{
	if (net_conn_out_len(&l->net) == 0)
		l->owed = 0;
	l->owed += message.len + 1;
	if (l->owed <= l->t->shared->limits.stream_max) {
		line_send(l, message);
		return;
	}
	transport_conn_cut(&l->net);
}

static void
exchange_notify(struct mcp_exchange *x, struct str message)
{
	struct line_conn *l = mcp_exchange_owner(x);

	if (mcp_exchange_is_listening(x))
		line_tell(l, message);
	else if (net_conn_out_len(&l->net) <= NET_OUT_SOFT)
		line_send(l, message); /* else stale progress: not kept */
}

static void
one_answered(struct line_conn *l, struct str message)
{
	l->open--;
	if (message.len > 0)
		line_send(l, message);
	if (l->ended && l->open == 0)
		net_conn_close(&l->net, NET_CONN_FLUSH);
}

static void
exchange_answer(struct mcp_exchange *x, int status, struct str message)
{
	(void)status; /* HTTP's */
	one_answered(mcp_exchange_owner(x), message);
}

/* STD-09: a client that has closed its side cannot answer. */
static bool
line_ask(struct line_conn *l, struct str message)
{
	if (l->ended)
		return false;
	line_tell(l, message);
	return true;
}

static bool
exchange_ask(struct mcp_exchange *x, struct str message)
{
	return line_ask(mcp_exchange_owner(x), message);
}

/* At half of the bound: a change that is told has more than one message. */
static bool
exchange_is_full(struct mcp_exchange *x)
{
	struct line_conn *l = mcp_exchange_owner(x);
	size_t bound = l->t->shared->limits.stream_max / 2;

	if (net_conn_out_len(&l->net) <= NET_OUT_SOFT
	    && (l->owed <= bound || net_conn_out_len(&l->net) == 0))
		return false;
	net_conn_drained_want(&l->net);
	return true;
}

static const struct mcp_reply_ops reply = { exchange_notify, exchange_answer,
	exchange_ask, NULL, NULL, exchange_is_full };

static void
listener_send(struct mcp_listener *listener, struct str message)
{
	struct line_conn *l =
	    CONTAINER_OF(listener, struct line_conn, listener);

	line_tell(l, message);
}

/* LIFE-06: notifications begin with notifications/initialized. */
static void
listen_when_ready(struct line_conn *l)
{
	if (l->listening || atomic_load(&l->peer.phase) != (int)MCP_PEER_READY)
		return;
	l->listening = true;
	l->listener.send = listener_send;
	l->listener.peer = &l->peer;
	mcp_listener_start(l->t->mcp, &l->listener);
}

static void
refuse(
    struct line_conn *l, const struct json_node *id, int code, const char *text)
{
	struct mcp_exchange *x =
	    mcp_exchange_open(l->t->mcp, &reply, l, l->peer.scope);

	if (x == NULL)
		return;
	l->open++;
	mcp_refuse(x, id != NULL ? json_raw(id) : STR_NONE, 400, code, text);
}

/* A text that is no JSON, or no message of ours: STD-05. */
static void
refuse_text(struct line_conn *l, const struct json_doc *doc, struct str line)
{
	struct buf text;
	int code;

	buf_init(&text);
	code = transport_text_fault(doc, line, &text);
	refuse(l, NULL, code, text.failed ? "out of memory" : text.ptr);
	buf_finish(&text);
}

static void
serve(struct line_conn *l, const struct rpc_message *m)
{
	struct mcp_class class = mcp_classify(m, NULL);
	struct mcp_exchange *x;

	if (class.era == MCP_ERA_REFUSED) {
		refuse(l, m->id, class.code, class.text);
		return;
	}
	if (m->kind == RPC_RESPONSE) {
		mcp_response(l->t->mcp, l->peer.scope, m);
		return;
	}
	if (m->kind == RPC_REQUEST
	    && mcp_id_is_outstanding(l->t->mcp, l->peer.scope, m->id)) {
		refuse(l, m->id, RPC_INVALID_REQUEST, /* MSG-09 */
		    "this id belongs to a request that has no answer yet");
		return;
	}
	if (m->kind == RPC_REQUEST && l->open >= LINE_OPEN_MAX) {
		refuse(l, m->id, RPC_INTERNAL_ERROR,
		    "too many requests without an answer: try again later");
		return;
	}
	x = mcp_exchange_open(l->t->mcp, &reply, l, l->peer.scope);
	if (x == NULL) {
		refuse(l, m->id, RPC_INTERNAL_ERROR, "out of memory");
		return;
	}
	l->open++;
	if (class.era == MCP_ERA_STATELESS) {
		mcp_serve_stateless(x, m, NULL);
		return;
	}
	if (class.era == MCP_ERA_HANDSHAKE && !l->listening)
		mcp_versions_now(l->t->mcp, l->listener.seen);
	mcp_serve_stateful(x, m, &l->peer);
	listen_when_ready(l);
}

static void
batch_notify(struct batch *b, struct str message)
{
	struct line_conn *l = b->owner;

	if (net_conn_out_len(&l->net) <= NET_OUT_SOFT)
		line_send(l, message);
}

static void
batch_done(struct batch *b, struct str array)
{
	one_answered(b->owner, array);
}

static bool
batch_ask(struct batch *b, struct str message)
{
	return line_ask(b->owner, message);
}

static const struct batch_ops batch_ops = { batch_notify, batch_done,
	batch_ask };

/* STD-14 */
static void
serve_array(struct line_conn *l, const struct json_node *array)
{
	struct batch_refusal why;
	struct batch *b;

	b = batch_take(l->t->mcp, &batch_ops, l, array, &l->peer, &why);
	if (b == NULL) {
		refuse(l, NULL, why.code, why.text);
		return;
	}
	list_push(&l->batches, &b->node);
	l->open++;
	batch_respond(b, array, &l->peer);
	batch_serve(b, array, &l->peer);
	listen_when_ready(l);
}

static void
take_line(struct line_conn *l, struct str line)
{
	struct json_doc *doc = mcp_reactor_doc(l->t->mcp);
	struct rpc_message m;

	if (line.len > 0 && line.ptr[line.len - 1] == '\r') /* STD-04 */
		line.len--;
	if (str_trim(line).len == 0)
		return;
	if (json_parse(doc, line, JSON_PROTOCOL) < 0) {
		refuse_text(l, doc, line);
		return;
	}
	if (doc->nodes[0].type == JSON_ARRAY) {
		serve_array(l, doc->nodes);
		return;
	}
	rpc_message_read(doc->nodes, &m);
	serve(l, &m);
}

static void
take_too_long(struct line_conn *l)
{
	if (!l->skipping)
		refuse(l, NULL, RPC_PARSE_ERROR,
		    "the line is longer than limits.message");
}

static void
line_end(struct line_conn *l, struct str line)
{
	if (line.len > l->t->shared->limits.message_max)
		take_too_long(l);
	else if (!l->skipping)
		take_line(l, line);
	l->skipping = false;
	l->searched = 0;
}

/* What has no end yet: kept, or skipped when it is too long (STD-04). */
static size_t
line_rest(struct line_conn *l, size_t used, size_t len)
{
	l->searched = 0;
	if (len - used > l->t->shared->limits.message_max) {
		take_too_long(l);
		l->skipping = true;
	}
	if (l->skipping)
		return len;
	l->searched = len - used;
	return used;
}

static size_t
line_input(struct net_conn *c, char *bytes, size_t len)
{
	struct line_conn *l = line_of(c);
	size_t used = 0;

	while (used < len && net_conn_is_open(c)) {
		char *from = bytes + used + l->searched;
		char *end = memchr(from, '\n', (size_t)(bytes + len - from));

		if (end == NULL)
			return line_rest(l, used, len);
		line_end(l,
		    (struct str){ bytes + used, (size_t)(end - bytes) - used });
		used = (size_t)(end - bytes) + 1;
		if (net_conn_out_len(c) > NET_OUT_SOFT)
			break; /* back-pressure (STD-15) */
	}
	return used;
}

static bool
line_eof(struct net_conn *c)
{
	struct line_conn *l = line_of(c);

	l->ended = true;
	mcp_scope_listening_end(l->t->mcp, l->peer.scope);
	mcp_scope_deaf(l->t->mcp, l->peer.scope);
	return l->open > 0; /* what was asked is still answered */
}

static void
line_drained(struct net_conn *c)
{
	struct line_conn *l = line_of(c);

	if (net_conn_is_open(c))
		mcp_scope_drained(l->t->mcp, l->peer.scope);
}

static void
line_closed(struct net_conn *c, enum net_close why)
{
	struct line_conn *l = line_of(c);

	(void)why;
	if (l->listening)
		mcp_listener_stop(&l->listener);
	LIST_EACH_SAFE (node, &l->batches)
		batch_abandon(
		    LIST_OBJ(node, struct batch, node), MCP_ABANDON_WORK);
	mcp_scope_abandon(l->t->mcp, l->peer.scope);
	mcp_peer_finish(&l->peer);
	atomic_fetch_sub(&l->t->shared->connections, 1);
	if (l->closed != NULL)
		l->closed(l->closed_arg);
	OBJ_WIPE(l);
	free(l);
}

static const struct net_conn_ops ops = {
	.input = line_input,
	.eof = line_eof,
	.drained = line_drained,
	.closed = line_closed,
};

static struct line_conn *
line_start(struct transport_reactor *t, int in, int out)
{
	struct line_conn *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	OBJ_INIT(l, LINE_CONN_MAGIC);
	l->t = t;
	mcp_peer_init(&l->peer);
	list_init(&l->batches);
	if (net_conn_start(&l->net, t->net, in, out, &ops) < 0) {
		free(l);
		return NULL;
	}
	atomic_fetch_add(&t->shared->connections, 1);
	return l;
}

void
transport_line_accept(struct transport_reactor *t, int fd)
{
	if (line_start(t, fd, -1) == NULL) {
		LOG_WARN("connection closed: out of memory");
		(void)close(fd); /* nothing was promised on it */
	}
}

int
transport_stdio_start(struct transport_reactor *t, int in, int out,
    void (*closed)(void *arg), void *arg, struct err *err)
{
	struct line_conn *l = line_start(t, in, out);

	if (l == NULL)
		return err_set(
		    err, ERR_IO, "standard input and output cannot be used");
	l->closed = closed;
	l->closed_arg = arg;
	return 0;
}

/* The client may go on to close; what it has asked is answered. */
void
transport_line_drain(struct net_conn *c)
{
	struct line_conn *l = line_of(c);

	l->ended = true;
	mcp_scope_listening_end(l->t->mcp, l->peer.scope);
	mcp_scope_deaf(l->t->mcp, l->peer.scope);
	net_conn_pause(c);
	if (l->open == 0)
		net_conn_close(c, NET_CONN_FLUSH);
}
