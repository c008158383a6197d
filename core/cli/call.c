/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost call": one tool, one resource or one prompt. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/result.h"

#define ARGS_MAX ((size_t)16 * 1024 * 1024)
#define NAMES_MAX 1024 /* that can be near */

/* What a call needs to know of the tool. */
struct definition {
	struct cli *c;
	struct str name;
	struct str schema; /* in the arena; empty: the tool was not found */
	const char *names[NAMES_MAX];
	size_t len;
};

static int
definition_take(void *arg, const struct json_node *tool)
{
	struct definition *d = arg;
	struct str name = json_str(json_get(tool, S("name")));

	if (str_equal(name, d->name)) {
		d->schema = arena_dup(
		    &d->c->arena, json_raw(json_get(tool, S("inputSchema"))));
		if (d->schema.len == 0)
			d->schema = S("{}");
		return 1;
	}
	if (d->len < NAMES_MAX)
		d->names[d->len++] = arena_dup(&d->c->arena, name).ptr;
	return 0;
}

static int
definition_find(struct cli_client *k, struct definition *d, struct err *err)
{
	const char *near;
	int rc;

	rc = cli_client_each(
	    k, S("tools/list"), S("tools"), definition_take, d, err);
	if (rc < 0)
		return rc;
	if (d->c->arena.failed)
		return err_set(err, ERR_NOMEM, "no memory");
	if (d->schema.len > 0)
		return 0;
	near = str_nearest(d->name, d->names, d->len);
	if (near != NULL)
		return err_set(err, ERR_PARAMS,
		    "no tool \"%.*s\" (did you mean \"%s\"?)", STR_FMT(d->name),
		    near);
	return err_set(err, ERR_PARAMS,
	    "no tool \"%.*s\": see \"toolpost list\"", STR_FMT(d->name));
}

static int
file_all(int fd, struct buf *out)
{
	ssize_t n;

	while (out->len < ARGS_MAX) {
		if (buf_reserve(out, 65536) < 0)
			return ENOMEM;
		n = read(fd, out->ptr + out->len, 65536);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
	}
	return EFBIG;
}

/* --args: JSON, @FILE or -. */
static int
base_read(const struct cli *c, struct buf *out, struct err *err)
{
	const char *args = c->args;
	int fd = STDIN_FILENO, problem;

	if (args == NULL)
		return 0;
	if (args[0] != '@' && strcmp(args, "-") != 0) {
		buf_cstr(out, args);
		return out->failed ? ERR_NOMEM : 0;
	}
	if (args[0] == '@') {
		fd = open(args + 1, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set_errno(
			    err, ERR_PARAMS, errno, "%s", args + 1);
	}
	problem = file_all(fd, out);
	if (args[0] == '@')
		(void)close(fd); /* it was only read */
	if (problem != 0)
		return err_set_errno(
		    err, ERR_PARAMS, problem, "--args %s", args);
	if (out->len == 0)
		return err_set(err, ERR_PARAMS, "--args %s: empty", args);
	return 0;
}

/* Members "name" and "arguments", and the fields that repeat some. */
static int
tool_send(struct cli_client *k, const struct definition *d, struct str args,
    const struct json_node *schema, struct cli_answer *a, struct err *err)
{
	struct http_header headers[CLI_PARAM_HEADERS_MAX];
	struct cli_request r = { .method = S("tools/call"), .name = d->name };
	struct json_doc doc;
	struct buf params;
	int rc;

	json_doc_init(&doc);
	buf_init(&params);
	rc = json_parse(&doc, args, JSON_PROTOCOL);
	if (rc < 0) {
		rc = err_set(err, ERR_PARAMS, "the arguments are too large");
		goto out;
	}
	BUF_LIT(&params, "\"name\":");
	buf_json(&params, d->name);
	BUF_LIT(&params, ",\"arguments\":");
	buf_str(&params, args);
	r.params = buf_view(&params);
	r.headers = headers;
	r.headers_len = cli_param_headers(
	    schema, doc.nodes, &k->cli->arena, headers, CLI_PARAM_HEADERS_MAX);
	rc = cli_client_send(k, &r, a, err);
out:
	buf_finish(&params);
	json_doc_finish(&doc);
	return rc;
}

static int
tool_call(struct cli_client *k, struct cli_answer *a, struct err *err)
{
	struct cli *c = k->cli;
	struct cli_strs words = { c->words.items + 1, c->words.len - 1 };
	struct definition *d = arena_zalloc(&c->arena, sizeof *d);
	struct json_doc schema;
	struct buf base, args;
	int rc;

	if (d == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	d->c = c;
	d->name = str_of(c->words.items[0]);
	json_doc_init(&schema);
	buf_init(&base);
	buf_init(&args);
	rc = definition_find(k, d, err);
	if (rc == 0)
		rc = base_read(c, &base, err);
	if (rc == 0 && json_parse(&schema, d->schema, JSON_PROTOCOL) < 0)
		rc = err_set(err, ERR_STATE, "the tool's schema is malformed");
	if (rc == 0)
		rc = cli_arguments(
		    &words, buf_view(&base), schema.nodes, &args, err);
	if (rc == 0)
		rc = tool_send(k, d, buf_view(&args), schema.nodes, a, err);
	buf_finish(&args);
	buf_finish(&base);
	json_doc_finish(&schema);
	return rc;
}

static int
resource_read(struct cli_client *k, struct cli_answer *a, struct err *err)
{
	struct cli_request r = {
		.method = S("resources/read"),
		.name = str_of(k->cli->resource),
	};
	struct buf params;
	int rc;

	buf_init(&params);
	BUF_LIT(&params, "\"uri\":");
	buf_json(&params, r.name);
	r.params = buf_view(&params);
	rc = cli_client_send(k, &r, a, err);
	buf_finish(&params);
	return rc;
}

static int
prompt_get(struct cli_client *k, struct cli_answer *a, struct err *err)
{
	struct cli_request r = {
		.method = S("prompts/get"),
		.name = str_of(k->cli->prompt),
	};
	struct buf params, base;
	int rc;

	buf_init(&params);
	buf_init(&base);
	BUF_LIT(&params, "\"name\":");
	buf_json(&params, r.name);
	BUF_LIT(&params, ",\"arguments\":");
	rc = base_read(k->cli, &base, err);
	if (rc == 0)
		rc = cli_arguments(
		    &k->cli->words, buf_view(&base), NULL, &params, err);
	r.params = buf_view(&params);
	if (rc == 0)
		rc = cli_client_send(k, &r, a, err);
	buf_finish(&base);
	buf_finish(&params);
	return rc;
}

static int
usage_check(const struct cli *c, struct err *err)
{
	if (c->resource != NULL && c->prompt != NULL)
		return err_set(err, ERR_SYNTAX,
		    "--resource and --prompt exclude each other");
	if (c->resource != NULL && c->words.len > 0)
		return err_set(
		    err, ERR_SYNTAX, "a resource takes no arguments");
	if (c->resource == NULL && c->prompt == NULL && c->words.len == 0)
		return err_set(err, ERR_SYNTAX,
		    "something is missing: toolpost call TOOL [name=value]...");
	if (c->resource == NULL && c->prompt == NULL
	    && str_find(str_of(c->words.items[0]), '=')
		< strlen(c->words.items[0]))
		return err_set(err, ERR_SYNTAX,
		    "the tool's name comes first, then \"%s\"",
		    c->words.items[0]);
	return 0;
}

/* The server's words, behind what they are about. */
static void
subject_add(const struct cli *c, struct err *err)
{
	const struct err said = *err;
	const char *subject = c->resource != NULL ? c->resource
	    : c->prompt != NULL                   ? c->prompt
						  : c->words.items[0];

	(void)err_set(err, said.code, "%s: %s", subject, said.text); /* cut */
}

/* Without a session a closed connection says that we have gone. */
static int
request_send(struct cli_client *k, struct cli_answer *a, struct err *err)
{
	bool session = !mcp_revision_is_stateless(k->revision);
	int fd = session ? cli_interrupt_begin() : -1;
	int rc;

	http_client_wake_set(k->http, fd);
	if (k->cli->resource != NULL)
		rc = resource_read(k, a, err);
	else if (k->cli->prompt != NULL)
		rc = prompt_get(k, a, err);
	else
		rc = tool_call(k, a, err);
	http_client_wake_set(k->http, -1);
	if (rc == ERR_CANCELLED) {
		cli_client_cancel(k);
		cli_client_close(k);
	}
	cli_interrupt_end(fd); /* may not return */
	return rc;
}

int
cli_call(struct cli *c)
{
	struct cli_client k;
	struct cli_answer a;
	struct err err;
	int rc;

	cli_client_init(&k, c);
	cli_answer_init(&a);
	rc = usage_check(c, &err);
	if (rc == 0)
		rc = cli_client_open(&k, &err);
	if (rc == 0)
		rc = request_send(&k, &a, &err);
	if (rc < 0 && a.error != NULL)
		subject_add(c, &err);
	if (rc < 0)
		rc = cli_fail(c, cli_client_exit(rc), &err);
	else
		rc = cli_result_print(c, a.result);
	cli_client_close(&k);
	cli_answer_finish(&a);
	return rc;
}
