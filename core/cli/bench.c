/* SPDX-License-Identifier: Apache-2.0 */
/* "bench": from flags to a run, and whether its figures may be shown. */
#include "cli/bench.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/client.h"

#define ECHO_ARGS "{\"message\":\"hello world\"}"
#define ECHO_TEXT "hello world"

static int64_t
either(int64_t given, int64_t otherwise)
{
	return given > 0 ? given : otherwise;
}

static bool
is_url(const char *word)
{
	struct str s = str_of(word);

	return str_starts(s, S("http://")) || str_starts(s, S("https://"))
	    || str_starts(s, S("unix:"));
}

static void
note(void *arg, const char *text)
{
	cli_note(arg, "%s", text);
}

/* What is asked of the server, and what a right answer is. */
static int
request_options(const struct cli *c, struct bench_options *o, struct err *err)
{
	bool echo;

	if (c->bench.method != NULL && c->bench.tool != NULL)
		return err_set(
		    err, ERR_SYNTAX, "--method and --tool exclude each other");
	o->method =
	    c->bench.method != NULL ? str_of(c->bench.method) : S("tools/call");
	o->expect.complete = o->stateless;
	o->progress = c->bench.progress;
	if (c->bench.method == NULL) {
		o->tool =
		    c->bench.tool != NULL ? str_of(c->bench.tool) : S("echo");
		o->expect.tool = true;
	}
	echo = c->args == NULL && str_equal(o->tool, S("echo"));
	o->args = c->args != NULL ? str_of(c->args)
	    : echo                ? S(ECHO_ARGS)
				  : S("{}");
	if (c->bench.expect != NULL)
		o->expect.text = str_of(c->bench.expect);
	else if (echo)
		o->expect.text = S(ECHO_TEXT);
	return 0;
}

static void
run_options(struct cli *c, struct bench_options *o)
{
	bool churn = o->mode == BENCH_CHURN;

	o->connections =
	    (unsigned)either(c->bench.connections, churn ? 16 : 64);
	o->threads = (unsigned)c->bench.threads;
	o->sources = (unsigned)c->bench.sources;
	o->first_source = (unsigned)either(c->bench.first_source, 2);
	o->warm_ns = either(c->bench.warm, NS_PER_S);
	o->measure_ns = either(c->bench.duration, 5 * NS_PER_S);
	o->rate = (double)c->bench.rate;
	o->server = (pid_t)c->bench.pid;
	o->trigger = c->bench.trigger;
	o->rounds =
	    (unsigned)either(c->bench.rounds, c->bench.trigger != NULL ? 3 : 0);
	o->hold = c->bench.hold;
	o->window = (unsigned)either(c->bench.window, BENCH_WINDOW_MAX);
	o->messages = (uint32_t)either(
	    c->bench.messages, o->mode == BENCH_STDIO ? 100000 : 0);
	o->any_id = c->bench.any_id;
	o->handshake = !c->bench.no_handshake && !o->stateless;
	o->stall_ns = c->timeout;
	if (o->mode == BENCH_IDLE || o->mode == BENCH_STREAMS)
		o->note = note;
	o->note_arg = c;
}

static int
bounds_check(const struct bench_options *o, struct err *err)
{
	if (o->connections > BENCH_CONNECTIONS_MAX)
		return err_set(err, ERR_SYNTAX, "--connections: at most %d",
		    BENCH_CONNECTIONS_MAX);
	if (o->threads > BENCH_THREADS_MAX)
		return err_set(err, ERR_SYNTAX, "--threads: at most %d",
		    BENCH_THREADS_MAX);
	if (o->window > BENCH_WINDOW_MAX)
		return err_set(
		    err, ERR_SYNTAX, "--window: at most %d", BENCH_WINDOW_MAX);
	if (o->messages > BENCH_MESSAGES_MAX)
		return err_set(err, ERR_SYNTAX, "--messages: at most %d",
		    BENCH_MESSAGES_MAX);
	if (o->rounds > BENCH_ROUNDS_MAX)
		return err_set(
		    err, ERR_SYNTAX, "--rounds: at most %d", BENCH_ROUNDS_MAX);
	if (o->sources > BENCH_SOURCES_MAX
	    || o->first_source > BENCH_SOURCES_MAX - o->sources)
		return err_set(err, ERR_SYNTAX, "--sources: at most %d",
		    BENCH_SOURCES_MAX);
	if (o->trigger != NULL && o->trigger[0] != '/')
		return err_set(
		    err, ERR_SYNTAX, "--trigger wants an absolute path");
	if (o->mode == BENCH_CHURN && o->stateless)
		return err_set(err, ERR_SYNTAX,
		    "there are no sessions to churn in the stateless era");
	if (o->messages > 0 && o->mode != BENCH_CALL && o->mode != BENCH_STDIO)
		return err_set(err, ERR_SYNTAX,
		    "--messages goes with --mode call, or a command");
	if (o->mode != BENCH_CALL && o->rate > 0)
		return err_set(
		    err, ERR_SYNTAX, "--rate goes with --mode call alone");
	return 0;
}

/* The words behind "--", as execvp() wants them. */
static int
command_options(struct cli *c, struct bench_options *o, struct err *err)
{
	size_t n = c->words.len;
	const char **argv = arena_alloc(&c->arena, (n + 1) * sizeof *argv);

	if (argv == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	if (c->bench.mode > BENCH_CALL)
		return err_set(err, ERR_SYNTAX,
		    "--mode needs a server at a URL, not a command");
	memcpy(argv, c->words.items, n * sizeof *argv);
	argv[n] = NULL;
	o->mode = BENCH_STDIO;
	o->command = argv;
	return 0;
}

/* Where the server is and which revision it speaks; asks it unless both were
 * given. */
static int
server_find(
    struct cli *c, struct bench_options *o, int *revision, struct err *err)
{
	struct cli_client k;
	const char *url;
	int rc = 0;

	if (c->words.len > 1)
		return err_set(err, ERR_SYNTAX, "\"%s\" is too much: one URL",
		    c->words.items[1]);
	if (c->words.len == 1)
		c->url = c->words.items[0];
	url = c->failed_url = c->url;
	*revision = c->protocol;
	if (url == NULL || c->protocol < 0) {
		cli_client_init(&k, c);
		rc = cli_client_open(&k, err);
		url = k.url;
		*revision = (int)k.revision;
		cli_client_close(&k);
	}
	return rc == 0 ? http_url_parse(&o->url, str_of(url), err) : rc;
}

static int
options_make(struct cli *c, struct bench_options *o, struct err *err)
{
	int revision = c->protocol, rc;

	o->mode =
	    c->bench.mode >= 0 ? (enum bench_mode)c->bench.mode : BENCH_CALL;
	if (c->words.len > 0 && !is_url(c->words.items[0]))
		rc = command_options(c, o, err);
	else
		rc = server_find(c, o, &revision, err);
	if (rc < 0)
		return rc;
	if (revision < 0)
		revision = MCP_NEWEST_STATEFUL;
	o->revision = mcp_revision_name((enum mcp_revision)revision);
	o->stateless = mcp_revision_is_stateless((enum mcp_revision)revision);
	run_options(c, o);
	rc = bounds_check(o, err);
	return rc == 0 ? request_options(c, o, err) : rc;
}

/* A run with a wrong answer has no figures. */
static int
result_print(
    struct cli *c, const struct bench_options *o, const struct bench_result *r)
{
	struct buf out;
	int rc;

	buf_init(&out);
	if (r->errors > 0) {
		cli_bench_refusal(&out, r);
		rc = cli_failf(c,
		    r->faults[BENCH_CONNECT] > 0 ? CLI_UNREACHABLE : CLI_TOOL,
		    "%.*s", STR_FMT(buf_view(&out)));
	} else {
		if (c->json)
			cli_bench_json(&out, o, r);
		else
			cli_bench_table(&out, o, r);
		rc = cli_print(c, buf_view(&out));
	}
	buf_finish(&out);
	return rc;
}

int
cli_bench(struct cli *c)
{
	struct bench_options o = { .mode = BENCH_CALL };
	struct bench_result *r = arena_zalloc(&c->arena, sizeof *r);
	struct err err;
	int rc;

	if (r == NULL)
		return cli_failf(c, CLI_USAGE, "no memory");
	/* A server that ends is an error of the run, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	rc = options_make(c, &o, &err);
	if (rc == 0)
		rc = bench_run(&o, r, &err);
	if (rc < 0)
		return cli_fail(c, cli_client_exit(rc), &err);
	return result_print(c, &o, r);
}
