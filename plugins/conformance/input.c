/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that ask the client in the middle.  Each runs again with the
 * answers that have come; an answer that makes no sense is asked for again,
 * because it may never count as one. */
#include "conformance.h"

#define ELICIT "elicitation/create"
#define SAMPLE "sampling/createMessage"
#define ROOTS "roots/list"

#define ASK_NAME \
	"{\"message\":\"What is your name?\"," \
	"\"requestedSchema\":{\"type\":\"object\",\"properties\":" \
	"{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}}"

#define ASK_MODEL(text_, tokens_) \
	"{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\"," \
	"\"text\":\"" text_ "\"}}],\"maxTokens\":" tokens_ "}"

static int
ask(struct tp_call *call, const char *key, const char *method,
    const char *params)
{
	return tp_ask(call, key, method, tp_cstr(params));
}

/* Beside a question: the next round knows that it was asked. */
static int
remember(struct tp_call *call, int rc, const char *what)
{
	int kept = rc == TP_INPUT ? tp_set_state(call, tp_cstr(what)) : TP_OK;

	return kept == TP_OK ? rc : kept;
}

static int
remembers(const struct tp_call *call, const char *what)
{
	struct tp_str state = tp_state(call);

	return state.len == strlen(what)
	    && memcmp(state.ptr, what, state.len) == 0;
}

/* What the person did with a form: NULL, "accept", "decline" or "cancel". */
static const char *
form_action(struct tp_call *call, const char *key)
{
	static const char *const actions[] = { "accept", "decline", "cancel" };
	const struct tp_host *h = call->host;
	struct tp_str action =
	    h->json_str(h->json_get(h->input(call, key), "action"));
	size_t i;

	for (i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (action.len == strlen(actions[i])
		    && memcmp(action.ptr, actions[i], action.len) == 0)
			return actions[i];
	return NULL;
}

static const struct tp_json *
form_field(struct tp_call *call, const char *key, const char *field)
{
	const struct tp_host *h = call->host;

	return h->json_get(h->json_get(h->input(call, key), "content"), field);
}

int
form_string(struct tp_call *call, const char *key, const char *params,
    const char *field, struct tp_str *out)
{
	const struct tp_host *h = call->host;
	const char *action = form_action(call, key);
	const struct tp_json *v;

	if (action == NULL)
		return ask(call, key, ELICIT, params);
	if (strcmp(action, "accept") != 0)
		return TP_ENOTFOUND;
	v = form_field(call, key, field);
	if (h->json_type(v) != TP_STRING)
		return ask(call, key, ELICIT, params);
	*out = h->json_str(v);
	return TP_OK;
}

int
declined(struct tp_call *call)
{
	return tp_text(call, tp_cstr("The user did not answer."));
}

/* The text that a model wrote; a list of blocks gives its first text. */
static int
sampled_text(struct tp_call *call, const char *key, struct tp_str *out)
{
	const struct tp_host *h = call->host;
	const struct tp_json *content =
	    h->json_get(h->input(call, key), "content");
	const struct tp_json *text;

	if (h->json_type(content) == TP_ARRAY)
		content = h->json_at(content, 0);
	text = h->json_get(content, "text");
	if (h->json_type(text) != TP_STRING)
		return 0;
	*out = h->json_str(text);
	return 1;
}

static const struct tp_json *
roots_of(struct tp_call *call, const char *key)
{
	const struct tp_host *h = call->host;
	const struct tp_json *roots = h->json_get(h->input(call, key), "roots");

	return h->json_type(roots) == TP_ARRAY ? roots : NULL;
}

int
test_sampling(struct tp_call *call, void *state)
{
	struct tp_json_text w = tp_json_begin(call);
	struct tp_str text;

	(void)state;
	if (sampled_text(call, "sample", &text))
		return tp_textf(call, "LLM response: %.*s", TP_FMT(text));
	tp_json_open(&w, NULL, '{');
	tp_json_open(&w, "messages", '[');
	tp_json_open(&w, NULL, '{');
	tp_json_put_str(&w, "role", tp_cstr("user"));
	tp_json_open(&w, "content", '{');
	tp_json_put_str(&w, "type", tp_cstr("text"));
	tp_json_put_str(&w, "text", tp_arg_str(call, "prompt", ""));
	tp_json_close(&w, '}');
	tp_json_close(&w, '}');
	tp_json_close(&w, ']');
	tp_json_put_int(&w, "maxTokens", 100);
	tp_json_close(&w, '}');
	if (w.status != TP_OK)
		return w.status;
	return tp_ask(call, "sample", SAMPLE, tp_json_str(&w));
}

static int
form_report(struct tp_call *call, const char *before, const char *action)
{
	const struct tp_host *h = call->host;
	const struct tp_json *content =
	    h->json_get(h->input(call, "form"), "content");
	struct tp_str raw =
	    content != NULL ? h->json_raw(content) : tp_cstr("{}");

	return tp_textf(
	    call, "%saction=%s, content=%.*s", before, action, TP_FMT(raw));
}

int
test_elicitation(struct tp_call *call, void *state)
{
	struct tp_json_text w = tp_json_begin(call);
	const char *action = form_action(call, "form");

	(void)state;
	if (action != NULL)
		return form_report(call, "User response: ", action);
	tp_json_open(&w, NULL, '{');
	tp_json_put_str(&w, "message", tp_arg_str(call, "message", ""));
	tp_json_put_raw(&w, "requestedSchema",
	    tp_cstr("{\"type\":\"object\",\"properties\":{"
		    "\"username\":{\"type\":\"string\","
		    "\"description\":\"User's response\"},"
		    "\"email\":{\"type\":\"string\","
		    "\"description\":\"User's email address\"}},"
		    "\"required\":[\"username\",\"email\"]}"));
	tp_json_close(&w, '}');
	if (w.status != TP_OK)
		return w.status;
	return tp_ask(call, "form", ELICIT, tp_json_str(&w));
}

static int
form_or_report(struct tp_call *call, const char *params)
{
	const char *action = form_action(call, "form");

	if (action == NULL)
		return ask(call, "form", ELICIT, params);
	return form_report(call, "Elicitation completed: ", action);
}

int
test_elicitation_sep1034_defaults(struct tp_call *call, void *state)
{
	(void)state;
	return form_or_report(call,
	    "{\"message\":\"Please review the defaults\","
	    "\"requestedSchema\":{\"type\":\"object\",\"properties\":{"
	    "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
	    "\"age\":{\"type\":\"integer\",\"default\":30},"
	    "\"score\":{\"type\":\"number\",\"default\":95.5},"
	    "\"status\":{\"type\":\"string\","
	    "\"enum\":[\"active\",\"inactive\",\"pending\"],"
	    "\"default\":\"active\"},"
	    "\"verified\":{\"type\":\"boolean\",\"default\":true}}}}");
}

int
test_elicitation_sep1330_enums(struct tp_call *call, void *state)
{
	(void)state;
	return form_or_report(call,
	    "{\"message\":\"Please choose\",\"requestedSchema\":{"
	    "\"type\":\"object\",\"properties\":{"
	    "\"untitledSingle\":{\"type\":\"string\","
	    "\"enum\":[\"option1\",\"option2\",\"option3\"]},"
	    "\"titledSingle\":{\"type\":\"string\",\"oneOf\":["
	    "{\"const\":\"value1\",\"title\":\"First Option\"},"
	    "{\"const\":\"value2\",\"title\":\"Second Option\"},"
	    "{\"const\":\"value3\",\"title\":\"Third Option\"}]},"
	    "\"legacyEnum\":{\"type\":\"string\","
	    "\"enum\":[\"opt1\",\"opt2\",\"opt3\"],"
	    "\"enumNames\":[\"Option One\",\"Option Two\",\"Option Three\"]},"
	    "\"untitledMulti\":{\"type\":\"array\",\"items\":{"
	    "\"type\":\"string\","
	    "\"enum\":[\"option1\",\"option2\",\"option3\"]}},"
	    "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":["
	    "{\"const\":\"value1\",\"title\":\"First Choice\"},"
	    "{\"const\":\"value2\",\"title\":\"Second Choice\"},"
	    "{\"const\":\"value3\",\"title\":\"Third Choice\"}]}}}}}");
}

int
test_missing_capability(struct tp_call *call, void *state)
{
	struct tp_str text;

	(void)state;
	if (sampled_text(call, "sample", &text))
		return tp_text(call, text);
	return ask(call, "sample", SAMPLE, ASK_MODEL("Say hello", "100"));
}

int
input_elicitation(struct tp_call *call, void *state)
{
	struct tp_str name;
	int rc = form_string(call, "user_name", ASK_NAME, "name", &name);

	(void)state;
	if (rc == TP_ENOTFOUND)
		return declined(call);
	if (rc != TP_OK)
		return rc;
	return tp_textf(call, "Hello, %.*s!", TP_FMT(name));
}

int
input_sampling(struct tp_call *call, void *state)
{
	struct tp_str text;

	(void)state;
	if (sampled_text(call, "capital_question", &text))
		return tp_textf(call, "The model says: %.*s", TP_FMT(text));
	return ask(call, "capital_question", SAMPLE,
	    ASK_MODEL("What is the capital of France?", "100"));
}

int
input_list_roots(struct tp_call *call, void *state)
{
	const struct tp_json *roots = roots_of(call, "client_roots");
	struct tp_str raw;

	(void)state;
	if (roots == NULL)
		return ask(call, "client_roots", ROOTS, "{}");
	raw = call->host->json_raw(roots);
	return tp_textf(call, "Client roots: %.*s", TP_FMT(raw));
}

/* Also for a state that was tampered with: the host refuses that one before
 * it runs anything. */
int
input_request_state(struct tp_call *call, void *state)
{
	static const char params[] =
	    "{\"message\":\"Please confirm\","
	    "\"requestedSchema\":{\"type\":\"object\",\"properties\":"
	    "{\"ok\":{\"type\":\"boolean\"}},\"required\":[\"ok\"]}}";
	const char *action = form_action(call, "confirm");
	const struct tp_json *ok = form_field(call, "confirm", "ok");

	(void)state;
	if (action != NULL && strcmp(action, "accept") != 0)
		return declined(call);
	/* An answer counts for the question that this call has asked. */
	if (action == NULL || call->host->json_type(ok) != TP_BOOL
	    || !remembers(call, "asked"))
		return remember(
		    call, ask(call, "confirm", ELICIT, params), "asked");
	return tp_text(call, tp_cstr("state-ok"));
}

int
input_multiple_inputs(struct tp_call *call, void *state)
{
	const struct tp_json *roots = roots_of(call, "client_roots");
	struct tp_str name = { NULL, 0 }, greeting = { NULL, 0 };
	int missing = 0;
	int rc = form_string(call, "user_name", ASK_NAME, "name", &name);

	(void)state;
	if (rc == TP_ENOTFOUND)
		return declined(call);
	if (rc < 0)
		return rc;
	missing += rc == TP_INPUT;
	if (!sampled_text(call, "greeting", &greeting)) {
		rc = ask(call, "greeting", SAMPLE,
		    ASK_MODEL("Generate a greeting", "50"));
		if (rc < 0)
			return rc;
		missing++;
	}
	if (roots == NULL) {
		rc = ask(call, "client_roots", ROOTS, "{}");
		if (rc < 0)
			return rc;
		missing++;
	}
	if (missing > 0)
		return remember(call, TP_INPUT, "asked");
	return tp_textf(call, "%.*s: %.*s (%zu roots)", TP_FMT(name),
	    TP_FMT(greeting), call->host->json_len(roots));
}

int
input_multi_round(struct tp_call *call, void *state)
{
	struct tp_str name, color;
	int rc;

	(void)state;
	rc = form_string(call, "step1",
	    "{\"message\":\"Step 1: What is your name?\","
	    "\"requestedSchema\":{\"type\":\"object\",\"properties\":"
	    "{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}}",
	    "name", &name);
	rc = remember(call, rc, "step 1");
	if (rc == TP_OK)
		rc = remember(call,
		    form_string(call, "step2",
			"{"
			"\"message\":\"Step 2: What is your favorite color?\","
			"\"requestedSchema\":{\"type\":\"object\",\"properties\":"
			"{\"color\":{\"type\":\"string\"}},"
			"\"required\":[\"color\"]}}",
			"color", &color),
		    "step 2");
	if (rc == TP_ENOTFOUND)
		return declined(call);
	if (rc != TP_OK)
		return rc;
	return tp_textf(call, "%.*s likes %.*s.", TP_FMT(name), TP_FMT(color));
}

/* Asks for whatever this client can be asked for. */
int
input_capabilities(struct tp_call *call, void *state)
{
	struct tp_str text;
	int asked = 0;

	(void)state;
	if (form_action(call, "user_name") != NULL
	    || sampled_text(call, "greeting", &text))
		return tp_text(call, tp_cstr("The client answered."));
	asked += ask(call, "greeting", SAMPLE,
		     ASK_MODEL("Generate a greeting", "50"))
	    == TP_INPUT;
	asked += ask(call, "user_name", ELICIT, ASK_NAME) == TP_INPUT;
	if (asked > 0)
		return TP_INPUT;
	return tp_text(call, tp_cstr("The client cannot be asked anything."));
}

int
input_prompt(struct tp_call *call, void *state)
{
	struct tp_str context;
	int rc;

	(void)state;
	rc = form_string(call, "user_context",
	    "{"
	    "\"message\":\"What context should the prompt use?\","
	    "\"requestedSchema\":{\"type\":\"object\",\"properties\":"
	    "{\"context\":{\"type\":\"string\"}},"
	    "\"required\":[\"context\"]}}",
	    "context", &context);
	if (rc == TP_ENOTFOUND)
		return tp_message(
		    call, TP_USER, tp_cstr("Work without a context."));
	if (rc != TP_OK)
		return rc;
	return tp_textf(call, "Work in this context: %.*s", TP_FMT(context));
}
