/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler asks of the client in the middle, and what it keeps from one
 * round to the next. */
#include "call/call_priv.h"

/* MRTR-05: the bits that one question takes; 0: nobody knows it. */
static unsigned
bits_of(struct str method, const struct json_node *params)
{
	struct str context = json_str(json_get(params, S("includeContext")));
	unsigned bits;

	if (str_equal(method, S("roots/list")))
		return CALL_CLIENT_ROOTS;
	if (params == NULL)
		return 0;
	if (str_equal(method, S("elicitation/create")))
		return str_equal(
			   json_str(json_get(params, S("mode"))), S("url"))
		    ? CALL_CLIENT_ELICIT_URL
		    : CALL_CLIENT_ELICIT_FORM;
	if (!str_equal(method, S("sampling/createMessage")))
		return 0;
	bits = CALL_CLIENT_SAMPLING;
	if (json_get(params, S("tools")) != NULL
	    || json_get(params, S("toolChoice")) != NULL)
		bits |= CALL_CLIENT_SAMPLING_TOOLS;
	if (context.len > 0 && !str_equal(context, S("none")))
		bits |= CALL_CLIENT_SAMPLING_CONTEXT;
	return bits;
}

/* 0 and the bits, or ERR_PARAMS. */
static int
question_read(struct str method, struct str params, unsigned *bits)
{
	struct json_doc doc;
	int rc = 0;

	if (params.len == 0) {
		*bits = bits_of(method, NULL);
		return *bits != 0 ? 0 : ERR_PARAMS;
	}
	json_doc_init(&doc);
	if (json_parse(&doc, params, JSON_PROTOCOL) < 0
	    || doc.nodes[0].type != JSON_OBJECT)
		rc = ERR_PARAMS;
	else
		*bits = bits_of(method, doc.nodes);
	json_doc_finish(&doc);
	return rc == 0 && *bits != 0 ? 0 : ERR_PARAMS;
}

static int
need_keep(struct call *c, struct str key, struct str method, struct str params)
{
	struct call_need *n;
	int rc = call_account(c, key.len + method.len + params.len);

	if (rc < 0)
		return rc;
	n = arena_zalloc(&c->arena, sizeof *n);
	if (n == NULL)
		return ERR_NOMEM;
	n->key = arena_dup(&c->arena, key);
	n->method = arena_dup(&c->arena, method);
	n->params = arena_dup(&c->arena, params);
	if (c->arena.failed)
		return ERR_NOMEM;
	*c->needs_tail = n;
	c->needs_tail = &n->next;
	c->needs_len++;
	return 0;
}

int
call_need_add(
    struct call *c, struct str key, struct str method, struct str params)
{
	const struct call_need *n;
	unsigned bits = 0;
	int rc;

	if (key.len == 0 || key.len > CALL_KEY_MAX || !str_is_utf8(key))
		return ERR_PARAMS;
	rc = question_read(method, params, &bits);
	if (rc < 0)
		return rc;
	if ((bits & ~c->client) != 0) {
		c->refused |= bits & ~c->client;
		return ERR_UNSUPPORTED;
	}
	if (c->needs_len == CALL_NEEDS_MAX)
		return ERR_LIMIT;
	for (n = c->needs; n != NULL; n = n->next)
		if (str_equal(n->key, key))
			return ERR_EXISTS;
	return need_keep(c, key, method, params);
}

int
call_state_set(struct call *c, struct str bytes)
{
	struct str copy;

	if (bytes.len > CALL_STATE_MAX)
		return ERR_LIMIT;
	copy = arena_dup(&c->arena, bytes);
	if (copy.ptr == NULL)
		return ERR_NOMEM;
	c->next_state = copy;
	c->state_set = true;
	return 0;
}
