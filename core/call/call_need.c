/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler asks of the client in the middle, and what it keeps from one
 * round to the next. */
#include <limits.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call_priv.h"
#include "call/question.h"

/* A defect of the author: clients set the pace of calls, so that there is at
 * most one line a second. */
static void
defect_log(struct call *c, struct str key, const struct err *err)
{
	static struct log_gate gate;
	uint64_t suppressed;

	if (log_gate_pass(&gate, NS_PER_S, &suppressed))
		LOG_WARN("a question that no client can answer",
		    F_STR("entry", c->name), F_STR("key", key),
		    F_CSTR("fault", err->text),
		    F_INT("suppressed", suppressed));
	if (c->message.len == 0)
		c->message =
		    S("This asked the client a question that is malformed");
}

/* 0 and what the question takes, ERR_PARAMS, ERR_NOMEM. */
static int
question_read(struct str method, struct call_need *n, unsigned *bits,
    struct json_doc *doc, struct err *err)
{
	const struct json_node *params = NULL;
	int rc;

	if (n->params.len > 0) {
		rc = json_parse(doc, n->params, JSON_PROTOCOL);
		if (rc == ERR_NOMEM)
			return rc;
		if (rc < 0)
			return err_set(err, ERR_PARAMS, "params must be JSON");
		params = doc->nodes;
	}
	rc = call_question_check(method, params, bits, err);
	if (rc == 0 && (*bits & CALL_CLIENT_ELICIT_FORM) != 0)
		n->form = json_raw(json_get(params, S("requestedSchema")));
	return rc;
}

static int
need_keep(struct call *c, const struct call_need *question)
{
	struct call_need *n;
	int rc = call_account(
	    c, question->key.len + question->method.len + question->params.len);

	if (rc < 0)
		return rc;
	n = arena_zalloc(&c->arena, sizeof *n);
	if (n == NULL)
		return ERR_NOMEM;
	n->key = arena_dup(&c->arena, question->key);
	n->method = arena_dup(&c->arena, question->method);
	n->params = arena_dup(&c->arena, question->params);
	if (question->form.len > 0)
		n->form = arena_dup(&c->arena, question->form);
	if (c->arena.failed)
		return ERR_NOMEM;
	*c->needs_tail = n;
	c->needs_tail = &n->next;
	c->needs_len++;
	c->forms_bytes += n->form.len;
	return 0;
}

static int
need_check(struct call *c, const struct call_need *question, unsigned bits)
{
	const struct call_need *n;

	if ((bits & ~c->client) != 0) {
		c->refused |= bits & ~c->client;
		return ERR_UNSUPPORTED;
	}
	if (c->needs_len == CALL_NEEDS_MAX
	    || question->form.len > CALL_FORMS_MAX - c->forms_bytes)
		return ERR_LIMIT;
	for (n = c->needs; n != NULL; n = n->next)
		if (str_equal(n->key, question->key))
			return ERR_EXISTS;
	return 0;
}

int
call_need_add(
    struct call *c, struct str key, struct str method, struct str params)
{
	struct call_need question = {
		.key = key,
		.method = method,
		.params = params,
	};
	struct json_doc doc;
	unsigned bits = 0;
	struct err err;
	int rc;

	if (key.len == 0 || key.len > CALL_KEY_MAX || !str_is_utf8(key)) {
		(void)err_set(&err, ERR_PARAMS,
		    "its key must be 1 to %d bytes of UTF-8", CALL_KEY_MAX);
		defect_log(c, STR_NONE, &err);
		return ERR_PARAMS;
	}
	json_doc_init(&doc);
	rc = question_read(method, &question, &bits, &doc, &err);
	if (rc == ERR_PARAMS)
		defect_log(c, key, &err);
	if (rc == 0)
		rc = need_check(c, &question, bits);
	if (rc == 0)
		rc = need_keep(c, &question);
	json_doc_finish(&doc);
	return rc;
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

static int
links_check(const struct json_node *links, struct err *err)
{
	if (json_type(links) != JSON_ARRAY || json_count(links) == 0
	    || json_count(links) > CALL_NEEDS_MAX)
		return err_set(err, ERR_PARAMS,
		    "links must be a list of 1 to %d", CALL_NEEDS_MAX);
	JSON_EACH_ELEMENT (v, links) {
		int rc = call_url_check(v, err);

		if (rc < 0)
			return rc;
		if (!str_equal(json_str(json_get(v, S("mode"))), S("url"))
		    || json_get(v, S("elicitationId")) == NULL)
			return err_set(err, ERR_PARAMS,
			    "a link must have mode \"url\" and an "
			    "elicitationId");
	}
	return 0;
}

int
call_links_require(struct call *c, struct str links)
{
	struct json_doc doc;
	struct err err;
	int rc;

	if ((c->client & CALL_CLIENT_LINKS) == 0)
		return ERR_UNSUPPORTED;
	json_doc_init(&doc);
	rc = json_parse(&doc, links, JSON_PROTOCOL);
	if (rc == 0)
		rc = links_check(doc.nodes, &err);
	else if (rc != ERR_NOMEM)
		rc = err_set(&err, ERR_PARAMS, "links must be JSON");
	json_doc_finish(&doc);
	if (rc == ERR_PARAMS)
		defect_log(c, STR_NONE, &err);
	if (rc == 0)
		rc = call_account(c, links.len);
	if (rc < 0)
		return rc;
	c->links = arena_dup(&c->arena, links);
	return c->links.ptr != NULL ? 0 : ERR_NOMEM;
}

int
call_link_done(struct call *c, struct str id)
{
	const struct call_log done = {
		.level = INT_MAX, /* nobody can turn it off */
		.is_link_done = true,
		.data = id,
	};

	if ((c->client & CALL_CLIENT_LINKS) == 0)
		return ERR_UNSUPPORTED;
	if (id.len == 0 || id.len > CALL_KEY_MAX || !str_is_utf8(id))
		return ERR_PARAMS;
	return call_message(c, &done);
}
