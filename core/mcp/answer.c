/* SPDX-License-Identifier: Apache-2.0 */
/* What a client brings back is a stranger's word: it has the form of an answer
 * to what was asked, and fits the form that was shown, or it is none. */
#include "base/log.h"
#include "data/json_dup.h"
#include "mcp/mcp_priv.h"

static bool
has_string(const struct json_node *n, struct str key)
{
	return json_type(json_get(n, key)) == JSON_STRING;
}

static bool
is_field_value(const struct json_node *v)
{
	switch (json_type(v)) {
	case JSON_STRING:
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		return true;
	case JSON_ARRAY:
		JSON_EACH_ELEMENT (e, v)
			if (json_type(e) != JSON_STRING)
				return false;
		return true;
	case JSON_NULL:
	case JSON_OBJECT:
		break;
	}
	return false;
}

/* ELIC-06 */
static const char *
elicitation_fault(const struct json_node *answer)
{
	struct str action = json_str(json_get(answer, S("action")));
	const struct json_node *content = json_get(answer, S("content"));

	if (str_equal(action, S("decline")) || str_equal(action, S("cancel")))
		return NULL;
	if (!str_equal(action, S("accept")))
		return "action is not accept, decline or cancel";
	if (content != NULL && content->type != JSON_OBJECT)
		return "content is not an object";
	JSON_EACH_MEMBER (k, v, content) {
		(void)k;
		if (!is_field_value(v))
			return "content has a value that no form can give";
	}
	return NULL;
}

static bool
is_block(const struct mcp_exchange *x, const struct json_node *b)
{
	struct str type = json_str(json_get(b, S("type")));

	if (str_equal(type, S("text")))
		return has_string(b, S("text"));
	if (str_equal(type, S("image"))
	    || (str_equal(type, S("audio")) && x->revision >= MCP_2025_03_26))
		return has_string(b, S("data")) && has_string(b, S("mimeType"));
	return str_equal(type, S("tool_use")) && x->revision >= MCP_2025_11_25
	    && has_string(b, S("id")) && has_string(b, S("name"))
	    && json_type(json_get(b, S("input"))) == JSON_OBJECT;
}

/* SAMP-03, SAMP-06 */
static const char *
sampling_fault(const struct mcp_exchange *x, const struct json_node *answer)
{
	struct str role = json_str(json_get(answer, S("role")));
	const struct json_node *content = json_get(answer, S("content"));
	const struct json_node *reason = json_get(answer, S("stopReason"));

	if (!str_equal(role, S("assistant")) && !str_equal(role, S("user")))
		return "role is not assistant or user";
	if (!has_string(answer, S("model")))
		return "model is not a string";
	if (reason != NULL && reason->type != JSON_STRING)
		return "stopReason is not a string";
	if (json_type(content) != JSON_ARRAY)
		return is_block(x, content)
		    ? NULL
		    : "content is not a block of this revision";
	if (x->revision < MCP_2025_11_25)
		return "content is a list, which this revision does not know";
	JSON_EACH_ELEMENT (b, content)
		if (!is_block(x, b))
			return "content has something that is not a block of "
			       "this revision";
	return NULL;
}

/* ROOT-02 */
static const char *
roots_fault(const struct json_node *answer)
{
	const struct json_node *roots = json_get(answer, S("roots"));

	if (json_type(roots) != JSON_ARRAY)
		return "roots is not a list";
	JSON_EACH_ELEMENT (r, roots) {
		const struct json_node *name = json_get(r, S("name"));

		if (!str_starts(json_str(json_get(r, S("uri"))), S("file://")))
			return "a root has no file:// uri";
		if (name != NULL && name->type != JSON_STRING)
			return "a root's name is not a string";
	}
	return NULL;
}

const char *
mcp_answer_fault(const struct mcp_exchange *x, struct str method,
    const struct json_node *answer)
{
	if (json_type(answer) != JSON_OBJECT)
		return "it is not an object";
	if (str_equal(method, S("elicitation/create"))
	    || (method.len == 0 && json_get(answer, S("action")) != NULL))
		return elicitation_fault(answer);
	if (str_equal(method, S("roots/list"))
	    || (method.len == 0 && json_get(answer, S("roots")) != NULL))
		return roots_fault(answer);
	return sampling_fault(x, answer);
}

struct schema *
mcp_form_compile(struct str form)
{
	static const struct schema_options options = { .assert_format = true };

	return schema_compile(form, &options, NULL, NULL);
}

bool
mcp_form_fits(struct mcp_exchange *x, const struct schema *form,
    const struct json_node *answer, struct buf *out)
{
	static const struct json_node nothing = {
		.raw = "{}", .raw_len = 2, .span = 1, .type = JSON_OBJECT
	};
	const struct json_node *content = json_get(answer, S("content"));

	if (!str_equal(json_str(json_get(answer, S("action"))), S("accept"))
	    || schema_validate(
		form, content != NULL ? content : &nothing, &x->mcp->report))
		return true;
	schema_report_print(&x->mcp->report, out);
	while (out->len > 0 && out->ptr[out->len - 1] == '\n')
		out->len--;
	return false;
}

void
mcp_misfit_keep(struct mcp_exchange *x, struct str text)
{
	text = str_sub(text, 0, CALL_MESSAGE_MAX);
	while (text.len > 0 && !str_is_utf8(text)) /* cut between characters */
		text.len--;
	x->misfit = arena_dup(&x->arena, text);
}

const char *
mcp_answer_judge(struct mcp_exchange *x, struct str method, struct str form,
    const struct json_node *answer, struct buf *text, int *rc)
{
	const char *fault = mcp_answer_fault(x, method, answer);
	struct schema *schema;
	bool fits;

	if (fault != NULL || form.len == 0)
		return fault;
	schema = mcp_form_compile(form);
	if (schema == NULL) {
		*rc = ERR_NOMEM;
		return NULL;
	}
	fits = mcp_form_fits(x, schema, answer, text);
	schema_destroy(schema);
	if (fits)
		return NULL;
	buf_char(text, '\0');
	return text->failed ? "it does not fit" : text->ptr;
}

/* A form stands in the state as its schema, all else as its method. */
static const char *
question_judge(struct mcp_exchange *x, struct str key,
    const struct json_node *answer, struct buf *text, int *rc)
{
	const struct json_node *question = json_get(x->questions, key);

	if (json_type(question) == JSON_OBJECT)
		return mcp_answer_judge(x, S("elicitation/create"),
		    json_raw(question), answer, text, rc);
	return mcp_answer_judge(
	    x, json_str(question), STR_NONE, answer, text, rc);
}

int
mcp_answers_judge(struct mcp_exchange *x, const struct json_node *given,
    const struct json_node **out)
{
	struct buf kept, why, line;
	int rc = 0;

	buf_init(&kept);
	buf_init(&why);
	buf_init(&line);
	buf_char(&kept, '{');
	JSON_EACH_MEMBER (k, v, given) {
		const char *fault;

		buf_clear(&why);
		fault = question_judge(x, json_str(k), v, &why, &rc);
		if (fault == NULL) {
			if (kept.len > 1)
				buf_char(&kept, ',');
			buf_str(&kept, json_raw(k));
			buf_char(&kept, ':');
			buf_str(&kept, json_raw(v));
			continue;
		}
		buf_clear(&line);
		buf_str(&line, json_str(k));
		BUF_LIT(&line, ": ");
		buf_cstr(&line, fault);
		mcp_misfit_keep(x, buf_view(&line));
	}
	buf_char(&kept, '}');
	if (x->misfit.len > 0)
		LOG_DEBUG("answer does not fit", F_STR("fault", x->misfit));
	if (rc == 0)
		*out = kept.failed ? NULL
				   : json_parse_dup(buf_view(&kept), &x->arena);
	if (rc == 0 && *out == NULL)
		rc = ERR_NOMEM;
	buf_finish(&line);
	buf_finish(&why);
	buf_finish(&kept);
	return rc;
}
