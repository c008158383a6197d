/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP connection, shared by http.c (life), http_request.c (checks and
 * routes), http_post.c (messages), http_work.c (calls whose answer is a
 * stream), http_reader.c (streams that can be resumed) and http_stream.c (GET,
 * DELETE). */
#ifndef TRANSPORT_HTTP_PRIV_H
#define TRANSPORT_HTTP_PRIV_H

#include "transport/batch.h"
#include "transport/transport_priv.h"

#define HTTP_CONN_MAGIC 0x48545450u
#define HTTP_RETRY_MS 1000 /* told to whose GET stream has lived its life */

/* Paths of the transport of 2024-11-05 (OLD-01). */
#define HTTP_LEGACY_STREAM "/sse"
#define HTTP_LEGACY_POST "/messages"

enum http_route { HTTP_ROUTE_MCP, HTTP_ROUTE_STREAM, HTTP_ROUTE_POST };

enum http_phase {
	HTTP_IDLE, /* between requests */
	HTTP_HEAD_IN, /* the head has begun */
	HTTP_BODY_IN,
	HTTP_SERVICE, /* a message waits for its answer */
	HTTP_STREAM /* a GET stream */
};

struct http_conn;

/* A connection as the reader of a stream that can be resumed. */
struct http_reader {
	struct replay_reader base; /* first */
	struct http_conn *conn; /* NULL: freed by its last wake */
	struct http_reader *next; /* among the spare ones */
};

/* A session's own stream as the source of events: written to its connection
 * as long as there was none, to a stream that can be resumed after that. */
struct http_listener {
	struct mcp_listener base; /* first */
	struct list node; /* in t->listeners_open */
	struct transport_reactor *t; /* NULL: freed when lost is told */
	struct http_conn *conn; /* until the first event */
	struct replay_stream *stream; /* from then on; a reference */
	struct session *session; /* a reference */
	struct replay_source source;
};

struct http_conn {
	struct net_conn net; /* first */
	uint32_t magic;
	uint8_t phase; /* enum http_phase */
	uint8_t minor; /* of the request in service */
	uint8_t route; /* enum http_route, of that too */
	bool keep_alive; /* after the answer */
	bool committed; /* the answer has become a stream */
	bool paused;
	bool ended; /* the peer has sent its last byte */
	bool fresh; /* the session was made by this request */
	bool begun; /* a first byte has come */
	bool no_body; /* HEAD: answers have a length alone */
	uint16_t refusal; /* status decided at the head, sent after the body */
	struct transport_reactor *t;
	const struct transport_listen *listen;
	struct http_parser *parser; /* owned; while a request is cut */
	struct mcp_exchange *x; /* in service */
	struct batch *batch; /* in service instead */
	struct session *session; /* a reference; of the request in service
				  * or of the GET stream */
	struct http_listener *listener; /* owned; a GET stream so far empty */
	struct http_reader *reader; /* owned */
	struct http_legacy *legacy; /* owned; a stream of that transport */
	struct replay_stream *told; /* a reference: read to its end; the next
				     * request acknowledges that */
	char *origin; /* owned; an allowed one, of the request in service */
	int64_t since_ns; /* when the phase began */
	int64_t opened_ns; /* a GET stream */
};

struct http_conn *http_conn_of(struct net_conn *c);

/* [reactor] The checks of security.md 2.6 that the head decides; 0, or the
 * status to refuse with. */
int http_head_check(
    struct http_conn *c, const struct http_parser *p, const char *bytes);
static inline bool
http_is_waiting(const struct http_conn *c)
{
	return c->x != NULL || c->batch != NULL || c->reader != NULL;
}

/* The session that a request names, referenced; NULL: it has answered. */
struct session *http_session_find(struct http_conn *c, struct str id);
/* Serves a complete request; afterwards it may be waiting, or a GET stream be
 * open. */
void http_request_serve(
    struct http_conn *c, const struct http_parser *p, char *bytes);
void http_post_serve(
    struct http_conn *c, const struct http_parser *p, char *bytes);
void http_stream_open(
    struct http_conn *c, const struct http_parser *p, const char *bytes);
void http_session_delete(
    struct http_conn *c, const struct http_parser *p, const char *bytes);
/* The connection is none of a GET stream any more. */
void http_stream_leave(struct http_conn *c);

/* [reactor] The exchange or batch in service goes on with a stream that can be
 * resumed; false: it cannot, and nothing has changed. */
bool http_work_begin(struct http_conn *c);
/* Would it help the client to have a stream soon? */
bool http_work_is_due(const struct http_conn *c);
void http_work_release(struct mcp_exchange *x, int64_t retry_ms);

/* The transport of 2024-11-05: its stream, its messages. */
void http_legacy_open(
    struct http_conn *c, const struct http_parser *p, const char *bytes);
void http_legacy_post(
    struct http_conn *c, const struct http_parser *p, char *bytes);
/* Refuses a request of the stateless era, which is not spoken
 * there (OLD-07); message may be NULL. */
void http_legacy_refuse_modern(
    struct http_conn *c, const struct json_node *message);
/* Its connection is gone, and with it the session (OLD-05). */
void http_legacy_end(struct http_conn *c);
/* Ends when all is answered. */
void http_legacy_drain(struct http_conn *c);
/* A session that was ended otherwise. */
void http_legacy_session_end(
    struct transport_reactor *t, const struct session *s);
/* [its reactor] One text of the client, which was found to be sound. */
void http_legacy_serve(
    struct transport_reactor *t, const struct session *s, struct str text);
/* ERA-14: that revision knows neither GET nor DELETE. */
bool http_is_modern(const struct http_parser *p, const char *bytes);
/* A text that is no JSON. */
void http_text_refuse(
    struct http_conn *c, const struct json_doc *doc, struct str body);
/* A place among the streams, by count. */
bool http_stream_admit(struct http_conn *c);
/* c is the connection of a stream of s from now on. */
void http_stream_begin(struct http_conn *c, struct session *s);

void http_works_end(struct transport_reactor *t);

/* A reader for c, not attached yet; NULL without memory. */
struct http_reader *http_reader_create(struct http_conn *c);
void http_reader_free(struct transport_reactor *t, struct http_reader *r);
/* Sends what there is. */
void http_reader_pump(struct http_conn *c);
void http_reader_end(struct http_conn *c);

/* Answers. */
struct http_answer {
	int status;
	const char *type; /* NULL: no body */
	struct str body;
	const char *allow; /* NULL: none */
	struct str session_id; /* empty: none */
	int64_t retry_after; /* seconds; 0: not said */
};
void http_answer_send(struct http_conn *c, const struct http_answer *a);
/* 200 with that JSON and nothing else. */
void http_json_send(struct http_conn *c, struct str body);
/* The status alone, with its text as the body. */
void http_status_send(struct http_conn *c, int status);
/* A JSON-RPC error without id in the body (AMB-16). */
void http_error_send(
    struct http_conn *c, int status, int code, const char *text);
/* The head of a stream of events. */
void http_events_begin(struct http_conn *c);
/* The same with an id, and without a bound; empty data: a priming event. */
void http_event_write(struct http_conn *c, struct str id, struct str message);
/* When to come back. */
void http_retry_send(struct http_conn *c, int64_t retry_ms);
/* One event; a reader that owes more than limits.stream_max is cut off. */
void http_event_send(struct http_conn *c, struct str message);
/* The answer, which ends the stream and has a bound of its own. */
void http_event_last(struct http_conn *c, struct str message);
void http_events_end(struct http_conn *c);
/* The request is answered in full: the next one may come. */
void http_service_end(struct http_conn *c);
void http_phase_set(struct http_conn *c, enum http_phase phase);

/* HTTP-16: what a browser must read to hand an answer to its page. */
#define HTTP_CORS_FIELDS 3
size_t http_cors_fields(
    const struct http_conn *c, struct http_header fields[HTTP_CORS_FIELDS]);

/* Value of a known field; ptr NULL: absent. */
struct str http_known(
    const struct http_parser *p, const char *bytes, enum http_known k);
/* HTTP-09, GETL-02: does Accept allow type/subtype? */
bool http_accepts(const struct http_parser *p, const char *bytes,
    struct str type, struct str subtype);

#endif
