/* SPDX-License-Identifier: Apache-2.0 */
/* How messages travel: newline-delimited JSON on standard input and output
 * and on sockets, and streamable HTTP.  Bytes to messages and back; what the
 * messages say is mcp's. */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/origin.h"
#include "base/clock.h"
#include "http/parser.h"
#include "loop/reactor.h"
#include "mcp/mcp.h"
#include "net/conn.h"
#include "net/listener.h"
#include "session/session.h"

/* Bounds of a connection's life (security.md 2.4), each a setting. */
struct transport_limits {
	struct http_limits http;
	size_t message_max; /* one line; also the body bound of http */
	int64_t head_ns; /* from the first byte of a request */
	int64_t body_ns;
	int64_t idle_ns; /* between requests */
	int64_t keep_alive_ns; /* comments on idle streams (HTM-16) */
	size_t stream_max; /* bytes a slow reader may owe */
	size_t connections_max; /* all reactors; then 503 */
	size_t table_max; /* of one reactor; 0: no matter */
	size_t streams_max; /* listen and GET streams, all reactors */
	int64_t stream_after_ns; /* a call that takes longer streams */
	int64_t stream_life_ns; /* of a GET stream; 0: no end */
};
extern const struct transport_limits transport_limits_default;

/* What is refused while memory is short; each with what is before it. */
enum transport_shortage {
	TRANSPORT_PLENTY, /* nothing */
	TRANSPORT_NO_SESSIONS, /* new sessions and streams */
	TRANSPORT_NO_CONNECTIONS
};

/* Shared by all reactors; constant while they run, but for the counts. */
struct transport_shared {
	struct transport_limits limits;
	struct str endpoint; /* "/mcp" */
	const struct str *hosts;
	size_t hosts_len;
	const struct str *origins;
	size_t origins_len;
	struct session_table *sessions;
	struct loop_reactors *reactors; /* each one's user is a
					 * struct transport_reactor */
	bool legacy_sse; /* OLD-08 */
	atomic_size_t legacy_bytes; /* messages between reactors */
	atomic_size_t connections;
	atomic_size_t streams;
	atomic_size_t streams_now; /* at most: 0 while memory is short */
	atomic_int shortage; /* enum transport_shortage */
	atomic_bool draining; /* answers say Connection: close */
};

/* What a listener serves. */
enum transport_kind { TRANSPORT_HTTP, TRANSPORT_LINE };

struct transport_listen {
	enum transport_kind kind;
	struct net_addr addr; /* bound */
	bool loopback;
	int fd; /* TCP: of one reactor */
};

struct transport_reactor;

/* [reactor] */
struct transport_reactor *transport_reactor_create(
    struct transport_shared *shared, struct loop *l, struct mcp_reactor *mcp,
    struct err *err);
/* [reactor] Closes every connection once its output is written; destroy does
 * not wait for that. */
void transport_reactor_close(struct transport_reactor *t);
/* [reactor] Connections that are open or owe output; those that only linger
 * for their peer's end do not count. */
size_t transport_reactor_busy(struct transport_reactor *t);
void transport_reactor_destroy(struct transport_reactor *t);

/* [reactor] Begins to accept on what was opened for it; borrowed. */
int transport_reactor_listen(struct transport_reactor *t,
    const struct transport_listen *listen, struct err *err);
/* [reactor] Connections that are idle between requests close, the others after
 * their answer; deaf: no more are accepted.  May be repeated. */
void transport_reactor_drain(struct transport_reactor *t, bool deaf);

/* [reactor] A line stream over two descriptors (stdio), owned.  closed runs
 * when its last byte is out. */
int transport_stdio_start(struct transport_reactor *t, int in, int out,
    void (*closed)(void *arg), void *arg, struct err *err);

/* [any] Tells every reactor that a session has ended (SES-08); takes the
 * caller's reference. */
void transport_session_ended(
    struct transport_shared *shared, struct session *s);

#endif
