/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.1 response out of a connection's input, enough to judge it. */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#define RESPONSE_SESSION_MAX 256
#define RESPONSE_CHUNKED_MAX 16384 /* longest body taken in chunks */

enum response_state { RESPONSE_PARTIAL, RESPONSE_WHOLE, RESPONSE_BAD };

struct response {
	int status;
	bool json; /* the media type is application/json */
	bool chunked;
	bool closing;
	bool has_length;
	size_t total; /* bytes of head and body on the wire */
	const char *body; /* in the input, or in `joined` */
	size_t body_len;
	char session[RESPONSE_SESSION_MAX]; /* empty: no such header */
	char joined[RESPONSE_CHUNKED_MAX];
};

/* Reads the response at the start of these bytes. */
enum response_state response_parse(
    struct response *r, const char *bytes, size_t len);

#endif
