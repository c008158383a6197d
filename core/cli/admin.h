/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's side: which server, and what it says on its socket. */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "cli/cli_priv.h"
#include "data/json.h"

#define CLI_ADMIN_SYSTEM "/run/toolpost/admin.sock"
#define CLI_ADMIN_FOUND_MAX 64 /* servers that are looked at */

/* One answer; its nodes live as long as it does. */
struct cli_admin_answer {
	struct buf text; /* owned */
	struct json_doc doc;
	const struct json_node *root; /* NULL: it is no JSON */
	int status;
};

void cli_admin_init(struct cli_admin_answer *a);
void cli_admin_finish(struct cli_admin_answer *a);
/* [any] One request to the server that --socket names, or the one that is
 * there; path may have a query.  CLI_DONE for any answer, also a refusal:
 * status says.  Else the failure has been reported. */
int cli_admin_ask(struct cli *c, const char *method, const char *path,
    struct cli_admin_answer *a);
/* [any] The same, and 2xx; else what it refused is reported. */
int cli_admin_get(struct cli *c, const char *method, const char *path,
    struct cli_admin_answer *a);
/* [any] Reports what the server refused; the exit status for it. */
int cli_admin_refused(struct cli *c, const struct cli_admin_answer *a);

/* [any] Members, with a value for those that are not there. */
struct str cli_member(const struct json_node *n, const char *key);
int64_t cli_number(const struct json_node *n, const char *key);
bool cli_is(const struct json_node *n, const char *key);
/* [any] "4.2 s", "2 m 5 s", "3 h 2 m", "5 d 1 h". */
void cli_span(struct buf *out, int64_t ms);
/* [any] "17 kB" is not what we say: "17 KiB", "1.5 MiB". */
void cli_size(struct buf *out, int64_t bytes);

/* plugin_inspect.c: reports what is no name of a plugin. */
int cli_plugin_name_check(struct cli *c, const char *name);
/* The whole of one, from the server or from a file. */
void cli_plugin_page(const struct json_node *p, struct buf *out);
/* reload.c: what a reload changed; only is NULL or one plugin's name.
 * Returns how many of those were refused. */
size_t cli_changes(
    const struct json_node *changes, const char *only, struct buf *out);
void cli_draining(const struct json_node *list, const char *only,
    const char *indent, struct buf *out);
/* status.c */
void cli_plugin_rows(
    struct cli *c, const struct json_node *plugins, struct buf *out);

#endif
