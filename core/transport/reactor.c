/* SPDX-License-Identifier: Apache-2.0 */
/* A reactor's share of the transports: its listeners and its connections. */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/transport_priv.h"

const struct transport_limits transport_limits_default = {
	.http = { .request_line = 8 * 1024,
	    .head = 16 * 1024,
	    .fields = 100,
	    .trailers = 4 * 1024,
	    .body = 4 * 1024 * 1024 },
	.message_max = (size_t)4 * 1024 * 1024,
	.head_ns = 10 * NS_PER_S,
	.body_ns = 60 * NS_PER_S,
	.idle_ns = 75 * NS_PER_S,
	.keep_alive_ns = 15 * NS_PER_S,
	.stream_max = (size_t)1024 * 1024,
	.connections_max = 100000,
	.streams_max = 100000,
	.stream_after_ns = NS_PER_S,
};

struct transport_reactor *
transport_reactor_create(struct transport_shared *shared, struct loop *l,
    struct mcp_reactor *mcp, struct err *err)
{
	struct transport_reactor *t = calloc(1, sizeof *t);

	if (t == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	t->net = net_reactor_create(l, err);
	if (t->net == NULL) {
		free(t);
		return NULL;
	}
	OBJ_INIT(t, TRANSPORT_REACTOR_MAGIC);
	t->shared = shared;
	t->loop = l;
	t->mcp = mcp;
	buf_init(&t->scratch);
	list_init(&t->listeners_open);
	list_init(&t->works);
	list_init(&t->works_spare);
	map_init(&t->legacies);
	t->number = mcp_reactor_number(mcp);
	mcp_reactor_streams_set(mcp, &shared->streams, &shared->streams_now);
	return t;
}

static void
listeners_stop(struct transport_reactor *t)
{
	size_t i;

	for (i = 0; i < t->listeners_len; i++) {
		net_listener_stop(t->listeners[i]);
		free(t->listen_args[i]);
	}
	t->listeners_len = 0;
}

static void
conn_close(struct net_conn *c, void *arg)
{
	(void)arg;
	net_conn_close(c, NET_CONN_FLUSH);
}

void
transport_reactor_close(struct transport_reactor *t)
{
	listeners_stop(t);
	net_reactor_each(t->net, conn_close, NULL);
}

static void
busy_count(struct net_conn *c, void *arg)
{
	size_t *busy = arg;

	*busy += net_conn_is_open(c) || net_conn_out_len(c) > 0;
}

size_t
transport_reactor_busy(struct transport_reactor *t)
{
	size_t busy = 0;

	net_reactor_each(t->net, busy_count, &busy);
	return busy;
}

void
transport_reactor_destroy(struct transport_reactor *t)
{
	if (t == NULL)
		return;
	OBJ_CHECK(t, TRANSPORT_REACTOR_MAGIC);
	listeners_stop(t);
	http_sources_end(t);
	net_reactor_destroy(t->net);
	http_works_finish(t);
	http_readers_finish(t);
	buf_finish(&t->scratch);
	map_finish(&t->legacies);
	OBJ_WIPE(t);
	free(t);
}

int64_t
transport_wall_ns(struct transport_reactor *t)
{
	int64_t now = loop_now(t->loop);

	if (t->wall_at_ns != now) {
		t->wall_at_ns = now;
		t->wall_ns = clock_wall_ns();
	}
	return t->wall_ns;
}

void
transport_conn_cut(struct net_conn *c)
{
	struct linger at_once = { .l_onoff = 1 };

	/* Else the kernel goes on to offer it for minutes. */
	(void)setsockopt(
	    c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	LOG_WARN("stream closed: the client does not read");
	net_conn_close(c, NET_CONN_RESET);
}

int
transport_text_fault(
    const struct json_doc *doc, struct str bytes, struct buf *text)
{
	bool nomem = doc->fault == JSON_NOMEM;

	json_fault_text(doc, bytes, text);
	buf_char(text, '\0');
	if (nomem || text->failed)
		return RPC_INTERNAL_ERROR;
	return doc->fault == JSON_SYNTAX || doc->fault == JSON_UTF8
		|| doc->fault == JSON_DEPTH
	    ? RPC_PARSE_ERROR
	    : RPC_INVALID_REQUEST;
}

static bool
has_room(const struct transport_reactor *t)
{
	const struct transport_limits *l = &t->shared->limits;

	return atomic_load_explicit(&t->shared->connections,
		   memory_order_relaxed /* a bound, not a fence */)
	    < l->connections_max
	    && atomic_load_explicit(
		   &t->shared->shortage, memory_order_relaxed /* as above */)
	    < TRANSPORT_NO_CONNECTIONS
	    && (l->table_max == 0 || net_reactor_conns(t->net) < l->table_max);
}

/* A last word, as far as the socket takes it. */
static void
turn_away(void *arg, int fd)
{
	static const char full[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Retry-After: 1\r\n"
				   "Content-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
	const struct listen_arg *a = arg;

	if (a->listen->kind == TRANSPORT_HTTP)
		(void)!write(fd, full, sizeof full - 1); /* best effort */
}

/* The soft bound lies below the descriptor limit, so that running out of
 * descriptors stays a last resort (security.md 2.4). */
static bool
admit(struct listen_arg *a, int fd)
{
	static struct log_gate gate;
	uint64_t suppressed;

	if (has_room(a->reactor))
		return true;
	if (log_gate_pass(&gate, NS_PER_S, &suppressed))
		LOG_WARN("connection refused: limits.connections reached",
		    F_INT("suppressed", suppressed));
	turn_away(a, fd);
	(void)close(fd); /* nothing was promised on it */
	return false;
}

static void
accepted(void *arg, int fd, const struct net_addr *peer)
{
	struct listen_arg *a = arg;

	(void)peer;
	if (!admit(a, fd))
		return;
	if (a->listen->kind == TRANSPORT_HTTP)
		transport_http_accept(a->reactor, a->listen, fd);
	else
		transport_line_accept(a->reactor, fd);
}

int
transport_reactor_listen(struct transport_reactor *t,
    const struct transport_listen *listen, struct err *err)
{
	struct listen_arg *a;

	if (t->listeners_len == TRANSPORT_LISTENS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d addresses",
		    TRANSPORT_LISTENS_MAX);
	a = malloc(sizeof *a);
	if (a == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	*a = (struct listen_arg){ t, listen };
	t->listeners[t->listeners_len] =
	    net_listener_start(t->loop, listen->fd, accepted, a, err);
	if (t->listeners[t->listeners_len] == NULL) {
		free(a);
		return err != NULL ? err->code : ERR_IO;
	}
	net_listener_on_shed(t->listeners[t->listeners_len], turn_away);
	t->listen_args[t->listeners_len++] = a;
	return 0;
}

static void
conn_drain(struct net_conn *c, void *arg)
{
	(void)arg;
	if (transport_conn_is_http(c))
		transport_http_drain(c);
	else
		transport_line_drain(c);
}

void
transport_reactor_drain(struct transport_reactor *t, bool deaf)
{
	if (deaf)
		listeners_stop(t);
	t->draining = true;
	net_reactor_each(t->net, conn_drain, NULL);
}

/* One reactor's notice of an ended session. */
struct session_notice {
	struct loop_msg msg;
	struct transport_reactor *reactor;
	struct session *session; /* a reference of its own */
};

/* A client's answer on its way to the reactor that has asked. */
struct response_notice {
	struct loop_msg msg;
	struct transport_reactor *reactor;
	uint64_t scope;
	size_t len;
	char text[]; /* the message: what of it counts */
};

/* One reactor's notice of a cancelled request. */
struct cancel_notice {
	struct loop_msg msg;
	struct transport_reactor *reactor;
	uint64_t scope;
	size_t len;
	char id[]; /* as sent */
};

static void
session_notice_run(struct loop_msg *msg)
{
	struct session_notice *n =
	    CONTAINER_OF(msg, struct session_notice, msg);

	mcp_scope_end(n->reactor->mcp, n->session->peer.scope);
	transport_http_stream_end(n->reactor, n->session);
	session_unref(n->session);
	free(n);
}

void
transport_session_ended(struct transport_shared *shared, struct session *s)
{
	struct replay_log *log = atomic_load(&s->replay);
	unsigned i;

	if (log != NULL)
		replay_log_end(log);
	for (i = 0; i < shared->reactors->len; i++) {
		struct loop_reactor *r = &shared->reactors->items[i];
		struct session_notice *n = malloc(sizeof *n);

		if (n == NULL) /* its calls end by their deadlines */
			continue;
		n->msg.run = session_notice_run;
		n->reactor = r->user;
		n->session = s;
		ref_take(&s->ref);
		loop_post(r->loop, &n->msg);
	}
	session_unref(s);
}

static void
cancel_notice_run(struct loop_msg *msg)
{
	struct cancel_notice *n = CONTAINER_OF(msg, struct cancel_notice, msg);
	struct json_doc *doc = mcp_reactor_doc(n->reactor->mcp);

	/* Between two turns nothing else uses the document. */
	if (json_parse(doc, (struct str){ n->id, n->len }, JSON_GRAMMAR) == 0)
		mcp_cancel(n->reactor->mcp, n->scope, doc->nodes);
	free(n);
}

void
transport_request_cancelled(
    struct transport_reactor *from, uint64_t scope, const struct json_node *id)
{
	const struct loop_reactors *all = from->shared->reactors;
	struct str raw = json_raw(id);
	unsigned i;

	if (!rpc_id_is_valid(id)) /* CANC-03 */
		return;
	for (i = 0; i < all->len; i++) {
		struct cancel_notice *n;

		if (all->items[i].user == from)
			continue;
		n = malloc(sizeof *n + raw.len);
		if (n == NULL) /* its call ends by its deadline */
			continue;
		n->msg.run = cancel_notice_run;
		n->reactor = all->items[i].user;
		n->scope = scope;
		n->len = raw.len;
		memcpy(n->id, raw.ptr, raw.len);
		loop_post(all->items[i].loop, &n->msg);
	}
}

static void
response_notice_run(struct loop_msg *msg)
{
	struct response_notice *n =
	    CONTAINER_OF(msg, struct response_notice, msg);
	struct json_doc *doc = mcp_reactor_doc(n->reactor->mcp);
	struct rpc_message m;

	/* Between two turns nothing else uses the document. */
	if (json_parse(doc, (struct str){ n->text, n->len }, JSON_GRAMMAR)
	    == 0) {
		rpc_message_read(doc->nodes, &m);
		mcp_response(n->reactor->mcp, n->scope, &m);
	}
	free(n);
}

static void
response_write(struct buf *out, const struct rpc_message *m)
{
	BUF_LIT(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_str(out, json_raw(m->id));
	if (m->result != NULL) {
		BUF_LIT(out, ",\"result\":");
		buf_str(out, json_raw(m->result));
	}
	if (m->error != NULL) {
		BUF_LIT(out, ",\"error\":");
		buf_str(out, json_raw(m->error));
	}
	buf_char(out, '}');
}

static void
response_post(
    struct loop_reactor *to, uint64_t scope, const struct rpc_message *m)
{
	struct response_notice *n = NULL;
	struct buf text;

	buf_init(&text);
	response_write(&text, m);
	if (!text.failed)
		n = malloc(sizeof *n + text.len);
	if (n != NULL) { /* else its call ends by its timer */
		n->msg.run = response_notice_run;
		n->reactor = to->user;
		n->scope = scope;
		n->len = text.len;
		memcpy(n->text, text.ptr, text.len);
		loop_post(to->loop, &n->msg);
	}
	buf_finish(&text);
}

void
transport_response(
    struct transport_reactor *from, uint64_t scope, const struct rpc_message *m)
{
	const struct loop_reactors *all = from->shared->reactors;
	unsigned number;

	if (!mcp_response_reactor(m->id, &number) || number >= all->len)
		return;
	if (all->items[number].user == from)
		mcp_response(from->mcp, scope, m);
	else
		response_post(&all->items[number], scope, m);
}
