/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a pair of pipes, a window of messages in flight.  The window's
 * bytes fit into a pipe, so plain blocking writes cannot wait for a reader that
 * waits for us.  No loop: a turn of it would be seen in a ping-pong. */
#define _GNU_SOURCE /* pipe2 */
#include "bench/bench_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define IN_MAX ((size_t)1024 * 1024) /* with the longest answer */
#define OUT_MAX 60000 /* what a pipe takes without a reader */

struct pipe_run {
	const struct bench_options *o;
	struct bench_result *result;
	pid_t pid;
	int to; /* the server's input */
	int from; /* the server's output */
	uint32_t sent;
	uint32_t answered;
	unsigned char *seen; /* one bit for each message */
	unsigned window;
	struct bench_wire wire;
	struct bench_request line;
	struct bench_shape shape;
	struct json_doc doc;
	int64_t sent_ns; /* of the last write; exact when the window is one */
	size_t got;
	char in[IN_MAX];
	char out[OUT_MAX];
};

static void
child_run(const struct bench_options *o, const int *in, const int *out)
{
	(void)signal(SIGPIPE, SIG_DFL); /* not as its parent has it */
	(void)dup2(in[0], STDIN_FILENO); /* without it the child ends */
	(void)dup2(out[1], STDOUT_FILENO);
	execvp(o->command[0], (char *const *)(uintptr_t)o->command);
	perror(o->command[0]);
	_exit(127);
}

static bool
server_start(struct pipe_run *run)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return false;
	if (pipe2(out, O_CLOEXEC) < 0) {
		(void)close(in[0]); /* not used yet */
		(void)close(in[1]);
		return false;
	}
	run->pid = fork();
	if (run->pid == 0)
		child_run(run->o, in, out);
	(void)close(in[0]); /* the child's ends */
	(void)close(out[1]);
	run->to = in[1];
	run->from = out[0];
	return run->pid > 0;
}

static bool
send_bytes(struct pipe_run *run, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(run->to, bytes, len);

		if (n <= 0) {
			bench_wrong(run->result, BENCH_CLOSED,
			    "the server closed its input: %s", strerror(errno));
			return false;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads what is there, at least one byte. The poll before it bounds the
 * wait; its cost is the client's, not the server's. */
static bool
receive(struct pipe_run *run)
{
	struct pollfd p = { .fd = run->from, .events = POLLIN };
	ssize_t n;

	if (run->got == sizeof run->in) {
		bench_wrong(run->result, BENCH_FRAMING, "a line without end");
		return false;
	}
	if (poll(&p, 1, (int)(run->o->stall_ns / NS_PER_MS)) <= 0) {
		bench_wrong(run->result, BENCH_STALLED,
		    "nothing heard for %.1f s", (double)run->o->stall_ns / 1e9);
		return false;
	}
	n = read(run->from, run->in + run->got, sizeof run->in - run->got);
	if (n <= 0) {
		bench_wrong(
		    run->result, BENCH_CLOSED, "the server closed its output");
		return false;
	}
	run->got += (size_t)n;
	return true;
}

/* 1: an answer to one of ours; 0: a notification; -1: wrong. */
static int
judge_scan(struct pipe_run *run, struct str line, uint32_t *id)
{
	enum bench_fault f;
	const char *why = "";

	f = bench_answer_check(&run->doc, line, &run->o->expect, id, &why);
	if (f == BENCH_RIGHT) {
		bench_shape_learn(&run->shape, line, *id);
		return 1;
	}
	if (f != BENCH_SYNTAX && run->doc.len > 0
	    && json_get(run->doc.nodes, S("method")) != NULL)
		return 0;
	bench_wrong(run->result, f, "%s: %.*s", why,
	    (int)(line.len < 200 ? line.len : 200), line.ptr);
	return -1;
}

static bool
judge_line(struct pipe_run *run, struct str line)
{
	uint32_t id = 0, n;
	int rc = 1;

	if (!bench_shape_match(&run->shape, line, &id))
		rc = judge_scan(run, line, &id);
	if (rc <= 0)
		return rc == 0;
	n = id - BENCH_ID_FIRST;
	if (n >= run->sent || (run->seen[n / 8] & 1u << n % 8)) {
		bench_wrong(run->result, BENCH_ID,
		    "id %u answered twice or unasked", id);
		return false;
	}
	run->seen[n / 8] |= (unsigned char)(1u << n % 8);
	run->answered++;
	return true;
}

static bool
judge_lines(struct pipe_run *run)
{
	char *at = run->in;
	char *end = run->in + run->got;
	char *eol;

	while ((eol = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (!judge_line(run, (struct str){ at, (size_t)(eol - at) }))
			return false;
		at = eol + 1;
	}
	run->got = (size_t)(end - at);
	memmove(run->in, at, run->got);
	return true;
}

/* Fills the window by one write. */
static bool
fill(struct pipe_run *run)
{
	struct bench_request *q = &run->line;
	size_t len = 0;

	while (run->sent < run->o->messages
	    && run->sent - run->answered < run->window) {
		bench_request_id(q, BENCH_ID_FIRST + run->sent);
		memcpy(run->out + len, q->bytes.ptr, q->bytes.len);
		len += q->bytes.len;
		run->sent++;
	}
	run->sent_ns = clock_now_ns();
	return len == 0 || send_bytes(run, run->out, len);
}

static bool
handshake(struct pipe_run *run, int64_t start)
{
	static const struct bench_expect any = { .tool = false };
	struct bench_request q;
	const char *why = "";
	uint32_t id;
	char *eol = NULL;
	bool ok;

	bench_request_init(&q);
	bench_request_line_initialize(&q, &run->wire);
	ok = send_bytes(run, q.bytes.ptr, q.bytes.len);
	while (ok && eol == NULL) {
		ok = receive(run);
		eol = memchr(run->in, '\n', run->got);
	}
	if (ok
	    && (eol + 1 != run->in + run->got
		|| bench_answer_check(&run->doc,
		       (struct str){ run->in, run->got - 1 }, &any, &id, &why)
		    != BENCH_RIGHT)) {
		bench_wrong(run->result, BENCH_RESULT, "initialize: %s: %.*s",
		    why, (int)(run->got < 200 ? run->got : 200), run->in);
		ok = false;
	}
	run->result->start_ms = (double)(clock_now_ns() - start) / 1e6;
	run->got = 0;
	bench_request_line_initialized(&q);
	ok = ok && send_bytes(run, q.bytes.ptr, q.bytes.len);
	bench_request_finish(&q);
	return ok;
}

static void
measure(struct pipe_run *run)
{
	struct bench_result *r = run->result;
	double own = bench_proc_own_cpu();
	int64_t start = clock_now_ns();
	struct bench_cost before = { .cpu_s = 0 };
	bool single = run->window == 1;

	bench_proc_tree(run->pid, BENCH_COST_CPU, &before);
	while (run->answered < run->o->messages) {
		uint32_t had = run->answered;

		if (!fill(run) || !receive(run) || !judge_lines(run))
			break;
		if (single && run->answered > had)
			bench_histogram_put(
			    &r->latency, clock_now_ns() - run->sent_ns);
	}
	r->seconds = (double)(clock_now_ns() - start) / 1e9;
	r->client_cpu_s = bench_proc_own_cpu() - own;
	bench_proc_tree(run->pid, BENCH_COST_MEMORY, &r->after);
	r->server_cpu_s = r->after.cpu_s - before.cpu_s;
	r->answers = r->all = run->answered;
	r->fewest = r->most = run->answered;
	r->opened = 1;
}

/* The end of input is the word to leave; surplus output is an error. */
static void
server_stop(struct pipe_run *run)
{
	struct pollfd p = { .fd = run->from, .events = POLLIN };
	int status = 0;

	(void)close(run->to); /* this is the word */
	if (poll(&p, 1, (int)(run->o->stall_ns / NS_PER_MS)) <= 0) {
		bench_wrong(run->result, BENCH_STALLED,
		    "the server stays after the end of its input");
		(void)kill(run->pid, SIGKILL); /* it may be gone */
	} else if (read(run->from, run->in, sizeof run->in) > 0) {
		bench_wrong(
		    run->result, BENCH_FRAMING, "bytes after the last answer");
		(void)kill(run->pid, SIGKILL); /* the same */
	}
	if (waitpid(run->pid, &status, 0) == run->pid
	    && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		bench_wrong(run->result, BENCH_CLOSED,
		    "the server ended with %#x", (unsigned)status);
	(void)close(run->from); /* read to its end */
}

/* What is in flight must fit into the pipe. */
static unsigned
window_of(const struct pipe_run *run)
{
	size_t most = OUT_MAX / run->line.bytes.len;

	return run->o->window < most ? run->o->window : (unsigned)most;
}

static int
run_prepare(struct pipe_run *run, struct err *err)
{
	int rc = bench_wire_init(&run->wire, run->o, STR_NONE, STR_NONE, err);

	if (rc < 0)
		return rc;
	run->seen = calloc(run->o->messages / 8 + 1, 1);
	bench_request_line(&run->line, &run->wire);
	if (run->seen == NULL || run->line.bytes.failed)
		return err_set(err, ERR_NOMEM, "no memory");
	run->window = window_of(run);
	return 0;
}

int
bench_stdio(
    const struct bench_options *o, struct bench_result *r, struct err *err)
{
	struct pipe_run *run = calloc(1, sizeof *run);
	int64_t start = clock_now_ns();
	int rc;

	if (run == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	run->o = o;
	run->result = r;
	json_doc_init(&run->doc);
	bench_request_init(&run->line);
	rc = run_prepare(run, err);
	if (rc == 0 && !server_start(run))
		rc = err_set_errno(err, ERR_IO, errno, "%s", o->command[0]);
	if (rc == 0) {
		if (!o->handshake || o->stateless || handshake(run, start))
			measure(run);
		server_stop(run);
	}
	free(run->seen);
	bench_request_finish(&run->line);
	json_doc_finish(&run->doc);
	bench_wire_finish(&run->wire);
	free(run);
	return rc;
}
