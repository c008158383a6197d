/* SPDX-License-Identifier: Apache-2.0 */
/* Closed loops of calls on kept connections: each caller sends the next call
 * when it has the answer to the one before.  Of both eras, over HTTP and lines.
 * What a load calls, and what makes an answer right, is its own. */
#ifndef STRESS_CALLER_H
#define STRESS_CALLER_H

#include "wire.h"

#define CALLERS_MAX 256

struct caller {
	struct wire wire;
	unsigned index;
	bool line; /* newline framing, not HTTP */
	bool stateless;
	bool began; /* the session is there */
	bool waits; /* for an answer */
	unsigned id; /* of the last call */
	char name[64]; /* the tool of it */
	char nonce[32];
	int64_t sent_ns;
	unsigned plugin, tool, floor; /* the load's own */
};

struct caller_load {
	void (*choose)(struct caller *c); /* sets the name of the next call */
	void (*answered)(struct caller *c, const char *body);
	void (*told)(void); /* standard input can be read, or has ended */
};

struct callers {
	struct caller *all[CALLERS_MAX];
	unsigned len;
	uint64_t failed;
	uint64_t told; /* notifications of a list that changed */
	bool stopping; /* no more calls */
};
extern struct callers callers;

/* Once, before the others; standard input becomes one that never waits. */
void callers_open(const struct caller_load *load);
struct caller *caller_add(int fd, bool line, bool stateless);
void callers_begin(void);
/* One call more, whatever became of the one before. */
void caller_call(struct caller *c);
/* Says so, the first times. */
void caller_failed(const struct caller *c, const char *why);
/* False: everybody has had the last answer, or nobody is left. */
bool callers_go_on(void);
/* Waits for something to come, and takes it; ends the process when nothing
 * does. */
void callers_turn(void);

#endif
