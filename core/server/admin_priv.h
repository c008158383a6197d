/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's socket: HTTP for the person and the scraper of this machine,
 * served by the control thread alone, never on an MCP address.  admin.c has
 * the socket and its connections, admin_serve.c what they ask for,
 * admin_status.c and admin_metrics.c the long answers. */
#ifndef SERVER_ADMIN_PRIV_H
#define SERVER_ADMIN_PRIV_H

#include <sys/types.h>

#include "http/parser.h"
#include "http/response.h"
#include "net/conn.h"
#include "net/listener.h"
#include "plugin/ledger.h"
#include "server/server_priv.h"

#define ADMIN_MAGIC 0x41444d4eu
#define ADMIN_CONN_MAGIC 0x41444d43u
#define ADMIN_CONNS_MAX 32 /* one more gets 503 */
#define ADMIN_BODY_MAX ((size_t)64 * 1024) /* nobody needs one */
#define ADMIN_REQUEST_NS (10 * NS_PER_S) /* for a whole request */
#define ADMIN_IDLE_NS (60 * NS_PER_S)
#define ADMIN_CENSUS_NS NS_PER_S /* for the reactors' answers */
#define ADMIN_WAIT_MAX_NS (3600 * NS_PER_S) /* of a reload's drain */
#define ADMIN_CHANGES_MAX ((size_t)256 * 1024) /* kept of the last reload */

/* What a request waits for. */
enum admin_op {
	ADMIN_NOTHING, /* it was answered */
	ADMIN_LIVE,
	ADMIN_STATUS,
	ADMIN_PLUGINS,
	ADMIN_PLUGIN, /* named */
	ADMIN_METRICS,
	ADMIN_CHANGED /* a reload, or one plugin enabled */
};

/* Calls in flight, asked of every reactor.  It ends when all have answered,
 * which may be after whoever asked. */
struct admin_share {
	atomic_bool answered;
	struct plugin_census census;
	size_t calls;
};

struct admin_census {
	struct server_admin *admin; /* NULL: gone */
	struct server *server;
	unsigned len;
	struct admin_share shares[];
};

/* What came of it, for one answer. */
struct admin_view {
	struct plugin_census census;
	size_t calls;
	unsigned turning; /* reactors that have answered */
	unsigned stuck; /* one that has not, where turning < all */
};

struct server_admin {
	uint32_t magic;
	struct server *server;
	int fd; /* owned; -1: none */
	struct net_addr bound;
	gid_t group; /* of the socket; (gid_t)-1: none */
	struct net_listener *listener; /* owned */
	struct net_reactor *net; /* owned; NULL until somebody came */
	size_t conns;
	struct list waiting; /* struct admin_conn */
	struct admin_census *census; /* being taken; NULL: none */
	/* What has changed last, and what is changing. */
	struct buf changes; /* objects with commas; of this batch */
	size_t changes_left_out;
	struct buf last; /* of the last batch that did something */
	struct plugin_changes last_counts;
	int64_t last_ns;
	int64_t last_wall_ns;
	uint64_t batches;
};

struct admin_conn {
	struct net_conn net; /* first */
	uint32_t magic;
	struct server_admin *admin;
	struct http_parser parser;
	bool parsing;
	bool keep_alive;
	bool no_body;
	enum admin_op op;
	struct list node; /* in waiting */
	char name[128]; /* of a plugin */
	/* Of a reload. */
	int status; /* 200, or 409 when it was refused */
	unsigned batch; /* waits for its end; 0: does not */
	bool enables; /* one plugin: name */
	int64_t wait_ns; /* for what it replaced; 0: not */
	bool drains; /* waits until what was replaced has gone */
	int64_t begun_ns;
	struct buf result; /* members of the answer */
};

/* admin.c */
void admin_conn_answer(
    struct admin_conn *c, int status, const char *type, struct str body);
/* The request waits; the connection reads no more until it is answered. */
void admin_conn_wait(struct admin_conn *c, enum admin_op op, int64_t due_ns);

/* admin_serve.c: one whole request. */
void admin_request_serve(struct admin_conn *c, const char *bytes);
/* The reactors have answered, an old generation has gone, or time is up. */
void admin_waiting_look(struct server_admin *a, bool census_done);
void admin_conn_late(struct admin_conn *c);
/* A batch of changes has ended. */
void admin_batch_ended(struct server_admin *a, unsigned number, bool did);
/* Asks the reactors, unless that is going on. */
void admin_census_begin(struct server_admin *a);

/* admin_status.c, admin_metrics.c */
void admin_status_write(
    struct server_admin *a, const struct admin_view *v, struct buf *out);
void admin_metrics_write(
    struct server_admin *a, const struct admin_view *v, struct buf *out);
/* "starting", "serving", "draining". */
const char *admin_phase_name(const struct server *s);
bool admin_is_ready(const struct server *s);

#endif
