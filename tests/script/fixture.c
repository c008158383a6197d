/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin fx: entries that show a test what the server does with a call. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <toolpost/ext/complete.h>
#include <toolpost/ext/draft/task.h>
#include <toolpost/ext/stream.h>
#include <toolpost/plugin.h>

static const char pixel[] = "\x89PNG\r\n\x1a\n\0\xff";

static struct tp_str
pixel_bytes(void)
{
	struct tp_str v = { pixel, sizeof pixel - 1 };

	return v;
}

static int
blocks(struct tp_call *call, void *state)
{
	int rc = tp_text(call, tp_cstr("a text"));

	(void)state;
	if (rc == TP_OK)
		rc = tp_image(call, pixel_bytes(), "image/png");
	if (rc == TP_OK)
		rc = tp_audio(call, pixel_bytes(), "audio/wav");
	if (rc == TP_OK)
		rc = tp_link(
		    call, tp_cstr("fx://text"), tp_cstr("text"), "text/plain");
	if (rc == TP_OK)
		rc = tp_embed(call, tp_cstr("fx://text"), "text/plain",
		    tp_cstr("inside"), 0);
	if (rc == TP_OK)
		rc = tp_embed(call, tp_cstr("fx://binary"),
		    "application/octet-stream", pixel_bytes(), TP_BINARY);
	return rc;
}

static int
nothing(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	return TP_OK;
}

static int
object(struct tp_call *call, void *state)
{
	(void)state;
	return call->host->structured(
	    call, tp_cstr("{\"n\":1,\"u\":\"\\u00fc\"}"));
}

static int
object_and_text(struct tp_call *call, void *state)
{
	int rc = object(call, state);

	return rc == TP_OK ? tp_text(call, tp_cstr("one")) : rc;
}

static int
array(struct tp_call *call, void *state)
{
	(void)state;
	return call->host->structured(call, tp_cstr("[1,2,3]"));
}

static int
not_json(struct tp_call *call, void *state)
{
	(void)state;
	return call->host->structured(call, tp_cstr("{\"n\":}"));
}

static int
not_utf8(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call,
	    tp_cstr("a\xff"
		    "b"));
}

static int
controls(struct tp_call *call, void *state)
{
	struct tp_str v = { "a\nb\r\nc\t\"\\\x01\x7f\xe2\x80\xa8\0z", 16 };

	(void)state;
	return tp_text(call, v);
}

static int
print(struct tp_call *call, void *state)
{
	(void)state;
	(void)printf("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
	(void)fflush(stdout);
	if (write(STDOUT_FILENO, "noise\n", 6) != 6)
		return TP_EFAIL;
	return tp_text(call, tp_cstr("printed"));
}

static int
fail(struct tp_call *call, void *state)
{
	struct tp_str text = tp_arg_str(call, "text", "");

	(void)state;
	return tp_failf(call, (int)tp_arg_int(call, "status", TP_EFAIL), "%.*s",
	    TP_FMT(text));
}

static int
progress(struct tp_call *call, void *state)
{
	static const double steps[] = { 1, 2, 1.5, 2, 2.5, -1, 3 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
		(void)tp_progress(call, steps[i], 3, "going on");
	return tp_text(call, tp_cstr("done"));
}

/* One message of each level, then one of JSON. */
static int
tell(struct tp_call *call, void *state)
{
	int level, rc = TP_OK;

	(void)state;
	for (level = TP_MESSAGE_DEBUG; level <= TP_MESSAGE_EMERGENCY; level++)
		rc |= tp_tell(call, (enum tp_message_level)level,
		    level % 2 == 0 ? "fx" : NULL, tp_cstr("a\nb"));
	rc |= tp_tell_json(call, TP_MESSAGE_EMERGENCY, "json",
	    tp_cstr("{\n\"a\": [1,\r\n\"\\n\"]}"));
	return rc == TP_OK ? tp_text(call, tp_cstr("told")) : TP_EFAIL;
}

static int
gate_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void
gate_say(int fd, const char *what)
{
	ssize_t n = send(fd, what, strlen(what), MSG_NOSIGNAL);

	(void)n; /* the test may have gone */
}

static const char *
let_go(struct tp_call *call, void *state)
{
	struct tp_plugin *self = (struct tp_plugin *)state;
	const struct tp_stream *s = tp_stream_of(self);

	if (s == NULL)
		return "nothing\n";
	return s->release(call, 100) == TP_OK ? "released\n" : "unreleased\n";
}

static int
large(struct tp_call *call)
{
	size_t size = 256 * 1024;
	char *bytes = (char *)call->host->alloc(call, size);
	struct tp_str text = { bytes, size };

	if (bytes == NULL)
		return TP_ENOMEM;
	memset(bytes, 'x', size);
	return tp_text(call, text);
}

/* Says that it has begun, then waits for a byte: g go on, p report progress,
 * m send a message, r let go of the stream, b go on with a large answer, f
 * fail.  Says when it was cancelled. */
static int
hold(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "gate", "");
	char path[108];
	int stubborn = tp_arg_bool(call, "stubborn", 0), told = 0;
	double step = 0;
	int fd, rc = TP_PENDING;

	(void)snprintf(path, sizeof path, "%.*s", TP_FMT(name));
	fd = gate_open(path);
	if (fd < 0)
		return tp_fail(call, TP_EFAIL, "no gate");
	gate_say(fd, "started\n");
	while (rc == TP_PENDING) {
		struct pollfd p = { fd, POLLIN, 0 };
		char c = 'g';

		if (tp_cancelled(call) && !told) {
			gate_say(fd, "cancelled\n");
			told = 1;
			rc = stubborn ? TP_PENDING : TP_ECANCELLED;
		} else if (poll(&p, 1, 5) > 0) {
			if (recv(fd, &c, 1, 0) <= 0)
				c = 'f';
			if (c == 'm') {
				rc = tp_tell(call, TP_MESSAGE_NOTICE, "held",
				    tp_cstr("m"));
				gate_say(
				    fd, rc == TP_OK ? "told\n" : "untold\n");
				rc = TP_PENDING;
			} else if (c == 'p') {
				rc = tp_progress(call, ++step, 0, "held");
				gate_say(
				    fd, rc == TP_OK ? "told\n" : "untold\n");
				rc = TP_PENDING;
			} else if (c == 'r') {
				gate_say(fd, let_go(call, state));
			} else {
				rc = c == 'b' ? large(call) : TP_OK;
				rc = c == 'f' ? TP_EFAIL : rc;
			}
		}
	}
	if (rc == TP_OK) {
		rc = tp_text(call, tp_cstr("held"));
		gate_say(fd, "done\n");
	}
	(void)close(fd);
	return rc;
}

static int
mirrored(struct tp_call *call, void *state)
{
	struct tp_str args = call->host->json_raw(call->host->args(call));

	(void)state;
	return tp_text(call, args);
}

/* A member of v as a C string, cut. */
static const char *
member(const struct tp_host *h, const struct tp_json *v, const char *key,
    char *out, size_t size)
{
	struct tp_str s = h->json_str(h->json_get(v, key));

	(void)snprintf(out, size, "%.*s", TP_FMT(s));
	return out;
}

/* Asks for what a round lacks. */
static int
ask_round(struct tp_call *call, const struct tp_json *round)
{
	const struct tp_host *h = call->host;
	int rc = TP_OK;
	size_t i;

	for (i = 0; i < h->json_len(round); i++) {
		const struct tp_json *q = h->json_at(round, i);
		char key[64], method[64];
		int one;

		(void)member(h, q, "key", key, sizeof key);
		if (h->input(call, key) != NULL)
			continue;
		one = tp_ask(call, key,
		    member(h, q, "method", method, sizeof method),
		    h->json_raw(h->json_get(q, "params")));
		if (one == TP_ENOTSUP && rc != TP_INPUT)
			rc = one;
		else if (one != TP_ENOTSUP && rc != TP_ENOTSUP)
			rc = one;
	}
	return rc;
}

/* rounds: [[{key, method, params}, ..], ..], one after the other; keep: also
 * with a state.  Answers with all that it was told. */
static int
ask(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	const struct tp_json *rounds = h->json_get(h->args(call), "rounds");
	struct tp_str kept = tp_state(call);
	size_t i, k;

	(void)state;
	for (i = 0; i < h->json_len(rounds); i++) {
		int rc = ask_round(call, h->json_at(rounds, i));

		if (rc == TP_INPUT && tp_arg_bool(call, "keep", 0))
			(void)tp_set_state(
			    call, tp_format(call, "%.*s%zu", TP_FMT(kept), i));
		if (rc != TP_OK)
			return rc;
	}
	for (i = 0; i < h->json_len(rounds); i++)
		for (k = 0; k < h->json_len(h->json_at(rounds, i)); k++) {
			char key[64];
			struct tp_str raw = h->json_raw(h->input(call,
			    member(h, h->json_at(h->json_at(rounds, i), k),
				"key", key, sizeof key)));

			(void)tp_textf(call, "%s=%.*s", key, TP_FMT(raw));
		}
	return tp_textf(call, "state=%.*s", TP_FMT(kept));
}

/* Ready when it has been called three times. */
static int
later(struct tp_call *call, void *state)
{
	struct tp_str kept = tp_state(call);

	(void)state;
	if (kept.len == 2)
		return tp_text(call, tp_cstr("ready"));
	if (tp_set_state(call, tp_format(call, "%.*sx", TP_FMT(kept))) != TP_OK)
		return TP_EFAIL;
	return TP_INPUT;
}

static int
ask_roots(struct tp_call *call, void *state)
{
	const struct tp_json *v = call->host->input(call, "where");

	(void)state;
	if (v == NULL)
		return tp_ask(call, "where", "roots/list", tp_cstr(NULL));
	return tp_text(call, call->host->json_raw(v));
}

static int
ask_model(struct tp_call *call, void *state)
{
	const struct tp_json *v = call->host->input(call, "gist");

	(void)state;
	if (v == NULL)
		return tp_ask(call, "gist", "sampling/createMessage",
		    tp_cstr("{\n\"messages\":[],\r\n\"maxTokens\":1}"));
	return tp_message(call, TP_USER, call->host->json_raw(v));
}

static int
text(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("the text"));
}

static int
binary(struct tp_call *call, void *state)
{
	(void)state;
	return tp_bytes(call, pixel_bytes(), NULL);
}

static int
several(struct tp_call *call, void *state)
{
	struct tp_content c = tp_block(TP_TEXT, tp_cstr("one"));
	int rc;

	(void)state;
	c.uri = tp_cstr("fx://several/1");
	c.mime = tp_cstr("text/plain");
	rc = call->host->content(call, &c);
	c.uri = tp_cstr("fx://several/2");
	c.data = tp_cstr("two");
	return rc == TP_OK ? call->host->content(call, &c) : rc;
}

static int
broken(struct tp_call *call, void *state)
{
	(void)state;
	return tp_fail(call, TP_EFAIL, "cannot be read now");
}

static int
absent(struct tp_call *call, void *state)
{
	(void)state;
	return tp_fail(call, TP_ENOTFOUND, "no such thing");
}

static int
item(struct tp_call *call, void *state)
{
	struct tp_str id = tp_arg_str(call, "id", "?");

	(void)state;
	if (id.len == 4 && memcmp(id.ptr, "none", 4) == 0)
		return tp_fail(call, TP_ENOTFOUND, "no such item");
	return tp_textf(call, "item %.*s", TP_FMT(id));
}

static int
said(struct tp_call *call, void *state)
{
	struct tp_str word = tp_arg_str(call, "word", "nothing");
	int rc = tp_message(call, TP_USER, word);

	(void)state;
	return rc == TP_OK ? tp_message(call, TP_ASSISTANT, tp_cstr("I see"))
			   : rc;
}

static int
add(struct tp_call *call, struct tp_content c, uint32_t role)
{
	c.role = role;
	return call->host->content(call, &c);
}

static int
said_blocks(struct tp_call *call, void *state)
{
	struct tp_content c = tp_block(TP_IMAGE, pixel_bytes());
	int rc;

	(void)state;
	c.mime = tp_cstr("image/png");
	rc = add(call, c, TP_USER);
	c = tp_block(TP_AUDIO, pixel_bytes());
	c.mime = tp_cstr("audio/wav");
	rc |= add(call, c, TP_ASSISTANT);
	c = tp_block(TP_LINK, tp_cstr(NULL));
	c.uri = tp_cstr("fx://text");
	c.name = tp_cstr("text");
	rc |= add(call, c, TP_USER);
	c = tp_block(TP_EMBED, tp_cstr("inside"));
	c.uri = tp_cstr("fx://text");
	c.mime = tp_cstr("text/plain");
	rc |= add(call, c, TP_USER);
	return rc;
}

/* What it was asked first, then as many values as the value says; "fail",
 * "bad", "none", "input" and "binary" end otherwise. */
static int
complete(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	struct tp_str typed = h->json_str(
	    h->json_get(h->json_get(h->args(call), "argument"), "value"));
	char what[16];
	long i, n;
	int rc;

	(void)state;
	(void)snprintf(what, sizeof what, "%.*s", TP_FMT(typed));
	if (strcmp(what, "fail") == 0)
		return tp_fail(call, TP_EFAIL, "cannot complete now");
	if (strcmp(what, "bad") == 0)
		return tp_fail(call, TP_EPARAMS, "not a value");
	if (strcmp(what, "none") == 0)
		return tp_fail(call, TP_ENOTFOUND, "nothing");
	if (strcmp(what, "input") == 0) {
		rc =
		    h->require(call, "k", tp_cstr("roots/list"), tp_cstr("{}"));
		return rc == TP_OK ? TP_INPUT : rc;
	}
	if (strcmp(what, "binary") == 0)
		return tp_bytes(call, pixel_bytes(), NULL);
	rc = tp_textf(call, "%.*s %.*s", TP_FMT(h->name(call)),
	    TP_FMT(h->json_raw(h->args(call))));
	n = strtol(what, NULL, 10);
	for (i = 1; i < n && rc == TP_OK; i++)
		rc = tp_textf(call, "value %ld", i);
	return rc;
}

static const struct tp_complete completer = { sizeof completer, 0, complete };

static const struct tp_offer offers[] = { { TP_EXT_COMPLETE, &completer } };

/* state is the plugin's handle. */
static int
task_begin(struct tp_call *call, void *state)
{
	int begun = tp_task_begin(state, call, "first");
	int said = tp_task_status(state, call, "second");

	return tp_textf(call, "begin %d, status %d", begun, said);
}

#define WHO_FORM \
	"{\"message\":\"Who?\",\"requestedSchema\":{\"type\":\"object\"," \
	"\"properties\":{\"name\":{\"type\":\"string\"}}}}"

static int
task_status(struct tp_call *call, void *state)
{
	(void)tp_task_status(state, call, "half done");
	return tp_ask(call, "who", "elicitation/create", tp_cstr(WHO_FORM));
}

static int
task_ask(struct tp_call *call, void *state)
{
	static const char marks[] = "................................";
	struct tp_str done = tp_state(call);
	long long times = (long long)tp_arg_int(call, "times", 1);

	(void)state;
	if ((long long)done.len >= times || done.len + 1 >= sizeof marks)
		return tp_textf(call, "asked %zu times", done.len);
	done.ptr = marks;
	done.len++;
	(void)tp_set_state(call, done);
	return tp_ask(call, "who", "elicitation/create", tp_cstr(WHO_FORM));
}

static int
load(struct tp_plugin *self, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	(void)config;
	(void)previous;
	*state = self;
	return TP_OK;
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("fx_blocks", blocks, TP_NONBLOCKING),
	TP_TOOL("fx_nothing", nothing),
	TP_TOOL("fx_object", object),
	TP_TOOL("fx_object_and_text", object_and_text),
	TP_TOOL_FLAGS("fx_array", array, TP_NONBLOCKING),
	TP_TOOL("fx_wrong", array),
	TP_TOOL("fx_missing", nothing),
	TP_TOOL("fx_not_json", not_json),
	TP_TOOL("fx_not_utf8", not_utf8),
	TP_TOOL("fx_controls", controls),
	TP_TOOL("fx_print", print),
	TP_TOOL("fx_fail", fail),
	TP_TOOL("fx_progress", progress),
	TP_TOOL("fx_tell", tell),
	TP_TOOL_FLAGS("fx_tell_quick", tell, TP_NONBLOCKING),
	TP_TOOL("fx_hold", hold),
	TP_TOOL_FLAGS("fx_turn", hold, TP_SERIAL),
	TP_TOOL("fx_deadline", hold),
	TP_TOOL("fx_again", hold),
	TP_TOOL("fx_one", hold),
	TP_TOOL("fx_mirrored", mirrored),
	TP_TOOL("fx_schema", mirrored),
	TP_TOOL("fx_ask", ask),
	TP_TOOL_FLAGS("fx_ask_quick", ask, TP_NONBLOCKING),
	TP_TOOL("fx_task_begin", task_begin),
	TP_TOOL_FLAGS("fx_task_begin_quick", task_begin, TP_NONBLOCKING),
	TP_TOOL("fx_task_status", task_status),
	TP_TOOL_FLAGS("fx_task_ask", task_ask, TP_NONBLOCKING),
	TP_TOOL_FLAGS("fx_later", later, TP_NONBLOCKING),
	TP_RESOURCE("fx://asked/{id}", ask_roots),
	TP_PROMPT("fx_asked", ask_model),
	TP_RESOURCE("fx://text", text),
	TP_RESOURCE_FLAGS("fx://binary", binary, TP_NONBLOCKING),
	TP_RESOURCE("fx://several", several),
	TP_RESOURCE("fx://broken", broken),
	TP_RESOURCE("fx://absent", absent),
	TP_RESOURCE("fx://it%20em", text),
	TP_RESOURCE("fx://item/{id}", item),
	TP_PROMPT("fx_said", said),
	TP_PROMPT("fx_said_blocks", said_blocks),
	TP_PROMPT("fx_said_broken", broken),
};

TP_PLUGIN_OFFERS("fx", "1.0.0", entries, offers, 0, load, NULL, NULL);
