/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick of W5: a constant answer for each line, one write for each
 * drained read. */
#include <string.h>
#include <unistd.h>

#include "limit.h"

#define IN_MAX 262144
#define OUT_MAX (IN_MAX + 4096)

struct lines {
	size_t have;
	char in[IN_MAX];
	char out[OUT_MAX];
};

static int
write_all(const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, at, len);

		if (n <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Answers every whole line and keeps the rest. */
static int
answer_lines(struct lines *l)
{
	static const char reply[] = LIMIT_ANSWER "\n";
	const size_t len = sizeof reply - 1;
	const char *at = l->in;
	const char *end = l->in + l->have;
	const char *eol;
	size_t out = 0;

	while ((eol = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (eol - at < LIMIT_ID_AT + LIMIT_ID_LEN
		    || out + len > OUT_MAX)
			return -1;
		memcpy(l->out + out, reply, len);
		memcpy(
		    l->out + out + LIMIT_ID_AT, at + LIMIT_ID_AT, LIMIT_ID_LEN);
		out += len;
		at = eol + 1;
	}
	l->have = (size_t)(end - at);
	memmove(l->in, at, l->have);
	return write_all(l->out, out);
}

int
main(void)
{
	static struct lines l;
	ssize_t n;

	while (l.have < IN_MAX) {
		n = read(STDIN_FILENO, l.in + l.have, IN_MAX - l.have);
		if (n <= 0)
			return n < 0;
		l.have += (size_t)n;
		if (answer_lines(&l) < 0)
			return 1;
	}
	return 1;
}
