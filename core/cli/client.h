/* SPDX-License-Identifier: Apache-2.0 */
/* A small MCP client for the command line: finds the server, finds out which
 * era it speaks, sends one request at a time. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli/cli_priv.h"
#include "data/json.h"
#include "http/client.h"
#include "http/sse.h"
#include "mcp/revision.h"

#define CLI_ANSWER_MAX HTTP_CLIENT_BODY_MAX
#define CLI_PAGES_MAX 10000 /* of one list */
#define CLI_PARAM_HEADERS_MAX 64 /* Mcp-Param-* of one call */

struct cli_client {
	struct cli *cli; /* borrowed, like its arena */
	struct http_client *http;
	const char *url;
	enum mcp_revision revision;
	struct str session; /* empty: none */
	uint64_t last_id;
};

/* One answer; its nodes live until the next request. */
struct cli_answer {
	struct buf text; /* owned; the JSON-RPC response */
	struct json_doc doc;
	const struct json_node *result; /* NULL: an error */
	const struct json_node *error;
};

struct cli_request {
	struct str method;
	struct str params; /* members without braces; may be empty */
	struct str name; /* goes into Mcp-Name; ptr NULL: none */
	const struct http_header *headers; /* Mcp-Param-* */
	size_t headers_len;
};

void cli_client_init(struct cli_client *k, struct cli *c);
/* [any] Connects and agrees on a revision.  0, or an error for
 * cli_client_exit(). */
int cli_client_open(struct cli_client *k, struct err *err);
/* [any] A session is told that its last request is not waited for any more
 * (CANC-01). */
void cli_client_cancel(struct cli_client *k);
/* [any] Ends the session, if there is one. */
void cli_client_close(struct cli_client *k);

void cli_answer_init(struct cli_answer *a);
void cli_answer_finish(struct cli_answer *a);
/* [any] 0 when the server has answered with a result.  ERR_PARAMS: with an
 * error (in a->error and err).  Else no answer came. */
int cli_client_send(struct cli_client *k, const struct cli_request *r,
    struct cli_answer *a, struct err *err);
/* [any] The exit status that an error of the client stands for. */
enum cli_exit cli_client_exit(int code);
/* [any] Calls fn with each element of each page of a list method's answer,
 * which is under key.  Nonzero from fn ends it and is returned. */
int cli_client_each(struct cli_client *k, struct str method, struct str key,
    int (*fn)(void *arg, const struct json_node *item), void *arg,
    struct err *err);

#endif
