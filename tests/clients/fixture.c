/* SPDX-License-Identifier: Apache-2.0 */
/* What clients are asked beside the fixtures of the conformance suite: an
 * address that the user must open, and a model that may use tools.  And so
 * many tools that a list has pages. */
#include <toolpost/plugin.h>

#include "fixture_many.h"

/* What the client did with its answer, or the question. */
static int
ask_url(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	struct tp_str action =
	    h->json_str(h->json_get(h->input(call, "page"), "action"));

	(void)state;
	if (action.len > 0)
		return tp_textf(call, "The user chose %.*s.", TP_FMT(action));
	return tp_ask(call, "page", "elicitation/create",
	    tp_cstr("{\"mode\":\"url\",\"message\":\"Please sign in\","
		    "\"url\":\"https://example.com/sign-in?x=1\"}"));
}

static int
ask_model_with_tools(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	const struct tp_json *content =
	    h->json_get(h->input(call, "model"), "content");
	struct tp_str name;

	(void)state;
	if (h->json_type(content) == TP_ARRAY)
		content = h->json_at(content, 0);
	name = h->json_str(h->json_get(content, "name"));
	if (name.len > 0)
		return tp_textf(call, "The model wants %.*s.", TP_FMT(name));
	return tp_ask(call, "model", "sampling/createMessage",
	    tp_cstr("{\"messages\":[{\"role\":\"user\",\"content\":{"
		    "\"type\":\"text\",\"text\":\"What is the weather?\"}}],"
		    "\"maxTokens\":50,\"toolChoice\":{\"mode\":\"required\"},"
		    "\"tools\":[{\"name\":\"weather\",\"inputSchema\":{"
		    "\"type\":\"object\",\"properties\":{\"city\":{"
		    "\"type\":\"string\"}}}}]}"));
}

static int
say_name(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, call->host->name(call));
}

static const struct tp_entry entries[] = {
	TP_TOOL("ask_url", ask_url),
	TP_TOOL("ask_model_with_tools", ask_model_with_tools),
	MANY(say_name),
};

TP_PLUGIN("clients", "1.0.0", entries);
