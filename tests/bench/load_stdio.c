/* SPDX-License-Identifier: Apache-2.0 */
/* W5: a server on a pair of pipes, a window of messages in flight. The
 * window's bytes fit into the pipes (256 x 116 < 65536), so plain blocking
 * writes cannot wait for a reader that waits for us. */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"
#include "proc.h"

#define WINDOW_MAX 256
#define IN_MAX 262144
#define STALL_MS 10000
#define LEAVE_MS 10000 /* for the server to end after its input has ended */

struct pipe_run {
	const struct load_options *o;
	struct load_result *result;
	pid_t pid;
	int to; /* the server's input */
	int from; /* the server's output */
	uint32_t sent;
	uint32_t answered;
	unsigned char *seen; /* one bit for each message */
	struct request line;
	struct answer_shape shape;
	int64_t sent_ns; /* of the last write; exact when the window is one */
	size_t got;
	char in[IN_MAX];
	char out[WINDOW_MAX * REQUESTS_MAX];
};

static void
child_run(const struct load_options *o, const int *in, const int *out)
{
	cpu_set_t set;

	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(in[1]);
	close(out[0]);
	if (o->server_cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)o->server_cpu, &set);
		sched_setaffinity(0, sizeof set, &set);
	}
	execvp(o->command[0], o->command);
	perror(o->command[0]);
	_exit(127);
}

static bool
server_start(struct pipe_run *run)
{
	int in[2], out[2];

	if (pipe(in) < 0 || pipe(out) < 0)
		return false;
	run->pid = fork();
	if (run->pid < 0)
		return false;
	if (run->pid == 0)
		child_run(run->o, in, out);
	close(in[0]);
	close(out[1]);
	run->to = in[1];
	run->from = out[0];
	return true;
}

static bool
send_bytes(struct pipe_run *run, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(run->to, bytes, len);

		if (n <= 0) {
			load_wrong(run->result, "write: %s", strerror(errno));
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

	if (run->got == sizeof run->in || poll(&p, 1, STALL_MS) <= 0) {
		load_wrong(run->result, "no answer for %d ms", STALL_MS);
		return false;
	}
	n = read(run->from, run->in + run->got, sizeof run->in - run->got);
	if (n <= 0) {
		load_wrong(run->result, "the server closed its output");
		return false;
	}
	run->got += (size_t)n;
	return true;
}

static bool
judge_line(struct pipe_run *run, const char *line, size_t len)
{
	const char *wrong;
	uint32_t id, n;
	size_t id_at;

	if (!answer_shape_match(&run->shape, line, len, &id)) {
		wrong = answer_check(line, len, ANSWER_STATEFUL, &id, &id_at);
		if (wrong != NULL) {
			load_wrong(run->result, "%s: %.*s", wrong,
			    (int)(len < 200 ? len : 200), line);
			return false;
		}
		answer_shape_learn(&run->shape, line, len, id_at);
	}
	n = id - REQUESTS_ID_FIRST;
	if (n >= run->sent || (run->seen[n / 8] & 1u << n % 8)) {
		load_wrong(run->result, "id %u answered twice or unasked", id);
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
		if (!judge_line(run, at, (size_t)(eol - at)))
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
	const struct request *q = &run->line;
	size_t len = 0;

	while (run->sent < run->o->messages
	    && run->sent - run->answered < run->o->window) {
		memcpy(run->out + len, q->bytes, q->len);
		requests_id_put(
		    run->out + len + q->id_at, REQUESTS_ID_FIRST + run->sent);
		len += q->len;
		run->sent++;
	}
	run->sent_ns = proc_now_ns();
	return len == 0 || send_bytes(run, run->out, len);
}

static bool
handshake(struct pipe_run *run, int64_t start)
{
	struct request q = { .len = 0 };
	char *eol;

	requests_line_initialize(&q);
	if (!send_bytes(run, q.bytes, q.len))
		return false;
	do {
		if (!receive(run))
			return false;
		eol = memchr(run->in, '\n', run->got);
	} while (eol == NULL);
	run->result->start_ms = (double)(proc_now_ns() - start) / 1e6;
	if (eol + 1 != run->in + run->got
	    || !answer_json_valid(run->in, run->got - 1)
	    || memmem(run->in, run->got, "\"protocolVersion\"", 17) == NULL) {
		load_wrong(run->result, "initialize: %.200s", run->in);
		return false;
	}
	run->got = 0;
	requests_line_initialized(&q);
	return send_bytes(run, q.bytes, q.len);
}

static void
measure(struct pipe_run *run)
{
	struct load_result *r = run->result;
	double own = proc_own_cpu();
	int64_t start = proc_now_ns();
	struct proc_cost before, after;
	bool single = run->o->window == 1;

	proc_tree(run->pid, &before);
	while (run->answered < run->o->messages) {
		uint32_t had = run->answered;

		if (!fill(run) || !receive(run) || !judge_lines(run))
			break;
		if (single && run->answered > had)
			histogram_put(
			    &r->latency, proc_now_ns() - run->sent_ns);
	}
	r->seconds = (double)(proc_now_ns() - start) / 1e9;
	r->client_cpu_s = proc_own_cpu() - own;
	proc_tree(run->pid, &after);
	r->server_cpu_s = after.cpu_s - before.cpu_s;
	r->server_rss_kb = after.rss_kb;
	r->server_processes = after.processes;
	r->answers = r->all = run->answered;
	r->fewest = r->most = run->answered;
}

/* The end of input is the word to leave; surplus output is an error. */
static void
server_stop(struct pipe_run *run)
{
	struct pollfd p = { .fd = run->from, .events = POLLIN };
	int status = 0;

	close(run->to);
	if (poll(&p, 1, LEAVE_MS) <= 0) {
		load_wrong(run->result, "the server stays after end of input");
		kill(run->pid, SIGKILL);
	} else if (read(run->from, run->in, sizeof run->in) > 0) {
		load_wrong(run->result, "bytes after the last answer");
		kill(run->pid, SIGKILL);
	}
	if (waitpid(run->pid, &status, 0) == run->pid
	    && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		load_wrong(
		    run->result, "the server ended with %#x", (unsigned)status);
	close(run->from);
}

void
load_stdio(const struct load_options *o, struct load_result *result)
{
	static struct pipe_run run;
	int64_t start = proc_now_ns();

	run.o = o;
	run.result = result;
	run.seen = calloc(o->messages / 8 + 1, 1);
	requests_line(&run.line);
	if (run.seen == NULL || !server_start(&run)) {
		load_wrong(result, "cannot start: %s", strerror(errno));
		goto out;
	}
	if (!o->handshake || handshake(&run, start))
		measure(&run);
	server_stop(&run);
out:
	free(run.seen);
}
