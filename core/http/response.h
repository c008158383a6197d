/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: status line, fields and body appended to one buffer, so that they
 * leave in one write. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/buf.h"

const char *http_status_text(int status);

struct http_header {
	const char *name;  /* static */
	struct str value;  /* CR, LF or NUL in it: the field is left out and the
	                    * writer returns ERR_SYNTAX (RFC 9112 11.1) */
};

struct http_response {
	int status;
	const char *content_type; /* NULL: none */
	bool keep_alive;          /* false: Connection: close */
	bool chunked;             /* a stream: no Content-Length */
	bool no_body;             /* HEAD: length without content */
	const struct http_header *headers;
	size_t headers_len;
	int64_t wall_ns;          /* for Date; cached by the caller per turn */
};

/* Head and whole body. */
int http_response_write(struct buf *out, const struct http_response *r,
    struct str body);
/* Head alone; for chunked streams. */
int http_response_head(struct buf *out, const struct http_response *r,
    uint64_t content_length);
/* Frames of a chunked body; the last ends it. */
void http_chunk_write(struct buf *out, struct str data);
void http_chunk_end(struct buf *out);

#endif
