/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that takes the events of a stream which can be resumed. */
#include <stdlib.h>
#include <string.h>

#include "transport/http_priv.h"

/* A replay with a hole must not look whole: for the client's log, if it wants
 * to hear that, and for whoever reads the bytes. */
static void
hole_send(struct http_conn *c, uint64_t missing)
{
	struct buf text;

	buf_init(&text);
	buf_printf(&text, ": %llu notifications are missing here\n\n",
	    (unsigned long long)missing);
	if (c->minor > 0)
		http_chunk_write(net_conn_out(&c->net), buf_view(&text));
	else
		buf_str(net_conn_out(&c->net), buf_view(&text));
	if (atomic_load(&c->session->peer.log_level) <= MCP_LOG_WARNING) {
		buf_clear(&text);
		rpc_write_notification(&text, S("notifications/message"));
		buf_printf(&text,
		    "{\"level\":\"warning\",\"logger\":\"toolpost\",\"data\":"
		    "\"%llu notifications of this stream were not kept and "
		    "are missing here\"}}",
		    (unsigned long long)missing);
		if (!text.failed)
			http_event_write(c, STR_NONE, buf_view(&text));
	}
	buf_finish(&text);
}

static bool
event_send(void *arg, const struct replay_event *e)
{
	struct http_conn *c = arg;

	if (e->missing > 0)
		hole_send(c, e->missing);
	if (e->message.len > 0)
		http_event_write(c, e->id, e->message);
	return net_conn_is_open(&c->net)
	    && net_conn_out_len(&c->net) <= NET_OUT_SOFT;
}

static void
reader_woken(struct replay_reader *base)
{
	struct http_reader *r = (struct http_reader *)base;

	if (r->conn == NULL)
		free(r); /* its reactor may have gone too */
	else
		http_reader_pump(r->conn);
}

/* The stream has been read as far as state says; ended has a reference. */
static void
reader_done(
    struct http_conn *c, enum replay_state state, struct replay_stream *ended)
{
	switch (state) {
	case REPLAY_OPEN:
	case REPLAY_PAUSED: /* drained() goes on */
		return;
	case REPLAY_RELEASED:
		http_retry_send(c, c->reader->base.release_ms);
		break;
	case REPLAY_ENDED:
		c->told = ended;
		break;
	case REPLAY_GONE:
		break;
	}
	http_events_end(c);
}

static bool
reader_is_ready(const struct replay_reader *base)
{
	const struct http_reader *r = (const struct http_reader *)base;

	return r->conn != NULL && net_conn_is_open(&r->conn->net);
}

static void
reader_taken(struct replay_reader *base, enum replay_state state,
    struct replay_stream *ended)
{
	reader_done(((struct http_reader *)base)->conn, state, ended);
}

static const struct replay_taker taker = { reader_is_ready, event_send,
	reader_taken };

struct http_reader *
http_reader_create(struct http_conn *c)
{
	struct transport_reactor *t = c->t;
	struct http_reader *r = t->readers;

	if (r != NULL) {
		t->readers = r->next;
		t->readers_len--;
	} else {
		r = malloc(sizeof *r);
	}
	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof *r);
	r->base.loop = t->loop;
	r->base.wake = reader_woken;
	r->base.taker = &taker;
	r->base.arg = c;
	r->conn = c;
	return r;
}

void
http_reader_free(struct transport_reactor *t, struct http_reader *r)
{
	if (r == NULL)
		return;
	if (t->readers_len >= HTTP_SPARE_MAX) {
		free(r);
		return;
	}
	r->next = t->readers;
	t->readers = r;
	t->readers_len++;
}

void
http_readers_finish(struct transport_reactor *t)
{
	while (t->readers != NULL) {
		struct http_reader *r = t->readers;

		t->readers = r->next;
		free(r);
	}
}

void
http_reader_pump(struct http_conn *c)
{
	struct replay_reader *r = &c->reader->base;
	enum replay_state state;

	if (!net_conn_is_open(&c->net))
		return; /* closed() follows */
	state = replay_read(r, event_send, c);
	reader_done(
	    c, state, state == REPLAY_ENDED ? replay_ref(r->stream) : NULL);
}

void
http_reader_end(struct http_conn *c)
{
	struct http_reader *r = c->reader;

	c->reader = NULL;
	r->conn = NULL;
	if (!replay_detach(&r->base, loop_now(c->t->loop)))
		http_reader_free(c->t, r);
}
