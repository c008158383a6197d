/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#ifndef TRANSPORT_TRANSPORT_PRIV_H
#define TRANSPORT_TRANSPORT_PRIV_H

#include "base/map.h"
#include "http/response.h"
#include "transport/transport.h"

#define TRANSPORT_REACTOR_MAGIC 0x54525250u
#define TRANSPORT_LISTENS_MAX 64
#define TRANSPORT_HOST_KEPT 64
#define HTTP_SPARE_MAX 64 /* of a reactor, for the next streams */

struct transport_reactor {
	uint32_t magic;
	struct transport_shared *shared;
	struct net_reactor *net;
	struct loop *loop;
	struct mcp_reactor *mcp;
	struct http_parser parser; /* of a request that came whole */
	struct http_memo memo; /* of the heads that came before */
	/* The last authority that passed, and the listener it came to. */
	const struct transport_listen *host_listen;
	size_t host_len;
	char host[TRANSPORT_HOST_KEPT];
	struct http_date_cache date;
	struct http_kept_head json_head; /* of most answers */
	struct http_kept_head events_head; /* of most streams */
	int64_t wall_at_ns; /* turn that wall_ns belongs to */
	int64_t wall_ns;
	struct buf scratch; /* one event */
	struct list listeners_open; /* struct http_listener */
	struct list works; /* struct http_work */
	struct list works_spare; /* up to HTTP_SPARE_MAX, as the next */
	struct http_reader *readers; /* spare */
	size_t works_spare_len;
	size_t readers_len;
	struct map legacies; /* of struct http_legacy, by session id */
	unsigned number; /* among the reactors */
	struct net_listener *listeners[TRANSPORT_LISTENS_MAX]; /* owned */
	struct listen_arg *listen_args[TRANSPORT_LISTENS_MAX]; /* owned */
	size_t listeners_len;
	bool draining;
};

/* Of one accepting socket. */
struct listen_arg {
	struct transport_reactor *reactor;
	const struct transport_listen *listen;
};

/* What a text that json_parse() refused is answered with: the code, and in
 * text a sentence with a NUL behind it. */
int transport_text_fault(
    const struct json_doc *doc, struct str bytes, struct buf *text);

/* Ends a connection whose peer does not read, with what the kernel holds for
 * it. */
void transport_conn_cut(struct net_conn *c);
/* Wall time, one clock call a turn. */
int64_t transport_wall_ns(struct transport_reactor *t);

void transport_http_accept(
    struct transport_reactor *t, const struct transport_listen *listen, int fd);
void transport_line_accept(struct transport_reactor *t, int fd);
/* The GET stream of that session ends, if it is here. */
void transport_http_stream_end(
    struct transport_reactor *t, const struct session *s);
/* What is left of calls and streams without a connection. */
void http_sources_end(struct transport_reactor *t);
/* Gives back what was spared for the next ones. */
void http_works_finish(struct transport_reactor *t);
void http_readers_finish(struct transport_reactor *t);
/* Drain: idle ones close. */
void transport_http_drain(struct net_conn *c);
/* CANC-04: the request that is cancelled may be in service on any other
 * reactor. */
void transport_request_cancelled(
    struct transport_reactor *from, uint64_t scope, const struct json_node *id);
/* A client's answer to a request of ours, which may be of any reactor. */
void transport_response(struct transport_reactor *from, uint64_t scope,
    const struct rpc_message *m);
bool transport_conn_is_http(const struct net_conn *c);
void transport_line_drain(struct net_conn *c);

#endif
