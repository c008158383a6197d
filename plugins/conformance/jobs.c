/* SPDX-License-Identifier: Apache-2.0 */
/* Tools that run as tasks.  All but the last need not know: the host makes the
 * task, and what they ask for becomes its input. */
#include <toolpost/ext/draft/task.h>

#include "conformance.h"

/* Nothing is required: the suite accepts with whatever it has. */
#define ASK_FOR(message_, field_, type_) \
	"{\"message\":\"" message_ "\",\"requestedSchema\":{" \
	"\"type\":\"object\",\"properties\":{\"" field_ \
	"\":{\"type\":\"" type_ "\"}}}}"

int
failing_job(struct tp_call *call, void *state)
{
	int rc = pause_until(call, now_ns() + 1000000000);

	(void)state;
	if (rc != TP_OK)
		return rc;
	return tp_fail(call, TP_EFAIL, "This job fails for testing");
}

/* What has no result at all: its time has run out, it says. */
int
protocol_error_job(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	return TP_EDEADLINE;
}

/* Whether the person has accepted a form, whatever it says.  TP_OK; TP_INPUT:
 * not answered; TP_ENOTFOUND: they did not accept. */
static int
accepted(struct tp_call *call, const char *key, const char *params)
{
	const struct tp_host *h = call->host;
	struct tp_str action =
	    h->json_str(h->json_get(h->input(call, key), "action"));

	if (action.len == 0)
		return tp_ask(call, key, "elicitation/create", tp_cstr(params));
	return action.len == 6 && memcmp(action.ptr, "accept", 6) == 0
	    ? TP_OK
	    : TP_ENOTFOUND;
}

/* Nothing is deleted. */
int
confirm_delete(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "filename", "");
	int rc = accepted(call, "confirm",
	    ASK_FOR("Delete this file?", "confirm", "boolean"));

	(void)state;
	if (rc != TP_OK && rc != TP_ENOTFOUND)
		return rc;
	return tp_textf(call, "%.*s was %s.", TP_FMT(name),
	    rc == TP_OK ? "deleted" : "kept");
}

int
multi_input(struct tp_call *call, void *state)
{
	int first = accepted(
	    call, "name", ASK_FOR("What is your name?", "name", "string"));
	int second = accepted(call, "color",
	    ASK_FOR("Which color do you like?", "color", "string"));

	(void)state;
	if (first == TP_ENOTFOUND || second == TP_ENOTFOUND)
		return declined(call);
	if (first != TP_OK)
		return first;
	if (second != TP_OK)
		return second;
	return tp_text(call, tp_cstr("Both questions are answered."));
}

int
tool_with_task(struct tp_call *call, void *state)
{
	const struct conformance *s = state;
	struct tp_str name;
	int rc = form_string(call, "user_name",
	    ASK_FOR("What is your name?", "name", "string"), "name", &name);

	if (rc == TP_ENOTFOUND)
		return declined(call);
	if (rc != TP_OK)
		return rc;
	rc = tp_task_begin(s->plugin, call, "Greeting");
	if (rc != TP_OK && rc != TP_ENOTSUP)
		return rc;
	return tp_textf(call, "Hello, %.*s!", TP_FMT(name));
}
