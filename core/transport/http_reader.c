/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that takes the events of a stream which can be resumed. */
#include <stdlib.h>

#include "transport/http_priv.h"

static void
reader_woken(struct replay_reader *base)
{
	struct http_reader *r = (struct http_reader *)base;

	if (r->conn == NULL)
		free(r);
	else
		http_reader_pump(r->conn);
}

struct http_reader *
http_reader_create(struct http_conn *c)
{
	struct http_reader *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->base.loop = c->t->loop;
	r->base.wake = reader_woken;
	r->conn = c;
	return r;
}

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

void
http_reader_pump(struct http_conn *c)
{
	struct replay_reader *r = &c->reader->base;

	if (!net_conn_is_open(&c->net))
		return; /* closed() follows */
	switch (replay_read(r, event_send, c)) {
	case REPLAY_OPEN:
	case REPLAY_PAUSED: /* drained() goes on */
		return;
	case REPLAY_RELEASED:
		http_retry_send(c, r->release_ms);
		break;
	case REPLAY_ENDED:
		c->told = replay_ref(r->stream);
		break;
	case REPLAY_GONE:
		break;
	}
	http_events_end(c);
}

void
http_reader_end(struct http_conn *c)
{
	struct http_reader *r = c->reader;

	c->reader = NULL;
	r->conn = NULL;
	if (!replay_detach(&r->base, loop_now(c->t->loop)))
		free(r);
}
