/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a load test, whatever it speaks: HTTP with plain answers
 * and event streams, or one message a line.  Links nothing of the server: what
 * judges must not share a defect with what is judged. */
#ifndef STRESS_WIRE_H
#define STRESS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX 65536 /* bytes of one message, or of what came at once */

enum wire_state { WIRE_HEAD, WIRE_BODY, WIRE_CHUNK, WIRE_LINE, WIRE_OVER };

enum wire_event {
	WIRE_MORE, /* nothing whole is there: read again */
	WIRE_MESSAGE, /* text is one message */
	WIRE_END, /* of a response; text is empty */
	WIRE_BAD /* nothing that a server may send */
};

struct wire {
	int fd; /* -1: closed */
	enum wire_state state;
	int status; /* of the last response */
	bool streamed; /* it is an event stream */
	char session[128]; /* Mcp-Session-Id, when it had one */
	size_t left; /* bytes of the body that have not come */
	size_t at; /* consumed */
	size_t len;
	size_t events_len;
	char in[WIRE_MAX];
	char events[WIRE_MAX]; /* of a stream, without the chunks */
	char text[WIRE_MAX]; /* the last message, a string */
};

int64_t wire_now_ns(void);
/* Numbers that look random; the same seed gives the same ones again. */
void wire_random_seed(uint64_t seed);
uint64_t wire_random(void);
/* Prints one line at once. */
void wire_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the process. */
_Noreturn void wire_fatal(const char *what);

/* A descriptor, or -1. */
int wire_connect_http(const char *port);
int wire_connect_line(const char *path);

/* Takes a connected descriptor. */
void wire_open(struct wire *w, int fd, bool line);
enum wire_close { WIRE_CLOSE, WIRE_RESET };
void wire_close(struct wire *w, enum wire_close how);
/* False: the peer does not take it.  Requests are small and answered one by
 * one: they fit the socket. */
bool wire_send(struct wire *w, const char *bytes, size_t len);
/* A POST to /mcp; extra holds whole header lines. */
bool wire_post(struct wire *w, const char *extra, const char *body);
/* What has come since.  0: nothing; negative: the connection is gone. */
int wire_read(struct wire *w);
/* To be called until it says WIRE_MORE or WIRE_BAD. */
enum wire_event wire_next(struct wire *w);

#endif
