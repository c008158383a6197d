/* SPDX-License-Identifier: Apache-2.0 */
/* Uses every function of the host, and says by its answer what it saw. */
#include <math.h>

#include <toolpost/plugin.h>

static int failures;

static void
expect(struct tp_call *call, int truth, const char *what)
{
	if (truth)
		return;
	failures++;
	(void)tp_textf(call, "failed: %s", what);
}

static void
json_part(struct tp_call *call, const struct tp_host *h)
{
	const struct tp_json *args = h->args(call);
	const struct tp_json *list = h->json_get(args, "list");
	int64_t n = 0;

	expect(call, h->json_type(args) == TP_OBJECT, "args");
	expect(call, h->json_type(list) == TP_ARRAY, "list");
	expect(call, h->json_len(list) == 3, "len");
	expect(call, h->json_int(h->json_at(list, 0), &n) == TP_OK && n == 7,
	    "int");
	expect(call, h->json_int(h->json_at(list, 1), &n) == TP_EPARAMS,
	    "int of 1.5");
	expect(call, h->json_num(h->json_at(list, 1)) == 1.5, "num");
	expect(call,
	    h->json_type(h->json_at(list, 2)) == TP_BOOL
		&& h->json_num(h->json_at(list, 2)) == 1,
	    "bool");
	expect(call, h->json_type(h->json_at(list, 3)) == TP_NULL, "absent");
	expect(call, h->json_type(h->json_get(args, "none")) == TP_NULL,
	    "no member");
	expect(call, h->json_get(list, "x") == NULL, "get of a list");
	expect(call, h->json_at(args, 0) == NULL, "at of an object");
	expect(call, h->json_get(args, NULL) == NULL, "get of no key");
	expect(call, h->json_raw(list).len == 12, "raw");
	expect(call, tp_arg_str(call, "word", "").len == 3, "word");
}

static void
message_part(struct tp_call *call, const struct tp_host *h)
{
	struct tp_str who = tp_cstr("logger"), words = tp_cstr("words");

	expect(call, TP_HAS(h, message), "message is there");
	expect(call, h->message(call, -1, who, words, 0) == TP_EPARAMS,
	    "level too low");
	expect(call, h->message(call, 8, who, words, 0) == TP_EPARAMS,
	    "level too high");
	expect(call,
	    h->message(call, TP_MESSAGE_INFO, who, words, 2) == TP_EPARAMS,
	    "unknown flag");
	expect(call,
	    h->message(call, TP_MESSAGE_INFO, tp_cstr("\xff"), words, 0)
		== TP_EPARAMS,
	    "logger is not UTF-8");
	expect(call,
	    h->message(call, TP_MESSAGE_INFO, who, words, TP_MESSAGE_JSON)
		== TP_EPARAMS,
	    "message is not JSON");
	expect(call,
	    h->message(
		call, TP_MESSAGE_INFO, who, tp_cstr("[1]"), TP_MESSAGE_JSON)
		== TP_OK,
	    "message");
	expect(call, tp_tell(call, TP_MESSAGE_ERROR, NULL, words) == TP_OK,
	    "tell");
}

static void
answer_part(struct tp_call *call, const struct tp_host *h)
{
	struct tp_content c;

	memset(&c, 0, sizeof c);
	expect(call, h->content(call, NULL) == TP_EPARAMS, "no content");
	expect(call, h->content(call, &c) == TP_EPARAMS, "no size");
	c.size = sizeof c;
	expect(call, h->content(call, &c) == TP_EPARAMS, "no type");
	c.type = 99;
	expect(call, h->content(call, &c) == TP_EPARAMS, "odd type");
	c.type = TP_TEXT;
	c.data = tp_cstr("\xff");
	expect(call, h->content(call, &c) == TP_EPARAMS, "not UTF-8");
	c.type = TP_IMAGE;
	expect(call, h->content(call, &c) == TP_EPARAMS, "no mime");
	c.mime = tp_cstr("image/png");
	expect(call, h->content(call, &c) == TP_OK, "image");
	c.type = TP_LINK;
	c.data = tp_cstr("");
	expect(call, h->content(call, &c) == TP_EPARAMS, "no uri");
	c.type = TP_TEXT;
	c.role = 9;
	expect(call, h->content(call, &c) == TP_EPARAMS, "odd role");
	expect(
	    call, h->structured(call, tp_cstr("{")) == TP_EPARAMS, "not JSON");
	expect(call, h->structured(call, tp_cstr("{\"a\":1}")) == TP_OK,
	    "structured");
	expect(
	    call, h->progress(call, NAN, 0, tp_cstr("")) == TP_EPARAMS, "NaN");
	expect(call, h->progress(call, 1, 2, tp_cstr("half")) == TP_OK,
	    "progress");
	message_part(call, h);
	expect(call, h->on_cancel(call, NULL, NULL) == TP_EPARAMS, "no hook");
	expect(call, h->alloc(call, 0) != NULL, "alloc");
	expect(call, !h->cancelled(call), "cancelled");
	expect(call, h->deadline(call) > 0, "deadline");
	expect(call, h->name(call).len == 5, "name");
}

static void
input_part(struct tp_call *call, const struct tp_host *h)
{
	expect(call, h->input(call, NULL) == NULL, "no key");
	expect(call, h->input(call, "who") == NULL, "not asked");
	expect(call,
	    h->require(call, NULL, tp_cstr("m"), tp_cstr("")) == TP_EPARAMS,
	    "require without key");
	expect(call,
	    h->require(call, "who", tp_cstr(""), tp_cstr("")) == TP_EPARAMS,
	    "require without method");
	expect(call,
	    h->require(call, "who", tp_cstr("m"), tp_cstr("{")) == TP_EPARAMS,
	    "require with bad params");
	expect(call,
	    h->require(
		call, "who", tp_cstr("elicitation/create"), tp_cstr("[1]"))
		== TP_EPARAMS,
	    "require with a list");
	expect(call,
	    h->require(call, "who", tp_cstr("ping"), tp_cstr("{}"))
		== TP_EPARAMS,
	    "require of what nobody knows");
	expect(call,
	    h->require(call, "who", tp_cstr("roots/list"), tp_cstr(""))
		== TP_ENOTSUP,
	    "require of what this client cannot");
	expect(call, TP_HAS(h, set_state), "set_state is there");
	expect(call, tp_state(call).len == 0, "no state");
	expect(call, h->set_state(call, tp_cstr("s")) == TP_OK, "set_state");
	{
		static const char much[16 * 1024 + 1];
		struct tp_str bytes = { much, sizeof much };

		expect(call, h->set_state(call, bytes) == TP_ENOMEM,
		    "too much state");
		bytes.len--;
		expect(call, h->set_state(call, bytes) == TP_OK,
		    "as much state as there can be");
	}
	expect(call, tp_state(call).len == 0, "the state is for later");
}

static int
every(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;

	(void)state;
	failures = 0;
	json_part(call, h);
	answer_part(call, h);
	input_part(call, h);
	if (failures == 0)
		(void)tp_text(call, tp_cstr("all right"));
	return failures == 0 ? TP_OK
			     : h->fail(call, TP_EFAIL, tp_cstr("see above"));
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	(void)config;
	(void)previous;
	(void)state;
	p->host->log(p, 99, tp_cstr("a level nobody knows"));
	p->host->changed(p, 99, tp_cstr("nothing"));
	p->host->changed(p, TP_KIND_TOOL, tp_cstr("not a resource"));
	return p->host->extension(p, "tp.none/1") == NULL ? TP_OK : TP_EFAIL;
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("every", every, TP_NONBLOCKING),
};

TP_PLUGIN_STATE("sample", "1.0.0", entries, 0, load, NULL, NULL);
