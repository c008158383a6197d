/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the server: one table drives reading, checking, printing
 * and the manual. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/settings.h"
#include "plugin/manager.h"
#include "server/server.h"

#define SERVER_CONFIG_FILES_MAX 256

struct server_http_config {
	struct settings_strs listen;
	struct str endpoint;
	bool legacy_sse;
	struct settings_strs hosts;
	struct settings_strs origins;
};

struct server_limits_config {
	int64_t body;
	int64_t head;
	int64_t request_line;
	int64_t fields;
	int64_t message;
	int64_t connections; /* 0: from the descriptor limit */
	int64_t memory; /* 0: of the control group */
	int64_t streams;
	int64_t sessions;
	int64_t stream_buffer;
	int64_t head_timeout;
	int64_t body_timeout;
	int64_t idle_timeout;
	int64_t keep_alive;
	int64_t session_idle;
	int64_t input_wait;
	int64_t state_life;
	int64_t stream_after;
	int64_t stream_life;
	int64_t replay;
	int64_t replay_session;
	int64_t replay_age;
	int64_t pool_queue;
	int64_t handler_block;
	int64_t reactor_stuck;
};

struct server_identity_config {
	struct str name;
	struct str title;
	struct str description;
	struct str website_url;
	const struct yaml_node *icons;
	struct str icons_json; /* from icons */
	bool apps;
	struct str instructions;
	struct str state_keys; /* a path; empty: a key for this run */
};

struct server_tasks_config {
	bool enabled;
	int64_t max;
	int64_t per_principal;
	int64_t result;
	int64_t memory;
	int64_t ttl;
	int64_t ttl_max;
	int64_t poll;
};

/* What revision 2026-07-28 deprecates (DEP-02). */
struct server_features_config {
	bool logging;
	bool sampling;
	bool roots;
};

/* The operator's socket. */
struct server_admin_config {
	bool enabled;
	struct str socket; /* a path; empty: in the private folder */
	struct str group; /* besides the server's user and root */
};

struct server_log_config {
	int format;
	int level;
};

struct server_config {
	struct server_identity_config identity;
	struct server_http_config http;
	struct server_limits_config limits;
	struct server_tasks_config tasks;
	struct server_features_config features;
	struct server_admin_config admin;
	struct server_log_config log;
	int64_t reactors; /* 0: one a core */
	int descriptor_tables; /* 1: each reactor has its own */
	int64_t workers; /* 0: twice the cores, at least 4 */
	int64_t drain;
	const struct yaml_node *plugins_node;
	/* Taken from plugins_node of all files. */
	struct settings_strs plugin_dirs;
	bool plugin_dirs_usual; /* nobody has named any */
	bool watch;
	int64_t resident_max;
	int64_t long_drain;
	int isolation; /* of plugins; 1: process */
	struct str isolation_at; /* where that was said; empty: nowhere */
	int sandbox; /* of runners; 1: best-effort */
	struct plugin_user user; /* of runners */
	struct str run_dir;
	struct plugin_override *overrides;
	size_t overrides_len;
	struct arena arena; /* holds all of the above */
};

extern const struct settings_item server_settings[];
extern const struct settings_item server_plugin_settings[];

/* identity.c: what one file says under "server:", beyond its types. */
int server_identity_check(struct server_config *c, const struct yaml_node *map,
    const char *file, struct diags *diags);
/* users.c: the user and the group that map says under prefix, looked up. */
int server_user_find(struct plugin_user *u, const struct yaml_node *map,
    const char *prefix, const char *file, struct diags *diags);
/* Where nobody says more. */
void server_user_default(struct plugin_user *u);
/* Can this process give them? */
int server_users_check(const struct server_config *c, struct err *err);
/* A folder that somebody has named and that is not there is said in the log:
 * it may be made later. */
void server_plugin_dirs_check(const struct server_config *c);
void server_config_init(struct server_config *c);
void server_config_finish(struct server_config *c);
/* Defaults, then the file (or /etc/toolpost/toolpost.yaml and
 * ~/.config/toolpost/toolpost.yaml if there), then conf.d beside it in byte
 * order, then the command line.  Every error of every file goes to diags. */
int server_config_read(struct server_config *c, const struct server_options *o,
    struct diags *diags);

#endif
