/* SPDX-License-Identifier: Apache-2.0 */
/* The exact bytes of the workloads: what is sent, and the least that can be
 * answered. The id has seven digits at a fixed place, so that each request
 * is the last one with seven bytes changed. */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#define REQUESTS_MAX 2048
#define REQUESTS_ID_FIRST 1000001u
#define REQUESTS_ID_LAST 9999999u
#define REQUESTS_ID_AT 22 /* after {"jsonrpc":"2.0","id": */
#define REQUESTS_BODY_W1 115
#define REQUESTS_BODY_W2 293
/* What W1 bears where the server keeps no sessions, for equal length. */
#define REQUESTS_NO_SESSION "0123456789abcdef0123456789abcdef"

enum requests_workload { REQUESTS_W1, REQUESTS_W2 };

struct request {
	size_t len;
	size_t id_at;
	char bytes[REQUESTS_MAX];
};

/* Builds the HTTP request of a workload; W2 ignores the session. */
void requests_http(struct request *r, enum requests_workload w,
    const char *host, const char *path, const char *session);
/* Builds the first two requests of a session: initialize, initialized. */
void requests_initialize(struct request *r, const char *host, const char *path);
void requests_initialized(
    struct request *r, const char *host, const char *path, const char *session);
/* Builds the line of a call on stdio, newline included, and the two lines
 * of the handshake before it. */
void requests_line(struct request *r);
void requests_line_initialize(struct request *r);
void requests_line_initialized(struct request *r);
/* Builds the least right answer to a workload, with or without HTTP head. */
void requests_reply(struct request *r, enum requests_workload w);
void requests_reply_line(struct request *r);
/* Writes seven digits. */
void requests_id_put(char *at, uint32_t id);

#endif
