/* SPDX-License-Identifier: Apache-2.0 */
/* One running server; shared by server.c (its life), listen.c (addresses)
 * and reactor.c (what each reactor holds). */
#ifndef SERVER_SERVER_PRIV_H
#define SERVER_SERVER_PRIV_H

#include "call/call.h"
#include "loop/pool.h"
#include "plugin/passage.h"
#include "server/config.h"
#include "store/store.h"
#include "transport/transport.h"

#define SERVER_MAGIC 0x53525652u
#define SERVER_LISTEN_MAX 32
#define SERVER_PROBE_NS (20 * NS_PER_MS)
#define SERVER_PROBES_MIN 2
#define SERVER_CLOSING_NS (2 * NS_PER_S) /* after calls were cancelled */
#define SERVER_SESSION_SWEEP_NS (30 * NS_PER_S)
#define SERVER_TASK_SWEEP_NS NS_PER_S
#define SERVER_TASK_SWEEP_ROWS 1000 /* at once: others wait for the store */

/* One address, opened. */
struct server_listen {
	struct transport_listen per_reactor[LOOP_REACTORS_MAX];
	struct net_addr bound;
	enum transport_kind kind;
	bool shared; /* Unix: one socket for all reactors */
	bool handed; /* each reactor closes its own; the numbers are theirs */
};

/* What one reactor holds. */
struct server_reactor {
	struct call_reactor calls;
	struct mcp_reactor *mcp;
	struct transport_reactor *transport;
	bool deaf; /* its sockets are closed in its own table */
	/* [control] As the watchdog has seen its loop. */
	unsigned beat;
	unsigned missed;
};

enum server_phase {
	SERVER_STARTING,
	SERVER_SERVING,
	SERVER_DRAINING,
	SERVER_CLOSING,
	SERVER_STOPPED
};

struct server_admin;

/* What there is of memory, and how short it is. */
struct server_memory {
	uint64_t budget; /* 0: none is known */
	char cgroup[4300]; /* whose it is; empty: configured */
	struct loop_timer timer;
	unsigned looks;
};

struct server {
	uint32_t magic;
	struct server_config config;
	const struct server_options *options; /* of the command line */
	struct buf settings; /* as they were read, a line each */
	struct buf reread; /* members: what came of the last time */
	bool stdio;
	enum server_phase phase;
	struct loop *control;
	struct loop_pool *pool;
	struct registry *registry;
	struct plugin_manager *plugins;
	struct plugin_passage *passage; /* owned; NULL: one table for all */
	struct session_table *sessions;
	struct loop_reactors reactors;
	struct server_reactor held[LOOP_REACTORS_MAX];
	struct transport_shared shared;
	int64_t table_max; /* connections of one reactor; 0: no matter */
	struct mcp_identity identity;
	struct mcp_rounds rounds;
	struct crypto_seal *seal; /* owned */
	struct store_nonces *nonces; /* owned */
	struct server_listen *listens; /* owned */
	size_t listens_len;
	int stdio_in;
	int stdio_out;
	struct loop_signal *signals[3];
	struct store *store; /* owned; of tasks; NULL: none are kept */
	struct mcp_tasks *tasks; /* owned */
	struct server_memory memory;
	struct loop_timer sweep;
	struct loop_timer task_sweep;
	struct loop_timer probe; /* while stopping */
	struct loop_timer watchdog;
	struct loop_msg stdio_ended;
	int64_t drain_until_ns;
	atomic_size_t busy_calls; /* of the last probe */
	atomic_size_t busy_conns;
	unsigned probes;
	bool probing;
	atomic_bool open_failed;
	struct server_admin *admin; /* owned; NULL: none */
	struct server_drains *drains; /* being asked; NULL: nobody is */
	int64_t started_ns;
	int64_t started_wall_ns;
	bool opened; /* the reactors accept */
	char run_dir[256]; /* ours to remove; empty: configured */
	int exit_status;
};

/* Parses "unix:PATH", "line+tcp:ADDR:PORT", ..., opens what is configured. */
int server_listen_all(struct server *s, struct err *err);
/* No more connections; addresses stay for those that there are. */
void server_listen_shut(struct server *s);
void server_listen_close(struct server *s);
/* Of one of them, as a client writes it; cut to size. */
void server_listen_text(
    const struct server *s, size_t i, char *text, size_t size);
/* [reactor] In a table of its own: closes what is of other reactors. */
void server_listen_keep(struct server *s, unsigned reactor);
/* [control] Closes here what reactors have in their own tables. */
void server_listen_hand(struct server *s);
/* [reactor] Closes its sockets in its own table; may be repeated. */
void server_listen_leave(struct server *s, unsigned reactor);
/* "listening" with each address. */
void server_listen_log(const struct server *s);

int server_reactors_start(struct server *s, struct err *err);
/* [control] From now on they read the registry. */
void server_reactors_read(struct server *s);
/* [control] Each reactor begins to accept, now that all of them are there and
 * may be told things; then server_opened(). */
int server_reactors_open(struct server *s, struct err *err);
void server_opened(void *arg);

/* watchdog.c: [control] Looks after the reactors until it is stopped. */
void server_watchdog_start(struct server *s);
void server_watchdog_stop(struct server *s);

/* [control] notifications/resources/updated to who asked for it. */
void server_resource_changed(struct server *s, struct str uri);

/* The seal of what clients carry for us; NULL: err says why (ERR_CONFIG when it
 * is the file). */
struct crypto_seal *server_seal_create(
    const struct server_config *c, struct err *err);
/* [control] Reads the file of keys again; a bad one changes nothing. */
void server_seal_reload(struct server *s);

/* reconfigure.c: what was read at the start. */
void server_settings_note(struct server *s);
void server_settings_forget(struct server *s);
/* [control] Reads the configuration again, for the reload that follows; a bad
 * one changes nothing. */
void server_reconfigure(struct server *s);

/* drains.c: [control] Between the manager and the reactors. */
void server_drains_start(struct server *s);
void server_drains_stop(struct server *s);

/* admin.c: the socket is opened first, and served once the loop turns. */
int server_admin_open(struct server *s, struct err *err);
int server_admin_start(struct server *s, struct err *err);
/* [reactor] In a table of its own: lets go of its copy. */
void server_admin_forget(const struct server *s);
void server_admin_close(struct server *s);
/* [control] SIGHUP, or the operator's word. */
unsigned server_reload(struct server *s, const char *by);

/* memory.c: [control] after the limits are known. */
void server_memory_start(struct server *s);
void server_memory_stop(struct server *s);

/* A private folder for copies of modules where code may be mapped. */
int server_run_dir_make(struct server *s, struct err *err);
void server_run_dir_remove(struct server *s);

#endif
