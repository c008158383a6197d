/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a client's model (SAMP-02 to SAMP-05). */
#include "base/check.h"
#include "call/call.h"
#include "call/question.h"

#define TOOL_IDS_MAX 128 /* of one message */

/* Blocks of one message: a single one, or a list of them. */
static size_t
blocks_len(const struct json_node *content)
{
	return json_type(content) == JSON_ARRAY ? json_count(content) : 1;
}

static const struct json_node *
block_at(const struct json_node *content, size_t i)
{
	return json_type(content) == JSON_ARRAY ? json_at(content, i) : content;
}

static bool
has_string(const struct json_node *n, struct str key)
{
	return json_type(json_get(n, key)) == JSON_STRING;
}

static bool
is_type(const struct json_node *block, const char *type)
{
	return str_equal(json_str(json_get(block, S("type"))), str_of(type));
}

/* False: not what its type must be. */
static bool
block_check(const struct json_node *b, unsigned *bits)
{
	if (is_type(b, "text"))
		return has_string(b, S("text"));
	if (is_type(b, "audio"))
		*bits |= CALL_CLIENT_SAMPLING_AUDIO;
	if (is_type(b, "image") || is_type(b, "audio"))
		return has_string(b, S("data")) && has_string(b, S("mimeType"));
	*bits |= CALL_CLIENT_SAMPLING_TOOLS;
	if (is_type(b, "tool_use"))
		return has_string(b, S("id")) && has_string(b, S("name"))
		    && json_type(json_get(b, S("input"))) == JSON_OBJECT;
	return is_type(b, "tool_result") && has_string(b, S("toolUseId"))
	    && json_type(json_get(b, S("content"))) == JSON_ARRAY;
}

static size_t
blocks_of(const struct json_node *message, const char *type)
{
	const struct json_node *content = json_get(message, S("content"));
	size_t i, n = 0;

	for (i = 0; i < blocks_len(content); i++)
		n += is_type(block_at(content, i), type);
	return n;
}

static bool
is_answered(const struct json_node *message, struct str id)
{
	const struct json_node *content = json_get(message, S("content"));
	size_t i;

	for (i = 0; i < blocks_len(content); i++)
		if (str_equal(json_str(json_get(
				  block_at(content, i), S("toolUseId"))),
			id))
			return true;
	return false;
}

/* SAMP-04: each use of a tool has its result in the message behind it, which
 * holds nothing else; before is NULL for the first, m behind the last. */
static int
turn_check(
    const struct json_node *before, const struct json_node *m, struct err *err)
{
	size_t uses = before != NULL ? blocks_of(before, "tool_use") : 0;
	size_t results = m != NULL ? blocks_of(m, "tool_result") : 0;
	const struct json_node *content = json_get(m, S("content"));
	size_t i;

	if (uses > TOOL_IDS_MAX)
		return err_set(err, ERR_PARAMS,
		    "messages: more than %d uses of tools in one",
		    TOOL_IDS_MAX);
	if (uses != results || (results > 0 && results != blocks_len(content)))
		return err_set(err, ERR_PARAMS,
		    "messages: the results of tools must be alone in the "
		    "message behind their uses");
	content = json_get(before, S("content"));
	for (i = 0; uses > 0 && i < blocks_len(content); i++) {
		const struct json_node *b = block_at(content, i);

		if (is_type(b, "tool_use")
		    && !is_answered(m, json_str(json_get(b, S("id")))))
			return err_set(err, ERR_PARAMS,
			    "messages: the use of a tool has no result");
	}
	return 0;
}

static int
message_check(const struct json_node *m, unsigned *bits, struct err *err)
{
	const struct json_node *content = json_get(m, S("content"));
	bool user = str_equal(json_str(json_get(m, S("role"))), S("user"));
	size_t i;

	if (!user
	    && !str_equal(json_str(json_get(m, S("role"))), S("assistant")))
		return err_set(err, ERR_PARAMS,
		    "messages: role must be \"user\" or \"assistant\"");
	if (json_type(content) == JSON_ARRAY)
		*bits |= CALL_CLIENT_SAMPLING_BLOCKS;
	if (blocks_len(content) > QUESTION_VALUES_MAX)
		return err_set(err, ERR_PARAMS,
		    "messages: more than %d blocks in one",
		    QUESTION_VALUES_MAX);
	for (i = 0; i < blocks_len(content); i++)
		if (!block_check(block_at(content, i), bits))
			return err_set(err, ERR_PARAMS,
			    "messages: a block is not text, image, audio, "
			    "tool_use or tool_result with what belongs to it");
	if (blocks_of(m, user ? "tool_use" : "tool_result") > 0)
		return err_set(err, ERR_PARAMS,
		    "messages: the assistant uses tools, the user gives their "
		    "results");
	return 0;
}

static int
messages_check(
    const struct json_node *messages, unsigned *bits, struct err *err)
{
	const struct json_node *before = NULL;
	int rc;

	if (json_type(messages) != JSON_ARRAY)
		return err_set(err, ERR_PARAMS, "messages must be a list");
	JSON_EACH_ELEMENT (m, messages) {
		rc = message_check(m, bits, err);
		if (rc == 0)
			rc = turn_check(before, m, err);
		if (rc < 0)
			return rc;
		before = m;
	}
	return turn_check(before, NULL, err);
}

static int
preferences_check(const struct json_node *p, struct err *err)
{
	static const struct str shares[] = { STR("costPriority"),
		STR("speedPriority"), STR("intelligencePriority") };
	size_t i;
	double d;

	if (p == NULL)
		return 0;
	if (json_type(p) != JSON_OBJECT)
		return err_set(
		    err, ERR_PARAMS, "modelPreferences must be an object");
	for (i = 0; i < ARRAY_LEN(shares); i++) {
		const struct json_node *n = json_get(p, shares[i]);

		if (n != NULL
		    && (json_type(n) != JSON_NUMBER || json_double(n, &d) < 0
			|| d < 0 || d > 1))
			return err_set(err, ERR_PARAMS,
			    "modelPreferences.%.*s must be a number from 0 to "
			    "1",
			    STR_FMT(shares[i]));
	}
	return 0;
}

/* Members that may be absent, with the type they have. */
static int
types_check(const struct json_node *params, struct err *err)
{
	static const struct {
		struct str name;
		enum json_type type;
	} members[] = {
		{ STR("systemPrompt"), JSON_STRING },
		{ STR("temperature"), JSON_NUMBER },
		{ STR("stopSequences"), JSON_ARRAY },
		{ STR("metadata"), JSON_OBJECT },
		{ STR("tools"), JSON_ARRAY },
		{ STR("toolChoice"), JSON_OBJECT },
	};
	const struct json_node *mode =
	    json_get(json_get(params, S("toolChoice")), S("mode"));
	size_t i;

	for (i = 0; i < ARRAY_LEN(members); i++) {
		const struct json_node *n = json_get(params, members[i].name);

		if (n != NULL && json_type(n) != members[i].type)
			return err_set(err, ERR_PARAMS,
			    "%.*s is not of its type",
			    STR_FMT(members[i].name));
	}
	if (mode != NULL && !str_equal(json_str(mode), S("auto"))
	    && !str_equal(json_str(mode), S("required"))
	    && !str_equal(json_str(mode), S("none")))
		return err_set(err, ERR_PARAMS,
		    "toolChoice.mode must be auto, required or none");
	return 0;
}

int
call_sampling_check(
    const struct json_node *params, unsigned *bits, struct err *err)
{
	const struct json_node *context = json_get(params, S("includeContext"));
	struct str what = json_str(context);
	int64_t tokens;
	int rc;

	if (json_i64(json_get(params, S("maxTokens")), &tokens) < 0
	    || tokens < 1)
		return err_set(err, ERR_PARAMS,
		    "maxTokens must be a whole number above 0");
	if (context != NULL && !str_equal(what, S("none"))
	    && !str_equal(what, S("thisServer"))
	    && !str_equal(what, S("allServers")))
		return err_set(err, ERR_PARAMS,
		    "includeContext must be none, thisServer or allServers");
	if (context != NULL && !str_equal(what, S("none")))
		*bits |= CALL_CLIENT_SAMPLING_CONTEXT;
	if (json_get(params, S("tools")) != NULL
	    || json_get(params, S("toolChoice")) != NULL)
		*bits |= CALL_CLIENT_SAMPLING_TOOLS;
	rc = types_check(params, err);
	if (rc == 0)
		rc = preferences_check(
		    json_get(params, S("modelPreferences")), err);
	if (rc == 0)
		rc = messages_check(json_get(params, S("messages")), bits, err);
	return rc;
}
