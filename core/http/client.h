/* SPDX-License-Identifier: Apache-2.0 */
/* The one outgoing client: HTTP/1.1 over TCP or a Unix socket, blocking, with
 * a deadline, for the command line and later for whatever calls out.  One
 * connection, kept alive between requests. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/response.h"

#define HTTP_CLIENT_BODY_MAX ((size_t)64 * 1024 * 1024)

struct http_url {
	struct str text;
	struct str host; /* without brackets */
	uint16_t port;
	struct str path; /* at least "/" , with query */
	struct str socket_path; /* unix:/run/x.sock: then path is "/mcp" */
};

/* [any] "http://127.0.0.1:7423/mcp", "unix:/run/toolpost/mcp.sock". https is
 * ERR_UNSUPPORTED with a message.  Every part is borrowed from text. */
int http_url_parse(struct http_url *u, struct str text, struct err *err);

struct http_client;
/* [any] Connects at the first send.  Owned; NULL: ERR_NOMEM.  u may go. */
struct http_client *http_client_create(
    const struct http_url *u, struct err *err);
void http_client_destroy(struct http_client *c);

/* [any] While fd can be read, an exchange waits no more and gives
 * ERR_CANCELLED; negative: none.  Borrowed. */
void http_client_wake_set(struct http_client *c, int fd);

struct http_reply {
	int status;
	struct buf head; /* owned; raw fields, each with CRLF */
	struct buf body; /* owned; for streams: what came before the end */
};
void http_reply_init(struct http_reply *r);
void http_reply_finish(struct http_reply *r);
/* [any] Field value by name without case; empty when absent. */
struct str http_reply_field(const struct http_reply *r, struct str name);

/* [any] One thread at a time.  Sends and reads the answer whole.  on_data, if
 * not NULL, gets body bytes as they come instead of reply->body (SSE); nonzero
 * from it ends the exchange and is returned.  ERR_TIMEOUT at deadline_ns
 * (monotonic), ERR_IO, ERR_SYNTAX or ERR_LIMIT for an answer that is not sound.
 * Nothing is ever sent twice. */
int http_client_send(struct http_client *c, const char *method,
    const struct http_header *headers, size_t n, struct str body,
    struct http_reply *reply, int (*on_data)(void *arg, struct str bytes),
    void *arg, int64_t deadline_ns, struct err *err);

#endif
